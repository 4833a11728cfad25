"""What can happen: event types, their roles, and how each is said.

An ontology is a TOML file. `news.toml` ships with the package; a user's own file has the same form::

    name = "kitchen"

    [events."Kitchen:Cook"]
    gerund = "cooking"
    sentences = ["{Cook} <cook> {Dish} [with {Tool}]", "{Dish} <be> cooked [with {Tool}]", "cooking"]
    triggers = [{ lemmas = ["cook", "fry"], when = { Theme = { kinds = ["object", "substance"] } } }]

    [events."Kitchen:Cook".roles]
    Cook = { kinds = ["person"], labels = ["Agent"] }
    Dish = { kinds = ["object", "substance"], labels = ["Theme"] }
    Tool = { kinds = ["object"], labels = ["Instrument"] }

`templates.sentences` has the grammar of the sentences.
"""

import tomllib
from functools import cache
from pathlib import Path
from typing import Any, Literal, get_args

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from templates.sentences import check_sentence, slots_of

EntityKind = Literal[
    "person",
    "organization",
    "place",
    "object",
    "vehicle",
    "weapon",
    "animal",
    "substance",
    "event",
    "time",
    "abstract",
]
ENTITY_KINDS: tuple[str, ...] = get_args(EntityKind)

OPEN_ROLES = ("Agent", "Theme", "Recipient", "Instrument", "Origin", "Destination", "Place")
"""Roles of the open ontology, and the argument labels a TOML may use beside PropBank's own."""

PROPBANK_LABELS = (
    *(f"ARG{number}" for number in range(6)),
    *(f"ARGM-{name}" for name in ("LOC", "DIR", "GOL", "MNR", "COM", "TMP", "PRP", "CAU", "EXT")),
)
ARGUMENT_LABELS = OPEN_ROLES + PROPBANK_LABELS

SHIPPED = Path(__file__).parent
NAMES = ("news",)
"""Ontologies that ship; the other TOML files here are lists of words."""


class OntologyError(ValueError):
    """An ontology file that cannot be used; the message names the file, the place in it and the mend."""


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Role(_Strict):
    """One slot of an event type.

    Attributes:
        kinds: entity kinds that may fill the slot.
        aliases: other names of the role (ACE, M2E2, KAIROS, imSitu), used by readers and protocols.
        labels: argument labels (open roles or PropBank) that fill it for types the reader was not trained on.
    """

    kinds: tuple[EntityKind, ...] = Field(min_length=1)
    aliases: tuple[str, ...] = ()
    labels: tuple[str, ...] = ()

    @property
    def acts(self) -> bool:
        """Whether it is filled by whoever can do something, as no thing can."""
        return "person" in self.kinds and "object" not in self.kinds

    @field_validator("labels")
    @classmethod
    def _known_labels(cls, labels: tuple[str, ...]) -> tuple[str, ...]:
        return _all_in(labels, ARGUMENT_LABELS, "argument label")


class Filler(_Strict):
    """What an argument must be for a trigger to count: one of `kinds`, or a head word with one of `lemmas`."""

    kinds: tuple[EntityKind, ...] = ()
    lemmas: tuple[str, ...] = ()

    @model_validator(mode="after")
    def _something(self) -> "Filler":
        if not self.kinds and not self.lemmas:
            raise ValueError("an empty condition holds for nothing; give kinds, lemmas or both")
        return self


class Trigger(_Strict):
    """Words that name a type, and the fillers that choose this sense: every label in `when` must be so filled."""

    lemmas: tuple[str, ...] = Field(min_length=1)
    when: dict[str, Filler] = {}

    @field_validator("when")
    @classmethod
    def _known_labels(cls, when: dict[str, Filler]) -> dict[str, Filler]:
        _all_in(tuple(when), ARGUMENT_LABELS, "argument label")
        return when


class EventTemplate(_Strict):
    """An event type with its role slots and the words that say it.

    Attributes:
        gerund: the event alone, as in "a photo of people {gerund}".
        sentences: see the module's text for the grammar.
        roles: role name to `Role`, in the order of the file.
        aliases: names of the same type elsewhere ("Conflict.Attack"); a type whose name or alias the reader was
            trained on is read by it directly.
        near: types that may hold at the same time, so that neither is ever a negative of the other.
        parent: a type of which this one is a special case.
        symmetric: groups of roles whose fillers may change places without changing the event.
        visible: false where photographs rarely show the event as it happens (an election, a conviction).
        mutual: true where it takes two ("meet"), so that no one person alone is ever falsely said to do it.
        triggers: for types that the reader was not trained on.
    """

    name: str = Field(min_length=1)
    gerund: str = Field(min_length=1)
    sentences: tuple[str, ...] = Field(min_length=1)
    roles: dict[str, Role] = {}
    aliases: tuple[str, ...] = ()
    near: tuple[str, ...] = ()
    parent: str | None = None
    symmetric: tuple[tuple[str, ...], ...] = ()
    visible: bool = True
    mutual: bool = False
    triggers: tuple[Trigger, ...] = ()

    @model_validator(mode="after")
    def _consistent(self) -> "EventTemplate":
        for sentence in self.sentences:
            check_sentence(sentence, self.roles)
        mentioned = {slot for sentence in self.sentences for slot in slots_of(sentence)}
        if unsaid := [role for role in self.roles if role not in mentioned]:
            raise ValueError(f"no sentence mentions role {unsaid[0]!r}; add {{{unsaid[0]}}} to one")
        for group in self.symmetric:
            _all_in(group, tuple(self.roles), "role of this type")
        names = [
            name
            for role, spec in self.roles.items()
            for name in {n.casefold(): n for n in (*spec.aliases, role)}.values()
        ]
        folded = [name.casefold() for name in names]
        if doubled := sorted({name for name in names if folded.count(name.casefold()) > 1}):
            raise ValueError(f"{doubled[0]!r} names two roles; a role name or alias may stand once in a type")
        unlabelled = [role for role, spec in self.roles.items() if not spec.labels]
        if self.triggers and unlabelled:
            raise ValueError(
                f"role {unlabelled[0]!r} has no labels, so a trigger could never fill it; "
                f"give labels, some of {', '.join(ARGUMENT_LABELS)}"
            )
        return self

    def role(self, name: str) -> str | None:
        """The type's own name for a role given by name or alias, in any case; None where it has no such role."""
        wanted = name.casefold()
        for role, spec in self.roles.items():
            if wanted == role.casefold() or wanted in (alias.casefold() for alias in spec.aliases):
                return role
        return None


class Ontology(_Strict):
    """A set of event types.

    Attributes:
        name: what `--ontology` and the records call it.
        events: type name to `EventTemplate`, in the order of the file.
    """

    name: str = Field(min_length=1)
    version: str = "1"
    description: str = ""
    events: dict[str, EventTemplate] = Field(min_length=1)

    @field_validator("events", mode="before")
    @classmethod
    def _name_events(cls, events: Any) -> Any:
        if not isinstance(events, dict):
            return events
        for name, spec in events.items():
            if isinstance(spec, dict) and spec.get("name", name) != name:
                raise ValueError(f"events.{name!r}: has a name of its own, {spec['name']!r}; its key is its name")
        return {name: {**spec, "name": name} if isinstance(spec, dict) else spec for name, spec in events.items()}

    @model_validator(mode="after")
    def _consistent(self) -> "Ontology":
        owner: dict[str, str] = {}
        for name, event in self.events.items():
            if event.parent in self.events and name in self.ancestors(event.parent):
                circle = " -> ".join((name, event.parent or "", *self.ancestors(event.parent or "")))
                raise ValueError(f"events.{name!r}: is its own ancestor ({circle}); a parent may not lead back")
            for other in (*event.near, *([event.parent] if event.parent else ())):
                if other not in self.events or other == name:
                    raise ValueError(f"events.{name!r}: {other!r} is not another type of this ontology")
            for spelling in {name, *event.aliases}:
                if owner.setdefault(spelling.casefold(), name) != name:
                    raise ValueError(f"events.{name!r}: {spelling!r} already names {owner[spelling.casefold()]!r}")
        return self

    def __getitem__(self, name: str) -> EventTemplate:
        return self.events[name]

    def __contains__(self, name: object) -> bool:
        return name in self.events

    def find(self, name: str) -> EventTemplate | None:
        """The type with this name or alias, in any case."""
        wanted = name.casefold()
        for event in self.events.values():
            if wanted in (spelling.casefold() for spelling in (event.name, *event.aliases)):
                return event
        return None

    def meant(self, name: str) -> EventTemplate | None:
        """As `find`, and the one type whose name ends with this after a colon: "Arrest-Jail"."""
        ending = ":" + name.casefold()
        short = [event for event in self.events.values() if event.name.casefold().endswith(ending)]
        return self.find(name) or (short[0] if len(short) == 1 else None)

    def compatible(self, first: str, second: str) -> bool:
        """Whether both types may be true of one photograph: the same, near in either direction, or parent and child."""
        if first == second:
            return True
        a, b = self.events[first], self.events[second]
        return second in a.near or first in b.near or second in self.ancestors(first) or first in self.ancestors(second)

    def ancestors(self, name: str) -> tuple[str, ...]:
        """The type's parent, its parent, and so on."""
        chain: list[str] = []
        parent = self.events[name].parent
        while parent is not None and parent not in chain:
            chain.append(parent)
            parent = self.events[parent].parent
        return tuple(chain)


def load_ontology(source: str | Path | Ontology = "news") -> Ontology:
    """Read an ontology.

    Args:
        source: the name of a shipped ontology (`news`), a TOML file of the same form, or an `Ontology`.

    Raises:
        OntologyError: no such file, TOML that does not parse (with its line), an unknown key, a role that no sentence
            mentions, a duplicate, a slot that is no role: the message holds the path to the offending key.
    """
    if isinstance(source, Ontology):
        return source
    path = Path(source)
    if path.suffix == "" and not path.is_file():
        if str(source) == "open":
            raise OntologyError("the open ontology has no list of types, as every verb is one; give news or a file")
        if str(source) not in NAMES:
            given = ", ".join(map(repr, (*NAMES, "open")))
            raise OntologyError(f"no ontology {str(source)!r}: give one of {given}, or the path of a TOML file")
        return _load_shipped(SHIPPED / f"{source}.toml")
    return _load_file(path)


@cache
def _load_shipped(path: Path) -> Ontology:
    return _load_file(path)


def _load_file(path: Path) -> Ontology:
    try:
        data = tomllib.loads(path.read_text(encoding="utf-8-sig"))
    except OSError as error:
        raise OntologyError(f"{path}: {error.strerror}; give the path of an ontology in TOML") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise OntologyError(f"{path}: not valid TOML: {error}") from None
    return parse_ontology(data, str(path))


def parse_ontology(data: dict[str, Any], where: str) -> Ontology:
    """An `Ontology` from a parsed TOML or JSON object; `where` is named in errors. Raises `OntologyError`."""
    try:
        return Ontology.model_validate(data)
    except ValidationError as error:
        lines = []
        for problem in error.errors():
            path = ".".join(f'"{key}"' if ":" in str(key) else str(key) for key in problem["loc"]) or "the file"
            text = problem["msg"].removeprefix("Value error, ")
            if problem["type"] == "extra_forbidden":
                text = "unknown key; docs/ontologies.md lists the known ones"
            lines.append(f"{where}: {path}: {text}")
        raise OntologyError("\n".join(lines)) from None


def _all_in(values: tuple[str, ...], allowed: tuple[str, ...], what: str) -> tuple[str, ...]:
    for value in values:
        if value not in allowed:
            raise ValueError(f"{value!r} is not a known {what}; known are {', '.join(allowed)}")
    return values
