"""Where boxes go, against open_clip's own transforms: a rectangle is painted, transformed and found again."""

import numpy as np
import pytest
import torch
from PIL import Image, ImageDraw

from clip_event.pictures.view import overlap, under, view
from clip_event.towers._open_clip import open_clip

SIZES = [(400, 400), (640, 401), (301, 999), (57, 33), (224, 225)]


def transform(preprocess):
    config = open_clip.transform.PreprocessCfg(mean=(0.0,) * 3, std=(1.0,) * 3, **preprocess)
    return open_clip.transform.image_transform_v2(config, is_train=False)


@pytest.mark.parametrize("mode", ["shortest", "longest", "squash"])
@pytest.mark.parametrize("side", [96, 225, (160, 96)])
@pytest.mark.parametrize("size", SIZES)
def test_a_painted_rectangle_is_found_where_the_view_says(mode, side, size):
    short, (x, y) = min(size), (length / 2 for length in size)
    box = [round(edge) for edge in (x - short * 0.2, y - short * 0.1, x + short * 0.1, y + short * 0.25)]
    picture = Image.new("RGB", size)
    ImageDraw.Draw(picture).rectangle([box[0], box[1], box[2] - 1, box[3] - 1], fill="white")
    preprocess = {"size": side, "resize_mode": mode, "interpolation": "bilinear"}
    seen = transform(preprocess)(picture)[0].numpy()
    where = view(size, preprocess)
    assert seen.shape[::-1] == where.seen
    expected = where.to_model(torch.tensor(box, dtype=torch.float64))
    # along each side: where the middle of the white is, and how much of it
    for axis, places in ((0, (0, 2)), (1, (1, 3))):
        line = seen.sum(axis)
        centre = (line * (np.arange(len(line)) + 0.5)).sum() / line.sum()
        low, high = (float(expected[place]) for place in places)
        assert centre == pytest.approx((low + high) / 2, abs=0.1)
        assert line.sum() / line.max() == pytest.approx(high - low, rel=0.02)
    torch.testing.assert_close(where.to_picture(expected), torch.tensor(box, dtype=torch.float64))


def test_cells_tile_what_the_model_sees_of_the_picture():
    cells = view((200, 100), {"size": 50, "resize_mode": "shortest"}).cells(2, 5)
    assert cells[0].tolist() == [50, 0, 70, 50]
    assert cells[-1].tolist() == pytest.approx([130, 50, 150, 100])
    padded = view((200, 100), {"size": 50, "resize_mode": "longest"}).cells(2, 2)
    assert padded[0].tolist() == pytest.approx([0, 0, 100, 50], abs=2)  # a padding of 12.5 is rounded to 12


def test_an_unknown_mode_is_refused():
    with pytest.raises(ValueError, match="'fit', expected shortest"):
        view((10, 10), {"size": 5, "resize_mode": "fit"})


@pytest.mark.parametrize("seed", range(4))
def test_overlap_and_average_are_those_of_finely_counted_points(seed):
    rng = np.random.default_rng(seed)
    rows, columns, fine = 3, 5, 60
    corners = rng.integers(-20, fine + 20, (4, 2, 2))
    boxes = np.concatenate([corners.min(1), corners.max(1)], -1)
    patches = rng.standard_normal((rows * columns, 4))
    made, seen = under(torch.tensor(patches), torch.tensor(boxes / fine), (rows, columns))
    for number, (x0, y0, x1, y1) in enumerate(boxes):
        inside = [(y, x) for y in range(max(y0, 0), min(y1, fine)) for x in range(max(x0, 0), min(x1, fine))]
        cells = [y * rows // fine * columns + x * columns // fine for y, x in inside]
        share = np.bincount(cells, minlength=rows * columns) / (fine / rows * fine / columns)
        np.testing.assert_allclose(overlap(torch.tensor(boxes[number] / fine), rows, columns), share, atol=1e-12)
        assert bool(seen[number]) == bool(inside)
        expected = patches[cells].mean(0) if inside else np.zeros(4)
        np.testing.assert_allclose(made[number], expected, atol=1e-12)


def test_patches_that_do_not_fit_the_shape_are_refused():
    with pytest.raises(ValueError, match="12 of them; expected 3 x 3"):
        under(torch.zeros(12, 4), torch.zeros(1, 4), (3, 3))
