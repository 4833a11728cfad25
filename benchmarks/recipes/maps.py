"""The image tower from a late stage on, over feature maps that are computed once.

Without a GPU nearly all of a step's time would go into the early stages of the image tower, which tuning changes least.
So they are run once over every photograph, whole and in random crops, and tuning goes through the remaining stages, the
projection and the text tower. The model stays whole: its weights keep their names, and what is saved is a whole model.
"""

import json
from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from random import Random
from types import MethodType
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from clip_event.data.batches import Example, Examples, Missed
from clip_event.data.prepare import Progress
from clip_event.data.sources import Item
from clip_event.pictures.reading import place as place_of
from clip_event.pictures.reading import read
from clip_event.towers.trainable import count_trainable
from clip_event.tuning.assembly import Assembly, assemble
from clip_event.tuning.config import Config
from clip_event.tuning.ranks import Place
from clip_event.zeroshot.model import ClipEvent
from clip_event.zeroshot.stream import DRAFT, read_ahead

STAGE = 6
"""The first of MobileNetV2's seven stages that trains, counted from 0."""
VIEWS = 4
BATCH = 32
PARTS = ("conv_stem", "bn1", "blocks", "conv_head", "bn2")
"""Of timm's EfficientNet, which MobileNetV2 is one of, in the order they are run in."""


def _trunk(model: nn.Module) -> Any:
    trunk = getattr(model.visual, "trunk", None)
    if not all(hasattr(trunk, part) for part in PARTS):
        raise ValueError(
            f"found an image tower {type(trunk or model.visual).__name__}, expected timm's MobileNetV2 or "
            "EfficientNet, the towers that can be entered late; run the whole model with --full"
        )
    return trunk


@torch.no_grad()
def early(model: nn.Module, images: Tensor, stage: int = STAGE) -> Tensor:
    """What the stages before `stage` make of images (N, 3, height, width): (N, C, h, w)."""
    trunk = _trunk(model)
    found: Tensor = trunk.blocks[:stage](trunk.bn1(trunk.conv_stem(images)))
    return found


def enter(model: nn.Module, stage: int = STAGE) -> None:
    """From now on the model takes feature maps, as `early` makes them, for images; what is before does not train."""
    trunk = _trunk(model)

    def forward_features(self: Any, maps: Tensor) -> Tensor:
        found: Tensor = self.bn2(self.conv_head(self.blocks[stage:](maps)))
        return found

    trunk.forward_features = MethodType(forward_features, trunk)
    for part in (trunk.conv_stem, trunk.bn1, trunk.blocks[:stage]):
        part.requires_grad_(False)


class Maps:
    """Feature maps of photographs, on disk.

    Attributes:
        row: a photograph's name to its row.
        held: (VIEWS, photographs, C, h, w): centred, then random crops, every second mirrored.
    """

    def __init__(self, folder: Path) -> None:
        names = json.loads((folder / "names.json").read_text(encoding="utf-8"))
        self.row = {name: number for number, name in enumerate(names)}
        self.held = np.load(folder / "maps.npy", mmap_mode="r")

    def __call__(self, names: Sequence[str], view: int = 0) -> Tensor:
        """(names, C, h, w)"""
        return torch.from_numpy(self.held[view, [self.row[name] for name in names]])


def make_maps(folder: Path, model: ClipEvent, names: Sequence[str], root: Path, stage: int = STAGE) -> Maps:
    """Compute the maps of photographs in `root`, or open those that are there.

    Raises:
        PictureError: a photograph that cannot be read.
        ValueError: an image tower that cannot be entered late.
    """
    if not (folder / "names.json").exists():
        folder.mkdir(parents=True, exist_ok=True)
        held, done = None, 0
        pictures = ((name, place_of(name, root, root)) for name in names)
        with torch.random.fork_rng(devices=[]):  # crops are drawn by torchvision, from torch's own chance
            torch.manual_seed(0)
            for batch in read_ahead(pictures, partial(_viewed, model), BATCH, workers=1):
                for view, images in enumerate(torch.stack([views for _, views in batch]).unbind(1)):
                    maps = early(model.loaded.model, images.to(memory_format=torch.channels_last), stage)
                    if held is None:
                        shape = (VIEWS, len(names), *maps.shape[1:])
                        held = np.lib.format.open_memmap(folder / "maps.npy", "w+", np.float32, shape)
                    held[view, done : done + len(maps)] = maps.numpy()
                done += len(batch)
        (folder / "names.json").write_text(json.dumps(list(names)), encoding="utf-8")
    return Maps(folder)


def _viewed(model: ClipEvent, path: Path) -> Tensor:
    """A photograph in all views, as the model takes it: (VIEWS, 3, height, width)."""
    picture = read(path, DRAFT * model.side)
    views = [model.loaded.preprocess_val(picture)]
    for view in range(1, VIEWS):
        crop = model.loaded.preprocess_train(picture)
        views.append(crop.flip(2) if view % 2 else crop)
    return torch.stack(views)


class OnMaps(Examples):
    """Examples with a feature map in the photograph's place: in training any view by chance, else the centred."""

    def __init__(self, examples: Examples, maps: Maps, views: int) -> None:
        super().__init__(examples.source, examples.describer, examples.transform, examples.size, examples.seed)
        self.maps, self.views = maps, views

    def of(self, item: Item, epoch: int) -> Example | Missed:
        view = Random(f"{self.seed}|{epoch}|{item.number}").randrange(self.views)
        return Example(item.id, self.maps([item.place], view)[0], self.describer(item, epoch))


def assemble_on_maps(
    config: Config, place: Place, progress: Progress | None = None, *, maps: Maps, stage: int = STAGE
) -> Assembly:
    """As `clip_event.tuning.assembly.assemble`, with the late stages on feature maps, not the tower on photographs."""
    found = assemble(config, place, progress)
    for encoder in (found.encoder, found.beginning):
        enter(encoder.model, stage)
        encoder.autocast = True  # in bfloat16 as on a GPU: half of the time where a CPU has instructions for it
    checked: Any = found.validation.loader.dataset
    checked.examples = OnMaps(checked.examples, maps, views=1)
    plan = {**found.plan, "trainable": dict(count_trainable(found.loaded.model))}
    return replace(found, examples=OnMaps(found.examples, maps, VIEWS), plan=plan)
