"""Positives with their negatives, as the trainer gets them: the promises over random corpora, chance that repeats."""

import json
import os
import re
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from worlds import ENTITY, ROLES, ontology_of, statements, told, worlds

from templates.confusable import Confusable
from templates.corpus import Corpus
from templates.describe import TOKENS
from templates.events import CaptionEvents
from templates.pairs import Wanted, described

STYLES = ("sentence", "short", "type", "caption", "edited", "graph")
EACH = ("event", "role", "rotate", "filler", "place", "instrument")
HIT = ontology_of(
    **{
        "C:Hit": {"Agent": "person", "Target": "person", "Instrument": "weapon", "Place": "place"},
        "C:Ask": {"Agent": "person", "Target": "person", "Instrument": "weapon", "Place": "place"},
        "D:Tow": {"Agent": "person", "Target": "person", "Instrument": "weapon", "Place": "place"},
    }
)
FILLERS = {
    "Agent": ["farmer", "lawyer", "baker"],
    "Target": ["nurse", "child", "protester"],
    "Instrument": ["club", "bomb", "knife"],
    "Place": ["hospital", "market", "school"],
}
SETTINGS = settings(deadline=None, max_examples=50)


def made(ontology, records, wanted, *, corpus=None, **more):
    """What is made of each record, by its id."""
    known = Corpus(statements(corpus or records, ontology))
    confusable = Confusable(ontology, known)
    return {record.id: list(described(record, confusable, wanted, **more)) for record in records}


def corpus_of(number, ontology=HIT):
    """Records with every role filled, by turns."""
    names, rows = list(ontology.events), []
    for n in range(number):
        fillers = tuple((role, words[(n // 3**place) % 3]) for place, (role, words) in enumerate(FILLERS.items()))
        rows.append(told(n, (names[n % len(names)], "act", fillers)))
    return rows


def folded(text):
    return re.sub(r"\s+", " ", text.lower()).strip()


def texts(rows):
    return [text["text"] for row in rows for pair in row["pairs"] for text in pair["negatives"]]


@SETTINGS
@given(worlds(), st.integers(0, 3))
def test_no_negative_is_a_positive_of_its_record_or_stands_twice_or_shows_a_slot_or_a_doubled_space(world, number):
    ontology, records = world
    wanted = Wanted(STYLES, dict.fromkeys(EACH, number), epoch=number)
    for record, rows in zip(records, made(ontology, records, wanted).values(), strict=True):
        assert [row["event"]["id"] for row in rows] == [event.id for event in record.events]
        positives = {folded(pair["positive"]) for row in rows for pair in row["pairs"]}
        for row in rows:
            for pair in row["pairs"]:
                found = [folded(negative["text"]) for negative in pair["negatives"]]
                assert not positives & set(found)
                assert len(found) == len(set(found))
                assert max(Counter(n["kind"] for n in pair["negatives"]).values(), default=0) <= number
        for text in texts(rows):
            assert not re.search(r"[{}<>\[\]]|\s\s", text)
            assert not set(re.findall(r"\w+", text)) & set(ROLES) - {"Agent"}, "a role's name, as it is in the ontology"


@SETTINGS
@given(worlds())
def test_what_is_written_of_a_negative_is_what_it_says(world):
    ontology, records = world
    for rows in made(ontology, records, Wanted(("graph", "type"), dict.fromkeys(EACH, 2))).values():
        for row in rows:
            for pair in row["pairs"]:
                for negative in pair["negatives"]:
                    event = negative["event"]
                    template = ontology[event["type"]]
                    said = "A photo of {}." if pair["style"] == "type" else "{}"
                    fillers = {(a["role"].lower(), a["text"]) for a in event["arguments"]}
                    if pair["style"] == "graph":
                        gerund, *parts = negative["text"].split("; ")
                        assert gerund == template.gerund
                        assert {tuple(part.split(": ", 1)) for part in parts} == fillers
                    else:
                        assert negative["text"] == said.format(template.gerund)
                    if negative["kind"] != "rotate":
                        assert all(ENTITY[a["text"]] in template.roles[a["role"]].kinds for a in event["arguments"])


@SETTINGS
@given(worlds(), st.integers(0, 5), st.integers(0, 5), st.randoms(use_true_random=False))
def test_the_same_record_epoch_and_seed_give_the_same_whatever_was_made_before(world, epoch, seed, random):
    ontology, records = world
    wanted = Wanted(("sentence", "graph"), dict.fromkeys(EACH, 2), epoch=epoch, seed=seed)
    first = made(ontology, records, wanted)
    shuffled = random.sample(records, len(records))
    assert made(ontology, shuffled, wanted, corpus=records) == first
    for record in records:
        assert made(ontology, [record], wanted, corpus=records)[record.id] == first[record.id]


def test_a_corpus_with_the_same_counts_in_another_order_gives_the_same():
    records, wanted = corpus_of(30), Wanted(("graph",), {"event": 2, "filler": 2})
    assert made(HIT, records, wanted, corpus=records[::-1]) == made(HIT, records, wanted)


@pytest.mark.parametrize("other", [{"epoch": 1}, {"seed": 1}])
def test_another_epoch_or_seed_gives_others(other):
    records, numbers = corpus_of(30), {"event": 1, "role": 1, "filler": 1}
    first = made(HIT, records, Wanted(("graph",), numbers))
    second = made(HIT, records, Wanted(("graph",), numbers, **other))
    assert sum(texts(first[name]) != texts(second[name]) for name in first) > len(records) / 2
    assert [first[n][0]["pairs"][0]["positive"] for n in first] == [second[n][0]["pairs"][0]["positive"] for n in first]


def test_two_runs_of_python_give_the_same_whatever_the_order_of_their_sets():
    code = (
        "import json, test_pairs as t\n"
        "wanted = t.Wanted(t.STYLES, dict.fromkeys(t.EACH, 2))\n"
        "print(json.dumps(t.made(t.HIT, t.corpus_of(12), wanted)))"
    )
    here = Path(__file__).parent
    found = []
    for seed in "12":
        own = {"PYTHONHASHSEED": seed, "PYTHONPATH": os.pathsep.join([str(here), str(here.parent)])}
        run = [sys.executable, "-c", code]
        done = subprocess.run(run, env=os.environ | own, capture_output=True, text=True, check=True)
        found.append(json.loads(done.stdout))
    assert found[0] == found[1]
    assert texts(found[0]["0"])


def test_there_are_as_many_negatives_of_each_kind_as_wanted_where_the_corpus_has_them():
    numbers = {"event": 2, "role": 1, "filler": 2, "place": 1, "instrument": 1}
    for rows in made(HIT, corpus_of(81), Wanted(("graph",), numbers)).values():
        found = Counter(negative["kind"] for negative in rows[0]["pairs"][0]["negatives"])
        assert found.keys() == numbers.keys()
        assert all(found[kind] <= number for kind, number in numbers.items())


def test_a_negative_worked_by_hand():
    records = [
        told(0, ("C:Hit", "act", (("Agent", "farmer"), ("Target", "nurse"), ("Place", "Kyiv"))), between=""),
        told(1, ("C:Hit", "act", (("Place", "Rome"),)), between="for"),
    ]
    (row,) = made(HIT, records, Wanted(("sentence", "caption", "graph"), {"role": 1, "place": 1}))[0]
    said = {pair["style"]: [pair["positive"], *(n["text"] for n in pair["negatives"])] for pair in row["pairs"]}
    caption = "Yesterday act farmer nurse {}."
    assert said["caption"] == [caption.format("Kyiv"), "Yesterday act nurse farmer Kyiv.", caption.format("Rome")]
    graph = "acting 0; agent: {}; target: {}; place: {}"
    assert said["graph"] == [
        graph.format("farmer", "nurse", "Kyiv"),
        graph.format("nurse", "farmer", "Kyiv"),
        graph.format("farmer", "nurse", "Rome"),
    ]


def test_a_negative_of_one_event_is_not_the_truth_of_another():
    fillers = (("Agent", "farmer"), ("Target", "nurse")), (("Agent", "nurse"), ("Target", "farmer"))
    record = told(0, *(("C:Hit", "act", pair) for pair in fillers))
    for salient in (None, "e0"):
        one = record.model_copy(update={"salient": salient})
        wanted = Wanted(("sentence", "short", "graph"), {"role": 2}, salient_only=salient is not None)
        rows = made(HIT, [one], wanted)[0]
        assert len(rows) == (1 if salient else 2)
        assert not texts(rows), "the swap of each is the other"


def test_only_the_salient_event_is_made_where_only_it_is_wanted():
    record = told(0, ("C:Hit", "act", ()), ("C:Ask", "act", ()))
    for salient, expected in ((None, []), ("e1", ["e1"])):
        rows = made(HIT, [record.model_copy(update={"salient": salient})], Wanted(salient_only=True))[0]
        assert [row["event"]["id"] for row in rows] == expected


@pytest.mark.parametrize("style", STYLES)
@pytest.mark.parametrize("scale", [1.0, 1.2, 2.0])
def test_every_text_fits_the_context_and_a_negative_still_says_what_is_false(style, scale):
    records, wanted = corpus_of(81), Wanted((style,), {"filler": 2, "place": 1, "instrument": 1})
    for name, rows in made(HIT, records, wanted, count=lambda text: round(len(text) * scale)).items():
        true = {argument.text for argument in records[name].events[0].arguments}
        for pair in (pair for row in rows for pair in row["pairs"]):
            assert round(len(pair["positive"]) * scale) <= TOKENS
            for negative in pair["negatives"]:
                assert round(len(negative["text"]) * scale) <= TOKENS
                (new,) = {a["text"] for a in negative["event"]["arguments"]} - true
                assert new in negative["text"], "without the new filler the text is true"


def test_a_shortened_caption_still_says_what_is_false():
    first = "Yesterday near the act near the farmer was a good deal to see."
    caption = f"{first} Many more people came to see the lawyer."
    places = [(word, caption.index(word)) for word in ("act", "farmer", "lawyer")]
    spans = [{"text": word, "start": start, "end": start + len(word)} for word, start in places]
    arguments = [{**span, "role": "Agent", "entity": "person"} for span in spans[1:]]
    event = {"id": "e0", "type": "C:Hit", "trigger": spans[0], "arguments": arguments}
    record = CaptionEvents.model_validate({"id": "long", "caption": caption, "events": [event]})
    others = [told(n, ("C:Hit", "act", (("Agent", "bicycle" + "x" * 30),))) for n in range(3)]
    for other in others:
        other.events[0].arguments[0].entity = "person"
    wanted = Wanted(("caption",), {"filler": 4})
    rows = made(HIT, [record], wanted, corpus=[record, *others], count=lambda text: TOKENS + (len(text) > len(caption)))
    assert first not in texts(rows["long"])


@pytest.mark.parametrize(
    ("wrong", "found", "known"),
    [
        ({"styles": ("haiku",)}, "'haiku'", (*STYLES, "given")),
        ({"styles": ("short", "Sentence")}, "'Sentence'", (*STYLES, "given")),
        ({"negatives": {"lie": 1}}, "'lie'", EACH),
        ({"negatives": {"role": 1, "Event": 1}}, "'Event'", EACH),
        ({"negatives": {"role": -2}}, "role=-2", ("0 or more",)),
    ],
)
def test_a_wrong_style_kind_or_number_is_refused_with_what_was_found_and_what_is_known(wrong, found, known):
    with pytest.raises(ValueError, match=re.escape(found)) as refused:
        Wanted(**wrong)
    assert all(name in str(refused.value) for name in known)


def test_a_text_of_the_caller_s_is_made_false_and_without_a_caller_it_is_refused():
    records, wanted = corpus_of(9), Wanted(("given",), {"filler": 1})
    with pytest.raises(ValueError, match="'given' needs texts"):
        made(HIT, records, wanted)
    rows = made(HIT, records, wanted, given=lambda one: "See " + " and ".join(s.phrase.text for s in one.slots))
    for name, (row,) in rows.items():
        (pair,) = row["pairs"]
        true = [argument.text for argument in records[name].events[0].arguments]
        assert pair["positive"] == "See " + " and ".join(true)
        for negative in pair["negatives"]:
            said = negative["text"].removeprefix("See ").split(" and ")
            assert sum(a != b for a, b in zip(said, true, strict=True)) == 1


def test_a_record_without_id_goes_by_its_caption_and_one_without_events_gives_nothing():
    record = corpus_of(1)[0].model_copy(update={"id": None})
    wanted, corpus = Wanted(("graph",), {"role": 1}), corpus_of(9)
    assert made(HIT, [record], wanted, corpus=corpus) == made(HIT, [record.model_copy()], wanted, corpus=corpus)
    assert made(HIT, [told(0)], wanted, corpus=corpus) == {0: []}
    with pytest.raises(KeyError, match="C:Fly"):
        made(HIT, [told(0, ("C:Fly", "act", ()))], wanted)
