"""Pairs in the plain form, one a line::

    {"image": "1.jpg", "positive": "A dog bites a man.", "negative": "A man bites a dog.", "kind": "role"}

`negative_image` names a photograph that `positive` is false of, and `group` what is judged together: Winoground has two
lines an example, in which texts and photographs change places.
"""

from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter

from clip_event.evaluation.benchmarks.pair import Benchmark, Pair
from clip_event.evaluation.files import read_jsonl

WITHOUT_KIND = "all"


class PlainPair(BaseModel):
    """A line; other keys may stand beside these."""

    model_config = ConfigDict(strict=True)

    image: str = Field(min_length=1)
    positive: str = Field(min_length=1)
    negative: str = Field(min_length=1)
    kind: str = WITHOUT_KIND
    negative_image: str | None = None
    group: str | int | None = None


def read(path: Path) -> Benchmark:
    """The pairs of a JSONL file, `.gz` or not. Raises `InputError` at the first line that is none."""
    pairs = []
    for _, line in read_jsonl(path, TypeAdapter(PlainPair)):
        group = None if line.group is None else str(line.group)
        pairs.append(Pair(line.image, line.positive, line.negative, line.kind, line.negative_image, group))
    return Benchmark("plain", pairs)
