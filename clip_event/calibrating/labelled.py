"""Photographs whose event is known: `events.jsonl` with images, gold or as `extract` reads it from captions."""

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import torch
from torch import Tensor

from clip_event.evaluation.photographs import photographs
from clip_event.pictures.folders import find_pictures
from clip_event.pictures.reading import PictureError
from clip_event.zeroshot.model import ClipEvent
from extraction.records import Bad, InputError, read_rows, with_events
from templates.events import CaptionEvents, Event
from templates.ontology import Ontology


@dataclass
class Labelled:
    """What a file says.

    Attributes:
        images: as the records name them.
        events: what each photograph shows; None where it shows no event.
        unclear: records with events of which none is marked as what the photograph shows; they are left out.
        bad: records that cannot be used.
    """

    images: list[str] = field(default_factory=list)
    events: list[Event | None] = field(default_factory=list)
    unclear: int = 0
    bad: list[Bad] = field(default_factory=list)

    @property
    def left_out(self) -> dict[str, int]:
        """Records that are not used, by why."""
        return {"bad": len(self.bad), "unclear": self.unclear}

    @property
    def types(self) -> list[str]:
        """The different types, by name."""
        return sorted({event.type for event in self.events if event})


def read_labelled(source: str | Path, ontology: Ontology | None) -> Labelled:
    """Photographs and their salient events.

    Args:
        source: records as `extraction.records.read_rows` reads them, with `image`, `events` and `salient`.
        ontology: None for the open one.

    Raises:
        InputError: the file cannot be read, or none of its records can be used; with the first reason.
    """
    found = Labelled()
    for line, row in read_rows(source):
        record = _record(line, row, ontology)
        if isinstance(record, Bad):
            found.bad.append(record)
        elif record.events and record.salient is None:
            found.unclear += 1
        else:
            found.images.append(str(record.image))
            found.events.append(record.shown())
    if not found.images:
        first = f"; the first reason: line {found.bad[0].line}: {found.bad[0].reason}" if found.bad else ""
        raise InputError(f"{source}: no photograph with a known event, expected records with image and events{first}")
    return found


def _record(line: int, row: dict[str, object] | Bad, ontology: Ontology | None) -> CaptionEvents | Bad:
    record = with_events(line, row, ontology)
    return record if isinstance(record, Bad) or record.image else Bad(line, "has no image, expected a path", record.id)


def images_without_event(source: str | Path) -> tuple[list[str], Path]:
    """Photographs that show no event, and the folder they are relative to.

    Args:
        source: a folder, of which every picture is taken, or JSONL of objects with `image`, relative to its folder.

    Raises:
        InputError: there is no such place, no picture in it, or a line without `image`.
    """
    path = Path(source)
    root = path if path.is_dir() else path.parent
    names = []
    for key, found in find_pictures([path]):
        name = os.path.relpath(key, root) if isinstance(key, str) else key.get("image")
        no_record = isinstance(key, str) and path.is_file() and isinstance(found, PictureError)
        if no_record or not isinstance(name, str):
            raise InputError(str(found))
        names.append(name)  # one that cannot be read is counted where it is embedded
    if not names:
        raise InputError(f"{path}: names no picture")
    return names, root


def embed(
    model: ClipEvent,
    images: Sequence[str],
    root: str | Path,
    *,
    batch_size: int = 64,
    workers: int = 2,
    progress: Callable[[int], None] | None = None,
) -> tuple[Tensor, list[int]]:
    """(N, D) of the photographs that can be read, and their places in `images`.

    Raises:
        MissingPictures: 5 % or more cannot be read.
    """
    seen = photographs(model, images, root, batch_size=batch_size, workers=workers, progress=progress)
    places = [place for place, name in enumerate(images) if name in seen]
    return seen.image[torch.tensor([seen.row[images[place]] for place in places], dtype=torch.long)], places
