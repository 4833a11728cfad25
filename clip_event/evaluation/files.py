"""A benchmark's files in their authors' form: read whole or line by line, and refused with the place of the fault."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any, TypeVar

from pydantic import TypeAdapter, ValidationError

T = TypeVar("T")
SHOWN = 60  # characters of what was found


class FormError(ValueError):
    """A file that is not in its form; the message names the file, the place in it, what was found and expected."""


def read_json(path: str | Path, form: TypeAdapter[T]) -> T:
    """A JSON file of the given form. Raises `FormError`."""
    try:
        data = Path(path).read_bytes()
    except OSError as error:
        raise FormError(f"{path}: {error.strerror}") from None
    return _checked(data, form, str(path))


def read_jsonl(path: str | Path, form: TypeAdapter[T]) -> Iterator[tuple[int, T]]:
    """Number, from 1, and content of each line that is not blank. Raises `FormError`."""
    if not Path(path).is_file():
        raise FormError(f"{path}: no such file")
    with Path(path).open("rb") as lines:
        for number, line in enumerate(lines, 1):
            if line.strip():
                yield number, _checked(line, form, f"{path}:{number}")


def _checked(data: bytes, form: TypeAdapter[T], where: str) -> T:
    try:
        return form.validate_json(data.removeprefix(b"\xef\xbb\xbf"))
    except ValidationError as error:
        problem = error.errors(include_url=False)[0]
    place = "".join(f"{key}: " for key in [".".join(map(str, problem["loc"]))] if key)
    if problem["type"] == "missing":
        raise FormError(f"{where}: {place}is missing; the keys are {_keys(problem['input'])}")
    message = problem["msg"].removeprefix("Value error, ")
    if problem["type"] in ("json_invalid", "value_error"):
        raise FormError(f"{where}: {place}{message}")
    wanted = message.removeprefix("Input should be ")
    raise FormError(f"{where}: {place}found {_short(problem['input'])}, expected {wanted[:1].lower()}{wanted[1:]}")


def _keys(found: Any) -> str:
    return ", ".join(list(map(str, found))[:8]) or "none" if isinstance(found, dict) else _short(found)


def _short(found: Any) -> str:
    text = ascii(found)
    return text if len(text) <= SHOWN else text[:SHOWN] + "..."
