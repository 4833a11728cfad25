"""Commands that ask a model about photographs, and about such whose event is known, to use it better on others."""

from pathlib import Path
from typing import Annotated, Any

import typer

from clip_event.commands.options import (
    Actors,
    BatchSize,
    Cpus,
    Device,
    Engine,
    Errors,
    Gpus,
    Images,
    Model,
    OnEngine,
    Ontology,
    Out,
    Shard,
    Strict,
    Workers,
    asked,
    pool_of,
    root_of,
)
from clip_event.commands.plain_errors import plain_errors

photographs_app = typer.Typer()

Sources = Annotated[list[str], typer.Argument(metavar="IMAGES...", help="Files, folders, records with `image`, or -.")]
Calibration = Annotated[Path | None, typer.Option(help="From `calibrate`. [default: the model's]")]
Labelled = Annotated[Path, typer.Argument(metavar="GOLD.jsonl", help="Records with image, events and salient.")]


@photographs_app.command()
def classify(
    images: Sources,
    out: Out = "-",
    model: Model = "mini",
    ontology: Ontology = "news",
    fillers: Annotated[
        str | None, typer.Option(help="Who may play roles: a file, or `typical` for everyday fillers.")
    ] = None,
    caption: Annotated[str | None, typer.Option(help="Who may play roles: those in this caption.")] = None,
    top: Annotated[int, typer.Option(min=1, help="Types to tell.")] = 5,
    min_probability: Annotated[float, typer.Option(min=0, max=1, help="Below it a photograph shows no event.")] = 0.0,
    root: Annotated[Path | None, typer.Option("--images", help="Folder of the records' photographs.")] = None,
    calibration: Calibration = None,
    batch_size: BatchSize = 64,
    workers: Workers = 2,
    device: Device = "auto",
    errors: Errors = None,
    strict: Strict = False,
    resume: Annotated[bool, typer.Option("--resume", help="Ray: go on where an interrupted run stopped.")] = False,
    engine: OnEngine = Engine.plain,
    actors: Actors = None,
    cpus: Cpus = None,
    gpus: Gpus = None,
    shard: Shard = None,
) -> None:
    """Say which event each photograph shows, and who plays which role where fillers are given.

    A line each: `types` with probabilities, `none` among them, and `events`, empty where that is the answer. Records of
    `extract` give their own fillers. What cannot be read is counted and written to the errors file. With `--engine ray`
    OUT is a folder.

    Example: `clip-event classify photographs/ --fillers typical -o events.jsonl`
    """
    from clip_event.commands import terminal

    hint = "; run it again with --resume to go on where it stopped" if engine is Engine.ray else ""
    with plain_errors(hint), terminal.progress(", ".join(images[:3]), "looking at") as step:
        pool = pool_of(engine, actors=actors, cpus=cpus, gpus=gpus, shard=shard, resume=resume)
        from clip_event.zeroshot.calibration import calibration_for, read_calibration
        from clip_event.zeroshot.classify import TYPICAL, Classifying
        from clip_event.zeroshot.classify import classify as run
        from clip_event.zeroshot.fillers import from_caption, read_fillers
        from templates.formats import read_ontology

        if fillers is not None and caption is not None:
            raise ValueError("--fillers and --caption both say who may play roles; give one of them")
        given = fillers if caption is None else from_caption(caption)
        who = read_fillers(given) if isinstance(given, str) and given != TYPICAL else given
        asking: dict[str, Any] = {"top": top, "fillers": who, "min_probability": min_probability}
        options: dict[str, Any] = {
            "root": root,
            "batch_size": batch_size,
            "workers": workers,
            "errors": errors,
            "strict": strict,
            "progress": step,
        }
        if pool:
            from clip_event.zeroshot.archive import classify_archive

            fitted = read_calibration(calibration) if calibration else None
            options |= {"model": model, "ontology": ontology, "device": device, "pool": pool, "resume": resume}
            result = classify_archive(images, out, calibration=fitted, **asking, **options)
        else:
            types, loaded = read_ontology(ontology), asked(model, device)
            classifying = Classifying(loaded, types, calibration=calibration_for(loaded, calibration), **asking)
            result = run(images, out, classifying=classifying, **options)
    terminal.classified(result)


@photographs_app.command()
def score(
    pairs: Annotated[str, typer.Argument(metavar="PAIRS.jsonl", help="Records with image and event or events, or -.")],
    out: Out = "-",
    images: Images = None,
    model: Model = "mini",
    ontology: Ontology = "news",
    style: Annotated[str, typer.Option(help="How events are said: sentence, short, type or graph.")] = "sentence",
    calibration: Calibration = None,
    batch_size: BatchSize = 64,
    workers: Workers = 2,
    device: Device = "auto",
    errors: Errors = None,
    strict: Strict = False,
) -> None:
    """Score events against photographs: cosine, and the probability that the photograph shows the event.

    An `event` is `{"type": ..., "arguments": [{"role": ..., "text": ...}]}` or a text; `events` a list of them, as in
    the records of `extract`. Each record comes out with `scores`, in the order of its events.

    Example: `clip-event score events.jsonl --model runs/first -o scored.jsonl`
    """
    from clip_event.commands import terminal

    with plain_errors(), terminal.progress(pairs, "scoring") as step:
        from clip_event.zeroshot.scores import score as run

        result = run(
            pairs,
            out,
            model=asked(model, device),
            ontology=ontology,
            style=style,
            images=images,
            calibration=calibration,
            batch_size=batch_size,
            workers=workers,
            errors=errors,
            strict=strict,
            progress=step,
        )
    terminal.scored(result)


@photographs_app.command()
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
    from clip_event.calibrating.calibrate import calibrate as run
    from clip_event.commands import figures, terminal
    from clip_event.zeroshot.calibration import write_calibration

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


@photographs_app.command()
def confusion(
    source: Labelled,
    images: Images = None,
    model: Model = "mini",
    ontology: Ontology = "news",
    out: Annotated[Path, typer.Option("-o", "--out", help="File to write.")] = Path("confusion.json"),
    calibration: Calibration = None,
    batch_size: BatchSize = 64,
    workers: Workers = 2,
    device: Device = "auto",
) -> None:
    """Find which event types a model takes for which, on gold or on events that were read from captions.

    With `clip-event describe --confusion FILE`, and `confusion` under `[data]` of a tuning run, a true type is then
    replaced by what the model takes for it.

    Example: `clip-event confusion events.jsonl --images photographs --model mini -o confusion.json`
    """
    from clip_event.calibrating.confusion import confusion as run
    from clip_event.commands import figures, terminal
    from clip_event.zeroshot.calibration import calibration_for
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


@photographs_app.command()
def regions(
    images: Sources,
    out: Out = "-",
    detector: Annotated[str, typer.Option(help="OWLv2 or OWL-ViT: OWNER/NAME on the hub, or a folder.")] = (
        "google/owlv2-base-patch16-ensemble"
    ),
    labels: Annotated[str | None, typer.Option(help="What to look for, as in person,flag. [default: news]")] = None,
    threshold: Annotated[float, typer.Option(min=0, max=1, help="The least score of a box.")] = 0.1,
    most: Annotated[int, typer.Option(min=1, help="Boxes of a photograph.")] = 32,
    batch_size: Annotated[int, typer.Option("--batch-size", min=1, help="Photographs in one pass.")] = 4,
    workers: Workers = 2,
    device: Device = "auto",
    errors: Errors = None,
    strict: Strict = False,
) -> None:
    """Find people and things in photographs: the regions file that grounding and alignment take.

    Photographs that cannot be read are counted and written to the errors file.

    Example: `clip-event regions photographs/ --labels "person,police officer,flag" -o regions.jsonl`
    """
    from clip_event.commands import terminal
    from clip_event.zeroshot.detect import LABELS
    from clip_event.zeroshot.detect import regions as run

    with plain_errors(), terminal.progress(", ".join(images[:3]), "looking at") as step:
        done = run(
            images,
            out,
            detector=detector,
            labels=LABELS if labels is None else labels.split(","),
            threshold=threshold,
            most=most,
            batch_size=batch_size,
            workers=workers,
            device=device,
            errors=errors,
            strict=strict,
            progress=step,
        )
    typer.echo(f"{done.images:,} photographs, {done.boxes:,} boxes, {done.bad:,} that cannot be used", err=True)
