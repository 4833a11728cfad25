"""A scenes folder measured: against a loop over its pairs, with what stands beside each figure worked out again."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from typer.testing import CliRunner

from clip_event.cli import app
from clip_event.evaluation.scenes import _bare, _blind, right, scenes, told
from clip_event.pictures.missing import MissingPictures
from clip_event.scenes import scenes as draw_scenes
from clip_event.tuning.validation import Check, by_kind
from clip_event.zeroshot.model import ClipEvent
from templates.events import CaptionEvents, RecordError, read_events

STYLES = ("sentence", "caption")


@pytest.fixture(scope="module")
def model() -> ClipEvent:
    return ClipEvent.load("mini", device="cpu")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("scenes") / "dev"
    draw_scenes(folder, 48, split="dev", seed=3)
    return folder


@pytest.fixture(scope="module")
def records(folder: Path) -> list[CaptionEvents]:
    return list(read_events(folder / "gold.jsonl"))


@pytest.fixture(scope="module")
def found(model: ClipEvent, folder: Path) -> dict:
    return scenes(model, folder, gallery=10)


def by_loop(model: ClipEvent, pairs, pictures: list[Image.Image]) -> dict[tuple[str, str], float]:
    """Accuracy by style and kind, a text at a time, the mean over scenes; every scene has one pair of each."""
    image = torch.stack([model.see(model.loaded.preprocess_val(picture)[None])[0][0] for picture in pictures])
    hits: dict[tuple[str, str], list[float]] = {}
    for number, style, kind, *texts in pairs:
        true, false = (float(model.encode_texts([text])[0] @ image[number]) for text in texts)
        hits.setdefault((style, kind), []).append(0.5 if abs(true - false) < 1e-6 else float(true > false))
    return {named: 100 * float(np.mean(values)) for named, values in hits.items()}


def test_accuracy_is_a_loops_also_mirrored_and_without_instruments(model, folder, records, found) -> None:
    pictures = [Image.open(folder / record.image) for record in records]
    pairs = told(records)
    plain = by_loop(model, pairs, pictures)
    mirrored = by_loop(model, pairs, [picture.transpose(Image.Transpose.FLIP_LEFT_RIGHT) for picture in pictures])
    bare = by_loop(model, _bare(records, STYLES), pictures)
    assert set(plain) == {(style, kind) for style in STYLES for kind in ("event", "role")}
    for (style, kind), accuracy in plain.items():
        cell = found["pairs"][style][kind]
        assert cell["accuracy"] == pytest.approx(accuracy)
        assert cell["mirrored"] == pytest.approx(mirrored[style, kind])
        assert cell["no_instrument"] == (pytest.approx(bare[style, kind]) if style == "sentence" else None)
        assert cell["interval"][0] <= accuracy <= cell["interval"][1]


def test_by_type_is_the_share_of_the_types_pairs(model, folder, records, found) -> None:
    pairs = told(records)
    for name, kinds in found["by_type"].items():
        numbers = {number for number, record in enumerate(records) if record.events[0].type == name}
        for kind, accuracy in kinds.items():
            mine = [pair for pair in pairs if pair[0] in numbers and pair[2] == kind]
            image = model.encode_images([folder / records[pair[0]].image for pair in mine])
            texts = [model.encode_texts([pair[n] for pair in mine]) for n in (3, 4)]
            margins = (image * (texts[0] - texts[1])).sum(1).tolist()
            checks = [Check(0, "", kind, "", "", margin) for margin in margins]
            assert by_kind(checks)[kind]["accuracy"] * 100 == pytest.approx(accuracy)


def test_texts_without_instruments_mention_none(records) -> None:
    for number, style, _, positive, negative in _bare(records, STYLES):
        assert style == "sentence"
        for argument in records[number].events[0].fillers("Instrument"):
            assert argument.text not in positive
            assert argument.text not in negative
    assert _bare(records, ("caption", "edited")) == []
    assert any(record.events[0].fillers("Instrument") for record in records)


def test_a_draw_counts_half() -> None:
    assert right(torch.tensor([0.3, -0.3, 0.0, 5e-7, -5e-7, 2e-6])).tolist() == [1, 0, 0.5, 0.5, 0.5, 1]


def test_the_blind_judge_finds_what_words_give_away_and_nothing_else(model, records) -> None:
    pairs = told(records, {"role": 1}, ("sentence",))
    fair = _blind(model, pairs)  # one twin's truth is the other's lie: for each right choice there is a wrong one
    assert 0.4 < fair.mean() < 0.6
    given_away = [(*pair[:3], "Truly, " + pair[3], "Falsely, " + pair[4]) for pair in pairs]
    assert _blind(model, given_away).mean() > 0.85
    assert (_blind(model, [(*pair[:3], pair[3], pair[3]) for pair in pairs]) == 0.5).all()


def test_retrieval_is_in_whole_galleries_with_and_without_twins(model, folder, records, found) -> None:
    captions = [record.caption.removeprefix("FILE - ") for record in records]
    captions = [caption.rsplit(" (", 1)[0] if caption.endswith(")") else caption for caption in captions]
    image, text = model.encode_images([folder / record.image for record in records]), model.encode_texts(captions)
    for name, halves in (
        ("retrieval", [slice(0, None, 2), slice(1, None, 2)]),
        ("retrieval_with_twins", [slice(None)]),
    ):
        hits = []
        for half in halves:
            rows, columns = image[half], text[half]
            for start in range(0, len(rows) - 9, 10):
                cosines = rows[start : start + 10] @ columns[start : start + 10].T
                hits += (cosines.argmax(1) == torch.arange(10)).tolist()
        assert found[name]["images"] == 10
        assert found[name]["image_to_text"]["r1"] == pytest.approx(100 * np.mean(hits), abs=100 / len(hits))
    assert found["retrieval"]["image_to_text"]["r1"] > found["retrieval_with_twins"]["image_to_text"]["r1"]


def test_what_is_no_folder_of_scenes_is_refused(model, folder, tmp_path) -> None:
    with pytest.raises(FileNotFoundError):
        scenes(model, tmp_path)
    (tmp_path / "gold.jsonl").write_text("")
    with pytest.raises(ValueError, match="holds no scene"):
        scenes(model, tmp_path)
    (tmp_path / "gold.jsonl").write_text('{"caption": 1}\n')
    with pytest.raises(RecordError, match=r"gold.jsonl:1"):
        scenes(model, tmp_path)
    (tmp_path / "gold.jsonl").write_text((folder / "gold.jsonl").read_text())
    with pytest.raises(MissingPictures):
        scenes(model, tmp_path)
    with pytest.raises(ValueError, match="'poem' is no style"):
        scenes(model, folder, styles=["poem"])


def test_the_command_prints_one_object_or_tables(folder, found) -> None:
    def ran(*options: str) -> str:
        words = ["evaluate", "scenes", str(folder), "--gallery", "10", "--device", "cpu", *options]
        done = CliRunner(env={"COLUMNS": "200"}).invoke(app, words)
        assert done.exit_code == 0, done.output
        return done.stdout

    assert json.loads(ran("--json"))["pairs"] == found["pairs"]
    table = ran()
    for style, kinds in found["pairs"].items():
        for kind, cell in kinds.items():
            row = next(line for line in table.splitlines() if f"{style}, {kind}" in line)
            assert f"{cell['accuracy']:.1f}" in row
    assert "Medical:Treat" in table
