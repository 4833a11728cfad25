"""The memory that a plan names against every tensor that a real batch leaves for the backward pass, counted."""

from pathlib import Path

import pytest
import torch
from runs import config, small_world
from torch.autograd.graph import saved_tensors_hooks

from clip_event.towers.trainable import training_mode
from clip_event.tuning.assembly import Assembly, assemble, batches
from clip_event.tuning.finetune import finetune
from clip_event.tuning.ranks import placed


@pytest.fixture(scope="module")
def world(tmp_path_factory) -> Path:
    return small_world(tmp_path_factory.mktemp("world"))


def counted(assembly: Assembly, encode) -> int:
    """Bytes of the storages of all that is saved, but for the model's own."""
    saved, own = [], [*assembly.encoder.whole.parameters(), *assembly.encoder.whole.buffers()]
    with saved_tensors_hooks(lambda tensor: saved.append(tensor) or tensor, lambda tensor: tensor):
        result = encode()
    storages = {one.untyped_storage().data_ptr(): one.untyped_storage().nbytes() for one in saved}
    assert result is not None
    return sum(size for place, size in storages.items() if place not in {one.data_ptr() for one in own})


@pytest.mark.parametrize(
    ("chunk", "model"),
    [
        (None, {}),
        (5, {}),
        (None, {"image": "lora", "text": "lora", "rank": 2, "prompt": "learned"}),
        (None, {"image": "frozen"}),
        (9, {"checkpointing": True}),
    ],
)
def test_the_memory_of_a_plan_is_that_of_a_batch(world, tmp_path, chunk, model):
    given = config(world, tmp_path, model=model, optim={"batch": 24, "chunk": chunk})
    with placed("cpu") as place:
        assembly = assemble(given, place)
        batch = next(iter(batches(assembly, given, place, 0, 0)))
    encoder = assembly.encoder
    training_mode(encoder.model)
    if chunk is None:
        real = counted(assembly, lambda: encoder.batch(batch))
    else:
        parts = [counted(assembly, lambda part=part: encoder.images(part)) for part in batch.images.split(chunk)]
        parts += [counted(assembly, lambda part=part: encoder.texts(part)) for part in batch.tokens.split(4 * chunk)]
        real = max(parts)
    assert assembly.plan["activations_mb"] * 2**20 == pytest.approx(real, rel=0.2)
    assert real > 2**18


def test_of_frozen_towers_nothing_is_kept_and_measuring_draws_nothing(world, tmp_path):
    frozen = {"image": "frozen", "text": "frozen"}
    state = torch.get_rng_state()
    with placed("cpu") as place:
        assembly = assemble(config(world, tmp_path, model=frozen), place)
    assert torch.equal(torch.get_rng_state(), state)
    assert assembly.plan["activations_mb"] == 0
    assert not assembly.encoder.model.training


def test_the_plan_is_told_with_its_memory(world, tmp_path):
    told: list[str] = []
    finetune(config(world, tmp_path / "run", optim={"steps": 1}), say=told.append)
    assert any("weights and optimizer" in line and "activations" in line for line in told)
