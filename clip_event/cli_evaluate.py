"""`clip-event evaluate`: one command a protocol; each calls a plain function and prints what it returns."""

import json
from pathlib import Path
from typing import Annotated

import typer

from clip_event.plain_errors import plain_errors

evaluate_app = typer.Typer(help="Measure against gold, by the field's protocols.", no_args_is_help=True)

Model = Annotated[str, typer.Option("--model", "-m", help="mini, a folder, ViT-B-32/TAG or hf-hub:OWNER/NAME.")]
Images = Annotated[Path, typer.Option("--images", help="The folder of the photographs; nothing outside is read.")]
Device = Annotated[str, typer.Option(help="auto, cpu, cuda, cuda:1, ...")]
BatchSize = Annotated[int, typer.Option("--batch-size", min=1, help="Photographs in one pass of the model.")]
Workers = Annotated[int, typer.Option(min=1, help="Threads that decode photographs.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON object.")]


@evaluate_app.command("extraction")
def evaluate_extraction(
    predicted: Annotated[Path, typer.Argument(metavar="PRED", help="events.jsonl as `extract` writes it.")],
    gold: Annotated[Path, typer.Argument(metavar="GOLD", help="events.jsonl with gold events.")],
    as_json: AsJson = False,
) -> None:
    """Score triggers and arguments against gold, overall and by type, with 95 % bootstrap intervals.

    A trigger counts when its type is right and its span overlaps gold's; an argument when event type and role are
    right and its head, its last word, lies inside gold's span. Records are paired by id, else by caption.

    Example: `clip-event evaluate extraction events.jsonl gold.jsonl`
    """
    from clip_event import terminal
    from extraction.scoring import score_files

    with plain_errors():
        result = score_files(predicted, gold)
        if as_json:
            typer.echo(json.dumps(result, ensure_ascii=False))
        else:
            terminal.scores(result)


@evaluate_app.command("probe")
def evaluate_probe(
    train: Annotated[Path, typer.Option("--train", help="JSONL of image and label, or of salient events.")],
    test: Annotated[Path, typer.Option("--test", help="The same, to be asked about.")],
    images: Images,
    model: Model = "mini",
    ontology: Annotated[str, typer.Option(help="Says the classes for zero-shot: news, open, or a file.")] = "news",
    shots: Annotated[str, typer.Option(help="Photographs of each class, few-shot.")] = "1,2,4,8,16",
    seeds: Annotated[int, typer.Option(min=1, help="Draws of few-shot photographs.")] = 3,
    device: Device = "auto",
    batch_size: BatchSize = 64,
    workers: Workers = 2,
    as_json: AsJson = False,
) -> None:
    """Fit linear classifiers to a model's frozen features: few-shot and over all photographs, zero-shot beside them.

    As in the CLIP paper: logistic regression, its regularisation found on a validation split of TRAIN.

    Example: `clip-event evaluate probe --train train.jsonl --test test.jsonl --images photos -m ViT-B-32/openai`
    """
    from clip_event import terminal

    with plain_errors(), terminal.progress(str(images), "embedding") as step:
        from clip_event.evaluation.probe import probe
        from clip_event.model import ClipEvent

        result = probe(
            ClipEvent.load(model, device=device),
            train,
            test,
            images,
            ontology=ontology,
            shots=_shots(shots),
            seeds=seeds,
            batch_size=batch_size,
            workers=workers,
            progress=step,
        )
    if as_json:
        typer.echo(json.dumps(result, ensure_ascii=False))
    else:
        terminal.probe(result)


def _shots(text: str) -> list[int]:
    try:
        return [int(part) for part in text.split(",") if part.strip()]
    except ValueError:
        raise ValueError(f"--shots: found {text!r}, expected whole numbers as in 1,2,4") from None


@evaluate_app.command("scenes")
def evaluate_scenes(
    folder: Annotated[Path, typer.Argument(metavar="FOLDER", help="As `clip-event scenes` writes it.")],
    model: Model = "mini",
    styles: Annotated[str, typer.Option(help="Of sentence, short, type, caption, edited, graph.")] = "sentence,caption",
    gallery: Annotated[int, typer.Option(min=2, help="Scenes in one retrieval.")] = 200,
    device: Device = "auto",
    batch_size: BatchSize = 64,
    workers: Workers = 2,
    as_json: AsJson = False,
) -> None:
    """Who does what to whom in drawn scenes: true against false descriptions, retrieval, event types.

    Beside each accuracy: on mirrored pictures, without the instrument in the texts, and of a judge of texts alone.

    Example: `clip-event evaluate scenes scenes/dev -m tuned`
    """
    from clip_event import terminal

    with plain_errors(), terminal.progress(str(folder), "embedding") as step:
        from clip_event.evaluation.scenes import scenes
        from clip_event.model import ClipEvent

        result = scenes(
            ClipEvent.load(model, device=device),
            folder,
            styles=[style for style in styles.split(",") if style],
            gallery=gallery,
            batch_size=batch_size,
            workers=workers,
            progress=step,
        )
    if as_json:
        typer.echo(json.dumps(result, ensure_ascii=False))
    else:
        terminal.scenes(result)
