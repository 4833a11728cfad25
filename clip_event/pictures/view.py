"""Where things of a photograph are in what the model sees of it, and back.

open_clip scales a photograph and then cuts out or pads it to the model's size (`resize_mode`): `shortest` fits the
short side and cuts, `longest` fits the long side and pads, `squash` fits both. A `View` is that as numbers. Boxes are
`[x0, y0, x1, y1]`, in pixels of the upright photograph or of the model's image.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor


@dataclass(frozen=True)
class View:
    """The model's pixel is the photograph's, times `scale`, plus `shift`.

    Attributes:
        size: width and height of the photograph.
        seen: width and height of the model's image.
        scale, shift: of x and of y.
    """

    size: tuple[int, int]
    seen: tuple[int, int]
    scale: tuple[float, float]
    shift: tuple[float, float]

    def to_model(self, boxes: Tensor) -> Tensor:
        """Boxes (..., 4) of the photograph in the model's image; they may lie outside what it sees."""
        return boxes * self._both(self.scale, boxes) + self._both(self.shift, boxes)

    def to_picture(self, boxes: Tensor) -> Tensor:
        """Boxes (..., 4) of the model's image in the photograph; they may lie in its padding."""
        return (boxes - self._both(self.shift, boxes)) / self._both(self.scale, boxes)

    def cells(self, rows: int, columns: int) -> Tensor:
        """The boxes (rows * columns, 4) that patches have in the photograph, row by row, cut at its edges."""
        x, y = (torch.linspace(0, side, steps + 1) for side, steps in zip(self.seen, (columns, rows), strict=True))
        top, left = torch.meshgrid(y[:-1], x[:-1], indexing="ij")
        bottom, right = torch.meshgrid(y[1:], x[1:], indexing="ij")
        boxes = self.to_picture(torch.stack([left, top, right, bottom], -1).flatten(0, 1))
        width, height = self.size
        return boxes.clamp(min=0).minimum(boxes.new_tensor([width, height, width, height]))

    def _both(self, pair: tuple[float, float], like: Tensor) -> Tensor:
        return torch.tensor((*pair, *pair), dtype=like.dtype, device=like.device)


def view(size: tuple[int, int], preprocess: Mapping[str, Any]) -> View:
    """What `preprocess_val` makes of a photograph of a size.

    Args:
        size: width and height of the upright photograph.
        preprocess: the model's `visual.preprocess_cfg`: `size` (a number, or height and width) and `resize_mode`.

    Raises:
        ValueError: an unknown `resize_mode`.
    """
    side, mode = preprocess["size"], preprocess.get("resize_mode") or "shortest"
    height, width = (side, side) if isinstance(side, int) else (int(side[0]), int(side[1]))
    resized = _resized(size, (width, height), mode)
    shift = [_offset(out, wide) for out, wide in zip((width, height), resized, strict=True)]
    scale = [made / had for made, had in zip(resized, size, strict=True)]
    return View(size, (width, height), (scale[0], scale[1]), (shift[0], shift[1]))


def _resized(size: tuple[int, int], seen: tuple[int, int], mode: str) -> tuple[int, int]:
    """Width and height after resizing, rounded as torchvision (a square's short side) and open_clip round."""
    if mode == "squash":
        return seen
    if mode == "shortest" and seen[0] == seen[1]:
        short = min(size)
        return (seen[0] * size[0] // short, seen[0] * size[1] // short)
    if mode not in ("shortest", "longest"):
        raise ValueError(f"resize_mode: found {mode!r}, expected shortest, longest or squash")
    ratios = [had / out for had, out in zip(size, seen, strict=True)]
    ratio = min(ratios) if mode == "shortest" else max(ratios)
    return round(size[0] / ratio), round(size[1] / ratio)


def _offset(out: int, made: int) -> float:
    """Where the resized side begins in the model's: before it where it is cut, after it where it is padded."""
    return (out - made) // 2 if out > made else -round((made - out) / 2)


def overlap(boxes: Tensor, rows: int, columns: int) -> Tensor:
    """How much of each patch lies in each box.

    Args:
        boxes: (..., 4), in shares of the model's width and height.

    Returns:
        (..., rows * columns), between 0 and 1, row by row; all 0 for a box outside.
    """

    def along(low: Tensor, high: Tensor, steps: int) -> Tensor:
        edges = torch.arange(steps, dtype=boxes.dtype, device=boxes.device)
        return ((high * steps)[..., None].minimum(edges + 1) - (low * steps)[..., None].maximum(edges)).clamp(min=0)

    x0, y0, x1, y1 = boxes.unbind(-1)
    return (along(y0, y1, rows)[..., :, None] * along(x0, x1, columns)[..., None, :]).flatten(-2)


def under(patches: Tensor, boxes: Tensor, shape: tuple[int, int]) -> tuple[Tensor, Tensor]:
    """Patches averaged under boxes, each by how much of it lies inside.

    Args:
        patches: (..., P, D), row by row.
        boxes: (..., R, 4), in shares of the model's width and height.
        shape: rows and columns of patches.

    Returns:
        (..., R, D), and (..., R), which boxes the model sees anything of; the others are 0.

    Raises:
        ValueError: P is not the number of patches in `shape`.
    """
    if shape[0] * shape[1] != patches.shape[-2]:
        raise ValueError(f"patches: {patches.shape[-2]} of them; expected {shape[0]} x {shape[1]}")
    weight = overlap(boxes, *shape).to(patches.dtype)
    total = weight.sum(-1, keepdim=True)
    return weight @ patches / total.clamp(min=1e-12), total[..., 0] > 0
