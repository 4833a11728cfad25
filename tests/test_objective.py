"""The losses of a batch: masks against loops over the examples, presets on a tiny model, two processes against one."""

import os
from pathlib import Path

import numpy as np
import pytest
import torch
from loops import ALL, KINDS, collated, encoder, examples, gradients, missed
from torch import Tensor, multiprocessing
from torch import distributed as dist

from clip_event.data.batches import Batch, Example, hashed
from clip_event.tuning.config import Losses, parse_config
from clip_event.tuning.objective import Features, Objective
from clip_event.tuning.presets import PRESETS
from clip_event.tuning.steps import backward

SCALE = 7.0


def only(**weights: object) -> Losses:
    return Losses(**{"contrastive": 0, "hard": 0, **weights})


@torch.no_grad()
def features(batch: Batch, seed: int = 0) -> Features:
    generator = torch.Generator().manual_seed(seed)

    def unit(*shape: int) -> Tensor:
        vectors = torch.randn(*shape, generator=generator, dtype=torch.float64)
        return torch.nn.functional.normalize(vectors, dim=-1)

    images, texts = len(batch.ids), len(batch.tokens)
    return Features(unit(images, 5), unit(images, 9, 5), unit(texts, 5), unit(images, 5), unit(batch.positives, 5))


def texts_of(batch: Batch, given: list[Example]) -> dict[str, int]:
    """Each text's place in the batch, by its hash."""
    said = {text for one in given for s in one.stated for p, n in s.texts for text in (p, *(text for _, text in n))}
    return {text: batch.text_hash.tolist().index(hashed(text)) for text in said}


def contrast_by_loop(given: list[Example], image: np.ndarray, text: dict[str, np.ndarray], appended: bool) -> float:
    """Over images and texts by what the examples say: no batch, no masks, no hashes."""
    true = [{positive for stated in one.stated for positive, _ in stated.texts} for one in given]
    events = [{stated.key for stated in one.stated} for one in given]
    of: dict[str, set[int]] = {}
    for one in given:
        for stated in one.stated:
            for positive, _ in stated.texts:
                of.setdefault(positive, set()).add(stated.key)
    false = {n for one in given for s in one.stated for _, negatives in s.texts for _, n in negatives} - of.keys()

    def logit(i: int, t: str) -> float:
        return SCALE * float(image[i] @ text[t])

    def negative(i: int, t: str) -> bool:
        return t not in true[i] and not (of[t] & events[i])

    def row(own: list[float], others: list[float]) -> float:
        rest = sum(np.exp(o) for o in others)
        return float(np.mean([-np.log(np.exp(o) / (np.exp(o) + rest)) for o in own]))

    more = false if appended else set()
    there = [
        row(
            [logit(i, t) for t in true[i]],
            [logit(i, t) for t in of if negative(i, t)] + [logit(i, t) for t in more],
        )
        for i in range(len(given))
        if true[i]
    ]
    back = [
        row(
            [logit(i, t) for i in range(len(given)) if t in true[i]],
            [logit(i, t) for i in range(len(given)) if negative(i, t)],
        )
        for t in of
    ]
    return (float(np.mean(there)) + float(np.mean(back))) / 2


@pytest.mark.parametrize("appended", [False, True])
@pytest.mark.parametrize("seed", range(8))
def test_the_contrast_is_that_of_a_loop_over_images_and_texts(seed: int, appended: bool) -> None:
    given = examples(6, seed)
    batch = collated(given)
    made = features(batch, seed)
    found = Objective(only(contrastive=2, appended=appended), KINDS)(made, batch, torch.tensor(SCALE))
    text = {t: made.text[place].detach().numpy() for t, place in texts_of(batch, given).items()}
    expected = contrast_by_loop(given, made.image.detach().numpy(), text, appended)
    assert float(found["contrastive"]) == pytest.approx(2 * expected, rel=1e-12)


def test_the_loop_meets_what_masks_are_for() -> None:
    """Texts and events of two images, several events an image, negatives that are true elsewhere, images of nothing."""
    given = [one for seed in range(8) for one in examples(6, seed)]
    batches = [collated(given[start : start + 6]) for start in range(0, 48, 6)]

    def met(pair: list[int]) -> int:
        """Batches in which two images have one text, or one event."""
        pairs = [{tuple(row) for row in batch.true[:, pair].tolist()} for batch in batches]
        return sum(len({second for _, second in each}) < len(each) for each in pairs)

    assert min(met([0, 1]), met([0, 2])) > 3
    false = [batch.row_texts[:, 1:][batch.row_kind >= 0] for batch in batches]
    assert all(bool((each < batch.positives).any()) for each, batch in zip(false, batches, strict=True))
    assert sum(len(each.unique()) < len(each) for each in false) > 3
    assert any(not one.stated for one in given)
    assert any(len(one.stated) == 3 for one in given)


def test_own_negatives_weigh_by_kind_and_focus() -> None:
    given = examples(6, 3)
    batch, weights = collated(given), {"event": 0.5, "role": 3.0, "filler": 0.0}
    made, places = features(batch), texts_of(batch, given)
    settings = only(hard=2, kinds=weights, gamma=2, smoothing=0.1)
    found = Objective(settings, KINDS)(made, batch, torch.tensor(SCALE))
    rows = []
    for number, one in enumerate(given):
        for stated in one.stated:
            for positive, negatives in stated.texts:
                of = [(1.0, positive), *((weights[kind], text) for kind, text in negatives if weights[kind])]
                mass = [w * np.exp(SCALE * float(made.image[number] @ made.text[places[t]])) for w, t in of]
                p = np.array(mass) / sum(mass)
                target = np.full(len(of), 0.1 / len(of)) + np.eye(len(of))[0] * 0.9
                if len(of) > 1:
                    rows.append(-float((target * (1 - p) ** 2 * np.log(p)).sum()))
    assert len(rows) > 3
    assert float(found["hard"]) == pytest.approx(2 * np.mean(rows), rel=1e-6)


def test_a_weight_of_a_kind_that_nobody_makes_is_refused() -> None:
    with pytest.raises(ValueError, match=r"'rol'.*did you mean 'role'"):
        Objective(Losses(kinds={"rol": 1}), KINDS)


def test_the_transport_distance_counts_events_without_negatives() -> None:
    given = examples(6, 3)
    alone = [Example(one.id, one.image, []) for one in given]
    for bare, one in zip(alone, given, strict=True):
        bare.stated.extend(type(s)(s.key, [(p, []) for p, _ in s.texts], s.graphs[:1], []) for s in one.stated)
    losses = []
    for made in (given, alone):
        batch = collated(made)
        batch_features = features(batch)
        nodes = torch.stack([torch.sin(hash_ * torch.arange(1.0, 6)) for hash_ in batch.text_hash % 1000]).double()
        batch_features.text = nodes / nodes.norm(dim=1, keepdim=True)
        losses.append(Objective(only(distance=1), KINDS)(batch_features, batch, torch.tensor(SCALE))["alignment"])
    assert float(losses[1]) == pytest.approx(float(losses[0]), rel=1e-9)
    assert float(losses[0]) > 0.1


@pytest.mark.parametrize("name", PRESETS)
def test_every_preset_runs_and_every_parameter_learns(name: str) -> None:
    losses = parse_config({"preset": name, "out": "x", "data": {"train": "x"}}).losses
    objective, batch, made, start = Objective(losses, KINDS), collated(examples(6)), encoder(), encoder()
    made.patches = objective.needs_patches
    with torch.no_grad():
        start.model.visual.proj[:4] += 0.1
    values = backward(made, objective, batch, made.model.logit_scale, None, start)
    weighed = {"contrastive", "hard", "local", "retention"}
    weights = losses.model_dump()
    assert values.keys() - {"alignment"} == {one for one in weighed if weights[one]}
    assert ("alignment" in values) == bool(losses.alignment or losses.distance)
    assert all(value > 0 for value in values.values())
    assert gradients(made.model).keys() == dict(made.model.named_parameters()).keys()


@pytest.mark.parametrize("given", [[missed()], [*examples(6)[:1], missed()], [Example(0, examples(1)[0].image, [])]])
@pytest.mark.parametrize("chunk", [None, 1])
def test_a_batch_without_pictures_or_texts_costs_nothing(given: list, chunk: int | None) -> None:
    batch, made = collated(given), encoder()
    values = backward(made, Objective(ALL, KINDS), batch, made.model.logit_scale, chunk, encoder())
    if not batch.positives:
        assert {name: value for name, value in values.items() if abs(value) > 1e-12} == {}
        assert all(not grad.any() for name, grad in gradients(made.model).items() if not batch.ids)
    assert all(bool(grad.isfinite().all()) for grad in gradients(made.model).values())
    assert gradients(made.model).keys() == dict(made.model.named_parameters()).keys()


def shares() -> dict[str, list[list]]:
    """What each of two processes has: uneven parts that share texts, and one without any picture."""
    given = examples(7, 5)
    return {"uneven": [given[:2], given[2:]], "missing": [[missed()], given[2:]]}


def run(rank: int, world: int, folder: Path) -> None:
    """One process; writes its losses and gradients."""
    torch.set_num_threads(1)
    if world > 1:
        os.environ["GLOO_SOCKET_IFNAME"] = "lo"
        dist.init_process_group("gloo", init_method=f"file://{folder}/meet", rank=rank, world_size=world)
    found = {}
    for name, parts in shares().items():
        for chunk in (None, 2):
            batch = collated(parts[rank] if world > 1 else [one for part in parts for one in part])
            made, start = encoder(), encoder()
            with torch.no_grad():
                for parameter in start.model.parameters():
                    parameter += 0.05
            values = backward(made, Objective(ALL, KINDS), batch, made.model.logit_scale, chunk, start)
            found[f"{name} {chunk}"] = {"losses": values, "gradients": gradients(made.model)}
    torch.save(found, folder / f"{world}-{rank}.pt")
    if world > 1:
        dist.destroy_process_group()


def test_two_processes_have_the_losses_and_gradients_of_one(tmp_path: Path) -> None:
    first, second = (collated(part) for part in shares()["uneven"])
    shared = set(first.text_hash[: first.positives].tolist()) & set(second.text_hash[: second.positives].tolist())
    assert shared
    assert len(first.row_image) != len(second.row_image)
    run(0, 1, tmp_path)
    multiprocessing.spawn(run, args=(2, tmp_path), nprocs=2)
    one, *both = (torch.load(tmp_path / name, weights_only=True) for name in ("1-0.pt", "2-0.pt", "2-1.pt"))
    for name, alone in one.items():
        assert min(alone["losses"].values()) > 0.001
        for two in both:
            assert two[name]["losses"] == pytest.approx(alone["losses"], abs=1e-10, rel=0)
            assert two[name]["gradients"].keys() == alone["gradients"].keys()
            for parameter, gradient in alone["gradients"].items():
                torch.testing.assert_close(two[name]["gradients"][parameter], gradient, atol=1e-10, rtol=0)
