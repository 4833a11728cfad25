"""Intervals against a bootstrap written as a loop, and against what the normal approximation says."""

import numpy as np
import pytest

from clip_event.evaluation.counts import Count, f1, figures
from clip_event.evaluation.intervals import interval, intervals, shares


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
    low, high = interval(right, draws=20_000)
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
    (found,) = intervals(np.stack([correct, predicted, gold], 1), f1, draws=20_000)
    assert found == pytest.approx(by_loop([correct, predicted, gold], f1_by_hand, 4000, 99), abs=0.8)


def test_f1_of_a_hand_worked_file() -> None:
    # 3 right of 4 said and 6 true: precision 75, recall 50, F1 60
    found = figures([Count(1, 2, 1), Count(2, 2, 5)])
    assert (found["precision"], found["recall"], found["f1"]) == (75, 50, pytest.approx(60))
    assert figures([])["interval"] == [0, 0]
    assert f1(np.array([[1, 3, 0], [0, 0, 0], [0, 0, 2]])).tolist() == [[200 / 3], [0], [0]]


@pytest.mark.parametrize("seed", range(3))
def test_an_interval_of_a_share_draws_what_is_right_and_of_how_many_together(seed: int) -> None:
    rng = np.random.default_rng(seed)
    of = rng.integers(1, 6, 150)
    right = rng.integers(0, of + 1)
    (found,) = intervals(np.stack([right, of], 1), shares, draws=20_000)
    assert found == pytest.approx(by_loop([right, of], lambda r, n: 100 * r.sum() / n.sum(), 4000, 99), abs=0.8)
    # the ratio's standard error, by linearisation
    error = 100 * np.std(right - of * right.sum() / of.sum()) / of.mean() / np.sqrt(len(of))
    assert found[1] - found[0] == pytest.approx(2 * 1.96 * error, rel=0.08)


def test_a_seed_repeats_and_units_that_agree_leave_no_doubt() -> None:
    right = np.random.default_rng(1).random(50)
    assert interval(right, seed=3) == interval(right, seed=3) != interval(right, seed=4)
    assert interval(np.ones(40)) == [100, 100]
    assert intervals(np.zeros((40, 3)), f1) == [[0, 0]]


def test_of_one_unit_nothing_is_known() -> None:
    assert interval(np.array([0.25])) == [25, 25]


def test_many_units_are_drawn_in_parts() -> None:
    """More than fits one part gives the same interval as one that does."""
    right = np.arange(30_000) % 2
    low, high = interval(right, draws=400)
    assert low == pytest.approx(50 - 0.566, abs=0.15)
    assert high == pytest.approx(50 + 0.566, abs=0.15)
