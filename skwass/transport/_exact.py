"""Exact transport between two clouds: network simplex and the closed forms."""

from __future__ import annotations

import warnings
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from skwass.clouds import PointClouds
from skwass.transport._column_generation import generate_columns, least_slack
from skwass.transport._ground import SQUARED_EUCLIDEAN, GroundCost, refuse_overflow
from skwass.transport._scratch import borrow
from skwass.transport._simplex import Array, Flow, Solution, dense_simplex

Cloud = tuple[NDArray[np.floating], Array]

_LARGE = 100_000  # pairs of points, from which on column generation is faster
_FAR = 1e-5  # cost over the largest, below which rounding is looked at
_PROVEN = 1e-6
_ROUNDING = 1e-13
_MOST_CUTS = 5
_FAR_ABOVE = 10  # times the mean cost of a point, where costs are cut
_EXPONENT = 100  # of the largest cost, once scaled
_LARGEST_EXPONENT = 1023  # of a power of two in float64


def transport_cost(
    source: Cloud,
    target: Cloud,
    cost: GroundCost = SQUARED_EUCLIDEAN,
    *,
    dense: bool = False,
) -> float:
    """Least cost of moving one cloud to another, with weights that sum to one.

    ``min_P sum_ij P_ij c(x_i, y_j) ** p`` over plans P with the clouds' weights as
    marginals; c and p are those of `cost`. `dense` forbids column
    generation.
    """
    x, a = source
    y, b = target
    if has_closed_form(source, target, cost):
        if min(len(x), len(y)) > 1:
            return _on_a_line(x[:, 0], a, y[:, 0], b, cost.order)
        # the only plan is the product of the marginals
        return float(a @ cost.matrix(x, y) @ b)
    if len(x) == len(y) and np.array_equal(x, y) and np.array_equal(a, b):
        return 0.0
    rows, columns = mixed_order(len(x)), mixed_order(len(y))
    out = borrow("costs", (len(x), len(y)), np.float64)
    costs = cost.matrix(x[rows], y[columns], out)
    return solve_transport(a[rows], b[columns], costs, dense=dense).cost


def has_closed_form(source: Cloud, target: Cloud, cost: GroundCost) -> bool:
    """Whether one cloud is a single point, or points lie on a line."""
    single = min(len(source[0]), len(target[0])) == 1
    return single or (cost.is_euclidean and source[0].shape[1] == 1)


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


def solve_transport(
    a: Array, b: Array, costs: Array, *, dense: bool = False
) -> Solution:
    """Solve one problem exactly; overwrites `costs`.

    Small problems go to the network simplex as they are, large ones by column
    generation, unless `dense` forbids it.

    The solvers see costs of one size, whatever the unit of X. Scaling by a power of two
    loses no bit, so results scale exactly with X. The size is large, since the simplex
    takes differences below a fixed number for zero; what is left is the rounding of
    float64, relative to the largest cost.
    """
    scale = _power_of_two(costs.max())
    costs *= scale
    b = b * (a.sum() / b.sum())
    found = _solve(a, b, costs, dense)
    if 0 < found.cost < _FAR * costs.max():
        found = _refine(a, b, costs, found)
    mass = found.stored.mass if isinstance(found.stored, Flow) else found.stored
    if not abs(mass.sum() - a.sum()) < 1e-6:
        raise RuntimeError("The network simplex found no plan between two clouds.")
    cost = max(found.cost, 0.0) / scale
    return Solution(cost, found.f / scale, found.g / scale, found.stored)


def _solve(a: Array, b: Array, costs: Array, dense: bool) -> Solution:
    if not dense and costs.size >= _LARGE and costs.max() > 0:
        found = generate_columns(a, b, costs)
        if found is not None:
            return found
    return dense_simplex()(a, b, costs)


def _refine(a: Array, b: Array, costs: Array, found: Solution) -> Solution:
    """Solve again where a few costs are so large that the others drown in rounding.

    Costs far above that of the plan that is known are cut, since a better one hardly
    needs them. Potentials of what is left are below the true costs as well, and so
    prove how good the next plan is.
    """
    g = least_slack(costs, found.f)
    if found.cost - float(a @ found.f + b @ g) <= _PROVEN * found.cost:
        return found
    for _ in range(_MOST_CUTS):
        before = found.cost
        cut = np.minimum(costs, _FAR_ABOVE * sum(costs.shape) * before)
        scale = _power_of_two(cut.max())
        again = _solve(a, b, cut * scale, True)
        f = again.f / scale
        g = least_slack(cut, f)
        rows, columns, mass = again.flow
        cost = float(mass @ costs[rows, columns])
        if cost <= before:
            found = Solution(cost, f, g, again.stored)
        if found.cost - float(a @ f + b @ g) <= _PROVEN * found.cost:
            return Solution(found.cost, f, g, found.stored)
        if not cost < before:
            break
    if found.cost <= _ROUNDING * costs.max():
        return found  # all there is may be rounding
    warnings.warn(
        "Some ground distances are so much larger than others that transport between "
        f"two clouds is known to {_PROVEN:g} no more. Use a lower order, or scale or "
        "remove far points.",
        RuntimeWarning,
        stacklevel=2,
    )
    return found


def _power_of_two(largest: float) -> float:
    """The factor that brings the largest cost to one size."""
    _, exponent = np.frexp(largest)
    return float(np.ldexp(1.0, min(_EXPONENT - int(exponent), _LARGEST_EXPONENT)))


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


def all_diracs(clouds: PointClouds) -> bool:
    """Whether every cloud is a single point, so that transport has a closed form."""
    return len(clouds.points) == len(clouds)
