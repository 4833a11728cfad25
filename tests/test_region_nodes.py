"""Boxes as image nodes of alignment: from a regions file to the loss, against loops in float64."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from loops import KINDS, collated, encoder, examples, gradients

from clip_event.data.batches import Example
from clip_event.pictures.regions import parse_regions, seen_boxes
from clip_event.tuning.config import Losses, parse_config
from clip_event.tuning.objective import Features, Objective
from clip_event.tuning.steps import backward

BOXES = {0: [[0.0, 0.0, 0.5, 0.5], [0.1, 0.2, 0.9, 0.4]], 1: [], 2: [[-0.5, 0.3, 0.6, 1.7], [1.1, 0.0, 2.0, 1.0]]}


def boxed(given: list[Example]) -> list[Example]:
    return [
        Example(one.id, one.image, one.stated, torch.tensor(BOXES[n % 3]).double().view(-1, 4))
        for n, one in enumerate(given)
    ]


def average(patches: np.ndarray, box: list[float], side: int) -> np.ndarray | None:
    """Patches under a box by loops over rows and columns, each by the area that both share."""
    total, found = 0.0, np.zeros(patches.shape[-1])
    for row in range(side):
        for column in range(side):
            wide = min(box[2], (column + 1) / side) - max(box[0], column / side)
            high = min(box[3], (row + 1) / side) - max(box[1], row / side)
            if wide > 0 and high > 0:
                total += wide * high
                found += wide * high * patches[row * side + column]
    return found / total if total else None


def plan_of(cost: np.ndarray, reg: float = 0.05) -> np.ndarray:
    """Sinkhorn's algorithm on equal masses, step by step."""
    kernel, rows, columns = np.exp(-cost / reg), *(np.full(number, 1 / number) for number in cost.shape)
    right = np.ones_like(columns)
    for _ in range(5000):
        left = rows / (kernel @ right)
        right = columns / (kernel.T @ left)
    return left[:, None] * kernel * right


@pytest.mark.parametrize("seed", range(3))
def test_the_distance_is_that_of_boxes_averaged_by_loops(seed):
    given = boxed(examples(6, seed))
    batch = collated(given)
    rng = torch.Generator().manual_seed(seed)
    image, patches, text = (
        torch.nn.functional.normalize(torch.randn(*shape, generator=rng, dtype=torch.float64), dim=-1)
        for shape in ((6, 5), (6, 9, 5), (len(batch.tokens), 5))
    )
    losses = Losses(contrastive=0, hard=0, distance=1)
    found = Objective(losses, KINDS)(Features(image, patches, text), batch, torch.tensor(1.0))["alignment"]
    expected = []
    for place, number in enumerate(batch.graph_image.tolist()):
        graph = text[batch.graph_nodes[place, 0][batch.graph_mass[place, 0] > 0]].numpy()
        under = [average(patches[number].numpy(), box, 3) for box in BOXES[number % 3]]
        nodes = np.stack([image[number].numpy(), *(one for one in under if one is not None)])
        nodes /= np.linalg.norm(nodes, axis=1, keepdims=True)
        cost = 1 - graph @ nodes.T
        expected.append(float((plan_of(cost) * cost).sum()))
    assert len(expected) > 3
    assert {number % 3 for number in batch.graph_image.tolist()} == {0, 1, 2}
    # Sinkhorn is slow where costs lie far apart, and the loss stops earlier; a part too many or too few costs 1e-2
    assert float(found) == pytest.approx(np.mean(expected), abs=1e-4)


def test_regions_reach_the_model_s_view_whatever_size_a_picture_is_read_at():
    """A 400 x 200 photograph, of which the model sees the middle 200 x 200; a JPEG may be read at half its size."""
    boxes = [{"box": [100, 0, 200, 50]}, {"box": [0, 0, 100, 200]}]
    regions = parse_regions(json.dumps({"image": "a", "width": 400, "height": 200, "boxes": boxes}), "a")
    for size in ((400, 200), (200, 100)):
        seen = seen_boxes(regions, size, {"size": 32, "resize_mode": "shortest"})
        assert seen.tolist() == [[0, 0, 0.5, 0.25], [-0.5, 0, 0, 1]]
    assert seen_boxes(None, (400, 200), {"size": 32}).shape == (0, 4)


def test_a_step_in_parts_has_the_losses_and_gradients_of_one_at_once():
    batch, losses = collated(boxed(examples(6, 1))), Losses(contrastive=0.3, hard=0, alignment=1, distance=1)

    def step(chunk):
        made = encoder()
        values = backward(made, Objective(losses, KINDS), batch, made.model.logit_scale, chunk, None)
        return values, gradients(made.model)

    (once, of_once), (parts, of_parts) = step(None), step(2)
    assert parts == pytest.approx(once, rel=1e-9)
    for name, gradient in of_once.items():
        torch.testing.assert_close(of_parts[name], gradient, atol=1e-10, rtol=1e-9)
    batch.boxes = None
    assert step(None)[0]["alignment"] != pytest.approx(once["alignment"], rel=1e-3)


def settings(folder: Path, **data: object) -> dict:
    given = {
        "train": str(folder / "gold.jsonl"),
        "augment": False,
        "regions": str(folder / "regions.jsonl"),
        "workers": 0,
    }
    losses = {"alignment": 1.0}
    return {"out": str(folder / "run"), "data": given | data, "losses": losses, "optim": {"batch": 4, "steps": 1}}


def test_a_run_takes_its_boxes_from_the_file(tmp_path):
    from clip_event.scenes import scenes
    from clip_event.tuning.assembly import assemble
    from clip_event.tuning.ranks import Place

    scenes(tmp_path / "s", 12, size=96)
    rows = [json.loads(line) for line in (tmp_path / "s" / "gold.jsonl").read_text().splitlines()]
    with (tmp_path / "s" / "regions.jsonl").open("w") as out:
        for row in rows[:11]:
            boxes = [{"box": box} for found in row["boxes"]["e0"].values() for box in found]
            out.write(json.dumps({"image": row["image"], "width": 96, "height": 96, "boxes": boxes}) + "\n")
    place = Place(0, 1, torch.device("cpu"))
    made = assemble(parse_config(settings(tmp_path / "s")), place)
    example = made.examples[0, 0]
    first = [box for found in rows[0]["boxes"]["e0"].values() for box in found]
    assert (example.boxes * 96).tolist() == pytest.approx([pytest.approx(box, abs=1e-4) for box in first])
    batch = made.collate([made.examples[0, number] for number in (0, 11)])
    assert batch.boxes.shape == (2, len(first), 4)
    assert not batch.boxes[1].any()
    with pytest.raises(ValueError, match=r"data.regions needs data.augment = false"):
        assemble(parse_config(settings(tmp_path / "s", augment=True)), place)
    with pytest.raises(ValueError, match=r"data.regions is for the losses alignment and distance"):
        assemble(parse_config(settings(tmp_path / "s") | {"losses": {}}), place)
