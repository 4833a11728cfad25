"""Images a second of the trainer's loader against open_clip's own on the same files and as many workers.

    python -m benchmarks.loader [--photographs FOLDER | --side 512] [--count 1000] [--model ViT-B-32] [--workers 2]
        [--repeats 5]

open_clip's is `open_clip_train.data.get_csv_dataset`, as its training program calls it: decode, random crop, one
caption tokenised. Ours is the trainer's with the preset `event`: decode (a JPEG at a fraction of its size where the
model needs no more), the same random crop, an event said in two styles with 4 negatives of each, graphs where asked
for, tokenised. Workers are processes on both sides, started anew for each epoch, and their start is part of the time.
Records without photographs of their own are those of drawn scenes.
"""

import argparse
import csv
import json
import tempfile
from argparse import Namespace
from itertools import cycle
from pathlib import Path

import torch

from benchmarks.photographs import SIDE, add_photographs, drawn, photographs
from benchmarks.side_by_side import Row, alternately, keep, ratio, show
from clip_event.towers._open_clip import open_clip
from clip_event.tuning.assembly import Assembly, assemble, batches
from clip_event.tuning.config import Config, parse_config
from clip_event.tuning.ranks import Place

BATCH = 32


def records(folder: Path | None, count: int, side: int, out: Path) -> None:
    """`train.jsonl` for us and `train.tsv` for open_clip, of the same files."""
    rows = [json.loads(line) for line in (drawn(count, side) / "gold.jsonl").read_text(encoding="utf-8").splitlines()]
    paths = photographs(folder, count, side)
    with (out / "train.jsonl").open("w") as ours, (out / "train.tsv").open("w", newline="") as theirs:
        table = csv.writer(theirs, delimiter="\t")
        table.writerow(["filepath", "title"])
        for row, path in zip(cycle(rows), paths, strict=False):
            ours.write(json.dumps({**row, "image": str(path.resolve())}) + "\n")
            table.writerow([path.resolve(), row["caption"]])


def run(assembly: Assembly, config: Config, place: Place) -> None:
    for batch in batches(assembly, config, place, 0, 0):
        if batch.missed:
            raise RuntimeError(str(batch.missed[0].error))


def plain(assembly: Assembly, table: Path, workers: int) -> None:
    from open_clip_train.data import get_csv_dataset

    told = Namespace(
        train_data=str(table), csv_img_key="filepath", csv_caption_key="title", csv_separator="\t", distributed=False,
        batch_size=BATCH, workers=workers,
    )  # fmt: skip
    preprocess = open_clip.transform.image_transform_v2(
        open_clip.transform.PreprocessCfg(**assembly.loaded.model.visual.preprocess_cfg),  # type: ignore[union-attr, arg-type]
        is_train=True,
    )
    for _ in get_csv_dataset(told, preprocess, True, tokenizer=assembly.loaded.tokenizer).dataloader:
        pass


def main(arguments: list[str] | None = None) -> list[Row]:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    add_photographs(parser, 1000)
    parser.add_argument("--side", type=int, default=SIDE, help="of the scenes that are drawn")
    parser.add_argument("--model", default="ViT-B-32")
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--repeats", type=int, default=5)
    given = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        records(given.photographs, given.count, given.side, folder)
        config = parse_config(
            {
                "out": str(folder / "run"),
                "model": {"name": given.model, "random": 0},
                "data": {"train": str(folder / "train.jsonl"), "images": "/", "workers": given.workers},
                "optim": {"batch": BATCH},
            }
        )
        place = Place(0, 1, torch.device("cpu"))
        assembly = assemble(config, place)
        assembly.numbers = list(range(given.count))  # those that are held out too
        times = alternately(
            {
                "ours": lambda: run(assembly, config, place),
                "plain": lambda: plain(assembly, folder / "train.tsv", given.workers),
            },
            given.repeats,
        )
    kept = "loader" if given.photographs or given.side == SIDE else f"loader_{given.side}"
    note = f"{given.model}, {given.count:,} photographs, {given.workers} workers; open_clip / ours"
    rows = [ratio(kept.replace("_", ", px "), times["plain"], times["ours"], ">= 1.3", note)]
    show(rows)
    keep(kept, rows)
    return rows


if __name__ == "__main__":
    main()
