"""WebDataset tar shards as open_clip reads them: `KEY.jpg` beside `KEY.txt` or `KEY.json`.

The headers are read once. After that a picture is a place in a file, so that shards are shuffled, cut among processes
and resumed like any other source, record by record.
"""

import json
import re
import tarfile
from collections.abc import Iterator, Sequence
from glob import glob
from itertools import product
from pathlib import Path
from typing import Any

from clip_event.pictures.reading import REMOTE, PictureError
from extraction.records import Bad, InputError

Json = dict[str, Any]
PICTURES = ("jpg", "jpeg", "png", "webp")
CAPTION_NAMES = ("caption", "captions", "text", "sentence")
BRACES = re.compile(r"\{([^{}]*)\}")
MOST_TEXT = 1 << 20


def expand(shards: str | Path | Sequence[str | Path]) -> list[Path]:
    """The tar files that are meant: a path, a folder, `{000000..000009}` or `{a,b}`, `*` and `?`, some of these in a
    list or joined by `::`.

    Raises:
        InputError: a remote address, or a file that is not there.
    """
    several = [shards] if isinstance(shards, str | Path) else shards
    found: list[Path] = []
    for pattern in (part for one in several for part in str(one).split("::")):
        if REMOTE.match(pattern) or pattern.startswith("pipe:"):
            raise InputError(f"{pattern}: is a remote address; download the shards and give their paths")
        if Path(pattern).is_dir():
            pattern = str(Path(pattern) / "*.tar")
        for name in [pattern] if Path(pattern).exists() else _braces(pattern):
            files = [name] if Path(name).exists() else sorted(glob(name))
            if not files:
                raise InputError(f"{name}: no such shard")
            found += map(Path, files)
    return found


def _braces(pattern: str) -> Iterator[str]:
    pieces = BRACES.split(pattern)
    for chosen in product(*map(_choices, pieces[1::2])):
        yield "".join(text for pair in zip(pieces[::2], (*chosen, ""), strict=True) for text in pair)


def _choices(inside: str) -> list[str]:
    if not (numbers := re.fullmatch(r"(\d+)\.\.(\d+)", inside)):
        return inside.split(",")
    first, last = numbers.groups()
    return [f"{number:0{len(first)}}" for number in range(int(first), int(last) + 1)]


def rows(shards: Sequence[Path], caption: str | None = None) -> Iterator[tuple[int, Json | Bad]]:
    """Each sample's number, from 1, and its record: `id`, `caption`, `image`, `picture`, and `events` where it has any.

    `image` is `SHARD.tar/KEY.jpg`; `picture` says where it lies: number of the shard, first byte and bytes. The caption
    is `KEY.txt`, or `caption`, `captions`, `text` or `sentence` in `KEY.json` (or what `caption` says), from where
    `id`, `events` and `salient` are taken as well; a list comes out as `captions`.

    Raises:
        InputError: a file that is no tar, or a compressed one.
    """
    number = 0
    for place, shard in enumerate(shards):
        for key, members in _samples(shard).items():
            number += 1
            try:
                yield number, _record(place, shard, key, members, caption)
            except ValueError as error:
                yield number, Bad(number, f"{shard.name}, {key}: {error}")


def _samples(shard: Path) -> dict[str, dict[str, Any]]:
    """Key to ending to (name, first byte, bytes) of a picture or the content of a text."""
    samples: dict[str, dict[str, Any]] = {}
    try:
        with tarfile.open(shard, "r:") as tar:
            for member in tar:
                folder, _, name = member.name.rpartition("/")
                stem, _, ending = name.partition(".")
                ending = ending.lower()
                if not member.isreg() or not stem or ending not in (*PICTURES, "txt", "json"):
                    continue
                key = f"{folder}/{stem}" if folder else stem
                kind = "image" if ending in PICTURES else ending
                sample = samples.setdefault(key, {})
                if kind in sample:
                    sample["fault"] = f"has two members for its {kind}, expected one"
                elif kind == "image":
                    sample[kind] = (member.name, member.offset_data, member.size)
                elif member.size > MOST_TEXT:
                    sample["fault"] = f"{ending} of {member.size:,} bytes, expected at most {MOST_TEXT:,}"
                elif text := tar.extractfile(member):
                    sample[kind] = text.read()
    except (tarfile.TarError, OSError) as error:
        raise InputError(f"{shard}: not a tar file ({error}); expected one that is whole and not compressed") from None
    return samples


def _record(place: int, shard: Path, key: str, members: dict[str, Any], caption: str | None) -> Json:
    if fault := members.get("fault"):
        raise ValueError(fault)
    if "image" not in members:
        raise ValueError(f"no picture; expected one of {', '.join('.' + ending for ending in PICTURES)}")
    about = json.loads(members["json"].decode("utf-8")) if "json" in members else {}
    if not isinstance(about, dict):
        raise ValueError("json holds no object")
    text = members.get("txt")
    if text is not None and caption is None:
        said: Any = text.decode("utf-8").strip()
    else:
        names = CAPTION_NAMES if caption is None else (caption,)
        if (named := next((name for name in names if name in about), None)) is None:
            raise ValueError(f"no caption; expected .txt, or .json with {' or '.join(names)}")
        said = about[named]
    name, start, size = members["image"]
    carried = {name: about[name] for name in ("events", "salient") if name in about}
    own = {"id": about.get("id", f"{shard.stem}/{key}"), "caption": said, "image": f"{shard.name}/{name}"}
    if isinstance(said, list):
        own["captions"] = own.pop("caption")
    return own | carried | {"picture": [place, start, size]}


class Members:
    """Pictures out of the shards, by the `picture` of `rows`."""

    def __init__(self, shards: Sequence[Path]) -> None:
        self.shards: list[Path] = [shard.resolve() for shard in shards]

    def find(self, row: Json) -> bytes:
        """A picture's content. Raises `PictureError` where the shard is gone or cut short."""
        place, start, size = row["picture"]
        try:
            with self.shards[place].open("rb") as shard:
                shard.seek(start)
                content: bytes = shard.read(size)
        except OSError as error:
            raise PictureError(row["image"], error.strerror or str(error)) from None
        if len(content) < size:
            raise PictureError(row["image"], f"is cut short: {len(content):,} of {size:,} bytes")
        return content
