"""A model that gives what a test sets, and photographs that it knows: all else of `ClipEvent` is as it is."""

import math
from pathlib import Path

import torch
from PIL import Image
from torch.nn.functional import pad

from clip_event.zeroshot.model import ClipEvent

STEP = 10  # of grey from one photograph to the next: 25 of them


def at(degrees, dimension=256):
    """A unit vector that is this far round in the plane of the first two dimensions."""
    angle = math.radians(degrees)
    return pad(torch.tensor([math.cos(angle), math.sin(angle)]), (0, dimension - 2))


def photograph(path: Path, number: int, right: int | None = None) -> None:
    """A grey that says its number; another number for its right half, where it has one."""
    picture = Image.new("RGB", (40, 20), (number * STEP,) * 3)
    if right is not None:
        picture.paste((right * STEP,) * 3, (20, 0, 40, 20))
    picture.save(path)


class Told(ClipEvent):
    """Photographs by number and texts by themselves, each to degrees."""

    def __init__(self, images: dict[int, float], texts: dict[str, float]) -> None:
        mini = ClipEvent.load("mini", device="cpu")
        super().__init__(mini.loaded, "told", mini.device)
        self.images, self.texts = images, texts

    def encode_texts(self, texts, batch_size=256):
        return torch.stack([at(self.texts[text]) for text in texts])

    def see(self, pixels, patches=False):
        # mini's preprocessing takes 0.5 from values between 0 and 1 and divides by 0.5
        numbers = ((pixels.mean((1, 2, 3)) * 0.5 + 0.5) * 255 / STEP).round().int().tolist()
        return torch.stack([at(self.images[number]) for number in numbers]), None
