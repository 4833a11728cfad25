"""What a recipe is measured on: dev photographs with three sets of negatives, retrieval, drawn scenes, and drift.

2022    the rules of the CLIP-Event code of 2022, see `benchmarks.negatives`
blind   the blind tier of our generator, in the styles that no recipe trains on
hand    written by hand, see `handwritten`
"""

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Any

import numpy as np
import torch
from scipy.sparse import hstack, vstack
from sklearn.feature_extraction.text import HashingVectorizer
from sklearn.linear_model import LogisticRegression
from torch import Tensor
from torch.nn import functional as F

from benchmarks.negatives import CANDIDATES, of_2022
from benchmarks.recipes.handwritten import PATH, read_lines, with_captions
from clip_event.evaluation.retrieval import nearer
from clip_event.evaluation.scenes import right, told
from templates.blind import Blind
from templates.confusable import Confusable
from templates.corpus import Corpus
from templates.events import CaptionEvents, read_events
from templates.pairs import Wanted, described, told_apart
from templates.statement import statement

Json = dict[str, Any]
STYLES = ("edited", "graph")
"""Taken by turns, photograph by photograph."""
KINDS = {"event": CANDIDATES.negatives["event"], "role": CANDIDATES.negatives["role"]}
PAIRS = ("hand swap", "hand event", "blind role", "blind event", "2022 role", "2022 event")
SCENES, IMAGE_TO_TEXT, TEXT_TO_IMAGE = "scenes role", "image to text", "text to image"
COLUMNS = (*PAIRS, SCENES, IMAGE_TO_TEXT, TEXT_TO_IMAGE)
"""All in per cent: how often the true text is nearer, and recall at 1."""
GROUPS = {
    "roles": ("hand swap", "blind role"),
    "events": ("hand event", "blind event"),
    "retrieval": (IMAGE_TO_TEXT, TEXT_TO_IMAGE),
}
"""Means of columns. Those of 2022 are in none of them: `text_alone` says why."""


@dataclass(frozen=True)
class Pair:
    """A photograph (or scene), by number, with a true text and a false one."""

    unit: int
    column: str
    positive: str
    negative: str


@dataclass(frozen=True)
class Measures:
    """All that is asked.

    Attributes:
        names: of the photographs.
        captions: of each photograph.
        pairs: about photographs.
        scenes: names of the scenes.
        drawn: pairs about scenes.
    """

    names: list[str]
    captions: list[list[str]]
    pairs: list[Pair]
    scenes: list[str]
    drawn: list[Pair]


def read_measures(data: Path, photographs: Path, handwritten: Path = PATH) -> Measures:
    """From the folder of `recipes.data`, that of the photographs, and the file of `recipes.handwritten`."""
    with (photographs / "dev.jsonl").open(encoding="utf-8") as lines:
        captions = {row["image"]: row["captions"] for row in map(json.loads, lines)}
    number = {name: place for place, name in enumerate(captions)}
    written = with_captions(read_lines(handwritten), captions)
    pairs = [Pair(number[one.image], f"hand {one.kind}", one.positive, one.negative) for one in written]
    records = list(read_events(data / "dev.events.jsonl"))
    if not (kept := data / "pairs.json").exists():  # the blind tier takes a minute
        made = [*_of_2022(records, number), *_blind(records, number)]
        kept.write_text(json.dumps([vars(pair) for pair in made], indent=0), encoding="utf-8")
    pairs += [Pair(**row) for row in json.loads(kept.read_text(encoding="utf-8"))]
    scenes = list(read_events(data / "scenes/gold.jsonl"))
    drawn = [Pair(unit, SCENES, true, false) for unit, _, _, true, false in told(scenes, {"role": 1})]
    return Measures(list(captions), list(captions.values()), pairs, [str(scene.image) for scene in scenes], drawn)


def _of_2022(records: Sequence[CaptionEvents], number: dict[str, int]) -> Iterable[Pair]:
    """Of one caption a photograph. What came out the same as the truth is left out: nobody could tell it apart."""
    types = sorted({event.type for record in records for event in record.events})
    chosen = list({str(record.image): record for record in records if record.events}.values())
    for kind, found in of_2022(chosen, types, Random(1)).items():
        for place, (positive, true), (negative, false) in found:
            if positive != negative and true != false:
                yield Pair(number[str(chosen[place].image)], f"2022 {kind}", positive, negative)


def drawn_from(records: Iterable[CaptionEvents]) -> Confusable:
    """What the negatives of these records are drawn from, in the open ontology."""
    return Confusable(None, Corpus(statement(record, event, None) for record in records for event in record.events))


def _blind(records: Sequence[CaptionEvents], number: dict[str, int]) -> Iterable[Pair]:
    """At most one event negative a photograph, of which there are many, and every role negative."""
    confusable = drawn_from(records)
    tier = Blind(pair for record in records for pair in told_apart(record, confusable, Wanted(STYLES, KINDS)))
    there: set[int] = set()
    for record in records:
        unit = number[str(record.image)]
        wanted = Wanted((STYLES[unit % len(STYLES)],), KINDS)
        for row in described(record, confusable, wanted, blind=tier):
            for pair in row["pairs"]:
                for negative in pair["negatives"]:
                    if negative["kind"] == "role" or unit not in there:
                        yield Pair(unit, f"blind {negative['kind']}", pair["positive"], negative["text"])
                    there |= {unit} if negative["kind"] == "event" else set()


@dataclass(frozen=True)
class Seen:
    """Embeddings of unit length of what `Measures` names: photographs (N, D), scenes (S, D), and of texts by text."""

    image: Tensor
    scene: Tensor
    text: dict[str, Tensor]


def texts_of(measures: Measures) -> list[str]:
    """Every text that is asked for, once."""
    pairs = [text for pair in (*measures.pairs, *measures.drawn) for text in (pair.positive, pair.negative)]
    return list(dict.fromkeys([*(text for five in measures.captions for text in five), *pairs]))


def measured(measures: Measures, seen: Seen, start: Tensor) -> Json:
    """The figures by photograph, for the table to draw from.

    Args:
        start: (N, D), the photographs' embeddings by the starting model.

    Returns:
        `drift`, the mean cosine with the start; and `units`, for each column `right` and `of`: of how many questions
        about each photograph or scene how many were answered rightly.
    """
    units = {}
    for pairs, image in ((measures.pairs, seen.image), (measures.drawn, seen.scene)):
        for column in dict.fromkeys(pair.column for pair in pairs):
            asked = [pair for pair in pairs if pair.column == column]
            rows = torch.tensor([pair.unit for pair in asked])
            apart = torch.stack([seen.text[pair.positive] - seen.text[pair.negative] for pair in asked])
            units[column] = _counted(rows, right((image[rows] * apart).sum(1)), len(image))
    own = torch.arange(len(measures.names))
    owner = torch.tensor([place for place, five in enumerate(measures.captions) for _ in five])
    text = torch.stack([seen.text[caption] for five in measures.captions for caption in five])
    units[IMAGE_TO_TEXT] = _counted(own, (nearer(seen.image, text, own, owner) < 1).float(), len(own))
    units[TEXT_TO_IMAGE] = _counted(owner, (nearer(text, seen.image, owner, own) < 1).float(), len(own))
    return {"drift": float(F.cosine_similarity(seen.image, start).mean()), "units": units}


def text_alone(measures: Measures) -> dict[str, float]:
    """How often, in per cent, a linear judge that sees no photograph tells the true text of each column.

    It sees words, pairs of words and letters; taught on half of the photographs, asked on the others, both ways.
    """
    words = HashingVectorizer(ngram_range=(1, 2), n_features=2**16)
    letters = HashingVectorizer(analyzer="char_wb", ngram_range=(3, 4), n_features=2**16)
    found = {}
    for column in PAIRS:
        asked = [pair for pair in measures.pairs if pair.column == column]
        true, false = (
            hstack([judge.transform(texts) for judge in (words, letters)]).tocsr()
            for texts in ([pair.positive for pair in asked], [pair.negative for pair in asked])
        )
        apart, half = true - false, np.array([pair.unit % 2 for pair in asked])
        told_right = []
        for taught in (0, 1):
            rows = apart[half == taught]
            judge = LogisticRegression(fit_intercept=False, max_iter=1000)
            judge.fit(vstack([rows, -rows]), np.repeat([1, 0], rows.shape[0]))
            told_right.append(judge.decision_function(apart[half != taught]) > 0)
        found[column] = 100 * float(np.concatenate(told_right).mean())
    return found


def _counted(rows: Tensor, right: Tensor, number: int) -> dict[str, list[float]]:
    found = {"right": np.bincount(rows, right, number), "of": np.bincount(rows, minlength=number)}
    return {name: values.astype(float).tolist() for name, values in found.items()}
