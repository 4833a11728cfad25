"""The memory that a step's towers keep for the backward pass, measured on a few inputs before a run begins."""

from collections.abc import Callable

import torch
from torch import Tensor
from torch.autograd.graph import saved_tensors_hooks

from clip_event.towers.texts import lengths, runs
from clip_event.towers.trainable import training_mode
from clip_event.tuning.steps import TEXTS, Encoder


def activations(encoder: Encoder, shape: tuple[int, ...], images: int, tokens: Tensor, chunk: int | None) -> int:
    """Bytes that the towers keep at most, of a batch or of its largest part.

    What 2 images and 8 texts keep more than 1 and 4 is the share of one more, of the tokens for texts; what they have
    in common, such as weights in bfloat16, counts once. Losses are left out, and so is the one block that is computed
    again at a time where checkpointing is on. Nothing is drawn and nothing changes.

    Args:
        shape: of an image.
        images: how many a process has in a step.
        tokens: (texts, context) of one such batch.
        chunk: see `clip_event.tuning.steps.backward`.
    """
    model, training = encoder.model, encoder.model.training
    device = next(model.parameters()).device
    blank = torch.zeros(2, *shape, device=device)
    placed = tokens if encoder.prompt is None else encoder.prompt.placed(tokens)
    usual = lengths(placed, encoder.pad).argsort()[len(tokens) // 2]
    repeated = tokens[usual].expand(8, -1).to(device)
    training_mode(model)
    one, two = (_kept(encoder, lambda n=n: encoder.images(blank[:n])) for n in (1, 2))  # type: ignore[misc]
    four, eight = (_kept(encoder, lambda n=n: encoder.texts(repeated[:n])) for n in (4, 8))  # type: ignore[misc]
    model.train(training)
    part = min(chunk or images, images)
    read, ran = (_tokens(encoder, rows) for rows in (repeated[:4], tokens[: part * TEXTS] if part < images else tokens))
    of_images = one + (two - one) * (part - 1)
    of_texts = four + (eight - four) * (ran - read) // read
    return max(of_images, of_texts) if part < images else of_images + of_texts


def _kept(encoder: Encoder, encode: Callable[[], object]) -> int:
    """Bytes of the tensors that the backward pass would read, each once and without the model's own."""
    own = {one.untyped_storage().data_ptr() for one in (*encoder.whole.parameters(), *encoder.whole.buffers())}
    found: dict[int, int] = {}

    def held(tensor: Tensor) -> Tensor:
        storage = tensor.untyped_storage()
        if storage.data_ptr() not in own:
            found[storage.data_ptr()] = storage.nbytes()
        return tensor

    device = next(encoder.model.parameters()).device
    with torch.random.fork_rng(devices=[device] if device.type == "cuda" else []), saved_tensors_hooks(held, _same):
        encoded = encode()
    del encoded  # till here, so that no storage is freed and its place taken by another
    return sum(found.values())


def _same(tensor: Tensor) -> Tensor:
    return tensor


def _tokens(encoder: Encoder, tokens: Tensor) -> int:
    """How many tokens go through the tower for these texts, padding included."""
    device = next(encoder.model.parameters()).device
    tokens = tokens if encoder.prompt is None else encoder.prompt.placed(tokens)
    return sum(length * len(rows) for length, rows in runs(tokens, encoder.pad, encoder.short, device))
