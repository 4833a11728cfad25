"""Gain against retention, one point a recipe, as an SVG for the documentation.

    python -m benchmarks.recipes.figure --out build/recipes -o docs/recipes.svg

Across: the change of retrieval (R@1, the mean of both ways) from the untuned model; up: the change of accuracy on
negatives, the mean of roles and events by hand and of the blind tier. Both in points. Up and to the right is better.
"""

import argparse
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from pathlib import Path
from statistics import mean
from typing import Any

from benchmarks.recipes.measures import GROUPS
from benchmarks.recipes.rows import MAIN, OURS, START
from benchmarks.recipes.table import figure, results
from clip_event.tuning.charts import Axis, axis
from templates.whole import whole

WIDTH, HEIGHT, LEFT, RIGHT, TOP, BOTTOM = 760, 460, 60, 150, 16, 50
LETTER, LINE = 6.4, 14
"""Mean width of a letter and distance of lines of the 12 px labels, in px."""


@dataclass(frozen=True)
class Point:
    """A recipe: points of retrieval and accuracy above the untuned model."""

    name: str
    kept: float
    gain: float


def points(found: dict[str, list[dict[str, Any]]]) -> list[Point]:
    """Of every row that is done."""
    made = {}
    for row, runs in found.items():
        made[row] = [
            mean(figure(runs, column) for column in group)
            for group in (GROUPS["retrieval"], (*GROUPS["roles"], *GROUPS["events"]))
        ]
    kept, gain = made[START]
    return [Point(row, a - kept, b - gain) for row, (a, b) in made.items()]


def labels(places: Sequence[tuple[float, float, str]]) -> list[tuple[float, float]]:
    """Where each label begins: beside its point, moved down or up until it covers no other label and no point."""
    taken = [(x - 5, y - 5, x + 5, y + 5) for x, y, _ in places]
    found = []
    for x, y, name in places:
        for step in sorted(range(-9, 10), key=abs):
            box = (x + 8, y + step * LINE - 7, x + 8 + LETTER * len(name), y + step * LINE + 7)
            if not any(a < box[2] and c > box[0] and b < box[3] and d > box[1] for a, b, c, d in taken):
                break
        taken.append(box)
        found.append((box[0], box[1] + 11))
    return found


def svg(made: Sequence[Point]) -> str:
    """The figure; readable on light and dark pages."""
    x = axis([0.0, *(point.kept for point in made)], LEFT, WIDTH - RIGHT)
    y = axis([0.0, *(point.gain for point in made)], HEIGHT - BOTTOM, TOP)
    places = [(x.at(point.kept), y.at(point.gain), point.name.removeprefix(f"{OURS}, ")) for point in made]
    lines = [*_axes(x, y)]
    for (cx, cy, name), (at, line) in zip(places, labels(places), strict=True):
        kind = "main" if name in (START, *MAIN) else "part"
        if abs(line - 4 - cy) > LINE / 2:
            lines.append(f'<path class="lead" d="M{cx:.1f} {cy:.1f}L{at - 1:.1f} {line - 4:.1f}"/>')
        lines.append(f'<circle class="{kind}" cx="{cx:.1f}" cy="{cy:.1f}" r="{5 if kind == "main" else 3.5}"/>')
        lines.append(f'<text class="{kind}" x="{at:.1f}" y="{line:.1f}">{escape(name)}</text>')
    style = (
        "text{font:12px system-ui,Arial,sans-serif;fill:#5c6370}text.main{font-weight:bold;fill:#1f5fa8}"
        "circle.main{fill:#1f5fa8}circle.part{fill:#8a909c}path{fill:none;stroke:#e6e2d8}path.zero,path.lead{stroke:#8a909c}"
        "rect{fill:#fbfaf7}"
    )
    about = "Change of accuracy on hard negatives against change of retrieval, one point a recipe"
    head = f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-label="{about}">'
    return "\n".join([head, f"<style>{style}</style>", '<rect width="100%" height="100%"/>', *lines, "</svg>\n"])


def _axes(x: Axis, y: Axis) -> list[str]:
    made = []
    for at, said in x.ticks:
        zero = ' class="zero"' if said == "0" else ""
        made.append(f'<path{zero} d="M{at:.1f} {TOP}V{HEIGHT - BOTTOM}"/>')
        made.append(f'<text x="{at:.1f}" y="{HEIGHT - BOTTOM + 18}" text-anchor="middle">{said}</text>')
    for at, said in y.ticks:
        zero = ' class="zero"' if said == "0" else ""
        made.append(f'<path{zero} d="M{LEFT} {at:.1f}H{WIDTH - RIGHT}"/>')
        made.append(f'<text x="{LEFT - 8}" y="{at + 4:.1f}" text-anchor="end">{said}</text>')
    middle = (TOP + HEIGHT - BOTTOM) / 2
    made.append(
        f'<text x="{(LEFT + WIDTH - RIGHT) / 2}" y="{HEIGHT - 10}" text-anchor="middle">retrieval R@1, points</text>'
    )
    made.append(
        f'<text transform="rotate(-90 16 {middle})" x="16" y="{middle}" text-anchor="middle">'
        "accuracy on negatives, points</text>"
    )
    return made


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, required=True, help="folder of the comparison")
    parser.add_argument("-o", "--figure", type=Path, required=True)
    given = parser.parse_args()
    with whole(given.figure) as file:
        file.write(svg(points(results(given.out))))


if __name__ == "__main__":
    main()
