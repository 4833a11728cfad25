"""What `classify` costs over encoding the photographs alone.

    python -m benchmarks.classify [--photographs FOLDER] [--count 2000] [--model mini] [--workers 2] [--repeats 5]

Ours is `clip_event.classify` from paths to a file of answers. The plain program is as one would write it with
open_clip: a `DataLoader` whose workers open and preprocess the photographs, and `encode_image`; it compares with
nothing and writes nothing. Both have the model loaded, the same batches and as many workers; ours decode in threads,
the plain ones are processes. Our classifier of event types is read from the cache, as in any run but the first. With
fillers, ours also embeds the sentences of each type that it meets.
"""

import argparse
import tempfile
from collections.abc import Callable
from pathlib import Path

import torch
from PIL import Image
from torch import Tensor
from torch.utils.data import DataLoader, Dataset

from benchmarks.photographs import add_photographs, photographs
from benchmarks.side_by_side import Row, alternately, keep, ratio, show
from clip_event.towers.models import Transform
from clip_event.zeroshot.classify import Classifying, Fillers, classify
from clip_event.zeroshot.fillers import Candidate
from clip_event.zeroshot.model import ClipEvent
from templates.ontology import load_ontology

BATCH = 64
FEW = [Candidate("police officers", "person"), Candidate("a man", "person"), Candidate("a car", "vehicle")]


class Files(Dataset[Tensor]):
    def __init__(self, paths: list[Path], preprocess: Transform) -> None:
        self.paths, self.preprocess = paths, preprocess

    def __len__(self) -> int:
        return len(self.paths)

    def __getitem__(self, number: int) -> Tensor:
        return self.preprocess(Image.open(self.paths[number]))


@torch.no_grad()
def plain(model: ClipEvent, paths: list[Path], workers: int) -> Tensor:
    """(paths, D)"""
    loader = DataLoader(Files(paths, model.loaded.preprocess_val), BATCH, num_workers=workers)
    network = model.loaded.model
    return torch.cat([network.encode_image(batch.to(model.device), normalize=True).cpu() for batch in loader])  # type: ignore[operator]


def ours(model: ClipEvent, paths: list[Path], workers: int, out: Path, fillers: Fillers) -> None:
    asked = Classifying(model, load_ontology(), fillers=fillers)
    done = classify(paths, out, classifying=asked, batch_size=BATCH, workers=workers)
    if done.photographs != len(paths):
        raise RuntimeError(f"{done.photographs} photographs of {len(paths)}")


def main(arguments: list[str] | None = None) -> list[Row]:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    add_photographs(parser, 2000)
    parser.add_argument("--model", default="mini")
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--fillers", choices=("few", "typical"), help="roles too; typical fillers take minutes a turn")
    parser.add_argument("--repeats", type=int, default=5)
    given = parser.parse_args(arguments)
    paths = photographs(given.photographs, given.count)
    model = ClipEvent.load(given.model)
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "answers.jsonl"
        plain(model, paths[:BATCH], given.workers)
        ours(model, paths[:BATCH], given.workers, out, None)
        ways: dict[str, Callable[[], object]] = {
            "plain": lambda: plain(model, paths, given.workers),
            "event types": lambda: ours(model, paths, given.workers, out, None),
        }
        if given.fillers:
            fillers: Fillers = FEW if given.fillers == "few" else "typical"
            ways[f"roles of {given.fillers} fillers"] = lambda: ours(model, paths, given.workers, out, fillers)
        times = alternately(ways, given.repeats, warm=True)
    note = f"{given.model}, {given.count:,} photographs, {given.workers} workers"
    base = times.pop("plain")
    rows = [
        ratio(f"classify: {name}", spent, base, "<= 1.05" * (name == "event types"), note)
        for name, spent in times.items()
    ]
    show(rows)
    keep("classify", rows)
    return rows


if __name__ == "__main__":
    main()
