"""SWiG's protocol on files of the official form, with figures worked out by hand beside them."""

import json

import numpy as np
import pytest
from typer.testing import CliRunner

from clip_event.cli import app
from clip_event.evaluation.swig import evaluate, read_gold, verb_means
from extraction.records import InputError

SPACE = {
    "verbs": {
        "drinking": {
            "framenet": "Ingestion",
            "abstract": "the AGENT drinks a LIQUID at a PLACE",
            "def": "take (a liquid) into the mouth and swallow",
            "order": ["agent", "liquid", "place"],
            "roles": {"agent": {"def": "x"}, "liquid": {"def": "x"}, "place": {"def": "x"}},
        },
        "riding": {"abstract": "an AGENT rides", "def": "x", "order": ["agent"], "roles": {"agent": {"def": "x"}}},
        "waving": {"abstract": "an AGENT waves", "def": "x", "order": ["agent"], "roles": {"agent": {"def": "x"}}},
    },
    "nouns": {
        "n1": {"gloss": ["woman", "adult female"], "def": "x"},
        "n2": {"gloss": ["water"], "def": "x"},
        "n3": {"gloss": ["street"], "def": "x"},
        "n4": {"gloss": ["man", "adult male"], "def": "x"},
    },
}
NOWHERE = [-1, -1, -1, -1]


def situation(verb, box, *frames):
    roles = frames[0]
    boxes = {role: box if role == "agent" else NOWHERE for role in roles}
    return {"verb": verb, "height": 100, "width": 100, "bb": boxes, "frames": list(frames)}


GOLD = {
    "drinking_1.jpg": situation(
        "drinking",
        [0, 0, 9, 9],
        {"agent": "n1", "liquid": "n2", "place": ""},
        {"agent": "n4", "liquid": "n2", "place": "n3"},
        {"agent": "n1", "liquid": "n2", "place": "n3"},
    ),
    "drinking_2.jpg": situation("drinking", NOWHERE, *[{"agent": "n1", "liquid": "", "place": "n3"}] * 3),
    "riding_1.jpg": situation("riding", [0, 0, 9, 9], *[{"agent": "n4"}] * 3),
}


def event(verb, **arguments):
    filled = [{"role": role, "text": text, "box": box} for role, (text, box) in arguments.items()]
    return {"type": verb, "probability": 0.5, "arguments": filled}


PREDICTED = [
    {  # the first verb is right, all nouns are, the box too: 80 of 100 pixels
        "image": "images/drinking_1.jpg",
        "events": [event("drinking", agent=("Adult female", [0, 0, 9, 7]), liquid=("n2", None), place=("", None))],
    },
    {  # second; agent and place right, the place has a box that gold has not, the liquid should be empty
        "image": "drinking_2.jpg",
        "events": [
            event("riding", agent=("n1", None)),
            event("drinking", agent=("woman", None), liquid=("water", None), place=("street", [0, 0, 5, 5])),
        ],
    },
    {  # the gold verb is only the sixth; the box covers half and not more
        "image": "riding_1.jpg",
        "events": [
            event("waving"),
            *[event(f"other {n}") for n in range(4)],
            event("riding", agent=("man", [0, 0, 4, 9])),
        ],
    },
]


@pytest.fixture
def files(tmp_path):
    (tmp_path / "space.json").write_text(json.dumps(SPACE))
    (tmp_path / "dev.json").write_text(json.dumps(GOLD))
    (tmp_path / "p.jsonl").write_text("".join(json.dumps(one) + "\n" for one in PREDICTED))
    return tmp_path


def accuracy(part):
    return {name: round(figure["accuracy"], 6) for name, figure in part.items()}


def test_as_worked_by_hand(files):
    result = evaluate(files / "dev.json", files / "space.json", predictions=files / "p.jsonl")
    assert result["images"] == 3
    # drinking has two images with three roles each, riding one with one; each verb counts the same
    assert accuracy(result["top1"]) == {
        "verb": 25,  # (1/2 + 0) / 2
        "value": 25,  # (3/6 + 0) / 2
        "value_all": 25,
        "grounded_value": 25,
        "grounded_value_all": 25,
    }
    assert accuracy(result["top5"]) == {
        "verb": 50,
        "value": round(100 * 5 / 6 / 2, 6),
        "value_all": 25,
        "grounded_value": round(100 * 4 / 6 / 2, 6),
        "grounded_value_all": 25,
    }
    assert accuracy(result["gold_verb"]) == {
        "value": round(100 * (5 / 6 + 1) / 2, 6),
        "value_all": 75,
        "grounded_value": round(100 * (4 / 6) / 2, 6),
        "grounded_value_all": 25,
    }
    low, high = result["gold_verb"]["value"]["interval"]
    assert low < result["gold_verb"]["value"]["accuracy"] <= high <= 100


def test_an_image_without_the_gold_verb_has_no_role_right_not_even_an_empty_one(files):
    said = [{"image": image, "events": [event("waving")]} for image in GOLD]
    (files / "p.jsonl").write_text("".join(json.dumps(one) + "\n" for one in said))
    result = evaluate(files / "dev.json", files / "space.json", predictions=files / "p.jsonl")
    assert set(accuracy(result["gold_verb"]).values()) == {0}


def test_verb_means_and_their_intervals_are_those_of_a_loop():
    rng = np.random.default_rng(1)
    right, verb = rng.integers(0, 3, (60, 2)), rng.integers(0, 6, 60)
    total = right + rng.integers(1, 3, (60, 2))

    def by_hand(rows):
        r, t, v = right[rows], total[rows], verb[rows]
        return 100 * np.mean([r[v == one].sum(0) / t[v == one].sum(0) for one in np.unique(v)], 0)

    means, bounds = verb_means(np.stack([right, total], 2), [f"verb {number}" for number in verb])
    assert means == pytest.approx(by_hand(np.arange(60)))
    expected = np.percentile([by_hand(rng.integers(0, 60, 60)) for _ in range(4000)], (2.5, 97.5), axis=0).T
    np.testing.assert_allclose(bounds, expected, atol=1.5)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"verb": "flying"}, "drinking_1.jpg: found verb 'flying', expected one of"),
        ({"bb": {"agent": [0, 0, 9]}}, "dev.json: drinking_1.jpg.bb.agent.3: is missing"),
        ({"bb": {}}, "role 'agent' of 'drinking' lacks its box"),
        ({"frames": []}, r"drinking_1.jpg.frames: found \[\], expected"),
    ],
)
def test_broken_gold_says_where_and_what(files, change, message):
    (files / "dev.json").write_text(json.dumps({"drinking_1.jpg": GOLD["drinking_1.jpg"] | change}))
    with pytest.raises(InputError, match=message):
        read_gold(files / "dev.json", files / "space.json")


def test_command_scores_a_model_with_nouns_of_the_training_file(files):
    from PIL import Image

    for number, image in enumerate(GOLD):
        Image.new("RGB", (64, 64), (80 * number, 40, 40)).save(files / image)
    words = ["evaluate", "swig", files / "dev.json", files / "space.json"]
    asked = [*words, "--images", files, "--train", files / "dev.json", "--device", "cpu"]
    scored = [*words, "--predictions", files / "p.jsonl"]
    table = CliRunner(env={"COLUMNS": "160"}).invoke(app, [str(word) for word in scored])
    assert table.exit_code == 0, table.output
    assert "grounded value-all" in table.stdout
    result = json.loads(CliRunner().invoke(app, [str(word) for word in (*asked, "--json")]).stdout)
    assert result["top5"]["verb"]["accuracy"] == 100  # there are three verbs
    assert result["gold_verb"]["value"]["accuracy"] >= 50  # riding has one noun in the training file
    assert result["gold_verb"]["grounded_value"]["accuracy"] <= 50  # no boxes are said
    missing = CliRunner().invoke(app, [str(word) for word in (*words, "--predictions", files / "none")])
    assert missing.exit_code == 1
    assert "no such file" in missing.output
