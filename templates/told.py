"""An event told from its template: in a sentence, in short, by its type alone, or as a graph in words."""

import re
from functools import lru_cache
from itertools import pairwise
from typing import NamedTuple

from templates.english import agreeing, is_name, listed, listing, objective, plural_of, sentence_case
from templates.sentences import SLOT, VERB
from templates.statement import Slot, Statement

PART = re.compile(r"\{[^{}]*\}|<[^<>]*>|\[[^\[\]]*\]|[^{}<>\[\]]+")
PLACED = re.compile(r"^\s*in \{([^{}]*)\}\s*$")


def sentence(statement: Statement) -> str:
    """The type's template filled: agreement, articles, lists, and no trace of unfilled slots."""
    parts, plural, after_verb = [], False, False
    for mark, text in _planned(statement.template.sentences, frozenset(statement.by_role)).parts:
        if mark == "in":
            narrow = narrow_first(statement.caption, statement.of(text))[0]
            parts.append(f"{narrow.preposition or 'in'} {said(statement, text)}")
        elif mark == "[":
            parts.append(_group(statement, text, plural))
        elif mark == "{":
            parts.append(said(statement, text, subject=not after_verb))
            plural = is_plural(statement, text)
        elif mark == "<":
            parts.append(agreeing(text, plural))
            after_verb = True
        else:
            parts.append(text)
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


def _group(statement: Statement, group: str, plural: bool) -> str:
    """A group with its slots filled; its verb agrees with the slot before it there, else with the last one before."""
    if verb := VERB.search(group):
        before = SLOT.findall(group[: verb.start()])
        group = VERB.sub(agreeing(verb[1], is_plural(statement, before[-1]) if before else plural), group)
    return SLOT.sub(lambda slot: said(statement, slot[1]), group)


def said(statement: Statement, role: str, subject: bool = False) -> str:
    """The role's fillers as one phrase; a pronoun in the form of a subject or of an object."""
    slots = statement.of(role)
    if len(slots) == 1:
        phrase = slots[0].phrase.said
        return phrase if subject or _only_places(statement, role) else objective(phrase)
    if _only_places(statement, role):
        return _whereabouts(statement.caption, slots)
    return listed([slot.phrase.said if subject else objective(slot.phrase.said) for slot in slots])


def _whereabouts(caption: str, slots: list[Slot]) -> str:
    """Places from the narrow to the wide: "a square in Kyiv, Ukraine". "and" and "of" are the caption's."""
    order = narrow_first(caption, slots)
    text = order[0].phrase.said
    for last, place in pairwise(order):
        link = caption[last.end : place.start].strip() if 0 <= last.end < place.start else ""
        if link in ("and", "of"):
            text += f" {link} "
        else:
            text += ", " if is_name(last.phrase.text) and is_name(place.phrase.text) else " in "
        text += place.phrase.said
    return text


def narrow_first(caption: str, slots: list[Slot]) -> list[Slot]:
    """Nouns before names, and a place that opens its sentence ("In Iraq, ...") last."""
    if len(slots) == 1:
        return slots
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
    """Whether the role is a where, not a who, and all its fillers are places."""
    where = role == "Place" or statement.template.roles[role].kinds[:1] == ("place",)
    return where and all(slot.entity in ("place", None) for slot in statement.of(role))


class _Plan(NamedTuple):
    """A sentence cut into (mark, text), without groups that have an unfilled slot, and the roles it says. The mark is
    "{" for a slot, "<" for a verb, "[" for a group, "in" for a group of one place, and empty for words."""

    parts: tuple[tuple[str, str], ...]
    told: frozenset[str]


@lru_cache(maxsize=16384)
def _planned(sentences: tuple[str, ...], filled: frozenset[str]) -> _Plan:
    parts: list[tuple[str, str]] = []
    told: set[str] = set()
    for part in PART.findall(_chosen(sentences, filled)):
        roles, mark = SLOT.findall(part), part[0] if part[0] in "[{<" else ""
        if mark == "[" and not filled.issuperset(roles):
            continue
        told.update(roles)
        if mark == "[" and (placed := PLACED.match(part[1:-1])):
            parts.append(("in", placed[1]))
        else:
            parts.append((mark, part[1:-1] if mark else part))
    return _Plan(tuple(parts), frozenset(told))


def _chosen(sentences: tuple[str, ...], filled: frozenset[str]) -> str:
    """The first sentence whose slots outside groups are all filled; the last one where none is."""
    for sentence in sentences:
        if filled.issuperset(SLOT.findall(re.sub(r"\[[^\[\]]*\]", "", sentence))):
            return sentence
    return re.sub(r"\s*\{[^{}]*\}", "", sentences[-1])


def unsaid(statement: Statement) -> list[tuple[str, str]]:
    """The arguments that the chosen sentence has no slot for."""
    told = _planned(statement.template.sentences, frozenset(statement.by_role)).told
    return [(slot.role, slot.phrase.text) for slot in statement.slots if slot.role not in told]
