"""One training step: embeddings, losses, gradients.

The contrastive loss compares every image with every text, so a batch cannot simply be cut in parts. With `chunk` it is
encoded twice: first in parts without gradient, to get the losses and their gradient at the embeddings; then in parts
once more, each sending its share of that gradient back (gradient caching, Gao et al., 2021). The gradients are those
of the whole batch, at the memory of one part. Dropout is drawn by the batch's records and the part: the same in both
passes and in a run that goes on, and another in each step.
"""

from collections.abc import Callable
from typing import TypeVar, cast

import torch
from torch import Tensor, nn
from torch import distributed as dist

from clip_event.data.batches import Batch, hashed
from clip_event.towers.patches import encode_images
from clip_event.towers.prompt import Prompt, together
from clip_event.towers.texts import encode_tokens
from clip_event.tuning.objective import Features, Objective
from clip_event.tuning.ranks import world_size

T = TypeVar("T")
Made = TypeVar("Made")

TEXTS = 4
"""Texts in a part for each image in it: a text is shorter than a photograph has patches."""


class Encoder:
    """A model's two towers as a batch needs them.

    Args:
        model: the inner open_clip model.
        pad, short: see `clip_event.towers.texts.encode_tokens`.
        patches: whether the losses want patches.
        autocast: whether to compute in bfloat16.
        prompt: what is put in front of every text.

    Attributes:
        whole: the model, with the prompt where there is one: what trains, and what a checkpoint holds.
    """

    def __init__(
        self,
        model: nn.Module,
        pad: int,
        short: bool,
        patches: bool,
        autocast: bool = False,
        prompt: Prompt | None = None,
    ) -> None:
        self.model, self.pad, self.short, self.patches, self.autocast = model, pad, short, patches, autocast
        self.prompt, self.whole = prompt, together(model, prompt)
        # what convolutions are fastest with: half as fast again on a CPU
        cast(nn.Module, model.visual).to(memory_format=torch.channels_last)  # type: ignore[call-overload]

    def images(self, images: Tensor) -> tuple[Tensor, Tensor | None]:
        number = len(images)
        if not number:  # towers reshape no empty batch; of a blank picture nothing is kept, which has gradients of 0
            images = images.new_zeros(1, *images.shape[1:])
        images = images.to(memory_format=torch.channels_last)
        with torch.autocast(images.device.type, torch.bfloat16, enabled=self.autocast):
            pooled, patches = encode_images(self.model, images)
        return pooled[:number], patches[:number] if self.patches and patches is not None else None

    def texts(self, tokens: Tensor) -> Tensor:
        with torch.autocast(tokens.device.type, torch.bfloat16, enabled=self.autocast):
            return encode_tokens(self.model, tokens, self.pad, short=self.short, prompt=self.prompt)

    def batch(self, batch: Batch) -> Features:
        """All of a batch at once, with gradient where gradients are on."""
        return Features(*self.images(batch.images), self.texts(batch.tokens))


@torch.no_grad()
def started(start: Encoder, batch: Batch, chunk: int) -> tuple[Tensor, Tensor]:
    """The starting model's embeddings of the images and of the true texts, so many images at a time."""
    true = batch.tokens[: max(1, batch.positives)]  # a batch without a true text has an empty one
    images = [start.images(part)[0] for part in batch.images.split(chunk)]
    texts = [start.texts(part) for part in true.split(chunk * TEXTS)]
    return torch.cat(images), torch.cat(texts)[: batch.positives]


def backward(
    encoder: Encoder, objective: Objective, batch: Batch, scale: nn.Parameter, chunk: int | None, start: Encoder | None
) -> dict[str, float]:
    """Losses by name; their sum's gradients are added to the parameters', averaged over the processes.

    Args:
        scale: the logarithm of the logit scale.
        chunk: images in a part; None for all at once.
        start: the starting model, where retention is asked for.
    """
    whole = max(1, len(batch.images))
    chunk = min(chunk or whole, whole)
    before = started(start, batch, chunk) if start else (None, None)
    if chunk == whole:
        features = _drawn(batch, "whole", encoder.batch, batch)
        features.start_image, features.start_text = before
        losses = objective(features, batch, scale.exp())
        torch.stack(list(losses.values())).sum().backward()
    else:
        losses = _cached(encoder, objective, batch, scale, chunk, before)
    named = {name: _mean(loss.detach()) for name, loss in losses.items()}
    average_gradients(encoder.whole)
    return named


def _cached(
    encoder: Encoder,
    objective: Objective,
    batch: Batch,
    scale: nn.Parameter,
    chunk: int,
    before: tuple[Tensor | None, Tensor | None],
) -> dict[str, Tensor]:
    images, texts = batch.images.split(chunk), batch.tokens.split(chunk * TEXTS)
    with torch.no_grad():
        seen = [_drawn(batch, f"images {number}", encoder.images, part) for number, part in enumerate(images)]
        read = [_drawn(batch, f"texts {number}", encoder.texts, part) for number, part in enumerate(texts)]
    image, text = (torch.cat(parts).requires_grad_() for parts in ([one for one, _ in seen], read))
    kept = [patches for _, patches in seen if patches is not None]
    patches = torch.cat(kept).requires_grad_() if kept else None
    losses = objective(Features(image, patches, text, *before), batch, scale.exp())
    torch.stack(list(losses.values())).sum().backward()
    wanted = [one if one is None else one.grad for one in (image, patches)]
    places = torch.arange(len(batch.images)).split(chunk)
    for number, (part, rows) in enumerate(zip(images, places, strict=True)):
        made = _drawn(batch, f"images {number}", encoder.images, part)
        pairs = [
            (one, grad[rows]) for one, grad in zip(made, wanted, strict=True) if one is not None and grad is not None
        ]
        _send(pairs)
    if text.grad is not None:
        for number, (part, grad) in enumerate(zip(texts, text.grad.split(chunk * TEXTS), strict=True)):
            _send([(_drawn(batch, f"texts {number}", encoder.texts, part), grad)])
    return losses


def _send(pairs: list[tuple[Tensor, Tensor]]) -> None:
    pairs = [(one, grad.to(one.dtype)) for one, grad in pairs if one.requires_grad]
    if pairs:
        torch.autograd.backward([one for one, _ in pairs], [grad for _, grad in pairs])


def _drawn(batch: Batch, part: str, encode: Callable[[T], Made], given: T) -> Made:
    """What is encoded with the dropout of this part of this batch."""
    device = batch.images.device
    with torch.random.fork_rng(devices=[device] if device.type == "cuda" else []):
        torch.manual_seed(hashed(batch.ids, part))
        return encode(given)


def average_gradients(model: nn.Module) -> None:
    """Each gradient's mean over the processes; by hand, since a step goes through the towers in parts."""
    if world_size() == 1:
        return
    gradients = [p.grad for p in model.parameters() if p.requires_grad and p.grad is not None]
    flat = torch.cat([gradient.flatten() for gradient in gradients])
    dist.all_reduce(flat)
    flat /= world_size()
    for gradient, mean in zip(gradients, flat.split([g.numel() for g in gradients]), strict=True):
        gradient.copy_(mean.view_as(gradient))


def _mean(loss: Tensor) -> float:
    loss = loss.clone()
    if world_size() > 1:
        dist.all_reduce(loss)
        loss /= world_size()
    return float(loss)
