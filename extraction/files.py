"""`clip-event extract`: a file of captions to a file of events, whole or not at all, resumable."""

import hashlib
import json
import os
import sys
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any

from extraction.extractor import WINDOW, EventExtractor
from extraction.records import Bad, InputError, read_rows
from templates.whole import PARTIAL


@dataclass
class Summary:
    """What a run did: records in, captions read, events by type, arguments, bad records, seconds."""

    records: int = 0
    captions: int = 0
    events: Counter[str] = field(default_factory=Counter)
    arguments: int = 0
    bad: int = 0
    seconds: float = 0.0

    def to_dict(self) -> dict[str, Any]:
        return {
            "records": self.records,
            "captions": self.captions,
            "events": dict(self.events),
            "arguments": self.arguments,
            "bad": self.bad,
        }

    def include(self, done: dict[str, Any]) -> None:
        """Add what `to_dict` says that another run did."""
        self.records += done["records"]
        self.captions += done["captions"]
        self.events.update(done["events"])
        self.arguments += done["arguments"]
        self.bad += done["bad"]

    def add(self, record: dict[str, Any]) -> None:
        self.captions += 1
        self.events.update(event["type"] for event in record["events"])
        self.arguments += sum(len(event["arguments"]) for event in record["events"])


class BadRecord(InputError):
    """With `strict`: the first record that cannot be used."""


def extract(
    source: str | Path,
    out: str | Path = "-",
    *,
    extractor: EventExtractor | None = None,
    ontology: str | Path = "news",
    batch_size: int = 64,
    device: str = "auto",
    errors: str | Path | None = None,
    resume: bool = False,
    strict: bool = False,
    progress: Any = None,
) -> Summary:
    """Read every caption of `source` and write its record with events to `out`, in order.

    Args:
        source: see `extraction.records.read_rows`.
        out: a JSONL file, which appears when the run is complete, or `-` for standard output.
        extractor: used instead of one made from `ontology`, `batch_size` and `device`.
        errors: where bad records go, one JSON object a line with `line`, `reason` and `id`; without it, beside a file
            `out` under the same name with `.errors.jsonl`, where there are any.
        resume: go on where an interrupted run with the same settings stopped.
        strict: stop at the first bad record.
        progress: called with the number of records done after each window of 1,024.

    Raises:
        InputError: the source cannot be read, or `resume` does not fit what was begun.
        BadRecord: with `strict`.
    """
    settings = fingerprint(source, ontology if extractor is None else extractor.ontology)
    target = None if str(out) == "-" else Path(out)
    if resume and (target is None or str(source) == "-"):
        raise InputError("resume needs an input file and an output file (-o OUT), not standard input or output")
    if target and target.suffix == ".gz":
        raise InputError(f"{target}: is written as plain JSONL; give a name without .gz")
    if target and target.is_dir():
        raise InputError(f"{target}: is a folder; give the name of a file")
    if str(source) != "-" and not Path(source).exists():
        raise InputError(f"{source}: no such file")
    error_path = Path(errors) if errors else target and target.with_name(target.stem + ".errors.jsonl")
    if error_path and error_path.is_dir():
        raise InputError(f"{error_path}: is a folder; give the name of a file")
    summary, began = Summary(), time.monotonic()
    with ExitStack() as stack:
        books = _Books(target, error_path, settings, resume, summary)
        stack.enter_context(books)
        extractor = extractor or EventExtractor(ontology, batch_size=batch_size, device=device)
        for rows in _windows(source, summary.records):
            if strict and (bad := next((row for _, row in rows if isinstance(row, Bad)), None)):
                raise BadRecord(f"{source}: line {bad.line}: {bad.reason}")
            good = [row for _, row in rows if not isinstance(row, Bad)]
            for record in extractor.stream(good):
                summary.add(record)
                books.write(record)
            for _, row in rows:
                if isinstance(row, Bad):
                    summary.bad += 1
                    books.write_error(row)
            summary.records += len(rows)
            books.save()
            if progress:
                progress(summary.records)
        books.finish()
    summary.seconds = time.monotonic() - began
    return summary


def _windows(source: str | Path, skip: int) -> Iterator[list[tuple[int, dict[str, Any] | Bad]]]:
    window = []
    for index, row in enumerate(read_rows(source)):
        if index >= skip:
            window.append(row)
            if len(window) == WINDOW:
                yield window
                window = []
    if window:
        yield window


def fingerprint(source: str | Path, ontology: Any) -> str:
    """Of the source's name and size and the ontology: what must be the same for a run to be resumed."""
    path = Path(source)
    size = path.stat().st_size if str(source) != "-" and path.is_file() else 0
    name = ontology if isinstance(ontology, str | Path) else getattr(ontology, "name", "open")
    text = Path(name).read_bytes() if isinstance(name, str | Path) and Path(name).is_file() else b""
    return hashlib.sha256(f"{path.resolve()}|{size}|{name}|".encode() + text).hexdigest()[:16]


class _Books:
    """The partial output, the partial errors and, after each window, a note of how far both are whole."""

    def __init__(self, target: Path | None, errors: Path | None, settings: str, resume: bool, summary: Summary) -> None:
        self.target, self.errors, self.settings, self.summary = target, errors, settings, summary
        self.note = target and target.with_name(target.name + ".progress")
        self.out: IO[str] = sys.stdout
        self.bad: IO[str] | None = None
        self._resume = resume

    def __enter__(self) -> "_Books":
        state = self._begun() if self._resume else {}
        if self.note and not state:
            self.note.unlink(missing_ok=True)
        for path, key in ((self.target, "out"), (self.errors, "errors")):
            if state and path and (not _partial(path).exists() or _partial(path).stat().st_size < state[key]):
                raise InputError(f"{_partial(path)}: is shorter than {self.note} says; leave out --resume")
        if self.target:
            self.target.parent.mkdir(parents=True, exist_ok=True)
            self.out = _open_at(_partial(self.target), state.get("out", 0))
        if self.errors:
            self.errors.parent.mkdir(parents=True, exist_ok=True)
            self.bad = _open_at(_partial(self.errors), state.get("errors", 0))
        if state:
            self.summary.include(state["summary"])
        return self

    def _begun(self) -> dict[str, Any]:
        assert self.target is not None
        assert self.note is not None
        if not self.note.exists():
            if self.target.exists():
                raise InputError(f"{self.target}: is complete, nothing to resume; leave out --resume to read again")
            return {}
        state = json.loads(self.note.read_text(encoding="utf-8"))
        if state["settings"] != self.settings:
            raise InputError(
                f"{self.note}: was begun with another input or ontology; give the same ones, or leave out --resume"
            )
        return dict(state)

    def write(self, record: dict[str, Any]) -> None:
        self.out.write(json.dumps(record, ensure_ascii=False, default=str) + "\n")

    def write_error(self, bad: Bad) -> None:
        if self.bad:
            self.bad.write(json.dumps(bad.to_dict(), ensure_ascii=False) + "\n")

    def save(self) -> None:
        self.out.flush()
        if self.bad:
            self.bad.flush()
        if self.note:
            state = {
                "settings": self.settings,
                "out": self.out.tell(),
                "errors": self.bad.tell() if self.bad else 0,
                "summary": self.summary.to_dict(),
            }
            fresh = self.note.with_name(self.note.name + ".new")
            fresh.write_text(json.dumps(state), encoding="utf-8")
            os.replace(fresh, self.note)

    def finish(self) -> None:
        """Give both files their names."""
        self.close()
        if self.errors:
            if self.summary.bad:
                os.replace(_partial(self.errors), self.errors)
            else:
                _partial(self.errors).unlink()
                self.errors.unlink(missing_ok=True)  # an earlier run's would be read as this one's
        if self.target:
            os.replace(_partial(self.target), self.target)
        if self.note:
            self.note.unlink(missing_ok=True)

    def close(self) -> None:
        if self.target:
            self.out.close()
        if self.bad:
            self.bad.close()

    def __exit__(self, *error: object) -> None:
        self.close()


def _partial(path: Path) -> Path:
    return path.with_name(path.name + PARTIAL)


def _open_at(path: Path, size: int) -> IO[str]:
    """Open for writing after the first `size` bytes; what lies beyond was not yet noted and is cut."""
    path.touch()
    os.truncate(path, size)
    return path.open("a", encoding="utf-8", newline="\n")
