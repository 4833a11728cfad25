"""A file of pairs, whoever's it is: told by what it holds."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter

from clip_event.evaluation.benchmarks import aro, bla, plain, sugarcrepe, valse
from clip_event.evaluation.benchmarks.pair import Benchmark
from clip_event.evaluation.files import read_json
from extraction.records import InputError

OFFICIAL: dict[str, tuple[Callable[[Any], bool], Callable[[Any, Path], Benchmark]]] = {
    "aro": (aro.fits, aro.read),
    "sugarcrepe": (sugarcrepe.fits, sugarcrepe.read),
    "valse": (valse.fits, valse.read),
    "bla": (bla.fits, bla.read),
}
FORMATS = ("auto", "plain", *OFFICIAL)


def read_pairs(path: str | Path, format: str = "auto") -> Benchmark:
    """The pairs of a benchmark's file, or of all `.json` files in a folder.

    Args:
        format: one of `FORMATS`; `auto` goes by the content.

    Raises:
        InputError: no such file or format, a broken line or entry (the message names it), or no pair at all.
    """
    path = Path(path)
    if format not in FORMATS:
        raise InputError(f"no format {format!r} of pairs: it is one of {', '.join(FORMATS)}")
    if path.is_dir():
        parts = [_read(file, format) for file in sorted(path.glob("*.json"))]
        found = _together(parts, path)
    elif path.exists():
        found = _read(path, format)
    else:
        raise InputError(f"{path}: no such file")
    if not found.pairs:
        why = f"all {found.left_out:,} entries are left out" if found.left_out else "is empty"
        raise InputError(f"{path}: {why}, expected pairs")
    return found


def _read(path: Path, format: str) -> Benchmark:
    if format == "plain" or (format == "auto" and _is_lines(path)):
        return plain.read(path)
    data = read_json(path, TypeAdapter(Any))
    for name, (fits, read) in OFFICIAL.items():
        if fits(data) and format in (name, "auto"):
            return read(data, path)
    expected = ", ".join(OFFICIAL) if format == "auto" else format
    raise InputError(f"{path}: found {_outline(data)}, expected a file of {expected}, or lines of plain pairs")


def _is_lines(path: Path) -> bool:
    if {".jsonl", ".ndjson", ".gz"} & set(path.suffixes):
        return True
    with path.open("rb") as stream:
        try:
            first = json.loads(stream.readline())
        except (ValueError, RecursionError):
            return False
    return isinstance(first, dict) and "positive" in first


def _outline(data: Any) -> str:
    """What a file holds, in a few words."""
    if not isinstance(data, dict | list):
        return type(data).__name__
    entry = next(iter(data.values() if isinstance(data, dict) else data), None)
    inside = f"{{{', '.join(map(repr, list(entry)[:6]))}}}" if isinstance(entry, dict) else type(entry).__name__
    return f"{'an object' if isinstance(data, dict) else 'a list'} of {inside}"


def _together(parts: list[Benchmark], folder: Path) -> Benchmark:
    formats = sorted({part.format for part in parts})
    if len(formats) != 1:
        raise InputError(f"{folder}: found {' and '.join(formats) or 'no .json file'}, expected files of one benchmark")
    pairs = [pair for part in parts for pair in part.pairs]
    averaged = parts[0].averaged if len(parts) == 1 else frozenset()
    return Benchmark(formats[0], pairs, sum(part.left_out for part in parts), averaged)
