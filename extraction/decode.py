"""Scores to frames: legal roles, one type a trigger, whole base noun phrases.

A frame is an event over word indices, still without offsets or text.
"""

from dataclasses import dataclass, field

import torch
from torch import Tensor

from extraction.reader import Reader
from extraction.words import Pieces

Fill = tuple[str, int, int, float]
"""One argument: role or label, first word, head word, probability."""


@dataclass
class Frame:
    """One event: its type (empty for an open predicate), trigger words `first` to `last`, probability, arguments.

    `labels` holds the PropBank labels of an open predicate's arguments beside its open roles.
    """

    type: str
    first: int
    last: int
    score: float
    arguments: list[Fill]
    labels: list[Fill] = field(default_factory=list)


@dataclass
class Reading:
    """What the reader says of one caption; `kinds` holds log probabilities (words, kinds), `tags` and `pos` indices."""

    typed: list[Frame]
    predicates: list[Frame]
    kinds: Tensor
    tags: list[int]
    pos: list[int]


def legal_mask(reader: Reader, legal: dict[str, tuple[str, ...]]) -> Tensor:
    """(types + 1, roles + 1) true where the type may have the role; index 0 is none. A type not in `legal` is all
    false, and never read."""
    labels = reader.config.labels
    mask = torch.zeros(len(labels.types) + 1, len(labels.roles) + 1, dtype=torch.bool)
    for row, name in enumerate(labels.types):
        if name in legal:
            mask[row, 0] = True
            for role in legal[name]:
                mask[row, 1 + labels.roles.index(role)] = True
    return mask


class Decoder:
    """Reads batches with one reader and one choice of what to look for.

    Args:
        legal: trained types to read and their roles, see `legal_mask`.
        predicates: `none`, `visible` (what a photograph shows: the open ontology) or `all` (whatever either head calls
            a predicate, to be mapped by an ontology's triggers).
    """

    def __init__(self, reader: Reader, legal: dict[str, tuple[str, ...]], predicates: str = "none") -> None:
        self.reader = reader
        self.labels = reader.config.labels
        device = reader.pieces.weight.device
        self.legal = legal_mask(reader, legal).to(device)
        self.typed = bool(legal)
        self.predicates = predicates
        self.limits = {"trigger": 0.5, "role": 0.5, "open": 0.5, "open_role": 0.5} | reader.config.thresholds
        self.temperature = {"trigger": 1.0, "role": 1.0, "open": 1.0, "open_role": 1.0} | reader.config.temperatures

    @torch.inference_mode()
    def read(self, inputs: Pieces) -> list[Reading]:
        """One `Reading` a caption."""
        words = inputs.word_mask.shape[1]
        vectors, early = self.reader.encode(inputs.pieces, inputs.shapes, inputs.piece_mask, inputs.word_of, words)
        logits = self.reader.read(vectors)
        links = ((logits["link"][..., 0] > 0) & inputs.word_mask).tolist()
        rows = len(inputs.pieces)
        typed = self._typed(early, logits, inputs, links) if self.typed else [[] for _ in range(rows)]
        found = self._predicates(early, logits, inputs, links) if self.predicates != "none" else [[]] * rows
        kinds = logits["kind"].log_softmax(-1).cpu()
        tags, pos = logits["tag"].argmax(-1).tolist(), logits["pos"].argmax(-1).tolist()
        return [Reading(*parts) for parts in zip(typed, found, kinds, tags, pos, strict=True)]

    def _typed(
        self, early: Tensor, logits: dict[str, Tensor], inputs: Pieces, links: list[list[bool]]
    ) -> list[list[Frame]]:
        scores = logits["trigger"] / self.temperature["trigger"]
        read = self.legal[:-1, 0]
        probability = scores.softmax(-1)
        types = probability[..., 1:-1] * read
        score, kind = types.sum(-1), types.argmax(-1)
        inside = (probability[..., -1] > 0.5) & inputs.word_mask
        frames, roles, rows = self._frames(early, inputs, score, self.limits["trigger"], inside, kind)
        if len(rows):
            of = torch.tensor([self.labels.types.index(frame.type) for frame in frames], device=early.device)
            chance = (roles["role"] / self.temperature["role"]).masked_fill(~self.legal[of][:, None], float("-inf"))
            self._fill(frames, rows, chance.softmax(-1), "role", self.labels.roles, inputs, links)
        return _by_row(frames, rows, len(inputs.pieces))

    def _predicates(
        self, early: Tensor, logits: dict[str, Tensor], inputs: Pieces, links: list[list[bool]]
    ) -> list[list[Frame]]:
        score = (logits["open"][..., 0] / self.temperature["open"]).sigmoid()
        if self.predicates == "all":
            score = torch.maximum(score, logits["predicate"][..., 0].sigmoid())
        kind = torch.full_like(score, len(self.labels.types), dtype=torch.long)
        none = torch.zeros_like(inputs.word_mask)
        frames, roles, rows = self._frames(early, inputs, score, self.limits["open"], none, kind)
        if len(rows):
            chance = (roles["open_role"] / self.temperature["open_role"]).softmax(-1)
            self._fill(frames, rows, chance, "open_role", self.labels.open_roles, inputs, links)
            if self.predicates == "all":
                chance = roles["propbank"].softmax(-1)
                self._fill(frames, rows, chance, "propbank", self.labels.propbank, inputs, links)
        return _by_row(frames, rows, len(inputs.pieces))

    def _frames(
        self, early: Tensor, inputs: Pieces, score: Tensor, limit: float, inside: Tensor, kind: Tensor
    ) -> tuple[list[Frame], dict[str, Tensor], list[int]]:
        """Triggers above the limit as frames without arguments, the role logits of each, and its caption's row."""
        row, first = ((score > limit) & inputs.word_mask).nonzero(as_tuple=True)
        rows, starts = row.tolist(), first.tolist()
        if not rows:
            return [], {}, []
        continued = inside.tolist()
        ends = []
        for where, word in zip(rows, starts, strict=True):
            while word + 1 < len(continued[where]) and continued[where][word + 1]:
                word += 1
            ends.append(word)
        types = kind[row, first]
        last = torch.tensor(ends, device=first.device)
        roles = self.reader.read_roles(early[row], inputs.word_mask[row], first, last, types)
        names = [*self.labels.types, ""]
        frames = [
            Frame(names[type_], start, end, value, [])
            for type_, start, end, value in zip(types.tolist(), starts, ends, score[row, first].tolist(), strict=True)
        ]
        return frames, roles, rows

    def _fill(
        self,
        frames: list[Frame],
        rows: list[int],
        chance: Tensor,
        head: str,
        names: tuple[str, ...],
        inputs: Pieces,
        links: list[list[bool]],
    ) -> None:
        some = 1 - chance[..., 0]
        best = chance[..., 1:].argmax(-1)
        limit = self.limits.get(head, 0.5)
        event, word = ((some > limit) & inputs.word_mask[torch.tensor(rows, device=some.device)]).nonzero(as_tuple=True)
        heads: list[list[tuple[str, int, float]]] = [[] for _ in frames]
        for index, where, role, value in zip(
            event.tolist(), word.tolist(), best[event, word].tolist(), some[event, word].tolist(), strict=True
        ):
            heads[index].append((names[role], where, value))
        for frame, row, found in zip(frames, rows, heads, strict=True):
            target = frame.labels if head == "propbank" else frame.arguments
            target += phrases(found, links[row])


def phrases(heads: list[tuple[str, int, float]], link: list[bool]) -> list[Fill]:
    """Grow each head leftwards over its base noun phrase; of several heads of one role in one phrase the last stays.

    Args:
        heads: role, word and probability, in the order of the words.
        link: for each word, whether it and the next stand in one base noun phrase.
    """
    role_at = {head: role for role, head, _ in heads}
    whole = []
    for role, head, value in heads:
        ahead = head
        while ahead + 1 < len(link) and link[ahead] and role_at.get(ahead + 1) is None:
            ahead += 1
        if ahead + 1 < len(link) and link[ahead] and role_at.get(ahead + 1) == role:
            continue
        start = head
        while start and link[start - 1]:
            start -= 1
        whole.append((role, start, head, value))
    return whole


def _by_row(frames: list[Frame], rows: list[int], count: int) -> list[list[Frame]]:
    grouped: list[list[Frame]] = [[] for _ in range(count)]
    for frame, row in zip(frames, rows, strict=True):
        grouped[row].append(frame)
    return grouped
