"""Orders and parts: nothing lost, nothing doubled, and the same whatever the number of processes."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from clip_event.data.order import of_rank, order

SEEDS = st.integers(0, 2**31)


@given(st.integers(0, 300), st.integers(0, 50), SEEDS)
def test_an_order_holds_every_number_once_and_repeats(count: int, epoch: int, seed: int) -> None:
    found = order(count, epoch, seed)
    assert found.dtype == np.int64
    assert sorted(found.tolist()) == list(range(count))
    assert found.tolist() == order(count, epoch, seed).tolist()


def test_epochs_and_seeds_give_other_orders() -> None:
    orders = {tuple(order(100, epoch, seed).tolist()) for epoch in range(5) for seed in range(5)}
    assert len(orders) == 25
    firsts = [order(10, epoch, 3)[0] for epoch in range(2000)]
    assert np.bincount(firsts, minlength=10).min() > 140  # 200 expected, 13 the deviation


@given(st.integers(0, 200), st.integers(1, 40), st.integers(1, 9), SEEDS)
def test_the_ranks_parts_of_a_batch_are_the_batch_in_order(count: int, size: int, world: int, seed: int) -> None:
    numbers = order(count, 0, seed)
    for start in range(0, count, size):
        batch = numbers[start : start + size]
        parts = [of_rank(batch, rank, world) for rank in range(world)]
        assert np.concatenate(parts).tolist() == batch.tolist()
        lengths = [len(part) for part in parts]
        assert lengths == sorted(lengths, reverse=True)
        assert lengths[0] - lengths[-1] <= 1


def test_parts_by_hand() -> None:
    assert [of_rank([5, 3, 8, 1, 9], rank, 3) for rank in range(3)] == [[5, 3], [8, 1], [9]]
    assert [of_rank(range(2), rank, 3) for rank in range(3)] == [range(1), range(1, 2), range(2, 2)]


@pytest.mark.parametrize(("rank", "world"), [(-1, 2), (2, 2), (0, 0)])
def test_a_rank_that_is_none_is_refused(rank: int, world: int) -> None:
    with pytest.raises(ValueError, match=f"rank {rank} of {world}"):
        of_rank([1], rank, world)


def test_a_negative_epoch_is_refused() -> None:
    with pytest.raises(ValueError, match="-1"):
        order(3, -1, 0)
