"""Captions a second: the extractor against the same network run plainly, in turn, in one process.

    python -m benchmarks.extract [CAPTIONS.jsonl] [--count 500] [--repeats 5]

Plainly means captions in file order, padded to the longest of their batch, in float32, and read with no pipeline around
them. Without a file the captions are invented ones that the reader was trained on, as long as a newspaper's: 28
words in the mean, where those of 150 news photographs have 29.
"""

import argparse
from collections.abc import Iterable
from itertools import islice
from pathlib import Path

import torch

from benchmarks.side_by_side import Row, Times, alternately, keep, ratio, row, show
from extraction.captions import words_of
from extraction.decode import Decoder
from extraction.extractor import EventExtractor
from extraction.records import Bad, read_rows
from extraction.training.recipe import OURS
from templates.ontology import load_ontology

BATCH = 64
INVENTED = OURS / "written.jsonl"


def captions_of(path: Path, count: int) -> list[str]:
    """So many captions of a file."""
    rows: Iterable[object] = (found for _, found in read_rows(path))
    return [found["caption"] for found in islice((r for r in rows if not isinstance(r, Bad)), count)]  # type: ignore[index]


def plain(extractor: EventExtractor, texts: list[list[str]], size: int) -> None:
    """The network alone as one would write it first."""
    legal = {name: tuple(event.roles) for name, event in load_ontology("news").events.items()}
    decoder = Decoder(extractor.reader, legal)
    for start in range(0, len(texts), size):
        decoder.read(extractor.cutter.batch(texts[start : start + size]))


def speed(captions: list[str], repeats: int) -> Times:
    extractor = EventExtractor("news", batch_size=BATCH)
    texts = [words_of(caption) for caption in captions]
    words = [text[0] for text in texts]

    def reader_alone() -> None:
        pieces = [piece for index, text in enumerate(texts) for piece in extractor._pieces(index, text[0])]
        for batch in extractor._batches(pieces):
            part = [words[pieces[i].caption][pieces[i].start : pieces[i].end] for i in batch]
            with torch.autocast("cpu", torch.bfloat16, enabled=torch.cpu._is_avx512_bf16_supported()):
                extractor.decoder.read(extractor.cutter.batch(part))

    extractor.extract(captions[:BATCH])
    return alternately(
        {
            "whole": lambda: extractor.extract(captions),
            "reader": reader_alone,
            "plain": lambda: plain(extractor, words, BATCH),
        },
        repeats,
        warm=True,
    )


def main(arguments: list[str] | None = None) -> list[Row]:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("captions", type=Path, nargs="?", default=INVENTED)
    parser.add_argument("--count", type=int, default=500)
    parser.add_argument("--repeats", type=int, default=5)
    given = parser.parse_args(arguments)
    captions = captions_of(given.captions, given.count)
    times = speed(captions, given.repeats)
    whole, reader = times["whole"], times["reader"]
    told = " (invented)" if given.captions == INVENTED else ""
    note = f"{len(captions):,} captions{told}, {torch.get_num_threads()} cores"
    around = [a - b for a, b in zip(whole, reader, strict=True)]
    rows = [
        row("extract", (len(captions) / spent.clock for spent in whole), ">= 200", note, "captions/s"),
        row("extract: the reader alone", (len(captions) / spent.clock for spent in reader), "", note, "captions/s"),
        ratio("extract: plain / ours", times["plain"], whole, ">= 2.5", note),
        ratio("extract: share around the reader", around, whole, "<= 0.15", note),
    ]
    show(rows)
    keep("extract", rows)
    return rows


if __name__ == "__main__":
    main()
