"""The photographs of a protocol, each embedded once."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from clip_event.pictures.missing import TOO_MANY, MissingPictures, too_many
from clip_event.pictures.reading import Part, PictureError, parted, place
from clip_event.zeroshot.model import ClipEvent
from clip_event.zeroshot.stream import stream

SHOWN = 5


@dataclass(frozen=True)
class Photographs:
    """Embedded photographs by name.

    Attributes:
        row: name to its row; names of missing photographs are not in it.
        image: (rows, D), unit length.
        missed: name to why it could not be read.
    """

    row: dict[str, int]
    image: Tensor
    missed: dict[str, str]

    def __contains__(self, name: object) -> bool:
        return name in self.row

    def __getitem__(self, name: str) -> Tensor:
        """(D,)"""
        return self.image[self.row[name]]


def photographs(
    model: ClipEvent,
    names: Iterable[str],
    root: str | Path,
    *,
    batch_size: int = 64,
    workers: int = 2,
    progress: Callable[[int], None] | None = None,
) -> Photographs:
    """Embed what a benchmark's files name; a name that comes again is read once.

    Args:
        names: paths relative to `root`; `#xywh=x,y,w,h` behind one names a part, in pixels.
        root: the folder that nothing outside of is read.
        progress: called with how many are done.

    Raises:
        MissingPictures: 5 % or more cannot be read: a figure over the rest would not be the benchmark's.
        FileNotFoundError: there is no such folder.
    """
    if not Path(root).is_dir():
        raise FileNotFoundError(f"{root}: no such folder of photographs")
    row: dict[str, int] = {}
    missed: dict[str, str] = {}
    parts = [torch.zeros(0, model.loaded.config["embed_dim"])]
    for seen in stream(model, _found(dict.fromkeys(names), Path(root)), batch_size=batch_size, workers=workers):
        row |= {name: len(row) + number for number, name in enumerate(seen.keys)}
        missed |= {name: error.reason for name, error in seen.missed}
        parts.append(seen.image)
        if progress:
            progress(len(row) + len(missed))
    if too_many(len(missed), asked := len(row) + len(missed)):
        first = "".join(f"\n  {name}: {reason}" for name, reason in list(missed.items())[:SHOWN])
        raise MissingPictures(
            f"{len(missed):,} of {asked:,} photographs cannot be read from {root}, expected less than {TOO_MANY:.0%}; "
            f"is it the right folder? The first:{first}"
        )
    return Photographs(row, torch.cat(parts), missed)


def _found(names: Iterable[str], root: Path) -> Iterator[tuple[str, Path | Part | PictureError]]:
    for name in names:
        path, box = parted(name)
        try:
            found = place(path, root, root)
            yield name, Part(found, *box) if box else found
        except PictureError as error:
            yield name, error
