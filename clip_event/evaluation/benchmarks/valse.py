"""VALSE (Parcalabescu et al., ACL 2022): captions and foils for six linguistic phenomena.

Read as the files of https://github.com/Heidelberg-NLP/VALSE, folder `data`, are (version of 2022): an object of named
entries. A file is a kind: existence, plurals, counting-hard, relations, action-replacement, actant-swap, foil-it ...
As in the authors' evaluation, entries count where two of three annotators chose the caption and not the foil, and the
figure is their pairwise accuracy. `image_file` is looked up in one folder; the photographs are those of Visual7W, COCO,
SWiG and VisDial.
"""

from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, TypeAdapter

from clip_event.evaluation.benchmarks.pair import Benchmark, Pair
from clip_event.evaluation.files import checked

VOTES = 2


class Votes(BaseModel):
    """How many of three annotators chose the caption alone."""

    caption: int


class Valse(BaseModel):
    """An entry."""

    model_config = ConfigDict(strict=True)

    image_file: str
    caption: str
    foil: str
    mturk: Votes


def fits(data: Any) -> bool:
    """Whether a JSON file's content looks like it."""
    return isinstance(data, dict) and any(isinstance(e, dict) and "foil" in e for e in data.values())


def read(data: dict[str, Any], path: Path) -> Benchmark:
    """The pairs of a file's content. Raises `InputError`."""
    entries = checked(TypeAdapter(dict[str, Valse]), data, str(path)).values()
    pairs = [Pair(e.image_file, e.caption, e.foil, path.stem) for e in entries if e.mturk.caption >= VOTES]
    return Benchmark("valse", pairs, left_out=len(data) - len(pairs))
