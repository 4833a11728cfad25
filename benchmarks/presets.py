"""What each preset teaches on drawn scenes, at equal steps.

    python -m benchmarks.presets --out runs/presets

Draws training scenes and held-out ones (no triple of type, agent and patient in common), tunes the model by every
preset with every seed, and prints how often the true text is nearer to the picture than one with another event, or with
the roles exchanged; retrieval; and the cosine with the starting model. Finished runs are kept.
"""

import argparse
import json
from collections.abc import Iterator
from pathlib import Path
from statistics import mean, stdev
from typing import Any

from rich.console import Console
from rich.table import Table

from clip_event.scenes import scenes
from clip_event.tuning.config import parse_config
from clip_event.tuning.finetune import finetune
from clip_event.tuning.presets import PRESETS


def tuned(out: Path, model: str, preset: str, seed: int, given: dict[str, Any]) -> Path:
    folder = out / f"{preset}-{seed}"
    if not (folder / "open_clip_config.json").exists():
        settings = {
            "out": str(folder),
            "preset": preset,
            "seed": seed,
            "model": {"name": model},
            "data": {
                "train": str(out / "train/gold.jsonl"),
                "validation": str(out / "dev/gold.jsonl"),
                "augment": False,
                "workers": given["workers"],
            },
            "optim": {"lr": given["lr"], "batch": given["batch"], "steps": given["steps"], "epochs": 100},
            "evaluation": {"most": given["checked"], "alphas": [1.0]},
        }
        finetune(parse_config(settings), resume=(folder / "checkpoint.pt").exists())
    return folder


def evaluations(folder: Path) -> Iterator[dict[str, Any]]:
    for line in (folder / "metrics.jsonl").read_text(encoding="utf-8").splitlines():
        if (row := json.loads(line))["event"] == "evaluation":
            yield row


def numbers(row: dict[str, Any]) -> list[float]:
    found = row["retrieval"]
    recall = (found["image_to_text"]["r1"] + found["text_to_image"]["r1"]) / 2
    kept = row.get("retention", {"image": 1.0})["image"]
    return [row["pairs"]["role"]["accuracy"], row["pairs"]["event"]["accuracy"], recall, kept]


def said(rows: list[list[float]]) -> list[str]:
    columns = list(zip(*rows, strict=True))
    return [f"{mean(c):.3f}" + (f" ± {stdev(c):.3f}" if len(c) > 1 else "") for c in columns]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--model", default="mini")
    parser.add_argument("--presets", nargs="+", default=list(PRESETS))
    parser.add_argument("--seeds", nargs="+", type=int, default=[0, 1, 2])
    parser.add_argument("--scenes", type=int, default=4000)
    parser.add_argument("--checked", type=int, default=1000)
    parser.add_argument("--steps", type=int, default=250)
    parser.add_argument("--batch", type=int, default=64)
    parser.add_argument("--lr", type=float, default=3e-4)
    parser.add_argument("--workers", type=int, default=0)
    given = vars(parser.parse_args())
    out: Path = given["out"]
    for split, count in (("train", given["scenes"]), ("dev", given["checked"])):
        if not (out / split / "gold.jsonl").exists():
            scenes(out / split, count, split=split)
    table = Table("preset", "role", "event", "retrieval R@1", "cosine with start")
    for preset in given["presets"]:
        runs = [list(evaluations(tuned(out, given["model"], preset, seed, given))) for seed in given["seeds"]]
        if preset == given["presets"][0]:
            table.add_row("no tuning", *said([numbers(runs[0][0])]))
        ends = [numbers(next(row for row in run if row["when"] == "end")) for run in runs]
        table.add_row(preset, *said(ends))
    Console().print(table)


if __name__ == "__main__":
    main()
