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


def _cells(part: dict[str, Any]) -> list[str]:
    return [f"{part[name]:.1f}" for name in ("precision", "recall", "f1")]


def probe(result: dict[str, Any]) -> None:
    """Zero-shot, few-shot and linear-probe accuracy, and what does not add up."""
    title = f"{result['train']:,} photographs to learn from, {result['test']:,} asked, {result['classes']} classes"
    table = _numbers_table("photographs of each class", "accuracy", "95 %", "mean per class", "draws", title=title)
    _probe_row(table, "0 (zero-shot)", result["zero_shot"])
    for shots, found in result["few_shot"].items():
        _probe_row(table, f"{shots} *" if found["short"] else shots, found)
    _probe_row(table, "all (linear probe)", result["linear_probe"])
    console = Console(highlight=False)
    console.print(table)
    for shots, found in result["few_shot"].items():
        if short := found["short"]:
            said = ", ".join(f"{escape(name)} {number}" for name, number in list(short.items())[:LARGEST])
            console.print(f"* {shots}: fewer to draw from, all taken: {said}", soft_wrap=True)
    if only := result["only_in_test"]:
        said = ", ".join(f"{escape(name)} {number}" for name, number in only.items())
        console.print(f"only in the test file, where no probe can tell them (counted wrong): {said}", soft_wrap=True)
    for key, said in (
        ("unlabelled", "records show no event and are left out"),
        ("missing", "photographs cannot be read and are left out"),
        ("in_both", "photographs are in both files: the figures are too good"),
    ):
        if result[key]:
            console.print(f"{result[key]:,} {said}")


def scenes(result: dict[str, Any]) -> None:
    """True against false descriptions of scenes, retrieval, types; accuracy by type of event."""
    console, missing = Console(highlight=False), result["missing"]
    title = f"{result['scenes']:,} scenes" + (f", {missing} without a picture" if missing else "")
    table = _numbers_table("true against false", "accuracy", "95 %", "mirrored", "no instrument", "blind", title=title)
    for style, kinds in result["pairs"].items():
        for kind, found in kinds.items():
            others = (found[name] for name in ("mirrored", "no_instrument", "blind"))
            cells = ("" if value is None else f"{value:.1f}" for value in others)
            table.add_row(f"{style}, {kind}", f"{found['accuracy']:.1f}", _range(found["interval"]), *cells)
    console.print(table)
    table = _numbers_table("", "R@1", "95 %", "R@5", title="retrieval")
    for name, said in (("retrieval", "without twins"), ("retrieval_with_twins", "with twins")):
        found = result[name]
        for way in ("image_to_text", "text_to_image"):
            row = found[way]
            head = f"{way.replace('_', ' ')}, {said}, among {found['images']}"
            table.add_row(head, f"{row['r1']:.1f}", _range(row["interval"]), f"{row['r5']:.1f}")
    console.print(table)
    kind = result["type"]
    table = _numbers_table("event type", "event", "role", title="accuracy by type, all styles")
    for name, found in result["by_type"].items():
        table.add_row(escape(name), *(f"{found[key]:.1f}" if key in found else "" for key in ("event", "role")))
    console.print(table)
    low_high = _range(kind["interval"])
    console.print(f"type among the {kind['types']} shown, zero-shot: {kind['accuracy']:.1f} ({low_high})")


def _probe_row(table: Table, name: str, found: dict[str, Any]) -> None:
    draws = f"{min(found['draws']):.1f} to {max(found['draws']):.1f}" if "draws" in found else ""
    table.add_row(name, f"{found['accuracy']:.1f}", _range(found["interval"]), f"{found['mean_per_class']:.1f}", draws)


def _numbers_table(first: str, *others: str, title: str) -> Table:
    """Numbers stand on the right."""
    table = Table(first, *others, title=title)
    for column in table.columns[1:]:
        column.justify = "right"
    return table


def _range(interval: Sequence[float]) -> str:
    low, high = interval
    return f"{low:.1f} to {high:.1f}"
