"""`evaluate swig`: verbs, nouns of their roles, and where they are, as SWiG's and imSitu's authors score them.

- verb: the right one is the first of a prediction, or among its first five.
- value: a role's noun is one of those that the three annotators gave; that a role is empty is an answer like others.
- value-all: all roles of the verb are right.
- grounded value, grounded value-all: the same, and the role's box overlaps gold's by more than 0.5 (intersection over
  union, right and bottom pixels inside), or neither has one.

Nouns count under the first verb, under the first five (both 0 where the verb is not among them) and under the gold
verb. Every figure is a mean over verbs of that verb's images or roles, as imSitu's own code has it; SWiG's
takes the mean over images for verbs, which is the same where each verb has as many images.

Gold nouns are WordNet synsets, predictions are words or synsets. A word is right when it is in the gloss of a gold
synset; a word of several meanings is thereby right for each of them.

Pratt et al., Grounded Situation Recognition, ECCV 2020; github.com/allenai/swig, `global_utils/imsitu_eval.py`.
Yatskar et al., Situation Recognition, CVPR 2016; github.com/my89/imSitu, `evaluation/evaluate.py`.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from pydantic import BaseModel, Field, TypeAdapter
from scipy.sparse import csr_array

from clip_event.evaluation.boxes import Box, overlap
from clip_event.evaluation.files import read_json
from clip_event.evaluation.intervals import intervals, shares
from clip_event.evaluation.predictions import PredictedEvent, Prediction, read_predictions
from extraction.records import InputError

if TYPE_CHECKING:
    from clip_event.zeroshot.model import ClipEvent

SETTINGS = {"top1": 1, "top5": 5, "gold_verb": None}
"""How many verbs of a prediction are looked at; None where the gold verb is given."""
MORE_THAN = 0.5  # intersection over union

Share = tuple[int, int]
"""How many are right, of how many."""


@dataclass(frozen=True)
class Situation:
    """A gold situation: the verb, and for each of its roles the answers that are right, and the box if it has one."""

    verb: str
    answers: dict[str, frozenset[str]]
    boxes: dict[str, Box | None]


class _Verb(BaseModel):
    order: list[str] = Field(min_length=1)


class _Noun(BaseModel):
    gloss: list[str]


class _Space(BaseModel):
    verbs: dict[str, _Verb]
    nouns: dict[str, _Noun]


class Annotation(BaseModel):
    """An entry of SWiG's dev.json; a box of -1 says that the role's noun is not to be seen."""

    verb: str
    bb: dict[str, Box]
    frames: list[dict[str, str]] = Field(min_length=1)


def read_annotations(path: str | Path) -> dict[str, Annotation]:
    """`train.json`, `dev.json` or `test.json` of SWiG, by image. Raises `InputError`."""
    return read_json(path, TypeAdapter(dict[str, Annotation]))


def read_gold(path: str | Path, space: str | Path) -> dict[str, Situation]:
    """Gold situations by image.

    Args:
        path: `dev.json` or `test.json`.
        space: `imsitu_space.json`.

    Raises:
        InputError: a file in another form, a verb that the space lacks, a role without noun or box.
    """
    known = read_json(space, TypeAdapter(_Space))
    gold = {}
    for image, annotation in read_annotations(path).items():
        if annotation.verb not in known.verbs:
            raise InputError(f"{path}: {image}: found verb {annotation.verb!r}, expected one of {space}")
        answers, boxes = {}, {}
        for role in known.verbs[annotation.verb].order:
            if role not in annotation.bb or not all(role in frame for frame in annotation.frames):
                raise InputError(
                    f"{path}: {image}: role {role!r} of {annotation.verb!r} lacks its box or a frame's noun"
                )
            nouns = {frame[role] for frame in annotation.frames}
            words = (word for noun in nouns if noun in known.nouns for word in known.nouns[noun].gloss)
            answers[role] = frozenset(_plain(word) for word in (*nouns, *words))
            boxes[role] = annotation.bb[role] if annotation.bb[role][0] >= 0 else None
        gold[image] = Situation(annotation.verb, answers, boxes)
    return gold


def evaluate(
    gold: str | Path,
    space: str | Path,
    *,
    predictions: str | Path | None = None,
    model: "ClipEvent | None" = None,
    images: str | Path | None = None,
    train: str | Path | None = None,
    batch_size: int = 64,
    workers: int = 2,
    progress: Callable[[int], None] | None = None,
) -> dict[str, Any]:
    """Scores of predictions from a file, or of a model.

    Args:
        gold: `dev.json` or `test.json`.
        space: `imsitu_space.json`.
        predictions: see `evaluation.predictions`; types are verbs. For the figures under the gold verb it must be among
            an image's events, at any place.
        model, images: a model to ask, and the folder with the photographs.
        train: `train.json`, for a model's nouns; see `swig_model.predict`. Without it, a model says verbs only.

    Returns:
        see `score`.

    Raises:
        InputError: a file in another form.
        ValueError: there are no predictions, or none for one of the images.
    """
    situations = read_gold(gold, space)
    if predictions is not None:
        said = read_predictions(predictions)
    elif model is not None and images is not None:
        from clip_event.evaluation.swig_model import predict

        said = predict(
            model, situations, space, images, train=train, batch_size=batch_size, workers=workers, progress=progress
        )
    else:
        raise ValueError("nothing to score: give predictions, or images to ask a model")
    found = {Path(prediction.image).name: prediction for prediction in said}
    if missing := [image for image in situations if image not in found]:
        raise ValueError(f"no prediction for {len(missing)} of {len(situations)} images of {gold}: {missing[0]} ...")
    return score(found, situations)


def score(predictions: Mapping[str, Prediction], gold: Mapping[str, Situation]) -> dict[str, Any]:
    """Scores over images.

    Returns:
        `images`, how many, and `top1`, `top5` and `gold_verb`, each with `verb` (but not under the gold verb), `value`,
        `value_all`, `grounded_value` and `grounded_value_all`: `accuracy` in per cent and its 95 % `interval` over
        images.
    """
    each = [_shares(predictions[image], situation) for image, situation in gold.items()]
    result: dict[str, Any] = {"images": len(gold)} | {setting: {} for setting in SETTINGS}
    if each:
        places = [(setting, measure) for setting in SETTINGS for measure in each[0][setting]]
        counts = np.array([[image[setting][measure] for setting, measure in places] for image in each])
        found = verb_means(counts, [situation.verb for situation in gold.values()])
        for (setting, measure), accuracy, bounds in zip(places, *found, strict=True):
            result[setting][measure] = {"accuracy": accuracy, "interval": bounds}
    return result


def verb_means(counts: np.ndarray, verb: Sequence[str]) -> tuple[list[float], list[list[float]]]:
    """Means over verbs of what is right of their totals, in per cent, and their intervals over images.

    Args:
        counts: (images, figures, 2), how many are right, of how many.
        verb: of each image.
    """
    names, number = np.unique(verb, return_inverse=True)
    images, figures, _ = counts.shape
    rows, places = (part.ravel() for part in np.mgrid[:images, : 2 * figures])
    columns = len(names) * places + number[rows]
    values = counts.swapaxes(1, 2).ravel().astype(float)
    units = csr_array((values, (rows, columns)), (images, 2 * figures * len(names)))

    def means(sums: np.ndarray) -> np.ndarray:
        found: np.ndarray = np.nanmean(shares(sums).reshape(len(sums), figures, len(names)), 2)
        return found

    return means(np.ones((1, images)) @ units)[0].tolist(), intervals(units, means)


def _shares(prediction: Prediction, gold: Situation) -> dict[str, dict[str, Share]]:
    said = [_plain(event.type) for event in prediction.events]
    rank = said.index(_plain(gold.verb)) if _plain(gold.verb) in said else None
    value, grounded = _right(None if rank is None else prediction.events[rank], gold)
    found = {}
    for setting, most in SETTINGS.items():
        seen = most is None or (rank is not None and rank < most)
        found[setting] = {} if most is None else {"verb": (int(seen), 1)}
        for name, roles in (("value", value), ("grounded_value", grounded)):
            found[setting][name] = (seen * sum(roles), len(roles))
            found[setting][f"{name}_all"] = (int(seen and all(roles)), 1)
    return found


def _right(event: PredictedEvent | None, gold: Situation) -> tuple[Sequence[bool], Sequence[bool]]:
    """For each role, whether the noun is right, and whether noun and box are. Without an event nothing is."""
    if event is None:
        return [False] * len(gold.answers), [False] * len(gold.answers)
    arguments = {argument.role.casefold(): argument for argument in reversed(event.arguments)}
    value, grounded = [], []
    for role, answers in gold.answers.items():
        argument, box = arguments.get(role.casefold()), gold.boxes[role]
        value.append(_plain(argument.text if argument else "") in answers)
        mine = argument.box if argument else None
        placed = overlap(mine, box, edge=1) > MORE_THAN if mine and box else mine is box
        grounded.append(value[-1] and placed)
    return value, grounded


def _plain(text: str) -> str:
    return " ".join(text.casefold().replace("_", " ").split())
