"""Casts against a brute-force search in float64, and marginals worked out by hand."""

import json
import math
from itertools import combinations, permutations, product

import numpy as np
import pytest
import torch

from clip_event.scenes import draw, plan, record_of
from clip_event.scenes.acts import ACTS
from clip_event.zeroshot.assignments import OTHERS, Casting
from clip_event.zeroshot.fillers import Candidate, candidates_of, read_fillers, typical_fillers
from clip_event.zeroshot.model import ClipEvent
from clip_event.zeroshot.roles import MARGIN, Texts, assign
from extraction.records import InputError
from templates.describe import describe
from templates.events import CaptionEvents
from templates.ontology import load_ontology, parse_ontology
from templates.supposed import UnsayableError, supposed

NEWS = load_ontology()
PRIEST, NURSE, CHEF = (Candidate(f"a {who}", "person") for who in ("priest", "nurse", "chef"))
CLUB, BEACH = Candidate("a club", "weapon"), Candidate("a beach", "place")
LAB = parse_ontology(
    {
        "name": "lab",
        "events": {
            "Lab:Push": {
                "gerund": "pushing",
                "sentences": ["{Agent} <push> {Patient} [with {Tool}]", "a push [by {Agent}] [of {Patient}]"],
                "roles": {
                    "Agent": {"kinds": ["person"]},
                    "Patient": {"kinds": ["person"]},
                    "Tool": {"kinds": ["time"]},  # a kind without everyday fillers
                },
            },
            "Lab:Duel": {
                "gerund": "duelling",
                "sentences": ["{First} <duel> with {Second}", "a duel [of {First}] [of {Second}]"],
                "symmetric": [["First", "Second"]],
                "roles": {"First": {"kinds": ["person"]}, "Second": {"kinds": ["person"]}},
            },
        },
    },
    "lab",
)


@pytest.fixture(scope="module")
def mini():
    return ClipEvent.load("mini", device="cpu")


@pytest.fixture(scope="module")
def texts(mini):
    return Texts(mini)


@pytest.fixture(scope="module")
def scenes(mini):
    drawn = [plan(index, split="dev") for index in range(20)]
    records = [CaptionEvents(**record_of(scene)) for scene in drawn]
    return records, mini.encode_images([draw(scene)[0] for scene in drawn])


def brute(model, image, kind, candidates):
    """Every assignment by a loop over all choices, for types with one filler a role, in float64.

    Returns a list of ({role: candidate}, (images,) probabilities).
    """
    template = NEWS[kind]
    taken = {candidate.text for candidate in candidates}
    roles = [role for role in template.roles if any(may(c, role, template) for c in candidates)]
    stand_ins = {}
    for role in roles:
        able = [c for c in typical_fillers(template) if role in c.roles and c.text not in taken]
        stand_ins[role] = able[:: max(1, len(able) // 3)][:3] * 3
    casts, said = [], []
    for choice in product([None, *candidates], repeat=len(roles)):
        played = {role: who for role, who in zip(roles, choice, strict=True) if who}
        fit = all(may(who, role, template) for role, who in played.items())
        if not played or not fit or len(set(played.values())) < len(played):
            continue
        casts.append(played)
        said.append([])
        for turn in range(3 if len(played) < len(roles) else 1):
            everybody = {role: played.get(role) or stand_ins[role][turn] for role in roles}
            if len(set(everybody.values())) == len(roles):  # nobody stands in for two
                words = [(role, who.text) for role, who in everybody.items()]
                event = supposed(kind, words, NEWS, [who.kind for who in everybody.values()])
                said[-1].append(describe(event, "sentence").text)
    weights = []
    for played, texts in zip(casts, said, strict=True):
        with torch.no_grad():
            vectors = model.loaded.model.encode_text(model.loaded.tokenizer(texts), normalize=True).double()
        likelihood = (model.scale * image.double() @ vectors.T).exp().mean(1)
        weights.append(likelihood * math.exp(MARGIN * len(played)))
    return [(played, row / sum(weights)) for played, row in zip(casts, weights, strict=True)]


def may(candidate, role, template):
    return candidate.kind in template.roles[role].kinds and (candidate.kind != "place" or role == "Place")


@pytest.mark.parametrize(
    ("kind", "candidates"),
    [
        ("Justice:Arrest-Jail", [PRIEST, NURSE, CHEF, BEACH]),
        ("Medical:Vaccinate", [PRIEST, NURSE, Candidate("a syringe", "object")]),
        ("Conflict:Attack", [PRIEST, NURSE, CLUB]),
    ],
)
def test_exact_is_what_a_loop_over_all_choices_finds(mini, texts, scenes, kind, candidates):
    image = scenes[1][:3]
    expected = brute(mini, image, kind, candidates)
    for n, found in enumerate(assign(mini, image, kind, candidates, texts=texts)):
        played, best = max(((cast, float(row[n])) for cast, row in expected), key=lambda one: one[1])
        assert {role: who[0] for role, who in found.fillers.items() if who} == played
        assert found.probability == pytest.approx(best, rel=1e-3)
        for role, shares in found.by_role.items():
            for text, share in shares.items():
                having = [row[n] for cast, row in expected if (cast[role].text if role in cast else None) == text]
                assert share == pytest.approx(float(sum(having)), rel=2e-3, abs=1e-6)


@pytest.mark.parametrize("kind", ["Justice:Arrest-Jail", "Contact:Meet", "Contest:Compete"])
def test_a_wide_enough_beam_is_exact_and_a_narrow_one_is_not_everything(mini, texts, scenes, kind):
    image, candidates = scenes[1][:3], [PRIEST, NURSE, CHEF, CLUB, BEACH]
    whole = assign(mini, image, kind, candidates, texts=texts)
    wide = assign(mini, image, kind, candidates, texts=texts, exact=0, width=10_000)
    for one, other in zip(whole, wide, strict=True):
        assert one.exact
        assert not other.exact
        assert one.fillers == other.fillers
        assert one.sentence == other.sentence
        assert one.probability == pytest.approx(other.probability, abs=1e-5)
        for role in one.by_role:
            assert one.by_role[role] == pytest.approx(other.by_role[role], abs=1e-5)
    narrow = assign(mini, image, kind, candidates, texts=texts, exact=0, width=2)
    assert all(found.probability > one.probability for found, one in zip(narrow, whole, strict=True))


class Table(ClipEvent):
    """A model with a text embedding for each text given, (1, 0) for others, and a record of what it encoded."""

    def __init__(self, rows):
        self.rows, self.encoded = rows, []

    scale = 1.0

    def encode_texts(self, texts, batch_size=256):
        self.encoded += texts
        return torch.tensor([self.rows.get(text, (1.0, 0.0)) for text in texts])


def test_marginals_as_worked_out_by_hand():
    """The tool has no everyday fillers and is left out; logits are logs of whole numbers, so shares are fractions."""
    a, b, tool = Candidate("Ann", "person"), Candidate("Bob", "person"), Candidate("Monday", "time")
    true, false = "Ann pushes Bob", "Bob pushes Ann"
    weights = {f"{true} with Monday.": 6, f"{false} with Monday.": 2, f"{true}.": 3, f"{false}.": 1}
    model = Table({text: (0.0, math.log(weight)) for text, weight in weights.items()})
    # every other assignment has an everyday person in it, at cosine -20: next to nothing
    image = torch.tensor([[-20.0, 1.0]])
    found = assign(model, image, "Lab:Push", [a, b, tool], LAB, margin=0.0)[0]
    assert found.sentence == "Ann pushes Bob with Monday."
    assert found.probability == pytest.approx(6 / 12)
    assert found.by_role["Agent"] == pytest.approx({"Ann": 9 / 12, "Bob": 3 / 12, None: 0}, abs=1e-6)
    assert found.by_role["Patient"] == pytest.approx({"Ann": 3 / 12, "Bob": 9 / 12, None: 0}, abs=1e-6)
    assert found.by_role["Tool"] == pytest.approx({"Monday": 8 / 12, None: 4 / 12}, abs=1e-6)
    surer = assign(model, image, "Lab:Push", [a, b, tool], LAB, margin=math.log(2), scale=2.0)[0]
    # squared by the scale, doubled where the tool is said: 72, 8, 9 and 1 of 90
    assert surer.probability == pytest.approx(72 / 90)
    assert surer.by_role["Tool"]["Monday"] == pytest.approx(80 / 90)
    row = json.loads(json.dumps(surer.to_dict()))
    assert row["arguments"][0] == {
        "role": "Agent", "text": "Ann", "entity": "person", "probability": pytest.approx(81 / 90)
    }  # fmt: skip
    assert row["roles"]["Tool"][1]["text"] is None


def test_many_photographs_with_the_same_candidates_encode_each_sentence_once():
    model = Table({})
    texts = Texts(model)
    for _ in range(3):
        assign(model, torch.eye(2), "Justice:Arrest-Jail", [PRIEST, NURSE, BEACH], texts=texts)
    assert len(model.encoded) == len(set(model.encoded)) > 0
    few = Texts(model, most=2)
    np.testing.assert_array_equal(few(["x", "y", "z", "x"]), [[1, 0]] * 4)
    del model.encoded[:]
    few(["z", "x"])
    assert model.encoded == []
    few(["y"])
    assert model.encoded == ["y"]


def test_what_may_be_exchanged_is_compared_once_and_a_meeting_takes_two():
    duel = Casting.of(LAB["Lab:Duel"], LAB, [PRIEST, NURSE, CHEF])
    assert [{n for n in one if n is not None} for one in duel.all()].count({0, 2}) == 1
    assert len(list(duel.all())) == 3 + 3  # pairs, and one alone
    four = [PRIEST, NURSE, CHEF, Candidate("soldiers", "person"), BEACH]
    meet = Casting.of(NEWS["Contact:Meet"], NEWS, four)
    who = [tuple(c.text for c in meet.fillers(one)["Participant"]) for one in meet.all()]
    names = [c.text for c in four[:4]]
    groups = [*combinations(names, 2), *combinations(names, 3), ("soldiers",)]
    assert sorted(who) == sorted([*groups, *groups, ()])  # on the beach or not, and the beach alone


def test_meeting_people_are_found_together(mini, texts, scenes):
    found = assign(mini, scenes[1][:1], "Contact:Meet", [PRIEST, NURSE, CHEF], texts=texts)[0]
    assert len(found.fillers["Participant"]) >= 2
    shares = found.by_role["Participant"]
    assert 2 <= sum(share for text, share in shares.items() if text) <= 3
    assert shares[None] == 0


def test_a_place_does_not_act_and_kinds_and_roles_are_kept():
    template = NEWS["Justice:Arrest-Jail"]
    assert [role for role in template.roles if BEACH.may_play(role, template)] == ["Place"]
    assert Candidate("Israel", "place", ("jailer",)).may_play("Agent", template)
    assert not Candidate("a man", "person", ("Victim",)).may_play("Agent", template)
    assert [role for role in template.roles if CLUB.may_play(role, template)] == ["Instrument"]
    assert all(Candidate("it").may_play(role, template) for role in template.roles)


def test_every_assignment_of_the_casting_is_one_of_the_permutations():
    casting = Casting.of(NEWS["Justice:Arrest-Jail"], NEWS, [PRIEST, NURSE, CHEF, BEACH])
    pairs = list(permutations([0, 1, 2, None, None], 2))
    expected = {(*pair, place) for pair in pairs for place in (3, None)} - {(None, None, None)}
    found = list(casting.all())
    assert casting.slots == ("Agent", "Person", "Place")
    assert set(found) == expected
    assert len(found) == len(expected)


def test_somebody_else_is_said_in_the_place_of_nobody():
    casting = Casting.of(NEWS["Justice:Arrest-Jail"], NEWS, [PRIEST, Candidate("police officers", "person")])
    told = casting.told((None, 0), ["sentence", "short"])
    assert len(told) == OTHERS
    for sentence, short in told:
        assert sentence.endswith(" a priest.")
        assert "police officers" not in sentence.lower()  # a candidate is not somebody else
        assert "The person is a priest." in short


@pytest.mark.parametrize("ontology", ["news", None])
def test_nobody_who_fits_leaves_every_role_empty(mini, ontology):
    kind = "Justice:Arrest-Jail" if ontology else "arrest"
    assert assign(mini, torch.ones(0, 256), kind, [PRIEST], ontology, exact=0) == []
    found = assign(mini, torch.ones(2, 256), kind, [], ontology)
    assert [one.fillers for one in found] == [{}, {}]
    assert found[0].to_dict()["arguments"] == []
    narrow = assign(mini, torch.ones(1, 256), "Contact:Meet", [PRIEST, NURSE, BEACH], exact=0, width=1)[0]
    assert 0 < narrow.probability <= 1  # whatever the search comes to
    alone = assign(mini, torch.ones(1, 256), "Life:Marry", [Candidate("a priest", "person")])[0]
    assert alone.fillers == {"Person": ()}  # nobody marries alone
    assert alone.by_role["Person"][None] == 1


def test_a_verb_of_the_open_ontology_is_assigned(mini):
    found = assign(mini, torch.eye(256)[:1], "kick", [PRIEST, BEACH], None)[0]
    assert "Place" in found.by_role
    assert "a beach" not in found.by_role["Agent"]


@pytest.mark.parametrize(
    ("given", "error", "said"),
    [
        ({"event_type": "Justice:Arest"}, UnsayableError, "no such type"),
        ({"image": torch.ones(128)}, ValueError, r"found the shape \(128,\)"),
        ({"width": 0}, ValueError, "expected 1 or more"),
        ({"styles": ()}, ValueError, "expected one or more"),
        ({"styles": ("caption",)}, ValueError, "no words for an event without a caption|take sentence or short"),
    ],
)
def test_what_cannot_be_assigned_is_refused(mini, given, error, said):
    usual = {"image": torch.ones(1, 256), "event_type": "Justice:Arrest-Jail", "candidates": [PRIEST]}
    with pytest.raises(error, match=said):
        assign(mini, **{**usual, **given})
    with pytest.raises(ValueError, match="another model"):
        assign(mini, torch.ones(1, 256), "Life:Die", [PRIEST], texts=Texts(ClipEvent.__new__(ClipEvent)))


def test_mini_tells_who_from_whom_more_often_than_chance(mini, texts):
    """Of two actors there are two orders, and either may be left out: by chance a quarter is right."""
    right, drawn = 0, [plan(index, split="dev") for index in range(60)]
    seen = mini.encode_images([draw(scene)[0] for scene in drawn])
    for record, image in zip((CaptionEvents(**record_of(scene)) for scene in drawn), seen, strict=True):
        event = record.events[0]
        act = ACTS[event.type]
        gold = {
            a.role: {b.text for b in event.fillers(a.role)}
            for a in event.arguments
            if a.role in (act.agent, act.patient)
        }
        wanted = [c for c in candidates_of(record) if any(c.text in of for of in gold.values())]
        found = assign(mini, image[None], event.type, wanted[::-1], texts=texts)[0]
        right += all({c.text for c in found.fillers[role]} == who for role, who in gold.items())
    assert right >= 26  # 15 of 60 by chance; 26 or more then happens less than once in 500


def test_candidates_of_a_caption_are_its_arguments_once():
    caption = "Police arrest a man; police beat the man in Kyiv"
    spans = [("Police", 0, "Agent", "organization"), ("man", 16, "Person", "person")]
    more = [("police", 21, "Attacker", "organization"), ("Kyiv", 44, "Place", "place")]

    def event(name, kind, trigger, arguments):
        start = caption.index(trigger)
        span = {"text": trigger, "start": start, "end": start + len(trigger)}
        rows = [{"text": t, "start": s, "end": s + len(t), "role": r, "entity": e} for t, s, r, e in arguments]
        return {"id": name, "type": kind, "trigger": span, "arguments": rows}

    events = [event("e1", "Conflict:Attack", "beat", more), event("e0", "Justice:Arrest-Jail", "arrest", spans)]
    record = CaptionEvents.model_validate({"caption": caption, "events": events})
    assert candidates_of(record) == [
        Candidate("Police", "organization"), Candidate("man", "person"), Candidate("Kyiv", "place")
    ]  # fmt: skip


def test_typical_fillers_are_there_for_every_role_that_a_camera_sees():
    for name, template in NEWS.events.items():
        found = typical_fillers(template)
        assert len({c.key for c in found}) == len(found)
        for role, spec in template.roles.items():
            who = [c for c in found if c.may_play(role, template)]
            assert len(who) >= 3, (name, role)
            assert not (spec.acts and any(c.kind == "place" for c in who))
    assert any(c.text == "a man" for c in typical_fillers(LAB["Lab:Push"]))
    assert "handcuffs" in {c.text for c in typical_fillers(NEWS["Justice:Arrest-Jail"])}


def test_fillers_are_read_from_text_and_json(tmp_path):
    expected = [Candidate("police"), Candidate("a gun", "weapon"), Candidate("Kyiv: the old town")]
    plain = tmp_path / "fillers.txt"
    plain.write_text("# who\npolice\n\n weapon:  a gun\nKyiv: the old town\nPolice\n", encoding="utf-8")
    assert read_fillers(plain) == expected
    lines = tmp_path / "fillers.jsonl"
    lines.write_text('"police"\n{"text": "a gun", "kind": "weapon", "roles": ["Instrument"]}\n')
    assert read_fillers(lines) == [Candidate("police"), Candidate("a gun", "weapon", ("Instrument",))]
    listed = tmp_path / "fillers.json"
    listed.write_text('["police", {"text": "a gun", "kind": "weapon"}, "Kyiv: the old town"]')
    assert read_fillers(listed) == expected


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("a.jsonl", '"police"\n{"text": 3}\n', r"a\.jsonl:2: found .*expected words"),
        ("a.jsonl", '\n{"text": "a", "kind": "wepon"}\n', r"a\.jsonl:2: no entity kind 'wepon'; the kinds are person"),
        ("a.jsonl", '{"text": "a", "role": "Agent"}\n', r"a\.jsonl:1: unknown key 'role'"),
        ("a.jsonl", '{"text": "a", "roles": "Agent"}\n', r"a\.jsonl:1: roles: found \"Agent\""),
        ("a.jsonl", "{police}\n", r"a\.jsonl:1: not JSON"),
        ("a.json", '{"text": "a"}', r"a\.json: expected a list"),
        ("a.json", '["a", "  "]', r"a\.json:2: found"),
        ("a.txt", "# nobody\n", r"a\.txt: holds no filler"),
        ("a.txt", "weapon:\n", r"a\.txt:1: found"),
    ],
)
def test_files_that_hold_no_fillers_are_refused_with_the_line(tmp_path, name, content, said):
    path = tmp_path / name
    path.write_text(content)
    with pytest.raises(InputError, match=said):
        read_fillers(path)
    with pytest.raises(InputError, match="No such file"):
        read_fillers(tmp_path / "none.txt")
