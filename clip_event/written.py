"""The output of a command: rows as JSON lines, and beside them what could not be used, each whole or not at all."""

import json
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import IO, Any

from extraction.records import Bad, InputError
from templates.whole import whole

Json = dict[str, Any]
ENCODE = json.JSONEncoder(ensure_ascii=False, default=str).encode  # json.dumps makes an encoder at every call


class Written:
    """What a run writes.

    Attributes:
        bad: how many rows of the input could not be used.
    """

    def __init__(self, out: IO[str], errors: IO[str] | None, strict: str | None) -> None:
        self._out, self._errors, self._strict, self.bad = out, errors, strict, 0

    def row(self, row: Json) -> None:
        self._out.write(ENCODE(row) + "\n")

    def fault(self, fault: Bad | Json) -> None:
        """Count and list what cannot be used.

        Raises:
            InputError: where the run is strict.
        """
        fault = fault.to_dict() if isinstance(fault, Bad) else fault
        if self._strict is not None:
            place = f"line {fault['line']}: " if "line" in fault else ""
            raise InputError(f"{fault.get('file', self._strict)}: {place}{fault['reason']}")
        self.bad += 1
        if self._errors:
            self._errors.write(json.dumps(fault, ensure_ascii=False) + "\n")


@contextmanager
def written(
    out: str | Path = "-", errors: str | Path | None = None, *, strict: bool = False, source: object = ""
) -> Iterator[Written]:
    """Open the output of a command.

    Args:
        out: a JSONL file, or `-` for standard output.
        errors: where faults go; without it, beside a file `out` under the same name with `.errors.jsonl`. It is written
            where there are any; else an older one goes, as it would be read as this run's.
        strict: raise at the first fault, which is said to be of `source`.

    Raises:
        InputError: a name that cannot be written to.
    """
    target = None if str(out) == "-" else Path(out)
    listed = Path(errors) if errors else target and target.with_name(target.stem + ".errors.jsonl")
    for path in (target, listed):
        if path and path.is_dir():
            raise InputError(f"{path}: is a folder; give the name of a file")
        if path:
            path.parent.mkdir(parents=True, exist_ok=True)
    if target and listed and target.resolve() == listed.resolve():
        raise InputError(f"{target}: is named for both output and errors; name another for errors")
    with ExitStack() as stack:
        lines = stack.enter_context(whole(target)) if target else sys.stdout
        faults = stack.enter_context(whole(listed)) if listed else None
        files = Written(lines, faults, str(source) if strict else None)
        yield files
    if listed and not files.bad:
        listed.unlink(missing_ok=True)
