"""A reader on disk: a folder with 8-bit weights, the configuration and the tokenizer.

Matrices are stored as signed bytes with one scale a row, vectors in full. What is loaded is computed from the bytes, so
that every machine reads the same weights.
"""

import json
import os
from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from tokenizers import Tokenizer
from torch import Tensor

from extraction.reader import Reader, ReaderConfig

SHIPPED = Path(__file__).parent / "weights"
SCALE = ".scale"


class WeightsError(ValueError):
    """A reader's folder that cannot be loaded; the message names the folder, what is wrong with it and the mend."""


def save_reader(reader: Reader, tokenizer: Tokenizer, folder: str | Path) -> None:
    """Write a reader's folder, its weights last, so that a folder with weights is whole."""
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    tensors: dict[str, Tensor] = {}
    for name, value in reader.state_dict().items():
        value = value.detach().cpu().float()
        if value.ndim == 2:
            tensors[name], tensors[name + SCALE] = quantize(value)
        else:
            tensors[name] = value.contiguous()
    text = json.dumps(reader.config.to_dict(), ensure_ascii=False, indent=1)
    (folder / "config.json").write_text(text + "\n", encoding="utf-8")
    tokenizer.save(str(folder / "tokenizer.json"), pretty=False)
    partial = folder / "reader.safetensors.partial"
    save_file(tensors, partial)
    partial.chmod(0o644)  # safetensors lets nobody else read it
    os.replace(partial, folder / "reader.safetensors")


def load_reader(folder: str | Path | None = None) -> tuple[Reader, Tokenizer]:
    """The reader in a folder, in evaluation mode, and its tokenizer; without a folder the shipped one.

    Raises:
        WeightsError: a file is missing, unreadable or of another shape than the configuration says.
    """
    folder = Path(folder) if folder else SHIPPED
    try:
        config = ReaderConfig.from_dict(json.loads((folder / "config.json").read_text(encoding="utf-8")))
        tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
        tensors = load_file(folder / "reader.safetensors")
    except (OSError, SafetensorError, json.JSONDecodeError, KeyError, TypeError) as error:
        raise WeightsError(f"{folder}: no reader can be loaded: {error}; expected a folder of save_reader") from None
    state = {
        name: dequantize(value, tensors[name + SCALE]) if value.dtype == torch.int8 else value
        for name, value in tensors.items()
        if not name.endswith(SCALE)
    }
    reader = Reader(config)  # torch's meta device would save its drawing of weights and cost 0.7 s of imports
    try:
        reader.load_state_dict(state, assign=True)
    except RuntimeError as error:
        raise WeightsError(f"{folder}: weights and configuration differ: {error}") from None
    return reader.eval().requires_grad_(False), tokenizer


def quantize(matrix: Tensor) -> tuple[Tensor, Tensor]:
    """Signed bytes and one scale a row; the largest weight of a row becomes 127."""
    scale = matrix.abs().amax(dim=1, keepdim=True).clamp(min=1e-12) / 127
    return (matrix / scale).round().clamp(-127, 127).to(torch.int8), scale[:, 0].contiguous()


def dequantize(values: Tensor, scale: Tensor) -> Tensor:
    return values.float() * scale[:, None]
