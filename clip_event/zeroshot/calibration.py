"""What turns cosines into probabilities: a few numbers that `calibrate` fits, kept in `calibration.json`."""

from pathlib import Path
from typing import TYPE_CHECKING

from pydantic import BaseModel, ConfigDict, Field, ValidationError
from torch import Tensor

from clip_event.towers.files import CALIBRATION
from clip_event.towers.models import MINI
from templates.whole import whole

if TYPE_CHECKING:
    from clip_event.zeroshot.model import ClipEvent


class CalibrationError(ValueError):
    """A file that is no calibration; the message names it, what was found and what to do."""


class Calibration(BaseModel):
    """From cosines to probabilities.

    Attributes:
        scale: what cosines with event types are multiplied with before the softmax (one over its temperature).
        threshold: "none" is the answer where the nearest type is nearer than the background by less than this, a
            difference of cosines.
        slope, offset: the probability that an event's text is true of a photograph is the sigmoid of
            `slope * (cosine - level of the background) + offset`, against the event of any other photograph.
        model, ontology, source: what it was fitted for and on.
        photographs, without_event: how many with and without event it was fitted on.
        left_out: records and photographs that could not be used, by why.
        before, after: figures at the model's own scale and calibrated; those of types by cross-validation.
        coverage: (share of photographs that are answered, accuracy among them), the surest first, calibrated.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    scale: float = Field(gt=0)
    threshold: float = 0.0
    slope: float = Field(gt=0)
    offset: float = 0.0
    model: str = ""
    ontology: str = ""
    source: str = ""
    photographs: int = 0
    without_event: int = 0
    left_out: dict[str, int] = {}
    before: dict[str, float] = {}
    after: dict[str, float] = {}
    coverage: list[tuple[float, float]] = []

    @classmethod
    def of(cls, scale: float) -> "Calibration":
        """Where nothing was fitted: a text against the background at the model's own scale."""
        return cls(scale=scale, slope=scale)

    def pair(self, margin: Tensor) -> Tensor:
        """Probability that a text is true of a photograph.

        Args:
            margin: their cosine less the photograph's `Classifier.level`, of any shape.
        """
        return (self.slope * margin + self.offset).sigmoid()


def read_calibration(path: str | Path) -> Calibration:
    """Raises `CalibrationError`."""
    try:
        return Calibration.model_validate_json(Path(path).read_bytes())
    except OSError as error:
        raise CalibrationError(f"{path}: {error.strerror}; expected a file that clip-event calibrate wrote") from None
    except ValidationError as error:
        fault = error.errors()[0]
        place = ".".join(map(str, fault["loc"])) or "the file"
        raise CalibrationError(
            f"{path}: {place}: {fault['msg']}; expected a file that clip-event calibrate wrote"
        ) from None


def write_calibration(path: str | Path, calibration: Calibration) -> None:
    """The file appears whole."""
    with whole(path) as out:
        out.write(calibration.model_dump_json(indent=2) + "\n")


def calibration_for(model: "ClipEvent", file: str | Path | None = None) -> Calibration:
    """The file's; without one that of the model's folder; without that none was fitted. Raises `CalibrationError`."""
    folder = MINI if model.name == "mini" else Path(model.name.removeprefix("local-dir:"))
    path = Path(file) if file else folder / CALIBRATION
    return read_calibration(path) if file or path.is_file() else Calibration.of(model.scale)
