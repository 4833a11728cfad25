"""Regions files: reading with checks, and making one with a tiny random OWLv2."""

import json
from pathlib import Path

import pytest
import torch
from PIL import Image
from typer.testing import CliRunner

from clip_event.pictures.regions import RegionsError, RegionsFile, parse_regions
from clip_event.towers.models import ModelError
from clip_event.zeroshot.detect import Detector, regions

GOOD = {"image": "a.jpg", "width": 40, "height": 20, "boxes": [{"box": [1, 2, 30, 19.5], "label": "man", "score": 0.5}]}


def written(folder: Path, *rows: object) -> Path:
    path = folder / "regions.jsonl"
    path.write_text("".join((row if isinstance(row, str) else json.dumps(row)) + "\n" for row in rows))
    return path


def test_regions_are_found_by_photograph(tmp_path):
    rows = [GOOD, "", GOOD | {"image": "b/../b.jpg", "boxes": []}]
    found = RegionsFile(written(tmp_path, *rows))
    assert len(found) == 2
    assert found.get("a.jpg").boxes[0].box == (1, 2, 30, 19.5)
    assert found.get("a.jpg").boxes[0].label == "man"
    assert found.get((tmp_path / "b.jpg").resolve()).boxes == ()
    assert found.get("c.jpg") is None
    (tmp_path / "pictures").mkdir()
    assert RegionsFile(tmp_path / "regions.jsonl", tmp_path / "pictures").get(tmp_path / "a.jpg") is None


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"width": 0}, "line 2, width"),
        ({"width": "40"}, r"line 2, width: .*found '40'"),
        ({"boxes": [{"box": [1, 2, 3]}]}, r"line 2, boxes\.0\.box\.3"),
        ({"boxes": [{"box": [9, 2, 3, 5]}]}, r"line 2, boxes\.0: box is \[9.* x0 < x1"),
        ({"boxes": [{"box": [1, 2, 45, 5]}]}, r"line 2: boxes\.0\.box is \[1.* outside 40 x 20"),
        ({"boxes": [{"box": [1, 2, float("nan"), 5]}]}, r"line 2, boxes\.0\.box\.2"),
        ({"boxes": [{"box": [1, 2, 3, 5], "score": 7}]}, r"line 2, boxes\.0\.score"),
        ({"image": "./a.jpg"}, "line 2, image: .*a.jpg stood on an earlier line"),
    ],
)
def test_a_wrong_line_is_named_with_its_field(tmp_path, change, said):
    with pytest.raises(RegionsError, match=said):
        RegionsFile(written(tmp_path, GOOD, GOOD | {"image": "b.jpg"} | change))


@pytest.mark.parametrize(("line", "said"), [("{", "line 1: is no JSON"), ("[]", "line 1: .*dictionary")])
def test_what_is_no_object_is_refused(line, said):
    with pytest.raises(RegionsError, match=said):
        parse_regions(line, "x.jsonl: line 1")


def test_no_file_is_named(tmp_path):
    with pytest.raises(RegionsError, match="no such file; clip-event regions"):
        RegionsFile(tmp_path / "none.jsonl")


@pytest.fixture(scope="module")
def owl(tmp_path_factory):
    """A random OWLv2 of 64 pixels with a vocabulary of characters, saved as the hub has one."""
    import transformers as hf

    folder = tmp_path_factory.mktemp("owl")
    letters = [chr(97 + n) for n in range(26)]
    words = ["!", *letters, *(letter + "</w>" for letter in letters), "<|startoftext|>", "<|endoftext|>"]
    (folder / "vocab.json").write_text(json.dumps({word: number for number, word in enumerate(words)}))
    (folder / "merges.txt").write_text("#version: 0.2\n")
    tokenizer = hf.CLIPTokenizer(str(folder / "vocab.json"), str(folder / "merges.txt"), model_max_length=16)
    images = hf.Owlv2ImageProcessor(size={"height": 64, "width": 64})
    hf.Owlv2Processor(image_processor=images, tokenizer=tokenizer).save_pretrained(folder)
    sizes = {"hidden_size": 32, "intermediate_size": 32, "num_hidden_layers": 1, "num_attention_heads": 2}
    config = hf.Owlv2Config(
        text_config=sizes | {"vocab_size": len(words), "bos_token_id": 53, "eos_token_id": 54},
        vision_config=sizes | {"image_size": 64, "patch_size": 16},
        projection_dim=32,
    )
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        hf.Owlv2ForObjectDetection(config).save_pretrained(folder)
    return folder


@pytest.fixture
def pictures(tmp_path):
    folder = tmp_path / "pictures"
    (folder / "more").mkdir(parents=True)
    noise = torch.randint(0, 256, (3, 60, 90, 3), generator=torch.Generator().manual_seed(0), dtype=torch.uint8)
    for number, name in enumerate(("a.jpg", "b.png", "more/c.JPG")):
        Image.fromarray(noise[number].numpy()).save(folder / name)
    (folder / "broken.jpg").write_bytes(b"\xff\xd8\xff")
    (folder / "notes.txt").write_text("no picture")
    return folder


def test_a_file_of_regions_is_made_and_read_back(owl, pictures, tmp_path):
    out = tmp_path / "regions.jsonl"
    done = regions([pictures], out, detector=str(owl), labels=["man", "flag"], threshold=0, batch_size=2, most=5)
    assert (done.images, done.bad) == (3, 1)
    (fault,) = map(json.loads, (tmp_path / "regions.errors.jsonl").read_text().splitlines())
    assert fault["image"] == str(pictures / "broken.jpg")
    found = RegionsFile(out)
    rows = [found.get(pictures / name) for name in ("a.jpg", "b.png", "more/c.JPG")]
    assert sum(len(row.boxes) for row in rows) == done.boxes > 0
    for row in rows:
        assert (row.width, row.height) == (90, 60)
        assert 0 < len(row.boxes) <= 5
        scores = [region.score for region in row.boxes]
        assert scores == sorted(scores, reverse=True)
        assert {region.label for region in row.boxes} <= {"man", "flag"}


def test_the_boxes_are_those_of_the_network_itself(owl, pictures):
    """Against its raw numbers: middles and sides in shares of the longer side, to which OWLv2 pads."""
    detector = Detector(str(owl), ["man", "flag"], "cpu")
    picture = Image.open(pictures / "b.png")
    (found,) = detector([picture], threshold=0, most=1000)
    inputs = detector.processor(text=[["a photo of a man", "a photo of a flag"]], images=[picture], return_tensors="pt")
    with torch.no_grad():
        raw = detector.model(**inputs)
    expected = []
    for logits, (x, y, width, height) in zip(raw.logits[0].tolist(), raw.pred_boxes[0].tolist(), strict=True):
        x0, y0 = max(0, (x - width / 2) * 90), max(0, (y - height / 2) * 90)
        x1, y1 = min(90, (x + width / 2) * 90), min(60, (y + height / 2) * 90)
        label = "man" if logits[0] >= logits[1] else "flag"
        if x0 < x1 - 0.1 and y0 < y1 - 0.1:
            expected.append((torch.tensor(max(logits)).sigmoid().item(), label, [x0, y0, x1, y1]))
    expected.sort(key=lambda one: -one[0])
    kept = [one for one in found if one["box"][2] - one["box"][0] > 0.1 and one["box"][3] - one["box"][1] > 0.1]
    assert len(kept) == len(expected) > 3
    for one, (score, label, box) in zip(kept, expected, strict=True):
        assert one["score"] == pytest.approx(score, abs=1e-4)
        assert one["label"] == label
        assert one["box"] == pytest.approx(box, abs=0.11)


def test_nothing_is_left_of_a_run_that_fails(owl, pictures, tmp_path):
    def stop(done: int) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        regions([pictures], tmp_path / "out.jsonl", detector=str(owl), labels=["man"], progress=stop)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["pictures"]


def test_without_network_there_is_one_sentence(monkeypatch, tmp_path):
    from huggingface_hub import constants

    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    with pytest.raises(ModelError, match=r"model.safetensors of nobody/owl is not in the cache .* HF_HUB_OFFLINE"):
        Detector("nobody/owl")


def test_a_label_longer_than_the_network_reads_is_refused(owl):
    with pytest.raises(ValueError, match=r"'police officer': is 2[0-9] tokens .* at most 16"):
        Detector(str(owl), ["man", "police officer"])


def test_another_kind_of_model_is_refused(tmp_path):
    (tmp_path / "config.json").write_text('{"model_type": "bert"}')
    with pytest.raises(ModelError, match="is a bert model; expected one of owlv2"):
        Detector(str(tmp_path))


def test_the_command_prints_what_it_did(owl, pictures, tmp_path):
    from clip_event.cli import app

    out = tmp_path / "r.jsonl"
    ran = CliRunner().invoke(app, ["regions", str(pictures), "--detector", str(owl), "-o", str(out), "--labels", "man"])
    assert ran.exit_code == 0, ran.output
    assert "3 photographs" in ran.output
    assert "1 that cannot be used" in ran.output
    assert len(out.read_text().splitlines()) == 3
    assert CliRunner().invoke(app, ["regions", str(pictures), "--detector", str(owl), "--labels", " ,"]).exit_code == 1
