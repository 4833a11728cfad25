"""A learned prompt: context vectors in front of the words of every text (Zhou et al., IJCV 2022, CoOp).

The vectors stand behind the start token, in the place of words that they begin as: "a photo of", or as much of it,
repeated, as there are vectors. The tower is given the tokens of those words, so that its masks, positions and pooling
see an ordinary text, and what its token embedding makes of them is replaced. Open_clip by itself knows no prompt: it
lies beside the weights, and `clip_event.towers.models.load` reads it.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, cast

import torch
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from clip_event.towers._open_clip import open_clip
from clip_event.towers.texts import Tokenizer, lengths, pad_id

WORDS = "a photo of"


class Prompt(nn.Module):
    """Context vectors, for `encode_texts` and `encode_tokens`; see `first_prompt` and `read_prompt`.

    Args:
        vectors: (context, width of the token embedding).
        words: (context,), the tokens whose embeddings are replaced.
        start: how many tokens the tokenizer puts in front of a text: 1, or 0 where it has no start token.
        pad: the token that it pads with.
        closes: whether it closes a text with a token that is not the padding.
    """

    words: Tensor

    def __init__(self, vectors: Tensor, words: Tensor, start: int, pad: int, closes: bool) -> None:
        super().__init__()
        self.vectors = nn.Parameter(vectors)
        self.register_buffer("words", words)
        self.start, self.pad, self.closes = start, pad, closes

    def placed(self, tokens: Tensor) -> Tensor:
        """(texts, context) tokens with the prompt's in front; a text that is too long loses its last words."""
        words = self.words.to(tokens.device).expand(len(tokens), -1)
        number, context = words.shape[1], tokens.shape[1]
        placed = torch.cat([tokens[:, : self.start], words, tokens[:, self.start : context - number]], 1)
        used = (lengths(tokens, self.pad) + (not self.closes)).clamp(max=context)
        end = tokens.gather(1, used[:, None] - 1)[:, 0]
        placed[:, -1] = torch.where(used + number > context, end, placed[:, -1])
        return placed

    @contextmanager
    def inside(self, model: nn.Module) -> Iterator[None]:
        """While this lasts, the model's tower embeds the tokens in the prompt's place as the prompt's vectors."""
        first, last = self.start, self.start + len(self.vectors)

        def replaced(_: nn.Module, __: Any, embedded: Tensor) -> Tensor:
            vectors = self.vectors.to(embedded.dtype).expand(len(embedded), -1, -1)
            return torch.cat([embedded[:, :first], vectors, embedded[:, last:]], 1)

        hook = _embedding(model).register_forward_hook(replaced)
        try:
            yield
        finally:
            hook.remove()


def first_prompt(model: nn.Module, tokenizer: Tokenizer, context: int) -> Prompt:
    """The prompt that training begins with, on the model's device: as many words as there are vectors.

    With 3 vectors a text is embedded exactly as it is behind the words "a photo of".

    Args:
        model: any open_clip model, not wrapped.
        context: how many vectors.

    Raises:
        ValueError: the text tower is of a class whose token embedding is not known, or there are so many vectors that
            less than half of the text's tokens would be left for its words.
    """
    embedding, pad = _embedding(model), pad_id(tokenizer)
    rows = tokenizer([WORDS, "police"])
    if 2 * context > (length := rows.shape[1]):
        raise ValueError(f"model.context={context} of the {length} tokens of a text; expected {length // 2} at most")
    start, closes = _habits(rows, pad)
    used = int(lengths(rows, pad)[0])
    tokens = rows[0, start : used - closes]
    words = tokens.repeat(-(-context // len(tokens)))[-context:].to(embedding.weight.device)
    with torch.no_grad():
        vectors = embedding(words)
    return Prompt(vectors.to(torch.promote_types(vectors.dtype, torch.float32)), words, start, pad, closes)


def read_prompt(path: Path, model: nn.Module, tokenizer: Tokenizer) -> Prompt:
    """The prompt of a file, on the model's device.

    Raises:
        ValueError: the file holds no prompt of this model, or the model's text tower can have none.
    """
    embedding, pad = _embedding(model), pad_id(tokenizer)
    found = load_file(path, device=str(embedding.weight.device))
    width = embedding.weight.shape[1]
    vectors, words = (found.get(name, torch.empty(0)) for name in ("vectors", "words"))
    if (
        vectors.ndim != 2
        or vectors.shape[1] != width
        or words.shape != vectors.shape[:1]
        or not vectors.isfinite().all()
    ):
        raise ValueError(
            f"{path}: vectors {tuple(vectors.shape)} and words {tuple(words.shape)}; expected finite vectors "
            f"(context, {width}) and words (context,), as `save` writes them"
        )
    start, closes = _habits(tokenizer([WORDS, "police"]), pad)
    return Prompt(vectors, words, start, pad, closes)


def write_prompt(path: Path, prompt: Prompt) -> None:
    """Write vectors and words as safetensors."""
    save_file({name: tensor.detach().cpu().contiguous() for name, tensor in prompt.state_dict().items()}, path)


def together(model: nn.Module, prompt: Prompt | None) -> nn.Module:
    """Model and prompt as one, for its parameters and its state; the model itself where there is no prompt."""
    return model if prompt is None else nn.ModuleDict({"model": model, "prompt": prompt})


def _habits(rows: Tensor, pad: int) -> tuple[int, bool]:
    """Of two texts without a word in common: how many tokens come first in both, and whether both end in one."""
    first, second = (lengths(rows, pad) - 1).tolist()
    return int(rows[0, 0] == rows[1, 0]), bool(rows[0, first] == rows[1, second])


def _embedding(model: nn.Module) -> nn.Embedding:
    text = cast(Any, getattr(model, "text", model))
    if isinstance(text, open_clip.hf_model.HFTextEncoder):
        return cast(nn.Embedding, text.transformer.get_input_embeddings())
    if isinstance(text, open_clip.CLIP | open_clip.transformer.TextTransformer):
        return cast(nn.Embedding, text.token_embedding)
    raise ValueError(f"a learned prompt: how {type(text).__name__} embeds its tokens is not known; use prompt='none'")
