"""An event that no caption states: a type and who would play which role, in the caller's own words."""

import re
from collections.abc import Sequence
from difflib import get_close_matches

from templates.english import lowered, phrase, usual_preposition
from templates.events import Event, Span
from templates.ontology import Ontology
from templates.statement import Slot, Statement, open_template

LEAD = re.compile(r"(?:an?|the|some|several|many)\s+(?=\S)", re.IGNORECASE)


class UnsayableError(ValueError):
    """An event that cannot be said: its type or a role is not the ontology's."""


def supposed(
    kind: str, fillers: Sequence[tuple[str, str]], ontology: Ontology | None, entities: Sequence[str | None] = ()
) -> Statement:
    """A statement to be said like one of a caption's.

    Args:
        kind: an event type, one of its aliases or its last part, see `Ontology.meant`; without an ontology a lemma.
        fillers: role, by its name or an alias, and words: "police", "a man", "the Red Cross". An article is said again.
        entities: kind of entity of each filler; what is not told is taken to be the first that the role allows.

    Raises:
        UnsayableError: no such type or role, or a filler without words.
    """
    template = open_template(kind) if ontology is None else ontology.meant(kind)
    if template is None:
        raise UnsayableError(f"event type {kind!r}: {_near(kind, ontology)}")
    slots = []
    for place, (role, text) in enumerate(fillers):
        if (name := template.role(role)) is None:
            raise UnsayableError(f"{template.name} has no role {role!r}; it has {', '.join(template.roles)}")
        if not (words := " ".join(text.split())):
            raise UnsayableError(f"{template.name}, {name}: the filler is empty, expected words as in 'police'")
        kinds = template.roles[name].kinds
        entity = entities[place] if place < len(entities) else None
        slots.append(_slot(name, words, entity or (kinds[0] if kinds else None)))
    said = " ".join(slot.phrase.text for slot in slots) or template.gerund
    event = Event(id="e0", type=template.name, trigger=Span(text=said[:1], start=0, end=1))
    return Statement(said, event, template, tuple(slots), edits=None, words=None)


def _near(kind: str, ontology: Ontology | None) -> str:
    names = {name.casefold(): name for name in ontology.events} if ontology else {}
    near = get_close_matches(kind.casefold(), names, 1) or [low for low in names if kind.casefold() in low][:1]
    return (
        f"did you mean {names[near[0]]!r}?" if near else "the ontology has no such type; see clip-event ontology show"
    )


def _slot(role: str, words: str, entity: str | None) -> Slot:
    lead = LEAD.match(words)
    before, text = (words[: lead.end()], words[lead.end() :]) if lead else ("", lowered(words, entity))
    place = entity == "place" or role == "Place"
    return Slot(role, phrase(text, before, entity), entity, preposition=usual_preposition(text) if place else "")
