"""Ways of doing the same thing, timed in turn in one process, and what one costs of the other."""

import json
import os
import platform
import re
import statistics
import time
from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass
from datetime import date
from importlib.metadata import version
from pathlib import Path
from typing import Any

import torch
from rich.console import Console
from rich.table import Table

RESULTS = Path(__file__).parent / "results"
PACKAGES = ("torch", "open_clip_torch", "spacy", "POT", "transformers")


@dataclass(frozen=True)
class Row:
    """One comparison.

    Attributes:
        name: the row's, in the table of docs/speed.md.
        ratio, low, high: the median over the repeats, the least and the most.
        target: what was asked for, as "<= 1.25".
    """

    name: str
    ratio: float
    low: float
    high: float
    target: str = ""
    note: str = ""

    @property
    def met(self) -> bool | None:
        """Whether the median is on the target's side; None without a target."""
        if not self.target:
            return None
        sign, bound = self.target.split()
        return self.ratio <= float(bound) if sign == "<=" else self.ratio >= float(bound)


def own_seconds() -> float:
    """Seconds that this process has computed on a CPU; on a GPU, of the clock, once the GPU has done its work.

    Of one thread alone: others wait in a loop, which counts too.
    """
    if torch.cuda.is_available():
        torch.cuda.synchronize()
        return time.perf_counter()
    return time.process_time()


def alternately(
    ways: dict[str, Callable[[], object]], repeats: int, clock: Callable[[], float] = time.perf_counter
) -> dict[str, list[float]]:
    """Seconds of each way, one after the other, `repeats` times after a warm-up."""
    seconds: dict[str, list[float]] = {name: [] for name in ways}
    for turn in range(repeats + 1):
        for name, way in ways.items():
            began = clock()
            way()
            if turn:
                seconds[name].append(clock() - began)
    return seconds


def ratio(name: str, over: list[float], under: list[float], target: str = "", note: str = "") -> Row:
    """`over` in units of `under`, pair by pair."""
    return shares(name, (a / b for a, b in zip(over, under, strict=True)), target, note)


def shares(name: str, values: Iterable[float], target: str = "", note: str = "") -> Row:
    """Numbers that are ratios, or seconds, already."""
    ordered = sorted(values)
    return Row(name, statistics.median(ordered), ordered[0], ordered[-1], target, note)


def machine() -> dict[str, Any]:
    """What the figures were measured on."""
    gpu = torch.cuda.get_device_name() if torch.cuda.is_available() else None
    return {
        "date": date.today().isoformat(),
        "processor": _processor(),
        "cores": os.cpu_count(),
        "threads": torch.get_num_threads(),
        "gpu": gpu,
        "python": platform.python_version(),
        "packages": {name: version(name) for name in PACKAGES},
    }


def show(rows: Iterable[Row], console: Console | None = None) -> None:
    """Print the rows as a table."""
    table = Table("row", "median", "least to most", "target", "", "note")
    for row in rows:
        met = {True: "met", False: "missed", None: ""}[row.met]
        table.add_row(row.name, f"{row.ratio:.2f}", f"{row.low:.2f} to {row.high:.2f}", row.target, met, row.note)
    (console or Console()).print(table)


def keep(name: str, rows: Iterable[Row]) -> Path:
    """Write the rows with machine and versions to `results/NAME.json`."""
    RESULTS.mkdir(exist_ok=True)
    path = RESULTS / f"{name}.json"
    content = {"machine": machine(), "rows": [asdict(row) for row in rows]}
    path.write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")
    return path


def _processor() -> str:
    about = Path("/proc/cpuinfo")
    found = re.search(r"model name\s*:\s*(.+)", about.read_text()) if about.exists() else None
    return found[1] if found else platform.processor() or platform.machine()
