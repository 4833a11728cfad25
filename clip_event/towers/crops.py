"""open_clip's random crop on bytes: the same boxes of the same chance, in less than half of the time."""

from typing import Any

import numpy as np
import torch
from PIL.Image import Image
from torch import Tensor
from torch.nn import functional as F

from clip_event.towers._open_clip import open_clip

theirs = open_clip.transform
LIKE = (theirs.RandomResizedCrop, theirs.MaybeConvertMode, theirs.MaybeToTensor, theirs.Normalize)


class ByteCrop:
    """A random part of a photograph, resized and normalised as by `transform`; pixels differ by 2/255 at most.

    Torch resizes bytes faster than Pillow does, and nothing is copied to floating point before it has the model's size.

    Args:
        transform: as `open_clip.image_transform_v2` makes it for training, see `fits`.
    """

    def __init__(self, transform: Any) -> None:
        self.crop, _, _, normalize = transform.transforms
        mean, std = (255 * torch.tensor(each).view(3, 1, 1) for each in (normalize.mean, normalize.std))
        self.factor, self.shift = 1 / std, -mean / std

    @staticmethod
    def fits(transform: Any) -> bool:
        """Whether it does nothing but crop, resize bicubically and normalise: no jitter of colours, say."""
        steps: list[Any] = getattr(transform, "transforms", [])
        if len(steps) != len(LIKE) or not all(isinstance(step, kind) for step, kind in zip(steps, LIKE, strict=True)):
            return False
        return steps[0].interpolation == theirs.InterpolationMode.BICUBIC and bool(steps[0].antialias)

    def __call__(self, picture: Image) -> Tensor:
        """(3, height, width)."""
        rgb = picture if picture.mode == "RGB" else picture.convert("RGB")
        pixels = torch.from_numpy(np.array(rgb)).permute(2, 0, 1)
        top, left, height, width = self.crop.get_params(pixels, self.crop.scale, self.crop.ratio)
        part = pixels[None, :, top : top + height, left : left + width]
        small = F.interpolate(part, size=tuple(self.crop.size), mode="bicubic", antialias=True)[0]
        return torch.addcmul(self.shift, torch.empty(small.shape).copy_(small), self.factor)
