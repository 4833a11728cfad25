"""A self-contained page of captions, their highlighted triggers and arguments, and their event graphs.

Captions are untrusted. Every value is escaped by the template engine, the page holds no script, and its content policy
lets the browser run none and load nothing.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

from clip_event.sealed import engine, sealed
from templates.events import to_graph
from templates.whole import whole

COLOURS = 6
LETTER = 7.6
"""Mean width of a letter of the graph's 13 px type, in px; boxes are drawn from it."""
BOX, ROLE, GAP, BETWEEN, MARGIN = 36, 15, 10, 230, 8
"""Height of a box, of a role's line, space between boxes, between the columns and around, in px."""


@dataclass(frozen=True)
class Mark:
    """A stretch of the caption: plain, or a trigger or argument (`kind`), of event number `colour`."""

    text: str
    kind: str = ""
    colour: int = 0
    title: str = ""


@dataclass(frozen=True)
class Box:
    """A node of the graph, in px."""

    x: float
    y: float
    width: float
    height: float
    label: str
    below: str
    kind: str
    colour: int


@dataclass(frozen=True)
class Line:
    """An edge of the graph with its role."""

    x1: float
    y1: float
    x2: float
    y2: float
    role: str
    colour: int


def write_page(path: str | Path, records: Sequence[dict[str, Any]], title: str) -> None:
    """Write the page; it appears whole or not at all."""
    page = render_page(records, title)
    with whole(path) as out:
        out.write(page)


def render_page(records: Sequence[dict[str, Any]], title: str) -> str:
    """The page as HTML."""
    environment = engine(autoescape=True)
    cards = [{"record": record, "marks": list(marks(record)), "graph": graph(record)} for record in records]
    page = environment.get_template("page.html")
    return page.render(cards=cards, title=title, **sealed(environment, "page.css"))


def marks(record: dict[str, Any]) -> Iterator[Mark]:
    """The caption cut where a trigger or argument begins or ends; where spans overlap, the trigger wins."""
    caption = record["caption"]
    spans = []
    for number, event in enumerate(record["events"]):
        trigger = event["trigger"]
        spans.append((0, trigger["start"], trigger["end"], Mark("", "trigger", number % COLOURS, event["type"])))
        for a in event.get("arguments", ()):
            spans.append(
                (1, a["start"], a["end"], Mark("", "argument", number % COLOURS, f"{a['role']} of {event['type']}"))
            )
    cuts = sorted({0, len(caption), *(edge for _, start, end, _ in spans for edge in (start, end))})
    for start, end in pairwise(cuts):
        covering = sorted((span for span in spans if span[1] <= start and end <= span[2]), key=lambda span: span[0])
        if not covering:
            yield Mark(caption[start:end])
            continue
        mark = covering[0][3]
        titles = dict.fromkeys(span[3].title for span in covering)
        yield Mark(caption[start:end], mark.kind, mark.colour, ", ".join(titles))


def graph(record: dict[str, Any]) -> dict[str, Any] | None:
    """Boxes and lines of the caption's event graph: events on the left, who and what on the right.

    A participant's box is as high as it has roles, so that each role is written on its own line.
    """
    if not record["events"]:
        return None
    net = to_graph({key: record.get(key) for key in ("caption", "events", "salient")})
    events = [node for node, data in net.nodes(data=True) if data["kind"] == "event"]
    things = sorted((node for node in net if node not in events), key=lambda node: net.nodes[node]["start"])
    colour = {node: index % COLOURS for index, node in enumerate(events)}
    heights = [max(BOX, ROLE * net.in_degree(node)) for node in things]
    right = sum(heights) + GAP * len(things)
    height = max(right, (BOX + GAP) * len(events))
    left = max(_width(net.nodes[node]["label"], net.nodes[node]["type"]) for node in events)
    starts = {}
    boxes, lines = [], []
    for index, node in enumerate(events):
        data, y = net.nodes[node], (index + 0.5) * height / len(events)
        kind = "salient" if node == record.get("salient") else "event"
        boxes.append(Box(MARGIN, y - BOX / 2, left, BOX, data["label"], data["type"], kind, colour[node]))
        starts[node] = y
    x, y = MARGIN + left + BETWEEN, (height - right + GAP) / 2
    for node, tall in zip(things, heights, strict=True):
        data = net.nodes[node]
        width = _width(data["label"], data["entity"] or "")
        boxes.append(Box(x, y, width, tall, data["label"], data["entity"] or "", "entity", 0))
        edges = sorted(net.in_edges(node, data="role"), key=lambda edge: starts[edge[0]])
        for number, (event, _, role) in enumerate(edges):
            end = y + tall * (number + 0.5) / len(edges)
            lines.append(Line(MARGIN + left, starts[event], x, end, role, colour[event]))
        y += tall + GAP
    width = max(box.x + box.width for box in boxes) + MARGIN
    return {"boxes": boxes, "lines": lines, "width": width, "height": height + GAP}


def _width(*texts: str) -> float:
    return 20 + LETTER * max(len(text) for text in texts)
