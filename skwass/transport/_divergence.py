"""The Sinkhorn divergence between batches of clouds, with its derivatives."""

from __future__ import annotations

import torch
from torch import Tensor

from skwass.transport._envelopes import Envelope, refuse_infinite
from skwass.transport._log_sinkhorn import (
    batch_slices,
    entropic_plans,
    log_sinkhorn,
    present,
)


def sinkhorn_divergences(
    x: Tensor,
    y: Tensor,
    a: Tensor,
    b: Tensor,
    reg: float | None = None,
    *,
    order: int = 2,
    max_iter: int = 1000,
    tol: float = 1e-4,
) -> tuple[Envelope, Tensor]:
    r"""Debiased entropic transport costs, with their derivatives.

    .. math:: S(x, y) = \mathrm{OT}(x, y) - \tfrac12 \mathrm{OT}(x, x)
              - \tfrac12 \mathrm{OT}(y, y)

    with one regularisation in the three terms.

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
    reg : float, default=None
        The regularisation; None is 5 % of the mean cost of each problem.
    order : {1, 2}, default=2
        The power of the Euclidean distance that is the cost.
    max_iter : int, default=1000
        See `log_sinkhorn`.
    tol : float, default=1e-4
        See `log_sinkhorn`.

    Returns
    -------
    divergences : Envelope
        Values and derivatives, none of which carries a graph.
    error : Tensor of shape (n_problems,)
        The largest marginal error of the three terms.
    """
    # autocast would round the products of plans and points to half precision
    with torch.no_grad(), torch.autocast(x.device.type, enabled=False):
        largest = max(x.shape[1], y.shape[1])
        parts = [
            _divergences(x[s], y[s], a[s], b[s], reg, order, max_iter, tol)
            for s in batch_slices(len(x), largest, largest)
        ]
    columns = [torch.cat(column) for column in zip(*parts, strict=True)]
    return Envelope(*columns[:5]), columns[5]


def _divergences(
    x: Tensor,
    y: Tensor,
    a: Tensor,
    b: Tensor,
    reg: float | None,
    order: int,
    max_iter: int,
    tol: float,
) -> tuple[Tensor, ...]:
    # gradients are differences of means: small coordinates keep their digits
    centre = (a[:, :, None] * present(x, a)).sum(1, keepdim=True)
    x, y = x - centre, y - centre
    costs = _costs(x, y, order, a, b)
    if reg is None:
        mean = (a[:, :, None] * b[:, None] * present(costs, a, b)).sum((1, 2))
        regs = torch.where(mean > 0, 0.05 * mean, 1.0)  # of coinciding points, any does
    else:
        regs = costs.new_full((len(x),), reg)

    def term(
        costs: Tensor, x: Tensor, y: Tensor, a: Tensor, b: Tensor, symmetric: bool
    ) -> tuple[Tensor, ...]:
        f, g, error = log_sinkhorn(
            costs, a, b, regs, symmetric=symmetric, max_iter=max_iter, tol=tol
        )
        value = (a * f).sum(1) + (b * g).sum(1)
        plans = entropic_plans(costs, a, b, regs, g)
        return value, *_pulls(plans, costs, x, y, a, b, order), f, g, error

    value, x_pull, y_pull, f, g, error = term(costs, x, y, a, b, False)
    for points, weights, pull, potential in ((x, a, x_pull, f), (y, b, y_pull, g)):
        own = term(
            _costs(points, points, order, weights, weights),
            points,
            points,
            weights,
            weights,
            True,
        )
        value -= 0.5 * own[0]
        pull -= 0.5 * (own[1] + own[2])
        potential -= 0.5 * (own[3] + own[4])
        error = torch.maximum(error, own[5])
    return value, x_pull, y_pull, f, g, error


def _pulls(
    plans: Tensor, costs: Tensor, x: Tensor, y: Tensor, a: Tensor, b: Tensor, order: int
) -> tuple[Tensor, Tensor]:
    """Derivatives of the cost of fixed plans with respect to both ends."""
    if order == 2:
        slopes = 2.0 * plans
    else:
        # coinciding points pull into no direction
        slopes = torch.where(plans * costs > 0, plans / costs, 0.0)
    x, y = present(x, a), present(y, b)
    x_pull = slopes.sum(2)[:, :, None] * x - slopes @ y
    y_pull = slopes.sum(1)[:, :, None] * y - slopes.mT @ x
    return x_pull, y_pull


def _costs(x: Tensor, y: Tensor, order: int, a: Tensor, b: Tensor) -> Tensor:
    costs = torch.cdist(x, y, compute_mode="donot_use_mm_for_euclid_dist")
    if order == 2:
        costs.square_()
    refuse_infinite(present(costs, a, b))
    return costs
