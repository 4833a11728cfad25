"""Keeping what the starting model knew: not straying from its embeddings, and going part of the way back afterwards."""

from collections.abc import Mapping

import torch
from torch import Tensor
from torch.nn import functional as F

from clip_event.tuning.losses import Reduce, full_precision, mean


@full_precision
def retention_loss(current: Tensor, start: Tensor, counted: Tensor | None = None, *, reduce: Reduce = mean) -> Tensor:
    """How far the embeddings have strayed from those of the starting model: the mean of 1 - cosine.

    Call it once for images and once for texts.

    Args:
        current: (N, D), of any length.
        start: (N, D), of the same inputs by the starting model; gets no gradient.
        counted: (N,), which rows count; by default all.
        reduce: makes one number of the rows; under `torchrun` `clip_event.tuning.ranks.mean_over_ranks`.
    """
    if counted is None:
        counted = torch.ones(len(current), dtype=torch.bool, device=current.device)
    current, start = (one.masked_fill(~counted[:, None], 0) for one in (current, start.detach()))
    return reduce(1 - (F.normalize(current, dim=-1) * F.normalize(start, dim=-1)).sum(-1), counted)


def interpolate(start: Mapping[str, Tensor], tuned: Mapping[str, Tensor], alpha: float) -> dict[str, Tensor]:
    """Weights on the line from the starting model (`alpha` 0) to the tuned one (`alpha` 1), exact at both ends.

    Tensors of whole numbers are the tuned model's. Between the ends a model often keeps most of the gain and most of
    what it knew.

    Raises:
        ValueError: the two differ in names or shapes, or `alpha` is not between 0 and 1.

    References:
        Wortsman et al., Robust Fine-Tuning of Zero-Shot Models, CVPR 2022 (WiSE-FT).
    """
    if not 0 <= alpha <= 1:
        raise ValueError(f"alpha: {alpha}; expected 0 (the starting model) to 1 (the tuned one)")
    for only, other, states in (("starting", "tuned", (start, tuned)), ("tuned", "starting", (tuned, start))):
        if missing := sorted(states[0].keys() - states[1].keys()):
            raise ValueError(
                f"{missing[0]!r}{_and_more(missing)} only in the {only} model, not in the {other} one; expected two "
                "states of the same architecture (merge adapters first)"
            )
    return {name: _between(name, start[name], tensor, alpha) for name, tensor in tuned.items()}


def _and_more(names: list[str]) -> str:
    return f" and {len(names) - 1} more are" if len(names) > 1 else " is"


def _between(name: str, start: Tensor, tuned: Tensor, alpha: float) -> Tensor:
    if start.shape != tuned.shape:
        raise ValueError(f"{name!r}: {tuple(start.shape)} in the starting model, {tuple(tuned.shape)} in the tuned one")
    if not tuned.is_floating_point():
        return tuned.clone()
    exact = torch.promote_types(tuned.dtype, torch.float32)
    start = start.to(tuned.device, exact)
    return torch.lerp(start, tuned.to(exact), alpha).to(tuned.dtype)
