r"""How far samples are from those of training, by several scores.

A Gaussian with independent components is the vector :math:`q = (\mu, \sqrt\sigma)`:
distances of such vectors are 2-Wasserstein distances, and their mean is a barycentre.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from sklearn.covariance import ledoit_wolf
from torch import Tensor

from skwass.vision._reading import Described

#: those that are combined
_COMBINED = ("energy", "wasserstein")
METHODS = ("wasserstein", "max-probability", "energy", "token-variance", "combined")
#: what the norm of the head adds to a variance
_EPS = 1e-5
_TINY = torch.finfo(torch.float32).tiny


@dataclass(frozen=True)
class Reference:
    """What samples of training looked like, class by class.

    Attributes
    ----------
    centres : Tensor of shape (n_classes, n_coordinates)
        Barycentres of the Gaussians of each class, in coordinates in which those of a
        class vary alike in all directions around it.
    whitening : Tensor of shape (n_numbers, n_coordinates)
        From vectors to these coordinates.
    usual : dict of str to tuple of float
        Mean and standard deviation of each score that is combined.
    """

    centres: Tensor
    whitening: Tensor
    usual: dict[str, tuple[float, float]]

    @classmethod
    def of(cls, found: Described, labels: Tensor, temperature: float) -> Reference:
        """Look at samples of training, of classes 0, 1, 2 and so on."""
        q = _vectors(found, with_spread=bool(found.variance.any()))
        centres = torch.stack([q[labels == k].mean(0) for k in range(labels.max() + 1)])
        whitening = torch.as_tensor(_whitening((q - centres[labels]).numpy()))
        made = cls(centres @ whitening, whitening, {})
        for name in _COMBINED:
            values = made.score(name, found, temperature)
            made.usual[name] = float(values.mean()), float(values.std(correction=0))
        return made

    def score(self, method: str, found: Described, temperature: float) -> Tensor:
        """One number for each sample; the larger, the farther out of distribution."""
        logits = found.logits / temperature
        if method == "max-probability":
            return -logits.softmax(1).amax(1)
        if method == "energy":
            return -logits.logsumexp(1)
        if method == "wasserstein":
            n_numbers, n_means = len(self.whitening), found.mean.shape[1]
            q = _vectors(found, with_spread=n_numbers > n_means)
            # differences, since a matrix product would lose digits
            distances = torch.cdist(
                q @ self.whitening,
                self.centres,
                compute_mode="donot_use_mm_for_euclid_dist",
            )
            return distances.amin(1)
        if method == "token-variance":
            return found.spread
        total = torch.zeros(len(logits), dtype=logits.dtype)
        for name in _COMBINED:
            mean, deviation = self.usual[name]
            total += (self.score(name, found, temperature) - mean) / max(
                deviation, _TINY
            )
        return total / len(_COMBINED)


def _vectors(found: Described, *, with_spread: bool) -> Tensor:
    """The Gaussian that the head sees after its norm: means, standard deviations."""
    mean = found.mean - found.mean.mean(1, keepdim=True)
    scale = (mean.square().mean(1, keepdim=True) + _EPS).sqrt()
    parts = [mean, found.variance.sqrt()] if with_spread else [mean]
    return torch.cat(parts, dim=1) / scale


def _whitening(residuals: NDArray[np.float64]) -> NDArray[np.float64]:
    """A map after which residuals vary alike in all directions; few are shrunk."""
    covariance, _ = ledoit_wolf(residuals, assume_centered=True)
    values, directions = np.linalg.eigh(covariance)
    largest = max(float(values.max()), 0.0)
    if largest <= _TINY:  # all samples of a class are the same
        return np.eye(len(covariance))
    values = np.maximum(values, np.finfo(np.float32).eps * largest)
    whitening: NDArray[np.float64] = directions / np.sqrt(values)
    return whitening
