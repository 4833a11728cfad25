"""What a run writes while it runs: one JSON object a line in metrics.jsonl, and curves for TensorBoard."""

import json
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from itertools import takewhile
from pathlib import Path
from typing import Any

from clip_event.tuning.history import METRICS


class Metrics:
    """Appends to `folder/metrics.jsonl`, each line whole, and to TensorBoard files beside it.

    Args:
        after: the step that a run goes on from; what was written after it is taken back, since it is done again.
    """

    def __init__(self, folder: Path, after: int | None = None) -> None:
        from torch.utils.tensorboard import SummaryWriter

        path = folder / METRICS
        if path.exists():  # a line that a crash cut in half would swallow the next one
            lines = [line for line in path.read_bytes().splitlines(keepends=True) if line.endswith(b"\n")]
            kept = lines if after is None else takewhile(lambda line: _written_by(line, after), lines)
            partial = path.with_name(path.name + ".partial")
            partial.write_bytes(b"".join(kept))
            os.replace(partial, path)
        self._file = path.open("a", encoding="utf-8")
        self._board = SummaryWriter(str(folder / "tensorboard"), purge_step=None if after is None else after + 1)

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
def metrics(folder: Path | None, after: int | None = None) -> Iterator[Metrics | None]:
    """The metrics of a run, see `Metrics`; None for a process that writes none."""
    if folder is None:
        yield None
        return
    writer = Metrics(folder, after)
    try:
        yield writer
    finally:
        writer.close()


def _written_by(line: bytes, step: int) -> bool:
    """Whether a run that has done so many steps had written this line; those of its end have no step of their own."""
    try:
        found = json.loads(line)
        if found["event"] == "step" or found.get("when") in ("start", "epoch", "end"):
            return int(found["step"]) <= step
        return bool(found["event"] == "plan")
    except (ValueError, KeyError, TypeError, AttributeError):
        return True  # a line that cannot be read stays, and `read_run` names it


def _numbers(found: Mapping[str, Any], place: str = "") -> Iterator[tuple[str, float]]:
    for name, value in found.items():
        if isinstance(value, Mapping):
            yield from _numbers(value, f"{place}{name}/")
        elif isinstance(value, int | float) and name not in ("step", "epoch"):
            yield f"{place}{name}", float(value)
