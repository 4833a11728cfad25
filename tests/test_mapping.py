"""Predicates to a user's types: lemmas, senses, labels and kinds, on readings made by hand."""

import pytest
import torch

from extraction.decode import Frame, Reading
from extraction.mapping import Mapping, best_kind, lemma, spellings
from templates.ontology import parse_ontology

KINDS = ("person", "object", "weapon", "place")
ONTOLOGY = parse_ontology(
    {
        "name": "fire",
        "events": {
            "Shoot": {
                "gerund": "shooting",
                "sentences": ["{Shooter} <fire> {Gun} [in {Place}]", "shooting"],
                "triggers": [{"lemmas": ["fire"], "when": {"Theme": {"kinds": ["weapon"]}}}],
                "roles": {
                    "Shooter": {"kinds": ["person"], "labels": ["Agent", "ARG0"]},
                    "Gun": {"kinds": ["weapon", "object"], "labels": ["Theme"]},
                    "Place": {"kinds": ["place"], "labels": ["Place", "ARGM-LOC"]},
                },
            },
            "Dismiss": {
                "gerund": "dismissing",
                "sentences": ["{Boss} <fire> {Worker}", "dismissing"],
                "triggers": [{"lemmas": ["fire", "kick out"], "when": {"Theme": {"kinds": ["person"]}}}],
                "roles": {
                    "Boss": {"kinds": ["person"], "labels": ["Agent"]},
                    "Worker": {"kinds": ["person"], "labels": ["Theme"]},
                },
            },
            "Light": {
                "gerund": "lighting a fire",
                "sentences": ["{Thing} <burn>", "a fire"],
                "triggers": [{"lemmas": ["fire"], "when": {"Theme": {"lemmas": ["kiln"]}}}],
                "roles": {"Thing": {"kinds": ["object"], "labels": ["Theme"]}},
            },
        },
    },
    "here",
)


def reading(
    words: list[str], kinds: dict[int, str], arguments: dict[int, str], at: int, labels: dict[int, str]
) -> Reading:
    scores = torch.full((len(words), len(KINDS)), -9.0)
    for word, kind in kinds.items():
        scores[word, KINDS.index(kind)] = 0.0
    frame = Frame("", at, at, 0.9, [(role, word, word, 0.8) for word, role in arguments.items()])
    frame.labels = [(label, word, word, 0.8) for word, label in labels.items()]
    return Reading([], [frame], scores, [0] * len(words), [0] * len(words))


def read(
    text: str, kinds: dict[int, str], arguments: dict[int, str], at: int = 1, labels: dict[int, str] | None = None
):
    words = text.split()
    mapping = Mapping(ONTOLOGY, list(ONTOLOGY.events), KINDS)
    return mapping.read(words, reading(words, kinds, arguments, 1, labels or {}))


@pytest.mark.parametrize(
    ("text", "kind", "expected"),
    [("Soldiers fired rifles", "weapon", "Shoot"), ("Managers fired workers", "person", "Dismiss")],
)
def test_the_kind_of_an_argument_chooses_the_sense(text: str, kind: str, expected: str) -> None:
    (frame,) = read(text, {0: "person", 2: kind}, {0: "Agent", 2: "Theme"})
    assert frame.type == expected
    assert [head for _, _, head, _ in frame.arguments] == [0, 2]


def test_a_head_word_chooses_the_sense_by_lemma() -> None:
    (frame,) = read("Potters fired kilns", {0: "person", 2: "object"}, {0: "Agent", 2: "Theme"})
    assert frame.type == "Light"


def test_no_sense_that_fits_is_no_event() -> None:
    assert read("Potters fired bricks", {0: "person", 2: "object"}, {0: "Agent", 2: "Theme"}) == []


@pytest.mark.parametrize(("text", "found"), [("Bosses kick him out", 1), ("Bosses kick him", 0)])
def test_a_particle_must_follow(text: str, found: int) -> None:
    assert len(read(text, {0: "person", 2: "person"}, {0: "Agent", 2: "Theme"})) == found


def test_a_role_takes_its_first_label_that_is_there() -> None:
    frame, *_ = read(
        "Soldiers fired rifles there yesterday",
        {0: "person", 2: "weapon", 3: "place"},
        {2: "Theme"},
        labels={0: "ARG0", 3: "ARGM-LOC"},
    )
    assert {(role, head) for role, _, head, _ in frame.arguments} == {("Shooter", 0), ("Gun", 2), ("Place", 3)}


def test_a_filler_of_a_certain_other_kind_is_left_out() -> None:
    (frame,) = read("Kabul fired rifles", {0: "place", 2: "weapon"}, {0: "Agent", 2: "Theme"})
    assert [role for role, *_ in frame.arguments] == ["Gun"]


def test_best_kind_stays_among_the_allowed() -> None:
    one = reading(["gun"], {0: "weapon"}, {}, 0, {})
    assert best_kind(one, 0, KINDS) == "weapon"
    assert best_kind(one, 0, KINDS, ["person", "weapon"]) == "weapon"
    assert best_kind(one, 0, KINDS, ["person"]) == "person"
    assert best_kind(one, 0, KINDS, ["person"], loose=True) == "weapon"


@pytest.mark.parametrize(
    ("word", "pos", "expected"), [("running", "VERB", "run"), ("Lying", "VERB", "lie"), ("pictures", "NOUN", "picture")]
)
def test_lemmas(word: str, pos: str, expected: str) -> None:
    found = lemma(word, pos)
    assert found == expected
    assert found in spellings(word)
