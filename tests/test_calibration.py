"""Calibration against brute force, SciPy and scikit-learn, on numbers made here and on drawn scenes."""

import json
from random import Random

import numpy as np
import pytest
import torch
from scipy.optimize import minimize
from scipy.special import expit, log_softmax
from sklearn.metrics import balanced_accuracy_score

from clip_event.calibrating.calibrate import calibrate, fit, fit_pair, fit_scale, fit_threshold
from clip_event.calibrating.labelled import images_without_event, read_labelled
from clip_event.calibrating.reliability import calibration_error, risk_coverage
from clip_event.pictures.missing import MissingPictures
from clip_event.scenes import scenes
from clip_event.scenes.canvas import Canvas
from clip_event.scenes.places import PLACES
from clip_event.zeroshot.calibration import (
    Calibration,
    CalibrationError,
    calibration_for,
    read_calibration,
    write_calibration,
)
from clip_event.zeroshot.model import ClipEvent
from extraction.records import InputError
from templates import load_ontology


def test_calibration_error_by_hand():
    """Two bins: three answers of mean confidence 0.7 and accuracy 2/3, one of 0.3 that is right."""
    confidence, right = np.array([0.6, 0.7, 0.8, 0.3]), np.array([True, False, True, True])
    assert calibration_error(confidence, right, bins=2) == pytest.approx(3 / 4 * (0.7 - 2 / 3) + 1 / 4 * 0.7)
    assert calibration_error(np.array([1.0, 1.0]), np.array([True, True])) == 0
    assert calibration_error(np.array([1.0, 1.0]), np.array([False, False])) == 1


def test_risk_and_coverage_by_hand():
    confidence, right = np.array([0.2, 0.9, 0.5, 0.7]), np.array([False, True, False, True])
    assert risk_coverage(confidence, right, points=4) == [(0.25, 1.0), (0.5, 1.0), (0.75, 2 / 3), (1.0, 0.5)]
    assert len(risk_coverage(np.random.default_rng(0).random(1000), np.arange(1000) % 2 == 0)) == 20


def test_the_scale_is_the_best_of_a_fine_grid():
    draw = np.random.default_rng(0)
    cosines = draw.normal(size=(400, 5)) * 0.2
    label = np.array([draw.choice(5, p=np.exp(log_softmax(13 * row))) for row in cosines])
    found = fit_scale(torch.from_numpy(cosines), label)

    def loss(scale):
        return -log_softmax(scale * cosines, axis=1)[np.arange(400), label].mean()

    grid = np.linspace(1, 40, 4000)
    assert found == pytest.approx(grid[np.argmin([loss(scale) for scale in grid])], abs=0.02)
    assert found == pytest.approx(13, rel=0.2)


@pytest.mark.parametrize("seed", range(8))
def test_no_threshold_tells_events_better(seed):
    draw = np.random.default_rng(seed)
    event = draw.random(60) < 0.4
    margin = np.round(draw.normal(size=60) + event, 1)  # with ties
    found = fit_threshold(margin, event)
    cuts = [-9.0, *(np.unique(margin) + 0.05)]
    best = max(balanced_accuracy_score(event, margin > cut) for cut in cuts)
    assert balanced_accuracy_score(event, margin > found) == pytest.approx(best)


def test_thresholds_where_one_answer_is_always_best():
    event = np.array([True, True, False, False])
    assert fit_threshold(np.array([1.0, 1.0, 1.0, 1.0]), event) < 1.0 + 1e-5
    assert fit_threshold(np.array([0.0, 1.0, 2.0, 3.0]), event) < 0  # worse than chance: all are events
    assert (np.array([3.0, 2.0, 1.0, 0.0]) > fit_threshold(np.array([3.0, 2.0, 1.0, 0.0]), event)).tolist() == [*event]


def test_slope_and_offset_are_those_of_the_greatest_likelihood():
    draw = np.random.default_rng(1)
    true = draw.random(500) < 0.5
    margin = 0.2 * true + 0.1 * draw.normal(size=500)

    def loss(at):
        chance = expit(at[0] * margin + at[1])
        return -np.log(np.where(true, chance, 1 - chance)).mean()

    expected = minimize(loss, [10.0, 0.0], method="Nelder-Mead", options={"xatol": 1e-8, "fatol": 1e-12}).x
    assert fit_pair(margin, true) == pytest.approx(expected, rel=1e-3)
    one = Calibration(scale=1.0, slope=2.0, offset=-1.0)
    assert one.pair(torch.tensor([[0.5, 1.5]])).tolist()[0] == pytest.approx([0.5, 1 / (1 + np.exp(-2))])


def test_none_is_the_answer_where_the_margin_is_below_the_threshold():
    draw = np.random.default_rng(2)
    label = draw.integers(0, 4, 300)  # 3 is none
    cosines = 0.1 * draw.normal(size=(300, 4))
    cosines[np.arange(300), label] += 0.25
    cosines[:, 3] -= 0.2  # the background is far too far
    found = fit(torch.from_numpy(cosines), label, scale=100.0)
    moved = cosines + np.array([0, 0, 0, found.threshold])
    answer = moved.argmax(1)
    np.testing.assert_array_equal(answer == 3, cosines[:, :3].max(1) - cosines[:, 3] < found.threshold)
    assert found.threshold == pytest.approx(0.2, abs=0.1)
    assert found.after["none_told"] > 0.75 > found.before["none_told"]
    assert found.after["calibration_error"] < found.before["calibration_error"]
    assert found.after["log_loss"] < found.before["log_loss"]
    assert (found.photographs, found.without_event) == (int((label < 3).sum()), int((label == 3).sum()))
    assert [share for share, _ in found.coverage][-1] == 1
    assert found.coverage[-1][1] == pytest.approx(found.after["accuracy"])


def test_without_photographs_of_no_event_none_is_left_out():
    draw = np.random.default_rng(3)
    label = draw.integers(0, 3, 90)
    cosines = 0.1 * draw.normal(size=(90, 4))
    cosines[np.arange(90), label] += 0.1
    cosines[:, 3] = 9.0  # would win everywhere
    found = fit(torch.from_numpy(cosines), label, scale=10.0)
    assert found.threshold == 0
    assert found.before["accuracy"] == pytest.approx((cosines[:, :3].argmax(1) == label).mean())
    assert "none_told" not in found.before


@pytest.fixture(scope="module")
def drawn(tmp_path_factory):
    folder = tmp_path_factory.mktemp("scenes")
    scenes(folder, 96, split="dev")
    (folder / "none").mkdir()
    for number, place in enumerate([*PLACES] * 2):  # where nobody is
        canvas = Canvas(96)
        PLACES[place].paint(canvas, Random(number), 60)
        canvas.image().save(folder / "none" / f"{number:02}.png")
    return folder


@pytest.fixture(scope="module")
def model():
    return ClipEvent.load("mini")


def test_mini_is_calibrated_on_scenes(model, drawn, tmp_path):
    found = calibrate(model, drawn / "gold.jsonl", drawn, without=drawn / "none", cache=tmp_path)
    assert (found.photographs, found.without_event, found.model, found.ontology) == (96, 26, "mini", "news")
    assert found.after["calibration_error"] < found.before["calibration_error"] * 0.8
    assert found.after["pair_log_loss"] < found.before["pair_log_loss"]
    assert found.after["pair_accuracy"] > 0.9
    write_calibration(tmp_path / "c.json", found)
    assert read_calibration(tmp_path / "c.json") == found == calibration_for(model, tmp_path / "c.json")
    again = calibrate(model, drawn / "gold.jsonl", drawn, without=drawn / "none", cache=tmp_path)
    assert again == found


def test_types_of_the_open_ontology_are_those_of_the_records(model, drawn, tmp_path):
    rows = []
    for line in (drawn / "gold.jsonl").read_text().splitlines():
        row = json.loads(line)
        (event,) = row["events"]
        event |= {"type": event["type"].split(":")[1].lower(), "arguments": event["arguments"][:1]}
        event["arguments"][0]["role"] = "Agent"
        rows.append(row)
    found = calibrate(model, lines(tmp_path / "open.jsonl", rows), drawn, ontology="open", cache=tmp_path)
    assert (found.ontology, found.photographs, found.threshold) == ("open", 96, 0)
    assert found.after["accuracy"] > 2 / 16


def test_a_models_folder_brings_its_calibration(model, tmp_path):
    tuned = ClipEvent(model.loaded, f"local-dir:{tmp_path}", model.device)
    assert calibration_for(tuned) == Calibration.of(model.scale)
    write_calibration(tmp_path / "calibration.json", Calibration(scale=7.0, slope=3.0))
    assert calibration_for(tuned).scale == 7
    assert calibration_for(ClipEvent(model.loaded, str(tmp_path), model.device)).slope == 3


@pytest.mark.parametrize(
    ("content", "says"),
    [
        ("{", "EOF"),
        ("[]", "object"),
        ('{"scale": 1}', "slope: Field required"),
        ('{"scale": -1, "slope": 1}', "scale: Input should be greater than 0"),
        ('{"scale": 1, "slope": 1, "bias": 1}', "bias: Extra inputs"),
    ],
)
def test_a_file_that_is_no_calibration_is_told(tmp_path, content, says):
    path = tmp_path / "calibration.json"
    path.write_text(content)
    with pytest.raises(CalibrationError, match=says) as error:
        read_calibration(path)
    assert str(path) in str(error.value)
    with pytest.raises(CalibrationError, match="No such file"):
        read_calibration(tmp_path / "no.json")


def lines(path, rows):
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


def test_records_are_with_event_without_unclear_or_bad(drawn, tmp_path):
    first = json.loads((drawn / "gold.jsonl").read_text().splitlines()[0])
    rows = [
        first,
        {"caption": "A beach.", "image": "b.jpg", "events": [], "salient": None},
        first | {"id": "x", "salient": None},
        {"caption": "A beach.", "events": []},
        {"caption": "A beach.", "image": "b.jpg", "events": "none"},
        first | {"id": "y", "events": [{**first["events"][0], "type": "Life:Sleep"}]},
    ]
    found = read_labelled(lines(tmp_path / "gold.jsonl", rows), load_ontology("news"))
    assert found.images == [first["image"], "b.jpg"]
    assert [event and event.type for event in found.events] == [first["events"][0]["type"], None]
    assert found.unclear == 1
    assert [bad.line for bad in found.bad] == [4, 5, 6]
    assert "Life:Sleep" in found.bad[2].reason
    with pytest.raises(InputError, match=r"no photograph with a known event.*line 1: has no image"):
        read_labelled(lines(tmp_path / "bad.jsonl", rows[3:4]), None)


def test_photographs_without_event_come_from_a_folder_or_a_file(drawn, tmp_path):
    names, root = images_without_event(drawn / "none")
    assert (len(names), root, names[0]) == (26, drawn / "none", "00.png")
    path = lines(tmp_path / "none.jsonl", [{"image": "a.jpg", "captions": ["x"]}, {"image": "b.jpg"}])
    assert images_without_event(path) == (["a.jpg", "b.jpg"], tmp_path)
    lines(path, [{"image": "../a.jpg"}, {"image": "b.jpg"}])
    assert images_without_event(path)[0] == ["../a.jpg", "b.jpg"]  # refused where it is embedded
    lines(path, [{"image": "a.jpg"}, {"picture": "b.jpg"}])
    with pytest.raises(InputError, match=r"none.jsonl:2: image is NoneType, expected a path"):
        images_without_event(path)
    (tmp_path / "empty").mkdir()
    for place in ("empty", "nowhere"):
        with pytest.raises(InputError, match=place):
            images_without_event(tmp_path / place)


def test_too_few_or_missing_photographs_are_an_error(model, drawn, tmp_path):
    rows = [json.loads(line) for line in (drawn / "gold.jsonl").read_text().splitlines()]
    with pytest.raises(InputError, match="5 photographs with an event, expected at least 20"):
        calibrate(model, lines(tmp_path / "few.jsonl", rows[:5]), drawn, cache=tmp_path)
    some = [row | {"id": f"n{n}", "events": [], "salient": None} for n, row in enumerate(rows[:3])]
    with pytest.raises(InputError, match="3 photographs without an event, expected none or at least 20"):
        calibrate(model, lines(tmp_path / "some.jsonl", rows + some), drawn, cache=tmp_path)
    gone = [row | {"image": f"gone/{number}.jpg"} if number < 6 else row for number, row in enumerate(rows)]
    few = lines(tmp_path / "gone.jsonl", gone)
    with pytest.raises(MissingPictures, match="6 of 96"):
        calibrate(model, few, drawn, cache=tmp_path)
    same = lines(tmp_path / "same.jsonl", [rows[0] | {"id": n} for n in range(20)])
    with pytest.raises(InputError, match="every photograph shows the same event"):
        calibrate(model, same, drawn, cache=tmp_path)
