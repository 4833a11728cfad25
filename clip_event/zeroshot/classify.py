"""`clip-event classify`: which event each photograph shows, "none" among the answers, and who plays which role."""

import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pydantic import ValidationError
from torch import Tensor

from clip_event.pictures.folders import Found, Key, fault, find_pictures
from clip_event.written import written
from clip_event.zeroshot.calibration import Calibration, calibration_for
from clip_event.zeroshot.classifiers import NONE, classifier
from clip_event.zeroshot.fillers import Candidate, candidates_of, typical_fillers
from clip_event.zeroshot.model import ClipEvent
from clip_event.zeroshot.roles import Roles, Texts, assign
from clip_event.zeroshot.stream import stream
from templates.events import CaptionEvents
from templates.ontology import Ontology

Json = dict[str, Any]
TYPICAL = "typical"
Fillers = Sequence[Candidate] | str | None


@dataclass(frozen=True)
class Answer:
    """What one photograph shows.

    Attributes:
        types: the most probable event types with their probabilities, best first, `none` among them.
        event: who plays which role in the best of them; None where that is `none`, or not probable enough.
    """

    types: list[tuple[str, float]]
    event: Roles | None

    def to_dict(self) -> Json:
        """As `clip-event classify` writes it, and `clip-event evaluate m2e2` and `swig` read it."""
        events = []
        if self.event:
            told = self.event.to_dict()
            kept = {key: told[key] for key in ("type", "arguments", "sentence", "roles")}
            events = [{**kept, "probability": round(dict(self.types)[self.event.type], 6)}]
        return {"types": [{"type": name, "probability": round(p, 6)} for name, p in self.types], "events": events}


class Classifying:
    """Answers for embedded photographs; what is said of event types is embedded once.

    Args:
        top: how many types to tell.
        fillers: who may play roles; `typical` for the everyday fillers of each type (`templates/typical.toml`), which
            embeds a thousand sentences for each type that is met first. None asks for no roles.
        min_probability: the probability below which a type is not taken for the event.
        calibration: without one, that of the model's folder.

    Raises:
        ValueError: `top` below 1, or other fillers in a word.
    """

    def __init__(
        self,
        model: ClipEvent,
        ontology: Ontology,
        *,
        top: int = 5,
        fillers: Fillers = None,
        min_probability: float = 0.0,
        calibration: Calibration | None = None,
    ) -> None:
        if top < 1:
            raise ValueError(f"top: found {top}, expected 1 or more types")
        if isinstance(fillers, str) and fillers != TYPICAL:
            raise ValueError(f"fillers: found {fillers!r}, expected {TYPICAL!r}, a list or None")
        self.model, self.ontology, self.top, self.fillers, self.min_probability = (
            model,
            ontology,
            top,
            fillers,
            min_probability,
        )
        self.calibration = calibration or calibration_for(model)
        self.classifier, self.texts = classifier(model, ontology), Texts(model)

    def __call__(self, image: Tensor, fillers: Sequence[Fillers] | None = None) -> list[Answer]:
        """One answer for each of (I, D), with its own fillers where those are given."""
        own = fillers or [None] * len(image)
        found = self.classifier.probabilities(image, self.calibration)
        best, places = found.topk(min(self.top, found.shape[1]))
        names = [[self.classifier.names[place] for place in row] for row in places.tolist()]
        types = [list(zip(*both, strict=True)) for both in zip(names, best.tolist(), strict=True)]
        alike: dict[tuple[str, tuple[Candidate, ...]], list[int]] = defaultdict(list)
        for number, ((name, chance), *_) in enumerate(types):
            if name != NONE and chance >= self.min_probability:
                alike[name, self._candidates(name, own[number])].append(number)
        events: dict[int, Roles] = {}
        for (name, candidates), numbers in alike.items():
            cast = assign(self.model, image[numbers], name, candidates, self.ontology, texts=self.texts)
            events |= zip(numbers, cast, strict=True)
        return [Answer(told, events.get(number)) for number, told in enumerate(types)]

    def _candidates(self, name: str, own: Fillers) -> tuple[Candidate, ...]:
        fillers = self.fillers if own is None else own
        if fillers is None:
            return ()
        return tuple(typical_fillers(self.ontology[name]) if isinstance(fillers, str) else fillers)


@dataclass
class Classified:
    """What a run did: photographs answered, events by type (`none` too), those that could not be read, seconds."""

    photographs: int = 0
    events: Counter[str] = field(default_factory=Counter)
    bad: int = 0
    seconds: float = 0.0

    def include(self, done: Json) -> None:
        """Add what was counted elsewhere."""
        self.photographs += done["photographs"]
        self.events.update(done["events"])
        self.bad += done["bad"]

    def add(self, rows: Sequence[Json]) -> None:
        """Count answers as they are written."""
        self.photographs += len(rows)
        self.events.update(row["events"][0]["type"] if row["events"] else NONE for row in rows)


def classify(
    images: Iterable[str | Path],
    out: str | Path = "-",
    *,
    classifying: Classifying,
    root: str | Path | None = None,
    batch_size: int = 64,
    workers: int = 2,
    errors: str | Path | None = None,
    strict: bool = False,
    progress: Callable[[int], None] | None = None,
) -> Classified:
    """Classify photographs of any number; a line each, in the order found.

    A record's keys come out with the answer. Where it has events, as `clip-event extract` reads them from its caption,
    their arguments are who may play roles, and they come out as `caption_events`. What has come out may go in again.

    Args:
        images: files, folders, or records with `image`, see `clip_event.pictures.folders.find_pictures`.
        out, errors, strict: see `clip_event.written.written`.
        root: the folder that records' images are relative to and must lie in.
        progress: called with the number of photographs done.

    Raises:
        InputError: a source that is not there; with `strict`, the first photograph that cannot be used.
    """
    began, result = time.monotonic(), Classified()
    with written(out, errors, strict=strict, source="images") as files:
        found = find_pictures(images, root)
        for rows, faults in answered(classifying, found, batch_size=batch_size, workers=workers):
            for one in faults:
                files.fault(one)
            for row in rows:
                files.row(row)
            result.add(rows)
            if progress:
                progress(result.photographs + files.bad)
        result.bad = files.bad
    result.seconds = time.monotonic() - began
    return result


def answered(
    classifying: Classifying, pictures: Iterable[Found], *, batch_size: int = 64, workers: int = 2
) -> Iterator[tuple[list[Json], list[Json]]]:
    """For each batch the records with their answers, and what could not be used."""
    for seen in stream(classifying.model, pictures, batch_size=batch_size, workers=workers):
        rows = [_record(key) for key in seen.keys]
        answers = classifying(seen.image, [_own(row) for row in rows])
        told = [{**row, **answer.to_dict()} for row, answer in zip(rows, answers, strict=True)]
        yield told, [fault(key, error) for key, error in seen.missed]


def _record(key: Key) -> Json:
    if isinstance(key, str):
        return {"image": key}
    row = dict(key)
    if "events" in row:  # those of an answer that goes in again are no caption's
        row.setdefault("caption_events", row["events"])
    return row


def _own(row: Json) -> list[Candidate] | None:
    """The arguments of a caption's events; None where there are none, or none that can be read."""
    if not row.get("caption_events"):
        return None
    try:
        return candidates_of(CaptionEvents.model_validate({**row, "events": row["caption_events"]})) or None
    except ValidationError:
        return None
