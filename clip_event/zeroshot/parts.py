"""Parts of a photograph with their embeddings: windows, patches, or the boxes of a regions file."""

from collections.abc import Sequence
from dataclasses import dataclass
from math import isqrt
from typing import TYPE_CHECKING, Any, cast

import torch
from PIL import Image
from torch import Tensor
from torch.nn import functional as F

from clip_event.pictures.view import under, view
from clip_event.towers.patches import no_patches

if TYPE_CHECKING:
    from clip_event.zeroshot.model import ClipEvent

SCALES = (0.6, 0.45, 0.33)
"""Sides of windows, in shares of the largest that fits the photograph."""
STRIDE = 0.11
"""From one window to the next, in the same shares."""


@dataclass(frozen=True)
class Parts:
    """R parts of a photograph.

    Attributes:
        size: width and height of the photograph.
        boxes: (R, 4), in its pixels.
        embeddings: (R, D), of unit length.
        lattices: rows and columns of each regular set of parts, one after the other; none for regions.
    """

    size: tuple[int, int]
    boxes: Tensor
    embeddings: Tensor
    lattices: tuple[tuple[int, int], ...] = ()


def windows(model: "ClipEvent", picture: Image.Image, scales: Sequence[float] = SCALES, batch_size: int = 64) -> Parts:
    """Windows of the model's shape that slide over all of the photograph, each seen as a photograph of its own.

    The embedding of a whole image is what a model was trained for, so this works with any image tower, and places are
    found more finely than by patches of which a small model has few. It costs about 100 images a photograph.

    Raises:
        ValueError: a scale that is not above 0 and at most 1.
    """
    if not scales or not all(0 < scale <= 1 for scale in scales):
        raise ValueError(f"scales: found {list(scales)}, expected numbers above 0 and at most 1")
    seen = view(picture.size, _preprocess(model)).seen
    boxes: list[tuple[int, int, int, int]] = []
    lattices = []
    largest = min(picture.width / seen[0], picture.height / seen[1])
    for scale in scales:
        sides = [max(1, round(scale * largest * side)) for side in seen]
        steps = [STRIDE * largest * side for side in seen]
        columns, rows = (
            max(1, round((length - side) / step) + 1)
            for length, side, step in zip(picture.size, sides, steps, strict=True)
        )
        lefts, tops = _spread(picture.width - sides[0], columns), _spread(picture.height - sides[1], rows)
        boxes += [(left, top, left + sides[0], top + sides[1]) for top in tops for left in lefts]
        lattices.append((rows, columns))
    return Parts(picture.size, torch.tensor(boxes).float(), _crops(model, picture, boxes, batch_size), tuple(lattices))


def patches(model: "ClipEvent", picture: Image.Image) -> Parts:
    """The patches of the image tower, from one pass. What the model's crop leaves out has none.

    Raises:
        ValueError: the tower gives no patches in the joint space.
    """
    found, shape = _patches(model, picture)
    cells = view(picture.size, _preprocess(model)).cells(*shape)
    return Parts(picture.size, cells, found, (shape,))


def cut_out(model: "ClipEvent", picture: Image.Image, boxes: Tensor, batch_size: int = 64) -> Parts:
    """Boxes (R, 4), each cut out, with what makes it as wide as high around it, and seen as a photograph of its own."""
    seen = view(picture.size, _preprocess(model)).seen
    middle, sides = (boxes[:, :2] + boxes[:, 2:]) / 2, boxes[:, 2:] - boxes[:, :2]
    shape = torch.tensor(seen, dtype=boxes.dtype)
    half = (sides / shape).amax(1, keepdim=True).minimum((torch.tensor(picture.size) / shape).amin()) * shape / 2
    middle = middle.maximum(half).minimum(torch.tensor(picture.size) - half)  # moved inside, not cut
    places = torch.cat([middle - half, middle + half], 1).round().int().tolist()
    return Parts(picture.size, boxes, _crops(model, picture, places, batch_size))


def pooled_under(model: "ClipEvent", picture: Image.Image, boxes: Tensor) -> Parts:
    """Boxes (R, 4) as the patches under them, averaged: the image nodes that alignment trains with.

    Boxes of which the model's crop shows nothing are 0.

    Raises:
        ValueError: the tower gives no patches in the joint space.
    """
    found, shape = _patches(model, picture)
    where = view(picture.size, _preprocess(model))
    shares = where.to_model(boxes) / torch.tensor([*where.seen, *where.seen])
    return Parts(picture.size, boxes, F.normalize(under(found, shares, shape)[0], dim=-1))


def heat(parts: Parts, scores: Tensor, rows: int, columns: int) -> Tensor:
    """Scores (R,) as a map (rows, columns) over the whole photograph, high where a part scores high.

    Between the middles of windows or patches it is linear, and of several scales the best counts. Of regions it is
    the best score of those that hold a point, elsewhere the lowest score.
    """
    x, y = ((torch.arange(n) + 0.5) * side / n for n, side in zip((columns, rows), parts.size, strict=True))
    if not parts.lattices:
        x0, y0, x1, y1 = parts.boxes.T[:, :, None, None]
        inside = (x0 <= x) & (x <= x1) & (y0 <= y[:, None]) & (y[:, None] <= y1)
        return scores[:, None, None].where(inside, scores.min()).amax(0)
    middles = (parts.boxes[:, :2] + parts.boxes[:, 2:]) / 2
    numbers = [high * wide for high, wide in parts.lattices]
    maps = []
    for shape, at, values in zip(parts.lattices, middles.split(numbers), scores.split(numbers), strict=True):
        span = (at[-1] - at[0]).clamp(min=1e-6)
        across, down = ((z - at[0, axis]) / span[axis] * 2 - 1 for axis, z in enumerate((x, y)))
        where = torch.stack(torch.meshgrid(across, down, indexing="xy"), -1)[None]
        lattice = values.float().view(1, 1, *shape)
        maps.append(F.grid_sample(lattice, where, align_corners=True, padding_mode="border")[0, 0])
    return torch.stack(maps).amax(0)


def _preprocess(model: "ClipEvent") -> dict[str, Any]:
    found: dict[str, Any] = cast(Any, model.loaded.model).visual.preprocess_cfg
    return found


def _spread(last: int, number: int) -> list[int]:
    """Whole numbers from 0 to `last`, evenly; the middle where there is one."""
    return [round(last * step / (number - 1)) for step in range(number)] if number > 1 else [last // 2]


def _crops(model: "ClipEvent", picture: Image.Image, boxes: Sequence[Sequence[int]], batch_size: int) -> Tensor:
    found = [torch.zeros(0, model.loaded.config["embed_dim"])]
    for start in range(0, len(boxes), batch_size):
        crops = [picture.crop((box[0], box[1], box[2], box[3])) for box in boxes[start : start + batch_size]]
        found.append(model.see(torch.stack([model.loaded.preprocess_val(crop) for crop in crops]))[0])
    return torch.cat(found)


def _patches(model: "ClipEvent", picture: Image.Image) -> tuple[Tensor, tuple[int, int]]:
    """(P, D), and rows and columns of them."""
    found = model.see(model.loaded.preprocess_val(picture)[None], patches=True)[1]
    if found is None:
        raise ValueError(f"{model.name} has no patches to ground by: {no_patches(model.loaded.model)}; take windows")
    width, height = view(picture.size, _preprocess(model)).seen
    rows = isqrt(round(found.shape[1] * height / width))
    return found[0], (rows, found.shape[1] // rows)
