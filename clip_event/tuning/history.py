"""What a tuning run wrote of itself into its folder, read back: `metrics.jsonl` and `event_config.json`."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from statistics import mean
from typing import Any

from pydantic import BaseModel
from pydantic_core import from_json

from clip_event.towers.files import EVENT_CONFIG

METRICS = "metrics.jsonl"
Z95 = 1.959963984540054  # 97.5 % point of the normal distribution
LEAVES = 60  # a setting that holds more values than this is counted, not shown


class HistoryError(ValueError):
    """A folder that holds no metrics of a tuning run."""


class Step(BaseModel):
    """One optimizer step: the loss, its parts with their weights, and what else was logged."""

    step: int
    loss: float
    losses: dict[str, float] = {}
    lr: float | None = None
    logit_scale: float | None = None
    gradient: float | None = None


class Pairs(BaseModel):
    """Of how many pairs of a true and a false text the true one is nearer to its image; `accuracy` from 0 to 1."""

    accuracy: float
    pairs: int

    @property
    def interval(self) -> tuple[float, float]:
        """The 95 % interval of the accuracy.

        References:
            Wilson, Probable Inference, the Law of Succession, and Statistical Inference, JASA 1927.
        """
        share = Z95**2 / self.pairs
        middle = (self.accuracy + share / 2) / (1 + share)
        half = math.sqrt(self.accuracy * (1 - self.accuracy) * share + share**2 / 4) / (1 + share)
        return max(middle - half, 0.0), min(middle + half, 1.0)


class Retrieval(BaseModel):
    """Recall from 0 to 1 by rank (`r1`, `r5`) among `images` images and their texts."""

    images: int
    image_to_text: dict[str, float] = {}
    text_to_image: dict[str, float] = {}


class Evaluation(BaseModel):
    """One pass over the validation data: at the start, after an epoch, at the end, or of weights at an alpha."""

    step: int
    when: str
    alpha: float | None = None
    pairs: dict[str, Pairs] = {}
    retrieval: Retrieval | None = None
    retention: dict[str, float] = {}

    @property
    def kinds(self) -> dict[str, Pairs]:
        """The kinds of negatives that were measured."""
        return {kind: p for kind, p in self.pairs.items() if p.pairs > 0 and 0 <= p.accuracy <= 1}

    @property
    def recall(self) -> float | None:
        """Recall at 1, the mean of both directions."""
        found = self.retrieval and [self.retrieval.image_to_text.get("r1"), self.retrieval.text_to_image.get("r1")]
        finite = [one for one in found or () if one is not None and math.isfinite(one)]
        return mean(finite) if finite else None

    @property
    def roles(self) -> float | None:
        """Accuracy on exchanged roles, of kind `role`; without that kind the mean of all kinds."""
        kinds = self.kinds
        found = [kinds["role"]] if "role" in kinds else list(kinds.values())
        return mean(one.accuracy for one in found) if found else None


class Chosen(BaseModel):
    """The share of the way from the starting weights (0) to the tuned ones (1) that was kept."""

    alpha: float
    why: str = ""


class Missing(BaseModel):
    """Pictures that could not be read, of those asked for."""

    count: int
    seen: int


class Case(BaseModel):
    """A pair that was hard; margins are cosine(image, positive) - cosine(image, negative)."""

    id: str | int | None = None
    image: str
    style: str = ""
    kind: str
    positive: str
    negative: str
    before: float
    after: float


class Cases(BaseModel):
    """The contact sheet's pairs."""

    cases: list[Case]


class Stopped(BaseModel):
    """Why the run ended early."""

    reason: str


@dataclass
class Run:
    """A run as its last lines tell it: of a step or an evaluation that was repeated, the last counts.

    Attributes:
        plan: what the trainer printed before it began.
        settings: `event_config.json`.
        steps: by number.
        evaluations: in the order of the file.
        chosen, stopped: forgotten where steps follow them, since the run then went on.
        finished: whether all steps were taken.
        unread: what of the files could not be read, in sentences.
    """

    plan: dict[str, Any] = field(default_factory=dict)
    settings: dict[str, Any] = field(default_factory=dict)
    steps: dict[int, Step] = field(default_factory=dict)
    evaluations: dict[tuple[str, float | None], Evaluation] = field(default_factory=dict)
    chosen: Chosen | None = None
    stopped: Stopped | None = None
    missing: Missing | None = None
    cases: list[Case] = field(default_factory=list)
    finished: bool = False
    unread: list[str] = field(default_factory=list)

    @property
    def alphas(self) -> list[Evaluation]:
        """The evaluations between the starting and the tuned weights, by alpha."""
        found = [e for (when, _), e in self.evaluations.items() if when == "alpha" and e.alpha is not None]
        return sorted(found, key=lambda evaluation: evaluation.alpha or 0.0)

    @property
    def before(self) -> Evaluation | None:
        """The starting model."""
        return self.evaluations.get(("start", None), self.evaluations.get(("alpha", 0.0)))

    @property
    def after(self) -> Evaluation | None:
        """The model that was kept; of a run without a choice the last that was evaluated."""
        if self.chosen:
            for evaluation in self.alphas:
                if math.isclose(evaluation.alpha or 0.0, self.chosen.alpha, abs_tol=1e-9):
                    return evaluation
        trained = [e for (when, _), e in self.evaluations.items() if when in ("epoch", "end")]
        return trained[-1] if trained else None

    @property
    def warnings(self) -> list[str]:
        """What a reader of the figures has to know first."""
        said = []
        wanted = self.plan.get("steps")
        at = f"step {max(self.steps, default=0):,}" + (f" of {wanted:,}" if isinstance(wanted, int) else "")
        if self.stopped:
            said.append(f"The run stopped at {at}: {self.stopped.reason}")
        elif not self.finished:
            said.append(f"The run is not finished: {at} is the last logged. It was interrupted or still goes on.")
        if bad := [step for step, one in sorted(self.steps.items()) if not math.isfinite(one.loss)]:
            said.append(f"The loss was not finite at {len(bad):,} logged steps, first at step {bad[0]:,}.")
        if self.missing and self.missing.count:
            share = f" ({100 * self.missing.count / self.missing.seen:.2g} %)" if self.missing.seen > 0 else ""
            said.append(
                f"{self.missing.count:,} of {self.missing.seen:,} pictures{share} were missing or broken and left out."
            )
        if self.before is None:
            said.append("The starting model was not evaluated: there is nothing to compare with.")
        if self.after is None:
            said.append("No tuned model was evaluated yet.")
        return said + self.unread


def read_run(folder: Path) -> Run:
    """Read a tuned folder. Lines of other kinds are passed over; lines that cannot be read are named in `unread`.

    Raises:
        HistoryError: the folder holds no `metrics.jsonl`, or no line of it can be read.
    """
    path = folder / METRICS
    if not path.is_file():
        raise HistoryError(f"{folder}: holds no {METRICS}; expected the folder that a tuning run writes to")
    run = Run()
    lines = path.read_bytes().splitlines(keepends=True)
    bad = [number for number, line in enumerate(lines, 1) if line.strip() and not _take(run, line)]
    if len(bad) == len([line for line in lines if line.strip()]):
        raise HistoryError(f"{path}: found {len(bad)} lines, none that can be read; expected JSON objects, one a line")
    if bad and bad[-1] == len(lines) and not lines[-1].endswith(b"\n"):
        run.unread.append(f"The last line of {METRICS} is cut off, as after a crash; it is left out.")
        bad.pop()
    if bad:
        more = f" and {len(bad) - 5:,} more" if len(bad) > 5 else ""
        run.unread.append(f"Lines of {METRICS} that cannot be read are left out: {', '.join(map(str, bad[:5]))}{more}.")
    run.settings = _settings(folder / EVENT_CONFIG, run.unread)
    return run


def _take(run: Run, line: bytes) -> bool:
    """Add a line to the run; whether it could be read."""
    try:
        found = from_json(line)
        match found.pop("event"):
            case "plan":
                run.plan = found
            case "step":
                step = Step.model_validate(found)
                run.steps[step.step] = step
                run.chosen, run.stopped, run.finished = None, None, False
            case "evaluation":
                evaluation = Evaluation.model_validate(found)
                of = {"epoch": evaluation.step, "alpha": evaluation.alpha}
                key = (evaluation.when, of.get(evaluation.when))
                run.evaluations.pop(key, None)
                run.evaluations[key] = evaluation
                run.finished |= evaluation.when == "end"
            case "chosen":
                run.chosen, run.finished = Chosen.model_validate(found), True
            case "stopped":
                run.stopped = Stopped.model_validate(found)
            case "missing":
                run.missing = Missing.model_validate(found)
            case "cases":
                run.cases = Cases.model_validate(found).cases
    except (ValueError, KeyError, TypeError, AttributeError):  # no JSON, no object, no event, or not its fields
        return False
    return True


def _settings(path: Path, unread: list[str]) -> dict[str, Any]:
    try:
        found = from_json(path.read_bytes())
    except (OSError, ValueError) as error:
        unread.append(f"{EVENT_CONFIG} cannot be read: {error.strerror if isinstance(error, OSError) else error}.")
        return {}
    if isinstance(found, dict):
        return found
    unread.append(f"{EVENT_CONFIG} cannot be read: found a {type(found).__name__}, expected an object.")
    return {}


def leaves(values: Mapping[str, Any], above: str = "") -> list[tuple[str, str]]:
    """Nested settings as names (`optim.lr`) and values to show; what holds very many values is only counted."""
    rows: list[tuple[str, str]] = []
    for key, value in values.items():
        name = f"{above}{key}"
        if isinstance(value, Mapping) and value:
            inner = leaves(value, f"{name}.")
            rows += inner if len(inner) <= LEAVES else [(name, f"{len(inner):,} values, see {EVENT_CONFIG}")]
        else:
            rows.append((name, said(value)))
    return rows


def said(value: Any) -> str:
    """A value in a few words: numbers with their thousands apart, lists with commas."""
    if isinstance(value, bool) or value is None:
        return {True: "yes", False: "no", None: "none"}[value]
    if isinstance(value, int):
        return f"{value:,}"
    if isinstance(value, float):
        return f"{value:,.0f}" if value.is_integer() and abs(value) < 1e15 else f"{value:g}"
    if isinstance(value, list | tuple):
        return ", ".join(map(said, value)) if value else "none"
    return str(value) if value != {} else "none"
