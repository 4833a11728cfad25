"""Situations of photographs by the cosines of sentences: verbs among all, nouns among the usual ones of their role."""

from collections import Counter, defaultdict
from collections.abc import Callable, Mapping
from pathlib import Path

import torch
from pydantic import BaseModel, TypeAdapter
from torch import Tensor

from clip_event.evaluation.files import read_json
from clip_event.evaluation.photographs import photographs
from clip_event.evaluation.predictions import PredictedArgument, PredictedEvent, Prediction
from clip_event.evaluation.swig import Situation, read_annotations
from clip_event.zeroshot.calibration import calibration_for
from clip_event.zeroshot.classifiers import classifier
from clip_event.zeroshot.model import ClipEvent
from templates.describe import describe
from templates.formats import read_imsitu
from templates.ontology import Ontology
from templates.supposed import supposed

FIRST = 5  # verbs


class _Glosses(BaseModel):
    nouns: dict[str, dict[str, object]]


def predict(
    model: ClipEvent,
    gold: Mapping[str, Situation],
    space: str | Path,
    root: str | Path,
    *,
    train: str | Path | None = None,
    candidates: int = 10,
    batch_size: int = 64,
    workers: int = 2,
    progress: Callable[[int], None] | None = None,
) -> list[Prediction]:
    """The five most probable verbs of each image, and the gold one, so that nouns can be scored under it.

    Args:
        space: `imsitu_space.json`.
        train: SWiG's `train.json`. Each role's candidates are its most frequent nouns there, so that figures for nouns
            are not those of a model that has seen no annotation; without it there are no nouns.
        candidates: how many nouns a role has to choose from.

    Raises:
        MissingPictures, InputError, OntologyError: see `photographs`, `read_annotations` and `read_imsitu`.
    """
    ontology = read_imsitu(space)
    verbs = list(ontology.events)
    usual = _Usual(model, ontology, space, train, candidates) if train is not None else None
    found = photographs(model, gold, root, batch_size=batch_size, workers=workers, progress=progress)
    probability = classifier(model, ontology).probabilities(found.image, calibration_for(model))[:, :-1]
    predictions = [Prediction(image=name, events=()) for name in found.missed]
    for name, row in found.row.items():
        order = probability[row].argsort(descending=True, stable=True).tolist()
        first = [verbs[number] for number in order[:FIRST]]
        events = [
            PredictedEvent(
                type=verb,
                probability=float(probability[row, verbs.index(verb)]),
                arguments=usual.fill(verb, found.image[row]) if usual else (),
            )
            for verb in dict.fromkeys((*first, gold[name].verb))
        ]
        predictions.append(Prediction(image=name, events=tuple(events)))
    return predictions


class _Usual:
    """The most frequent nouns of each verb's roles, and the embeddings of their sentences, made when needed."""

    def __init__(
        self, model: ClipEvent, ontology: Ontology, space: str | Path, train: str | Path, candidates: int
    ) -> None:
        self._model, self._ontology, self._candidates = model, ontology, candidates
        self._words = {
            noun: str(gloss[0])
            for noun, entry in read_json(space, TypeAdapter(_Glosses)).nouns.items()
            if isinstance(gloss := entry.get("gloss"), list) and gloss
        }
        self._counts: dict[tuple[str, str], Counter[str]] = defaultdict(Counter)
        for annotation in read_annotations(train).values():
            for frame in annotation.frames:
                for role, noun in frame.items():
                    if noun in self._words:
                        self._counts[annotation.verb, role][noun] += 1
        self._known: dict[tuple[str, str], tuple[list[str], Tensor]] = {}

    def fill(self, verb: str, image: Tensor) -> tuple[PredictedArgument, ...]:
        arguments = []
        for role in self._ontology[verb].roles:
            nouns, texts = self._role(verb, role)
            if nouns:
                chances = (self._model.scale * texts @ image).softmax(0)
                best = int(chances.argmax())
                arguments.append(PredictedArgument(role=role, text=nouns[best], probability=float(chances[best])))
        return tuple(arguments)

    def _role(self, verb: str, role: str) -> tuple[list[str], Tensor]:
        if (verb, role) not in self._known:
            nouns = [noun for noun, _ in self._counts[verb, role].most_common(self._candidates)]
            said = [describe(supposed(verb, [(role, self._words[n])], self._ontology), "short") for n in nouns]
            texts = self._model.encode_texts([one.text for one in said if one]) if nouns else torch.zeros(0)
            self._known[verb, role] = nouns, texts
        return self._known[verb, role]
