"""From a configuration to all that a training run needs: model, data, losses, and the plan that is printed first."""

from collections.abc import Iterator, Sequence
from copy import deepcopy
from dataclasses import dataclass, replace
from importlib.metadata import version
from pathlib import Path
from typing import Any

import torch
from PIL.Image import Image
from torch import Tensor, nn
from torch.utils.data import DataLoader

from clip_event import __version__
from clip_event.data.batches import Collate, Describer, Example, Examples
from clip_event.data.order import of_rank, order
from clip_event.data.prepare import Progress
from clip_event.data.sources import Item, Source, open_source
from clip_event.pictures.regions import RegionsFile, seen_boxes
from clip_event.towers.compiled import compile_blocks
from clip_event.towers.models import Loaded, load
from clip_event.towers.patches import no_patches
from clip_event.towers.prompt import Prompt, first_prompt, together
from clip_event.towers.texts import pad_id
from clip_event.towers.trainable import count_trainable, set_trainable
from clip_event.tuning.activations import activations
from clip_event.tuning.config import Config
from clip_event.tuning.objective import Objective
from clip_event.tuning.ranks import Place
from clip_event.tuning.steps import Encoder
from clip_event.tuning.validation import Validation
from templates.confusable import Confusable
from templates.confusions import read_confusion
from templates.corpus import Corpus
from templates.events import CaptionEvents
from templates.formats import read_ontology
from templates.pairs import Wanted
from templates.statement import statement

Json = dict[str, Any]
CHECKED = {"event": 1, "role": 1, "filler": 1}
"""Negatives that every model is measured on, whatever it is trained on."""
BYTES = 4  # of a number in float32


@dataclass
class Assembly:
    """All that the loop needs.

    `encoder` encodes with `loaded`, `beginning` with the model as it came. `start` is what alpha 0 means: that model,
    with the prompt as it began.
    """

    loaded: Loaded
    start: nn.Module
    encoder: Encoder
    beginning: Encoder
    objective: Objective
    examples: Examples
    collate: Collate
    numbers: list[int]
    validation: Validation
    plan: Json

    def lines(self) -> Iterator[str]:
        """The plan, for people."""
        plan = self.plan
        trainable = ", ".join(f"{tower} {count:,}" for tower, count in plan["trainable"].items())
        negatives = ", ".join(f"{kind} {count:,}" for kind, count in plan["negatives"].items()) or "none"
        data = f"{plan['images']:,} photographs, {plan['validation']:,} to check"
        yield f"{plan['base']} by preset {plan['preset']}: {data}"
        yield f"an epoch: {plan['texts']:,} texts, negatives {negatives}; trainable: {trainable}"
        yield (
            f"{plan['steps']} steps of {plan['batch']} on {plan['processes']} x {plan['device']}; "
            f"weights and optimizer {plan['memory_mb']:.0f} MB, activations {plan['activations_mb']:.0f} MB"
        )
        if self.loaded.full_length:
            yield f"texts run at full length: {self.loaded.full_length}"


def assemble(config: Config, place: Place, progress: Progress | None = None) -> Assembly:
    """Load the model and the data.

    Raises:
        ModelError, InputError: the model or the data cannot be used.
        ValueError: a loss that this model or data cannot have, or too few photographs for a batch.
    """
    loaded = load(config.model.name, place.device, config.model.precision, random=config.model.random)
    objective = Objective(config.losses, kinds := _kinds(config))
    if objective.needs_patches:
        _check_patches(loaded)
    start, came = deepcopy(loaded.model).eval().requires_grad_(False), deepcopy(loaded.prompt)
    loaded = replace(loaded, prompt=_prompt(config, loaded))
    first = deepcopy(loaded.prompt)
    _trainable(config, loaded)
    train, held_out = _sources(config, progress)
    _check_given("data", config.data.styles, train)
    _check_given("evaluation", config.evaluation.styles, held_out or train)
    confusable = _confusable(config, train)
    shape = _shape(loaded)
    size = max(shape)
    graphs = objective.needs_graphs
    wanted = Wanted(config.data.styles, config.data.negatives, config.data.salient_only, seed=config.seed)
    transform = loaded.preprocess_train if config.data.augment else loaded.preprocess_val
    describer = Describer(confusable, wanted, config.data.texts, graphs)
    boxes = _boxes(config, loaded, objective)
    examples = Examples(train, describer, transform, size, config.seed, boxes)
    collate = Collate(loaded.tokenizer, kinds, (3, *shape))
    numbers, checked = _numbers(config, train, held_out)
    if len(numbers) < config.optim.batch:
        raise ValueError(
            f"{config.data.train}: {len(numbers)} records for training, fewer than optim.batch={config.optim.batch}"
        )
    styles = config.evaluation.styles
    everything = Describer(confusable, Wanted(styles, CHECKED, True, seed=1), len(styles), False)
    checks = Examples(held_out or train, everything, loaded.preprocess_val, size, config.seed)
    workers = config.data.workers
    validation = Validation(checks, checked, collate, config.evaluation.gallery, 64, workers)
    pad, short = pad_id(loaded.tokenizer), loaded.full_length is None
    bf16 = place.device.type == "cuda" and config.model.precision == "fp32"
    encoder = Encoder(loaded.model, pad, short, objective.needs_patches, bf16, loaded.prompt)
    plan = _plan(config, loaded, place, len(numbers), len(checked))
    plan["activations_mb"] = _activations(config, place, encoder, examples, collate, numbers) / 2**20
    if config.model.compile:
        compile_blocks(loaded.model)
    return Assembly(
        loaded,
        together(start, first),
        encoder,
        Encoder(start, pad, short, False, bf16, came),
        objective,
        examples,
        collate,
        numbers,
        validation,
        plan,
    )


def batches(assembly: Assembly, config: Config, place: Place, epoch: int, first: int) -> "DataLoader[Any]":
    """This process's part of an epoch's batches, from number `first` on; an incomplete last one is left out."""
    size = config.optim.batch
    shuffled = [assembly.numbers[drawn] for drawn in order(len(assembly.numbers), epoch, config.seed)]
    cut = [shuffled[start : start + size] for start in range(0, len(shuffled) - size + 1, size)][first:]
    mine = [[(epoch, number) for number in of_rank(batch, place.rank, place.world)] for batch in cut]
    return DataLoader(
        assembly.examples,
        batch_sampler=mine,
        collate_fn=assembly.collate,
        num_workers=config.data.workers,
        pin_memory=place.device.type == "cuda",
    )


def steps_of(config: Config, records: int) -> tuple[int, int]:
    """Steps of an epoch, and of the whole run."""
    each = records // config.optim.batch
    return each, min(config.optim.steps or each * config.optim.epochs, each * config.optim.epochs)


def _check_patches(loaded: Loaded) -> None:
    if reason := no_patches(loaded.model):
        raise ValueError(
            f"losses local, alignment and distance need patches, and there are none: {reason}; set them to 0"
        )


def _prompt(config: Config, loaded: Loaded) -> Prompt | None:
    """The prompt to train: that of the model, where it has one already."""
    if config.model.prompt == "learned":
        return loaded.prompt or first_prompt(loaded.model, loaded.tokenizer, config.model.context)
    if loaded.prompt is not None:
        raise ValueError(
            f"{config.model.name} has a learned prompt; set model.prompt='learned' to go on with it, or tune a copy of "
            "the folder without prompt.safetensors"
        )
    return None


def _trainable(config: Config, loaded: Loaded) -> None:
    set_trainable(loaded.model, config.model.image, config.model.text, rank=config.model.rank, seed=config.seed)
    if loaded.prompt and config.model.image == config.model.text == "frozen":
        loaded.model.logit_scale.requires_grad_(False)  # so that the weights stay those of the base
    if config.model.checkpointing:
        loaded.model.set_grad_checkpointing(True)  # type: ignore[operator]


def _kinds(config: Config) -> list[str]:
    return list(dict.fromkeys([*config.data.negatives, *CHECKED]))


def _sources(config: Config, progress: Progress | None) -> tuple[Source, Source | None]:
    def opened(path: str) -> Source:
        cache = Path(config.out) / "cache"
        options = {"ontology": config.data.ontology, "images": config.data.images, "progress": progress}
        return open_source(path, cache=cache, **options)  # type: ignore[arg-type]

    validation = config.data.validation
    return opened(config.data.train), opened(validation) if validation else None


def _check_given(section: str, styles: Sequence[str], source: Source) -> None:
    """Refuse the style `given` where no record holds a text of it."""
    if "given" not in styles:
        return
    said = range(len(source)) if source.kind == "descriptions" else ()
    rows = (row for number in said if isinstance(record := source.record(number), list) for row in record)
    if not any(pair["style"] == "given" for row in rows for pair in row["pairs"]):
        raise ValueError(
            f"{section}.styles: 'given' is said in texts of your own, and these {source.kind} hold none; write "
            "descriptions with `clip-event describe --styles given --given FILE` and train on those"
        )


def _numbers(config: Config, train: Source, held_out: Source | None) -> tuple[list[int], list[int]]:
    """The records to train on, and those to check."""
    most = config.evaluation.most
    if held_out is not None:
        return list(range(len(train))), order(len(held_out), 0, config.seed)[:most].tolist()
    shuffled = order(len(train), 0, config.seed + 1).tolist()
    cut = max(1, round(config.data.held_out * len(train)))
    return sorted(shuffled[cut:]), shuffled[:cut][:most]


def _confusable(config: Config, train: Source) -> Confusable:
    """Types and fillers counted over the training data; descriptions have their negatives already."""
    ontology = None if config.data.ontology == "open" else read_ontology(config.data.ontology)
    counted = 0 if train.kind == "descriptions" else len(train)
    records = (train.record(number) for number in range(counted))
    events = ((r, event) for r in records if isinstance(r, CaptionEvents) for event in r.events)
    weights = read_confusion(config.data.confusion, ontology) if config.data.confusion else None
    return Confusable(ontology, Corpus(statement(record, event, ontology) for record, event in events), weights)


class _Boxes:
    """A record's boxes in what the model sees of its picture."""

    def __init__(self, file: RegionsFile, preprocess: Json) -> None:
        self.file, self.preprocess = file, preprocess

    def __call__(self, item: Item, picture: Image) -> Tensor:
        name = item.picture if isinstance(item.picture, Path) else item.place
        return seen_boxes(self.file.get(name), picture.size, self.preprocess)


def _boxes(config: Config, loaded: Loaded, objective: Objective) -> _Boxes | None:
    if config.data.regions is None:
        return None
    if config.data.augment:
        raise ValueError("data.regions needs data.augment = false: boxes are not followed through random crops")
    if not objective.needs_graphs:
        raise ValueError("data.regions is for the losses alignment and distance, which both weigh 0")
    return _Boxes(RegionsFile(config.data.regions, config.data.images), loaded.model.visual.preprocess_cfg)  # type: ignore[union-attr, arg-type]


def _shape(loaded: Loaded) -> tuple[int, int]:
    """Height and width of the images."""
    size: Any = loaded.model.visual.image_size  # type: ignore[union-attr]
    height, width = size if isinstance(size, tuple | list) else (size, size)
    return int(height), int(width)


def _activations(
    config: Config, place: Place, encoder: Encoder, examples: Examples, collate: Collate, numbers: Sequence[int]
) -> int:
    """Bytes, for the texts of a first batch; no picture is opened."""
    images = config.optim.batch // place.world
    first = [examples.source[number] for number in numbers[:images]]
    blank = torch.zeros(3, 1, 1)
    batch = collate([Example(item.id, blank, examples.describer(item, 0)) for item in first])
    return activations(encoder, collate.shape, images, batch.tokens, config.optim.chunk)


def _plan(config: Config, loaded: Loaded, place: Place, records: int, checked: int) -> Json:
    counts = count_trainable(loaded.model)
    if loaded.prompt is not None:
        counts["prompt"] = loaded.prompt.vectors.numel()
    weights = sum(parameter.numel() for parameter in loaded.model.parameters())
    each, steps = steps_of(config, records)
    moving = counts.total()
    return {
        "base": config.model.name,
        "preset": config.preset,
        "images": records,
        "validation": checked,
        "texts": records * config.data.texts,
        "negatives": {kind: number * records * config.data.texts for kind, number in config.data.negatives.items()},
        "trainable": dict(counts),
        "steps": steps,
        "epochs": -(-steps // each),
        "batch": config.optim.batch,
        "processes": place.world,
        "device": str(place.device),
        "memory_mb": (2 * weights + 3 * moving) * BYTES / 2**20,
        "seed": config.seed,
        "versions": {"clip_event": __version__, **{name: version(name) for name in ("open_clip_torch", "torch")}},
        "data": {"train": config.data.train, "validation": config.data.validation},
        "ontology": config.data.ontology,
        "styles": list(config.data.styles),
    }
