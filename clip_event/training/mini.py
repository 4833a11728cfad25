"""The recipe of the shipped model `mini` (`make mini`): a small CLIP of everyday photographs and of scenes.

An image tower that knows ImageNet and a text tower that MiniLM teaches learn plain contrast of pictures and captions
(Radford et al., ICML 2021), with no written negatives and no events. First the text tower learns beside a frozen image
tower, then both learn together, in the end along several ways whose weights are averaged.
"""

import argparse
import json
import shutil
from collections.abc import Iterator
from dataclasses import asdict
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, cast

import numpy as np
import torch
from torch import Tensor

from clip_event.scenes import Scene, draw, plan
from clip_event.towers.models import CONFIG, MINI, Loaded, load, save
from clip_event.training.learn import PART, SIZE, learn_both, learn_on, learn_words
from clip_event.training.lessons import Captions, Report
from clip_event.training.mobilenet import fill, read_tflite, recalibrate
from clip_event.training.photographs import pixels, read_photographs, shrunk
from clip_event.training.scores import evaluate, recalled
from clip_event.training.sentences import embedded, start_pieces
from clip_event.training.settings import Settings
from clip_event.training.vocabulary import train_tokenizer, vocabulary_texts

PIECES = 8000
MODEL: dict[str, Any] = {
    "embed_dim": 256,
    "vision_cfg": {
        "image_size": SIZE,
        "timm_model_name": "mobilenetv2_100",
        "timm_model_pretrained": False,
        "timm_pool": "avg",
        "timm_proj": "linear",
    },
    "text_cfg": {
        "context_length": 64,
        "vocab_size": PIECES,
        "hf_tokenizer_name": "mini",
        "width": 192,
        "heads": 3,
        "layers": 3,
        "pool_type": "eos",
        "eos_id": 3,
    },
}
PREPROCESS: dict[str, Any] = {"mean": [0.5] * 3, "std": [0.5] * 3, "interpolation": "bilinear"}
TOKENIZER = ("tokenizer.json", "tokenizer_config.json")
WEIGHTS = "vision/mobilenet_v2_ptq.tflite"
PHOTOGRAPHS = "flickr8k/{split}.jsonl"
OTHER_TEXTS = "text/voa_captions.jsonl"


def begin(folder: Path, captions: list[str], seed: int) -> Loaded:
    """A folder with the configuration and the tokenizer, and the model of it with random weights.

    The tokenizer is the shipped one where there is one, so that token ids stay what they are.
    """
    folder.mkdir(parents=True, exist_ok=True)
    if all((MINI / name).is_file() for name in TOKENIZER):
        for name in TOKENIZER:
            shutil.copy(MINI / name, folder)
    else:
        train_tokenizer([*vocabulary_texts(), *captions], PIECES).save_pretrained(folder)
    config = {"model_cfg": MODEL, "preprocess_cfg": PREPROCESS}
    (folder / CONFIG).write_text(json.dumps(config, indent=2) + "\n", encoding="utf-8")
    loaded = load(str(folder), random=seed)
    cast(Any, loaded.model).visual.to(memory_format=torch.channels_last)  # faster by half on a CPU
    return loaded


def drawn(scenes: list[Scene]) -> Tensor:
    """Pictures of scenes: (scenes, 129, 129, 3), bytes."""
    pictures = torch.empty(len(scenes), SIZE, SIZE, 3, dtype=torch.uint8)
    for picture, scene in zip(pictures, scenes, strict=True):
        picture.copy_(torch.from_numpy(np.array(draw(scene, SIZE)[0])))
    return pictures


def make_mini(
    data: str | Path, out: str | Path, settings: Settings, held_out: int = 1000, report: Report = print
) -> dict[str, float]:
    """Write the folder of `mini`: half-precision weights, configuration, tokenizer, how it was trained and its scores.

    Args:
        data: the folder with the photographs, the weights of the image tower and more texts.
        out: folder to write, new, empty or of an earlier `mini`.
        held_out: how many scenes of the split dev to measure it on.

    Returns:
        `clip_event.training.scores` of the weights as written: of scenes, and of the photographs for dev.
    """
    data, out = Path(data), Path(out)
    photographs = read_photographs(data / PHOTOGRAPHS.format(split="train"), unseen=settings.unseen)
    own = [caption for captions in photographs.captions for caption in captions]
    with TemporaryDirectory() as start:
        loaded = begin(Path(start), own, settings.seed)
        model = cast(Any, loaded.model)
        fill(model.visual.trunk, read_tflite(data / WEIGHTS))
        known = start_pieces(model.token_embedding.weight, cast(Any, loaded.tokenizer).tokenizer.get_vocab())
        report(f"MiniLM knows {known} of {PIECES} pieces; it embeds the captions")
        lines = (data / OTHER_TEXTS).read_text(encoding="utf-8").splitlines()
        texts = own + [json.loads(line)["caption"] for line in lines]
        captions = Captions(loaded, texts, embedded(texts), settings.seed)
        report("the frozen tower sees the photographs")
        learn_words(loaded, photographs, captions, settings, report)
        scenes = [plan(index, seed=settings.seed) for index in range(settings.scenes)]
        report(f"drawing {len(scenes)} scenes")
        pictures = drawn(scenes)
        both = partial(learn_both, loaded, photographs, captions, scenes, pictures, report=report)
        both(lesson=settings.both, seed=settings.seed + 1)
        learn_on(model, lambda turn: both(lesson=settings.last, seed=settings.seed + 2 + turn), settings.rounds)
        recalibrate(model.visual.trunk, _mixed(photographs.pictures, pictures, settings))
        model.half()  # `load` widens the weights again
        save(out, loaded, {"recipe": "clip_event.training.mini", **asdict(settings)})
    return measured(load(str(out)), data, held_out, settings.seed)


def _mixed(photographs: Tensor, pictures: Tensor, settings: Settings) -> Iterator[Tensor]:
    """Photographs and scenes in equal numbers, for the statistics of the batch norms."""
    for part in range(0, min(1000, len(photographs), len(pictures)), PART):
        both = shrunk(pixels(photographs[part : part + PART]), SIZE), pixels(pictures[part : part + PART])
        yield torch.cat(both).contiguous(memory_format=torch.channels_last)


def measured(loaded: Loaded, data: Path, held_out: int, seed: int) -> dict[str, float]:
    """Scores on scenes, and on the photographs for dev."""
    unseen = [plan(index, seed=seed, split="dev") for index in range(held_out)]
    return evaluate(loaded, unseen, pixels(drawn(unseen))) | recalled(loaded, data / PHOTOGRAPHS.format(split="dev"))


def main() -> None:
    """`python -m clip_event.training.mini`."""
    parser = argparse.ArgumentParser(prog="python -m clip_event.training.mini", description=__doc__)
    parser.add_argument("--data", type=Path, required=True, help="folder of the photographs, weights and texts")
    parser.add_argument("--out", type=Path, required=True, help="folder to write")
    parser.add_argument("--seed", type=int, default=0)
    given = parser.parse_args()
    for name, score in make_mini(given.data, given.out, Settings(seed=given.seed)).items():
        print(f"{name:22}{score:6.1f}")


if __name__ == "__main__":
    main()
