"""What a model in training knows: true against false texts by kind, retrieval, how far it is from where it began."""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F
from torch.utils.data import DataLoader, Dataset

from clip_event.data.batches import Batch, Collate, Example, Examples, Missed
from clip_event.data.sources import Item
from clip_event.tuning.steps import Encoder
from templates.events import CaptionEvents
from templates.habits import body

Json = dict[str, Any]
RANKS = (1, 5)


@dataclass
class Check:
    """One true text beside one false one, and how much nearer the photograph is to the true: cosines."""

    id: str | int
    image: str
    kind: str
    positive: str
    negative: str
    margin: float


@dataclass
class Result:
    """What one pass over the validation data found.

    Attributes:
        scores: for metrics.jsonl: accuracy by kind of negative, retrieval, cosine with the starting model.
        checks: every pair of texts.
        image, text: (N, D), embeddings of the photographs and of their captions, for comparison.
    """

    scores: Json
    checks: list[Check] = field(default_factory=list)
    image: Tensor | None = None
    text: Tensor | None = None

    @property
    def accuracy(self) -> float:
        """The mean over the kinds of negatives."""
        kinds = self.scores["pairs"].values()
        return sum(float(kind["accuracy"]) for kind in kinds) / max(1, len(kinds))

    @property
    def recall(self) -> float:
        """R@1, the mean of both ways."""
        found = self.scores["retrieval"]
        return float(found["image_to_text"]["r1"] + found["text_to_image"]["r1"]) / 2

    def line(self, title: str) -> str:
        """For people."""
        kinds = "  ".join(f"{kind} {each['accuracy']:.1%}" for kind, each in self.scores["pairs"].items())
        kept = self.scores.get("retention")
        cosine = f"  cosine with the start {kept['image']:.3f}/{kept['text']:.3f}" if kept else ""
        return f"{title}: true text nearer: {kinds}; retrieval R@1 {self.recall:.1%}{cosine}"


def hardest(before: Result, after: Result, number: int) -> list[Json]:
    """The pairs that are hardest after tuning, beside what they were before."""
    both = sorted(zip(after.checks, before.checks, strict=True), key=lambda pair: pair[0].margin)[:number]
    told = ("id", "image", "kind", "positive", "negative")
    return [{**{name: getattr(a, name) for name in told}, "before": b.margin, "after": a.margin} for a, b in both]


class Validation:
    """The validation photographs, the same in every pass.

    Args:
        examples: with a describer that says every style.
        numbers: which of them.
        gallery: photographs in one retrieval; those left over when the data is cut in galleries are not asked.
    """

    def __init__(
        self, examples: Examples, numbers: Sequence[int], collate: Collate, gallery: int, batch: int, workers: int
    ) -> None:
        self.gallery, self.kinds = gallery, collate.kinds
        dataset = _Checked(examples, numbers)
        self.loader: DataLoader[Any] = DataLoader(
            dataset, batch_size=batch, num_workers=workers, collate_fn=_Rows(collate)
        )

    @torch.no_grad()
    def run(self, encoder: Encoder, before: Result | None = None) -> Result:
        """Evaluate the encoder's model; with `before`, also how far it is from the model that gave that result."""
        device = next(encoder.model.parameters()).device
        training = encoder.model.training
        encoder.model.eval()
        checks: list[Check] = []
        images, captions, said = [], [], []
        for batch, rows in self.loader:
            batch = batch.to(device)
            if not batch.ids:
                continue
            image = encoder.images(batch.images)[0].float()
            text = encoder.texts(batch.tokens).float()
            images.append(image.cpu())
            captions.append(text[[row.number for row in rows]].cpu())
            said += [row.caption for row in rows]
            cosines = torch.einsum("rd,rkd->rk", image[batch.row_image], text[batch.row_texts]).cpu()
            checks += self._checks(rows, cosines)
        encoder.model.train(training)
        if not images:
            raise ValueError("no photograph of the validation data can be read; see the list of missing ones")
        image, caption = torch.cat(images), torch.cat(captions)
        scores: Json = {"pairs": by_kind(checks), "retrieval": retrieval(image, caption, said, self.gallery)}
        if before is not None and before.image is not None and before.text is not None:
            pairs = (("image", image, before.image), ("text", caption, before.text))
            scores["retention"] = {name: float(F.cosine_similarity(one, two).mean()) for name, one, two in pairs}
        return Result(scores, checks, image, caption)

    def _checks(self, rows: Sequence["_Row"], cosines: Tensor) -> Iterator[Check]:
        number = 0
        for row in rows:
            for positive, negatives in row.texts:
                for place, (kind, negative) in enumerate(negatives, 1):
                    margin = float(cosines[number, 0] - cosines[number, place])
                    yield Check(row.id, row.image, kind, positive, negative, margin)
                number += 1


def by_kind(checks: Sequence[Check]) -> Json:
    """Share of pairs in which the true text is nearer to the photograph, by kind; a tie counts half."""
    right: dict[str, list[float]] = defaultdict(list)
    for check in checks:
        right[check.kind].append(1.0 if check.margin > 0 else 0.5 if check.margin == 0 else 0.0)
    return {kind: {"accuracy": sum(each) / len(each), "pairs": len(each)} for kind, each in sorted(right.items())}


def retrieval(image: Tensor, text: Tensor, captions: Sequence[str], gallery: int) -> Json:
    """Share of photographs whose caption is among the first 1 and 5 of a gallery, and of captions their photograph.

    Args:
        image, text: (N, D), embeddings of the photographs and of their captions.
        captions: N; equal ones count as right for each other's photograph. Told by their words: a model that embeds
            every text alike would else find them all.
        gallery: how many are compared at a time; all, where there are fewer.
    """
    found = ranks(image, text, captions, gallery)
    scores = {way: {f"r{k}": float((rank < k).float().mean()) for k in RANKS} for way, rank in found.items()}
    return {"images": min(gallery, len(image)), **scores}


def ranks(image: Tensor, text: Tensor, captions: Sequence[str], gallery: int) -> dict[str, Tensor]:
    """As `retrieval`, but (asked,) from 0 for each photograph and each caption that is asked, in whole galleries."""
    gallery = min(gallery, len(image))
    found: dict[str, list[Tensor]] = defaultdict(list)
    numbers = {caption: number for number, caption in enumerate(captions)}
    names = torch.tensor([numbers[caption] for caption in captions])
    for start in range(0, len(image) - gallery + 1, gallery):
        rows, columns, name = (each[start : start + gallery] for each in (image, text, names))
        same = name[:, None] == name
        cosines = rows @ columns.T
        found["image_to_text"].append(_rank(cosines, same))
        found["text_to_image"].append(_rank(cosines.T, same))
    return {way: torch.cat(each) for way, each in found.items()}


def _rank(cosines: Tensor, same: Tensor) -> Tensor:
    """(N,) how many wrong ones are as near as the best right one or nearer."""
    best = cosines.masked_fill(~same, -2).amax(1, keepdim=True)
    return ((cosines >= best) & ~same).sum(1)


@dataclass
class _Row:
    """A photograph's texts, and its caption with its number among the batch's."""

    id: str | int
    image: str
    texts: list[tuple[str, list[tuple[str, str]]]]
    caption: str
    number: int


class _Checked(Dataset["tuple[Example | Missed, str, str]"]):
    def __init__(self, examples: Examples, numbers: Sequence[int]) -> None:
        self.examples, self.numbers = examples, list(numbers)

    def __len__(self) -> int:
        return len(self.numbers)

    def __getitem__(self, place: int) -> tuple[Example | Missed, str, str]:
        item = self.examples.source[self.numbers[place]]
        return self.examples.of(item, 0), item.place, caption_of(item)


def caption_of(item: Item) -> str:
    """What a photograph is found by: its caption without "FILE - " and credit, else the first text said of it."""
    if isinstance(item.record, CaptionEvents):
        return body(item.record.caption)
    return next((str(pair["positive"]) for row in item.record for pair in row["pairs"]), "")


class _Rows:
    """A `Batch` that holds the captions too, with what its rows say."""

    def __init__(self, collate: Collate) -> None:
        self.collate = collate

    def __call__(self, given: Sequence[tuple[Example | Missed, str, str]]) -> tuple[Batch, list[_Row]]:
        batch = self.collate([one for one, _, _ in given])
        there = [(one, place, caption) for one, place, caption in given if isinstance(one, Example)]
        first = len(batch.tokens)
        if there:
            batch.tokens = torch.cat([batch.tokens, self.collate.tokenizer([caption for _, _, caption in there])])
        rows = []
        for number, (one, place, caption) in enumerate(there, first):
            texts = [pair for stated in one.stated for pair in stated.texts]
            rows.append(_Row(one.id, place, texts, caption, number))
        return batch, rows
