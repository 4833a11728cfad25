"""The command line: parses, calls a plain function of the same name, prints what it returns."""

from pathlib import Path
from typing import Annotated, Any

import typer

from clip_event import __version__
from clip_event.commands.evaluate import evaluate_app
from clip_event.commands.options import (
    Actors,
    Cpus,
    Device,
    Engine,
    Errors,
    Gpus,
    OnEngine,
    Ontology,
    Out,
    Shard,
    Strict,
    pool_of,
)
from clip_event.commands.photographs import photographs_app
from clip_event.commands.plain_errors import plain_errors, say_aside

app = typer.Typer(
    help="Who did what to whom in a news photograph.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode="markdown",
    context_settings={"help_option_names": ["-h", "--help"]},
)
ontology_app = typer.Typer(help="Look at ontologies and check your own.", no_args_is_help=True)
app.add_typer(ontology_app, name="ontology")
app.add_typer(evaluate_app, name="evaluate")
app.add_typer(photographs_app)

BatchSize = Annotated[int, typer.Option("--batch-size", min=1, help="Captions in one pass of the network.")]


def _version(value: bool) -> None:
    if value:
        typer.echo(f"clip-event {__version__}")
        raise typer.Exit()


@app.callback()
def main(
    version: Annotated[bool, typer.Option("--version", callback=_version, is_eager=True, help="Print it.")] = False,
) -> None:
    """Who did what to whom in a news photograph."""


@app.command()
def extract(
    source: Annotated[str, typer.Argument(metavar="IN", help="JSONL, CSV, Parquet, .gz, a saved data set, or -.")],
    out: Out = "-",
    ontology: Ontology = "news",
    batch_size: BatchSize = 64,
    device: Device = "auto",
    errors: Errors = None,
    resume: Annotated[bool, typer.Option("--resume", help="Go on where an interrupted run stopped.")] = False,
    strict: Strict = False,
    engine: OnEngine = Engine.plain,
    actors: Actors = None,
    cpus: Cpus = None,
    gpus: Gpus = None,
    shard: Shard = None,
) -> None:
    """Read captions into events.

    Each input record needs a `caption`; it comes out with `events` and `salient` added, in the same order. Bad records
    are counted and written to the errors file, and never stop a run. With `--engine ray` IN may be a folder of files,
    and OUT is a folder.

    Example: `clip-event extract captions.jsonl -o events.jsonl`
    """
    from clip_event.commands import terminal

    with plain_errors("; run it again with --resume to go on where it stopped"), terminal.progress(source) as step:
        options: dict[str, Any] = {
            "ontology": ontology,
            "batch_size": batch_size,
            "device": device,
            "errors": errors,
            "resume": resume,
            "strict": strict,
            "progress": step,
        }
        if pool := pool_of(engine, actors=actors, cpus=cpus, gpus=gpus, shard=shard):
            from extraction.archive import extract_archive

            summary = extract_archive(source, out, pool=pool, **options)
        else:
            from extraction.files import extract as run

            summary = run(source, out, **options)
    terminal.summary(summary)


@app.command()
def describe(
    source: Annotated[str, typer.Argument(metavar="IN", help="events.jsonl, also .gz, or - for standard input.")],
    out: Out = "-",
    styles: Annotated[str, typer.Option(help="Of sentence, short, type, caption, edited, graph, given.")] = (
        "sentence,short,caption"
    ),
    negatives: Annotated[
        str, typer.Option(help="How many of each kind: event, role, rotate, filler, place, instrument.")
    ] = "event=1,role=2,filler=1",
    ontology: Ontology = "news",
    confusion: Annotated[
        Path | None, typer.Option(help="Which types a model takes for which, from `clip-event confusion`.")
    ] = None,
    salient_only: Annotated[bool, typer.Option("--salient-only", help="Only what the photograph shows.")] = False,
    blind: Annotated[bool, typer.Option("--blind", help="Only negatives that words alone do not give away.")] = False,
    epoch: Annotated[int, typer.Option(help="Another epoch gives other negatives.")] = 0,
    seed: Annotated[int, typer.Option(help="Of the whole run.")] = 0,
    given: Annotated[Path | None, typer.Option(help="JSONL of id, event, text: texts for the style given.")] = None,
    errors: Errors = None,
    strict: Strict = False,
) -> None:
    """Say events in English, each with hard negatives that only the photograph can refute.

    Each event gives a line of `pairs`: a style, the positive text, and negatives of the same style and their kinds.

    Example: `clip-event describe events.jsonl -o descriptions.jsonl --negatives event=1,role=2,filler=1`
    """
    from clip_event.commands import terminal
    from clip_event.descriptions import describe as run
    from templates.pairs import Wanted

    with plain_errors(), terminal.progress(source) as step:
        numbers = _numbers(negatives)
        wanted = Wanted(tuple(filter(None, styles.split(","))), numbers, salient_only, epoch, seed)
        result = run(
            source,
            out,
            wanted,
            ontology=ontology,
            confusion=confusion,
            blind=blind,
            given=given,
            errors=errors,
            strict=strict,
            progress=step,
        )
    terminal.described(result)


def _numbers(text: str) -> dict[str, int]:
    try:
        return {kind: int(number) for kind, number in (part.split("=") for part in text.split(",") if part)}
    except ValueError:
        raise ValueError(f"--negatives: found {text!r}, expected KIND=NUMBER,..., as in event=1,role=2") from None


@app.command()
def scenes(
    out: Annotated[Path, typer.Option("-o", "--out", help="Folder to write; it must be empty.")],
    count: Annotated[int, typer.Option(min=1, help="How many.")] = 1000,
    seed: Annotated[int, typer.Option(min=0, help="Of the whole run.")] = 0,
    split: Annotated[str, typer.Option(help="train, dev or test: no two share who does what to whom.")] = "train",
    size: Annotated[int, typer.Option(help="Side of a picture in pixels.")] = 96,
    instruments: Annotated[float, typer.Option(help="Share of scenes that show their instrument.")] = 0.8,
) -> None:
    """Draw pictures whose events are known exactly, to measure who sees roles.

    Writes images/, captions.jsonl and gold.jsonl (events with boxes). The same seed gives the same bytes.

    Example: `clip-event scenes --count 1000 --split dev -o scenes/dev`
    """
    from clip_event.commands import terminal
    from clip_event.scenes import scenes as run

    with plain_errors(), terminal.progress(str(out), "drawing") as step:
        run(out, count, seed=seed, split=split, size=size, instruments=instruments, progress=step)
        typer.echo(f"{out}: {count:,} scenes", err=True)


@app.command()
def finetune(
    config: Annotated[Path, typer.Option("--config", "-c", help="TOML file, see docs/finetune.md.")],
    settings: Annotated[
        list[str] | None, typer.Option("--set", metavar="KEY=VALUE", help="Over the file, as in optim.lr=1e-5.")
    ] = None,
    resume: Annotated[bool, typer.Option("--resume", help="Go on from the last checkpoint in the folder.")] = False,
) -> None:
    """Tune an open_clip model on photographs, their events and what is false of them.

    Runs as it is or under torchrun. Writes a folder that plain open_clip loads, with metrics, report and model card.

    Example: `clip-event finetune --config news.toml --set optim.lr=1e-5`
    """
    from clip_event.tuning.config import read_config

    def once(line: str) -> None:
        from clip_event.tuning.ranks import first_to_say

        if first_to_say(line):
            say_aside(line)

    with plain_errors("; go on with --resume", once):
        given = read_config(config, settings or ())  # told of a mistake before torch is loaded
        from clip_event.tuning.finetune import Stopped
        from clip_event.tuning.finetune import finetune as run

        try:
            folder = run(given, resume=resume, say=say_aside)
        except Stopped as stopped:
            once(str(stopped))
            raise typer.Exit(143) from None
        once(f"{folder}: the tuned model; see report.html")


@ontology_app.command("check")
def ontology_check(file: Annotated[str, typer.Argument(help="TOML or JSON ontology, or a shipped name.")]) -> None:
    """Check an ontology file: every mistake is named with its place in the file.

    Example: `clip-event ontology check sports.toml`
    """
    from templates import read_ontology

    with plain_errors():
        found = read_ontology(file)
        roles = sum(len(event.roles) for event in found.events.values())
        typer.echo(f"{file}: ok, {len(found.events)} types, {roles} roles")


@ontology_app.command("show")
def ontology_show(
    file: Annotated[str, typer.Argument(help="TOML or JSON ontology, or a shipped name.")] = "news",
    type_: Annotated[str | None, typer.Option("--type", help="Only this type, with its sentences.")] = None,
) -> None:
    """Print an ontology's types and roles.

    Example: `clip-event ontology show news --type Justice:Arrest-Jail`
    """
    from clip_event.commands import terminal
    from templates import read_ontology

    with plain_errors():
        terminal.ontology(read_ontology(file), type_)


@app.command("train-reader")
def train_reader(
    files: Annotated[list[Path], typer.Argument(metavar="MY.jsonl...", help="Your annotations, as events.jsonl.")],
    out: Annotated[Path, typer.Option("-o", "--out", help="Folder for the reader.")],
    ontology: Ontology = "news",
    start: Annotated[str, typer.Option("--from", help="shipped, minilm, or a reader's folder.")] = "shipped",
    epochs: Annotated[int, typer.Option(min=1)] = 8,
    seed: Annotated[int, typer.Option()] = 1,
    dev: Annotated[
        Path | None, typer.Option(help="Gold to score after each epoch; its look-alikes are dropped.")
    ] = None,
) -> None:
    """Train the reader on your own annotations; use it with `EventExtractor(reader=FOLDER)`.

    Example: `clip-event train-reader mine.jsonl --from shipped -o my-reader`
    """
    from extraction.training.recipe import train_on

    with plain_errors():
        train_on(files, out, ontology=ontology, start=start, epochs=epochs, seed=seed, dev=dev, report=say_aside)
        typer.echo(f"{out}: reader written", err=True)


@app.command()
def demo(
    out: Annotated[Path, typer.Option("-o", "--out", help="The page to write.")] = Path("demo.html"),
    source: Annotated[str | None, typer.Argument(metavar="[IN]", help="Captions instead of the shipped ones.")] = None,
    ontology: Ontology = "news",
    tune: Annotated[
        Path | None, typer.Option(help="Also tune the embedded model on drawn scenes, in this new folder.")
    ] = None,
) -> None:
    """Read the shipped example captions: a table here, and a page with highlights and event graphs.

    Example: `clip-event demo -o demo.html`
    """
    from clip_event.commands import terminal
    from clip_event.demo import demo as run
    from clip_event.demo import demo_tuning

    with plain_errors():
        records = run(out, source=source, ontology=ontology)
        terminal.events(records)
        typer.echo(f"{out}: the same with highlights and graphs, for a browser", err=True)
        if tune:
            folder = demo_tuning(tune, say=say_aside)
            typer.echo(f"{folder / 'report.html'}: what the embedded model learnt of {tune}", err=True)


def run(arguments: list[str] | None = None) -> Any:
    """Entry point of `clip-event`."""
    return app(arguments)


if __name__ == "__main__":
    run()
