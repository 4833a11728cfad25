"""What a run writes while it runs: one JSON object a line in metrics.jsonl, and curves for TensorBoard."""

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from clip_event.history import METRICS


class Metrics:
    """Appends to `folder/metrics.jsonl`, each line whole, and to TensorBoard files beside it."""

    def __init__(self, folder: Path) -> None:
        from torch.utils.tensorboard import SummaryWriter

        path = folder / METRICS
        if path.exists():  # a line that a crash cut in half would swallow the next one
            lines = path.read_bytes()
            path.write_bytes(lines[: lines.rfind(b"\n") + 1])
        self._file = path.open("a", encoding="utf-8")
        self._board = SummaryWriter(str(folder / "tensorboard"))

    def write(self, event: str, **found: Any) -> None:
        """One line. Numbers of a line with a `step` become curves, named by their place in it."""
        self._file.write(json.dumps({"event": event, **found}, ensure_ascii=False) + "\n")
        self._file.flush()
        if event in ("step", "evaluation") and found.get("when") != "alpha":
            for name, value in _numbers(found):
                self._board.add_scalar(f"{event}/{name}", value, found["step"])

    def close(self) -> None:
        self._file.close()
        self._board.close()


@contextmanager
def metrics(folder: Path | None) -> Iterator[Metrics | None]:
    """The metrics of a run; None for a process that writes none."""
    if folder is None:
        yield None
        return
    writer = Metrics(folder)
    try:
        yield writer
    finally:
        writer.close()


def _numbers(found: Mapping[str, Any], place: str = "") -> Iterator[tuple[str, float]]:
    for name, value in found.items():
        if isinstance(value, Mapping):
            yield from _numbers(value, f"{place}{name}/")
        elif isinstance(value, int | float) and name not in ("step", "epoch"):
            yield f"{place}{name}", float(value)
