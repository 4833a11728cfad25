"""The shipped reader on captions: what plain ones say, and what must hold for any text."""

import json
import subprocess
import sys
import unicodedata
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from extraction.extractor import LONGEST, EventExtractor
from templates.events import parse_record
from templates.ontology import Ontology, OntologyError, load_ontology, parse_ontology

PLAIN = [
    (
        "Police arrest a man in Kabul.",
        "Justice:Arrest-Jail",
        {("Agent", "Police"), ("Person", "man"), ("Place", "Kabul")},
    ),
    (
        "Police in Kabul arrest a man.",
        "Justice:Arrest-Jail",
        {("Agent", "Police"), ("Person", "man"), ("Place", "Kabul")},
    ),
    ("A man is arrested by police.", "Justice:Arrest-Jail", {("Agent", "police"), ("Person", "man")}),
    (
        "A nurse vaccinates a child in Lagos.",
        "Medical:Vaccinate",
        {("Agent", "nurse"), ("Patient", "child"), ("Place", "Lagos")},
    ),
    ("Protesters hold banners.", "Display:Hold", {("Agent", "Protesters"), ("Item", "banners")}),
]

SPORTS = {
    "name": "sports",
    "events": {
        "Sport:Kick": {
            "gerund": "kicking a ball",
            "sentences": ["{Player} <kick> {Ball}", "kicking"],
            "roles": {
                "Player": {"kinds": ["person", "animal"], "labels": ["Agent", "ARG0"]},
                "Ball": {"kinds": ["object"], "labels": ["Theme", "ARG1"]},
            },
            "triggers": [{"lemmas": ["kick"], "when": {"Theme": {"lemmas": ["ball", "football"]}}}],
        },
        "Sport:Fight": {
            "gerund": "kicking somebody",
            "sentences": ["{Fighter} <kick> {Victim}", "a fight"],
            "roles": {
                "Fighter": {"kinds": ["person"], "labels": ["Agent"]},
                "Victim": {"kinds": ["person"], "labels": ["Theme"]},
            },
            "triggers": [{"lemmas": ["kick", "punch"], "when": {"Theme": {"kinds": ["person"]}}}],
        },
    },
}


def found(record: dict, kind: str) -> set[tuple[str, str]]:
    return {(a["role"], a["text"]) for e in record["events"] if e["type"] == kind for a in e["arguments"]}


@pytest.mark.parametrize(("caption", "kind", "arguments"), PLAIN)
def test_plain_captions_are_read_as_a_person_would(
    news: EventExtractor, caption: str, kind: str, arguments: set[tuple[str, str]]
) -> None:
    (record,) = news.extract([caption])
    assert [event["type"] for event in record["events"]] == [kind]
    assert found(record, kind) == arguments
    assert record["salient"] == "e0"


@pytest.mark.parametrize("caption", ["The old lighthouse of Skagen at sunset.", "Two chairs.", "?!", "2017", "🏠"])
def test_nothing_happens_in_a_still_life(news: EventExtractor, caption: str) -> None:
    assert news.extract([caption]) == [{"caption": caption, "events": [], "salient": None}]


def test_records_are_valid_for_their_ontology(news: EventExtractor) -> None:
    ontology = load_ontology("news")
    for record in news.extract([caption for caption, _, _ in PLAIN]):
        parse_record(record, "here").check(ontology)


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.text(min_size=1, max_size=80))
def test_any_text_gives_a_valid_record(news: EventExtractor, noise: str) -> None:
    noise = "".join(c for c in noise if unicodedata.category(c) != "Cs")
    caption = f"Police arrest a man. {noise} Protesters march in Paris."
    (record,) = news.extract([caption])
    parse_record(record, "here")


def test_typographic_quotes_and_broken_spacing_keep_offsets(news: EventExtractor) -> None:
    caption = "“Police”  arrest\u00a0a man\nin  Kabul."
    (record,) = news.extract([caption])
    trigger = record["events"][0]["trigger"]
    assert caption[trigger["start"] : trigger["end"]] == "arrest"


def test_what_a_caption_says_of_itself_is_no_event(news: EventExtractor) -> None:
    (record,) = news.extract(["FILE - Police arrest a man in Kabul. (Photo: Rescue Images)"])
    assert [event["trigger"]["text"] for event in record["events"]] == ["arrest"]


def test_batch_size_does_not_change_the_events(news: EventExtractor) -> None:
    captions = [caption for caption, _, _ in PLAIN] * 3 + [
        "A bus crashed into a shop in Lima, injuring ten people."
    ] * 2
    single = EventExtractor("news", device="cpu", batch_size=1)
    assert single.extract(captions) == news.extract(captions)


def test_order_is_kept(news: EventExtractor) -> None:
    captions = ["Police arrest a man. " * n for n in (9, 1, 30, 2)] + ["A dog."]
    assert [record["caption"] for record in news.extract(captions)] == captions


def test_a_text_longer_than_the_reader_is_read_to_its_end(news: EventExtractor) -> None:
    sentence = "The committee published its report on the budget of the region. "
    caption = sentence * (2 * LONGEST // len(sentence.split())) + "Police arrest a man in Kabul."
    (record,) = news.extract([caption])
    assert found(record, "Justice:Arrest-Jail") == PLAIN[0][2]
    assert record["events"][-1]["trigger"]["start"] == caption.rindex("arrest")


@pytest.mark.parametrize(
    ("caption", "actor", "kind"),
    [
        ("Police arrest a man in Kyiv.", "Police", "person"),
        ("A court convicts a banker in Madrid.", "court", "organization"),
        ("Israel releases prisoners.", "Israel", "place"),
    ],
)
def test_only_a_name_is_a_place_that_acts(news: EventExtractor, caption: str, actor: str, kind: str) -> None:
    (event,) = news.extract([caption])[0]["events"]
    assert {argument["text"]: argument["entity"] for argument in event["arguments"]}[actor] == kind


def test_open_events_are_typed_by_lemma(opened: EventExtractor) -> None:
    (record,) = opened.extract(["A child in a pink dress is climbing a set of stairs."])
    (event,) = record["events"]
    assert event["type"] == "climb"
    assert ("Agent", "child") in {(a["role"], a["text"]) for a in event["arguments"]}


def test_an_own_ontology_needs_no_training() -> None:
    extractor = EventExtractor(parse_ontology(SPORTS, "here"), device="cpu")
    kick, fight, walk = extractor.extract(
        ["A boy kicks a ball.", "A man kicked another man in the street.", "A man walks a dog."]
    )
    assert found(kick, "Sport:Kick") == {("Player", "boy"), ("Ball", "ball")}
    assert [event["type"] for event in fight["events"]] == ["Sport:Fight"]
    assert walk["events"] == []


def test_a_trained_type_is_found_through_its_alias_with_the_users_role_names() -> None:
    own = {
        "name": "police",
        "events": {
            "Detention": {
                "gerund": "detaining",
                "aliases": ["Justice:Arrest-Jail"],
                "sentences": ["{Officer} <detain> {Detainee}", "detention"],
                "roles": {
                    "Officer": {"kinds": ["person", "organization"], "aliases": ["Agent"]},
                    "Detainee": {"kinds": ["person"], "aliases": ["Person"]},
                },
            }
        },
    }
    (record,) = EventExtractor(parse_ontology(own, "here"), device="cpu").extract(["Police arrest a man in Kabul."])
    assert found(record, "Detention") == {("Officer", "Police"), ("Detainee", "man")}


def test_a_type_that_nobody_can_find_is_refused() -> None:
    spec = {"gerund": "dreaming", "sentences": ["a dream of {Dreamer}"], "roles": {"Dreamer": {"kinds": ["person"]}}}
    ontology = Ontology.model_validate({"name": "dreams", "events": {"Dream": spec}})
    with pytest.raises(OntologyError, match=r"dreams: the reader was not trained on Dream.*triggers"):
        EventExtractor(ontology)


def test_what_is_not_a_string_is_named(news: EventExtractor) -> None:
    with pytest.raises(TypeError, match="caption 1 is int"):
        news.extract(["A dog.", 3])  # type: ignore[list-item]


@pytest.mark.parametrize("device", ["cuda:7", "nonsense"])
def test_a_device_that_is_not_there_is_refused(device: str) -> None:
    with pytest.raises(ValueError, match=device):
        EventExtractor(device=device)


def test_a_second_run_gives_the_same_bytes(tmp_path: Path) -> None:
    code = (
        "import json, sys; from extraction import EventExtractor; "
        "print(json.dumps(EventExtractor(device='cpu').extract(sys.argv[1:])))"
    )
    command = [sys.executable, "-c", code, *(caption for caption, _, _ in PLAIN)]
    first, second = (subprocess.run(command, capture_output=True, check=True).stdout for _ in range(2))
    assert first == second
    assert len(json.loads(first)) == len(PLAIN)
