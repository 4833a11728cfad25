"""The crop on bytes against open_clip's own transform."""

import numpy as np
import pytest
import torch
from PIL import Image

from clip_event.towers._open_clip import open_clip
from clip_event.towers.crops import ByteCrop

PREPROCESS = open_clip.transform.PreprocessCfg(size=(64, 64))


def transform(**augmentation):
    return open_clip.transform.image_transform_v2(PREPROCESS, is_train=True, aug_cfg=augmentation or None)


def noise(width, height, mode="RGB"):
    """A photograph of coarse noise on fine."""
    draw = np.random.default_rng(width)
    coarse = Image.fromarray(draw.integers(0, 256, (8, 8, 3), dtype=np.uint8)).resize((width, height))
    fine = Image.fromarray(draw.integers(0, 256, (height, width, 3), dtype=np.uint8))
    return Image.blend(coarse, fine, 0.3).convert(mode)


def bytes_of(each, picture, seed):
    """What the transform makes, as values from 0 to 255."""
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        return each(picture) * 255 * torch.tensor(PREPROCESS.std).view(3, 1, 1)


@pytest.mark.parametrize("size", [(64, 64), (200, 130), (130, 400), (40, 50), (1, 1)])
@pytest.mark.parametrize("mode", ["RGB", "L"])
def test_a_crop_is_that_of_open_clip_within_rounding(size, mode):
    plain, picture = transform(scale=(0.3, 1.0)), noise(*size, mode)
    for seed in range(4):
        found, expected = (bytes_of(each, picture, seed) for each in (ByteCrop(plain), plain))
        apart = (found - expected).abs()
        assert found.shape == (3, 64, 64)
        assert apart.max() < 2.01
        assert apart.mean() < 0.5


@pytest.mark.filterwarnings("ignore:Unused augmentation")
def test_other_transforms_are_left_as_they_are():
    assert ByteCrop.fits(transform())
    assert ByteCrop.fits(transform(scale=(0.5, 1.0)))
    assert not ByteCrop.fits(transform(gray_scale_prob=0.5))
    assert not ByteCrop.fits(transform(color_jitter=(0.1, 0.1, 0.1, 0.1), color_jitter_prob=0.5))
    assert not ByteCrop.fits(open_clip.transform.image_transform_v2(PREPROCESS, is_train=False))
    assert not ByteCrop.fits(torch.nn.Identity())
