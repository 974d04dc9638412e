r"""How far samples are from those of training, by several scores.

A diagonal Gaussian is the vector :math:`q = (\mu, \sqrt\sigma)`: distances of such
vectors are 2-Wasserstein distances, and their mean is a barycentre.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from skwass.vision._reading import Described

#: those that are combined
_COMBINED = ("max-probability", "energy", "wasserstein")
METHODS = (*_COMBINED, "token-variance", "combined")


@dataclass(frozen=True)
class Reference:
    """What samples of training looked like, class by class.

    Attributes
    ----------
    centres : Tensor of shape (n_classes, 2 * width)
        Barycentres of the pooled Gaussians.
    scale : Tensor of shape (2 * width,)
        How much those of a class differ from their barycentre.
    usual : dict of str to tuple of float
        Mean and standard deviation of each score.
    """

    centres: Tensor
    scale: Tensor
    usual: dict[str, tuple[float, float]]

    @classmethod
    def of(cls, found: Described, labels: Tensor, temperature: float) -> Reference:
        """Look at samples of training."""
        q = vectors(found)
        centres = torch.stack([q[labels == k].mean(0) for k in labels.unique()])
        spread = (q - centres[labels]).square().mean(0).sqrt()
        floor = 1e-3 * spread.mean() + torch.finfo(torch.float32).tiny
        made = cls(centres, spread.clamp_min(floor), {})
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
            whitened = vectors(found) / self.scale
            return torch.cdist(whitened, self.centres / self.scale).amin(1)
        if method == "token-variance":
            return found.spread
        total = torch.zeros(len(logits), dtype=logits.dtype)
        for name in _COMBINED:
            mean, deviation = self.usual[name]
            total += (self.score(name, found, temperature) - mean) / max(
                deviation, torch.finfo(torch.float32).tiny
            )
        return total / len(_COMBINED)


def vectors(found: Described) -> Tensor:
    """Means and standard deviations side by side, (n_samples, 2 * width)."""
    return torch.cat([found.mean, found.variance.sqrt()], dim=1)
