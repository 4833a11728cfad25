"""Pairs: official files made here, with figures worked out by hand; and mini against open_clip's own encoders."""

import gzip
import json

import pytest
import torch
from PIL import Image
from told import Told, photograph
from typer.testing import CliRunner

from clip_event.cli import app
from clip_event.evaluation.benchmarks.read import read_pairs
from clip_event.evaluation.pairs import evaluate_pairs
from clip_event.pictures.missing import MissingPictures
from clip_event.scenes import scenes
from clip_event.towers._open_clip import open_clip
from clip_event.towers.models import MINI
from clip_event.zeroshot.model import ClipEvent
from extraction.records import InputError

DEGREES = {f"t{number}": number for number in range(-20, 101)}


@pytest.fixture
def images(tmp_path):
    """1.png to 20.png."""
    folder = tmp_path / "images"
    folder.mkdir()
    for number in range(1, 21):
        photograph(folder / f"{number}.png", number)
    return folder


def lines(path, *rows):
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return path


def dump(path, data):
    path.parent.mkdir(exist_ok=True)
    path.write_text(json.dumps(data, indent=2), encoding="utf-8")
    return path


def row(image, positive, negative, kind="role", **more):
    return {"image": f"{image}.png", "positive": f"t{positive}", "negative": f"t{negative}", "kind": kind} | more


# photograph 1 stands at 0 degrees, 2 at 90; tN at N: what is fewer degrees away is nearer
PLAIN = [
    row(1, 10, 30),  # right
    row(1, 40, 20),  # wrong
    row(2, 80, 80, "event"),  # a tie: wrong
    row(2, 90, 0, "event"),  # right
    row(2, 85, 0, "event"),  # right
]


def test_accuracy_overall_and_by_kind_as_worked_by_hand(tmp_path, images):
    result = evaluate_pairs(Told({1: 0, 2: 90}, DEGREES), lines(tmp_path / "pairs.jsonl", *PLAIN), images)
    assert result["accuracy"] == pytest.approx(60)
    assert result["by_kind"] == pytest.approx({"event": 200 / 3, "role": 50})
    assert result["pairs_by_kind"] == {"event": 3, "role": 2}
    assert [result[name] for name in ("format", "pairs", "photographs", "missed")] == ["plain", 5, 2, 0]
    assert "group" not in result
    # two photographs are drawn as 1 and 1, 1 and 2, 2 and 2: 50, 60 or 66.7 per cent are right
    assert result["intervals"]["accuracy"] == pytest.approx([50, 200 / 3])
    assert result["intervals"]["by_kind"] == {kind: [value, value] for kind, value in result["by_kind"].items()}


def test_winoground_has_both_directions_and_three_group_scores(tmp_path, images):
    def example(group, a, b, text_a, text_b):
        first = row(a, text_a, text_b, negative_image=f"{b}.png", group=group)
        return first, row(b, text_b, text_a, negative_image=f"{a}.png", group=group)

    path = lines(tmp_path / "winoground.jsonl", *example(0, 1, 2, 30, 60), *example(1, 3, 4, -20, 7))
    result = evaluate_pairs(Told({1: 0, 2: 90, 3: 0, 4: 10}, DEGREES), path, images)
    # of the second example photograph 3 (at 0) is nearer to 7 than to -20; all else is right
    assert (result["accuracy"], result["image"]) == (75, 100)
    assert result["group"] == {"text": 50, "image": 100, "both": 50}
    assert result["intervals"]["group"]["both"] == [0, 100]


def test_sugarcrepe_is_a_folder_of_kinds(tmp_path, images):
    def entry(image, true, false):
        return {"filename": f"{image}.png", "caption": f"t{true}", "negative_caption": f"t{false}"}

    dump(tmp_path / "data" / "swap_att.json", {"0": entry(1, 10, 20), "1": entry(2, 10, 20)})  # right, wrong
    path = dump(tmp_path / "data" / "add_obj.json", {"0": entry(2, 99, 70)})  # right
    model = Told({1: 0, 2: 90}, DEGREES)
    result = evaluate_pairs(model, tmp_path / "data", images)
    assert (result["format"], result["accuracy"]) == ("sugarcrepe", pytest.approx(200 / 3))
    assert result["by_kind"] == {"add_obj": 100, "swap_att": 50}
    assert evaluate_pairs(model, path, images, format="sugarcrepe")["by_kind"] == {"add_obj": 100}


def test_valse_counts_what_two_annotators_agreed_on(tmp_path, images):
    def entry(image, true, false, votes):
        more = {"dataset": "SWiG", "original_split": "test", "dataset_idx": "x", "linguistic_phenomena": "actions"}
        more |= {"classes": "man", "classes_foil": "torso", "mturk": {"foil": 0, "caption": votes, "other": 3 - votes}}
        return more | {"image_file": f"{image}.png", "caption": f"t{true}", "foil": f"t{false}"}

    entries = [entry(1, 1, 9, 3), entry(1, 9, 1, 2), entry(2, 80, 1, 2), entry(2, 1, 80, 1)]
    path = dump(tmp_path / "actant-swap.json", {f"actions_test_{n}": one for n, one in enumerate(entries)})
    result = evaluate_pairs(Told({1: 0, 2: 90}, DEGREES), path, images)
    assert result["by_kind"] == pytest.approx({"actant-swap": 200 / 3})  # the last, which is wrong, does not count
    assert (result["format"], result["pairs"], result["left_out"]) == ("valse", 3, 1)


# photograph 1 at 0: the second pair is wrong, and of the nearest two, t10 and t15, one is true; of 2 all is right
FIRST, SECOND = ("t10", "t20", "t30", "t15"), ("t89", "t88", "t70", "t60")


@pytest.mark.parametrize("form", ["captions", "split"])
def test_bla_is_two_pairs_a_group_and_a_ranking(tmp_path, images, form):
    for number in (1, 2):
        Image.open(images / f"{number}.png").save(images / f"{number}.jpg", quality=100)
    if form == "captions":

        def four(texts):
            return dict(zip(("True1", "True2", "False1", "False2"), texts, strict=True)) | {"score": [0.5] * 4}

        data = [
            {"image_id": 1, "index": 0, "caption_group": [four(FIRST), four(SECOND)]},  # the second group is not asked
            {"image_id": 2, "index": 1, "caption_group": [four(SECOND)]},
        ]
        path = dump(tmp_path / "active_passive_captions.json", data)
    else:
        path = dump(tmp_path / "active_passive" / "test.json", {"1": FIRST, "2": SECOND})
    result = evaluate_pairs(Told({1: 0, 2: 90}, DEGREES), path, images)
    assert (result["format"], result["pairs"], result["by_kind"]) == ("bla", 4, {"active_passive": 75})
    assert (result["group"], result["rank"]) == ({"text": 50}, 75)


def case(image, box, true, false, **kind):
    sides = dict(zip(("bbox_x", "bbox_y", "bbox_w", "bbox_h"), box, strict=True))
    captions = {"true_caption": f"t{true}", "false_caption": f"t{false}"}
    return {"image_id": "7", "image_path": image, **sides, **captions, **kind}


def test_aro_is_asked_about_the_box_alone(tmp_path, images):
    photograph(images / "two.png", 1, right=2)
    cases = [
        case("two.png", (20, 0, 20, 20), 80, 10, relation_name="on"),  # the right half, photograph 2: right
        case("two.png", (0, 5, 20, 10), 10, 80, relation_name="on"),  # the left half, photograph 1: right
        case("two.png", (30, 0, 900, 900), 10, 80, relation_name="riding"),  # the right one as far as it goes: wrong
        case("two.png", (-5, -5, 10, 10), 10, 80, relation_name="near"),  # right, but "near" is symmetric
    ]
    path = dump(tmp_path / "visual_genome_relation.json", cases)
    result = evaluate_pairs(Told({1: 0, 2: 90}, DEGREES), path, images)
    assert (result["format"], result["accuracy"], result["macro"]) == ("aro", 75, 50)
    assert result["by_kind"] == {"near": 100, "on": 100, "riding": 0}
    assert (result["photographs"], result["intervals"]["macro"]) == (1, [50, 50])


def test_aro_attributes_count_from_25_cases_on(tmp_path, images):
    many = [case("1.png", (0, 0, 9, 9), 1, 2, attributes=["red", "blue"])] * 24
    many += [case("1.png", (0, 0, 9, 9), 2, 1, attributes=["red", "blue"])]
    few = [case("2.png", (0, 0, 9, 9), 1, 2, attributes=["big", "small"])] * 24
    path = dump(tmp_path / "visual_genome_attribution.json", many + few)
    result = evaluate_pairs(Told({1: 0, 2: 90}, DEGREES), path, images)
    assert result["by_kind"] == {"big_small": 0, "red_blue": 96}
    assert (result["accuracy"], result["macro"]) == (pytest.approx(100 * 24 / 49), 96)


def test_a_box_beside_the_photograph_is_a_missing_one(tmp_path, images):
    cases = [case("1.png", (0, 0, 9, 9), 1, 2, relation_name="on")] * 3
    path = dump(tmp_path / "r.json", [*cases, case("1.png", (40, 0, 9, 9), 1, 2, relation_name="on")])
    with pytest.raises(MissingPictures, match=r"has no part 40,0,9,9; it is 40 x 20"):
        evaluate_pairs(Told({1: 0}, DEGREES), path, images)


def test_pairs_without_their_photograph_are_left_out_and_counted(tmp_path, images):
    model = Told(dict.fromkeys(range(1, 21), 0), DEGREES)
    rows = [row(number, 1, 2, group=number) for number in range(1, 21)]
    whole = evaluate_pairs(model, lines(tmp_path / "pairs.jsonl", *rows, row(99, 2, 1, group=1)), images)
    assert [whole[name] for name in ("pairs", "missed", "accuracy")] == [20, 1, 100]
    assert whole["group"] == {"text": 100}  # group 1, of which a pair is missed, among none
    path = lines(tmp_path / "more.jsonl", *rows, *[row(99, 2, 1)] * 2)
    with pytest.raises(MissingPictures, match=r"2 of 22 pairs.*99\.png"):  # one photograph of 21, but two pairs
        evaluate_pairs(model, path, images)
    (images / "20.png").write_bytes(b"")
    with pytest.raises(MissingPictures, match=r"2 of 21 photographs"):
        evaluate_pairs(model, lines(tmp_path / "pairs.jsonl", *rows, row(99, 2, 1)), images)


GOOD = row(1, 1, 2)
BROKEN = {
    "not JSON": ("{", r"p\.jsonl:2: Invalid JSON"),
    "a list": ("[1]", r"p\.jsonl:2: found \[1\], expected an object"),
    "no negative": (
        json.dumps({"image": "1.png", "positive": "a"}),
        r":2: negative: is missing; the keys are image",
    ),
    "a number": (json.dumps(GOOD | {"positive": 5}), r":2: positive: found 5, expected a valid string"),
    "empty": (json.dumps(GOOD | {"negative": ""}), r":2: negative: found '', expected .*at least 1"),
}


@pytest.mark.parametrize(("line", "said"), BROKEN.values(), ids=BROKEN)
def test_a_broken_line_is_named(tmp_path, line, said):
    (tmp_path / "p.jsonl").write_text(json.dumps(GOOD) + f"\n{line}\n", encoding="utf-8")
    with pytest.raises(InputError, match=said):
        read_pairs(tmp_path / "p.jsonl")


ENTRY = {"filename": "1.png", "caption": "a", "negative_caption": "b"}
OTHERS = {
    "SugarCrepe": ({"0": ENTRY, "1": {"filename": "1.png"}}, r"x\.json: 1\.caption: is missing; the keys are filename"),
    "VALSE": (
        {"a": {"image_file": "1", "caption": ["a"], "foil": "b"}},
        r"x\.json: a\.caption: found \['a'\]",
    ),
    "BLA": ([{"image_id": 1, "caption_group": []}], r"0\.caption_group: .*at least 1"),
    "BLA's splits": ({"1": ["a"] * 4, "2": ["a", "b"]}, r"1\.caption_group\.0\.False1: is missing"),
    "ARO": ([case("1", (0, 0, 1, 1), 1, 2)], r"x\.json: 0: found no kind"),
    "ARO's box": ([case("1", (0, 0, 1, "h"), 1, 2)], r"0\.bbox_h: found 'h', expected"),
    "something else": ({"images": [{"id": 1}]}, r"x\.json: found an object of list, expected a file of aro"),
    "a list of something": ([{"question": 1}], r"found a list of \{'question'\}"),
    "nothing": ([], r"found a list of NoneType"),
}


@pytest.mark.parametrize(("data", "said"), OTHERS.values(), ids=OTHERS)
def test_a_broken_entry_of_an_official_file_is_named(tmp_path, data, said):
    with pytest.raises(InputError, match=said):
        read_pairs(dump(tmp_path / "x.json", data))


def test_what_is_no_file_of_pairs_is_said(tmp_path):
    with pytest.raises(InputError, match="no such file"):
        read_pairs(tmp_path / "none.json")
    with pytest.raises(InputError, match=r"no format 'winoground'.*auto, plain, aro"):
        read_pairs(tmp_path, "winoground")
    with pytest.raises(InputError, match=r"no \.json file"):
        read_pairs(tmp_path)
    dump(tmp_path / "a.json", {"0": ENTRY})
    with pytest.raises(InputError, match="expected a file of bla"):
        read_pairs(tmp_path / "a.json", "bla")
    dump(tmp_path / "b.json", {"1": ["a"] * 4})
    with pytest.raises(InputError, match="found bla and sugarcrepe"):
        read_pairs(tmp_path)
    (tmp_path / "empty.jsonl").write_text("")
    with pytest.raises(InputError, match="is empty"):
        read_pairs(tmp_path / "empty.jsonl")


def test_plain_pairs_are_known_by_their_content_and_read_from_gzip(tmp_path):
    path = lines(tmp_path / "pairs.json", GOOD, GOOD)
    packed = tmp_path / "pairs.jsonl.gz"
    packed.write_bytes(gzip.compress(path.read_bytes()))
    assert read_pairs(path) == read_pairs(packed)
    assert len(read_pairs(path).pairs) == 2
    packed.write_bytes(packed.read_bytes()[:-9])
    with pytest.raises(InputError, match="broken gzip"):
        read_pairs(packed)


@pytest.fixture(scope="module")
def drawn(tmp_path_factory):
    """A dozen scenes, and pairs of their captions with one another's."""
    folder = tmp_path_factory.mktemp("scenes") / "s"
    scenes(folder, 12, seed=1, split="dev")
    rows = [json.loads(line) for line in (folder / "captions.jsonl").read_text(encoding="utf-8").splitlines()]
    pairs = [
        {"image": a["image"], "positive": a["caption"], "negative": b["caption"], "kind": "other"}
        for a in rows
        for b in rows
        if a["caption"] != b["caption"]
    ]
    return folder, lines(folder / "pairs.jsonl", *pairs), pairs


def test_mini_scores_pairs_as_open_clip_does(drawn):
    folder, path, pairs = drawn
    result = CliRunner().invoke(
        app, ["evaluate", "pairs", str(path), "--images", str(folder), "--model", "mini", "--device", "cpu", "--json"]
    )
    assert result.exit_code == 0, result.output
    found = json.loads(result.stdout)
    model, _, preprocess = open_clip.create_model_and_transforms(f"local-dir:{MINI}")
    tokenizer, right = open_clip.get_tokenizer(f"local-dir:{MINI}"), 0
    model.eval()
    with torch.inference_mode():
        texts = {text for pair in pairs for text in (pair["positive"], pair["negative"])}
        said = {text: model.encode_text(tokenizer([text]), normalize=True)[0] for text in texts}
        for name in {pair["image"] for pair in pairs}:
            image = model.encode_image(preprocess(Image.open(folder / name)).unsqueeze(0), normalize=True)[0]
            for pair in pairs:
                if pair["image"] == name:
                    right += int(image @ said[pair["positive"]] > image @ said[pair["negative"]])
    assert found["pairs"] == len(pairs) > 100
    assert found["accuracy"] == pytest.approx(100 * right / len(pairs), abs=100 / len(pairs))
    low, high = found["intervals"]["accuracy"]
    assert low <= found["accuracy"] <= high


def test_the_command_prints_a_table_and_one_line_for_an_error(drawn, tmp_path):
    folder, _, pairs = drawn
    runner = CliRunner(env={"COLUMNS": "200"})
    few = lines(tmp_path / "few.jsonl", *pairs[:3])
    table = runner.invoke(app, ["evaluate", "pairs", str(few), "--images", str(folder), "--device", "cpu"])
    assert table.exit_code == 0
    assert "accuracy" in table.stdout
    assert "plain: 3 pairs, 1 photographs" in table.stdout
    wrong = runner.invoke(app, ["evaluate", "pairs", str(few), "--images", str(tmp_path / "no"), "--device", "cpu"])
    assert wrong.exit_code == 1
    assert wrong.stderr.count("\n") == 1
    assert "no such folder of photographs" in wrong.stderr


def test_a_model_of_one_point_is_never_right(tmp_path, images):
    model = ClipEvent.load("mini", device="cpu")
    with torch.no_grad():
        model.loaded.model.text_projection.zero_()
    path = lines(tmp_path / "pairs.jsonl", *[row(number, 1, 2) for number in range(1, 9)])
    assert evaluate_pairs(model, path, images)["accuracy"] == 0
