"""Pairs: a photograph, a text that is true of it and one that is false. Which is nearer?

The protocol of ARO, SugarCrepe, VALSE, BLA and Winoground. The true one has to be strictly nearer: a tie is wrong.
"""

from collections import Counter, defaultdict
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from clip_event.evaluation.benchmarks.pair import Benchmark, Pair
from clip_event.evaluation.benchmarks.read import read_pairs
from clip_event.evaluation.intervals import intervals, shares
from clip_event.evaluation.photographs import Photographs, photographs
from clip_event.pictures.missing import TOO_MANY, MissingPictures, too_many
from clip_event.pictures.reading import parted
from clip_event.zeroshot.model import ClipEvent

Figures = dict[tuple[str, ...], np.ndarray]
"""Where a figure stands in the result, to (pairs,) 1 where right, 0 where wrong, NaN where the pair does not count."""


def evaluate_pairs(
    model: ClipEvent,
    source: str | Path,
    images: str | Path,
    *,
    format: str = "auto",
    batch_size: int = 64,
    workers: int = 2,
    progress: Callable[[int], None] | None = None,
) -> dict[str, Any]:
    """How often the true text of a photograph is nearer to it than the false one.

    Args:
        source: a benchmark's file, or a folder of them; see `benchmarks.read.read_pairs`.
        images: the folder of the photographs.
        format: one of `benchmarks.read.FORMATS`.
        progress: called with how many photographs are done.

    Returns:
        Per cent: `accuracy` and `by_kind`; `macro`, the mean over kinds, where it is the authors' figure; `image`, how
        often the true photograph of a text is nearer to it than the false one, where there are false ones; `group`, how
        often a group has all of its `text`, all of its `image` and `both` right (Winoground's three scores); `rank`,
        the share of a group's texts that ranking all of them puts on the right side (BLA). The same again as
        `intervals` over photographs. Counts: `pairs`, `pairs_by_kind`, `photographs`, `missed` (pairs without their
        photograph), `left_out` (entries that the authors leave out).

    Raises:
        InputError: see `read_pairs`.
        MissingPictures: 5 % or more of the photographs or of the pairs cannot be used.
        FileNotFoundError: there is no such folder.
    """
    benchmark = read_pairs(source, format)
    names = (name for pair in benchmark.pairs for name in pair.images)
    seen = photographs(model, names, images, batch_size=batch_size, workers=workers, progress=progress)
    pairs = [pair for pair in benchmark.pairs if all(name in seen for name in pair.images)]
    missed = len(benchmark.pairs) - len(pairs)
    if too_many(missed, len(benchmark.pairs)):
        raise MissingPictures(
            f"{missed:,} of {len(benchmark.pairs):,} pairs have no photograph in {images}, expected less than "
            f"{TOO_MANY:.0%}; the first: {next(iter(seen.missed))}"
        )
    counted = Counter(pair.kind for pair in pairs)
    return {
        "format": benchmark.format,
        **_result(pairs, _figures(model, benchmark, pairs, seen), benchmark),
        "pairs": len(pairs),
        "pairs_by_kind": dict(sorted(counted.items())),
        "photographs": len({parted(pair.image)[0] for pair in pairs}),
        "missed": missed,
        "left_out": benchmark.left_out,
    }


def _figures(model: ClipEvent, benchmark: Benchmark, pairs: Sequence[Pair], seen: Photographs) -> Figures:
    texts = model.encode_texts([text for pair in pairs for text in (pair.positive, pair.negative)]).numpy()
    image = seen.image.numpy()
    rows = np.array([seen.row[pair.image] for pair in pairs])
    true, false = ((image[rows] * texts[side::2]).sum(-1) for side in (0, 1))
    right = (true > false).astype(float)
    figures: Figures = {("accuracy",): right}
    kinds = np.array([pair.kind for pair in pairs])
    figures |= {("by_kind", str(kind)): np.where(kinds == kind, right, np.nan) for kind in np.unique(kinds)}
    others = np.array([-1 if pair.negative_image is None else seen.row[pair.negative_image] for pair in pairs])
    right_image = np.where(others < 0, np.nan, true > (image[others] * texts[::2]).sum(-1))
    if (others >= 0).any():
        figures["image",] = right_image
    return figures | _of_groups(benchmark, pairs, (true, false), right, right_image)


def _of_groups(
    benchmark: Benchmark,
    pairs: Sequence[Pair],
    scores: tuple[np.ndarray, np.ndarray],
    right: np.ndarray,
    right_image: np.ndarray,
) -> Figures:
    """Of groups that no pair was missed of; each counts where its first pair stands."""
    sizes = Counter(pair.group for pair in benchmark.pairs if pair.group is not None)
    groups = defaultdict(list)
    for number, pair in enumerate(pairs):
        if pair.group is not None:
            groups[pair.group].append(number)
    figures: Figures = defaultdict(lambda: np.full(len(pairs), np.nan))
    for name, rows in groups.items():
        if len(rows) < sizes[name]:
            continue
        figures["group", "text"][rows[0]] = right[rows].all()
        if not np.isnan(right_image[rows]).any():
            figures["group", "image"][rows[0]] = right_image[rows].all()
            figures["group", "both"][rows[0]] = right[rows].all() and right_image[rows].all()
        elif len({pairs[row].image for row in rows}) == 1:
            figures["rank",][rows[0]] = _ranked(scores[0][rows], scores[1][rows])
    return dict(figures)


def _ranked(true: np.ndarray, false: np.ndarray) -> float:
    """The share of texts on the right side when the better half is taken for true; of equals a false one goes first."""
    order = np.argsort(-np.concatenate([false, true]), kind="stable")
    return float((order[: len(true)] >= len(false)).mean())


def _result(pairs: Sequence[Pair], figures: Figures, benchmark: Benchmark) -> dict[str, Any]:
    """The figures in per cent and their intervals, each where it stands."""
    table = np.stack(list(figures.values()), 1)
    units = _units(pairs)
    sums = [np.zeros((units.max() + 1, table.shape[1])) for _ in range(2)]
    for total, column in zip(sums, (np.nan_to_num(table), ~np.isnan(table)), strict=True):
        np.add.at(total, units, column)
    averaged = [n for n, place in enumerate(figures) if place[0] == "by_kind" and place[1] in benchmark.averaged]

    def per_cent(totals: np.ndarray) -> np.ndarray:
        found = shares(totals)
        kinds = found[:, averaged]
        with np.errstate(invalid="ignore"):
            macro = np.nansum(kinds, 1) / (~np.isnan(kinds)).sum(1)
        return np.column_stack([found, macro]) if averaged else found

    columns = np.concatenate(sums, 1)
    places = [*figures, ("macro",)] if averaged else list(figures)
    found = per_cent(columns.sum(0, keepdims=True))[0].tolist()
    return _nested(places, found) | {"intervals": _nested(places, intervals(columns, per_cent))}


def _units(pairs: Sequence[Pair]) -> np.ndarray:
    """(pairs,) which photograph each is of; a group is of its first pair's."""
    of_group: dict[str | None, str] = {}
    names = [pair.image if pair.group is None else of_group.setdefault(pair.group, pair.image) for pair in pairs]
    return np.unique([parted(name)[0] for name in names], return_inverse=True)[1]


def _nested(places: Sequence[tuple[str, ...]], values: Sequence[Any]) -> dict[str, Any]:
    result: dict[str, Any] = {}
    for (name, *rest), value in zip(places, values, strict=True):
        if rest:
            result.setdefault(name, {})[rest[0]] = value
        else:
            result[name] = value
    return result
