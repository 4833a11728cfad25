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
    from clip_event.zeroshot.classify import Classified
    from clip_event.zeroshot.scores import Scored
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


def classified(result: "Classified") -> None:
    """Photographs by event type and the totals of a run, on standard error."""
    console = Console(stderr=True, highlight=False)
    table = Table("event type", "photographs", box=None, header_style="bold")
    table.columns[1].justify = "right"
    for name, count in result.events.most_common(LARGEST):
        table.add_row(escape(name), f"{count:,}")
    if result.events:
        console.print(table)
    _totals(console, f"{result.photographs:,} photographs", result.photographs, result)


def scored(result: "Scored") -> None:
    """The totals of a run, on standard error."""
    done = f"{result.scores:,} events scored, {result.records:,} photographs"
    _totals(Console(stderr=True, highlight=False), done, result.records, result)


def _totals(console: Console, done: str, photographs: int, result: "Classified | Scored") -> None:
    rate = f", {photographs / result.seconds:.0f} photographs/s" if result.seconds else ""
    console.print(f"{done}, {result.bad:,} that cannot be used; {result.seconds:.1f} s{rate}", soft_wrap=True)


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
        template = found.meant(only)
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
