"""Exact transport between two clouds: network simplex and the closed forms."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.spatial.distance import cdist

from skwass.clouds import PointClouds

Array = NDArray[np.float64]
Cloud = tuple[NDArray[np.floating], Array]
#: takes two arrays of points and gives the matrix of ground distances (not squared)
GroundMetric = Callable[[NDArray[Any], NDArray[Any]], Array]
_Solver = Callable[[Array, Array, Array], tuple[Array, float]]

_MAX_PIVOTS = 100_000_000
_EXPONENT = 100  # of the largest cost, once scaled
_LARGEST_EXPONENT = 1023  # of a power of two in float64


def squared_wasserstein(
    source: Cloud, target: Cloud, ground: GroundMetric | None = None
) -> float:
    """Squared 2-Wasserstein distance between two clouds with weights that sum to one.

    ``min_P sum_ij P_ij c(x_i, y_j) ** 2`` over plans P with the clouds' weights as
    marginals; c is the Euclidean distance where `ground` is None.
    """
    x, a = source
    y, b = target
    if len(x) == 1 or len(y) == 1:
        # the only plan is the product of the marginals
        return float(a @ squared_costs(x, y, ground) @ b)
    if len(x) == len(y) and np.array_equal(x, y) and np.array_equal(a, b):
        return 0.0
    if ground is None and x.shape[1] == 1:
        return _on_a_line(x[:, 0], a, y[:, 0], b)
    rows, columns = mixed_order(len(x)), mixed_order(len(y))
    costs = squared_costs(x[rows], y[columns], ground)
    return _solve(a[rows], b[columns], costs)[1]


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
    return _solve(a, b, squared_costs(x, y))[0]


def squared_costs(
    x: NDArray[Any], y: NDArray[Any], ground: GroundMetric | None = None
) -> Array:
    """Squared ground distances between two sets of points, in float64."""
    if ground is None:
        costs = cdist(x, y, "sqeuclidean")
    else:
        with np.errstate(over="ignore"):
            costs = np.square(ground(x, y))
    refuse_overflow(costs.max())
    return costs


def refuse_overflow(largest: float) -> None:
    """Squares of float64 numbers end at 1e308."""
    if not np.isfinite(largest):
        raise ValueError(
            "The squared ground distances overflow; rescale X to smaller coordinates."
        )


def _solve(a: Array, b: Array, costs: Array) -> tuple[Array, float]:
    """Plan and cost. The simplex sees costs of one size, whatever the unit of X.

    Scaling by a power of two loses no bit, so results scale exactly with X. The size is
    large, since the simplex takes differences below a fixed number for zero; what is
    left is the rounding of float64, relative to the largest cost.
    """
    _, exponent = np.frexp(costs.max())
    scale = float(np.ldexp(1.0, min(_EXPONENT - int(exponent), _LARGEST_EXPONENT)))
    costs *= scale
    plan, cost = _network_simplex()(a, b * (a.sum() / b.sum()), costs)
    if not abs(plan.sum() - a.sum()) < 1e-6:
        raise RuntimeError("The network simplex found no plan between two clouds.")
    return plan, max(cost, 0.0) / scale


def _on_a_line(x: NDArray[Any], a: Array, y: NDArray[Any], b: Array) -> float:
    from ot.lp import emd2_1d

    cost = float(emd2_1d(x.astype(float), y.astype(float), a, b, "sqeuclidean"))
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
        plan, cost = _fast_simplex(half, half, costs)
        if cost == 0.0 and np.array_equal(plan, np.diag(half)):
            return _fast_simplex
    except Exception:
        pass
    return _public_simplex


def _fast_simplex(a: Array, b: Array, costs: Array) -> tuple[Array, float]:
    from ot.lp.emd_wrap import check_result, emd_c

    plan, cost, _, _, status = emd_c(a, b, costs, _MAX_PIVOTS, 1)
    check_result(status)
    return plan, float(cost)


def _public_simplex(a: Array, b: Array, costs: Array) -> tuple[Array, float]:
    from ot import emd

    plan = np.asarray(emd(a, b, costs, numItermax=_MAX_PIVOTS))
    return plan, float(np.sum(plan * costs))


def all_diracs(clouds: PointClouds) -> bool:
    """Whether every cloud is a single point, so that transport has a closed form."""
    return len(clouds.points) == len(clouds)
