"""Photographs with one class each: the event that they show, or a label of the user's.

`clip_event.calibrating.labelled` reads events themselves, from records with captions, and goes on over bad ones.
"""

from dataclasses import dataclass
from pathlib import Path

from pydantic import BaseModel, ConfigDict, TypeAdapter, model_validator

from clip_event.evaluation.files import read_jsonl


@dataclass(frozen=True)
class Labels:
    """Photographs with one class each.

    Attributes:
        images, labels: of each, equally many.
        unlabelled: how many records show no event and are left out.
    """

    images: list[str]
    labels: list[str]
    unlabelled: int


class _Event(BaseModel):
    id: str
    type: str


class _Record(BaseModel):
    model_config = ConfigDict(strict=True)

    image: str
    label: str | None = None
    events: list[_Event] | None = None
    salient: str | None = None

    @property
    def shown(self) -> str | None:
        """Its class; None where no event is shown."""
        if "label" in self.model_fields_set:
            return self.label
        return next((event.type for event in self.events or () if event.id == self.salient), None)

    @model_validator(mode="after")
    def _has_a_class(self) -> "_Record":
        if "label" not in self.model_fields_set:
            if self.events is None:
                raise ValueError("expected a label, or events and salient as extract writes them")
            if self.salient is not None and self.shown is None:
                ids = [event.id for event in self.events]
                raise ValueError(f"salient is {self.salient!r}, expected one of the events {ids}")
        return self


def read_labels(path: str | Path) -> Labels:
    """The `image` of each record with its `label`, or else the type of its salient event.

    Args:
        path: JSONL, also .gz.

    Raises:
        InputError: no such file, or a line that is no record, has no image, or neither a label nor events.
    """
    rows = [(row.image, row.shown) for _, row in read_jsonl(path, TypeAdapter(_Record))]
    known = [(image, label) for image, label in rows if label is not None]
    return Labels([image for image, _ in known], [label for _, label in known], len(rows) - len(known))
