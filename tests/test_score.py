"""Scores against open_clip's own embeddings and the formula by hand; and the command, over records of every kind."""

import json
import math
import re

import pytest
import torch
from asked import asked
from PIL import Image
from test_stream import REFUSED, TREATED, noise
from typer.testing import CliRunner

from clip_event.cli import app
from clip_event.pictures.reading import PictureError
from clip_event.scenes import draw, plan
from clip_event.zeroshot.calibration import Calibration, write_calibration
from clip_event.zeroshot.model import ClipEvent, say
from clip_event.zeroshot.prompts import BACKGROUND
from clip_event.zeroshot.scores import score
from extraction.records import InputError
from templates.events import CaptionEvents
from templates.ontology import load_ontology
from templates.supposed import UnsayableError

NEWS = load_ontology()
CAPTION = "Police arrest a man in Kyiv."
RECORD = {
    "id": "c1",
    "image": "a.png",
    "caption": CAPTION,
    "events": [
        {
            "id": "e0",
            "type": "Justice:Arrest-Jail",
            "trigger": {"text": "arrest", "start": 7, "end": 13},
            "arguments": [
                {"role": "Agent", "text": "Police", "start": 0, "end": 6, "entity": "organization"},
                {"role": "Person", "text": "man", "start": 16, "end": 19, "entity": "person"},
                {"role": "Place", "text": "Kyiv", "start": 23, "end": 27, "entity": "place"},
            ],
            "score": 0.9,
        }
    ],
    "salient": "e0",
}
ROLES = {"type": "Justice:Arrest-Jail", "Agent": "police", "Person": "a man", "Place": "Kyiv"}
ARGUMENTS = {
    "type": "arrest-jail",
    "arguments": [{"role": role, "text": text} for role, text in ROLES.items() if role != "type"],
}
MEETING = {"type": "Contact:Meet", "Participant": ["soldiers", "a nun"], "Place": "an airport"}
SCENES = [draw(plan(index, split="dev"))[0] for index in range(3)]


@pytest.fixture(scope="module")
def mini() -> ClipEvent:
    return ClipEvent.load("mini", device="cpu")


def cosines(model: ClipEvent, pictures, texts) -> torch.Tensor:
    """As an open_clip program has them, in float64."""
    own = model.loaded
    with torch.no_grad():
        pixels = torch.stack([own.preprocess_val(picture) for picture in pictures])
        image = own.model.encode_image(pixels, normalize=True).double()
        text = own.model.encode_text(own.tokenizer(list(texts)), normalize=True).double()
    return image @ text.T


def by_hand(model: ClipEvent, pictures, texts, slope: float | None = None, offset: float = 0.0) -> torch.Tensor:
    """The sigmoid of how much nearer a text is than the background."""
    scale = model.loaded.model.logit_scale.exp().item()
    level = (scale * cosines(model, pictures, BACKGROUND)).exp().mean(1).log() / scale
    margin = cosines(model, pictures, texts) - level[:, None]
    return 1 / (1 + (-(slope or scale) * margin - offset).exp())


def test_every_form_of_an_event_is_the_same_sentence() -> None:
    event = CaptionEvents.model_validate(RECORD).events[0]
    for told in (event, RECORD["events"][0], ROLES, ARGUMENTS, CAPTION):
        assert say(told, NEWS) == CAPTION
    assert say(MEETING, NEWS) == "Soldiers and a nun meet at an airport."
    assert say({"type": "kick", "Agent": "a boy"}, None) == "A boy kicks."
    answered = {"type": "Arrest-Jail", "probability": 0.5, "arguments": [], "roles": {}, "sentence": "x"}
    assert say(answered, NEWS, "type") == "A photo of arresting someone."


@pytest.mark.parametrize(
    ("event", "said"),
    [
        ("  ", "empty text"),
        (7, "found 7, expected a type"),
        (None, "found None"),
        ({}, "expected a type and arguments"),
        ({"type": 3}, "expected a type and arguments"),
        ({"type": "Justice:Arrest"}, "did you mean 'Justice:Arrest-Jail'"),
        ({"type": "Justice:Arrest-Jail", "Jailor": "police"}, "has no role 'Jailor'; it has Agent, Person"),
        ({"type": "Justice:Arrest-Jail", "Agent": 7}, "found the argument {'role': 'Agent', 'text': 7}"),
        ({"type": "Justice:Arrest-Jail", "Agent": ""}, "filler is empty"),
        ({"type": "Justice:Arrest-Jail", "arguments": None}, "found the argument None"),
        ({"type": "Justice:Arrest-Jail", "arguments": ["police"]}, "found the argument 'police'"),
        ({"type": "Justice:Arrest-Jail", "arguments": [{"role": "Agent"}]}, "expected a role and its text"),
        ({"type": "Life:Marry", "arguments": [{"role": "Person", "text": "a nun", "entity": [1]}]}, "expected a role"),
    ],
)
def test_what_is_no_event_is_refused_with_what_was_found(event, said) -> None:
    with pytest.raises(ValueError, match=re.escape(said)):
        say(event, NEWS)


def test_scores_are_open_clips_cosines_and_the_formula_by_hand(mini) -> None:
    told = [ROLES, MEETING, "A priest hugs a nurse.", RECORD["events"][0]]
    texts = [CAPTION, "Soldiers and a nun meet at an airport.", "A priest hugs a nurse.", CAPTION]
    found = mini.score(SCENES, told, NEWS)
    torch.testing.assert_close(found.cosine.double(), cosines(mini, SCENES, texts), atol=1e-5, rtol=0)
    torch.testing.assert_close(found.probability.double(), by_hand(mini, SCENES, texts), atol=1e-3, rtol=0)
    assert found.probability.std() > 0.01


def test_a_random_model_without_a_name_of_its_own_is_scored_alike() -> None:
    model = asked()
    found = model.score([noise(0), noise(1)], [CAPTION, "rain"])
    torch.testing.assert_close(
        found.cosine.double(), cosines(model, [noise(0), noise(1)], [CAPTION, "rain"]), atol=1e-5, rtol=0
    )


def test_no_photographs_and_no_events(mini) -> None:
    for pictures, events, shape in (([], [], (0, 0)), ([], [CAPTION], (0, 1)), (SCENES, [], (3, 0))):
        found = mini.score(pictures, events)
        assert (tuple(found.cosine.shape), tuple(found.probability.shape)) == (shape, shape)
    with pytest.raises(UnsayableError):
        mini.score(SCENES, [{"type": "Sing"}])
    with pytest.raises(PictureError, match=r"none.png: no such file"):
        mini.score([SCENES[0], "none.png"], [CAPTION])
    said = say({"type": "sing", "Agent": "a nun"}, None)
    torch.testing.assert_close(
        mini.score(SCENES, [{"type": "sing", "Agent": "a nun"}], "open").cosine, mini.score(SCENES, [said]).cosine
    )


def test_photographs_and_texts_go_through_in_blocks() -> None:
    model, most = asked(), {"images": [], "texts": []}
    model.loaded.model.visual.register_forward_pre_hook(lambda _, given: most["images"].append(len(given[0])))
    model.loaded.model.token_embedding.register_forward_pre_hook(lambda _, given: most["texts"].append(len(given[0])))
    made = []

    class Lazy(list):
        def __iter__(self):
            for number in range(40):
                made.append(number)
                yield noise(number)
                assert len(made) - sum(most["images"]) <= 8 + 1  # the batch that is embedded, and one ahead

    found = model.score(Lazy(range(40)), [f"event {number}" for number in range(600)], batch_size=4)
    assert found.cosine.shape == (40, 600)
    assert sum(most["images"]) == 40
    assert max(most["images"]) == 4
    assert max(most["texts"]) <= 256


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name, picture in zip("abc", SCENES, strict=True):
        picture.save(tmp_path / f"{name}.png")
    return tmp_path


def invoke(*arguments, data=None):
    return CliRunner().invoke(app, ["score", "--device", "cpu", *map(str, arguments)], input=data)


def lines(*records) -> str:
    return "".join(one if isinstance(one, str) else json.dumps(one) + "\n" for one in records)


def rows(path):
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def test_each_record_comes_out_with_the_scores_of_its_events(folder, mini) -> None:
    records = [
        RECORD,
        {"image": "b.png", "event": MEETING, "ü": [1]},
        {"image": "c.png", "events": [CAPTION, ROLES, "rain", MEETING]},
        {"image": "b.png", "id": 4, "caption": "Rain.", "events": []},
        {"image": "a.png", "event": "rain"},
    ]
    texts = [[CAPTION], [say(MEETING, NEWS)], [CAPTION, CAPTION, "rain", say(MEETING, NEWS)], [], ["rain"]]
    (folder / "in.jsonl").write_text(lines(*records))
    write_calibration(folder / "c.json", Calibration(scale=1, slope=7, offset=-0.5))
    result = invoke("in.jsonl", "-o", "out.jsonl", "--calibration", "c.json", "--batch-size", 2)
    assert result.exit_code == 0
    assert "7 events scored, 5 photographs, 0 that cannot be used" in result.stderr
    found = rows(folder / "out.jsonl")
    assert [{key: value for key, value in row.items() if key != "scores"} for row in found] == records
    for row, said in zip(found, texts, strict=True):
        picture = [SCENES["abc".index(row["image"][0])]]
        shares = by_hand(mini, picture, said or ["x"], slope=7, offset=-0.5)[0].tolist()
        pairs = zip(cosines(mini, picture, said or ["x"])[0].tolist(), shares, strict=True)
        expected = [{"cosine": cosine, "probability": share} for cosine, share in pairs] if said else []
        assert row["scores"] == [pytest.approx(one, abs=1e-4) for one in expected]
        for one in row["scores"]:
            assert one == {key: float(f"{value:.6f}") for key, value in one.items()}


def test_the_style_and_the_ontology_say_the_text(folder, mini) -> None:
    records = [{"image": "a.png", "event": ROLES}]
    for style in ("short", "type", "graph"):
        (row,) = run(folder, records, "--style", style)
        expected = cosines(mini, [SCENES[0]], [say(ROLES, NEWS, style)]).item()
        assert row["scores"][0]["cosine"] == pytest.approx(expected, abs=1e-5)
    (row,) = run(folder, [{"image": "a.png", "event": {"type": "kick", "Agent": "a boy"}}], "--ontology", "open")
    expected = cosines(mini, [SCENES[0]], ["A boy kicks."]).item()
    assert row["scores"][0]["cosine"] == pytest.approx(expected, abs=1e-5)


def run(folder, records, *options):
    result = invoke("-", *options, data=lines(*records))
    assert result.exit_code == 0, result.stderr
    return [json.loads(line) for line in result.stdout.splitlines()]


def test_what_cannot_be_used_is_listed_with_its_line_and_the_rest_goes_on(folder, mini) -> None:
    for name, (data, _) in (TREATED | REFUSED).items():
        (folder / name).write_bytes(data)
    bad = [
        ({"image": "a.png", "event": {"type": "Justice:Arest-Jail"}}, "did you mean 'Justice:Arrest-Jail'"),
        ({"image": "a.png", "event": {"type": "Life:Marry", "Groom": "a man"}}, "no role 'Groom'; it has Person"),
        ({"image": "a.png", "event": {"type": "Life:Marry", "Person": {"text": "a man"}}}, "expected a role"),
        ({"image": "a.png", "events": [CAPTION, 3]}, "found 3"),
        ({"image": "a.png", "events": "rain"}, 'expected "event", or a list "events"'),
        ({"image": "a.png"}, 'expected "event", or a list "events"'),
        ({"event": CAPTION}, "image is NoneType"),
        ({"image": "../x.png", "event": CAPTION}, "outside"),
        ({"image": "gone.png", "event": CAPTION}, "no such file"),
        ({"image": "a.png", "event": "\udc80"}, "half a surrogate pair"),
        ([1], "expected an object"),
        ("{no json\n", "not JSON"),
        *(({"image": name, "event": CAPTION}, reason) for name, (_, reason) in REFUSED.items()),
    ]
    good = [{"image": name, "event": CAPTION} for name in TREATED]
    mixed = [
        one for pair in zip(bad, [*good, *[{"image": "a.png", "event": "rain"}] * 99], strict=False) for one in pair
    ]
    records = [one[0] if isinstance(one, tuple) else one for one in mixed]
    (folder / "in.jsonl").write_text(lines(*records))
    result = invoke("in.jsonl", "-o", "out.jsonl", "--batch-size", 4)
    assert result.exit_code == 0
    assert f"{len(bad)} photographs, {len(bad)} that cannot be used" in result.stderr
    found = rows(folder / "out.jsonl")
    assert [row["image"] for row in found] == [one["image"] for one in mixed if isinstance(one, dict)]
    for row, (_, picture) in zip(found, TREATED.values(), strict=False):
        assert row["scores"][0]["cosine"] == pytest.approx(cosines(mini, [picture], [CAPTION]).item(), abs=1e-4)
    reasons = {fault["line"]: fault["reason"] for fault in rows(folder / "out.errors.jsonl")}
    assert sorted(reasons) == list(range(1, 2 * len(bad), 2))
    for number, (_, reason) in enumerate(bad):
        assert reason in reasons[2 * number + 1]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ("none.jsonl", "none.jsonl: no such file"),
        (".", "expected JSONL"),
        ("a.png", "expected JSONL"),
        ("in.jsonl --style caption", "style 'caption': events without their caption are said in sentence, short"),
        ("in.jsonl --ontology none.toml", "none.toml"),
        ("in.jsonl --calibration none.json", "none.json: No such file"),
        ("in.jsonl --strict", "in.jsonl: line 2: event type 'Sing'"),
        ("in.jsonl --model mnii", "did you mean mini?"),
    ],
)
def test_what_a_user_can_mend_is_one_sentence(folder, arguments, said) -> None:
    (folder / "in.jsonl").write_text(lines(RECORD, {"image": "a.png", "event": {"type": "Sing"}}))
    result = invoke("-o", "out.jsonl", *arguments.split())
    assert result.exit_code == 1
    (line,) = result.stderr.splitlines()
    assert line.startswith("clip-event: ")
    assert said in line
    assert not list(folder.glob("out*"))


def test_nothing_is_written_where_a_run_breaks_in_the_middle(folder, mini) -> None:
    (folder / "in.jsonl").write_text(lines(*[RECORD] * 6, {"image": "gone.png", "event": "rain"}))
    done = []

    def stop(count: int) -> None:
        done.append(count)
        if count >= 4:
            raise RuntimeError("no more")

    with pytest.raises(RuntimeError):
        score("in.jsonl", "out.jsonl", model=mini, batch_size=2, progress=stop)
    assert done == [2, 4]
    assert not list(folder.glob("out*"))
    result = score("in.jsonl", "out.jsonl", model=mini, batch_size=2)
    assert (result.records, result.scores, result.bad) == (6, 6, 1)
    with pytest.raises(InputError, match=r"in.jsonl: line 7: .*no such file"):
        score("in.jsonl", "strict.jsonl", model=mini, strict=True)
    assert not list(folder.glob("strict*"))


def test_a_probability_is_a_half_where_the_text_is_as_near_as_the_background(mini) -> None:
    calibration = Calibration(scale=1, slope=50)
    assert calibration.pair(torch.tensor([0.0, 0.02, -0.02])).tolist() == pytest.approx(
        [0.5, 1 / (1 + math.exp(-1)), 1 / (1 + math.exp(1))]
    )
    background = mini.score([Image.new("RGB", (64, 64))], list(BACKGROUND)).probability
    assert background.min() < 0.5 < background.max()  # the level lies among them
