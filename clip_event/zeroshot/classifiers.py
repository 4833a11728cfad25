"""Event types of photographs with no training: how near they are to prompts for each type, and for none of them."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from hashlib import blake2b
from pathlib import Path

import torch
from torch import Tensor
from torch.nn import functional as F

from clip_event import __version__
from clip_event.zeroshot.calibration import Calibration
from clip_event.zeroshot.model import ClipEvent
from clip_event.zeroshot.prompts import BACKGROUND, FORMS, VERSION, prompts
from clip_event.zeroshot.text_cache import USER, cached
from templates.ontology import Ontology

NONE = "none"


@dataclass(frozen=True)
class Classifier:
    """Embeddings of event types, and of prompts for photographs that show none of them.

    Attributes:
        types: names, in the ontology's order.
        weight: (types, D), unit length.
        background: (prompts, D), unit length.
        scale: what the model multiplies cosines with.
    """

    types: tuple[str, ...]
    weight: Tensor
    background: Tensor
    scale: float

    @property
    def names(self) -> tuple[str, ...]:
        """What the columns of `logits` are: the types, and `none`."""
        return (*self.types, NONE)

    def only(self, types: Sequence[str]) -> "Classifier":
        """The same with fewer types, in the order given. Raises ValueError for one that is not there."""
        if strange := [name for name in types if name not in self.types]:
            raise ValueError(f"event type {strange[0]!r} is not in the classifier; it has {', '.join(self.types)}")
        return replace(self, types=tuple(types), weight=self.weight[[self.types.index(name) for name in types]])

    def level(self, image: Tensor) -> Tensor:
        """How near photographs (I, D) are to the background, (I,), comparable with a cosine.

        The log-mean-exp of the cosines at the model's scale: close to the nearest background prompt, as none of them
        fits every photograph, but the same when prompts stand twice, and little moved by one odd prompt.
        """
        cosines = self.scale * (image @ self.background.T)
        return (cosines.logsumexp(1) - math.log(len(self.background))) / self.scale

    def cosines(self, image: Tensor) -> Tensor:
        """(I, types + 1) of photographs (I, D); the last column is `level`."""
        return torch.cat([image @ self.weight.T, self.level(image)[:, None]], 1)

    def logits(self, image: Tensor, calibration: Calibration | None = None) -> Tensor:
        """(I, types + 1), the last column for "no event of these".

        Without a calibration the scale is the model's, and the threshold of "none" is 0.
        """
        return logits(self.cosines(image), calibration or Calibration.of(self.scale))

    def probabilities(self, image: Tensor, calibration: Calibration | None = None) -> Tensor:
        """(I, types + 1), rows sum to 1."""
        return self.logits(image, calibration).softmax(1)


def logits(cosines: Tensor, calibration: Calibration) -> Tensor:
    """(I, types + 1) from `Classifier.cosines`: "none" is first where no type is nearer than it by the threshold."""
    none = torch.arange(cosines.shape[1], device=cosines.device) == cosines.shape[1] - 1
    return calibration.scale * (cosines + calibration.threshold * none)


def classifier(
    model: ClipEvent,
    types: Ontology | Sequence[str],
    styles: Sequence[str] = tuple(FORMS),
    cache: Path | None = USER,
) -> Classifier:
    """Embed the prompts of every type, or read them from the cache: then no text is encoded.

    Args:
        types: an ontology, or lemmas, each of which is a type of the open one. Without any, there is the background.
        styles: which sayings of a type are asked, see `clip_event.zeroshot.prompts.FORMS`.
        cache: folder of embeddings; None reads and writes none.

    Raises:
        ValueError: an unknown style, a lemma that stands twice, a type that is called "none".

    References:
        Radford et al., Learning Transferable Visual Models From Natural Language Supervision, ICML 2021, section 3.1.4.
    """
    names = tuple(types.events) if isinstance(types, Ontology) else tuple(types)
    if NONE in names:
        raise ValueError(f"an event type is called {NONE!r}, which means that there is no event; rename it")
    content = types.model_dump_json() if isinstance(types, Ontology) else repr(names)
    key = {
        "model": model.text_fingerprint,
        "types": blake2b(content.encode(), digest_size=16).hexdigest(),
        "styles": list(styles),
        "version": [__version__, VERSION],
    }
    width = int(model.loaded.config["embed_dim"])
    shapes = {"types": (len(names), width), "background": (len(BACKGROUND), width)}

    def make() -> dict[str, Tensor]:
        return {
            "types": ensembles(model, list(prompts(types, styles).values())),
            "background": ensembles(model, [(prompt,) for prompt in BACKGROUND]),
        }

    found = cached(cache, key, shapes, make)
    return Classifier(names, found["types"], found["background"], model.scale)


def ensembles(model: ClipEvent, classes: Sequence[Sequence[str]]) -> Tensor:
    """(classes, D): of each class the mean of its prompts' unit embeddings, brought to unit length again.

    As `open_clip.build_zero_shot_classifier`, whose result is transposed and has as many prompts for every class.
    """
    embeddings = model.encode_texts([prompt for each in classes for prompt in each])
    parts = embeddings.split([len(each) for each in classes]) if classes else ()
    return F.normalize(torch.stack([part.mean(0) for part in parts]), dim=1) if parts else embeddings
