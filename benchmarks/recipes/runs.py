"""One run of the comparison: tune by a row's recipe with a seed and a learning rate, then measure; each is kept."""

import json
import shutil
from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from statistics import median
from typing import Any

import torch
from torch import Tensor
from torch.nn.attention import SDPBackend, sdpa_kernel

from benchmarks.recipes.maps import BATCH, Maps, assemble_on_maps, enter
from benchmarks.recipes.measures import Measures, Seen, measured, texts_of
from benchmarks.recipes.rows import MAIN, ROWS, START
from clip_event.towers.patches import encode_images
from clip_event.tuning.assembly import assemble
from clip_event.tuning.config import Config, parse_config
from clip_event.tuning.finetune import finetune
from clip_event.zeroshot.model import ClipEvent
from templates.whole import whole

Json = dict[str, Any]
GRID = (3e-5, 1e-4, 3e-4)
CHECKED = 400


@dataclass(frozen=True)
class Bench:
    """What all runs share.

    Attributes:
        out: folder of the comparison; `data` lies in it.
        photographs: folder of the photographs.
        model: what every recipe starts from.
        steps, batch: the same for all recipes.
        measures: what is asked.
        maps: feature maps of train, dev and scenes by name; None to run the whole model on photographs.
        workers: of the trainer, where it reads photographs.
    """

    out: Path
    photographs: Path
    model: str
    steps: int
    batch: int
    measures: Measures
    maps: dict[str, Maps] | None
    workers: int = 0

    def config(self, row: str, seed: int, lr: float) -> Config:
        data = self.out / "data"
        recipe = ROWS[row]
        common: Json = {
            "out": str(self._folder(row, seed, lr)),
            "seed": seed,
            "log_every": 1,
            "model": {"name": self.model},
            "data": {
                "train": str(data / "train.jsonl"),
                "validation": str(data / "held_out.jsonl"),
                "images": str(self.photographs),
                "ontology": "open",
                "augment": self.maps is None,
                "workers": 0 if self.maps else self.workers,
            },
            "optim": {"lr": lr, "batch": self.batch, "steps": self.steps, "epochs": 100},
            "evaluation": {"most": CHECKED, "gallery": CHECKED, "cases": 0},
        }
        for section, given in recipe.items():
            common[section] = {**common.get(section, {}), **given} if isinstance(given, dict) else given
        return parse_config(common, row)

    def tuned(self, row: str, seed: int, lr: float) -> Path:
        """The folder of a run that is done."""
        folder = self._folder(row, seed, lr)
        if not (folder / "open_clip_config.json").exists():
            resume = (folder / "checkpoint.pt").exists()
            if not resume:  # of a run that was killed nothing is left to go on from
                shutil.rmtree(folder, ignore_errors=True)
            folder.mkdir(parents=True, exist_ok=True)
            (self.out / "cache").mkdir(exist_ok=True)
            if not (folder / "cache").exists():  # one index of the data for all runs
                (folder / "cache").symlink_to((self.out / "cache").resolve())
            assembled = partial(assemble_on_maps, maps=self.maps["train"]) if self.maps else assemble
            with self._attention():
                finetune(self.config(row, seed, lr), resume=resume, say=_silent, assembled=assembled)
        return folder

    def _attention(self) -> AbstractContextManager[None]:
        """Of texts as short as captions, attention in plain matrix products is fastest on a CPU."""
        return sdpa_kernel(SDPBackend.MATH) if self.maps else nullcontext()

    def _folder(self, row: str, seed: int, lr: float) -> Path:
        return self.out / "runs" / f"{row.replace(', ', '-').replace(' ', '-')}-{lr:g}-{seed}"

    def chosen_lr(self, row: str) -> float:
        """The best of `GRID` on the held-out slice of the training photographs; ablations take that of `event`."""
        name = row if row in MAIN else row.split(",")[0]
        return max(GRID, key=lambda lr: held_out(self.tuned(name, 0, lr)))

    def result(self, row: str, seed: int) -> Json:
        """What was measured on the dev photographs, from its file where it is done."""
        path = self.out / "results" / f"{row.replace(', ', '-').replace(' ', '-')}-{seed}.json"
        if not path.exists():
            path.parent.mkdir(exist_ok=True)
            about: Json = {"row": row, "seed": seed}
            name = self.model
            if row != START:
                lr = self.chosen_lr(row)
                folder = self.tuned(row, seed, lr)
                about |= {"lr": lr, "alpha": _event_config(folder)["alpha"], "seconds": seconds(folder)}
                name = str(folder)
            seen = self.seen(name)
            found = about | measured(self.measures, seen, self._start(seen if row == START else None))
            with whole(path) as file:
                json.dump(found, file)
        found = json.loads(path.read_text(encoding="utf-8"))
        return dict(found)

    def _start(self, seen: Seen | None) -> Tensor:
        path = self.out / "start.pt"
        if not path.exists():
            torch.save((seen or self.seen(self.model)).image, path)
        start: Tensor = torch.load(path, weights_only=True)
        return start

    def seen(self, name: str) -> Seen:
        """Embeddings by a model of all that is measured."""
        model = ClipEvent.load(name, device="cpu" if self.maps else "auto")
        texts, asked = texts_of(self.measures), self.measures
        with self._attention():
            text = dict(zip(texts, model.encode_texts(texts), strict=True))
        if self.maps is None:
            image = model.encode_images([self.photographs / name for name in asked.names])
            scene = model.encode_images([self.out / "data/scenes" / name for name in asked.scenes])
        else:
            enter(model.loaded.model)
            image = late(model, self.maps["dev"], asked.names)
            scene = late(model, self.maps["scenes"], asked.scenes)
        return Seen(image, scene, text)


@torch.no_grad()
def late(model: ClipEvent, maps: Maps, names: Sequence[str]) -> Tensor:
    """(names, D), of unit length, by a model that takes feature maps."""
    parts = [names[start : start + BATCH] for start in range(0, len(names), BATCH)]
    return torch.cat([encode_images(model.loaded.model, maps(part))[0] for part in parts])


def held_out(folder: Path) -> float:
    """What learning rates are chosen by: mean accuracy on the kinds of negatives, and R@1 both ways, added up."""
    scores = _event_config(folder)["scores"]
    kinds = [kind["accuracy"] for kind in scores["pairs"].values()]
    ways = [scores["retrieval"][way]["r1"] for way in ("image_to_text", "text_to_image")]
    return float(sum(kinds) / len(kinds) + sum(ways) / len(ways))


def seconds(folder: Path) -> float:
    """The median of a step, the first left out."""
    lines = (folder / "metrics.jsonl").read_text(encoding="utf-8").splitlines()
    steps = [row["seconds"] for row in map(json.loads, lines) if row["event"] == "step"]
    return float(median(steps[1:]))


def _event_config(folder: Path) -> Json:
    return dict(json.loads((folder / "event_config.json").read_text(encoding="utf-8")))


def _silent(line: str) -> None:
    pass
