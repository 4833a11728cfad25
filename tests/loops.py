"""Batches for the tests of objective and steps: photographs of noise that share texts and events, one tiny model."""

from random import Random

import torch
from torch import Tensor
from towers import CONTEXT, native

from clip_event.data.batches import Batch, Collate, Example, Missed, Stated
from clip_event.pictures.reading import PictureError
from clip_event.tuning.config import Losses
from clip_event.tuning.steps import Encoder

KINDS = ["event", "role", "filler"]
ALL = Losses(contrastive=1, appended=True, hard=0.7, local=0.3, alignment=0.2, distance=0.1, retention=0.4)
PAD = 0
WORDS = ("police", "arrest", "men", "who", "demonstrate", "in", "the", "rain")


def tokens(texts: list[str]) -> Tensor:
    """Characters as tokens, 3 at the end."""
    rows = [[2, *(4 + ord(letter) % 200 for letter in text[: CONTEXT - 2]), 3] for text in texts]
    return torch.tensor([row + [PAD] * (CONTEXT - len(row)) for row in rows])


def picture(number: int) -> Tensor:
    generator = torch.Generator().manual_seed(number)
    return torch.randn(3, 32, 32, generator=generator, dtype=torch.float64)


def examples(images: int, seed: int = 0) -> list[Example]:
    """Photographs with none to three events; texts and events of one are also another's, negatives another's truth."""
    draw, made = Random(seed), []
    texts = [f"{word} {number}" for number, word in enumerate(WORDS)]
    for image in range(images):
        stated = []
        for _ in range(draw.choice([0, 1, 1, 2, 3])):
            positive, *false = draw.sample(texts, draw.randint(1, 4))
            negatives = [(draw.choice(KINDS), text + draw.choice(["", "!"])) for text in false]
            graphs = [
                [f"node {draw.randrange(9)}" for _ in range(draw.randint(1, 3))] for _ in range(1 + len(negatives))
            ]
            stated.append(
                Stated(1 + draw.randrange(4), [(positive, negatives)], graphs, [kind for kind, _ in negatives])
            )
        made.append(Example(image, picture(image), stated))
    return made


def collated(given: list[Example | Missed]) -> Batch:
    batch = Collate(tokens, KINDS, (3, 32, 32))(given)
    batch.images = batch.images.double()
    return batch


def missed(number: int = 0) -> Missed:
    return Missed(f"m{number}", PictureError("x.jpg", "no such file"))


def encoder(**changed: float) -> Encoder:
    model = native("mini").double()
    for name, value in changed.items():
        setattr(model, name, value)
    return Encoder(model, PAD, True, True)


def gradients(model: torch.nn.Module) -> dict[str, Tensor]:
    return {name: p.grad.clone() for name, p in model.named_parameters() if p.grad is not None}
