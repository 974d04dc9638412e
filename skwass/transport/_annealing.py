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

import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from threading import Lock
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor

_LEAST_WEIGHT = 1e-12  # no density exceeds its inverse, whose square float32 holds


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
    f, g, density = _start(costs, a, b, out)
    density.div_(-reg[:, None, None] * 2.0**n_stages).exp_()
    f, g, error = _run(
        density, f, g, a, b, reg, n_stages, n_iter, max_iter, tol, relaxation
    )
    return Annealed(f, g, density, error)


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


def _halve(
    density: Tensor,
    f: Tensor,
    g: Tensor,
    a: Tensor,
    b: Tensor,
    reg: Tensor,
    n_stages: int,
    n_iter: int,
    max_iter: int,
    tol: float,
    relaxation: float,
) -> tuple[Tensor, Tensor, Tensor]:
    """Go through the stages; the density is changed in place."""
    reg = reg * 2.0**n_stages
    v = torch.ones_like(g)
    for stage in range(n_stages):
        u, v = _iterate(density, a, b, v, n_iter, relaxation)
        density.mul_(u[:, :, None]).mul_(v[:, None]).square_()
        moved = reg[:, None] * v.log()
        f, g = f + reg[:, None] * u.log(), g + moved
        reg = reg / 2
        # potentials are about linear in the regularisation, which is halved
        ahead = moved * (0.5 if stage > 0 else 0.0) / reg[:, None]
        v = ahead.clamp(-30.0, 30.0).exp()
    # many iterations: factors are put into the density before they grow too large, and
    # a problem that has converged stays as it is, whatever others do
    error = torch.full_like(reg, 2.0)
    for start in range(0, max_iter, 10):
        u, v = _iterate(density, a, b, v, min(10, max_iter - start), relaxation)
        active = error[:, None] > tol
        u, v = torch.where(active, u, 1.0), torch.where(active, v, 1.0)
        density.mul_(u[:, :, None]).mul_(v[:, None])
        f, g = f + reg[:, None] * u.log(), g + reg[:, None] * v.log()
        v = torch.ones_like(v)
        rows = torch.bmm(density, b[:, :, None])[:, :, 0]
        error = (a * (rows - 1.0)).abs().sum(1)
        if not bool((error > tol).any()):
            break
    return f, g, error


def _iterate(
    density: Tensor, a: Tensor, b: Tensor, v: Tensor, n_iter: int, relaxation: float
) -> tuple[Tensor, Tensor]:
    """Factors of rows and columns after some of Sinkhorn's iterations.

    What is moved are the weighted factors ``a * u`` and ``b * v``.
    """
    au, bv = a, b * v
    for step in range(1, n_iter + 1):
        # a plain step gives each column the mass that it should have
        exponent = 1.0 if step == n_iter else relaxation
        rows = torch.bmm(density, bv[:, :, None])[:, :, 0]
        au = _moved(au, a, rows, exponent)
        columns = torch.bmm(au[:, None], density)[:, 0]
        bv = _moved(bv, b, columns, exponent)
    return _factors(au, a), _factors(bv, b)


def _moved(old: Tensor, weights: Tensor, means: Tensor, exponent: float) -> Tensor:
    """Weighted factors that make the means one, or go further by a relaxed step."""
    new = weights / means.clamp_(min=1e-30)
    if exponent != 1.0:
        # but never much further
        further = (new / old.clamp(min=1e-30)).clamp_(0.1, 10.0)
        new.mul_(further.pow_(exponent - 1.0))
    return new


def _factors(weighted: Tensor, weights: Tensor) -> Tensor:
    """What the weights were multiplied with; next to nothing for padding."""
    return (weighted / weights.clamp(min=1e-30)).clamp_(min=1e-30)


def _floored(weights: Tensor) -> Tensor:
    """Tiny weights raised to what float32 can work with; zeros stay padding."""
    floored = torch.where(weights > 0, weights.clamp(min=_LEAST_WEIGHT), weights)
    return floored / floored.sum(1, keepdim=True)


def _compiled(function: Callable[..., Any]) -> Callable[..., Any]:
    """A script that needs no interpreter between its operations.

    They are short, and threads that anneal side by side would wait for each other
    between any two of them: two threads were slower than one, and are now nearly twice
    as fast. A torch that compiles no such scripts runs the function as it is.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            script: Callable[..., Any] = torch.jit.script(function)
        except Exception:
            return function
    return script


# at import, since filters of warnings belong to all threads
_run = _compiled(_halve)


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
