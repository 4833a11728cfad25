"""What a model sees in scenes: their captions, their types, and who did what to whom, against negatives that lie.

And in photographs: which caption belongs to which.
"""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, cast

import torch
from PIL import Image
from torch import Tensor

from clip_event.models import Loaded
from clip_event.scenes import Scene, record_of
from clip_event.texts import encode_texts
from templates.confusable import Confusable
from templates.corpus import Corpus
from templates.events import CaptionEvents
from templates.ontology import load_ontology
from templates.pairs import Wanted, described
from templates.statement import statement

GALLERY = 200
BATCH = 250

Pair = tuple[int, str, str, str, str]
"""Number of the scene, style, kind of negative, positive, negative."""


@torch.no_grad()
def evaluate(loaded: Loaded, scenes: Sequence[Scene], pictures: Tensor) -> dict[str, float]:
    """Scores in per cent, a picture against texts of its own.

    Args:
        scenes: twins one after the other, an even number.
        pictures: (scenes, 3, height, width), preprocessed.

    Returns:
        `retrieval` of the caption by the picture and of the picture by the caption (the mean of both, first place), in
        galleries of 200 scenes without twins, and `retrieval with twins`; `type`, the type of event among those shown;
        and for `role` and `event` how often the true description is nearer than one with this made false, in the
        styles `sentence` and `caption`. A draw counts half, since it is what a model gives that cannot tell.
    """
    records = [CaptionEvents(**record_of(scene)) for scene in scenes]
    model = cast(Any, loaded.model)
    image = torch.cat([model.encode_image(part, normalize=True) for part in pictures.split(BATCH)])
    caption = _encoded(loaded, [record.caption for record in records])
    halves = [(image[first::2], caption[first::2]) for first in (0, 1)]
    found = {
        "retrieval": _per_cent(torch.cat([_first(*half) for half in halves])),
        "retrieval with twins": _per_cent(_first(image, caption)),
        "type": _types(loaded, records, image),
    }
    pairs = told(records)
    rows = torch.tensor([number for number, *_ in pairs])
    true = _encoded(loaded, [positive for *_, positive, _ in pairs])
    false = _encoded(loaded, [negative for *_, negative in pairs])
    # texts are encoded in groups of one length; the same sentence may come out apart by rounding
    ahead = (image[rows] * (true - false)).sum(1)
    right = torch.where(ahead.abs() < 1e-6, 0.5, (ahead > 0).float())
    names = [f"{kind}, {style}" for _, style, kind, _, _ in pairs]
    return found | _means(names, right)


@torch.no_grad()
def recalled(loaded: Loaded, file: str | Path) -> dict[str, float]:
    """Recall at 1 and 10 in per cent among all photographs of a JSONL of `image` and `captions`, either way.

    A photograph is right with any of its captions in the first places, as usual; each caption is asked by itself.
    """
    rows = [json.loads(line) for line in Path(file).read_text(encoding="utf-8").splitlines()]
    parts = []
    for start in range(0, len(rows), BATCH):
        pictures = []
        for row in rows[start : start + BATCH]:
            with Image.open(Path(file).parent / row["image"]) as picture:
                pictures.append(loaded.preprocess_val(picture))
        parts.append(cast(Any, loaded.model).encode_image(torch.stack(pictures), normalize=True))
    text = _encoded(loaded, [caption for row in rows for caption in row["captions"]])
    own = torch.tensor([number for number, row in enumerate(rows) for _ in row["captions"]])
    near = torch.cat(parts) @ text.T
    found = {}
    for most in (1, 10):
        hits = (own[near.topk(most, 1).indices] == torch.arange(len(rows))[:, None]).any(1)
        found[f"image to text R@{most}"] = _per_cent(hits.float())
        found[f"text to image R@{most}"] = _per_cent((near.topk(most, 0).indices == own).any(0).float())
    return found


def told(records: Sequence[CaptionEvents], wanted: Mapping[str, int] = {"event": 1, "role": 1}) -> list[Pair]:
    """Descriptions of scenes in two styles, each with its negatives."""
    ontology = load_ontology()
    corpus = Corpus(statement(record, event, ontology) for record in records for event in record.events)
    confusable, asked = Confusable(ontology, corpus), Wanted(("sentence", "caption"), wanted)
    return [
        (number, row["style"], negative["kind"], row["positive"], negative["text"])
        for number, record in enumerate(records)
        for one in described(record, confusable, asked)
        for row in one["pairs"]
        for negative in row["negatives"]
    ]


def _encoded(loaded: Loaded, texts: Sequence[str]) -> Tensor:
    return encode_texts(loaded.model, loaded.tokenizer, texts, batch_size=BATCH)


def _first(image: Tensor, caption: Tensor) -> Tensor:
    """Which are found in the first place, either way, in whole galleries only, or in the one there is."""
    size = min(GALLERY, len(image))
    galleries = [slice(start, start + size) for start in range(0, len(image) - size + 1, size)]
    hits = []
    for gallery in galleries:
        near = image[gallery] @ caption[gallery].T
        right = torch.arange(size)
        hits += [near.argmax(0) == right, near.argmax(1) == right]
    return torch.cat(hits).float()


def _types(loaded: Loaded, records: Sequence[CaptionEvents], image: Tensor) -> float:
    types = [record.events[0].type for record in records]
    shown = sorted(set(types))
    said = _encoded(loaded, [f"A photo of {load_ontology()[name].gerund}." for name in shown])
    right = torch.tensor([shown.index(name) for name in types])
    return _per_cent(((image @ said.T).argmax(1) == right).float())


def _means(names: Sequence[str], right: Tensor) -> dict[str, float]:
    return {name: _per_cent(right[torch.tensor([other == name for other in names])]) for name in sorted(set(names))}


def _per_cent(right: Tensor) -> float:
    return round(100 * float(right.mean()), 1)
