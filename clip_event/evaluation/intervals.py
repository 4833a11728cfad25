"""How far a figure would move with other photographs: bootstrap intervals."""

from collections.abc import Callable, Sequence

import numpy as np
from scipy.stats import bootstrap

DRAWS = 1000
CELLS = 10_000_000  # of resampled values in memory at a time


def of_means(*columns: np.ndarray, axis: int = -1) -> np.ndarray:
    """Per cent: the mean of one column."""
    means: np.ndarray = 100 * np.mean(columns[0], axis=axis)
    return means


def of_f1(correct: np.ndarray, predicted: np.ndarray, gold: np.ndarray, axis: int = -1) -> np.ndarray:
    """Per cent: F1 from how many of each unit are correct, predicted and in gold; 0 where there are none."""
    both = predicted.sum(axis) + gold.sum(axis)
    f1: np.ndarray = 200 * correct.sum(axis) / np.maximum(both, 1)
    return f1


def interval(
    columns: Sequence[np.ndarray], statistic: Callable[..., np.ndarray] = of_means, *, draws: int = DRAWS, seed: int = 0
) -> list[float]:
    """The 95 % percentile interval of a statistic when units (photographs, mostly) are drawn again.

    What belongs to one unit has to be summed up before: pairs of one photograph are not independent.

    Args:
        columns: one or several (units,), drawn together.
        statistic: of the columns along `axis`.
        seed: the same one gives the same interval.

    Returns:
        Lower and upper bound; twice the statistic itself where there are fewer than two units.

    References:
        Efron and Tibshirani, An Introduction to the Bootstrap, 1993, chapter 13.
    """
    columns = [np.asarray(column, dtype=float) for column in columns]
    if len(columns[0]) < 2:
        return [float(statistic(*columns))] * 2
    found = bootstrap(
        columns,
        statistic,
        paired=True,
        vectorized=True,
        n_resamples=draws,
        batch=max(1, CELLS // len(columns[0])),
        method="percentile",
        rng=np.random.default_rng(seed),
    ).confidence_interval
    return [float(found.low), float(found.high)]
