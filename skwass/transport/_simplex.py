"""The network simplex of POT, on all pairs of points or on chosen ones."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
Indices = NDArray[np.intp]

_MAX_PIVOTS = 100_000_000


class Solution(NamedTuple):
    """An optimal plan, what it costs, and potentials that prove it optimal.

    ``f[i] + g[j] <= costs[i, j]`` for points of positive mass, with equality where the
    plan has mass; the mass times the potentials add up to the cost.
    """

    plan: Array
    cost: float
    f: Array
    g: Array


class Flow(NamedTuple):
    """A plan that has mass on few pairs of points, with its potentials."""

    rows: Indices
    columns: Indices
    mass: Array
    f: Array
    g: Array


_DenseSolver = Callable[[Array, Array, Array], Solution]
_SparseSolver = Callable[[Array, Array, Indices, Indices, Array], Flow]


@lru_cache(maxsize=1)
def dense_simplex() -> _DenseSolver:
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


@lru_cache(maxsize=1)
def sparse_simplex() -> _SparseSolver | None:
    """POT's compiled entry for problems in which few pairs of points may exchange mass.

    None where POT has none, or one that fails on a problem with a known answer.
    """
    half = np.full(2, 0.5)
    rows, columns = np.array([0, 1, 1]), np.array([0, 0, 1])
    try:
        flow = _compiled_sparse_simplex(half, half, rows, columns, np.arange(3.0))
        total = flow.f[flow.rows] + flow.g[flow.columns]
        order = np.argsort(flow.rows)
        if (
            np.array_equal(flow.rows[order], flow.columns[order])
            and np.array_equal(flow.mass, half)
            and np.array_equal(total[order], [0.0, 2.0])
        ):
            return _compiled_sparse_simplex
    except Exception:
        pass
    return None


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


def _compiled_sparse_simplex(
    a: Array, b: Array, rows: Indices, columns: Indices, costs: Array
) -> Flow:
    from ot.lp.emd_wrap import check_result, emd_c_sparse

    edges: tuple[Any, Any] = rows.astype(np.uint64), columns.astype(np.uint64)
    sources, targets, mass, _, f, g, status = emd_c_sparse(
        a, b, *edges, costs, _MAX_PIVOTS
    )
    check_result(status)
    return Flow(sources.astype(np.intp), targets.astype(np.intp), mass, f, g)
