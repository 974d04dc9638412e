"""Exact transport between two clouds: network simplex and the closed forms."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from skwass.clouds import PointClouds
from skwass.transport._ground import SQUARED_EUCLIDEAN, GroundCost, refuse_overflow

Array = NDArray[np.float64]
Cloud = tuple[NDArray[np.floating], Array]

_MAX_PIVOTS = 100_000_000
_EXPONENT = 100  # of the largest cost, once scaled
_LARGEST_EXPONENT = 1023  # of a power of two in float64


class Solution(NamedTuple):
    """An optimal plan, what it costs, and potentials that prove it optimal.

    ``f[i] + g[j] <= costs[i, j]`` for points of positive mass, with equality where the
    plan has mass; their mean over both clouds is the cost.
    """

    plan: Array
    cost: float
    f: Array
    g: Array


_Solver = Callable[[Array, Array, Array], Solution]


def transport_cost(
    source: Cloud, target: Cloud, cost: GroundCost = SQUARED_EUCLIDEAN
) -> float:
    """Least cost of moving one cloud to another, with weights that sum to one.

    ``min_P sum_ij P_ij c(x_i, y_j) ** p`` over plans P with the clouds' weights as
    marginals; c and p are those of `cost`.
    """
    x, a = source
    y, b = target
    if len(x) == 1 or len(y) == 1:
        # the only plan is the product of the marginals
        return float(a @ cost.matrix(x, y) @ b)
    if len(x) == len(y) and np.array_equal(x, y) and np.array_equal(a, b):
        return 0.0
    if cost.is_euclidean and x.shape[1] == 1:
        return _on_a_line(x[:, 0], a, y[:, 0], b, cost.order)
    rows, columns = mixed_order(len(x)), mixed_order(len(y))
    costs = cost.matrix(x[rows], y[columns])
    return solve_transport(a[rows], b[columns], costs).cost


@lru_cache(maxsize=1024)
def mixed_order(n_points: int) -> NDArray[np.intp]:
    """A fixed shuffle of so many points.

    The simplex looks for its next pivot block by block, and takes a fifth longer where
    neighbours in memory are neighbours in space, as the pixels of an image are.
    """
    return np.random.RandomState(0).permutation(n_points)


def transport_plan(source: Cloud, target: Cloud) -> Array:
    """An optimal plan for the squared Euclidean cost, of shape (n_source, n_target)."""
    x, a = source
    y, b = target
    if len(x) == 1 or len(y) == 1:
        return a[:, None] * b
    return solve_transport(a, b, SQUARED_EUCLIDEAN.matrix(x, y)).plan


def solve_transport(a: Array, b: Array, costs: Array) -> Solution:
    """Solve one problem by the network simplex; overwrites `costs`.

    The simplex sees costs of one size, whatever the unit of X. Scaling by a power of
    two loses no bit, so results scale exactly with X. The size is large, since the
    simplex takes differences below a fixed number for zero; what is left is the
    rounding of float64, relative to the largest cost.
    """
    _, exponent = np.frexp(costs.max())
    scale = float(np.ldexp(1.0, min(_EXPONENT - int(exponent), _LARGEST_EXPONENT)))
    costs *= scale
    plan, cost, f, g = _network_simplex()(a, b * (a.sum() / b.sum()), costs)
    if not abs(plan.sum() - a.sum()) < 1e-6:
        raise RuntimeError("The network simplex found no plan between two clouds.")
    return Solution(plan, max(cost, 0.0) / scale, f / scale, g / scale)


def _on_a_line(
    x: NDArray[Any], a: Array, y: NDArray[Any], b: Array, order: float
) -> float:
    """Quantiles are matched with quantiles, for any convex cost."""
    from ot.lp import emd2_1d

    x, y = x.astype(float), y.astype(float)
    if order == 2:
        cost = float(emd2_1d(x, y, a, b, "sqeuclidean"))
    else:
        cost = float(emd2_1d(x, y, a, b, "minkowski", p=order))
    refuse_overflow(cost)
    return cost


@lru_cache(maxsize=1)
def _network_simplex() -> _Solver:
    """POT's compiled entry, which lets threads run side by side, or `ot.emd`.

    The compiled entry is not part of POT's public interface: it is tried once on a
    problem with a known answer, and anything unexpected sends us to the public one.
    """
    costs = np.array([[0.0, 1.0], [1.0, 0.0]])
    half = np.full(2, 0.5)
    try:
        plan, cost, f, g = _fast_simplex(half, half, costs)
        tight = np.array_equal(f + g, np.zeros(2)) and abs(f[0] + g[1]) <= 1
        if cost == 0.0 and np.array_equal(plan, np.diag(half)) and tight:
            return _fast_simplex
    except Exception:
        pass
    return _public_simplex


def _fast_simplex(a: Array, b: Array, costs: Array) -> Solution:
    from ot.lp.emd_wrap import check_result, emd_c

    plan, cost, f, g, status = emd_c(a, b, costs, _MAX_PIVOTS, 1)
    check_result(status)
    return Solution(plan, float(cost), f, g)


def _public_simplex(a: Array, b: Array, costs: Array) -> Solution:
    from ot import emd

    plan, log = emd(a, b, costs, numItermax=_MAX_PIVOTS, log=True)
    cost = float(np.sum(plan * costs))
    return Solution(np.asarray(plan), cost, np.asarray(log["u"]), np.asarray(log["v"]))


def all_diracs(clouds: PointClouds) -> bool:
    """Whether every cloud is a single point, so that transport has a closed form."""
    return len(clouds.points) == len(clouds)
