"""What a fine-tuning run is told: a TOML file checked key by key, on top of a preset.

    preset = "event"
    out = "runs/first"

    [model]
    name = "mini"

    [data]
    train = "scenes/train/gold.jsonl"
    validation = "scenes/dev/gold.jsonl"

Every key can be given on the command line too, as in `--set optim.lr=1e-5`. Sizes are counts, rates are per step.
"""

import tomllib
from collections.abc import Mapping, Sequence
from difflib import get_close_matches
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, ValidationInfo, field_validator, model_validator

from clip_event.tuning.presets import PRESETS
from templates.describe import STYLES
from templates.negatives import KINDS

Json = dict[str, Any]
CONFIG = "open_clip_config.json"
GIVEN = (*STYLES, "given")


class ConfigError(ValueError):
    """A configuration that cannot be used; the message names the file, the key, what was found and what is expected."""


class _Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    @field_validator("*", mode="before")
    @classmethod
    def _no_switch_for_a_number(cls, value: Any, info: ValidationInfo) -> Any:
        if isinstance(value, bool) and cls.model_fields[str(info.field_name)].annotation is not bool:
            raise ValueError("true and false are no value here")
        return value


class Model(_Section):
    """Which model is tuned, and what of it trains (`all`, `frozen` or `lora`; see `clip_event.towers.trainable`)."""

    name: str = "mini"
    precision: Literal["fp32", "bf16", "fp16", "pure_bf16", "pure_fp16"] = "fp32"
    image: Literal["all", "frozen", "lora"] = "all"
    text: Literal["all", "frozen", "lora"] = "all"
    rank: int = Field(default=16, ge=1)
    prompt: Literal["none", "learned"] = Field(default="none", description="see `clip_event.towers.prompt`")
    context: int = Field(default=8, ge=1, description="vectors of a new prompt")
    random: int | None = Field(default=None, description="seed of random weights instead of trained ones")
    checkpointing: bool = Field(default=False, description="recompute activations: less memory, more time")
    compile: bool = Field(default=False, description="torch.compile for the blocks of both towers")


class Data(_Section):
    """Photographs with captions, events or descriptions, and what is said of them."""

    train: str
    validation: str | None = Field(default=None, description="without it, `held_out` of the training data")
    held_out: float = Field(default=0.05, gt=0, lt=0.5)
    images: str | None = Field(default=None, description="folder that pictures lie in; else that of the file")
    ontology: str = "news"
    confusion: str | None = Field(default=None, description="file of `clip-event confusion`, for event negatives")
    styles: tuple[str, ...] = Field(default=("sentence", "caption"), min_length=1)
    texts: int = Field(default=1, ge=1, description="true texts of an event in one step, in as many styles")
    negatives: dict[str, Annotated[int, Field(ge=0)]] = {"event": 1, "role": 2, "filler": 1}
    salient_only: bool = True
    workers: int = Field(default=2, ge=0)
    augment: bool = True
    regions: str | None = Field(
        default=None, description="boxes that alignment takes in place of the grid; needs augment = false"
    )

    @model_validator(mode="after")
    def _known(self) -> "Data":
        # whether the data holds texts for "given" is seen when it is opened
        for what, given, known in (("style", self.styles, GIVEN), ("kind of negative", self.negatives, KINDS)):
            if strange := [name for name in given if name not in known]:
                raise ValueError(f"{strange[0]!r} is no {what}; {_near(strange[0], list(known))}")
        return self


class Losses(_Section):
    """Weights of the losses, see `clip_event.tuning.losses` and `clip_event.tuning.alignment`; 0 leaves one out."""

    contrastive: float = Field(default=1.0, ge=0)
    appended: bool = Field(default=False, description="negatives join the image-to-text softmax (NegCLIP)")
    hard: float = Field(default=1.0, ge=0)
    local: float = Field(default=0.0, ge=0)
    alignment: float = Field(default=0.0, ge=0)
    distance: float = Field(default=0.0, ge=0, description="transport distance by itself, as in 2022")
    retention: float = Field(default=0.0, ge=0)
    kinds: dict[str, Annotated[float, Field(ge=0)]] = {}
    gamma: float = Field(default=2.0, ge=0, description="0, or 1 and more")
    smoothing: float = Field(default=0.02, ge=0, lt=1)
    grid: int = Field(default=3, ge=1, description="image nodes a side")

    @model_validator(mode="after")
    def _usable(self) -> "Losses":
        if 0 < self.gamma < 1:
            raise ValueError(f"gamma is {self.gamma}; expected 0, or 1 and more")
        if not any((self.contrastive, self.hard, self.local, self.alignment, self.distance, self.retention)):
            raise ValueError("every loss weighs 0; give at least one of them a weight")
        return self


class Optim(_Section):
    """AdamW with warm-up and cosine. `batch` is images in a step over all processes, `chunk` images at a time."""

    lr: float = Field(default=1e-5, gt=0)
    weight_decay: float = Field(default=0.1, ge=0)
    betas: tuple[float, float] = (0.9, 0.98)
    warmup: float = Field(default=0.1, ge=0, lt=1, description="share of all steps")
    epochs: int = Field(default=4, ge=1)
    steps: int | None = Field(default=None, ge=1, description="stop after so many; else after `epochs`")
    batch: int = Field(default=64, ge=2)
    chunk: int | None = Field(default=None, ge=1)
    clip: float = Field(default=1.0, gt=0)


class Evaluation(_Section):
    """What is measured on the validation data before the first step, after each epoch, and along the way back."""

    alphas: tuple[float, ...] = (0.0, 0.25, 0.5, 0.75, 1.0)
    most: int = Field(default=1000, ge=1, description="photographs")
    styles: tuple[str, ...] = Field(
        default=("sentence", "caption"), min_length=1, description="the same for all presets"
    )
    gallery: int = Field(default=200, ge=2, description="photographs in one retrieval")
    cost: float = Field(default=0.01, ge=0, description="points of retrieval that alpha may cost")
    cases: int = Field(default=24, ge=0)

    @model_validator(mode="after")
    def _known(self) -> "Evaluation":
        if strange := [name for name in self.styles if name not in GIVEN]:
            raise ValueError(f"{strange[0]!r} is no style; {_near(strange[0], list(GIVEN))}")
        return self


class Config(_Section):
    """A whole run."""

    out: str
    preset: str = "event"
    seed: int = 0
    device: str = "auto"
    log_every: int = Field(default=10, ge=1)
    save_every: int = Field(default=200, ge=1)
    model: Model = Model()
    data: Data
    losses: Losses = Losses()
    optim: Optim = Optim()
    evaluation: Evaluation = Evaluation()


def read_config(path: str | Path, overrides: Sequence[str] = ()) -> Config:
    """The file's settings over its preset's, and the overrides over both. Paths are relative to the file.

    Args:
        path: a TOML file.
        overrides: `section.key=value`, values as in TOML; what is no TOML value is a string.

    Raises:
        ConfigError: the file cannot be read, or a key or value is not known, with the nearest one.
    """
    path = Path(path)
    try:
        given = tomllib.loads(path.read_text(encoding="utf-8-sig"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise ConfigError(f"{path}: {error}; expected a TOML file, see docs/finetune.md") from None
    for override in overrides:
        _set(given, override)
    config = parse_config(given, str(path))
    return _placed(config, path.parent)


def parse_config(given: Mapping[str, Any], source: str = "configuration") -> Config:
    """Settings over their preset's.

    Raises:
        ConfigError: as for `read_config`.
    """
    preset = given.get("preset", "event")
    if preset not in list(PRESETS):  # a list would be no key of a table
        raise ConfigError(f"{source}: preset {preset!r} is not known; {_near(str(preset), list(PRESETS))}")
    try:
        return Config.model_validate(_over(PRESETS[preset], given))
    except ValidationError as error:
        raise ConfigError(f"{source}: {_said(error)}") from None


def _over(base: Mapping[str, Any], given: Mapping[str, Any]) -> Json:
    """Tables key by key; what is no table as a whole."""
    merged = dict(base)
    for key, value in given.items():
        tables = isinstance(value, Mapping) and isinstance(merged.get(key), Mapping) and key not in ("negatives",)
        merged[key] = _over(merged[key], value) if tables else value
    return merged


def _set(given: Json, override: str) -> None:
    name, equals, text = override.partition("=")
    if not equals or not name.strip():
        raise ConfigError(f"--set {override}: expected section.key=value, as in optim.lr=1e-5")
    try:
        value = tomllib.loads(f"value = {text}")["value"]
    except tomllib.TOMLDecodeError:
        value = text.strip()
    *sections, key = name.strip().split(".")
    for section in sections:
        given = given.setdefault(section, {})
        if not isinstance(given, dict):
            raise ConfigError(f"--set {override}: {section} is no section")
    given[key] = value


def _placed(config: Config, base: Path) -> Config:
    def at(places: str | None) -> str | None:
        """Shards may be several, joined by "::"; an address is refused where it is opened."""
        if places is None or "://" in places:
            return places
        return "::".join(str(base / Path(place).expanduser()) for place in places.split("::"))

    data = {name: at(getattr(config.data, name)) for name in ("train", "validation", "images", "confusion", "regions")}
    if Path(config.data.ontology).suffix:
        data["ontology"] = at(config.data.ontology)
    name = config.model.name.removeprefix("local-dir:")
    model = {"name": at(name)} if (base / Path(name).expanduser() / CONFIG).is_file() else {}
    placed = {"data": config.data.model_copy(update=data), "model": config.model.model_copy(update=model)}
    return config.model_copy(update={**placed, "out": at(config.out)})


def _said(error: ValidationError) -> str:
    """The first fault in words; an unknown key with the nearest one."""
    fault = error.errors()[0]
    place = ".".join(map(str, fault["loc"]))
    if fault["type"] == "extra_forbidden":
        known = _keys(fault["loc"][:-1])
        return f"{place} is no key; {_near(str(fault['loc'][-1]), known)}"
    if fault["type"] == "missing":
        return f"{place} is missing"
    message = fault["msg"].removeprefix("Value error, ")
    return f"{place}: {message} (found {fault['input']!r})"


def _keys(sections: Sequence[str | int]) -> list[str]:
    fields = Config.model_fields
    for section in sections:
        fields = fields[str(section)].annotation.model_fields  # type: ignore[union-attr]
    return list(fields)


def _near(name: str, known: list[str]) -> str:
    near = get_close_matches(name, known, 1)
    return f"did you mean {near[0]!r}?" if near else f"known are {', '.join(known)}"
