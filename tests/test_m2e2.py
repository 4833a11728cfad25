"""M2E2's protocol on files of the official form, with figures worked out by hand beside them."""

import json

import networkx as nx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from typer.testing import CliRunner

from clip_event.cli import app
from clip_event.evaluation.boxes import overlap
from clip_event.evaluation.counts import count
from clip_event.evaluation.m2e2 import evaluate, evaluate_images, evaluate_text, write_sentences
from clip_event.evaluation.predictions import Prediction, read_predictions
from extraction.records import InputError
from templates.ontology import load_ontology

NEWS = load_ontology()
IMAGES_ONLY = {
    "VOA_EN_NW_2016.04.19.1_1": {
        "event_type": "Conflict:Attack",
        "role": {"Attacker": [["soldier", 0, 0, 10, 10]], "Target": [["car", 20, 0, 40, 10], ["man", 50, 0, 60, 10]]},
    },
    "VOA_EN_NW_2016.04.19.1_2": {"event_type": "Contact:Meet", "role": {"Entity": [["man", 0, 0, 10, 20]]}},
}
IMAGES_BOTH = {
    "VOA_EN_NW_2016.04.19.2_1": {
        "event_type": "Movement:Transport",
        "role": {"Instrument": [["truck", 0, 0, 100, 50]]},
    },
}
TEXT_ONLY = [
    {
        "sentence_id": "VOA_EN_NW_2016.04.19.1_0",
        "sentence": "Rebels attacked the old bridge.",
        "words": ["Rebels", "attacked", "the", "old", "bridge", "."],
        "golden-event-mentions": [
            {
                "event_type": "Conflict:Attack",
                "trigger": {"start": 1, "end": 2, "text": "attacked"},
                "arguments": [
                    {"role": "Attacker", "start": 0, "end": 1, "text": "Rebels"},
                    {"role": "Target", "start": 2, "end": 5, "text": "the old bridge"},
                ],
            }
        ],
        "golden-entity-mentions": [],
        "image": ["VOA_EN_NW_2016.04.19.1_1.jpg"],
    },
    {"sentence_id": "VOA_EN_NW_2016.04.19.1_1", "words": ["It", "rained", "."], "golden-event-mentions": []},
]
TEXT_BOTH = [
    {
        "sentence_id": "VOA_EN_NW_2016.04.19.1_0",
        "words": ["Rebels", "attacked", "the", "old", "bridge", "."],
        "golden-event-mentions": [
            {"event_type": "Life:Die", "trigger": {"start": 4, "end": 5}, "arguments": []},
        ],
    },
]


@pytest.fixture
def folder(tmp_path):
    files = {
        "image_only_event.json": IMAGES_ONLY,
        "image_multimedia_event.json": IMAGES_BOTH,
        "text_only_event.json": TEXT_ONLY,
        "text_multimedia_event.json": TEXT_BOTH,
    }
    for name, content in files.items():
        (tmp_path / name).write_text(json.dumps(content))
    return tmp_path


def predicted(image, type=None, **boxes):
    arguments = [{"role": role, "text": "x", "probability": 0.5, "box": box} for role, box in boxes.items()]
    events = [{"type": type, "probability": 0.9, "arguments": arguments}] if type else []
    return {"image": f"photos/VOA_EN_NW_2016.04.19.{image}.jpg", "events": events}


PREDICTED = [
    # the right type; the attacker's box overlaps by 100 / 100, the target's by 100 / 300: too little
    predicted("1_1", "Conflict:Attack", Attacker=[0, 0, 10, 10], Target=[30, 0, 50, 10]),
    # the wrong type, a protest: its demonstrator is Entity in M2E2, as a participant of a meeting is; 100 / 200
    predicted("1_2", "Conflict:Demonstrate", Demonstrator=[0, 0, 10, 10]),
    # the right type by an alias; a vehicle is what the image files call an instrument; 5000 / 5000
    predicted("2_1", "Movement.TransportPerson", Vehicle=[0, 0, 100, 50], Agent=None),
    predicted("3_1", "Life:Die", Victim=[0, 0, 5, 5]),  # no gold event
    predicted("3_2", "Display:Hold", Agent=[0, 0, 5, 5]),  # none of the eight types
    predicted("3_3"),
]


def numbers(part, *names):
    return {name: tuple(part[name][key] for key in ("correct", "predicted", "gold")) for name in names}


def test_images_as_worked_by_hand(folder):
    result = evaluate_images(folder, [Prediction.model_validate_json(json.dumps(p)) for p in PREDICTED], NEWS)
    measures = ("event", "role", "role_any_type", "box", "box_any_type")
    assert result["with_events"]["inputs"] == 3
    assert numbers(result["with_events"], *measures) == {
        "event": (2, 3, 3),
        "role": (3, 5, 4),  # gold: attacker, target, entity, instrument; not right: the protest's entity, the agent
        "role_any_type": (4, 5, 4),
        "box": (2, 5, 5),  # gold has two targets
        "box_any_type": (3, 5, 5),
    }
    assert result["all"]["inputs"] == 6
    assert numbers(result["all"], *measures) == {
        "event": (2, 4, 3),
        "role": (3, 6, 4),
        "role_any_type": (4, 6, 4),
        "box": (2, 6, 5),
        "box_any_type": (3, 6, 5),
    }
    event = result["all"]["event"]
    assert (event["precision"], event["recall"]) == pytest.approx((50, 200 / 3))
    assert event["f1"] == pytest.approx(400 / 7)
    assert event["interval"][0] < event["f1"] < event["interval"][1]


RECORDS = [
    {
        "id": "VOA_EN_NW_2016.04.19.1_0",
        "caption": "Rebels attacked the old bridge.",
        "events": [
            {
                "id": "e0",
                "type": "Conflict:Attack",
                "trigger": {"text": "attacked", "start": 7, "end": 15},
                "arguments": [
                    {"role": "Attacker", "text": "Rebels", "start": 0, "end": 6},
                    {"role": "Target", "text": "old bridge", "start": 20, "end": 30},  # gold has the determiner
                ],
            },
            {
                "id": "e1",
                "type": "Life:Die",
                "trigger": {"text": "old bridge", "start": 20, "end": 30},  # overlaps gold's
                "arguments": [{"role": "Target", "text": "the old bridge", "start": 16, "end": 30}],  # of another type
            },
            {"id": "e2", "type": "Display:Hold", "trigger": {"text": "the", "start": 16, "end": 19}, "arguments": []},
        ],
    },
    {
        "id": "VOA_EN_NW_2016.04.19.1_1",
        "caption": "It rained.",
        "events": [
            {"id": "e0", "type": "Contact:Meet", "trigger": {"text": "rained", "start": 3, "end": 9}, "arguments": []}
        ],
    },
]


def write(path, *records):
    path.write_text("".join(json.dumps(record) + "\n" for record in records))
    return path


def test_sentences_as_worked_by_hand(folder):
    result = evaluate_text(folder, write(folder / "events.jsonl", *RECORDS), NEWS)
    measures = ("trigger", "argument", "argument_any_type")
    lenient = [f"{name}_lenient" for name in measures]
    assert [result[name]["inputs"] for name in ("with_events", "all")] == [1, 2]
    assert list(numbers(result["with_events"], *measures).values()) == [(1, 2, 2), (1, 3, 2), (2, 3, 2)]
    assert list(numbers(result["with_events"], *lenient).values()) == [(2, 2, 2), (2, 3, 2), (2, 3, 2)]
    assert numbers(result["all"], "trigger") == {"trigger": (1, 3, 2)}


def test_sentences_are_written_for_extract_and_come_back_with_right_offsets(folder):
    assert write_sentences(folder, NEWS, folder / "captions.jsonl") == 2
    rows = [json.loads(line) for line in (folder / "captions.jsonl").read_text().splitlines()]
    assert rows[0]["caption"] == "Rebels attacked the old bridge."
    assert rows[1] == {"id": "VOA_EN_NW_2016.04.19.1_1", "caption": "It rained ."}


@given(st.lists(st.integers(0, 3), max_size=5), st.lists(st.integers(0, 3), max_size=5))
@settings(max_examples=60, deadline=None)
def test_count_is_networkx_largest_matching(mine, theirs):
    def same(one, other):
        return abs(one - other) <= 1

    graph = nx.Graph()
    graph.add_nodes_from(("mine", i) for i in range(len(mine)))
    graph.add_edges_from(
        (("mine", i), ("theirs", j)) for i, a in enumerate(mine) for j, b in enumerate(theirs) if same(a, b)
    )
    expected = len(nx.max_weight_matching(graph, maxcardinality=True))
    assert count(mine, theirs, same) == (expected, len(mine), len(theirs))


def test_overlap_by_hand():
    assert overlap((0, 0, 10, 10), (5, 0, 15, 10)) == pytest.approx(50 / 150)
    assert overlap((0, 0, 9, 9), (5, 0, 14, 9), edge=1) == pytest.approx(50 / 150)
    assert overlap((0, 0, 10, 10), (10, 0, 20, 10)) == 0
    assert overlap((5, 5, 5, 5), (5, 5, 5, 5)) == 0


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("image_only_event.json", "{", "image_only_event.json: Invalid JSON"),
        ("image_only_event.json", '{"a": {"role": {}}}', "a.event_type: is missing; the keys are role"),
        (
            "image_only_event.json",
            '{"a": {"event_type": "Life:Die", "role": {"Victim": [["man", 1, 2, "x", 4]]}}}',
            r"a.role.Victim.0.3: found 'x', expected a valid number",
        ),
        ("image_only_event.json", '{"a": {"event_type": "Display:Hold"}}', "a: found event type 'Display:Hold'"),
        (
            "text_only_event.json",
            '[{"sentence_id": "s", "words": ["a"], "golden-event-mentions": '
            '[{"event_type": "Life:Die", "trigger": {"start": 0, "end": 2}}]}]',
            "s: found words 0 to 2, expected a span in 0 to 1",
        ),
    ],
)
def test_broken_gold_says_where_and_what(folder, name, content, message):
    (folder / name).write_text(content)
    with pytest.raises(InputError, match=message):
        evaluate_images(folder, [], NEWS) if "image" in name else evaluate_text(folder, folder / "none", NEWS)


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ('{"image": "a.jpg"}', "p.jsonl:1: events: is missing; the keys are image"),
        (
            '{"image": "a.jpg", "events": [{"type": "x", "arguments": [{"role": "r", "box": [1, 2, 3]}]}]}',
            "p.jsonl:1: events.0.arguments.0.box.3: is missing",
        ),
        ('{"image": "a.jpg", "events": []}\n{"image": "a.jpg", "events": []}', "p.jsonl:2: image 'a.jpg' stands on li"),
        ("", "holds no prediction"),
    ],
)
def test_broken_predictions_say_line_and_field(tmp_path, line, message):
    (tmp_path / "p.jsonl").write_text(line)
    with pytest.raises(InputError, match=message):
        read_predictions(tmp_path / "p.jsonl")


def test_missing_predictions_are_named(folder):
    with pytest.raises(ValueError, match=r"no prediction for 2 of 3 images .*, the first: VOA_EN_NW_2016.04.19.1_2"):
        evaluate(folder, predictions=write(folder / "p.jsonl", PREDICTED[0]))
    with pytest.raises(ValueError, match=r"no record with id 'VOA_EN_NW_2016.04.19.1_1'"):
        evaluate(folder, text=write(folder / "e.jsonl", RECORDS[0]))
    moved = RECORDS[0] | {"caption": "Bridge of old the attacked Rebels", "events": []}
    with pytest.raises(ValueError, match="does not hold the words of this sentence in order"):
        evaluate(folder, text=write(folder / "e.jsonl", moved, RECORDS[1]))


def test_command_prints_both_conventions_and_one_object(folder):
    options = ["--predictions", write(folder / "p.jsonl", *PREDICTED), "--text", write(folder / "e.jsonl", *RECORDS)]
    words = [str(word) for word in ("evaluate", "m2e2", folder, *options)]
    table = CliRunner(env={"COLUMNS": "200"}).invoke(app, words)
    assert table.exit_code == 0, table.output
    assert "6 photographs, 3 with an event" in table.stdout
    assert "2 sentences, 1 with an event" in table.stdout
    result = json.loads(CliRunner().invoke(app, [*words, "--json"]).stdout)
    assert result["image"]["with_events"]["event"]["recall"] == pytest.approx(200 / 3)
    nothing = CliRunner().invoke(app, ["evaluate", "m2e2", str(folder)])
    assert nothing.exit_code == 1
    assert "nothing to score" in nothing.output


@pytest.fixture(scope="module")
def mini():
    from clip_event.zeroshot.model import ClipEvent

    return ClipEvent.load("mini", device="cpu")


@pytest.fixture(scope="module")
def seen(tmp_path_factory):
    """21 drawn scenes as photographs, of which one is broken."""
    from clip_event.scenes import draw, plan

    folder = tmp_path_factory.mktemp("scenes")
    for number in range(21):
        draw(plan(number, seed=1, split="dev"))[0].save(folder / f"{number}.png")
    (folder / "4.png").write_bytes(b"")
    return folder


OWN = ["Conflict:Attack", "Contact:Meet", "Justice:Arrest-Jail", "Movement:Transport"]


def test_a_model_says_the_type_whose_prompts_are_nearest_and_of_a_broken_photograph_none(mini, seen):
    from clip_event.evaluation.m2e2_model import predict
    from clip_event.zeroshot.calibration import calibration_for
    from clip_event.zeroshot.prompts import BACKGROUND, prompts

    names = [f"{number}.png" for number in range(21)]
    said = {prediction.image: prediction.events for prediction in predict(mini, names, seen, NEWS, OWN)}
    assert set(said) == set(names)
    assert said.pop("4.png") == ()
    asked = prompts(NEWS)
    told = [mini.encode_texts(asked[name]).double().mean(0) for name in OWN]
    fitted, background = calibration_for(mini), mini.encode_texts(BACKGROUND).double()
    for name, events in said.items():
        image = mini.encode_images([seen / name])[0].double()
        cosines = [float(image @ text / text.norm()) for text in told]
        none = float((mini.scale * background @ image).exp().mean().log()) / mini.scale + fitted.threshold
        best = max(zip(cosines, OWN, strict=True))
        assert [event.type for event in events] == ([best[1]] if best[0] > none else [])
    assert 2 < sum(map(len, said.values())) < 18  # of some it says an event, of some none


def test_a_model_says_arguments_where_there_are_fillers(mini, seen, folder):
    from clip_event.evaluation.m2e2_model import predict
    from clip_event.zeroshot.fillers import typical_fillers

    names = [f"{number}.png" for number in (0, 1, 2, 3, 5, 6)]
    said = [event for one in predict(mini, names, seen, NEWS, OWN, fillers="typical") for event in one.events]
    assert said
    for event in said:
        able = {(role, one.text) for one in typical_fillers(NEWS[event.type]) for role in one.roles}
        assert {(argument.role, argument.text) for argument in event.arguments} <= able
    assert any(event.arguments for event in said)
    none = [event for one in predict(mini, names, seen, NEWS, OWN) for event in one.events]
    assert [(event.type, event.arguments) for event in none] == [(event.type, ()) for event in said]
    with pytest.raises(ValueError, match="found 'usual', expected 'typical'"):
        evaluate(folder, model=mini, images=seen, fillers="usual")
