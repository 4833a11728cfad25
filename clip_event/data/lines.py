"""Records of a JSONL file by number: their places are held, they are not."""

import json
import os
from array import array
from collections.abc import Callable, Hashable
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from extraction.records import Bad, InputError, jsonl_rows

Json = dict[str, Any]
Group = Callable[[int, Any], Hashable | Bad | None]
"""Line number and what stands there to the name of the item that it belongs to, None where it is one of its own, or
`Bad` where it cannot be used."""
EVERY = 4096


def index(path: Path, folder: Path, group: Group, progress: Callable[[int], None] | None = None) -> list[Bad]:
    """Read a file once, and write where its items are to `folder` for `Lines`. Returns what cannot be used.

    Lines of one group are one item, also where others stand between them.
    """
    places, owners, bad = array("q"), array("q"), []
    names: dict[Hashable, int] = {}
    count = start = 0
    with path.open("rb") as stream:
        for number, row in jsonl_rows(stream):
            end = stream.tell()
            name = row if isinstance(row, Bad) else group(number, row)
            if isinstance(name, Bad):
                bad.append(name)
            else:
                owner = count if name is None else names.setdefault(name, count)
                count += owner == count
                places.extend((start, end))
                owners.append(owner)
            start = end
            if progress and number % EVERY == 0:
                progress(number)
    owner_of = np.array(owners, dtype=np.int64)
    by_item = np.argsort(owner_of, kind="stable")
    np.save(folder / "lines.npy", np.array(places, dtype=np.int64).reshape(-1, 2)[by_item])
    np.save(folder / "items.npy", np.searchsorted(owner_of[by_item], np.arange(count + 1)).astype(np.int64))
    return bad


class Lines:
    """Items of a file that was indexed. Nothing is kept open, and a copy in another process costs nothing.

    Raises:
        InputError: on reading, where the file's size is not what it was when it was indexed.
    """

    def __init__(self, path: Path, folder: Path) -> None:
        self.path, self._folder = path, folder
        self._size = path.stat().st_size

    @cached_property
    def _index(self) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """(lines, 2) where each begins and ends, in bytes; (items + 1,) the first line of each."""
        lines, items = (np.load(self._folder / name, mmap_mode="r") for name in ("lines.npy", "items.npy"))
        return lines, items

    def __getstate__(self) -> Json:
        return {key: value for key, value in self.__dict__.items() if key != "_index"}

    def __len__(self) -> int:
        return len(self._index[1]) - 1

    def __getitem__(self, number: int) -> list[Json]:
        """The objects of an item, one a line."""
        if not 0 <= number < len(self):
            raise IndexError(f"{self.path}: no record {number}; there are {len(self)}")
        lines, items = self._index
        with self.path.open("rb") as stream:
            if os.fstat(stream.fileno()).st_size != self._size:
                raise InputError(f"{self.path}: has changed since it was read; start again")
            return [_object(stream, *place) for place in lines[items[number] : items[number + 1]].tolist()]


def _object(stream: Any, start: int, end: int) -> Json:
    stream.seek(start)
    found: Json = json.loads(stream.read(end - start).decode("utf-8-sig"))
    return found
