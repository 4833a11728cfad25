"""Events of a caller's own words are said as a caption's would be."""

import pytest

from templates.describe import describe
from templates.events import CaptionEvents
from templates.ontology import load_ontology, parse_ontology
from templates.statement import statement
from templates.supposed import UnsayableError, supposed

NEWS = load_ontology()
CAPTION = "Police arrest a protester with a baton in Athens."
RECORD = CaptionEvents.model_validate(
    {
        "caption": CAPTION,
        "events": [
            {
                "id": "e0",
                "type": "Justice:Arrest-Jail",
                "trigger": {"text": "arrest", "start": 7, "end": 13},
                "arguments": [
                    {"role": "Agent", "text": "Police", "start": 0, "end": 6, "entity": "organization"},
                    {"role": "Person", "text": "protester", "start": 16, "end": 25, "entity": "person"},
                    {"role": "Instrument", "text": "baton", "start": 33, "end": 38, "entity": "weapon"},
                    {"role": "Place", "text": "Athens", "start": 42, "end": 48, "entity": "place"},
                ],
            }
        ],
    }
)
FILLERS = [("Agent", "police"), ("Person", "a protester"), ("Instrument", "a baton"), ("Place", "Athens")]


@pytest.mark.parametrize("style", ["sentence", "short", "type", "graph"])
def test_what_is_supposed_is_said_like_what_a_caption_states(style):
    read = describe(statement(RECORD, RECORD.events[0], NEWS), style)
    own = describe(supposed("Justice:Arrest-Jail", FILLERS, NEWS), style)
    assert read is not None
    assert own is not None
    assert own.text == read.text


def test_articles_are_not_needed_and_capitals_do_no_harm():
    plain = supposed("Justice:Arrest-Jail", [("Agent", "Soldiers"), ("Person", "protester")], NEWS, [None, "person"])
    assert describe(plain, "sentence").text == "Soldiers arrest a protester."


def test_types_and_roles_go_by_their_aliases_in_any_case():
    alias = next(alias for alias in NEWS["Conflict:Attack"].roles["Attacker"].aliases)
    said = supposed("conflict:attack", [(alias.upper(), "rebels"), ("target", "a convoy")], NEWS)
    assert describe(said, "sentence").text == "Rebels attack a convoy."


def test_an_event_with_nobody_in_it_can_be_said():
    assert describe(supposed("Justice:Arrest-Jail", [], NEWS), "type").text == "A photo of arresting someone."


def test_without_an_ontology_the_type_is_a_verb():
    said = supposed("kick", [("Agent", "a boy"), ("Theme", "a ball")], None, ["person", "object"])
    assert describe(said, "sentence").text == "A boy kicks a ball."


@pytest.mark.parametrize(
    ("kind", "fillers", "said"),
    [
        ("Justice:Arrest", [], "did you mean 'Justice:Arrest-Jail'"),
        ("Dancing", [], "no such type"),
        ("Justice:Arrest-Jail", [("Victim9", "man")], "has no role 'Victim9'; it has Agent, Person"),
        ("Justice:Arrest-Jail", [("Agent", "  ")], "the filler is empty"),
    ],
)
def test_what_cannot_be_said_is_refused_with_what_could(kind, fillers, said):
    with pytest.raises(UnsayableError, match=said):
        supposed(kind, fillers, NEWS)


@pytest.mark.parametrize(
    ("place", "said"),
    [
        ("a beach", "on a beach"),
        ("beach", "on a beach"),
        ("the streets of Kyiv", "on the streets of Kyiv"),
        ("Wall Street", "on Wall Street"),
        ("the border between Iraq and Iran", "on the border between Iraq and Iran"),
        ("Heathrow Airport", "at Heathrow Airport"),
        ("a polling station", "at a polling station"),
        ("the University of Texas", "at the University of Texas"),
        ("checkpoints", "at checkpoints"),
        ("Miami Beach", "in Miami Beach"),
        ("Rhode Island", "in Rhode Island"),
        ("Kyiv", "in Kyiv"),
        ("a square at the harbor", "in a square at the harbor"),
    ],
)
def test_a_place_is_said_with_its_usual_preposition(place, said):
    event = supposed("Life:Mourn", [("Mourner", "women"), ("Place", place)], NEWS)
    assert describe(event, "sentence").text == f"Women mourn {said}."
    opened = supposed("mourn", [("Agent", "women"), ("Place", place)], None, [None, "place"])
    assert describe(opened, "sentence").text == f"Women mourn {said}."


@pytest.mark.parametrize("part", ["Arrest-Jail", "arrest-jail", "ARREST-JAIL"])
def test_the_last_part_of_a_type_is_enough(part):
    assert supposed(part, [], NEWS).template is NEWS["Justice:Arrest-Jail"]
    assert NEWS.meant(part) is NEWS["Justice:Arrest-Jail"]
    assert NEWS.find(part) is None


def test_the_last_part_of_two_types_is_refused_and_a_whole_name_goes_first():
    one = {"gerund": "holding", "sentences": ["{Agent} <hold> on"], "roles": {"Agent": {"kinds": ["person"]}}}
    twice = parse_ontology({"name": "two", "events": {"Display:Hold": one, "Prison:Hold": one}}, "two")
    assert twice.meant("Hold") is None
    with pytest.raises(UnsayableError, match=r"did you mean '(Display|Prison):Hold'"):
        supposed("Hold", [], twice)
    three = parse_ontology({"name": "three", "events": {"Display:Hold": one, "Hold": one}}, "three")
    assert three.meant("hold") is three["Hold"]
    assert three.meant("d") is None
