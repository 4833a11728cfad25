"""One form for every corpus that the reader learns from.

A corpus annotates some things and not others; what it does not annotate is None (or -100 for a word), and costs nothing
in the loss.
"""

from dataclasses import dataclass, field

UNKNOWN = -100


@dataclass
class Event:
    """One trigger and the role of each argument's head word. `roles` holds label indices by word index.

    Attributes:
        head: which roles these are: `role` (typed events), `open_role` or `propbank`.
        type: index into the reader's type embedding; the last one means an open-vocabulary predicate.
        masked: words whose role is not known (the other words of an argument's phrase).
    """

    head: str
    type: int
    first: int
    last: int
    roles: dict[int, int]
    masked: set[int] = field(default_factory=set)


@dataclass
class Example:
    """One text. Word-level lists are as long as `words`, or None where the corpus does not say."""

    words: list[str]
    trigger: list[int] | None = None
    predicate: list[int] | None = None
    open: list[int] | None = None
    link: list[int] | None = None
    tag: list[int] | None = None
    pos: list[int] | None = None
    kind: list[int] | None = None
    events: list[Event] = field(default_factory=list)


def index_of(values: tuple[str, ...]) -> dict[str, int]:
    return {value: index for index, value in enumerate(values)}
