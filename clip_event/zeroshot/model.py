"""`ClipEvent`: a model that is asked who did what to whom in a photograph."""

import math
from collections.abc import Iterable, Mapping, Sequence
from functools import cached_property
from hashlib import blake2b
from typing import TYPE_CHECKING, Any, cast

import torch
from torch import Tensor

from clip_event.towers.models import Loaded, load
from clip_event.towers.patches import encode_images
from clip_event.towers.texts import SAMPLE, encode_texts
from clip_event.zeroshot.stream import Picture, stream
from extraction.extractor import pick_device
from templates.describe import describe
from templates.events import Event
from templates.formats import read_ontology
from templates.ontology import Ontology, load_ontology
from templates.supposed import supposed

if TYPE_CHECKING:
    from clip_event.zeroshot.classify import Answer, Fillers
    from clip_event.zeroshot.grounding import Grounded
    from clip_event.zeroshot.scores import Scores


class ClipEvent:
    """An open_clip model with what is asked of it: embeddings, scores, event types, roles, places.

    Args:
        loaded: see `clip_event.towers.models.load`.
        name: what it was loaded by.
        device: where the model is.

    Example:
        >>> model = ClipEvent.load("mini")
        >>> model.encode_texts(["Police arrest a man."]).shape
        torch.Size([1, 128])
    """

    def __init__(self, loaded: Loaded, name: str, device: torch.device) -> None:
        self.loaded, self.name, self.device = loaded, name, device

    @classmethod
    def load(cls, name: str = "mini", *, device: str = "auto", precision: str = "fp32") -> "ClipEvent":
        """Load a model by name.

        Args:
            name: `mini`, a tuned folder, `ViT-B-32/laion2b_s34b_b79k`, `hf-hub:owner/name`; see `models.load`.
            device: `auto` (a GPU where there is one), `cpu`, `cuda`, ...
            precision: of the weights, see `models.PRECISIONS`.

        Raises:
            ModelError: there is no such model, or it cannot be had.
            ValueError: the device cannot be used.
        """
        where = pick_device(device)
        return cls(load(name, where, precision), name, where)

    @property
    def scale(self) -> float:
        """What the model multiplies cosines with before a softmax, as it was trained."""
        return math.exp(float(cast(Any, self.loaded.model).logit_scale.detach()))

    @property
    def side(self) -> int:
        """The longer side of the image that the model takes, in pixels."""
        size = cast(Any, self.loaded.model).visual.image_size
        return int(max(size) if isinstance(size, tuple | list) else size)

    @cached_property
    def text_fingerprint(self) -> str:
        """Names the text tower by its weights, settings and tokens, so that text embeddings can be kept on disk."""
        digest = blake2b(repr(sorted(self.loaded.config["text_cfg"].items())).encode(), digest_size=16)
        digest.update(repr(self.loaded.tokenizer(list(SAMPLE)).tolist()).encode())
        for name, tensor in sorted(cast(Any, self.loaded.model).state_dict().items()):
            if not name.startswith("visual."):
                digest.update(f"{name} {tensor.dtype} {tuple(tensor.shape)}".encode())
                digest.update(tensor.detach().cpu().contiguous().flatten().view(torch.uint8).numpy())
        return digest.hexdigest()

    @torch.no_grad()
    def encode_texts(self, texts: Sequence[str], batch_size: int = 256) -> Tensor:
        """Embeddings (texts, D) of unit length, on the CPU in float32."""
        if not texts:
            return torch.zeros(0, self.loaded.config["embed_dim"])
        options = {"short": self.loaded.full_length is None, "batch_size": batch_size, "prompt": self.loaded.prompt}
        found = encode_texts(self.loaded.model, self.loaded.tokenizer, texts, **options)  # type: ignore[arg-type]
        return found.float().cpu()

    @torch.no_grad()
    def see(self, pixels: Tensor, patches: bool = False) -> tuple[Tensor, Tensor | None]:
        """Embeddings of images as `preprocess_val` gives them, and of their patches where those are asked for.

        Args:
            pixels: (images, 3, height, width).

        Returns:
            (images, D), and (images, patches, D) or None; of unit length, on the CPU in float32.
        """
        if not len(pixels):
            return torch.zeros(0, self.loaded.config["embed_dim"]), None
        model = cast(Any, self.loaded.model)
        # where weights are mixed, layers that want float32 cast for themselves
        dtype = min((weight.dtype for weight in model.visual.parameters()), key=lambda dtype: dtype.itemsize)
        pixels = pixels.to(self.device, dtype, memory_format=torch.channels_last)
        if not patches:
            return model.encode_image(pixels, normalize=True).float().cpu(), None
        image, parts = encode_images(model, pixels)
        return image.float().cpu(), None if parts is None else parts.float().cpu()

    def encode_images(self, pictures: Iterable[Picture], *, batch_size: int = 64, workers: int = 2) -> Tensor:
        """Embeddings (pictures, D) of paths, files' contents or PIL images.

        Raises:
            PictureError: the first picture that cannot be read. `clip_event.zeroshot.stream` goes on instead.
        """
        parts = [torch.zeros(0, self.loaded.config["embed_dim"])]
        for seen in stream(self, enumerate(pictures), batch_size=batch_size, workers=workers):
            if seen.missed:
                raise seen.missed[0][1]
            parts.append(seen.image)
        return torch.cat(parts)

    def score(
        self,
        pictures: Sequence[Picture],
        events: Sequence["Told"],
        ontology: str | Ontology = "news",
        *,
        style: str = "sentence",
        batch_size: int = 64,
        workers: int = 2,
    ) -> "Scores":
        """How well every event fits every picture.

        Args:
            events: what `say` takes: `Event`, `{"type": ..., "Agent": ...}`, or a text.
            ontology: the events'; `open` for the open one, where a type is a lemma.
            style: in which events are said.

        Returns:
            Cosines and calibrated probabilities, (pictures, events) each.

        Raises:
            PictureError: a picture that cannot be read.
            ValueError: an event that cannot be said, see `say`.
        """
        from clip_event.zeroshot.scores import scores

        known = None if ontology == "open" else read_ontology(ontology)
        text = self.encode_texts([say(event, known, style) for event in events])
        return scores(self, self.encode_images(pictures, batch_size=batch_size, workers=workers), text)

    def classify(
        self,
        pictures: Sequence[Picture],
        ontology: str | Ontology = "news",
        top: int = 5,
        *,
        fillers: "Fillers" = "typical",
        min_probability: float = 0.0,
        batch_size: int = 64,
        workers: int = 2,
    ) -> "list[Answer]":
        """The event types of each picture, `none` among them, and who plays which role in the most probable one.

        Args:
            top, fillers, min_probability: see `clip_event.zeroshot.classify.Classifying`.

        Raises:
            PictureError: a picture that cannot be read.
        """
        from clip_event.zeroshot.classify import Classifying

        image = self.encode_images(pictures, batch_size=batch_size, workers=workers)
        return Classifying(self, read_ontology(ontology), top=top, fillers=fillers, min_probability=min_probability)(
            image
        )

    def ground(
        self, picture: Picture, event: Event | Mapping[str, Any], ontology: Ontology | None = None, **options: Any
    ) -> "Grounded":
        """Where an event's fillers are: for each a heat map and a box. See `clip_event.zeroshot.grounding.ground`.

        Args:
            ontology: the event's; without one the news ontology.
        """
        from clip_event.zeroshot.grounding import ground

        return ground(self, picture, event, ontology or load_ontology(), **options)


Told = Event | Mapping[str, Any] | str
"""An event to be scored: as extracted; as `{"type": ..., "arguments": [{"role": ..., "text": ...}]}`, of which
`{"type": ..., "Agent": "police", "Place": ["a square", "Kyiv"]}` is the short form; or a text, taken as it is."""


def say(event: Told, ontology: Ontology | None, style: str = "sentence") -> str:
    """The text that an event is scored by.

    Raises:
        UnsayableError: a type or role that the ontology does not have.
        ValueError: a text without words, a mapping of another form, or an unknown style.
    """
    if isinstance(event, str):
        if not event.strip():
            raise ValueError("event: found an empty text, expected words")
        return event
    if isinstance(event, Event):
        event = event.model_dump()
    if not isinstance(event, Mapping) or not isinstance(kind := event.get("type"), str):
        raise ValueError(f"event: found {event!r:.80}, expected a type and arguments, as in the records of extract")
    arguments = _arguments(event)
    fillers = [(argument["role"], argument["text"]) for argument in arguments]
    said = describe(supposed(kind, fillers, ontology, [argument.get("entity") for argument in arguments]), style)
    if said is None:
        raise ValueError(f"style {style!r} has no words for an event without a caption; take sentence, short or type")
    return said.text


def _arguments(event: Mapping[str, Any]) -> Sequence[Mapping[str, Any]]:
    found: Any = event.get("arguments")
    if "arguments" not in event:
        each = [(role, who if isinstance(who, list) else [who]) for role, who in event.items() if role != "type"]
        found = [{"role": role, "text": text} for role, who in each for text in who]
    for argument in found if isinstance(found, list | tuple) else [found]:
        told = argument if isinstance(argument, Mapping) else {}
        if not all(isinstance(one, str) for one in (told.get("role"), told.get("text"), told.get("entity") or "")):
            raise ValueError(f"event: found the argument {argument!r:.80}, expected a role and its text")
    return cast(Sequence[Mapping[str, Any]], found)
