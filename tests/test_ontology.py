"""The news ontology against its printed list, and what an ontology file is refused for."""

import re
import tomllib
from itertools import product
from pathlib import Path

import networkx as nx
import pytest

import templates
from templates import OntologyError, load_ontology

NEWS = {
    "Attacker Target Instrument Place": "Conflict:Attack",
    "Demonstrator Police Instrument Place": "Conflict:Demonstrate",
    "Agent Artifact Vehicle Instrument Origin Destination": "Movement:Transport",
    "Participant Place": "Contact:Meet Contact:Gather Life:Worship",
    "Participant Instrument Place": "Contact:Phone-Write",
    "Speaker Audience Instrument Place": "Contact:Speech",
    "Agent Victim Instrument Place": "Life:Die Life:Injure",
    "Person Place": "Life:Be-Born Life:Marry Life:Divorce",
    "Mourner Deceased Place": "Life:Mourn",
    "Participant Honoree Place": "Life:Celebrate",
    "Wearer Item": "Life:Wear",
    "Agent Person Instrument Place": "Justice:Arrest-Jail",
    "Agent Person Place": "Justice:Release-Parole Justice:Execute",
    "Prosecutor Defendant Adjudicator Place": "Justice:Trial-Hearing Justice:Charge-Indict",
    "Adjudicator Defendant Place": "Justice:Convict Justice:Sentence Justice:Acquit Justice:Pardon Justice:Fine",
    "Plaintiff Defendant Adjudicator Place": "Justice:Sue",
    "Plaintiff Adjudicator Place": "Justice:Appeal",
    "Agent Person Origin Destination": "Justice:Extradite",
    "Agent Target Instrument Place": "Justice:Investigate Security:Guard Hygiene:Clean Research:Study",
    "Person Organization Place": "Personnel:Start-Position Personnel:End-Position",
    "Agent Person": "Personnel:Nominate",
    "Voter Person Place": "Personnel:Elect",
    "Giver Recipient Artifact Place": "Transaction:Transfer-Ownership",
    "Giver Recipient Money Place": "Transaction:Transfer-Money",
    "Organization Agent Place": "Business:Start-Org Business:End-Org Business:Merge-Org Business:Declare-Bankruptcy",
    "Target Instrument Place": "Disaster:Fire-Explosion",
    "Agent Vehicle Target Place": "Disaster:Crash",
    "Target Place": "Disaster:Natural",
    "Victim Place": "Disaster:Disease",
    "Agent Artifact Instrument Place": "Artifact:Destroy Artifact:Build",
    "Agent Patient Instrument Place": "Medical:Treat Medical:Vaccinate Medical:Test",
    "Agent Person Origin Place": "Assist:Rescue",
    "Agent Item Place": "Display:Hold",
    "Participant Opponent Instrument Place": "Contest:Compete",
    "Agent Instrument Target Place": "Labor:Work",
    "Agent Target Place": "Observe:Look",
}
ACE = """Life.Be-Born Life.Marry Life.Divorce Life.Injure Life.Die Movement.Transport Transaction.Transfer-Ownership
Transaction.Transfer-Money Business.Start-Org Business.Merge-Org Business.Declare-Bankruptcy Business.End-Org
Conflict.Attack Conflict.Demonstrate Contact.Meet Contact.Phone-Write Personnel.Start-Position Personnel.End-Position
Personnel.Nominate Personnel.Elect Justice.Arrest-Jail Justice.Release-Parole Justice.Trial-Hearing
Justice.Charge-Indict Justice.Sue Justice.Convict Justice.Sentence Justice.Fine Justice.Execute Justice.Extradite
Justice.Acquit Justice.Appeal Justice.Pardon"""
ROLES = """Conflict:Demonstrate Entity Demonstrator; Conflict:Attack Victim Target; Contact:Meet entity Participant;
Transaction:Transfer-Ownership Buyer Recipient; Transaction:Transfer-Ownership Seller Giver; Life:Die PLACE Place;
Transaction:Transfer-Ownership Beneficiary Recipient; Transaction:Transfer-Money Beneficiary Recipient;
Contact:Phone-Write Entity Participant; Personnel:Start-Position Entity Organization; Personnel:Elect Entity Voter;
Justice:Release-Parole Entity Agent; Justice:Fine Entity Defendant; Business:Merge-Org Org Organization;
Justice:Arrest-Jail Detainee Person"""
KITCHEN = """name = "kitchen"
[events."Kitchen:Cook"]
gerund = "cooking"
aliases = ["Cooking.Cook"]
sentences = ["{Cook} <cook> {Dish} [with {Tool}]", "cooking [of {Dish}]"]
triggers = [{ lemmas = ["cook"], when = { Theme = { kinds = ["object"] } } }]
[events."Kitchen:Cook".roles]
Cook = { kinds = ["person"], aliases = ["Chef"], labels = ["Agent"] }
Dish = { kinds = ["object", "substance"], labels = ["Theme"] }
Tool = { kinds = ["object"], labels = ["Instrument"] }
[events."Kitchen:Fry"]
gerund = "frying"
aliases = ["Cooking.Fry"]
sentences = ["{Cook} <fry>"]
parent = "Kitchen:Cook"
near = ["Kitchen:Eat"]
roles = { Cook = { kinds = ["person"] } }
[events."Kitchen:Deep-Fry"]
gerund = "deep-frying"
sentences = ["deep-frying"]
parent = "Kitchen:Fry"
[events."Kitchen:Eat"]
gerund = "eating"
sentences = ["eating"]
"""
REFUSED = {
    "unknown key of a type": ('gerund = "cooking"', 'gerund = "cooking"\ncolour = 1', "colour"),
    "unknown key of a role": ('"person"], aliases', '"person"], colour = 1, aliases', "Cook.colour"),
    "unknown key of the file": ('name = "kitchen"', 'name = "kitchen"\ncolour = 1', "colour"),
    "no gerund": ('gerund = "cooking"\n', "", '"Kitchen:Cook".gerund'),
    "role that no sentence mentions": (" [with {Tool}]", "", "'Tool'"),
    "slot that is no role": ("{Dish} [with", "{Dish} {Guest} [with", "{Guest}"),
    "group never closed": ("{Tool}]", "{Tool}", "closed"),
    "group never opened": ("[with {Tool}]", "with {Tool}]", "closed"),
    "nested group": ("[with {Tool}]", "[with [a {Tool}]]", "nested"),
    "group without a slot": ("[with {Tool}]", "[with care] {Tool}", "[with care]"),
    "stray brace": ("{Tool}]", "{Tool}}]", "'}'"),
    "verb without a slot before it": ("{Cook} <cook> {Dish}", "<cook> {Cook} {Dish}", "<cook>"),
    "verb of two words": ("<cook>", "<cook up>", "<cook up>"),
    "alias of two roles": ('labels = ["Theme"]', 'labels = ["Theme"], aliases = ["Chef"]', "'Chef'"),
    "alias that is another role": ('aliases = ["Chef"]', 'aliases = ["Tool"]', "'Tool'"),
    "alias of two roles in another case": (
        'labels = ["Theme"]',
        'labels = ["Theme"], aliases = ["CHEF"]',
        "Kitchen:Cook",
    ),
    "alias of two types": ('"Cooking.Fry"', '"cooking.cook"', "'Kitchen:Cook'"),
    "alias that is another type": ('"Cooking.Fry"', '"Kitchen:Eat"', "'Kitchen:Eat'"),
    "a name that is not the key": ('gerund = "cooking"', 'gerund = "cooking"\nname = "Garden:Dig"', "name"),
    "near to no type": ('near = ["Kitchen:Eat"]', 'near = ["Kitchen:Sleep"]', "'Kitchen:Sleep'"),
    "near to itself": ('near = ["Kitchen:Eat"]', 'near = ["Kitchen:Fry"]', "'Kitchen:Fry'"),
    "parent that is no type": ('parent = "Kitchen:Fry"', 'parent = "Kitchen:Sleep"', "'Kitchen:Sleep'"),
    "parents in a circle": ('parent = "Kitchen:Cook"', 'parent = "Kitchen:Deep-Fry"', "Kitchen:Deep-Fry"),
    "symmetric group of no role": ('near = ["Kitchen:Eat"]', 'symmetric = [["Cook", "Guest"]]', "'Guest'"),
    "trigger that a role without labels cannot use": (', labels = ["Instrument"]', "", "'Tool'"),
    "trigger without lemmas": ('lemmas = ["cook"]', "lemmas = []", "triggers.0.lemmas"),
    "unknown label of a role": ('labels = ["Agent"]', 'labels = ["Boss"]', "Cook.labels"),
    "unknown label of a condition": ("Theme = { kinds", "Boss = { kinds", "'Boss'"),
    "empty condition": ('Theme = { kinds = ["object"] }', "Theme = {}", "when.Theme"),
    "unknown entity kind": ('"object", "substance"', '"object", "food"', "Dish.kinds.1"),
    "role without kinds": ('"object", "substance"', "", "Dish.kinds"),
}


def write(folder: Path, text: str) -> Path:
    path = folder / "kitchen.toml"
    path.write_text(text, encoding="utf-8")
    return path


def without_groups(sentence: str) -> str:
    return re.sub(r"\[[^\]]*\]", "", sentence)


def test_news_has_the_57_types_of_the_design_with_their_roles_in_order():
    design = {name: roles.split() for roles, names in NEWS.items() for name in names.split()}
    assert len(design) == 57
    assert {name: list(event.roles) for name, event in load_ontology().events.items()} == design


@pytest.mark.parametrize("name", [name for names in NEWS.values() for name in names.split()])
def test_a_news_type_can_say_each_role_and_can_be_said_with_none_filled(name):
    event = load_ontology()[name]
    assert all(any("{" + role + "}" in sentence for sentence in event.sentences) for role in event.roles)
    assert "{" not in without_groups(event.sentences[-1])
    assert all("{" in without_groups(sentence) for sentence in event.sentences[:-1]), "a later one is never reached"


def test_each_of_ace_s_33_types_is_found_by_its_dotted_name():
    found = {name: load_ontology().find(name).name for name in ACE.split()}
    assert len(found) == 33
    assert found == {name: name.replace(".", ":") for name in ACE.split()}


@pytest.mark.parametrize("name", ["conflict.attack", "CONFLICT:ATTACK", "Conflict.Attack.Unspecified"])
def test_a_type_is_found_in_any_case_and_by_other_ontologies_names(name):
    assert load_ontology().find(name) is load_ontology()["Conflict:Attack"]


def test_what_is_not_there_is_not_found():
    assert load_ontology().find("Conflict.Embrace") is None
    assert load_ontology()["Life:Marry"].role("Attacker") is None


@pytest.mark.parametrize(("name", "other", "role"), [line.split() for line in ROLES.split(";")])
def test_a_role_is_found_by_its_ace_or_kairos_name(name, other, role):
    assert load_ontology()[name].role(other) == role


def test_a_user_s_own_file_loads_as_it_is_written(tmp_path):
    kitchen, written = load_ontology(write(tmp_path, KITCHEN)), tomllib.loads(KITCHEN)
    assert kitchen.name == "kitchen"
    assert list(kitchen.events) == list(written["events"])
    assert kitchen["Kitchen:Cook"].sentences == ("{Cook} <cook> {Dish} [with {Tool}]", "cooking [of {Dish}]")
    assert kitchen["Kitchen:Cook"].roles["Dish"].kinds == ("object", "substance")
    assert kitchen["Kitchen:Cook"].triggers[0].when["Theme"].kinds == ("object",)
    assert kitchen["Kitchen:Cook"].role("chef") == "Cook"
    assert kitchen.ancestors("Kitchen:Deep-Fry") == ("Kitchen:Fry", "Kitchen:Cook")
    assert load_ontology(kitchen) is kitchen


def test_a_changed_file_is_read_again(tmp_path):
    load_ontology(write(tmp_path, KITCHEN))
    assert load_ontology(write(tmp_path, KITCHEN.replace('"kitchen"', '"canteen"'))).name == "canteen"


@pytest.mark.parametrize("source", ["news", "own"])
def test_compatible_is_same_near_either_way_or_ancestor_and_symmetric(source, tmp_path):
    path = write(tmp_path, KITCHEN) if source == "own" else Path(templates.__file__).with_name("news.toml")
    ontology = load_ontology(path)
    events = tomllib.loads(path.read_text(encoding="utf-8"))["events"]
    near = nx.Graph((name, other) for name, event in events.items() for other in event.get("near", ()))
    parents = nx.DiGraph((name, event["parent"]) for name, event in events.items() if "parent" in event)
    parents.add_nodes_from(events)
    for a, b in product(events, repeat=2):
        related = near.has_edge(a, b) or nx.has_path(parents, a, b) or nx.has_path(parents, b, a)
        assert ontology.compatible(a, b) == ontology.compatible(b, a) == related, (a, b)


@pytest.mark.parametrize("fault", REFUSED)
def test_a_faulty_file_is_refused_with_its_path_the_type_and_the_fault(fault, tmp_path):
    old, new, place = REFUSED[fault]
    assert KITCHEN.count(old) == 1
    with pytest.raises(OntologyError) as error:
        load_ontology(write(tmp_path, KITCHEN.replace(old, new)))
    assert str(tmp_path / "kitchen.toml") in str(error.value)
    assert place in str(error.value)
    assert "Kitchen:" in str(error.value) or fault == "unknown key of the file"


def test_every_fault_of_a_file_is_named_at_once(tmp_path):
    text = KITCHEN.replace('"object", "substance"', '"object", "food"').replace('gerund = "eating"', "")
    with pytest.raises(OntologyError, match=r'(?s)Dish\.kinds\.1.*"Kitchen:Eat"\.gerund'):
        load_ontology(write(tmp_path, text))


def test_broken_toml_names_its_line(tmp_path):
    line = KITCHEN.splitlines().index('Cook = { kinds = ["person"], aliases = ["Chef"], labels = ["Agent"] }') + 1
    with pytest.raises(OntologyError, match=rf"kitchen\.toml: .*line {line}\b"):
        load_ontology(write(tmp_path, KITCHEN.replace("Cook = { kinds", "Cook = = { kinds")))


def test_a_file_without_types_or_that_is_not_utf_8_or_not_there_is_refused_by_name(tmp_path):
    (tmp_path / "latin.toml").write_bytes('name = "Küche"'.encode("latin-1"))
    (tmp_path / "void.toml").write_text('name = "void"\nevents = {}')
    for name in ("latin.toml", "void.toml", "missing.toml"):
        with pytest.raises(OntologyError, match=name):
            load_ontology(tmp_path / name)


@pytest.mark.parametrize("name", ["sports", "typical"])  # typical.toml ships too, and is a list of words
def test_an_unknown_shipped_name_lists_the_shipped_ones(name):
    with pytest.raises(OntologyError, match=f"no ontology '{name}': give one of 'news', 'open', or"):
        load_ontology(name)


def test_a_folder_of_the_same_name_does_not_hide_a_shipped_ontology(tmp_path, monkeypatch):
    (tmp_path / "news").mkdir()
    monkeypatch.chdir(tmp_path)
    assert len(load_ontology("news").events) == 57
