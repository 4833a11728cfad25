"""M2E2 as its authors publish it (`m2e2_annotations`): the events of 245 VOA news articles and their photographs.

`image_only_event.json` and `image_multimedia_event.json` are objects of an image's name without its suffix to
`{"event_type": "Conflict:Attack", "role": {"Target": [[label, left, top, right, bottom], ...]}}`; an image that is in
neither shows no event of the eight types. `text_only_event.json` and `text_multimedia_event.json` are lists of
`{"sentence_id", "sentence", "words", "golden-event-mentions": [{"event_type", "trigger": {"start", "end"}, "arguments":
[{"role", "start", "end"}]}]}`, whose offsets count words, end exclusive. A sentence may stand in both files.

Form and names: github.com/limanling/m2e2, `src/dataflow/numpy/{anno_mapping,preprocess_voa_ann_image,
preprocess_voa_ann_JMEE}.py`. Li et al., Cross-media Structured Common Space for Multimedia Event Extraction, ACL 2020.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

from pydantic import BaseModel, Field, TypeAdapter

from clip_event.evaluation.boxes import Box
from clip_event.evaluation.files import read_json
from extraction.records import InputError
from templates.ontology import Ontology

IMAGE_FILES = ("image_only_event.json", "image_multimedia_event.json")
TEXT_FILES = ("text_only_event.json", "text_multimedia_event.json")
ROLES = {
    "Conflict:Attack": ("Attacker", "Target", "Instrument", "Place"),
    "Conflict:Demonstrate": ("Entity", "Police", "Instrument", "Place"),
    "Contact:Meet": ("Entity", "Place"),
    "Contact:Phone-Write": ("Entity", "Instrument", "Place"),
    "Justice:Arrest-Jail": ("Agent", "Person", "Instrument", "Place"),
    "Life:Die": ("Agent", "Victim", "Instrument", "Place"),
    "Movement:Transport": ("Agent", "Artifact", "Vehicle", "Origin", "Destination"),
    "Transaction:Transfer-Money": ("Giver", "Recipient", "Money", "Place"),
}
ONE_ROLE = {("Movement:Transport", "Instrument"): "Vehicle"}
"""What a transport goes by is Instrument in the image files and Vehicle in the text files."""


@dataclass(frozen=True)
class Situation:
    """The event of an image: M2E2's names of its type and roles, and a box for each argument, where there is one."""

    type: str
    arguments: tuple[tuple[str, Box | None], ...] = ()


@dataclass(frozen=True)
class Mention:
    """An event of a sentence in M2E2's names: the span of its trigger, and of each argument (role, start, end, start of
    the last word)."""

    type: str
    trigger: tuple[int, int]
    arguments: tuple[tuple[str, int, int, int], ...] = ()


@dataclass(frozen=True)
class Sentence:
    """A sentence with its gold events, spans in words."""

    words: tuple[str, ...]
    text: str
    mentions: tuple[Mention, ...]


class Names:
    """M2E2's names of types and roles, from any that the ontology knows them by.

    Raises:
        ValueError: the ontology lacks one of the eight types.
    """

    def __init__(self, ontology: Ontology) -> None:
        self._ontology = ontology
        self._types: dict[str, str] = {}
        for name in ROLES:
            if (template := ontology.find(name)) is None:
                raise ValueError(f"the ontology {ontology.name!r} has no type {name!r}, one of the eight of M2E2")
            self._types[template.name] = name

    def type(self, name: str) -> str | None:
        """None where it is none of the eight."""
        template = self._ontology.find(name)
        return self._types.get(template.name) if template else None

    def role(self, type: str, name: str) -> str:
        """A role that the type does not have keeps its name, and matches only itself."""
        template = self._ontology.find(type)
        assert template is not None, type
        own = template.role(name)
        found = next((role for role in ROLES[type] if own is not None and template.role(role) == own), own or name)
        return ONE_ROLE.get((type, found), found)

    def own(self) -> list[str]:
        """The ontology's own names of the eight types."""
        return list(self._types)


class _ImageRecord(BaseModel):
    event_type: str
    role: dict[str, list[tuple[Any, float, float, float, float]]] = {}


class _Words(BaseModel):
    start: int = Field(ge=0)
    end: int = Field(ge=1)


class _Argument(_Words):
    role: str


class _Event(BaseModel):
    event_type: str
    trigger: _Words
    arguments: list[_Argument] = []


class _SentenceRecord(BaseModel):
    sentence_id: str
    sentence: str = ""
    words: list[str]
    events: Annotated[list[_Event], Field(alias="golden-event-mentions")]


def read_images(folder: str | Path, names: Names) -> dict[str, Situation]:
    """Images with an event, by name without suffix.

    Raises:
        InputError: a file is missing or in another form, or a type is none of the eight.
    """
    found = {}
    for path in (Path(folder) / name for name in IMAGE_FILES):
        for image, record in read_json(path, TypeAdapter(dict[str, _ImageRecord])).items():
            type = _type(record.event_type, names, f"{path}: {image}")
            boxes = ((role, box[1:]) for role, boxes in record.role.items() for box in boxes)
            found[image] = Situation(type, tuple((names.role(type, role), box) for role, box in boxes))
    return found


def read_sentences(folder: str | Path, names: Names) -> dict[str, Sentence]:
    """All sentences of the text files by `sentence_id`; one that stands in both has the events of both.

    Raises:
        InputError: a file is missing or in another form, a type is none of the eight, or a span leaves its sentence.
    """
    found: dict[str, Sentence] = {}
    for path in (Path(folder) / name for name in TEXT_FILES):
        for record in read_json(path, TypeAdapter(list[_SentenceRecord])):
            where = f"{path}: {record.sentence_id}"
            mentions = [_mention(event, len(record.words), names, where) for event in record.events]
            known = found.get(record.sentence_id)
            if known and known.words != tuple(record.words):
                raise InputError(f"{where}: its words are others than in {TEXT_FILES[0]}, expected the same")
            both = dict.fromkeys((*(known.mentions if known else ()), *mentions))
            text = record.sentence or (known.text if known else "")
            found[record.sentence_id] = Sentence(tuple(record.words), text, tuple(both))
    return found


def _mention(event: _Event, words: int, names: Names, where: str) -> Mention:
    for span in (event.trigger, *event.arguments):
        if not span.start < span.end <= words:
            raise InputError(f"{where}: found words {span.start} to {span.end}, expected a span in 0 to {words}")
    type = _type(event.event_type, names, where)
    arguments = tuple((names.role(type, a.role), a.start, a.end, a.end - 1) for a in event.arguments)
    return Mention(type, (event.trigger.start, event.trigger.end), arguments)


def _type(name: str, names: Names, where: str) -> str:
    if (type := names.type(name)) is None:
        raise InputError(f"{where}: found event type {name!r}, expected one of {', '.join(ROLES)}")
    return type


def places(words: Sequence[str], text: str) -> list[tuple[int, int]] | None:
    """Start and end of each word in a text that holds them in order; None where it does not."""
    found, at = [], 0
    for word in words:
        if (start := text.find(word, at)) < 0:
            return None
        at = start + len(word)
        found.append((start, at))
    return found
