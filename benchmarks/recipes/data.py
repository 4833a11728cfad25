"""What the recipes are trained on: events read from the captions of photographs, described with all kinds of negatives.

    train.events.jsonl, dev.events.jsonl      one record a caption, with its events (open ontology)
    train.jsonl                               descriptions of `CAPTIONS` captions a photograph
    held_out.jsonl                            of one caption of each of the last `HELD_OUT` photographs, to choose by:
                                              the one with the most kinds of negatives, since few have one of roles
    scenes/                                   drawn scenes of the split dev

Said once and not anew in every epoch, so that no recipe waits for another's texts; all see the same captions. The last
photographs are those that `mini` has not been trained on: on others it can only get worse.
"""

import json
from collections import defaultdict
from pathlib import Path
from random import Random

from clip_event.descriptions import describe
from clip_event.evaluation.retrieval import read_captions
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
        held_out: photographs to choose by, the last of `train.jsonl`.
    """
    folder.mkdir(parents=True, exist_ok=True)
    for split in ("train", "dev"):
        if not (events := folder / f"{split}.events.jsonl").exists():
            extract(photographs / f"{split}.jsonl", events, extractor=EventExtractor("open"), resume=True)
    if not (folder / "scenes/gold.jsonl").exists():
        scenes(folder / "scenes", SCENES, split="dev")
    chosen_by = set(list(read_captions(photographs / "train.jsonl"))[-held_out:])
    for name, lines in _parts(folder / "train.events.jsonl", chosen_by).items():
        if not (out := folder / f"{name}.jsonl").exists():
            with whole(chosen := folder / f"{name}.chosen.jsonl") as file:
                file.writelines(lines)
            describe(chosen, out, Wanted(STYLES, NEGATIVES, salient_only=True), ontology="open")
            if name == "held_out":
                _richest(out)


def _richest(descriptions: Path) -> None:
    """Keep one description a photograph."""
    kept: dict[str, tuple[int, str]] = {}
    for line in descriptions.read_text(encoding="utf-8").splitlines(keepends=True):
        row = json.loads(line)
        kinds = len({negative["kind"] for pair in row["pairs"] for negative in pair["negatives"]})
        if kinds > kept.get(row["image"], (-1, ""))[0]:
            kept[row["image"]] = kinds, line
    with whole(descriptions) as file:
        file.writelines(line for _, line in kept.values())


def _parts(events: Path, chosen_by: set[str]) -> dict[str, list[str]]:
    """Records with an event: of every caption of the photographs to choose by, and of some of the others."""
    draw = Random(0)
    by_image: dict[str, list[str]] = defaultdict(list)
    with events.open(encoding="utf-8") as lines:
        for line in lines:
            if (record := json.loads(line))["events"]:
                record["id"] = f"{record['image']}#{len(by_image[record['image']])}"
                by_image[record["image"]].append(json.dumps(record, ensure_ascii=False) + "\n")
    held_out, train = ([i for i in sorted(by_image) if (i in chosen_by) is held] for held in (True, False))
    return {
        "held_out": [line for image in held_out for line in by_image[image]],
        "train": [line for i in train for line in draw.sample(by_image[i], min(CAPTIONS, len(by_image[i])))],
    }
