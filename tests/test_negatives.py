"""Hard negatives, kind by kind: each is checked against the true statement by brute force over random ontologies."""

import tomllib
from collections import Counter
from itertools import combinations
from pathlib import Path
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from test_describe import NEWS, stated
from worlds import LEMMA, ROLES, ontologies, ontology_of, statements, told, worlds

import templates
from templates.confusable import Confusable, likeness
from templates.corpus import Corpus
from templates.negatives import KINDS, World
from templates.statement import statement
from templates.synonyms import alike, head, is_wide

TABLE = tomllib.loads((Path(templates.__file__).parent / "synonyms.toml").read_text(encoding="utf-8"))
SETTINGS = settings(deadline=None, max_examples=50)


def negatives(kind, ontology, records):
    """(record, true, false) for some draws of every event."""
    corpus = Corpus(statements(records, ontology))
    confusable = Confusable(ontology, corpus)
    for record in records:
        world = World(confusable, frozenset(event.type for event in record.events))
        for event in record.events:
            true = statement(record, event, ontology)
            found = (KINDS[kind](true, Random(seed), world) for seed in range(4))
            yield from ((record, true, false) for false in found if false)


def by_place(one):
    return {slot.end: slot for slot in one.slots}


@SETTINGS
@given(worlds())
def test_a_role_swap_moves_fillers_where_their_kind_may_be_and_never_between_symmetric_roles_or_equal_words(made):
    for _, true, false in negatives("role", *made):
        before, after = by_place(true), by_place(false)
        moves = {(before[at].role, after[at].role) for at in before if before[at].role != after[at].role}
        assert before.keys() == after.keys()
        assert false.template == true.template
        assert len(moves) in (2, 3)
        assert {old for old, _ in moves} == {new for _, new in moves}
        for old, new in moves:
            assert not any(old in group and new in group for group in true.template.symmetric)
            assert not {s.phrase.text.lower() for s in true.of(old)} & {s.phrase.text.lower() for s in true.of(new)}
            assert all(slot.entity in true.template.roles[new].kinds for slot in true.of(old))


@SETTINGS
@given(worlds())
def test_negatives_that_no_text_is_to_quote_are_the_same_without_edits(made):
    ontology, records = made
    confusable = Confusable(ontology, Corpus(statements(records, ontology)))
    for true in statements(records, ontology):
        draws = [Random(0), Random(0)]
        told = [World(confusable, quoted=quoted) for quoted in (True, False)]
        for kind in [*KINDS.values()] * 2:
            quoted, plain = (kind(true, draw, world) for draw, world in zip(draws, told, strict=True))
            assert (quoted is None) == (plain is None)
            if quoted and plain:
                assert (plain.template, plain.slots) == (quoted.template, quoted.slots)
                assert plain.edits is plain.words is None


@SETTINGS
@given(worlds())
def test_an_event_negative_is_compatible_with_nothing_the_caption_states_and_holds_the_same_fillers(made):
    ontology, records = made
    for record, true, false in negatives("event", ontology, records):
        assert not any(ontology.compatible(false.template.name, event.type) for event in record.events)
        assert [slot.phrase for slot in false.slots] == [slot.phrase for slot in true.slots]
        for slot in false.slots:
            assert slot.entity in false.template.roles[slot.role].kinds
        for old, new in combinations(zip(true.slots, false.slots, strict=True), 2):
            assert (old[0].role == new[0].role) == (old[1].role == new[1].role), "a role is moved as a whole"


@pytest.mark.parametrize("kind", ["filler", "instrument", "place"])
@SETTINGS
@given(made=worlds())
def test_a_replaced_filler_keeps_role_and_kind_and_is_no_word_of_the_caption_and_no_synonym(kind, made):
    ontology, records = made
    corpus = {(s.role, s.entity, s.phrase.text) for one in statements(records, ontology) for s in one.slots}
    for record, true, false in negatives(kind, ontology, records):
        before, after = by_place(true), by_place(false)
        changed = [at for at in after if after[at].phrase.text != before[at].phrase.text]
        assert before.keys() == after.keys()
        assert changed == [at for at in before if before[at].role == "Place"] if kind == "place" else len(changed) == 1
        assert false.template == true.template
        for old, new in ((before[at], after[at]) for at in changed):
            assert (new.role, new.entity) == (old.role, old.entity)
            assert (new.role, new.entity, new.phrase.text) in corpus
            assert new.phrase.text.lower() not in record.caption.lower().rstrip(".").split()
            assert LEMMA[new.phrase.text] != LEMMA[old.phrase.text]
            assert not any({LEMMA[new.phrase.text], LEMMA[old.phrase.text]} <= set(group) for group in TABLE["groups"])
            assert (old.role == "Place", old.role == "Instrument") == (kind == "place", kind == "instrument")


SWAP = ontology_of(**{"C:Hit": {"Agent": "person", "Target": "person vehicle", "symmetric": []}})
EQUAL = ontology_of(**{"C:Play": {"Agent": "person", "Target": "person", "symmetric": [["Agent", "Target"]]}})


@pytest.mark.parametrize(
    ("ontology", "target", "possible"),
    [(SWAP, "nurses", True), (SWAP, "car", False), (SWAP, "Farmer", False), (EQUAL, "nurses", False)],
)
def test_two_people_change_roles_and_a_car_or_an_equal_word_or_a_symmetric_role_does_not(ontology, target, possible):
    (name,) = ontology.events
    record = told(1, (name, "act", (("Agent", "farmer"), ("Target", target))))
    found = [
        tuple(slot.phrase.text for slot in (*false.of("Agent"), *false.of("Target")))
        for *_, false in negatives("role", ontology, [record])
    ]
    assert found == [("nurses", "farmer")] * 4 * possible


def test_fillers_moved_on_say_something_false_too_and_not_that_players_play_each_other():
    record = told(1, ("C:Play", "act", (("Agent", "farmer"), ("Target", "nurses"))))
    assert not list(negatives("rotate", EQUAL, [record])), "both roles are symmetric: their exchange is true as well"


@pytest.mark.parametrize("kind", ["role", "filler", "instrument"])
def test_a_filler_of_unknown_kind_is_left_alone(kind):
    ontology = ontology_of(**{"C:Hit": dict.fromkeys(ROLES, "person place")})
    fillers = [("Agent", "somewhat"), ("Target", "gizmo"), ("Place", "nowhere"), ("Instrument", "widget")]
    records = [told(n, ("C:Hit", "act", tuple((role, text + "x" * n) for role, text in fillers))) for n in range(4)]
    assert not list(negatives(kind, ontology, records))


def replaced(old, news, beside=""):
    """What `old` becomes where the corpus has each of `news` in the same role."""
    ontology = ontology_of(**{"C:Hit": {"Agent": "person", "Target": "person", "Place": "place"}})
    records = [told(9, ("C:Hit", "act", (("Agent", old), *((("Agent", beside),) if beside else ()))))]
    records += [told(number, ("C:Hit", "act", (("Agent", new),))) for number, new in enumerate(news)]
    for record in records:
        for argument in record.events[0].arguments:
            argument.entity = "person"
    one, corpus = statement(records[0], records[0].events[0], ontology), Corpus(statements(records, ontology))
    world = World(Confusable(ontology, corpus))
    found = [KINDS["filler"](one, Random(seed), world) for seed in range(60)]
    return {slot.phrase.text for false in found if false for slot in false.slots} - {old, beside}


def test_synonyms_wide_words_shared_words_and_another_number_replace_nothing():
    news = ["troops", "officers", "people", "young soldiers", "farmer", "farmers", "nurses"]
    assert replaced("soldiers", news) == {"farmers", "nurses"}


def test_a_word_that_the_caption_mentions_in_another_phrase_replaces_nothing():
    assert replaced("nurses", ["farmers", "migrant families"], beside="poor families") == {"farmers"}


def test_a_synonym_of_another_filler_of_the_role_replaces_nothing():
    assert replaced("farmers", ["bakers", "officers"], beside="police") <= {"bakers"}, "police are officers"


def test_a_place_is_not_replaced_by_the_country_it_lies_in():
    ontology = ontology_of(**{"C:Hit": {"Place": "place"}})
    fillers = ["Kyiv Lviv", "Kyiv", "Lviv", "Rome"]
    records = [told(n, ("C:Hit", "act", tuple(("Place", w) for w in words.split()))) for n, words in enumerate(fillers)]
    pairs = [(true.slots[0], false.slots[0]) for _, true, false in negatives("place", ontology, records)]
    found = {(old.phrase.text, new.phrase.text) for old, new in pairs}
    assert found <= {("Kyiv", "Rome"), ("Lviv", "Rome"), ("Rome", "Kyiv"), ("Rome", "Lviv")}
    assert ("Kyiv", "Rome") in found


@SETTINGS
@given(st.data())
def test_the_open_ontology_uses_verbs_of_the_corpus_with_the_same_roles_and_no_synonym(data):
    verb = st.sampled_from([*(verb for group in TABLE["verbs"] for verb in group), "juggle", "knit"])
    verbs = data.draw(st.lists(verb, min_size=2))
    roles = [data.draw(st.lists(st.sampled_from(("Agent", "Theme")), unique=True)) for _ in verbs]
    words = {"Agent": "farmer", "Theme": "gun"}
    records = [
        told(number, (verb, "act", tuple((role, words[role]) for role in filled)))
        for number, (verb, filled) in enumerate(zip(verbs, roles, strict=True))
    ]
    seen = {(verb, frozenset(filled)) for verb, filled in zip(verbs, roles, strict=True)}
    for _, true, false in negatives("event", None, records):
        new, old = false.template.name, true.template.name
        assert (new, frozenset(true.roles)) in seen
        assert new != old
        assert not any({new, old} <= set(group) for group in TABLE["verbs"])


def test_an_open_verb_with_its_particle_is_not_replaced_by_its_synonyms():
    verbs = ["sit down", "sit", "rest", "knit"]
    records = [told(n, (verb, "act", (("Agent", "farmer"),))) for n, verb in enumerate(verbs)]
    found = [(true.template.name, false.template.name) for _, true, false in negatives("event", None, records)]
    assert {new for old, new in found if old == "sit down"} <= {"knit"}


def chi_square(found: Counter, expected: dict) -> float:
    total = sum(expected.values())
    wanted = {name: sum(found.values()) * share / total for name, share in expected.items()}
    assert found.keys() <= wanted.keys()
    return sum((found[name] - number) ** 2 / number for name, number in wanted.items())


def test_fillers_are_drawn_as_often_as_the_corpus_has_them():
    ontology, counts = ontology_of(**{"C:Hit": {"Agent": "person"}}), {"farmer": 60, "lawyer": 30, "baker": 10}
    words = [word for word, number in counts.items() for _ in range(number)] + ["Obama"] * 50
    corpus = Corpus(statements([told(n, ("C:Hit", "act", (("Agent", w),))) for n, w in enumerate(words)], ontology))
    (like,) = statements([told("x", ("C:Hit", "act", (("Agent", "farmer"),)))], ontology)[0].slots
    draw = Random(1)
    found = Counter(corpus.filler(like, draw).phrase.text for _ in range(4000))
    assert chi_square(found, counts) < 13.8  # two degrees of freedom, p = 0.001


def test_over_the_corpus_each_type_is_drawn_about_as_often_as_it_is_true():
    counts = {"C:A": 30, "C:B": 20, "D:C": 40, "D:D": 30}
    ontology = ontology_of(**{name: {"Agent": "person"} for name in counts})
    names = [name for name, many in counts.items() for _ in range(many)]
    told_all = statements([told(n, (name, "act", (("Agent", "farmer"),))) for n, name in enumerate(names)], ontology)
    chosen, draw = Confusable(ontology, Corpus(told_all)), Random(2)
    found = Counter(t.name for one in told_all for t in chosen.draw(one, frozenset(), draw, 50))
    for name, many in counts.items():
        assert found[name] / 50 == pytest.approx(many, rel=0.1)


def test_a_model_s_confusions_say_which_types_are_drawn():
    ontology = ontology_of(**{name: {"Agent": "person"} for name in ("C:A", "C:B", "D:C", "D:D")})
    (one,) = statements([told(0, ("C:A", "act", (("Agent", "farmer"),)))], ontology)
    weights = {("C:A", "C:B"): 1.0, ("C:A", "D:C"): 0.5, ("C:B", "D:D"): 1.0, ("D:C", "D:D"): 1.0, ("D:D", "C:A"): 1.0}
    chosen = Confusable(ontology, Corpus(), weights)
    assert {t.name for t in chosen.draw(one, frozenset(), Random(0), 200)} == {"C:B", "D:C"}
    assert {t.name for t in chosen.draw(one, frozenset({"C:B"}), Random(0), 200)} == {"D:C"}
    assert chosen.draw(one, frozenset({"C:B", "D:C"}), Random(0), 200) == []


@SETTINGS
@given(ontologies())
def test_likeness_is_symmetric_within_0_and_1_and_greatest_for_the_type_itself(ontology):
    for first, second in combinations(ontology.events.values(), 2):
        assert 0 <= likeness(first, second) == likeness(second, first) <= likeness(first, first) <= 1


def test_words_are_alike_where_a_group_holds_both():
    words = sorted({word for group in TABLE["groups"] for word in group})
    for first in words[::7]:
        assert alike("groups", first) == {w for w in words if any(first in g and w in g for g in TABLE["groups"])}
    assert alike("groups", "juggler") == frozenset()
    assert is_wide("angry young people")
    assert not is_wide("people carrier")


PLURALS = """cops:cop survivors:survivor peacekeepers:peacekeeper insurgents:insurgent jihadists:jihadist
gendarmes:gendarme congressmen:congressman warheads:warhead headscarves:headscarf soldiers:soldier
armies:army children:child policewomen:policewoman minibuses:minibus cameramen:cameraman"""


@pytest.mark.parametrize("pair", PLURALS.split())
def test_the_head_of_a_plural_is_its_word_as_the_groups_write_it(pair):
    plural, singular = pair.split(":")
    assert any(singular in group for group in TABLE["groups"])
    assert head(f"three {plural}") == head(f"a {singular}") == singular


def test_peacekeepers_are_not_replaced_by_soldiers_nor_a_cameraman_by_a_journalist():
    assert replaced("peacekeepers", ["soldiers", "farmers"]) == {"farmers"}
    assert replaced("cameraman", ["journalist", "farmer"]) == {"farmer"}


def found(kind: str, marked: str, event_type: str, others: tuple[str, ...] = ()) -> list:
    """Negatives of a marked caption by 40 draws, in a corpus of it, of others of its type, and of two more types."""
    true = stated(marked, event_type)
    more = [stated("(Pilots|Participant|person) <meet>.", "Contact:Meet")]
    more += [stated("(Pilots|Participant|person) <celebrate>.", "Life:Celebrate")]
    corpus = Corpus([true, *more, *(stated(other, event_type) for other in others)])
    world = World(Confusable(NEWS, corpus))
    made = (KINDS[kind](true, Random(seed), world) for seed in range(40))
    return [one for one in made if one]


def test_nobody_meets_alone_in_a_negative():
    one = found("event", "A (nurse|Attacker|person) <fights> in Kyiv.", "Conflict:Attack")
    several = found("event", "(Nurses|Attacker|person) <fight> in Kyiv.", "Conflict:Attack")
    assert one
    assert "Contact:Meet" not in {wrong.template.name for wrong in one}
    assert "Contact:Meet" in {wrong.template.name for wrong in several}


@pytest.mark.parametrize(("verb", "swapped"), [("attack", True), ("clash with", False), ("battle", False)])
def test_what_both_sides_do_is_exchanged_between_none(verb, swapped):
    marked = f"(Police|Attacker|person) <{verb.split()[0]}> {' '.join(verb.split()[1:])} (miners|Target|person)."
    assert bool(found("role", marked, "Conflict:Attack")) is swapped


def test_a_caption_of_a_clash_is_not_edited_but_its_event_is_exchanged():
    marked = "(Police|Police|person) clash with (miners|Demonstrator|person) during a <protest>."
    made = found("role", marked, "Conflict:Demonstrate")
    assert made
    assert {one.edits for one in made} == {None}


def test_a_protester_takes_nobodys_place_in_a_protest():
    others = ("(Protesters|Demonstrator|person) <march>.", "(Bakers|Demonstrator|person) <march>.")
    made = found("filler", "(Miners|Demonstrator|person) <march>.", "Conflict:Demonstrate", others)
    assert {one.of("Demonstrator")[0].phrase.text for one in made} == {"bakers"}


def test_a_crowd_of_people_is_said_to_do_nothing_else():
    assert not found("event", "(People|Attacker|person) <fight> in Kyiv.", "Conflict:Attack")
    assert found("event", "(Miners|Attacker|person) <fight> in Kyiv.", "Conflict:Attack")


@pytest.mark.parametrize(
    ("marked", "edited"),
    [
        ("Police <arrest> (Ann Lee|Person|person) in Kyiv.", True),
        ("Police <arrest> retired general (Ann Lee|Person|person) in Kyiv.", False),
        ("Police <arrest> (Ann Lee|Person|person), a former judge, in Kyiv.", False),
        ("Police <arrest> (Ann Lee|Person|person) after her speech.", False),
        ("Police <arrest> (Ann Lee|Person|person) of Kyiv.", False),
    ],
)
def test_who_is_named_with_more_is_not_replaced_in_the_caption(marked, edited):
    others = ("Police <arrest> (Tom Fox|Person|person).",)
    made = found("filler", marked, "Justice:Arrest-Jail", others)
    assert made
    assert all((one.edits is not None) is edited for one in made)
