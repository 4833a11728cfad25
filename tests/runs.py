"""Tuning runs for tests: drawn scenes, a small random model, and what a run wrote."""

import json
from pathlib import Path

from towers import VOCABULARY, wordpiece

from clip_event.scenes import scenes
from clip_event.tuning.config import Config, parse_config

MODEL = {
    "embed_dim": 16,
    "vision_cfg": {"image_size": 32, "layers": 1, "width": 32, "head_width": 16, "patch_size": 8},
    "text_cfg": {"context_length": 40, "vocab_size": VOCABULARY, "hf_tokenizer_name": "small", "width": 32, "heads": 2}
    | {"layers": 1, "pool_type": "eos", "eos_id": 3},
}


def small_world(folder: Path) -> Path:
    """Fills a folder with scenes and the configuration of a small model."""
    scenes(folder / "train", 48, split="train", size=48)
    scenes(folder / "dev", 16, split="dev", size=48)
    model = folder / "small"
    model.mkdir()
    captions = [json.loads(line)["caption"] for line in (folder / "train/captions.jsonl").open()]
    wordpiece(model, captions)
    preprocess = {"mean": [0.5] * 3, "std": [0.5] * 3}
    (model / "open_clip_config.json").write_text(json.dumps({"model_cfg": MODEL, "preprocess_cfg": preprocess}))
    return folder


def settings(world: Path, out: Path, **sections) -> dict:
    given = {
        "out": str(out),
        "log_every": 1,
        "save_every": 2,
        "device": "cpu",
        "model": {"name": str(world / "small"), "random": 1},
        "data": {
            "train": str(world / "train/gold.jsonl"),
            "validation": str(world / "dev/gold.jsonl"),
            "workers": 0,
            "negatives": {"event": 1, "role": 1},
        },
        "losses": {"local": 0.5, "alignment": 0.5, "retention": 0.1},
        "optim": {"lr": 1e-3, "batch": 8, "epochs": 2},
        "evaluation": {"most": 16, "gallery": 8, "alphas": [0.0, 0.5, 1.0]},
    }
    for name, section in sections.items():
        given[name] = {**given.get(name, {}), **section} if isinstance(section, dict) else section
    return given


def config(world: Path, out: Path, **sections) -> Config:
    return parse_config(settings(world, out, **sections))


def every_line(folder: Path) -> list[dict]:
    return [json.loads(line) for line in (folder / "metrics.jsonl").read_text(encoding="utf-8").splitlines()]


def lines(folder: Path, event: str) -> list[dict]:
    return [one for one in every_line(folder) if one["event"] == event]


def losses(folder: Path) -> dict[int, float]:
    return {line["step"]: line["loss"] for line in lines(folder, "step")}


def quiet(line: str) -> None:
    pass
