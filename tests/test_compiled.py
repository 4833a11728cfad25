"""Compiled towers against towers as they are: the same losses and gradients, in parts and behind a prompt."""

import os

import pytest
import torch
from loops import ALL, KINDS, PAD, collated, examples, tokens
from runs import config, quiet, small_world
from torch import nn
from towers import hugging_face, image_tower, native

from clip_event.towers.compiled import blocks, compile_blocks
from clip_event.towers.prompt import first_prompt
from clip_event.tuning.finetune import finetune
from clip_event.tuning.objective import Objective
from clip_event.tuning.steps import Encoder, backward

BACKENDS = [
    "aot_eager",  # all but the making of kernels
    pytest.param(
        "inductor",
        marks=pytest.mark.skipif(
            not os.environ.get("CLIP_EVENT_COMPILE"), reason="takes minutes on a CPU; set CLIP_EVENT_COMPILE=1"
        ),
    ),
]


@pytest.fixture(autouse=True)
def nothing_compiled_before():
    torch._dynamo.reset()


@pytest.mark.parametrize("backend", BACKENDS)
def test_compiled_blocks_give_the_losses_and_gradients_of_the_same_towers(backend):
    batch, results = collated(examples(7, 5)), []
    batch.images = batch.images.float()
    for compiled in (False, True):
        model = native("mini")
        made = Encoder(model, PAD, True, True, prompt=first_prompt(model, tokens, 4))
        if compiled:
            compile_blocks(model, backend)
        torch._dynamo.utils.counters.clear()
        losses = backward(made, Objective(ALL, KINDS), batch, model.logit_scale, 3, None)
        assert bool(torch._dynamo.utils.counters["stats"]["unique_graphs"]) == compiled
        results.append((losses, {name: p.grad for name, p in made.whole.named_parameters() if p.grad is not None}))
        assert model.state_dict().keys() == native("mini").state_dict().keys()
    (eager, slopes), (found, compiled_slopes) = results
    assert found == pytest.approx(eager, rel=1e-4)
    assert slopes.keys() == compiled_slopes.keys()
    for name, slope in slopes.items():
        torch.testing.assert_close(compiled_slopes[name], slope, atol=1e-4 * max(1.0, float(slope.abs().max())), rtol=0)


@pytest.mark.parametrize(
    ("make", "number"),
    [
        (lambda: native("mini"), 4),
        (lambda: native("custom"), 4),
        (lambda: hugging_face("bert"), 4),
        (lambda: image_tower("test_vit", "token", None), 2 + 6),
    ],
)
def test_the_blocks_of_every_tower_are_found(make, number):
    model = make()
    found = list(blocks(model))
    assert len(found) == number
    inside = sum(value.numel() for block in found for value in block.parameters())
    words = sum(m.weight.numel() for m in model.modules() if isinstance(m, nn.Embedding))
    assert inside > 0.7 * (sum(value.numel() for value in model.parameters()) - words)


def test_a_machine_without_a_compiler_is_told_before_the_run(tmp_path, monkeypatch):
    world = small_world(tmp_path)
    monkeypatch.delenv("CXX", raising=False)
    monkeypatch.setenv("PATH", str(tmp_path))
    given = config(world, tmp_path / "run", model={"compile": True})
    with pytest.raises(ValueError, match=r"compile=true: there is no C\+\+ compiler .*set model.compile=false"):
        finetune(given, say=quiet)
    assert not (tmp_path / "run/metrics.jsonl").exists()
