"""The spaCy component `event_extractor`.

spaCy imports every `spacy_factories` entry point when a pipeline is made, so nothing here imports torch: the reader is
loaded at the first document.
"""

import os
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from spacy.language import Language
from spacy.tokens import Doc, Span
from spacy.util import minibatch

if TYPE_CHECKING:
    from extraction.extractor import EventExtractor

SPANS = "events"
"""Key in `doc.spans`; `displacy.render(doc, style="span", options={"spans_key": "events"})` draws them."""

Doc.set_extension("events", default=[], force=True)
Doc.set_extension("salient", default=None, force=True)


@Language.factory(
    "event_extractor",
    assigns=["doc._.events", "doc._.salient", "doc.spans"],
    default_config={"ontology": "news", "device": "auto", "batch_size": 64, "reader": None},
)
def make_event_extractor(
    nlp: Language, name: str, ontology: str, device: str, batch_size: int, reader: str | None
) -> "EventComponent":
    """`nlp.add_pipe("event_extractor", config={"ontology": "open"})`; settings as in `EventExtractor`."""
    return EventComponent(name, ontology, device, batch_size, reader)


class EventComponent:
    """Sets `doc._.events` (plain dicts with character offsets), `doc._.salient` and `doc.spans["events"]`.

    A span's label is the event's type for a trigger, and type and role for an argument; arguments whose characters are
    not whole tokens of the pipeline's own tokenizer are widened to them.
    """

    def __init__(self, name: str, ontology: str, device: str, batch_size: int, reader: str | None) -> None:
        self.name = name
        self.settings: dict[str, Any] = {
            "ontology": ontology,
            "device": device,
            "batch_size": batch_size,
            "reader": reader,
        }
        self._extractor: EventExtractor | None = None

    @property
    def extractor(self) -> "EventExtractor":
        if self._extractor is None:
            from extraction.extractor import EventExtractor

            self._extractor = EventExtractor(**self.settings)
        return self._extractor

    def __getstate__(self) -> dict[str, Any]:
        # the network is loaded again where the pipeline is unpickled, not carried along
        return {**self.__dict__, "_extractor": None}

    def __call__(self, doc: Doc) -> Doc:
        return next(self.pipe([doc]))

    def pipe(self, stream: Iterable[Doc], *, batch_size: int = 256) -> Iterator[Doc]:
        """Documents in, the same documents with their events out."""
        for docs in minibatch(stream, batch_size):
            texts = [_words(doc) for doc in docs]
            found = self.extractor.read_words(texts, [{"caption": doc.text} for doc in docs])
            for doc, (events, salient) in zip(docs, found, strict=True):
                doc._.events, doc._.salient = events, salient
                doc.spans[SPANS] = [span for event in events for span in _spans(doc, event)]
                yield doc

    def to_disk(self, path: str | Path, *, exclude: Iterable[str] = ()) -> None:
        """Nothing to write: the settings are in the pipeline's configuration, the reader in its own folder."""
        Path(path).mkdir(parents=True, exist_ok=True)

    def from_disk(self, path: str | Path, *, exclude: Iterable[str] = ()) -> "EventComponent":
        return self

    def to_bytes(self, *, exclude: Iterable[str] = ()) -> bytes:
        return b""

    def from_bytes(self, data: bytes, *, exclude: Iterable[str] = ()) -> "EventComponent":
        return self


def _words(doc: Doc) -> tuple[list[str], list[int], list[int]]:
    tokens = [token for token in doc if not token.is_space]
    starts = [token.idx for token in tokens]
    return [token.text for token in tokens], starts, [token.idx + len(token) for token in tokens]


def _spans(doc: Doc, event: dict[str, Any]) -> Iterator[Span]:
    parts = [(event["trigger"], event["type"])]
    parts += [(argument, f"{event['type']}:{argument['role']}") for argument in event["arguments"]]
    for part, label in parts:
        span = doc.char_span(part["start"], part["end"], label=label, alignment_mode="expand")
        if span is not None:
            yield span


def _one_thread_after_fork() -> None:
    """A forked child inherits torch's thread pool without its threads and waits for them forever (`n_process=2`)."""
    import sys

    if "torch" in sys.modules:
        sys.modules["torch"].set_num_threads(1)


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_one_thread_after_fork)
