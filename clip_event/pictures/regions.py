"""Regions files: boxes of people and things in photographs, as a detector finds them (`clip_event.zeroshot.detect`).

One photograph a line: `{"image": path, "width": int, "height": int, "boxes": [{"box": [x0, y0, x1, y1], "label": str,
"score": float}]}`, in pixels of the upright photograph. Paths are relative to the file, or to a folder that is given.
"""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

import torch
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator
from torch import Tensor

from clip_event.pictures.view import view

EDGE = 1.0  # pixels that detectors may lie beyond the picture


class RegionsError(ValueError):
    """A regions file that cannot be used; the message names file, line and field."""


class _Row(BaseModel):
    model_config = ConfigDict(frozen=True, strict=True, allow_inf_nan=False)


class Region(_Row):
    """A box, in pixels from the top left, what a detector calls it, and how sure it is."""

    box: Annotated[tuple[float, float, float, float], Field(strict=False)]
    label: str = ""
    score: float = Field(default=1.0, ge=0, le=1)

    @model_validator(mode="after")
    def _ordered(self) -> "Region":
        if not (self.box[0] < self.box[2] and self.box[1] < self.box[3]):
            raise ValueError(f"box is {list(self.box)}; expected x0 < x1 and y0 < y1")
        return self


class Regions(_Row):
    """The boxes of one photograph of `width` by `height` pixels."""

    image: str = Field(min_length=1)
    width: int = Field(gt=0)
    height: int = Field(gt=0)
    boxes: tuple[Region, ...] = Field(strict=False)

    @model_validator(mode="after")
    def _inside(self) -> "Regions":
        for number, region in enumerate(self.boxes):
            x0, y0, x1, y1 = region.box
            if min(x0, y0) < -EDGE or x1 > self.width + EDGE or y1 > self.height + EDGE:
                raise ValueError(f"boxes.{number}.box is {list(region.box)}, outside {self.width} x {self.height}")
        return self


class RegionsFile:
    """Regions by photograph. The places of the lines are held, they are not; copies in workers cost little.

    Args:
        path: the file. Every line is checked.
        root: folder that its paths are relative to; without it the file's own.

    Raises:
        RegionsError: no such file, or a line that is none of the form above, or a photograph that stood before.
    """

    def __init__(self, path: str | Path, root: str | Path | None = None) -> None:
        self.path = Path(path)
        self.root = Path(root) if root is not None else self.path.parent
        self._places: dict[str, tuple[int, int]] = {}
        if not self.path.is_file():
            raise RegionsError(f"{self.path}: no such file; clip-event regions makes one")
        with self.path.open("rb") as lines:
            for number, line in enumerate(lines, 1):
                if line.strip():
                    self._add(number, lines.tell() - len(line), line)

    def _add(self, number: int, start: int, line: bytes) -> None:
        key = self._key(parse_regions(line, f"{self.path}: line {number}").image)
        if key in self._places:
            raise RegionsError(f"{self.path}: line {number}, image: {key} stood on an earlier line; give it one line")
        self._places[key] = (number, start)

    def _key(self, image: str | Path) -> str:
        return str((self.root / image).resolve())

    def __len__(self) -> int:
        return len(self._places)

    def get(self, image: str | Path) -> Regions | None:
        """The regions of a photograph, by a path as in the file or an absolute one; None where it has no line."""
        if (place := self._places.get(self._key(image))) is None:
            return None
        with self.path.open("rb") as lines:
            lines.seek(place[1])
            return parse_regions(lines.readline(), f"{self.path}: line {place[0]}")


def seen_boxes(regions: Regions | None, size: tuple[int, int], preprocess: Mapping[str, Any]) -> Tensor:
    """Regions in what the model sees of a photograph.

    Args:
        size: width and height as it was read, which may be a fraction of the regions' own.
        preprocess: see `view.view`.

    Returns:
        (R, 4), in shares of the model's width and height; what it does not see lies outside 0 to 1.
    """
    if regions is None:
        return torch.zeros(0, 4)
    where = view(size, preprocess)
    shrunk = torch.tensor(size) / torch.tensor([regions.width, regions.height])
    boxes = torch.tensor([region.box for region in regions.boxes]).view(-1, 4) * shrunk.repeat(2)
    return where.to_model(boxes) / torch.tensor([*where.seen, *where.seen])


def parse_regions(line: bytes | str, where: str) -> Regions:
    """One line.

    Raises:
        RegionsError: with `where`, the field, and what was expected.
    """
    try:
        row: Any = json.loads(line)
        return Regions.model_validate(row)
    except ValidationError as error:
        fault = error.errors()[0]
        field = ".".join(map(str, fault["loc"]))
        found = "" if fault["type"] in ("missing", "value_error") else f" (found {fault['input']!r})"
        said = fault["msg"].removeprefix("Value error, ")
        raise RegionsError(f"{where}{', ' + field if field else ''}: {said}{found}") from None
    except ValueError as error:
        raise RegionsError(f"{where}: is no JSON: {error}") from None
