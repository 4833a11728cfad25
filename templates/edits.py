"""How a caption is made to say something false: its trigger or its fillers replaced, in good English."""

import re
from collections.abc import Sequence
from functools import lru_cache
from itertools import pairwise

from templates.english import Phrase, indefinite, inflected, is_name, plural_of
from templates.ontology import EventTemplate
from templates.statement import Slot, Statement, starts_sentence
from templates.told import noun

Edits = tuple[tuple[int, int, str], ...]
Words = tuple[tuple[str, str], ...]
AUXILIARY = re.compile(r"\b(is|are|was|were|be|been|being|has|have|had|get|gets|got|getting)(?:\s+\w+ly)?\s+$", re.I)
VERB_BEFORE = re.compile(r"(?:\b(?:to|will|would|can|could|may|must|who|they|he|she|it|while|and)\s+|,\s+)$", re.I)
FREE = re.compile(
    r"\s*(?:$|[.,;:)]|[-–—]\s|on (?=[A-Z\d])"
    r"|(?:in|at|near|outside|inside|during|after|before|while|as|since|amid)\b)"
)
"""What may follow a word that takes no complement."""
IN_PHRASE = re.compile(
    r"\b(?:during|after|before|at|in|of|following|since|from|amid|despite)\s+(?:(?:an?|the|his|her|its|their)\s+)?$"
)
"""What may stand before a noun that names an event and nothing else."""
NOUN_BEFORE = re.compile(
    r"(?:\b(?:a|an|the|this|that|his|her|its|their|of|in|at|on|for|from|with|during|after|before|by|over|\d+(?:st|nd|rd|th))"
    r"|['’]s)\s+$",
    re.I,
)
TRANSITIVE = re.compile(r"^\{(?P<subject>\w+)\} <(?P<verb>\w+)> \{(?P<object>\w+)\}(?= \[|$)")
INTRANSITIVE = re.compile(r"^\{(?P<subject>\w+)\} <(?P<verb>\w+)>(?= \[|$)")
TAGS = ("VBG", "VBZ", "VBN", "VBD", "VB")


def other_trigger(true: Statement, false: Statement) -> tuple[Edits | None, Words | None]:
    """The trigger replaced by the other type's verb in the same inflection, or by its noun; None where neither fits.

    Args:
        false: the other type with the same slots in its roles; those beside the trigger must be the new verb's subject
            and object, and nothing may follow that the new word does not govern.
    """
    trigger = true.event.trigger
    new = _other_verb(true, false) or _other_noun(true, false.template)
    if new is None:
        return None, None
    start, text = new
    return ((start, trigger.end, text),), ((true.caption[start : trigger.end], text),)


def _other_verb(true: Statement, false: Statement) -> tuple[int, str] | None:
    trigger, caption = true.event.trigger, true.caption
    before = {slot.role for slot in false.slots if slot.end == len(caption[: trigger.start].rstrip())}
    after = {slot.role for slot in false.slots if 0 <= slot.start - trigger.end <= 1}
    tag = verb_tag(true, bool(after))
    rest = re.sub(r"^\s+by\b.*", "", caption[trigger.end :], flags=re.S) if tag == "VBN" else caption[trigger.end :]
    if tag is None or not (after or FREE.match(rest)):
        return None
    for sentence in false.template.sentences:
        found = (TRANSITIVE if after or tag == "VBN" else INTRANSITIVE).search(sentence)
        if not found or found["verb"] == "be":
            continue
        subject, object_ = found["subject"], found.groupdict().get("object")
        if before <= {object_ if tag == "VBN" else subject} and (not after or (after == {object_} and tag != "VBN")):
            return trigger.start, _cased(inflected(found["verb"], tag), trigger.text)
    return None


def _other_noun(true: Statement, template: EventTemplate) -> tuple[int, str] | None:
    trigger, caption = true.event.trigger, true.caption
    new = noun(template.sentences[-1])
    before, after = caption[: trigger.start], caption[trigger.end :]
    if not new or not re.fullmatch(r"an? \w+( \w+)?", new) or not (trigger.text.isalpha() and trigger.text.islower()):
        return None
    if not IN_PHRASE.search(before) or not FREE.match(after):
        return None
    text = new.partition(" ")[2]
    if trigger.text.endswith("s") and not trigger.text.endswith("ss"):
        return trigger.start, plural_of(text)
    if article := re.search(r"\ban? $", before):
        return trigger.start - len(article[0]), new
    return trigger.start, text


def verb_tag(true: Statement, object_follows: bool) -> str | None:
    """Penn tag of a trigger that is a verb beyond doubt, None otherwise.

    A form that may be a noun counts as a verb where an argument, an auxiliary or "to" stands before it; a past tense
    that looks like a participle is told by its object, auxiliary or agent.
    """
    word, caption = true.event.trigger.text.lower(), true.caption
    start, end = true.event.trigger.start, true.event.trigger.end
    before, after = caption[max(0, start - 40) : start], caption[end : end + 8]
    found, auxiliary = _tags(word), AUXILIARY.search(before)
    if not found or NOUN_BEFORE.search(before):
        return None
    argued = any(slot.end == start - len(before) + len(before.rstrip()) for slot in true.slots)
    argued = argued and ("VBG" not in found or object_follows or not _is_noun(word))  # a committee hearing
    if ("VBG" in found or _is_noun(word)) and not (argued or auxiliary or VERB_BEFORE.search(before)):
        return None
    if {"VBD", "VBN"} <= found:
        perfect = auxiliary and auxiliary[1].lower() in ("has", "have", "had")
        if perfect and not object_follows:
            return None
        passive = auxiliary or re.match(r"\s+by\b", after)
        return "VBN" if passive else "VBD" if object_follows else None
    return next((tag for tag in TAGS if tag in found), None)


@lru_cache(maxsize=16384)
def _tags(word: str) -> frozenset[str]:
    from lemminflect import getAllLemmas, getInflection

    lemmas = getAllLemmas(word, upos="VERB").get("VERB", ())
    return frozenset(tag for lemma in lemmas for tag in TAGS if word in getInflection(lemma, tag))


@lru_cache(maxsize=16384)
def _is_noun(word: str) -> bool:
    from lemminflect import getAllLemmas

    return bool(getAllLemmas(word, upos="NOUN"))


def _cased(text: str, like: str) -> str:
    return text[:1].upper() + text[1:] if like[:1].isupper() else text


def other_fillers(
    true: Statement, pairs: Sequence[tuple[Sequence[Slot], Sequence[Slot]]]
) -> tuple[Edits | None, Words | None]:
    """The caption with each first slot's words replaced by the second's; None where that would not be good English.

    Only one filler for one, of the same number (or the verbs around would not agree) and after the same preposition,
    each with its place in the caption.
    """
    if any(len(olds) != 1 or len(news) != 1 for olds, news in pairs):
        return None, None
    single = [(olds[0], news[0]) for olds, news in pairs]
    words = tuple((old.phrase.text, new.phrase.said) for old, new in single)
    edits: list[tuple[int, int, str]] = []
    for old, new in single:
        fits = old.phrase.plural == new.phrase.plural and old.preposition == new.preposition
        fits = fits and is_name(old.phrase.text) == is_name(new.phrase.text)
        if not fits or not _replaceable(true, old):
            return None, words
        if (text := _as_there(true.caption, old, new.phrase)) is None:
            return None, words
        edits.append((old.start, old.end, text))
    edits.sort()
    apart = all(a[1] <= b[0] for a, b in pairwise(edits))
    trigger = true.event.trigger
    clear = all(end <= trigger.start or start >= trigger.end for start, end, _ in edits)
    return tuple(edits) if apart and clear else None, words


PRONOUN = re.compile(r"\b(?:he|she|him|his|her|hers|himself|herself)\b", re.I)
BOUND = re.compile(
    r"-|\s+(?:of|from|who|whose|that|which|where|for|including)\b|\s*\(|,\s+(?!(?:in|on|at|during|after|and|with|as|while)\b)"
)
"""What follows a noun phrase and belongs to its thing alone."""
ROUGHLY = re.compile(
    r"\b(?:close to|as many as|(?:more|fewer|less) than|at (?:least|most)|nearly|almost|up to|over|one of)$"
)
UNBOUND = re.compile(
    r"(?:^|[.,;:!?(\"“”-]|\b(?:and|or|but|by|to|with|of|for|from|as|at|in|on|against|between|about|over|near|while|when|"
    r"that|is|are|was|were|has|have|had|[a-z]+(?:ing|ed|ts|ds|ks|ns|tes|ces|ses|ves|res|des|hes)))\s*$"
)
"""What stands before a name that has no title or trade of its own: a stop, a word of grammar or a verb."""


def _replaceable(true: Statement, old: Slot) -> bool:
    """Whether nothing else in the caption says who or what this filler is: a title, an apposition, a pronoun."""
    caption, before = true.caption, true.caption[: old.start].rstrip()
    if old.start < 0 or BOUND.match(caption, old.end) or re.search(r"\bown\b", caption[old.start : old.end]):
        return False
    if ROUGHLY.search(before) or (is_name(old.phrase.text) and re.search(r"\ban?$", before)):
        return False
    if old.entity == "person" and not old.phrase.plural and PRONOUN.search(caption, old.end):
        return False
    plain = not is_name(old.phrase.text) or old.entity == "place"
    return plain or len(before) == true.event.trigger.end or bool(UNBOUND.search(before))


def _as_there(caption: str, old: Slot, new: Phrase) -> str | None:
    """The new filler with a determiner that suits it and the place; None where one is counted and the other is not."""
    lead = caption[old.start : old.end - len(old.phrase.text)]
    bare = [phrase.said == phrase.text for phrase in (old.phrase, new)]
    if is_name(new.text) or is_name(old.phrase.text):
        text = new.said
    elif not new.plural and bare[0] != bare[1]:
        return None
    elif re.fullmatch(r"an?\s+", lead, re.I):
        text = indefinite(new.text)
    elif re.search(r"\d|\b(?:one|two|three|four|five|six|seven|eight|nine|ten)\b", lead):
        text = new.said
    else:
        text = lead.lower() + new.text
    return _cased(text, caption[old.start]) if starts_sentence(caption[: old.start]) else text
