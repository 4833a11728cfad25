"""Event types of photographs by the cosines of a few sentences a type."""

from collections.abc import Callable, Sequence
from pathlib import Path

import torch
from torch import Tensor
from torch.nn.functional import normalize

from clip_event.evaluation.photographs import photographs
from clip_event.evaluation.predictions import PredictedEvent, Prediction
from clip_event.model import ClipEvent
from templates.describe import describe
from templates.ontology import Ontology
from templates.supposed import supposed

STYLES = ("sentence", "short")
NOTHING = ("a photo.", "a portrait of a person.", "a photo of a place.")


def type_probabilities(model: ClipEvent, image: Tensor, ontology: Ontology, types: Sequence[str]) -> Tensor:
    """How probable each type is, and no event.

    Args:
        image: (images, D), unit length.
        types: names of the ontology.

    Returns:
        (images, types + 1); the last says that the photograph shows none of them.
    """
    told = [[describe(supposed(name, (), ontology), style) for style in STYLES] for name in types]
    prompts = [[*dict.fromkeys(one.text for one in said if one)] for said in told] + [list(NOTHING)]
    rows = [model.encode_texts(texts).mean(0) for texts in prompts]
    return (model.scale * image @ normalize(torch.stack(rows), dim=-1).T).softmax(-1)


def predict_types(
    model: ClipEvent,
    names: Sequence[str],
    root: str | Path,
    ontology: Ontology,
    types: Sequence[str],
    *,
    batch_size: int = 64,
    workers: int = 2,
    progress: Callable[[int], None] | None = None,
) -> list[Prediction]:
    """Event types of photographs, those that are more probable than none, best first. No arguments.

    One that cannot be read shows none; see `photographs` for the arguments and for how many may be so.
    """
    found = photographs(model, names, root, batch_size=batch_size, workers=workers, progress=progress)
    predictions = [Prediction(image=name, events=()) for name in found.missed]
    for name, row in zip(found.row, type_probabilities(model, found.image, ontology, types).tolist(), strict=True):
        ranked = sorted(zip(row, types, strict=False), reverse=True)
        events = tuple(PredictedEvent(type=type, probability=p) for p, type in ranked if p > row[-1])
        predictions.append(Prediction(image=name, events=events))
    return predictions
