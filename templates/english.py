"""Noun phrases and verbs in good English: articles, number, agreement, lists.

Verbs and lemmas are lemminflect's, articles and plurals inflect's. Whether an article is said follows the caption where
it has one, as only it knows whether "glass" is a substance or a vessel.
"""

import re
import tomllib
from functools import cache, lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    import inflect

OBJECTIVE = {"I": "me", "he": "him", "she": "her", "we": "us", "they": "them", "who": "whom"}
NOMINATIVE = {objective: nominative for nominative, objective in OBJECTIVE.items()}
PEOPLE = re.compile(r"(?:[A-Z]\.){2,}$|[A-Z]\w*(?:ian|ish|ese|ic|iri|aeli|aqi|ni)$|Rohingya$|Kurdish$")
"""First words of people in groups ("U.S. Marines", "Syrian Kurds"), where a name of one person has a first name."""
OWNERS = ("'s", "’s", "s'", "s’")
LAST_WORD = re.compile(r"([^\W\d_]+)\s*$")
AFTER_HEAD = re.compile(r"\s(?:of|for|in|on|at|near|between|with|outside|to)\s")
STOP = re.compile(r"[.!?][”\"’')]?$")
LETTERS = re.compile(r"[FHLMNRSX][A-Z]{1,2}s?\b|8|11\b|18\b")
"""What is spoken letter by letter, and numbers, from a vowel on."""


@cache
def listing(name: str) -> frozenset[str]:
    """A list of `english.toml`."""
    return frozenset(tomllib.loads((Path(__file__).parent / "english.toml").read_text(encoding="utf-8"))[name].split())


class Phrase(NamedTuple):
    """A filler as it is said: its own words, those with the article, and whether a verb with it is plural."""

    text: str
    said: str
    plural: bool


def phrase(text: str, before: str = "", entity: str | None = None) -> Phrase:
    """A caption's base noun phrase as a sentence would say it.

    Args:
        text: the noun phrase, without determiner.
        before: the caption's text before it, whose last word may be its determiner.
        entity: its entity kind, where known.
    """
    owner = before[-8:].rstrip().endswith(OWNERS)
    return _phrase(" ".join(text.split()), "its" if owner else _last_word(before[-24:]).casefold(), entity)


def _last_word(text: str) -> str:
    word = text.rpartition(" ")[0].rpartition(" ")[2]
    if text[-1:] == " " and word.isalpha():
        return word  # nearly always
    found = LAST_WORD.search(text)
    return found[1] if found else ""


@lru_cache(maxsize=65536)
def _phrase(text: str, determiner: str, entity: str | None) -> Phrase:
    plural = is_plural(text, entity) or (determiner in listing("numbers") and not is_name(text))
    if text.casefold() in listing("pronouns"):
        return Phrase(text, NOMINATIVE.get(text.casefold(), text), plural)
    if is_name(text) and (determiner not in ("a", "an", "another") or plural):
        article = "the " if determiner == "the" else ""
    elif plural:
        article = ""
    elif determiner in listing("indefinite"):
        return Phrase(text, indefinite(text), plural)
    elif determiner in listing("definite"):
        article = "the "
    elif entity in listing("counted") and text.islower():
        return Phrase(text, indefinite(text), plural)
    else:
        article = ""
    return Phrase(text, article + text, plural)


@lru_cache(maxsize=65536)
def is_name(text: str) -> bool:
    """Whether the head, the last word, is written as a name ("Kyiv", "U.N. Security Council")."""
    head = text.split()[-1]
    return head[:1].isupper() or head[:1].isdigit()


@lru_cache(maxsize=65536)
def is_plural(text: str, entity: str | None = None) -> bool:
    """Whether the noun phrase takes a plural verb. A name of several words is one thing, as is a place."""
    from lemminflect import getAllLemmas

    words = text.split()
    head = re.split(r"[-/]", words[-1])[-1].lower()
    if head in listing("collectives"):
        return True
    if is_name(text) and len(words) > 1 and head.endswith(("cans", "crats", "ians")):
        return True  # "House Republicans"
    if is_name(text) and entity in ("place", "organization"):
        return False
    if is_name(text) and len(words) > 1 and not (entity == "person" and PEOPLE.match(words[0])):
        return False
    if is_name(text) and len(words) > 1:
        return head.endswith("s")
    lemmas = getAllLemmas(head, upos="NOUN").get("NOUN", ())
    if lemmas:
        return head not in lemmas
    if is_name(text):
        return entity == "person" and head.endswith(("ans", "ers", "ims", "is", "ists"))  # "Syrians", "Israelis"
    return singular(head) is not None


@cache
def _articles() -> "inflect.engine":
    import inflect

    return inflect.engine()


@lru_cache(maxsize=4096)
def inflected(lemma: str, tag: str) -> str:
    """The verb's form for a Penn tag (VBZ, VBP, VBG, VBD, VBN); the lemma where lemminflect has none."""
    from lemminflect import getInflection

    if lemma == "be" and tag == "VBP":
        return "are"
    forms = getInflection(lemma, tag, inflect_oov=True)
    return forms[0] if forms else lemma


def agreeing(lemma: str, plural: bool) -> str:
    """The verb in the present tense."""
    return inflected(lemma, "VBP" if plural else "VBZ")


@lru_cache(maxsize=4096)
def plural_of(noun: str) -> str:
    """The noun's plural: "participants", "people"."""
    return str(_articles().plural_noun(noun))


@lru_cache(maxsize=65536)
def indefinite(text: str) -> str:
    """The phrase with "a" or "an"."""
    if LETTERS.match(text):
        return f"an {text}"
    return str(_articles().a(text))


@lru_cache(maxsize=16384)
def singular(word: str) -> str | None:
    """The singular of a plural noun that no dictionary need have ("bricklayers", "Syrians"); None where it is none."""
    return str(_articles().singular_noun(word) or "") or None if re.search(r"[^su]s$|men$", word) else None


def objective(said: str) -> str:
    """A pronoun after a verb or preposition; anything else as it is."""
    return OBJECTIVE.get(said, said)


@lru_cache(maxsize=16384)
def usual_preposition(place: str) -> str:
    """What is said before a place: "on" a beach, "at" an airport, "in" Kyiv, a square and whatever else."""
    noun = AFTER_HEAD.split(place)[0]
    head = noun.split()[-1].lower()
    if is_name(noun) and head in listing("towns"):
        return "in"
    heads = {head, singular(head)}
    return next((word for word in ("on", "at") if heads & listing(word)), "in")


def listed(phrases: list[str]) -> str:
    """ "a", "a and b", "a, b and c"."""
    return phrases[0] if len(phrases) == 1 else f"{', '.join(phrases[:-1])} and {phrases[-1]}"


def sentence_case(text: str) -> str:
    """First letter upper, a full stop at the end."""
    text = text[:1].upper() + text[1:]
    return text if STOP.search(text) else text + "."


def lowered(text: str, entity: str | None = None) -> str:
    """A phrase from a sentence's start without the capital that only its place gave it."""
    from lemminflect import getAllLemmas

    first, _, rest = text.partition(" ")
    low = first.lower()
    if not first[:1].isupper() or first[1:] != low[1:] or low in listing("names"):
        return text
    if rest:
        common = rest.islower() and (low.endswith("ly") or all(getAllLemmas(part) for part in low.split("-")))
    elif entity in ("person", "organization", "place", None):
        common = low in listing("pronouns") or low.endswith("ers") or (bool(getAllLemmas(low)) and is_plural(low))
    else:
        common = bool(getAllLemmas(low, upos="NOUN"))
    return low + text[len(first) :] if common else text
