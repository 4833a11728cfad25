"""AdamW and its learning rate over a run."""

import math

import torch
from torch import nn

from clip_event.config import Optim

LARGEST_SCALE = math.log(100)
"""Of the logit scale's logarithm, after Radford et al. (2021)."""


def optimizer(model: nn.Module, optim: Optim) -> torch.optim.AdamW:
    """AdamW; vectors and scalars (norms, biases, the logit scale) do not decay."""
    trained = [parameter for parameter in model.parameters() if parameter.requires_grad]
    groups = [
        {"params": [p for p in trained if p.ndim >= 2], "weight_decay": optim.weight_decay},
        {"params": [p for p in trained if p.ndim < 2], "weight_decay": 0.0},
    ]
    fused = trained[0].device.type == "cuda"
    return torch.optim.AdamW(groups, lr=optim.lr, betas=optim.betas, fused=fused)


def share(step: int, steps: int, warmup: float) -> float:
    """The learning rate at a step as a share of the highest: a line up, then half a cosine down to 0."""
    rising = round(warmup * steps)
    if step < rising:
        return (step + 1) / rising
    return (1 + math.cos(math.pi * ((step - rising) / max(1, steps - rising)))) / 2
