"""The rows of the table: each recipe as settings of the trainer, and `event` without each of its parts in turn."""

from typing import Any

Json = dict[str, Any]

START = "no tuning"
OURS = "event"
MAIN: dict[str, Json] = {
    "caption": {"preset": "caption"},
    "negclip": {"preset": "negclip"},
    "clip-event-2022": {"preset": "clip-event-2022"},
    "fsc-clip": {
        "preset": "event",
        "data": {"styles": ("caption",), "texts": 1},
        "losses": {"hard": 1.0, "gamma": 2.0, "smoothing": 0.02, "local": 0.5, "retention": 0.0},
    },
    OURS: {"preset": "event"},
}
"""`fsc-clip` is the idea of Oh et al. (EMNLP 2024): hard negatives of the caption in a loss of their own with focal
weight and label smoothing, and the same loss on patches. Their LoRA is left out, as no other row has it."""

NEGATIVES = {"event": 1, "role": 2, "filler": 1}
ABLATION: dict[str, Json] = {
    "one style": {"data": {"texts": 1, "styles": ("caption",)}},
    "no retention": {"losses": {"retention": 0.0}},
    "no way back": {"evaluation": {"alphas": (1.0,)}},
    "no event negatives": {"data": {"negatives": NEGATIVES | {"event": 0}}},
    "no role negatives": {"data": {"negatives": NEGATIVES | {"role": 0}}},
    "no filler negatives": {"data": {"negatives": NEGATIVES | {"filler": 0}}},
    "with alignment": {"losses": {"alignment": 0.5}},
    "with local": {"losses": {"local": 0.5}},
}
"""What is changed of `event`. "No way back" leaves out the interpolation with the starting weights."""

TRIED: dict[str, Json] = {
    "appended": {"losses": {"appended": True}},
    "appended, one style": {"data": {"texts": 1, "styles": ("caption",)}, "losses": {"appended": True}},
    "appended, retention 1": {"losses": {"appended": True, "retention": 1.0}},
    "appended, two event negatives": {"data": {"negatives": NEGATIVES | {"event": 2}}, "losses": {"appended": True}},
}
"""Changes of `event` that an earlier table led to. "Appended": the negatives join the softmax over the batch's texts,
as in `negclip`, beside the loss of their own."""

ALPHAS = (0.25, 0.5, 0.75, 1.0)
ROWS: dict[str, Json] = {
    **{name: {"evaluation": {"alphas": ALPHAS if name == OURS else (1.0,)}, **row} for name, row in MAIN.items()},
    **{
        f"{OURS}, {name}": {"preset": "event", "evaluation": {"alphas": ALPHAS}, **row}
        for name, row in (ABLATION | TRIED).items()
    },
}
