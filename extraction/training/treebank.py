"""The treebank and what stands on its sentences: UD English, GUM's entities, EWT's PropBank."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from extraction.reader import Labels
from extraction.training.corpora import read_jsonl
from extraction.training.examples import UNKNOWN, Event, Example, index_of

PROPBANK_KEPT = (
    "ARG0",
    "ARG1",
    "ARG2",
    "ARG3",
    "ARG4",
    "ARG5",
    "ARGM-LOC",
    "ARGM-DIR",
    "ARGM-GOL",
    "ARGM-MNR",
    "ARGM-COM",
    "ARGM-TMP",
    "ARGM-PRP",
    "ARGM-CAU",
    "ARGM-EXT",
)
NOT_IN_NAME = {"DET", "NUM"}
MODIFIERS = {"amod", "compound", "flat", "nummod", "goeswith", "nmod:unmarked", "advmod"}
GUM_KINDS = {"plant": "object"}
# fmt: off
VEHICLES = frozenset((
    "aircraft", "airplane", "ambulance", "bicycle", "bicycles", "bike", "bikes", "boat", "boats", "bus", "buses",
    "cab", "canoe", "car", "carriage", "cars", "cart", "convoy", "dinghy", "ferry", "helicopter", "helicopters",
    "jet", "jets", "kayak", "limousine", "lorry", "minivan", "motorbike", "motorcycle", "motorcycles", "pickup",
    "plane", "planes", "raft", "scooter", "sedan", "ship", "ships", "sled", "sledge", "submarine", "subway", "suv",
    "tank", "tanks", "taxi", "tractor", "train", "trains", "tram", "truck", "trucks", "van", "vans", "vehicle",
    "vehicles", "vessel", "vessels", "wagon", "yacht",
))
# fmt: on
# fmt: off
WEAPONS = frozenset((
    "ak-47", "ammunition", "arrow", "arrows", "artillery", "bomb", "bombs", "bullet", "bullets", "cannon", "dagger",
    "explosive", "explosives", "firearm", "firearms", "grenade", "grenades", "gun", "guns", "knife", "knives",
    "machete", "mine", "mines", "missile", "missiles", "mortar", "mortars", "pistol", "pistols", "revolver",
    "rifle", "rifles", "rocket", "rockets", "shotgun", "spear", "spears", "sword", "swords", "torpedo", "warhead",
    "warheads", "weapon", "weapons",
))
# fmt: on
"""GUM calls these objects; the project tells them apart."""


def read_conllu(path: Path) -> Iterator[tuple[str, list[list[str]]]]:
    """(sentence id, rows of the eight columns) for each sentence."""
    name, rows = "", []
    for line in path.open(encoding="utf-8"):
        line = line.rstrip("\n")
        if line.startswith("# sent_id"):
            name = line.split("=", 1)[1].strip()
        elif line and not line.startswith("#"):
            cells = line.split("\t")
            if cells[0].isdigit():
                rows.append(cells)
        elif not line and rows:
            yield name, rows
            rows = []
    if rows:
        yield name, rows


def treebank(data: Path, split: str, labels: Labels) -> Iterator[Example]:
    """UD sentences with tags and base noun phrases, and where they exist GUM's entities and PropBank's predicates."""
    tags, pos = index_of(labels.tags), index_of(labels.pos)
    entities = {r["sent_id"]: r for r in read_jsonl(data / "text/gum_entities.jsonl")}
    frames = {r["sent_id"]: r for r in read_jsonl(data / "text/propbank_ewt.jsonl")}
    for name, rows in read_conllu(data / f"text/ud/{split}.conllu"):
        words = [row[1] for row in rows]
        heads = [int(row[6]) - 1 for row in rows]
        example = Example(
            words,
            tag=[tags.get(row[4], UNKNOWN) for row in rows],
            pos=[pos.get(row[3], UNKNOWN) for row in rows],
            link=base_noun_phrases(rows, heads),
        )
        if (found := entities.get(name)) and found["words"] == words:
            example.kind = entity_kinds(found["entities"], words, heads, labels)
        if (found := frames.get(name)) and found["words"] == words:
            example.predicate, example.events = predicates(found["predicates"], heads, labels)
        yield example


def base_noun_phrases(rows: list[list[str]], heads: list[int]) -> list[int]:
    """For each word, 1 where it and the next stand in one base noun phrase (no determiner or quantity), else 0."""
    linked = [0] * len(rows)
    for head, row in enumerate(rows):
        if row[3] not in {"NOUN", "PROPN"} or row[7].split(":")[0] in {"compound", "flat"}:
            continue
        members = {head}
        frontier = [head]
        while frontier:
            top = frontier.pop()
            for child, parent in enumerate(heads):
                relation = rows[child][7]
                if parent != top or child in members or rows[child][3] in NOT_IN_NAME | {"PUNCT"}:
                    continue
                if relation in MODIFIERS or relation.split(":")[0] in MODIFIERS:
                    members.add(child)
                    frontier.append(child)
        end = head
        while end + 1 in members:
            end += 1
        start = head
        while start - 1 in members or (start - 2 in members and rows[start - 1][1] in "-/"):
            start -= 1
        for word in range(start, end):
            linked[word] = 1
    return linked


def entity_kinds(mentions: list[list[Any]], words: list[str], heads: list[int], labels: Labels) -> list[int]:
    """Kind of each mention at its head word; other words unknown."""
    kinds = index_of(labels.kinds)
    found = [UNKNOWN] * len(heads)
    for start, end, kind in mentions:
        head = head_of(start, end, heads)
        kind = GUM_KINDS.get(kind, kind)
        if kind == "object":
            word = words[head].lower()
            kind = "vehicle" if word in VEHICLES else "weapon" if word in WEAPONS else kind
        found[head] = kinds[kind]
    return found


def head_of(start: int, end: int, heads: list[int]) -> int:
    """The word of [start, end) whose own head lies outside; the last such."""
    outside = [word for word in range(start, end) if not start <= heads[word] < end]
    return outside[-1] if outside else end - 1


def predicates(found: list[dict[str, Any]], heads: list[int], labels: Labels) -> tuple[list[int], list[Event]]:
    """PropBank's predicates as a tag per word, and their arguments' head words."""
    known = index_of(labels.propbank)
    tags = [0] * len(heads)
    events = []
    for predicate in found:
        place = predicate["index"]
        tags[place] = 1
        roles = {}
        for label, start, end in predicate["arguments"]:
            if label in known:
                roles[head_of(start, end, heads)] = 1 + known[label]
        events.append(Event("propbank", len(labels.types), place, place, roles))
    return tags, events
