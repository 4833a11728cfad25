"""Who may play a role in a photograph: the candidates of its caption, of a file, or everyday ones."""

import json
import tomllib
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from extraction.records import InputError
from templates.events import CaptionEvents
from templates.negatives import WHERE
from templates.ontology import ENTITY_KINDS, SHIPPED, EventTemplate


@dataclass(frozen=True)
class Candidate:
    """Somebody or something that may play a role.

    Attributes:
        text: "police officers", "a man", "Kyiv".
        kind: one of `ENTITY_KINDS`; None where it is not known, and then any role may be played.
        roles: names or aliases of the only roles that it may play, whatever its kind; None leaves it to the kind.
    """

    text: str
    kind: str | None = None
    roles: tuple[str, ...] | None = None

    @property
    def key(self) -> str:
        """What makes two candidates the same."""
        return " ".join(self.text.casefold().split())

    def may_play(self, role: str, template: EventTemplate) -> bool:
        """Whether it may play a role of a type. A place is where something happens and does not act; a country that
        does is told so by `roles`."""
        if self.roles is not None:
            return role in map(template.role, self.roles)
        spec = template.roles[role]
        if self.kind is None:
            return True
        if not spec.kinds:  # the open ontology's roles
            return (self.kind == "place") == (role in WHERE)
        return self.kind in spec.kinds and not (self.kind == "place" and spec.acts)


def candidates_of(record: CaptionEvents) -> list[Candidate]:
    """The arguments of all events of a caption, in its order; of two with the same words, the first."""
    arguments = [argument for event in record.events for argument in event.arguments]
    found = (Candidate(a.text, a.entity) for a in sorted(arguments, key=lambda a: (a.start, -a.end)))
    return distinct(found)


def from_caption(caption: str) -> list[Candidate]:
    """`candidates_of` a caption that is read first. Raises InputError where nobody in it takes part in an event."""
    from extraction.extractor import EventExtractor

    record = EventExtractor().extract([caption])[0]
    if not (found := candidates_of(CaptionEvents.model_validate(record))):
        raise InputError(f"caption {caption!r}: nobody was found in it who takes part in an event; give a fillers file")
    return found


def typical_fillers(template: EventTemplate) -> list[Candidate]:
    """Everyday fillers of a type's roles: `templates/typical.toml` has them by role and by entity kind.

    Of the kinds that a role allows, places are left out where somebody else can play it ("Israel attacks").
    """
    table, found = _typical(), []
    own: dict[str, list[str]] = table["roles"].get(template.name, {})
    for role, spec in template.roles.items():
        if role in own:
            found += [Candidate(text, roles=(role,)) for text in own[role]]
        else:
            kinds = [kind for kind in spec.kinds if kind != "place"] if spec.acts else spec.kinds
            found += [Candidate(text, kind, (role,)) for kind in kinds for text in table["kinds"].get(kind, ())]
    return merged(found)


def distinct(candidates: Iterable[Candidate]) -> list[Candidate]:
    """Each text once, as the first candidate has it."""
    first: dict[str, Candidate] = {}
    for candidate in candidates:
        first.setdefault(candidate.key, candidate)
    return list(first.values())


def merged(candidates: Iterable[Candidate]) -> list[Candidate]:
    """Each text once, with the roles of all candidates of that text."""
    roles: dict[str, dict[str, None]] = {}
    candidates = list(candidates)
    for candidate in candidates:
        roles.setdefault(candidate.key, {}).update(dict.fromkeys(candidate.roles or ()))
    return [Candidate(c.text, c.kind, tuple(roles[c.key])) for c in distinct(candidates)]


def read_fillers(path: str | Path) -> list[Candidate]:
    """Candidates from a file, in its order.

    Args:
        path: `.jsonl` with `"police"` or `{"text": "a gun", "kind": "weapon", "roles": ["Instrument"]}` a line, `.json`
            with a list of the same, or any other ending for text: one a line, with a kind before it or without
            ("weapon: a gun"); empty lines and those that begin with `#` are left out.

    Raises:
        InputError: no such file, a line that is no filler, or none at all; with file and line (of `.json`, the item).
    """
    path = Path(path)
    try:
        text = path.read_text(encoding="utf-8-sig")
    except OSError as error:
        raise InputError(f"{path}: {error.strerror}; give a file with one filler a line") from None
    except UnicodeDecodeError as error:
        raise InputError(f"{path}: not UTF-8 at byte {error.start}") from None
    found = distinct(_candidate(item, f"{path}:{number}") for number, item in _items(path, text))
    if not found:
        raise InputError(f"{path}: holds no filler; expected one a line, as in 'police officers' or 'weapon: a gun'")
    return found


def _items(path: Path, text: str) -> list[tuple[int, Any]]:
    if path.suffix == ".json":
        items = _parsed(text, str(path))
        if not isinstance(items, list):
            raise InputError(f'{path}: expected a list of fillers, ["police", ...]')
        return list(enumerate(items, 1))
    lines = [(number, line.strip()) for number, line in enumerate(text.split("\n"), 1) if line.strip()]
    if path.suffix in (".jsonl", ".ndjson"):
        return [(number, _parsed(line, f"{path}:{number}")) for number, line in lines]
    return [(number, _split(line)) for number, line in lines if not line.startswith("#")]


def _parsed(text: str, where: str) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError) as error:
        raise InputError(f"{where}: not JSON: {error}") from None


def _split(line: str) -> dict[str, Any]:
    kind, colon, text = line.partition(":")
    known = colon and kind.strip().lower() in ENTITY_KINDS
    return {"text": text.strip(), "kind": kind.strip().lower()} if known else {"text": line}


def _candidate(item: Any, where: str) -> Candidate:
    if isinstance(item, str):
        item = {"text": item}
    if not isinstance(item, dict) or not isinstance(item.get("text"), str) or not item["text"].strip():
        raise InputError(f'{where}: found {json.dumps(item)[:60]}, expected words or an object with "text"')
    if unknown := sorted(item.keys() - {"text", "kind", "roles"}):
        raise InputError(f"{where}: unknown key {unknown[0]!r}; the keys are text, kind and roles")
    kind, roles = item.get("kind"), item.get("roles")
    if kind is not None and kind not in ENTITY_KINDS:
        raise InputError(f"{where}: no entity kind {kind!r}; the kinds are {', '.join(ENTITY_KINDS)}")
    if roles is not None and not (roles and isinstance(roles, list) and all(isinstance(role, str) for role in roles)):
        raise InputError(f'{where}: roles: found {json.dumps(roles)[:60]}, expected a list of names, ["Agent", ...]')
    return Candidate(" ".join(item["text"].split()), kind, None if roles is None else tuple(roles))


@cache
def _typical() -> dict[str, dict[str, Any]]:
    return tomllib.loads((SHIPPED / "typical.toml").read_text(encoding="utf-8"))
