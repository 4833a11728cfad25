"""Multiple choice, on files of the official forms, with figures worked out by hand beside them."""

import itertools
import json

import pytest
from PIL import Image
from typer.testing import CliRunner

from clip_event.cli import app
from clip_event.evaluation.choice import Choice, read_choices, score, worth
from clip_event.evaluation.choice_readers import read_vcr, read_visualcomet
from extraction.records import InputError

VCR = {
    "movie": "m",
    "objects": ["person", "person", "dog"],
    "img_fn": "lsmdc_m/a@0.jpg",
    "metadata_fn": "lsmdc_m/a@0.json",
    "question": ["Why", "is", [0, 2], "running", "?"],
    "answer_choices": [["It", "rains", "."], [[1], "'s", "late", "."], ["No", "."], ["Yes", "."]],
    "answer_label": 1,
    "rationale_choices": [["A"], ["B"], ["C"], ["D", [1]]],
    "rationale_label": 3,
    "annot_id": "val-0",
}
COMET = [
    {
        "img_fn": "m/a@0.jpg",
        "movie": "m",
        "place": "at a fancy party",
        "event": "1 is talking to 3",
        "intent": ["ask 3 on a date", "get over his shyness"],
        "before": ["approach 3"],
        "after": [],
    },
    {"img_fn": "m/b@0.jpg", "event": "2 sits down.", "place": "", "after": [f"do thing {'x' * n}" for n in range(60)]},
]


def choice(answer, image="a.jpg", options=4, **more):
    return Choice(image=image, options=[str(n) for n in range(options)], answer=answer, **more)


def test_accuracy_by_kind_and_of_groups_as_worked_by_hand():
    choices = [
        choice(0, kind="answer", group="g0"),
        choice(1, kind="rationale", group="g0"),
        choice(2, kind="answer", group="g1"),
        choice(3, "b.jpg", kind="rationale", group="g1"),
    ]
    found = [[0.9, 0.1, 0.2, 0.3], [0.1, 0.9, 0.2, 0.3], [0.1, 0.9, 0.2, 0.3], [0.1, 0.9, 0.2, 0.95]]
    result = score(choices, found)
    assert (result["accuracy"], result["questions"]) == (75, 4)
    assert {kind: part["accuracy"] for kind, part in result["by_kind"].items()} == {"answer": 50, "rationale": 100}
    assert (result["groups"]["accuracy"], result["groups"]["questions"]) == (50, 2)
    # of two photographs, one has two of three right, the other all
    assert result["interval"] == pytest.approx([200 / 3, 100])


def test_worth_is_the_mean_over_all_orders_of_options_that_score_the_same():
    found, answers = [3, 1, 2, 2, 2, 0], [0, 2, 5]
    orders = [sorted(range(6), key=lambda n: (-found[n], order[n])) for order in itertools.permutations(range(6))]
    expected = sum(len(set(order[:3]) & set(answers)) / 3 for order in orders) / len(orders)
    assert worth(found, answers) == pytest.approx(expected)
    assert worth([1, 1, 1, 1], [2]) == pytest.approx(1 / 4)
    assert worth([1, 2, 3, 0], [2]) == 1


def test_vcr(tmp_path):
    (tmp_path / "val.jsonl").write_text(json.dumps(VCR) + "\n")
    answer, rationale = read_vcr(tmp_path / "val.jsonl")
    assert answer.question == "Why is person and dog running?"
    assert answer.options == ["It rains.", "person's late.", "No.", "Yes."]
    assert (answer.answers, answer.kind, answer.image) == ([1], "answer", "lsmdc_m/a@0.jpg")
    assert rationale.question == "Why is person and dog running? person's late."
    assert (rationale.options[3], rationale.answers, rationale.kind) == ("D person", [3], "rationale")
    assert answer.group == rationale.group == "val-0"


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"answer_label": 4}, "val.jsonl:1: answer_label: found 4, expected 0 to 3"),
        ({"question": ["Why", [3]]}, r"found object \[3\], expected places in objects, 0 to 2"),
        ({"objects": "person"}, "val.jsonl:1: objects: found 'person', expected a valid array"),
    ],
)
def test_broken_vcr_says_where_and_what(tmp_path, change, message):
    (tmp_path / "val.jsonl").write_text(json.dumps(VCR | change))
    with pytest.raises(InputError, match=message):
        read_vcr(tmp_path / "val.jsonl")


def test_visualcomet(tmp_path):
    (tmp_path / "val.json").write_text(json.dumps(COMET))
    intent, before, after = read_visualcomet(tmp_path / "val.json", seed=3)
    assert [one.kind for one in (intent, before, after)] == ["intent", "before", "after"]
    assert [len(one.options) for one in (intent, before)] == [50, 50]
    assert intent.options[:2] == ["ask person on a date", "get over his shyness"]
    assert (intent.answers, before.answers) == ([0, 1], [0])
    assert intent.question == "person is talking to person at a fancy party. Because the person wanted to"
    assert after.question == "person sits down. After, the person will most likely"
    assert not set(intent.options[2:]) & set(intent.options[:2])
    assert len(set(intent.options)) == 50
    assert (len(after.answers), len(after.options)) == (60, 61)  # more are right than there are candidates
    assert read_visualcomet(tmp_path / "val.json", seed=3) == [intent, before, after]
    assert read_visualcomet(tmp_path / "val.json", seed=4) != [intent, before, after]
    (tmp_path / "test.json").write_text(json.dumps([{"img_fn": "a.jpg", "event": "1 sits"}]))
    with pytest.raises(InputError, match="no record has intent, before or after"):
        read_visualcomet(tmp_path / "test.json")


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ('{"image": "a.jpg", "options": ["x", "y"], "answer": 2}', "q.jsonl:1: answer: found 2, expected places"),
        ('{"image": "a.jpg", "options": ["x", "y"], "answer": []}', r"answer: found \[\], expected places"),
        ('{"image": "a.jpg", "options": ["x"], "answer": 0}', r"q.jsonl:1: options: found \['x'\], expected"),
        ('{"image": "a.jpg", "options": "xy", "answer": 0}', "q.jsonl:1: options: found 'xy', expected a valid array"),
    ],
)
def test_broken_questions_say_where_and_what(tmp_path, line, message):
    (tmp_path / "q.jsonl").write_text(line)
    with pytest.raises(InputError, match=message):
        read_choices(tmp_path / "q.jsonl")


def test_command_asks_a_model(tmp_path):
    """The answer is what plain cosines of the model say."""
    from clip_event.zeroshot.model import ClipEvent

    Image.new("RGB", (64, 64), (200, 60, 60)).save(tmp_path / "a.png")
    model = ClipEvent.load("mini", device="cpu")
    options = ["a doctor treats a man.", "police arrest a man.", "a woman reads."]
    cosines = (
        model.encode_texts([f"What? {option}" for option in options]) @ model.encode_images([tmp_path / "a.png"])[0]
    )
    record = {"image": "a.png", "options": options, "answer": int(cosines.argmax()), "question": "What?", "kind": "k"}
    (tmp_path / "q.jsonl").write_text(json.dumps(record))
    words = ["evaluate", "choice", tmp_path / "q.jsonl", "--images", tmp_path, "--device", "cpu", "--json"]
    result = json.loads(CliRunner().invoke(app, [str(word) for word in words]).stdout)
    assert (result["accuracy"], result["by_kind"]["k"]["questions"], result["missed"]) == (100, 1, 0)
    wrong = CliRunner().invoke(app, [str(word) for word in (*words, "--format", "gqa")])
    assert wrong.exit_code == 1
    assert "no form 'gqa': it is one of plain, vcr, visualcomet" in wrong.output


def test_table_names_kinds_and_groups(capsys):
    from clip_event.commands import figures

    kinds = [choice(0, kind="answer", group="g"), choice(0, kind="rationale", group="g")]
    figures.choice(score(kinds, [[1, 0, 0, 0], [0, 1, 0, 0]]) | {"missed": 2})
    printed = capsys.readouterr().out
    assert all(word in printed for word in ("answer", "rationale", "groups", "50.0", "0.0", "100.0", "2 left out"))
