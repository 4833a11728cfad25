"""`EventExtractor`: captions in, records with events out."""

from __future__ import annotations

import ctypes
import sys
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from tokenizers import Tokenizer

from extraction.captions import windows, words_of
from extraction.decode import Decoder, Frame, Reading
from extraction.plan import Plan
from extraction.reader import Reader
from extraction.salience import Agreement, salient
from extraction.store import load_reader
from extraction.words import MULTIPLE, WordPieces
from templates.formats import read_ontology
from templates.habits import habits
from templates.ontology import Ontology

LONGEST = 224
"""Word pieces read at once; a longer text is read in windows that end where a sentence does."""
WINDOW = 1024
"""Captions sorted by length at a time."""

Words = tuple[list[str], list[int], list[int]]
"""Words of a text, and the offsets where each begins and ends."""


@dataclass
class _Piece:
    """One window of one caption: which caption, and the range of its words."""

    caption: int
    start: int
    end: int
    length: int


@dataclass
class _Window:
    """The words of one window, with what is needed to cut their texts out of the caption."""

    caption: str
    words: list[str]
    starts: list[int]
    ends: list[int]
    habits: list[tuple[int, int]]

    def span(self, first: int, last: int) -> dict[str, Any]:
        start, end = self.starts[first], self.ends[last]
        return {"text": self.caption[start:end], "start": start, "end": end}

    def silent(self, word: int) -> bool:
        """Whether the word belongs to what the caption says of itself."""
        return any(start <= self.starts[word] < end for start, end in self.habits)


class EventExtractor:
    """Reads captions into events.

    Args:
        ontology: `news`, `open` (every visible predicate, typed by its lemma, with roles Agent, Theme, Recipient,
            Instrument, Origin, Destination, Place), the path of a TOML or JSON ontology, or an `Ontology`. Types that
            the reader was trained on are read by it, others through their `triggers`.
        device: `auto` (a GPU where there is one), `cpu`, `cuda`, ...
        batch_size: captions in one pass of the network.
        reader: folder of a reader trained by `clip-event train-reader`, or a reader in memory with its tokenizer;
            without it the shipped one.
        agreement: asked which of a record's events its photograph shows, where it has several; see
            `extraction.salience`.

    Raises:
        OntologyError: the ontology cannot be used, or the reader can find none of its types.
        WeightsError: the reader's folder cannot be loaded.

    Example:
        >>> from extraction import EventExtractor
        >>> record = EventExtractor().extract(["Police arrest a man in Kabul."])[0]
        >>> record["events"][0]["type"]
        'Justice:Arrest-Jail'
    """

    def __init__(
        self,
        ontology: str | Path | Ontology = "news",
        *,
        device: str = "auto",
        batch_size: int = 64,
        reader: str | Path | tuple[Reader, Tokenizer] | None = None,
        agreement: Agreement | None = None,
    ) -> None:
        if batch_size < 1:
            raise ValueError(f"batch_size is {batch_size}; expected 1 or more")
        network, tokenizer = reader if isinstance(reader, tuple) else load_reader(reader)
        self.device = pick_device(device)
        self.reader = network.to(self.device)
        self.batch_size = batch_size
        self.agreement = agreement
        self.cutter = WordPieces(tokenizer)
        self.ontology = None if ontology == "open" else read_ontology(ontology)
        self.plan = Plan(self.ontology, self.reader.config.labels)
        self.decoder = Decoder(self.reader, self.plan.trained, self.plan.predicates)
        self._tags = self.reader.config.labels.tags

    def extract(self, captions: Iterable[str]) -> list[dict[str, Any]]:
        """One record `{"caption", "events", "salient"}` a caption, in order.

        Raises:
            TypeError: a caption is not a string; the message says which.
            ValueError: a caption is not Unicode text.
        """
        captions = list(captions)
        for index, caption in enumerate(captions):
            if not isinstance(caption, str):
                raise TypeError(f"caption {index} is {type(caption).__name__}, expected str")
            if any("\ud800" <= character <= "\udfff" for character in caption):
                raise ValueError(f"caption {index} holds half a surrogate pair; decode it as UTF-8 first")
        return list(self.stream({"caption": caption} for caption in captions))

    def stream(self, records: Iterable[dict[str, Any]]) -> Iterator[dict[str, Any]]:
        """Records with a `caption` to the same records with `events` and `salient`, in order, in constant memory."""
        window: list[dict[str, Any]] = []
        for record in records:
            window.append(record)
            if len(window) == WINDOW:
                yield from self._read_window(window)
                window = []
                _give_back_memory()
        if window:
            yield from self._read_window(window)

    def _read_window(self, records: Sequence[dict[str, Any]]) -> Iterator[dict[str, Any]]:
        texts = [words_of(record["caption"]) for record in records]
        found = self.read_words(texts, records)
        for record, (events, chosen) in zip(records, found, strict=True):
            yield {**record, "events": events, "salient": chosen}

    def read_words(
        self, texts: Sequence[Words], records: Sequence[dict[str, Any]]
    ) -> list[tuple[list[dict[str, Any]], str | None]]:
        """Events and the salient one's id for records whose captions are already cut into words."""
        pieces = [piece for index, text in enumerate(texts) for piece in self._pieces(index, text[0])]
        readings: dict[int, Reading] = {}
        for batch in self._batches(pieces):
            rows = [texts[p.caption][0][p.start : p.end] for p in (pieces[i] for i in batch)]
            # the CPU compiles its kernels for every new number of rows and keeps them: a few round numbers, flat memory
            rows += [[]] * ((1 << (len(rows) - 1).bit_length()) - len(rows))
            with torch.autocast(self.device.type, torch.bfloat16, enabled=_bfloat16(self.device)):
                found = self.decoder.read(self.cutter.batch(rows).to(self.device))
            readings.update(zip(batch, found, strict=False))
        per_caption: list[list[tuple[_Piece, Reading]]] = [[] for _ in texts]
        for index, piece in enumerate(pieces):
            per_caption[piece.caption].append((piece, readings[index]))
        return [self._events(*parts) for parts in zip(per_caption, texts, records, strict=True)]

    def _pieces(self, index: int, words: list[str]) -> list[_Piece]:
        lengths = [len(self.cutter.pieces(word)) for word in words]
        return [
            _Piece(index, start, end, 2 + sum(lengths[start:end]))
            for start, end in windows(words, lengths, LONGEST - 2)
        ]

    def _batches(self, pieces: Sequence[_Piece]) -> Iterator[list[int]]:
        """Indices of windows that share a padded length and width, so that a caption's scores do not hang on its
        neighbours."""

        def shape(index: int) -> tuple[int, int]:
            piece = pieces[index]
            return -(-piece.length // MULTIPLE), -(-(piece.end - piece.start) // MULTIPLE)

        order = sorted(range(len(pieces)), key=shape)
        start = 0
        for end in range(1, len(order) + 1):
            full = end - start == self.batch_size
            if end == len(order) or full or shape(order[end]) != shape(order[start]):
                yield order[start:end]
                start = end

    def _events(
        self, parts: list[tuple[_Piece, Reading]], text: Words, record: dict[str, Any]
    ) -> tuple[list[dict[str, Any]], str | None]:
        words, starts, ends = text
        caption = record["caption"]
        silent = [(habit.start, habit.end) for habit in habits(caption)]
        events: list[dict[str, Any]] = []
        first: list[int] = []
        tags: list[str] = []
        for piece, reading in parts:
            start, end = piece.start, piece.end
            tags += [self._tags[tag] for tag in reading.tags[: end - start]]
            window = _Window(caption, words[start:end], starts[start:end], ends[start:end], silent)
            for frame in self.plan.frames(window.words, reading):
                if not window.silent(frame.first):
                    events.append({"id": f"e{len(events)}", **self._event(frame, reading, window)})
                    first.append(piece.start + frame.first)
        agreement = self.agreement(record, events) if self.agreement and len(events) > 1 else None
        return events, salient(words, tags, events, first, self.plan.hidden, agreement)

    def _event(self, frame: Frame, reading: Reading, window: _Window) -> dict[str, Any]:
        arguments = [
            {"role": self.plan.role(frame, role), **window.span(first, head)}
            | {"entity": self.plan.kind(frame, role, head, reading), "score": round(score, 4)}
            for role, first, head, score in frame.arguments
            if not window.silent(head)
        ]
        return {
            "type": self.plan.type(frame, window.words[frame.first], reading),
            "trigger": window.span(frame.first, frame.last),
            "arguments": arguments,
            "score": round(frame.score, 4),
        }


def _give_back_memory() -> None:
    """Tensors of many sizes leave holes that glibc keeps: a long run would take gigabytes, growing slowly."""
    if sys.platform == "linux" and (trim := getattr(ctypes.CDLL(None), "malloc_trim", None)):
        trim(0)


def pick_device(device: str) -> torch.device:
    """`auto` is a GPU where there is one. Raises ValueError for a device that is not there."""
    if device == "auto":
        if torch.cuda.is_available():
            return torch.device("cuda")
        return torch.device("mps" if torch.backends.mps.is_available() else "cpu")
    try:
        torch.empty(0, device=device)
    except (RuntimeError, AssertionError) as error:
        raise ValueError(f"device {device!r} cannot be used: {error}; give auto, cpu or cuda") from None
    return torch.device(device)


def _bfloat16(device: torch.device) -> bool:
    """Half the time where the processor multiplies bfloat16 itself; slower than float32 elsewhere."""
    if device.type == "cpu":
        return torch.cpu._is_avx512_bf16_supported()
    return device.type == "cuda"
