"""Records to batches: the same whoever loads them, every text once, tables that say what a loop over examples says."""

import json
from collections import Counter
from pathlib import Path
from random import Random
from typing import Any

import numpy as np
import pytest
import torch
from PIL.Image import Image
from torch.utils.data import DataLoader

from clip_event.data.batches import Batch, Collate, Describer, Example, Examples, Missed, Stated, graph_of
from clip_event.data.sources import Item, Source, open_source
from clip_event.pictures.reading import PictureError
from clip_event.scenes import scenes
from templates.confusable import Confusable
from templates.corpus import Corpus
from templates.events import CaptionEvents
from templates.formats import read_ontology
from templates.ontology import parse_ontology
from templates.pairs import Wanted, described
from templates.statement import statement

KINDS = ["event", "role", "filler"]
MANY = {"event": 1, "role": 2, "filler": 1}


def crop(picture: Image) -> torch.Tensor:
    """Some 40 by 40 pixels."""
    x, y = torch.randint(9, (2,)).tolist()
    return torch.tensor(np.asarray(picture)[y : y + 40, x : x + 40]).permute(2, 0, 1) / 255


def codes(texts: list[str]) -> torch.Tensor:
    """(texts, 64) the first 64 characters."""
    return torch.tensor([[ord(c) for c in text[:64].ljust(64, "\0")] for text in texts])


@pytest.fixture(scope="module")
def drawn(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("scenes") / "train"
    scenes(folder, 24, size=48)
    (folder / "images" / "000003.jpg").write_bytes(b"\xff\xd8\xff broken")
    (folder / "images" / "000005.jpg").unlink()
    return folder


@pytest.fixture(scope="module")
def source(drawn: Path, tmp_path_factory: pytest.TempPathFactory) -> Source:
    return open_source(drawn / "gold.jsonl", cache=tmp_path_factory.mktemp("cache"))


def confusable(records: list[CaptionEvents], ontology: Any) -> Confusable:
    return Confusable(
        ontology, Corpus(statement(record, event, ontology) for record in records for event in record.events)
    )


@pytest.fixture(scope="module")
def news(source: Source) -> Confusable:
    return confusable([source.record(number) for number in range(len(source))], read_ontology("news"))


def wanted(**other: Any) -> Wanted:
    return Wanted(**{"styles": ("sentence", "short", "caption"), "negatives": MANY, "salient_only": True, **other})


def test_a_pinned_batch_is_the_same_batch() -> None:
    """Read by the DataLoader's own function, which knows no dataclass but asks for the method."""
    from torch.utils.data._utils.pin_memory import pin_memory

    batch = Collate(codes, KINDS, (3, 2, 2))([Example("a", torch.ones(3, 2, 2), [Stated(1, [("x", [("role", "y")])])])])
    pinned = pin_memory(batch)
    assert isinstance(pinned, Batch)
    assert same(pinned, batch)
    if torch.cuda.is_available():
        assert all(one.is_pinned() for one in vars(pinned).values() if isinstance(one, torch.Tensor))


def test_captions_alone_are_said_of_every_photograph(news: Confusable, source: Source) -> None:
    plain = Describer(news, wanted(styles=("caption",), negatives={"role": 0}), 1, False)
    record = source.record(0)
    assert record.salient
    spaced = "FILE - A  crowd\nwaits. (AP Photo/Ann Lee)"
    for caption, said in ((record.caption, record.caption), ("A dog.", "A dog."), (spaced, "A crowd waits.")):
        item = Item(0, 0, record.model_copy(update={"caption": caption, "events": [], "salient": None}), b"", "")
        (stated,) = plain(item, 0)
        assert stated.texts == [(said, [])]
    assert plain(source[0], 0) == plain(Item(1, 1, record, b"", ""), 3)  # the same words of the same key
    assert plain(source[0], 0)[0].texts == [(record.caption, [])]
    empty = record.model_copy(update={"caption": " ", "events": [], "salient": None})
    assert plain(Item(0, 0, empty, b"", ""), 0) == []
    without = Item(0, 0, CaptionEvents(caption="A dog.", events=[]), b"", "")
    for other in (wanted(styles=("caption",)), wanted(styles=("caption", "short"), negatives={})):
        assert Describer(news, other, 1, False)(without, 0) == []


def same(one: Batch, two: Batch) -> bool:
    tensors = [(value, vars(two)[name]) for name, value in vars(one).items() if isinstance(value, torch.Tensor)]
    return one.ids == two.ids and all(torch.equal(*pair) for pair in tensors)


def test_a_batch_is_the_same_whoever_loads_it_and_another_in_another_epoch(source: Source, news: Confusable) -> None:
    examples = Examples(source, Describer(news, wanted(), 2, True), crop, 48, seed=7)
    collate = Collate(codes, KINDS, (3, 40, 40))

    def loaded(epoch: int, workers: int, numbers: list[int]) -> Batch:
        sampler = [[(epoch, number) for number in numbers]]
        return next(iter(DataLoader(examples, batch_sampler=sampler, num_workers=workers, collate_fn=collate)))

    numbers = [0, 3, 11, 5, 7, 2]
    first = loaded(0, 0, numbers)
    torch.rand(3)
    assert same(first, loaded(0, 2, numbers))
    assert same(first, loaded(0, 0, numbers))
    assert [missed.id for missed in first.missed] == [source[3].id, source[5].id]
    assert "broken" not in str(first.missed[0].error)
    assert "no such file" in str(first.missed[1].error)
    assert first.ids == [source[number].id for number in (0, 11, 7, 2)]
    alone = examples[0, 11]  # whoever stands beside it
    assert isinstance(alone, Example)
    assert torch.equal(alone.image, first.images[1])

    def said(epoch: int, number: int) -> list[Stated]:
        return examples.describer(source[number], epoch)

    good = [number for number in range(24) if number not in (3, 5)]
    assert sum(said(0, number) != said(1, number) for number in good) > 15
    assert sum(torch.equal(examples[0, n].image, examples[1, n].image) for n in good[:8]) < 3
    other = Examples(source, Describer(news, wanted(seed=1), 2, True), crop, 48, seed=8)
    assert sum(other.describer(source[number], 0) != said(0, number) for number in good) > 15


def test_styles_are_drawn_evenly_and_said_as_the_templates_say_them(source: Source, news: Confusable) -> None:
    describer = Describer(news, wanted(), 1, False)
    styles: Counter[str] = Counter()
    for number in range(24):
        record = source.record(number)
        (all_of_them,) = described(record, news, wanted(epoch=4))
        (stated,) = describer(source[number], 4)
        ((positive, negatives),) = stated.texts
        style = next(pair for pair in all_of_them["pairs"] if pair["positive"] == positive)
        styles[style["style"]] += 1
        (own,) = described(record, news, wanted(epoch=4, styles=(style["style"],)))
        assert negatives == [(one["kind"], one["text"]) for one in own["pairs"][0]["negatives"]]
    assert len(styles) == 3


def test_events_are_one_where_type_and_fillers_are(news: Confusable) -> None:
    def key(type_: str, *arguments: tuple[str, str]) -> int:
        event = {"id": "e0", "type": type_, "arguments": [{"role": role, "text": text} for role, text in arguments]}
        return describe([row(event)])[0].key

    def describe(rows: list[dict[str, Any]]) -> list[Stated]:
        item = Item(0, "a", rows, PictureError("", ""), "")
        return Describer(news, wanted(), 1, False)(item, 0)

    def row(event: dict[str, Any]) -> dict[str, Any]:
        return {"event": event, "pairs": [{"style": "short", "positive": "yes", "negatives": []}]}

    arrest = key("Justice:Arrest-Jail", ("Agent", "Police"), ("Person", "man"))
    assert arrest == key("Justice:Arrest-Jail", ("Person", "man"), ("Agent", "police"))
    assert arrest != key("Justice:Arrest-Jail", ("Agent", "man"), ("Person", "police"))
    assert arrest != key("Conflict:Attack", ("Agent", "Police"), ("Person", "man"))
    assert arrest != key("Justice:Arrest-Jail", ("Agent", "Police"))
    assert describe([row({"id": "e0", "type": "Justice:Arrest-Jail"})])[0].key == key("Justice:Arrest-Jail")


def test_an_event_without_arguments_is_stated_with_a_graph_of_one_node(news: Confusable) -> None:
    event = {"id": "e0", "type": "Justice:Arrest-Jail", "trigger": {"text": "Arrest", "start": 0, "end": 6}}
    record = CaptionEvents.model_validate({"caption": "Arrest in Kabul.", "events": [event], "salient": "e0"})
    (stated,) = Describer(news, wanted(), 1, True)(Item(0, 0, record, b"", ""), 0)
    assert stated.graphs[0] == ["a photo of arresting someone"]
    assert {kind for _, negatives in stated.texts for kind, _ in negatives} <= {"event"}


def test_what_shows_nothing_salient_states_nothing(source: Source, news: Confusable) -> None:
    record = source.record(0).model_copy(update={"salient": None})
    item = Item(0, 0, record, b"", "")
    assert Describer(news, wanted(), 2, True)(item, 0) == []
    assert len(Describer(news, wanted(salient_only=False), 2, True)(item, 0)) == 1


def description(number: int) -> dict[str, Any]:
    event = {"id": f"e{number}", "type": "Kitchen:Cook", "arguments": [{"role": "Cook", "text": "Chef"}]}
    false = {
        "type": "Kitchen:Cook",
        "arguments": [{"role": "Dish", "text": "chef"}, {"role": "Elsewhere", "text": "x"}],
    }
    pairs = [
        {
            "style": style,
            "positive": f"{style} {number}",
            "negatives": [
                *({"kind": "role", "text": f"{style} {number} role {n}", "event": false} for n in range(4)),
                {"kind": "event", "text": f"{style} {number} event"},
            ],
        }
        for style in ("short", "type")
    ]
    return {"id": "a", "image": "a.jpg", "event": event, "pairs": pairs}


def test_descriptions_are_drawn_from_by_epoch_with_an_ontology_of_the_users_own(tmp_path: Path) -> None:
    (tmp_path / "said.jsonl").write_text("".join(json.dumps(description(number)) + "\n" for number in range(2)))
    roles = {"Cook": {"kinds": ["person"]}, "Dish": {"kinds": ["object"]}}
    cook = {"gerund": "cooking", "sentences": ["{Cook} <cook> {Dish}", "cooking"], "roles": roles}
    kitchen = parse_ontology({"name": "kitchen", "events": {"Kitchen:Cook": cook}}, "kitchen")
    source = open_source(tmp_path / "said.jsonl", cache=tmp_path / "cache", ontology="open")
    describer = Describer(Confusable(kitchen, Corpus([])), wanted(styles=("short", "type")), 1, True)
    seen = set()
    for epoch in range(20):
        for number, stated in enumerate(describer(source[0], epoch)):
            ((positive, negatives),) = stated.texts
            assert positive in (f"short {number}", f"type {number}")
            kinds = Counter(kind for kind, _ in negatives)
            assert kinds == {"event": 1, "role": 2}
            assert len({text for _, text in negatives}) == 3
            assert all(text.startswith(positive) for _, text in negatives)
            # the negative without its event has no graph; the two others have the same
            assert stated.graphs == [["a photo of cooking", "cook: chef"], ["a photo of cooking", "dish: chef"]]
            assert stated.graph_kinds == ["role"]
            seen |= {positive, *(text for _, text in negatives)}
    assert len(seen) == 24  # all that the two lines say
    assert describer(source[0], 3) == describer(source[0], 3)
    assert Describer(describer.confusable, wanted(styles=("caption",)), 1, True)(source[0], 0) == []


def test_graphs_in_the_open_ontology_and_of_an_unknown_type() -> None:
    event = {"type": "dress up", "arguments": [{"role": "Agent", "text": "Girl"}, {"role": "Time", "text": "now"}]}
    assert graph_of(event, None) == ["a photo of dressing up", "agent: girl"]
    with pytest.raises(ValueError, match=r"'dress up' is none of the ontology 'news'; set data.ontology"):
        graph_of(event, read_ontology("news"))


def test_a_graph_does_not_tell_by_its_letters_whether_it_is_true(source: Source, news: Confusable) -> None:
    """An exchange of roles has the true graph's fillers, letter by letter."""
    describer, checked = Describer(news, wanted(negatives={"role": 1}, styles=("short",)), 1, True), 0
    capital = [n for n in range(24) if source.record(n).shown().arguments[0].start == 0]
    for number in [*range(24), *capital]:
        (stated,) = describer(source[number], 0)
        for false in stated.graphs[1:]:
            fillers = [sorted(node.partition(": ")[2] for node in graph[1:]) for graph in (stated.graphs[0], false)]
            assert fillers[0] == fillers[1]
            checked += 1
    assert checked > 15


def examples_of(seed: int, images: int = 6) -> list[Example | Missed]:
    """Photographs that share texts and events; a negative of one is a true text of another."""
    draw, made = Random(seed), []
    texts = [f"text {number}" for number in range(8)]
    for image in range(images):
        stated = []
        for _ in range(draw.choice([0, 1, 1, 2, 3])):
            said = []
            for _ in range(draw.randint(1, 2)):
                positive, *false = draw.sample(texts, draw.randint(1, 4))
                said.append((positive, [(draw.choice(KINDS), text) for text in false]))
            graphs = [
                [f"node {draw.randrange(9)}" for _ in range(draw.randint(1, 4))] for _ in range(draw.randint(0, 3))
            ]
            stated.append(Stated(1 + draw.randrange(4), said, graphs, [draw.choice(KINDS) for _ in graphs[1:]]))
        made.append(Example(f"i{image}", torch.full((3, 2, 2), float(image)), stated))
        if draw.random() < 0.3:
            made.append(Missed(f"m{image}", PictureError("x.jpg", "no such file")))
    return made


@pytest.mark.parametrize("seed", range(6))
def test_the_tables_say_what_a_loop_over_the_examples_says(seed: int) -> None:
    given = examples_of(seed)
    batch = Collate(codes, KINDS, (3, 2, 2))(given)
    texts = ["".join(map(chr, row)).rstrip("\0") for row in batch.tokens.tolist()]
    examples = [one for one in given if isinstance(one, Example)]
    assert batch.ids == [example.id for example in examples]
    assert [float(image[0, 0, 0]) for image in batch.images] == [float(example.id[1:]) for example in examples]
    assert [missed.id for missed in batch.missed] == [one.id for one in given if isinstance(one, Missed)]

    stated = [(image, one) for image, example in enumerate(examples) for one in example.stated]
    pairs = [(image, one.key, positive, negatives) for image, one in stated for positive, negatives in one.texts]
    assert len(set(texts)) == len(texts)
    assert set(texts[: batch.positives]) == {positive for _, _, positive, _ in pairs}
    nodes = {node for _, one in stated for graph in one.graphs for node in graph}
    assert set(texts) == nodes.union(
        *({positive, *(text for _, text in negatives)} for _, _, positive, negatives in pairs)
    )
    assert len(set(batch.text_hash.tolist())) == len(texts)
    assert [(image, texts[text], key) for image, text, key in batch.true.tolist()] == [
        (image, positive, key) for image, key, positive, _ in pairs
    ]

    rows = []
    for image, numbers, kinds in zip(
        *(t.tolist() for t in (batch.row_image, batch.row_texts, batch.row_kind)), strict=True
    ):
        there = [(KINDS[kind], texts[number]) for kind, number in zip(kinds, numbers[1:], strict=True) if kind >= 0]
        assert all(number == 0 for kind, number in zip(kinds, numbers[1:], strict=True) if kind < 0)
        rows.append((image, texts[numbers[0]], there))
    assert rows == [(image, positive, negatives) for image, _, positive, negatives in pairs]

    graphs = []
    tables = (batch.graph_image, batch.graph_nodes, batch.graph_mass, batch.graph_kind)
    for image, numbers, mass, kinds in zip(*(table.tolist() for table in tables), strict=True):
        said = [[texts[n] for n, m in zip(*one, strict=True) if m] for one in zip(numbers, mass, strict=True)]
        graphs.append((image, [graph for graph in said if graph], [KINDS[kind] for kind in kinds if kind >= 0]))
    assert graphs == [(image, one.graphs, one.graph_kinds) for image, one in stated if one.graphs]


def test_a_text_has_the_same_hash_in_every_batch() -> None:
    one, two = (Collate(codes, KINDS, (3, 2, 2))(examples_of(seed)) for seed in (1, 2))
    by_text = [dict(zip(map(tuple, b.tokens.tolist()), b.text_hash.tolist(), strict=True)) for b in (one, two)]
    shared = by_text[0].keys() & by_text[1].keys()
    assert len(shared) > 4
    assert all(by_text[0][text] == by_text[1][text] for text in shared)


def test_a_batch_without_a_picture_has_tables_of_the_same_form() -> None:
    full = Collate(codes, KINDS, (3, 2, 2))(examples_of(0))
    empty = Collate(codes, KINDS, (3, 2, 2))([Missed("m", PictureError("x.jpg", "no such file"))])
    assert (empty.ids, empty.positives, empty.images.shape) == ([], 0, (0, 3, 2, 2))
    for name, value in vars(full).items():
        if isinstance(value, torch.Tensor):
            other = vars(empty)[name]
            assert (other.ndim, other.dtype) == (value.ndim, value.dtype), name
            assert len(other) == (1 if name in ("tokens", "text_hash") else 0)
