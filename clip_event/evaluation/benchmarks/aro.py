"""ARO (Yuksekgonul et al., ICLR 2023): Visual Genome Relation and Visual Genome Attribution.

Read as the two files that https://github.com/mertyg/vision-language-models-are-bows (version of 2023) loads are:
`visual_genome_relation.json` and `visual_genome_attribution.json`, lists of cases. As the authors do, the photograph is
cut to the case's box. Their figure is the mean over kinds, `macro` in the result: of relations without those below, of
pairs of attributes with at least 25 cases.

COCO Order and Flickr30k Order have no files of false captions: the authors' program shuffles captions with spaCy when
it runs. Write what it makes as plain pairs to measure them.
"""

from collections import Counter
from pathlib import Path
from typing import Any

from pydantic import BaseModel, Field, TypeAdapter

from clip_event.evaluation.benchmarks.pair import Benchmark, Pair
from clip_event.evaluation.files import checked
from clip_event.pictures.reading import part_name
from extraction.records import InputError

RARE = 25
LEFT_OUT = Path(__file__).with_name("aro_left_out.txt")
"""Relations, one a line, that the authors leave out of their mean: symmetric ones, and such as have few cases. From
their notebook `Replicate ARO! VG-Relation, VG-Attribution`."""


class Aro(BaseModel):
    """A case; `relation_name` or `attributes` tell the kind."""

    image_path: str
    bbox_x: int
    bbox_y: int
    bbox_w: int
    bbox_h: int
    true_caption: str
    false_caption: str
    relation_name: str | None = None
    attributes: list[str] | None = Field(None, min_length=2)


def fits(data: Any) -> bool:
    """Whether a JSON file's content looks like it."""
    return isinstance(data, list) and any(isinstance(case, dict) and "true_caption" in case for case in data)


def read(data: list[Any], path: Path) -> Benchmark:
    """The pairs of a file's content. Raises `InputError`."""
    pairs = []
    for number, case in enumerate(checked(TypeAdapter(list[Aro]), data, str(path))):
        kind = case.relation_name or "_".join((case.attributes or [])[:2])
        if not kind:
            raise InputError(f"{path}: {number}: found no kind, expected relation_name or attributes")
        image = part_name(case.image_path, case.bbox_x, case.bbox_y, case.bbox_w, case.bbox_h)
        pairs.append(Pair(image, case.true_caption, case.false_caption, kind))
    counts = Counter(pair.kind for pair in pairs)
    if "relation_name" not in data[0]:
        return Benchmark("aro", pairs, averaged={kind for kind, count in counts.items() if count >= RARE})
    return Benchmark("aro", pairs, averaged=counts.keys() - set(LEFT_OUT.read_text(encoding="utf-8").splitlines()))
