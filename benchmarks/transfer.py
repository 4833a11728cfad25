"""Scores on news text of other makers, whose types and roles are read through the news ontology's aliases.

    python -m benchmarks.transfer events/wikievents_test.jsonl events/rams_test.jsonl

WikiEvents (Li et al., 2021) and RAMS (Ebner et al., 2020) are for measuring only: no text of theirs was trained on.
Events whose type has no alias in the news ontology are left out, and so are arguments in another sentence than their
trigger, which a reader of captions never looks for. RAMS marks one event a text: of what is read there, only what
overlaps that event's trigger is scored.
"""

import argparse
import json
from itertools import pairwise
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from extraction.extractor import EventExtractor
from extraction.scoring import score
from templates.ontology import Ontology, load_ontology

ENDS = frozenset(".!?")
Record = dict[str, Any]


def sentences_of(text: Record, ontology: Ontology) -> list[Record]:
    """The text's sentences as records in the `events.jsonl` form, with the events that the ontology has."""
    bounds = [0, *(i + 1 for i, word in enumerate(text["words"]) if word in ENDS), len(text["words"])]
    records = []
    for first, last in pairwise(bounds):
        words = text["words"][first:last]
        starts = [sum(len(word) + 1 for word in words[:i]) for i in range(len(words))]

        def span(start: int, end: int, at: int = first, words: list[str] = words, starts: list[int] = starts) -> Record:
            phrase = " ".join(words[start - at : end - at])
            return {"text": phrase, "start": starts[start - at], "end": starts[start - at] + len(phrase)}

        events = []
        for event in text["events"]:
            known = ontology.find(event["type"])
            if known is None or not first <= event["trigger"][0] < last:
                continue
            arguments = [
                {"role": role, **span(start, end)}
                for name, start, end in event["arguments"]
                if (role := known.role(name)) and first <= start and end <= last
            ]
            events.append({"type": known.name, "trigger": span(*event["trigger"]), "arguments": arguments})
        if words:
            records.append({"caption": " ".join(words), "events": events})
    return records


def transfer(path: Path, extractor: EventExtractor, ontology: Ontology) -> dict[str, Any]:
    """Scores on one file; see the module's text for what is left out."""
    texts = [json.loads(line) for line in path.open(encoding="utf-8")]
    one_event = all(len(text["events"]) == 1 for text in texts)
    gold = [record for text in texts for record in sentences_of(text, ontology)]
    if one_event:
        gold = [record for record in gold if record["events"]]
    types = {event["type"] for record in gold for event in record["events"]}
    predicted = extractor.extract([record["caption"] for record in gold])
    for mine, theirs in zip(predicted, gold, strict=True):
        mine["events"] = [
            event
            for event in mine["events"]
            if event["type"] in types and (not one_event or _overlaps(event, theirs["events"][0]))
        ]
    return score(predicted, gold, samples=1000)


def _overlaps(mine: Record, theirs: Record) -> bool:
    a, b = mine["trigger"], theirs["trigger"]
    return bool(a["start"] < b["end"] and b["start"] < a["end"])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("files", type=Path, nargs="+")
    parser.add_argument("--reader", help="a reader's folder; the shipped one without it")
    given = parser.parse_args()
    extractor = EventExtractor("news", reader=given.reader) if given.reader else EventExtractor("news")
    table = Table("file", "part", "gold", "precision", "recall", "F1", "95 %")
    for path in given.files:
        result = transfer(path, extractor, load_ontology("news"))
        for part in ("trigger", "argument"):
            found = result[part]
            numbers = [f"{found[key]:.1f}" for key in ("precision", "recall", "f1")]
            low, high = found["interval"]
            table.add_row(path.stem, part, str(found["gold"]), *numbers, f"{low:.1f} to {high:.1f}")
    Console().print(table)


if __name__ == "__main__":
    main()
