"""Seconds from the shell until a command is done: help, one caption, one photograph.

    python -m benchmarks.start [--repeats 5]

Fresh processes in turn, after one of each that fills the caches of the disk and of the classifier. CPU seconds, in the
note, are what the command would take where nothing else runs.
"""

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

from benchmarks.photographs import drawn
from benchmarks.side_by_side import Row, alternately, keep, row, show

TARGETS = {"--help": "<= 0.5", "extract": "<= 3", "classify": "<= 6"}
SHOWN = {"--help": "--help", "extract": "extract, one caption", "classify": "classify, one photograph"}


def commands(folder: Path) -> dict[str, list[str]]:
    captions = folder / "caption.jsonl"
    captions.write_text(json.dumps({"caption": "Police arrest a protester in Athens on Tuesday."}) + "\n")
    photograph = next((drawn(16) / "images").iterdir())
    return {
        "--help": ["--help"],
        "extract": ["extract", str(captions), "-o", str(folder / "events.jsonl")],
        "classify": ["classify", str(photograph), "-o", str(folder / "answers.jsonl")],
    }


def started(arguments: list[str]) -> Callable[[], object]:
    command = [sys.executable, "-m", "clip_event.cli", *arguments]
    return lambda: subprocess.run(command, capture_output=True, check=True)


def main(arguments: list[str] | None = None) -> list[Row]:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repeats", type=int, default=5)
    given = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory() as folder:
        found = commands(Path(folder))
        times = alternately({name: started(command) for name, command in found.items()}, given.repeats)
    rows = [
        row(
            f"start: {SHOWN[name]}",
            (spent.clock for spent in many),
            TARGETS[name],
            f"{statistics.median(spent.cpu for spent in many):.2f} CPU seconds",
            "s",
        )
        for name, many in times.items()
    ]
    show(rows)
    keep("start", rows)
    return rows


if __name__ == "__main__":
    main()
