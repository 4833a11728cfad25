"""The losses, on embeddings: with no model inside they serve any tower, cached gradients and gathered features alike.

Shapes are written with B images, T texts, D the width of the shared space, K negatives, P patches; `...` is any number
of dimensions, usually (styles, 1 + K) with the positive first. Embeddings have unit length where nothing else is said.
Every loss computes in float32 (float64 where it is given that), also of bfloat16 features and inside autocast: at a
logit scale of 100 the eight bits of bfloat16 leave steps of a third of a logit.

What a mask leaves out may hold anything, infinities and NaN too: it changes neither a loss nor a gradient.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from difflib import get_close_matches
from functools import wraps
from typing import ParamSpec, TypeVar

import torch
from torch import Tensor
from torch.nn import functional as F

Given = ParamSpec("Given")
Made = TypeVar("Made")
Reduce = Callable[[Tensor, Tensor], Tensor]
"""How rows become one number: given their losses and, in the same shape, which of them count."""


def full_precision(function: Callable[Given, Made]) -> Callable[Given, Made]:
    """Run a function outside autocast, its half-precision tensors widened to float32."""

    @wraps(function)
    def widened(*args: Given.args, **kwargs: Given.kwargs) -> Made:
        given = (*args, *kwargs.values())
        device = next((one.device.type for one in given if isinstance(one, Tensor)), "cpu")
        with torch.autocast(device, enabled=False):
            return function(*map(_wide, args), **{name: _wide(value) for name, value in kwargs.items()})  # type: ignore[arg-type]

    return widened


def _wide(value: object) -> object:
    if isinstance(value, Tensor) and value.dtype in (torch.bfloat16, torch.float16):
        return value.float()
    return value


def mean(losses: Tensor, counted: Tensor) -> Tensor:
    """The mean of the rows that count; 0 where none does, which still has a gradient of zeros."""
    return losses.masked_fill(~counted, 0).sum() / counted.sum().clamp(min=1)


@full_precision
def contrastive_loss(
    image: Tensor,
    text: Tensor,
    logit_scale: Tensor | float,
    positive: Tensor,
    neutral: Tensor | None = None,
    *,
    negatives: Tensor | None = None,
    sees: Tensor | None = None,
) -> Tensor:
    """Images against all texts of the batch and texts against all its images, the mean of the two directions.

    An image may have several true texts (several styles, several events) and a text several images. A row's loss is
    the mean over its positives of their cross entropy against the row's negatives, with the row's other positives left
    out of the denominator (SINCERE): left in (SupCon), true texts of one photograph would push each other away. Rows
    without a positive count nothing. With one text an image it is `open_clip.loss.ClipLoss`. A logit bias would cancel
    in the softmax, so there is none.

    Under `torchrun` give the gathered features and masks of the global batch, see `clip_event.tuning.ranks.gather`.

    Args:
        image: (B, D).
        text: (T, D), each text once.
        logit_scale: the factor itself, not its logarithm.
        positive: (B, T), true or the weight among the row's positives where the text is true of the image.
        neutral: (B, T), true where a text that is no positive is no negative either: another text of the same image,
            the same description, the same event. Where both are set the positive wins.
        negatives: (M, D), hard negatives for the image-to-text direction only (NegCLIP).
        sees: (B, M), which of them an image sees; by default every image sees all, as in NegCLIP.

    References:
        Khosla et al., Supervised Contrastive Learning, NeurIPS 2020 (SupCon). Feeney and Hughes, SINCERE: Supervised
        Information Noise-Contrastive Estimation Revisited, 2023. Yuksekgonul et al., When and Why Vision-Language
        Models Behave like Bags-of-Words, ICLR 2023 (NegCLIP).
    """
    positive = positive.to(image.dtype)
    skipped = torch.zeros_like(positive, dtype=torch.bool) if neutral is None else neutral.bool()
    if negatives is not None:  # texts that are true of no image have no row of their own
        unseen = positive.new_zeros(len(image), len(negatives), dtype=torch.bool) if sees is None else ~sees.bool()
        text, skipped = torch.cat([text, negatives]), torch.cat([skipped, unseen], 1)
        positive = F.pad(positive, (0, len(negatives)))
    negative = ~skipped & (positive == 0)
    used = negative | (positive > 0)
    image, text = _kept(image, used.any(1)), _kept(text, used.any(0))
    logits = logit_scale * image @ text.T
    return (_one_way(logits, positive, negative) + _one_way(logits.T, positive.T, negative.T)) / 2


def _one_way(logits: Tensor, positive: Tensor, negative: Tensor) -> Tensor:
    others = logits.masked_fill(~negative, _lowest(logits)).logsumexp(1, keepdim=True)
    losses = -F.logsigmoid(logits - others)  # the cross entropy of one positive against `others`
    weight = positive.sum(1)
    rows = (losses * positive).sum(1) / weight.masked_fill(weight == 0, 1)
    return mean(rows, weight > 0)


def _lowest(like: Tensor) -> float:
    """The logit of what is left out: finite, since infinities make NaN of gradients."""
    return torch.finfo(like.dtype).min / 4


def _kept(vectors: Tensor, used: Tensor) -> Tensor:
    """Vectors (..., D), zero where not used (...): a logit that is masked later is too late for 0 * infinity."""
    return vectors.masked_fill(~used[..., None], 0)


def with_positive(valid: Tensor) -> Tensor:
    """(..., K) valid negatives to (..., 1 + K) texts that matter: with one valid negative the positive does too."""
    return torch.cat([valid.any(-1, keepdim=True), valid], -1)


@full_precision
def image_logits(image: Tensor, text: Tensor, logit_scale: Tensor | float, used: Tensor | None = None) -> Tensor:
    """Scaled cosines of images with texts of their own, the first argument of `hard_negative_loss`.

    Args:
        image: (B, D).
        text: (B, ..., D); from unique texts (T, D) and numbers (B, ...) it is `text[numbers]`.
        used: (B, ...), see `with_positive`; needed only where the padding of `text` is not finite.

    Returns:
        (B, ...)
    """
    if used is not None:
        image, text = _kept(image, used.flatten(1).any(1)), _kept(text, used)
    return logit_scale * torch.einsum("bd,b...d->b...", image, text)


@full_precision
def patch_logits(
    patches: Tensor, text: Tensor, logit_scale: Tensor | float, used: Tensor | None = None, *, temperature: float = 0.05
) -> Tensor:
    """As `image_logits`, with the part of the image that each text looks at in the image's place.

    A text looks at the patches by a softmax of its cosines with them; their weighted sum, brought to unit length, is
    compared with it. In `hard_negative_loss` this is a local hard negative loss after FSC-CLIP, which does it for every
    word and spreads the weights by minimum and maximum. Use it beside the loss on `image_logits`: what tells who did
    what to whom is a small part of a photograph.

    Args:
        patches: (B, P, D), patch tokens projected to the shared space, of any length.
        text: (B, ..., D), of any length.
        used: (B, ...), see `image_logits`.
        temperature: of the softmax over patches; CLIP's cosines with patches differ by a few hundredths.

    Returns:
        (B, ...)

    References:
        Oh et al., Preserving Multi-Modal Capabilities of Pre-trained VLMs for Improving Vision-Linguistic
        Compositionality, EMNLP 2024 (FSC-CLIP).
    """
    if used is not None:
        patches, text = _kept(patches, used.flatten(1).any(1, keepdim=True)), _kept(text, used)
    patches = F.normalize(patches, dim=-1)
    wanted = F.normalize(text, dim=-1).flatten(1, -2)
    looks = (wanted @ patches.mT / temperature).softmax(-1)
    seen = F.normalize(looks @ patches, dim=-1)
    return (logit_scale * (seen * wanted).sum(-1)).view(text.shape[:-1])


@full_precision
def hard_negative_loss(
    logits: Tensor,
    valid: Tensor,
    weight: Tensor | None = None,
    *,
    gamma: float = 2.0,
    smoothing: float = 0.02,
    reduce: Reduce = mean,
) -> Tensor:
    """An image's positive against its own hard negatives of the same style, apart from the rest of the batch.

    Cross entropy over the positive and its valid negatives, with each class's term times `(1 - p) ** gamma` and a share
    `smoothing` of the target spread evenly over the positive and its valid negatives. Both keep the loss from pushing
    texts that are nearly right further than the task needs, at the cost of what the model knew (FSC-CLIP, whose values
    are the defaults). With `gamma` and `smoothing` 0 it is plain cross entropy. Rows without a valid negative count
    nothing.

    Under `torchrun` each process gives the rows of its own images and `reduce=clip_event.tuning.ranks.mean_over_ranks`.

    Args:
        logits: (..., 1 + K), the positive's first; from `image_logits` or `patch_logits`.
        valid: (..., K), which negatives there are.
        weight: (..., K) or what broadcasts to it: a negative of weight 2 stands in the softmax for two of it, one of
            weight 0 is none. Of each kind: `kind_weights(kinds, weights)[kind]`.
        gamma: 0, or 1 and more.
        smoothing: from 0, below 1.
        reduce: makes one number of the rows.

    Raises:
        ValueError: `gamma` or `smoothing` is out of range.

    References:
        Oh et al., EMNLP 2024 (FSC-CLIP). Lin et al., Focal Loss for Dense Object Detection, ICCV 2017.
    """
    if not (gamma == 0 or gamma >= 1):
        raise ValueError(f"gamma: {gamma}; expected 0 or at least 1 (between them the slope at p = 1 is infinite)")
    if not 0 <= smoothing < 1:
        raise ValueError(f"smoothing: {smoothing}; expected 0 <= smoothing < 1")
    if weight is not None:
        valid = valid & (weight > 0)
        shift = weight.to(logits.dtype).expand(valid.shape).masked_fill(~valid, 1).log()
        logits = logits + F.pad(shift, (1, 0))
    there = with_positive(valid)
    log_p = logits.masked_fill(~there, _lowest(logits)).log_softmax(-1).masked_fill(~there, 0)
    target = smoothing * there.to(log_p.dtype) / there.sum(-1, keepdim=True).clamp(min=1)
    target[..., 0] += 1 - smoothing
    focal = (-torch.expm1(log_p)).pow(gamma)
    return reduce(-(target * focal * log_p).sum(-1), there[..., 0])


def kind_weights(kinds: Sequence[str], weights: Mapping[str, float]) -> Tensor:
    """The weights in the order of `kinds`, 1 for those not named; (len(kinds),).

    Raises:
        ValueError: a weight is of no kind in `kinds`, negative or not finite.
    """
    for name, value in weights.items():
        if name not in kinds:
            near = get_close_matches(name, kinds, 1)
            hint = f"did you mean {near[0]!r}?" if near else f"expected one of {', '.join(kinds)}"
            raise ValueError(f"weight of kind {name!r}: there is no such kind of negative; {hint}")
        if not (math.isfinite(value) and value >= 0):
            raise ValueError(f"weight of kind {name!r}: {value}; expected a finite number of at least 0")
    return torch.tensor([float(weights.get(kind, 1)) for kind in kinds])
