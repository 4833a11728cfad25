"""The network: one small transformer encoder and light heads over words.

A caption is read once. The encoder is BERT's (Devlin et al., 2019) at the size of MiniLM (Wang et al., 2020): six
layers, width 384. Word vectors are the mean of their word pieces' vectors. Linear heads over them name triggers,
open-vocabulary predicates, tags, entity kinds and noun-phrase links. For each trigger the last two layers are run
again, as copies with weights of their own that are told where the trigger is and which type it has: they name the role
of every word in that event.
"""

from dataclasses import asdict, dataclass, field
from typing import Any, cast

import torch
from torch import Tensor, nn
from torch.nn import functional as F

SHAPES = 6
DISTANCES = 32
EVENTS = 32


@dataclass(frozen=True)
class Labels:
    """What the heads name, in the order of their outputs. Index 0 of `types` heads and roles means none."""

    types: tuple[str, ...]
    roles: tuple[str, ...]
    open_roles: tuple[str, ...]
    propbank: tuple[str, ...]
    tags: tuple[str, ...]
    pos: tuple[str, ...]
    kinds: tuple[str, ...]


@dataclass(frozen=True)
class ReaderConfig:
    """Sizes of the network, and the labels of its heads."""

    labels: Labels
    vocabulary: int = 30522
    width: int = 384
    layers: int = 6
    heads: int = 12
    inner: int = 1536
    positions: int = 512
    role_layers: int = 2
    dropout: float = 0.1
    thresholds: dict[str, float] = field(default_factory=dict)
    temperatures: dict[str, float] = field(default_factory=dict)

    def to_dict(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def from_dict(cls, data: dict[str, Any]) -> "ReaderConfig":
        labels = Labels(**{name: tuple(values) for name, values in data["labels"].items()})
        return cls(**{**data, "labels": labels})


class Layer(nn.Module):
    """One post-norm transformer layer."""

    def __init__(self, config: ReaderConfig) -> None:
        super().__init__()
        width = config.width
        self.heads = config.heads
        self.drop = nn.Dropout(config.dropout)
        self.qkv = nn.Linear(width, 3 * width)
        self.out = nn.Linear(width, width)
        self.norm = nn.LayerNorm(width, eps=1e-12)
        self.up = nn.Linear(width, config.inner)
        self.down = nn.Linear(config.inner, width)
        self.last_norm = nn.LayerNorm(width, eps=1e-12)

    def forward(self, x: Tensor, mask: Tensor) -> Tensor:
        batch, length, width = x.shape
        q, k, v = self.qkv(x).view(batch, length, 3, self.heads, width // self.heads).permute(2, 0, 3, 1, 4)
        # written out: scaled_dot_product_attention on the CPU compiles anew for every shape, 20 ms each
        weights = (q @ k.transpose(-1, -2)) * (width // self.heads) ** -0.5
        attended = weights.masked_fill(~mask[:, None, None], -1e4).softmax(-1).to(v.dtype) @ v
        attended = self.out(attended.transpose(1, 2).reshape(batch, length, width))
        x = self.norm(x + self.drop(attended))
        inner = self._down(F.gelu(self.up(x)))
        return cast(Tensor, self.last_norm(x + self.drop(inner)))

    def _down(self, inner: Tensor) -> Tensor:
        """The inner width back to the outer.

        In bfloat16 the CPU sums a long product in an order that depends on the number of rows, so that a caption's
        scores would hang on how many others are read with it. Products as short as the outer width do not differ, and
        summed in float32 they are closer to the exact one too.
        """
        if inner.dtype != torch.bfloat16:
            return cast(Tensor, self.down(inner))
        width = self.down.out_features
        parts = zip(inner.split(width, -1), self.down.weight.split(width, 1), strict=True)
        return sum((F.linear(*part).float() for part in parts), start=self.down.bias.float())


class Reader(nn.Module):
    """Encoder and heads; see `read` and `read_roles`."""

    def __init__(self, config: ReaderConfig) -> None:
        super().__init__()
        self.config = config
        labels, width = config.labels, config.width
        self.pieces = nn.Embedding(config.vocabulary, width)
        self.positions = nn.Embedding(config.positions, width)
        self.shapes = nn.Embedding(SHAPES, width)
        self.norm = nn.LayerNorm(width, eps=1e-12)
        self.drop = nn.Dropout(config.dropout)
        self.layers = nn.ModuleList(Layer(config) for _ in range(config.layers))
        # one matrix for every head over words: triggers (none, types, inside), then the others
        self.sizes = {
            "trigger": len(labels.types) + 2,
            "predicate": 1,
            "open": 1,
            "link": 1,
            "tag": len(labels.tags),
            "pos": len(labels.pos),
            "kind": len(labels.kinds),
        }
        self.words = nn.Linear(width, sum(self.sizes.values()))
        self.types = nn.Embedding(len(labels.types) + 1, width)
        self.here = nn.Embedding(2, width)
        self.trigger = nn.Linear(width, width)
        self.distances = nn.Embedding(2 * DISTANCES + 1, width)
        self.role_layers = nn.ModuleList(Layer(config) for _ in range(config.role_layers))
        self.role_sizes = {
            "role": len(labels.roles) + 1,
            "open_role": len(labels.open_roles) + 1,
            "propbank": len(labels.propbank) + 1,
        }
        self.roles = nn.Linear(width, sum(self.role_sizes.values()))

    def encode(
        self, pieces: Tensor, shapes: Tensor, piece_mask: Tensor, word_of: Tensor, words: int
    ) -> tuple[Tensor, Tensor]:
        """Word vectors.

        Args:
            pieces: (batch, length) word-piece ids, with the encoder's own start and end pieces.
            shapes: (batch, length) letter shape of each piece's word.
            piece_mask: (batch, length) true where there is a piece.
            word_of: (batch, length) index of each piece's word; `words` for pieces of no word.
            words: number of words in the longest caption.

        Returns:
            Two of (batch, words, width): the encoder's output, for `read`, and the input of its last `role_layers`
            layers, for `read_roles`.
        """
        length = pieces.shape[1]
        x = self.pieces(pieces) + self.positions.weight[:length] + self.shapes(shapes)
        x = self.drop(self.norm(x))
        early = x
        for depth, layer in enumerate(self.layers):
            if depth == len(self.layers) - len(self.role_layers):
                early = x
            x = layer(x, piece_mask)
        return _mean_by_word(x.float(), word_of, words), _mean_by_word(early.float(), word_of, words)

    def read(self, vectors: Tensor) -> dict[str, Tensor]:
        """Logits of the word heads, each (batch, words, size)."""
        return _split(self.words(vectors).float(), self.sizes)

    def read_roles(self, early: Tensor, mask: Tensor, first: Tensor, last: Tensor, types: Tensor) -> dict[str, Tensor]:
        """Logits of every word's role in one event each.

        Args:
            early: (events, words, width) early word vectors of the event's caption.
            mask: (events, words) true where there is a word.
            first, last: (events,) first and last word of the trigger, inclusive.
            types: (events,) index of the event's type; the last index means an open-vocabulary predicate.

        Returns:
            `role`, `open_role`, `propbank`: (events, words, size), index 0 is none.
        """
        # the number of events differs in every batch, and the CPU's matrix kernels are compiled for each new shape
        events = len(early)
        padding = -events % EVENTS
        early, mask = F.pad(early, (0, 0, 0, 0, 0, padding)), F.pad(mask, (0, 0, 0, padding))
        first, last, types = (F.pad(numbers, (0, padding)) for numbers in (first, last, types))
        index = torch.arange(early.shape[1], device=early.device)
        inside = (index >= first[:, None]) & (index <= last[:, None])
        distance = (index - last[:, None]).clamp(-DISTANCES, DISTANCES) + DISTANCES
        trigger = (early * inside[..., None]).sum(1) / inside.sum(1, keepdim=True)
        event = self.trigger(trigger) + self.types(types)
        x = early + self.here(inside.long()) + self.distances(distance) + event[:, None]
        for layer in self.role_layers:
            x = layer(x, mask)
        return _split(self.roles(x).float()[:events], self.role_sizes)


def _mean_by_word(x: Tensor, word_of: Tensor, words: int) -> Tensor:
    batch, _, width = x.shape
    total = x.new_zeros(batch, words + 1, width)
    total.scatter_add_(1, word_of[..., None].expand_as(x), x)
    count = x.new_zeros(batch, words + 1).scatter_add_(1, word_of, torch.ones_like(word_of, dtype=x.dtype))
    return (total / count.clamp(min=1)[..., None])[:, :words]


def _split(logits: Tensor, sizes: dict[str, int]) -> dict[str, Tensor]:
    return dict(zip(sizes, logits.split(list(sizes.values()), dim=-1), strict=True))
