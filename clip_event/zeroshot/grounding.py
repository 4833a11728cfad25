"""Where in a photograph an event's participants are: for each filler a heat map and a box.

A filler is looked for by its phrase ("agent: police officer", the words of the event graph's nodes) among parts of the
photograph. Which of two people it falls on is told by what they look like, not by what they do.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, get_args

import torch
from PIL import Image
from torch import Tensor

from clip_event.data.batches import graph_of
from clip_event.pictures.reading import WHOLE, Part, read, upright
from clip_event.pictures.regions import Regions
from clip_event.tuning.alignment import transport_plan
from clip_event.zeroshot import parts as of_picture
from clip_event.zeroshot.parts import Parts, heat
from templates.events import Event
from templates.ontology import Ontology
from templates.supposed import supposed

if TYPE_CHECKING:
    from clip_event.zeroshot.model import ClipEvent
    from clip_event.zeroshot.stream import Picture

Over = Literal["windows", "patches"]
By = Literal["phrase", "sentence", "transport"]
CELLS = 32
"""Cells of a heat map along the longer side."""


@dataclass(frozen=True)
class Found:
    """Where one filler is.

    Attributes:
        role, text: of the event.
        box: in pixels of the upright photograph.
        score: of the box, see `ground`; comparable within one photograph and filler.
        heat: (rows, columns), the scores over the photograph; see `heat_map` for one as large as it.
        label: the region's own, where boxes were given.
    """

    role: str
    text: str
    box: tuple[float, float, float, float]
    score: float
    heat: Tensor
    label: str = ""


@dataclass(frozen=True)
class Grounded:
    """What `ground` finds: `size` is the photograph's width and height, `found` in the order of the arguments."""

    size: tuple[int, int]
    found: tuple[Found, ...]

    def heat_map(self, number: int) -> Tensor:
        """The heat map of the filler with that number, (height, width) of the photograph."""
        small = self.found[number].heat[None, None]
        return torch.nn.functional.interpolate(small, self.size[::-1], mode="bilinear", align_corners=False)[0, 0]


def ground(
    model: "ClipEvent",
    picture: "Picture",
    event: Event | Mapping[str, Any],
    ontology: Ontology | None,
    *,
    over: Over = "windows",
    by: By = "phrase",
    regions: Regions | None = None,
    batch_size: int = 64,
) -> Grounded:
    """Look for an event's fillers in a photograph.

    Args:
        picture: a path, a file's content or a PIL image.
        event: with arguments, in one of the forms of `model.Told` but text.
        over: parts of the photograph. `windows` slide over it in three sizes, about 100 passes through the tower;
            `patches` are the tower's own, from one pass: coarse in a small model, and without what its crop leaves out.
        by: what scores a part. `phrase`: cosine with the filler's phrase. `sentence`: by how much nearer it is to the
            event's sentence than to the one without the filler. `transport`: how much of the filler the optimal plan
            between the event's graph and the parts puts there, 1 where it is spread evenly; fillers compete for parts.
        regions: boxes to choose among; with `over="windows"` they are cut out, with `patches` averaged from these.
        batch_size: windows in one pass.

    Raises:
        UnsayableError: a type or role that the ontology does not have.
        PictureError: the picture cannot be read.
        ValueError: an event without arguments, no region, an unknown `over` or `by`, or a tower without patches.
    """
    for what, given, kinds in (("over", over, Over), ("by", by, By)):
        if given not in get_args(kinds):
            raise ValueError(f"{what}: found {given!r}, expected one of {', '.join(get_args(kinds))}")
    fillers = arguments_of(event, ontology)
    upright = _opened(picture)
    looked_at = _parts(model, upright, over, regions, batch_size)
    scores = _scores(model, looked_at, fillers, ontology, by)
    longest = max(upright.size)
    columns, rows = (max(1, round(CELLS * side / longest)) for side in upright.size)
    found = []
    for (_, role, text), score in zip(fillers, scores, strict=True):
        best = int(score.argmax())
        box = looked_at.boxes[best] if over == "windows" or regions is not None else _grown(looked_at, score)
        label = regions.boxes[best].label if regions else ""
        place = (float(box[0]), float(box[1]), float(box[2]), float(box[3]))
        found.append(Found(role, text, place, float(score[best]), heat(looked_at, score, rows, columns), label))
    return Grounded(upright.size, tuple(found))


Filler = tuple[str, str, str]
"""Type, role and text, as the ontology names them."""


def arguments_of(event: Event | Mapping[str, Any], ontology: Ontology | None) -> list[Filler]:
    """An event's fillers, checked against the ontology and without articles."""
    if isinstance(event, Event):
        event = event.model_dump()
    if not isinstance(event, Mapping) or not isinstance(kind := event.get("type"), str):
        raise ValueError(f"event: found {event!r}, expected a type and arguments, as in the records of extract")
    given = event.get("arguments", [{"role": role, "text": text} for role, text in event.items() if role != "type"])
    said = supposed(kind, [(a["role"], a["text"]) for a in given], ontology)
    if not said.slots:
        raise ValueError(f"event {said.template.name}: has no argument, and there is nobody to be found")
    return [(said.template.name, slot.role, slot.phrase.text) for slot in said.slots]


def _opened(picture: "Picture") -> Image.Image:
    if isinstance(picture, Image.Image):
        return upright(picture)
    if isinstance(picture, Part):
        return picture.read()
    return read(Path(picture) if isinstance(picture, str) else picture, WHOLE)


def _parts(model: "ClipEvent", picture: Image.Image, over: Over, regions: Regions | None, batch_size: int) -> Parts:
    if regions is None:
        if over == "patches":
            return of_picture.patches(model, picture)
        return of_picture.windows(model, picture, batch_size=batch_size)
    if not regions.boxes:
        raise ValueError(f"regions of {regions.image}: there is no box to choose")
    boxes = torch.tensor([region.box for region in regions.boxes])
    shrunk = torch.tensor(picture.size) / torch.tensor([regions.width, regions.height])
    boxes = boxes * shrunk.repeat(2)
    if over == "patches":
        return of_picture.pooled_under(model, picture, boxes)
    return of_picture.cut_out(model, picture, boxes, batch_size)


def _scores(model: "ClipEvent", looked_at: Parts, fillers: list[Filler], ontology: Ontology | None, by: By) -> Tensor:
    """(fillers, R)."""
    if by == "sentence":
        kind, given = fillers[0][0], [{"role": role, "text": text} for _, role, text in fillers]
        without = [given[:number] + given[number + 1 :] for number in range(len(given))]
        sentences = [_sentence(kind, arguments, ontology) for arguments in (given, *without)]
        said = model.encode_texts(sentences)
        return (said[:1] - said[1:]) @ looked_at.embeddings.T
    phrases = [graph_of({"type": k, "arguments": [{"role": r, "text": t}]}, ontology) for k, r, t in fillers]
    nodes = model.encode_texts([phrases[0][0], *(phrase[1] for phrase in phrases)])
    if by == "phrase":
        return nodes[1:] @ looked_at.embeddings.T
    return transport_plan(nodes, looked_at.embeddings)[1:] * len(nodes) * len(looked_at.boxes)


def _sentence(kind: str, arguments: list[dict[str, str]], ontology: Ontology | None) -> str:
    from clip_event.zeroshot.model import say

    return say({"type": kind, "arguments": arguments}, ontology)


def _grown(looked_at: Parts, score: Tensor) -> Tensor:
    """The box around the best patch and those joined to it that score at least midway between mean and best."""
    from scipy.ndimage import label

    lattice = score.view(looked_at.lattices[0])
    joined, _ = label((lattice >= (lattice.mean() + lattice.max()) / 2).numpy())
    one = torch.from_numpy(joined).flatten()
    boxes = looked_at.boxes[one == one[int(score.argmax())]]
    return torch.cat([boxes[:, :2].amin(0), boxes[:, 2:].amax(0)])
