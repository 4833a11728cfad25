"""Photographs to measure on: drawn scenes as JPEG, drawn once and kept, or any folder that is given."""

from argparse import ArgumentParser
from itertools import cycle, islice
from pathlib import Path

from clip_event.pictures.folders import find_pictures
from clip_event.scenes import scenes

KEPT = Path("build/benchmarks")
SIDE = 512
MOST = 1000
"""Scenes that are drawn at most, so that the programs share them; whoever wants more is given them again."""


def drawn(count: int, side: int = SIDE) -> Path:
    """A folder of scenes with images/, captions.jsonl and gold.jsonl: `count`, or `MOST`."""
    count = min(count, MOST)
    folder = KEPT / f"scenes-{count}-{side}"
    if not (folder / "gold.jsonl").exists():
        folder.mkdir(parents=True, exist_ok=True)
        scenes(folder, count, size=side)
    return folder


def photographs(given: Path | None, count: int, side: int = SIDE) -> list[Path]:
    """So many of the folder's, from the first again where it has fewer; of drawn scenes without a folder."""
    found = [path for _, path in find_pictures([given or drawn(count, side) / "images"]) if isinstance(path, Path)]
    if not found:
        raise SystemExit(f"{given}: no photographs")
    return list(islice(cycle(found), count))


def add_photographs(parser: ArgumentParser, count: int) -> None:
    """The arguments that say which, and how many."""
    parser.add_argument("--photographs", type=Path, help=f"a folder; by default scenes of {SIDE} px are drawn")
    parser.add_argument("--count", type=int, default=count)
