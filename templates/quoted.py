"""An event told in its caption's own words, with whatever edits make them say a negative."""

import re

from templates.english import sentence_case
from templates.habits import left_out
from templates.statement import Statement

SENTENCE_BREAK = re.compile(r"(?<=[a-z\d)”\"][.!?])\s+(?=[A-Z“\"])")


def caption(statement: Statement) -> str | None:
    """The caption with the statement's edits, without "FILE - " and credit; None where no edit says the statement."""
    if statement.edits is None:
        return None
    return cut(statement, 0, len(statement.caption))


def edited(statement: Statement) -> str | None:
    """The caption's own words from the first to the last of the trigger and of the arguments in its sentence."""
    if statement.edits is None:
        return None
    start, end = span(statement)
    edits = [edit for edit in statement.edits if edit[0] < end and edit[1] > start]
    return sentence_case(cut(statement, min([start, *(e[0] for e in edits)]), max([end, *(e[1] for e in edits)])))


def span(statement: Statement) -> tuple[int, int]:
    """From the first to the last of the trigger and of the slots in its sentence."""
    trigger = statement.event.trigger
    first, last = sentence_around(statement.caption, trigger.start)
    spans = [(trigger.start, trigger.end)]
    spans += [(slot.start, slot.end) for slot in statement.slots if first <= slot.start and slot.end <= last]
    return min(start for start, _ in spans), max(end for _, end in spans)


def cut(statement: Statement, start: int, end: int) -> str:
    """A stretch of the caption with the edits made and habits left out, white space folded."""
    changes = [*((s, e, "") for s, e in left_out(statement.caption)), *(statement.edits or ())]
    text, last = "", start
    for first, stop, new in sorted(changes):
        if first >= last and stop <= end:
            text += statement.caption[last:first] + new
            last = stop
    text = " ".join((text + statement.caption[last:end]).split())
    return text[:1].upper() + text[1:]


def sentence_around(caption: str, place: int) -> tuple[int, int]:
    breaks = [match.end() for match in SENTENCE_BREAK.finditer(caption)]
    return max([0, *(b for b in breaks if b <= place)]), min([len(caption), *(b for b in breaks if b > place)])


def outside(statement: Statement, first: int, last: int) -> list[tuple[str, str]]:
    slots = statement.slots
    return [(slot.role, slot.phrase.text) for slot in slots if not (first <= slot.start and slot.end <= last)]
