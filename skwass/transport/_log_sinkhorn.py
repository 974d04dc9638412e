"""Entropic transport for batches of problems, in the logarithmic domain."""

from __future__ import annotations

import math
from collections.abc import Iterator

import torch
from torch import Tensor

#: entries of the cost matrices that are worked on at once
_CHUNK = 2**24
#: cheap iterations between two that are safe at any regularisation
_BLOCK = 10
#: logarithm of how far cheap iterations may scale a plan; beyond, they are dropped
_WIDEST = 23.0
#: over-relaxation of cheap iterations: at first, its growth a block, its largest; it
#: falls back to 1, none, where the error grows
_RELAXATION, _FASTER, _FASTEST = 1.5, 0.05, 1.9
#: blocks of averaged iterations at the last regularisation, before those that alternate
_AVERAGED = 3


def log_sinkhorn(
    costs: Tensor,
    a: Tensor,
    b: Tensor,
    reg: float | Tensor,
    *,
    symmetric: bool = False,
    max_iter: int = 1000,
    tol: float = 1e-4,
) -> tuple[Tensor, Tensor, Tensor]:
    r"""Potentials of entropic transport, for a batch of problems.

    Each problem is :math:`\min_P \langle C, P \rangle + \varepsilon\,
    \mathrm{KL}(P \mid a b^\top)` over plans P with marginals a and b. The
    regularisation is halved from the largest cost down to :math:`\varepsilon`, then
    kept until the marginals fit. Iterations in the logarithmic domain alternate with
    blocks of cheaper ones, which scale the plan of the moment by matrix products;
    a block whose factors run out of range is dropped, so that no regularisation is too
    small.

    Parameters
    ----------
    costs : Tensor of shape (n_problems, n, m)
        Costs; those of points without weight may be anything, even NaN.
    a : Tensor of shape (n_problems, n)
        Weights that sum to one; zero marks padding.
    b : Tensor of shape (n_problems, m)
        Weights that sum to one; zero marks padding.
    reg : float or Tensor of shape (n_problems,)
        The regularisation, positive, in the unit of the costs.
    symmetric : bool, default=False
        Whether costs are symmetric and a equals b: averaged updates of one potential
        then converge in a few iterations.
    max_iter : int, default=1000
        Most iterations at the last regularisation.
    tol : float, default=1e-4
        Stop when the marginals of every plan differ in sum by no more than this.

    Returns
    -------
    f : Tensor of shape (n_problems, n)
        Potentials such that ``a[i] * b[j] * exp((f[i] + g[j] - costs[i, j]) / reg)`` is
        a plan whose rows sum to a. ``a @ f + b @ g`` is the value of the problem, from
        below.
    g : Tensor of shape (n_problems, m)
        The other potentials. Points of no weight have the potential with which they
        would join, or zero where their costs are not finite.
    error : Tensor of shape (n_problems,)
        By how much the columns of that plan differ from b, in sum.
    """
    reg = torch.as_tensor(reg, dtype=costs.dtype, device=costs.device)
    if not bool((reg > 0).all()):
        raise ValueError("reg must be positive.")
    reg = reg.expand(len(costs))
    with torch.no_grad():
        solved = [
            _solve(costs[s], a[s], b[s], reg[s], symmetric, max_iter, tol)
            for s in batch_slices(*costs.shape)
        ]
    f, g, error = (torch.cat(parts) for parts in zip(*solved, strict=True))
    return f, g, error


def entropic_plans(
    costs: Tensor, a: Tensor, b: Tensor, reg: Tensor, g: Tensor
) -> Tensor:
    """Plans of the second potential: their rows sum to `a`, converged or not."""
    reg = reg[:, None]
    logits = _weighted(g / reg, b)[:, None] - _no_nan(costs) / reg[:, None]
    # where all costs are infinite, a row has no plan, and no weight either
    return (a[:, :, None] * logits.softmax(2)).masked_fill(a[:, :, None] == 0, 0.0)


def _solve(
    costs: Tensor,
    a: Tensor,
    b: Tensor,
    reg: Tensor,
    symmetric: bool,
    max_iter: int,
    tol: float,
) -> tuple[Tensor, Tensor, Tensor]:
    costs = _no_nan(costs)
    f, g = torch.zeros_like(a), torch.zeros_like(b)
    level = torch.maximum(present(costs, a, b).abs().amax((1, 2)), reg)
    n_levels = int((level / reg).log2().max().ceil())
    # between clouds that are nearly the same, averages keep potentials nearly the same,
    # and alternation would need thousands of iterations to make them so
    for _ in range(n_levels + _AVERAGED):
        scaled = costs / level[:, None, None]
        f, g = _averaged(scaled, a, b, f, g, level, symmetric)
        level = torch.maximum(0.5 * level, reg)
    step = _symmetric_step if symmetric else _step
    previous = torch.full_like(reg, torch.inf)
    relaxation = torch.full_like(reg, _RELAXATION)
    scaled = costs / reg[:, None, None]
    for _ in range(0, max_iter, 1 + _BLOCK):
        f, new, error = step(scaled, a, b, g, reg)
        if bool((error <= tol).all()):
            break
        faster = (relaxation + _FASTER).clamp(max=_FASTEST)
        relaxation = torch.where(error < previous, faster, 1.0)
        previous = error
        if symmetric:
            _, g = _averaged(scaled, a, b, new, new, reg, symmetric)
        else:
            g = _block(scaled, a, b, f, new, reg, relaxation)
    else:
        f, new, error = step(scaled, a, b, g, reg)
    g = torch.where(b > 0, g, new)
    return _joining(f, a), _joining(g, b), error


def _step(
    scaled: Tensor, a: Tensor, b: Tensor, g: Tensor, reg: Tensor
) -> tuple[Tensor, Tensor, Tensor]:
    """The potential f that `g` asks for, the next g, and the error of (f, g)."""
    g = g / reg[:, None]
    f = -_log_sum_exp(_weighted(g, b)[:, None] - scaled, 2)
    new = -_log_sum_exp(_weighted(f, a)[:, :, None] - scaled, 1)
    return f * reg[:, None], new * reg[:, None], _error(g, new, b)


def _symmetric_step(
    scaled: Tensor, a: Tensor, b: Tensor, g: Tensor, reg: Tensor
) -> tuple[Tensor, Tensor, Tensor]:
    g = g / reg[:, None]
    f = -_log_sum_exp(_weighted(g, b)[:, None] - scaled, 2)
    new = torch.where(b > 0, 0.5 * (g + f), f)
    return f * reg[:, None], new * reg[:, None], _error(g, f, b)


def _error(g: Tensor, new: Tensor, b: Tensor) -> Tensor:
    """By how much columns sum to something else than b, if rows sum to a."""
    gap = torch.where(b > 0, g - new, 0.0).clamp(max=50.0)
    return (b * gap.expm1().abs()).sum(1).clamp(max=2.0)


def _block(
    scaled: Tensor,
    a: Tensor,
    b: Tensor,
    f: Tensor,
    g: Tensor,
    reg: Tensor,
    relaxation: Tensor,
) -> Tensor:
    """The potential g after some iterations that scale rows and columns of a plan."""
    plans = _plans(scaled, a, b, f, g, reg)
    transposed = plans.mT.contiguous()  # halves the time of its products
    v, log_v = torch.ones_like(b), torch.zeros_like(b)
    widest = torch.zeros_like(reg)
    for _ in range(_BLOCK):
        u = torch.where(a > 0, a / _product(v, transposed), 1.0)
        ratio = torch.where(b > 0, b / (v * _product(u, plans)), 1.0)
        log_v = log_v + relaxation[:, None] * ratio.log()
        v = log_v.exp()
        widest = torch.maximum(widest, log_v.abs().amax(1))
    return _moved(g, log_v, widest, reg)


def _averaged(
    scaled: Tensor,
    a: Tensor,
    b: Tensor,
    f: Tensor,
    g: Tensor,
    reg: Tensor,
    symmetric: bool,
) -> tuple[Tensor, Tensor]:
    """Both potentials after iterations that go half of the way, side by side."""
    f, g = f / reg[:, None], g / reg[:, None]
    next_f = -_log_sum_exp(_weighted(g, b)[:, None] - scaled, 2)
    if symmetric:
        next_g = next_f
    else:
        next_g = -_log_sum_exp(_weighted(f, a)[:, :, None] - scaled, 1)
    f = reg[:, None] * torch.where(a > 0, 0.5 * (f + next_f), next_f)
    g = reg[:, None] * torch.where(b > 0, 0.5 * (g + next_g), next_g)
    plans = _plans(scaled, a, b, f, g, reg)
    transposed = plans if symmetric else plans.mT.contiguous()
    u, v = torch.ones_like(a), torch.ones_like(b)
    widest = torch.ones_like(reg)
    for _ in range(_BLOCK):
        row = _product(v, transposed)
        column = row if symmetric else _product(u, plans)
        u = torch.where(a > 0, u * a / row, 1.0).sqrt()
        v = torch.where(b > 0, v * b / column, 1.0).sqrt()
        for scale in (u, v):
            widest = torch.maximum(widest, torch.maximum(scale, 1 / scale).amax(1))
    widest = widest.log()
    return _moved(f, u.log(), widest, reg), _moved(g, v.log(), widest, reg)


def _moved(g: Tensor, log_v: Tensor, widest: Tensor, reg: Tensor) -> Tensor:
    in_range = widest < _WIDEST  # False for NaN
    return g + torch.where(in_range[:, None], reg[:, None] * log_v, 0.0)


def _plans(
    scaled: Tensor, a: Tensor, b: Tensor, f: Tensor, g: Tensor, reg: Tensor
) -> Tensor:
    rows, columns = _weighted(f / reg[:, None], a), _weighted(g / reg[:, None], b)
    logarithms = rows[:, :, None] + columns[:, None] - scaled
    smallest = _smallest_logarithm(scaled)
    negligible = logarithms < smallest
    return logarithms.clamp_(min=smallest).exp_().masked_fill_(negligible, 0.0)


def _log_sum_exp(logarithms: Tensor, dim: int) -> Tensor:
    """As torch's, five to a hundred times faster where most terms are negligible."""
    largest = logarithms.amax(dim, keepdim=True)
    terms = logarithms.sub_(largest).clamp_(min=_smallest_logarithm(logarithms)).exp_()
    return terms.sum(dim).log_() + largest.squeeze(dim)


def _smallest_logarithm(numbers: Tensor) -> float:
    """Of what is kept: the work with subnormal numbers is slow, and adds nothing."""
    return 2 / 3 * math.log(torch.finfo(numbers.dtype).tiny)


def _product(vectors: Tensor, matrices: Tensor) -> Tensor:
    return (vectors[:, None] @ matrices)[:, 0]


def _weighted(potential: Tensor, weights: Tensor) -> Tensor:
    """Potentials plus logarithms of weights; nothing comes from where none is."""
    return (potential + weights.log()).masked_fill(weights == 0, -torch.inf)


def _joining(potential: Tensor, weights: Tensor) -> Tensor:
    unreachable = (weights == 0) & ~potential.isfinite()
    return potential.masked_fill(unreachable, 0.0)


def _no_nan(costs: Tensor) -> Tensor:
    return costs.nan_to_num(nan=torch.inf, posinf=torch.inf, neginf=torch.inf)


def present(values: Tensor, a: Tensor, b: Tensor | None = None) -> Tensor:
    """Zero instead of what belongs to points of no weight."""
    absent = a[:, :, None] == 0
    if b is not None:
        absent = absent | (b[:, None] == 0)
    return values.masked_fill(absent, 0.0)


def batch_slices(n_problems: int, n: int, m: int) -> Iterator[slice]:
    """Parts of a batch whose cost matrices take moderate memory."""
    size = max(1, _CHUNK // (n * m))
    return (slice(start, start + size) for start in range(0, n_problems, size))
