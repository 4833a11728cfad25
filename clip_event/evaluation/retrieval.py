"""Retrieval: which of all the texts is a photograph's, and which of all the photographs a text's.

As the field counts it (Hodosh et al., JAIR 2013; CLIP; LAION's CLIP_benchmark): recall at k is the share of queries
that have at least one of their own among the k nearest. Own is what the file says: an equal text of another photograph
is another's. A tie counts against the model, so that one which maps everything to one point scores 0.
"""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from clip_event.evaluation.intervals import intervals, shares
from clip_event.evaluation.photographs import photographs
from clip_event.zeroshot.model import ClipEvent
from extraction.records import Bad, InputError, read_rows

LEVELS = (1, 5, 10)
CELLS = 8_000_000  # of scores in memory at a time


def evaluate_retrieval(
    model: ClipEvent,
    source: str | Path,
    images: str | Path,
    *,
    batch_size: int = 64,
    workers: int = 2,
    progress: Callable[[int], None] | None = None,
) -> dict[str, Any]:
    """Recall at 1, 5 and 10, both ways.

    Args:
        source: JSONL (or another form of `extraction.records.read_rows`) of `{"image", "captions": [str]}`, or of
            `{"image", "caption"}`; records of one image are put together.
        images: the folder of the photographs.
        progress: called with how many photographs are done.

    Returns:
        Per cent: `image_to_text` and `text_to_image`, each `{"r1", "r5", "r10"}`, and the same as `intervals` over
        photographs. Counts: `images`, `texts`, `missed` (photographs left out with their texts).

    Raises:
        InputError: a line that cannot be used; the message names it.
        MissingPictures: 5 % or more of the photographs cannot be read.
        FileNotFoundError: there is no such folder.
    """
    captions = read_captions(source)
    seen = photographs(model, captions, images, batch_size=batch_size, workers=workers, progress=progress)
    texts = [text for name in seen.row for text in captions[name]]
    owner = torch.tensor([row for name, row in seen.row.items() for _ in captions[name]])
    embedded, own = model.encode_texts(texts), torch.arange(len(seen.row))
    ranks = {
        "image_to_text": (nearer(seen.image, embedded, own, owner, model.device), own),
        "text_to_image": (nearer(embedded, seen.image, owner, own, model.device), owner),
    }
    counts = {"images": len(seen.row), "texts": len(texts), "missed": len(seen.missed)}
    return _result(ranks, len(own)) | counts


def read_captions(source: str | Path) -> dict[str, list[str]]:
    """The captions of each image, in the file's order.

    Raises:
        InputError: a record that cannot be used (the message says where), or none.
    """
    found: dict[str, list[str]] = {}
    for line, row in read_rows(source):
        if isinstance(row, Bad):
            raise InputError(f"{source}:{line}: {row.reason}")
        if not isinstance(image := row.get("image"), str) or not image:
            raise InputError(f"{source}:{line}: image is {image!r}, expected a path in the folder of photographs")
        found.setdefault(image, []).append(row["caption"])
    if not found:
        raise InputError(f"{source}: is empty, expected records with an image and captions")
    return found


@torch.inference_mode()
def nearer(
    queries: Tensor, gallery: Tensor, query_owner: Tensor, gallery_owner: Tensor, device: torch.device | str = "cpu"
) -> Tensor:
    """How many of others are at least as near to each query as the nearest of its own: 0 is best.

    The scores are made in blocks of `CELLS`.

    Args:
        queries: (Q, D), unit length.
        gallery: (G, D), unit length.
        query_owner, gallery_owner: (Q,) and (G,); they are each other's own where these are equal.

    Returns:
        (Q,), on the CPU.
    """
    order = gallery_owner.argsort(stable=True)
    first, last = (torch.searchsorted(gallery_owner[order], query_owner, right=right) for right in (False, True))
    gallery = gallery.to(device)
    found = [torch.zeros(0, dtype=torch.long)]
    size = max(1, CELLS // max(1, len(gallery)))
    for start in range(0, len(queries), size):
        block = slice(start, start + size)
        scores = queries[block].to(device) @ gallery.T
        own = [order[a:b] for a, b in zip(first[block].tolist(), last[block].tolist(), strict=True)]
        rows = torch.repeat_interleave(last[block] - first[block]).to(device)
        mine = scores[rows, torch.cat(own).to(device)]
        best = scores.new_full((len(scores),), -torch.inf).scatter_reduce(0, rows, mine, "amax")
        ahead = (scores >= best[:, None]).sum(1, dtype=torch.int32)  # three times as fast as int64
        found.append((ahead - torch.bincount(rows[mine >= best[rows]], minlength=len(scores))).cpu())
    return torch.cat(found)


def _result(ranks: dict[str, tuple[Tensor, Tensor]], images: int) -> dict[str, Any]:
    """Recalls in per cent and their intervals."""
    hits, asked = [], []
    for rank, image in ranks.values():
        for level in LEVELS:
            hits.append(np.bincount(image.numpy(), (rank < level).double().numpy(), images))
            asked.append(np.bincount(image.numpy(), minlength=images))

    def told(values: list[Any]) -> dict[str, Any]:
        cut = iter(values)
        return {way: {f"r{level}": next(cut) for level in LEVELS} for way in ranks}

    units = np.stack([*hits, *asked], 1).astype(float)
    return told(shares(units.sum(0, keepdims=True))[0].tolist()) | {"intervals": told(intervals(units, shares))}
