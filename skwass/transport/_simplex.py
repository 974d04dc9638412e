"""The network simplex of POT, on all pairs of points or on chosen ones."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
Indices = NDArray[np.intp]

_MAX_PIVOTS = 100_000_000


class Flow(NamedTuple):
    """The entries of a plan that have mass."""

    rows: Indices
    columns: Indices
    mass: Array


@dataclass(frozen=True)
class Solution:
    """An optimal plan, what it costs, and potentials that prove it optimal.

    A plan is stored as a matrix or as its entries, as the solver found it, and given as
    either.

    Attributes
    ----------
    cost : float
        Of the plan.
    f, g : ndarray of shape (n,) and (m,)
        ``f[i] + g[j] <= costs[i, j]`` for points of positive mass, with equality where
        the plan has mass; mass times potentials add up to the cost.
    """

    cost: float
    f: Array
    g: Array
    stored: Array | Flow

    @property
    def plan(self) -> Array:
        """The plan as a matrix of shape (n, m)."""
        if not isinstance(self.stored, Flow):
            return self.stored
        plan = np.zeros((len(self.f), len(self.g)))
        plan[self.stored.rows, self.stored.columns] = self.stored.mass
        return plan

    @property
    def flow(self) -> Flow:
        """The plan as its entries, fewer than there are points."""
        if isinstance(self.stored, Flow):
            return self.stored
        rows, columns = np.nonzero(self.stored)
        return Flow(rows, columns, self.stored[rows, columns])


_DenseSolver = Callable[[Array, Array, Array], Solution]
_SparseSolver = Callable[[Array, Array, Indices, Indices, Array], Solution]


@lru_cache(maxsize=1)
def dense_simplex() -> _DenseSolver:
    """POT's compiled entry, which lets threads run side by side, or `ot.emd`.

    The compiled entry is not part of POT's public interface: it is tried once on a
    problem with a known answer, and anything unexpected sends us to the public one.
    """
    costs = np.array([[0.0, 1.0], [1.0, 0.0]])
    half = np.full(2, 0.5)
    try:
        found = _fast_simplex(half, half, costs)
        tight = np.array_equal(found.f + found.g, [0.0, 0.0])
        allowed = abs(found.f[0] + found.g[1]) <= 1
        if np.array_equal(found.plan, np.diag(half)) and tight and allowed:
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
        found = _compiled_sparse_simplex(half, half, rows, columns, np.arange(3.0))
        tight = np.array_equal(found.f + found.g, [0.0, 2.0])
        if np.array_equal(found.plan, np.diag(half)) and tight:
            return _compiled_sparse_simplex
    except Exception:
        pass
    return None


def _fast_simplex(a: Array, b: Array, costs: Array) -> Solution:
    from ot.lp.emd_wrap import check_result, emd_c

    plan, cost, f, g, status = emd_c(a, b, costs, _MAX_PIVOTS, 1)
    check_result(status)
    return Solution(float(cost), f, g, plan)


def _public_simplex(a: Array, b: Array, costs: Array) -> Solution:
    from ot import emd

    plan, log = emd(a, b, costs, numItermax=_MAX_PIVOTS, log=True)
    f, g = np.asarray(log["u"]), np.asarray(log["v"])
    return Solution(float(np.sum(plan * costs)), f, g, np.asarray(plan))


def _compiled_sparse_simplex(
    a: Array, b: Array, rows: Indices, columns: Indices, costs: Array
) -> Solution:
    from ot.lp.emd_wrap import check_result, emd_c_sparse

    edges: tuple[Any, Any] = rows.astype(np.uint64), columns.astype(np.uint64)
    sources, targets, mass, cost, f, g, status = emd_c_sparse(
        a, b, *edges, costs, _MAX_PIVOTS
    )
    check_result(status)
    flow = Flow(sources.astype(np.intp), targets.astype(np.intp), mass)
    return Solution(float(cost), f, g, flow)
