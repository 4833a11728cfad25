"""Embeddings of prompts on disk: what was encoded once is read the next time.

A file holds tensors and, as JSON in its header, what they are made of. It appears whole, and is trusted only where its
header is the one that was asked for and its tensors have the right shapes. Nothing here ever stops a run: a broken file
is made again, and where none can be written the embeddings are made each time.
"""

import json
import os
import tempfile
from collections.abc import Callable, Mapping
from hashlib import blake2b
from pathlib import Path
from typing import Any

from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor

USER = Path(os.environ.get("XDG_CACHE_HOME") or "~/.cache") / "clip-event"
"""The user's cache folder."""

Tensors = dict[str, Tensor]


def cached(
    folder: Path | None, key: Mapping[str, Any], shapes: Mapping[str, tuple[int, ...]], make: Callable[[], Tensors]
) -> Tensors:
    """Tensors from the file that `key` names, or made now and kept there.

    Args:
        folder: where files are kept; None keeps none.
        key: all that the tensors depend on, as JSON can hold it.
        shapes: what tensors there are.
        make: makes them.
    """
    text = json.dumps(key, sort_keys=True)
    path = _path(folder, text)
    if path and (found := _read(path, text, shapes)):
        return found
    made = {name: tensor.float().contiguous() for name, tensor in make().items()}
    if path:
        _write(path, save(made, {"key": text}))
    return made


def _path(folder: Path | None, key: str) -> Path | None:
    try:
        name = blake2b(key.encode(), digest_size=16).hexdigest()
        return None if folder is None else folder.expanduser() / f"{name}.safetensors"
    except RuntimeError:  # a user without a home
        return None


def _read(path: Path, key: str, shapes: Mapping[str, tuple[int, ...]]) -> Tensors | None:
    try:
        with safe_open(path, "pt") as file:
            if (file.metadata() or {}).get("key") != key:
                return None
            found = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118, it is no mapping
    except (OSError, SafetensorError):
        return None
    right = {name: tuple(tensor.shape) for name, tensor in found.items()} == dict(shapes)
    return found if right and all(bool(tensor.isfinite().all()) for tensor in found.values()) else None


def _write(path: Path, content: bytes) -> None:
    """Under a name of its own first, as another process may write the same file."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile(dir=path.parent, suffix=".partial", delete=False) as file:
            partial = Path(file.name)
            try:
                file.write(content)
                file.close()
                os.replace(partial, path)
            finally:
                partial.unlink(missing_ok=True)
    except OSError:
        return
