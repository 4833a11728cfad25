"""The losses against loops in plain Python, gradients included, and against torch's and open_clip's own."""

import math

import numpy as np
import pytest
import torch
from slopes import assert_agrees
from torch.nn import functional as F

from clip_event.tuning.losses import (
    contrastive_loss,
    hard_negative_loss,
    image_logits,
    kind_weights,
    patch_logits,
    with_positive,
)

SCALE = 5.0


def unit(rng, *shape):
    vectors = rng.standard_normal(shape)
    return vectors / np.linalg.norm(vectors, axis=-1, keepdims=True)


def one_way(rows, columns, scale, positive, negative):
    """Mean over rows of the mean over positives of -log(e^p / (e^p + sum of e^n))."""
    losses = []
    for i, row in enumerate(rows):
        total = 0.0
        for j, column in enumerate(columns):
            if positive[i][j] > 0:
                own = math.exp(scale * float(row @ column))
                rest = sum(math.exp(scale * float(row @ columns[k])) for k in range(len(columns)) if negative[i][k])
                total += positive[i][j] * -math.log(own / (own + rest))
        if sum(positive[i]) > 0:
            losses.append(total / sum(positive[i]))
    return sum(losses) / len(losses)


def both_ways(image, text, scale, positive, neutral):
    negative = [[not p and not n for p, n in zip(*row, strict=True)] for row in zip(positive, neutral, strict=True)]
    there = one_way(image, text, scale, positive, negative)
    return (there + one_way(text, image, scale, np.transpose(positive), np.transpose(negative))) / 2


def masks(rng, images, texts):
    """Several positives, neutrals, an image without a positive and a text without one."""
    positive = (rng.random((images, texts)) < 0.35) & (np.arange(texts) > 0) & (np.arange(images) > 0)[:, None]
    positive[1, 1:3] = True
    return positive, rng.random((images, texts)) < 0.3


@pytest.mark.parametrize("seed", range(3))
def test_contrastive_is_the_loop_with_several_positives_neutrals_and_rows_without_a_positive(seed):
    rng = np.random.default_rng(seed)
    positive, neutral = masks(rng, 4, 6)

    def loss(image, text, scale):
        return contrastive_loss(image, text, scale, torch.tensor(positive), torch.tensor(neutral))

    def reference(image, text, scale):
        return both_ways(image, text, float(scale), positive.tolist(), neutral.tolist())

    assert_agrees(loss, reference, unit(rng, 4, 3), unit(rng, 6, 3), np.array(SCALE))


def test_positives_may_have_weights():
    rng = np.random.default_rng(0)
    positive = masks(rng, 4, 6)[0] * rng.random((4, 6))
    none = [[False] * 6] * 4
    assert_agrees(
        lambda image, text: contrastive_loss(image, text, SCALE, torch.tensor(positive)),
        lambda image, text: both_ways(image, text, SCALE, positive.tolist(), none),
        unit(rng, 4, 3),
        unit(rng, 6, 3),
    )


def test_a_plain_batch_gives_the_loss_of_open_clip():
    from extraction._torchvision import declare_missing_operators

    declare_missing_operators()
    from open_clip.loss import ClipLoss

    rng = np.random.default_rng(0)
    image, text = unit(rng, 8, 16), unit(rng, 8, 16)
    gradients = []
    for loss in (ClipLoss(), lambda *given: contrastive_loss(*given, torch.eye(8))):
        given = [torch.tensor(one, requires_grad=True) for one in (image, text, np.array(100.0))]
        value = loss(*given)
        value.backward()
        gradients.append([value.detach(), *(one.grad for one in given)])
    for theirs, ours in zip(*gradients, strict=True):
        torch.testing.assert_close(ours, theirs, rtol=1e-10, atol=1e-12)


def test_two_true_texts_of_one_image_do_not_compete():
    image, text = torch.tensor([[1.0, 0.0]]), torch.tensor([[1.0, 0.0], [1.0, 0.0]])
    assert contrastive_loss(image, text, 100.0, torch.ones(1, 2)).item() == 0  # log 2 with SupCon's denominator


@pytest.mark.parametrize("all_seen", [True, False])
def test_appended_negatives_stand_in_the_image_to_text_softmax_only(all_seen):
    rng = np.random.default_rng(1)
    sees = np.ones((4, 3), bool) if all_seen else rng.random((4, 3)) < 0.5
    eye = np.eye(4)
    negative = np.concatenate([eye == 0, sees], 1)

    def loss(image, text, extra):
        seen = None if all_seen else torch.tensor(sees)
        return contrastive_loss(image, text, SCALE, torch.eye(4), negatives=extra, sees=seen)

    def reference(image, text, extra):
        texts = np.concatenate([text, extra])
        there = one_way(image, texts, SCALE, np.concatenate([eye, np.zeros((4, 3))], 1), negative)
        return (there + one_way(text, image, SCALE, eye, eye == 0)) / 2

    assert_agrees(loss, reference, unit(rng, 4, 3), unit(rng, 4, 3), unit(rng, 3, 3))


def test_what_the_masks_of_contrastive_leave_out_changes_nothing_whatever_it_holds():
    rng = np.random.default_rng(2)
    image, text, extra = (torch.tensor(unit(rng, n, 3)) for n in (3, 4, 2))
    positive = F.pad(torch.eye(3), (0, 1)).bool()
    expected = [one.clone().requires_grad_() for one in (image[:2], text[:2], extra[:1])]
    contrastive_loss(*expected[:2], SCALE, torch.eye(2), negatives=expected[2]).backward()

    image[2], text[2], text[3], extra[1] = math.nan, math.inf, -math.inf, math.nan
    given = [one.clone().requires_grad_() for one in (image, text, extra)]
    neutral = torch.zeros(3, 4, dtype=torch.bool)
    neutral[2], neutral[:, 2:], positive[2] = True, True, False
    sees = torch.tensor([[True, False], [True, False], [False, False]])
    contrastive_loss(*given[:2], SCALE, positive, neutral, negatives=given[2], sees=sees).backward()
    for ours, theirs in zip(given, expected, strict=True):
        torch.testing.assert_close(ours.grad[: len(theirs)], theirs.grad)
        assert (ours.grad[len(theirs) :] == 0).all()


def own_loop(logits, valid, weight, gamma, smoothing):
    """Rows of logits, the positive's first."""
    losses = []
    for row, there, weights in zip(logits, valid, weight, strict=True):
        kept = [k for k in range(len(there)) if there[k] and weights[k] > 0]
        if not kept:
            continue
        shares = [math.exp(row[0])] + [weights[k] * math.exp(row[1 + k]) for k in kept]
        loss = 0.0
        for k, share in enumerate(shares):
            p = share / sum(shares)
            target = smoothing / len(shares) + (1 - smoothing if k == 0 else 0)
            loss -= target * (1 - p) ** gamma * math.log(p)
        losses.append(loss)
    return sum(losses) / len(losses)


VALID = np.array([[True, True, False], [False, False, False], [True, False, False], [True, True, True]])
WEIGHT = np.array([[1.0, 2.0, 9.0], [1.0, 1.0, 1.0], [0.5, 1.0, 1.0], [3.0, 0.0, 1.0]])


@pytest.mark.parametrize(("gamma", "smoothing"), [(0.0, 0.0), (2.0, 0.02), (1.5, 0.3)])
def test_own_negatives_are_the_loop_with_focal_weight_smoothing_and_weights(gamma, smoothing):
    rng = np.random.default_rng(3)
    assert_agrees(
        lambda logits: hard_negative_loss(
            logits, torch.tensor(VALID), torch.tensor(WEIGHT), gamma=gamma, smoothing=smoothing
        ),
        lambda logits: own_loop(logits, VALID, WEIGHT, gamma, smoothing),
        rng.standard_normal((4, 4)),
    )


def test_own_negatives_are_a_loop_over_embeddings_chosen_from_unique_texts():
    rng = np.random.default_rng(4)
    numbers = rng.integers(0, 7, (4, 4))
    ones = np.ones_like(WEIGHT)

    def loss(image, text, scale):
        return hard_negative_loss(image_logits(image, text[numbers], scale), torch.tensor(VALID))

    def reference(image, text, scale):
        logits = [[float(scale) * float(image[i] @ text[t]) for t in row] for i, row in enumerate(numbers)]
        return own_loop(logits, VALID, ones, 2.0, 0.02)

    assert_agrees(loss, reference, unit(rng, 4, 3), unit(rng, 7, 3), np.array(SCALE))


def test_own_negatives_without_focal_weight_are_torchs_cross_entropy_with_label_smoothing():
    logits = torch.randn(2, 5, 4, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    ours = hard_negative_loss(logits, torch.ones(2, 5, 3, dtype=torch.bool), gamma=0, smoothing=0.1)
    theirs = F.cross_entropy(logits.flatten(0, 1), torch.zeros(10, dtype=torch.long), label_smoothing=0.1)
    torch.testing.assert_close(ours, theirs)


def test_the_focal_weight_by_hand():
    even = torch.zeros(1, 2)  # p = 1/2: (1 - 1/2)^2 * log 2
    valid = torch.ones(1, 1, dtype=torch.bool)
    assert hard_negative_loss(even, valid, smoothing=0).item() == pytest.approx(0.25 * math.log(2))


def test_a_negative_of_weight_two_is_that_negative_twice():
    logits = torch.tensor([[1.0, 0.5, -0.3]], dtype=torch.float64)
    twice = torch.tensor([[1.0, 0.5, 0.5, -0.3]], dtype=torch.float64)
    one = hard_negative_loss(
        logits, torch.ones(1, 2, dtype=torch.bool), kind_weights(["role", "event"], {"role": 2}), smoothing=0
    )
    torch.testing.assert_close(one, hard_negative_loss(twice, torch.ones(1, 3, dtype=torch.bool), smoothing=0))


@pytest.mark.parametrize("garbage", [math.inf, -math.inf, math.nan, 1e30])
@pytest.mark.parametrize("local", [False, True])
def test_padded_negatives_and_rows_change_nothing_whatever_they_hold(garbage, local):
    rng = np.random.default_rng(5)
    valid = torch.tensor(VALID).view(2, 2, 3)
    valid = torch.cat([valid, torch.zeros_like(valid[:1])])  # a third image without any negative
    image, text = torch.tensor(unit(rng, 3, 6, 4)), torch.tensor(unit(rng, 3, 2, 4, 4))

    def gradients(image, text):
        given = [image.clone().requires_grad_(), text.clone().requires_grad_()]
        logits = (patch_logits if local else image_logits)(*given, SCALE, with_positive(valid))
        hard_negative_loss(logits, valid, torch.tensor([1.0, 2.0, 3.0])).backward()
        return [one.grad for one in given]

    image = image if local else image[:, 0]
    clean = gradients(image, text)
    text[~with_positive(valid)] = garbage
    image[2] = garbage
    for ours, expected in zip(gradients(image, text), clean, strict=True):
        assert torch.equal(ours, expected)
    assert (clean[1][~with_positive(valid)] == 0).all()
    assert (clean[0][2] == 0).all()


@pytest.mark.parametrize("rows", [0, 3])
def test_without_a_valid_negative_the_loss_and_its_gradient_are_zero(rows):
    logits = torch.full((rows, 3), math.nan, requires_grad=True)
    loss = hard_negative_loss(logits, torch.zeros(rows, 2, dtype=torch.bool))
    loss.backward()
    assert loss.item() == 0
    assert torch.equal(logits.grad, torch.zeros(rows, 3))


def test_patch_logits_are_the_loop():
    rng = np.random.default_rng(6)
    pull = rng.standard_normal((2, 2, 3))  # any sum of the logits, so that their gradient is tested one by one

    def reference(patches, text):
        total = 0.0
        for i, (own, texts) in enumerate(zip(patches, text.reshape(2, 6, 4), strict=True)):
            for k, one in enumerate(texts):
                one = one / np.linalg.norm(one)
                units = [patch / np.linalg.norm(patch) for patch in own]
                looks = [math.exp(float(patch @ one) / 0.5) for patch in units]
                seen = sum(look * patch for look, patch in zip(looks, units, strict=True))
                total += pull.reshape(2, 6)[i, k] * SCALE * float(seen @ one) / np.linalg.norm(seen)
        return total

    assert_agrees(
        lambda patches, text: (patch_logits(patches, text, SCALE, temperature=0.5) * torch.tensor(pull)).sum(),
        reference,
        rng.standard_normal((2, 5, 4)),
        rng.standard_normal((2, 2, 3, 4)),
    )


def test_a_thing_in_one_patch_is_found_there_and_lost_in_the_mean():
    thing, rest = torch.eye(8)[0], torch.eye(8)[1:]
    patches = torch.cat([thing[None], rest.repeat(7, 1)])[None]  # 50 patches
    found = patch_logits(patches, torch.stack([thing, -thing])[None], 1.0)[0]
    whole = F.normalize(patches.mean(1), dim=-1) @ thing
    assert found[0] > 0.99
    assert whole < 0.1


@pytest.mark.parametrize("autocast", [False, True])
def test_bfloat16_features_and_autocast_lose_nothing_more(autocast):
    rng = np.random.default_rng(7)
    image, patches, text = (torch.tensor(unit(rng, *n), dtype=torch.bfloat16) for n in ((8, 16), (8, 5, 16), (8, 16)))
    valid = torch.ones(8, 1, dtype=torch.bool)

    def losses(image, patches, text):
        texts = torch.stack([text, text.roll(1, 0)], 1)
        return torch.stack(
            [
                contrastive_loss(image, text, 100.0, torch.eye(8), negatives=text),
                hard_negative_loss(image_logits(image, texts, 100.0), valid),
                hard_negative_loss(patch_logits(patches, texts, 100.0), valid),
            ]
        )

    expected = losses(image.double(), patches.double(), text.double())
    with torch.autocast("cpu", torch.bfloat16, enabled=autocast):
        ours = losses(image, patches, text)
        ours_of_float = losses(image.float(), patches.float(), text.float())
    assert ours.dtype == torch.float32
    torch.testing.assert_close(ours.double(), expected, rtol=1e-5, atol=1e-6)
    assert torch.equal(ours, ours_of_float)


def test_weights_go_by_kind():
    weights = kind_weights(("event", "role", "role sentence"), {"role sentence": 0.5, "event": 0})
    assert weights.tolist() == [0, 1, 0.5]


@pytest.mark.parametrize(
    ("weights", "message"),
    [
        ({"roles": 1.0}, "'roles'.*did you mean 'role'"),
        ({"xyz": 1.0}, "'xyz'.*expected one of event, role"),
        ({"role": -1.0}, "'role': -1.0"),
        ({"role": math.nan}, "'role': nan"),
    ],
)
def test_wrong_weights_are_refused_by_name(weights, message):
    with pytest.raises(ValueError, match=message):
        kind_weights(("event", "role"), weights)


@pytest.mark.parametrize("settings", [{"gamma": 0.5}, {"gamma": -1.0}, {"smoothing": 1.0}, {"smoothing": -0.1}])
def test_focal_and_smoothing_out_of_range_are_refused(settings):
    (name,) = settings
    with pytest.raises(ValueError, match=name):
        hard_negative_loss(torch.zeros(1, 2), torch.ones(1, 1, dtype=torch.bool), **settings)
