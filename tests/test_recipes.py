"""The comparison of recipes: the file of negatives, the tower entered late, the bootstrap, and a tiny run of it all."""

import itertools
import json
import re
from xml.etree import ElementTree

import numpy as np
import pytest
import torch
from runs import MODEL
from towers import VOCABULARY, image_tower, wordpiece

from benchmarks.recipes.data import prepare
from benchmarks.recipes.figure import labels, points, svg
from benchmarks.recipes.handwritten import Line, read_lines, with_captions
from benchmarks.recipes.maps import early, enter, make_maps
from benchmarks.recipes.measures import COLUMNS, PAIRS, read_measures
from benchmarks.recipes.page import Card, Text, render
from benchmarks.recipes.rows import ROWS, START
from benchmarks.recipes.runs import GRID, Bench
from benchmarks.recipes.table import difference, figure, results
from clip_event.page import Mark
from clip_event.scenes import scenes
from clip_event.towers.models import load, save
from clip_event.towers.patches import encode_images
from clip_event.zeroshot.model import ClipEvent

TIMM = {"timm_model_name": "mobilenetv2_035", "timm_model_pretrained": False, "timm_pool": "avg", "timm_proj": "linear"}


def test_the_handwritten_file_is_as_it_says_and_fits_the_photographs(corpora):
    lines = read_lines()
    kinds = [line.kind for line in lines]
    assert kinds.count("swap") >= 200
    assert kinds.count("event") >= 200
    with (corpora / "flickr8k/dev.jsonl").open() as rows:
        captions = {row["image"]: row["captions"] for row in map(json.loads, rows)}
    for one in with_captions(lines, captions):
        true, false = ({*text.lower().split()} for text in (one.positive, one.negative))
        assert true & false, one  # said of the same photograph, not of any other
        assert one.positive in captions[one.image]


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ('{"image": "a.jpg", "caption": 5, "negative": "A dog .", "kind": "swap"}', ":1: caption"),
        ('{"image": "a.jpg", "caption": 0, "negative": "A dog .", "kind": "role"}', ":1: kind"),
        ('{"image": "a.jpg", "caption": 0, "negative": "", "kind": "swap"}', ":1: negative"),
        ('{"image": "a.jpg", "caption": 0, "kind": "swap"}', ":1: negative"),
        ("{", ":1: "),
        (2 * '{"image": "a.jpg", "caption": 0, "negative": "A dog .", "kind": "swap"}\n', ":2: stands on line 1"),
    ],
)
def test_a_line_that_is_not_as_it_should_be_is_named(tmp_path, line, said):
    (path := tmp_path / "lines.jsonl").write_text(line)
    with pytest.raises(ValueError, match=said):
        read_lines(path)


def test_a_negative_must_have_its_caption_and_be_none():
    line = Line(image="a.jpg", caption=1, negative="A man bites a dog .", kind="swap")
    found = with_captions([line], {"a.jpg": ["A dog .", "A dog bites a man ."]})
    assert (found[0].positive, found[0].negative) == ("A dog bites a man .", "A man bites a dog .")
    with pytest.raises(ValueError, match=r"a\.jpg has 1 captions"):
        with_captions([line], {"a.jpg": ["A dog ."]})
    with pytest.raises(ValueError, match="is a true caption"):
        with_captions([line], {"a.jpg": ["a man bites a dog", "A dog bites a man ."]})


@pytest.mark.parametrize("stage", [0, 3, 6])
def test_early_and_late_stages_are_the_whole_tower(stage):
    model = image_tower("mobilenetv2_035")
    images = torch.randn(3, 3, 160, 160, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        whole, patches = encode_images(model, images)
        names = list(model.state_dict())
        maps = early(model, images, stage)
        enter(model, stage)
        late, parts = encode_images(model, maps)
    torch.testing.assert_close(late, whole, atol=1e-5, rtol=0)
    torch.testing.assert_close(parts, patches, atol=1e-5, rtol=0)
    assert list(model.state_dict()) == names
    frozen = {name for name, value in model.visual.trunk.named_parameters() if not value.requires_grad}
    blocks = {name for name in frozen if name.startswith("blocks.")}
    assert {int(name.split(".")[1]) for name in blocks} == set(range(stage))
    assert {name.split(".")[0] for name in frozen - blocks} == {"conv_stem", "bn1"}


def test_another_tower_is_refused():
    with pytest.raises(ValueError, match="--full"):
        enter(image_tower("vit_tiny_patch16_224", "token"))


def run(row, seed, right, of):
    return {"row": row, "seed": seed, "units": {"hand swap": {"right": right, "of": of}}}


def test_a_figure_is_the_mean_over_seeds_and_a_difference_its_own():
    start = [run(START, 0, [0, 1, 1], [1, 2, 1])]
    tuned = [run("event", 0, [1, 2, 1], [1, 2, 1]), run("event", 1, [0, 2, 1], [1, 2, 1])]
    assert figure(start, "hand swap") == 50
    assert figure(tuned, "hand swap") == pytest.approx((100 + 75) / 2)
    apart, low, high = difference(tuned, start, ["hand swap"])
    assert apart == pytest.approx(37.5)
    assert low < apart < high


def test_a_difference_is_paired():
    """Two rows that differ in the same ten photographs of every hundred: only their number moves."""
    chance = np.random.default_rng(0)
    hard = chance.random(1000) < 0.5
    more = hard.copy()
    more[np.flatnonzero(~hard)[:100]] = True
    rows = [[run(name, 0, right.astype(float).tolist(), [1.0] * 1000)] for name, right in (("a", more), ("b", hard))]
    apart, low, high = difference(*rows, ["hand swap"])
    assert apart == pytest.approx(10)
    # a binomial share of 0.1 of 1000; unpaired it would be more than twice as wide
    assert high - low == pytest.approx(2 * 1.96 * 100 * (0.1 * 0.9 / 1000) ** 0.5, rel=0.1)


def test_the_figure_shows_what_is_gained_and_lost():
    def runs(row, pairs, recall):
        units = {name: {"right": [pairs / 100], "of": [1.0]} for name in PAIRS}
        units |= {name: {"right": [recall / 100], "of": [1.0]} for name in ("image to text", "text to image")}
        return [{"row": row, "seed": 0, "units": units}]

    found = {START: runs(START, 60, 20), "negclip": runs("negclip", 64, 17), "event": runs("event", 63, 19.5)}
    made = {one.name: (one.kept, one.gain) for one in points(found)}
    assert made == {
        START: (0, 0),
        "negclip": (pytest.approx(-3), pytest.approx(4)),
        "event": (pytest.approx(-0.5), pytest.approx(3)),
    }
    circles = [one.attrib for one in ElementTree.fromstring(svg(points(found))) if one.tag.endswith("circle")]
    start, negclip, event = [(float(one["cx"]), float(one["cy"])) for one in circles]
    assert negclip[0] < event[0] < start[0]
    assert negclip[1] < event[1] < start[1]  # down is more in px


def test_labels_of_points_in_one_place_do_not_cover_each_other():
    found = labels([(100.0, 100.0, "negclip")] * 5)
    heights = sorted(y for _, y in found)
    assert all(after - before >= 14 for before, after in itertools.pairwise(heights))


def test_the_page_says_which_text_was_nearest_and_escapes_captions():
    texts = [Text("", "A dog bites a man.", 30, 41), Text("role", "A man bites a dog.", 31, -40)]
    event = {"type": "bite", "arguments": [{"role": "Agent", "text": "dog"}]}
    card = Card("a.jpg", None, [Mark("<script>A dog bites a man</script>")], event, texts)
    assert card.nearest == (False, True)
    html = render([card], "mini", "event")
    assert "<script>" not in html
    assert "&lt;script&gt;" in html
    assert "for 0 of 1 photographs before and for 1 after" in html
    assert re.search(r'class="nearest">31\.0<', html)
    assert re.search(r'class="nearest">41\.0<', html)
    assert "−40.0" in html


@pytest.fixture(scope="module")
def photographs(tmp_path_factory):
    """Drawn scenes in the place of photographs, and a small model of the right class."""
    folder = tmp_path_factory.mktemp("photographs")
    for split, count in (("train", 40), ("dev", 12)):
        scenes(folder / split, count, split=split, size=65)
        rows = [json.loads(line) for line in (folder / split / "captions.jsonl").open()]
        lines = [{"image": f"{split}/{row['image']}", "captions": [row["caption"]] * 2} for row in rows]
        (folder / f"{split}.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    (model := folder / "model").mkdir()
    wordpiece(model, [row["caption"] for row in rows])
    config = {**MODEL, "vision_cfg": TIMM | {"image_size": 65}}
    config["text_cfg"] = config["text_cfg"] | {"vocab_size": VOCABULARY}
    preprocess = {"mean": [0.5] * 3, "std": [0.5] * 3}
    (model / "open_clip_config.json").write_text(json.dumps({"model_cfg": config, "preprocess_cfg": preprocess}))
    save(model, load(str(model), random=1), {})
    negative = {"image": lines[0]["image"], "caption": 1, "negative": "A dog flies .", "kind": "event"}
    (folder / "written.jsonl").write_text(json.dumps(negative) + "\n")
    return folder


def test_a_tiny_comparison_runs_and_is_kept(photographs, tmp_path):
    prepare(tmp_path / "data", photographs, held_out=10)
    measures = read_measures(tmp_path / "data", photographs, photographs / "written.jsonl")
    assert {pair.column for pair in measures.pairs} <= set(PAIRS)
    name = str(photographs / "model")
    train = [json.loads(line)["image"] for line in (photographs / "train.jsonl").open()]
    model = ClipEvent.load(name)
    asked = {"train": (train, photographs), "dev": (measures.names, photographs)}
    asked["scenes"] = (measures.scenes, tmp_path / "data/scenes")
    maps = {split: make_maps(tmp_path / "maps" / split, model, *given) for split, given in asked.items()}
    bench = Bench(tmp_path, photographs, name, 2, 4, measures, maps)
    whole = Bench(tmp_path / "whole", photographs, name, 2, 4, measures, None)
    (tmp_path / "whole").mkdir()
    (tmp_path / "whole/data").symlink_to(tmp_path / "data")
    one, other = bench.result(START, 0), whole.result(START, 0)
    assert one["drift"] == pytest.approx(1, abs=1e-5)
    assert one["units"] == other["units"]  # the model on maps is the model on photographs
    states = [load(str(folder)).model.state_dict() for folder in (name, whole.tuned("negclip", 0, 1e-3))]
    assert not torch.equal(*(state["visual.trunk.conv_stem.weight"] for state in states))
    done = bench.result("event, with local", 0)
    assert done["drift"] < 1
    assert done["lr"] in GRID
    before = {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*.json")}
    assert bench.result("event, with local", 0) == done
    assert before == {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*.json")}
    assert list(results(tmp_path)) == [START, "event, with local"]
    tuned = next((tmp_path / "runs").glob("event-with-local-*"))
    states = [load(str(folder)).model.state_dict() for folder in (name, tuned)]
    moved = {key for key, value in states[0].items() if not torch.equal(value, states[1][key])}
    assert any(key.startswith("visual.trunk.blocks.6.") for key in moved)
    assert not any(key.startswith(("visual.trunk.conv_stem", "visual.trunk.blocks.5.")) for key in moved)
    assert set(done["units"]) <= set(COLUMNS)
    assert set(ROWS) >= {"event", "negclip", "caption"}
