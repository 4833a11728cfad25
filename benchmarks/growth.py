"""Time and memory of extract, describe and classify at 1,000, 10,000 and 100,000 records, in fresh processes.

    python -m benchmarks.growth [--sizes 1000 10000 100000] [--commands extract describe classify]

Drawn scenes: their captions, their events, and 1,000 photographs that are named again and again. Time that grows with
the records is a ratio of 1 to the smallest size, start left out; memory is the peak of the process.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from itertools import cycle, islice
from pathlib import Path

from benchmarks.photographs import drawn
from benchmarks.side_by_side import Row, keep, row, show

SIZES = (1_000, 10_000, 100_000)
COMMANDS = ("extract", "describe", "classify")
OPTIONS = {"extract": [], "describe": [], "classify": ["--images", "/"]}
PHOTOGRAPHS = 1000


def record_lines(command: str, count: int) -> list[str]:
    """JSONL for the command; texts are those of as many different scenes as there are photographs."""
    folder = drawn(PHOTOGRAPHS)
    rows = [json.loads(line) for line in (folder / "gold.jsonl").read_text(encoding="utf-8").splitlines()]
    keys = {"extract": ("caption",), "describe": ("caption", "events", "salient"), "classify": ("image",)}[command]
    lines = []
    for number, whole in enumerate(islice(cycle(rows), count)):
        told = {key: whole[key] for key in keys}
        if "image" in told:
            told["image"] = str((folder / told["image"]).resolve())
        lines.append(json.dumps({"id": number, **told}) + "\n")
    return lines


def spent(command: str, count: int) -> tuple[float, float]:
    """Seconds of the clock, and the peak of memory in MB."""
    with tempfile.TemporaryDirectory() as folder:
        source = Path(folder) / "records.jsonl"
        with source.open("w", encoding="utf-8") as out:
            out.writelines(record_lines(command, count))
        line = [sys.executable, "-m", "clip_event.cli", command, str(source), "-o", str(source) + ".out"]
        began = time.perf_counter()
        process = subprocess.Popen([*line, *OPTIONS[command]], stderr=subprocess.DEVNULL)
        _, status, usage = os.wait4(process.pid, 0)
        if status:
            raise RuntimeError(f"{' '.join(line)} ended with status {status}")
        return time.perf_counter() - began, usage.ru_maxrss / 1024


def rows_of(command: str, sizes: Sequence[int]) -> list[Row]:
    spent(command, 2)  # fills the caches
    start, _ = spent(command, 2)
    found = {size: spent(command, size) for size in sizes}
    each = {size: (seconds - start) / size for size, (seconds, _) in found.items()}
    first = sizes[0]
    rows = []
    for size, (seconds, peak) in found.items():
        rows.append(
            row(f"{command}, {size:,}: time a record", [each[size] / each[first]], note=f"{seconds:.0f} s in all")
        )
        rows.append(row(f"{command}, {size:,}: memory", [peak / found[first][1]], note=f"peak {peak:,.0f} MB"))
    return rows


def main(arguments: list[str] | None = None) -> list[Row]:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sizes", type=int, nargs="+", default=SIZES)
    parser.add_argument("--commands", nargs="+", choices=COMMANDS, default=COMMANDS)
    given = parser.parse_args(arguments)
    rows = [one for command in given.commands for one in rows_of(command, given.sizes)]
    show(rows)
    keep("growth", rows)
    return rows


if __name__ == "__main__":
    main()
