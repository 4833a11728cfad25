"""Photographs for training: read as they are, cropped within their borders, lit without colouring what is grey."""

import json

import numpy as np
import pytest
import torch
from PIL import Image

from clip_event.training.photographs import cropped, lit, pixels, read_photographs, shrunk


def chance():
    return torch.Generator().manual_seed(0)


def test_photographs_are_read_with_their_captions_and_a_line_without_any_is_named(tmp_path):
    Image.new("RGB", (30, 20), (200, 100, 0)).save(tmp_path / "a.png")
    Image.new("L", (20, 30), 7).save(tmp_path / "b.png")
    rows = [{"image": "a.png", "captions": ["one", "two"]}, {"image": "b.png", "captions": ["three"]}]
    file = tmp_path / "photographs.jsonl"
    file.write_text("\n".join(map(json.dumps, rows)))
    found = read_photographs(file, size=8)
    assert found.captions == [["one", "two"], ["three"]]
    assert found.pictures.shape == (2, 8, 8, 3)
    assert found.pictures[:, 4, 4].tolist() == [[200, 100, 0], [7, 7, 7]]
    assert pixels(found.pictures)[0, :, 0, 0].tolist() == pytest.approx([0.5686, -0.2157, -1], abs=1e-4)
    assert read_photographs(file, size=8, unseen=1).captions == [["one", "two"]]
    with pytest.raises(ValueError, match="found 2 photographs, expected more than the 2 to leave out"):
        read_photographs(file, unseen=2)
    file.write_text(json.dumps({"image": "a.png", "captions": []}))
    with pytest.raises(ValueError, match=r"photographs\.jsonl:1: no captions"):
        read_photographs(file)


def test_crops_are_straight_lie_within_and_are_mirrored_half_of_the_time():
    across = torch.linspace(-1, 1, 64).expand(64, 64)
    images = torch.stack([across, across.T, torch.zeros(64, 64)]).repeat(200, 1, 1, 1)
    crops = cropped(images, 17, chance(), smallest=0.5)
    assert crops.shape == (200, 3, 17, 17)
    assert float(crops.abs().max()) <= 1
    right, down = crops[:, 0], crops[:, 1]
    step = right.diff(dim=2)
    mirrored = step.mean((1, 2)) < 0
    assert 60 < int(mirrored.sum()) < 140
    torch.testing.assert_close(right, right[:, :1].expand_as(right), atol=1e-5, rtol=0)  # rows are not turned
    assert (down.diff(dim=1) >= -1e-6).all()  # never upside down
    width, height = (right[:, 0, -1] - right[:, 0, 0]).abs() / 2, (down[:, -1, 0] - down[:, 0, 0]) / 2
    area = width * height * (17 / 16) ** 2  # between the middles of the outer pixels lie 16 of 17
    assert 0.44 < float(area.min()) < 0.6
    assert float(area.max()) > 0.85


def test_light_changes_and_grey_stays_grey():
    grey = torch.rand(20, 1, 5, 5, generator=chance()).expand(20, 3, 5, 5)
    changed = lit(grey, chance())
    torch.testing.assert_close(changed[:, 0], changed[:, 2], atol=1e-6, rtol=0)
    assert ((changed - grey).abs().amax((1, 2, 3)) > 0.01).sum() > 15
    torch.testing.assert_close(lit(grey, chance(), most=0.0), grey, atol=1e-6, rtol=0)


def test_whole_pictures_are_made_smaller_as_pillow_does():
    rng = np.random.default_rng(0)
    picture = rng.integers(0, 256, (32, 32, 3), np.uint8)
    theirs = np.array(Image.fromarray(picture).resize((9, 9), Image.Resampling.BILINEAR), np.float32) / 127.5 - 1
    ours = shrunk(pixels(torch.from_numpy(picture)[None]), 9)[0].permute(1, 2, 0).numpy()
    assert np.abs(ours - theirs).max() < 0.01  # Pillow rounds to bytes
