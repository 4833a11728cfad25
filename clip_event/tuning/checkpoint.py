"""Where a run stands, on disk: written whole, read without running code, and gone on from to the same losses."""

import os
from pathlib import Path
from pickle import UnpicklingError
from typing import Any

import torch
from torch import nn

CHECKPOINT = "checkpoint.pt"


class CheckpointError(ValueError):
    """A checkpoint that cannot be gone on from."""


def save_checkpoint(folder: Path, step: int, model: nn.Module, optimizer: torch.optim.Optimizer, config: str) -> None:
    """Write `checkpoint.pt`; an older one is there until the new one is whole.

    Args:
        config: the settings that a run which goes on must share.
    """
    state = {"step": step, "model": model.state_dict(), "optimizer": optimizer.state_dict(), "config": config}
    partial = folder / (CHECKPOINT + ".partial")
    with partial.open("wb") as file:
        torch.save(state, file)
        file.flush()
        os.fsync(file.fileno())
    os.replace(partial, folder / CHECKPOINT)


def load_checkpoint(folder: Path, model: nn.Module, optimizer: torch.optim.Optimizer, config: str) -> int:
    """Put the model and the optimizer where the run stood; the number of steps done.

    Nothing else is needed: the order of the data, its texts and its augmentation hang on seed, epoch and record.

    Raises:
        CheckpointError: there is none, it is none, or it is of other settings.
    """
    path = folder / CHECKPOINT
    if not path.exists():
        raise CheckpointError(f"{folder} holds no {CHECKPOINT} to go on from; run without --resume")
    try:
        state: dict[str, Any] = torch.load(path, map_location="cpu", weights_only=True)
        settings = state["config"]
    except (OSError, RuntimeError, EOFError, LookupError, TypeError, UnpicklingError) as error:
        raise CheckpointError(f"{path} is no checkpoint: {next(iter(str(error).splitlines()), repr(error))}") from error
    if settings != config:
        raise CheckpointError(
            f"{path} is of a run with other settings; restore them, or run without --resume into another folder"
        )
    model.load_state_dict(state["model"])
    optimizer.load_state_dict(state["optimizer"])
    return int(state["step"])
