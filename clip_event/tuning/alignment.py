"""Event graphs against photographs by optimal transport: every node of the graph has to find its place in the image.

An event's nodes (the event itself, each argument with its role) are embedded texts, an image's nodes are the whole
image and its parts. The cost of a text node on an image node is 1 - cosine, and the distance of graph and image is the
cost of the cheapest plan that spreads the graph's mass over the image's. Shapes: N images, J graphs for each, G nodes a
graph, R nodes an image, D the width of the shared space.
"""

from math import isqrt
from typing import NamedTuple

import ot
import torch
from torch import Tensor
from torch.nn import functional as F

from clip_event.tuning.losses import Reduce, full_precision, hard_negative_loss, mean


@full_precision
def pooled(patches: Tensor, grid: int, shape: tuple[int, int] | None = None) -> Tensor:
    """Patch tokens averaged to a grid of at most `grid` by `grid` parts.

    Args:
        patches: (N, P, D), row by row, without the class token.
        shape: rows and columns of patches; by default a square.

    Returns:
        (N, parts, D)

    Raises:
        ValueError: P is not the number of patches in `shape`, or no square where there is none.
    """
    number = patches.shape[1]
    rows, columns = shape or (isqrt(number), isqrt(number))
    if rows * columns != number:
        raise ValueError(f"patches: {number} of them; expected {rows} x {columns}, give rows and columns as shape")
    picture = patches.mT.unflatten(-1, (rows, columns))
    return F.adaptive_avg_pool2d(picture, (min(grid, rows), min(grid, columns))).flatten(2).mT


def image_nodes(image: Tensor, parts: Tensor, mass: Tensor | None = None) -> tuple[Tensor, Tensor]:
    """The whole image with its parts: a pooled grid, or boxes of a regions file.

    Args:
        image: (N, D).
        parts: (N, R, D).
        mass: (N, R), which parts there are; by default all.

    Returns:
        Nodes (N, 1 + R, D) and their masses (N, 1 + R): 1 for the whole image, as for each of its parts.
    """
    there = parts.new_ones(parts.shape[:2]) if mass is None else mass.to(parts.dtype)
    return torch.cat([image[:, None], parts], 1), F.pad(there, (1, 0), value=1)


@full_precision
def transport_distance(
    graphs: Tensor, mass: Tensor, nodes: Tensor, node_mass: Tensor, *, reg: float = 0.05
) -> tuple[Tensor, Tensor]:
    """How far each graph is from its image, between 0 and 2; all of them solved at once.

    The plan is that of Sinkhorn's algorithm, whose entropy `reg` blurs it: the distance is a few hundredths above the
    exact one of `ot.emd2`. The gradient holds the plan fixed, which by the envelope theorem is the exact gradient of
    the regularised problem.

    Args:
        graphs: (N, J, G, D), embedded texts of any length.
        mass: (N, J, G), which nodes there are, or how much each counts; brought to a sum of 1 for each graph.
        nodes: (N, R, D), see `image_nodes`.
        node_mass: (N, R).
        reg: weight of the entropy, in units of the cost.

    Returns:
        Distances (N, J), and which of them are real (N, J): graphs and images without a node have distance 0.

    References:
        Cuturi, Sinkhorn Distances, NeurIPS 2013. Chen et al., UNITER, ECCV 2020 (words and regions by transport).
    """
    real = mass.gt(0).any(-1) & node_mass.gt(0).any(-1, keepdim=True)
    graphs = graphs.masked_fill(~(mass.gt(0) & real[..., None])[..., None], 0)
    nodes = nodes.masked_fill(~(node_mass.gt(0) & real.any(1, keepdim=True))[..., None], 0)
    cosine = F.normalize(graphs, dim=-1).flatten(1, 2) @ F.normalize(nodes, dim=-1).mT
    cost = (1 - cosine).unflatten(1, mass.shape[1:])[real]
    plan = _plan(cost.detach(), mass[real], node_mass[:, None].expand(*real.shape, -1)[real], reg)
    distance = torch.zeros_like(real, dtype=cost.dtype).masked_scatter(real, (plan * cost).sum((1, 2)))
    return distance, real


@full_precision
def transport_plan(graph: Tensor, nodes: Tensor, *, reg: float = 0.05) -> Tensor:
    """Which node of one graph goes to which of one image, each node with an equal mass.

    Args:
        graph: (G, D).
        nodes: (R, D), parts of an image.
        reg: see `transport_distance`.

    Returns:
        (G, R), of sum 1: a row sums to 1 / G and a column to 1 / R.
    """
    cost = 1 - F.normalize(graph, dim=-1) @ F.normalize(nodes, dim=-1).mT
    return _plan(cost[None], cost.new_ones(1, len(graph)), cost.new_ones(1, len(nodes)), reg)[0]


@torch.no_grad()
def _plan(cost: Tensor, mass: Tensor, node_mass: Tensor, reg: float) -> Tensor:
    """The plans (V, G, R), zero where there is no mass.

    In float64, since float32 never meets a strict tolerance at a small `reg`, and with a loose one a plan would hang on
    the others in its batch. Solved outside autograd, because POT's `grad="envelope"` records every iteration.
    """
    if not len(cost):
        return cost
    exact, tolerance = (torch.float32, 1e-5) if cost.device.type == "mps" else (torch.float64, 1e-7)
    shares = [(one / one.sum(-1, keepdim=True)) for one in (mass.to(exact), node_mass.to(exact))]
    solved = ot.solve_batch(
        cost.to(exact), reg=reg, a=shares[0], b=shares[1], method="log_sinkhorn", grad="detach", tol=tolerance
    )
    return torch.as_tensor(solved.plan, dtype=cost.dtype)


class Alignment(NamedTuple):
    """The two losses of `alignment_loss`, scalars."""

    contrast: Tensor
    distance: Tensor


@full_precision
def alignment_loss(
    graphs: Tensor,
    mass: Tensor,
    nodes: Tensor,
    node_mass: Tensor,
    weight: Tensor | None = None,
    *,
    reg: float = 0.05,
    temperature: float = 0.01,
    gamma: float = 2.0,
    smoothing: float = 0.02,
    reduce: Reduce = mean,
) -> Alignment:
    """The right event's graph nearer to the image than the graphs of its negatives, and its distance by itself.

    `contrast` is `hard_negative_loss` with `-distance / temperature` for logits. It compares whole graphs: what the
    nodes that both share cost is nearly the same on both sides and cancels. `distance` is the mean distance of the
    right graphs. By itself it is content with texts and images that are all alike, so use it as the 2022 recipe did,
    beside a contrastive loss and times 0.01, with J = 1.

    Args:
        graphs: (N, 1 + K, G, D), the right event's first.
        mass: (N, 1 + K, G); a negative with no node is not there.
        nodes, node_mass: (N, R, D) and (N, R), see `image_nodes`.
        weight: (N, K), see `hard_negative_loss`.
        reg: see `transport_distance`.
        temperature: 0.01 is CLIP's logit scale of 100.
        gamma, smoothing, reduce: see `hard_negative_loss`.

    References:
        Li et al., CLIP-Event: Connecting Text and Images with Event Structures, CVPR 2022.
    """
    distance, real = transport_distance(graphs, mass, nodes, node_mass, reg=reg)
    valid = real[:, 1:] & real[:, :1]
    logits = -distance / temperature
    contrast = hard_negative_loss(logits, valid, weight, gamma=gamma, smoothing=smoothing, reduce=reduce)
    return Alignment(contrast, reduce(distance[:, 0], real[:, 0]))
