"""Scores against hand-worked values, NetworkX's matching and NumPy's resampling."""

import itertools
import json

import networkx as nx
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from extraction.scoring import compare, score, score_files
from templates import RecordError

CAPTION = "Police arrest the young man while rebels attacked a convoy and killed two soldiers"


def event(type_, trigger, **roles):
    """An event of CAPTION; `roles` are role to text."""

    def span(text):
        start = CAPTION.index(text)
        return {"text": text, "start": start, "end": start + len(text)}

    return {"type": type_, "trigger": span(trigger), "arguments": [{"role": r, **span(t)} for r, t in roles.items()]}


def record(*events, **more):
    events = [{"id": f"e{index}", **found} for index, found in enumerate(events)]
    return {"caption": CAPTION, "events": events, "salient": None, **more}


def counts(predicted, gold):
    return [(t.predicted.total(), t.gold.total(), t.matched.total()) for t in compare(predicted, gold)]


ARREST = event("Arrest", "arrest", Agent="Police", Person="the young man")
ATTACK = event("Attack", "attacked", Attacker="rebels")
DIE = event("Die", "killed", Victim="two soldiers")
GOLD = record(ARREST, ATTACK, DIE)
PREDICTED = record(
    event("Arrest", "arrest", Agent="Police", Person="man"),  # right, both arguments right
    event("Attack", "killed", Target="soldiers"),  # the span of Die, of another type
)


def test_precision_recall_and_f1_as_worked_by_hand():
    result = score([PREDICTED], [GOLD])
    trigger, argument = result["trigger"], result["argument"]
    assert [trigger[k] for k in ("predicted", "gold", "matched")] == [2, 3, 1]
    assert [trigger[k] for k in ("precision", "recall", "f1")] == pytest.approx([50, 100 / 3, 40])
    assert [argument[k] for k in ("predicted", "gold", "matched")] == [3, 4, 2]
    assert [argument[k] for k in ("precision", "recall", "f1")] == pytest.approx([200 / 3, 50, 400 / 7])
    assert {kind: part["f1"] for kind, part in trigger["by_type"].items()} == {"Arrest": 100, "Attack": 0, "Die": 0}


@pytest.mark.parametrize(
    ("gold", "said", "right"),
    [
        ("the young man", "the young man", 1),
        ("the young man", "man", 1),
        ("man", "the young man", 1),
        ("the young man", "the young", 1),
        ("the young man", "Police arrest the", 1),
        ("the young man", "Police arrest", 0),
        ("young", "the young man", 0),
        ("man", "man while", 0),
        ("the young man", "rebels", 0),
        ("a con", "voy", 0),
    ],
)
def test_an_argument_is_right_when_its_last_word_lies_in_gold(gold, said, right):
    truth = record(event("Arrest", "arrest", Person=gold))
    assert counts(record(event("Arrest", "arrest", Person=said)), truth)[1] == (1, 1, right)


@pytest.mark.parametrize(
    ("said", "trigger", "argument"),
    [
        (event("Arrest", "arrest", Person="man"), 1, 1),
        (event("Arrest", "arrest", Agent="man"), 1, 0),
        (event("Attack", "arrest", Person="man"), 0, 0),
        (event("Arrest", "attacked", Person="man"), 0, 1),
        (event("Arrest", "Police arrest the", Person="man"), 1, 1),
        (event("Arrest", "Police ", Person="man"), 0, 1),
    ],
    ids=["right", "wrong role", "wrong type", "trigger elsewhere", "trigger overlaps", "trigger touches"],
)
def test_type_role_and_overlap_decide(said, trigger, argument):
    found = counts(record(said), record(event("Arrest", "arrest", Person="the young man")))
    assert found == [(1, 1, trigger), (1, 1, argument)]


def test_a_gold_event_is_matched_once_however_often_it_is_predicted():
    assert counts(record(ARREST, ARREST, ARREST), record(ARREST)) == [(3, 1, 1), (6, 2, 2)]
    assert counts(record(ARREST), record(ARREST, ARREST)) == [(1, 2, 1), (2, 4, 2)]


@pytest.mark.parametrize("order", [1, -1])
def test_matching_is_largest_where_taking_the_first_fit_would_lose(order):
    wide, narrow = event("Attack", "attacked a convoy and killed"), event("Attack", "attacked")
    gold = [event("Attack", "attacked"), event("Attack", "killed")]
    assert counts(record(*[wide, narrow][::order]), record(*gold))[0] == (2, 2, 2)


def test_no_predictions_score_zero_and_two_empty_files_too():
    for gold in (GOLD, record()):
        result = score([record()], [gold], samples=10)
        for name in ("trigger", "argument"):
            assert [result[name][k] for k in ("precision", "recall", "f1")] == [0, 0, 0]
            assert result[name]["interval"] == [0, 0]


def test_macro_f1_is_the_mean_over_types_with_three_gold_events():
    gold = [record(ARREST, ATTACK, DIE)] * 3 + [record(DIE)]
    said = [record(ARREST, DIE)] * 3 + [record(DIE)]
    assert score(said, gold)["trigger"]["macro_f1"] == pytest.approx((100 + 0 + 100) / 3)
    assert score(said[:2], gold[:2])["trigger"]["macro_f1"] == 0
    said = [record(ARREST, ATTACK)] + [record(ATTACK)] * 2 + [record()]  # Arrest 2 * 1 / (1 + 3), Attack 1, Die 0
    assert score(said, gold)["trigger"]["macro_f1"] == pytest.approx((50 + 100 + 0) / 3)


def test_gold_against_itself_is_a_hundred_also_where_a_type_has_no_arguments():
    gold = [record(ARREST, event("Rain", "attacked"))] * 3
    result = score(gold, gold)
    assert [result[name][k] for name in ("trigger", "argument") for k in ("f1", "macro_f1")] == [100] * 4


WORDS = [f"w{at}" for at in range(8)]
STARTS = [3 * at for at in range(8)]
RANGES = st.tuples(st.integers(0, 7), st.integers(0, 3)).map(lambda pair: (pair[0], min(7, sum(pair))))
EVENTS = st.lists(
    st.tuples(st.sampled_from("AB"), RANGES, st.lists(st.tuples(st.sampled_from("PQ"), RANGES), max_size=3)), max_size=6
)


def as_record(events):
    def span(first, last):
        return {"text": " ".join(WORDS[first : last + 1]), "start": STARTS[first], "end": STARTS[last] + 2}

    return {
        "events": [
            {"type": t, "trigger": span(*r), "arguments": [{"role": role, **span(*a)} for role, a in arguments]}
            for t, r, arguments in events
        ]
    }


def largest(left, right, same):
    """Size of a largest one-to-one matching, by NetworkX's blossom algorithm."""
    pairs = itertools.product(range(len(left)), range(len(right)))
    edges = [(("left", i), ("right", j)) for i, j in pairs if same(left[i], right[j])]
    return len(nx.max_weight_matching(nx.Graph(edges), maxcardinality=True))


@settings(max_examples=200, deadline=None)
@given(said=EVENTS, gold=EVENTS)
def test_matches_are_as_many_as_networkx_finds(said, gold):
    triggers, arguments = compare(as_record(said), as_record(gold))
    for kind in "AB":
        spans = [[span for type_, span, _ in side if type_ == kind] for side in (said, gold)]
        assert triggers.matched[kind] == largest(
            *spans, lambda mine, other: mine[0] <= other[1] and other[0] <= mine[1]
        )
        fills = [[fill for type_, _, fills in side if type_ == kind for fill in fills] for side in (said, gold)]
        assert arguments.matched[kind] == largest(
            *fills, lambda mine, other: mine[0] == other[0] and other[1][0] <= mine[1][1] <= other[1][1]
        )


HALF = (record(ARREST), record(ARREST, DIE))
MIXED = [(PREDICTED, GOLD), (GOLD, GOLD), HALF, (record(), GOLD), (record(DIE), record())]


def test_the_interval_holds_the_score_and_is_the_same_with_the_same_seed():
    said, gold = zip(*MIXED * 8, strict=True)
    first, again = (score(said, gold, samples=400, seed=7)["trigger"] for _ in range(2))
    assert first["interval"] == again["interval"] != score(said, gold, samples=400, seed=8)["trigger"]["interval"]
    assert first["interval"][0] < first["f1"] < first["interval"][1]


def test_the_interval_agrees_with_numpy_resampling():
    said, gold = zip(*MIXED * 8, strict=True)
    each = np.array([counts(p, g)[0] for p, g in zip(said, gold, strict=True)])
    p, g, m = each[np.random.default_rng(0).integers(0, len(each), (4000, len(each)))].sum(axis=1).T
    expected = np.percentile(200 * m / (p + g), [2.5, 97.5])
    assert score(said, gold, samples=4000)["trigger"]["interval"] == pytest.approx(expected, abs=1.5)


def write(path, *records):
    path.write_text("".join(json.dumps(r) + "\n" for r in records))
    return path


@pytest.mark.parametrize("ids", [True, False], ids=["by id", "by caption"])
def test_files_are_paired_in_any_order(tmp_path, ids):
    other = {"caption": "Rain.", "events": [], "salient": None}
    gold, rain = (GOLD, other) if not ids else ({**GOLD, "id": 1}, {**other, "id": "r"})
    extra = {**rain, "caption": "Snow."} | ({"id": "s"} if ids else {})
    result = score_files(write(tmp_path / "p", rain, extra, gold), write(tmp_path / "g", gold, rain), samples=5)
    assert result["captions"] == 2
    assert result["trigger"]["f1"] == result["argument"]["f1"] == 100


@pytest.mark.parametrize(("more", "name"), [({"id": "c7"}, "c7"), ({}, "Police arrest")], ids=["by id", "by caption"])
def test_a_missing_prediction_is_named(tmp_path, more, name):
    other = {"caption": "Rain.", "events": []} | ({"id": "c8"} if more else {})
    with pytest.raises(ValueError, match=name):
        score_files(write(tmp_path / "p", other), write(tmp_path / "g", {**GOLD, **more}))


def test_the_same_id_with_another_caption_no_gold_and_a_broken_line_are_refused(tmp_path):
    said = write(tmp_path / "p", {"id": "c7", "caption": "Rain.", "events": []})
    with pytest.raises(ValueError, match="c7"):
        score_files(said, write(tmp_path / "g", {**GOLD, "id": "c7"}))
    with pytest.raises(ValueError, match="empty"):
        score_files(said, write(tmp_path / "empty"))
    with pytest.raises(RecordError, match="p:1"):
        score_files(write(tmp_path / "p", {"caption": "Rain."}), said)
