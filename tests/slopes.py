"""Losses against references written as loops: their values, and their gradients against the reference's differences."""

from collections.abc import Callable

import numpy as np
import pytest
import torch


def differences(reference: Callable[..., float], arrays: list[np.ndarray], step: float = 1e-5) -> list[np.ndarray]:
    """Central differences of the reference by every number in `arrays`."""
    slopes = [np.zeros_like(array) for array in arrays]
    for array, slope in zip(arrays, slopes, strict=True):
        for at in np.ndindex(array.shape):
            kept = array[at]
            values = []
            for moved in (kept + step, kept - step):
                array[at] = moved
                values.append(reference(*arrays))
            array[at] = kept
            slope[at] = (values[0] - values[1]) / (2 * step)
    return slopes


def assert_agrees(loss: Callable[..., torch.Tensor], reference: Callable[..., float], *arrays: np.ndarray) -> None:
    """`loss` of float64 tensors and `reference` of arrays: equal values and gradients."""
    tensors = [torch.tensor(array, requires_grad=True) for array in arrays]
    value = loss(*tensors)
    assert value.dtype == torch.float64
    assert value.item() == pytest.approx(reference(*arrays), rel=1e-11, abs=1e-12)
    value.backward()
    for tensor, slope in zip(tensors, differences(reference, list(arrays)), strict=True):
        np.testing.assert_allclose(tensor.grad.numpy(), slope, rtol=1e-6, atol=1e-8)
