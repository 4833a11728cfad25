"""Texts through the text tower of an open_clip model, at the length they have where the tower allows it.

Towers are built for 77 tokens and captions have 20. A causal tower that pools at the end-of-text token, and a tower
that masks padding, give a text the same embedding without most of its padding (to 3e-6), at a fraction of the time. A
tower that attends to padding (SigLIP, CLIPA) gives another one, and is run at the length that it was trained at.
"""

from collections.abc import Callable, Sequence
from contextlib import nullcontext
from itertools import pairwise
from typing import TYPE_CHECKING, Any, cast

import torch
from torch import Tensor, nn

from clip_event.towers._open_clip import open_clip

if TYPE_CHECKING:
    from clip_event.towers.prompt import Prompt

Tokenizer = Callable[..., Tensor]
"""Texts to (texts, context) token ids, padded on the right: what `open_clip.get_tokenizer` returns."""

STEP = 8
GROUPS = 4
PASS = {"cpu": 64, "cuda": 256}
"""What one more pass through the tower costs, in tokens; on a CPU as measured with ViT-B-32, training."""
SAMPLE = ("a photo", "Police officers detain a protester outside the parliament in Athens on Tuesday, June 28, 2011.")
AGREE = {torch.float32: 1e-4, torch.float64: 1e-6}
ROUGHLY = 2e-2  # in half precision even two orders of summing differ by as much as this


class _EncodeText(nn.Module):
    """`encode_text` as a module's forward, which `functional_call` wants."""

    def __init__(self, model: nn.Module) -> None:
        super().__init__()
        self.model = model

    def forward(self, tokens: Tensor, normalize: bool) -> Tensor:
        features: Tensor = cast(Any, self.model).encode_text(tokens, normalize=normalize)
        return features


def encode_texts(
    model: nn.Module,
    tokenizer: Tokenizer,
    texts: Sequence[str],
    *,
    normalize: bool = True,
    short: bool | None = None,
    batch_size: int | None = None,
    prompt: "Prompt | None" = None,
) -> Tensor:
    """Embeddings of texts, with gradient where gradients are on. Every different text is encoded once.

    Args:
        model: any open_clip model, not wrapped (the inner one of `DistributedDataParallel`).
        texts: at least one.
        normalize, short, batch_size, prompt: as for `encode_tokens`.

    Returns:
        (texts, dimension) in the order given.

    Raises:
        ValueError: there are no texts.
    """
    if not texts:
        raise ValueError("no texts to encode: give at least one")
    places = {text: place for place, text in enumerate(dict.fromkeys(texts))}
    tokens = tokenizer(list(places))
    options: dict[str, Any] = {"normalize": normalize, "short": short, "batch_size": batch_size, "prompt": prompt}
    unique = encode_tokens(model, tokens, pad_id(tokenizer), **options)
    return unique[torch.tensor([places[text] for text in texts], device=unique.device)]


def encode_tokens(
    model: nn.Module,
    tokens: Tensor,
    pad: int,
    *,
    normalize: bool = True,
    short: bool | None = None,
    batch_size: int | None = None,
    prompt: "Prompt | None" = None,
) -> Tensor:
    """Embeddings of texts that are tokens already, for instance by the workers of a data loader.

    Args:
        tokens: (texts, context) token ids, on any device.
        pad: the id that the tokens are padded with.
        normalize: to length 1.
        short: whether to leave padding out; None decides by the tower's class and flags, see `full_length`.
        batch_size: the most texts in one pass; None sets no limit.
        prompt: what is put in front of every text; `Loaded.prompt`, or None for the texts as they are.

    Returns:
        (texts, dimension), on the model's device.
    """
    if short is None:
        short = _full_length(model, pad) is None
    if prompt is not None:
        tokens = prompt.placed(tokens)
    device = next(model.parameters()).device
    together = runs(tokens, pad, short, device)
    tokens = tokens.to(device)
    rows: list[int] = []
    parts: list[Tensor] = []
    for length, group in together:
        size = batch_size or len(group)
        for start in range(0, len(group), size):
            batch = group[start : start + size]
            rows += batch
            parts.append(_encode(model, tokens[batch, :length], normalize, prompt))
    order = torch.tensor(rows, device=tokens.device).argsort()
    return torch.cat(parts)[order]


def runs(tokens: Tensor, pad: int, short: bool, device: torch.device) -> list[tuple[int, list[int]]]:
    """Rows of (texts, context) tokens to run together on a device, with the length to run them at; see `groups`."""
    context = tokens.shape[1]
    # one token of padding stays: the end-of-text token may itself be what pads, and CoCa's mask is shifted by one
    used = (lengths(tokens, pad) + 1).tolist() if short else [context] * len(tokens)
    return groups(used, context, PASS.get(device.type, PASS["cuda"]))


def pad_id(tokenizer: Tokenizer) -> int:
    """The id that the tokenizer pads with: the last of the empty text."""
    return int(tokenizer([""])[0, -1])


def lengths(tokens: Tensor, pad: int) -> Tensor:
    """(texts,) how many tokens each of (texts, context) uses, start and end tokens included, padding not."""
    positions = torch.arange(1, tokens.shape[1] + 1, device=tokens.device)
    return (positions * (tokens != pad)).amax(1)


def groups(used: Sequence[int], context: int, least: int) -> list[tuple[int, list[int]]]:
    """Rows to run together, at most `GROUPS` of them, short ones first, each with the length to run it at.

    Lengths are multiples of 8, or the context. Neighbours are joined, those first that it costs the least padding, as
    long as there are too many or it costs no more than `least` tokens of padding.
    """
    rows: dict[int, list[int]] = {}
    for row, length in enumerate(used):
        rows.setdefault(min(-(-length // STEP) * STEP, context), []).append(row)
    while len(rows) > 1:
        padding, lower, upper = min((len(rows[a]) * (b - a), a, b) for a, b in pairwise(sorted(rows)))
        if len(rows) <= GROUPS and padding > least:
            break
        rows[upper] = rows.pop(lower) + rows[upper]
    return sorted(rows.items())


def full_length(model: nn.Module, tokenizer: Tokenizer) -> str | None:
    """Why the texts of this model have to be run at full length; None where shorter ones give the same embeddings.

    Decided by the tower's class and flags, and then by encoding two texts both ways. Ask once, when a model is loaded,
    and hand `short=full_length(...) is None` to the functions above.
    """
    pad = pad_id(tokenizer)
    reason = _full_length(model, pad)
    if reason is not None:
        return reason
    training = model.training
    model.eval()
    with torch.no_grad():
        tokens = tokenizer(list(SAMPLE))
        short, full = (encode_tokens(model, tokens, pad, short=cut, batch_size=1).float() for cut in (True, False))
    model.train(training)
    apart = float((short - full).abs().max())
    allowed = AGREE.get(next(model.parameters()).dtype, ROUGHLY)
    return None if apart <= allowed else f"two texts run short came out {apart:.1g} from those run at full length"


def _full_length(model: nn.Module, pad: int) -> str | None:
    text = cast(Any, getattr(model, "text", model))
    if isinstance(text, open_clip.hf_model.HFTextEncoder):
        masked = text.config.pad_token_id
        return None if masked == pad else f"the tower masks token {masked}, but the tokenizer pads with {pad}"
    if not isinstance(text, open_clip.CLIP | open_clip.transformer.TextTransformer):
        return f"how {type(text).__name__} treats padding is not known"
    own = getattr(text, "cls_emb", None) is not None  # CoCa's own token behind the text, which it pools at
    masks = own or getattr(text, "use_pad_mask", False)
    if masks and text.pad_id != pad:
        return f"the tower masks token {text.pad_id}, but the tokenizer pads with {pad}"
    if text.attn_mask is None and not masks:
        return "the tower attends to padding"
    pool = text.text_pool_type if isinstance(text, open_clip.CLIP) else text.pool_type
    return None if own or pool in ("argmax", "eos", "first") else f"the tower pools by {pool!r}, at padding"


def _encode(model: nn.Module, tokens: Tensor, normalize: bool, prompt: "Prompt | None") -> Tensor:
    """One pass. Positions and mask are cut to length for it alone, and the gradient reaches the whole parameter."""
    text = cast(Any, getattr(model, "text", model))
    cut: dict[str, Tensor] = {}
    if isinstance(text, open_clip.CLIP | open_clip.transformer.TextTransformer):
        positions = text.positional_embedding[: tokens.shape[1]]
        if getattr(text, "cls_emb", None) is not None:
            # the own token keeps the last position, the one it was trained at
            positions = torch.cat([positions, text.positional_embedding[-1:]])
        cut["positional_embedding"] = positions
        if text.attn_mask is not None:
            cut["attn_mask"] = text.attn_mask[: len(positions), : len(positions)]
    place = "model." if text is model else "model.text."
    swapped = {place + name: value for name, value in cut.items()}
    call = torch.func.functional_call
    with nullcontext() if prompt is None else prompt.inside(model):
        return cast(Tensor, call(_EncodeText(model), swapped, (tokens, normalize), tie_weights=False))
