"""Words to word pieces: what the encoder is given.

The words are spaCy's. Each is cut into pieces by itself, so that a word's pieces do not depend on its neighbours and
can be remembered.
"""

from dataclasses import dataclass

import torch
from tokenizers import Tokenizer
from torch import Tensor

PLAIN = str.maketrans({"’": "'", "‘": "'", "`": "'", "“": '"', "”": '"', "–": "-", "—": "-", "…": "."})
REMEMBERED = 50_000
MULTIPLE = 8


@dataclass
class Pieces:
    """A batch of captions as the encoder takes it; shapes as in `Reader.encode`."""

    pieces: Tensor
    shapes: Tensor
    piece_mask: Tensor
    word_of: Tensor
    word_mask: Tensor

    def to(self, device: torch.device) -> "Pieces":
        return Pieces(*(getattr(self, name).to(device) for name in self.__dataclass_fields__))


class WordPieces:
    """Cuts words into pieces and remembers the frequent ones (at most 50,000)."""

    def __init__(self, tokenizer: Tokenizer) -> None:
        tokenizer.no_padding()
        tokenizer.no_truncation()
        self._tokenizer = tokenizer
        self._known: dict[str, list[int]] = {}
        self.start, self.end, self.unknown, self.mask = (
            _needed(tokenizer, piece) for piece in ("[CLS]", "[SEP]", "[UNK]", "[MASK]")
        )

    def pieces(self, word: str) -> list[int]:
        """Ids of one word's pieces, never empty."""
        found = self._known.get(word)
        if found is None:
            found = self._tokenizer.encode(word.translate(PLAIN), add_special_tokens=False).ids or [self.unknown]
            if len(self._known) >= REMEMBERED:
                self._known.clear()
            self._known[word] = found
        return found

    def length(self, words: list[str]) -> int:
        """Number of pieces, with start and end."""
        return 2 + sum(len(self.pieces(word)) for word in words)

    def batch(self, captions: list[list[str]]) -> Pieces:
        """Tensors for several captions, padded to a multiple of eight pieces and of eight words."""
        cut = [[self.pieces(word) for word in words] for words in captions]
        length = _round_up(2 + max(sum(map(len, pieces)) for pieces in cut))
        most = _round_up(max(1, *(len(words) for words in captions)) if len(captions) > 1 else max(1, len(captions[0])))
        ids, shapes, owners = [], [], []
        for words, pieces in zip(captions, cut, strict=True):
            flat, shape, owner = [self.start], [0], [most]
            for index, (word, parts) in enumerate(zip(words, pieces, strict=True)):
                flat += parts
                shape += [letter_shape(word)] * len(parts)
                owner += [index] * len(parts)
            flat.append(self.end)
            padding = length - len(flat)
            ids.append(flat + [0] * padding)
            shapes.append(shape + [0] * (padding + 1))
            owners.append(owner + [most] * (padding + 1))
        lengths = torch.tensor([2 + sum(map(len, pieces)) for pieces in cut])
        counts = torch.tensor([len(words) for words in captions])
        return Pieces(
            torch.tensor(ids),
            torch.tensor(shapes),
            torch.arange(length) < lengths[:, None],
            torch.tensor(owners),
            torch.arange(most) < counts[:, None],
        )


def letter_shape(word: str) -> int:
    """1 lower case, 2 capitalised, 3 capitals, 4 mixed, 5 with a digit; 0 for anything without a letter or digit."""
    if any(character.isdigit() for character in word):
        return 5
    if word.islower():
        return 1
    if word.isupper():
        return 3 if len(word) > 1 else 2
    if word[:1].isupper() and word[1:].islower():
        return 2
    return 4 if any(character.isalpha() for character in word) else 0


def _needed(tokenizer: Tokenizer, piece: str) -> int:
    number = tokenizer.token_to_id(piece)
    if number is None:
        raise ValueError(f"the tokenizer has no piece {piece}; expected one of BERT's kind")
    return int(number)


def _round_up(length: int) -> int:
    return -(-length // MULTIPLE) * MULTIPLE
