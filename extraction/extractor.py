"""`EventExtractor`: captions in, records with events out."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from extraction.captions import habits, windows, words_of
from extraction.decode import Decoder, Frame, Reading
from extraction.mapping import Mapping, best_kind, lemma
from extraction.salience import salient
from extraction.store import load_reader
from extraction.words import MULTIPLE, WordPieces
from templates.formats import read_ontology
from templates.ontology import EventTemplate, Ontology, OntologyError, load_ontology

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


class EventExtractor:
    """Reads captions into events.

    Args:
        ontology: `news`, `open` (every visible predicate, typed by its lemma, with roles Agent, Theme, Recipient,
            Instrument, Origin, Destination, Place), the path of a TOML or JSON ontology, or an `Ontology`. Types that
            the reader was trained on are read by it, others through their `triggers`.
        device: `auto` (a GPU where there is one), `cpu`, `cuda`, ...
        batch_size: captions in one pass of the network.
        reader: folder of a reader trained by `clip-event train-reader`; without it the shipped one.

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
        reader: str | Path | None = None,
    ) -> None:
        if batch_size < 1:
            raise ValueError(f"batch_size is {batch_size}; expected 1 or more")
        network, tokenizer = load_reader(reader)
        self.device = pick_device(device)
        self.reader = network.to(self.device)
        self.batch_size = batch_size
        self.cutter = WordPieces(tokenizer)
        labels = self.reader.config.labels
        self.ontology = None if ontology == "open" else read_ontology(ontology)
        self._tags = labels.tags
        self._pos = labels.pos
        self._kinds = labels.kinds
        self._own_name: dict[str, tuple[str, dict[str, str]]] = {}
        self._mapping: Mapping | None = None
        self._hidden: frozenset[str] = frozenset()
        if self.ontology is None:
            self.decoder = Decoder(self.reader, {}, "visible")
        else:
            self._set_up(self.ontology)

    def _set_up(self, ontology: Ontology) -> None:
        """Share the types out: those the reader knows, those found by triggers, and those that nobody can find."""
        trained: dict[str, tuple[str, ...]] = {}
        mapped: list[str] = []
        lost: list[str] = []
        for name, template in ontology.events.items():
            known = None if template.triggers else self._trained_type(template)
            if known is not None:
                own = self._trained_roles(known, template)
                trained[known] = tuple(own)
                self._own_name[known] = (name, own)
            else:
                (mapped if template.triggers else lost).append(name)
        if lost:
            message = (
                f"{ontology.name}: the reader was not trained on {', '.join(lost)}, and without triggers never finds "
                "them; give triggers with lemmas, or an alias that is a type of the reader"
            )
            if not trained and not mapped:
                raise OntologyError(message)
            warnings.warn(message, stacklevel=3)
        self._mapping = Mapping(ontology, mapped, self._kinds) if mapped else None
        self._hidden = frozenset(name for name, template in ontology.events.items() if not template.visible)
        self.decoder = Decoder(self.reader, trained, "all" if mapped else "none")

    def _trained_type(self, template: EventTemplate) -> str | None:
        """The reader's type of this name, directly or by a name that the news ontology gives it."""
        types = self.reader.config.labels.types
        for spelling in (template.name, *template.aliases):
            if spelling in types:
                return spelling
            news = load_ontology("news").find(spelling)
            if news is not None and news.name in types:
                return news.name
        return None

    def _trained_roles(self, known: str, template: EventTemplate) -> dict[str, str]:
        """The reader's role names to the template's own, for a trained type."""
        news = load_ontology("news").find(known)
        own: dict[str, str] = {}
        for role, spec in template.roles.items():
            for spelling in (role, *spec.aliases):
                theirs = news.role(spelling) if news is not None else spelling
                if theirs in self.reader.config.labels.roles:
                    own.setdefault(theirs, role)
        return own

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
        if window:
            yield from self._read_window(window)

    def _read_window(self, records: Sequence[dict[str, Any]]) -> Iterator[dict[str, Any]]:
        texts = [words_of(record["caption"]) for record in records]
        found = self.read_words(texts, [record["caption"] for record in records])
        for record, (events, chosen) in zip(records, found, strict=True):
            yield {**record, "events": events, "salient": chosen}

    def read_words(
        self, texts: Sequence[Words], captions: Sequence[str]
    ) -> list[tuple[list[dict[str, Any]], str | None]]:
        """Events and the salient one's id for texts that are already cut into words."""
        pieces = [piece for index, text in enumerate(texts) for piece in self._pieces(index, text[0])]
        readings: dict[int, Reading] = {}
        for batch in self._batches(pieces):
            inputs = self.cutter.batch([texts[p.caption][0][p.start : p.end] for p in (pieces[i] for i in batch)])
            with torch.autocast(self.device.type, torch.bfloat16, enabled=_bfloat16(self.device)):
                for index, reading in zip(batch, self.decoder.read(inputs.to(self.device)), strict=True):
                    readings[index] = reading
        per_caption: list[list[tuple[_Piece, Reading]]] = [[] for _ in texts]
        for index, piece in enumerate(pieces):
            per_caption[piece.caption].append((piece, readings[index]))
        return [self._events(*parts) for parts in zip(per_caption, texts, captions, strict=True)]

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
        self, parts: list[tuple[_Piece, Reading]], text: Words, caption: str
    ) -> tuple[list[dict[str, Any]], str | None]:
        words, starts, ends = text
        silent = [(habit.start, habit.end) for habit in habits(caption)]
        events: list[dict[str, Any]] = []
        first: list[int] = []
        tags: list[str] = []
        for piece, reading in parts:
            tags += [self._tags[tag] for tag in reading.tags[: piece.end - piece.start]]
            own = words[piece.start : piece.end]
            for frame in self._frames(own, reading):
                event = self._event(frame, reading, piece.start, words, starts, ends, caption, silent)
                if event is not None:
                    event["id"] = f"e{len(events)}"
                    events.append(event)
                    first.append(piece.start + frame.first)
        return events, salient(words, tags, events, first, self._hidden)

    def _frames(self, words: list[str], reading: Reading) -> list[Frame]:
        if self.ontology is None:
            return reading.predicates
        frames = list(reading.typed)
        if self._mapping:
            taken = {frame.first for frame in frames}
            frames += [frame for frame in self._mapping.read(words, reading) if frame.first not in taken]
        return sorted(frames, key=lambda frame: frame.first)

    def _event(
        self,
        frame: Frame,
        reading: Reading,
        shift: int,
        words: list[str],
        starts: list[int],
        ends: list[int],
        caption: str,
        silent: list[tuple[int, int]],
    ) -> dict[str, Any] | None:
        def span(first: int, last: int) -> dict[str, Any]:
            start, end = starts[shift + first], ends[shift + last]
            return {"text": caption[start:end], "start": start, "end": end}

        def quiet(word: int) -> bool:
            return any(start <= starts[shift + word] < end for start, end in silent)

        if quiet(frame.first):
            return None
        name, kinds_of, role_of = self._names(frame, words[shift + frame.first], reading)
        arguments = [
            {"role": role_of(role), **span(first, head)}
            | {"entity": best_kind(reading, head, self._kinds, kinds_of(role)), "score": round(score, 4)}
            for role, first, head, score in frame.arguments
            if not quiet(head)
        ]
        return {
            "id": "",
            "type": name,
            "trigger": span(frame.first, frame.last),
            "arguments": arguments,
            "score": round(frame.score, 4),
        }

    def _names(
        self, frame: Frame, word: str, reading: Reading
    ) -> tuple[str, Callable[[str], Sequence[str] | None], Callable[[str], str]]:
        """The event's type, the kinds that each role allows, and each role's own name, in the ontology in use."""
        if self.ontology is None:
            pos = self._pos[reading.pos[frame.first]]
            return lemma(word, pos), lambda role: None, lambda role: role
        name, own = self._own_name.get(frame.type, (frame.type, {}))
        template = self.ontology[name]
        return name, lambda role: template.roles[own.get(role, role)].kinds, lambda role: own.get(role, role)


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
