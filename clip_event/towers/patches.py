"""Photographs through the image tower of an open_clip model: one embedding of the whole, and one of every patch.

A patch is put into the joint space by what the tower does to the whole picture after its last layer, as though the
picture were nothing but that patch: norm and projection where the tower pools at its class token, as in FSC-CLIP (Oh et
al., EMNLP 2024); value and output projection where it pools by attention, as in MaskCLIP (Zhou et al., ECCV 2022); the
head on a map of one cell in a convolutional tower.
"""

from typing import Any, cast

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from clip_event.towers._open_clip import open_clip


def encode_images(model: nn.Module, images: Tensor, *, normalize: bool = True) -> tuple[Tensor, Tensor | None]:
    """Embeddings of images and of their patches, by one pass through the tower, with gradient where gradients are on.

    Args:
        model: any open_clip model, not wrapped (the inner one of `DistributedDataParallel`).
        images: (images, 3, height, width), preprocessed.
        normalize: to length 1.

    Returns:
        (images, dimension), what `model.encode_image` gives; and (images, patches, dimension), row by row from the top
        left, or None where `no_patches` says why not.
    """
    visual = cast(Any, model).visual
    patches: Tensor | None
    if no_patches(model) is not None:
        pooled, patches = cast(Any, model).encode_image(images, normalize=False), None
    elif isinstance(visual, open_clip.transformer.VisionTransformer):
        pooled, patches = _transformer(visual, images)
    elif isinstance(visual, open_clip.modified_resnet.ModifiedResNet):
        pooled, patches = _resnet(visual, images)
    else:
        pooled, patches = _timm(visual, images)
    if normalize:
        pooled = F.normalize(pooled, dim=-1)
        patches = None if patches is None else F.normalize(patches, dim=-1)
    return pooled, patches


def no_patches(model: nn.Module) -> str | None:
    """Why this model's image tower gives no patches in the joint space; None where it does."""
    visual = cast(Any, model).visual
    if isinstance(visual, open_clip.transformer.VisionTransformer):
        two = visual.attn_pool is not None and visual.attn_pool_contrastive is not None
        return "its image tower pools twice by attention" if two else None
    if isinstance(visual, open_clip.timm_model.TimmModel):
        parts = [name for name in ("forward_features", "forward_head") if not hasattr(visual.trunk, name)]
        return f"its timm trunk {type(visual.trunk).__name__} has no {' and no '.join(parts)}" if parts else None
    if isinstance(visual, open_clip.modified_resnet.ModifiedResNet):
        return None
    return f"where {type(visual).__name__} keeps its patches is not known"


def _transformer(visual: Any, images: Tensor) -> tuple[Tensor, Tensor]:
    run = visual.forward_intermediates(images, indices=1, output_fmt="NLC")
    patches = run["image_intermediates"][0]
    if visual.attn_pool is not None:
        patches = _attend_to_one(visual.attn_pool, patches)
    return run["image_features"], visual.ln_post(patches) @ visual.proj


def _attend_to_one(pool: Any, patches: Tensor) -> Tensor:
    """What the pool gives for each patch by itself. Whatever the query, a single key gets all the weight."""
    keys = pool.ln_k(patches).flatten(0, 1)[:, None]
    query = pool.ln_q(pool.query[:1]).expand(len(keys), 1, -1)
    attended: Tensor = pool.attn(query, keys, keys, need_weights=False)[0]
    return attended.reshape(*patches.shape[:2], -1)


def _resnet(visual: Any, images: Tensor) -> tuple[Tensor, Tensor]:
    run = visual.forward_intermediates(images, indices=1)
    pool = visual.attnpool
    cells = run["image_intermediates"][0].flatten(2).transpose(1, 2)
    cells = cells + pool.positional_embedding[1:].to(cells.dtype)  # the first is that of their mean
    return run["image_features"], pool.c_proj(pool.v_proj(cells))


def _timm(visual: Any, images: Tensor) -> tuple[Tensor, Tensor]:
    trunk = visual.trunk
    features = trunk.forward_features(images)
    if features.ndim == 3:  # class and register tokens come first
        first = getattr(trunk, "num_prefix_tokens", 0)
        cells = features[:, first:]
        # in the places of the class token and of a patch, so that the head finds it where it looks
        alone = cells.flatten(0, 1)[:, None].expand(-1, first + 1, -1)
    else:
        last = getattr(trunk, "output_fmt", "NCHW") == "NHWC"
        cells = (features if last else features.permute(0, 2, 3, 1)).flatten(1, 2)
        alone = cells.flatten(0, 1)[:, None, None]
        alone = alone if last else alone.permute(0, 3, 1, 2)
    pooled, patches = (visual.head(trunk.forward_head(x)) for x in (features, alone))
    return pooled, torch.unflatten(patches, 0, cells.shape[:2])
