"""Whitening of a batch, with gradients that stay finite."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

_TINY = 1e-12


class _InverseRoot(torch.autograd.Function):
    """The inverse square root of a positive definite matrix.

    The gradient of an eigendecomposition divides by differences of eigenvalues. That of
    the root divides by sums of their roots only, so equal eigenvalues do no harm.
    """

    @staticmethod
    def forward(ctx: Any, matrix: Tensor) -> Tensor:
        if not torch.isfinite(matrix).all():  # a matter for who trains, not for LAPACK
            values = torch.full_like(matrix[0], torch.nan)
            ctx.save_for_backward(values, torch.full_like(matrix, torch.nan))
            return torch.full_like(matrix, torch.nan)
        values, vectors = torch.linalg.eigh(matrix)
        values = values.clamp_min(_TINY)
        ctx.save_for_backward(values, vectors)
        return (vectors * values.rsqrt()) @ vectors.T

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> Tensor:
        values, vectors = ctx.saved_tensors
        roots = values.sqrt()
        sums = roots[:, None] + roots
        inner = vectors.T @ gradients[0] @ vectors
        return -vectors @ (inner / (roots[:, None] * roots * sums)) @ vectors.T


def whitened(rows: Tensor, count: int, shrinkage: float = 1e-4) -> Tensor:
    r"""ZCA whitening of columns: :math:`Z\,(Z^\top Z / c)^{-1/2}`.

    By the polar decomposition this is :math:`(Z Z^\top / c)^{-1/2} Z` as well, so it
    whitens rows as far as there are dimensions for that.

    Parameters
    ----------
    rows : Tensor of shape (n, m)
        Z, centred beforehand.
    count : int
        c.
    shrinkage : float, default=1e-4
        Added to all eigenvalues, in units of their mean, so that directions without
        variance stay small.

    Returns
    -------
    white : Tensor of shape (n, m)
        Of the dtype of `rows`; computed in float64.
    """
    # some devices know no float64
    exact = (rows.cpu() if rows.device.type == "mps" else rows).double()
    gram = exact.T @ exact / count
    ridge = shrinkage * gram.diagonal().mean() + _TINY
    root = _InverseRoot.apply(gram + ridge * torch.eye(len(gram)).to(gram))
    return (exact @ root).to(rows)
