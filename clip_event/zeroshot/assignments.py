"""Which candidates could play which roles of an event, and how each such assignment is said.

A slot is a role; who takes part in a mutual event ("meet") has several slots, as it takes two. An assignment is a tuple
with the number of a candidate for each slot, or None for nobody; a shorter tuple is the beginning of one.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property

from clip_event.zeroshot.fillers import Candidate, distinct, typical_fillers
from templates.describe import describe
from templates.english import is_plural
from templates.negatives import WHERE
from templates.ontology import EventTemplate, Ontology
from templates.supposed import supposed

Assignment = tuple[int | None, ...]
TOGETHER = 3
"""The most candidates that take part in a mutual event."""
OTHERS = 3
"""How many everyday fillers stand for somebody who is not among the candidates."""


@dataclass(frozen=True)
class Casting:
    """A type and the candidates for its roles.

    Attributes:
        ontology: None for the open one, where a type is a lemma.
        candidates: no two with the same words.
    """

    template: EventTemplate
    ontology: Ontology | None
    candidates: tuple[Candidate, ...]

    @classmethod
    def of(cls, template: EventTemplate, ontology: Ontology | None, candidates: Sequence[Candidate]) -> "Casting":
        """With the candidates that may play some role."""
        able = (c for c in distinct(candidates) if any(c.may_play(role, template) for role in template.roles))
        return cls(template, ontology, tuple(able))

    @cached_property
    def playable(self) -> dict[str, tuple[int, ...]]:
        """The roles that a candidate may play, in the template's order, and those candidates."""
        of = {
            role: tuple(n for n, c in enumerate(self.candidates) if c.may_play(role, self.template))
            for role in self.template.roles
        }
        return {role: numbers for role, numbers in of.items() if numbers}

    @cached_property
    def slots(self) -> tuple[str, ...]:
        many = TOGETHER if self.template.mutual else 1
        return tuple(role for role in self.playable for _ in range(1 if role in WHERE else many))

    def extended(self, begun: Assignment) -> Iterator[Assignment]:
        """The beginning with each candidate who may play the next slot, and with nobody there."""
        role = self.slots[len(begun)]
        if self._in_order(begun, role, None):
            yield (*begun, None)
        for number in self.playable[role]:
            if number not in begun and self._in_order(begun, role, number):
                yield (*begun, number)

    def _in_order(self, begun: Assignment, role: str, number: int | None) -> bool:
        """Whether slots that may be exchanged are filled in the order of the candidates: of equals one is kept."""
        if number is None:
            return True
        for slot, before in zip(self.slots, begun, strict=False):
            same = slot == role or any(slot in group and role in group for group in self.template.symmetric)
            if not same or number not in self.playable[slot]:
                continue
            if before is None or (before in self.playable[role] and before > number):
                return False
        return True

    def allowed(self, assignment: Assignment) -> bool:
        """Whether somebody takes part, and two where it takes two."""
        who = [n for slot, n in zip(self.slots, assignment, strict=True) if n is not None and slot not in WHERE]
        if self.template.mutual and len(who) == 1:
            only = self.candidates[who[0]]
            return is_plural(only.text, only.kind)
        return any(number is not None for number in assignment)

    def all(self, begun: Assignment = ()) -> Iterator[Assignment]:
        """Every allowed assignment with this beginning, one at a time."""
        if len(begun) < len(self.slots):
            for longer in self.extended(begun):
                yield from self.all(longer)
        elif self.slots and self.allowed(begun):
            yield begun

    def fillers(self, assignment: Assignment) -> dict[str, tuple[Candidate, ...]]:
        """Who plays each role; roles that nobody plays are empty."""
        by_role: dict[str, tuple[Candidate, ...]] = dict.fromkeys(self.playable, ())
        for slot, number in zip(self.slots, assignment, strict=False):
            if number is not None:
                by_role[slot] += (self.candidates[number],)
        return by_role

    @cached_property
    def others(self) -> dict[str, list[Candidate]]:
        """For each role a few everyday fillers that are no candidates. None where all of them are, and for those who
        take part in a mutual event, as nobody does alone."""
        mine = {candidate.key for candidate in self.candidates}
        found: dict[str, list[Candidate]] = {}
        for role in self.playable:
            if self.template.mutual and role not in WHERE:
                found[role] = []
                continue
            able = [c for c in typical_fillers(self.template) if role in (c.roles or ()) and c.key not in mine]
            apart = max(1, len(able) // OTHERS)
            found[role] = able[::apart][:OTHERS]
        return found

    def say(self, assignment: Assignment, style: str) -> tuple[str, bool]:
        """The assignment in words, and whether they say all of it. Roles that nobody plays are left out."""
        return self._said(self.fillers(assignment), style)

    def told(self, assignment: Assignment, styles: Sequence[str]) -> list[list[str]]:
        """The hypotheses that make up an assignment, each in the styles that say all of it.

        Where a role is played by no candidate, it may be played by somebody else: there is one hypothesis for each of
        `OTHERS` casts of everyday fillers, so that all assignments are said with the same roles. Where there are no
        such fillers, or no style has words for all roles together, the role is left out.
        """
        played = self.fillers(assignment)
        casts = []
        if free := [role for role, who in played.items() if not who and self.others[role]]:
            for turn in range(OTHERS):
                chosen = {role: self.others[role][turn % len(self.others[role])] for role in free}
                if len({other.key for other in chosen.values()}) == len(chosen):
                    casts.append({**played, **{role: (other,) for role, other in chosen.items()}})
        hypotheses = [self._in_full(cast, styles) for cast in casts]
        return list(filter(None, hypotheses)) or list(filter(None, [self._in_full(played, styles)]))

    def _in_full(self, played: dict[str, tuple[Candidate, ...]], styles: Sequence[str]) -> list[str]:
        return [text for text, full in (self._said(played, style) for style in styles) if full]

    def _said(self, played: dict[str, tuple[Candidate, ...]], style: str) -> tuple[str, bool]:
        fillers = [(role, candidate.text) for role, who in played.items() for candidate in who]
        kinds = [candidate.kind for who in played.values() for candidate in who]
        said = describe(supposed(self.template.name, fillers, self.ontology, kinds), style)
        if said is None:
            raise ValueError(f"style {style!r} has no words for an event without a caption; take sentence or short")
        return said.text, not said.dropped
