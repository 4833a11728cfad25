"""Ways of doing the same thing, timed in turn in one process, and what one costs of the other."""

import json
import os
import platform
import re
import resource
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
PACKAGES = ("torch", "torchvision", "open_clip_torch", "spacy", "POT", "transformers", "pillow")


@dataclass(frozen=True)
class Row:
    """One comparison.

    Attributes:
        name: the row's, in the table of docs/speed.md.
        value, low, high: the median over the repeats, the least and the most.
        target: what was asked for, as "<= 1.25".
        note: on what it was measured.
        unit: empty for a ratio.
    """

    name: str
    value: float
    low: float
    high: float
    target: str = ""
    note: str = ""
    unit: str = ""

    @property
    def met(self) -> bool | None:
        """Whether the median is on the target's side; None without a target."""
        if not self.target:
            return None
        sign, bound = self.target.split()
        return self.value <= float(bound) if sign == "<=" else self.value >= float(bound)


@dataclass(frozen=True)
class Spent:
    """Seconds of the clock, and those computed on a CPU by this process and by those that it started and saw end."""

    clock: float
    cpu: float

    @classmethod
    def now(cls) -> "Spent":
        if torch.cuda.is_available():
            torch.cuda.synchronize()
        used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
        return cls(time.perf_counter(), sum(one.ru_utime + one.ru_stime for one in used))

    def __sub__(self, other: "Spent") -> "Spent":
        return Spent(self.clock - other.clock, self.cpu - other.cpu)


Times = dict[str, list[Spent]]


def alternately(ways: dict[str, Callable[[], object]], repeats: int, warm: bool = False) -> Times:
    """What each way takes, one after the other, `repeats` times after a warm-up, unless they are `warm`."""
    times: Times = {name: [] for name in ways}
    for turn in range(repeats + (not warm)):
        for name, way in ways.items():
            began = Spent.now()
            way()
            if warm or turn:
                times[name].append(Spent.now() - began)
    return times


def row(name: str, values: Iterable[float], target: str = "", note: str = "", unit: str = "") -> Row:
    ordered = sorted(values)
    return Row(name, statistics.median(ordered), ordered[0], ordered[-1], target, note, unit)


def ratio(name: str, over: list[Spent], under: list[Spent], target: str = "", note: str = "") -> Row:
    """Seconds of the clock, `over` in units of `under`, turn by turn; the note tells it of CPU seconds too."""
    pairs = list(zip(over, under, strict=True))
    said = f"{statistics.median(a.cpu / b.cpu for a, b in pairs):.2f} x the CPU seconds"
    return row(name, (a.clock / b.clock for a, b in pairs), target, f"{note}; {said}" if note else said)


def cpu_ratio(name: str, over: list[Spent], under: list[Spent], target: str = "", note: str = "") -> Row:
    """The same of CPU seconds, which other programs on the machine disturb least.

    For work of one thread: where several wait for each other, their waiting counts as work.
    """
    return row(name, (a.cpu / b.cpu for a, b in zip(over, under, strict=True)), target, note)


def machine() -> dict[str, Any]:
    """What the figures were measured on."""
    return {
        "date": date.today().isoformat(),
        "processor": _processor(),
        "cores": os.cpu_count(),
        "threads": torch.get_num_threads(),
        "gpu": torch.cuda.get_device_name() if torch.cuda.is_available() else None,
        "python": platform.python_version(),
        "packages": {name: version(name) for name in PACKAGES},
    }


def _processor() -> str:
    about = Path("/proc/cpuinfo")
    found = re.search(r"model name\s*:\s*(.+)", about.read_text()) if about.exists() else None
    return found[1] if found else platform.processor() or platform.machine()


def show(rows: Iterable[Row], console: Console | None = None) -> None:
    """Print the rows as a table."""
    table = Table("row", "median", "least to most", "target", "", "note")
    for one in rows:
        met = {True: "met", False: "missed", None: ""}[one.met]
        value, low, high = (_said(number) for number in (one.value, one.low, one.high))
        table.add_row(one.name, f"{value} {one.unit}".strip(), f"{low} to {high}", one.target, met, one.note)
    (console or Console()).print(table)


def _said(number: float) -> str:
    return f"{number:,.0f}" if number >= 100 else f"{number:.2f}"


def keep(name: str, rows: Iterable[Row]) -> Path:
    """Write the rows with machine and versions to `results/NAME.json`."""
    RESULTS.mkdir(exist_ok=True)
    path = RESULTS / f"{name}.json"
    content = {"machine": machine(), "rows": [asdict(one) for one in rows]}
    path.write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")
    return path
