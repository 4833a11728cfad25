"""Pairs in the plain form, one a line::

    {"image": "1.jpg", "positive": "A dog bites a man.", "negative": "A man bites a dog.", "kind": "role"}

`negative_image` names a photograph that `positive` is false of, and `group` what is judged together: Winoground has two
lines an example, in which texts and photographs change places.
"""

import gzip
import zlib
from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field

from clip_event.evaluation.benchmarks.pair import Benchmark, Pair, checked
from extraction.records import Bad, InputError, jsonl_rows

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
    try:
        with gzip.open(path) if path.suffix == ".gz" else path.open("rb") as stream:
            for number, row in jsonl_rows(stream):
                if isinstance(row, Bad):
                    raise InputError(f"{path}:{number}: {row.reason}; expected one object a line")
                line = checked(PlainPair, row, f"{path}:{number}")
                group = None if line.group is None else str(line.group)
                pairs.append(Pair(line.image, line.positive, line.negative, line.kind, line.negative_image, group))
    except (gzip.BadGzipFile, EOFError, zlib.error) as error:
        raise InputError(f"{path}: broken gzip file: {error}") from None
    return Benchmark("plain", pairs)
