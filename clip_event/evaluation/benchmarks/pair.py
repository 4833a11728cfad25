"""What every benchmark of pairs comes to."""

from collections.abc import Set
from dataclasses import dataclass


@dataclass(frozen=True)
class Pair:
    """A photograph with a text that is true of it and one that is false.

    Attributes:
        image: path in the folder of photographs, with `#xywh=` behind it where only a part is meant.
        kind: what the false text gets wrong.
        negative_image: a photograph that `positive` is false of, where the benchmark has them.
        group: pairs of one group are also judged together.
    """

    image: str
    positive: str
    negative: str
    kind: str
    negative_image: str | None = None
    group: str | None = None

    @property
    def images(self) -> tuple[str, ...]:
        return (self.image,) if self.negative_image is None else (self.image, self.negative_image)


@dataclass(frozen=True)
class Benchmark:
    """The pairs of a file.

    Attributes:
        format: whose file it is.
        left_out: how many entries its authors leave out of their figures.
        averaged: the kinds that the authors' headline figure is the mean of, where it is one.
    """

    format: str
    pairs: list[Pair]
    left_out: int = 0
    averaged: Set[str] = frozenset()
