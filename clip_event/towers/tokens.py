"""CLIP's tokens, with those of every stretch between two spaces remembered, as no token spans a space."""

from collections.abc import Sequence
from functools import cache
from typing import Any

MOST = 65_536


class Remembering:
    """The tokens of open_clip's `SimpleTokenizer`, many times as fast where texts are much alike.

    Args:
        tokenizer: one that `fits`.
    """

    def __init__(self, tokenizer: Any) -> None:
        self.tokenizer = tokenizer
        self._known: dict[str, list[int]] = {}

    @staticmethod
    def fits(tokenizer: Any) -> bool:
        """Whether it is CLIP's own: not a subclass, lower case, and longer texts cut at their end."""
        from open_clip.tokenizer import SimpleTokenizer, get_clean_fn

        if type(tokenizer) is not SimpleTokenizer:
            return False
        return bool(tokenizer.clean_fn is get_clean_fn("lower") and tokenizer.reduction_fn is None)

    def ids(self, text: str) -> list[int]:
        """The tokens of a text, without start and end."""
        plain = text.isascii() and text.isprintable() and "&" not in text  # nothing to mend: neither bytes nor entities
        found: list[int] = []
        for stretch in (text.lower() if plain else self.tokenizer.clean_fn(text)).split(" "):
            known = self._known.get(stretch)
            found += self._learn(stretch) if known is None else known
        return found

    def _learn(self, stretch: str) -> list[int]:
        own = self.tokenizer
        if len(self._known) >= MOST:
            self._known.clear()
        words = ("".join(own.byte_encoder[byte] for byte in word.encode()) for word in own.pat.findall(stretch))
        self._known[stretch] = [own.encoder[piece] for word in words for piece in own.bpe(word).split(" ")]
        return self._known[stretch]

    def __call__(self, texts: Sequence[str], context_length: int | None = None) -> Any:
        """(texts, context) token ids as an int64 tensor, as the tokenizer itself gives them."""
        import torch

        length = context_length or self.tokenizer.context_length
        rows = torch.zeros(len(texts), length, dtype=torch.int64)
        for row, text in zip(rows.numpy(), texts, strict=True):
            ids = [self.tokenizer.sot_token_id, *self.ids(text)[: length - 2], self.tokenizer.eot_token_id]
            row[: len(ids)] = ids
        return rows


@cache
def _clip() -> Remembering:
    from extraction._torchvision import declare_missing_operators

    declare_missing_operators()
    from open_clip.tokenizer import SimpleTokenizer

    return Remembering(SimpleTokenizer())


def count(text: str) -> int:
    """CLIP tokens of a text, with start and end token; 77 is the most that CLIP reads (Radford et al., 2021)."""
    return 2 + len(_clip().ids(text))
