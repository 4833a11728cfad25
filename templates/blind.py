"""The blind tier: those hard negatives that their words do not give away, for measuring.

A judge that sees no photograph weighs what a statement says by how often the corpus says it truly and falsely: its
type and its fillers' heads in their roles. Of several negatives the one is taken that looks as likely as the truth.
Each pair in which the truth looks likelier is then kept beside one in which it looks less likely by as much, so that
the judge is left at chance (after the adversarial filtering of Le Bras et al., 2020, with counts for a model).
"""

import math
from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from hashlib import blake2b

from templates.statement import Statement
from templates.synonyms import head

ROUNDS = 4
TOLERANCE = 0.5
"""Log odds: how much two margins that balance each other may differ."""
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


def told(key: Key, true: Statement, false: Statement) -> Told:
    """What the judge sees of a pair; what both sides share tells nothing and is left out."""
    sides = [Counter(features(statement)) for statement in (true, false)]
    return Told(key, tuple((sides[0] - sides[1]).elements()), tuple((sides[1] - sides[0]).elements()))


def features(statement: Statement) -> Features:
    """The type, and each filler's head: alone, in its role, and in its role of this type."""
    name = statement.template.name
    found = [name, "roles " + " ".join(statement.roles)]
    for slot in statement.slots:
        filler = head(slot.phrase.text)
        found += [filler, f"{slot.role} {filler}", f"{name} {slot.role} {filler}", f"{name} {slot.role}"]
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
        for candidates in by_kind.values():
            chosen = [pair for group in candidates.values() for pair in group]
            for _ in range(ROUNDS):
                true, false = _counts(chosen)
                mine = {pair.key for pair in chosen}
                chosen = [
                    min(group, key=lambda pair: abs(_margin(pair, true, false, pair.key in mine)))
                    for group in candidates.values()
                ]
            self.kept.update(pair.key for pair in _balanced(chosen))

    def __contains__(self, key: object) -> bool:
        return key in self.kept


def _counts(pairs: list[Told]) -> tuple[Counter[str], Counter[str]]:
    true, false = Counter[str](), Counter[str]()
    for pair in pairs:
        true.update(pair.true)
        false.update(pair.false)
    return true, false


def _balanced(pairs: list[Told]) -> list[Told]:
    """Pairs in which the truth is likelier, each with one in which it is less likely by as much."""
    true, false = _counts(pairs)
    sides: tuple[list[tuple[float, bytes, Told]], ...] = ([], [])
    for pair in pairs:
        margin = _margin(pair, true, false, True)
        sides[margin < 0].append((abs(margin), _shuffled(pair), pair))
    kept, (more, less) = [], (sorted(side, key=lambda entry: entry[:2]) for side in sides)
    i = j = 0
    while i < len(more) and j < len(less):
        if abs(more[i][0] - less[j][0]) <= TOLERANCE:
            kept += [more[i][2], less[j][2]]
            i, j = i + 1, j + 1
        elif more[i][0] < less[j][0]:
            i += 1
        else:
            j += 1
    return kept


def _margin(pair: Told, true: Counter[str], false: Counter[str], counted: bool) -> float:
    """How much likelier the truth looks, in log odds; the pair's own words, where counted, do not count."""
    margin = 0.0
    for name in pair.true:
        margin += math.log((true[name] - counted + SMOOTHING) / (false[name] + SMOOTHING))
    for name in pair.false:
        margin -= math.log((true[name] + SMOOTHING) / (false[name] - counted + SMOOTHING))
    return margin


def _shuffled(pair: Told) -> bytes:
    """An order that depends on nothing but the pair."""
    return blake2b(repr(pair.key).encode(), digest_size=8).digest()
