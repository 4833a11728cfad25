"""Who did what to whom in a news photograph.

The public names of `templates`, `extraction` and this package in one place.
"""

from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from extraction import EventExtractor, extract, score
    from templates import (
        Argument,
        CaptionEvents,
        Confusable,
        Corpus,
        Description,
        Event,
        EventTemplate,
        Ontology,
        OntologyError,
        RecordError,
        Role,
        Span,
        Statement,
        Wanted,
        describe,
        described,
        load_ontology,
        read_events,
        read_imsitu,
        read_ontology,
        read_role_json,
        statement,
        to_graph,
        write_events,
    )

__version__ = "0.1.0"

_FLOORS = ("templates", "extraction")
_FROM_EXTRACTION = ("EventExtractor", "extract", "score")
__all__ = [
    "Argument",
    "CaptionEvents",
    "Confusable",
    "Corpus",
    "Description",
    "Event",
    "EventExtractor",
    "EventTemplate",
    "Ontology",
    "OntologyError",
    "RecordError",
    "Role",
    "Span",
    "Statement",
    "Wanted",
    "describe",
    "described",
    "extract",
    "load_ontology",
    "read_events",
    "read_imsitu",
    "read_ontology",
    "read_role_json",
    "score",
    "statement",
    "to_graph",
    "write_events",
]


def _check_floors() -> None:
    """`templates` and `extraction` are common names: refuse another project's package of that name, saying where."""
    own = Path(__file__).resolve().parent.parent
    for name in _FLOORS:
        spec = find_spec(name)
        found = Path(spec.origin).resolve() if spec and spec.origin else None
        if found is None or found.parent.parent != own:
            raise ImportError(
                f"clip_event needs its own package {name!r} from {own / name}, but Python finds "
                f"{found or 'none'}; rename or remove that one, or put {own} first on sys.path"
            )


def __getattr__(name: str) -> Any:
    # loaded when used: `import clip_event` costs neither torch nor spaCy
    if name in __all__:
        return getattr(import_module("extraction" if name in _FROM_EXTRACTION else "templates"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


_check_floors()
