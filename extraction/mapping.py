"""Predicates to a user's event types: by the lemmas, argument labels and entity kinds that the ontology names.

Nothing is trained. The reader finds predicates and labels their arguments with the open roles and PropBank's labels.
An ontology's `triggers` say which lemmas name a type, `when` which sense of them, `labels` which argument fills a role.
"""

from collections.abc import Sequence
from functools import cache

import torch

from extraction.decode import Fill, Frame, Reading
from templates.ontology import EventTemplate, Filler, Ontology, Trigger

PARTICLE_REACH = 3
"""How many words after a verb its particle may stand ("put the fire out")."""


@cache
def _lemmas(word: str, pos: str) -> tuple[str, ...]:
    from lemminflect import getLemma

    return getLemma(word, pos) or (word,)


def lemma(word: str, pos: str) -> str:
    """Dictionary form of a trigger word; `pos` is the reader's universal tag."""
    return _lemmas(word.lower(), pos if pos in ("NOUN", "ADJ") else "VERB")[0]


def spellings(word: str) -> set[str]:
    """Every lemma that the word may have as a verb, noun or adjective, and the word itself."""
    low = word.lower()
    return {low, *(form for pos in ("VERB", "NOUN", "ADJ") for form in _lemmas(low, pos))}


class Mapping:
    """The types of an ontology that are found by their triggers."""

    def __init__(self, ontology: Ontology, names: Sequence[str], kinds: tuple[str, ...]) -> None:
        self.kinds = kinds
        self.by_lemma: dict[str, list[tuple[EventTemplate, Trigger, tuple[str, ...]]]] = {}
        for name in names:
            template = ontology[name]
            for trigger in template.triggers:
                for entry in trigger.lemmas:
                    first, *rest = entry.lower().split()
                    self.by_lemma.setdefault(first, []).append((template, trigger, tuple(rest)))

    def read(self, words: list[str], reading: Reading) -> list[Frame]:
        """The ontology's events among the caption's predicates; of types that fit, the one with most conditions."""
        frames = []
        for predicate in reading.predicates:
            forms = spellings(words[predicate.first])
            fitting = []
            for entry in {id(e): e for form in sorted(forms) for e in self.by_lemma.get(form, ())}.values():
                template, trigger, particles = entry
                if self._particles(words, predicate.first, particles) and self._when(
                    words, reading, predicate, trigger
                ):
                    fitting.append((len(particles) + len(trigger.when), entry))
            if fitting:
                template, _, particles = max(fitting, key=lambda scored: scored[0])[1]
                frames.append(self._frame(template, predicate, reading))
        return frames

    def _particles(self, words: list[str], at: int, particles: tuple[str, ...]) -> bool:
        for particle in particles:
            after = [word.lower() for word in words[at + 1 : at + 1 + PARTICLE_REACH]]
            if particle not in after:
                return False
        return True

    def _when(self, words: list[str], reading: Reading, predicate: Frame, trigger: Trigger) -> bool:
        return all(
            any(
                role == label and self._is(words[head], head, reading, filler)
                for role, _, head, _ in (*predicate.arguments, *predicate.labels)
            )
            for label, filler in trigger.when.items()
        )

    def _is(self, word: str, head: int, reading: Reading, filler: Filler) -> bool:
        return bool(spellings(word) & {name.lower() for name in filler.lemmas}) or (
            best_kind(reading, head, self.kinds) in filler.kinds
        )

    def _frame(self, template: EventTemplate, predicate: Frame, reading: Reading) -> Frame:
        arguments: list[Fill] = []
        taken: set[int] = set()
        for role, spec in template.roles.items():
            for label in spec.labels:
                found = [
                    fill
                    for fill in (*predicate.arguments, *predicate.labels)
                    if fill[0] == label
                    and fill[2] not in taken
                    and best_kind(reading, fill[2], self.kinds, spec.kinds, loose=True) in spec.kinds
                ]
                if found:
                    taken.update(head for _, _, head, _ in found)
                    arguments += [(role, start, head, score) for _, start, head, score in found]
                    break
        return Frame(
            template.name, predicate.first, predicate.last, predicate.score, sorted(arguments, key=lambda a: a[1])
        )


def best_kind(
    reading: Reading,
    head: int,
    kinds: tuple[str, ...],
    allowed: Sequence[str] | None = None,
    loose: bool = False,
    margin: float = 3.0,
) -> str:
    """Entity kind of a word.

    With `allowed` the likeliest of these is taken; `loose` takes it only where it is at most `margin` nats behind the
    likeliest of all, so that an uncertain kind does not empty a role and a certain one does.
    """
    scores = reading.kinds[head]
    best = int(scores.argmax())
    if allowed is None or kinds[best] in allowed:
        return kinds[best]
    indices = [kinds.index(kind) for kind in allowed]
    choice = indices[int(torch.stack([scores[i] for i in indices]).argmax())]
    return kinds[choice] if not loose or scores[best] - scores[choice] <= margin else kinds[best]
