"""The linear probe and the few-shot curve: what a linear classifier makes of a model's frozen features.

A logistic regression is fitted by L-BFGS with at most 1,000 iterations. How strongly it is regularised is found on a
validation split: powers of ten from 10^-6 to 10^6 in steps of 100, then half the step around the best, down to an
eighth of a decade. For the figure over all photographs the split is then given back and the classifier fitted again.
Features are the embeddings, of unit length; the paper takes those before the projection.

References:
    Radford et al., Learning Transferable Visual Models From Natural Language Supervision, ICML 2021, appendix A.3.
"""

import warnings
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression
from torch import Tensor

from clip_event.evaluation.intervals import interval
from clip_event.evaluation.labels import read_labels
from clip_event.evaluation.photographs import photographs
from clip_event.zeroshot.classifiers import classifier, ensembles
from clip_event.zeroshot.model import ClipEvent
from templates.formats import read_ontology

Json = dict[str, Any]
Floats = NDArray[np.float64]
SHOTS = (1, 2, 4, 8, 16)
LEAST, MOST, FINEST = -6.0, 6.0, 1 / 8
"""Decades of C, the inverse of the regularisation's strength."""
ITERATIONS = 1000
SHARE = 0.2


@dataclass(frozen=True)
class Data:
    """Features and classes to learn from and to be asked about.

    Attributes:
        train, test: (N, D), (M, D).
        train_labels, test_labels: (N,), (M,), numbers of classes.
    """

    train: Floats
    train_labels: NDArray[np.int64]
    test: Floats
    test_labels: NDArray[np.int64]

    @cached_property
    def held_out(self) -> NDArray[np.bool_]:
        """(N,), the validation split: a fifth of each class's photographs, at least one of a class with two."""
        held = np.zeros(len(self.train), bool)
        draw = np.random.default_rng(0)
        for label in np.unique(self.train_labels):
            rows = draw.permutation(np.flatnonzero(self.train_labels == label))
            held[rows[: max(1, round(SHARE * len(rows)))] if len(rows) > 1 else []] = True
        return held


def fitted(features: Floats, labels: NDArray[np.int64], strength: float) -> LogisticRegression:
    """The classifier with C = `strength`."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)  # the paper too stops at 1,000
        return LogisticRegression(C=strength, max_iter=ITERATIONS).fit(features, labels)


def sweep(score: Callable[[float], float]) -> float:
    """The C with the highest score, found by halving steps; of equal ones the smallest.

    Args:
        score: of a C, on the validation split.
    """
    found: dict[float, float] = {}

    def peak(decades: Sequence[float]) -> float:
        for decade in decades:
            if decade not in found and LEAST <= decade <= MOST:
                found[decade] = score(10**decade)
        return min(found, key=lambda decade: (-found[decade], decade))

    step = 2.0
    best = peak(np.arange(LEAST, MOST + step, step).tolist())
    while step > FINEST:
        step /= 2
        best = peak([best - step, best + step])
    return float(10**best)


def linear(data: Data) -> tuple[NDArray[np.bool_], float]:
    """Which test photographs (M,) a probe over all of `train` tells rightly, and its C."""
    strength = _strength(data, ~data.held_out)
    model = fitted(data.train, data.train_labels, strength)
    return model.predict(data.test) == data.test_labels, strength


def drawn(data: Data, shots: int, seed: int) -> NDArray[np.bool_]:
    """(N,), `shots` photographs of each class, or all that it has, outside the validation split."""
    draw, rows = np.random.default_rng(seed), np.flatnonzero(~data.held_out)
    labels = data.train_labels[rows]
    taken = np.zeros(len(data.train), bool)
    for label in np.unique(labels):
        taken[draw.permutation(rows[labels == label])[:shots]] = True
    return taken


def few(data: Data, shots: int, seed: int) -> tuple[NDArray[np.bool_], float]:
    """As `linear`, of a probe over a draw of a few photographs."""
    taken = drawn(data, shots, seed)
    strength = _strength(data, taken)
    model = fitted(data.train[taken], data.train_labels[taken], strength)
    return model.predict(data.test) == data.test_labels, strength


def _strength(data: Data, learnt: NDArray[np.bool_]) -> float:
    """By the validation split; 1 where there is none, since no class has two photographs."""
    held = data.held_out
    if not held.any():
        return 1.0

    def score(strength: float) -> float:
        model = fitted(data.train[learnt], data.train_labels[learnt], strength)
        return float(np.mean(model.predict(data.train[held]) == data.train_labels[held]))

    return sweep(score)


def figures(right: NDArray[Any], labels: NDArray[np.int64]) -> Json:
    """Per cent: accuracy with its interval over photographs, and the mean of the classes' accuracies.

    Args:
        right: (M,), whether right, or how often of several draws.
    """
    each = [right[labels == label].mean() for label in np.unique(labels)]
    return {"accuracy": 100 * float(right.mean()), "interval": interval(right), "mean_per_class": 100 * np.mean(each)}


def probe(
    model: ClipEvent,
    train: str | Path,
    test: str | Path,
    images: str | Path,
    *,
    ontology: str | Path = "news",
    shots: Sequence[int] = SHOTS,
    seeds: int = 3,
    batch_size: int = 64,
    workers: int = 2,
    progress: Callable[[int], None] | None = None,
) -> Json:
    """Zero-shot, few-shot and linear-probe accuracy on the photographs of `test`, per cent.

    Args:
        train, test: see `read_labels`.
        images: the folder of the photographs.
        ontology: a class that is one of its types is asked as `classify` does, any other as "A photo of X.".
        shots: photographs of each class.
        seeds: how many draws of them.
        progress: called with how many photographs are embedded.

    Returns:
        `zero_shot`, `few_shot` by the number of shots, `linear_probe`: each as `figures`, the fitted ones with their
        `C`, few-shot ones with the accuracy of all `draws` and the classes in `short` of photographs. And what does not
        add up: `unlabelled`, `missed`, `in_both`, classes `only_in_test` (which no probe can tell; counted wrong).

    Raises:
        ValueError: no photograph with a class, one class only, shots below 1, fewer than 1 seed.
        InputError: see `read_labels`.
        MissingPictures: see `photographs`.
    """
    if seeds < 1 or min(shots, default=1) < 1:
        raise ValueError(f"found shots={list(shots)} and seeds={seeds}, expected 1 or more of each")
    given = [read_labels(train), read_labels(test)]
    names = [name for one in given for name in one.images]
    seen = photographs(model, names, images, batch_size=batch_size, workers=workers, progress=progress)
    classes = sorted({label for one in given for label in one.labels})
    sides: list[Any] = []
    for path, one in zip((train, test), given, strict=True):
        there = [(seen.row[name], label) for name, label in zip(one.images, one.labels, strict=True) if name in seen]
        if not there:
            raise ValueError(f"{path}: no photograph with a label or a salient event, so there is nothing to measure")
        sides += [
            seen.image[[row for row, _ in there]].double().numpy(),
            np.array([classes.index(label) for _, label in there]),
        ]
    data = Data(*sides)
    learnt = Counter(classes[label] for label in data.train_labels)
    if len(learnt) < 2:
        raise ValueError(f"{train}: one class only, {classes[data.train_labels[0]]!r}; a probe needs two to tell apart")
    asked = _asked(model, classes, ontology).double().numpy()
    right = (data.test @ asked.T).argmax(1) == data.test_labels
    available = Counter(classes[label] for label in data.train_labels[~data.held_out])
    return {
        "train": len(data.train),
        "test": len(data.test),
        "classes": len(classes),
        "zero_shot": figures(right, data.test_labels),
        "few_shot": {str(number): _few_shot(data, number, seeds, available) for number in shots},
        "linear_probe": _linear(data),
        "unlabelled": sum(one.unlabelled for one in given),
        "missed": len(seen.missed),
        "in_both": len(set(given[0].images) & set(given[1].images)),
        "only_in_test": dict(sorted(Counter(name for name in given[1].labels if name not in learnt).items())),
    }


def _few_shot(data: Data, shots: int, seeds: int, available: Counter[str]) -> Json:
    draws = [few(data, shots, seed) for seed in range(seeds)]
    rights = np.array([right for right, _ in draws], float)
    found = figures(rights.mean(0), data.test_labels)
    short = {name: number for name, number in sorted(available.items()) if number < shots}
    return found | {"draws": (100 * rights.mean(1)).tolist(), "C": [strength for _, strength in draws], "short": short}


def _linear(data: Data) -> Json:
    right, strength = linear(data)
    return figures(right, data.test_labels) | {"C": strength}


def _asked(model: ClipEvent, classes: Sequence[str], ontology: str | Path) -> Tensor:
    """(classes, D): the rows of the zero-shot classifier, and one prompt for each class that is no event type."""
    known = None if str(ontology) == "open" else read_ontology(ontology)
    types = {name: known.find(name) for name in classes} if known else {}
    own = {name: template.name for name, template in types.items() if template}
    others = [name for name in classes if name not in own]
    rows = dict(zip(others, ensembles(model, [(f"A photo of {name}.",) for name in others]), strict=True))
    if known and own:
        rows |= zip(own, classifier(model, known).only(list(own.values())).weight, strict=True)
    return torch.stack([rows[name] for name in classes])
