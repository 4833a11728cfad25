"""BLA (Chen, Fernandez and Pezzelle, EMNLP 2023): active and passive voice, coordination, relative clauses.

Read as the files of https://github.com/shin-ee-chen/BLA (version of 2023) are, in both of their forms.
`active_passive_captions.json`, `coordination_captions.json` and `relative_clause_captions.json` are lists of
photographs, each with its `caption_group`; the files of splits map a photograph's number to four texts, the true ones
first. A photograph is `NUMBER.jpg`. Of several groups of one photograph the authors take the first, and so does this.

The first false text is made from the first true one, the second from the second: two pairs, one group. The authors'
figure for CLIP is how many of the four texts are on the right side when they are ranked: `rank` in the result.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter

from clip_event.evaluation.benchmarks.pair import Benchmark, Pair
from clip_event.evaluation.files import checked

TEXTS = ("True1", "True2", "False1", "False2")
SPLITS = ("train", "valid", "test")


class Captions(BaseModel):
    """Two texts that are true of a photograph and two that are false."""

    model_config = ConfigDict(strict=True)

    True1: str
    True2: str
    False1: str
    False2: str


class Bla(BaseModel):
    """An entry."""

    model_config = ConfigDict(strict=True)

    image_id: int | str
    caption_group: list[Captions] = Field(min_length=1)


def fits(data: Any) -> bool:
    """Whether a JSON file's content looks like it."""
    if isinstance(data, dict):
        return any(isinstance(texts, list) and len(texts) == len(TEXTS) for texts in data.values())
    return isinstance(data, list) and any(isinstance(entry, dict) and "caption_group" in entry for entry in data)


def read(data: Any, path: Path) -> Benchmark:
    """The pairs of a file's content. Raises `InputError`."""
    kind = path.parent.name if path.stem in SPLITS else path.stem.removesuffix("_captions")
    pairs = []
    for number, entry in enumerate(checked(TypeAdapter(list[Bla]), list(_entries(data)), str(path))):
        four, group = entry.caption_group[0], f"{path.name} {number}"
        for true, false in ((four.True1, four.False1), (four.True2, four.False2)):
            pairs.append(Pair(f"{entry.image_id}.jpg", true, false, kind, group=group))
    return Benchmark("bla", pairs)


def _entries(data: Any) -> Iterator[Any]:
    if not isinstance(data, dict):
        yield from data
        return
    for number, texts in data.items():
        four = dict(zip(TEXTS, texts, strict=False)) if isinstance(texts, list) else texts
        yield {"image_id": number, "caption_group": [four]}
