"""What a corpus of events says, counted: which types, fillers and pairs of roles there are, and how often.

A hard negative must not be told from the truth by its words alone, so its words are drawn as often as the corpus states
them: a filler that is seldom true is seldom false.
"""

import re
from bisect import bisect
from collections import Counter, defaultdict
from collections.abc import Iterable
from functools import lru_cache
from itertools import accumulate
from random import Random

from templates.english import indefinite, is_name, listing
from templates.statement import Slot, Statement
from templates.told import narrow_first

ALONE = frozenset({"", "in", "on", "at", "near", "outside", "inside"})
"""Prepositions that fit any event at a place: no paths."""
THINGS = frozenset({"object", "vehicle", "weapon", "animal"})
LONGEST = 5
Pool = tuple[list[Slot], list[int]]


class Corpus:
    """Counts over statements.

    Attributes:
        types: how often each type stands.
        beside: for a place, the others that stand beside it in an event (Kyiv, Ukraine), in lower case.
        actors: names of places that fill a role of somebody who acts ("Israel releases ..."), in lower case.
        role_sets: for each type, how often which roles are filled together.
    """

    def __init__(self, statements: Iterable[Statement] = ()) -> None:
        self.types: Counter[str] = Counter()
        self.beside: dict[str, set[str]] = defaultdict(set)
        self.actors: set[str] = set()
        self.role_sets: dict[str, Counter[frozenset[str]]] = defaultdict(Counter)
        self._fillers: dict[tuple[str, str, bool], Counter[Slot]] = defaultdict(Counter)
        self._groups: dict[int, list[tuple[Slot, ...]]] = defaultdict(list)
        self._places: dict[int, list[tuple[Slot, ...]]] = {}
        self._pools: dict[tuple[str, str, bool], Pool] = {}
        for statement in statements:
            self.add(statement)

    def add(self, statement: Statement) -> None:
        """Count one statement."""
        name = statement.template.name
        self.types[name] += 1
        self.role_sets[name][frozenset(statement.roles)] += 1
        places = [slot.phrase.text.casefold() for slot in statement.slots if slot.entity == "place"]
        for place in places:
            self.beside[place].update(other for other in places if other != place)
        for slot in statement.slots:
            if slot.entity == "place" and statement.template.roles[slot.role].acts and is_name(slot.phrase.text):
                self.actors.add(slot.phrase.text.casefold())
            if _clean(slot.phrase.text):
                self._fillers[_kind(slot)][_plain(slot)] += 1
        groups = tuple(_plain(slot) for slot in narrow_first(statement.caption, statement.of("Place")))
        if groups and all(_clean(slot.phrase.text) and slot.preposition in ALONE for slot in groups):
            self._groups[len(groups)].append(groups)
        self._pools.clear()
        self._places.clear()

    def filler(self, like: Slot, draw: Random) -> Slot | None:
        """A filler of the same role, entity kind and sort (name or noun), as often as the corpus has it."""
        key = _kind(like)
        if key not in self._pools:
            counted = self._fillers.get(key, Counter())
            slots = sorted(counted, key=_order)  # the same draws whatever the order of the records
            self._pools[key] = slots, list(accumulate(counted[slot] for slot in slots))
        slots, sums = self._pools[key]
        return slots[bisect(sums, draw.random() * sums[-1])] if slots else None

    def places(self, number: int, draw: Random) -> tuple[Slot, ...] | None:
        """All places of one event of the corpus that has so many."""
        if number not in self._places:
            self._places[number] = sorted(self._groups.get(number, ()), key=lambda group: tuple(map(_order, group)))
        groups = self._places[number]
        return draw.choice(groups) if groups else None


@lru_cache(maxsize=65536)
def _clean(text: str) -> bool:
    """Whether a filler can be said elsewhere: no list or bracket, no word twice, nothing that only its caption can
    count or own."""
    words = re.findall(r"[\w’'-]+", text.lower())
    return (
        len(words) == len(set(words)) <= LONGEST
        and not re.search(r"[()\[\],;:/]", text)
        and not listing("tied") & set(words)
    )


def _order(slot: Slot) -> tuple[str, str, str, str]:
    return slot.phrase.text, slot.phrase.said, slot.preposition, slot.entity or ""


def _plain(slot: Slot) -> Slot:
    """The slot without its place in a caption; a thing that only its caption knows ("the rifle") is any such thing."""
    phrase = slot.phrase
    if slot.entity in THINGS and not (phrase.plural or is_name(phrase.text)) and phrase.said == f"the {phrase.text}":
        phrase = phrase._replace(said=indefinite(phrase.text))
    return Slot(slot.role, phrase, slot.entity, preposition=slot.preposition)


def _kind(slot: Slot) -> tuple[str, str, bool]:
    return slot.role, slot.entity or "", is_name(slot.phrase.text)
