"""Intervals against a bootstrap written as a loop, and against what the normal approximation says."""

import numpy as np
import pytest

from clip_event.evaluation.intervals import interval, of_f1, of_means


def by_loop(columns, statistic, draws, seed) -> list[float]:
    rng, found = np.random.default_rng(seed), []
    for _ in range(draws):
        rows = rng.integers(0, len(columns[0]), len(columns[0]))
        found.append(statistic(*(column[rows] for column in columns)))
    return list(np.percentile(found, [2.5, 97.5]))


def f1_by_hand(correct, predicted, gold) -> float:
    return 200 * sum(correct) / (sum(predicted) + sum(gold)) if sum(predicted) + sum(gold) else 0.0


@pytest.mark.parametrize("seed", range(3))
def test_an_interval_of_a_mean_is_a_loops(seed: int) -> None:
    right = np.random.default_rng(seed).random(200) < 0.7
    low, high = interval([right], draws=20_000)
    expected = by_loop([right], lambda rows: 100 * rows.mean(), 4000, 99)
    assert [low, high] == pytest.approx(expected, abs=0.6)
    mean = right.mean()
    half = 196 * (mean * (1 - mean) / 200) ** 0.5
    assert [low, high] == pytest.approx([100 * mean - half, 100 * mean + half], abs=0.8)


@pytest.mark.parametrize("seed", range(3))
def test_an_interval_of_f1_draws_the_columns_together(seed: int) -> None:
    rng = np.random.default_rng(seed)
    predicted, gold = rng.integers(0, 5, 150), rng.integers(0, 5, 150)
    correct = rng.integers(0, np.minimum(predicted, gold) + 1)
    found = interval([correct, predicted, gold], of_f1, draws=20_000)
    assert found == pytest.approx(by_loop([correct, predicted, gold], f1_by_hand, 4000, 99), abs=0.8)


def test_f1_of_a_hand_worked_file() -> None:
    # 3 right of 4 said and 6 true: precision 75, recall 50, F1 60
    assert of_f1(np.array([1, 2]), np.array([2, 2]), np.array([1, 5])) == pytest.approx(60)
    assert of_f1(np.zeros(3), np.zeros(3), np.zeros(3)) == 0
    both = of_f1(np.array([[1, 0], [0, 0]]), np.array([[1, 0], [2, 0]]), np.array([[1, 0], [0, 2]]), axis=1)
    assert list(both) == [100, 0]
    assert of_means(np.array([0, 1, 1, 0.5])) == 62.5


def test_a_seed_repeats_and_units_that_agree_leave_no_doubt() -> None:
    right = np.random.default_rng(1).random(50)
    assert interval([right], seed=3) == interval([right], seed=3) != interval([right], seed=4)
    assert interval([np.ones(40)]) == [100, 100]
    assert interval([np.zeros(40)] * 3, of_f1) == [0, 0]


def test_of_one_unit_nothing_is_known() -> None:
    assert interval([np.array([0.25])]) == [25, 25]


def test_many_units_are_drawn_in_parts() -> None:
    """More than fits one part gives the same interval as one that does."""
    right = np.arange(30_000) % 2
    low, high = interval([right], draws=400)
    assert low == pytest.approx(50 - 0.566, abs=0.15)
    assert high == pytest.approx(50 + 0.566, abs=0.15)
