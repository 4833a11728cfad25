"""Habits of news captions, dealt with once; offsets always count characters of the unchanged caption.

What a caption says of itself is no event: "FILE - ", the agency's credit, "(L)", "second from left". Its spans are
found here; no trigger and no argument is read in them, and no description repeats "FILE - " or a credit.
"""

import re
from dataclasses import dataclass
from functools import lru_cache

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


@dataclass(frozen=True)
class Habit:
    """A span of the caption about the photograph itself: `file`, `credit`, `dateline` (the agency) or `position`."""

    kind: str
    start: int
    end: int


@lru_cache(maxsize=64)
def habits(caption: str) -> tuple[Habit, ...]:
    """What the caption says of itself, in order."""
    found = []
    for kind, pattern in (("file", FILE), ("credit", CREDIT), ("dateline", DATELINE), ("position", POSITION)):
        found += [Habit(kind, match.start(), match.end()) for match in pattern.finditer(caption)]
    return tuple(sorted(found, key=lambda habit: (habit.start, habit.end)))


def left_out(caption: str) -> list[tuple[int, int]]:
    """Spans of "FILE - " and of credits, in order and without overlap: what is left out where a caption is a text."""
    spans: list[tuple[int, int]] = []
    for habit in habits(caption):
        if habit.kind in ("file", "credit"):
            spans.append((max(habit.start, spans[-1][1] if spans else 0), habit.end))
    return [(start, end) for start, end in spans if start < end]


def body(caption: str) -> str:
    """The caption without "FILE - " and credit, for use as a text."""
    kept, last = "", 0
    for start, end in left_out(caption):
        kept, last = kept + caption[last:start], end
    return (kept + caption[last:]).strip()
