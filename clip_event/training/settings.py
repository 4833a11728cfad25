"""How `mini` is trained: the steps, rates and batches of its lessons."""

from dataclasses import dataclass, field

from clip_event.training.lessons import Lesson
from clip_event.training.photographs import SMALLEST


@dataclass(frozen=True)
class Both(Lesson):
    """A training of both towers.

    Attributes:
        photographs, drawn: photographs and scenes in a step.
        said: captions of a photograph in a step.
        smallest: share of a photograph's area that a crop keeps at least.
    """

    photographs: int = 144
    drawn: int = 128
    said: int = 2
    smallest: float = SMALLEST


@dataclass(frozen=True)
class Settings:
    """How `mini` is trained; `scenes` are drawn once and stay in memory, 50 kB each.

    Attributes:
        unseen: photographs at the end of the file that are left out, for those who tune `mini` to choose by.
        views: crops of each photograph that the frozen tower sees.
        batch, others: photographs in a step of the first lesson, and texts without a photograph.
        rounds: how often the last lesson goes on twice, see `learn_on`.
    """

    words: Lesson = field(default_factory=lambda: Lesson(steps=200, lr=1e-3))
    both: Both = field(default_factory=lambda: Both(steps=520, lr=1e-3))
    last: Both = field(
        default_factory=lambda: Both(
            steps=100, lr=5e-4, average=0.98, hidden=0.15, photographs=192, drawn=64, smallest=0.45
        )
    )
    rounds: int = 2
    unseen: int = 500
    scenes: int = 16_000
    views: int = 4
    batch: int = 512
    others: int = 96
    seed: int = 0
