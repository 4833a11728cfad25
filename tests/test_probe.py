"""The linear probe against scikit-learn run plainly, against cases worked by hand, and from files."""

import json
import math
from pathlib import Path

import numpy as np
import pytest
import torch
from asked import asked
from PIL import Image
from sklearn.linear_model import LogisticRegression
from typer.testing import CliRunner

from clip_event.cli import app
from clip_event.evaluation.labels import read_labels
from clip_event.evaluation.probe import Data, drawn, few, figures, linear, probe, sweep
from clip_event.zeroshot.prompts import prompts
from templates.ontology import load_ontology


@pytest.mark.parametrize("peak", [-6, -5.875, -3.125, 0, 0.375, 2, 4.5, 6])
def test_the_sweep_ends_within_an_eighth_of_a_decade(peak: float) -> None:
    asked_for = []

    def score(strength: float) -> float:
        asked_for.append(math.log10(strength))
        return -abs(math.log10(strength) - peak)

    assert math.log10(sweep(score)) == pytest.approx(peak)
    assert len(set(asked_for)) == len(asked_for) <= 7 + 2 * 4
    assert asked_for[:7] == pytest.approx([-6, -4, -2, 0, 2, 4, 6])
    assert min(asked_for) >= -6
    assert max(asked_for) <= 6


def test_of_equal_strengths_the_most_regularised_wins() -> None:
    assert sweep(lambda strength: 1.0) == pytest.approx(1e-6)
    assert sweep(lambda strength: float(strength >= 0.99)) == pytest.approx(10**0.0)


def clouds(seed: int, counts: list[int], spread: float) -> tuple[np.ndarray, np.ndarray]:
    """Points around one direction for each class."""
    rng = np.random.default_rng(seed)
    centres = np.random.default_rng(99).normal(size=(len(counts), 8))
    labels = np.repeat(np.arange(len(counts)), counts)
    points = centres[labels] + spread * rng.normal(size=(len(labels), 8))
    return points / np.linalg.norm(points, axis=1, keepdims=True), labels


def data(train: list[int], test: list[int], spread: float = 1.5) -> Data:
    return Data(*clouds(1, train, spread), *clouds(2, test, spread))


def test_the_probe_is_scikit_learns_at_the_strength_that_a_whole_grid_finds_as_good() -> None:
    given = data([40, 30, 50], [60, 60, 60])
    right, strength = linear(given)
    held = given.held_out

    def score(strength: float, solver: str = "lbfgs") -> float:
        model = LogisticRegression(C=strength, max_iter=5000, solver=solver)
        model.fit(given.train[~held], given.train_labels[~held])
        return model.score(given.train[held], given.train_labels[held])

    grid = [score(10 ** (step / 8)) for step in range(-48, 49, 4)]
    assert score(strength) >= max(grid) - 0.05  # the search halves intervals, and may miss a narrow peak
    direct = LogisticRegression(C=strength, max_iter=5000, solver="newton-cg").fit(given.train, given.train_labels)
    assert np.mean(right == (direct.predict(given.test) == given.test_labels)) > 0.98
    assert 0.5 < right.mean() < 1


def test_a_fifth_of_each_class_is_held_out_and_never_drawn() -> None:
    given = data([1, 2, 3, 10, 40], [1] * 5)
    held = given.held_out
    assert [int(held[given.train_labels == label].sum()) for label in range(5)] == [0, 1, 1, 2, 8]
    for shots in (1, 2, 100):
        taken = drawn(given, shots, 3)
        assert not (taken & held).any()
        expected = [min(shots, number) for number in (1, 1, 2, 8, 32)]
        assert [int(taken[given.train_labels == label].sum()) for label in range(5)] == expected


def separable(per_class: int) -> Data:
    """Three classes on three lines from the origin, 120 degrees apart: nothing to mistake."""
    angles = np.repeat(np.arange(3), per_class) * 2 * np.pi / 3
    points = np.stack([np.cos(angles), np.sin(angles)], 1)
    labels = np.repeat(np.arange(3), per_class)
    return Data(points, labels, points, labels)


@pytest.mark.parametrize("shots", [1, 2, 4])
def test_what_is_separable_is_told_by_one_photograph(shots: int) -> None:
    given = separable(6)
    assert few(given, shots, 0)[0].all()
    assert linear(given)[0].all()


def test_one_photograph_of_each_class_leaves_no_validation_split() -> None:
    right, strength = linear(separable(1))
    assert strength == 1
    assert right.all()


def test_a_seed_draws_the_same_photographs() -> None:
    given = data([20, 20], [200, 200], spread=3)
    first, again, other = (few(given, 1, seed)[0] for seed in (0, 0, 1))
    np.testing.assert_array_equal(first, again)
    assert (first != other).any()


def test_figures_by_hand() -> None:
    # class 0: 3 of 4; class 1: 0 of 1
    found = figures(np.array([1, 1, 1, 0, 0], float), np.array([0, 0, 0, 0, 1]))
    assert found["accuracy"] == pytest.approx(60)
    assert found["mean_per_class"] == pytest.approx(37.5)
    assert found["interval"][0] <= 60 <= found["interval"][1]


def write(path: Path, *rows: object) -> Path:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return path


def shown(image: str, salient: str | None = "e1") -> dict[str, object]:
    events = [{"id": "e0", "type": "Contact:Meet"}, {"id": "e1", "type": "Conflict:Attack"}]
    return {"image": image, "caption": "x", "events": events, "salient": salient}


def test_a_label_goes_before_the_salient_event(tmp_path: Path) -> None:
    rows = [shown("a.jpg"), shown("b.jpg") | {"label": "war"}, shown("c.jpg", None), {"image": "d.jpg", "label": None}]
    found = read_labels(write(tmp_path / "a.jsonl", *rows))
    assert (found.images, found.labels, found.unlabelled) == (["a.jpg", "b.jpg"], ["Conflict:Attack", "war"], 2)


@pytest.mark.parametrize(
    ("row", "said"),
    [
        ([1], "found .1., expected an object"),
        ({"label": "a"}, "image: is missing; the keys are label"),
        ({"image": "a.jpg"}, "expected a label"),
        ({"image": "a.jpg", "label": 3}, "label: found 3, expected a valid string"),
        (shown("a.jpg", "e7"), "salient is 'e7'"),
    ],
)
def test_a_record_that_cannot_be_used_is_named(tmp_path: Path, row: object, said: str) -> None:
    path = write(tmp_path / "a.jsonl", shown("a.jpg"), row)
    with pytest.raises(ValueError, match=rf"a.jsonl:2: .*{said}"):
        read_labels(path)


COLOURS = {"red": (255, 0, 0), "green": (0, 255, 0), "blue": (0, 0, 255)}


@pytest.fixture
def files(tmp_path: Path) -> dict[str, Path]:
    """Plain pictures of three colours, lighter and darker."""
    (tmp_path / "images").mkdir()
    rows: dict[str, list[object]] = {"train": [], "test": []}
    for name, colour in COLOURS.items():
        for number in range(8):
            image = f"{name}{number}.png"
            shade = tuple(value * (200 + number * 5) // 255 for value in colour)
            Image.new("RGB", (40, 40), shade).save(tmp_path / "images" / image)
            rows["train" if number < 5 else "test"].append({"image": image, "label": name})
    files = {side: write(tmp_path / f"{side}.jsonl", *each) for side, each in rows.items()}
    return files | {"images": tmp_path / "images"}


def test_colours_are_learnt_from_files(files: dict[str, Path]) -> None:
    found = probe(asked(), files["train"], files["test"], files["images"], shots=(1, 2, 8), seeds=2)
    assert (found["train"], found["test"], found["classes"]) == (15, 9, 3)
    assert found["linear_probe"]["accuracy"] == 100
    assert found["few_shot"]["2"]["draws"] == [100, 100]
    assert found["few_shot"]["2"]["short"] == {}
    assert found["few_shot"]["8"]["short"] == {"blue": 4, "green": 4, "red": 4}  # of 5 one is for validation
    model = asked()
    texts = model.encode_texts([f"A photo of {name}." for name in sorted(COLOURS)])
    image = model.encode_images([files["images"] / f"{name}{n}.png" for name in sorted(COLOURS) for n in (5, 6, 7)])
    expected = ((image @ texts.T).argmax(1).numpy() == np.repeat(range(3), 3)).mean()
    assert found["zero_shot"]["accuracy"] == pytest.approx(100 * expected)
    assert (found["unlabelled"], found["missed"], found["in_both"], found["only_in_test"]) == (0, 0, 0, {})


def test_event_types_are_asked_as_classify_asks_them(files: dict[str, Path], tmp_path: Path) -> None:
    """Two classes are types of the ontology, one by an alias, and one is a label of the user's."""
    of = {"red": "Conflict:Attack", "green": "Contact.Meet", "blue": "blue"}
    sides = {}
    for side in ("train", "test"):
        rows = map(json.loads, files[side].read_text().splitlines())
        sides[side] = write(tmp_path / f"types-{side}.jsonl", *(row | {"label": of[row["label"]]} for row in rows))
    model = asked()
    told = prompts(load_ontology())
    texts = [told["Conflict:Attack"], told["Contact:Meet"], ["A photo of blue."]]
    means = torch.stack([model.encode_texts(each).mean(0) for each in texts])
    image = model.encode_images([files["images"] / f"{name}{n}.png" for name in of for n in (5, 6, 7)])
    right = (image @ (means / means.norm(dim=1, keepdim=True)).T).argmax(1).numpy() == np.repeat(range(3), 3)
    found = probe(model, sides["train"], sides["test"], files["images"], shots=(), seeds=1)
    assert found["zero_shot"]["accuracy"] == pytest.approx(100 * right.mean())


def test_what_does_not_add_up_is_said(files: dict[str, Path], tmp_path: Path) -> None:
    lines = files["train"].read_text().splitlines()
    train = write(tmp_path / "some.jsonl", *(json.loads(line) for line in lines if "blue" not in line))
    both = write(tmp_path / "both.jsonl", *map(json.loads, [lines[0], *files["test"].read_text().splitlines()]))
    found = probe(asked(), train, both, files["images"], shots=(), seeds=1)
    assert (found["only_in_test"], found["in_both"]) == ({"blue": 3}, 1)
    assert found["linear_probe"]["accuracy"] == pytest.approx(100 * 7 / 10)  # 3 red, 3 green and the leaked red one
    one = write(tmp_path / "one.jsonl", {"image": "red0.png", "label": "red"})
    with pytest.raises(ValueError, match="one class only, 'red'"):
        probe(asked(), one, files["test"], files["images"])
    with pytest.raises(ValueError, match="nothing to measure"):
        probe(asked(), train, write(tmp_path / "none.jsonl", shown("red0.png", None)), files["images"])
    with pytest.raises(ValueError, match="expected 1 or more"):
        probe(asked(), train, both, files["images"], shots=(0, 1))


def test_the_command_prints_a_table_or_one_object(files: dict[str, Path]) -> None:
    words = ["evaluate", "probe", "--shots", "1,8", "--seeds", "2", "--device", "cpu"]
    words += [word for name, path in files.items() for word in (f"--{name}", str(path))]
    done = CliRunner(env={"COLUMNS": "200"}).invoke(app, [*words, "--json"])
    assert done.exit_code == 0, done.output
    found = json.loads(done.stdout)
    assert list(found["few_shot"]) == ["1", "8"]
    table = CliRunner(env={"COLUMNS": "200"}).invoke(app, words).stdout
    for part in (found["zero_shot"], found["linear_probe"], *found["few_shot"].values()):
        assert f"{part['accuracy']:.1f}" in table
    assert "fewer to draw from" in table
    assert "blue 4" in table
    wrong = CliRunner().invoke(app, [*words, "--shots", "1,x"])
    assert wrong.exit_code == 1
    assert "expected whole numbers" in wrong.stderr
