"""The photographs that a command is given: files, folders walked as they come, and files of records."""

import heapq
import os
import sys
from collections.abc import Iterable, Iterator
from functools import cache
from pathlib import Path
from typing import Any

from PIL import Image

from clip_event.pictures.reading import FORMATS, PictureError, place
from extraction.records import Bad, InputError, jsonl_rows, parquet_rows, unpacked
from templates.events import half_a_pair


class Record(dict[str, Any]):
    """A record with all its keys, and where it stands. Of a line that holds none, only where."""

    def __init__(self, row: dict[str, Any], file: str, line: int) -> None:
        super().__init__(row)
        self.file, self.line, self.place = file, line, f"{file}:{line}"


Key = str | Record
"""A path as found, or a record of a file of records."""
Found = tuple[Key, Path | PictureError]

RECORDS = (".jsonl", ".ndjson", ".json", ".parquet")
AT_A_TIME = 50_000
"""Names of one folder in memory; a larger one is listed again for the next so many."""


def fault(key: Key, error: PictureError | str) -> dict[str, Any]:
    """A line of the errors file: which photograph it is of, and why that cannot be used."""
    if isinstance(key, str):
        return {"image": key, "reason": str(error)}
    named = {name: key[name] for name in ("id", "image") if name in key}
    return {"file": key.file, "line": key.line, "reason": str(error).removeprefix(f"{key.place}: "), **named}


def find_pictures(sources: Iterable[str | Path], images: str | Path | None = None) -> Iterator[Found]:
    """Photographs one after the other, each with its path or record, for `clip_event.zeroshot.stream`.

    Args:
        sources: in any number and order:
            a file, whatever its ending;
            a folder, searched in depth by name for files with an ending of `pictures.FORMATS`. What begins with a dot
            is skipped. Links to folders are not followed: what lies inside is found by itself;
            records with `image`: JSONL (.jsonl, .ndjson, .json, also .gz), Parquet, or `-` for JSONL on standard input.
        images: the folder that records' paths are relative to and must lie in. By default that of the file of records,
            for standard input the current one.

    Yields:
        The path as found, or the record; and the picture's path or why there is none: of a line that is no record or
        has no image, of a path or link that leaves its folder, of a folder that cannot be opened.

    Raises:
        InputError: a source is not there; when its turn comes, a broken archive.
    """
    given = list(map(str, sources))
    if gone := [source for source in given if source != "-" and not Path(source).exists()]:
        raise InputError(f"{gone[0]}: no such file or folder of photographs")  # now, and not after hours
    for source in given:
        path = Path(source)
        if source == "-":
            yield from _records(jsonl_rows(sys.stdin.buffer), "standard input", Path(images or "."))
        elif path.is_dir():
            yield from _walk(source)
        elif source.lower().removesuffix(".gz").endswith(RECORDS):
            yield from _file(path, Path(images or path.parent))
        else:
            yield _printable(source), path


def pictures_of(images: str | Path | None, source: str) -> Iterator[Found]:
    """`find_pictures` of one source, for a process that need not load a model."""
    return find_pictures([source], images)


def _walk(top: str) -> Iterator[Found]:
    root, stack = Path(top).resolve(), [(top, _entries(top))]
    while stack:
        folder, entries = stack[-1]
        try:
            name, is_folder, is_link = next(entries)
        except StopIteration:
            stack.pop()
            continue
        except OSError as error:
            stack.pop()
            yield _printable(folder), PictureError(folder, error.strerror or str(error))
            continue
        path = os.path.join(folder, name)
        if is_folder:
            stack.append((path, _entries(path)))
        elif is_link and os.path.isdir(path):
            if isinstance(outside := _linked(path, root), PictureError):
                yield _printable(path), outside
        elif os.path.splitext(name)[1].lower() in _endings():
            yield _printable(path), _linked(path, root) if is_link else Path(path)


def _entries(folder: str) -> Iterator[tuple[str, bool, bool]]:
    """Name, whether a folder and whether a link, by name."""
    last, full = "", True
    while full:
        with os.scandir(folder) as entries:
            told = (
                (entry.name, entry.is_dir(follow_symlinks=False), entry.is_symlink())
                for entry in entries
                if entry.name > last and not entry.name.startswith(".")
            )
            part = heapq.nsmallest(AT_A_TIME, told)
        yield from part
        if full := len(part) == AT_A_TIME:
            last = part[-1][0]


def _linked(path: str, root: Path) -> Path | PictureError:
    """The path, unless the link leads out of the folder."""
    try:
        place(os.path.abspath(path), root, root)
    except PictureError as error:
        return error
    return Path(path)


@cache
def _endings() -> frozenset[str]:
    return frozenset(ending for ending, form in Image.registered_extensions().items() if form in FORMATS)


def _printable(path: str) -> str:
    """Bytes of a name that are no text would stop whoever writes the key."""
    return os.fsencode(path).decode("utf-8", "backslashreplace")


def _file(path: Path, root: Path) -> Iterator[Found]:
    if path.suffix.lower() == ".parquet":
        yield from _records(parquet_rows(path, "image"), str(path), root)
        return
    with unpacked(path) as lines:
        yield from _records(jsonl_rows(lines), str(path), root)


def _records(rows: Iterable[tuple[int, Any]], name: str, root: Path) -> Iterator[Found]:
    for number, row in rows:
        usable = isinstance(row, dict) and not half_a_pair(row)
        record = Record(row if usable else {}, name, number)
        if isinstance(row, Bad):
            yield record, PictureError(record.place, row.reason)
        elif not usable:
            why = "holds half a surrogate pair" if isinstance(row, dict) else "expected an object with an image"
            yield record, PictureError(record.place, why)
        elif not isinstance(image := row.get("image"), str):
            yield record, PictureError(record.place, f"image is {type(image).__name__}, expected a path")
        else:
            try:
                yield record, place(image, root, root)
            except PictureError as error:
                yield record, error
