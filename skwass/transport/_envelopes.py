"""Exact transport with its derivatives, and how torch learns of derivatives."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any, NamedTuple

import numpy as np
import torch
from joblib import effective_n_jobs
from numpy.typing import NDArray
from scipy.spatial.distance import cdist
from torch import Tensor

from skwass.transport._exact import mixed_order, solve_transport
from skwass.transport._ground import GroundCost
from skwass.transport._simplex import Array, Flow


class Envelope(NamedTuple):
    """Values of a batch of transport problems, and their derivatives at the optimum."""

    values: Tensor
    x: Tensor
    y: Tensor
    a: Tensor
    b: Tensor


def with_gradients(
    envelope: Envelope, x: Tensor, y: Tensor, a: Tensor, b: Tensor
) -> Tensor:
    """Values of shape (n_problems,) that pass their derivatives back to the inputs."""
    # nothing is known of padding whose coordinates are not finite
    potentials = (
        f.masked_fill((weights == 0) & ~f.isfinite(), 0.0)
        for f, weights in ((envelope.a, a), (envelope.b, b))
    )
    envelope = Envelope(*envelope[:3], *potentials)
    for part in envelope:
        refuse_infinite(part)
    values: Tensor = _Envelope.apply(*envelope, x, y, a, b)
    return values


def refuse_infinite(numbers: Tensor) -> None:
    """Of finite points, what is not finite has overflown."""
    if not bool(numbers.isfinite().all()):
        raise ValueError(
            f"The loss or its gradient overflows {numbers.dtype}; rescale x and y to "
            "smaller coordinates."
        )


class _Envelope(torch.autograd.Function):
    """Values whose derivatives are known."""

    @staticmethod
    def forward(ctx: Any, values: Tensor, *args: Tensor) -> Tensor:
        ctx.save_for_backward(*args)
        return values.clone()

    @staticmethod
    def backward(ctx: Any, outer: Tensor) -> tuple[Tensor | None, ...]:
        slopes, inputs = ctx.saved_tensors[:4], ctx.saved_tensors[4:]
        gradients: list[Tensor | None] = []
        for slope, tensor, needed in zip(
            slopes, inputs, ctx.needs_input_grad[5:], strict=True
        ):
            gradient = outer.view(-1, *[1] * (slope.ndim - 1)) * slope
            if torch.is_grad_enabled():
                gradient = _Constant.apply(gradient, tensor)
            gradients.append(gradient if needed else None)
        return (None, None, None, None, None, *gradients)


class _Constant(torch.autograd.Function):
    """A gradient that refuses to be differentiated, instead of passing for constant."""

    @staticmethod
    def forward(ctx: Any, gradient: Tensor, tensor: Tensor) -> Tensor:
        return gradient.clone()

    @staticmethod
    def backward(ctx: Any, outer: Tensor) -> tuple[Tensor, Tensor]:
        raise RuntimeError("TransportLoss has no second derivatives.")


def exact_envelope(
    x: Tensor, y: Tensor, a: Tensor, b: Tensor, order: int, n_jobs: int | None
) -> Envelope:
    """Exact costs of a batch of problems, solved on the CPU in float64.

    Parameters
    ----------
    x : Tensor of shape (n_problems, n, n_features)
        Points; those of no weight may be anything.
    y : Tensor of shape (n_problems, m, n_features)
        Points of the other clouds.
    a : Tensor of shape (n_problems, n)
        Weights that sum to one.
    b : Tensor of shape (n_problems, m)
        Weights that sum to one.
    order : {1, 2}
        The power of the Euclidean distance that is the cost.
    n_jobs : int or None
        Threads.

    Returns
    -------
    envelope : Envelope
        Values and derivatives, none of which carries a graph.
    """
    hosts = [t.detach().cpu().double().numpy() for t in (x, a, y, b)]
    wanted = (a.requires_grad, b.requires_grad)
    solve = partial(_solve, cost=GroundCost(order=order), wanted=wanted)
    solved = _on_threads(solve, list(zip(*hosts, strict=True)), n_jobs)
    columns = (np.stack(column) for column in zip(*solved, strict=True))
    return Envelope(*(torch.from_numpy(c).to(x.device, x.dtype) for c in columns))


def _on_threads(
    solve: Callable[..., Any], problems: list[Any], n_jobs: int | None
) -> list[Any]:
    """Results in order.

    A step of training takes some milliseconds; joblib, which looks for results every
    ten, would double that.
    """
    n_threads = min(effective_n_jobs(n_jobs), len(problems))
    if n_threads == 1:
        return [solve(*problem) for problem in problems]
    with ThreadPoolExecutor(n_threads) as pool:
        return list(pool.map(lambda problem: solve(*problem), problems))


def _solve(
    x: Array, a: Array, y: Array, b: Array, cost: GroundCost, wanted: tuple[bool, bool]
) -> tuple[float, Array, Array, Array, Array]:
    """The cost, and its derivatives with respect to x, y, a and b."""
    i, j = np.flatnonzero(a), np.flatnonzero(b)
    i, j = i[mixed_order(len(i))], j[mixed_order(len(j))]
    source, target, mass, other = x[i], y[j], a[i], b[j]
    found = solve_transport(mass, other, cost.matrix(source, target))
    f, g = found.f, found.g
    x_pull, y_pull = np.zeros_like(x), np.zeros_like(y)
    if cost.order == 2:
        plan, origin = found.plan, target[0]
        source, target = source - origin, target - origin
        x_pull[i] = 2.0 * (mass[:, None] * source - plan @ target)
        y_pull[j] = 2.0 * (other[:, None] * target - plan.T @ source)
    else:
        x_pull[i], y_pull[j] = _unit_pulls(source, target, found.flow)
    return (
        found.cost,
        x_pull,
        y_pull,
        _all_potentials(x, i, f, y[j], g, cost.order, wanted[0]),
        _all_potentials(y, j, g, x[i], f, cost.order, wanted[1]),
    )


def _unit_pulls(x: Array, y: Array, flow: Flow) -> tuple[Array, Array]:
    """Derivatives of distances, each as long as its mass; none where points meet."""
    pull = x[flow.rows] - y[flow.columns]
    length = np.sqrt(np.einsum("ij,ij->i", pull, pull))
    slope = np.divide(flow.mass, length, out=np.zeros_like(length), where=length > 0)
    pull *= slope[:, None]
    x_pull, y_pull = np.zeros_like(x), np.zeros_like(y)
    np.add.at(x_pull, flow.rows, pull)
    np.subtract.at(y_pull, flow.columns, pull)
    return x_pull, y_pull


def _all_potentials(
    points: Array, present: NDArray[np.intp], own: Array, others: Array, their: Array,
    order: float, wanted: bool,
) -> Array:  # fmt: skip
    """Potentials of points of weight; if wanted, what would be those of the others."""
    potentials = np.zeros(len(points))
    potentials[present] = own
    absent = np.ones(len(points), dtype=bool)
    absent[present] = False
    if wanted and absent.any():
        with np.errstate(over="ignore", invalid="ignore"):
            costs = cdist(points[absent], others) ** order
            potentials[absent] = (costs - their).min(axis=1)
    return potentials
