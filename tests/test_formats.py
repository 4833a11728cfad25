"""Ontologies in other people's JSON: imSitu's verb space, ACE and KAIROS role lists."""

import json
import re

import pytest

from templates import OntologyError, load_ontology, read_imsitu, read_ontology, read_role_json

KINDS = {"person", "organization", "place", "object", "vehicle", "weapon", "animal", "substance", "event", "time"}
KINDS |= {"abstract"}


def verb(abstract: str, *order: str) -> dict:
    roles = {role: {"framenet": role, "def": f"the {role}"} for role in sorted(order)}
    return {"framenet": "Some_frame", "abstract": abstract, "def": "do it", "order": list(order), "roles": roles}


IMSITU = {
    "nouns": {"n10787470": {"gloss": ["woman", "adult female"], "def": "an adult female person"}},
    "verbs": {
        "tattooing": verb("an AGENT tattoos a TARGET with a TOOL in a PLACE", "agent", "tool", "target", "place"),
        "clinging": verb("an AGENT clings to the CLUNGTO at a PLACE", "agent", "clungto", "place"),
        "carrying": verb("The AGENT carries the ITEM on a TV show.", "agent", "item", "agentpart", "place"),
        "biting": verb("the AGENT bites [the] {VICTIM}", "agent", "victim"),
    },
}
KAIROS = {
    "Conflict.Attack.Unspecified": {
        "event_id": "LDC_KAIROS_evt_012",
        "template": "<arg1> attacked <arg2> using <arg3> at <arg4> place",
        "i-label": 12,
        "keywords": ["attack", "war"],
        "roles": ["Attacker", "Target", "Instrument", "Place"],
        "role_types": [["per", "org"], ["loc", "gpe"], ["com"], ["loc"]],
    },
    "Conflict.Attack.DetonateExplode": {
        "template": "<arg1> detonated <arg4> using <arg3> to attack <arg2> at <arg5> place",
        "roles": ["Attacker", "Target", "Instrument", "ExplosiveDevice", "Place"],
    },
    "Medical.Vaccinate.Unspecified": {"template": "<arg1> vaccinated <arg2>", "roles": ["Treater", "Patient", "Place"]},
}
MEET = {"template": "<arg1> met with <arg2> in <arg3> place", "roles": ["Entity", "Entity", "Place"]}
"""Contact:Meet as gen-arg's event_role_ACE.json has it."""


def write(folder, data, name="roles.json"):
    path = folder / name
    path.write_text(data if isinstance(data, str) else json.dumps(data), encoding="utf-8")
    return path


def slots(sentence: str) -> list[str]:
    return re.findall(r"\{(.*?)\}", sentence)


def test_imsitu_verbs_become_types_with_roles_in_imsitu_s_order(tmp_path):
    space = read_imsitu(write(tmp_path, IMSITU, "imsitu_space.json"))
    assert {name: list(event.roles) for name, event in space.events.items()} == {
        name: entry["order"] for name, entry in IMSITU["verbs"].items()
    }


@pytest.mark.parametrize(
    ("name", "sentence"),
    [
        ("tattooing", "{agent} tattoos {target} [with {tool}] [in {place}]"),
        ("clinging", "{agent} clings [to {clungto}] [at {place}]"),
        ("biting", "{agent} bites {victim}"),
    ],
)
def test_an_abstract_becomes_a_sentence_without_articles_whose_prepositions_may_vanish(name, sentence, tmp_path):
    assert read_imsitu(write(tmp_path, IMSITU))[name].sentences[0] == sentence


def test_an_article_goes_with_its_slot_in_capitals_too(tmp_path):
    assert read_imsitu(write(tmp_path, IMSITU))["carrying"].sentences[0].startswith("{agent} carries {item} ")


def test_an_abstract_s_capitals_that_are_no_role_stay_and_roles_it_leaves_out_are_said(tmp_path):
    first, second = read_imsitu(write(tmp_path, IMSITU))["carrying"].sentences
    assert "on a TV show" in first
    assert sorted(slots(first)) == sorted(slots(second)) == ["agent", "agentpart", "item", "place"]


@pytest.mark.parametrize("name", IMSITU["verbs"])
def test_an_imsitu_verb_can_be_said_with_no_role_filled(name, tmp_path):
    last = read_imsitu(write(tmp_path, IMSITU))[name].sentences[-1]
    assert re.sub(r"\s*\[[^\]]*\]", "", last) == name


def test_imsitu_roles_take_every_kind_and_the_argument_label_of_their_name(tmp_path):
    roles = read_imsitu(write(tmp_path, IMSITU))["tattooing"].roles
    assert all(set(role.kinds) == KINDS for role in roles.values())
    labels = {"agent": ("Agent",), "tool": ("Instrument",), "target": ("Theme",), "place": ("Place",)}
    assert {name: role.labels for name, role in roles.items()} == labels


@pytest.mark.parametrize(("name", "lemma"), [("tattooing", "tattoo"), ("clinging", "cling"), ("biting", "bite")])
def test_an_imsitu_verb_s_trigger_is_its_base_form(name, lemma, tmp_path):
    assert [trigger.lemmas for trigger in read_imsitu(write(tmp_path, IMSITU))[name].triggers] == [(lemma,)]


def test_kairos_numbers_stand_for_the_roles_in_order(tmp_path):
    roles = read_role_json(write(tmp_path, KAIROS))
    attack, explode = roles["Conflict.Attack.Unspecified"], roles["Conflict.Attack.DetonateExplode"]
    assert list(attack.roles) == ["Attacker", "Target", "Instrument", "Place"]
    assert slots(attack.sentences[0]) == ["Attacker", "Target", "Instrument", "Place"]
    assert slots(explode.sentences[0]) == ["Attacker", "ExplosiveDevice", "Instrument", "Target", "Place"]
    assert " attacked " in attack.sentences[0]


def test_a_role_that_a_kairos_template_leaves_out_is_said_by_another_sentence(tmp_path):
    event = read_role_json(write(tmp_path, KAIROS))["Medical.Vaccinate.Unspecified"]
    assert slots(event.sentences[0]) == ["Treater", "Patient"]
    assert {slot for sentence in event.sentences for slot in slots(sentence)} == {"Treater", "Patient", "Place"}


def test_a_role_listed_twice_is_one_role_and_the_numbers_still_point_where_they_did(tmp_path):
    event = read_role_json(write(tmp_path, {"Contact:Meet": MEET}))["Contact:Meet"]
    assert list(event.roles) == ["Entity", "Place"]
    assert re.sub(r"\s+", " ", event.sentences[0]).endswith("in {Place} place")


@pytest.mark.parametrize("number", [0, 9])
def test_a_number_that_no_role_has_fills_no_slot(number, tmp_path):
    data = {"Life.Die": {"template": f"<arg1> killed <arg{number}>", "roles": ["Killer", "Victim"]}}
    assert slots(read_role_json(write(tmp_path, data))["Life.Die"].sentences[0]) == ["Killer"]


@pytest.mark.parametrize(
    ("name", "gerund"),
    [
        ("Conflict.Attack.Unspecified", "attack"),
        ("life.die.n/a", "die"),
        ("Justice:Arrest-Jail", "arrest jail"),
        ("Conflict.Attack.DetonateExplode", "detonate explode"),
    ],
)
def test_a_role_list_s_type_is_called_by_the_last_part_of_its_name(name, gerund, tmp_path):
    assert read_role_json(write(tmp_path, {name: ["Agent"]}))[name].gerund == gerund


@pytest.mark.parametrize(("name", "other"), [("Life.Die", "Life:Die"), ("Life:Die", "Life.Die")])
def test_ace_s_two_spellings_of_a_type_find_each_other(name, other, tmp_path):
    assert read_role_json(write(tmp_path, {name: ["Victim", "Place"]})).find(other).name == name


def test_roles_may_be_a_list_or_an_object_with_kinds_or_null(tmp_path):
    data = {"Life.Die": ["Victim", "Place"], "Life.Marry": {"Person": ["Person"], "Place": None}}
    found = read_role_json(write(tmp_path, data))
    assert list(found["Life.Die"].roles) == ["Victim", "Place"]
    assert found["Life.Marry"].roles["Person"].kinds == ("person",)
    assert set(found["Life.Marry"].roles["Place"].kinds) == KINDS


def test_an_entity_kind_of_another_ontology_does_not_narrow_a_role_to_the_rest(tmp_path):
    kinds = read_role_json(write(tmp_path, {"Conflict.Attack": {"Attacker": ["person", "GPE"]}}))
    assert {"person", "place"} <= set(kinds["Conflict.Attack"].roles["Attacker"].kinds)


def test_read_ontology_tells_the_forms_apart(tmp_path):
    toml = tmp_path / "own.toml"
    toml.write_text('name = "own"\n[events.Sleep]\ngerund = "sleeping"\nsentences = ["sleeping"]\n')
    assert list(read_ontology(write(tmp_path, IMSITU, "imsitu_space.json")).events) == list(IMSITU["verbs"])
    assert list(read_ontology(str(write(tmp_path, KAIROS))).events) == list(KAIROS)
    assert list(read_ontology(toml).events) == ["Sleep"]
    assert read_ontology("news").events == load_ontology("news").events


@pytest.mark.parametrize(
    ("data", "place"),
    [
        ("", "not valid JSON"),
        ('{"Life.Die": [', "line 1"),
        ("{}", "object"),
        (["Life.Die"], "object"),
        ({"Life.Die": 5}, "Life.Die"),
        ({"Life.Die": None}, "Life.Die"),
        ({"Life.Die": ["Victim", 5]}, "Life.Die"),
        ({"Life.Die": {"Victim": "person"}}, "Life.Die"),
        ({"Life.Die": {"Victim": [5]}}, "Life.Die"),
        ({"Life.Die": {"template": "<arg1> died {there}", "roles": ["Victim"]}}, "Life.Die"),
        ({"Life.Die": ["Victim"], "life:die": ["Victim"]}, "life:die"),
        ({"verbs": {}}, "verbs"),
        ({"verbs": ["biting"]}, "verbs"),
        ({"verbs": {"biting": None}}, "biting"),
        ({"verbs": {"biting": {"roles": {"agent": {}}}}}, "biting"),
        ({"verbs": {"biting": {"abstract": "AGENT bites"}}}, "biting"),
        ({"verbs": {"biting": {"abstract": "AGENT bites", "roles": {"agent": {}}, "order": "agent"}}}, "biting"),
    ],
)
def test_json_of_no_known_form_is_refused_with_its_path_and_the_entry(data, place, tmp_path):
    path = write(tmp_path, data, "odd.json")
    with pytest.raises(OntologyError) as error:
        read_ontology(path)
    assert str(path) in str(error.value)
    assert place in str(error.value)


@pytest.mark.parametrize("read", [read_ontology, read_imsitu, read_role_json])
def test_a_missing_json_file_is_named(read, tmp_path):
    with pytest.raises(OntologyError, match=r"missing\.json"):
        read(tmp_path / "missing.json")
