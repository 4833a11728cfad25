"""The order of records in an epoch, and each process's part of a batch.

One order is drawn for all processes, cut into global batches, and each batch is cut among the processes::

    numbers = order(len(source), epoch, seed)
    for start in range(0, len(numbers), batch):
        mine = of_rank(numbers[start : start + batch], rank, world)

Parts lie next to each other, in the order of the ranks: gathered, they are the global batch again. What a batch holds
does not hang on the number of processes, so that a run may go on with another number of them.
"""

from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

T = TypeVar("T", NDArray[np.int64], list[int], range)


def order(count: int, epoch: int, seed: int) -> NDArray[np.int64]:
    """(count,) the record numbers 0 to count - 1, shuffled by epoch and seed alone. Raises ValueError below 0."""
    if min(count, epoch, seed) < 0:
        raise ValueError(f"count, epoch and seed are {count}, {epoch} and {seed}; expected 0 or more")
    return np.random.default_rng([seed, epoch]).permutation(count)


def of_rank(batch: T, rank: int, world: int) -> T:
    """The part of a global batch that process `rank` of `world` takes.

    No number is lost or doubled. Where the batch does not divide evenly the last ranks have one number less, and none
    where there are fewer numbers than processes: whoever needs parts of one size leaves an incomplete batch out.

    Raises:
        ValueError: rank is not 0 to world - 1.
    """
    if not 0 <= rank < world:
        raise ValueError(f"rank {rank} of {world} processes; expected 0 to {world - 1}")
    size, over = divmod(len(batch), world)
    start = rank * size + min(rank, over)
    return batch[start : start + size + (rank < over)]
