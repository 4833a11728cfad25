"""Whatever a source holds, made into lines of events or descriptions that are found by number: done once, and kept.

All that this takes lies in one folder, whose name says input, ontology and reader. Steps that an earlier run has done
are skipped, and an extraction that was interrupted goes on where it stopped.
"""

import hashlib
import json
import shutil
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from filelock import FileLock

from clip_event import __version__
from clip_event.data.kinds import of_descriptions, of_events
from clip_event.data.lines import EVERY, Json, index
from extraction.records import Bad, Checker, spread, unpacked
from templates.formats import read_ontology
from templates.whole import whole

Progress = Callable[[str, int], None]
Found = Iterator[tuple[int, Json | Bad]]


@dataclass(frozen=True)
class Prepared:
    """The file of lines, how many could not be used, and the JSONL file that lists those."""

    lines: Path
    bad: int
    errors: Path


@dataclass(frozen=True)
class Reading:
    """How captions are read; see `clip_event.data.sources.open_source`."""

    ontology: str = "news"
    reader: str | Path | None = None
    device: str = "auto"
    batch_size: int = 64
    strict: bool = False
    progress: Progress | None = None

    def step(self, what: str) -> Callable[[int], None] | None:
        told = self.progress
        return None if told is None else lambda done: told(what, done)


def folder_of(cache: Path, paths: Sequence[Path], reading: Reading, options: object) -> Path:
    """The folder in `cache` for these files as they are now, read in this way."""
    from extraction.store import SHIPPED

    every = [file for path in paths for file in ([path] if path.is_file() else sorted(path.rglob("*")))]
    stats = [(str(file.resolve()), (stat := file.stat()).st_size, stat.st_mtime_ns) for file in every if file.is_file()]
    types = "open" if reading.ontology == "open" else read_ontology(reading.ontology).model_dump_json()
    key = hashlib.sha256(repr((__version__, options, stats, types)).encode())
    for name in ("config.json", "tokenizer.json", "reader.safetensors"):
        if (file := Path(reading.reader or SHIPPED) / name).exists():
            key.update(file.read_bytes())
    return cache / f"{paths[0].name.split('.')[0]}-{key.hexdigest()[:16]}"


def prepare(kind: str, path: Path, folder: Path, reading: Reading, found: Found | None = None) -> Prepared:
    """Index the lines of a source, extracting events where it has none. Other processes wait for the first.

    Args:
        path: the source's file.
        folder: see `folder_of`.
        found: the records of a source that is no such file.
    """
    about, errors = folder / "source.json", folder / "errors.jsonl"
    folder.mkdir(parents=True, exist_ok=True)
    with FileLock(folder / ".lock"):
        if not about.exists():
            lines, bad = _lines(kind, path, folder, reading, found)
            _list(errors, bad)
            with whole(about) as out:
                json.dump({"lines": str(lines.resolve()), "bad": len(bad)}, out)
    state = json.loads(about.read_text(encoding="utf-8"))
    return Prepared(Path(state["lines"]), state["bad"], errors)


def _lines(kind: str, path: Path, folder: Path, reading: Reading, found: Found | None) -> tuple[Path, list[Bad]]:
    """The file of lines, indexed, and all that was left out on the way to it."""
    bad: list[Bad] = []
    extracted = kind == "captions"
    if found is not None:
        path, extracted, bad = _gathered(found, folder, reading)
    elif not extracted and path.suffix == ".gz":
        path = _unpacked(path, folder / "records.jsonl")
    if extracted:
        path = _events(path, folder / "events.jsonl", reading)
        bad += listed(folder / "events.errors.jsonl")
    types = None if reading.ontology == "open" else read_ontology(reading.ontology)
    group = of_descriptions if kind == "descriptions" else of_events(types)
    return path, bad + index(path, folder, group, reading.step("index"))


def _gathered(found: Found, folder: Path, reading: Reading) -> tuple[Path, bool, list[Bad]]:
    """Records of shards or a data set as JSONL, whether events are still to be extracted, and what is left out."""
    records, errors, about = (folder / name for name in ("records.jsonl", "left-out.jsonl", "gathered.json"))
    if not about.exists():
        check, step, bad = Checker(), reading.step("read"), []
        given: bool | None = None
        with whole(records) as out:
            for number, one in ((number, one) for number, row in found for one in spread(row)):
                record = check(number, one)
                if isinstance(record, dict):
                    given = "events" in record if given is None else given
                    if ("events" in record) == given:
                        out.write(json.dumps(record, ensure_ascii=False, default=str) + "\n")
                    else:
                        said = (
                            "holds no events, and the first record does" if given else "holds events, unlike the first"
                        )
                        bad.append(Bad(number, said, record.get("id")))
                else:
                    bad.append(record)
                if step and number % EVERY == 0:
                    step(number)
        _list(errors, bad)
        with whole(about) as out:
            json.dump({"given": bool(given)}, out)
    return records, not json.loads(about.read_text(encoding="utf-8"))["given"], listed(errors)


def _unpacked(path: Path, plain: Path) -> Path:
    partial = plain.with_name(plain.name + ".partial")
    with unpacked(path) as source, partial.open("wb") as out:
        shutil.copyfileobj(source, out)
    return partial.replace(plain)


def _events(path: Path, events: Path, reading: Reading) -> Path:
    from extraction.extractor import EventExtractor
    from extraction.files import extract

    if not events.exists():
        extractor = EventExtractor(
            reading.ontology, device=reading.device, batch_size=reading.batch_size, reader=reading.reader
        )
        extract(path, events, extractor=extractor, resume=True, strict=reading.strict, progress=reading.step("extract"))
    return events


def _list(errors: Path, bad: list[Bad]) -> None:
    with whole(errors) as out:
        out.writelines(json.dumps(one.to_dict(), ensure_ascii=False) + "\n" for one in bad)


def listed(errors: Path) -> list[Bad]:
    """What could not be used, from its file; nothing where there is no file."""
    if not errors.exists():
        return []
    with errors.open(encoding="utf-8") as lines:
        return [Bad(row["line"], row["reason"], row.get("id")) for row in map(json.loads, lines)]
