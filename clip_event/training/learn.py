"""What `mini` learns, lesson by lesson: words beside a frozen image tower, both towers, and both along several ways."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any, cast

import torch
from torch import Tensor, nn

from clip_event.scenes import Scene
from clip_event.scenes.captions import tell
from clip_event.towers.models import Loaded
from clip_event.training.lessons import Captions, Report, contrast, encoded, teach
from clip_event.training.mobilenet import folded
from clip_event.training.photographs import Photographs, cropped, lit, pixels, shrunk
from clip_event.training.settings import Both, Settings

SIZE = 129  # 32 n + 1, see `clip_event.training.mobilenet`
KEPT = 0.7  # share of the frozen tower's features that a step of the first lesson sees
PART = 50  # pictures in a pass without gradients
FROZEN = ("conv_stem", "bn1", "blocks.0", "blocks.1")  # edges and colours: half of the cost of a step


def learn_words(
    loaded: Loaded, photographs: Photographs, captions: Captions, settings: Settings, report: Report
) -> None:
    """The first lesson: the text tower and the projections, beside what a frozen trunk makes of crops of photographs.

    Args:
        captions: those of the photographs one after the other, then texts without a picture.
    """
    model, chance = cast(Any, loaded.model), torch.Generator().manual_seed(settings.seed)
    features = _features(model.visual.trunk, photographs.pictures, settings.views, chance)
    firsts, counts = _firsts(photographs)
    orders = _orders(len(features[0]), settings.batch, chance)

    def loss() -> Tensor:
        rows = next(orders)
        view = torch.randint(settings.views, rows.shape, generator=chance)
        kept = torch.rand(len(rows), features.shape[2], generator=chance) < KEPT
        seen = features[view, rows].float() * kept / KEPT
        own = firsts[rows] + (torch.rand(len(rows), generator=chance) * counts[rows]).long()
        other = torch.randint(int(counts.sum()), len(captions.tokens), (settings.others,), generator=chance)
        text, apart = captions.encode(torch.cat([own, other]), settings.words.hidden, chance)
        return contrast(model, model.visual.head(seen), text[: len(rows)]) + settings.words.taught * apart

    model.visual.trunk.requires_grad_(False)
    teach(model, captions.layer, loss, settings.words, report)
    model.visual.trunk.requires_grad_(True)


def learn_both(
    loaded: Loaded,
    photographs: Photographs,
    captions: Captions,
    scenes: list[Scene],
    pictures: Tensor,
    lesson: Both,
    seed: int,
    report: Report,
) -> None:
    """The second lesson: both towers on photographs and scenes, each among its own kind, in place."""
    model, chance = cast(Any, loaded.model), torch.Generator().manual_seed(seed)
    firsts, counts = _firsts(photographs)
    orders = _orders(len(firsts), lesson.photographs, chance)
    told = _told(scenes, lesson.drawn, seed, chance)

    def loss() -> Tensor:
        rows, (places, texts) = next(orders), next(told)
        crops = lit(cropped(pixels(photographs.pictures[rows]), SIZE, chance, lesson.smallest), chance)
        mirrored = (torch.rand(len(places), generator=chance) < 0.5)[:, None, None, None]
        stage = pixels(pictures[places])
        images = torch.cat([crops, torch.where(mirrored, stage.flip(3), stage)])
        with torch.autocast("cpu", torch.bfloat16):
            both = model.visual(images.contiguous(memory_format=torch.channels_last)).float()
        photograph, scene = both.split([len(rows), len(places)])
        which = torch.rand(len(rows), int(counts.max()), generator=chance).masked_fill(
            torch.arange(int(counts.max())) >= counts[rows, None], -1
        )
        own = (firsts[rows, None] + which.topk(lesson.said).indices).flatten()
        text, apart = captions.encode(own, lesson.hidden, chance)
        said = encoded(model, loaded.tokenizer(texts), captions.pad, 0.0, chance)
        among = contrast(model, photograph, text, lesson.said) + contrast(model, scene, said)
        return among + lesson.taught * apart

    trunk = model.visual.trunk
    with folded(trunk):
        for name in FROZEN:
            trunk.get_submodule(name).requires_grad_(False)
        teach(model, captions.layer, loss, lesson, report)
    model.requires_grad_(True)


def learn_on(model: nn.Module, learn: Callable[[int], None], rounds: int) -> None:
    """The last lesson: go on twice from the mean of all weights so far, in each round; in the end their mean.

    The start of the first round is in the means that are gone on from, and not in the last. Means of weights that share
    a start find more than any of them (Wortsman et al., ICML 2022).

    Args:
        learn: trains the model in place; its argument is another number each time.
    """
    found = [_state(model)]
    for turn in range(rounds):
        start, reached = _mean(found), []
        for way in range(2):
            model.load_state_dict(start)
            learn(2 * turn + way)
            reached.append(_state(model))
        found += reached
    model.load_state_dict(_mean(found[1:] or found))


def _state(model: nn.Module) -> dict[str, Tensor]:
    return {name: value.clone() for name, value in model.state_dict().items()}


def _mean(states: list[dict[str, Tensor]]) -> dict[str, Tensor]:
    return {
        name: torch.stack([state[name] for state in states]).mean(0) if value.is_floating_point() else value
        for name, value in states[0].items()
    }


@torch.no_grad()
def _features(trunk: Any, pictures: Tensor, views: int, chance: torch.Generator) -> Tensor:
    """What the trunk makes of whole pictures and of crops: (views, pictures, channels), half precision."""
    found = []
    for view in range(views):
        parts = []
        for part in pictures.split(PART):
            images = lit(cropped(pixels(part), SIZE, chance), chance) if view else shrunk(pixels(part), SIZE)
            with torch.autocast("cpu", torch.bfloat16):
                parts.append(trunk(images.contiguous(memory_format=torch.channels_last)).half())
        found.append(torch.cat(parts))
    return torch.stack(found)


def _firsts(photographs: Photographs) -> tuple[Tensor, Tensor]:
    """Of each photograph, the row of its first caption, and how many it has."""
    counts = torch.tensor([len(captions) for captions in photographs.captions])
    return counts.cumsum(0) - counts, counts


def _orders(count: int, batch: int, chance: torch.Generator) -> Iterator[Tensor]:
    """Rows in batches, in another order each time round; what is left over of one is not used."""
    batch = min(batch, count)
    while True:
        yield from torch.randperm(count, generator=chance)[: count // batch * batch].split(batch)


def _told(scenes: list[Scene], batch: int, seed: int, chance: torch.Generator) -> Iterator[tuple[Tensor, list[str]]]:
    """Rows of scenes with captions in other words each time; twins meet in a step by chance only."""
    for step, rows in enumerate(_orders(len(scenes), batch, chance)):
        # a scene's seed is only its source of chance: what it shows stands in its other fields
        said = [replace(scenes[row], seed=seed + step) for row in rows.tolist()]
        yield rows, [tell(scene).text for scene in said]
