"""Batches of weighted points: where they lie, how far they spread, their quantiles."""

from __future__ import annotations

import torch
from torch import Tensor


def standardised(
    points: Tensor, weights: Tensor
) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Measures moved to mean zero and shrunk to a total variance of one.

    Parameters
    ----------
    points : Tensor of shape (n_measures, n_points, n_features)
        Their points.
    weights : Tensor of shape (n_measures, n_points)
        Non-negative, with a positive sum; zero is padding.

    Returns
    -------
    mean : Tensor of shape (n_measures, n_features)
        Means.
    spread : Tensor of shape (n_measures,)
        Roots of total variances.
    unit : Tensor of shape (n_measures, n_points, n_features)
        Points of mean zero and spread one; zero where the weight is zero, and where the
        spread is.
    mass : Tensor of shape (n_measures, n_points)
        Weights that sum to one.
    """
    mass = weights / weights.sum(1, keepdim=True)
    mean = torch.einsum("bn,bnd->bd", mass, points)
    centred = torch.where(mass[..., None] > 0, points - mean[:, None], 0.0)
    spread = torch.einsum("bn,bnd->b", mass, centred.square()).sqrt()
    unit = centred / torch.where(spread > 0, spread, 1.0)[:, None, None]
    return mean, spread, unit, mass


def quantile_means(values: Tensor, mass: Tensor, n_quantiles: int) -> Tensor:
    r"""Means of quantile functions over equal parts of [0, 1].

    Parameters
    ----------
    values : Tensor of shape (..., n_points)
        Each row is a distribution on a line, best of mean about zero.
    mass : Tensor of shape (..., n_points)
        Weights of the points; each row sums to one.
    n_quantiles : int
        Number n of parts.

    Returns
    -------
    means : Tensor of shape (..., n_quantiles)
        Entry k is :math:`n \int_{k/n}^{(k+1)/n} F^{-1}(t) \, dt`, F being the
        distribution function.
    """
    values, order = values.sort(-1)
    mass = mass.gather(-1, order)
    below = torch.zeros_like(mass[..., :1])
    ends = torch.cat([below, mass.cumsum(-1)], -1)
    areas = torch.cat([below, (mass * values).cumsum(-1)], -1)
    cuts = torch.arange(1, n_quantiles, dtype=ends.dtype, device=ends.device)
    cuts = (cuts / n_quantiles).expand(*ends.shape[:-1], -1).contiguous()
    # the integral of a quantile function is linear between cumulated masses
    place = torch.searchsorted(ends[..., 1:].contiguous(), cuts)
    place = place.clamp_max(values.shape[-1] - 1)
    inside = (cuts - ends.gather(-1, place)) * values.gather(-1, place)
    area = torch.cat([below, areas.gather(-1, place) + inside, areas[..., -1:]], -1)
    return n_quantiles * area.diff(dim=-1)
