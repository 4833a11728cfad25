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

from extraction.reader import Reader
from extraction.training.batches import Batch, collate
from extraction.training.corpora import annotated
from extraction.training.examples import UNKNOWN
from extraction.words import WordPieces
from templates.formats import read_ontology

GRID = np.arange(0.25, 0.7501, 0.05)
TEMPERATURES = np.geomspace(0.5, 3.0, 40)
BATCH = 32


def calibrate(
    reader: Reader, tokenizer: Tokenizer, typed: Sequence[dict[str, Any]], opened: Sequence[dict[str, Any]]
) -> Reader:
    """The same reader with temperatures and thresholds in its configuration.

    Args:
        typed, opened: gold records in the news and in the open ontology, not trained on.
    """
    reader.eval()
    labels, cutter = reader.config.labels, WordPieces(tokenizer)
    temperatures, thresholds = {}, {}
    for records, ontology, word_head, role_head in (
        (typed, read_ontology("news"), "trigger", "role"),
        (opened, None, "open", "open_role"),
    ):
        examples = sorted(annotated(records, labels, ontology), key=lambda e: len(e.words))
        groups = [collate(examples[i : i + BATCH], cutter) for i in range(0, len(examples), BATCH)]
        for head, (logits, target) in zip(
            (word_head, role_head), _outputs(reader, groups, word_head, role_head), strict=True
        ):
            if logits.shape[-1] == 1:
                logits = torch.cat([torch.zeros_like(logits), logits], -1)
            temperatures[head] = _temperature(logits, target)
            chance = 1 - (logits / temperatures[head]).softmax(-1)[:, 0]
            thresholds[head] = _threshold(chance, target != 0)
    reader.config = replace(reader.config, temperatures=temperatures, thresholds=thresholds)
    return reader


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
        vectors = reader.encode(inputs.pieces, inputs.shapes, inputs.piece_mask, inputs.word_of, width)
        known = batch.targets[word_head] != UNKNOWN
        words.append((reader.read(vectors)[word_head][known], batch.targets[word_head][known]))
        if len(batch.rows):
            mask = inputs.word_mask[batch.rows]
            scores = reader.read_roles(vectors[batch.rows], mask, batch.first, batch.last, batch.types)[role_head]
            known = batch.roles[role_head] != UNKNOWN
            roles.append((scores[known], batch.roles[role_head][known]))
    return _joined(words), _joined(roles)


def _joined(parts: Sequence[tuple[Tensor, Tensor]]) -> tuple[Tensor, Tensor]:
    return torch.cat([logits for logits, _ in parts]), torch.cat([target for _, target in parts])


def _temperature(logits: Tensor, target: Tensor) -> float:
    losses = [F.cross_entropy(logits / float(t), target).item() for t in TEMPERATURES]
    return round(float(TEMPERATURES[int(np.argmin(losses))]), 4)


def _threshold(chance: Tensor, positive: Tensor) -> float:
    """The middle of the grid's best stretch: F1 is flat there and its top is noise."""
    scores = []
    for limit in GRID:
        found = chance > float(limit)
        hit = (found & positive).sum().item()
        scores.append(2 * hit / max(1, found.sum().item() + positive.sum().item()))
    best = np.flatnonzero(np.array(scores) >= max(scores) - 0.002)
    return round(float(GRID[best].mean()), 3)
