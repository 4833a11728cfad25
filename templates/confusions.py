"""`confusion.json`: which event types a model takes for which, as `clip-event confusion` writes it.

    {"ontology": "news", "types": ["Conflict:Attack", "Life:Die"], "photographs": [120, 0],
     "rows": [[0.7, 0.3], null], "model": "mini", "source": "gold.jsonl"}

A row is the model's mean probability of each type over the photographs of one true type; it sums to 1, and is null
where there were none. Mean probabilities rather than counts of answers: of a few photographs they say much more.
"""

import math
from collections.abc import Sequence
from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from templates.confusable import likeness
from templates.ontology import EventTemplate, Ontology
from templates.whole import whole

SMOOTHING = 5.0
"""How many photographs' worth the likeness of types counts in a row."""


class ConfusionError(ValueError):
    """A confusion file that cannot be used; the message names it, the place in it and what to do."""


class Confusion(BaseModel):
    """A model's confusion of event types.

    Attributes:
        ontology: name of the ontology of `types`.
        photographs: of each true type.
        rows: true type to mean probability of each type, both in the order of `types`.
        left_out: records and photographs that could not be used, by why.
        model, source: what was asked, and on what.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    ontology: str
    types: list[str] = Field(min_length=2)
    photographs: list[int]
    rows: list[list[float] | None]
    left_out: dict[str, int] = {}
    model: str = ""
    source: str = ""

    @model_validator(mode="after")
    def _square(self) -> "Confusion":
        if len({*self.types}) != len(self.types):
            raise ValueError("a type stands twice")
        if not len(self.photographs) == len(self.rows) == len(self.types):
            found = f"{len(self.photographs)} photographs and {len(self.rows)} rows"
            raise ValueError(f"found {found}, expected {len(self.types)} of each, as there are types")
        for name, count, row in zip(self.types, self.photographs, self.rows, strict=True):
            if count < 0 or (row is None) != (count == 0):
                raise ValueError(
                    f"row {name!r}: found {count} photographs, expected some, or none and null for the row"
                )
            if row is not None and (
                len(row) != len(self.types) or min(row) < 0 or not math.isclose(sum(row), 1, abs_tol=0.01)
            ):
                raise ValueError(f"row {name!r}: expected {len(self.types)} probabilities that sum to 1")
        return self

    def weights(self, ontology: Ontology, smoothing: float = SMOOTHING) -> dict[tuple[str, str], float]:
        """(true, false) to how much the false type is taken for the true one, for `Confusable`.

        Rows of few photographs lean on the likeness of the types, which `Confusable` uses without a model; rows of none
        are that likeness alone. No weight is 0, so no type is ever left without negatives.
        """
        found = {}
        place = {name: number for number, name in enumerate(self.types)}
        for true, template in ontology.events.items():
            count = self.photographs[place[true]] if true in place else 0
            row = self.rows[place[true]] if true in place else None
            alike = _alike(template, [other for name, other in ontology.events.items() if name != true])
            for false, share in alike.items():
                seen = count * row[place[false]] if row is not None and false in place else 0.0
                found[true, false] = seen + smoothing * share
        return found


def _alike(true: EventTemplate, others: Sequence[EventTemplate]) -> dict[str, float]:
    """Likeness with each other type, summing to 1."""
    weights = {other.name: likeness(true, other) for other in others}
    total = sum(weights.values())
    return {name: weight / total for name, weight in weights.items()}


def read_confusion(path: str | Path, ontology: Ontology | None) -> dict[tuple[str, str], float]:
    """Weights for `Confusable`, from a file.

    Args:
        ontology: that of the events; None for the open one, of which no file can be.

    Raises:
        ConfusionError: the file cannot be read, is not in the form above, or is of another ontology.
    """
    if ontology is None:
        raise ConfusionError(f"{path}: the open ontology has no list of types to confuse; leave the file out")
    made = "expected a file that clip-event confusion wrote"
    try:
        found = Confusion.model_validate_json(Path(path).read_bytes())
    except OSError as error:
        raise ConfusionError(f"{path}: {error.strerror}; {made}") from None
    except ValidationError as error:
        fault = error.errors()[0]
        place = ".".join(map(str, fault["loc"])) or "the file"
        raise ConfusionError(f"{path}: {place}: {fault['msg'].removeprefix('Value error, ')}; {made}") from None
    if found.ontology != ontology.name:
        raise ConfusionError(
            f"{path}: is of ontology {found.ontology!r}, the events are of {ontology.name!r}; "
            f"make one with clip-event confusion --ontology"
        )
    if strange := [name for name in found.types if name not in ontology]:
        raise ConfusionError(f"{path}: {strange[0]!r} is not a type of {ontology.name!r}; make the file again")
    return found.weights(ontology)


def write_confusion(path: str | Path, confusion: Confusion) -> None:
    """The file appears whole."""
    with whole(path) as out:
        out.write(confusion.model_dump_json() + "\n")
