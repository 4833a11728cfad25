"""`clip-event regions`: boxes of people and things in photographs, by an open-vocabulary detector of transformers."""

import os
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, cast

import torch
from PIL import Image

from clip_event.pictures.folders import find_pictures
from clip_event.pictures.reading import WHOLE, PictureError, load
from clip_event.towers.models import ModelError, check_hub
from clip_event.written import written
from clip_event.zeroshot.stream import read_ahead
from extraction._torchvision import declare_missing_operators
from extraction.extractor import pick_device

DETECTOR = "google/owlv2-base-patch16-ensemble"
LABELS = ("person", "police officer", "soldier", "vehicle", "weapon", "flag", "sign", "animal", "building", "fire")
"""What fills roles in news photographs, by kind of entity and by what it looks like."""
OWLS = ("owlv2", "owlvit")
Json = dict[str, Any]


@dataclass
class Detected:
    """What a run did: photographs, boxes, and how many could not be read."""

    images: int = 0
    boxes: int = 0
    bad: int = 0


class Detector:
    """An OWL-ViT or OWLv2 model with its processor.

    Args:
        name: of a repository on the hub, or a folder. Weights are read as safetensors, and no code comes with them.
        labels: what to look for.

    Raises:
        ModelError: no such detector, it cannot be had, or it is of another kind.
        ValueError: no labels, one that is too long, or the device cannot be used.
    """

    def __init__(self, name: str = DETECTOR, labels: Sequence[str] = LABELS, device: str = "auto") -> None:
        self.labels = [label.strip() for label in labels if label.strip()]
        if not self.labels:
            raise ValueError("labels: found none, expected what to look for, as in person,flag")
        self.device = pick_device(device)
        declare_missing_operators()
        from transformers import AutoConfig, AutoModelForZeroShotObjectDetection, AutoProcessor

        check_hub(name, ["model.safetensors"])
        try:
            kind = AutoConfig.from_pretrained(name, trust_remote_code=False).model_type
            if kind not in OWLS:
                raise ModelError(f"{name} is a {kind} model; expected one of {', '.join(OWLS)}")
            self.processor: Any = AutoProcessor.from_pretrained(name, trust_remote_code=False)
            model: Any = AutoModelForZeroShotObjectDetection.from_pretrained(
                name, trust_remote_code=False, use_safetensors=True
            )
        except (OSError, ValueError) as error:
            if isinstance(error, ModelError):
                raise
            raise ModelError(f"cannot load {name!r}: {str(error).strip().splitlines()[0]}") from error
        self.model = model.eval().to(self.device)
        self.asked = [f"a photo of a {label}" for label in self.labels]
        most = model.config.text_config.max_position_embeddings
        for label, tokens in zip(self.labels, self.processor.tokenizer(self.asked)["input_ids"], strict=True):
            if len(tokens) > most:
                raise ValueError(f"label {label!r}: is {len(tokens)} tokens with the words around it, at most {most}")

    @torch.inference_mode()
    def __call__(self, pictures: Sequence[Image.Image], threshold: float = 0.1, most: int = 32) -> list[list[Json]]:
        """Boxes of each photograph, the surest first: `{"box", "label", "score"}`, cut at its edges."""
        asked = [self.asked] * len(pictures)
        inputs = self.processor(text=asked, images=list(pictures), return_tensors="pt").to(self.device)
        found = self.processor.post_process_grounded_object_detection(
            self.model(**inputs), threshold=threshold, target_sizes=[(one.height, one.width) for one in pictures]
        )
        return [self._boxes(one, picture.size, most) for one, picture in zip(found, pictures, strict=True)]

    def _boxes(self, found: Any, size: tuple[int, int], most: int) -> list[Json]:
        boxes = found["boxes"].float().cpu().clamp(min=0).minimum(torch.tensor([*size, *size]).float())
        boxes = (boxes * 10).round() / 10
        scores, labels = found["scores"].float().cpu(), found["labels"].cpu()
        there = (boxes[:, 0] < boxes[:, 2]) & (boxes[:, 1] < boxes[:, 3])
        order = [place for place in scores.argsort(descending=True, stable=True).tolist() if there[place]][:most]
        return [
            {
                "box": [round(edge, 1) for edge in boxes[place].tolist()],
                "label": self.labels[int(labels[place])],
                "score": round(float(scores[place]), 4),
            }
            for place in order
        ]


def regions(
    images: Iterable[str | Path],
    out: str | Path = "-",
    *,
    detector: str = DETECTOR,
    labels: Sequence[str] = LABELS,
    threshold: float = 0.1,
    most: int = 32,
    batch_size: int = 4,
    workers: int = 2,
    device: str = "auto",
    errors: str | Path | None = None,
    strict: bool = False,
    progress: Callable[[int], None] | None = None,
) -> Detected:
    """Write the regions file of photographs, see `clip_event.pictures.regions`.

    Args:
        images: files, folders, or records with `image`, see `clip_event.pictures.folders.find_pictures`.
        out, errors, strict: see `clip_event.written.written`. Paths in `out` are relative to its folder.
        detector, labels: see `Detector`.
        threshold: the least score of a box. OWLv2's are low: 0.1 to 0.3 is usual.
        most: boxes of a photograph.
        progress: called with the number of photographs done.

    Raises:
        ModelError, ValueError: see `Detector`; also a threshold that is not between 0 and 1.
    """
    if not 0 <= threshold <= 1:
        raise ValueError(f"threshold: found {threshold}, expected a number from 0 to 1")
    look, done = Detector(detector, labels, device), Detected()
    base = Path.cwd() if str(out) == "-" else Path(out).resolve().parent
    with written(out, errors, strict=strict, source="images") as files:
        places = ((place, place) for _, place in find_pictures(images))
        for batch in read_ahead(places, partial(load, size=WHOLE), batch_size, workers):
            read = [(place, picture) for place, picture in batch if not isinstance(picture, PictureError)]
            for _, picture in batch:
                if isinstance(picture, PictureError):
                    files.fault({"image": picture.place, "reason": picture.reason})
            boxes = look([picture for _, picture in read], threshold, most) if read else []
            for (place, picture), found in zip(read, boxes, strict=True):
                image = os.path.relpath(cast(Path, place).resolve(), base)
                files.row({"image": image, "width": picture.width, "height": picture.height, "boxes": found})
                done.boxes += len(found)
            done.images, done.bad = done.images + len(read), files.bad
            if progress:
                progress(done.images + done.bad)
    return done
