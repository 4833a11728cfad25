"""`clip-event scenes`: generated pictures whose events are known exactly, so that seeing roles can be measured."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from clip_event.scenes.canvas import Box
from clip_event.scenes.captions import tell
from clip_event.scenes.pictures import draw
from clip_event.scenes.plans import SPLITS, Scene, plan
from templates.whole import whole

SIZES = range(48, 1025)


def scenes(
    out: str | Path,
    count: int,
    *,
    seed: int = 0,
    split: str = "train",
    size: int = 96,
    instruments: float = 0.8,
    progress: Callable[[int], None] | None = None,
) -> None:
    """Draw scenes of one split into a folder.

    Writes `images/000000.jpg` and so on, `captions.jsonl` (id, image and caption) and `gold.jsonl`, the same with the
    events, their boxes in pixels and what the scene shows. Both files appear whole, after the last picture.

    Args:
        out: folder to write, new or empty.
        count: how many scenes; fewer are the first of more.
        seed: another one gives other scenes, of the same triples of agent, event and patient.
        split: train, dev or test; no such triple is in two of them, whatever the seeds.
        size: pixels of a picture's side.
        instruments: share of scenes that show an instrument, of types that use one. Scenes with another share are
            the same but for the instruments that are left out of picture and caption.
        progress: called with the number of scenes done.

    Raises:
        ValueError: an argument out of its range, or a folder with something in it.
    """
    out = Path(out)
    _check(out, count, split, size, instruments)
    (out / "images").mkdir(parents=True)
    with whole(out / "captions.jsonl") as captions, whole(out / "gold.jsonl") as gold:
        for index in range(count):
            scene = plan(index, seed=seed, split=split, instruments=instruments)
            image, boxes = draw(scene, size)
            record = record_of(scene, boxes)
            image.save(out / record["image"], quality=90, subsampling=0)
            told = {key: record[key] for key in ("id", "image", "caption")}
            captions.write(json.dumps(told, ensure_ascii=False) + "\n")
            gold.write(json.dumps(record, ensure_ascii=False) + "\n")
            if progress and (index + 1) % 64 == 0:
                progress(index + 1)


def record_of(scene: Scene, boxes: dict[str, list[Box]] | None = None) -> dict[str, Any]:
    """The scene's line of `gold.jsonl`: a `CaptionEvents` with `boxes`, `split` and `scene` beside.

    `boxes` is event id to role to boxes `[x0, y0, x1, y1]`, also of what the caption does not mention. `scene` holds
    the kinds of `agent` and `patient`, their `number`, `instrument`, `thing` and `place` as drawn.
    """
    caption = tell(scene)
    event = {"id": "e0", "type": scene.type, "trigger": caption.trigger, "arguments": caption.arguments}
    shown = ("agent", "patient", "number", "instrument", "thing", "place")
    return {
        "id": f"{scene.split}-{scene.seed}-{scene.index:06}",
        "image": f"images/{scene.index:06}.jpg",
        "caption": caption.text,
        "events": [event],
        "salient": "e0",
        "split": scene.split,
        "boxes": {"e0": boxes or {}},
        "scene": {name: getattr(scene, name) for name in shown},
    }


def _check(out: Path, count: int, split: str, size: int, instruments: float) -> None:
    if count < 1:
        raise ValueError(f"count: found {count}, expected 1 or more scenes")
    if split not in SPLITS:
        raise ValueError(f"split: found {split!r}, expected one of {', '.join(SPLITS)}")
    if size not in SIZES:
        raise ValueError(f"size: found {size}, expected {SIZES[0]} to {SIZES[-1]} pixels")
    if not 0 <= instruments <= 1:
        raise ValueError(f"instruments: found {instruments}, expected a share from 0 to 1")
    if out.exists() and not out.is_dir():
        raise ValueError(f"{out}: is a file, expected a folder to write scenes to")
    if out.exists() and any(out.iterdir()):
        raise ValueError(f"{out}: is not empty, and scenes are not mixed with other files; give a new folder")
