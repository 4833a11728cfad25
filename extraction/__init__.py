"""Captions to events: the reader, its decoding, the spaCy component, files in and out."""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from extraction.extractor import EventExtractor
    from extraction.files import Summary, extract
    from extraction.scoring import score

__all__ = ["EventExtractor", "Summary", "extract", "score"]

_HOME = {
    "EventExtractor": "extraction.extractor",
    "Summary": "extraction.files",
    "extract": "extraction.files",
    "score": "extraction.scoring",
}


def __getattr__(name: str) -> Any:
    # loaded when used, so that importing the package costs no torch
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    return getattr(import_module(_HOME[name]), name)
