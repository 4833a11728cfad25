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
from functools import lru_cache
from itertools import pairwise

from templates.english import agreeing, is_name, listed, listing, objective, plural_of, sentence_case
from templates.habits import left_out
from templates.sentences import SLOT, VERB
from templates.statement import Slot, Statement

TOKENS = 77
"""CLIP's context length, with its start and end token."""
PART = re.compile(r"\{[^{}]*\}|<[^<>]*>|\[[^\[\]]*\]|[^{}<>\[\]]+")
PLACED = re.compile(r"^\s*in \{([^{}]*)\}\s*$")
SENTENCE_BREAK = re.compile(r"(?<=[a-z\d)”\"][.!?])\s+(?=[A-Z“\"])")

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
        count: CLIP tokens of a text, with start and end. The default is a careful estimate; `clip_event.tokens.count`
            is exact.
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
        dropped += _unsaid(shorter)
    elif style == "edited":
        dropped = _outside(statement, *_span(shorter))
    return Description(style, text, tuple(dropped))


def sentence(statement: Statement) -> str:
    """The type's template filled: agreement, articles, lists, and no trace of unfilled slots."""
    filled = frozenset(statement.by_role)
    parts, plural, after_verb = [], False, False
    for part in _parts(_chosen(statement.template.sentences, filled)):
        if part[0] == "[":
            if not all(role in filled for role in SLOT.findall(part)):
                continue
            inside = part[1:-1]
            if placed := PLACED.match(inside):
                slots = statement.of(placed[1])
                narrow = _narrow_first(statement.caption, slots)[0]
                parts.append(f"{narrow.preposition or 'in'} {said(statement, placed[1])}")
                continue
            parts.append(_group(statement, inside, plural))
        elif part[0] == "{":
            parts.append(said(statement, part[1:-1], subject=not after_verb))
            plural = is_plural(statement, part[1:-1])
        elif part[0] == "<":
            parts.append(agreeing(part[1:-1], plural))
            after_verb = True
        else:
            parts.append(part)
    return sentence_case(" ".join("".join(parts).split()))


def short(statement: Statement) -> str:
    """ "A photo of an arrest. The agent is police." """
    text = f"A photo of {noun(statement.template.sentences[-1]) or statement.template.gerund}."
    for role in statement.roles:
        several = is_plural(statement, role) and not _only_places(statement, role)
        several = several and statement.of(role)[-1].phrase.text.split()[-1].lower() not in listing("collectives")
        subject = f"{plural_of(words_of_role(role))} are" if several else f"{words_of_role(role)} is"
        text += f" The {subject} {said(statement, role)}."
    return text.replace("..", ".")


def type_(statement: Statement) -> str:
    """The event alone: "A photo of arresting someone."."""
    return f"A photo of {statement.template.gerund}."


def graph(statement: Statement) -> str:
    """The event and its fillers, one by one: "arresting someone; agent: police; person: man"."""
    fillers = (f"{words_of_role(role)}: {slot.phrase.text}" for role in statement.roles for slot in statement.of(role))
    return "; ".join((statement.template.gerund, *fillers))


def caption(statement: Statement) -> str | None:
    """The caption with the statement's edits, without "FILE - " and credit; None where no edit says the statement."""
    if statement.edits is None:
        return None
    return _cut(statement, 0, len(statement.caption))


def edited(statement: Statement) -> str | None:
    """The caption's own words from the first to the last of the trigger and of the arguments in its sentence."""
    if statement.edits is None:
        return None
    start, end = _span(statement)
    edits = [edit for edit in statement.edits if edit[0] < end and edit[1] > start]
    return sentence_case(_cut(statement, min([start, *(e[0] for e in edits)]), max([end, *(e[1] for e in edits)])))


def _group(statement: Statement, group: str, plural: bool) -> str:
    """A group with its slots filled; its verb agrees with the slot before it there, else with the last one before."""
    if verb := VERB.search(group):
        before = SLOT.findall(group[: verb.start()])
        group = VERB.sub(agreeing(verb[1], is_plural(statement, before[-1]) if before else plural), group)
    return SLOT.sub(lambda slot: said(statement, slot[1]), group)


def _span(statement: Statement) -> tuple[int, int]:
    """From the first to the last of the trigger and of the slots in its sentence."""
    trigger = statement.event.trigger
    first, last = _sentence_around(statement.caption, trigger.start)
    spans = [(trigger.start, trigger.end)]
    spans += [(slot.start, slot.end) for slot in statement.slots if first <= slot.start and slot.end <= last]
    return min(start for start, _ in spans), max(end for _, end in spans)


STYLES: dict[str, Say] = {
    "sentence": sentence,
    "short": short,
    "type": type_,
    "caption": caption,
    "edited": edited,
    "graph": graph,
}


def said(statement: Statement, role: str, subject: bool = False) -> str:
    """The role's fillers as one phrase; a pronoun in the form of a subject or of an object."""
    slots = statement.of(role)
    if _only_places(statement, role):
        return _whereabouts(statement.caption, slots)
    return listed([slot.phrase.said if subject else objective(slot.phrase.said) for slot in slots])


def _whereabouts(caption: str, slots: list[Slot]) -> str:
    """Places from the narrow to the wide: "a square in Kyiv, Ukraine". "and" and "of" are the caption's."""
    order = _narrow_first(caption, slots)
    text = order[0].phrase.said
    for last, place in pairwise(order):
        link = caption[last.end : place.start].strip() if 0 <= last.end < place.start else ""
        if link in ("and", "of"):
            text += f" {link} "
        else:
            text += ", " if is_name(last.phrase.text) and is_name(place.phrase.text) else " in "
        text += place.phrase.said
    return text


def _narrow_first(caption: str, slots: list[Slot]) -> list[Slot]:
    """Nouns before names, and a place that opens its sentence ("In Iraq, ...") last."""
    return sorted(
        slots,
        key=lambda slot: (
            is_name(slot.phrase.text),
            caption[max(0, slot.start - 4) : slot.start].strip() == "In" and caption[slot.end : slot.end + 1] == ",",
        ),
    )


def is_plural(statement: Statement, role: str) -> bool:
    """Whether a verb with the role's fillers as its subject is plural."""
    slots = statement.of(role)
    return len(slots) > 1 or slots[0].phrase.plural


@lru_cache(maxsize=4096)
def words_of_role(role: str) -> str:
    """ "GoalKeeper" and "goal_keeper" as "goal keeper"."""
    return re.sub(r"(?<=[a-z])(?=[A-Z])|[_\s]+", " ", role).strip().lower()


@lru_cache(maxsize=4096)
def noun(sentence: str) -> str | None:
    """What the last sentence of a template says with no slot filled ("an arrest"); None where it needs one."""
    rest = re.sub(r"\s+", " ", re.sub(r"\[[^\[\]]*\]", "", sentence)).strip()
    return None if SLOT.search(rest) or VERB.search(rest) else rest


def _only_places(statement: Statement, role: str) -> bool:
    return role == "Place" or statement.template.roles[role].kinds == ("place",)


@lru_cache(maxsize=4096)
def _parts(sentence: str) -> tuple[str, ...]:
    return tuple(PART.findall(sentence))


@lru_cache(maxsize=16384)
def _chosen(sentences: tuple[str, ...], filled: frozenset[str]) -> str:
    """The first sentence whose slots outside groups are all filled; the last one where none is."""
    for sentence in sentences:
        if filled.issuperset(SLOT.findall(re.sub(r"\[[^\[\]]*\]", "", sentence))):
            return sentence
    return re.sub(r"\s*\{[^{}]*\}", "", sentences[-1])


def _unsaid(statement: Statement) -> list[tuple[str, str]]:
    """The arguments that the chosen sentence has no slot for."""
    filled = frozenset(statement.by_role)
    chosen = _chosen(statement.template.sentences, filled)
    told: set[str] = set()
    for part in _parts(chosen):
        roles = SLOT.findall(part)
        if part[0] != "[" or filled.issuperset(roles):
            told.update(roles)
    return [(slot.role, slot.phrase.text) for slot in statement.slots if slot.role not in told]


def _cut(statement: Statement, start: int, end: int) -> str:
    """A stretch of the caption with the edits made and habits left out, white space folded."""
    changes = [*((s, e, "") for s, e in left_out(statement.caption)), *(statement.edits or ())]
    text, last = "", start
    for first, stop, new in sorted(changes):
        if first >= last and stop <= end:
            text += statement.caption[last:first] + new
            last = stop
    text = " ".join((text + statement.caption[last:end]).split())
    return text[:1].upper() + text[1:]


def _sentence_around(caption: str, place: int) -> tuple[int, int]:
    breaks = [match.end() for match in SENTENCE_BREAK.finditer(caption)]
    return max([0, *(b for b in breaks if b <= place)]), min([len(caption), *(b for b in breaks if b > place)])


def _fewer_sentences(statement: Statement, count: Count) -> Description | None:
    """The caption's one sentence with the trigger, where that is short enough."""
    first, last = _sentence_around(statement.caption, statement.event.trigger.start)
    text = _cut(statement, first, last)
    if count(text) > TOKENS:
        return None
    return Description("caption", text, tuple(_outside(statement, first, last)))


def _outside(statement: Statement, first: int, last: int) -> list[tuple[str, str]]:
    slots = statement.slots
    return [(slot.role, slot.phrase.text) for slot in slots if not (first <= slot.start and slot.end <= last)]


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
