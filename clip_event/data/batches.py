"""Records to batches: a photograph, what is true of it and what is false, with every text of the batch once.

Texts and negatives are drawn by record and epoch in the loader's workers, so they are fresh in every epoch and the same
in every run, whatever the number of workers or processes and wherever an interrupted run goes on.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from hashlib import blake2b
from random import Random
from typing import Any

import torch
from PIL.Image import Image
from torch import Tensor
from torch.utils.data import default_collate

from clip_event.data.sources import Item, Source
from clip_event.pictures.reading import PictureError, load
from clip_event.towers.models import Transform
from clip_event.towers.texts import Tokenizer
from clip_event.towers.tokens import Remembering
from templates.confusable import Confusable
from templates.events import CaptionEvents
from templates.habits import body
from templates.ontology import Ontology
from templates.pairs import Wanted, described
from templates.statement import open_template
from templates.told import words_of_role

Json = dict[str, Any]
NODES = 12
"""The most nodes of an event's graph: itself and its arguments."""


@dataclass(frozen=True)
class Stated:
    """One event of a photograph.

    Attributes:
        key: type and fillers; events with the same key are no negatives of each other.
        texts: in each style the positive, and the kind and text of each negative.
        graphs: nodes of the event's graph, then of those of its negatives, with the kind of each negative.
    """

    key: int
    texts: list[tuple[str, list[tuple[str, str]]]]
    graphs: list[list[str]] = field(default_factory=list)
    graph_kinds: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class Example:
    """A photograph (3, height, width), what is stated of it, and its boxes (R, 4) in shares of width and height."""

    id: str | int
    image: Tensor
    stated: list[Stated]
    boxes: Tensor | None = None


@dataclass(frozen=True)
class Missed:
    """A record whose photograph cannot be read."""

    id: str | int
    error: PictureError


class Describer:
    """Says a record's events and their negatives, in styles drawn for each epoch.

    Where the captions themselves are all that is wanted, they are said of every photograph, with an event or without.

    Args:
        confusable: with the corpus of the training data.
        wanted: styles, negatives, salience and seed; its epoch is set for each call.
        texts: how many styles of an event to say at once.
        graphs: whether to make graphs.
    """

    def __init__(self, confusable: Confusable, wanted: Wanted, texts: int, graphs: bool) -> None:
        self.confusable, self.wanted, self.texts, self.graphs = confusable, wanted, texts, graphs
        self.plain = set(wanted.styles) == {"caption"} and not any(wanted.negatives.values()) and not graphs

    def __call__(self, item: Item, epoch: int) -> list[Stated]:
        if self.plain and isinstance(item.record, CaptionEvents):
            text = " ".join(body(item.record.caption).split())
            return [Stated(hashed(text), [(text, [])])] if text else []
        draw = Random(f"{self.wanted.seed}|{item.id}|{epoch}|styles")
        styles = tuple(draw.sample(self.wanted.styles, min(self.texts, len(self.wanted.styles))))
        rows: Sequence[Json]
        if isinstance(item.record, CaptionEvents):
            rows = list(described(item.record, self.confusable, replace(self.wanted, styles=styles, epoch=epoch)))
        else:  # descriptions are said already; of their negatives as many are drawn as are wanted
            rows = [{**row, "pairs": _chosen(row["pairs"], self.texts, self.wanted, draw)} for row in item.record]
        return [self._stated(row) for row in rows if row["pairs"]]

    def _stated(self, row: Json) -> Stated:
        texts = [(p["positive"], [(n["kind"], n["text"]) for n in p["negatives"]]) for p in row["pairs"]]
        event = row["event"]
        key = hashed(event["type"], *sorted(f"{a['role']}={a['text'].casefold()}" for a in arguments(event)))
        if not self.graphs:
            return Stated(key, texts)
        # a negative that was written without its event has no graph
        false = {str(n["event"]): n for p in row["pairs"] for n in p["negatives"] if n.get("event")}.values()
        graphs = [
            graph_of(event, self.confusable.ontology),
            *(graph_of(n["event"], self.confusable.ontology) for n in false),
        ]
        return Stated(key, texts, graphs, [negative["kind"] for negative in false])


def arguments(event: Mapping[str, Any]) -> list[Json]:
    """An event's arguments; one without any may lack the key."""
    found: list[Json] = event.get("arguments", [])
    return found


def graph_of(event: Mapping[str, Any], ontology: Ontology | None) -> list[str]:
    """The event's nodes in words: its type by gerund, and each filler with its role.

    In lower case: the first word of a caption has a capital in the true event alone, which would give it away.

    Raises:
        ValueError: the ontology has no such type.
    """
    if ontology is not None and event["type"] not in ontology:
        raise ValueError(
            f"event type {event['type']!r} is none of the ontology {ontology.name!r}; set data.ontology to the one "
            "that the data was made with"
        )
    template = open_template(event["type"]) if ontology is None else ontology[event["type"]]
    said = [(a["role"], a["text"].lower()) for a in arguments(event) if a["role"] in template.roles]
    fillers = [f"{words_of_role(role)}: {text}" for role, text in dict.fromkeys(said)]
    return [f"a photo of {template.gerund}", *fillers][:NODES]


def _chosen(pairs: Sequence[Json], texts: int, wanted: Wanted, draw: Random) -> list[Json]:
    said = [pair for pair in pairs if pair["style"] in wanted.styles]
    chosen = []
    for pair in draw.sample(said, min(texts, len(said))):
        negatives: list[Json] = []
        for kind, number in wanted.negatives.items():
            of_kind = [negative for negative in pair["negatives"] if negative["kind"] == kind]
            negatives += draw.sample(of_kind, min(number, len(of_kind)))
        chosen.append({**pair, "negatives": negatives})
    return chosen


class Examples(torch.utils.data.Dataset["Example | Missed"]):
    """Examples by epoch and number, for a `DataLoader`.

    Args:
        transform: an image to (3, height, width); what it draws is set by seed, epoch and number.
        size: the side that pictures are read for, in pixels.
        boxes: a record and its picture as read to boxes, see `Example`; for a transform that crops by no chance.
    """

    def __init__(
        self,
        source: Source,
        describer: Describer,
        transform: Transform,
        size: int,
        seed: int,
        boxes: Callable[[Item, Image], Tensor] | None = None,
    ) -> None:
        self.source, self.describer, self.transform, self.size, self.seed = source, describer, transform, size, seed
        self.boxes = boxes

    def __len__(self) -> int:
        return len(self.source)

    def __getitem__(self, place: tuple[int, int]) -> Example | Missed:
        epoch, number = place
        return self.of(self.source[number], epoch)

    def of(self, item: Item, epoch: int) -> Example | Missed:
        """The example of a record that is read already."""
        picture = load(item.picture, self.size, item.place)
        if isinstance(picture, PictureError):
            return Missed(item.id, picture)
        with torch.random.fork_rng(devices=[]):
            torch.default_generator.manual_seed(hashed(self.seed, epoch, item.number))
            image = self.transform(picture)
        boxes = self.boxes(item, picture) if self.boxes else None
        return Example(item.id, image, self.describer(item, epoch), boxes)


@dataclass
class Batch:
    """What a step needs: B photographs, T texts of which the first P are true of one of them.

    Attributes:
        ids: of the photographs.
        images: (B, 3, height, width).
        tokens: (T, context).
        positives: P.
        true: (N, 3), photograph, text and event for each statement.
        text_hash: (T,), the same for the same text in any process.
        row_image: (R,), row_texts: (R, 1 + K), row_kind: (R, K): each true text with its own negatives, kind -1 where
            there are fewer than K.
        graph_image: (G,), graph_nodes: (G, 1 + J, M), graph_mass: (G, 1 + J, M), graph_kind: (G, J): likewise graphs.
        missed: records without a readable photograph.
        boxes: (B, R, 4), where there are regions: in shares of width and height, 0 where a photograph has fewer than R.
    """

    ids: list[str | int]
    images: Tensor
    tokens: Tensor
    positives: int
    true: Tensor
    text_hash: Tensor
    row_image: Tensor
    row_texts: Tensor
    row_kind: Tensor
    graph_image: Tensor
    graph_nodes: Tensor
    graph_mass: Tensor
    graph_kind: Tensor
    missed: list[Missed]
    boxes: Tensor | None = None

    def to(self, device: torch.device) -> "Batch":
        """With every tensor on the device."""
        return self._with(lambda tensor: tensor.to(device, non_blocking=True))

    def pin_memory(self) -> "Batch":
        """With every tensor where a GPU can fetch it by itself, for a `DataLoader`; as it is where there is no GPU."""
        return self._with(Tensor.pin_memory) if torch.cuda.is_available() else self

    def _with(self, change: Callable[[Tensor], Tensor]) -> "Batch":
        held = {one.name: getattr(self, one.name) for one in fields(self)}
        changed: dict[str, Any] = {name: change(one) for name, one in held.items() if isinstance(one, Tensor)}
        return replace(self, **changed)


class Collate:
    """Examples to a `Batch`; in the workers, so that texts are tokenised there.

    Args:
        kinds: the kinds of negatives, numbered as they stand.
        shape: of an image, for a batch in which no photograph is readable.
    """

    def __init__(self, tokenizer: Tokenizer, kinds: Sequence[str], shape: tuple[int, ...]) -> None:
        self.tokenizer = Remembering(tokenizer) if Remembering.fits(tokenizer) else tokenizer
        self.kinds, self.shape = list(kinds), shape

    def __call__(self, given: Sequence[Example | Missed]) -> Batch:
        examples = [one for one in given if isinstance(one, Example)]
        number: dict[str, int] = {}
        true: list[tuple[int, int, int]] = []
        for image, stated in _stated(examples):
            for positive, _ in stated.texts:
                true.append((image, number.setdefault(positive, len(number)), stated.key))
        positives = len(number)
        rows, graphs = [], []
        for image, stated in _stated(examples):
            for positive, negatives in stated.texts:
                texts = [number.setdefault(text, len(number)) for _, text in negatives]
                rows.append((image, [number[positive], *texts], [self.kinds.index(kind) for kind, _ in negatives]))
            if stated.graphs:
                nodes = [[number.setdefault(node, len(number)) for node in graph] for graph in stated.graphs]
                graphs.append((image, nodes, [self.kinds.index(kind) for kind in stated.graph_kinds]))
        most = max((len(nodes) for _, graph, _ in graphs for nodes in graph), default=1)
        wide = max((len(graph) for _, graph, _ in graphs), default=1)
        graph_nodes = torch.full((len(graphs), wide, most), -1, dtype=torch.int64)
        for row, (_, graph, _) in enumerate(graphs):
            for column, numbers in enumerate(graph):
                graph_nodes[row, column, : len(numbers)] = torch.tensor(numbers)
        return Batch(
            ids=[example.id for example in examples],
            # default_collate stacks in a worker's shared memory, without another copy on the way out
            images=default_collate([e.image for e in examples]) if examples else torch.zeros(0, *self.shape),
            tokens=self.tokenizer(list(number) or [""]),
            positives=positives,
            true=torch.tensor(true, dtype=torch.int64).view(-1, 3),
            text_hash=torch.tensor([hashed(text) for text in number] or [0], dtype=torch.int64),
            row_image=torch.tensor([image for image, _, _ in rows], dtype=torch.int64),
            row_texts=_padded([texts for _, texts, _ in rows], 0, least=1),
            row_kind=_padded([kinds for _, _, kinds in rows], -1),
            graph_image=torch.tensor([image for image, _, _ in graphs], dtype=torch.int64),
            graph_nodes=graph_nodes.clamp(min=0),
            graph_mass=(graph_nodes >= 0).float(),
            graph_kind=_padded([kinds for _, _, kinds in graphs], -1),
            missed=[one for one in given if isinstance(one, Missed)],
            boxes=_boxes(examples),
        )


def _stated(examples: Sequence[Example]) -> Iterator[tuple[int, Stated]]:
    for image, example in enumerate(examples):
        for stated in example.stated:
            yield image, stated


def _boxes(examples: Sequence[Example]) -> Tensor | None:
    """(examples, most, 4): an empty box stands for none, as no patch lies in it."""
    found = [one.boxes for one in examples if one.boxes is not None]
    return torch.nn.utils.rnn.pad_sequence(found, batch_first=True) if found else None


def _padded(rows: Sequence[Sequence[int]], value: int, least: int = 0) -> Tensor:
    """(rows, longest), filled up with `value`."""
    table = torch.full((len(rows), max([least, *map(len, rows)])), value, dtype=torch.int64)
    for number, row in enumerate(rows):
        table[number, : len(row)] = torch.tensor(row, dtype=torch.int64)
    return table


def hashed(*parts: object) -> int:
    """A number of 63 bits that depends on the parts alone, never 0."""
    return int.from_bytes(blake2b(repr(parts).encode(), digest_size=8).digest(), "big") >> 1 | 1
