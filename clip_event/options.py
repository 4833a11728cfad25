"""What several commands are given alike."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from clip_event.model import ClipEvent

Ontology = Annotated[str, typer.Option(help="news, open, or the path of a TOML or JSON ontology.")]
Model = Annotated[str, typer.Option("--model", "-m", help="mini, a folder, ViT-B-32/TAG or hf-hub:OWNER/NAME.")]
Images = Annotated[
    Path | None,
    typer.Option("--images", help="The folder of the photographs; nothing outside is read. [default: that of FILE]"),
]
Device = Annotated[str, typer.Option(help="auto, cpu, cuda, cuda:1, ...")]
BatchSize = Annotated[int, typer.Option("--batch-size", min=1, help="Photographs in one pass of the model.")]
Workers = Annotated[int, typer.Option(min=1, help="Threads that decode photographs.")]


def asked(model: str, device: str) -> "ClipEvent":
    """The model that a command asks."""
    from clip_event.model import ClipEvent

    return ClipEvent.load(model, device=device)


def root_of(images: Path | None, file: str | Path) -> Path:
    """The folder of the photographs that a file names."""
    return images if images is not None else Path(file) if Path(file).is_dir() else Path(file).parent
