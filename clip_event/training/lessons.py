"""What `mini` is taught by: captions against pictures, MiniLM's embeddings of captions, and the steps of a training.

Plain contrast of pictures and captions (Radford et al., ICML 2021). The text tower also learns to agree with MiniLM
through a layer that is thrown away afterwards, which keeps it from learning six thousand photographs by heart.
"""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, cast

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from clip_event.towers.models import Loaded
from clip_event.towers.texts import encode_tokens, lengths, pad_id
from clip_event.training.sentences import WIDTH
from clip_event.tuning.losses import contrastive_loss
from clip_event.tuning.optimizer import LARGEST_SCALE, share

UNKNOWN, END = 1, 3  # ids of an unknown piece and of the end of a text
SHOWN = 20  # steps in a line of the report

Report = Callable[[str], None]


@dataclass(frozen=True)
class Lesson:
    """One training: AdamW with a warm-up and a cosine, the trunk of the image tower `slower`, weights averaged.

    Attributes:
        hidden: share of the pieces of a text that are hidden.
        taught: weight of the agreement with MiniLM.
        average: what the average of the weights keeps of itself in a step.
    """

    steps: int
    lr: float
    slower: float = 0.3
    weight_decay: float = 0.1
    warmup: float = 0.05
    hidden: float = 0.1
    taught: float = 2.0
    average: float = 0.99


class Captions:
    """Captions as tokens, and what MiniLM makes of them.

    Args:
        texts: the captions.
        taught: MiniLM's embeddings of them, (texts, 384).
    """

    def __init__(self, loaded: Loaded, texts: Sequence[str], taught: Tensor, seed: int) -> None:
        tokens = loaded.tokenizer(list(texts))
        self.model, self.pad, self.taught = loaded.model, pad_id(loaded.tokenizer), taught
        self.tokens = tokens[:, : int(lengths(tokens, self.pad).max()) + 1].clone()
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            self.layer = nn.Linear(loaded.config["embed_dim"], WIDTH)

    def encode(self, rows: Tensor, hidden: float, chance: torch.Generator) -> tuple[Tensor, Tensor]:
        """Embeddings of captions with a share of the pieces hidden, and how far they are from MiniLM's."""
        embedded = encoded(self.model, self.tokens[rows], self.pad, hidden, chance)
        apart = 1 - F.cosine_similarity(self.layer(embedded), self.taught[rows], dim=-1)
        return embedded, apart.mean()


def encoded(model: nn.Module, tokens: Tensor, pad: int, hidden: float, chance: torch.Generator) -> Tensor:
    """Embeddings of tokens, not normalised, with a share of the tokens hidden."""
    gone = (torch.rand(tokens.shape, generator=chance) < hidden) & (tokens > END)
    return encode_tokens(model, tokens.masked_fill(gone, UNKNOWN), pad, normalize=False)


def contrast(model: nn.Module, image: Tensor, text: Tensor, texts: int = 1) -> Tensor:
    """The loss of pictures (pictures, width) and the texts (pictures x texts, width) of each, one after the other."""
    positive = torch.eye(len(image)).repeat_interleave(texts, 1)
    scale = cast(Any, model).logit_scale.exp()
    return contrastive_loss(F.normalize(image, dim=-1), F.normalize(text, dim=-1), scale, positive)


def teach(
    model: nn.Module, besides: nn.Module, loss: Callable[[], Tensor], lesson: Lesson, report: Report = print
) -> None:
    """Take the steps of a lesson and leave the average of the weights in the model.

    Args:
        model: what of it is to train requires gradients.
        besides: what trains with it and is no part of it.
        loss: of the next batch.
    """
    groups, begun, seen = _groups(model, besides, lesson), time.monotonic(), 0.0
    adamw = torch.optim.AdamW(groups, lesson.lr, (0.9, 0.98))
    trained: list[Tensor] = [parameter for parameter in model.parameters() if parameter.requires_grad]
    average = [parameter.detach().clone() for parameter in trained]
    for step in range(lesson.steps):
        for group in adamw.param_groups:
            group["lr"] = group["most"] * share(step, lesson.steps, lesson.warmup)
        found = loss()
        adamw.zero_grad()
        found.backward()
        torch.nn.utils.clip_grad_norm_(trained, 1.0)
        adamw.step()
        with torch.no_grad():
            cast(Any, model).logit_scale.clamp_(0, LARGEST_SCALE)
            kept = min(lesson.average, (1 + step) / (10 + step))  # the first weights are soon forgotten
            torch._foreach_lerp_(average, trained, 1 - kept)
        seen += float(found.detach())
        if (step + 1) % SHOWN == 0:
            report(f"step {step + 1}: loss {seen / SHOWN:.3f}, {time.monotonic() - begun:.0f} s")
            seen = 0.0
    with torch.no_grad():
        torch._foreach_copy_(trained, average)


def _groups(model: nn.Module, besides: nn.Module, lesson: Lesson) -> list[dict[str, Any]]:
    """Parameters by their rate and their decay; vectors and scalars do not decay."""
    groups: dict[tuple[float, float], list[nn.Parameter]] = {}
    for name, parameter in [*model.named_parameters(), *besides.named_parameters()]:
        if parameter.requires_grad:
            rate = lesson.lr * (lesson.slower if name.startswith("visual.trunk.") else 1)
            decay = lesson.weight_decay if parameter.ndim >= 2 else 0.0
            groups.setdefault((rate, decay), []).append(parameter)
    return [{"params": both, "most": rate, "weight_decay": decay} for (rate, decay), both in groups.items()]
