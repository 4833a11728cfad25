"""A small random model as `ClipEvent`, without a file."""

import torch
from towers import VISION, native

from clip_event.towers._open_clip import open_clip
from clip_event.towers.models import Loaded
from clip_event.zeroshot.model import ClipEvent

CLIP_TOKENS = open_clip.SimpleTokenizer()


def asked(model=None, size=32, mode="shortest", tokenizer=CLIP_TOKENS) -> ClipEvent:
    """`size` as in `image_size`, a number or (height, width)."""
    model = model or native("clip", VISION | {"image_size": size})
    cfg = open_clip.transform.PreprocessCfg(size=size, resize_mode=mode)
    preprocess = open_clip.transform.image_transform_v2(cfg, is_train=False)
    config = {"embed_dim": 16, "vision_cfg": dict(VISION), "text_cfg": {"width": 32}}
    loaded = Loaded(model, tokenizer, preprocess, preprocess, config, None)
    return ClipEvent(loaded, "random", torch.device("cpu"))
