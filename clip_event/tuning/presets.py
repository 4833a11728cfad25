"""Recipes by name: what each sets in the configuration. docs/finetune.md says what they do and where they come from."""

from typing import Any

PRESETS: dict[str, dict[str, Any]] = {
    "event": {
        "data": {"texts": 2},
        "losses": {"contrastive": 1.0, "hard": 1.0, "retention": 0.1, "gamma": 0.0, "smoothing": 0.0},
    },
    "caption": {
        "data": {"styles": ("caption",), "negatives": {}},
        "losses": {"contrastive": 1.0, "hard": 0.0},
    },
    "negclip": {
        "data": {"styles": ("caption",)},
        "losses": {"contrastive": 1.0, "appended": True, "hard": 0.0},
    },
    "clip-event-2022": {
        "data": {"styles": ("short",), "negatives": {"event": 1, "rotate": 1}},
        "losses": {"contrastive": 1.0, "hard": 1.0, "gamma": 0.0, "smoothing": 0.0, "distance": 0.01},
    },
}
"""`event` is ours. `caption` is plain CLIP tuning (Radford et al., 2021), `negclip` Yuksekgonul et al. (ICLR 2023),
`clip-event-2022` Li et al. (CVPR 2022), re-stated from their description."""
