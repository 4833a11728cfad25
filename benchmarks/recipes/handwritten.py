"""The hard negatives that were written by hand on captions of Flickr8k's dev photographs.

A line of `benchmarks/handwritten.jsonl`: `{"image", "caption", "negative", "kind"}`, where `caption` is the number of
the true caption among the photograph's five, and `kind` is `swap` (somebody in another's role) or `event` (another
event). The captions themselves belong to their authors and are not in the repository.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

PATH = Path(__file__).parents[1] / "handwritten.jsonl"


class Line(BaseModel):
    """One line of the file."""

    model_config = ConfigDict(extra="forbid", strict=True)

    image: str
    caption: int = Field(ge=0, le=4)
    negative: str = Field(min_length=1)
    kind: Literal["swap", "event"]


@dataclass(frozen=True)
class Written:
    """A photograph with a true caption and a false one."""

    image: str
    kind: str
    positive: str
    negative: str


def read_lines(path: Path = PATH) -> list[Line]:
    """The lines of the file.

    Raises:
        ValueError: a line that is not as the module says, or one that stands twice.
    """
    found: list[Line] = []
    seen: dict[tuple[str, int, str], int] = {}
    for number, text in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
        try:
            line = Line.model_validate_json(text)
        except ValidationError as error:
            fault = error.errors()[0]
            field = ".".join(map(str, fault["loc"])) or "line"
            raise ValueError(f"{path}:{number}: {field}: {fault['msg']} (found {fault['input']!r})") from None
        key = line.image, line.caption, " ".join(line.negative.lower().split())
        if (first := seen.setdefault(key, number)) != number:
            raise ValueError(f"{path}:{number}: stands on line {first} already; remove one of the two")
        found.append(line)
    return found


def with_captions(lines: Sequence[Line], captions: Mapping[str, Sequence[str]]) -> list[Written]:
    """The lines beside the true captions that they are about.

    Args:
        captions: of each photograph, in their order.

    Raises:
        ValueError: a photograph or caption that is not there, or a negative that is one of the photograph's captions.
    """
    found = []
    for number, line in enumerate(lines, 1):
        true = captions.get(line.image, ())
        if line.caption >= len(true):
            raise ValueError(
                f"negative {number}: {line.image} has {len(true)} captions, expected number {line.caption} among them; "
                "give the dev split that the file was written for"
            )
        if _plain(line.negative) in map(_plain, true):
            raise ValueError(f"negative {number}: {line.negative!r} is a true caption of {line.image}")
        found.append(Written(line.image, line.kind, true[line.caption], line.negative))
    return found


def _plain(text: str) -> str:
    return " ".join(text.lower().rstrip(" .").split())
