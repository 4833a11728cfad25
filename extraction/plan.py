"""Which of an ontology's types the reader finds itself, which are found by triggers, and what each is called.

The reader has names of its own for types and roles, the news ontology's. An ontology of the user's may have others;
here they meet.
"""

import warnings

from extraction.decode import Frame, Reading
from extraction.mapping import Mapping, best_kind, lemma
from extraction.reader import Labels
from templates.ontology import EventTemplate, Ontology, OntologyError, load_ontology


class Plan:
    """How one ontology is read with one reader's labels.

    Args:
        ontology: None is the open one.

    Attributes:
        trained: types that the reader finds itself, by its own names, with its own names of their roles.
        predicates: which predicates are needed beside, see `Decoder`.
        hidden: types that photographs rarely show.

    Raises:
        OntologyError: none of the ontology's types can be found. Where only some cannot, a warning names them.
    """

    def __init__(self, ontology: Ontology | None, labels: Labels) -> None:
        self.ontology, self.labels = ontology, labels
        self.trained: dict[str, tuple[str, ...]] = {}
        self.hidden: frozenset[str] = frozenset()
        self.predicates = "visible"
        self._own: dict[str, tuple[str, dict[str, str]]] = {}
        self._mapping: Mapping | None = None
        if ontology is not None:
            self._share_out(ontology)

    def _share_out(self, ontology: Ontology) -> None:
        mapped: list[str] = []
        lost: list[str] = []
        for name, template in ontology.events.items():
            known = None if template.triggers else self._trained_type(template)
            if known is not None:
                own = self._trained_roles(known, template)
                self.trained[known] = tuple(own)
                self._own[known] = (name, own)
            else:
                (mapped if template.triggers else lost).append(name)
        if lost:
            message = (
                f"{ontology.name}: the reader was not trained on {', '.join(lost)}, and without triggers never finds "
                "them; give triggers with lemmas, or an alias that is a type of the reader"
            )
            if not self.trained and not mapped:
                raise OntologyError(message)
            warnings.warn(message, stacklevel=4)
        self._mapping = Mapping(ontology, mapped, self.labels.kinds) if mapped else None
        self.predicates = "all" if mapped else "none"
        self.hidden = frozenset(name for name, template in ontology.events.items() if not template.visible)

    def _trained_type(self, template: EventTemplate) -> str | None:
        """The reader's type of this name, directly or by a name that the news ontology gives it."""
        for spelling in (template.name, *template.aliases):
            if spelling in self.labels.types:
                return spelling
            news = load_ontology("news").find(spelling)
            if news is not None and news.name in self.labels.types:
                return news.name
        return None

    def _trained_roles(self, known: str, template: EventTemplate) -> dict[str, str]:
        """The reader's role names to the template's own, for a trained type."""
        news = load_ontology("news").find(known)
        own: dict[str, str] = {}
        for role, spec in template.roles.items():
            for spelling in (role, *spec.aliases):
                theirs = spelling if news is None else news.role(spelling)
                if theirs in self.labels.roles:
                    own.setdefault(theirs, role)
        return own

    def frames(self, words: list[str], reading: Reading) -> list[Frame]:
        """The caption's events, in the order of their triggers."""
        if self.ontology is None:
            return reading.predicates
        if self._mapping is None:
            return reading.typed
        taken = {frame.first for frame in reading.typed}
        mapped = [frame for frame in self._mapping.read(words, reading) if frame.first not in taken]
        return sorted([*reading.typed, *mapped], key=lambda frame: frame.first)

    def type(self, frame: Frame, word: str, reading: Reading) -> str:
        """The event's type as the ontology calls it; in the open one the trigger word's lemma."""
        if self.ontology is None:
            return lemma(word, self.labels.pos[reading.pos[frame.first]])
        return self._own[frame.type][0] if frame.type in self._own else frame.type

    def role(self, frame: Frame, role: str) -> str:
        """The role as the ontology calls it."""
        return self._own[frame.type][1][role] if frame.type in self._own else role

    def kind(self, frame: Frame, role: str, head: int, reading: Reading) -> str:
        """The likeliest entity kind of an argument's head, of those that its role allows.

        Where somebody acts, only a name may be a place: countries arrest, and "police", "court" and "gang" are none.
        """
        if self.ontology is None:
            return best_kind(reading, head, self.labels.kinds)
        template = self.ontology[self._own[frame.type][0] if frame.type in self._own else frame.type]
        spec = template.roles[self.role(frame, role)]
        allowed = spec.kinds
        if spec.acts and self.labels.pos[reading.pos[head]] == "NOUN":
            allowed = tuple(kind for kind in allowed if kind != "place")
        return best_kind(reading, head, self.labels.kinds, allowed)
