"""The recipe of the shipped model `mini` (`make mini`): a small CLIP of scenes, from pictures and captions alone.

Plain contrast of pictures and captions (Radford et al., ICML 2021) with no hard negatives and no events, so that what
fine-tuning adds can be told from what it finds. Each epoch says every scene in other words and mirrors half of them.
"""

import argparse
import json
import shutil
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, cast

import numpy as np
import torch
from torch import Tensor

from clip_event.config import Optim
from clip_event.losses import contrastive_loss
from clip_event.models import CONFIG, MINI, Loaded, load, save
from clip_event.optimizer import LARGEST_SCALE, optimizer, share
from clip_event.scenes import Scene, draw, plan
from clip_event.scenes.captions import tell
from clip_event.texts import encode_tokens, pad_id
from clip_event.training.scores import evaluate
from clip_event.training.vocabulary import train_tokenizer, vocabulary_texts

SIZE = 96
MODEL: dict[str, Any] = {
    "embed_dim": 128,
    "vision_cfg": {"image_size": SIZE, "layers": [1, 1, 1, 1], "width": 24, "head_width": 64, "patch_size": None},
    "text_cfg": {
        "context_length": 64,
        "vocab_size": 6000,
        "hf_tokenizer_name": "mini",
        "width": 128,
        "heads": 4,
        "layers": 3,
        "pool_type": "eos",
        "eos_id": 3,
    },
}
PREPROCESS: dict[str, Any] = {"mean": [0.5] * 3, "std": [0.25] * 3, "interpolation": "bilinear"}
TOKENIZER = ("tokenizer.json", "tokenizer_config.json")

Report = Callable[[str], None]


@dataclass(frozen=True)
class Settings:
    """How `mini` is trained; `scenes` are drawn once and stay in memory, 28 kB each."""

    scenes: int = 20_000
    steps: int = 2_000
    batch: int = 128
    lr: float = 1e-3
    weight_decay: float = 0.05
    warmup: int = 100
    clip: float = 1.0
    seed: int = 0


def begin(folder: Path, seed: int) -> Loaded:
    """A folder with the configuration and the tokenizer, and the model of it with random weights.

    The tokenizer is the shipped one where there is one, so that token ids stay what they are.
    """
    folder.mkdir(parents=True, exist_ok=True)
    if all((MINI / name).is_file() for name in TOKENIZER):
        for name in TOKENIZER:
            shutil.copy(MINI / name, folder)
    else:
        train_tokenizer(vocabulary_texts(), MODEL["text_cfg"]["vocab_size"]).save_pretrained(folder)
    config = {"model_cfg": MODEL, "preprocess_cfg": PREPROCESS}
    (folder / CONFIG).write_text(json.dumps(config, indent=2) + "\n", encoding="utf-8")
    return load(str(folder), random=seed)


def drawn(scenes: list[Scene]) -> Tensor:
    """Pictures of scenes: (scenes, 96, 96, 3), bytes."""
    pictures = torch.empty(len(scenes), SIZE, SIZE, 3, dtype=torch.uint8)
    for picture, scene in zip(pictures, scenes, strict=True):
        picture.copy_(torch.from_numpy(np.array(draw(scene, SIZE)[0])))
    return pictures


def pixels(pictures: Tensor) -> Tensor:
    """Bytes (scenes, 96, 96, 3) as the image tower takes them: what `preprocess_val` makes of such pictures."""
    mean, std = torch.tensor(PREPROCESS["mean"]), torch.tensor(PREPROCESS["std"])
    return ((pictures.float() / 255 - mean) / std).permute(0, 3, 1, 2)


def train(loaded: Loaded, scenes: list[Scene], pictures: Tensor, settings: Settings, report: Report = print) -> None:
    """Train in place, on one thread or several; the same settings give the same weights on the same machine."""
    model = cast(Any, loaded.model)
    adamw = optimizer(model, Optim(lr=settings.lr, weight_decay=settings.weight_decay))
    chance = torch.Generator().manual_seed(settings.seed)
    pad, start, seen = pad_id(loaded.tokenizer), time.monotonic(), 0.0
    model.train()
    for step, (rows, texts) in enumerate(_batches(scenes, settings, chance)):
        for group in adamw.param_groups:
            group["lr"] = settings.lr * share(step, settings.steps, settings.warmup / settings.steps)
        images = pixels(pictures[rows])
        mirrored = torch.rand(len(rows), generator=chance) < 0.5
        images = torch.where(mirrored[:, None, None, None], images.flip(3), images)
        image = model.encode_image(images.to(memory_format=torch.channels_last), normalize=True)
        text = encode_tokens(model, loaded.tokenizer(texts), pad)
        loss = contrastive_loss(image, text, model.logit_scale.exp(), torch.eye(len(rows)))
        adamw.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), settings.clip)
        adamw.step()
        model.logit_scale.data.clamp_(0, LARGEST_SCALE)
        seen += float(loss.detach())
        if (step + 1) % 50 == 0:
            report(f"step {step + 1}: loss {seen / 50:.3f}, {time.monotonic() - start:.0f} s")
            seen = 0.0
    model.eval()


def _batches(scenes: list[Scene], settings: Settings, chance: torch.Generator) -> Iterator[tuple[Tensor, list[str]]]:
    """Shuffled rows with their captions, in other words each epoch."""
    left, epoch = torch.empty(0, dtype=torch.long), 0
    for _ in range(settings.steps):
        if len(left) < settings.batch:
            left, epoch = torch.randperm(len(scenes), generator=chance), epoch + 1
        rows, left = left[: settings.batch], left[settings.batch :]
        # a scene's seed is only its source of chance: what it shows stands in its other fields
        said = [replace(scenes[row], seed=settings.seed + epoch) for row in rows.tolist()]
        yield rows, [tell(scene).text for scene in said]


def make_mini(out: str | Path, settings: Settings, held_out: int = 1000, report: Report = print) -> dict[str, float]:
    """Write the folder of `mini`: half-precision weights, configuration, tokenizer, how it was trained and its scores.

    Args:
        out: folder to write, new, empty or of an earlier `mini`.
        held_out: how many scenes of the split dev to measure it on.

    Returns:
        `clip_event.training.scores.evaluate` of the weights as written.
    """
    out = Path(out)
    with TemporaryDirectory() as start:
        loaded = begin(Path(start), settings.seed)
        scenes = [plan(index, seed=settings.seed) for index in range(settings.scenes)]
        report(f"drawing {len(scenes)} scenes")
        cast(Any, loaded.model).visual.to(memory_format=torch.channels_last)  # faster by half on a CPU
        train(loaded, scenes, drawn(scenes), settings, report)
        loaded.model.half()  # `load` widens the weights again
        save(out, loaded, {"recipe": "clip_event.training.mini", **asdict(settings)})
    unseen = [plan(index, seed=settings.seed, split="dev") for index in range(held_out)]
    return evaluate(load(str(out)), unseen, pixels(drawn(unseen)))


def main() -> None:
    """`python -m clip_event.training.mini`."""
    parser = argparse.ArgumentParser(prog="python -m clip_event.training.mini", description=__doc__)
    parser.add_argument("--out", type=Path, required=True, help="folder to write")
    for name in ("scenes", "steps", "seed"):
        parser.add_argument(f"--{name}", type=int, default=getattr(Settings, name))
    given = parser.parse_args()
    settings = Settings(scenes=given.scenes, steps=given.steps, seed=given.seed)
    for name, score in make_mini(given.out, settings).items():
        print(f"{name:22}{score:6.1f}")


if __name__ == "__main__":
    main()
