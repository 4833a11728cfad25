"""What a source of training data holds, told by its content, and which of its lines can be used::

captions       JSONL, CSV, TSV, Parquet: `caption`, or a list `captions`, and mostly `image`
events         JSONL of `clip-event extract`
descriptions   JSONL of `clip-event describe`
dataset        a Hugging Face data set on disk, or Parquet with the pictures inside
shards         WebDataset tar files
"""

import json
from collections.abc import Hashable, Sequence
from itertools import islice
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from clip_event.data.lines import Group
from extraction.records import Bad, Checker, InputError, jsonl_rows, unpacked, with_events
from templates.ontology import Ontology

KINDS = ("captions", "events", "descriptions", "dataset", "shards")
MARKS = {"pairs": "descriptions", "events": "events", "caption": "captions", "captions": "captions"}
"""The key that only this kind's records have, when asked in this order."""
LOOKED_AT = 100


class _Negative(BaseModel):
    kind: str
    text: str = Field(min_length=1)


class _Pair(BaseModel):
    style: str
    positive: str = Field(min_length=1)
    negatives: list[_Negative]


class _Description(BaseModel):
    """A line of `descriptions.jsonl`, as far as the trainer reads it."""

    model_config = ConfigDict(strict=True)

    id: str | int | None = None
    image: str | None = None
    event: dict[str, Any]
    pairs: list[_Pair]


def tell(path: str | Path | Sequence[str | Path]) -> str:
    """The kind of a source. Raises `InputError` where it is none, holds nothing, or its first records are of two."""
    if not isinstance(path, str | Path) or (not Path(path).exists() and ".tar" in str(path)):
        return "shards"
    path = Path(path)
    if not path.exists():
        raise InputError(f"{path}: no such file; data of every kind is read from disk")
    if path.is_dir():
        return "shards" if any(path.glob("*.tar")) else "dataset"
    ending = Path(path.stem).suffix if path.suffix == ".gz" else path.suffix
    if ending == ".tar":
        return "shards"
    if ending in (".csv", ".tsv"):
        return "captions"
    if ending == ".parquet":
        return _of_parquet(path)
    if ending in (".jsonl", ".ndjson", ".json"):
        return _of_lines(path)
    raise InputError(f"{path}: unknown ending {ending!r}; expected .jsonl, .csv, .parquet, .tar or a folder")


def _of_parquet(path: Path) -> str:
    import pyarrow
    from pyarrow import parquet

    try:
        schema = parquet.read_schema(path)
    except (pyarrow.ArrowException, OSError) as error:
        raise InputError(f"{path}: not a Parquet file: {error}") from None
    paths = "image" not in schema.names or pyarrow.types.is_string(schema.field("image").type)
    said = {"caption", "captions"} & set(schema.names)
    return "captions" if paths and said and "events" not in schema.names else "dataset"


def _of_lines(path: Path) -> str:
    with unpacked(path) as stream:
        first = list(islice(jsonl_rows(stream), LOOKED_AT))
    if not first:
        raise InputError(f"{path}: is empty, expected one record a line")
    found: dict[str, int] = {}
    for line, row in first:
        if isinstance(row, dict) and (mark := next((mark for mark in MARKS if mark in row), None)):
            found.setdefault(MARKS[mark], line)
    if not found:
        raise InputError(f"{path}: none of the first {len(first)} lines has 'caption', 'events' or 'pairs'")
    if len(found) > 1:
        said = " and ".join(f"{kind} (line {line})" for kind, line in found.items())
        raise InputError(f"{path}: holds {said}; put them in files of their own, or say which to take with kind")
    return next(iter(found))


def of_events(ontology: Ontology | None) -> Group:
    """Every good record is an item; without an ontology its types are not looked at."""
    check = Checker()

    def group(line: int, row: Any) -> Hashable | Bad | None:
        found = with_events(line, check(line, row), ontology)
        return found if isinstance(found, Bad) else None

    return group


def of_descriptions(line: int, row: Any) -> Hashable | Bad | None:
    """The events of one record are one item, by its id."""
    try:
        json.dumps(row, ensure_ascii=False).encode()
        name = _Description.model_validate(row).id
    except ValidationError as error:
        problem = error.errors()[0]
        path = ".".join(str(key) for key in problem["loc"]) or "line"
        return Bad(line, f"{path}: {problem['msg']}")
    except UnicodeEncodeError:
        return Bad(line, "holds half a surrogate pair")
    return name
