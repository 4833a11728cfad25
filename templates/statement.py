"""An event ready to be said: its template and its fillers as phrases, with their places in the caption.

A hard negative is a statement too: the true one with other fillers, or another template, and the edits that make the
caption say so. Whatever says a statement can therefore say its negatives.
"""

import re
from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import NamedTuple

from templates.english import Phrase, inflected, is_name, listing, lowered, phrase
from templates.events import CaptionEvents, Event
from templates.ontology import OPEN_ROLES, EventTemplate, Ontology, Role

LONG_PREPOSITIONS = ("in front of", "on top of", "next to", "close to")
BEFORE_NAME = re.compile(
    r"(?:(?:the\s+)?(?!(?:In|At|On|From|For|As|By|With|After|Before|Near|Outside|Inside|When|While|And|But|During|Of|To|"
    r"An?|This|His|Her|Their)\b)[A-Z][\w’'.-]*\s+(?:(?:of|for)\s+(?:the\s+)?)?)+$|\bthe\s+$"
)
ONE_WORD = (
    "a|an|the|this|that|these|those|his|her|its|their|some|several|many|both|another|other|two|three|four|five|six|seven|"
    "eight|nine|ten"
)
DETERMINERS = frozenset(ONE_WORD.split("|"))
BEFORE_NOUN = re.compile(rf"\b(?:{ONE_WORD}|dozens\s+of|hundreds\s+of|thousands\s+of|\d[\d,]*)\s+$", re.IGNORECASE)
STOPS = '.!?:”"-–—'


class Slot(NamedTuple):
    """One filler of one role.

    Attributes:
        phrase: how it is said; in a negative, of the filler that has taken its place.
        start, end: its place in the caption, with its determiner, quantity or title; -1 where it has none.
        preposition: the caption's own before it ("on the border"), for places.
    """

    role: str
    phrase: Phrase
    entity: str | None = None
    start: int = -1
    end: int = -1
    preposition: str = ""

    def in_role(self, role: str) -> "Slot":
        """The same filler in another role."""
        if role == self.role:
            return self
        return Slot(role, self.phrase, self.entity, self.start, self.end, self.preposition)


@dataclass(frozen=True)
class Statement:
    """What is to be said.

    Attributes:
        caption: unchanged; `edits` are (start, end, text) into it, in order and apart; None where no edit says it.
        words: a filler's words and what to say instead, for texts that are not the caption; None likewise.
    """

    caption: str
    event: Event
    template: EventTemplate
    slots: tuple[Slot, ...]
    edits: tuple[tuple[int, int, str], ...] | None = ()
    words: tuple[tuple[str, str], ...] | None = ()

    @cached_property
    def by_role(self) -> dict[str, list[Slot]]:
        """The slots of each filled role; roles in the template's order, slots in the caption's."""
        filled: dict[str, list[Slot]] = {}
        for slot in self.slots:
            filled.setdefault(slot.role, []).append(slot)
        return {role: filled[role] for role in self.template.roles if role in filled}

    def of(self, role: str) -> list[Slot]:
        """The slots of a role, in the order of the caption."""
        return self.by_role.get(role, [])

    @property
    def roles(self) -> list[str]:
        """The filled roles, in the template's order."""
        return list(self.by_role)


def statement(record: CaptionEvents, event: Event, ontology: Ontology | None) -> Statement:
    """The event as its caption states it. Without an ontology its type is a lemma (the open one).

    Arguments whose role the type lacks are left out, and so is the second of two with the same words in one role.

    Raises:
        KeyError: the ontology has no such type.
    """
    template = open_template(event.type) if ontology is None else ontology[event.type]
    slots: dict[tuple[str, str], Slot] = {}
    for argument in sorted(event.arguments, key=lambda a: a.start):
        if argument.role in template.roles:
            key = (argument.role, argument.text.casefold())
            slots.setdefault(key, _slot(record.caption, argument.role, argument.start, argument.end, argument.entity))
    return Statement(record.caption, event, template, tuple(slots.values()))


def _slot(caption: str, role: str, start: int, end: int, entity: str | None) -> Slot:
    text, before = caption[start:end], caption[max(0, start - 60) : start]
    if starts_sentence(before[-3:]):
        text = lowered(text, entity)
    preposition = _preposition(before) if entity == "place" or role == "Place" else ""
    return Slot(role, phrase(text, before, entity), entity, start - _lead(text, before), end, preposition)


def starts_sentence(before: str) -> bool:
    """Whether what follows this text is the first word of a sentence."""
    return (before.rstrip()[-1:] or ".") in STOPS


def _preposition(before: str) -> str:
    """The last preposition before a phrase, with at most two words between them."""
    words = before[-40:].lower().split() if before[-1:].isspace() else []
    for last in range(len(words) - 1, max(-1, len(words) - 4), -1):
        word = words[last].lstrip("(\"“‘'")
        if word in listing("prepositions"):
            return word
        if word in ("of", "to"):
            heard = " ".join(words[max(0, last - 2) : last + 1])
            if found := next((long for long in LONG_PREPOSITIONS if heard.endswith(long)), None):
                return found
        if not word.replace("-", "").replace("'", "").replace("’", "").isalnum():
            break
    return ""


def _lead(text: str, before: str) -> int:
    """Length of the determiner, quantity or title before a phrase."""
    last = before.rpartition(" ")[0].rpartition(" ")[2] if before[-1:] == " " else ""
    if is_name(text):
        found = BEFORE_NAME.search(before) if last[:1].isupper() or last in ("the", "of", "for") else None
    elif last.isascii() and last.isalpha() and last.lower() != "of":  # a word is a determiner or it is not
        return len(last) + 1 if last.lower() in DETERMINERS else 0
    else:
        found = BEFORE_NOUN.search(before) if last else None
    return len(found[0]) if found else 0


@lru_cache(maxsize=4096)
def open_template(lemma: str) -> EventTemplate:
    """A template for any verb, with the open ontology's seven roles; `lemma` may hold a particle ("dress up")."""
    verb, _, particle = lemma.partition(" ")
    after = f" {particle}" if particle else ""
    finite = f"<{verb}>{after}" if verb.isalpha() else f"<do> {lemma}"
    rest = "[to {Recipient}] [with {Instrument}] [from {Origin}] [to {Destination}] [in {Place}]"
    passive = f"<be> {inflected(verb, 'VBN')}{after}" if verb not in listing("unaccusative") else finite
    sentences = (
        f"{{Agent}} {finite} {{Theme}} {rest}",
        f"{{Agent}} {finite} {rest}",
        f"{{Theme}} {passive} {rest}",
        f"{inflected(verb, 'VBG')}{after} [by {{Agent}}] [of {{Theme}}] {rest}",
    )
    return EventTemplate.model_construct(
        name=lemma,
        gerund=inflected(verb, "VBG") + after,
        sentences=sentences,
        roles={role: Role.model_construct(kinds=(), aliases=(), labels=()) for role in OPEN_ROLES},
        aliases=(),
        near=(),
        parent=None,
        symmetric=(),
        visible=True,
        mutual=False,
        triggers=(),
    )
