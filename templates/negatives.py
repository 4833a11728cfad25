"""Hard negatives: the statement made false in one respect, so that only the photograph can refute it.

    event       another type over the same arguments
    role        the same fillers in each other's roles, where each could be in the other's
    rotate      the fillers moved on by one role, whatever they are (CLIP-Event, Li et al., CVPR 2022)
    filler      one argument replaced by one of the same role and entity kind from elsewhere
    place       the same for places
    instrument  the same for instruments, vehicles and other means

Each is a function of the true statement, a source of chance and a `World`; it returns a false statement, or None where
it finds none. What must hold of every negative is enforced where they are put together, in `pairs`.
"""

import re
from collections.abc import Callable, Sequence, Set
from dataclasses import dataclass, field, replace
from functools import lru_cache
from itertools import combinations, permutations
from random import Random

from templates.confusable import Confusable
from templates.corpus import Corpus
from templates.edits import other_fillers, other_trigger
from templates.english import is_name
from templates.ontology import EventTemplate
from templates.statement import Slot, Statement
from templates.synonyms import alike, goes_both_ways, head, heads, is_wide
from templates.told import narrow_first

MEANS = frozenset({"Instrument", "Vehicle", "Item", "Money"})
LIVING = frozenset({"person", "organization", "animal"})
WHERE = frozenset({"Place", "Origin", "Destination"})
TRIES = 8
STEM = 6
WORD = re.compile(r"[A-Z]?[a-z]+")

Negative = Callable[[Statement, Random, "World"], Statement | None]


@dataclass(frozen=True)
class World:
    """What a negative is drawn from.

    Attributes:
        confusable: which types may stand for which, and the counts of the corpus that the statement comes from.
        stated: the types of all events of the statement's caption.
        quoted: whether negatives are to be said in the caption's words or in given ones too; without, they have neither
            `edits` nor `words`, which cost more than all else.
    """

    confusable: Confusable
    stated: frozenset[str] = frozenset()
    quoted: bool = True
    _turned: dict[int, tuple[Statement, dict["Turn", Statement | None]]] = field(default_factory=dict, repr=False)

    def turned(self, true: Statement) -> dict["Turn", Statement | None]:
        """The turns of a statement's fillers that are allowed, found once, and what has been made of them."""
        if id(true) not in self._turned:
            turns = [] if goes_both_ways(true.event.trigger.text) else _turns(true, self.confusable.corpus.actors)
            self._turned[id(true)] = true, dict.fromkeys(turns)  # the statement is held, so that its id stays its own
        return self._turned[id(true)][1]


def event(true: Statement, draw: Random, world: World) -> Statement | None:
    """Another type that holds all the arguments, is not near the true one and is not stated by the caption."""
    for template in world.confusable.draw(true, world.stated, draw, TRIES):
        slots = moved(true.slots, true.template, template)
        if slots is not None and _telling(slots) and _enough(slots, template):
            false = Statement(true.caption, true.event, template, slots, None, None)
            if not world.quoted:
                return false
            edits, words = other_trigger(true, false)
            return replace(false, edits=edits, words=words)
    return None


def role(true: Statement, draw: Random, world: World) -> Statement | None:
    """Two roles' fillers exchanged, or three moved on, where every filler's entity kind allows it."""
    turned = world.turned(true)
    if not turned:
        return None
    turn = draw.choice(list(turned))
    if (found := turned[turn]) is None:
        found = _turned(true, turn, world)
        if world.quoted and goes_both_ways(true.caption):
            # police and protesters who clash "during a protest" do so whoever is named first
            found = replace(found, edits=None)
        turned[turn] = found
    return found


def rotate(true: Statement, draw: Random, world: World) -> Statement | None:
    """All fillers moved on by the same number of roles, whatever they are."""
    roles = true.roles
    if len(roles) < 2:
        return None
    by = draw.randrange(1, len(roles))
    turned = _turned(true, tuple(zip(roles, roles[by:] + roles[:by], strict=True)), world)
    return None if _sides(turned) == _sides(true) else turned


def filler(true: Statement, draw: Random, world: World) -> Statement | None:
    """A participant replaced."""
    return _replaced(true, draw, world, [s for s in true.slots if s.role not in MEANS | WHERE])


def place(true: Statement, draw: Random, world: World) -> Statement | None:
    """All the places replaced by those of another event with as many."""
    olds = narrow_first(true.caption, true.of("Place"))
    if any(true.caption[a.end : b.start].strip() == "and" for a in olds for b in olds):
        return None
    for _ in range(TRIES if olds else 0):
        news = world.confusable.corpus.places(len(olds), draw)
        if news and all(_other(new, true, world.confusable.corpus) for new in news):
            return _with(true, olds, news, world)
    return None


def instrument(true: Statement, draw: Random, world: World) -> Statement | None:
    """An instrument, vehicle or other means replaced."""
    return _replaced(true, draw, world, [slot for slot in true.slots if slot.role in MEANS])


KINDS: dict[str, Negative] = {
    "event": event,
    "role": role,
    "rotate": rotate,
    "filler": filler,
    "place": place,
    "instrument": instrument,
}


def moved(slots: tuple[Slot, ...], source: EventTemplate, target: EventTemplate) -> tuple[Slot, ...] | None:
    """The slots in the target's roles: of the same name, else in the order of both types; None where one fits none."""
    filled: dict[str, list[Slot]] = {name: [] for name in source.roles}
    for slot in slots:
        filled[slot.role].append(slot)
    taken: dict[str, str] = {}
    for name, fillers in filled.items():
        if not fillers:
            continue
        free = target.roles if name not in target.roles else (name,)
        others = (
            other for other in free if other == name or (other not in source.roles and other not in taken.values())
        )
        for other in others:
            if (other in WHERE) == (name in WHERE) and all(_may(slot, target, other) for slot in fillers):
                taken[name] = other
                break
        else:
            return None
    return tuple(slot.in_role(taken[slot.role]) for slot in slots)


def _enough(slots: tuple[Slot, ...], template: EventTemplate) -> bool:
    """Whether there are two of them, where it takes two."""
    who = [slot for slot in slots if slot.role not in WHERE]
    return not template.mutual or len(who) > 1 or any(slot.phrase.plural for slot in who)


def _telling(slots: tuple[Slot, ...]) -> bool:
    """Whether the slots say enough to be false with: "people meet" is true of most photographs."""
    return any(slot.role not in WHERE and not is_wide(slot.phrase.text) for slot in slots)


def _may(slot: Slot, template: EventTemplate, role: str) -> bool:
    kinds = template.roles[role].kinds
    if slot.entity == "place" and template.roles[role].acts and not is_name(slot.phrase.text):
        return False  # countries act, houses do not
    return slot.entity is None or not kinds or slot.entity in kinds


Turn = tuple[tuple[str, str], ...]
"""For some roles, the role whose fillers they get."""


def _turns(true: Statement, actors: Set[str]) -> list[Turn]:
    """The exchanges of two roles' fillers, and the rounds of three, in which every move is allowed."""
    if len(true.by_role) < 2:
        return []
    sorts = {role: _sorts(true, role, actors) for role in true.roles}  # "a sign holds a woman" needs no look to refute
    may = {(to, by) for to, by in permutations(true.roles, 2) if sorts[to] == sorts[by] and _movable(true, to, by)}
    turns: list[Turn] = [((a, b), (b, a)) for a, b in combinations(true.roles, 2) if {(a, b), (b, a)} <= may]
    for a, *rest in combinations(true.roles, 3):
        for b, c in permutations(rest):
            if {(a, b), (b, c), (c, a)} <= may:
                turns.append(((a, b), (b, c), (c, a)))
    return turns


def _sorts(true: Statement, role: str, actors: Set[str]) -> set[str]:
    """What a role's fillers are: somebody, somewhere or something."""
    if role in WHERE:
        return {"where"}
    return {"who" if s.entity in LIVING or s.phrase.text.casefold() in actors else "what" for s in true.of(role)}


def _movable(true: Statement, to: str, source: str) -> bool:
    """Whether `source`'s fillers could be `to`'s: allowed by their kinds, other things, and not the same event then."""
    if any(to in group and source in group for group in true.template.symmetric):
        return False
    if not all(slot.entity and _may(slot, true.template, to) for slot in true.of(source)):
        return False
    theirs = {head(slot.phrase.text) for slot in true.of(source)}
    return all(theirs.isdisjoint({mine, *alike("groups", mine)}) for mine in (head(s.phrase.text) for s in true.of(to)))


def _sides(true: Statement) -> set[tuple[object, str]]:
    """Fillers with their roles, symmetric roles taken as one."""
    group_of = {role: group for group in true.template.symmetric for role in group}
    return {(group_of.get(slot.role, slot.role), slot.phrase.text.casefold()) for slot in true.slots}


def _turned(true: Statement, turn: Turn, world: World) -> Statement:
    source_of = dict(turn)
    slots = [slot for slot in true.slots if slot.role not in source_of]
    slots += [slot.in_role(to) for to, source in turn for slot in true.of(source)]
    pairs = [(true.of(to), true.of(source)) for to, source in turn]
    return _filled(true, tuple(slots), pairs, world)


def _filled(
    true: Statement, slots: tuple[Slot, ...], pairs: Sequence[tuple[Sequence[Slot], Sequence[Slot]]], world: World
) -> Statement:
    """The statement with these slots; the pairs say which of its own had to go for which."""
    edits, words = other_fillers(true, pairs) if world.quoted else (None, None)
    return Statement(true.caption, true.event, true.template, slots, edits, words)


def _replaced(true: Statement, draw: Random, world: World, among: list[Slot]) -> Statement | None:
    """One of the slots filled otherwise."""
    among = [slot for slot in among if slot.entity and not is_wide(slot.phrase.text)]
    for old in draw.sample(among, len(among)):
        for _ in range(TRIES):
            new = world.confusable.corpus.filler(old, draw)
            if new and _names(true.template, head(new.phrase.text)):
                continue
            if new and old.phrase.plural == new.phrase.plural and _other(new, true, world.confusable.corpus):
                return _with(true, [old], [new], world)
    return None


def _with(true: Statement, olds: Sequence[Slot], news: Sequence[Slot], world: World) -> Statement:
    """The statement with each of `olds` filled by that of `news` in its place."""
    taken = {id(old): new._replace(start=old.start, end=old.end) for old, new in zip(olds, news, strict=True)}
    slots = tuple(taken.get(id(slot), slot) for slot in true.slots)
    return _filled(true, slots, [([old], [new]) for old, new in zip(olds, news, strict=True)], world)


def _names(template: EventTemplate, word: str) -> bool:
    """Whether a word says of somebody that the event is theirs: whoever takes part in a protest is a protester."""
    return word[:STEM] in _stems((template.name, template.gerund, *template.sentences))


@lru_cache(maxsize=4096)
def _stems(texts: tuple[str, ...]) -> frozenset[str]:
    stems = (word[:STEM].lower() for text in texts for word in WORD.findall(text))
    return frozenset(stem for stem in stems if len(stem) == STEM)


def _other(new: Slot, true: Statement, corpus: Corpus) -> bool:
    """Whether the filler names something that is neither in the event nor in the caption: no shared word, no synonym,
    no wider or narrower place."""
    theirs, second = new.phrase.text.casefold(), head(new.phrase.text)
    if is_wide(new.phrase.text) or theirs in true.caption.casefold() or second in heads(true.caption):
        return False
    for slot in true.slots:
        mine = slot.phrase.text.casefold()
        if second in alike("groups", head(mine)) or set(mine.split()) & set(theirs.split()):
            return False
        if theirs in corpus.beside.get(mine, ()):
            return False
    return True
