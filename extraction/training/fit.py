"""The training loop: several tasks on one encoder, averaged weights."""

import math
import random
import time
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass, field

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from extraction.reader import Reader
from extraction.training.batches import ROLE_TARGETS, WORD_TARGETS, Batch, batches
from extraction.training.examples import UNKNOWN, Example
from extraction.words import WordPieces


@dataclass
class Settings:
    """How to train.

    Attributes:
        rate: peak learning rate of the encoder; heads learn `head_factor` times faster.
        layer_decay: each encoder layer learns this times slower than the one above it.
        hide: share of word pieces replaced by [MASK], so that context is read and not only names.
        average: decay of the running average of the weights, which is what is kept.
        weights: weight of each task's mean loss.
    """

    epochs: int = 6
    batch: int = 16
    rate: float = 1e-4
    head_factor: float = 5.0
    layer_decay: float = 0.95
    warmup: float = 0.06
    decay: float = 0.01
    clip: float = 1.0
    hide: float = 0.05
    average: float = 0.998
    longest: int = 160
    seed: int = 1
    weights: dict[str, float] = field(
        default_factory=lambda: {
            "trigger": 4.0,
            "role": 4.0,
            "open": 4.0,
            "open_role": 4.0,
            "predicate": 1.0,
            "propbank": 2.0,
            "link": 1.0,
            "tag": 0.5,
            "pos": 0.5,
            "kind": 1.0,
        }
    )


def fit(
    reader: Reader,
    cutter: WordPieces,
    epoch_of: Callable[[int, random.Random], list[Example]],
    settings: Settings,
    report: Callable[[str], None] = print,
    after_epoch: Callable[[int, Reader], None] | None = None,
) -> Reader:
    """Train `reader` in place and leave the averaged weights in it.

    Args:
        epoch_of: the examples of an epoch, given its number and a generator.
        report: receives a line now and then.
        after_epoch: called with the epoch's number and the averaged reader.
    """
    torch.manual_seed(settings.seed)
    rng = random.Random(settings.seed)
    mean = Average(reader, settings.average)
    first = epoch_of(0, random.Random(settings.seed))
    steps = settings.epochs * math.ceil(len(first) / settings.batch)
    optimizer = torch.optim.AdamW(_groups(reader, settings), weight_decay=settings.decay, fused=True)
    schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda step: _rate(step, steps, settings.warmup))
    step, began = 0, time.monotonic()
    for epoch in range(settings.epochs):
        reader.train()
        seen: dict[str, list[float]] = defaultdict(list)
        for batch in batches(epoch_of(epoch, rng), cutter, settings.batch, rng, settings.longest):
            with torch.autocast("cpu", torch.bfloat16, enabled=torch.cpu._is_avx512_bf16_supported()):
                losses = task_losses(reader, batch, settings, cutter)
            total = sum((settings.weights[name] * loss for name, loss in losses.items()), torch.zeros(()))
            optimizer.zero_grad()
            total.backward()
            nn.utils.clip_grad_norm_(reader.parameters(), settings.clip)
            optimizer.step()
            schedule.step()
            mean.update()
            step += 1
            for name, loss in losses.items():
                seen[name].append(loss.item())
            if step % 100 == 0:
                text = " ".join(f"{name} {sum(v[-100:]) / len(v[-100:]):.3f}" for name, v in seen.items())
                report(f"epoch {epoch} step {step}/{steps} {time.monotonic() - began:.0f}s {text}")
        if after_epoch:
            with mean:
                after_epoch(epoch, reader.eval())
    mean.swap()
    return reader.eval()


class Average:
    """Running mean of the trained weights (Polyak and Juditsky, 1992); in a `with` block the reader holds it."""

    def __init__(self, reader: Reader, decay: float) -> None:
        self.decay = decay
        self.live: list[Tensor] = list(reader.parameters())
        self.mean = [parameter.detach().clone() for parameter in self.live]
        self.steps = 0

    @torch.no_grad()
    def update(self) -> None:
        """Move the mean towards the weights; faster at first, so that the start is forgotten."""
        self.steps += 1
        decay = min(self.decay, self.steps / (self.steps + 10))
        torch._foreach_lerp_(self.mean, self.live, 1 - decay)

    @torch.no_grad()
    def swap(self) -> None:
        """Exchange mean and weights."""
        for mean, live in zip(self.mean, self.live, strict=True):
            kept = live.clone()
            live.copy_(mean)
            mean.copy_(kept)

    def __enter__(self) -> None:
        self.swap()

    def __exit__(self, *error: object) -> None:
        self.swap()


def task_losses(reader: Reader, batch: Batch, settings: Settings, cutter: WordPieces) -> dict[str, Tensor]:
    """Mean loss of every task that the batch annotates."""
    inputs = batch.inputs
    pieces = inputs.pieces
    if reader.training and settings.hide:
        hidden = (torch.rand(pieces.shape) < settings.hide) & inputs.piece_mask
        pieces = pieces.masked_fill(hidden, cutter.mask)
    words = inputs.word_mask.shape[1]
    vectors, early = reader.encode(pieces, inputs.shapes, inputs.piece_mask, inputs.word_of, words)
    vectors, early = reader.drop(vectors), reader.drop(early)
    losses = {}
    logits = reader.read(vectors)
    for name in WORD_TARGETS:
        target = batch.targets[name]
        if (target != UNKNOWN).any():
            losses[name] = _loss(logits[name], target)
    if len(batch.rows):
        scores = reader.read_roles(
            early[batch.rows], inputs.word_mask[batch.rows], batch.first, batch.last, batch.types
        )
        for name in ROLE_TARGETS:
            if (batch.roles[name] != UNKNOWN).any():
                losses[name] = _loss(scores[name], batch.roles[name])
    return losses


def _loss(logits: Tensor, target: Tensor) -> Tensor:
    known = target != UNKNOWN
    if logits.shape[-1] == 1:
        return F.binary_cross_entropy_with_logits(logits[known][:, 0], target[known].float())
    return F.cross_entropy(logits[known], target[known])


def _rate(step: int, steps: int, warmup: float) -> float:
    done = step / max(1, steps)
    return done / warmup if done < warmup else max(0.02, (1 - done) / (1 - warmup))


def _groups(reader: Reader, settings: Settings) -> list[dict[str, object]]:
    depth = len(reader.layers)
    groups: dict[float, list[nn.Parameter]] = defaultdict(list)
    for name, parameter in reader.named_parameters():
        if name.startswith("layers."):
            rate = settings.rate * settings.layer_decay ** (depth - 1 - int(name.split(".")[1]))
        elif name.startswith(("pieces", "positions", "norm")):
            rate = settings.rate * settings.layer_decay**depth
        elif name.startswith("role_layers"):
            rate = settings.rate * 2
        else:
            rate = settings.rate * settings.head_factor
        groups[rate].append(parameter)
    return [{"params": parameters, "lr": rate} for rate, parameters in groups.items()]
