"""Event records: what is refused and where, files that come back as they were, and graphs worked by hand."""

import json

import networkx as nx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from templates import Argument, CaptionEvents, Event, RecordError, Span, read_events, to_graph, write_events
from templates.ontology import load_ontology

CAPTION = "Police arrest a man"
SPANS = {"Police": (0, 6), "arrest": (7, 13), "man": (16, 19)}
MEN = {"role": "Person", "text": "men", "start": 16, "end": 19}
NAMES = st.text(min_size=1, max_size=8)
JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**63)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=5,
)


def span(text: str, **more) -> dict:
    start, end = SPANS[text]
    return {"text": text, "start": start, "end": end, **more}


def record(event: dict | None = None, **more) -> dict:
    """A good record; `event` changes its event, `more` its own keys."""
    arguments = [span("Police", role="Agent", entity="organization"), span("man", role="Person", entity="person")]
    good = {"id": "e0", "type": "Justice:Arrest-Jail", "trigger": span("arrest"), "arguments": arguments, "score": 0.5}
    return {"id": "c1", "caption": CAPTION, "events": [good | (event or {})], "salient": "e0"} | more


def one(caption: str, text: str, start: int, end: int) -> dict:
    """A record whose one event has this trigger."""
    event = {"id": "e0", "type": "Life:Die", "trigger": {"text": text, "start": start, "end": end}}
    return {"caption": caption, "events": [event]}


def read(folder, *rows) -> list[CaptionEvents]:
    path = folder / "events.jsonl"
    path.write_text("\n".join(json.dumps(row) for row in rows), encoding="utf-8")
    return list(read_events(path))


@st.composite
def records(draw):
    caption = draw(st.text(min_size=1))
    places = st.lists(st.integers(0, len(caption)), min_size=2, max_size=2, unique=True).map(sorted)
    spans = places.map(lambda place: {"text": caption[slice(*place)], "start": place[0], "end": place[1]})
    more = st.fixed_dictionaries({"role": NAMES, "entity": st.sampled_from(["person", None])})
    arguments = st.lists(st.builds(dict.__or__, spans, more), max_size=3)
    event = {"id": NAMES, "type": NAMES, "trigger": spans, "arguments": arguments, "score": st.floats(0, 1)}
    events = draw(st.lists(st.fixed_dictionaries(event), max_size=3, unique_by=lambda found: found["id"]))
    own = {"caption": caption, "events": events, "salient": events[0]["id"] if events else None}
    own["id"] = draw(st.integers() | st.text() | st.none())
    return draw(st.dictionaries(st.text(), JSON, max_size=3)) | own


REFUSED = {
    "no caption": ({"events": []}, "caption"),
    "no events": ({"caption": CAPTION}, "events"),
    "no object": ([CAPTION], "object|dictionary"),
    "id that is a fraction": (record(id=1.5), "id"),
    "negative start": (one(CAPTION, "Police", -6, 0), r"events\.0\.trigger\.start"),
    "offset that is a fraction": (record({"trigger": span("arrest", start=7.0)}), r"events\.0\.trigger\.start"),
    "offsets longer than the text": (one(CAPTION, "Police", 0, 7), r"events\.0\.trigger.*'Police'"),
    "offsets past the end": (one(CAPTION, "man.", 16, 20), "'e0'.*'man'.*'man.'"),
    "empty span": (one(CAPTION, "", 3, 3), r"events\.0\.trigger\.text"),
    "trigger that is not in the caption": (one(CAPTION, "police", 0, 6), "'e0'.*trigger.*'Police'.*0:6.*'police'"),
    "argument that is not in the caption": (record({"arguments": [MEN]}), "'e0'.*Person.*'man'.*'men'"),
    "offsets in UTF-16 units": (one("🔥 kills two", "kills", 3, 8), "'ills '"),
    "composed text of a decomposed caption": (one("Cafe\u0301 burns", "Café", 0, 4), "'Cafe'.*'Café'"),
    "offsets of the composed caption": (one("Cafe\u0301 burns", "burns", 5, 10), "' burn'"),
    "two events of one id": (record(events=one(CAPTION, "arrest", 7, 13)["events"] * 2), "'e0'"),
    "salient that is no event": (record(salient="e7"), "'e7'"),
    "unknown entity kind": (record({"arguments": [span("man", role="Person", entity="PER")]}), r"arguments\.0\.entity"),
    "argument without a role": (record({"arguments": [span("man")]}), r"events\.0\.arguments\.0\.role"),
    "extra key of an event": (record({"polarity": "+"}), r"events\.0\.polarity"),
    "extra key of an argument": (record({"arguments": [span("man", role="Person", head=1)]}), r"arguments\.0\.head"),
    "score above one": (record({"score": 1.01}), r"events\.0\.score"),
    "score below zero": (record({"score": -0.01}), r"events\.0\.score"),
    "score that is no number": (record({"score": float("nan")}), "score|NaN"),
    "a number that is no JSON": (record(note=float("inf")), "Infinity|note"),
    "half a surrogate pair": (record(note="\ud83d"), "surrogate|note"),
}


@pytest.mark.parametrize("fault", REFUSED)
def test_a_faulty_record_is_refused_with_its_line_and_field(fault, tmp_path):
    row, place = REFUSED[fault]
    with pytest.raises(RecordError, match=rf"events\.jsonl:2: .*({place})"):
        read(tmp_path, record(), row)


@pytest.mark.parametrize(
    "line", ["🔥 kills two|kills|2", "Cafe\u0301 burns|burns|6", "Cafe\u0301 burns|Cafe\u0301|0", "two\u2028die|die|4"]
)
def test_offsets_count_the_caption_s_own_characters(line, tmp_path):
    caption, text, start = line.split("|")
    (found,) = read(tmp_path, one(caption, text, int(start), int(start) + len(text)))
    assert found.events[0].trigger.text == text


@settings(deadline=None, max_examples=60)
@given(rows=st.lists(records(), max_size=3))
def test_records_come_back_from_a_file_as_they_were_with_every_other_key(rows, tmp_path_factory):
    folder = tmp_path_factory.mktemp("rows")
    checked = read(folder, *rows)
    path = folder / "again.jsonl"
    assert write_events(path, checked) == len(rows)
    lines = path.read_bytes().decode("utf-8").split("\n")
    assert [json.loads(line) for line in lines[:-1]] == rows
    assert lines[-1] == ""
    assert list(read_events(path)) == checked


def test_an_argument_added_to_an_event_is_written(tmp_path):
    event = Event(id="e0", type="Life:Die", trigger=Span(**span("arrest")))
    event.arguments.append(Argument(**span("man", role="Victim")))
    write_events(tmp_path / "events.jsonl", [CaptionEvents(caption=CAPTION, events=[event])])
    (again,) = read_events(tmp_path / "events.jsonl")
    assert [argument.text for argument in again.events[0].arguments] == ["man"]


BROKEN = {"cut off": b'{"caption": ', "not UTF-8": b'{"caption": "caf\xe9", "events": []}', "an array": b"[]"}
BROKEN |= {"nested without end": b'{"x": ' + b"[" * 100_000, "an endless number": b'{"x": ' + b"1" * 5000 + b"}"}


@pytest.mark.parametrize("fault", BROKEN)
def test_a_line_that_is_no_record_is_named_with_its_number_counting_blank_ones(fault, tmp_path):
    good = json.dumps(record()).encode()
    (tmp_path / "events.jsonl").write_bytes(good + b"\n\n" + BROKEN[fault] + b"\n" + good + b"\n")
    rows = read_events(tmp_path / "events.jsonl")
    assert next(rows).caption == CAPTION
    with pytest.raises(RecordError, match=r"events\.jsonl:3: "):
        next(rows)


def test_a_file_that_begins_with_a_byte_order_mark_is_read(tmp_path):
    (tmp_path / "events.jsonl").write_text(json.dumps(record()), encoding="utf-8-sig")
    assert [row.caption for row in read_events(tmp_path / "events.jsonl")] == [CAPTION]


@pytest.mark.parametrize("before", [None, "what was there"])
def test_a_write_that_fails_half_way_leaves_the_folder_as_it_was(before, tmp_path):
    path = tmp_path / "events.jsonl"
    if before is not None:
        path.write_text(before)

    def rows():
        yield CaptionEvents(caption=CAPTION, events=[])
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write_events(path, rows())
    assert {file.name: file.read_text() for file in tmp_path.iterdir()} == (
        {} if before is None else {path.name: before}
    )


@pytest.mark.parametrize(
    ("change", "fault"),
    [
        ({"type": "Conflict.Attack"}, "'Conflict.Attack'"),
        (
            {"arguments": [span("man", role="Victim")]},
            "'Victim'.*Justice:Arrest-Jail.*Agent, Person, Instrument, Place",
        ),
    ],
)
def test_a_record_is_checked_against_an_ontology(change, fault, tmp_path):
    good, bad = read(tmp_path, record(), record(change))
    good.check(load_ontology())
    with pytest.raises(RecordError, match=f"'e0'.*{fault}"):
        bad.check(load_ontology())


def test_fillers_are_the_arguments_of_a_role_in_order(tmp_path):
    arguments = [span("man", role="Person"), span("arrest", role="Place"), span("Police", role="Person")]
    (found,) = read(tmp_path, record({"arguments": arguments}))
    assert [argument.text for argument in found.events[0].fillers("Person")] == ["man", "Police"]
    assert found.events[0].fillers("Agent") == []


def edges(graph: nx.MultiDiGraph) -> set[str]:
    label = graph.nodes(data="label")
    return {f"{label[event]} {role} {label[thing]}" for event, thing, role in graph.edges(data="role")}


def test_events_that_share_a_participant_share_its_node():
    rebels = {"text": "Rebels", "start": 0, "end": 6, "entity": "organization"}
    mayor, car = {"text": "mayor", "start": 16, "end": 21}, {"text": "car", "start": 37, "end": 40}
    shot, burned = {"text": "shot", "start": 7, "end": 11}, {"text": "burned", "start": 26, "end": 32}
    attack = [rebels | {"role": "Attacker"}, mayor | {"role": "Target"}]
    destroy = [rebels | {"role": "Agent"}, car | {"role": "Artifact"}]
    events = [
        {"id": "a", "type": "Conflict:Attack", "trigger": shot, "arguments": attack, "score": 0.9},
        {"id": "b", "type": "Artifact:Destroy", "trigger": burned, "arguments": destroy},
    ]
    graph = to_graph({"caption": "Rebels shot the mayor and burned his car", "events": events, "salient": "b"})
    assert graph.graph == {"caption": "Rebels shot the mayor and burned his car", "salient": "b"}
    shooting = {"kind": "event", "type": "Conflict:Attack", "label": "shot", "score": 0.9, "start": 7, "end": 11}
    assert graph.nodes["a"] == shooting
    things = [node for node in graph if node not in ("a", "b")]
    assert [graph.nodes[node]["label"] for node in things] == ["Rebels", "mayor", "car"]
    assert [graph.nodes[node]["entity"] for node in things] == ["organization", None, None]
    assert [(graph.nodes[node]["start"], graph.nodes[node]["end"]) for node in things] == [(0, 6), (16, 21), (37, 40)]
    assert graph.number_of_edges() == 4
    assert edges(graph) == {"burned Agent Rebels", "burned Artifact car", "shot Attacker Rebels", "shot Target mayor"}


def test_one_participant_in_two_roles_of_an_event_is_one_node_with_two_edges():
    graph = to_graph(record({"arguments": [span("man", role="Agent"), span("man", role="Person")]}))
    assert graph.number_of_nodes() == 2
    assert edges(graph) == {"arrest Agent man", "arrest Person man"}


def test_an_event_called_like_a_participant_s_node_stays_a_node_of_its_own():
    for name in map(str, to_graph(record()).nodes):
        graph = to_graph(record({"id": name}, salient=name))
        assert (graph.number_of_nodes(), nx.number_of_selfloops(graph)) == (3, 0), name


@settings(deadline=None, max_examples=60)
@given(row=records())
def test_a_graph_has_a_node_for_each_event_and_head_and_an_edge_for_each_argument(row):
    graph = to_graph(CaptionEvents.model_validate(row))
    arguments = [argument for event in row["events"] for argument in event["arguments"]]
    longest = {a["end"]: a["text"] for a in sorted(arguments, key=lambda a: len(a["text"]))}
    events = [node for node, kind in graph.nodes(data="kind") if kind == "event"]
    assert sorted(label for node, label in graph.nodes(data="label") if node not in events) == sorted(longest.values())
    assert events == [event["id"] for event in row["events"]]
    assert graph.number_of_edges() == len(arguments)
    assert all(start in events and end not in events for start, end in graph.edges())


def test_the_event_shown_takes_what_it_lacks_from_others_of_its_type() -> None:
    caption = "Police attack a man in Paris. He was attacked with a bat by men in Rome. Bystanders watch."

    def made(name, kind, trigger, *arguments):
        def span(text):
            return {"text": text, "start": caption.index(text), "end": caption.index(text) + len(text)}

        filled = [{"role": role, **span(text)} for role, text in arguments]
        return {"id": name, "type": kind, "trigger": span(trigger), "arguments": filled}

    first = made("e0", "A:B", "attack ", ("Attacker", "Police"), ("Target", "man"), ("Place", "Paris"))
    second = made("e1", "A:B", "attacked", ("Attacker", "men"), ("Instrument", "bat"), ("Place", "Rome"))
    other = made("e2", "A:C", "watch", ("Agent", "Bystanders"))
    record = CaptionEvents.model_validate({"caption": caption, "events": [first, second, other], "salient": "e0"})
    shown = [(a.role, a.text) for a in record.shown().arguments]
    assert shown == [("Attacker", "Police"), ("Target", "man"), ("Place", "Paris"), ("Instrument", "bat")]
    assert [a.text for a in record.events[0].arguments] == ["Police", "man", "Paris"]
    assert record.model_copy(update={"salient": None}).shown() is None
    assert record.model_copy(update={"salient": "e2"}).shown() == record.events[2]
