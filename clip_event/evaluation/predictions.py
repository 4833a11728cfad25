"""What a model says of photographs, as a file: one line an image, as `clip-event classify` writes it.

    {"image": "a.jpg", "events": [{"type": "Conflict:Attack", "probability": 0.8, "arguments": [
     {"role": "Attacker", "text": "soldier", "probability": 0.6, "box": [10, 20, 110, 220]}]}]}

Events stand best first; an empty list says that the photograph shows none. A box is left, top, right, bottom in pixels
of the file.
"""

from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter

from clip_event.evaluation.boxes import Box
from clip_event.evaluation.files import read_jsonl
from extraction.records import InputError


class _Part(BaseModel):
    model_config = ConfigDict(strict=True, frozen=True, allow_inf_nan=False)


class PredictedArgument(_Part):
    """Who or what is said to play a role, and where."""

    role: str = Field(min_length=1)
    text: str = ""
    probability: float = Field(default=1.0, ge=0, le=1)
    box: Box | None = None


class PredictedEvent(_Part):
    """An event type, by any name that the ontology knows, with its arguments."""

    type: str = Field(min_length=1)
    probability: float = Field(default=1.0, ge=0, le=1)
    arguments: tuple[PredictedArgument, ...] = ()


class Prediction(_Part):
    """One photograph's events, best first."""

    image: str = Field(min_length=1)
    events: tuple[PredictedEvent, ...]


FORM = TypeAdapter(Prediction)


def read_predictions(path: str | Path) -> list[Prediction]:
    """A whole file. Raises `InputError`: a line in another form, an image that stands twice, or nothing at all."""
    found: dict[str, int] = {}
    predictions = []
    for number, prediction in read_jsonl(path, FORM):
        if (first := found.setdefault(prediction.image, number)) != number:
            raise InputError(f"{path}:{number}: image {prediction.image!r} stands on line {first} too, expected once")
        predictions.append(prediction)
    if not predictions:
        raise InputError(f"{path}: holds no prediction, expected one line an image")
    return predictions
