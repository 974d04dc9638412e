"""Exact transport of large clouds: a simplex that looks at few pairs of points.

Annealed entropic transport tells which pairs may exchange mass. The simplex solves the
problem on those alone, and the potentials it leaves are checked on all pairs. Pairs
that would lower the cost are added until there are none: the plan is then optimal, and
the potentials prove it.
"""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from skwass.transport._annealing import anneal, fast_arithmetic
from skwass.transport._scratch import borrow
from skwass.transport._simplex import Array, Indices, Solution, sparse_simplex

_N_STAGES = 9
_REG = 0.002  # of the mean cost; a smaller one leaves too few pairs to the simplex
_N_ITER = 2
_LAST_ITER = 3
_LEAST_DENSITY = 1e-2
_MOST_WANTED = 0.2  # share of the pairs, from which on looking at all is as quick
_WANTED_A_POINT = 8  # which are few in any case
_MAX_ROUNDS = 8
_CACHED = 2**15  # numbers that stay in the cache
_MAX_PASSES = 500
_RELATIVE_GAP = 1e-9
_ROUNDING = 1e-14  # of the largest cost


def generate_columns(a: Array, b: Array, costs: Array) -> Solution | None:
    """An optimal plan, or None where this method finds none.

    Parameters
    ----------
    a, b : ndarray of shape (n,) and (m,)
        Weights, positive, of the same sum.
    costs : ndarray of shape (n, m)
        Non-negative, with a mean that is a normal number.

    Returns
    -------
    solution : Solution or None
        The plan costs at most a billionth more than the potentials allow.
    """
    simplex = sparse_simplex()
    if simplex is None:
        return None
    annealed, wanted = _screen(a, b, costs)
    most = max(_MOST_WANTED * costs.size, _WANTED_A_POINT * sum(costs.shape))
    if np.count_nonzero(wanted) > most:
        return None
    rounding = _ROUNDING * costs.max()
    for _ in range(_MAX_ROUNDS):
        rows, columns = np.divmod(np.flatnonzero(wanted), costs.shape[1])
        found = simplex(a, b, rows, columns, costs[rows, columns])
        f, g = _potentials(found, annealed, a, rows, columns, costs, rounding)
        best = least_slack(costs, f)
        gap = found.cost - float(a @ f + b @ best)
        if gap <= _RELATIVE_GAP * found.cost + rounding:
            return Solution(found.cost, f, best, found.stored)
        wanted |= costs - f[:, None] < g
    return None


def least_slack(costs: Array, f: Array) -> Array:
    """The c-transform ``min_i costs[i, j] - f[i]``, some rows at a time."""
    best = np.full(costs.shape[1], np.inf)
    n_rows = max(1, _CACHED // costs.shape[1])
    for start in range(0, len(f), n_rows):
        rows = slice(start, start + n_rows)
        np.minimum(best, (costs[rows] - f[rows, None]).min(axis=0), out=best)
    return best


def _screen(a: Array, b: Array, costs: Array) -> tuple[Array, NDArray[np.bool_]]:
    """Potentials of the first cloud, and the pairs of points that may exchange mass."""
    mean = float(costs.mean())
    scaled = torch.from_numpy(borrow("scaled", costs.shape, np.float32))
    density = torch.from_numpy(borrow("density", costs.shape, np.float32))
    with fast_arithmetic():
        scaled.copy_(torch.from_numpy(costs)).mul_(1 / mean)
        annealed = anneal(
            scaled[None],
            *(torch.tensor(weights[None], dtype=torch.float32) for weights in (a, b)),
            reg=torch.full((1,), _REG),
            n_stages=_N_STAGES,
            n_iter=_N_ITER,
            max_iter=_LAST_ITER,
            out=density[None],
        )
        wanted = borrow("wanted", costs.shape, np.bool_)
        np.greater(density.numpy(), _LEAST_DENSITY, out=wanted)
    wanted[_staircase(a, b)] = True
    return mean * annealed.f[0].numpy().astype(np.float64), wanted


def _staircase(a: Array, b: Array) -> tuple[Indices, Indices]:
    """Pairs on which there is some plan: the points in order, mass by mass."""
    ends = np.cumsum(a), np.cumsum(b)
    steps = np.sort(np.concatenate([[0.0], ends[0][:-1], ends[1][:-1]]))
    rows, columns = (np.searchsorted(end, steps, side="right") for end in ends)
    return np.minimum(rows, len(a) - 1), np.minimum(columns, len(b) - 1)


def _potentials(
    found: Solution,
    annealed: Array,
    a: Array,
    rows: Indices,
    columns: Indices,
    costs: Array,
    rounding: float,
) -> tuple[Array, Array]:
    """The simplex's potentials, shifted towards what all pairs of points allow.

    A plan that falls into parts, such as a matching, leaves one number free for each
    part, and the simplex any choice that suits the pairs it was given. The annealed
    potentials suit nearly all pairs; the parts are moved there, and then by shortest
    paths to where the given pairs allow them.
    """
    (n, m), flow = costs.shape, found.flow
    links = coo_array((flow.mass, (flow.rows, n + flow.columns)), (n + m, n + m))
    n_parts, part = connected_components(links, directed=False)
    first, second = part[:n], part[n:]
    gaps = np.bincount(first, a * (annealed - found.f), n_parts)
    mass = np.bincount(first, a, n_parts)
    # a point too light to get mass is a part by itself
    shift = np.divide(gaps, mass, out=np.zeros(n_parts), where=mass > 0)
    excess = costs[rows, columns] - found.f[rows] - found.g[columns]
    _shorten(shift, first[rows], second[columns], excess, rounding)
    return found.f + shift[first], found.g - shift[second]


def _shorten(
    shift: Array, heads: Indices, tails: Indices, lengths: Array, rounding: float
) -> None:
    """Lower numbers until ``shift[head] <= length + shift[tail]`` (Bellman–Ford).

    Only edges whose tail has moved are looked at again.
    """
    between = heads != tails
    heads, tails, lengths = heads[between], tails[between], lengths[between]
    moved = np.ones(len(shift), dtype=bool)
    for _ in range(_MAX_PASSES):
        edges = np.flatnonzero(moved[tails])
        before = shift.copy()
        np.minimum.at(shift, heads[edges], lengths[edges] + before[tails[edges]])
        moved = shift < before - rounding
        if not moved.any():
            break
