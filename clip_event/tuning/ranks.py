"""Several processes as one: which this is, features of all of them, and means over all their rows.

Features and means keep one rule. The mean over the processes of their losses is the loss of one process with the whole
batch, and since DDP averages gradients over the processes, so are the gradients. Nothing is scaled by hand, whether
every process computes a loss of the whole batch from gathered features or one of its own rows. A parameter that the
losses use directly, as the logit scale, keeps the rule when DDP averages its gradient with the others.

Every process has to call these in the same order, with a loss of 0 where it has no rows, and none of them alone.
"""

import os
import signal
import socket
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, TypeVar

import torch
from torch import Tensor
from torch import distributed as dist

T = TypeVar("T")
LONGEST = timedelta(days=1)
"""That processes wait for one that evaluates or reads captions alone; for a part of a step it is torch's own limit."""


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
    """Which process this is, and where it computes.

    Attributes:
        waiting: connects the processes for what takes long; None where there is one.
    """

    rank: int
    world: int
    device: torch.device
    waiting: "dist.ProcessGroup | None" = None

    def wait(self) -> None:
        """Until all processes are here, for up to a day; a process that ended meanwhile is an error at once."""
        if self.waiting:
            dist.barrier(self.waiting)

    def every(self, mine: T) -> list[T]:
        """What each process gives, in the order of their ranks; waits as `wait` does."""
        found: list[Any] = [mine]
        if self.waiting:
            found *= self.world
            dist.all_gather_object(found, mine, self.waiting)
        return found

    def anywhere(self, *flags: bool) -> list[bool]:
        """Of each flag, whether it is set in any process."""
        if not self.waiting:
            return list(flags)
        counts = torch.tensor(flags, dtype=torch.float32, device=self.device)
        dist.all_reduce(counts)
        return [bool(count) for count in counts.tolist()]

    def agree(self, mine: Mapping[str, object]) -> None:
        """Raises ValueError in all processes, with the first difference, where they were not given the same."""
        first, *others = self.every(dict(mine))
        for rank, theirs in enumerate(others, 1):
            for name in [name for name in {**first, **theirs} if first.get(name) != theirs.get(name)]:
                raise ValueError(
                    f"process {rank} has {name} = {theirs.get(name)} and process 0 {first.get(name)}; expected the "
                    "same configuration, data, model and checkpoint on every machine"
                )


@contextmanager
def placed(device: str) -> Iterator[Place]:
    """This process among those that `torchrun` started, which are connected meanwhile; alone without it.

    Args:
        device: `auto` for this process's GPU where there is one, `cuda` for that GPU; else as torch names it.

    Raises:
        ValueError: a machine has fewer GPUs than processes.
        ConnectionError: another process ended, or did not answer within the limits.
    """
    rank, world = int(os.environ.get("RANK", 0)), int(os.environ.get("WORLD_SIZE", 1))
    own = _own(device)
    if world == 1:
        yield Place(rank, world, own)
        return
    if own.type == "cuda":
        torch.cuda.set_device(own)
    dist.init_process_group("nccl" if own.type == "cuda" else "gloo")
    try:
        yield Place(rank, world, own, dist.new_group(timeout=LONGEST, backend="gloo"))
    except RuntimeError as error:
        if isinstance(error, dist.DistError) or "gloo" in str(error):  # which has no class of its own
            if threading.current_thread() is threading.main_thread():
                signal.signal(signal.SIGTERM, signal.SIG_IGN)  # torchrun's, who would end this one before it says why
            raise ConnectionError(
                "another process ended or hangs, and so this one ends; the report of torchrun says which. Go on with "
                "--resume"
            ) from error
        raise
    finally:
        dist.destroy_process_group()


def _own(device: str) -> torch.device:
    if device == "auto":
        device = "cuda" if torch.cuda.is_available() else "cpu"
    if device != "cuda":
        return torch.device(device)
    local, there = int(os.environ.get("LOCAL_RANK", 0)), torch.cuda.device_count()
    if local >= there:
        raise ValueError(
            f"this is process {local + 1} of its machine, which has {there} GPUs; start as many with --nproc-per-node"
        )
    return torch.device("cuda", local)


def first_to_say(line: str) -> bool:
    """Whether no other process that `torchrun` started has asked with this line. True where that cannot be told."""
    if os.environ.get("TORCHELASTIC_USE_AGENT_STORE") != "True":
        return True
    from torch.distributed.rendezvous import rendezvous

    limit = timedelta(seconds=10)
    try:  # torch would try on and on where the one who counts has ended too
        socket.create_connection((os.environ["MASTER_ADDR"], int(os.environ["MASTER_PORT"])), limit.seconds).close()
        store, _, _ = next(rendezvous("env://", timeout=limit))
        return bool(store.add(f"said: {line}", 1) == 1)
    except (OSError, RuntimeError):
        return True
