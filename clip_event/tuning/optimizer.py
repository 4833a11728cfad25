"""AdamW and its learning rate over a run."""

import math

import torch
from torch import nn

from clip_event.tuning.config import Optim

LARGEST_SCALE = math.log(100)
"""Of the logit scale's logarithm, after Radford et al. (2021)."""


def optimizer(whole: nn.Module, optim: Optim) -> torch.optim.AdamW:
    """AdamW for a model, or model and prompt `together`.

    Vectors and scalars (norms, biases, the logit scale) do not decay, nor does a prompt.
    """
    trained = {name: parameter for name, parameter in whole.named_parameters() if parameter.requires_grad}
    decays = {name: p.ndim >= 2 and name != "prompt.vectors" for name, p in trained.items()}
    groups = [
        {"params": [p for name, p in trained.items() if decays[name]], "weight_decay": optim.weight_decay},
        {"params": [p for name, p in trained.items() if not decays[name]], "weight_decay": 0.0},
    ]
    # each weight read once for all it needs; on a CPU a quarter of the time
    fused = next(whole.parameters()).device.type in ("cpu", "cuda")
    return torch.optim.AdamW(groups, lr=optim.lr, betas=optim.betas, fused=fused)


def share(step: int, steps: int, warmup: float) -> float:
    """The learning rate at a step as a share of the highest: a line up, then half a cosine down to 0."""
    rising = round(warmup * steps)
    if step < rising:
        return (step + 1) / rising
    return (1 + math.cos(math.pi * ((step - rising) / max(1, steps - rising)))) / 2
