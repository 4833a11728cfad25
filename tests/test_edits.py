"""Captions made to say something false: the new words in good English, the rest as it was."""

import re
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from test_describe import NEWS, stated

from templates.describe import describe
from templates.edits import other_fillers, other_trigger
from templates.english import phrase
from templates.negatives import moved
from templates.statement import Slot

TRIGGERS = """
Conflict:Attack|(Police|Agent|organization) <arrest> a (man|Person|person) in Kyiv.|Police attack a man in Kyiv.
Conflict:Attack|A (man|Person|person) is <arrested> by (police|Agent|organization).|A man is attacked by police.
Conflict:Attack|(Police|Agent|organization) are <arresting> a (man|Person|person).|Police are attacking a man.
Conflict:Attack|A (policeman|Agent|person) <arrests> a (man|Person|person).|A policeman attacks a man.
Disaster:Crash|(Police|Agent|organization) stand near the scene of a <riot>.|Police stand near the scene of a crash.
Justice:Acquit|Crowds gather after a <trial> in (Kyiv|Place|place).|Crowds gather after an acquittal in Kyiv.
Contact:Meet|Crowds gather after an <arrest> in (Kyiv|Place|place).|Crowds gather after a meeting in Kyiv.
"""
FILLED = """
Police <arrest> a (man|Person|person) in Kyiv.|a |officer|Police arrest an officer in Kyiv.
Police <arrest> the (man|Person|person) in Kyiv.|a |officer|Police arrest the officer in Kyiv.
Police <arrest> another (man|Person|person).|the |officer|Police arrest another officer.
Police <arrest> his (brother|Person|person).|a |aunt|Police arrest his aunt.
A (man|Person|person) is <arrested>.|a |officer|An officer is arrested.
(Protesters|Person|person) are <arrested>.||students|Students are arrested.
PARIS (AP) -- A (man|Person|person) is <arrested>.|a |officer|PARIS (AP) -- An officer is arrested.
Police <arrest> (Barack Obama|Person|person).||Angela Merkel|Police arrest Angela Merkel.
Police <arrest> President (Barack Obama|Person|person).||Angela Merkel|Police arrest Angela Merkel.
Police <arrest> two (men|Person|person).||women|Police arrest women.
Police <arrest> 1,200 (men|Person|person).||women|Police arrest women.
Police <arrest> dozens OF (men|Person|person).||women|Police arrest dozens of women.
Police <arrest> Many (men|Person|person).||women|Police arrest many women.
Police <arrest> angry (men|Person|person).||women|Police arrest angry women.
Police <arrest> a (man|Person|person) with a (bag|Instrument|object).|a |officer|Police arrest an officer with a bag.
"""


def rows(text: str) -> list[tuple[str, str, str]]:
    """Lines whose middle holds the caption's own bars: first, middle, last."""
    cut = [line.partition("|") for line in text.strip().split("\n")]
    return [(first, rest.rpartition("|")[0], rest.rpartition("|")[2]) for first, _, rest in cut]


def applied(caption: str, edits) -> str:
    for start, end, text in sorted(edits, reverse=True):
        caption = caption[:start] + text + caption[end:]
    return caption


def as_other(true, name):
    """The same arguments as another type's, as far as they fit."""
    return replace(true, template=NEWS[name], slots=moved(true.slots, true.template, NEWS[name]) or ())


@pytest.mark.parametrize(("other", "caption", "expected"), rows(TRIGGERS))
def test_another_trigger_takes_the_place_of_the_true_one(other, caption, expected):
    true = stated(caption, "Justice:Arrest-Jail")
    edits, words = other_trigger(true, as_other(true, other))
    assert applied(true.caption, edits) == expected
    assert describe(replace(true, edits=edits), "caption").text == expected
    assert len(words) == 1


@settings(deadline=None, max_examples=50)
@given(st.sampled_from(sorted(NEWS.events)), st.sampled_from(rows(TRIGGERS)))
def test_another_trigger_leaves_the_rest_of_the_caption_unchanged(name, case):
    true = stated(case[1], "Justice:Arrest-Jail")
    edits, _ = other_trigger(true, as_other(true, name))
    trigger = true.event.trigger
    text = applied(true.caption, edits or ())
    assert text.endswith(true.caption[trigger.end :])
    assert text.startswith(re.sub(r"an? $", "", true.caption[: trigger.start]))
    assert not re.search(r"[{}<>\[\]]|  |\ba [aeio]|\ban [^aeiouh]", text)


@pytest.mark.parametrize("line", FILLED.strip().split("\n"))
def test_another_filler_takes_the_place_of_the_true_one(line):
    marked, before, text, expected = line.rsplit("|", 3)
    true = stated(marked, "Justice:Arrest-Jail")
    old = true.of("Person")[0]
    edits, _ = other_fillers(true, [([old], [Slot("Person", phrase(text, before, "person"), "person")])])
    assert applied(true.caption, edits) == expected


@pytest.mark.parametrize(("lead", "text", "before", "new", "good"), [
    ("a ", "banner", "", "luggage", "luggage"), ("", "luggage", "a ", "umbrella", "an umbrella"),
    ("the ", "luggage", "a ", "umbrella", "the umbrella"), ("an ", "umbrella", "a ", "banner", "a banner"),
])  # fmt: skip
def test_a_mass_noun_and_a_counted_one_take_each_other_s_place_in_good_english(lead, text, before, new, good):
    true = stated(f"(Nuns|Agent|person) <hold> {lead}({text}|Item|object) today.", "Display:Hold")
    edits, _ = other_fillers(true, [([true.of("Item")[0]], [Slot("Item", phrase(new, before, "object"), "object")])])
    assert edits is None or applied(true.caption, edits) == f"Nuns hold {good} today."


def test_fillers_change_places_and_a_change_of_number_is_refused():
    true = stated("A (nun|Agent|person) <holds> an (egg|Item|person) on (Monday Street|Place|place).", "Display:Hold")
    nun, egg = true.of("Agent"), true.of("Item")
    edits, _ = other_fillers(true, [(nun, egg), (egg, nun)])
    assert applied(true.caption, edits) == "An egg holds a nun on Monday Street."
    several = [Slot("Agent", phrase("nuns", "", "person"), "person")]
    assert other_fillers(true, [(nun, several)])[0] is None
    near = [Slot("Place", phrase("Paris"), "place", preposition="near")]
    assert other_fillers(true, [(true.of("Place"), near)])[0] is None


@pytest.mark.parametrize(
    "start", ["A (man|Person|person) was <arrested>", "(Police|Agent|person) <arrest> a (man|Person|person)"]
)
def test_a_verb_that_is_nothing_without_more_words_is_no_other_trigger(start):
    true = stated(start + " on Monday.", "Justice:Arrest-Jail")
    told = " ".join(applied(true.caption, other_trigger(true, as_other(true, name))[0] or ()) for name in NEWS.events)
    assert not re.search(r"\b(put|set|declared?)\b", told), "a man is put ... on trial, set on fire, declared bankrupt"


def test_a_given_text_is_changed_with_the_statement_or_left_out():
    true = stated("(Police|Agent|organization) <arrest> a (man|Person|person).", "Justice:Arrest-Jail")
    false = replace(true, words=(("man", "woman"),))
    assert describe(true, "given", given=lambda _: None) is None
    assert describe(true, "given", lambda _: 78, lambda _: "A man.") is None
    assert describe(false, "given", given=lambda _: "A man, a policeman.").text == "A woman, a policeman."
    assert describe(false, "given", given=lambda _: "A man and a man.") is None
    assert describe(replace(true, words=None), "given", given=lambda _: "A man.") is None
    assert describe(replace(true, words=(("man", r"a\1b"),)), "given", given=lambda _: "A man.").text == r"A a\1b."


def test_a_given_text_s_article_suits_the_new_word():
    true = stated("(Police|Agent|organization) <arrest> a (man|Person|person).", "Justice:Arrest-Jail")
    said = describe(replace(true, words=(("man", "an officer"),)), "given", given=lambda _: "They hold a man.")
    assert said is None or said.text == "They hold an officer."
