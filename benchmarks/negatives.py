"""What the hard negatives are worth, over a file of events.

    clip-event extract captions.jsonl -o events.jsonl && python -m benchmarks.negatives events.jsonl

Prints, for each kind: how many events and captions have one, broken promises (equal to a positive, a slot left in, a
doubled space, a symmetric swap), and how well two judges that see the text alone tell it from the truth: words and
letters, and a bag of roles with their fillers. Chance is 0.50. The judges learn on half of the records and are tested
on the other half; `pair` is the share of pairs in which the true text gets the higher score. Below stands the sampling
of the CLIP-Event code of 2022, re-stated from its description: a type and an order of the fillers at random.
"""

import argparse
import time
from collections import Counter, defaultdict
from collections.abc import Sequence
from pathlib import Path
from random import Random
from typing import Any

import numpy as np
from rich.console import Console
from rich.table import Table
from scipy.sparse import hstack, vstack
from sklearn.feature_extraction import FeatureHasher
from sklearn.feature_extraction.text import HashingVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score

from templates.blind import Blind
from templates.confusable import Confusable
from templates.corpus import Corpus
from templates.events import CaptionEvents, read_events
from templates.ontology import load_ontology
from templates.pairs import Wanted, described, told_apart
from templates.statement import statement
from templates.synonyms import head

KINDS = ("event", "role", "filler", "place", "instrument")
WANTED = Wanted(("sentence",), dict.fromkeys(KINDS, 1))
CANDIDATES = Wanted(("sentence",), dict.fromkeys(KINDS, 8))
Pair = tuple[int, tuple[str, Any], tuple[str, Any]]
"""Number of the record (judges learn on the even ones); text and event of the truth and of the negative."""


def pairs_of(
    records: list[CaptionEvents], confusable: Confusable, blind: Blind | None = None
) -> tuple[dict[str, list[Pair]], Counter[str]]:
    """True and false texts by kind, and broken promises."""
    found: dict[str, list[Pair]] = defaultdict(list)
    broken: Counter[str] = Counter()
    for number, record in enumerate(records):
        rows = list(described(record, confusable, CANDIDATES if blind else WANTED, blind=blind))
        told = {" ".join(pair["positive"].lower().split()) for row in rows for pair in row["pairs"]}
        for row in rows:
            for pair in row["pairs"]:
                for negative in pair["negatives"]:
                    text = negative["text"]
                    broken["equal to a positive"] += " ".join(text.lower().split()) in told
                    broken["slot left in"] += "{" in text or "<" in text
                    broken["doubled space"] += "  " in text
                    broken["symmetric swap"] += negative["kind"] == "role" and _same(row["event"], negative, confusable)
                    true = pair["positive"], row["event"]
                    found[negative["kind"]].append((number, true, (text, negative["event"])))
    return found, broken


def _same(event: Any, negative: Any, confusable: Confusable) -> bool:
    """Whether a swap leaves the same event, symmetric roles taken as one."""
    ontology = confusable.ontology
    groups = ontology[event["type"]].symmetric if ontology else ()

    def said(arguments: Any) -> set[tuple[Any, str]]:
        return {(next((g for g in groups if a["role"] in g), a["role"]), a["text"].casefold()) for a in arguments}

    return said(event["arguments"]) == said(negative["event"]["arguments"])


def of_2022(records: list[CaptionEvents], names: Sequence[str], draw: Random) -> dict[str, list[Pair]]:
    """A type out of `names`, and an order of the fillers, at random, said as a list of roles."""
    found: dict[str, list[Pair]] = defaultdict(list)
    for number, record in enumerate(records):
        if not record.events:
            continue
        event = draw.choice(record.events).model_dump()
        roles = [a["role"] for a in event["arguments"]]
        moved = [
            {**a, "role": role} for a, role in zip(event["arguments"], draw.sample(roles, len(roles)), strict=True)
        ]
        for kind, other in (
            ("event", {**event, "type": draw.choice([name for name in names if name != event["type"]])}),
            ("role", {**event, "arguments": moved}),
        ):
            if kind == "event" or len(set(roles)) > 1:
                found[kind].append((number, (_listed(event), event), (_listed(other), other)))
    return found


def _listed(event: Any) -> str:
    arguments = sorted(event["arguments"], key=lambda a: a["role"])
    return f"{event['type']}. " + " ".join(f"The {a['role']} is {a['text']}." for a in arguments)


def judged(pairs: list[Pair]) -> list[tuple[float, float]]:
    """AUC and share of pairs told right, for both judges."""
    results = []
    for features in (_letters, _roles):
        sides: dict[bool, Any] = {}
        for test in (False, True):
            chosen = [(true, false) for number, true, false in pairs if (number % 2 == 1) is test]
            if len(chosen) < 10:
                return [(float("nan"), float("nan"))] * 2
            sides[test] = [features([t for t, _ in chosen]), features([f for _, f in chosen])]
        train = _stacked(sides[False])
        judge = LogisticRegression(C=1.0, max_iter=300).fit(*train)
        true, false = (judge.decision_function(side) for side in sides[True])
        auc = roc_auc_score(np.r_[np.ones(len(true)), np.zeros(len(false))], np.r_[true, false])
        results.append((float(auc), float(np.mean((true > false) + 0.5 * (true == false)))))
    return results


def _stacked(sides: Any) -> tuple[Any, Any]:
    true, false = sides
    return vstack([true, false]), np.r_[np.ones(true.shape[0]), np.zeros(false.shape[0])]


def _letters(said: list[tuple[str, Any]]) -> Any:
    texts = [text for text, _ in said]
    words = HashingVectorizer(ngram_range=(1, 2), n_features=2**18).transform(texts)
    return hstack(
        [words, HashingVectorizer(analyzer="char_wb", ngram_range=(3, 4), n_features=2**18).transform(texts)]
    ).tocsr()


def _roles(said: list[tuple[str, Any]]) -> Any:
    rows = []
    for _, event in said:
        bag = [f"type={event['type']}"]
        for argument in event["arguments"]:
            filler = head(argument["text"])
            bag += [f"{argument['role']}={filler}", f"{event['type']}.{argument['role']}={filler}", f"any={filler}"]
        rows.append(bag)
    return FeatureHasher(2**18, input_type="string").transform(rows)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("events", type=Path)
    parser.add_argument("--most", type=int, help="records to read")
    given = parser.parse_args()
    ontology = load_ontology("news")
    records = [record for _, record in zip(range(given.most or 10**9), read_events(given.events), strict=False)]
    corpus = Corpus(statement(record, event, ontology) for record in records for event in record.events)
    confusable = Confusable(ontology, corpus)
    events = corpus.types.total()
    began = time.perf_counter()
    for record in records:
        for _ in described(record, confusable, Wanted()):
            pass
    console = Console()
    speed = events / (time.perf_counter() - began)
    console.print(f"{len(records):,} records, {events:,} events; three styles, four negatives: {speed:,.0f} events/s")
    found, broken = pairs_of(records, confusable)
    console.print("broken promises: " + ", ".join(f"{name} {count}" for name, count in broken.items()))
    table = Table("kind", "events with one", "captions", "letters AUC", "pair", "roles AUC", "pair")
    tier = Blind(pair for record in records for pair in told_apart(record, confusable, CANDIDATES))
    blind, _ = pairs_of(records, confusable, tier)
    old = of_2022(records, list(ontology.events), Random(1))
    for title, pairs in (("", found), ("blind ", blind), ("2022 ", old)):
        for kind in (k for k in KINDS if k in pairs):
            share = len(pairs[kind]) / events
            covered = len({number for number, _, _ in pairs[kind]}) / len(records)
            cells = [f"{value:.2f}" for result in judged(pairs[kind]) for value in result]
            table.add_row(title + kind, f"{len(pairs[kind]):,} ({share:.0%})", f"{covered:.0%}", *cells)
    console.print(table)
    same = [_listed(a[1]) == _listed(b[1]) for _, a, b in old["role"]]
    console.print(f"2022 role negatives identical to the positive: {np.mean(same):.1%}")


if __name__ == "__main__":
    main()
