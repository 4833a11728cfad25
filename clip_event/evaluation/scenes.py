"""A scenes folder with its gold events: what a model sees where everything that is shown is known.

Scenes come as twins, the same event with the two actors exchanged, so that nothing but the picture tells the roles.
Beside each figure stands what it would be if the model looked at something else: the same of mirrored pictures, of
texts without the instrument (that mostly lies in the agent's hands), and of a judge that sees the texts alone.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image, ImageOps
from sklearn.linear_model import LogisticRegression
from torch import Tensor

from clip_event.evaluation.acted import boxes_on_actors, casts
from clip_event.evaluation.intervals import interval
from clip_event.evaluation.photographs import photographs
from clip_event.pictures.reading import PictureError, load, place
from clip_event.tuning.validation import ranks
from clip_event.zeroshot.classifiers import classifier
from clip_event.zeroshot.model import ClipEvent
from clip_event.zeroshot.stream import stream
from templates.confusable import Confusable
from templates.corpus import Corpus
from templates.events import CaptionEvents, read_events
from templates.habits import body
from templates.ontology import load_ontology
from templates.pairs import Wanted, described
from templates.statement import statement

Json = dict[str, Any]
Floats = NDArray[np.float64]
GALLERY = 200
KINDS = {"event": 1, "role": 1}
QUOTED = ("caption", "edited")
"""Styles in the caption's own words, which no argument can be left out of."""
ROUNDING = 1e-6

Pair = tuple[int, str, str, str, str]
"""Number of the scene, style, kind of negative, positive, negative."""


def told(
    records: Sequence[CaptionEvents], wanted: Mapping[str, int] = KINDS, styles: Sequence[str] = ("sentence", "caption")
) -> list[Pair]:
    """Descriptions of scenes, each with its negatives."""
    ontology = load_ontology()
    corpus = Corpus(statement(record, event, ontology) for record in records for event in record.events)
    confusable, asked = Confusable(ontology, corpus), Wanted(tuple(styles), wanted)
    return [
        (number, row["style"], negative["kind"], row["positive"], negative["text"])
        for number, record in enumerate(records)
        for one in described(record, confusable, asked)
        for row in one["pairs"]
        for negative in row["negatives"]
    ]


def right(ahead: Tensor) -> Tensor:
    """1 where the true text is nearer, 0 where the false one is; a draw counts half, as one cannot tell.

    Args:
        ahead: (pairs,), by how much. Texts are encoded in groups of one length: the same sentence may come out apart by
            rounding.
    """
    return torch.where(ahead.abs() < ROUNDING, 0.5, (ahead > 0).float())


def scenes(
    model: ClipEvent,
    folder: str | Path,
    *,
    styles: Sequence[str] = ("sentence", "caption"),
    gallery: int = GALLERY,
    cast: int = 0,
    ground: int = 0,
    batch_size: int = 64,
    workers: int = 2,
    progress: Callable[[int], None] | None = None,
) -> Json:
    """Forced choices between true and false descriptions, retrieval and types on a scenes folder, per cent.

    Args:
        folder: as `clip-event scenes` writes it: `gold.jsonl` and `images/`.
        styles: of descriptions, see `templates.describe`.
        gallery: scenes in one retrieval.
        cast, ground: scenes in which to cast roles and to find actors, see `clip_event.evaluation.acted`; a tenth of a
            second and about a second each.
        progress: called with how many pictures are done.

    Returns:
        `pairs` by style and kind of negative, each with `accuracy`, `interval` over scenes, and the accuracy
        `mirrored`, `no_instrument` (null for styles in the caption's words) and `blind`; `by_type`; `retrieval` in
        galleries without twins, `retrieval_with_twins`; `type`, which of the types shown; where asked for `casts` and
        `boxes`.

    Raises:
        ValueError: no scene, or an unknown style.
        RecordError, MissingPictures, FileNotFoundError: the folder is none of scenes.
    """
    folder = Path(folder)
    records = list(read_events(folder / "gold.jsonl"))
    if not records:
        raise ValueError(f"{folder / 'gold.jsonl'}: holds no scene")
    names = [record.image or "" for record in records]
    seen = photographs(model, names, folder, batch_size=batch_size, workers=workers, progress=progress)
    records = [record for record in records if record.image in seen]
    image = torch.stack([seen[str(record.image)] for record in records])
    mirrored = torch.cat([part.image for part in stream(model, _mirrored(model, records, folder), workers=workers)])
    pairs = told(records, KINDS, styles)
    choice = _right(model, image, pairs)
    measures = {
        "mirrored": (pairs, _right(model, mirrored, pairs)),
        "no_instrument": (bare := _bare(records, styles), _right(model, image, bare)),
        "blind": (pairs, _blind(model, pairs)),
    }
    captions = [body(record.caption) for record in records]
    return {
        "scenes": len(records),
        "missed": len(seen.missed),
        "pairs": {
            style: {kind: _figure(pairs, choice, style, kind, measures) for kind in KINDS if _any(pairs, style, kind)}
            for style in styles
        },
        "by_type": _by_type(records, pairs, choice),
        "retrieval": _retrieval(model, [(image[n::2], captions[n::2]) for n in (0, 1)], gallery),
        "retrieval_with_twins": _retrieval(model, [(image, captions)], gallery),
        "type": _type(model, records, image),
        **({"casts": casts(model, records[:cast], image[:cast])} if cast else {}),
        **({"boxes": boxes_on_actors(model, folder, ground)} if ground else {}),
    }


def _mirrored(
    model: ClipEvent, records: Sequence[CaptionEvents], folder: Path
) -> Iterator[tuple[int, Image.Image | PictureError]]:
    for number, record in enumerate(records):
        found = load(place(str(record.image), folder, folder), model.side)
        yield number, found if isinstance(found, PictureError) else ImageOps.mirror(found)


def _bare(records: Sequence[CaptionEvents], styles: Sequence[str]) -> list[Pair]:
    """As `told`, of events without an instrument."""
    own = [style for style in styles if style not in QUOTED]
    return told([_without(record, "Instrument") for record in records], KINDS, own) if own else []


def _without(record: CaptionEvents, role: str) -> CaptionEvents:
    events = [
        event.model_copy(update={"arguments": [argument for argument in event.arguments if argument.role != role]})
        for event in record.events
    ]
    return record.model_copy(update={"events": events})


def _right(model: ClipEvent, image: Tensor, pairs: Sequence[Pair]) -> Floats:
    """(pairs,)"""
    rows = torch.tensor([number for number, *_ in pairs], dtype=torch.long)
    return right((image[rows] * _apart(model, pairs)).sum(1)).double().numpy()


def _apart(model: ClipEvent, pairs: Sequence[Pair]) -> Tensor:
    """(pairs, D), the true text's embedding less the false one's."""
    both = model.encode_texts([positive for *_, positive, _ in pairs] + [negative for *_, negative in pairs])
    return both[: len(pairs)] - both[len(pairs) :]


def _blind(model: ClipEvent, pairs: Sequence[Pair]) -> Floats:
    """(pairs,), the choice of a linear judge of the texts alone, taught on the other half of the twins."""
    apart = _apart(model, pairs).double().numpy()
    half = np.array([number // 2 % 2 for number, *_ in pairs], dtype=int)
    group = np.array([f"{style} {kind}" for _, style, kind, *_ in pairs])
    found = np.full(len(pairs), 0.5)
    for name in np.unique(group):
        for asked in (0, 1):
            taught, rows = (group == name) & (half != asked), (group == name) & (half == asked)
            if taught.any() and rows.any():
                both = np.concatenate([apart[taught], -apart[taught]])
                truth = np.repeat([1, 0], taught.sum())
                judge = LogisticRegression(fit_intercept=False, C=100, max_iter=1000).fit(both, truth)
                found[rows] = right(torch.from_numpy(judge.decision_function(apart[rows]))).numpy()
    return found


def _any(pairs: Sequence[Pair], style: str, kind: str) -> bool:
    return any(pair[1:3] == (style, kind) for pair in pairs)


def _figure(
    pairs: Sequence[Pair], choice: Floats, style: str, kind: str, measures: Mapping[str, tuple[Sequence[Pair], Floats]]
) -> Json:
    def mean(pairs: Sequence[Pair], choice: Floats) -> Floats:
        """Of each scene."""
        by_scene: dict[int, list[float]] = {}
        for (number, *named, _, _), value in zip(pairs, choice, strict=True):
            if named == [style, kind]:
                by_scene.setdefault(number, []).append(float(value))
        return np.array([np.mean(values) for values in by_scene.values()])

    own = mean(pairs, choice)
    others = {name: mean(*given) for name, given in measures.items()}
    return {
        "accuracy": 100 * float(own.mean()),
        "interval": interval(own),
        "scenes": len(own),
        **{name: 100 * float(each.mean()) if len(each) else None for name, each in others.items()},
    }


def _by_type(records: Sequence[CaptionEvents], pairs: Sequence[Pair], choice: Floats) -> Json:
    """Accuracy over all styles by the type of the scene's event."""
    found: dict[str, dict[str, list[float]]] = {}
    for (number, _, kind, _, _), value in zip(pairs, choice, strict=True):
        found.setdefault(records[number].events[0].type, {}).setdefault(kind, []).append(float(value))
    return {
        name: {kind: 100 * float(np.mean(values)) for kind, values in kinds.items()}
        for name, kinds in sorted(found.items())
    }


def _retrieval(model: ClipEvent, parts: Sequence[tuple[Tensor, list[str]]], gallery: int) -> Json:
    found: dict[str, list[Tensor]] = {}
    for image, captions in parts:
        if captions:
            for way, each in ranks(image, model.encode_texts(captions), captions, gallery).items():
                found.setdefault(way, []).append(each)
    size = min(gallery, min(len(captions) for _, captions in parts if captions))
    scores: Json = {"images": size}
    for way, part in found.items():
        rank = torch.cat(part).numpy()
        scores[way] = {f"r{k}": 100 * float((rank < k).mean()) for k in (1, 5)} | {"interval": interval(rank < 1)}
    return scores


def _type(model: ClipEvent, records: Sequence[CaptionEvents], image: Tensor) -> Json:
    """The type among those shown that the zero-shot classifier finds nearest."""
    types = [record.events[0].type for record in records]
    ask = classifier(model, load_ontology()).only(sorted(set(types)))
    hits = ((image @ ask.weight.T).argmax(1) == torch.tensor([ask.types.index(name) for name in types])).numpy()
    return {"accuracy": 100 * float(hits.mean()), "interval": interval(hits), "types": len(ask.types)}
