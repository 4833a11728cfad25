"""Who plays which role in a photograph: whole casts are compared, each said in a sentence.

    model, image = ClipEvent.load("mini"), model.encode_images(["photo.jpg"])
    assign(model, image, "Justice:Arrest-Jail", [Candidate("a priest"), Candidate("a nurse")])[0].sentence
    # "A nurse arrests a priest."

The logit of an assignment is scale * cos(image, sentence), plus `margin` for each role that a candidate plays. A role
may also be played by somebody who is no candidate. That is said too, with `OTHERS` everyday fillers in the candidate's
place, over whose likelihoods the mean is taken: a shorter sentence would be no fair rival, because it is true whoever
plays the role, and because CLIP's cosines hang on how much is said. Probabilities are the softmax over all assignments;
that of a filler in a role is the sum over the assignments in which it plays it.
"""

import math
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import islice
from typing import Any

import torch
from torch import Tensor

from clip_event.zeroshot.assignments import Assignment, Casting
from clip_event.zeroshot.fillers import Candidate
from clip_event.zeroshot.model import ClipEvent
from templates.ontology import Ontology, load_ontology
from templates.statement import open_template
from templates.supposed import UnsayableError

STYLES = ("sentence",)
MARGIN = 1.0
EXACT = 2000
WIDTH = 32
BLOCK = 64


@dataclass(frozen=True)
class Roles:
    """Who plays which role in one photograph.

    Attributes:
        fillers: the most probable assignment: each role with its fillers, in the template's order. It is empty where
            nobody among the candidates plays the role; in a mutual event ("meet") a role has two or three.
        probability: of this assignment.
        by_role: role to words of a candidate, or None for nobody, to probability. They add up to 1 for a role with one
            filler; in a mutual event each is the probability of taking part.
        sentence: the assignment in words.
        exact: whether all assignments were compared, and not those alone that beam search came to.
    """

    type: str
    fillers: dict[str, tuple[Candidate, ...]]
    probability: float
    by_role: dict[str, dict[str | None, float]]
    sentence: str
    exact: bool

    def to_dict(self) -> dict[str, Any]:
        """As JSON: the event as `ClipEvent.score` takes it, with probabilities. Nobody is null."""
        return {
            "type": self.type,
            "arguments": [
                {"role": role, "text": c.text, "entity": c.kind, "probability": round(self.by_role[role][c.text], 6)}
                for role, who in self.fillers.items()
                for c in who
            ],
            "probability": round(self.probability, 6),
            "sentence": self.sentence,
            "roles": {
                role: [
                    {"text": text, "probability": round(of[text], 6)}
                    for text in sorted(of, key=of.__getitem__, reverse=True)
                ]
                for role, of in self.by_role.items()
            },
            "exact": self.exact,
        }


class Texts:
    """Embeddings of texts through one model, and the sentences of castings; those asked for last are kept.

    Args:
        most: texts to keep; of 512 numbers each, 20,000 take 40 MB.
    """

    CASTINGS = 64

    def __init__(self, model: ClipEvent, most: int = 20_000) -> None:
        self.model, self.most = model, most
        self._kept: OrderedDict[str, Tensor] = OrderedDict()
        self._sayings: OrderedDict[tuple[object, ...], _Sayings] = OrderedDict()

    def __call__(self, texts: Sequence[str]) -> Tensor:
        """(texts, D), unit length."""
        if not texts:
            return self.model.encode_texts([])
        new = [text for text in dict.fromkeys(texts) if text not in self._kept]
        self._kept.update(zip(new, self.model.encode_texts(new), strict=True))
        for text in texts:
            self._kept.move_to_end(text)
        found = torch.stack([self._kept[text] for text in texts])
        while len(self._kept) > self.most:
            self._kept.popitem(last=False)
        return found

    def sayings(self, casting: Casting, styles: Sequence[str]) -> "_Sayings":
        """What is said of this casting, which another call may have begun."""
        key = (id(casting.ontology), casting.template.name, casting.candidates, *styles)
        found = self._sayings.setdefault(key, _Sayings(casting, styles))
        self._sayings.move_to_end(key)
        if len(self._sayings) > self.CASTINGS:
            self._sayings.popitem(last=False)
        return found


@dataclass(frozen=True)
class _Sayings:
    """The words of a casting's assignments, found once as long as there are not too many."""

    MOST = 50_000

    casting: Casting
    styles: Sequence[str]
    _told: dict[Assignment, list[list[str]]] = field(default_factory=dict)
    _begun: dict[Assignment, list[str]] = field(default_factory=dict)

    def told(self, assignment: Assignment) -> list[list[str]]:
        """See `Casting.told`."""
        if assignment not in self._told:
            if len(self._told) >= self.MOST:
                self._told.clear()
            self._told[assignment] = self.casting.told(assignment, self.styles)
        return self._told[assignment]

    def begun(self, assignment: Assignment) -> list[str]:
        """What a beginning says so far, in each style."""
        if assignment not in self._begun:
            if len(self._begun) >= self.MOST:
                self._begun.clear()
            self._begun[assignment] = [self.casting.say(assignment, style)[0] for style in self.styles]
        return self._begun[assignment]


def assign(
    model: ClipEvent,
    image: Tensor,
    event_type: str,
    candidates: Sequence[Candidate],
    ontology: str | Ontology | None = "news",
    *,
    styles: Sequence[str] = STYLES,
    scale: float | None = None,
    margin: float = MARGIN,
    exact: int = EXACT,
    width: int = WIDTH,
    texts: Texts | None = None,
) -> list[Roles]:
    """Say for each photograph who plays which role of an event.

    Args:
        image: (I, D) embeddings of unit length, as `ClipEvent.see` gives them.
        event_type: by its name, an alias or its last part; a lemma where `ontology` is None.
        candidates: see `clip_event.zeroshot.fillers`. A role that none may play is left out.
        styles: of `templates.describe`; the mean of their logits is taken.
        scale: what cosines are multiplied with; None takes the model's own. A calibrated one goes here.
        margin: log odds, before looking, that a candidate plays a role rather than somebody else.
        exact: the most assignments that are all compared. Of more, beam search goes role by role through what the
            roles so far say, and probabilities are those among the assignments that it ends with.
        width: how many beginnings beam search goes on with.
        texts: embeddings to share with other calls; None keeps them for this one.

    Returns:
        One `Roles` per photograph.

    Raises:
        UnsayableError: the ontology has no such type.
        ValueError: a style that needs a caption, a width below 1, or embeddings that are no (I, D).
    """
    if image.ndim != 2:
        raise ValueError(f"image: found the shape {tuple(image.shape)}, expected (images, dimension)")
    if width < 1 or not styles:
        raise ValueError(f"width: found {width}, expected 1 or more; styles: found {styles!r}, expected one or more")
    if texts is not None and texts.model is not model:
        raise ValueError("texts: belong to another model; make Texts(model) of this one")
    casting, texts = _casting(event_type, ontology, candidates), texts or Texts(model)
    score = _Scores(texts.sayings(casting, styles), model.scale if scale is None else scale, margin, texts)
    if not len(image):
        return []
    few = list(islice(casting.all(), exact + 1))
    if len(few) <= exact:
        few = [one for one in few if score.sayings.told(one)]
        return [_result(casting, few, row, styles, True) for row in score.whole(image, few)]
    found = []
    for block in image.split(BLOCK):
        found += [_result(casting, *one, styles, False) for one in _beam(casting, score, block, width)]
    return found


def _casting(event_type: str, ontology: str | Ontology | None, candidates: Sequence[Candidate]) -> Casting:
    known = None if ontology is None else load_ontology(ontology)
    template = open_template(event_type) if known is None else known.meant(event_type)
    if template is None:
        assert known is not None
        raise UnsayableError(f"event type {event_type!r}: {known.name!r} has no such type; see ontology show")
    return Casting.of(template, known, candidates)


@dataclass(frozen=True)
class _Scores:
    """Logits of assignments to one casting."""

    sayings: _Sayings
    scale: float
    margin: float
    texts: Texts

    def whole(self, image: Tensor, assignments: Sequence[Assignment]) -> Tensor:
        """(I, assignments): the log of the mean likelihood of the hypotheses of each, and the margins."""
        if not assignments:
            return image.new_zeros(len(image), 0)
        told = [self.sayings.told(one) for one in assignments]
        logits = self._logits(image, [texts for hypotheses in told for texts in hypotheses])
        parts = logits.split([len(hypotheses) for hypotheses in told], dim=1)
        means = [part.logsumexp(1) - math.log(part.shape[1]) for part in parts]
        return torch.stack(means, 1) + self._margins(assignments)

    def begun(self, image: Tensor, assignments: Sequence[Assignment]) -> Tensor:
        """(I, beginnings), by what they say so far."""
        return self._logits(image, [self.sayings.begun(one) for one in assignments]) + self._margins(assignments)

    def _logits(self, image: Tensor, told: list[list[str]]) -> Tensor:
        places = {text: place for place, text in enumerate(dict.fromkeys(text for texts in told for text in texts))}
        logits = self.scale * image.float() @ self.texts(list(places)).T
        return torch.stack([logits[:, [places[text] for text in texts]].mean(1) for texts in told], 1)

    def _margins(self, assignments: Sequence[Assignment]) -> Tensor:
        played = [sum(any(who) for who in self.sayings.casting.fillers(one).values()) for one in assignments]
        return self.margin * torch.tensor(played, dtype=torch.float32)


def _beam(casting: Casting, score: _Scores, image: Tensor, width: int) -> list[tuple[list[Assignment], Tensor]]:
    """For each photograph the assignments that the search ends with, and their logits."""
    beams: list[list[Assignment]] = [[()] for _ in image]
    for slot in range(len(casting.slots)):
        longer = [[more for begun in beam for more in casting.extended(begun)] for beam in beams]
        last = slot + 1 == len(casting.slots)
        if last:
            longer = [[one for one in ones if casting.allowed(one)] for ones in longer]
        union = list(dict.fromkeys(one for ones in longer for one in ones))
        if last:
            union = [one for one in union if score.sayings.told(one)]
        place = {one: number for number, one in enumerate(union)}
        logits = score.whole(image, union) if last else score.begun(image, union)
        beams, kept = [], []
        for row, ones in zip(logits, longer, strict=True):
            own = [one for one in ones if one in place]
            values = row[[place[one] for one in own]]
            order = values.argsort(descending=True, stable=True)[: None if last else width]
            beams.append([own[n] for n in order.tolist()])
            kept.append(values[order])
    return list(zip(beams, kept, strict=True))


def _result(
    casting: Casting, assignments: list[Assignment], logits: Tensor, styles: Sequence[str], exact: bool
) -> Roles:
    """The best of some assignments, and each role's probabilities."""
    by_role: dict[str, dict[str | None, float]] = {}
    for role, able in casting.playable.items():
        by_role[role] = {**{casting.candidates[n].text: 0.0 for n in able}, None: 0.0}
    if not assignments:
        sentence = casting.say((), styles[0])[0]
        by_role = {role: {**of, None: 1.0} for role, of in by_role.items()}
        return Roles(casting.template.name, casting.fillers(()), 1.0, by_role, sentence, exact)
    shares = logits.double().softmax(0)
    for assignment, share in zip(assignments, shares.tolist(), strict=True):
        for role, who in casting.fillers(assignment).items():
            texts: list[str | None] = [candidate.text for candidate in who]
            for text in texts or [None]:
                by_role[role][text] = min(1.0, by_role[role][text] + share)  # by rounding a sum may pass 1
    best = int(shares.argmax())
    sentence = casting.say(assignments[best], styles[0])[0]
    fillers = casting.fillers(assignments[best])
    return Roles(casting.template.name, fillers, float(shares[best]), by_role, sentence, exact)
