"""Positives with their own hard negatives, style by style: what the trainer eats and `clip-event describe` writes.

Every negative passes through `_sound`, the one place where the promises are kept: it is no positive of its caption in
any style, it stands once, no slot or doubled space is left in it, and it fits CLIP's context.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from random import Random
from typing import Any

from templates.blind import Blind, Key, Told, told
from templates.confusable import Confusable
from templates.describe import STYLES, Count, Description, Given, describe, estimate
from templates.events import CaptionEvents, Event
from templates.negatives import KINDS, World
from templates.statement import Statement, statement

Json = dict[str, Any]
QUOTED = frozenset({"caption", "edited", "given"})
"""Styles in the words of a text that stands there already."""


@dataclass(frozen=True)
class Wanted:
    """What to make of each event.

    Attributes:
        styles: names of styles, see `templates.describe`.
        negatives: kind of hard negative to how many of it, see `templates.negatives`.
        salient_only: only the event that the photograph shows, see `CaptionEvents.shown`.
        epoch: another epoch gives other negatives; the same one the same, whatever came before.
        seed: of the whole run.
    """

    styles: tuple[str, ...] = ("sentence", "short", "caption")
    negatives: Mapping[str, int] = field(default_factory=lambda: {"event": 1, "role": 2, "filler": 1})
    salient_only: bool = False
    epoch: int = 0
    seed: int = 0

    def __post_init__(self) -> None:
        _known("style", self.styles, (*STYLES, "given"))
        _known("kind of negative", tuple(self.negatives), tuple(KINDS))
        if wrong := [kind for kind, number in self.negatives.items() if number < 0]:
            raise ValueError(f"negatives: {wrong[0]}={self.negatives[wrong[0]]}; expected 0 or more")


def described(
    record: CaptionEvents,
    confusable: Confusable,
    wanted: Wanted,
    *,
    blind: Blind | None = None,
    count: Count = estimate,
    given: Given | None = None,
) -> Iterator[Json]:
    """For each event of a record: `{"event", "pairs": [{"style", "positive", "dropped"?, "negatives"}]}`.

    Args:
        confusable: which types may stand for which, and the corpus that negatives are drawn from.
        blind: keeps only the negatives of the blind tier.
        count, given: see `describe`.

    Raises:
        KeyError: an event's type is not in the ontology.
    """
    chosen = _chosen(record, wanted)
    events = {event.id: event for event in [*record.events, *chosen]}
    true = {name: statement(record, event, confusable.ontology) for name, event in events.items()}
    positives = {
        (name, style): said
        for name, one in true.items()
        for style in wanted.styles
        if (said := describe(one, style, count, given))
    }
    world = _world(record, confusable, quoted=not QUOTED.isdisjoint(wanted.styles))
    said_truly = {_folded(said.text) for said in positives.values()}
    for event in chosen:
        false = [
            (key[2], wrong)
            for key, wrong in _false(record, true[event.id], world, wanted)
            if blind is None or key in blind
        ]
        rows = []
        for style in wanted.styles:
            if positive := positives.get((event.id, style)):
                rows.append(_row(true[event.id], positive, false, said_truly, count, given))
        yield {"event": event.model_dump(exclude_unset=True), "pairs": rows}


def _chosen(record: CaptionEvents, wanted: Wanted) -> list[Event]:
    if not wanted.salient_only:
        return record.events
    return [shown] if (shown := record.shown()) else []


def told_apart(record: CaptionEvents, confusable: Confusable, wanted: Wanted) -> Iterator[Told]:
    """The pairs of a record as the judge of `Blind` sees them."""
    world = _world(record, confusable, quoted=False)
    for event in _chosen(record, wanted):
        true = statement(record, event, confusable.ontology)
        for key, wrong in _false(record, true, world, wanted):
            yield told(key, true, wrong)


def _world(record: CaptionEvents, confusable: Confusable, quoted: bool) -> World:
    return World(confusable, frozenset(event.type for event in record.events), quoted)


def _false(record: CaptionEvents, true: Statement, world: World, wanted: Wanted) -> Iterator[tuple[Key, Statement]]:
    """The false statements of one event, drawn by record, event, epoch and seed alone."""
    if not any(wanted.negatives.values()):
        return
    name = str(record.caption if record.id is None else record.id)
    draw = Random(f"{wanted.seed}|{name}|{true.event.id}|{wanted.epoch}")
    for kind, number in wanted.negatives.items():
        seen: set[object] = set()
        for _ in range(2 * number):
            if len(seen) == number or (found := KINDS[kind](true, draw, world)) is None:
                break
            what = (found.template.name, *((slot.role, slot.phrase.text) for slot in found.slots))
            if what not in seen:
                yield (name, true.event.id, kind, len(seen)), found
                seen.add(what)


def _row(
    true: Statement,
    positive: Description,
    false: Sequence[tuple[str, Statement]],
    said_truly: set[str],
    count: Count,
    given: Given | None,
) -> Json:
    row: Json = {"style": positive.style, "positive": positive.text, "negatives": []}
    if positive.dropped:
        row["dropped"] = [{"role": role, "text": text} for role, text in positive.dropped]
    seen = set(said_truly)
    stated = {(slot.role, slot.phrase.text) for slot in true.slots}  # what is false may not be what was left out
    for kind, wrong in false:
        said = describe(wrong, positive.style, count, given)
        if said and stated.issuperset(said.dropped) and _sound(said.text, seen):
            row["negatives"].append({"kind": kind, "text": said.text, "event": _event(wrong)})
    return row


def _sound(text: str, seen: set[str]) -> bool:
    folded = _folded(text)
    if folded in seen or any(mark in text for mark in ("{", "}", "  ", ", ,")):
        return False
    seen.add(folded)
    return True


def _folded(text: str) -> str:
    return " ".join(text.casefold().split())


def _event(wrong: Statement) -> Json:
    """The false event, without offsets, as nobody states it."""
    arguments = [{"role": slot.role, "text": slot.phrase.text} for slot in wrong.slots]
    return {"type": wrong.template.name, "arguments": arguments}


def _known(what: str, given: Sequence[str], known: Sequence[str]) -> None:
    if strange := [name for name in given if name not in known]:
        raise ValueError(f"{strange[0]!r} is no {what}; known are {', '.join(known)}")
