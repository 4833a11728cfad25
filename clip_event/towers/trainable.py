"""What of an open_clip model trains: each tower whole, not at all, or by LoRA (Hu et al., ICLR 2022)."""

import re
from collections import Counter
from collections.abc import Iterator
from typing import Any, Literal, cast

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.nn.modules.batchnorm import _BatchNorm

from clip_event.towers._open_clip import open_clip

Mode = Literal["all", "frozen", "lora"]

OPEN_CLIP: tuple[str, ...] = ("in_proj", "out_proj", "c_fc", "c_proj")
TIMM: tuple[str, ...] = ("qkv", "q_proj", "k_proj", "v_proj", "proj", "fc1", "fc1_g", "fc1_x", "fc2")
HUGGING_FACE: tuple[str, ...] = (
    *("query", "key", "value", "dense"),  # BERT, RoBERTa
    *("q", "k", "v", "o", "wi_0", "wi_1", "wo"),  # T5
    *("q_proj", "k_proj", "v_proj", "out_proj", "fc1", "fc2"),  # M2M
)
SHOWN = 5


class _Attention(nn.Module):
    """Self-attention with layers in the place of the raw parameters of `nn.MultiheadAttention`, for peft to adapt.

    peft adapts `nn.MultiheadAttention` too, by adding to the frozen weights before every pass and taking away after,
    which leaves rounding in them; and peft 0.21 adds twice to `out_proj` (huggingface/peft#3774).
    """

    def __init__(self, attention: nn.MultiheadAttention) -> None:
        super().__init__()
        self.heads = attention.num_heads
        self.in_proj = nn.Linear(attention.embed_dim, 3 * attention.embed_dim, device="meta")
        self.in_proj.weight = attention.in_proj_weight
        self.in_proj.bias = attention.in_proj_bias
        self.out_proj = attention.out_proj
        self._replaced = (attention,)  # in a tuple, so that its parameters are not registered a second time

    def forward(self, query: Tensor, *_: Tensor, attn_mask: Tensor | None = None, **__: bool) -> tuple[Tensor, None]:
        """(batch, length, width) to the same; the mask is (length, length) or (batch x heads, length, length)."""
        q, k, v = self.in_proj(query).unflatten(-1, (3, self.heads, -1)).permute(2, 0, 3, 1, 4)
        if attn_mask is not None and attn_mask.ndim == 3:
            attn_mask = attn_mask.unflatten(0, (len(query), self.heads))
        attended = F.scaled_dot_product_attention(q, k, v, None if attn_mask is None else attn_mask.to(q.dtype))
        return self.out_proj(attended.transpose(1, 2).flatten(2)), None

    def restored(self) -> nn.MultiheadAttention:
        attention = cast(Any, self._replaced[0])
        attention.in_proj_weight, attention.in_proj_bias = self.in_proj.weight, self.in_proj.bias
        attention.out_proj = self.out_proj
        return cast(nn.MultiheadAttention, attention)


def set_trainable(
    model: nn.Module,
    image: Mode = "all",
    text: Mode = "all",
    *,
    rank: int = 16,
    alpha: int | None = None,
    dropout: float = 0.0,
    seed: int = 0,
) -> None:
    """Choose what trains, in place and once; `logit_scale` always does, other parts outside the towers never do.

    Args:
        model: an open_clip model as loaded.
        image, text: all of the tower as it stands, nothing, or low-rank changes to its attention and MLP layers, which
            leave its outputs as they are until the first step. `merge` before saving.
        rank, alpha, dropout: of LoRA; the change is scaled by alpha / rank, and alpha is the rank unless given.
        seed: of LoRA's first weights.

    Raises:
        ValueError: a tower for LoRA has no layer that could be adapted, or a mode is unknown.
    """
    modes: dict[str, str] = {"image": image, "text": text}
    if unknown := set(modes.values()) - {"all", "frozen", "lora"}:
        raise ValueError(f"a tower trains 'all', 'frozen' or by 'lora', not {unknown.pop()!r}")
    trains = {name for name, parameter in model.named_parameters() if parameter.requires_grad}
    adapted = [layer for tower, mode in modes.items() if mode == "lora" for layer in _layers(model, tower)]
    if adapted:
        from peft import LoraConfig, inject_adapter_in_model

        config = LoraConfig(
            r=rank,
            lora_alpha=rank if alpha is None else alpha,
            lora_dropout=dropout,
            target_modules="|".join(map(re.escape, adapted)),  # whole names: a list would match their ends
        )
        with torch.random.fork_rng(devices=[]):
            torch.default_generator.manual_seed(seed)
            inject_adapter_in_model(config, model)
    for name, parameter in model.named_parameters():
        tower = _tower(name)
        whole = name == "logit_scale" or modes.get(tower) == "all"
        parameter.requires_grad_(".lora_" in name or (whole and name in trains))


def merge(model: nn.Module) -> None:
    """Add LoRA's changes to the weights and take its layers out, in place; the state dict has its first keys again."""
    from peft.tuners.lora import LoraLayer

    for parent, name, module in _children(model):
        if isinstance(module, LoraLayer):
            cast(Any, module).merge()
            setattr(parent, name, module.get_base_layer())
    for parent, name, module in _children(model):
        if isinstance(module, _Attention):
            setattr(parent, name, module.restored())
    if hasattr(model, "peft_config"):
        del model.peft_config


def training_mode(model: nn.Module) -> None:
    """Training mode, but for what must not move: batch norms, whose statistics stay, and frozen towers."""
    model.train()
    counts = count_trainable(model)
    visual, text = cast(Any, model).visual, getattr(model, "text", None)
    for tower, module in (("image", visual), ("text", text)):
        if module is not None and not counts[tower]:
            module.eval()
    for module in model.modules():
        if isinstance(module, _BatchNorm):
            module.eval()


def count_trainable(model: nn.Module) -> Counter[str]:
    """How many numbers train in the `image` and the `text` tower and in the `other` parts."""
    counts: Counter[str] = Counter()
    for name, parameter in model.named_parameters():
        counts[_tower(name)] += parameter.numel() * parameter.requires_grad
    return counts


def check_gradients(model: nn.Module) -> None:
    """Refuse parameters that are to train but play no part in the loss; call after the first backward pass.

    Raises:
        ValueError: with their number and the first of their names.
    """
    without = [name for name, value in model.named_parameters() if value.requires_grad and value.grad is None]
    if without:
        shown = ", ".join(without[:SHOWN]) + (", ..." if len(without) > SHOWN else "")
        raise ValueError(
            f"{len(without)} trainable parameters have no gradient after the first backward pass: {shown}; the loss "
            "does not depend on them. Freeze their tower, or train it in another way"
        )


def _tower(name: str) -> str:
    """The tower of a parameter or module. Native CLIP keeps its text tower's parts beside the image tower."""
    first = name.split(".")[0]
    if first in ("logit_scale", "logit_bias", "text_decoder"):
        return "other"
    return "image" if first == "visual" else "text"


def _layers(model: nn.Module, tower: str) -> list[str]:
    """Names of the tower's layers for LoRA. Its attention is given layers first."""
    part = cast(Any, model).visual if tower == "image" else getattr(model, "text", model)
    names = OPEN_CLIP
    if isinstance(part, open_clip.timm_model.TimmModel):
        names = TIMM
    elif isinstance(part, open_clip.hf_model.HFTextEncoder):
        names = HUGGING_FACE
    for name, block in model.named_modules():
        if isinstance(block, open_clip.transformer.ResidualAttentionBlock) and _tower(name) == tower:
            block.attn = cast(Any, _Attention(block.attn))
    found = [
        name
        for name, module in model.named_modules()
        if _tower(name) == tower
        and isinstance(module, nn.Linear)
        and name.split(".")[-1] in names
        # outside the blocks open_clip pools by nn.MultiheadAttention, which reads the weights and calls no layer
        and (names is not OPEN_CLIP or ".resblocks." in name)
    ]
    if not found:
        raise ValueError(
            f"LoRA finds nothing to adapt in the {tower} tower, {type(part).__name__}: it looks for linear layers "
            f"named {', '.join(names)}. Train the tower 'all' or keep it 'frozen'"
        )
    return found


def _children(model: nn.Module) -> Iterator[tuple[nn.Module, str, nn.Module]]:
    for parent in list(model.modules()):
        for name, module in list(parent.named_children()):
            yield parent, name, module
