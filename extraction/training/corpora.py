"""Annotated captions and sentences: the gold, our own annotations, and what must not be trained on."""

import json
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any

from extraction.captions import words_of
from extraction.reader import Labels
from extraction.training.examples import UNKNOWN, Event, Example, index_of
from templates.ontology import Ontology


def read_jsonl(path: Path) -> list[dict[str, Any]]:
    with path.open(encoding="utf-8") as lines:
        return [json.loads(line) for line in lines]


def four_grams(text: str) -> set[tuple[str, ...]]:
    """Word 4-grams of a text in lower case and without punctuation; the whole text where it is shorter."""
    words = re.findall(r"\w+", text.lower())
    return {tuple(words[i : i + 4]) for i in range(max(1, len(words) - 3))}


def without_overlap(records: Iterable[dict[str, Any]], held_out: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The records that share less than half of their own or a held-out caption's word 4-grams."""
    held = [four_grams(record["caption"]) for record in held_out]
    where: dict[tuple[str, ...], list[int]] = {}
    for index, grams in enumerate(held):
        for gram in grams:
            where.setdefault(gram, []).append(index)
    kept = []
    for record in records:
        grams = four_grams(record["caption"])
        shared = Counter(index for gram in grams for index in where.get(gram, ()))
        if all(2 * count < min(len(grams), len(held[index])) for index, count in shared.items()):
            kept.append(record)
    return kept


def captions_by_id(data: Path) -> dict[str, str]:
    """Texts that our own annotations name by id: news captions, everyday captions (`FILE.jpg#N`), sentences."""
    texts = {record["id"]: record["caption"] for record in read_jsonl(data / "text/voa_captions.jsonl")}
    for record in read_jsonl(data / "flickr8k/train.jsonl"):
        name = Path(record["image"]).name
        texts.update({f"{name}#{number}": caption for number, caption in enumerate(record["captions"])})
    for line in (data / "text/ud/train.conllu").open(encoding="utf-8"):
        if line.startswith("# sent_id"):
            name = line.split("=", 1)[1].strip()
        elif line.startswith("# text ="):
            texts[name] = line.split("=", 1)[1].strip()
    return texts


def standing_off(path: Path, texts: Mapping[str, str] = MappingProxyType({})) -> list[dict[str, Any]]:
    """Our annotations, which hold offsets only, put on their own `caption` or, without one, the text that they name.

    A line is `{"id", "caption"?, "events": [[type, start, end, [[role, start, end], ...]], ...]}`.
    """
    records = []
    for line in read_jsonl(path):
        text = line["caption"] if "caption" in line else texts[line["id"]]

        def span(start: int, end: int, text: str = text) -> dict[str, Any]:
            return {"text": text[start:end], "start": start, "end": end}

        events = [
            {
                "id": f"e{number}",
                "type": kind,
                "trigger": span(start, end),
                "arguments": [{"role": role, **span(*place)} for role, *place in arguments],
            }
            for number, (kind, start, end, arguments) in enumerate(line["events"])
        ]
        records.append({"id": line["id"], "caption": text, "events": events})
    return records


def annotated(records: Iterable[dict[str, Any]], labels: Labels, ontology: Ontology | None) -> Iterator[Example]:
    """Records in the `events.jsonl` form as examples; without an ontology their types are lemmas (the open one)."""
    types, roles = index_of(labels.types), index_of(labels.roles if ontology else labels.open_roles)
    kinds = index_of(labels.kinds)
    inside = len(labels.types) + 1
    for record in records:
        words, starts, ends = words_of(record["caption"])
        if not words:
            continue
        tags = [0] * len(words)
        link, entity = [UNKNOWN] * len(words), [UNKNOWN] * len(words)
        example = Example(words, link=link, kind=entity)
        for event in record["events"]:
            first, last = _cover(event["trigger"], starts, ends)
            tags[first] = types[event["type"]] + 1 if ontology else 1
            if ontology:
                tags[first + 1 : last + 1] = [inside] * (last - first)
            filled: dict[int, int] = {}
            masked: set[int] = set()
            for argument in event["arguments"]:
                start, end = _cover(argument, starts, ends)
                filled[end] = 1 + roles[argument["role"]]
                masked.update(range(start, end))
                _learn_phrase(link, start, end)
                if ontology and (kind := _only_kind(ontology, event["type"], argument["role"])):
                    entity[end] = kinds[kind]
            number = types[event["type"]] if ontology else len(labels.types)
            head = "role" if ontology else "open_role"
            example.events.append(Event(head, number, first, last, filled, masked - set(filled)))
        if ontology:
            example.trigger = tags
        else:
            example.open = tags
        yield example


def _learn_phrase(link: list[int], start: int, head: int) -> None:
    """An argument is one base noun phrase: its words are linked, and neither neighbour belongs to it."""
    link[start:head] = [1] * (head - start)
    link[head] = 0
    if start and link[start - 1] == UNKNOWN:
        link[start - 1] = 0


def _only_kind(ontology: Ontology, kind: str, role: str) -> str | None:
    """The entity kind of a filler where its role allows one only."""
    allowed = ontology[kind].roles[role].kinds
    return allowed[0] if len(allowed) == 1 else None


def _cover(span: dict[str, Any], starts: list[int], ends: list[int]) -> tuple[int, int]:
    """First and last word that the character span touches."""
    touched = [
        i
        for i, (start, end) in enumerate(zip(starts, ends, strict=True))
        if start < span["end"] and end > span["start"]
    ]
    return touched[0], touched[-1]
