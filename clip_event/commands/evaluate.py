"""`clip-event evaluate`: one command a protocol; each calls a plain function and prints what it returns."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any

import typer

from clip_event.commands.options import BatchSize, Device, Images, Model, Workers, asked, root_of
from clip_event.commands.plain_errors import plain_errors

evaluate_app = typer.Typer(help="Measure against gold, by the field's protocols.", no_args_is_help=True)

AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON object.")]
Predictions = Annotated[
    Path | None, typer.Option("--predictions", help="What `classify` wrote; otherwise a model is asked.")
]
Photographs = Annotated[Path | None, typer.Option("--images", help="The folder of the photographs, to ask a model.")]


def _print(result: dict[str, Any], as_json: bool, table: Callable[[dict[str, Any]], None]) -> None:
    if as_json:
        typer.echo(json.dumps(result, ensure_ascii=False))
    else:
        table(result)


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
    from clip_event.commands import figures
    from extraction.scoring import score_files

    with plain_errors():
        result = score_files(predicted, gold)
        _print(result, as_json, figures.scores)


@evaluate_app.command("m2e2")
def evaluate_m2e2(
    folder: Annotated[Path, typer.Argument(metavar="FOLDER", help="m2e2_annotations, as its authors publish it.")],
    predictions: Predictions = None,
    images: Photographs = None,
    text: Annotated[Path | None, typer.Option("--text", help="events.jsonl of the sentences, from `extract`.")] = None,
    write_sentences: Annotated[
        Path | None, typer.Option("--write-sentences", help="Write the sentences as captions for `extract`, and end.")
    ] = None,
    model: Model = "mini",
    fillers: Annotated[
        str, typer.Option(help="Who may play roles where a model is asked: none, or typical for everyday fillers.")
    ] = "none",
    ontology: Annotated[str, typer.Option("--ontology", help="Its types and aliases; a name or a file.")] = "news",
    device: Device = "auto",
    batch_size: BatchSize = 64,
    workers: Workers = 2,
    as_json: AsJson = False,
) -> None:
    """Score events and arguments of M2E2's photographs and sentences, by both conventions on inputs without an event.

    A model that is asked here says no boxes, and who plays which role with --fillers typical only.

    Example: `clip-event evaluate m2e2 m2e2_annotations --predictions classified.jsonl --text events.jsonl`
    """
    with plain_errors():
        from clip_event.commands import figures, terminal
        from clip_event.evaluation import m2e2
        from templates.formats import read_ontology

        if write_sentences is not None:
            count = m2e2.write_sentences(folder, read_ontology(ontology), write_sentences)
            typer.echo(f"{count:,} sentences in {write_sentences}", err=True)
            return
        with terminal.progress(str(images), "looking at") as step:
            result = m2e2.evaluate(
                folder,
                predictions=predictions,
                model=asked(model, device) if images and not predictions else None,
                images=images,
                text=text,
                ontology=ontology,
                fillers=None if fillers == "none" else fillers,
                batch_size=batch_size,
                workers=workers,
                progress=step,
            )
        _print(result, as_json, figures.m2e2)


@evaluate_app.command("swig")
def evaluate_swig(
    gold: Annotated[Path, typer.Argument(metavar="GOLD", help="SWiG's dev.json or test.json.")],
    space: Annotated[Path, typer.Argument(metavar="SPACE", help="imsitu_space.json.")],
    predictions: Predictions = None,
    images: Photographs = None,
    train: Annotated[
        Path | None, typer.Option("--train", help="SWiG's train.json: a model chooses among its frequent nouns.")
    ] = None,
    model: Model = "mini",
    device: Device = "auto",
    batch_size: BatchSize = 64,
    workers: Workers = 2,
    as_json: AsJson = False,
) -> None:
    """Score verbs, nouns of roles and their boxes on SWiG, under the first verb, the first five and the gold one.

    Example: `clip-event evaluate swig test.json imsitu_space.json --images images_512 --model ViT-B-32/openai`
    """
    with plain_errors():
        from clip_event.commands import figures, terminal
        from clip_event.evaluation import swig

        with terminal.progress(str(images), "looking at") as step:
            result = swig.evaluate(
                gold,
                space,
                predictions=predictions,
                model=asked(model, device) if images and not predictions else None,
                images=images,
                train=train,
                batch_size=batch_size,
                workers=workers,
                progress=step,
            )
        _print(result, as_json, figures.swig)


@evaluate_app.command("choice")
def evaluate_choice(
    questions: Annotated[Path, typer.Argument(metavar="FILE", help="Questions, in one of the forms.")],
    images: Images = None,
    form: Annotated[
        str, typer.Option("--format", help="plain, vcr (val.jsonl) or visualcomet (val_annots.json).")
    ] = "plain",
    question: Annotated[
        bool, typer.Option("--question/--no-question", help="Read options after their question.")
    ] = True,
    sample: Annotated[int | None, typer.Option("--sample", min=1, help="Ask about so many photographs only.")] = None,
    seed: Annotated[int, typer.Option("--seed", help="Of the sample, and of VisualCOMET's wrong options.")] = 0,
    model: Model = "mini",
    device: Device = "auto",
    batch_size: BatchSize = 64,
    workers: Workers = 2,
    as_json: AsJson = False,
) -> None:
    """Ask which of several texts is true of a photograph: accuracy, by kind, with 95 % intervals.

    Example: `clip-event evaluate choice val.jsonl --format vcr --images vcr1images --model ViT-B-32/openai`
    """
    with plain_errors():
        from clip_event.commands import figures, terminal
        from clip_event.evaluation import choice

        root = root_of(images, questions)
        with terminal.progress(str(root), "looking at") as step:
            result = choice.evaluate(
                questions,
                asked(model, device),
                root,
                form=form,
                question=question,
                sample=sample,
                seed=seed,
                batch_size=batch_size,
                workers=workers,
                progress=step,
            )
        _print(result, as_json, figures.choice)


@evaluate_app.command("pairs")
def evaluate_pairs(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="Of ARO, SugarCrepe, VALSE, BLA, or plain JSONL.")],
    images: Images = None,
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
    from clip_event.commands import figures, terminal
    from clip_event.evaluation.pairs import evaluate_pairs as run

    with plain_errors():
        loaded, root = asked(model, device), root_of(images, file)
        with terminal.progress(str(root), "looking at") as step:
            result = run(loaded, file, root, format=form, batch_size=batch_size, workers=workers, progress=step)
        _print(result, as_json, figures.pairs)


@evaluate_app.command("retrieval")
def evaluate_retrieval(
    file: Annotated[str, typer.Argument(metavar="FILE", help="JSONL of an image and its captions.")],
    images: Images = None,
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
    from clip_event.commands import figures, terminal
    from clip_event.evaluation.retrieval import evaluate_retrieval as run

    with plain_errors():
        loaded, root = asked(model, device), root_of(images, file)
        with terminal.progress(str(root), "looking at") as step:
            result = run(loaded, file, root, batch_size=batch_size, workers=workers, progress=step)
        _print(result, as_json, figures.retrieval)


@evaluate_app.command("probe")
def evaluate_probe(
    train: Annotated[Path, typer.Option("--train", help="JSONL of image and label, or of salient events.")],
    test: Annotated[Path, typer.Option("--test", help="The same, to be asked about.")],
    images: Images = None,
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
    from clip_event.commands import figures, terminal

    with plain_errors(), terminal.progress(str(images), "looking at") as step:
        from clip_event.evaluation.probe import probe

        result = probe(
            asked(model, device),
            train,
            test,
            root_of(images, train),
            ontology=ontology,
            shots=_shots(shots),
            seeds=seeds,
            batch_size=batch_size,
            workers=workers,
            progress=step,
        )
    _print(result, as_json, figures.probe)


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
    cast: Annotated[int, typer.Option(min=0, help="Scenes in which to cast all roles.")] = 0,
    ground: Annotated[int, typer.Option(min=0, help="Scenes in which to find the actors.")] = 0,
    device: Device = "auto",
    batch_size: BatchSize = 64,
    workers: Workers = 2,
    as_json: AsJson = False,
) -> None:
    """Who does what to whom in drawn scenes: true against false descriptions, retrieval, event types.

    Beside each accuracy: on mirrored pictures, without the instrument in the texts, and of a judge of texts alone.

    Example: `clip-event evaluate scenes scenes/dev -m tuned`
    """
    from clip_event.commands import figures, terminal

    with plain_errors(), terminal.progress(str(folder), "looking at") as step:
        from clip_event.evaluation.scenes import scenes

        result = scenes(
            asked(model, device),
            folder,
            styles=[style for style in styles.split(",") if style],
            gallery=gallery,
            cast=cast,
            ground=ground,
            batch_size=batch_size,
            workers=workers,
            progress=step,
        )
    _print(result, as_json, figures.scenes)
