"""The recipe of the shipped model `mini` (`make mini`): a small CLIP of everyday photographs and of scenes.

An image tower that knows ImageNet and a text tower that MiniLM teaches learn plain contrast of pictures and captions
(Radford et al., ICML 2021), with no written negatives and no events. First the text tower learns beside a frozen image
tower, then both learn together.
"""

import argparse
import json
import shutil
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, cast

import numpy as np
import torch
from torch import Tensor

from clip_event.models import CONFIG, MINI, Loaded, load, save
from clip_event.scenes import Scene, draw, plan
from clip_event.scenes.captions import tell
from clip_event.training.lessons import Captions, Lesson, Report, contrast, encoded, teach
from clip_event.training.mobilenet import fill, folded, read_tflite, recalibrate
from clip_event.training.photographs import Photographs, cropped, lit, pixels, read_photographs, shrunk
from clip_event.training.scores import evaluate, recalled
from clip_event.training.sentences import embedded, start_pieces
from clip_event.training.vocabulary import train_tokenizer, vocabulary_texts

SIZE = 129  # 32 n + 1, see `clip_event.training.mobilenet`
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
KEPT = 0.7  # share of the frozen tower's features that a step of the first lesson sees
PART = 50  # pictures in a pass without gradients
FROZEN = ("conv_stem", "bn1", "blocks.0", "blocks.1")  # edges and colours: half of the cost of a step


@dataclass(frozen=True)
class Settings:
    """How `mini` is trained; `scenes` are drawn once and stay in memory, 50 kB each.

    Attributes:
        unseen: photographs at the end of the file that are left out, for those who tune `mini` to choose by.
        views: crops of each photograph that the frozen tower sees.
        batch, others: photographs in a step of the first lesson, and texts without a photograph.
        photographs, drawn: photographs and scenes in a step of the second.
        said: captions of a photograph in a step of the second.
    """

    words: Lesson = field(default_factory=lambda: Lesson(steps=200, lr=1e-3))
    both: Lesson = field(default_factory=lambda: Lesson(steps=520, lr=1e-3, average=0.99))
    unseen: int = 500
    scenes: int = 16_000
    views: int = 4
    batch: int = 512
    others: int = 96
    photographs: int = 144
    drawn: int = 128
    said: int = 2
    seed: int = 0


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


def learn_words(
    loaded: Loaded, photographs: Photographs, captions: Captions, settings: Settings, report: Report
) -> None:
    """The first lesson: the text tower and the projections, beside what a frozen trunk makes of crops of photographs.

    Args:
        captions: those of the photographs one after the other, then texts without a picture.
    """
    model, chance = cast(Any, loaded.model), torch.Generator().manual_seed(settings.seed)
    features = _features(model.visual.trunk, photographs.pictures, settings.views, chance)
    firsts, counts = _firsts(photographs)
    orders = _orders(len(features[0]), settings.batch, chance)

    def loss() -> Tensor:
        rows = next(orders)
        view = torch.randint(settings.views, rows.shape, generator=chance)
        kept = torch.rand(len(rows), features.shape[2], generator=chance) < KEPT
        seen = features[view, rows].float() * kept / KEPT
        own = firsts[rows] + (torch.rand(len(rows), generator=chance) * counts[rows]).long()
        other = torch.randint(int(counts.sum()), len(captions.tokens), (settings.others,), generator=chance)
        text, apart = captions.encode(torch.cat([own, other]), settings.words.hidden, chance)
        return contrast(model, model.visual.head(seen), text[: len(rows)]) + settings.words.taught * apart

    model.visual.trunk.requires_grad_(False)
    teach(model, captions.layer, loss, settings.words, report)
    model.visual.trunk.requires_grad_(True)


def learn_both(
    loaded: Loaded,
    photographs: Photographs,
    captions: Captions,
    scenes: list[Scene],
    pictures: Tensor,
    settings: Settings,
    report: Report,
) -> None:
    """The second lesson: both towers on photographs and scenes, each among its own kind, in place."""
    model, chance = cast(Any, loaded.model), torch.Generator().manual_seed(settings.seed + 1)
    firsts, counts = _firsts(photographs)
    orders = _orders(len(firsts), settings.photographs, chance)
    told = _told(scenes, settings, chance)

    def loss() -> Tensor:
        rows, (places, texts) = next(orders), next(told)
        crops = lit(cropped(pixels(photographs.pictures[rows]), SIZE, chance), chance)
        mirrored = (torch.rand(len(places), generator=chance) < 0.5)[:, None, None, None]
        stage = pixels(pictures[places])
        images = torch.cat([crops, torch.where(mirrored, stage.flip(3), stage)])
        with torch.autocast("cpu", torch.bfloat16):
            both = model.visual(images.contiguous(memory_format=torch.channels_last)).float()
        photograph, scene = both.split([len(rows), len(places)])
        which = torch.rand(len(rows), int(counts.max()), generator=chance).masked_fill(
            torch.arange(int(counts.max())) >= counts[rows, None], -1
        )
        own = (firsts[rows, None] + which.topk(settings.said).indices).flatten()
        text, apart = captions.encode(own, settings.both.hidden, chance)
        said = encoded(model, loaded.tokenizer(texts), captions.pad, 0.0, chance)
        among = contrast(model, photograph, text, settings.said) + contrast(model, scene, said)
        return among + settings.both.taught * apart

    trunk = model.visual.trunk
    with folded(trunk):
        for name in FROZEN:
            trunk.get_submodule(name).requires_grad_(False)
        teach(model, captions.layer, loss, settings.both, report)
    model.requires_grad_(True)


@torch.no_grad()
def _features(trunk: Any, pictures: Tensor, views: int, chance: torch.Generator) -> Tensor:
    """What the trunk makes of whole pictures and of crops: (views, pictures, channels), half precision."""
    found = []
    for view in range(views):
        parts = []
        for part in pictures.split(PART):
            images = lit(cropped(pixels(part), SIZE, chance), chance) if view else shrunk(pixels(part), SIZE)
            with torch.autocast("cpu", torch.bfloat16):
                parts.append(trunk(images.contiguous(memory_format=torch.channels_last)).half())
        found.append(torch.cat(parts))
    return torch.stack(found)


def _firsts(photographs: Photographs) -> tuple[Tensor, Tensor]:
    """Of each photograph, the row of its first caption, and how many it has."""
    counts = torch.tensor([len(captions) for captions in photographs.captions])
    return counts.cumsum(0) - counts, counts


def _orders(count: int, batch: int, chance: torch.Generator) -> Iterator[Tensor]:
    """Rows in batches, in another order each time round; what is left over of one is not used."""
    batch = min(batch, count)
    while True:
        yield from torch.randperm(count, generator=chance)[: count // batch * batch].split(batch)


def _told(scenes: list[Scene], settings: Settings, chance: torch.Generator) -> Iterator[tuple[Tensor, list[str]]]:
    """Rows of scenes with captions in other words each time; twins meet in a step by chance only."""
    for step, rows in enumerate(_orders(len(scenes), settings.drawn, chance)):
        # a scene's seed is only its source of chance: what it shows stands in its other fields
        said = [replace(scenes[row], seed=settings.seed + 1 + step) for row in rows.tolist()]
        yield rows, [tell(scene).text for scene in said]


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
        learn_both(loaded, photographs, captions, scenes, pictures, settings, report)
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
