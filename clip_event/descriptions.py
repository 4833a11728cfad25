"""`clip-event describe`: a file of events to a file of descriptions with hard negatives, whole or not at all."""

import json
import shutil
import sys
import tempfile
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from clip_event.towers.tokens import count
from clip_event.written import written
from extraction.records import Bad, InputError, read_rows, with_events
from templates.blind import Blind
from templates.confusable import Confusable
from templates.confusions import read_confusion
from templates.corpus import Corpus
from templates.events import CaptionEvents
from templates.formats import read_ontology
from templates.ontology import Ontology
from templates.pairs import Wanted, described, told_apart
from templates.statement import statement

Json = dict[str, Any]


@dataclass
class Described:
    """What a run did: records in, events, positives by style, negatives by kind, arguments left out, bad records."""

    records: int = 0
    events: int = 0
    positives: Counter[str] = field(default_factory=Counter)
    negatives: Counter[str] = field(default_factory=Counter)
    dropped: int = 0
    bad: int = 0

    def add(self, row: Json) -> None:
        self.events += 1
        for pair in row["pairs"]:
            self.positives[pair["style"]] += 1
            self.dropped += len(pair.get("dropped", ()))
            self.negatives.update(negative["kind"] for negative in pair["negatives"])


def describe(
    source: str | Path,
    out: str | Path = "-",
    wanted: Wanted | None = None,
    *,
    ontology: str | Path = "news",
    confusion: str | Path | None = None,
    blind: bool = False,
    given: str | Path | None = None,
    errors: str | Path | None = None,
    strict: bool = False,
    progress: Callable[[int], None] | None = None,
) -> Described:
    """Say every event of `source` and write one line for each to `out`.

    For negatives the source is read twice: first its types and fillers are counted, as they are drawn as often as they
    are true.

    Args:
        source: `events.jsonl` (also .gz, or `-`).
        wanted: styles, negatives, epoch; see `templates.pairs.Wanted`.
        ontology: that of the events: `news`, `open` or a file.
        confusion: a model's confusion of types, see `templates.confusions`; without it types stand for their like.
        blind: only negatives of the blind tier, see `templates.blind`; the source is read once more.
        given: JSONL of `{"id", "event", "text"}`, the texts of the style `given`.
        errors: where bad records go; without it, beside a file `out` under the same name with `.errors.jsonl`.
        strict: stop at the first bad record.
        progress: called with the number of records done.

    Raises:
        InputError: the source cannot be read; with `strict`, the first bad record.
        ValueError: a style or kind that is not known, the style `given` without its file, or a confusion that cannot
            be used.
    """
    wanted = wanted or Wanted()
    types = None if str(ontology) == "open" else read_ontology(ontology)
    texts = _texts(given) if given else None
    if "given" in wanted.styles and texts is None:
        raise ValueError("style 'given' needs its texts: give a JSONL file of {id, event, text} with --given")
    weights = read_confusion(confusion, types) if confusion else None
    result = Described()
    with ExitStack() as stack:
        path = stack.enter_context(_readable_twice(source))
        counted = _records(path, types) if any(wanted.negatives.values()) else ()
        corpus = Corpus(
            statement(record, event, types)
            for record in counted
            if isinstance(record, CaptionEvents)
            for event in record.events
        )
        confusable = Confusable(types, corpus, weights)
        tier = None
        if blind:
            read = (record for record in _records(path, types) if isinstance(record, CaptionEvents))
            tier = Blind(pair for record in read for pair in told_apart(record, confusable, wanted))
        files = stack.enter_context(written(out, errors, strict=strict, source=source))
        for record in _records(path, types):
            result.records += 1
            if isinstance(record, Bad):
                files.fault(record)
            else:
                for row in _rows(record, confusable, wanted, tier, texts):
                    result.add(row)
                    files.row(row)
            if progress and result.records % 256 == 0:
                progress(result.records)
        result.bad = files.bad
    return result


def _rows(
    record: CaptionEvents,
    confusable: Confusable,
    wanted: Wanted,
    tier: Blind | None,
    texts: dict[tuple[str, str], str] | None,
) -> Iterator[Json]:
    def given(true: Any) -> str | None:
        return texts.get((str(record.id), true.event.id)) if texts else None

    head = {key: value for key, value in (("id", record.id), ("image", record.image)) if value is not None}
    for row in described(record, confusable, wanted, blind=tier, count=count, given=given):
        yield head | row


def _records(path: Path, ontology: Ontology | None) -> Iterator[CaptionEvents | Bad]:
    """Checked records in the order of the file; the others as `Bad`."""
    return (with_events(line, row, ontology) for line, row in read_rows(path))


def _texts(path: str | Path) -> dict[tuple[str, str], str]:
    texts = {}
    with Path(path).open(encoding="utf-8") as lines:
        for number, line in enumerate(lines, 1):
            try:
                row = json.loads(line)
                texts[str(row["id"]), row["event"]] = str(row["text"])
            except (ValueError, KeyError, TypeError):
                raise InputError(f'{path}:{number}: expected an object with "id", "event" and "text"') from None
    return texts


@contextmanager
def _readable_twice(source: str | Path) -> Iterator[Path]:
    if str(source) != "-":
        if not Path(source).exists():
            raise InputError(f"{source}: no such file")
        yield Path(source)
        return
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "standard-input.jsonl"
        with path.open("wb") as copy:
            shutil.copyfileobj(sys.stdin.buffer, copy)
        yield path
