"""`clip-event regions`: boxes of people and things in photographs, by an open-vocabulary detector of transformers."""

import json
import os
import sys
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import nullcontext
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import Any

import torch
from PIL import Image

from clip_event.models import ModelError, check_hub
from clip_event.pictures import WHOLE, PictureError, load
from extraction._torchvision import declare_missing_operators
from extraction.extractor import pick_device
from templates.whole import whole

DETECTOR = "google/owlv2-base-patch16-ensemble"
LABELS = ("person", "police officer", "soldier", "vehicle", "weapon", "flag", "sign", "animal", "building", "fire")
"""What fills roles in news photographs, by kind of entity and by what it looks like."""
OWLS = ("owlv2", "owlvit")
SUFFIXES = (".jpg", ".jpeg", ".png", ".webp", ".gif", ".bmp", ".tif", ".tiff", ".ppm")
Json = dict[str, Any]


@dataclass
class Detected:
    """What a run did: photographs, boxes, and those that could not be read, with the reason."""

    images: int = 0
    boxes: int = 0
    missed: list[PictureError] = field(default_factory=list)


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
    progress: Callable[[int], None] | None = None,
) -> Detected:
    """Write the regions file of photographs, see `clip_event.regions`.

    Args:
        images: files, and folders with files in them at any depth.
        out: a JSONL file, which appears whole or not at all, or `-`. Paths in it are relative to its folder.
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
    with nullcontext(sys.stdout) if str(out) == "-" else whole(out) as lines:
        for batch in _batches(images, batch_size, workers):
            read = [(path, picture) for path, picture in batch if not isinstance(picture, PictureError)]
            done.missed += [picture for _, picture in batch if isinstance(picture, PictureError)]
            boxes = look([picture for _, picture in read], threshold, most) if read else []
            for (path, picture), found in zip(read, boxes, strict=True):
                image = os.path.relpath(path.resolve(), base)
                row = {"image": image, "width": picture.width, "height": picture.height, "boxes": found}
                lines.write(json.dumps(row, ensure_ascii=False) + "\n")
                done.boxes += len(found)
            done.images += len(read)
            if progress:
                progress(done.images + len(done.missed))
    return done


def photographs(images: Iterable[str | Path]) -> Iterator[Path]:
    """Files as given; in folders those with a picture's suffix, by name."""
    for given in map(Path, images):
        if not given.is_dir():
            yield given
            continue
        for folder, folders, names in os.walk(given):
            folders.sort()
            yield from (Path(folder, name) for name in sorted(names) if name.lower().endswith(SUFFIXES))


def _batches(
    images: Iterable[str | Path], size: int, workers: int
) -> Iterator[list[tuple[Path, Image.Image | PictureError]]]:
    """Photographs with their paths, one batch decoded ahead."""
    paths = photographs(images)
    with ThreadPoolExecutor(max(1, workers)) as pool:

        def begin() -> "list[tuple[Path, Future[Image.Image | PictureError]]]":
            return [(path, pool.submit(load, path, WHOLE, str(path))) for path in islice(paths, size)]

        ahead = deque([begin()])
        while batch := ahead.popleft():
            ahead.append(begin())
            yield [(path, future.result()) for path, future in batch]
