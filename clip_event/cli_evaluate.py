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
