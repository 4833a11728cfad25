"""Events a second that are said with their hard negatives, on one core.

    python -m benchmarks.describe [EVENTS.jsonl] [--count 2000] [--repeats 5]

The command's function, from a file of events to a file of descriptions, with every reading of the file, of which there
are two where negatives are wanted: a sentence, the same with negatives, and what `clip-event describe` writes if not
told otherwise. Without a file the events are those of drawn scenes.
"""

import argparse
import tempfile
from pathlib import Path

import torch

from benchmarks.side_by_side import Row, alternately, keep, row, show
from clip_event.descriptions import describe
from clip_event.scenes import plan
from clip_event.scenes.make import record_of
from templates.events import CaptionEvents, read_events, write_events
from templates.pairs import Wanted

WANTED = {
    "a sentence alone": Wanted(("sentence",), {}),
    "a sentence, 4 negatives": Wanted(("sentence",)),
    "three styles, 4 negatives of each": Wanted(),
}


def main(arguments: list[str] | None = None) -> list[Row]:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("events", type=Path, nargs="?")
    parser.add_argument("--count", type=int, default=2_000)
    parser.add_argument("--repeats", type=int, default=5)
    given = parser.parse_args(arguments)
    torch.set_num_threads(1)
    if given.events:
        records = [record for _, record in zip(range(given.count), read_events(given.events), strict=False)]
    else:
        records = [CaptionEvents.model_validate(record_of(plan(number))) for number in range(given.count)]
    events = sum(len(record.events) for record in records)
    with tempfile.TemporaryDirectory() as folder:
        source, out = Path(folder) / "events.jsonl", Path(folder) / "descriptions.jsonl"
        write_events(source, records)
        times = alternately(
            {name: lambda wanted=wanted: describe(source, out, wanted) for name, wanted in WANTED.items()},  # type: ignore[misc]
            given.repeats,
        )
    note = f"{events:,} events, by CPU seconds"
    rows = [
        row(f"describe: {name}", (events / spent.cpu for spent in many), ">= 5000", note, "events/s")
        for name, many in times.items()
    ]
    show(rows)
    keep("describe", rows)
    return rows


if __name__ == "__main__":
    main()
