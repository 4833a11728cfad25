"""SugarCrepe (Hsieh et al., NeurIPS 2023): captions of COCO 2017 val, and what a language model made of them.

Read as the seven files of https://github.com/RAIVNLab/sugar-crepe, folder `data`, are (version of 2023): an object of
numbered entries. A file is a kind: add_att, add_obj, replace_att, replace_obj, replace_rel, swap_att, swap_obj. The
authors count a pair as right where the caption is strictly nearer to the photograph, and report each file.
"""

from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, TypeAdapter

from clip_event.evaluation.benchmarks.pair import Benchmark, Pair
from clip_event.evaluation.files import checked


class SugarCrepe(BaseModel):
    """An entry."""

    model_config = ConfigDict(strict=True)

    filename: str
    caption: str
    negative_caption: str


def fits(data: Any) -> bool:
    """Whether a JSON file's content looks like it."""
    return isinstance(data, dict) and any(isinstance(e, dict) and "negative_caption" in e for e in data.values())


def read(data: dict[str, Any], path: Path) -> Benchmark:
    """The pairs of a file's content. Raises `InputError`."""
    entries = checked(TypeAdapter(dict[str, SugarCrepe]), data, str(path)).values()
    return Benchmark("sugarcrepe", [Pair(e.filename, e.caption, e.negative_caption, path.stem) for e in entries])
