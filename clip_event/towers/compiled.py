"""`torch.compile` for both towers, block by block.

A tower's blocks are all alike, so that few kernels are made for many of them. What surrounds the blocks stays as it is:
positions cut to a text's length, the prompt's hook, patches. A new length of text makes no new kernel.
"""

import os
import shutil
from collections.abc import Iterator
from importlib.util import find_spec

import torch
from torch import nn

COMPILERS = ("g++", "clang++", "c++", "cl")


def compile_blocks(model: nn.Module, backend: str = "inductor") -> None:
    """Compile the blocks of both towers, in place, at their next use; names and state stay.

    Args:
        model: any open_clip model, with LoRA in it already if it is to have any.

    Raises:
        ValueError: this machine has no compiler for the model's device.
    """
    if backend == "inductor" and (missing := _missing(next(model.parameters()).device)):
        raise ValueError(f"model.compile=true: {missing}; install it, or set model.compile=false")
    # towers, lengths of texts and parts of a batch each need their own
    torch._dynamo.config.cache_size_limit = max(64, torch._dynamo.config.cache_size_limit)
    for block in blocks(model):
        block.compile(backend=backend, dynamic=True)


def blocks(model: nn.Module) -> Iterator[nn.Module]:
    """The modules that stand in a row of their own kind, the outermost such rows."""
    for part in model.children():
        rows = isinstance(part, nn.ModuleList | nn.Sequential) and len({type(one) for one in part}) == 1
        yield from part.children() if rows else blocks(part)


def _missing(device: torch.device) -> str | None:
    """What torch.compile lacks on this machine."""
    if device.type == "cuda" and find_spec("triton") is None:
        return "there is no triton, which compiles for GPUs"
    asked = os.environ.get("CXX")
    if not any(map(shutil.which, (asked,) if asked else COMPILERS)):
        return f"there is no C++ compiler ({asked or ', '.join(COMPILERS)})"
    return None
