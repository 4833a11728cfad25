"""`clip-event confusion`: which event types a model takes for which, for negatives that it finds hard."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from clip_event.calibrating.labelled import embed, read_labelled
from clip_event.zeroshot.calibration import Calibration, calibration_for
from clip_event.zeroshot.classifiers import Classifier, classifier
from clip_event.zeroshot.model import ClipEvent
from clip_event.zeroshot.prompts import FORMS
from clip_event.zeroshot.text_cache import USER
from extraction.records import InputError
from templates.confusions import Confusion
from templates.formats import read_ontology
from templates.ontology import Ontology


def confusion(
    model: ClipEvent,
    source: str | Path,
    images: str | Path,
    *,
    ontology: str | Path | Ontology = "news",
    calibration: Calibration | None = None,
    styles: Sequence[str] = tuple(FORMS),
    cache: Path | None = USER,
    batch_size: int = 64,
    workers: int = 2,
    progress: Callable[[int], None] | None = None,
) -> Confusion:
    """The model's zero-shot confusion of event types, on gold or on events that were read from captions.

    Args:
        source: records with `image`, `events` and `salient`; only those that show an event are used.
        images: the folder that nothing outside of is read.
        calibration: without it the one that comes with the model; see `calibration_for`.

    Raises:
        InputError: a file that cannot be used, or no photograph with an event.
        MissingPictures: 5 % or more of the photographs cannot be read.
        ValueError: the open ontology, whose types are no closed list.
    """
    if str(ontology) == "open":
        raise ValueError("confusion: the open ontology has no list of types; give news or an ontology file")
    types = read_ontology(ontology)
    labelled = read_labelled(source, types)
    shown = [(image, event.type) for image, event in zip(labelled.images, labelled.events, strict=True) if event]
    if not shown:
        raise InputError(f"{source}: no photograph that shows an event")
    ask = classifier(model, types, styles, cache)
    options: dict[str, Any] = {"batch_size": batch_size, "workers": workers, "progress": progress}
    image, places = embed(model, [name for name, _ in shown], images, **options)
    rows, counts = mean_probabilities(
        ask, image, [shown[place][1] for place in places], calibration or calibration_for(model)
    )
    return Confusion(
        ontology=types.name,
        types=list(ask.types),
        photographs=counts,
        left_out=labelled.left_out | {"missing": len(shown) - len(places)},
        rows=rows,
        model=model.name,
        source=Path(source).name,
    )


def mean_probabilities(
    ask: Classifier, image: Tensor, types: Sequence[str], calibration: Calibration
) -> tuple[list[list[float] | None], list[int]]:
    """For each true type the mean probability of every type, "none" left out, or None; and how many photographs.

    Args:
        image: (N, D).
        types: N true ones.
    """
    label = torch.tensor([ask.types.index(name) for name in types], dtype=torch.long)
    found = ask.logits(image, calibration)[:, :-1].double().softmax(1)
    sums = torch.zeros(len(ask.types), len(ask.types), dtype=torch.double).index_add_(0, label, found)
    counts = label.bincount(minlength=len(ask.types)).tolist()
    rows = [
        [round(value / count, 6) for value in row] if count else None
        for row, count in zip(sums.tolist(), counts, strict=True)
    ]
    return rows, counts
