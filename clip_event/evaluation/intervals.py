"""How far a figure would move with other photographs: bootstrap intervals."""

from collections.abc import Callable
from typing import Any

import numpy as np
from scipy.sparse import csr_array

DRAWS = 1000
CELLS = 10_000_000  # of resampled values in memory at a time


def shares(sums: np.ndarray) -> np.ndarray:
    """Per cent, (draws, figures), of sums (draws, 2 * figures): what is right, and then of how many; NaN of none."""
    right, of = np.split(sums, 2, axis=1)
    with np.errstate(invalid="ignore"):
        found: np.ndarray = 100 * right / of
    return found


def intervals(
    units: np.ndarray | csr_array, figures: Callable[[Any], np.ndarray], *, draws: int = DRAWS, seed: int = 0
) -> list[list[float]]:
    """The 95 % percentile intervals of figures when units (photographs, mostly) are drawn again.

    All are of one resampling, at the cost of one matrix product: a resample is how often each unit was drawn. What
    belongs to one unit has to be summed up before: pairs of one photograph are not independent.

    Args:
        units: (units, columns).
        figures: sums of the columns, (draws, columns), to figures, (draws, figures); NaN where a resample has nothing
            of one.
        seed: the same one gives the same intervals.

    Returns:
        Lower and upper bound of each figure; twice the figure itself where there are fewer than two units.

    References:
        Efron and Tibshirani, An Introduction to the Bootstrap, 1993, chapter 13.
    """
    count = units.shape[0]
    if count < 2:
        return [[float(figure)] * 2 for figure in figures(np.ones((1, count)) @ units)[0]]
    rng, found, chances = np.random.default_rng(seed), [], np.full(count, 1 / count)
    size = max(1, CELLS // count)
    for start in range(0, draws, size):
        drawn = rng.multinomial(count, chances, size=min(size, draws - start))
        found.append(figures(drawn.astype(float) @ units))
    bounds: list[list[float]] = np.nanpercentile(np.concatenate(found), (2.5, 97.5), axis=0).T.tolist()
    return bounds


def interval(values: np.ndarray, *, draws: int = DRAWS, seed: int = 0) -> list[float]:
    """`intervals` of one figure: the mean of (units,), in per cent."""
    return intervals(np.asarray(values, float)[:, None], lambda sums: 100 * sums / len(values), draws=draws, seed=seed)[
        0
    ]
