"""Habits of news captions, dealt with once; offsets always count characters of the unchanged caption.

What a caption says of itself is no event: "FILE - ", the agency's credit, "(L)", "second from left". Its spans are
found here; no trigger and no argument is read in them.
"""

import re
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from spacy.tokenizer import Tokenizer

AGENCY = (
    r"(?:AP|A\.P\.|Associated Press|AFP|Agence France-Presse|Reuters|REUTERS|Getty(?: Images)?|EPA|ANSA|Xinhua|TASS|"
    r"UPI|VOA|PA|KCNA|Kyodo|Yonhap|dpa|Handout|Courtesy)"
)
CREDIT = re.compile(
    rf"""\s*(?:
        \((?:Photo|File\ photo|Image|Credit|Courtesy|{AGENCY})(?=[ /):,])[^()]*\)(?!\s*[-–—])
      | \[(?:Photo|Image|Credit|Courtesy|{AGENCY})\b[^\[\]]*\]
      | (?<=[.!?"”'’)\]\ ])(?:Photo(?:s|graph)?|Image|Picture|Credit|Courtesy)(?:\ (?:by|credit))?
        \s*[:/]\s*[^.:]{{2,60}}\.?\s*$
      | (?<=[.!?"”'’)\]\ ])(?:AP\ Photo|REUTERS|AFP|EPA|Getty\ Images)\s*/\s*[^.]{{2,60}}\.?\s*$
    )""",
    re.VERBOSE,
)
FILE = re.compile(r"^\s*(?:\(?FILE(?:\s+(?:PHOTO|IMAGE|PICTURE))?\)?|File photo|File)\s*(?:[-–—:]+|\.(?=\s))\s*")
DATELINE = re.compile(rf"\(\s*{AGENCY}\s*\)(?=\s*[-–—])")
SIDE = r"(?:far |second |third |fourth |center |top |bottom |upper |lower |front |back )?"
POSITION = re.compile(
    rf"\(\s*{SIDE}(?:L|R|C|left|right|center|centre|background|foreground|front|rear)(?:\s+to\s+(?:R|right))?\s*\)"
    rf"|\bfrom (?:left|right)(?: to (?:left|right))?\b(?!-)"
    rf"|\b(?:second|third|fourth|2nd|3rd|4th) from (?:left|right)\b"
    rf"|(?<=,) ?{SIDE}(?:left|right|center|centre|background|foreground)(?=\s*[,;.])",
    re.IGNORECASE,
)
SENTENCE_END = {".", "!", "?"}


@dataclass(frozen=True)
class Habit:
    """A span of the caption about the photograph itself: `file`, `credit`, `dateline` (the agency) or `position`."""

    kind: str
    start: int
    end: int


def habits(caption: str) -> list[Habit]:
    """What the caption says of itself, in order."""
    found = []
    for kind, pattern in (("file", FILE), ("credit", CREDIT), ("dateline", DATELINE), ("position", POSITION)):
        found += [Habit(kind, match.start(), match.end()) for match in pattern.finditer(caption)]
    return sorted(found, key=lambda habit: (habit.start, habit.end))


def body(caption: str) -> str:
    """The caption without "FILE - " and credit, for use as a text."""
    kept, last = [], 0
    for habit in habits(caption):
        if habit.kind in ("file", "credit"):
            kept.append(caption[last : max(last, habit.start)])
            last = max(last, habit.end)
    return ("".join(kept) + caption[last:]).strip()


@cache
def _tokenizer() -> "Tokenizer":
    import spacy

    return spacy.blank("en").tokenizer


def words_of(caption: str) -> tuple[list[str], list[int], list[int]]:
    """Words of a caption with their start and end offsets; white space is no word."""
    words, starts, ends = [], [], []
    for token in _tokenizer()(caption):
        text, start = token.text, token.idx
        if not text.isspace():
            words.append(text)
            starts.append(start)
            ends.append(start + len(text))
    return words, starts, ends


def windows(words: list[str], lengths: list[int], longest: int) -> list[tuple[int, int]]:
    """Cut a long text into word ranges of at most `longest` pieces, at a sentence's end where there is one.

    Args:
        lengths: number of pieces of each word.
    """
    ranges, start = [], 0
    while start < len(words):
        total, end, sentence = 0, start, start
        while end < len(words) and (total := total + lengths[end]) <= longest:
            end += 1
            if words[end - 1] in SENTENCE_END:
                sentence = end
        if end < len(words) and sentence > start:
            end = sentence
        end = max(end, start + 1)
        ranges.append((start, end))
        start = end
    return ranges
