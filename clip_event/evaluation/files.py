"""Files in a given form, `.gz` or plain: read whole or line by line, and refused with the place of the fault."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any, TypeVar

from pydantic import TypeAdapter, ValidationError

from extraction.records import InputError, unpacked

T = TypeVar("T")
SHOWN = 60  # characters of what was found


def read_json(path: str | Path, form: TypeAdapter[T]) -> T:
    """A JSON file of the given form. Raises `InputError`."""
    with unpacked(Path(path)) as file:
        return checked(form, file.read(), str(path))


def read_jsonl(path: str | Path, form: TypeAdapter[T]) -> Iterator[tuple[int, T]]:
    """Number, from 1, and content of each line that is not blank. Raises `InputError`."""
    with unpacked(Path(path)) as lines:
        for number, line in enumerate(lines, 1):
            if line.strip():
                yield number, checked(form, line, f"{path}:{number}")


def checked(form: TypeAdapter[T], data: Any, where: str) -> T:
    """JSON, in bytes or parsed, in its form. Raises `InputError`, which says where, what was found and expected."""
    try:
        if isinstance(data, bytes):
            return form.validate_json(data.removeprefix(b"\xef\xbb\xbf"))
        return form.validate_python(data)
    except ValidationError as error:
        problem = error.errors(include_url=False)[0]
    place = "".join(f"{key}: " for key in [".".join(map(str, problem["loc"]))] if key)
    if problem["type"] == "missing":
        raise InputError(f"{where}: {place}is missing; the keys are {_keys(problem['input'])}")
    message = problem["msg"].removeprefix("Value error, ")
    if problem["type"] in ("json_invalid", "value_error"):
        raise InputError(f"{where}: {place}{message}")
    wanted = message.removeprefix("Input should be ")
    raise InputError(f"{where}: {place}found {_short(problem['input'])}, expected {wanted[:1].lower()}{wanted[1:]}")


def _keys(found: Any) -> str:
    return ", ".join(list(map(str, found))[:8]) or "none" if isinstance(found, dict) else _short(found)


def _short(found: Any) -> str:
    text = ascii(found)
    return text if len(text) <= SHOWN else text[:SHOWN] + "..."
