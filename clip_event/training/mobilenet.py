"""MobileNetV2's ImageNet weights out of an int8 TFLite file, and its batch norms out of their folded biases.

The file keeps of each convolution a kernel and a bias, into which the batch norm was folded; Jacob et al. (CVPR 2018)
describe both. timm's `mobilenetv2_100` has the same layers in the same order. TensorFlow's SAME padding puts the odd
row and column behind; PyTorch pads both sides alike. The two agree where every halving is of an odd size, that is for
pictures of 32 n + 1 pixels (129, 161), which is why this model takes such pictures.
"""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, cast

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

CONVOLUTIONS = 52  # and the classifier behind them
CLASSES = 1001  # the first is background

Arrays = tuple[npt.NDArray[np.float32], npt.NDArray[np.float32]]


def read_tflite(path: str | Path) -> list[Arrays]:
    """Kernels (out, in, height, width), depthwise ones (channels, 1, height, width), and biases, in the order of use.

    Raises:
        ValueError: the file holds other layers than MobileNetV2's.
    """
    import tflite

    model = tflite.Model.GetRootAsModel(Path(path).read_bytes(), 0)
    graph, found = model.Subgraphs(0), []
    for number in range(graph.OperatorsLength()):
        operator = graph.Operators(number)
        kind = model.OperatorCodes(operator.OpcodeIndex()).BuiltinCode()
        if kind not in (tflite.BuiltinOperator.CONV_2D, tflite.BuiltinOperator.DEPTHWISE_CONV_2D):
            continue
        kernel, bias = (_floats(model, graph.Tensors(operator.Inputs(place))) for place in (1, 2))
        # TFLite's order is (out, height, width, in), and (1, height, width, channels) for depthwise ones
        depthwise = kind == tflite.BuiltinOperator.DEPTHWISE_CONV_2D
        found.append((kernel.transpose(3, 0, 1, 2) if depthwise else kernel.transpose(0, 3, 1, 2), bias))
    if len(found) != CONVOLUTIONS + 1 or len(found[-1][1]) != CLASSES:
        raise ValueError(f"{path}: found {len(found)} convolutions, expected the {CONVOLUTIONS + 1} of MobileNetV2")
    return found


def _floats(model: Any, tensor: Any) -> npt.NDArray[np.float32]:
    import tflite

    dtype = {tflite.TensorType.INT8: np.int8, tflite.TensorType.INT32: np.int32}[tensor.Type()]
    values = model.Buffers(tensor.Buffer()).DataAsNumpy().view(dtype).reshape(tensor.ShapeAsNumpy())
    quantised = tensor.Quantization()
    return dequantise(values, quantised.ScaleAsNumpy(), quantised.ZeroPointAsNumpy(), quantised.QuantizedDimension())


def dequantise(
    values: npt.NDArray[Any], scales: npt.NDArray[Any], zeros: npt.NDArray[Any], axis: int
) -> npt.NDArray[np.float32]:
    """(value - zero) x scale, with one scale and zero for all or for each place of an axis."""
    shape = [1] * values.ndim
    shape[axis] = len(scales)
    zeros = zeros.astype(np.int64).reshape(shape)
    return ((values.astype(np.int64) - zeros) * scales.astype(np.float64).reshape(shape)).astype(np.float32)


@torch.no_grad()
def fill(trunk: nn.Module, convolutions: list[Arrays]) -> None:
    """Copy kernels and biases into timm's `mobilenetv2_100`; its batch norms then only add the bias.

    Evaluation is right at once. Training is not, before `recalibrate`: the norms' statistics are 0 and 1.

    Args:
        convolutions: as read; the classifier is filled where the trunk has one of as many classes.

    Raises:
        ValueError: the trunk has other layers.
    """
    pairs = list(norms(trunk))
    if len(pairs) != CONVOLUTIONS:
        raise ValueError(f"the trunk has {len(pairs)} convolutions with a batch norm, expected {CONVOLUTIONS}")
    for (convolution, norm), (kernel, bias) in zip(pairs, convolutions[:-1], strict=True):
        convolution.weight.copy_(torch.from_numpy(kernel))
        _plain(norm, torch.from_numpy(bias))
    classifier = trunk.get_submodule("classifier")
    if isinstance(classifier, nn.Linear) and classifier.out_features == CLASSES:
        kernel, bias = convolutions[-1]
        classifier.weight.copy_(torch.from_numpy(kernel[:, :, 0, 0]))
        classifier.bias.copy_(torch.from_numpy(bias))


def norms(trunk: nn.Module) -> Iterator[tuple[nn.Conv2d, Any]]:
    """Every convolution with the batch norm behind it, in the order of use."""
    before = None
    for module in trunk.modules():
        if isinstance(module, nn.Conv2d):
            before = module
        elif isinstance(module, nn.BatchNorm2d):
            assert before is not None
            yield before, module


@contextmanager
def folded(trunk: nn.Module) -> Iterator[None]:
    """Within this context convolutions have biases in the place of their batch norms: half the time of a training step.

    Behind it the norms are there again, but only add a bias, as after `fill`.
    """
    pairs = list(norms(trunk))
    names = {id(module): name for name, module in trunk.named_modules()}
    places = [names[id(norm)] for _, norm in pairs]
    for (convolution, norm), place in zip(pairs, places, strict=True):
        _fold(convolution, norm)
        trunk.set_submodule(place, norm.act)
    yield
    for (convolution, norm), place in zip(pairs, places, strict=True):
        _plain(norm, cast(Tensor, convolution.bias).detach())
        convolution.bias = None
        trunk.set_submodule(place, norm)


@torch.no_grad()
def _fold(convolution: nn.Conv2d, norm: Any) -> None:
    slope = norm.weight / (norm.running_var + norm.eps).sqrt()
    convolution.weight.mul_(slope[:, None, None, None])
    convolution.bias = nn.Parameter(norm.bias - slope * norm.running_mean)


@torch.no_grad()
def _plain(norm: Any, bias: Tensor) -> None:
    """Make a norm add a bias and do nothing else."""
    norm.running_mean.zero_()
    norm.running_var.fill_(1 - norm.eps)
    norm.weight.fill_(1)
    norm.bias.copy_(bias)


@torch.no_grad()
def recalibrate(trunk: nn.Module, batches: Iterable[Tensor]) -> None:
    """Give each batch norm the mean and variance of what it is fed, and leave what the trunk computes as it is.

    The scale and shift take up what the statistics change: weight' = weight x sqrt(var' + eps) / sqrt(var + eps) and
    bias' = bias + weight x (mean' - mean) / sqrt(var + eps).

    Args:
        trunk: in evaluation mode.
        batches: pictures (images, 3, height, width), preprocessed.
    """
    layers = [norm for _, norm in norms(trunk)]
    sums = [torch.zeros(3, norm.num_features, dtype=torch.float64) for norm in layers]  # values, squares, how many

    def add(number: int, fed: Tensor) -> None:
        values = fed.transpose(0, 1).flatten(1).double()
        count = torch.full((len(values),), values.shape[1])
        sums[number] += torch.stack([values.sum(1), values.square().sum(1), count])

    hooks = [
        norm.register_forward_pre_hook(lambda _, fed, number=number: add(number, fed[0]))
        for number, norm in enumerate(layers)
    ]
    for batch in batches:
        trunk(batch)
    for hook in hooks:
        hook.remove()
    for norm, (total, squares, count) in zip(layers, sums, strict=True):
        mean, deviation = total / count, (norm.running_var.double() + norm.eps).sqrt()
        variance = (squares / count - mean.square()).clamp(min=0)
        slope = norm.weight.double() / deviation
        norm.bias.add_(slope * (mean - norm.running_mean.double()))
        norm.weight.copy_(slope * (variance + norm.eps).sqrt())
        norm.running_mean.copy_(mean)
        norm.running_var.copy_(variance)
