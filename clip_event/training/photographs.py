"""The photographs that `mini` learns from: 6,000 of Flickr8k with five captions each, kept in memory and cropped anew.

Hodosh, Young and Hockenmaier (JAIR 2013). The photographs belong to their authors and are for research only: they are
read from a folder, and nothing of them is written but the weights that were learnt from them.
"""

import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch import Tensor
from torch.nn import functional as F

SIZE = 160  # kept a little larger than the model's pictures, so that a crop has something to choose from
SMALLEST = 0.6  # share of the area that a crop keeps at least
LIGHT = 0.3  # how far brightness, contrast and colour move


@dataclass(frozen=True)
class Photographs:
    """Pictures (photographs, size, size, 3) of bytes, and the captions of each."""

    pictures: Tensor
    captions: list[list[str]]


def read_photographs(file: str | Path, size: int = SIZE, unseen: int = 0) -> Photographs:
    """Photographs named in a JSONL of `image` and `captions`, resized to squares.

    Args:
        unseen: lines at the end of the file that are left out.

    Raises:
        ValueError: a line has no captions, with its number; or no line is left.
    """
    file, captions = Path(file), []
    lines = file.read_text(encoding="utf-8").splitlines()
    if len(lines) <= unseen:
        raise ValueError(f"{file}: found {len(lines)} photographs, expected more than the {unseen} to leave out")
    lines = lines[: len(lines) - unseen]
    pictures = torch.empty(len(lines), size, size, 3, dtype=torch.uint8)
    for number, line in enumerate(lines):
        row = json.loads(line)
        if not row.get("captions"):
            raise ValueError(f"{file}:{number + 1}: no captions; give a list of at least one text")
        with Image.open(file.parent / row["image"]) as image:
            resized = image.convert("RGB").resize((size, size), Image.Resampling.BICUBIC)
        pictures[number].copy_(torch.from_numpy(np.array(resized)))
        captions.append([str(caption) for caption in row["captions"]])
    return Photographs(pictures, captions)


def pixels(pictures: Tensor) -> Tensor:
    """Bytes (pictures, size, size, 3) as the image tower takes them, from -1 to 1: (pictures, 3, size, size)."""
    return (pictures.float() / 127.5 - 1).permute(0, 3, 1, 2)


def cropped(images: Tensor, size: int, chance: torch.Generator, smallest: float = SMALLEST) -> Tensor:
    """Another crop of each picture, half of them mirrored: (images, 3, height, width) to (images, 3, size, size)."""
    area = smallest + (1 - smallest) * torch.rand(len(images), generator=chance)
    ratio = torch.exp((torch.rand(len(images), generator=chance) - 0.5) * 0.4)
    extent = (area[:, None].sqrt() * torch.stack([ratio.sqrt(), 1 / ratio.sqrt()], 1)).clamp(max=1)
    middle = (torch.rand(len(images), 2, generator=chance) * 2 - 1) * (1 - extent)
    mirrored = torch.where(torch.rand(len(images), generator=chance) < 0.5, -1.0, 1.0)
    places = torch.zeros(len(images), 2, 3)
    places[:, 0, 0], places[:, 1, 1] = extent[:, 0] * mirrored, extent[:, 1]
    places[:, :, 2] = middle
    grid = F.affine_grid(places, [len(images), 3, size, size], align_corners=False)
    crops: Tensor = F.grid_sample(images, grid, padding_mode="border", align_corners=False)
    return crops


def lit(images: Tensor, chance: torch.Generator, most: float = LIGHT) -> Tensor:
    """Brightness, contrast and colour of each picture changed by up to a share of `most`."""
    shift, contrast, colour = ((torch.rand(3, len(images), 1, 1, 1, generator=chance) * 2 - 1) * most).unbind()
    grey = images.mean(1, keepdim=True)
    images = grey + (images - grey) * (1 + colour)
    middle = images.mean((1, 2, 3), keepdim=True)
    return ((images - middle) * (1 + contrast) + middle + shift).clamp(-1, 1)


def shrunk(images: Tensor, size: int) -> Tensor:
    """Whole pictures in the model's size: (images, 3, height, width) to (images, 3, size, size)."""
    return F.interpolate(images, (size, size), mode="bilinear", antialias=True)
