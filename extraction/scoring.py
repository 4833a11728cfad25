"""Extraction measured against gold: triggers and arguments, overall, by type, with intervals.

A predicted trigger is right when it has a gold trigger's type and overlaps its span; each gold trigger is matched once.
A predicted argument is right when a gold argument of the same event type and role holds its last word (its head); each
gold argument is matched once.
"""

import random
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from templates.events import read_events

Record = dict[str, Any]
Items = Sequence[tuple[Any, ...]]


class Tally:
    """Counts of predicted, gold and matched items, by event type."""

    def __init__(self) -> None:
        self.predicted: Counter[str] = Counter()
        self.gold: Counter[str] = Counter()
        self.matched: Counter[str] = Counter()

    def scores(self, name: str | None = None) -> dict[str, float]:
        """Precision, recall and F1 in per cent, over all types or one."""
        p, g, m = (c.total() if name is None else c[name] for c in (self.predicted, self.gold, self.matched))
        precision = 100 * m / p if p else 0.0
        recall = 100 * m / g if g else 0.0
        f1 = 200 * m / (p + g) if p + g else 0.0
        return {"precision": precision, "recall": recall, "f1": f1, "predicted": p, "gold": g, "matched": m}


def compare(predicted: Record, gold: Record) -> tuple[Tally, Tally]:
    """Trigger and argument counts of one caption."""
    triggers, arguments = Tally(), Tally()
    _count(triggers, _triggers(predicted), _triggers(gold), _overlap)
    _count(arguments, _arguments(predicted), _arguments(gold), _head_inside)
    return triggers, arguments


def _count(tally: Tally, predicted: Items, gold: Items, same: Callable[[Any, Any], bool]) -> None:
    tally.predicted.update(item[0] for item in predicted)
    tally.gold.update(item[0] for item in gold)
    tally.matched.update(predicted[mine][0] for mine, _ in _pairs(predicted, gold, same))


def _pairs(predicted: Items, gold: Items, same: Callable[[Any, Any], bool]) -> list[tuple[int, int]]:
    """A largest one-to-one matching (augmenting paths), so that the order of the items does not change the score."""
    edges = [[j for j, right in enumerate(gold) if same(left, right)] for left in predicted]
    owner: dict[int, int] = {}

    def place(left: int, tried: set[int]) -> bool:
        for right in edges[left]:
            if right not in tried:
                tried.add(right)
                if right not in owner or place(owner[right], tried):
                    owner[right] = left
                    return True
        return False

    for left in range(len(predicted)):
        place(left, set())
    return [(left, right) for right, left in owner.items()]


def _triggers(record: Record) -> list[tuple[str, int, int]]:
    return [(e["type"], e["trigger"]["start"], e["trigger"]["end"]) for e in record["events"]]


def _arguments(record: Record) -> list[tuple[str, str, int, int, int]]:
    """(type, role, start, end, start of the last word); two events of a type may share an argument, and both count."""
    found = []
    for event in record["events"]:
        for a in event["arguments"]:
            last = a["start"] + len(a["text"]) - len(a["text"].split()[-1]) if a["text"].split() else a["start"]
            found.append((event["type"], a["role"], a["start"], a["end"], last))
    return found


def _overlap(mine: tuple[str, int, int], gold: tuple[str, int, int]) -> bool:
    return mine[0] == gold[0] and mine[1] < gold[2] and gold[1] < mine[2]


def _head_inside(mine: tuple[str, str, int, int, int], gold: tuple[str, str, int, int, int]) -> bool:
    return mine[:2] == gold[:2] and gold[2] <= mine[4] < gold[3]


def score(predicted: Sequence[Record], gold: Sequence[Record], samples: int = 0, seed: int = 0) -> dict[str, Any]:
    """Scores of a file: `trigger` and `argument`, each overall and `by_type`, `macro_f1` over types with 3 gold events.

    Args:
        predicted, gold: records with the same captions in the same order.
        samples: bootstrap samples over captions for `interval`, the 95 % interval of F1; 0 for none.
    """
    each = [compare(p, g) for p, g in zip(predicted, gold, strict=True)]
    result: dict[str, Any] = {"captions": len(each)}
    for index, name in enumerate(("trigger", "argument")):
        total = Tally()
        for pair in each:
            for counter in ("predicted", "gold", "matched"):
                getattr(total, counter).update(getattr(pair[index], counter))
        result[name] = total.scores()
        result[name]["by_type"] = {kind: total.scores(kind) for kind in sorted(total.gold | total.predicted)}
        events = sum((pair[0].gold for pair in each), Counter())
        counted = [kind for kind, count in events.items() if count >= 3 and total.gold[kind] + total.predicted[kind]]
        result[name]["macro_f1"] = sum(total.scores(kind)["f1"] for kind in counted) / max(1, len(counted))
        if samples:
            result[name]["interval"] = _bootstrap([pair[index] for pair in each], samples, seed)
    return result


def _bootstrap(tallies: list[Tally], samples: int, seed: int) -> list[float]:
    rng = random.Random(seed)
    counts = [(t.predicted.total(), t.gold.total(), t.matched.total()) for t in tallies]
    values = []
    for _ in range(samples):
        drawn = rng.choices(counts, k=len(counts))
        p, g, m = (sum(column) for column in zip(*drawn, strict=True))
        values.append(200 * m / (p + g) if p + g else 0.0)
    values.sort()
    return [values[int(0.025 * samples)], values[int(0.975 * samples)]]


def score_files(predicted: str | Path, gold: str | Path, samples: int = 1000) -> dict[str, Any]:
    """Scores of one `events.jsonl` against another, paired by id where every record has one, else by caption.

    Raises:
        RecordError: a line that is no record.
        ValueError: a gold caption without a prediction; the message says which.
    """
    mine, theirs = list(read_events(predicted)), list(read_events(gold))
    if not theirs:
        raise ValueError(f"{gold}: holds no record, so there is nothing to score against")
    by_id = all(r.id not in (None, "") for r in (*mine, *theirs))
    found = {r.id if by_id else r.caption: r for r in mine}
    pairs = []
    for record in theirs:
        key = record.id if by_id else record.caption
        if key not in found:
            raise ValueError(f"{predicted}: no record for {key!r} of {gold}; predict every caption of the gold file")
        if found[key].caption != record.caption:
            raise ValueError(f"{predicted}: record {key!r} has another caption than in {gold}; offsets would not agree")
        pairs.append((found[key].model_dump(), record.model_dump()))
    return score([p for p, _ in pairs], [g for _, g in pairs], samples)
