"""The network: one small transformer encoder and light heads over words.

A caption is read once. The encoder is BERT's (Devlin et al., 2019) at the size of MiniLM (Wang et al., 2020): six
layers, width 384. Word vectors are the mean of their word pieces' vectors. Linear heads over them name triggers,
open-vocabulary predicates, tags, entity kinds and noun-phrase links; for each trigger one more transformer layer, told
where the trigger is and which type it has, names the role of every word in that event.
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
    role_layers: int = 1
    dropout: float = 0.1
    thresholds: dict[str, float] = field(default_factory=dict)
    temperatures: dict[str, float] = field(default_factory=dict)

    def to_dict(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def from_dict(cls, data: dict[str, Any]) -> "ReaderConfig":
        labels = Labels(**{name: tuple(values) for name, values in data["labels"].items()})
        return cls(**{**data, "labels": labels})


class FeatureDropout(nn.Module):
    """Dropout of whole features of a caption: one draw for all its words, a hundredth of the random numbers."""

    def __init__(self, rate: float) -> None:
        super().__init__()
        self.rate = rate

    def forward(self, x: Tensor) -> Tensor:
        if not self.training or not self.rate:
            return x
        return x * x.new_empty(len(x), 1, x.shape[-1]).bernoulli_(1 - self.rate).div_(1 - self.rate)


class Layer(nn.Module):
    """One post-norm transformer layer."""

    def __init__(self, config: ReaderConfig) -> None:
        super().__init__()
        width = config.width
        self.heads = config.heads
        self.drop = FeatureDropout(config.dropout)
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
        inner = self.down(F.gelu(self.up(x)))
        return cast(Tensor, self.last_norm(x + self.drop(inner)))


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
        self.drop = FeatureDropout(config.dropout)
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

    def encode(self, pieces: Tensor, shapes: Tensor, piece_mask: Tensor, word_of: Tensor, words: int) -> Tensor:
        """Word vectors.

        Args:
            pieces: (batch, length) word-piece ids, with the encoder's own start and end pieces.
            shapes: (batch, length) letter shape of each piece's word.
            piece_mask: (batch, length) true where there is a piece.
            word_of: (batch, length) index of each piece's word; `words` for pieces of no word.
            words: number of words in the longest caption.

        Returns:
            (batch, words, width).
        """
        length = pieces.shape[1]
        x = self.pieces(pieces) + self.positions.weight[:length] + self.shapes(shapes)
        x = self.drop(self.norm(x))
        for layer in self.layers:
            x = layer(x, piece_mask)
        return _mean_by_word(x.float(), word_of, words)

    def read(self, vectors: Tensor) -> dict[str, Tensor]:
        """Logits of the word heads, each (batch, words, size)."""
        return _split(self.words(vectors).float(), self.sizes)

    def read_roles(
        self, vectors: Tensor, mask: Tensor, first: Tensor, last: Tensor, types: Tensor
    ) -> dict[str, Tensor]:
        """Logits of every word's role in one event each.

        Args:
            vectors: (events, words, width) word vectors of the event's caption.
            mask: (events, words) true where there is a word.
            first, last: (events,) first and last word of the trigger, inclusive.
            types: (events,) index of the event's type; the last index means an open-vocabulary predicate.

        Returns:
            `role`, `open_role`, `propbank`: (events, words, size), index 0 is none.
        """
        index = torch.arange(vectors.shape[1], device=vectors.device)
        inside = (index >= first[:, None]) & (index <= last[:, None])
        distance = (index - last[:, None]).clamp(-DISTANCES, DISTANCES) + DISTANCES
        trigger = (vectors * inside[..., None]).sum(1) / inside.sum(1, keepdim=True)
        event = self.trigger(trigger) + self.types(types)
        x = vectors + self.here(inside.long()) + self.distances(distance) + event[:, None]
        # the number of events differs in every batch, and the CPU's matrix kernels are compiled for each new shape
        events = len(x)
        padding = -events % EVENTS
        x, mask = F.pad(x, (0, 0, 0, 0, 0, padding)), F.pad(mask, (0, 0, 0, padding))
        for layer in self.role_layers:
            x = layer(x, mask)
        return _split(self.roles(x[:events]).float(), self.role_sizes)


def _mean_by_word(x: Tensor, word_of: Tensor, words: int) -> Tensor:
    batch, _, width = x.shape
    total = x.new_zeros(batch, words + 1, width)
    total.scatter_add_(1, word_of[..., None].expand_as(x), x)
    count = x.new_zeros(batch, words + 1).scatter_add_(1, word_of, torch.ones_like(word_of, dtype=x.dtype))
    return (total / count.clamp(min=1)[..., None])[:, :words]


def _split(logits: Tensor, sizes: dict[str, int]) -> dict[str, Tensor]:
    return dict(zip(sizes, logits.split(list(sizes.values()), dim=-1), strict=True))
