"""Dev photographs with their events, hard negatives, and scores before and after tuning, on one page.

    python -m benchmarks.recipes.page --photographs FOLDER --events build/recipes/data/dev.events.jsonl \\
        --before mini --after build/recipes/runs/event-0.0001-0 -o build/photographs.html

For looking at, not for publishing: the page holds the photographs, which belong to their authors.
"""

import argparse
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from jinja2 import ChoiceLoader, PackageLoader
from torch import Tensor

from benchmarks.recipes.measures import drawn_from
from clip_event.page import Mark, marks
from clip_event.sealed import engine, sealed
from clip_event.tuning.report import picture, signed
from clip_event.zeroshot.model import ClipEvent
from templates.events import CaptionEvents, read_events
from templates.pairs import Wanted, described
from templates.whole import whole

SHOWN = 40
WANTED = Wanted(("sentence",), {"event": 2, "role": 2, "filler": 1}, salient_only=True)


@dataclass(frozen=True)
class Text:
    """A text with its cosine, times 100, before and after; `kind` is empty of the true one."""

    kind: str
    text: str
    before: float
    after: float


@dataclass(frozen=True)
class Card:
    """A photograph. `nearest` says, before and after, whether its true text is the nearest."""

    name: str
    picture: str | None
    marks: list[Mark]
    event: dict[str, Any]
    texts: list[Text]

    @property
    def nearest(self) -> tuple[bool, bool]:
        true, *false = self.texts
        return all(true.before > one.before for one in false), all(true.after > one.after for one in false)


def chosen(events: Path, number: int = SHOWN) -> list[tuple[CaptionEvents, dict[str, Any]]]:
    """Captions with the description of their event, one a photograph; those with a role negative come first."""
    records = list(read_events(events))
    confusable = drawn_from(records)
    found: dict[str, tuple[CaptionEvents, dict[str, Any]]] = {}
    for record in records:
        for row in described(record, confusable, WANTED):
            if row["pairs"] and len(row["pairs"][0]["negatives"]) > 1:
                old = found.get(str(record.image))
                if old is None or _has_roles(row) > _has_roles(old[1]):
                    found[str(record.image)] = record, row
    every = max(1, len(found) // (2 * number))
    some = list(found.values())[::every]  # from all over the file
    return sorted(some, key=lambda one: not _has_roles(one[1]))[:number]


def _has_roles(row: dict[str, Any]) -> bool:
    return any(negative["kind"] == "role" for negative in row["pairs"][0]["negatives"])


def cards(before: ClipEvent, after: ClipEvent, events: Path, photographs: Path) -> Iterator[Card]:
    """The page's contents."""
    some = chosen(events)
    texts = [[("", row["pairs"][0]["positive"]), *_negatives(row)] for _, row in some]
    names = [str(record.image) for record, _ in some]
    scores = [_scores(model, [photographs / name for name in names], texts) for model in (before, after)]
    for (record, row), name, said, first, last in zip(some, names, texts, *scores, strict=True):
        rows = [Text(*one, *values) for one, *values in zip(said, first, last, strict=True)]
        shown = picture(name, [photographs])
        event = row["event"]
        yield Card(name, shown, list(marks({"caption": record.caption, "events": [event]})), event, rows)


def _negatives(row: dict[str, Any]) -> list[tuple[str, str]]:
    return [(negative["kind"], negative["text"]) for negative in row["pairs"][0]["negatives"]]


def _scores(
    model: ClipEvent, pictures: Sequence[Path], texts: Sequence[Sequence[tuple[str, str]]]
) -> list[list[float]]:
    image = model.encode_images(pictures)
    text: Tensor = model.encode_texts([said for one in texts for _, said in one])
    parts = text.split([len(one) for one in texts])
    return [(100 * part @ row).tolist() for part, row in zip(parts, image, strict=True)]


def render(found: Sequence[Card], before: str, after: str) -> str:
    """The page as HTML; it runs nothing and loads nothing."""
    environment = engine(autoescape=True)
    assert environment.loader is not None
    environment.loader = ChoiceLoader([PackageLoader("benchmarks.recipes", "."), environment.loader])
    environment.filters |= {"signed": signed, "cosine": lambda value: f"{value:.1f}".replace("-", "−")}
    style = sealed(environment, "photographs.css", pictures=True)
    kept = [sum(card.nearest[side] for card in found) for side in (0, 1)]
    return environment.get_template("photographs.html").render(
        cards=found, before=before, after=after, kept=kept, **style
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name, about in (("photographs", "their folder"), ("events", "events of the dev captions")):
        parser.add_argument(f"--{name}", type=Path, required=True, help=about)
    parser.add_argument("--before", default="mini")
    parser.add_argument("--after", required=True, help="a tuned model")
    parser.add_argument("-o", "--out", type=Path, required=True)
    given = parser.parse_args()
    before, after = (ClipEvent.load(name) for name in (given.before, given.after))
    found = list(cards(before, after, given.events, given.photographs))
    given.out.parent.mkdir(parents=True, exist_ok=True)
    with whole(given.out) as file:
        file.write(render(found, Path(given.before).name, Path(given.after).name))


if __name__ == "__main__":
    main()
