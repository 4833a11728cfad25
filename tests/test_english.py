"""Noun phrases, verbs, lists and places against English written by hand and the spelling rules of a grammar."""

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from templates import load_ontology
from templates.english import (
    Phrase,
    agreeing,
    inflected,
    is_name,
    is_plural,
    listed,
    lowered,
    objective,
    phrase,
    plural_of,
    sentence_case,
)

ARTICLES = """
a |man|person|a man
an |old man|person|an old man
an |honest man|person|an honest man
a |university student|person|a university student
an |SUV|vehicle|an SUV
a |U.N. convoy|vehicle|a U.N. convoy
a |European flag|object|a European flag
another |soldier|person|a soldier
the |president|person|the president
this |house|place|the house
that |old house|place|the old house
|man|person|a man
|armed man|person|an armed man
|water|substance|water
some |water|substance|water
the |water|substance|the water
|smoke|substance|smoke
a |glass|object|a glass
|glass|substance|glass
three |men|person|men
their |children|person|children
|protesters|person|protesters
his |gun|weapon|a gun
her |umbrella|object|an umbrella
the president's |car|vehicle|a car
Trump’s |hat|object|a hat
the officers' |armored car|vehicle|an armored car
|Kyiv|place|Kyiv
in |Ukraine|place|Ukraine
the |United States|place|the United States
the |White House|place|the White House
The |White House|place|the White House
President |Barack Obama|person|Barack Obama
|police|organization|police
"""
NAMED_KINDS = """
a |Palestinian|person|a Palestinian
an |Israeli|person|an Israeli
a |U.S. Marine|person|a U.S. Marine
a |Boeing 737|vehicle|a Boeing 737
an |AK-47|weapon|an AK-47
"""
PLURAL = """people|person men|person women|person children|person police|organization troops|person protesters|person
firefighters|person Syrians|person Palestinians|person Israelis|person Democrats|person feet|object mice|animal
knives|weapon buses|vehicle cattle|animal they|person"""
SINGULAR = """man|person bus|vehicle glass|object crisis|event gas|substance lens|object chess|event dress|object
Wales|place Philippines|place Kyiv|place Reuters|organization James|person Obama|person boss|person he|person
she|person it|object actress|person"""
VERBS = """arrest carry crash pass undergo go put try fix buzz watch wash play cry enjoy veto die free see slice dress
embrace fly throw speak stand catch teach mix"""
IRREGULAR = {"be": ("is", "are"), "have": ("has", "have")}
STAY = """Kyiv|place Ukraine|place Obama|person Syrians|person Muslims|person Christians|person Palestinians|person
Democrats|person Russians|person UNICEF|organization"""
STAY_TWO = """Barack Obama|person;Syrian refugees|person;Israeli soldiers|person;German police|organization;
French police|organization;Chinese workers|person;Polish officers|person;Turkish police|organization;
Trump supporters|person;U.S. soldiers|person;UN peacekeepers|person;Muslim women|person"""
GO = """Protesters|protesters|person;Police|police|organization;People|people|person;Firefighters|firefighters|person;
Riot police|riot police|organization;Two men|two men|person;Security forces|security forces|organization;
He|he|person;They|they|person;Smoke|smoke|substance;Armed men|armed men|person;Children|children|person"""


def rows(text: str, mark: str = ";") -> list[list[str]]:
    return [row.strip("\n").split("|") for row in text.split(mark) if row.strip()]


def third_person(verb: str) -> str:
    """The school grammar's -s."""
    if re.search(r"(s|x|z|ch|sh|o)$", verb):
        return verb + "es"
    return verb[:-1] + "ies" if re.search(r"[^aeiou]y$", verb) else verb + "s"


def name(text: str) -> Phrase:
    return Phrase(text, text, False)


@pytest.mark.parametrize(("before", "text", "entity", "said"), rows(ARTICLES, "\n"))
def test_a_phrase_takes_the_article_that_a_sentence_gives_it(before, text, entity, said):
    assert phrase(text, before, entity).said == said
    assert phrase(text, before, entity).text == text


@pytest.mark.parametrize(("before", "text", "entity", "said"), rows(NAMED_KINDS, "\n"))
def test_one_of_many_that_is_written_with_a_capital_keeps_its_article(before, text, entity, said):
    assert phrase(text, before, entity).said == said


@pytest.mark.parametrize("pronoun", ["he", "she", "it", "they", "him", "her", "them", "someone", "himself", "one"])
def test_a_pronoun_takes_no_article(pronoun):
    assert objective(phrase(pronoun, "", "person").said) in (
        pronoun,
        {"he": "him", "she": "her", "they": "them"}.get(pronoun),
    )


@pytest.mark.parametrize("determiner", ["two", "several", "many", "three", "these"])
@pytest.mark.parametrize(("text", "entity"), [("sheep", "animal"), ("aircraft", "vehicle")])
def test_a_number_before_it_makes_a_noun_without_a_plural_form_plural(determiner, text, entity):
    found = phrase(text, determiner + " ", entity)
    assert found.plural
    assert found.said in (text, f"the {text}")


def test_the_article_is_told_from_the_last_word_before_only():
    assert phrase("man", "the police and a ", "person").said == "a man"
    assert phrase("president", "A crowd greets the ", "person").said == "the president"
    assert phrase("bread", "the chef slices ", "substance").said == "bread"


@pytest.mark.parametrize(("text", "entity"), [item.split("|") for item in PLURAL.split()])
def test_a_plural_noun_takes_a_plural_verb(text, entity):
    assert is_plural(text, entity)


@pytest.mark.parametrize(("text", "entity"), [item.split("|") for item in SINGULAR.split()])
def test_a_singular_noun_takes_a_singular_verb_whatever_its_ending(text, entity):
    assert not is_plural(text, entity)


@pytest.mark.parametrize("text", ["United States", "United Nations", "Los Angeles", "Doctors Without Borders"])
def test_a_name_of_several_words_is_one_thing(text):
    assert not is_plural(text, "place")
    assert not is_plural(text, "organization")


@pytest.mark.parametrize("text", ["U.S. Marines", "Syrian Kurds", "Rohingya Muslims", "Coptic Christians"])
def test_people_named_in_the_plural_are_several(text):
    assert is_plural(text, "person")


def test_the_head_decides_and_not_the_words_before_it():
    assert all(is_plural(text) for text in ("school children", "police officers", "soldiers-turned-farmers"))
    assert not any(is_plural(text) for text in ("women's march", "arms dealer", "car parts shop"))


def test_a_name_is_told_by_its_head():
    assert all(is_name(text) for text in ("Kyiv", "U.N. Security Council", "AK-47"))
    assert not any(is_name(text) for text in ("Syrian refugees", "man", "U.S. soldier"))


def test_every_verb_of_news_and_more_agree_by_the_spelling_rules():
    said = [s for event in load_ontology().events.values() for s in event.sentences]
    for verb in {*VERBS.split(), *IRREGULAR, *re.findall(r"<(\w+)>", " ".join(said))}:
        assert (agreeing(verb, False), agreeing(verb, True)) == IRREGULAR.get(verb, (third_person(verb), verb)), verb


@pytest.mark.parametrize("line", ["VBG arrest arresting", "VBN hold held", "VBD go went", "VBG run running"])
def test_inflected_gives_the_form_of_its_tag(line):
    tag, lemma, form = line.split()
    assert inflected(lemma, tag) == form


@pytest.mark.parametrize("pair", ["person people", "agent agents", "body bodies", "child children", "class classes"])
def test_plurals(pair):
    one, many = pair.split()
    assert plural_of(one) == many


@settings(deadline=None, max_examples=50)
@given(st.lists(st.sampled_from(["a man", "Kyiv", "police", "the army"]), min_size=1, max_size=6))
def test_a_list_has_one_and_before_its_last_and_commas_before_that(phrases):
    said = listed(phrases)
    assert re.split(", | and ", said) == phrases
    assert said.count(" and ") == (len(phrases) > 1)
    assert said.count(",") == max(0, len(phrases) - 2)


@pytest.mark.parametrize(("text", "entity"), [item.split("|") for item in STAY.split()])
def test_a_name_at_the_start_of_a_sentence_keeps_its_capital(text, entity):
    assert lowered(text, entity) == text


@pytest.mark.parametrize(("text", "entity"), rows(STAY_TWO))
def test_a_phrase_that_starts_with_a_name_keeps_its_capital(text, entity):
    assert lowered(text, entity) == text


@pytest.mark.parametrize(("text", "low", "entity"), rows(GO))
def test_a_capital_that_only_the_sentence_gave_goes(text, low, entity):
    assert lowered(text, entity) == low


@pytest.mark.parametrize("text", ["police arrest a man", "Police arrest a man", "Police arrest a man."])
def test_a_sentence_starts_with_a_capital_and_ends_with_one_stop(text):
    assert sentence_case(text) == "Police arrest a man."


def test_a_sentence_that_ends_in_an_abbreviation_or_a_mark_gets_no_second_stop():
    assert sentence_case("protests in the U.S.") == "Protests in the U.S."
    assert sentence_case("who won?") == "Who won?"


def test_a_sentence_that_ends_in_a_quotation_s_stop_gets_no_second_one():
    assert sentence_case("a man says “Stop.”") == "A man says “Stop.”"
