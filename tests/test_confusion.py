"""The confusion file: written from a model, read for negatives; means by hand, faults told with their place."""

import json
from collections import Counter
from random import Random

import numpy as np
import pytest
import torch
from scipy.special import softmax
from typer.testing import CliRunner
from worlds import ontology_of, statements, told

from clip_event.calibrating.confusion import confusion, mean_probabilities
from clip_event.cli import app
from clip_event.scenes import scenes
from clip_event.tuning.assembly import assemble
from clip_event.tuning.config import parse_config
from clip_event.tuning.ranks import placed
from clip_event.zeroshot.calibration import Calibration
from clip_event.zeroshot.classifiers import Classifier
from clip_event.zeroshot.model import ClipEvent
from extraction.records import InputError
from templates import load_ontology
from templates.confusable import Confusable, likeness
from templates.confusions import Confusion, ConfusionError, read_confusion, write_confusion
from templates.corpus import Corpus

NAMES = ["C:A", "C:B", "D:C"]
SMALL = ontology_of(**{name: {"Agent": "person"} for name in NAMES})
ROWS = Confusion(
    ontology="random", types=NAMES, photographs=[20, 0, 1], rows=[[0.5, 0.1, 0.4], None, [0.25, 0.75, 0.0]]
)


def test_rows_are_mean_probabilities_of_each_true_type():
    draw = np.random.default_rng(0)
    image, weight = draw.normal(size=(30, 4)), draw.normal(size=(3, 4))
    label = [0] * 12 + [2] * 18
    ask = Classifier(tuple(NAMES), torch.from_numpy(weight), torch.ones(1, 4, dtype=torch.double), 3.0)
    at = Calibration(scale=5.0, threshold=0.7, slope=1.0)
    rows, counts = mean_probabilities(ask, torch.from_numpy(image), [NAMES[one] for one in label], at)
    found = softmax(5 * image @ weight.T, axis=1)
    assert counts == [12, 0, 18]
    assert rows[1] is None
    np.testing.assert_allclose(rows[0], found[:12].mean(0), atol=1e-6)
    np.testing.assert_allclose(rows[2], found[12:].mean(0), atol=1e-6)


def test_weights_are_photographs_and_five_more_of_likeness():
    """Both others are likelier by category or role alone: A and B share all, C only its role."""
    weights = ROWS.weights(SMALL)
    near, far = likeness(SMALL["C:A"], SMALL["C:B"]), likeness(SMALL["C:A"], SMALL["D:C"])
    assert weights["C:A", "C:B"] == pytest.approx(20 * 0.1 + 5 * near / (near + far))
    assert weights["C:A", "D:C"] == pytest.approx(20 * 0.4 + 5 * far / (near + far))
    assert weights["C:B", "C:A"] / weights["C:B", "D:C"] == pytest.approx(near / far)  # nothing was seen
    assert weights["D:C", "C:B"] == pytest.approx(0.75 + 5 / 2)
    assert ("C:A", "C:A") not in weights


def test_a_type_that_the_file_lacks_has_the_likeness(tmp_path):
    two = Confusion(ontology="random", types=NAMES[:2], photographs=[8, 8], rows=[[0.5, 0.5], [0.25, 0.75]])
    write_confusion(tmp_path / "c.json", two)
    weights = read_confusion(tmp_path / "c.json", SMALL)
    assert set(weights) == {(one, other) for one in NAMES for other in NAMES if one != other}
    assert weights["D:C", "C:A"] == weights["D:C", "C:B"] == 2.5
    assert weights["C:A", "C:B"] > 4


def test_what_is_written_is_read(tmp_path):
    write_confusion(tmp_path / "c.json", ROWS)
    assert Confusion(**json.loads((tmp_path / "c.json").read_text())) == ROWS
    assert read_confusion(tmp_path / "c.json", SMALL) == ROWS.weights(SMALL)


GOOD = ROWS.model_dump()


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"ontology": "news"}, "is of ontology 'news', the events are of 'random'"),
        ({"types": ["C:A", "C:B", "X:Y"]}, "'X:Y' is not a type of 'random'"),
        ({"types": ["C:A", "C:B", "C:B"]}, "a type stands twice"),
        ({"types": ["C:A", "C:B"]}, "found 3 photographs and 3 rows, expected 2 of each"),
        ({"photographs": [20, 1, 1]}, "row 'C:B': found 1 photographs"),
        ({"rows": [[0.5, 0.5], None, [0.25, 0.75, 0.0]]}, "row 'C:A': expected 3 probabilities that sum to 1"),
        ({"rows": [[1.5, -0.5, 0.0], None, [0.25, 0.75, 0.0]]}, "row 'C:A': expected 3 probabilities"),
        ({"rows": [["x"], None, None]}, r"rows\.0\.0: Input should be a valid number"),
        ({"counts": 1}, "counts: Extra inputs"),
    ],
)
def test_a_file_that_cannot_be_used_is_told(tmp_path, change, says):
    path = tmp_path / "c.json"
    path.write_text(json.dumps(GOOD | change))
    with pytest.raises(ConfusionError, match=says) as error:
        read_confusion(path, SMALL)
    assert str(path) in str(error.value)


def test_no_file_no_json_and_the_open_ontology_are_told(tmp_path):
    (tmp_path / "c.json").write_text("no")
    for path, ontology, says in (
        (tmp_path / "c.json", SMALL, "Invalid JSON"),
        (tmp_path / "d.json", SMALL, "No such file"),
        (tmp_path / "c.json", None, "open ontology"),
    ):
        with pytest.raises(ConfusionError, match=says):
            read_confusion(path, ontology)


def test_negatives_are_drawn_by_the_confusion():
    (one,) = statements([told(0, ("C:A", "act", (("Agent", "farmer"),)))], SMALL)
    many = ROWS.model_copy(update={"photographs": [100_000, 0, 1]})
    chosen = Confusable(SMALL, Corpus(), many.weights(SMALL))
    found = Counter(template.name for template in chosen.draw(one, frozenset(), Random(0), 4000))
    scale = chosen._scale
    expected = 0.1 * scale["C:B"] / (0.1 * scale["C:B"] + 0.4 * scale["D:C"])
    assert found["C:B"] / 4000 == pytest.approx(expected, abs=0.03)


@pytest.fixture(scope="module")
def drawn(tmp_path_factory):
    folder = tmp_path_factory.mktemp("scenes")
    scenes(folder, 64, split="dev")
    return folder


@pytest.fixture(scope="module")
def file(drawn):
    found = confusion(ClipEvent.load("mini"), drawn / "gold.jsonl", drawn, cache=drawn / "cache")
    write_confusion(drawn / "confusion.json", found)
    return drawn / "confusion.json"


def test_of_mini_on_scenes_the_rows_are_those_of_the_scenes(drawn, file):
    found = Confusion(**json.loads(file.read_text()))
    gold = [json.loads(line) for line in (drawn / "gold.jsonl").read_text().splitlines()]
    counts = Counter(record["events"][0]["type"] for record in gold)
    assert {name: n for name, n in zip(found.types, found.photographs, strict=True) if n} == counts
    right = [row[place] for place, row in enumerate(found.rows) if row]
    assert np.mean(right) > 3 / 57  # three times chance
    assert (found.model, found.source, found.left_out) == ("mini", "gold.jsonl", {"bad": 0, "unclear": 0, "missing": 0})


def test_describe_and_finetune_take_the_file(drawn, file, tmp_path):
    """With all of one type's confusion on another, that one is what its event negatives are about."""
    news = load_ontology("news")
    gold = (drawn / "gold.jsonl").read_text().splitlines()
    kind = json.loads(gold[0])["events"][0]["type"]
    taken = next(name for name in news.events if not news.compatible(kind, name))
    names = list(news.events)
    rows = [[float(name == (taken if true == kind else true)) for name in names] for true in names]
    certain = Confusion(ontology="news", types=names, photographs=[10**9] * len(names), rows=rows)
    write_confusion(tmp_path / "certain.json", certain)
    out = tmp_path / "out.jsonl"
    options = ["--negatives", "event=2", "--styles", "sentence", "-o", str(out)]
    run = CliRunner().invoke(
        app, ["describe", str(drawn / "gold.jsonl"), "--confusion", str(tmp_path / "certain.json"), *options]
    )
    assert run.exit_code == 0, run.output
    false = Counter(
        negative["event"]["type"]
        for row in map(json.loads, out.read_text().splitlines())
        for pair in row["pairs"]
        for negative in pair["negatives"]
        if row["event"]["type"] == kind
    )
    assert set(false) == {taken}
    run = CliRunner().invoke(app, ["describe", str(drawn / "gold.jsonl"), "--confusion", str(out), *options])
    assert run.exit_code == 1
    assert f"clip-event: {out}: the file: " in run.output
    data = {"train": str(drawn / "gold.jsonl"), "confusion": str(file), "workers": 0}
    config = parse_config({"out": str(tmp_path / "run"), "data": data, "optim": {"batch": 16}})
    with placed("cpu") as place:
        confusable = assemble(config, place).examples.describer.confusable
    assert confusable.confusion == read_confusion(file, news)


def test_the_commands_write_their_files(drawn, tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    for command, says in (("calibrate", "calibration error"), ("confusion", "taken for")):
        out = tmp_path / f"{command}.json"
        run = CliRunner().invoke(app, [command, str(drawn / "gold.jsonl"), "--images", str(drawn), "-o", str(out)])
        assert run.exit_code == 0, run.output
        assert says in run.output
        assert "64 photographs" in run.output
        assert json.loads(out.read_text())["model"] == "mini"
        run = CliRunner().invoke(app, [command, str(drawn / "no.jsonl"), "--images", str(drawn), "-o", str(out)])
        assert run.exit_code == 1
        assert "no.jsonl: no such file" in run.output


def test_without_events_or_a_list_of_types_there_is_no_confusion(drawn, tmp_path):
    model = ClipEvent.load("mini")
    (tmp_path / "none.jsonl").write_text('{"caption": "A beach.", "image": "a.jpg", "events": []}\n')
    with pytest.raises(InputError, match="no photograph that shows an event"):
        confusion(model, tmp_path / "none.jsonl", drawn)
    with pytest.raises(ValueError, match="open ontology"):
        confusion(model, drawn / "gold.jsonl", drawn, ontology="open")
