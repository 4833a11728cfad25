"""Events as records: what a caption states, checked, read, written and drawn as a graph.

One line of `events.jsonl` is one `CaptionEvents`::

    {"id": "c1", "caption": "Police arrest a man", "events": [{"id": "e0", "type": "Justice:Arrest-Jail",
     "trigger": {"text": "arrest", "start": 7, "end": 13}, "arguments": [{"role": "Agent", "text": "Police", "start": 0,
     "end": 6, "entity": "organization"}], "score": 0.98}], "salient": "e0"}

Offsets count characters of the unchanged caption, end exclusive. Keys that are not ours travel through untouched.
"""

import json
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator
from pydantic_core import to_json

from templates.ontology import EntityKind, Ontology
from templates.whole import whole

if TYPE_CHECKING:
    import networkx as nx


class RecordError(ValueError):
    """A record that is not in the form above; the message names the file, the line, the field and what was found."""


class Span(BaseModel):
    """Text of a caption with its character offsets, end exclusive."""

    model_config = ConfigDict(extra="forbid", strict=True)

    text: str = Field(min_length=1)
    start: int = Field(ge=0)
    end: int

    @model_validator(mode="after")
    def _as_long_as_its_text(self) -> "Span":
        if self.end - self.start != len(self.text):
            raise ValueError(f"{self.text!r} has {len(self.text)} characters, its offsets span {self.end - self.start}")
        return self


class Argument(Span):
    """Who or what plays a role: the base noun phrase, whose last word is its head."""

    role: str = Field(min_length=1)
    entity: EntityKind | None = None
    score: float | None = Field(default=None, ge=0, le=1)


class Event(BaseModel):
    """A template filled from a caption."""

    model_config = ConfigDict(extra="forbid", strict=True)

    id: str = Field(min_length=1)
    type: str = Field(min_length=1)
    trigger: Span
    arguments: list[Argument] = []
    score: float = Field(default=1.0, ge=0, le=1)

    def fillers(self, role: str) -> list[Argument]:
        """The arguments with this role, in the order of the record."""
        return [argument for argument in self.arguments if argument.role == role]


class CaptionEvents(BaseModel):
    """One caption and its events; `salient` is the id of the event that the photograph shows, or None."""

    model_config = ConfigDict(extra="allow", strict=True)

    id: str | int | None = None
    caption: str
    image: str | None = None
    events: list[Event]
    salient: str | None = None

    def shown(self) -> "Event | None":
        """The salient event; roles that it leaves empty are filled from the caption's other events of its type.

        Two mentions of one attack each name half of it. A role that it fills is left alone: a second filler may well be
        another event's.
        """
        chosen = next((event for event in self.events if event.id == self.salient), None)
        if chosen is None:
            return None
        own = {argument.role for argument in chosen.arguments}
        same = [event for event in self.events if event.type == chosen.type and event is not chosen]
        more = {(a.role, a.start): a for event in same for a in event.arguments if a.role not in own}
        return chosen.model_copy(update={"arguments": [*chosen.arguments, *more.values()]}) if more else chosen

    @model_validator(mode="after")
    def _consistent(self) -> "CaptionEvents":
        ids = [event.id for event in self.events]
        if doubled := sorted({name for name in ids if ids.count(name) > 1}):
            raise ValueError(f"two events are called {doubled[0]!r}; an id may stand once in a record")
        if self.salient is not None and self.salient not in ids:
            raise ValueError(f"salient is {self.salient!r}, which is none of the events {ids}")
        for event in self.events:
            for name, span in (("trigger", event.trigger), *((a.role, a) for a in event.arguments)):
                if (found := self.caption[span.start : span.end]) != span.text:
                    raise ValueError(
                        f"event {event.id!r}, {name}: the caption has {found!r} at {span.start}:{span.end}, "
                        f"not {span.text!r}; offsets count characters of the unchanged caption"
                    )
        return self

    def check(self, ontology: Ontology) -> None:
        """Raises `RecordError` where a type or a role is not the ontology's."""
        for event in self.events:
            if event.type not in ontology:
                raise RecordError(f"event {event.id!r}: {event.type!r} is not a type of {ontology.name!r}")
            template = ontology[event.type]
            for argument in event.arguments:
                if argument.role not in template.roles:
                    known = ", ".join(template.roles)
                    raise RecordError(f"event {event.id!r}: {argument.role!r} is not a role of {event.type} ({known})")


def to_graph(record: CaptionEvents | dict[str, Any]) -> "nx.MultiDiGraph":
    """The caption's event graph.

    Event nodes (`kind="event"`) carry `type`, `label` (the trigger) and `score`; participants (`kind="entity"`) carry
    `label` and `entity`. Arguments that end at one place have one head and are one node, under the longest of their
    texts. An edge runs from event to participant with `role`. Spans are in `start` and `end`. An event's node is its
    id, a participant's `("entity", end)`.
    """
    import networkx as nx  # a third of a second, for those who draw

    if isinstance(record, dict):
        record = parse_record(record, "record")
    graph = nx.MultiDiGraph(caption=record.caption, salient=record.salient)
    for event in record.events:
        span = {"start": event.trigger.start, "end": event.trigger.end}
        graph.add_node(event.id, kind="event", type=event.type, label=event.trigger.text, score=event.score, **span)
        for argument in event.arguments:
            node = ("entity", argument.end)
            known = graph.nodes.get(node, {})
            if not known or argument.start < known["start"]:
                span = {"start": argument.start, "end": argument.end}
                graph.add_node(node, kind="entity", label=argument.text, **span)
            graph.nodes[node]["entity"] = known.get("entity") or argument.entity
            graph.add_edge(event.id, node, role=argument.role)
    return graph


def parse_record(data: Any, where: str) -> CaptionEvents:
    """A checked record from a JSON object; `where` is named in errors. Raises `RecordError`."""
    try:
        record = CaptionEvents.model_validate(data)
    except ValidationError as error:
        problem = error.errors()[0]
        path = ".".join(str(key) for key in problem["loc"]) or "record"
        raise RecordError(f"{where}: {path}: {problem['msg'].removeprefix('Value error, ')}") from None
    if half := half_a_pair(record.model_extra):  # in our own keys pydantic has found it
        raise RecordError(f"{where}: holds half a surrogate pair ({half!a})")
    return record


def half_a_pair(data: Any) -> str | None:
    """The first half of a surrogate pair in it without the other, which JSON can escape and no file can hold."""
    try:
        to_json(data)
    except ValueError:  # or it holds something that is not JSON
        try:
            json.dumps(data, ensure_ascii=False, default=str).encode()
        except UnicodeEncodeError as error:
            return str(error.object[error.start])
    return None


def read_events(path: str | Path) -> Iterator[CaptionEvents]:
    """The records of an `events.jsonl`, one at a time. Raises `RecordError` with file and line at the first bad one."""
    path = Path(path)
    with path.open("rb") as lines:
        for number, line in enumerate(lines, 1):
            text = line.removeprefix(b"\xef\xbb\xbf") if number == 1 else line
            if text.strip():
                try:
                    data = json.loads(text.decode("utf-8"), parse_constant=_no_constant)
                except (ValueError, RecursionError) as error:
                    raise RecordError(f"{path}:{number}: not JSON: {error}; expected one object a line") from None
                yield parse_record(data, f"{path}:{number}")


def _no_constant(name: str) -> Any:
    raise ValueError(f"{name} is no JSON value")


def write_events(path: str | Path, records: Iterable[CaptionEvents]) -> int:
    """Write records one a line; the file appears whole or not at all. Returns how many were written."""
    count = 0
    with whole(path) as out:
        for record in records:
            out.write(json.dumps(_plain(record), ensure_ascii=False) + "\n")
            count += 1
    return count


def _plain(record: CaptionEvents) -> dict[str, Any]:
    """The record as JSON with the keys that were given, and arguments that were appended."""
    data = record.model_dump(mode="json", exclude_unset=True)
    for event, row in zip(record.events, data["events"], strict=True):
        if event.arguments:
            row["arguments"] = [argument.model_dump(mode="json", exclude_unset=True) for argument in event.arguments]
    return data
