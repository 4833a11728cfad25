"""A step in parts against a step at once: losses and gradients in float64, and dropout that both passes share."""

import pytest
import torch
from loops import ALL, KINDS, collated, encoder, examples, gradients, missed
from torch import Tensor, nn

from clip_event.data.batches import Batch
from clip_event.tuning.config import Losses
from clip_event.tuning.objective import Features, Objective
from clip_event.tuning.steps import Encoder, backward


def moved() -> Encoder:
    """Where retention is measured from."""
    start = encoder()
    with torch.no_grad():
        for parameter in start.model.parameters():
            parameter += 0.05
    return start


def stepped(
    batch: Batch, chunk: int | None, made: Encoder | None = None, weights: Losses = ALL
) -> tuple[dict[str, float], dict[str, Tensor]]:
    made = made or encoder()
    losses = backward(made, Objective(weights, KINDS), batch, made.model.logit_scale, chunk, moved())
    return losses, gradients(made.model)


def at_once(batch: Batch) -> tuple[dict[str, float], dict[str, Tensor]]:
    """What a step should give, with nothing of the step but the towers and the losses."""
    made, start = encoder(), moved()
    tokens = batch.tokens[: batch.positives]
    before = [one.detach() for one in (start.images(batch.images)[0], start.texts(tokens))]
    features = Features(*made.images(batch.images), made.texts(batch.tokens), *before)
    losses = Objective(ALL, KINDS)(features, batch, made.model.logit_scale.exp())
    sum(losses.values()).backward()
    return {name: loss.item() for name, loss in losses.items()}, gradients(made.model)


@pytest.mark.parametrize("chunk", [None, 1, 2, 3, 6, 7, 100])
def test_parts_have_the_losses_and_gradients_of_the_whole(chunk: int | None) -> None:
    batch = collated([*examples(7, 5), missed()])
    assert len(batch.tokens) > 12
    expected, slopes = at_once(batch)
    losses, found = stepped(batch, chunk)
    assert losses == pytest.approx(expected, rel=1e-12)
    assert set(losses) == {"contrastive", "hard", "local", "alignment", "retention"}
    assert min(losses.values()) > 0.001
    assert found.keys() == slopes.keys()
    for name, slope in slopes.items():
        torch.testing.assert_close(found[name], slope, atol=1e-12, rtol=1e-9)


@pytest.mark.parametrize(("chunk", "most"), [(None, 7), (2, 2), (4, 4)])
def test_no_tower_is_given_more_than_a_part_at_once(chunk: int | None, most: int) -> None:
    batch, towers, images, texts = collated(examples(7, 5)), [encoder(), moved()], [], []
    for tower in towers:
        tower.model.visual.conv1.register_forward_pre_hook(lambda _, given: images.append(len(given[0])))
        tower.model.token_embedding.register_forward_pre_hook(lambda _, given: texts.append(len(given[0])))
    backward(towers[0], Objective(ALL, KINDS), batch, towers[0].model.logit_scale, chunk, towers[1])
    assert max(images) == most
    assert max(texts) <= (4 * most if chunk else len(batch.tokens))


def test_gradients_are_added_to_those_already_there() -> None:
    batch, made = collated(examples(7, 5)), encoder()
    _, once = stepped(batch, 3, made)
    _, twice = stepped(batch, 3, made)
    for name, gradient in once.items():
        torch.testing.assert_close(twice[name], 2 * gradient)


@pytest.mark.parametrize("frozen", ["visual", "text"])
@pytest.mark.parametrize("chunk", [None, 2])
def test_a_frozen_tower_gets_no_gradient_and_changes_none(frozen: str, chunk: int | None) -> None:
    batch, made = collated(examples(7, 5)), encoder()
    still = {n for n, _ in made.model.named_parameters() if n.startswith("visual") == (frozen == "visual")}
    still -= {"logit_scale"}
    for name, parameter in made.model.named_parameters():
        parameter.requires_grad_(name not in still)
    _, found = stepped(batch, chunk, made)
    _, slopes = at_once(batch)
    assert found.keys() == slopes.keys() - still
    for name, gradient in found.items():
        torch.testing.assert_close(gradient, slopes[name], atol=1e-12, rtol=1e-9)


def with_dropout() -> Encoder:
    made = encoder()
    for block in [*made.model.visual.transformer.resblocks, *made.model.transformer.resblocks]:
        block.mlp.append(nn.Dropout(0.3))
    made.model.train()
    return made


@pytest.mark.parametrize("chunk", [None, 2, 3])
def test_with_dropout_the_gradient_is_the_slope_of_the_loss(chunk: int | None) -> None:
    """By central differences along a direction: had the two passes other masks, it would be none of this loss."""
    batch = collated(examples(7, 5))
    # the gradient of the alignment holds the transport plan still
    weights = ALL.model_copy(update={"alignment": 0, "distance": 0})
    losses, slopes = stepped(batch, chunk, with_dropout(), weights)
    generator = torch.Generator().manual_seed(3)
    way = {name: torch.randn(slope.shape, generator=generator, dtype=slope.dtype) for name, slope in slopes.items()}
    totals = []
    for far in (1e-6, -1e-6):
        made = with_dropout()
        with torch.no_grad():
            for name, parameter in made.model.named_parameters():
                parameter += far * way[name]
        totals.append(sum(stepped(batch, chunk, made, weights)[0].values()))
    expected = (totals[0] - totals[1]) / 2e-6
    assert sum(float((slopes[name] * way[name]).sum()) for name in way) == pytest.approx(expected, rel=1e-6)
    assert losses != pytest.approx(stepped(batch, chunk, None, weights)[0], rel=1e-3)


@pytest.mark.parametrize("chunk", [None, 2])
def test_dropout_repeats_for_a_batch_and_not_for_another(chunk: int | None) -> None:
    given = examples(7, 5)
    first = collated(given)
    kept = torch.get_rng_state()
    losses = stepped(first, chunk, with_dropout())[0]
    assert torch.equal(torch.get_rng_state(), kept)
    torch.rand(5)
    assert stepped(first, chunk, with_dropout())[0] == losses
    renamed = [type(one)(f"other {one.id}", one.image, one.stated) for one in given]
    assert stepped(collated(renamed), chunk, with_dropout())[0] != pytest.approx(losses, rel=1e-6)
