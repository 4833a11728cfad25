"""Several processes as one: which this is, features of all of them, and means over all their rows.

Both keep one rule. The mean over the processes of their losses is the loss of one process with the whole batch, and
since DDP averages gradients over the processes, so are the gradients. Nothing is scaled by hand, whether every process
computes a loss of the whole batch from gathered features or one of its own rows. A parameter that the losses use
directly, as the logit scale, keeps the rule when DDP averages its gradient with the others.

Every process has to call these in the same order, with a loss of 0 where it has no rows, and none of them alone.
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch import distributed as dist


def world_size() -> int:
    """How many processes there are; 1 outside `torchrun`."""
    return dist.get_world_size() if dist.is_available() and dist.is_initialized() else 1


def gather(rows: Tensor) -> Tensor:
    """The rows of all processes, in the order of their ranks.

    Args:
        rows: (n, ...), where n may differ between processes: they send as many as the longest, and the rest is cut.

    Returns:
        (sum of n, ...). A row's gradient is the sum of what all the processes' losses ask of it, and goes to the
        process that it came from.
    """
    if world_size() == 1:
        return rows
    counts = [torch.zeros(1, dtype=torch.int64, device=rows.device) for _ in range(world_size())]
    dist.all_gather(counts, torch.tensor([len(rows)], device=rows.device))
    gathered: Tensor = _Gather.apply(rows, [int(count) for count in counts])
    return gathered


class _Gather(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, rows: Tensor, counts: list[int]) -> Tensor:
        ctx.counts = counts
        longest = rows.new_zeros((max(counts), *rows.shape[1:]))
        longest[: len(rows)] = rows
        pieces = [torch.empty_like(longest) for _ in counts]
        dist.all_gather(pieces, longest)
        return torch.cat([piece[:count] for piece, count in zip(pieces, counts, strict=True)])

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor, None]:
        total = grads[0].contiguous().clone()
        dist.all_reduce(total)
        return total.split(ctx.counts)[dist.get_rank()], None


def mean_over_ranks(losses: Tensor, counted: Tensor) -> Tensor:
    """As `losses.mean`, for rows that differ between processes: their results' mean is that of all rows together.

    Args:
        losses: (...), of this process's rows.
        counted: (...), which of them count.
    """
    number = counted.sum().to(losses.dtype)
    if world_size() > 1:
        dist.all_reduce(number)
    number = number.clamp(min=1) / world_size()
    return losses.masked_fill(~counted, 0).sum() / number


@dataclass(frozen=True)
class Place:
    """Which process this is, and where it computes."""

    rank: int
    world: int
    device: torch.device


@contextmanager
def placed(device: str) -> Iterator[Place]:
    """This process among those that `torchrun` started, which are connected meanwhile; alone without it.

    Args:
        device: `auto` for this process's GPU where there is one; else as torch names it.
    """
    rank, world = int(os.environ.get("RANK", 0)), int(os.environ.get("WORLD_SIZE", 1))
    if device == "auto":
        device = f"cuda:{os.environ.get('LOCAL_RANK', 0)}" if torch.cuda.is_available() else "cpu"
    place = Place(rank, world, torch.device(device))
    if world > 1:
        dist.init_process_group("nccl" if place.device.type == "cuda" else "gloo")
    try:
        yield place
    finally:
        if world > 1:
            dist.destroy_process_group()


def wait() -> None:
    """Until all processes are here."""
    if world_size() > 1:
        dist.barrier()


def anywhere(flag: bool, device: torch.device) -> bool:
    """Whether the flag is set in any process."""
    if world_size() == 1:
        return flag
    flags = torch.tensor([float(flag)], device=device)
    dist.all_reduce(flags)
    return bool(flags)
