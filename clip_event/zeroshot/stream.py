"""Photographs of any number through a model: decoded by threads while the model works, in batches, in order.

Threads and not processes: decoding and resizing leave Python's lock, nothing is copied between processes, and whatever
names the photographs may be read as it comes, from a folder of millions or from standard input.
"""

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Generic, TypeVar

import torch
from PIL import Image
from torch import Tensor

from clip_event.pictures.reading import Part, PictureError, read, upright

if TYPE_CHECKING:
    from clip_event.zeroshot.model import ClipEvent

Picture = Path | str | bytes | Image.Image | Part
DRAFT = 2
"""Times the model's side that a JPEG is decoded for: embeddings then agree with those of the whole to 1e-3."""
Key = TypeVar("Key")
Given = TypeVar("Given")
Made = TypeVar("Made")


@dataclass(frozen=True)
class Seen(Generic[Key]):
    """A batch of photographs.

    Attributes:
        keys: of those that could be read, in the order given.
        image: (len(keys), D), unit length, on the CPU.
        patches: (len(keys), P, D), where they were asked for and the tower gives them.
        missed: those that could not be read, and why.
    """

    keys: list[Key]
    image: Tensor
    patches: Tensor | None
    missed: list[tuple[Key, PictureError]]


def stream(
    model: "ClipEvent",
    pictures: Iterable[tuple[Key, Picture | PictureError]],
    *,
    batch_size: int = 64,
    workers: int = 2,
    patches: bool = False,
) -> Iterator[Seen[Key]]:
    """Embed photographs as they come; of those read ahead at most two batches are in memory.

    Args:
        pictures: a key of the caller's, with a path, a part, a file's content, a PIL image, or why there is none. What
            it raises comes through at once, before what it gave last.
        workers: threads that decode.

    Raises:
        ValueError: `batch_size` or `workers` below 1.
    """
    for batch in read_ahead(pictures, partial(prepare, model), batch_size, workers):
        yield _seen(model, batch, patches)


def read_ahead(
    pictures: Iterable[tuple[Key, Given]], job: Callable[[Given], Made], batch_size: int, workers: int
) -> Iterator[list[tuple[Key, Made]]]:
    """Batches of keys and what `job` makes of each picture, in threads and one batch ahead.

    Raises:
        ValueError: `batch_size` or `workers` below 1.
    """
    if batch_size < 1 or workers < 1:
        raise ValueError(f"found batch_size={batch_size} and workers={workers}, expected 1 or more")
    given = iter(pictures)
    with ThreadPoolExecutor(workers) as pool:

        def begin() -> list[tuple[Key, Future[Made]]]:
            return [(key, pool.submit(job, one)) for key, one in islice(given, batch_size)]

        ahead = deque([begin()])
        try:
            while batch := ahead.popleft():
                ahead.append(begin())
                yield [(key, future.result()) for key, future in batch]
        finally:
            pool.shutdown(wait=False, cancel_futures=True)


Prepared = Tensor | PictureError


def prepare(model: "ClipEvent", picture: Picture | PictureError) -> Prepared:
    """One photograph as the model takes it, (3, height, width) or why it cannot be."""
    if isinstance(picture, PictureError):
        return picture
    if not isinstance(picture, Picture):
        raise TypeError(f"found a picture of {type(picture).__name__}, expected a path, bytes or a PIL image")
    try:
        if isinstance(picture, Part):
            picture = picture.read()
        elif isinstance(picture, Image.Image):
            picture = upright(picture)
        else:
            picture = read(Path(picture) if isinstance(picture, str) else picture, DRAFT * model.side)
        return model.loaded.preprocess_val(picture)
    except PictureError as error:
        return error
    except MemoryError:
        raise
    except Exception as error:  # of a PIL image's decoder, or of a transform that a size is too odd for
        return PictureError("picture", str(error) or type(error).__name__)


def _seen(model: "ClipEvent", batch: list[tuple[Key, Prepared]], patches: bool) -> Seen[Key]:
    keys, images, missed = [], [], []
    for key, found in batch:
        if isinstance(found, PictureError):
            missed.append((key, found))
        else:
            keys.append(key)
            images.append(found)
    pixels = torch.stack(images) if images else torch.zeros(0, 3, model.side, model.side)
    image, parts = model.see(pixels, patches)
    return Seen(keys, image, parts, missed)
