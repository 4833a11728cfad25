"""Captions from files: JSONL, CSV, Parquet, gzip, standard input, Hugging Face data sets on disk.

Captions are untrusted. A record that cannot be used becomes a `Bad` with its line and reason; only a file that is no
such file at all is an error.
"""

import csv
import gzip
import hashlib
import io
import json
import math
import sys
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from templates.events import CaptionEvents, RecordError, half_a_pair, parse_record
from templates.ontology import Ontology

MOST_CHARACTERS = 10_000
"""A longer caption is refused: it is an article, or a broken file."""
LONGEST_LINE = 16 * 1024 * 1024
BATCH = 1024


class InputError(ValueError):
    """An input that cannot be read at all; the message names it, what was found and what is expected."""


@dataclass(frozen=True)
class Bad:
    """A record that is left out: its line (or row, from 1), why, and its id where it has one."""

    line: int
    reason: str
    id: Any = None

    def to_dict(self) -> dict[str, Any]:
        return {"line": self.line, "reason": self.reason} | ({} if self.id is None else {"id": self.id})


Row = tuple[int, dict[str, Any] | Bad]


class Checker:
    """Tells usable records from bad ones; remembers ids (eight bytes of each) to find duplicates."""

    def __init__(self) -> None:
        self._seen: set[int] = set()

    def __call__(self, line: int, record: Any) -> dict[str, Any] | Bad:
        if isinstance(record, Bad):
            return record
        if not isinstance(record, dict):
            return Bad(line, f"found {_kind(record)}, expected an object with a caption")
        name = record.get("id")
        if "caption" not in record:
            if "captions" in record:
                return Bad(line, captions_fault(record["captions"]), _plain(name))
            keys = ", ".join(sorted(map(str, record))[:8])
            return Bad(line, f"no 'caption'; the keys are: {ascii(keys)[1:-1] or 'none'}", _plain(name))
        if reason := caption_fault(record["caption"]):
            return Bad(line, reason, _plain(name))
        if half_a_pair(record):
            return Bad(line, "holds half a surrogate pair", _plain(name))
        if name is not None and name != "":
            if isinstance(name, bool) or not isinstance(name, str | int):
                return Bad(line, f"id is {_kind(name)}, expected a string or a whole number")
            mark = int.from_bytes(hashlib.blake2b(f"{type(name).__name__}:{name}".encode(), digest_size=8).digest())
            if mark in self._seen:
                return Bad(line, f"id {name!r} stands on an earlier line too", name)
            self._seen.add(mark)
        return record


def caption_fault(caption: Any) -> str | None:
    """Why a caption cannot be read, or None."""
    if not isinstance(caption, str):
        return f"caption is {_kind(caption)}, expected a string"
    if not caption.strip():
        return "caption is empty"
    if len(caption) > MOST_CHARACTERS:
        return f"caption has {len(caption):,} characters, expected at most {MOST_CHARACTERS:,}"
    if "\0" in caption:
        return "caption holds a NUL character"
    try:
        caption.encode()
    except UnicodeEncodeError as error:
        return f"caption holds half a surrogate pair at character {error.start}"
    return None


def spread(record: Any) -> list[Any]:
    """A record with `captions` and no `caption` as one record a caption; any other alone, as it is.

    Each has the record's other keys, and its id with `#0`, `#1` ... behind it where it has one.
    """
    if not isinstance(record, dict) or "caption" in record or not isinstance(captions := record.get("captions"), list):
        return [record]
    rest = {key: value for key, value in record.items() if key != "captions"}
    each: list[Any] = [rest | {"caption": caption} for caption in captions]
    if isinstance(name := rest.get("id"), str | int) and not isinstance(name, bool) and name != "":
        each = [one | {"id": f"{name}#{number}"} for number, one in enumerate(each)]
    return each or [record]


def captions_fault(captions: Any) -> str:
    """Why a record with `captions` and no `caption` cannot be used."""
    if isinstance(captions, list) and captions:
        return "captions stand beside events, expected the one caption that the events are of"
    return "captions is empty" if captions == [] else f"captions is {_kind(captions)}, expected a list of strings"


def read_rows(source: str | Path) -> Iterator[Row]:
    """Line number and checked record, or `Bad`, one at a time; of a line with `captions` one for each of them.

    Args:
        source: a path ending in .jsonl, .json, .csv or .parquet (text formats also with .gz), a folder written by
            `datasets.save_to_disk`, or `-` for JSONL on standard input.

    Raises:
        InputError: no such file, an unknown ending, a table without a `caption` or `captions` column, a broken archive.
    """
    check = Checker()
    for line, record in _raw(str(source)):
        for one in spread(record):
            yield line, check(line, one)


def with_events(line: int, row: dict[str, Any] | Bad, ontology: Ontology | None) -> CaptionEvents | Bad:
    """A row of `read_rows` as a record of events, or why it is none; without an ontology types are not looked at."""
    if isinstance(row, Bad):
        return row
    try:
        record = parse_record(row, "record")
        if ontology is not None:
            record.check(ontology)
    except RecordError as error:
        return Bad(line, str(error).removeprefix("record: "), row.get("id"))
    return record


def _raw(source: str) -> Iterator[tuple[int, Any]]:
    if source == "-":
        yield from jsonl_rows(sys.stdin.buffer)
        return
    path = Path(source)
    if path.is_dir():
        yield from _saved(path)
        return
    if not path.exists():
        raise InputError(f"{path}: no such file")
    ending = Path(path.stem).suffix if path.suffix == ".gz" else path.suffix
    if ending not in (".jsonl", ".ndjson", ".json", ".csv", ".tsv", ".parquet"):
        raise InputError(
            f"{path}: unknown ending {ending!r}; expected .jsonl, .csv, .parquet, a text form with .gz, or -"
        )
    if ending == ".parquet":
        yield from parquet_rows(path, "caption", "captions")
        return
    with unpacked(path) as stream:
        yield from (
            _csv(stream, path, "\t" if ending == ".tsv" else ",") if ending in (".csv", ".tsv") else jsonl_rows(stream)
        )


@contextmanager
def unpacked(path: Path) -> Iterator[Any]:
    """Open a file, `.gz` or plain. Raises `InputError`, also while it is read, where it is missing or broken."""
    if not path.exists():
        raise InputError(f"{path}: no such file")
    try:
        with gzip.open(path) if path.suffix.lower() == ".gz" else path.open("rb") as stream:
            yield stream
    except (gzip.BadGzipFile, EOFError, zlib.error) as error:
        raise InputError(f"{path}: broken gzip file: {error}") from None


def jsonl_rows(stream: Any) -> Iterator[tuple[int, Any]]:
    number = 0
    while line := stream.readline(LONGEST_LINE):
        number += 1
        if len(line) == LONGEST_LINE:
            while line and not line.endswith(b"\n"):
                line = stream.readline(LONGEST_LINE)
            yield number, Bad(number, f"line of more than {LONGEST_LINE:,} bytes, expected one record a line")
            continue
        if number == 1:
            line = line.removeprefix(b"\xef\xbb\xbf")
        if not line.strip():
            continue
        try:
            yield number, json.loads(line.decode("utf-8"), parse_constant=_no_constant, parse_float=_finite)
        except UnicodeDecodeError as error:
            yield number, Bad(number, f"not UTF-8 at byte {error.start} of the line ({error.reason})")
        except (ValueError, RecursionError) as error:
            yield number, Bad(number, f"not JSON: {error}")


def _finite(text: str) -> float:
    if not math.isfinite(value := float(text)):
        raise ValueError(f"{text} is beyond every float")
    return value


def _no_constant(name: str) -> Any:
    raise ValueError(f"{name} is no JSON value")


def _csv(stream: Any, path: Path, delimiter: str) -> Iterator[tuple[int, Any]]:
    csv.field_size_limit(LONGEST_LINE)
    text = io.TextIOWrapper(stream, encoding="utf-8-sig", errors="surrogateescape", newline="")
    rows = csv.DictReader(text, delimiter=delimiter)
    try:
        _need(rows.fieldnames or [], path, "caption")
    except csv.Error as error:
        raise InputError(f"{path}: not CSV: {error}") from None
    while True:
        try:
            row = next(rows)
        except StopIteration:
            return
        except csv.Error as error:
            number = rows.reader.line_num
            yield number, Bad(number, f"not CSV: {error}")
            continue
        if None in row:
            yield (
                rows.line_num,
                Bad(rows.line_num, f"{len(row[None])} cells too many; quote a caption that holds commas"),
            )
        elif any(isinstance(cell, str) and any("\udc80" <= c <= "\udcff" for c in cell) for cell in row.values()):
            yield rows.line_num, Bad(rows.line_num, "not UTF-8")
        else:
            yield rows.line_num, {key: cell for key, cell in row.items() if cell is not None}


def parquet_rows(path: Path, *columns: str) -> Iterator[tuple[int, Any]]:
    """Row number and record of a Parquet file that has one of the columns, or any. Raises `InputError`."""
    import pyarrow
    from pyarrow import parquet

    try:
        file = parquet.ParquetFile(path)
        if columns:
            _need(file.schema_arrow.names, path, *columns)
        number = 0
        for batch in file.iter_batches(batch_size=BATCH):
            for at in range(len(batch)):
                number += 1
                try:
                    row = batch.slice(at, 1).to_pylist()[0]
                except UnicodeDecodeError:
                    yield number, Bad(number, "not UTF-8")
                    continue
                yield number, {key: _cell(value) for key, value in row.items()}
    except (pyarrow.ArrowException, OSError) as error:
        raise InputError(f"{path}: not a Parquet file: {error}") from None


def _saved(path: Path) -> Iterator[tuple[int, Any]]:
    import datasets

    try:
        data = datasets.load_from_disk(str(path))
    except (FileNotFoundError, ValueError, KeyError, TypeError) as error:
        raise InputError(f"{path}: not a data set written by save_to_disk: {error}") from None
    parts = data.values() if isinstance(data, datasets.DatasetDict) else [data]
    number = 0
    for part in parts:
        _need(part.column_names, path, "caption", "captions")
        for name, feature in part.features.items():
            if isinstance(feature, datasets.Image | datasets.Audio):
                part = part.cast_column(name, type(feature)(decode=False))
        for row in part:
            number += 1
            yield number, {key: _cell(value) for key, value in row.items()}


def _cell(value: Any) -> Any:
    """A table's cell as JSON can hold it: of an undecoded picture, `{"bytes", "path"}`, the path; of NaN, null."""
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value["path"] if isinstance(value, dict) and set(value) == {"bytes", "path"} else value


def _need(columns: Any, path: Path, *wanted: str) -> None:
    if not set(wanted) & set(columns):
        raise InputError(f"{path}: no column {wanted[0]!r}; the columns are {', '.join(map(str, columns)) or 'none'}")


def _kind(value: Any) -> str:
    names = {dict: "an object", list: "a list", str: "a string", bool: "true or false", type(None): "null"}
    return names.get(type(value), "a number" if isinstance(value, int | float) else f"a {type(value).__name__}")


def _plain(name: Any) -> Any:
    return name if isinstance(name, int) or (isinstance(name, str) and name.isprintable()) else None
