"""Ontologies that others publish as JSON: imSitu and SWiG's verb space, and ACE or KAIROS role lists."""

import json
import re
from pathlib import Path
from typing import Any

from templates.ontology import (
    ENTITY_KINDS,
    Ontology,
    OntologyError,
    load_ontology,
    parse_ontology,
)

ROLE_LABELS = {
    "agent": "Agent",
    "agents": "Agent",
    "agenttype": "Agent",
    "person": "Agent",
    "victim": "Theme",
    "item": "Theme",
    "target": "Theme",
    "patient": "Theme",
    "theme": "Theme",
    "object": "Theme",
    "recipient": "Recipient",
    "tool": "Instrument",
    "instrument": "Instrument",
    "vehicle": "Instrument",
    "source": "Origin",
    "origin": "Origin",
    "start": "Origin",
    "destination": "Destination",
    "goal": "Destination",
    "end": "Destination",
    "place": "Place",
    "location": "Place",
}
PREPOSITIONS = (
    r"(?:with|using|in|at|on|from|to|into|onto|for|by|of|through|against|near|over|under|inside|around|along)"
)
WORD_SLOT = re.compile(r"\b(?:[Tt]he |[Aa]n? )?([A-Z][A-Z0-9_]{2,})\b")
OTHER_KINDS = {
    "per": "person",
    "org": "organization",
    "gpe": "place",
    "loc": "place",
    "fac": "place",
    "veh": "vehicle",
    "wea": "weapon",
    "com": "object",
    "aml": "animal",
    "mon": "abstract",
    "time": "time",
}
"""Entity types of ACE and KAIROS in the kinds used here."""


def read_imsitu(path: str | Path) -> Ontology:
    """The verbs of an `imsitu_space.json` (Yatskar et al., 2016; SWiG uses the same file) as an ontology.

    A type is a verb in imSitu's spelling; its sentence is the verb's `abstract`, whose capital words are slots. Role
    names keep imSitu's spelling. imSitu says nothing of entity kinds, so every role takes any.

    Raises:
        OntologyError: the file is not JSON or a verb lacks `abstract` or `roles`.
    """
    data = _read_json(path)
    verbs = data.get("verbs")
    if not isinstance(verbs, dict) or not verbs:
        raise OntologyError(f"{path}: no 'verbs' object; expected imSitu's imsitu_space.json")
    events = {}
    for verb, entry in verbs.items():
        if not isinstance(entry, dict) or not isinstance(entry.get("roles"), dict) or "abstract" not in entry:
            raise OntologyError(f"{path}: verbs.{verb}: expected an object with 'abstract' and 'roles'")
        order = entry.get("order") or list(entry["roles"])
        if not isinstance(order, list) or set(order) != set(entry["roles"]):
            raise OntologyError(f"{path}: verbs.{verb}.order: found {order!r}, expected a list of the verb's roles")
        roles = {role: _role(role) for role in order}
        events[verb] = {
            "gerund": verb.replace("_", " "),
            "sentences": _sentences(str(entry["abstract"]), list(roles), verb),
            "roles": roles,
            "triggers": [{"lemmas": _lemmas(verb)}],
        }
    return parse_ontology({"name": Path(path).stem, "events": events}, str(path))


def read_role_json(path: str | Path) -> Ontology:
    """A role list of the ACE or KAIROS kind as an ontology.

    Each key is a type; its value is a list of role names, an object from role name to entity kinds, or an object with
    `roles` (either form) and, as in the KAIROS files, a `template` whose `<arg1>` is the first role.

    Raises:
        OntologyError: the file is not JSON or a value is none of these.
    """
    data = _read_json(path)
    events = {}
    for name, entry in data.items():
        template = entry.get("template") if isinstance(entry, dict) else None
        roles = entry.get("roles", entry) if isinstance(entry, dict) else entry
        if isinstance(roles, list) and all(isinstance(role, str) for role in roles):
            names = dict.fromkeys(roles)
        elif isinstance(roles, dict) and all(_is_kinds(kinds) for kinds in roles.values()):
            names = roles
        else:
            raise OntologyError(f"{path}: {name}: expected a list of role names, or role names with entity kinds")
        gerund = re.split(r"[.:]", name.removesuffix(".Unspecified").removesuffix(".n/a"))[-1]
        gerund = re.sub(r"(?<=[a-z])(?=[A-Z])|-", " ", gerund).lower()
        events[name] = {
            "gerund": gerund,
            "sentences": _numbered(template, list(roles), gerund),
            "roles": {role: _role(role, kinds) for role, kinds in names.items()},
            "aliases": _other_spelling(name),
        }
    return parse_ontology({"name": Path(path).stem, "events": events}, str(path))


def read_ontology(source: str | Path | Ontology) -> Ontology:
    """Any ontology: a shipped name, TOML, or JSON in one of the forms above. Raises `OntologyError`."""
    if isinstance(source, str | Path) and Path(source).suffix.lower() == ".json":
        return read_imsitu(source) if "verbs" in _read_json(source) else read_role_json(source)
    return load_ontology(source)


def _read_json(path: str | Path) -> dict[str, Any]:
    try:
        data = json.loads(Path(path).read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise OntologyError(f"{path}: no such file") from None
    except (json.JSONDecodeError, UnicodeDecodeError) as error:
        raise OntologyError(f"{path}: not valid JSON: {error}") from None
    if not isinstance(data, dict) or not data:
        raise OntologyError(f"{path}: expected a JSON object with an entry for each type")
    return data


def _role(name: str, kinds: list[str] | None = None) -> dict[str, Any]:
    label = ROLE_LABELS.get(name.lower())
    known = [OTHER_KINDS.get(kind.lower(), kind.lower()) for kind in kinds or ()]
    if not set(known) <= set(ENTITY_KINDS):
        known = []  # a kind that is not ours may be any
    return {"kinds": list(dict.fromkeys(known)) or list(ENTITY_KINDS), "labels": [label or "ARG2"]}


def _is_kinds(kinds: Any) -> bool:
    return kinds is None or (isinstance(kinds, list) and all(isinstance(kind, str) for kind in kinds))


def _lemmas(gerund: str) -> list[str]:
    from lemminflect import getLemma

    first, _, rest = gerund.replace("_", " ").partition(" ")
    lemma = (getLemma(first, "VERB") or (first,))[0]
    return [f"{lemma} {rest}".strip()]


def _sentences(abstract: str, roles: list[str], gerund: str) -> list[str]:
    """imSitu's abstract with its capital words as slots; a slot after a preposition becomes a group."""
    spelling = {role.upper(): role for role in roles}
    text = re.sub(r"[\[\]{}<>]", "", abstract).strip().rstrip(".")

    def slot(match: re.Match[str]) -> str:
        role = spelling.get(match[1])
        return f"{{{role}}}" if role else match[0]

    text = WORD_SLOT.sub(slot, text)
    text = re.sub(rf"\s+({PREPOSITIONS} \{{[^{{}}]+\}})", r" [\1]", text)
    missing = "".join(f" [{role} {{{role}}}]" for role in roles if f"{{{role}}}" not in text)
    return [text + missing, gerund.replace("_", " ") + "".join(f" [{role} {{{role}}}]" for role in roles)]


def _numbered(template: Any, roles: list[str], gerund: str) -> list[str]:
    """A KAIROS template with its numbered slots as ours; a role that is listed twice is said once, at its first."""
    fallback = gerund + "".join(f" [{role.lower()} {{{role}}}]" for role in dict.fromkeys(roles))
    if not isinstance(template, str):
        return [fallback]
    said: set[str] = set()

    def slot(match: re.Match[str]) -> str:
        number = int(match[1]) - 1
        if not 0 <= number < len(roles) or roles[number] in said:
            return ""
        said.add(roles[number])
        return f"{{{roles[number]}}}"

    text = re.sub(r"<arg(\d+)>", slot, re.sub(r"[\[\]]", "", template))
    return [re.sub(r"\s+", " ", text).strip(), fallback]


def _other_spelling(name: str) -> list[str]:
    """ACE writes `Conflict.Attack`, the news ontology `Conflict:Attack`: each is the other's alias."""
    parts = re.split(r"[.:]", name)
    other = ":".join(parts[:2]) if "." in name else ".".join(parts)
    return [other] if len(parts) >= 2 and other != name and len(parts) == 2 else []
