"""Commands that ask a model about photographs whose event is known, to use it better on others."""

from pathlib import Path
from typing import Annotated

import typer

from clip_event.options import BatchSize, Device, Images, Model, Ontology, Workers, asked, root_of
from clip_event.plain_errors import plain_errors

zeroshot_app = typer.Typer()

Labelled = Annotated[Path, typer.Argument(metavar="GOLD.jsonl", help="Records with image, events and salient.")]


@zeroshot_app.command()
def calibrate(
    source: Labelled,
    images: Images = None,
    model: Model = "mini",
    ontology: Ontology = "news",
    out: Annotated[Path, typer.Option("-o", "--out", help="File to write.")] = Path("calibration.json"),
    without: Annotated[
        Path | None, typer.Option("--without-event", help="Folder or JSONL of photographs that show no event.")
    ] = None,
    batch_size: BatchSize = 64,
    workers: Workers = 2,
    device: Device = "auto",
    seed: Annotated[int, typer.Option(help="Of folds, and of the pairs of photographs and events.")] = 0,
) -> None:
    """Fit what makes a model's scores probabilities, on photographs whose event is known.

    A record without events counts as a photograph without event. Put the file into a tuned model's folder and it is
    used by itself.

    Example: `clip-event calibrate gold.jsonl --images photographs --model runs/first -o runs/first/calibration.json`
    """
    from clip_event import figures, terminal
    from clip_event.calibrate import calibrate as run
    from clip_event.calibration import write_calibration

    with plain_errors(), terminal.progress(str(source), "looking at") as step:
        loaded = asked(model, device)
        found = run(
            loaded,
            source,
            root_of(images, source),
            ontology=ontology,
            without=without,
            batch_size=batch_size,
            workers=workers,
            seed=seed,
            progress=step,
        )
        write_calibration(out, found)
    figures.calibration(found)
    typer.echo(f"{out}: the calibration", err=True)


@zeroshot_app.command()
def confusion(
    source: Labelled,
    images: Images = None,
    model: Model = "mini",
    ontology: Ontology = "news",
    out: Annotated[Path, typer.Option("-o", "--out", help="File to write.")] = Path("confusion.json"),
    calibration: Annotated[Path | None, typer.Option(help="From `calibrate`. [default: the model's]")] = None,
    batch_size: BatchSize = 64,
    workers: Workers = 2,
    device: Device = "auto",
) -> None:
    """Find which event types a model takes for which, on gold or on events that were read from captions.

    With `clip-event describe --confusion FILE`, and `confusion` under `[data]` of a tuning run, a true type is then
    replaced by what the model takes for it.

    Example: `clip-event confusion events.jsonl --images photographs --model mini -o confusion.json`
    """
    from clip_event import figures, terminal
    from clip_event.calibration import calibration_for
    from clip_event.confusion import confusion as run
    from templates.confusions import write_confusion

    with plain_errors(), terminal.progress(str(source), "looking at") as step:
        loaded = asked(model, device)
        found = run(
            loaded,
            source,
            root_of(images, source),
            ontology=ontology,
            calibration=calibration_for(loaded, calibration),
            batch_size=batch_size,
            workers=workers,
            progress=step,
        )
        write_confusion(out, found)
    figures.confusion(found)
    typer.echo(f"{out}: the confusion of {len(found.types)} types", err=True)
