"""What is measured, as tables for people: evaluate, calibrate and confusion print these."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from rich.console import Console
from rich.markup import escape
from rich.table import Table

if TYPE_CHECKING:
    from clip_event.zeroshot.calibration import Calibration
    from templates.confusions import Confusion

CONFUSED = 12
SHOWN = 30


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


def calibration(found: "Calibration") -> None:
    """Figures before and after, and how much can be answered how well."""
    table = Table(
        "", "before", "after", title=f"{found.photographs:,} photographs, {found.without_event:,} without event"
    )
    for column in table.columns[1:]:
        column.justify = "right"
    for name, before in found.before.items():
        table.add_row(name.replace("_", " "), f"{before:.3f}", f"{found.after[name]:.3f}")
    table.add_section()
    for share, accuracy in found.coverage[4::5]:
        table.add_row(f"accuracy of the surest {share:.0%}", "", f"{accuracy:.3f}")
    Console().print(table)
    Console(highlight=False).print(
        f"scale {found.scale:.4g}, threshold of none {found.threshold:.4g}; "
        f"pairs: slope {found.slope:.4g}, offset {found.offset:.4g}{_uncounted(found.left_out)}",
        soft_wrap=True,
    )


def confusion(found: "Confusion") -> None:
    """The types that are taken for others most."""
    pairs = [
        (row[place], true, false)
        for number, (true, row) in enumerate(zip(found.types, found.rows, strict=True))
        for place, false in enumerate(found.types)
        if row is not None and place != number
    ]
    table = Table("type", "taken for", "mean probability", box=None, header_style="bold")
    table.columns[2].justify = "right"
    for share, true, false in sorted(pairs, reverse=True)[:CONFUSED]:
        table.add_row(escape(true), escape(false), f"{share:.3f}")
    Console().print(table)
    told = f"{sum(found.photographs):,} photographs of {sum(map(bool, found.photographs))} types"
    Console(highlight=False).print(told + _uncounted(found.left_out), soft_wrap=True)


def _uncounted(counts: dict[str, int]) -> str:
    return "".join(f", {number:,} {why}" for why, number in counts.items() if number)


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
            said = ", ".join(f"{escape(name)} {number}" for name, number in list(short.items())[:SHOWN])
            console.print(f"* {shots}: fewer to draw from, all taken: {said}", soft_wrap=True)
    if only := result["only_in_test"]:
        said = ", ".join(f"{escape(name)} {number}" for name, number in only.items())
        console.print(f"only in the test file, where no probe can tell them (counted wrong): {said}", soft_wrap=True)
    for key, said in (
        ("unlabelled", "records show no event and are left out"),
        ("missed", "photographs cannot be read and are left out"),
        ("in_both", "photographs are in both files: the figures are too good"),
    ):
        if result[key]:
            console.print(f"{result[key]:,} {said}")


def scenes(result: dict[str, Any]) -> None:
    """True against false descriptions of scenes, retrieval, types; accuracy by type of event."""
    console, missed = Console(highlight=False), result["missed"]
    title = f"{result['scenes']:,} scenes" + (f", {missed} without a picture" if missed else "")
    table = _numbers_table("true against false", "accuracy", "95 %", "mirrored", "no instrument", "blind", title=title)
    for style, kinds in result["pairs"].items():
        for kind, found in kinds.items():
            others = (found[name] for name in ("mirrored", "no_instrument", "blind"))
            cells = ("" if value is None else f"{value:.1f}" for value in others)
            table.add_row(f"{style}, {kind}", f"{found['accuracy']:.1f}", _bounds(found["interval"]), *cells)
    console.print(table)
    table = _numbers_table("", "R@1", "95 %", "R@5", title="retrieval")
    for name, said in (("retrieval", "without twins"), ("retrieval_with_twins", "with twins")):
        found = result[name]
        for way in ("image_to_text", "text_to_image"):
            row = found[way]
            head = f"{way.replace('_', ' ')}, {said}, among {found['images']}"
            table.add_row(head, f"{row['r1']:.1f}", _bounds(row["interval"]), f"{row['r5']:.1f}")
    console.print(table)
    kind = result["type"]
    table = _numbers_table("event type", "event", "role", title="accuracy by type, all styles")
    for name, found in result["by_type"].items():
        table.add_row(escape(name), *(f"{found[key]:.1f}" if key in found else "" for key in ("event", "role")))
    console.print(table)
    for name, words in (("casts", "all roles right, candidates: "), ("boxes", "box's middle on the ")):
        for who, found in result.get(name, {}).items():
            console.print(f"{words}{who}: {found['accuracy']:.1f} ({_bounds(found['interval'])})")
    low_high = _bounds(kind["interval"])
    console.print(f"type among the {kind['types']} shown, zero-shot: {kind['accuracy']:.1f} ({low_high})")


def _probe_row(table: Table, name: str, found: dict[str, Any]) -> None:
    draws = f"{min(found['draws']):.1f} to {max(found['draws']):.1f}" if "draws" in found else ""
    table.add_row(name, f"{found['accuracy']:.1f}", _bounds(found["interval"]), f"{found['mean_per_class']:.1f}", draws)


def _numbers_table(first: str, *others: str, title: str) -> Table:
    """Numbers stand on the right."""
    table = Table(first, *others, title=title)
    for column in table.columns[1:]:
        column.justify = "right"
    return table
