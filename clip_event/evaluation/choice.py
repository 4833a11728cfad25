"""`evaluate choice`: a photograph, several texts, and which of them is right.

A file holds one question a line: `{"image", "options": [str], "answer": int, "question"?: str, "kind"?: str, "group"?:
str}`. `answer` counts options from 0; it may be a list where several are right. Questions of one group are also scored
together: all must be right. `choice_readers` reads VCR and VisualCOMET.

A question is worth the share of its right options among as many of the best scored (R-precision); with one right option
that is accuracy. Options that score the same share what they compete for, so that their order does not matter.
"""

import random
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, model_validator

from clip_event.evaluation.files import read_jsonl
from clip_event.evaluation.intervals import intervals, shares
from extraction.records import InputError

if TYPE_CHECKING:
    from torch import Tensor

    from clip_event.evaluation.photographs import Photographs
    from clip_event.zeroshot.model import ClipEvent

AT_ONCE = 256  # questions whose texts are encoded together


class Choice(BaseModel):
    """One question. `answer` is a place in `options`, or several."""

    model_config = ConfigDict(strict=True, frozen=True)

    image: str = Field(min_length=1)
    options: Annotated[list[str], Field(min_length=2)]
    answer: int | list[int]
    question: str = ""
    kind: str = ""
    group: str | None = None

    @property
    def answers(self) -> list[int]:
        return [self.answer] if isinstance(self.answer, int) else self.answer

    @model_validator(mode="after")
    def _answer_is_an_option(self) -> "Choice":
        right = set(self.answers)
        if not right or len(right) < len(self.answers) or not right <= set(range(len(self.options))):
            raise ValueError(
                f"answer: found {self.answer}, expected places of options, from 0 to {len(self.options) - 1}"
            )
        return self


def read_choices(path: str | Path) -> list[Choice]:
    """A file of the plain form. Raises `InputError`."""
    return [choice for _, choice in read_jsonl(path, TypeAdapter(Choice))]


def evaluate(
    path: str | Path,
    model: "ClipEvent",
    images: str | Path,
    *,
    form: str = "plain",
    question: bool = True,
    sample: int | None = None,
    seed: int = 0,
    batch_size: int = 64,
    workers: int = 2,
    progress: Callable[[int], None] | None = None,
) -> dict[str, Any]:
    """Ask a model.

    Args:
        path: a file of questions.
        images: the folder that their images are in.
        form: `plain`, `vcr` or `visualcomet`.
        question: whether an option is read after its question, or alone.
        sample: questions of so many photographs only, drawn by `seed`.
        seed: also draws VisualCOMET's wrong options.

    Returns:
        see `score`, with how many questions are left out because their photograph cannot be read as `missed`.

    Raises:
        InputError: the file is not in its form, or holds no question.
        MissingPictures: see `photographs`.
        ValueError: there is no such form.
    """
    from clip_event.evaluation.choice_readers import read_vcr, read_visualcomet
    from clip_event.evaluation.photographs import photographs

    readers: dict[str, Callable[[], list[Choice]]] = {
        "plain": lambda: read_choices(path),
        "vcr": lambda: read_vcr(path),
        "visualcomet": lambda: read_visualcomet(path, seed=seed),
    }
    if form not in readers:
        raise ValueError(f"no form {form!r}: it is one of {', '.join(readers)}")
    if not (choices := readers[form]()):
        raise InputError(f"{path}: holds no question")
    names = list(dict.fromkeys(choice.image for choice in choices))
    if sample is not None and sample < len(names):
        chosen = set(random.Random(seed).sample(names, sample))
        names = [name for name in names if name in chosen]
        choices = [choice for choice in choices if choice.image in chosen]
    found = photographs(model, names, images, batch_size=batch_size, workers=workers, progress=progress)
    seen = [choice for choice in choices if choice.image in found]
    return score(seen, list(scores(model, seen, found, question))) | {"missed": len(choices) - len(seen)}


def scores(
    model: "ClipEvent", choices: Sequence[Choice], images: "Photographs", question: bool = True
) -> "Iterator[list[float]]":
    """Cosine of each option of each question, a few hundred questions' texts at a time."""
    for start in range(0, len(choices), AT_ONCE):
        some = choices[start : start + AT_ONCE]
        told = [[f"{c.question} {option}".strip() if question else option for option in c.options] for c in some]
        place = {text: number for number, text in enumerate(dict.fromkeys(text for texts in told for text in texts))}
        rows: Tensor = model.encode_texts(list(place))
        for choice, texts in zip(some, told, strict=True):
            values = (rows @ images[choice.image]).tolist()
            yield [values[place[text]] for text in texts]  # a text that stands twice has one value, not two near ones


def worth(found: Sequence[float], answers: Sequence[int]) -> float:
    """Share of right options among as many of the best; 0 to 1."""
    values = np.asarray(found)
    least = np.sort(values)[-len(answers)]
    above, level = values > least, values == least
    right = np.isin(np.arange(len(values)), answers)
    among = (right & level).sum() * (len(answers) - above.sum()) / level.sum()
    return float(((right & above).sum() + among) / len(answers))


def score(choices: Sequence[Choice], found: Sequence[Sequence[float]]) -> dict[str, Any]:
    """Accuracy of questions from a score for each option.

    Returns:
        `accuracy` in per cent, its 95 % `interval` over photographs, `questions`, `by_kind` with the same three for
        each kind, and, where there are groups, `groups`: the same three of groups as a whole.
    """
    each = [worth(values, choice.answers) for choice, values in zip(choices, found, strict=True)]
    kinds = sorted({choice.kind for choice in choices} - {""})
    result = _accuracy([(choice.image, value) for choice, value in zip(choices, each, strict=True)])
    result["by_kind"] = {
        kind: _accuracy([(choice.image, v) for choice, v in zip(choices, each, strict=True) if choice.kind == kind])
        for kind in kinds
    }
    whole: dict[str, tuple[str, float]] = {}
    for choice, value in zip(choices, each, strict=True):
        if choice.group is not None:
            whole[choice.group] = choice.image, value * whole.get(choice.group, ("", 1.0))[1]
    return result | ({"groups": _accuracy(list(whole.values()))} if whole else {})


def _accuracy(values: Sequence[tuple[str, float]]) -> dict[str, Any]:
    if not values:
        return {"accuracy": 0.0, "interval": [0.0, 0.0], "questions": 0}
    asked: dict[str, list[float]] = defaultdict(list)
    for image, value in values:
        asked[image].append(value)
    units = np.array([(sum(of), len(of)) for of in asked.values()], float)
    accuracy = float(shares(units.sum(0, keepdims=True))[0, 0])
    return {"accuracy": accuracy, "interval": intervals(units, shares)[0], "questions": len(values)}
