"""Alignment against POT's solvers for one problem at a time, without padding, in float64."""

import math

import numpy as np
import ot
import pytest
import torch

from clip_event.tuning.alignment import alignment_loss, image_nodes, pooled, transport_distance


def problem(seed=0, n=3, j=3, g=4, r=6, d=8):
    """Random graphs and images, with padding, a graph without nodes and an image without any."""
    rng = np.random.default_rng(seed)
    mass = (rng.random((n, j, g)) < 0.7).astype(float)
    mass[..., 0] = 1
    node_mass = (rng.random((n, r)) < 0.7).astype(float)
    node_mass[:, 0] = 1
    mass[0, 1] = 0
    node_mass[-1] = 0
    return rng.standard_normal((n, j, g, d)), mass, rng.standard_normal((n, r, d)), node_mass


def single(graph, mass, nodes, node_mass):
    """The cost matrix and the two masses of one problem, padding cut away."""
    graph, nodes = graph[mass > 0], nodes[node_mass > 0]
    lengths = np.linalg.norm(graph, axis=-1)[:, None] * np.linalg.norm(nodes, axis=-1)
    return 1 - graph @ nodes.T / lengths, *(one[one > 0] / one.sum() for one in (mass, node_mass))


def each(solve, graphs, mass, nodes, node_mass):
    """(N, J) of what `solve` gives for cost and masses, 0 where there is no node."""
    out = np.zeros(mass.shape[:2])
    for i, j in np.ndindex(*out.shape):
        if mass[i, j].any() and node_mass[i].any():
            cost, a, b = single(graphs[i, j], mass[i, j], nodes[i], node_mass[i])
            out[i, j] = solve(cost, a, b)
    return out


def tensors(arrays):
    return [torch.tensor(array, requires_grad=array.shape[-1] == arrays[0].shape[-1]) for array in arrays]


@pytest.mark.parametrize("width", [8, 64, 512])
@pytest.mark.parametrize(("g", "r"), [(4, 10), (8, 50)])
def test_the_distance_is_within_five_percent_of_the_exact_one(width, g, r):
    arrays = problem(seed=width, n=6, g=g, r=r, d=width)
    distance, real = transport_distance(*tensors(arrays))
    exact = each(lambda cost, a, b: ot.emd2(a, b, cost), *arrays)
    assert real.tolist() == (exact > 0).tolist()
    assert 5 < real.sum() < real.numel()
    excess = distance.detach().numpy()[exact > 0] / exact[exact > 0] - 1
    assert (excess > -1e-6).all()
    assert excess.max() < 0.05


def regularised(cost, a, b):
    return ot.solve(cost, a=a, b=b, reg=0.05, reg_type="entropy", tol=1e-12, max_iter=10_000)


def test_the_distance_is_that_of_one_problem_after_another():
    arrays = problem()
    arrays[1][:, 2] *= np.array([1.0, 2.0, 0.5, 1.0])  # unequal masses
    distance, _ = transport_distance(*tensors(arrays))
    alone = each(lambda *one: regularised(*one).value_linear, *arrays)
    np.testing.assert_allclose(distance.detach().numpy(), alone, atol=1e-6)


def test_the_gradient_is_that_of_the_regularised_problem():
    graphs, mass, nodes, node_mass = problem(d=16)
    given = tensors([graphs, mass, nodes, node_mass])
    transport_distance(*given)[0].sum().backward()
    rng = np.random.default_rng(1)
    for _ in range(2):
        ways = rng.standard_normal(graphs.shape), rng.standard_normal(nodes.shape)
        ends = [
            each(lambda *one: regularised(*one).value, graphs + h * ways[0], mass, nodes + h * ways[1], node_mass).sum()
            for h in (1e-4, -1e-4)
        ]
        ours = (given[0].grad.numpy() * ways[0]).sum() + (given[2].grad.numpy() * ways[1]).sum()
        assert ours == pytest.approx((ends[0] - ends[1]) / 2e-4, abs=1e-5)


def test_it_is_pots_value_linear_under_the_envelope_theorem():
    graphs, _, nodes, _ = problem()
    mass, node_mass = np.ones((3, 1, 4)), np.ones((3, 6))
    given, theirs = tensors([graphs[:, :1], mass, nodes, node_mass]), tensors([graphs[:, 0], nodes])
    transport_distance(*given)[0].sum().backward()
    units = [one / one.norm(dim=-1, keepdim=True) for one in theirs]
    solved = ot.solve_batch(1 - units[0] @ units[1].mT, reg=0.05, method="log_sinkhorn", grad="envelope", tol=1e-9)
    solved.value_linear.sum().backward()
    torch.testing.assert_close(given[0].grad[:, 0], theirs[0].grad, atol=1e-6, rtol=1e-5)
    torch.testing.assert_close(given[2].grad, theirs[1].grad, atol=1e-6, rtol=1e-5)


@pytest.mark.parametrize("garbage", [math.inf, -math.inf, math.nan])
def test_padding_changes_nothing_whatever_it_holds(garbage):
    graphs, mass, nodes, node_mass = problem()

    def gradients():
        given = tensors([graphs, mass, nodes, node_mass])
        loss = alignment_loss(*given)
        (loss.contrast + loss.distance).backward()
        return given[0].grad, given[2].grad

    clean = gradients()
    graphs[mass == 0], nodes[node_mass == 0] = garbage, garbage
    graphs[2] = garbage  # its image has no nodes
    for ours, expected in zip(gradients(), clean, strict=True):
        assert torch.equal(ours, expected)
    assert (clean[0][mass == 0] == 0).all()
    assert (clean[0][2] == 0).all()
    assert (clean[1][node_mass == 0] == 0).all()
    assert (clean[0][0, 0] != 0).any()


def test_a_distance_does_not_hang_on_its_batch():
    graphs, mass, nodes, node_mass = tensors([one.astype(np.float32) for one in problem(n=20, r=50, d=4)])
    together, _ = transport_distance(graphs, mass, nodes, node_mass)
    for i in range(20):
        alone, _ = transport_distance(*(one[i : i + 1] for one in (graphs, mass, nodes, node_mass)))
        torch.testing.assert_close(alone[0], together[i], atol=2e-7, rtol=0)


def test_the_contrast_is_a_softmax_over_the_distances_by_hand():
    arrays = problem(seed=1)
    weight = np.array([[3.0, 0.5], [2.0, 1.0], [1.0, 1.0]])
    alone = each(lambda *one: regularised(*one).value_linear, *arrays)
    rows = []
    for distances, weights in zip(alone[:2], weight, strict=False):  # the last image has no nodes
        shares = np.exp(-distances / 0.1) * (distances > 0) * [1, *weights]  # nor has the first image's first negative
        p = shares[0] / shares.sum()
        rows.append(-((1 - p) ** 2) * math.log(p))
    loss = alignment_loss(*tensors(arrays), torch.tensor(weight), temperature=0.1, smoothing=0)
    assert loss.contrast.item() == pytest.approx(np.mean(rows), rel=1e-5)
    assert loss.distance.item() == pytest.approx(alone[:2, 0].mean(), rel=1e-5)


def test_the_contrast_moves_the_right_graph_nearer_and_the_wrong_one_off():
    graphs, mass, nodes, node_mass = problem(n=2, j=2)
    mass[:], node_mass[:] = 1, 1
    given = tensors([graphs, mass, nodes, node_mass])
    before, _ = transport_distance(*given)
    alignment_loss(*given, temperature=1.0).contrast.backward()
    with torch.no_grad():
        after, _ = transport_distance(given[0] - 0.1 * given[0].grad, *given[1:])
    assert (after[:, 0] < before[:, 0]).all()
    assert (after[:, 1] > before[:, 1]).all()


def test_without_any_graph_both_losses_and_their_gradients_are_zero():
    graphs, mass, nodes, node_mass = problem()
    given = tensors([graphs, np.zeros_like(mass), nodes, node_mass])
    loss = alignment_loss(*given)
    (loss.contrast + loss.distance).backward()
    assert (loss.contrast.item(), loss.distance.item()) == (0, 0)
    assert (given[0].grad == 0).all()
    assert (given[2].grad == 0).all()


def test_bfloat16_and_autocast_lose_nothing_more():
    half = [torch.tensor(one, dtype=torch.bfloat16) for one in problem()]
    expected = alignment_loss(*(one.double() for one in half))
    with torch.autocast("cpu", torch.bfloat16):
        for ours in (alignment_loss(*half), alignment_loss(*(one.float() for one in half))):
            torch.testing.assert_close(ours.contrast.double(), expected.contrast, rtol=1e-4, atol=1e-6)
            torch.testing.assert_close(ours.distance.double(), expected.distance, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize(("rows", "columns", "shape"), [(6, 6, None), (3, 9, (3, 9))])
def test_patches_are_averaged_block_by_block(rows, columns, shape):
    patches = np.random.default_rng(0).standard_normal((2, rows * columns, 4))
    picture = patches.reshape(2, rows, columns, 4)
    high, wide = rows // 3, columns // 3
    blocks = [picture[:, y * high :, x * wide :][:, :high, :wide].mean((1, 2)) for y in range(3) for x in range(3)]
    np.testing.assert_allclose(pooled(torch.tensor(patches), 3, shape).numpy(), np.stack(blocks, 1))


def test_patches_fewer_than_the_grid_stay_as_they_are():
    patches = torch.randn(2, 4, 3, generator=torch.Generator().manual_seed(0))
    assert torch.equal(pooled(patches, 7), patches)


def test_patches_that_are_no_square_need_their_shape():
    with pytest.raises(ValueError, match="12 of them; expected 3 x 3"):
        pooled(torch.zeros(1, 12, 4), 3)


def test_the_nodes_of_an_image_are_the_whole_and_its_boxes():
    image, boxes = torch.ones(2, 3), torch.zeros(2, 2, 3)
    nodes, mass = image_nodes(image, boxes, torch.tensor([[True, False], [False, False]]))
    assert nodes[..., 0].tolist() == [[1, 0, 0], [1, 0, 0]]
    assert mass.tolist() == [[1, 1, 0], [1, 0, 0]]
