"""Photographs with one class each: the event that they show, or a label of the user's."""

import gzip
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from extraction.records import Bad, jsonl_rows


@dataclass(frozen=True)
class Labelled:
    """Photographs with one class each.

    Attributes:
        images, labels: of each, equally many.
        unlabelled: how many records show no event and are left out.
    """

    images: list[str]
    labels: list[str]
    unlabelled: int


def labelled(path: str | Path) -> Labelled:
    """The `image` of each record with its `label`, or else the type of its salient event.

    Args:
        path: JSONL, also .gz.

    Raises:
        ValueError: a line that is no record, has no image, or neither a label nor events.
        FileNotFoundError: no such file.
    """
    images, labels, unlabelled = [], [], 0
    path = Path(path)
    with gzip.open(path) if path.suffix == ".gz" else path.open("rb") as lines:
        for number, row in jsonl_rows(lines):
            try:
                label = _label(row)
            except ValueError as error:
                raise ValueError(f"{path}:{number}: {error}") from None
            if label is None:
                unlabelled += 1
            else:
                images.append(row["image"])
                labels.append(label)
    return Labelled(images, labels, unlabelled)


def _label(row: Any) -> str | None:
    """None where no event is shown."""
    if isinstance(row, Bad):
        raise ValueError(row.reason)
    if not isinstance(row, dict) or not isinstance(row.get("image"), str):
        raise ValueError("expected an object with an image, its path")
    if "label" in row:
        if not isinstance(label := row["label"], str | None):
            raise ValueError(f"label is {label!r}, expected a string or null")
        return label
    if not isinstance(events := row.get("events"), list):
        raise ValueError("expected a label, or events and salient as extract writes them")
    types = {event.get("id"): event.get("type") for event in events if isinstance(event, dict)}
    if (salient := row.get("salient")) is None:
        return None
    if not isinstance(found := types.get(salient), str):
        raise ValueError(f"salient is {salient!r}, expected one of the events {list(types)}")
    return found
