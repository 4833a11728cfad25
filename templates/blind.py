"""The blind tier: those hard negatives that their words do not give away, for measuring.

A judge that sees no photograph learns what is oftener said truly than falsely: a type, a filler's head, a head in a
role. So of each event's candidates one is taken that adds little to such a surplus, and an event whose candidates all
add much is left out; what stays says everything about as often truly as falsely (a balancing of vectors, with the aim
of the adversarial filtering of Le Bras et al., 2020). How much surplus is borne is set by a judge, taught on half of
the records: the most that leaves it at chance on the other half.
"""

import math
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from hashlib import blake2b

from templates.english import is_name
from templates.statement import Statement
from templates.synonyms import head

MOST, STEPS = 0.5, 8
"""The largest surplus tried, as a sum of shares over a pair's features, and how often the range is halved."""
CHANCE = 0.45, 0.51
"""A judge's share at chance, give or take half the standard error. Below it, what is said truly has become so evenly
false that what one half lacks is told by the other."""
PASSES = 4
RARE = 30
"""What is said less often than this weighs less: its surplus may be chance."""
SMOOTHING = 0.5

Key = tuple[str, str, str, int]
"""Record, event, kind, and the number of the negative among those of its kind."""
Features = tuple[str, ...]


@dataclass(frozen=True)
class Told:
    """One true statement and one negative of it, as the judge sees them."""

    key: Key
    true: Features
    false: Features


Choice = Callable[[list[Told], Callable[[Told], float]], Told | None]
"""One of the pairs that may stay, given what each adds to the surplus; None where there is none."""


def told(key: Key, true: Statement, false: Statement) -> Told:
    """What the judge sees of a pair; what both sides share tells nothing and is left out."""
    sides = [Counter(features(statement)) for statement in (true, false)]
    return Told(key, tuple((sides[0] - sides[1]).elements()), tuple((sides[1] - sides[0]).elements()))


def features(statement: Statement) -> Features:
    """The type, and each filler's words, head and form: alone, in its role, and in its role of this type."""
    name = statement.template.name
    roles = " ".join(statement.roles)
    found = [name, "roles " + roles, f"{name} roles {roles}"]
    for slot in statement.slots:
        filler = head(slot.phrase.text)
        form = f"{slot.entity} {'name' if is_name(slot.phrase.text) else slot.phrase.said == slot.phrase.text}"
        form += f" {slot.phrase.plural}"
        found += [filler, f"{slot.role} {filler}", f"{name} {slot.role} {filler}", f"{name} {slot.role}"]
        found += [f"{slot.role} {form}", f"{name} {slot.role} {form}"]
        found += [f"{slot.role} {word}" for word in slot.phrase.said.lower().split()]
    return tuple(found)


class Blind:
    """Which pairs belong to the blind tier: at most one of each event and kind.

    Args:
        pairs: of the whole corpus, best with several candidates of each event and kind; a pair that a later run makes
            and that is not among them is not blind.
    """

    def __init__(self, pairs: Iterable[Told]) -> None:
        by_kind: dict[str, dict[tuple[str, str], list[Told]]] = defaultdict(lambda: defaultdict(list))
        for pair in pairs:
            record, event, kind, _ = pair.key
            by_kind[kind][record, event].append(pair)
        self.kept: set[Key] = set()
        for found in by_kind.values():
            events = sorted(found.values(), key=lambda candidates: _shuffled(candidates[0].key[:2]))
            self.kept.update(pair.key for pair in _largest(events))

    def __contains__(self, key: object) -> bool:
        return key in self.kept


def _largest(events: list[list[Told]]) -> list[Told]:
    """The largest choice found that leaves the judge at chance, else the one that comes nearest to it."""
    tried: list[tuple[list[Told], float]] = []
    for choice in (_first, _best):
        low, high = 0.0, MOST
        for _ in range(STEPS):
            middle = (low + high) / 2
            chosen = _balanced(events, middle, choice)
            tried.append((chosen, _forced_choice(chosen)))
            low, high = (middle, high) if tried[-1][1] <= CHANCE[1] + _error(chosen) else (low, middle)
    fair = [
        chosen
        for chosen, share in tried
        if CHANCE[0] - _error(chosen) <= share <= CHANCE[1] + _error(chosen) and chosen
    ]
    return max(fair, key=len) if fair else min(tried, key=lambda one: abs(one[1] - 0.5))[0]


def _error(pairs: list[Told]) -> float:
    """Half the standard error of a share of one half."""
    return 0.25 / math.sqrt(len(pairs) or 1)


def _balanced(events: list[list[Told]], borne: float, choice: Choice) -> list[Told]:
    """Of each event one candidate whose features' surpluses sum to less than `borne`, chosen over again as the others
    change; none where there is none."""
    surplus, said = Counter[str](), Counter[str]()

    def count(pair: Told, by: int) -> None:
        for sign, names in ((by, pair.true), (-by, pair.false)):
            for name in names:
                surplus[name] += sign
                said[name] += by

    def added(pair: Told) -> float:
        more = sum(surplus[name] / (said[name] + RARE) for name in pair.true)
        return more - sum(surplus[name] / (said[name] + RARE) for name in pair.false)

    chosen: list[Told | None] = [None] * len(events)
    for _ in range(PASSES):
        for number, candidates in enumerate(events):
            if (old := chosen[number]) is not None:
                count(old, -1)
            new = chosen[number] = choice([pair for pair in candidates if added(pair) < borne], added)
            if new is not None:
                count(new, 1)
    return [pair for pair in chosen if pair is not None]


def _first(pairs: list[Told], added: Callable[[Told], float]) -> Told | None:
    """The first, which favours nothing: for kinds drawn as often as the corpus says them."""
    return pairs[0] if pairs else None


def _best(pairs: list[Told], added: Callable[[Told], float]) -> Told | None:
    """That which evens most out: for kinds that are given away."""
    return min(pairs, key=added, default=None)


def _forced_choice(pairs: list[Told]) -> float:
    """Share of pairs in which a naive Bayes judge, taught on the other half of the records, prefers the truth."""
    halves: tuple[list[Told], list[Told]] = ([], [])
    for pair in pairs:
        halves[_shuffled(pair.key[0])[0] % 2].append(pair)
    right = 0.0
    for taught, asked in (halves, halves[::-1]):
        true, false = Counter[str](), Counter[str]()
        for pair in taught:
            true.update(pair.true)
            false.update(pair.false)
        for pair in asked:
            margin = sum(_weight(true[name], false[name]) for name in pair.true)
            margin -= sum(_weight(true[name], false[name]) for name in pair.false)
            right += 1.0 if margin > 0 else 0.5 if margin == 0 else 0.0
    return right / len(pairs) if pairs else 0.5


def _weight(true: int, false: int) -> float:
    return math.log((true + SMOOTHING) / (false + SMOOTHING))


def _shuffled(key: object) -> bytes:
    """An order that depends on nothing but the key."""
    return blake2b(repr(key).encode(), digest_size=8).digest()
