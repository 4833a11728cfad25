"""What a model sees in scenes: their captions, their types, and who did what to whom, against negatives that lie.

And in photographs: which caption belongs to which.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, cast

import torch
from torch import Tensor

from clip_event.evaluation.retrieval import evaluate_retrieval
from clip_event.evaluation.scenes import GALLERY, right, told
from clip_event.scenes import Scene, record_of
from clip_event.towers.models import Loaded
from clip_event.towers.texts import encode_texts
from clip_event.tuning.validation import ranks
from clip_event.zeroshot.model import ClipEvent
from templates.events import CaptionEvents
from templates.ontology import load_ontology

BATCH = 250


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
    said = [record.caption for record in records]
    caption = _encoded(loaded, said)
    halves = [(image[first::2], caption[first::2], said[first::2]) for first in (0, 1)]
    found = {
        "retrieval": _per_cent(torch.cat([_first(*half) for half in halves])),
        "retrieval with twins": _per_cent(_first(image, caption, said)),
        "type": _types(loaded, records, image),
    }
    pairs = told(records)
    rows = torch.tensor([number for number, *_ in pairs])
    true = _encoded(loaded, [positive for *_, positive, _ in pairs])
    false = _encoded(loaded, [negative for *_, negative in pairs])
    ahead = (image[rows] * (true - false)).sum(1)
    names = [f"{kind}, {style}" for _, style, kind, _, _ in pairs]
    return found | _means(names, right(ahead))


def recalled(loaded: Loaded, file: str | Path, images: str | Path | None = None) -> dict[str, float]:
    """Recall at 1 and 10 in per cent, as `clip-event evaluate retrieval` measures it; `images` is the file's folder."""
    model = ClipEvent(loaded, "mini", torch.device("cpu"))
    found = evaluate_retrieval(model, file, images or Path(file).parent)
    ways = {"image_to_text": "image to text", "text_to_image": "text to image"}
    return {f"{words} R@{most}": found[way][f"r{most}"] for most in (1, 10) for way, words in ways.items()}


def _encoded(loaded: Loaded, texts: Sequence[str]) -> Tensor:
    return encode_texts(loaded.model, loaded.tokenizer, texts, batch_size=BATCH)


def _first(image: Tensor, captions: Tensor, said: Sequence[str]) -> Tensor:
    """Which are found in the first place, either way, in whole galleries only, or in the one there is."""
    return torch.cat(list(ranks(image, captions, said, GALLERY).values())).eq(0).float()


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
