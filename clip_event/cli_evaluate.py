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


@evaluate_app.command("pairs")
def evaluate_pairs(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="Of ARO, SugarCrepe, VALSE, BLA, or plain JSONL.")],
    images: Images,
    model: Model = "mini",
    form: Annotated[str, typer.Option("--format", help="auto, plain, aro, sugarcrepe, valse or bla.")] = "auto",
    device: Device = "auto",
    batch_size: BatchSize = 64,
    workers: Workers = 2,
    as_json: AsJson = False,
) -> None:
    """How often the true text of a photograph is nearer to it than the false one.

    FILE is a benchmark's own file (or a folder of them), or JSONL of `{"image", "positive", "negative", "kind"}`. A tie
    counts as wrong. 95 % intervals are bootstrapped over photographs.

    Example: `clip-event evaluate pairs actant-swap.json --images swig/images_512 --model mini`
    """
    from clip_event import terminal
    from clip_event.evaluation.pairs import evaluate_pairs as run
    from clip_event.model import ClipEvent

    with plain_errors():
        loaded = ClipEvent.load(model, device=device)
        with terminal.progress(str(images), "seeing") as step:
            result = run(loaded, file, images, format=form, batch_size=batch_size, workers=workers, progress=step)
        if as_json:
            typer.echo(json.dumps(result, ensure_ascii=False))
        else:
            terminal.pairs(result)


@evaluate_app.command("retrieval")
def evaluate_retrieval(
    file: Annotated[str, typer.Argument(metavar="FILE", help="JSONL of an image and its captions.")],
    images: Images,
    model: Model = "mini",
    device: Device = "auto",
    batch_size: BatchSize = 64,
    workers: Workers = 2,
    as_json: AsJson = False,
) -> None:
    """Recall at 1, 5 and 10: a photograph's texts among all texts, and a text's photograph among all photographs.

    FILE has records `{"image", "captions": [str]}`. One of a photograph's own texts among the first is enough; an equal
    text of another photograph is not its own, and a tie counts against the model.

    Example: `clip-event evaluate retrieval test.jsonl --images flickr30k-images --model ViT-B-32/laion2b_s34b_b79k`
    """
    from clip_event import terminal
    from clip_event.evaluation.retrieval import evaluate_retrieval as run
    from clip_event.model import ClipEvent

    with plain_errors():
        loaded = ClipEvent.load(model, device=device)
        with terminal.progress(str(images), "seeing") as step:
            result = run(loaded, file, images, batch_size=batch_size, workers=workers, progress=step)
        if as_json:
            typer.echo(json.dumps(result, ensure_ascii=False))
        else:
            terminal.retrieval(result)
