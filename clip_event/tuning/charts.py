"""Geometry of the report's charts: values to places in px. The template draws them as inline SVG."""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from statistics import mean

from clip_event.tuning.history import Evaluation, Pairs

WIDTH, HEIGHT, TALL = 360, 170, 220
LEFT, RIGHT, TOP, BOTTOM = 46, 12, 12, 24
"""Space around a chart's field, in px."""
BAR, ROW, FIELD = 11, 50, 296
"""Height of a bar and of a kind's row, and the length of a bar of 100 %, in px."""
POINTS = 300


@dataclass(frozen=True)
class Axis:
    """Values from `low` to `high`, whole numbers of `step`, on the px from `start` to `end`."""

    low: float
    high: float
    step: float
    start: float
    end: float

    def at(self, value: float) -> float:
        """The place of a value, in px."""
        return self.start + (value - self.low) / (self.high - self.low) * (self.end - self.start)

    @property
    def ticks(self) -> list[tuple[float, str]]:
        """Places and labels of the round values, three to eight of them."""
        values = [number * self.step for number in range(round(self.low / self.step), round(self.high / self.step) + 1)]
        return [(self.at(value), f"{value:.10g}".replace("-", "−")) for value in values]


def axis(values: Iterable[float], start: float, end: float) -> Axis:
    """An axis that holds all the values, between multiples of 1, 2 or 5 times a power of ten."""
    low, high = min(values := list(values)), max(values)
    if high - low <= 1e-6 * max(abs(low), abs(high)):
        low, high = low - (abs(low) or 1) / 2, high + (abs(high) or 1) / 2
    half = (high - low) / 2
    power = 10.0 ** math.floor(math.log10(half))
    step = next(step for step in (5 * power, 2 * power, power) if step <= half * (1 + 1e-9))
    return Axis(math.floor(low / step + 1e-9) * step, math.ceil(high / step - 1e-9) * step, step, start, end)


@dataclass(frozen=True)
class Curve:
    """A value by step: `path` in px, and `alt` in words."""

    name: str
    path: str
    x: Axis
    y: Axis
    last: float
    alt: str


def curve(name: str, points: Sequence[tuple[int, float | None]]) -> Curve | None:
    """A curve of the finite points, of at most 300: where there are more, means of neighbours. None where none is."""
    finite = [(float(step), value) for step, value in points if value is not None and math.isfinite(value)]
    if not finite:
        return None
    size = math.ceil(len(finite) / POINTS)
    groups = [finite[at : at + size] for at in range(0, len(finite), size)]
    means = [(mean(step for step, _ in group), mean(value for _, value in group)) for group in groups]
    x = axis((step for step, _ in means), LEFT, WIDTH - RIGHT)
    y = axis((value for _, value in means), HEIGHT - BOTTOM, TOP)
    places = [(x.at(step), y.at(value)) for step, value in means]
    if len(places) == 1:  # a line of no length, which its round ends make a dot
        places *= 2
    (first, start), (last, end) = finite[0], finite[-1]
    alt = f"{name} by step: {start:.4g} at step {first:,.0f}, {end:.4g} at step {last:,.0f}"
    return Curve(name, "M" + "L".join(f"{a:.1f} {b:.1f}" for a, b in places), x, y, end, alt)


@dataclass(frozen=True)
class Bar:
    """An accuracy and its 95 % interval: from 0 to 1, and in px."""

    name: str
    measured: Pairs
    y: float

    @property
    def width(self) -> float:
        return FIELD * self.measured.accuracy

    @property
    def whisker(self) -> tuple[float, float]:
        low, high = self.measured.interval
        return FIELD * low, FIELD * high


@dataclass(frozen=True)
class Row:
    """A kind of negatives with its bars, before and after, as far as they were measured."""

    kind: str
    y: float
    bars: tuple[Bar, ...]

    @property
    def pairs(self) -> str:
        """Their number; both where they differ."""
        return " and ".join(f"{number:,}" for number in dict.fromkeys(bar.measured.pairs for bar in self.bars))


def rows(before: Mapping[str, Pairs], after: Mapping[str, Pairs]) -> list[Row]:
    """A row for each kind that was measured before or after."""
    found = []
    for number, kind in enumerate(dict.fromkeys([*before, *after])):
        y = number * ROW + 18
        both = (("before", before, y + 6), ("after", after, y + 8 + BAR))
        bars = tuple(Bar(name, by_kind[kind], top) for name, by_kind, top in both if kind in by_kind)
        found.append(Row(kind, y, bars))
    return found


@dataclass(frozen=True)
class Point:
    """Weights at `alpha`: what they gain in roles and change in retrieval, in percentage points, and their place."""

    alpha: float
    gain: float
    change: float
    x: float
    y: float
    kept: bool


@dataclass(frozen=True)
class Trade:
    """The retention-gain curve."""

    points: list[Point]
    path: str
    x: Axis
    y: Axis


def trade(before: Evaluation | None, alphas: Sequence[Evaluation], kept: Evaluation | None) -> Trade | None:
    """Gain against change for each alpha; None where the start or fewer than two alphas were measured."""
    if before is None or before.recall is None or before.roles is None:
        return None
    found = [
        (one, 100 * (one.roles - before.roles), 100 * (one.recall - before.recall))
        for one in alphas
        if one.roles is not None and one.recall is not None
    ]
    if len(found) < 2:
        return None
    x = axis([0.0, *(change for _, _, change in found)], LEFT, WIDTH - RIGHT)
    y = axis([0.0, *(gain for _, gain, _ in found)], TALL - BOTTOM, TOP)
    points = [
        Point(one.alpha or 0.0, gain, change, x.at(change), y.at(gain), one is kept) for one, gain, change in found
    ]
    return Trade(points, "M" + "L".join(f"{p.x:.1f} {p.y:.1f}" for p in points), x, y)
