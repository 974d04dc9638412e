r"""Sinkhorn's algorithm with a regularisation that is halved by squaring.

Entropic transport has the plan :math:`P_{ij} = a_i b_j Q_{ij}` with the density
:math:`Q_{ij} = \exp((f_i + g_j - c_{ij}) / \varepsilon)` [1]_. Halving
:math:`\varepsilon` squares Q element by element; so after the first stage there are no
exponentials, only products of a matrix with vectors, in batches. Potentials are
extrapolated from stage to stage, as they are smooth in :math:`\varepsilon`: that is a
factor for each row and column of Q.

The first density has a one in each row and each column. A half-iteration makes the mean
of each row, or column, of Q one, so its largest entry is at least one; squaring cannot
lose it, and no weight and no regularisation makes numbers that are not finite.

References
----------
.. [1] Peyré, Cuturi. Computational Optimal Transport. Foundations and Trends in Machine
   Learning 11(5-6), 2019.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from threading import Lock
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

_LEAST_WEIGHT = 1e-12  # no density exceeds its inverse, whose square float32 holds
_LEAST_MEAN = 1e-30
_EXTRAPOLATION = 0.5  # f is about linear in the regularisation, which is halved
_LARGEST_EXPONENT = 30.0
_FARTHEST = 10.0
_CHECKED_EVERY = 10


class Annealed(NamedTuple):
    """Where the iteration ended.

    Attributes
    ----------
    f, g : Tensor of shape (n_problems, n) and (n_problems, m)
        Potentials, in the unit of the costs.
    density : Tensor of shape (n_problems, n, m)
        The plan over the product of the weights; each column has the mean one.
    error : Tensor of shape (n_problems,)
        How much mass of the rows is in the wrong place, at most two.
    """

    f: Tensor
    g: Tensor
    density: Tensor
    error: Tensor


def anneal(
    costs: Tensor,
    a: Tensor,
    b: Tensor,
    *,
    reg: Tensor,
    n_stages: int,
    n_iter: int,
    max_iter: int,
    tol: float = 0.0,
    relaxation: float = 1.0,
    out: Tensor | None = None,
) -> Annealed:
    """Solve a batch of problems, from ``reg * 2 ** n_stages`` down to `reg`.

    Parameters
    ----------
    costs : Tensor of shape (n_problems, n, m)
        Non-negative, of size one or so.
    a, b : Tensor of shape (n_problems, n) and (n_problems, m)
        Weights; zeros are padding, whose costs are arbitrary.
    reg : Tensor of shape (n_problems,)
        The last regularisation.
    n_stages : int
        Number of halvings.
    n_iter : int
        Iterations of a stage.
    max_iter : int
        Iterations of the last stage.
    tol : float, default=0.0
        The error at which the last stage may stop, if it is positive.
    relaxation : float, default=1.0
        Exponent of a step; more than one goes further than the marginals ask.

    out : Tensor of shape (n_problems, n, m), default=None
        Where the density goes; None is new memory.

    Returns
    -------
    annealed : Annealed
        Potentials, density and error.
    """
    a, b = _floored(a), _floored(b)
    reg = reg * 2.0**n_stages
    f, g, density = _start(costs, a, b, out)
    density.div_(-reg[:, None, None]).exp_()
    v = torch.ones_like(g)
    for stage in range(n_stages + 1):
        last = stage == n_stages
        steps = _Steps(density, a, b, v, relaxation)
        u, v = steps.run(max_iter if last else n_iter, tol if last else 0.0)
        density.mul_(u[:, :, None]).mul_(v[:, None])
        moved = reg[:, None] * v.log()
        f, g = f + reg[:, None] * u.log(), g + moved
        if not last:
            density.square_()
            reg = reg / 2
            ahead = _EXTRAPOLATION * moved / reg[:, None] if stage else 0 * moved
            v = ahead.clamp(-_LARGEST_EXPONENT, _LARGEST_EXPONENT).exp()
    rows = torch.bmm(density, b[:, :, None])[:, :, 0]
    return Annealed(f, g, density, (a * (rows - 1)).abs().sum(1))


def _start(
    costs: Tensor, a: Tensor, b: Tensor, out: Tensor | None
) -> tuple[Tensor, Tensor, Tensor]:
    """Potentials that leave a zero in each row and each column, and what they leave."""
    if bool((a > 0).all()) and bool((b > 0).all()):
        f = torch.amin(costs, 2)
        left = torch.sub(costs, f[:, :, None], out=out)
        g = torch.amin(left, 1)
        return f, g, left.sub_(g[:, None])
    f = least_allowed(costs, torch.zeros_like(b), b)
    g = least_allowed(costs.mT, f, a)
    # padding has no density: it would grow with each squaring until it is infinite
    shown_f, shown_g = (
        torch.where(weights > 0, potentials, -torch.inf)
        for weights, potentials in ((a, f), (b, g))
    )
    left = torch.sub(costs, shown_f[:, :, None], out=out).sub_(shown_g[:, None])
    return f, g, left.clamp_(min=0.0)


def least_allowed(costs: Tensor, potentials: Tensor, weights: Tensor) -> Tensor:
    """The c-transform ``min_j costs[i, j] - potentials[j]`` over positive weights."""
    potentials = torch.where(weights > 0, potentials, -torch.inf)
    return torch.amin(costs - potentials[:, None], 2)


class _Steps:
    """Sinkhorn's iteration on one density."""

    def __init__(
        self, density: Tensor, a: Tensor, b: Tensor, v: Tensor, relaxation: float
    ) -> None:
        self.density, self.a, self.b = density, a[:, None], b[:, :, None]
        self.u, self.v = torch.ones_like(a), v
        self.relaxation = relaxation

    def run(self, max_iter: int, tol: float) -> tuple[Tensor, Tensor]:
        """Iterate; a problem that has converged stays as it is, whatever others do."""
        active = torch.ones_like(self.u[:, :1], dtype=torch.bool)
        for step in range(1, max_iter + 1):
            # a plain step gives each column the mass that it should have
            plain = step == max_iter or step % _CHECKED_EVERY == 0
            self._step(1.0 if plain else self.relaxation, active)
            if tol and step % _CHECKED_EVERY == 0:
                active = active & (self._error() > tol)
                if not bool(active.any()):
                    break
        return self.u, self.v

    def _step(self, exponent: float, active: Tensor) -> None:
        rows = torch.bmm(self.density, self.b * self.v[:, :, None])[:, :, 0]
        self.u = torch.where(active, _relaxed(self.u, rows, exponent), self.u)
        columns = torch.bmm(self.a * self.u[:, None], self.density)[:, 0]
        self.v = torch.where(active, _relaxed(self.v, columns, exponent), self.v)

    def _error(self) -> Tensor:
        rows = torch.bmm(self.density, self.b * self.v[:, :, None])[:, :, 0]
        return (self.a[:, 0] * (self.u * rows - 1)).abs().sum(1, keepdim=True)


def _relaxed(old: Tensor, means: Tensor, exponent: float) -> Tensor:
    """A step that goes further than to the marginals, but never much further."""
    new = means.clamp_(min=_LEAST_MEAN).reciprocal_()
    if exponent == 1.0:
        return new
    further = (new / old).clamp_(1 / _FARTHEST, _FARTHEST).pow_(exponent - 1)
    return new.mul_(further)


def _floored(weights: Tensor) -> Tensor:
    """Tiny weights raised to what float32 can work with; zeros stay padding."""
    floored = torch.where(weights > 0, weights.clamp(min=_LEAST_WEIGHT), weights)
    return floored / floored.sum(1, keepdim=True)


@contextmanager
def fast_arithmetic() -> Iterator[None]:
    """One thread for torch, and numbers too small to matter taken for zero.

    Squaring leaves many subnormal numbers, with which a processor is slow by up to a
    hundred times. Both are restored in the end.
    """
    with np.errstate(under="ignore"):
        flushed = bool(np.float32(1e-38) * np.float32(0.01) == 0)
    torch.set_flush_denormal(True)
    _one_thread.enter()
    try:
        yield
    finally:
        _one_thread.leave()
        torch.set_flush_denormal(flushed)


class _OneThread:
    """Torch's number of threads, while several of ours want it to be one.

    A new thread takes over what another one has set last. What was there before the
    first came in is remembered, or the one would stay when all have left.
    """

    def __init__(self) -> None:
        self._lock = Lock()
        self._n_inside = 0
        self._n_threads = 1

    def enter(self) -> None:
        with self._lock:
            found = torch.get_num_threads()  # a new thread reads it once, and now
            if not self._n_inside:
                self._n_threads = found
            self._n_inside += 1
            torch.set_num_threads(1)

    def leave(self) -> None:
        with self._lock:
            self._n_inside -= 1
            torch.set_num_threads(self._n_threads)


_one_thread = _OneThread()
