"""Which event types may stand for which in a hard negative, and how likely each is to be taken for the true one."""

from collections.abc import Mapping
from itertools import accumulate
from random import Random

from templates.corpus import Corpus
from templates.ontology import EventTemplate, Ontology
from templates.statement import Statement, open_template
from templates.synonyms import alike

ROUNDS = 30
LARGEST = 20.0
Choice = tuple[list[EventTemplate], list[float]]


class Confusable:
    """Draws types to put in the place of a true one.

    Never one that could be true as well: the type itself, near types, parents and children, for every type that the
    caption states; in the open ontology, synonyms of its verbs.

    Args:
        ontology: None for the open one, whose types are the verbs of the corpus.
        corpus: complete, as it is looked at once. Over all of it every type is drawn about as often as it is true, or
            its name would give it away.
        confusion: weight of a type as the negative of another, by (true, false), a model's confusions, say; without
            it, the likeness of the types.
    """

    def __init__(
        self, ontology: Ontology | None, corpus: Corpus, confusion: Mapping[tuple[str, str], float] | None = None
    ) -> None:
        self.ontology = ontology
        self.corpus = corpus
        self.confusion = confusion
        self._choices: dict[object, Choice] = {}
        self._scale = {} if ontology is None else self._balance(ontology)

    def draw(self, true: Statement, stated: frozenset[str], draw: Random, number: int) -> list[EventTemplate]:
        """Templates that could stand for the statement's, with repetitions; none where there is no such type."""
        roles = frozenset(true.roles) if self.ontology is None else frozenset()
        key = true.template.name, stated, roles
        if key not in self._choices:
            self._choices[key] = self._choice(true.template, stated, roles)
        templates, sums = self._choices[key]
        return draw.choices(templates, cum_weights=sums, k=number) if sums and sums[-1] > 0 else []

    def _choice(self, true: EventTemplate, stated: frozenset[str], roles: frozenset[str]) -> Choice:
        all_stated = {true.name, *stated}
        if self.ontology is None:
            verbs = {name.split()[0] for name in all_stated}
            excluded = verbs.union(*(alike("verbs", verb) for verb in verbs))
            sets = self.corpus.role_sets.items()
            counts = {name: counted[roles] for name, counted in sets if name.split()[0] not in excluded}
            names = [name for name, count in counts.items() if count]
            return [open_template(name) for name in names], list(accumulate(float(counts[name]) for name in names))
        ontology = self.ontology
        others = [
            template
            for name, template in ontology.events.items()
            if not any(ontology.compatible(name, told) for told in all_stated if told in ontology)
        ]
        return others, list(accumulate(self._weight(true, other) for other in others))

    def _weight(self, true: EventTemplate, other: EventTemplate) -> float:
        return self._scale.get(other.name, 0.0) * self._alike(true, other)

    def _alike(self, true: EventTemplate, other: EventTemplate) -> float:
        if self.confusion is not None:
            return self.confusion.get((true.name, other.name), 0.0)
        return likeness(true, other)

    def _balance(self, ontology: Ontology) -> dict[str, float]:
        """A factor for each type, so that it is drawn about as often as it is true (after Sinkhorn and Knopp, 1967).

        Types that are near most others can stand for few; their factor stops at `LARGEST`.
        """
        counts = self.corpus.types if self.corpus.types else dict.fromkeys(ontology.events, 1)
        weights = {
            true: {
                name: self._alike(ontology[true], other)
                for name, other in ontology.events.items()
                if name in counts and not ontology.compatible(true, name)
            }
            for true in counts
            if true in ontology
        }
        scale = {name: float(counts[name]) for name in weights}
        for _ in range(ROUNDS):
            drawn = dict.fromkeys(scale, 0.0)
            for true, row in weights.items():
                total = sum(scale[name] * weight for name, weight in row.items())
                for name, weight in row.items():
                    drawn[name] += counts[true] * scale[name] * weight / total if total else 0.0
            for name, number in drawn.items():
                wanted = scale[name] * counts[name] / number if number else 0.0
                scale[name] = min(max(wanted, counts[name] / LARGEST), counts[name] * LARGEST)
        return scale


def likeness(first: EventTemplate, second: EventTemplate) -> float:
    """Likeness of two types, 0.1 to 1: 0.3 for a common category, up to 0.6 for common roles with common kinds."""
    traits = [{(name, kind) for name, role in t.roles.items() for kind in role.kinds} for t in (first, second)]
    shared = len(traits[0] & traits[1]) / max(1, len(traits[0] | traits[1]))
    same = first.name.partition(":")[0] == second.name.partition(":")[0]
    return 0.1 + 0.3 * same + 0.6 * shared
