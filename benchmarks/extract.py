"""Captions a second: the extractor against the same network run plainly, in turn, in one process.

    python -m benchmarks.extract captions.jsonl [--captions 2000] [--repeats 5]

Plainly means captions in file order, padded to the longest of their batch, in float32. Growth (time and peak memory of
`clip-event extract` at several sizes) is measured in fresh processes with --growth.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from itertools import cycle, islice
from pathlib import Path

import torch
from rich.console import Console
from rich.table import Table

from benchmarks.side_by_side import Times, alternately
from extraction.captions import words_of
from extraction.decode import Decoder
from extraction.extractor import EventExtractor
from extraction.records import Bad, read_rows
from templates.ontology import load_ontology

SIZES = (1_000, 10_000, 100_000)


def captions_of(path: Path, count: int) -> list[str]:
    rows = (row for _, row in read_rows(path))
    return [row["caption"] for row in islice((row for row in rows if not isinstance(row, Bad)), count)]


def plain(extractor: EventExtractor, texts: list[list[str]], size: int) -> None:
    """The network alone as one would write it first."""
    legal = {name: tuple(event.roles) for name, event in load_ontology("news").events.items()}
    decoder = Decoder(extractor.reader, legal)
    for start in range(0, len(texts), size):
        decoder.read(extractor.cutter.batch(texts[start : start + size]))


def speed(path: Path, count: int, repeats: int) -> Times:
    captions = captions_of(path, count)
    extractor = EventExtractor("news")
    texts = [words_of(caption) for caption in captions]
    words = [text[0] for text in texts]

    def reader_alone() -> None:
        pieces = [piece for index, text in enumerate(texts) for piece in extractor._pieces(index, text[0])]
        for batch in extractor._batches(pieces):
            part = [words[pieces[i].caption][pieces[i].start : pieces[i].end] for i in batch]
            with torch.autocast("cpu", torch.bfloat16, enabled=torch.cpu._is_avx512_bf16_supported()):
                extractor.decoder.read(extractor.cutter.batch(part))

    return alternately(
        {
            "end to end": lambda: extractor.extract(captions),
            "reader alone": reader_alone,
            "plain, unsorted, float32": lambda: plain(extractor, words, extractor.batch_size),
        },
        repeats,
    )


def growth(path: Path) -> list[tuple[int, float, float]]:
    """(captions, seconds, peak MB) of the command in a fresh process at each size."""
    captions = captions_of(path, max(SIZES))
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        for size in SIZES:
            source = Path(folder) / f"{size}.jsonl"
            with source.open("w", encoding="utf-8") as out:
                for number, caption in enumerate(islice(cycle(captions), size)):
                    out.write(json.dumps({"id": number, "caption": caption}) + "\n")
            command = [sys.executable, "-m", "clip_event.cli", "extract", str(source), "-o", str(source) + ".events"]
            began = time.perf_counter()
            process = subprocess.Popen(command, stderr=subprocess.DEVNULL)
            _, status, usage = os.wait4(process.pid, 0)
            if status:
                raise RuntimeError(f"{' '.join(command)} ended with status {status}")
            rows.append((size, time.perf_counter() - began, usage.ru_maxrss / 1024))
    return rows


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("captions", type=Path)
    parser.add_argument("--captions", dest="count", type=int, default=2000)
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--growth", action="store_true")
    given = parser.parse_args()
    console = Console(highlight=False)
    if given.growth:
        table = Table("captions", "seconds", "captions/s", "peak MB")
        for size, seconds, peak in growth(given.captions):
            table.add_row(f"{size:,}", f"{seconds:.1f}", f"{size / seconds:.0f}", f"{peak:.0f}")
        console.print(table)
        return
    seconds = speed(given.captions, given.count, given.repeats)
    count = len(captions_of(given.captions, given.count))
    table = Table("way", "captions/s, median", "lowest to highest", "times the plain run, median of pairs")
    base = seconds["plain, unsorted, float32"]
    for name, values in seconds.items():
        rates = sorted(count / spent.clock for spent in values)
        ratio = statistics.median(slow.clock / fast.clock for slow, fast in zip(base, values, strict=True))
        table.add_row(name, f"{statistics.median(rates):.0f}", f"{rates[0]:.0f} to {rates[-1]:.0f}", f"{ratio:.2f}")
    console.print(table)


if __name__ == "__main__":
    main()
