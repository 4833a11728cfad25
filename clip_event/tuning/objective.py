"""The losses of a batch, weighted: from embeddings and a `Batch` to named numbers to be added up.

Under `torchrun` every process gives its own embeddings; the mean over the processes of what this returns is what one
process with the whole batch would return (`clip_event.tuning.ranks`).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from math import isqrt

import torch
from torch import Tensor

from clip_event.data.batches import Batch
from clip_event.pictures.view import under
from clip_event.tuning.alignment import alignment_loss, image_nodes, pooled
from clip_event.tuning.config import Losses
from clip_event.tuning.losses import (
    contrastive_loss,
    hard_negative_loss,
    image_logits,
    kind_weights,
    patch_logits,
    with_positive,
)
from clip_event.tuning.ranks import gather, mean_over_ranks
from clip_event.tuning.retention import retention_loss


@dataclass
class Features:
    """Embeddings of a batch: images (B, D), patches (B, P, D) or None, texts (T, D), all of unit length.

    `start_image` and `start_text` are the starting model's, where retention is asked for; texts only the true ones.
    """

    image: Tensor
    patches: Tensor | None
    text: Tensor
    start_image: Tensor | None = None
    start_text: Tensor | None = None


class Objective:
    """The weighted losses of a configuration.

    Args:
        losses: weights and settings; what weighs 0 is not computed.
        kinds: the kinds of negatives, numbered as in the batches.

    Raises:
        ValueError: a weight of a kind that no negative has.
    """

    def __init__(self, losses: Losses, kinds: Sequence[str]) -> None:
        self.losses = losses
        # one more, of the rows' padding, which has kind -1
        self.kind_weight = torch.cat([kind_weights(kinds, losses.kinds), torch.zeros(1)])

    @property
    def needs_patches(self) -> bool:
        return bool(self.losses.local or self.losses.alignment or self.losses.distance)

    @property
    def needs_graphs(self) -> bool:
        return bool(self.losses.alignment or self.losses.distance)

    def __call__(self, features: Features, batch: Batch, scale: Tensor) -> dict[str, Tensor]:
        """Loss by name, each weighted; their sum is what to minimise."""
        found: dict[str, Tensor] = {}
        if self.losses.contrastive:
            found["contrastive"] = self.losses.contrastive * self._contrastive(features, batch, scale)
        if self.losses.hard:
            found["hard"] = self.losses.hard * self._hard(features, batch, scale, None)
        if self.losses.local:
            found["local"] = self.losses.local * self._hard(features, batch, scale, features.patches)
        if self.needs_graphs:
            contrast, distance = self._alignment(features, batch)
            found["alignment"] = self.losses.alignment * contrast + self.losses.distance * distance
        if self.losses.retention and features.start_image is not None and features.start_text is not None:
            true, once = features.text[: batch.positives], _counted(batch.text_hash[: batch.positives])
            strayed = retention_loss(features.image, features.start_image, reduce=mean_over_ranks)
            strayed = strayed + retention_loss(true, features.start_text, once, reduce=mean_over_ranks)
            found["retention"] = self.losses.retention * strayed
        return found

    def _contrastive(self, features: Features, batch: Batch, scale: Tensor) -> Tensor:
        image, text = gather(features.image), gather(features.text[: batch.positives])
        first, known = _unique(gather(batch.text_hash[: batch.positives]))
        before = gather(torch.tensor([len(batch.ids)], device=image.device))[: _rank()].sum()
        rows, events = batch.true[:, 0] + before, batch.true[:, 2]
        hashes = batch.text_hash[batch.true[:, 1]]
        rows, hashes, events = gather(torch.stack([rows, hashes, events], 1)).T.contiguous()
        columns = torch.searchsorted(known, hashes)
        positive = torch.zeros(len(image), len(known), dtype=torch.bool, device=image.device)
        positive[rows, columns] = True
        # a text of one image's event is no negative of another image with the same event
        _, event = torch.unique(events, return_inverse=True)
        has, of = (torch.zeros(many, len(events), device=image.device) for many in positive.shape)
        has[rows, event], of[columns, event] = 1, 1
        neutral = has @ of.T > 0
        negatives = None
        if self.losses.appended:
            used = batch.row_texts[:, 1:][batch.row_kind >= 0].unique()
            others, hashes = gather(features.text[used]), gather(batch.text_hash[used])
            other, _ = _unique(hashes)
            negatives = others[other[~torch.isin(hashes[other], known)]]
        return contrastive_loss(image, text[first], scale, positive, neutral, negatives=negatives)

    def _hard(self, features: Features, batch: Batch, scale: Tensor, patches: Tensor | None) -> Tensor:
        valid = batch.row_kind >= 0
        text, used = features.text[batch.row_texts], with_positive(valid)
        if patches is None:
            logits = image_logits(features.image[batch.row_image], text, scale, used)
        else:
            logits = patch_logits(patches[batch.row_image], text, scale, used)
        return self._reduced(logits, valid, batch.row_kind)

    def _reduced(self, logits: Tensor, valid: Tensor, kind: Tensor) -> Tensor:
        weight = self.kind_weight.to(logits.device)[kind]
        settings = {"gamma": self.losses.gamma, "smoothing": self.losses.smoothing}
        return hard_negative_loss(logits, valid, weight, reduce=mean_over_ranks, **settings)

    def _alignment(self, features: Features, batch: Batch) -> tuple[Tensor, Tensor]:
        if features.patches is None:
            raise ValueError(
                "the losses local, alignment and distance need patches, which this image tower gives none of"
            )
        if batch.boxes is None:
            parts, there = pooled(features.patches, self.losses.grid), None
        else:
            side = isqrt(features.patches.shape[1])
            parts, there = under(features.patches, batch.boxes, (side, side))
        nodes, mass = image_nodes(features.image, parts, there)
        return alignment_loss(
            features.text[batch.graph_nodes],
            batch.graph_mass,
            nodes[batch.graph_image],
            mass[batch.graph_image],
            self.kind_weight.to(nodes.device)[batch.graph_kind],
            gamma=self.losses.gamma,
            smoothing=self.losses.smoothing,
            reduce=mean_over_ranks,
        )


def _rank() -> int:
    return (
        torch.distributed.get_rank() if torch.distributed.is_available() and torch.distributed.is_initialized() else 0
    )


def _unique(hashes: Tensor) -> tuple[Tensor, Tensor]:
    """Where each value stands first, in the order of the values, and the values."""
    values, inverse = torch.unique(hashes, return_inverse=True)
    places = torch.arange(len(hashes), device=hashes.device)
    first = torch.full_like(values, len(hashes)).scatter_reduce(0, inverse, places, "amin")
    return first, values


def _counted(hashes: Tensor) -> Tensor:
    """Which of this process's texts no process before it has: every text of the global batch counts once."""
    first, _ = _unique(gather(hashes))
    before = int(gather(torch.tensor([len(hashes)], device=hashes.device))[: _rank()].sum())
    counted = torch.zeros(len(hashes), dtype=torch.bool, device=hashes.device)
    counted[first[(first >= before) & (first < before + len(hashes))] - before] = True
    return counted
