"""Retention against a hand-worked angle and a loop; interpolation at its ends, between them, and refused."""

import math

import numpy as np
import pytest
import torch
from slopes import assert_agrees

from clip_event.tuning.retention import interpolate, retention_loss


def test_retention_is_the_mean_of_one_minus_cosine():
    rng = np.random.default_rng(0)
    start = rng.standard_normal((3, 4))

    def reference(current):
        cosines = [float(a @ b) / math.sqrt(float(a @ a) * float(b @ b)) for a, b in zip(current, start, strict=True)]
        return sum(1 - cosine for cosine in cosines) / 3

    assert_agrees(lambda current: retention_loss(current, torch.tensor(start)), reference, rng.standard_normal((3, 4)))


def test_retention_by_hand():
    start = torch.tensor([[2.0, 0.0], [0.0, 1.0], [1.0, 1.0]], requires_grad=True)
    current = torch.tensor([[5.0, 0.0], [3.0, 0.0], [-1.0, -1.0]], requires_grad=True)
    loss = retention_loss(current, start)
    loss.backward()
    assert loss.item() == pytest.approx((0 + 1 + 2) / 3)
    assert start.grad is None


@pytest.mark.parametrize("garbage", [math.inf, math.nan])
def test_rows_that_do_not_count_have_no_gradient(garbage):
    current = torch.tensor([[1.0, 0.0], [garbage, 1.0]], requires_grad=True)
    start = torch.tensor([[1.0, 1.0], [garbage, 0.0]])
    loss = retention_loss(current, start, torch.tensor([True, False]))
    loss.backward()
    assert loss.item() == pytest.approx(1 - math.sqrt(0.5))
    assert current.grad[1].tolist() == [0, 0]
    assert current.grad[0, 1] < 0


def states():
    start = {"w": torch.tensor([1.0, 3.0]), "half": torch.tensor([1.0], dtype=torch.bfloat16), "n": torch.tensor(1)}
    tuned = {"w": torch.tensor([2.0, -1.0]), "half": torch.tensor([2.0], dtype=torch.bfloat16), "n": torch.tensor(5)}
    return start, tuned


def test_interpolation_by_hand():
    between = interpolate(*states(), 0.25)
    assert between["w"].tolist() == [1.25, 2.0]
    assert between["half"].tolist() == [1.25]
    assert between["half"].dtype == torch.bfloat16
    assert between["n"].item() == 5


def test_the_ends_of_the_interpolation_are_the_models_to_the_bit():
    generator = torch.Generator().manual_seed(0)
    start, tuned = ({"w": torch.randn(1000, generator=generator)} for _ in range(2))
    assert torch.equal(interpolate(start, tuned, 0)["w"], start["w"])
    assert torch.equal(interpolate(start, tuned, 1)["w"], tuned["w"])


def test_interpolation_changes_neither_model():
    start, tuned = states()
    between = interpolate(start, tuned, 1)
    for tensor in between.values():
        tensor.zero_()
    assert tuned["w"].tolist() == [2.0, -1.0]
    assert tuned["n"].item() == 5


def without(state, name):
    return {key: value for key, value in state.items() if key != name}


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda s, t: (without(s, "w"), t, 0.5), "'w' is only in the tuned model"),
        (lambda s, t: (s, without(without(t, "w"), "n"), 0.5), "'n' and 1 more are only in the starting model"),
        (lambda s, t: (s, {**t, "w": torch.zeros(3)}, 0.5), r"'w': \(2,\) in the starting model, \(3,\)"),
        (lambda s, t: (s, t, 1.5), "alpha: 1.5"),
    ],
)
def test_two_different_models_and_an_alpha_beyond_them_are_refused(change, message):
    with pytest.raises(ValueError, match=message):
        interpolate(*change(*states()))
