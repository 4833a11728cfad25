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


def of_totals(
    units: np.ndarray, figures: Callable[[np.ndarray], np.ndarray], *, draws: int = DRAWS, seed: int = 0
) -> list[list[float]]:
    """The 95 % percentile intervals of many figures of one resampling, where all are functions of columns' sums.

    As `interval`, at the cost of one matrix product for all of them: a resample is how often each unit was drawn.

    Args:
        units: (units, columns).
        figures: sums, (draws, columns), to figures, (draws, figures); NaN where a resample has nothing of one.

    Returns:
        Lower and upper bound of each figure; twice the figure itself where there are fewer than two units.
    """
    if len(units) < 2:
        return [[float(figure)] * 2 for figure in figures(units.sum(0, keepdims=True))[0]]
    rng, found, chances = np.random.default_rng(seed), [], np.full(len(units), 1 / len(units))
    size = max(1, CELLS // len(units))
    for start in range(0, draws, size):
        drawn = rng.multinomial(len(units), chances, size=min(size, draws - start))
        found.append(figures(drawn.astype(float) @ units))
    bounds: list[list[float]] = np.nanpercentile(np.concatenate(found), (2.5, 97.5), axis=0).T.tolist()
    return bounds
