"""Other distances from the same target, and other regularisers of dimension."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import torch
from torch import Tensor

from skwass.nn import (
    WangIsolaLoss,
    WassersteinUniformityLoss,
    unit_rows,
    wasserstein_uniformity_value,
)
from skwass.nn._whitening import whitened

#: of one batch
Loss = Callable[[Tensor], Tensor]
#: of projections of two views
Penalty = Callable[[Tensor, Tensor], Tensor]
#: without it, divergences of a batch that has collapsed are infinite
RIDGE = 1e-6
N_SLICES = 256
#: covariance against variance in VICReg, as published
_COVARIANCE = 1 / 25


def kullback_leibler(z: Tensor) -> Tensor:
    """Of N(μ, Σ) from N(0, I/m), for each dimension."""
    _, _, log_det = _moments(z)
    return -log_det / (2 * z.shape[1])  # traces and mean add up to m


def bhattacharyya(z: Tensor) -> Tensor:
    """Between N(μ, Σ) and N(0, I/m), for each dimension."""
    mean, covariance, log_det = _moments(z)
    middle = (covariance + torch.eye(len(covariance)).to(covariance)) / 2
    root = torch.linalg.cholesky(middle)
    moved = torch.linalg.solve_triangular(root, mean[:, None], upper=False)
    apart = moved.square().sum() / 8
    spread = root.diagonal().log().sum() - log_det / 4
    return (apart + spread) / z.shape[1]


def sliced(z: Tensor, seed: int = 0) -> Tensor:
    """Sliced 2-Wasserstein distance from N(0, I/m), in its units times √m."""
    rows = unit_rows(z.double())
    n_samples, n_features = rows.shape
    generator = torch.Generator().manual_seed(seed)
    lines = torch.randn(n_features, N_SLICES, generator=generator, dtype=rows.dtype)
    values = (rows @ (lines / lines.norm(dim=0))).sort(dim=0).values
    # the normal quantile function, integrated over the part of each sample
    ends = torch.special.ndtri(torch.arange(1, n_samples).to(rows) / n_samples)
    density = torch.exp(-ends.square() / 2) / math.sqrt(2 * math.pi)
    zero = density.new_zeros(1)
    parts = torch.cat([zero, density]) - torch.cat([density, zero])
    product = (values * parts[:, None]).sum(0).mean()
    power = n_features * values.square().mean()
    square = power + 1 - 2 * math.sqrt(n_features) * product
    return square.clamp_min(1e-12).sqrt()


def variance_and_covariance(z: Tensor) -> Tensor:
    """The two terms of VICReg that need no second view; rows are not normalised."""
    centred = z - z.mean(0)
    deviation = (centred.square().mean(0) + 1e-4).sqrt()
    covariance = centred.T @ centred / (len(z) - 1)
    others = covariance.square().sum() - covariance.diagonal().square().sum()
    return (1 - deviation).relu().mean() + _COVARIANCE * others / z.shape[1]


def decorrelation(z: Tensor) -> Tensor:
    """Squared distance of the correlations of features from the identity."""
    centred = z - z.mean(0)
    unit = centred * torch.rsqrt(centred.square().mean(0) + 1e-5)
    correlations = unit.T @ unit / len(z)
    return (correlations - torch.eye(z.shape[1]).to(z)).square().sum() / z.shape[1]


def after_whitening(first: Tensor, second: Tensor) -> Tensor:
    """Squared distance of views after whitening, between 0 and 4."""
    one, two = (whitened(z - z.mean(0), len(z)) for z in (first, second))
    return (one - two).square().sum(1).mean() / first.shape[1]


@dataclass(frozen=True)
class Measure:
    """A distance that could stand in the place of W₂.

    Attributes
    ----------
    title : str
        What it is called.
    loss : callable
        Takes a batch.
    """

    title: str
    loss: Loss


MEASURES = {
    "wasserstein": Measure("W₂", wasserstein_uniformity_value),
    "kl": Measure("Kullback–Leibler", kullback_leibler),
    "bhattacharyya": Measure("Bhattacharyya", bhattacharyya),
    "sliced": Measure("sliced W₂", sliced),
    "wang-isola": Measure("L_U", WangIsolaLoss()),
}


def _both(loss: Loss) -> Penalty:
    return partial(_mean_of_views, loss)


def _mean_of_views(loss: Loss, first: Tensor, second: Tensor) -> Tensor:
    return (loss(first) + loss(second)) / 2


#: what is added in training, by name
PENALTIES: dict[str, tuple[str, Penalty]] = {
    name: (measure.title, _both(measure.loss)) for name, measure in MEASURES.items()
}
PENALTIES |= {
    "squared": ("W₂²", _both(WassersteinUniformityLoss())),
    "vicreg": ("variance and covariance (VICReg)", _both(variance_and_covariance)),
    "decorrelation": ("correlations", _both(decorrelation)),
    "whitening": ("views after whitening", after_whitening),
}


def _moments(z: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Mean and covariance in units of the target, and the log-determinant."""
    rows = unit_rows(z.double())
    scale = math.sqrt(z.shape[1])
    mean = rows.mean(0)
    centred = scale * (rows - mean)
    ridge = RIDGE * torch.eye(z.shape[1]).to(rows)
    covariance = centred.T @ centred / len(z) + ridge
    log_det = 2 * torch.linalg.cholesky(covariance).diagonal().log().sum()
    return scale * mean, covariance, log_det
