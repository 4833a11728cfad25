"""What the commands print: tables and progress for people, on a terminal or into a pipe."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from rich import box
from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn
from rich.table import Table

if TYPE_CHECKING:
    from clip_event.descriptions import Described
    from extraction.files import Summary
    from templates.ontology import Ontology

LARGEST = 30


@contextmanager
def progress(source: str, doing: str = "reading") -> Iterator[Callable[[int], None] | None]:
    """A bar on standard error where that is a terminal; yields the function that moves it, or None."""
    console = Console(stderr=True)
    if not console.is_terminal:
        yield None
        return
    columns = (
        SpinnerColumn(),
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
    )
    with Progress(*columns, console=console, transient=True) as bar:
        task = bar.add_task(f"{doing} {escape(source)}", total=None)
        yield lambda done: bar.update(task, completed=done)


def summary(result: "Summary") -> None:
    """Events by type and the totals of a run, on standard error."""
    console = Console(stderr=True, highlight=False)
    table = Table("event type", "events", box=None, header_style="bold")
    table.columns[1].justify = "right"
    common = result.events.most_common(LARGEST)
    for name, count in common:
        table.add_row(escape(name), f"{count:,}")
    if rest := result.events.total() - sum(count for _, count in common):
        table.add_row(f"{len(result.events) - len(common)} more types", f"{rest:,}")
    if common:
        console.print(table)
    rate = f", {result.captions / result.seconds:.0f} captions/s" if result.seconds else ""
    console.print(
        f"{result.captions:,} captions, {result.events.total():,} events, {result.arguments:,} arguments, "
        f"{result.bad:,} bad records; {result.seconds:.1f} s{rate}",
        soft_wrap=True,
    )


def described(result: "Described") -> None:
    """Positives by style, negatives by kind and the totals of a run, on standard error."""
    console = Console(stderr=True, highlight=False)
    table = Table("style or kind", "texts", box=None, header_style="bold")
    table.columns[1].justify = "right"
    for counts, sign in ((result.positives, "+"), (result.negatives, "-")):
        for name, number in counts.items():
            table.add_row(f"{sign} {escape(name)}", f"{number:,}")
    console.print(table)
    console.print(
        f"{result.records:,} records, {result.events:,} events, {result.dropped:,} arguments left out, "
        f"{result.bad:,} bad records",
        soft_wrap=True,
    )


def events(records: Sequence[dict[str, Any]]) -> None:
    """A table of the events of a few captions, a line an event; the salient one is starred."""
    table = Table(box=box.SIMPLE, pad_edge=False)
    table.add_column("caption", ratio=9)
    table.add_column("event", ratio=6)
    table.add_column("arguments", ratio=9)
    for record in records:
        rows = record["events"] or [None]
        for number, event in enumerate(rows):
            caption = escape(record["caption"]) if number == 0 else ""
            if event is None:
                table.add_row(caption, "none", "", end_section=True)
                continue
            star = "* " if event["id"] == record["salient"] else "  "
            arguments = "\n".join(f"{a['role']}: {a['text']}" for a in event["arguments"])
            name = f"{star}{event['type']}\n  {event['trigger']['text']}"
            table.add_row(caption, escape(name), escape(arguments), end_section=number == len(rows) - 1)
    Console().print(table)


def ontology(found: "Ontology", only: str | None = None) -> None:
    """Types with their roles; of one type everything. Raises ValueError where `only` is not a type."""
    console = Console(highlight=False)
    if only is not None:
        template = found.find(only)
        if template is None:
            near = [name for name in found.events if only.lower() in name.lower()]
            hint = f"; near: {', '.join(near[:5])}" if near else ""
            raise ValueError(f"{only!r} is not a type of {found.name!r}{hint}")
        console.print(f"[bold]{escape(template.name)}[/]: {escape(template.gerund)}")
        for role, spec in template.roles.items():
            also = f" (also {', '.join(spec.aliases)})" if spec.aliases else ""
            console.print(f"  {escape(role)}: {', '.join(spec.kinds)}{escape(also)}")
        for sentence in template.sentences:
            console.print("  " + sentence, markup=False)
        return
    table = Table(
        "type", "roles", box=None, header_style="bold", title=escape(f"{found.name}, version {found.version}")
    )
    for name, template in found.events.items():
        table.add_row(escape(name), escape(", ".join(template.roles)))
    console.print(table)


def scores(result: dict[str, Any]) -> None:
    """Precision, recall and F1 of triggers and arguments, overall and by type."""
    table = Table("", "precision", "recall", "F1", "95 %", "predicted", "gold", title=f"{result['captions']} captions")
    for column in table.columns[1:]:
        column.justify = "right"
    for name in ("trigger", "argument"):
        part = result[name]
        low, high = part["interval"]
        table.add_row(
            f"[bold]{name}[/]", *_cells(part), f"{low:.1f} to {high:.1f}", str(part["predicted"]), str(part["gold"])
        )
        table.add_row(f"{name}, macro over types with 3", "", "", f"{part['macro_f1']:.1f}", "", "", "")
    table.add_section()
    for kind, part in result["trigger"]["by_type"].items():
        table.add_row(escape(kind), *_cells(part), "", str(part["predicted"]), str(part["gold"]))
        if kind in (arguments := result["argument"]["by_type"]):
            part = arguments[kind]
            table.add_row("  arguments", *_cells(part), "", str(part["predicted"]), str(part["gold"]))
    Console().print(table)


def pairs(result: dict[str, Any]) -> None:
    """Accuracy on pairs, overall, by kind and by group, with intervals."""
    said = f"{result['format']}: {result['pairs']:,} pairs, {result['photographs']:,} photographs"
    table = Table("", "%", "95 %", "pairs", title=said + _left_out(result["missed"], result["left_out"]))
    for column in table.columns[1:]:
        column.justify = "right"
    bounds, counts = result["intervals"], result["pairs_by_kind"]
    names = {"accuracy": "accuracy", "macro": "mean over kinds", "image": "image direction", "rank": "rank"}
    for name, words in names.items():
        if name in result:
            shown = f"{result['pairs']:,}" if name == "accuracy" else ""
            table.add_row(f"[bold]{words}[/]", f"{result[name]:.1f}", _bounds(bounds[name]), shown)
    for name, value in result.get("group", {}).items():
        table.add_row(f"[bold]group, {name}[/]", f"{value:.1f}", _bounds(bounds["group"][name]), "")
    table.add_section()
    for kind, value in result["by_kind"].items():
        table.add_row(escape(kind), f"{value:.1f}", _bounds(bounds["by_kind"][kind]), f"{counts[kind]:,}")
    Console().print(table)


def retrieval(result: dict[str, Any]) -> None:
    """Recall both ways, with intervals."""
    said = f"{result['images']:,} images, {result['texts']:,} texts" + _left_out(result["missed"])
    table = Table("recall at", "1", "5", "10", title=said)
    for column in table.columns[1:]:
        column.justify = "right"
    for way, words in (("image_to_text", "image to text"), ("text_to_image", "text to image")):
        bounds = result["intervals"][way]
        table.add_row(f"[bold]{words}[/]", *(f"{value:.1f}" for value in result[way].values()))
        table.add_row("  95 %", *map(_bounds, bounds.values()))
    Console().print(table)


def _bounds(interval: Sequence[float]) -> str:
    return f"{interval[0]:.1f} to {interval[1]:.1f}"


def _left_out(missed: int, by_authors: int = 0) -> str:
    parts = [f"{missed:,} without a photograph"] * bool(missed) + [f"{by_authors:,} not counted"] * bool(by_authors)
    return f" ({', '.join(parts)})" if parts else ""


def _cells(part: dict[str, Any]) -> list[str]:
    return [f"{part[name]:.1f}" for name in ("precision", "recall", "f1")]


CONVENTIONS = {"with_events": "with an event", "all": "all"}
M2E2 = {
    "image": {
        "event": "event",
        "role": "argument, by role",
        "role_any_type": "argument, by role, of any type",
        "box": "argument, by role and box",
        "box_any_type": "argument, by role and box, of any type",
    },
    "text": {
        "trigger": "trigger",
        "argument": "argument",
        "argument_any_type": "argument, of any type",
        "trigger_lenient": "trigger, overlapping",
        "argument_lenient": "argument, by head",
        "argument_any_type_lenient": "argument, by head, of any type",
    },
}


def m2e2(result: dict[str, Any]) -> None:
    """Precision, recall and F1 of images and sentences, both conventions on inputs without an event."""
    for what, name in (("image", "photographs"), ("text", "sentences")):
        if what not in result:
            continue
        table = Table("", "over", "precision", "recall", "F1", "95 %", "predicted", "gold")
        inputs = {convention: result[what][convention]["inputs"] for convention in CONVENTIONS}
        table.title = f"{inputs['all']:,} {name}, {inputs['with_events']:,} with an event"
        for column in table.columns[2:]:
            column.justify = "right"
        for measure, label in M2E2[what].items():
            for convention, over in CONVENTIONS.items():
                part = result[what][convention].get(measure)
                if part is None:
                    continue
                low, high = part["interval"]
                first = label if convention == "with_events" else ""
                numbers = f"{low:.1f} to {high:.1f}", f"{part['predicted']:,}", f"{part['gold']:,}"
                table.add_row(first, over, *_cells(part), *numbers, end_section=convention == "all")
        Console().print(table)


SWIG = {
    "verb": "verb",
    "value": "value",
    "value_all": "value-all",
    "grounded_value": "grounded value",
    "grounded_value_all": "grounded value-all",
}


def swig(result: dict[str, Any]) -> None:
    """Verbs, values and grounded values under the first verb, the first five and the gold one, with 95 % intervals."""
    settings = {"top1": "top 1", "top5": "top 5", "gold_verb": "gold verb"}
    table = Table(
        "", *(word for name in settings.values() for word in (name, "95 %")), title=f"{result['images']:,} images"
    )
    for column in table.columns[1:]:
        column.justify = "right"
    for measure, label in SWIG.items():
        cells = []
        for setting in settings:
            figure = result[setting].get(measure)
            cells += (
                [f"{figure['accuracy']:.1f}", "{:.1f} to {:.1f}".format(*figure["interval"])] if figure else ["", ""]
            )
        table.add_row(label, *cells)
    Console().print(table)


def choice(result: dict[str, Any]) -> None:
    """Accuracy of questions, of each kind, and of groups as a whole, with 95 % intervals."""
    table = Table(
        "", "accuracy", "95 %", "questions", title=f"{result['missed']:,} left out" if result["missed"] else None
    )
    for column in table.columns[1:]:
        column.justify = "right"
    parts = {"all": result, **{escape(kind): part for kind, part in result["by_kind"].items()}}
    for name, part in (parts | ({"groups, all right": result["groups"]} if "groups" in result else {})).items():
        low, high = part["interval"]
        table.add_row(name, f"{part['accuracy']:.1f}", f"{low:.1f} to {high:.1f}", f"{part['questions']:,}")
    Console().print(table)
