"""Casts and boxes of scenes, counted over drawn scenes by hand-made models of the answer."""

import json

import pytest

from clip_event.evaluation import acted
from clip_event.scenes import scenes
from clip_event.zeroshot.fillers import Candidate
from clip_event.zeroshot.model import ClipEvent
from clip_event.zeroshot.roles import Roles
from templates.events import CaptionEvents, read_events


def record(*fillers) -> CaptionEvents:
    caption, arguments = "", []
    for role, text, kind in fillers:
        arguments.append(
            {"role": role, "text": text, "start": len(caption), "end": len(caption) + len(text), "entity": kind}
        )
        caption += text + " "
    trigger = {"text": caption[:1], "start": 0, "end": 1}
    event = {"id": "e0", "type": "Justice:Arrest-Jail", "trigger": trigger, "arguments": arguments}
    return CaptionEvents.model_validate({"caption": caption, "events": [event]})


ARREST = record(
    ("Agent", "nurse", "person"), ("Person", "clown", "person"), ("Place", "park", "place"), ("Place", "Rome", "place")
)


def cast(**who) -> Roles:
    fillers = {role: tuple(Candidate(text) for text in texts) for role, texts in who.items()}
    return Roles("Justice:Arrest-Jail", fillers, 1.0, {}, "", True)


@pytest.mark.parametrize(
    ("said", "there", "right"),
    [
        (cast(Agent=["nurse"], Person=["clown"]), ["nurse", "clown"], True),
        (cast(Agent=["clown"], Person=["nurse"]), ["nurse", "clown"], False),
        (cast(Agent=["nurse"], Person=[]), ["nurse", "clown"], False),
        (cast(Agent=["nurse"], Person=["clown"], Place=["Rome"]), ["nurse", "clown", "park", "Rome"], True),
        (cast(Agent=["nurse"], Person=["clown"]), ["nurse", "clown", "park", "Rome"], False),
        (cast(Agent=["nurse"], Person=["clown"], Instrument=["stick"]), ["nurse", "clown"], False),
    ],
)
def test_a_cast_is_right_when_every_role_has_its_own_filler(said, there, right):
    assert acted._exact(ARREST, said, [Candidate(text) for text in there]) is right


def test_boxes_are_on_an_actor_when_their_middle_is():
    assert acted._inside((0, 0, 10, 20), [[4, 9, 6, 11]])
    assert not acted._inside((0, 0, 10, 20), [[6, 9, 9, 11]])
    assert acted._inside((0, 0, 10, 20), [[90, 90, 99, 99], [5, 10, 5, 10]])


def test_both_are_measured_on_drawn_scenes(tmp_path):
    scenes(tmp_path / "s", 4, split="dev", size=96)
    model = ClipEvent.load("mini", device="cpu")
    told = list(read_events(tmp_path / "s" / "gold.jsonl"))
    image = model.encode_images([tmp_path / "s" / str(one.image) for one in told])
    found = acted.casts(model, told, image)
    assert {name: one["accuracy"] % 25 for name, one in found.items()} == {"actors": 0, "arguments": 0}
    boxes = acted.boxes_on_actors(model, tmp_path / "s", most=2)
    rows = [json.loads(line) for line in (tmp_path / "s" / "gold.jsonl").read_text().splitlines()][:2]
    agents = sum(any(a["text"] == row["scene"]["agent"] for a in row["events"][0]["arguments"]) for row in rows)
    assert boxes.get("agent", {"boxes": 0})["boxes"] == agents
