"""Examples to padded batches with targets."""

import random
from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor

from extraction.training.examples import UNKNOWN, Event, Example
from extraction.words import Pieces, WordPieces

WORD_TARGETS = ("trigger", "predicate", "open", "link", "tag", "pos", "kind")
ROLE_TARGETS = ("role", "open_role", "propbank")
WINDOW = 12


@dataclass
class Batch:
    """Inputs, word targets (batch, words) and, for each event, its row, span, type and role targets (events, words)."""

    inputs: Pieces
    targets: dict[str, Tensor]
    rows: Tensor
    first: Tensor
    last: Tensor
    types: Tensor
    roles: dict[str, Tensor]
    captions: list[list[str]]

    def __len__(self) -> int:
        return len(self.captions)


def batches(
    examples: list[Example], cutter: WordPieces, size: int, rng: random.Random, longest: int
) -> Iterator[Batch]:
    """Shuffled batches of captions of similar length; a text of more than `longest` pieces is left out."""
    order = [e for e in examples if cutter.length(e.words) <= longest]
    rng.shuffle(order)
    step = size * WINDOW
    for start in range(0, len(order), step):
        window = sorted(order[start : start + step], key=lambda e: cutter.length(e.words))
        groups = [window[i : i + size] for i in range(0, len(window), size)]
        rng.shuffle(groups)
        for group in groups:
            yield collate(group, cutter)


def collate(examples: list[Example], cutter: WordPieces) -> Batch:
    """Pad one group of examples."""
    inputs = cutter.batch([example.words for example in examples])
    words = inputs.word_mask.shape[1]
    targets = {
        name: torch.tensor([_padded(getattr(example, name), words) for example in examples]) for name in WORD_TARGETS
    }
    events = [(row, event) for row, example in enumerate(examples) for event in example.events]
    counts = [len(example.words) for example in examples]
    return Batch(
        inputs,
        targets,
        rows=torch.tensor([row for row, _ in events], dtype=torch.long),
        first=torch.tensor([event.first for _, event in events], dtype=torch.long),
        last=torch.tensor([event.last for _, event in events], dtype=torch.long),
        types=torch.tensor([event.type for _, event in events], dtype=torch.long),
        roles={
            name: torch.tensor([_role_row(event, name, counts[row], words) for row, event in events], dtype=torch.long)
            for name in ROLE_TARGETS
        },
        captions=[example.words for example in examples],
    )


def _padded(values: list[int] | None, words: int) -> list[int]:
    values = values or []
    return values + [UNKNOWN] * (words - len(values))


def _role_row(event: Event, head: str, count: int, words: int) -> list[int]:
    if event.head != head:
        return [UNKNOWN] * words
    row = [event.roles.get(word, UNKNOWN if word in event.masked else 0) for word in range(count)]
    return row + [UNKNOWN] * (words - count)
