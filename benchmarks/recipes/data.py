"""What the recipes are trained on: events read from the captions of photographs, described with all kinds of negatives.

    train.events.jsonl, dev.events.jsonl      one record a caption, with its events (open ontology)
    train.jsonl                               descriptions of `CAPTIONS` captions a photograph
    held_out.jsonl                            of one caption of each of `HELD_OUT` other photographs, to choose by
    scenes/                                   drawn scenes of the split dev

Said once and not anew in every epoch, so that no recipe waits for another's texts; all see the same captions.
"""

import json
from collections import defaultdict
from pathlib import Path
from random import Random

from clip_event.descriptions import describe
from clip_event.scenes import scenes
from extraction.extractor import EventExtractor
from extraction.files import extract
from templates.pairs import Wanted
from templates.whole import whole

HELD_OUT, CAPTIONS, SCENES = 500, 2, 400
STYLES = ("caption", "sentence", "short")  # the caption first: it is what held-out photographs are found by
NEGATIVES = {"event": 2, "role": 2, "filler": 2, "rotate": 1}


def prepare(folder: Path, photographs: Path, held_out: int = HELD_OUT) -> None:
    """Make what is not there yet.

    Args:
        photographs: folder of `train.jsonl` and `dev.jsonl`, lines of `{"image", "captions"}`, and the photographs.
        held_out: photographs to choose by.
    """
    folder.mkdir(parents=True, exist_ok=True)
    for split in ("train", "dev"):
        if not (events := folder / f"{split}.events.jsonl").exists():
            extract(photographs / f"{split}.jsonl", events, extractor=EventExtractor("open"), resume=True)
    if not (folder / "scenes/gold.jsonl").exists():
        scenes(folder / "scenes", SCENES, split="dev")
    for name, lines in _parts(folder / "train.events.jsonl", held_out).items():
        if not (out := folder / f"{name}.jsonl").exists():
            with whole(chosen := folder / f"{name}.chosen.jsonl") as file:
                file.writelines(lines)
            describe(chosen, out, Wanted(STYLES, NEGATIVES, salient_only=True), ontology="open")


def _parts(events: Path, number: int) -> dict[str, list[str]]:
    """Records with an event: of one caption of each held-out photograph, and of several of the others."""
    draw, by_image = Random(0), defaultdict(list)
    with events.open(encoding="utf-8") as lines:
        for line in lines:
            if (record := json.loads(line))["events"]:
                record["id"] = f"{record['image']}#{len(by_image[record['image']])}"
                by_image[record["image"]].append(json.dumps(record, ensure_ascii=False) + "\n")
    images = sorted(by_image)
    draw.shuffle(images)
    held_out, train = images[:number], images[number:]
    return {
        "held_out": [draw.choice(by_image[image]) for image in held_out],
        "train": [line for i in train for line in draw.sample(by_image[i], min(CAPTIONS, len(by_image[i])))],
    }
