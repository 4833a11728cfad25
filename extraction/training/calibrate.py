"""Scores that mean what they say, and the thresholds that go with them, from captions held out of training.

A temperature a head makes the probabilities fit (Guo et al., 2017); a threshold a head makes F1 highest.
"""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import torch
from tokenizers import Tokenizer
from torch import Tensor
from torch.nn import functional as F

from extraction.extractor import EventExtractor
from extraction.reader import Reader
from extraction.scoring import score
from extraction.training.batches import Batch, collate
from extraction.training.corpora import annotated
from extraction.training.examples import UNKNOWN
from extraction.words import WordPieces
from templates.formats import read_ontology

GRID = np.arange(0.3, 0.8001, 0.05)
FLAT = 0.2
"""Points of F1 that count as no difference."""
TEMPERATURES = np.geomspace(0.5, 3.0, 40)
BATCH = 32

Records = Sequence[dict[str, Any]]


def calibrate(reader: Reader, tokenizer: Tokenizer, typed: Records, opened: Records) -> Reader:
    """The same reader with temperatures and thresholds in its configuration.

    Args:
        typed, opened: gold records in the news and in the open ontology, not trained on.
    """
    reader.eval()
    cutter = WordPieces(tokenizer)
    temperatures: dict[str, float] = {}
    tasks = (("news", typed, "trigger", "role"), ("open", opened, "open", "open_role"))
    for name, records, word_head, role_head in tasks:
        ontology = None if name == "open" else read_ontology(name)
        examples = sorted(annotated(records, reader.config.labels, ontology), key=lambda e: len(e.words))
        groups = [collate(examples[i : i + BATCH], cutter) for i in range(0, len(examples), BATCH)]
        for head, (logits, target) in zip(
            (word_head, role_head), _outputs(reader, groups, word_head, role_head), strict=True
        ):
            temperatures[head] = _temperature(_two_sided(logits), target)
    reader.config = replace(reader.config, temperatures=temperatures)
    thresholds: dict[str, float] = {}
    for name, records, word_head, role_head in tasks:
        thresholds |= _thresholds(EventExtractor(name, reader=(reader, tokenizer)), records, word_head, role_head)
    reader.config = replace(reader.config, thresholds=thresholds)
    return reader


def _thresholds(extractor: EventExtractor, gold: Records, word_head: str, role_head: str) -> dict[str, float]:
    """For triggers, then for arguments: the middle of the best stretch, as F1 is flat there and its top is noise."""
    captions = [record["caption"] for record in gold]
    chosen: dict[str, float] = {}
    for head, part in ((word_head, "trigger"), (role_head, "argument")):
        scores = []
        for limit in GRID:
            extractor.decoder.limits[head] = float(limit)
            scores.append(score(extractor.extract(captions), gold)[part]["f1"])
        best = np.flatnonzero(np.array(scores) >= max(scores) - FLAT)
        chosen[head] = extractor.decoder.limits[head] = round(float(GRID[best].mean()), 3)
    return chosen


def _two_sided(logits: Tensor) -> Tensor:
    """A yes-or-no head's one logit as the two of a softmax."""
    return torch.cat([torch.zeros_like(logits), logits], -1) if logits.shape[-1] == 1 else logits


@torch.inference_mode()
def _outputs(
    reader: Reader, groups: Sequence[Batch], word_head: str, role_head: str
) -> tuple[tuple[Tensor, Tensor], tuple[Tensor, Tensor]]:
    """Logits and targets of a word head and, with gold triggers, of a role head; one row a word."""
    words: list[tuple[Tensor, Tensor]] = []
    roles: list[tuple[Tensor, Tensor]] = []
    for batch in groups:
        inputs = batch.inputs
        width = inputs.word_mask.shape[1]
        vectors, early = reader.encode(inputs.pieces, inputs.shapes, inputs.piece_mask, inputs.word_of, width)
        known = batch.targets[word_head] != UNKNOWN
        words.append((reader.read(vectors)[word_head][known], batch.targets[word_head][known]))
        if len(batch.rows):
            mask = inputs.word_mask[batch.rows]
            scores = reader.read_roles(early[batch.rows], mask, batch.first, batch.last, batch.types)[role_head]
            known = batch.roles[role_head] != UNKNOWN
            roles.append((scores[known], batch.roles[role_head][known]))
    return _joined(words), _joined(roles)


def _joined(parts: Sequence[tuple[Tensor, Tensor]]) -> tuple[Tensor, Tensor]:
    return torch.cat([logits for logits, _ in parts]), torch.cat([target for _, target in parts])


def _temperature(logits: Tensor, target: Tensor) -> float:
    losses = [F.cross_entropy(logits / float(t), target).item() for t in TEMPERATURES]
    return round(float(TEMPERATURES[int(np.argmin(losses))]), 4)
