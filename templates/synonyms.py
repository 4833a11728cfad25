"""Words that may name one and the same thing in a photograph, from `synonyms.toml`."""

import re
import tomllib
from functools import cache, lru_cache
from pathlib import Path
from typing import Any

from templates.english import is_name, singular


@cache
def _table() -> dict[str, Any]:
    return tomllib.loads((Path(__file__).parent / "synonyms.toml").read_text(encoding="utf-8"))


@cache
def alike(table: str, word: str) -> frozenset[str]:
    """The words that share a group with this one: of nouns (`groups`) or of verbs (`verbs`), in their base form."""
    return frozenset(other for group in _table()[table] if word in group for other in group)


def is_wide(text: str) -> bool:
    """Whether the phrase's head is so wide ("people") that it says little of what a photograph shows. No name is."""
    return not is_name(text) and head(text) in _table()["wide"]


@lru_cache(maxsize=1024)
def goes_both_ways(text: str) -> bool:
    """Whether a word of the text says something of one side to the other that holds of the other too ("clash")."""
    return any(map(_goes_both_ways, re.findall(r"[a-z]+", text.lower())))


@lru_cache(maxsize=65536)
def _goes_both_ways(word: str) -> bool:
    from lemminflect import getAllLemmas

    return any(lemma in _table()["both_ways"] for found in getAllLemmas(word).values() for lemma in found)


@lru_cache(maxsize=64)
def heads(text: str) -> frozenset[str]:
    """The base forms of all words of a text."""
    return frozenset(head(word) for word in re.findall(r"[\w-]+", text))


@lru_cache(maxsize=65536)
def head(text: str) -> str:
    """The head of a base noun phrase, its last word, in its base form and lower case."""
    from lemminflect import getAllLemmas

    word = re.split(r"[\s/]", text)[-1].lower()
    known = getAllLemmas(word, upos="NOUN").get("NOUN") or (singular(word) or word,)
    return str(min(known)).replace("-", "")
