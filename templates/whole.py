"""Files that appear whole or not at all."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

PARTIAL = ".partial"
"""Behind the name of what is not yet whole."""


@contextmanager
def whole(path: str | Path) -> Iterator[IO[str]]:
    """A text file to write; it takes its name when all of it is written, and leaves nothing behind otherwise."""
    path = Path(path)
    partial = path.with_name(path.name + PARTIAL)
    try:
        with partial.open("w", encoding="utf-8", newline="\n") as out:
            yield out
        os.replace(partial, path)
    finally:
        partial.unlink(missing_ok=True)
