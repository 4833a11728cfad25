"""Recipes of fine-tuning beside each other, on photographs.

    python -m benchmarks.recipes --photographs FOLDER --out build/recipes

Every recipe starts from the same model, sees the same photographs and captions for as many steps, and takes the best
of the same learning rates on photographs held out from training; then it is measured on the dev photographs, see
`benchmarks.recipes.measures`. What is done is kept, and the command goes on where it stopped. Without `--full` the
tuning goes through the last stage of the image tower, its projection and the whole text tower, over feature maps of the
photographs; with it, where a GPU is at hand, through the whole model and augmented photographs.
"""

import argparse
import time
from collections.abc import Collection, Iterator
from pathlib import Path

from benchmarks.recipes.data import prepare
from benchmarks.recipes.maps import Maps, make_maps
from benchmarks.recipes.measures import Measures, read_measures, text_alone
from benchmarks.recipes.rows import MAIN, ROWS, START
from benchmarks.recipes.runs import Bench
from benchmarks.recipes.table import show
from clip_event.evaluation.retrieval import read_captions
from clip_event.zeroshot.model import ClipEvent

SEEDS = (0, 1, 2)


def order(rows: Collection[str], seeds: int) -> Iterator[tuple[str, int]]:
    """Rows and seeds as they are run: what matters most comes first."""
    if START in rows:
        yield START, 0
    for some in (SEEDS[:1], SEEDS[1:seeds]):
        yield from ((row, seed) for seed in some for row in MAIN if row in rows)
        yield from ((row, seed) for seed in some for row in ROWS if row in rows and row not in MAIN)


def _maps(out: Path, photographs: Path, model: str, measures: Measures) -> dict[str, Maps]:
    """Made where they are not there."""
    loaded = ClipEvent.load(model, device="cpu")
    train = list(read_captions(photographs / "train.jsonl"))
    asked = {"train": (train, photographs), "dev": (measures.names, photographs)}
    asked["scenes"] = measures.scenes, out / "data/scenes"
    return {name: make_maps(out / "maps" / name, loaded, *given) for name, given in asked.items()}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--photographs", type=Path, required=True, help="folder of train.jsonl, dev.jsonl and pictures")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--model", default="mini")
    parser.add_argument("--steps", type=int, default=60)
    parser.add_argument("--batch", type=int, default=64)
    parser.add_argument("--seeds", type=int, default=len(SEEDS), choices=range(1, len(SEEDS) + 1))
    parser.add_argument("--rows", nargs="+", choices=(START, *ROWS), default=(START, *ROWS), help="only these")
    parser.add_argument("--full", action="store_true", help="the whole model on photographs")
    parser.add_argument("--workers", type=int, default=8, help="that read photographs, with --full")
    parser.add_argument("--table", action="store_true", help="only the table of what is done")
    given = parser.parse_args()
    out, photographs, model = given.out, given.photographs, given.model
    if not given.table:
        prepare(out / "data", photographs)
        measures = read_measures(out / "data", photographs)
        maps = None if given.full else _maps(out, photographs, model, measures)
        shared = Bench(out, photographs, model, given.steps, given.batch, measures, maps, given.workers)
        for row, seed in order(given.rows, given.seeds):
            began = time.monotonic()
            shared.result(row, seed)
            print(f"{time.strftime('%H:%M:%S')} {row}, seed {seed}: {time.monotonic() - began:.0f} s", flush=True)
    show(out, text_alone(read_measures(out / "data", photographs)))


if __name__ == "__main__":
    main()
