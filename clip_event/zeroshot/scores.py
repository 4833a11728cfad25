"""`clip-event score`: how well events fit photographs, pair by pair."""

import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from torch import Tensor

from clip_event.pictures.folders import Record, fault, find_pictures
from clip_event.pictures.reading import PictureError
from clip_event.written import Written, written
from clip_event.zeroshot.calibration import Calibration, calibration_for
from clip_event.zeroshot.classifiers import classifier
from clip_event.zeroshot.model import ClipEvent, Told, say
from clip_event.zeroshot.roles import Texts
from clip_event.zeroshot.stream import Seen, stream
from extraction.records import InputError
from templates.formats import read_ontology
from templates.ontology import Ontology

Json = dict[str, Any]
STYLES = ("sentence", "short", "type", "graph")


@dataclass
class Scored:
    """What a run did: records scored, their events, rows that could not be used, seconds."""

    records: int = 0
    scores: int = 0
    bad: int = 0
    seconds: float = 0.0


@dataclass(frozen=True)
class Asked:
    """A record with the texts of its events."""

    row: Record
    texts: tuple[str, ...]


def score(
    source: str | Path,
    out: str | Path = "-",
    *,
    model: ClipEvent,
    ontology: str | Path | Ontology = "news",
    style: str = "sentence",
    images: str | Path | None = None,
    calibration: str | Path | None = None,
    batch_size: int = 64,
    workers: int = 2,
    errors: str | Path | None = None,
    strict: bool = False,
    progress: Callable[[int], None] | None = None,
) -> Scored:
    """Score the events of each record against its photograph.

    A record holds an `image` and one `event`, or `events`, as `clip-event extract` writes them, say; an event is what
    `clip_event.say` takes. It comes out with `scores`, for each of its events `{"cosine", "probability"}`.

    Args:
        source: JSONL, also .gz, or `-`.
        out, errors, strict: see `clip_event.written.written`.
        ontology: `news`, `open`, or a file; that of the events.
        style: in which events are said.
        images: folder that pictures must lie in and are relative to; without it that of the source.
        calibration: file of `clip-event calibrate`; without it the model's own.
        progress: called with the number of records done.

    Raises:
        InputError: the source cannot be read; with `strict`, the first row that cannot be used.
        ValueError: an unknown style.
    """
    if style not in STYLES:
        raise ValueError(f"style {style!r}: events without their caption are said in {', '.join(STYLES)}")
    began, result = time.monotonic(), Scored()
    types = ontology if isinstance(ontology, Ontology) else None if str(ontology) == "open" else read_ontology(ontology)
    scorer = Scorer(model, calibration)
    with written(out, errors, strict=strict, source=source) as files:
        asked = _asked(source, types, style, images, files)
        for seen in stream(model, asked, batch_size=batch_size, workers=workers):
            for key, error in seen.missed:
                files.fault(fault(key.row, error))
            for key, scores in scorer(seen):
                files.row({**key.row, "scores": scores})
                result.scores += len(scores)
            result.records += len(seen.keys)
            if progress:
                progress(result.records + files.bad)
        result.bad = files.bad
    result.seconds = time.monotonic() - began
    return result


@dataclass(frozen=True)
class Scores:
    """Of photographs and texts: `cosine` and calibrated `probability`, (photographs, texts) each."""

    cosine: Tensor
    probability: Tensor


def scores(model: ClipEvent, image: Tensor, text: Tensor, calibration: Calibration | None = None) -> Scores:
    """Every photograph (I, D) against every text (T, D).

    A text's probability is that it is true of the photograph, against the event of any other photograph: how much
    nearer it is than prompts for photographs without event, at the model's own scale or as `calibrate` has fitted it.
    """
    calibration = calibration or calibration_for(model)
    cosine = image @ text.T
    level = classifier(model, ()).level(image)
    return Scores(cosine, calibration.pair(cosine - level[:, None]))


class Scorer:
    """Scores of photographs against their own texts; a text is embedded once while it is remembered."""

    def __init__(self, model: ClipEvent, calibration: str | Path | None = None) -> None:
        self.calibration, self.texts = calibration_for(model, calibration), Texts(model)
        self.background = classifier(model, ())

    def __call__(self, seen: Seen[Asked]) -> Iterator[tuple[Asked, list[Json]]]:
        """The scores of each photograph, in the order of its texts."""
        if not seen.keys:
            return
        told = self.texts([text for key in seen.keys for text in key.texts])
        parts = told.split([len(key.texts) for key in seen.keys])
        levels = self.background.level(seen.image)
        for key, image, level, text in zip(seen.keys, seen.image, levels, parts, strict=True):
            cosines = text @ image
            rows = zip(cosines.tolist(), self.calibration.pair(cosines - level).tolist(), strict=True)
            yield key, [{"cosine": round(c, 6), "probability": round(p, 6)} for c, p in rows]


def _asked(
    source: str | Path, ontology: Ontology | None, style: str, images: str | Path | None, files: Written
) -> Iterator[tuple[Asked, Path]]:
    for key, picture in find_pictures([source], images):
        if isinstance(key, str):
            raise InputError(f"{source}: expected JSONL, of records with image and event")
        if isinstance(picture, PictureError):
            files.fault(fault(key, picture))
            continue
        try:
            texts = tuple(say(event, ontology, style) for event in events_of(key))
        except ValueError as error:
            files.fault(fault(key, str(error)))
        else:
            yield Asked(key, texts), picture


def events_of(row: Mapping[str, Any]) -> list[Told]:
    """The events of a record, under `events` or `event`; none where a caption states none. Raises ValueError where it
    has neither."""
    events = row.get("events", [row["event"]] if "event" in row else None)
    if not isinstance(events, list):
        raise ValueError('expected "event", or a list "events", of objects with type and arguments, or of texts')
    return events
