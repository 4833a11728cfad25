"""Precision, recall and F1 from what each unit (a photograph, a sentence) has predicted, in gold and right."""

from collections.abc import Callable, Sequence
from operator import eq
from typing import Any, NamedTuple, TypeVar

import numpy as np
from scipy.sparse import csr_array
from scipy.sparse.csgraph import maximum_bipartite_matching

from clip_event.evaluation.intervals import intervals

T = TypeVar("T")


class Count(NamedTuple):
    """Items of one unit."""

    correct: int
    predicted: int
    gold: int


def count(predicted: Sequence[T], gold: Sequence[T], same: Callable[[T, T], bool] = eq) -> Count:
    """Items that are right: the largest one-to-one matching, which the order of the items does not change."""
    if not predicted or not gold:
        return Count(0, len(predicted), len(gold))
    pairs = csr_array(np.array([[same(mine, theirs) for theirs in gold] for mine in predicted]))
    partner = maximum_bipartite_matching(pairs, perm_type="column")
    return Count(int((partner >= 0).sum()), len(predicted), len(gold))


def figures(counts: Sequence[Count]) -> dict[str, Any]:
    """Precision, recall and F1 over all units, per cent, with F1's 95 % interval over units and the sums.

    A figure whose denominator is 0 is 0.
    """
    units = np.array(counts, dtype=float).reshape(-1, 3)
    correct, predicted, gold = map(int, units.sum(0))
    return {
        "precision": 100 * correct / predicted if predicted else 0.0,
        "recall": 100 * correct / gold if gold else 0.0,
        "f1": float(f1(units.sum(0, keepdims=True))[0, 0]),
        "interval": intervals(units, f1)[0],
        "correct": correct,
        "predicted": predicted,
        "gold": gold,
    }


def f1(sums: np.ndarray) -> np.ndarray:
    """Per cent, (draws, 1), of sums of `Count`, (draws, 3)."""
    found: np.ndarray = 200 * sums[:, :1] / np.maximum(sums[:, 1:].sum(1, keepdims=True), 1)
    return found
