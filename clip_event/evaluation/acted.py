"""Who plays which role in scenes, and where: whole casts that are right, and boxes that are on the right actor."""

import json
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from torch import Tensor

from clip_event.evaluation.intervals import interval
from clip_event.zeroshot.fillers import Candidate, candidates_of
from clip_event.zeroshot.model import ClipEvent
from clip_event.zeroshot.roles import Roles, Texts, assign
from templates.events import CaptionEvents
from templates.ontology import load_ontology

Json = dict[str, Any]
ACTORS = ("person", "organization")
NAMED = ("agent", "patient")


def casts(model: ClipEvent, records: Sequence[CaptionEvents], image: Tensor) -> Json:
    """How often every role of the gold event gets its own filler, per cent, with the type given.

    Args:
        records: of scenes, one event each.
        image: (records, D).

    Returns:
        `actors`, where the candidates are the people of the caption and only their roles count, and `arguments`, where
        they are all that its event names; each with `accuracy` and `interval`.
    """
    ontology, texts = load_ontology(), Texts(model)
    found: Json = {}
    for name, wanted in (("actors", ACTORS), ("arguments", None)):
        exact = []
        for record, seen in zip(records, image, strict=True):
            candidates = [one for one in candidates_of(record) if wanted is None or one.kind in wanted]
            (cast,) = assign(model, seen[None], record.events[0].type, candidates, ontology, texts=texts)
            exact.append(_exact(record, cast, candidates))
        found[name] = {"accuracy": 100 * float(np.mean(exact)), "interval": interval(np.array(exact))}
    return found


def _exact(record: CaptionEvents, cast: Roles, candidates: Sequence[Candidate]) -> bool:
    there = {candidate.text for candidate in candidates}
    gold: dict[str, set[str]] = defaultdict(set)
    for argument in record.events[0].arguments:
        if argument.text in there:
            gold[argument.role].add(argument.text)
    said = {role: {one.text for one in who} for role, who in cast.fillers.items() if who}
    # of a place with its city and country one is enough: a sentence holds one filler of a role
    return said.keys() == gold.keys() and all(said[role] <= gold[role] for role in gold)


def boxes_on_actors(model: ClipEvent, folder: Path, most: int, progress: Callable[[int], None] | None = None) -> Json:
    """How often the middle of the box that `ground` finds for an actor lies in the actor's gold box, per cent.

    Args:
        folder: as `clip-event scenes` writes it, best at 160 pixels and more.
        most: scenes to look at.
    """
    hits: dict[str, list[bool]] = {name: [] for name in NAMED}
    with (folder / "gold.jsonl").open(encoding="utf-8") as lines:
        for number, line in zip(range(most), lines, strict=False):
            row = json.loads(line)
            event, gold = row["events"][0], row["boxes"]["e0"]
            who = {row["scene"][name]: name for name in NAMED if row["scene"].get(name)}
            for one in model.ground(folder / row["image"], event).found:
                if (name := who.get(one.text)) and one.role in gold:
                    hits[name].append(_inside(one.box, gold[one.role]))
            if progress:
                progress(number + 1)
    return {name: _rate(found) for name, found in hits.items() if found}


def _inside(box: Sequence[float], gold: Sequence[Sequence[float]]) -> bool:
    x, y = (box[0] + box[2]) / 2, (box[1] + box[3]) / 2
    return any(left <= x <= right and top <= y <= bottom for left, top, right, bottom in gold)


def _rate(found: Sequence[bool]) -> Mapping[str, Any]:
    return {"accuracy": 100 * float(np.mean(found)), "interval": interval(np.array(found)), "boxes": len(found)}
