"""Training data of every kind as one: records by number, each with its picture."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from clip_event.data.kinds import KINDS, tell
from clip_event.data.lines import Json, Lines
from clip_event.data.prepare import Progress, Reading, folder_of, listed, prepare
from clip_event.data.shards import Members, expand
from clip_event.data.shards import rows as rows_of_shards
from clip_event.data.tables import Table, open_table
from clip_event.pictures.reading import PictureError, place
from extraction.records import InputError
from templates.events import CaptionEvents, parse_record


@dataclass(frozen=True)
class Item:
    """One record and its picture.

    Attributes:
        number: its place in the source, from 0.
        id: the record's, or its number where it has none.
        record: the caption and its events; of descriptions the lines of the record as they are.
        picture: a file, the content of one, or why there is none. `pictures.load` takes all three.
        place: what lists and errors call the picture.
    """

    number: int
    id: str | int
    record: CaptionEvents | list[Json]
    picture: Path | bytes | PictureError
    place: str


class _Finder(Protocol):
    def find(self, row: Json) -> Path | bytes: ...


class _Files:
    """Pictures that are files, by the `image` of a record."""

    def __init__(self, root: Path) -> None:
        self.root = root.resolve()

    def find(self, row: Json) -> Path:
        if not isinstance(image := row.get("image"), str):
            raise PictureError("no image", f"image is {type(image).__name__}, expected a path")
        return place(image, self.root, self.root)


class Source:
    """Items by number, for a `DataLoader`: holds no records, and is cheap to hand to its workers.

    Attributes:
        kind: see `clip_event.data.kinds`.
        bad: how many lines could not be used.
        errors: JSONL file of those, with line, reason and id.
    """

    def __init__(self, kind: str, lines: Lines, finder: _Finder, bad: int, errors: Path) -> None:
        self.kind, self.bad, self.errors = kind, bad, errors
        self._lines, self._finder = lines, finder

    def __len__(self) -> int:
        return len(self._lines)

    def record(self, number: int) -> CaptionEvents | list[Json]:
        """The record alone, without looking for its picture."""
        return self._record(self._lines[number])

    def __getitem__(self, number: int) -> Item:
        """Raises IndexError beyond the last; never for a picture."""
        rows = self._lines[number]
        picture: Path | bytes | PictureError
        try:
            picture = self._finder.find(rows[0])
        except PictureError as error:
            picture = error
        name = rows[0].get("id")
        said = str(rows[0].get("image") or f"record {number}")
        return Item(int(number), int(number) if name is None else name, self._record(rows), picture, said)

    def _record(self, rows: list[Json]) -> CaptionEvents | list[Json]:
        if self.kind == "descriptions":
            return rows
        row = rows[0]
        if self.kind in ("shards", "dataset"):  # of files, the key would be the user's
            row = {key: value for key, value in row.items() if key != "picture"}
        return parse_record(row, str(self._lines.path))


def open_source(
    path: str | Path | Sequence[str | Path],
    *,
    cache: str | Path,
    kind: str | None = None,
    ontology: str | Path = "news",
    images: str | Path | None = None,
    caption: str | None = None,
    image: str = "image",
    split: str | None = None,
    reader: str | Path | None = None,
    device: str = "auto",
    batch_size: int = 64,
    strict: bool = False,
    progress: Progress | None = None,
) -> Source:
    """Open training data, reading events from its captions first where it has none.

    Several processes may open one source: the first prepares it, the others wait. An interrupted run goes on where it
    stopped.

    Args:
        path: a file or folder of one of `clip_event.data.kinds`, or tar shards, see `clip_event.data.shards`.
        cache: folder for extracted events and indexes.
        kind: said, where the content should not tell.
        ontology: `news`, `open` or a file; that of the events.
        images: folder that pictures' paths are relative to and must lie in; without it the source's own.
        caption: column of a data set, or key of a shard's JSON.
        image, split: column of pictures, and which part of a data set.
        reader, device, batch_size: see `extraction.EventExtractor`.
        strict: raise at the first record that cannot be used.
        progress: called with what is being done (`read`, `extract`, `index`) and the number of records done.

    Raises:
        InputError: no such source, an empty or a broken one, one of mixed kinds, or no record in it that can be used.
    """
    kind = kind or tell(path)
    if kind not in KINDS:
        raise InputError(f"{kind!r} is no kind of source; known are {', '.join(KINDS)}")
    if images is not None and not Path(images).is_dir():
        raise InputError(f"{images}: no such folder of pictures")
    paths = _paths(path, kind)
    own = paths[0] if paths[0].is_dir() else paths[0].parent
    root = Path(images) if images is not None else own
    finder: _Finder = _Files(root)
    found = None
    if kind == "shards":
        finder, found = Members(paths), rows_of_shards(paths, caption)
    elif kind == "dataset":
        if Path(cache).resolve().is_relative_to(paths[0].resolve()):
            raise InputError(
                f"{cache}: lies inside the data set and would be taken for a part of it; give another cache"
            )
        finder = table = Table(open_table(paths[0], split, Path(cache) / "datasets"), root, image, caption)
        found = table.rows()
    reading = Reading(str(ontology), reader, device, batch_size, strict, progress)
    folder = folder_of(Path(cache), paths, reading, (kind, caption, image, split))
    prepared = prepare(kind, paths[0], folder, reading, found)
    if strict and prepared.bad:
        first = listed(prepared.errors)[0]
        raise InputError(f"{paths[0]}: line {first.line}: {first.reason}")
    source = Source(kind, Lines(prepared.lines, folder), finder, prepared.bad, prepared.errors)
    if not len(source):
        left_out = f"; {source.bad} that cannot are listed in {source.errors}" if source.bad else ""
        raise InputError(f"{paths[0]}: holds no record that can be used{left_out}")
    return source


def _paths(path: str | Path | Sequence[str | Path], kind: str) -> list[Path]:
    if kind == "shards":
        return expand(path)
    if not isinstance(path, str | Path):
        raise InputError(f"found a list of {len(path)} paths for {kind}; only shards may be several files")
    if not Path(path).exists():
        raise InputError(f"{path}: no such file")
    return [Path(path)]
