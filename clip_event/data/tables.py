"""Hugging Face data sets on disk: a column of pictures beside one of captions, and events where there are any."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from clip_event.data.shards import CAPTION_NAMES
from clip_event.pictures.reading import PictureError, place
from extraction.records import Bad, InputError

if TYPE_CHECKING:
    import datasets

Json = dict[str, Any]
BUILDERS = {".parquet": "parquet", ".arrow": "arrow", ".jsonl": "json", ".json": "json", ".csv": "csv", ".tsv": "csv"}
SAVED = ("state.json", "dataset_dict.json")


def open_table(path: Path, split: str | None, cache: Path) -> "datasets.Dataset":
    """A folder of `save_to_disk`, or any folder or file that `datasets.load_dataset` knows, without the network.

    Raises:
        InputError: it cannot be loaded, or has several splits and `split` names none of them.
    """
    import datasets

    try:
        if any((path / name).exists() for name in SAVED):
            data = datasets.load_from_disk(str(path))
        elif path.is_dir():
            data = datasets.load_dataset(str(path.resolve()), cache_dir=str(cache))
        else:
            builder = BUILDERS.get(path.suffix, "no known ending")
            data = datasets.load_dataset(builder, data_files=str(path.resolve()), cache_dir=str(cache))
    except Exception as error:  # of a dozen libraries below, over what the folder holds
        raise InputError(f"{path}: not a data set that can be loaded: {error}") from None
    if isinstance(data, datasets.Dataset):
        return data
    if split is None and len(data) == 1:
        return next(iter(data.values()))
    if split not in data:
        said = "several splits and none was named" if split is None else f"no split {split!r}"
        raise InputError(f"{path}: {said}; expected split to be one of {', '.join(map(str, data))}")
    return data[split]


class Table:
    """Records and pictures of a data set.

    Args:
        image, caption: their columns; a caption is also looked for in `caption`, `captions`, `text` and `sentence`. A
            list is several captions.
        root: the folder of pictures that are not in the table itself.

    Raises:
        InputError: a column is missing.
    """

    def __init__(self, data: "datasets.Dataset", root: Path, image: str = "image", caption: str | None = None) -> None:
        import datasets

        names = CAPTION_NAMES if caption is None else (caption,)
        self.caption = next((name for name in names if name in data.column_names), "")
        if image not in data.column_names or not self.caption:
            raise InputError(
                f"data set: expected columns {image!r} and {' or '.join(map(repr, names))}; "
                f"the columns are {', '.join(data.column_names)}"
            )
        if isinstance(data.features[image], datasets.Image):
            data = data.cast_column(image, datasets.Image(decode=False))
        self.image, self.root = image, root
        self.named = data.features[image] == datasets.Value("string")
        self._texts = [name for name in data.column_names if name in ("id", self.caption, "events", "salient")]
        self._data = data
        self._pictures = data.select_columns([image])

    def rows(self) -> Iterator[tuple[int, Json | Bad]]:
        """Each row's number, from 1, and its record: `id`, `caption` (or a list `captions`), `image`, `picture` (the
        row), `events`."""
        columns = [*self._texts, self.image] if self.named else self._texts
        for number, row in enumerate(self._data.select_columns(columns)):
            said = row[self.caption]
            record = {"id": row.get("id"), "captions" if isinstance(said, list) else "caption": said}
            record["image"] = row[self.image] if self.named else f"row {number}"
            try:
                if row.get("events") is not None:
                    events = row["events"]
                    record["events"] = json.loads(events) if isinstance(events, str) else _given(events)
                    record["salient"] = row.get("salient")
            except ValueError as error:
                yield number + 1, Bad(number + 1, f"events are not JSON: {error}", row.get("id"))
            else:
                yield number + 1, record | {"picture": number}

    def find(self, row: Json) -> Path | bytes:
        """A row's picture. Raises `PictureError` where it has none, or one outside of the folder."""
        cell = self._pictures[row["picture"]][self.image]
        content, path = (cell.get("bytes"), cell.get("path")) if isinstance(cell, dict) else (None, cell)
        if isinstance(path, bytes):
            content = path
        if content is not None:
            return bytes(content)
        if not isinstance(path, str):
            raise PictureError(row.get("image") or "no image", f"is {type(cell).__name__}, expected a picture or path")
        return place(path, self.root, self.root)


def _given(value: Any) -> Any:
    """Without the keys that only other rows have: a table fills them with nulls."""
    if isinstance(value, dict):
        return {key: _given(inner) for key, inner in value.items() if inner is not None}
    return [_given(inner) for inner in value] if isinstance(value, list) else value
