"""Answers against a softmax worked out in float64, and the command over photographs of every kind."""

import io
import json
import tomllib

import numpy as np
import pytest
import torch
from PIL import Image
from test_stream import REFUSED, TREATED, noise, packed
from typer.testing import CliRunner

from clip_event.cli import app
from clip_event.evaluation.predictions import read_predictions
from clip_event.pictures.reading import PictureError
from clip_event.scenes import draw, plan
from clip_event.zeroshot.calibration import Calibration, write_calibration
from clip_event.zeroshot.classify import Classifying, classify
from clip_event.zeroshot.fillers import Candidate, typical_fillers
from clip_event.zeroshot.model import ClipEvent
from clip_event.zeroshot.prompts import BACKGROUND, prompts
from clip_event.zeroshot.roles import assign
from extraction.records import InputError
from templates.ontology import OntologyError, parse_ontology

WARD = """
name = "ward"
[events."Ward:Arrest"]
gerund = "arresting someone"
sentences = ["{Agent} <arrest> {Person} [in {Place}]", "an arrest"]
[events."Ward:Arrest".roles]
Agent = { kinds = ["person"] }
Person = { kinds = ["person"] }
Place = { kinds = ["place"] }
[events."Ward:Vaccinate"]
gerund = "vaccinating someone"
sentences = ["{Agent} <vaccinate> {Person}", "a vaccination"]
[events."Ward:Vaccinate".roles]
Agent = { kinds = ["person"] }
Person = { kinds = ["person"] }
[events."Ward:Speak"]
gerund = "giving a speech"
sentences = ["{Speaker} <give> a speech", "a speech"]
[events."Ward:Speak".roles]
Speaker = { kinds = ["person"] }
"""
TYPES = parse_ontology(tomllib.loads(WARD), "ward")
SHOWN = {"Justice:Arrest-Jail", "Medical:Vaccinate", "Contact:Speech"}
SCENES = [draw(scene)[0] for scene in (plan(index, split="dev") for index in range(80)) if scene.type in SHOWN][:6]
BLACK = Image.new("RGB", (64, 64), (0, 0, 0))  # shows nothing
PRIEST, NURSE = Candidate("a priest", "person"), Candidate("a nurse", "person")
CAPTION = "A chef arrests a clown."
EVENTS = [
    {
        "id": "e0",
        "type": "Justice:Arrest-Jail",
        "trigger": {"text": "arrests", "start": 7, "end": 14},
        "arguments": [
            {"role": "Agent", "text": "chef", "start": 2, "end": 6, "entity": "person"},
            {"role": "Person", "text": "clown", "start": 17, "end": 22, "entity": "person"},
        ],
    }
]


@pytest.fixture(scope="module")
def mini() -> ClipEvent:
    return ClipEvent.load("mini", device="cpu")


@pytest.fixture(scope="module")
def seen(mini: ClipEvent) -> torch.Tensor:
    return mini.encode_images([*SCENES, BLACK])


@pytest.fixture(scope="module")
def asking(mini: ClipEvent) -> Classifying:
    return Classifying(mini, TYPES, top=9)


def by_hand(mini: ClipEvent, scale: float, threshold: float) -> list[dict[str, float]]:
    """Of each scene, and of the black picture, the probability of each type and of none."""
    model, tokenizer, preprocess = mini.loaded.model, mini.loaded.tokenizer, mini.loaded.preprocess_val

    def texts(said):
        return model.encode_text(tokenizer(list(said)), normalize=True).double().numpy()

    with torch.no_grad():
        pixels = torch.stack([preprocess(picture) for picture in [*SCENES, BLACK]])
        image = model.encode_image(pixels, normalize=True).double().numpy()
        means = [texts(said).mean(0) for said in prompts(TYPES).values()]
        background = image @ texts(BACKGROUND).T
    own = model.logit_scale.exp().item()
    level = np.log(np.exp(own * background).mean(1)) / own
    cosines = np.stack([image @ (mean / np.linalg.norm(mean)) for mean in means] + [level + threshold], 1)
    odds = np.exp(scale * cosines)
    return [dict(zip([*TYPES.events, "none"], row / row.sum(), strict=True)) for row in odds]


@pytest.mark.parametrize("top", [1, 2, 4, 9])
@pytest.mark.parametrize("fitted", [None, (20.0, 0.03), (60.0, -0.1)])
def test_types_are_the_first_of_a_softmax_with_none_among_them(mini, seen, top, fitted) -> None:
    calibration = fitted and Calibration(scale=fitted[0], threshold=fitted[1], slope=1)
    expected = by_hand(mini, *(fitted or (mini.scale, 0.0)))
    answers = Classifying(mini, TYPES, top=top, calibration=calibration)(seen)
    for answer, shares in zip(answers, expected, strict=True):
        best = sorted(shares, key=shares.__getitem__, reverse=True)
        assert [name for name, _ in answer.types] == best[:top]
        assert dict(answer.types) == pytest.approx({name: shares[name] for name in best[:top]}, abs=1e-4)
        assert (answer.event.type if answer.event else "none") == best[0]


def test_both_an_event_and_none_are_answers(asking, seen) -> None:
    told = [answer.event.type if answer.event else None for answer in asking(seen)]
    assert None in told
    assert {"Ward:Arrest", "Ward:Vaccinate", "Ward:Speak"} & set(told)
    assert asking(seen[:0]) == []


def test_below_the_least_probability_there_is_no_event(mini, asking, seen) -> None:
    answer, image = next((one, row) for one, row in zip(asking(seen), seen, strict=True) if one.event)
    chance = answer.types[0][1]
    for least, event in ((chance - 1e-4, answer.event.type), (chance + 1e-4, None)):
        (found,) = Classifying(mini, TYPES, top=9, min_probability=least)(image[None])
        assert (found.event and found.event.type) == event
        assert dict(found.types) == pytest.approx(dict(answer.types), abs=1e-5)  # told all the same


def test_roles_are_assigned_among_the_fillers_given(mini, seen) -> None:
    for fillers in ([PRIEST, NURSE], "typical", None):
        for answer, image in zip(Classifying(mini, TYPES, fillers=fillers)(seen), seen, strict=True):
            if answer.event:
                kind = answer.event.type
                given = typical_fillers(TYPES[kind]) if fillers == "typical" else fillers or []
                (alone,) = assign(mini, image[None], kind, given, TYPES)
                assert alone.sentence == answer.event.sentence
                assert alone.probability == pytest.approx(answer.event.probability, abs=1e-4)
                assert bool(alone.to_dict()["arguments"]) == (fillers is not None)


def test_a_photographs_own_fillers_go_before_the_common_ones(mini, seen) -> None:
    asking = Classifying(mini, TYPES, fillers=[PRIEST])
    own = [[NURSE] if number % 2 else None for number in range(len(seen))]
    for number, answer in enumerate(asking(seen, own)):
        if answer.event:
            who = {text for of in answer.event.by_role.values() for text in of if text}
            assert who == {"a nurse" if number % 2 else "a priest"}


def test_what_cannot_be_asked_is_refused(mini) -> None:
    with pytest.raises(ValueError, match="top: found 0"):
        Classifying(mini, TYPES, top=0)
    with pytest.raises(ValueError, match="'usual', expected 'typical'"):
        Classifying(mini, TYPES, fillers="usual")
    with pytest.raises(OntologyError, match="no list of types"):
        mini.classify([BLACK], "open")
    with pytest.raises(PictureError, match=r"none.jpg: no such file"):
        mini.classify([BLACK, "none.jpg"], TYPES)


def test_of_the_class_and_of_the_function_alike(mini, asking, seen, tmp_path) -> None:
    (tmp_path / "ward.toml").write_text(WARD)
    assert mini.classify([], TYPES) == []
    found = mini.classify([*SCENES, BLACK], str(tmp_path / "ward.toml"), 2, fillers=None)
    for one, other in zip(found, asking(seen), strict=True):
        assert [name for name, _ in one.types] == [name for name, _ in other.types][:2]
        assert (one.event and one.event.type) == (other.event and other.event.type)


def numbers(value: object) -> list[float]:
    if isinstance(value, float):
        return [value]
    parts = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return [number for part in parts for number in numbers(part)]


def test_probabilities_are_written_with_six_digits_at_most(mini, seen) -> None:
    told = [answer.to_dict() for answer in Classifying(mini, TYPES, fillers=[PRIEST, NURSE])(seen)]
    found = numbers(told)
    assert len(found) > 30
    assert all(len(str(number)) <= 8 or abs(number) < 1e-4 for number in found)
    assert found == [float(f"{number:.6f}") for number in found]
    assert all(0 <= number <= 1 for number in found)


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """Scenes 0.png to 5.png, black.png, the ontology, and records of some of them."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "in").mkdir()
    for number, picture in enumerate(SCENES):
        picture.save(tmp_path / "in" / f"{number}.png")
    BLACK.save(tmp_path / "in" / "black.png")
    (tmp_path / "ward.toml").write_text(WARD)
    return tmp_path


def invoke(*arguments, data=None):
    runner = CliRunner(env={"COLUMNS": "200"})
    given = ["classify", "--device", "cpu", "--ontology", "ward.toml", *map(str, arguments)]
    return runner.invoke(app, given, input=data)


def rows(path):
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def lines(*records) -> str:
    return "".join(one if isinstance(one, str) else json.dumps(one) + "\n" for one in records)


def test_a_folder_comes_out_by_name_whatever_the_batches(folder, asking, seen) -> None:
    outputs = []
    for size, workers in ((1, 3), (2, 1), (64, 2)):
        options = {"batch_size": size, "workers": workers}
        result = classify([folder / "in"], folder / "out.jsonl", classifying=asking, **options)
        outputs.append(rows(folder / "out.jsonl"))
        assert (result.photographs, result.bad, result.events.total()) == (7, 0, 7)
        assert result.events["none"] == sum(not row["events"] for row in outputs[-1])
    for one, answer in zip(outputs[0], asking(seen), strict=True):
        assert [kind["type"] for kind in one["types"]] == [name for name, _ in answer.types]
    for found in outputs:
        assert [row["image"] for row in found] == [f"{folder}/in/{n}.png" for n in [*range(6), "black"]]
        assert [row["events"][:0] or row["types"][0]["type"] for row in found] == [
            row["types"][0]["type"] for row in outputs[0]
        ]
    assert not (folder / "out.errors.jsonl").exists()


def shown(asking, seen) -> str:
    """The name of a picture that an event is told of."""
    names = [*map(str, range(len(SCENES))), "black"]
    return next(name for name, answer in zip(names, asking(seen), strict=True) if answer.event)


def test_records_keep_their_keys_and_give_their_own_fillers(folder, asking, seen) -> None:
    image = f"in/{shown(asking, seen)}.png"
    record = {"id": 7, "image": image, "caption": CAPTION, "events": EVENTS, "salient": "e0", "more": {"ü": [1]}}
    empty = {"image": image, "caption": "Rain.", "events": []}
    nobody = {"image": image, "caption": CAPTION, "events": [EVENTS[0] | {"arguments": []}]}
    odd = {"image": image, "events": "tonight"}
    (folder / "in.jsonl").write_text(lines(record, empty, nobody, odd, record | {"id": 8}))
    (folder / "who.txt").write_text("person: a priest\n")
    for source, out in (("in.jsonl", "a.jsonl"), ("a.jsonl", "b.jsonl")):  # and what came out goes in again
        result = invoke(source, "-o", out, "--fillers", "who.txt", "--batch-size", 2)
        assert (result.exit_code, result.stdout) == (0, "")
        assert "5 photographs, 0 that cannot be used" in result.stderr
        one, two, three, four, five = rows(folder / out)
        keys = {key: value for key, value in one.items() if key not in ("types", "events", "caption_events")}
        assert keys == {key: value for key, value in record.items() if key != "events"}
        assert one["caption_events"] == EVENTS
        assert five["events"][0]["sentence"] == one["events"][0]["sentence"]
        assert five["types"][0]["probability"] == pytest.approx(one["types"][0]["probability"], abs=1e-4)
        assert [row["caption_events"] for row in (two, three, four)] == [[], nobody["events"], "tonight"]
        for row, who in zip((one, two, three, four), ({"chef", "clown"}, *[{"a priest"}] * 3), strict=True):
            (event,) = row["events"]
            assert {one["text"] for of in event["roles"].values() for one in of} - {None} == who


def test_who_may_play_roles_is_said_in_words_or_in_a_file(folder, asking, seen) -> None:
    image = folder / "in" / f"{shown(asking, seen)}.png"
    (folder / "who.txt").write_text("person: a priest\nperson: a nurse\n")

    def who(*options):
        result = invoke(image, *options)
        assert result.exit_code == 0, result.stderr
        (event,) = json.loads(result.stdout)["events"]
        assert all(argument["text"] in result.stdout for argument in event["arguments"])
        return {one["text"] for of in event["roles"].values() for one in of} - {None}

    assert who("--fillers", "who.txt") == {"a priest", "a nurse"}
    assert who("--caption", "A nurse hugs a boy.") == {"nurse", "boy"}
    assert who() == set()
    assert "a man" in who("--fillers", "typical")
    assert json.loads(invoke(image, "--min-probability", "1").stdout)["events"] == []
    assert len(json.loads(invoke(image, "--top", "2").stdout)["types"]) == 2
    write_calibration(folder / "c.json", Calibration(scale=1e-3, threshold=-1, slope=1))
    flat = json.loads(invoke(image, "--calibration", "c.json").stdout)
    assert [kind["probability"] for kind in flat["types"]] == pytest.approx([0.25] * 4, abs=1e-3)


def test_the_answers_are_predictions(folder, asking) -> None:
    result = invoke("in", "-o", "out.jsonl", "--fillers", "typical")
    assert result.exit_code == 0
    written = rows(folder / "out.jsonl")
    for found, row in zip(read_predictions(folder / "out.jsonl"), written, strict=True):
        assert found.image == row["image"]
        assert [event.type for event in found.events] == [event["type"] for event in row["events"]]
        for event, told in zip(found.events, row["events"], strict=True):
            assert event.probability == told["probability"] == row["types"][0]["probability"]
            assert [(one.role, one.text) for one in event.arguments] == [
                (one["role"], one["text"]) for one in told["arguments"]
            ]


def test_odd_photographs_are_seen_rightly_or_listed_with_their_line(folder, mini, asking) -> None:
    root = folder / "in"
    for name, (data, _) in (TREATED | REFUSED).items():
        (root / name).write_bytes(data)
    Image.new("RGB", (9, 9)).save(folder / "outside.png")
    (root / "link.png").symlink_to(folder / "outside.png")
    named = [*TREATED, "black.png", *REFUSED, "gone.jpg", "../outside.png", "link.png"]
    bad = [{"id": 1}, {"image": 5}, [1], "{no json\n", {"image": "black.png", "id": "\ud83d"}]
    records = [*({"id": name, "image": name} for name in named), *bad]
    (folder / "in.jsonl").write_text(lines(*records))
    result = invoke("in.jsonl", "--images", "in", "-o", "out.jsonl", "--top", 9, "--batch-size", 3)
    assert result.exit_code == 0
    found, faults = rows(folder / "out.jsonl"), rows(folder / "out.errors.jsonl")
    assert [row["id"] for row in found] == [*TREATED, "black.png"]
    assert f"{len(found)} photographs, {len(faults)} that cannot be used" in result.stderr
    expected = asking(mini.encode_images([picture for _, picture in TREATED.values()]))
    for row, answer in zip(found, expected, strict=False):
        shares = {kind["type"]: kind["probability"] for kind in row["types"]}
        assert shares == pytest.approx(dict(answer.types), abs=2e-3), row["id"]
    by_line = {fault.pop("line"): fault for fault in faults}
    assert sorted(by_line) == list(range(len(found) + 1, len(records) + 1))
    assert {fault["file"] for fault in faults} == {"in.jsonl"}
    reasons = [reason for _, reason in REFUSED.values()]
    reasons += ["no such file", "outside", "outside", "NoneType", "int", "object", "not JSON", "half a surrogate pair"]
    for (line, fault), reason in zip(sorted(by_line.items()), reasons, strict=True):
        assert reason in fault["reason"]
        assert fault.get("id") == (records[line - 1].get("id") if line < len(records) - 2 else None)
    assert by_line[len(records) - 3]["image"] == 5
    stopped = invoke("in.jsonl", "--images", "in", "-o", "strict.jsonl", "--strict")
    assert stopped.exit_code == 1
    assert stopped.stderr.startswith(f"clip-event: in.jsonl: line {len(found) + 1}: ")
    assert len(stopped.stderr.splitlines()) == 1
    assert not list(folder.glob("strict*"))


def test_odd_photographs_of_a_folder_are_listed_by_their_path(folder, asking) -> None:
    for name in ("truncated", "empty", "bomb"):
        (folder / "in" / f"{name}.png").write_bytes(REFUSED[name][0])
    (folder / "in" / "rotated.png").write_bytes(TREATED["rotated"][0])
    result = classify([folder / "in"], folder / "o.jsonl", classifying=asking, errors=folder / "e.jsonl", batch_size=2)
    assert (result.photographs, result.bad) == (8, 3)
    found = {row["image"]: row["reason"] for row in rows(folder / "e.jsonl")}
    assert [name.rpartition("/")[2] for name in found] == ["bomb.png", "empty.png", "truncated.png"]
    assert [word in reason for word, reason in zip(("pixels", "no picture", "truncated"), found.values(), strict=True)]
    with pytest.raises(InputError, match=r"images: .*/in/bomb.png: "):
        classify([folder / "in"], folder / "p.jsonl", classifying=asking, strict=True)
    assert not (folder / "p.jsonl").exists()


def test_standard_input_and_files_and_folders_together(folder) -> None:
    result = invoke("in/black.png", "-", "in", data=lines({"image": "in/1.png", "id": "stdin"}, "{\n"))
    assert result.exit_code == 0
    found = [json.loads(line) for line in result.stdout.splitlines()]
    assert [row["image"] for row in found[:2]] == ["in/black.png", "in/1.png"]
    assert len(found) == 9
    assert "1 that cannot be used" in result.stderr


def test_a_folder_without_photographs_is_no_error(folder) -> None:
    (folder / "empty").mkdir()
    (folder / "empty" / "notes.txt").touch()
    result = invoke("empty", "-o", "out.jsonl")
    assert result.exit_code == 0
    assert "0 photographs, 0 that cannot be used" in result.stderr
    assert (folder / "out.jsonl").read_bytes() == b""


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ("in none.jpg", "none.jpg: no such file or folder"),
        ("none/", "none/: no such file or folder"),
        ("in --fillers typical --caption Rain", "give one of them"),
        ("in --fillers none.txt", "none.txt: No such file"),
        ("in --caption Rain.", "nobody was found in it"),
        ("in --ontology open", "open ontology has no list of types"),
        ("in --ontology none.toml", "none.toml"),
        ("in --model mnii", "did you mean mini?"),
        ("in --calibration none.json", "none.json"),
        ("in --device toaster", "toaster"),
        ("in -o in", "is a folder"),
    ],
)
def test_what_a_user_can_mend_is_one_sentence(folder, arguments, said) -> None:
    result = invoke("-o", "out.jsonl", *arguments.split())
    assert result.exit_code == 1, result.exception
    (line,) = result.stderr.splitlines()
    assert line.startswith("clip-event: ")
    assert said in line
    assert not list(folder.glob("out*"))


def test_nothing_is_written_where_a_run_breaks_in_the_middle(folder, asking) -> None:
    (folder / "out.jsonl").write_text("older\n")
    (folder / "in" / "0.png").write_bytes(packed(noise(1))[:100])
    done = []

    def stop(count: int) -> None:
        done.append(count)
        if count == 4:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        classify([folder / "in"], folder / "out.jsonl", classifying=asking, batch_size=2, progress=stop)
    assert done == [2, 4]
    assert (folder / "out.jsonl").read_text() == "older\n"
    assert sorted(path.name for path in folder.iterdir()) == ["in", "out.jsonl", "ward.toml"]


def test_no_reader_of_standard_input_is_left_waiting(folder, asking, monkeypatch) -> None:
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(b"")))
    assert classify(["-"], folder / "out.jsonl", classifying=asking).photographs == 0
