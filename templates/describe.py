"""Events said in English, in seven styles.

    sentence  Police arrest a man in Kyiv, Ukraine.
    short     A photo of an arrest. The agent is police. The person is a man. The place is Kyiv, Ukraine.
    type      A photo of arresting someone.
    caption   the caption itself, without "FILE - " and credit
    edited    the caption's own words from the first to the last that belong to the event, within one sentence
    graph     arresting someone; agent: police; person: man; place: Kyiv; place: Ukraine
    given     a text of the caller's, a language model's phrasing, say

A text is kept within CLIP's 77 tokens by leaving out arguments. A description says which arguments its text lacks;
`type` is never meant to have any.
"""

import math
import re
from collections.abc import Callable
from dataclasses import dataclass, replace

from templates.quoted import caption, cut, edited, outside, sentence_around, span
from templates.statement import Statement
from templates.told import graph, sentence, short, type_, unsaid

TOKENS = 77
"""CLIP's context length, with its start and end token."""

Count = Callable[[str], int]
Say = Callable[[Statement], str | None]
Given = Callable[[Statement], str | None]


@dataclass(frozen=True)
class Description:
    """A statement in words. `dropped` holds role and text of the arguments that the words leave out."""

    style: str
    text: str
    dropped: tuple[tuple[str, str], ...] = ()


def estimate(text: str) -> int:
    """Tokens of an English text at most, nearly always: one for 2.5 characters. The exact count needs CLIP's merges."""
    return 2 + math.ceil(len(text) / 2.5)


def describe(
    statement: Statement, style: str, count: Count = estimate, given: Given | None = None
) -> Description | None:
    """The statement in one style; None where the style has no words for it (no text given, say).

    Args:
        count: CLIP tokens of a text, with start and end. The default is a careful estimate;
            `clip_event.towers.tokens.count` is exact.
        given: for the style `given`: the text for a statement, or None.

    Raises:
        ValueError: an unknown style, or `given` without its callable.
    """
    if style == "given":
        if given is None:
            raise ValueError("style 'given' needs texts: pass a callable from a statement to its text")
        return _given(statement, count, given)
    if style not in STYLES:
        raise ValueError(f"{style!r} is no style; the styles are {', '.join((*STYLES, 'given'))}")
    dropped: list[tuple[str, str]] = []
    shorter, say = statement, STYLES[style]
    while True:
        text = say(shorter)
        if text is None:
            return None
        if count(text) <= TOKENS:
            break
        if style == "caption":
            kept = _fewer_sentences(shorter, count)
            return kept or _renamed(describe(statement, "edited", count), style)
        if not shorter.slots:
            return None
        last = shorter.of(shorter.roles[-1])[-1]
        dropped.append((last.role, last.phrase.text))
        shorter = replace(shorter, slots=tuple(slot for slot in shorter.slots if slot is not last))
    if style == "sentence":
        dropped += unsaid(shorter)
    elif style == "edited":
        dropped = outside(statement, *span(shorter))
    return Description(style, text, tuple(dropped))


STYLES: dict[str, Say] = {
    "sentence": sentence,
    "short": short,
    "type": type_,
    "caption": caption,
    "edited": edited,
    "graph": graph,
}


def _fewer_sentences(statement: Statement, count: Count) -> Description | None:
    """The caption's one sentence with the trigger, where that is short enough."""
    first, last = sentence_around(statement.caption, statement.event.trigger.start)
    text = cut(statement, first, last)
    if count(text) > TOKENS:
        return None
    return Description("caption", text, tuple(outside(statement, first, last)))


def _given(statement: Statement, count: Count, given: Given) -> Description | None:
    text = given(statement) if statement.words is not None else None
    if not text:
        return None
    new = dict(statement.words or ())
    if new:
        pattern = re.compile(rf"(?<!\w)(?:{'|'.join(map(re.escape, new))})(?!\w)")
        if sorted(pattern.findall(text)) != sorted(new):
            return None  # each must stand there, and once, or the text would be half true
        pattern = re.compile(rf"(?:\b(?:an?|the) )?(?P<old>{pattern.pattern})")
        text = pattern.sub(lambda found: new[found["old"]], text)
    return Description("given", text) if count(text) <= TOKENS else None


def _renamed(description: Description | None, style: str) -> Description | None:
    return description and replace(description, style=style)
