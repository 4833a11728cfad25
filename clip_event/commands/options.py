"""What several commands are given alike."""

from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from clip_event.zeroshot.model import ClipEvent
    from extraction.engine import Pool


class Engine(StrEnum):
    """What a command runs on."""

    plain = "plain"
    ray = "ray"


Ontology = Annotated[str, typer.Option(help="news, open, or the path of a TOML or JSON ontology.")]
Model = Annotated[str, typer.Option("--model", "-m", help="mini, a folder, ViT-B-32/TAG or hf-hub:OWNER/NAME.")]
Images = Annotated[
    Path | None,
    typer.Option("--images", help="The folder of the photographs; nothing outside is read. [default: that of FILE]"),
]
Out = Annotated[str, typer.Option("-o", "--out", help="JSONL file to write; - is standard output.")]
Errors = Annotated[Path | None, typer.Option(help="File for what cannot be used. [default: beside OUT]")]
Strict = Annotated[bool, typer.Option("--strict", help="Stop at the first that cannot be used.")]
Device = Annotated[str, typer.Option(help="auto, cpu, cuda, cuda:1, ...")]
BatchSize = Annotated[int, typer.Option("--batch-size", min=1, help="Photographs in one pass of the model.")]
Workers = Annotated[int, typer.Option(min=1, help="Threads that decode photographs.")]

OnEngine = Annotated[Engine, typer.Option("--engine", help="plain: this process; ray: a folder of shards by Ray.")]
Actors = Annotated[int | None, typer.Option(min=1, help="Ray: copies of the model. [default: as many as fit]")]
Cpus = Annotated[float | None, typer.Option(min=0, help="Ray: processors of each. [default: 1]")]
Gpus = Annotated[float | None, typer.Option(min=0, help="Ray: GPUs of each. [default: 1 where there are any]")]
Shard = Annotated[int | None, typer.Option(min=1, help="Ray: records of the input for a file. [default: 4096]")]


def pool_of(engine: Engine, *, resume: bool = False, **given: Any) -> "Pool | None":
    """The workers that a command asks for; None where it runs here.

    Raises:
        ValueError: the plain engine is given what only Ray takes.
    """
    given = {name: value for name, value in given.items() if value is not None}
    if engine is Engine.plain:
        if given or resume:
            raise ValueError(f"--{next(iter(given), 'resume')}: is for --engine ray")
        return None
    from extraction.engine import Pool

    return Pool(**given)


def asked(model: str, device: str) -> "ClipEvent":
    """The model that a command asks."""
    from clip_event.zeroshot.model import ClipEvent

    return ClipEvent.load(model, device=device)


def root_of(images: Path | None, file: str | Path) -> Path:
    """The folder of the photographs that a file names."""
    return images if images is not None else Path(file) if Path(file).is_dir() else Path(file).parent
