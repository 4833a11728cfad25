"""Retrieval: recalls worked out by hand, ranks against a plain sort, and mini from the command line."""

import json

import numpy as np
import pytest
import torch
from told import Told, photograph
from typer.testing import CliRunner

from clip_event.cli import app
from clip_event.evaluation.retrieval import CELLS, evaluate_retrieval, nearer, read_captions
from clip_event.pictures.missing import MissingPictures
from clip_event.scenes import scenes
from extraction.records import InputError


def lines(path, *rows):
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return path


@pytest.fixture
def images(tmp_path):
    for number in range(1, 22):
        photograph(tmp_path / f"{number}.png", number)
    return tmp_path


# three photographs at 0, 40 and 90 degrees; a text stands where its name says
TEXTS = {"2": 2, "55": 55, "30": 30, "10": 10, "95": 95, "1": 1}


def test_recalls_as_worked_by_hand(images):
    rows = [
        {"image": "1.png", "captions": ["2", "55"]},
        {"image": "2.png", "captions": ["30", "10"]},
        {"image": "3.png", "captions": ["1", "95"]},
    ]
    result = evaluate_retrieval(Told({1: 0, 2: 40, 3: 90}, TEXTS), lines(images / "r.jsonl", *rows), images)
    # photographs: 0 finds "1", which is another's, 40 its own "30", 90 its own "95"
    # texts: "2", "30" and "95" find their own first; "55" and "1" do last, "10" second
    assert result["text_to_image"] == pytest.approx({"r1": 50, "r5": 100, "r10": 100})
    assert result["image_to_text"] == pytest.approx({"r1": 200 / 3, "r5": 100, "r10": 100})
    assert [result[name] for name in ("images", "texts", "missed")] == [3, 6, 0]


def test_an_equal_text_of_another_photograph_is_not_its_own_and_a_tie_counts_against(images):
    texts = {"same": 20, "far": 60}
    rows = [{"image": "1.png", "caption": "same"}, {"image": "2.png", "captions": ["same", "far"]}]
    result = evaluate_retrieval(Told({1: 0, 2: 50}, texts), lines(images / "r.jsonl", *rows), images)
    # 1: its "same" ties with 2's; 2: its "far" is nearest
    assert result["image_to_text"]["r1"] == 50
    # "same" is nearest to 1: right for 1, wrong for 2; "far" is right
    assert result["text_to_image"]["r1"] == pytest.approx(200 / 3)


def test_intervals_are_over_photographs(images):
    rows = [{"image": "1.png", "captions": ["2", "10", "1"]}, {"image": "2.png", "captions": ["30"]}]
    # "30" is nearer to photograph 1 at 20 than to 2 at 90
    result = evaluate_retrieval(Told({1: 20, 2: 90}, TEXTS), lines(images / "r.jsonl", *rows), images)
    assert result["text_to_image"]["r1"] == 75
    assert result["intervals"]["text_to_image"]["r1"] == [0, 100]  # of texts of 1 alone, or of 2 alone


def ranks(queries, gallery, owner, others):
    """The place of the first own one when each query's gallery is sorted, others first where scores are equal."""
    scores = queries.double().numpy() @ gallery.double().numpy().T
    found = []
    for line, mine in zip(scores, owner.tolist(), strict=True):
        own = others.numpy() == mine
        order = np.lexsort((own, -line))
        found.append(int(np.flatnonzero(own[order])[0]))
    return found


def test_ranks_are_those_of_a_plain_sort_in_blocks_too():
    generator = torch.Generator().manual_seed(0)
    # whole numbers: the same scores in every block and precision, and many that are equal
    images = torch.randint(-9, 10, (600, 6), generator=generator).float()
    texts = torch.randint(-9, 10, (15_000, 6), generator=generator).float()
    owner = torch.cat([torch.arange(600), torch.randint(600, (14_400,), generator=generator)])
    assert len(images) * len(texts) > CELLS
    own = torch.arange(600)
    assert nearer(images, texts, own, owner).tolist() == ranks(images, texts, own, owner)
    assert nearer(texts[:5000], images, owner[:5000], own)[:500].tolist() == ranks(
        texts[:500], images, owner[:500], own
    )


def test_records_of_one_image_are_put_together(tmp_path):
    rows = [{"image": "a.png", "caption": "one"}, {"image": "b.png", "captions": ["two"], "id": 4}]
    path = lines(tmp_path / "r.jsonl", *rows, {"image": "a.png", "captions": ["three", "four"]})
    assert read_captions(path) == {"a.png": ["one", "three", "four"], "b.png": ["two"]}


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ('{"image": "a.png"}', r"r\.jsonl:2: no 'caption'; the keys are: image"),
        ('{"image": "a.png", "captions": "one"}', r":2: captions is a string, expected a list of strings"),
        ('{"image": "a.png", "captions": []}', r":2: captions is empty"),
        ('{"image": "a.png", "captions": ["one", 5]}', r":2: caption is a number, expected a string"),
        ('{"captions": ["one"]}', r":2: image is None, expected a path"),
        ("{", r":2: not JSON"),
    ],
)
def test_a_broken_line_is_named(tmp_path, line, said):
    path = tmp_path / "r.jsonl"
    path.write_text('{"image": "b.png", "captions": ["x"]}\n' + line + "\n", encoding="utf-8")
    with pytest.raises(InputError, match=said):
        read_captions(path)


def test_a_photograph_that_is_missing_goes_with_its_texts(images):
    model = Told(dict.fromkeys(range(1, 22), 0) | {1: 90}, {"near": 88, "far": 2})
    rows = [{"image": f"{number}.png", "captions": ["far"]} for number in range(2, 22)]
    path = lines(
        images / "r.jsonl", {"image": "1.png", "captions": ["near"]}, *rows, {"image": "0.png", "caption": "x"}
    )
    result = evaluate_retrieval(model, path, images)
    assert [result[name] for name in ("images", "texts", "missed")] == [21, 21, 1]
    assert result["image_to_text"]["r1"] == pytest.approx(100 / 21)
    with pytest.raises(MissingPictures, match="1 of 3 photographs"):
        evaluate_retrieval(model, lines(path, *rows[:2], {"image": "../secret.png", "caption": "far"}), images / ".")


def test_the_command_prints_one_object_or_a_table(tmp_path):
    scenes(tmp_path / "s", 8, seed=2, split="dev")
    given = ["evaluate", "retrieval", str(tmp_path / "s" / "captions.jsonl"), "--images", str(tmp_path / "s")]
    runner = CliRunner(env={"COLUMNS": "200"})
    found = json.loads(runner.invoke(app, [*given, "--device", "cpu", "--json"]).stdout)
    assert set(found["image_to_text"]) == set(found["text_to_image"]) == {"r1", "r5", "r10"}
    assert found["images"] == 8
    assert found["image_to_text"]["r10"] == 100  # of eight, ten are all
    table = runner.invoke(app, [*given, "--device", "cpu"])
    assert "8 images, 8 texts" in table.stdout
    assert f"{found['text_to_image']['r1']:.1f}" in table.stdout
