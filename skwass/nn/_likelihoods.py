"""What outputs of a network say of targets: losses, with a weight for each sample."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch.nn import functional as F

Target = tuple[Tensor, Tensor]

#: of a standardised target; below it, one sample could rule the loss
_LEAST_SCALE = 1e-3


class WeightedCrossEntropy(nn.Module):
    r"""Cross-entropy of logits, a weighted mean over samples.

    .. math:: \frac1n \sum_i w_i\, \big[(1 - s)\, \ell(z_i, y_i)
              + \tfrac{s}{K} \sum_k \ell(z_i, k)\big],
              \quad \ell(z, k) = \log \sum_j e^{z_j} - z_k.

    Parameters
    ----------
    label_smoothing : float, default=0.0
        The share s of a label that is spread over all K classes.
    """

    def __init__(self, label_smoothing: float = 0.0) -> None:
        super().__init__()
        self.label_smoothing = label_smoothing

    def forward(self, logits: Tensor, target: Target) -> Tensor:
        """Compare logits (..., n, n_classes) with labels and weights (..., n)."""
        labels, weights = target
        losses = F.cross_entropy(
            logits.flatten(end_dim=-2),
            labels.flatten(),
            reduction="none",
            label_smoothing=self.label_smoothing,
        )
        return torch.mean(losses * weights.flatten())


class GaussianLikelihood(nn.Module):
    r"""Negative log-likelihood of targets, whose mean and spread a network tells.

    .. math:: \frac1n \sum_i w_i \sum_t \Big[\log \sigma_{it}
              + \frac{(y_{it} - \mu_{it})^2}{2 \sigma_{it}^2} + \tfrac12 \log 2\pi\Big],

    where half of the outputs are means and half are raw scales, of which
    :math:`\sigma` is the softplus.
    """

    def forward(self, outputs: Tensor, target: Target) -> Tensor:
        """Compare outputs (..., n, 2 n_targets) with targets (..., n, n_targets)."""
        values, weights = target
        mean, scale = gaussian_parameters(outputs)
        squares = torch.square((values - mean) / scale)
        losses = (torch.log(scale) + squares / 2).sum(dim=-1)
        constant = values.shape[-1] * math.log(2 * math.pi) / 2
        return torch.mean((losses + constant) * weights)


def gaussian_parameters(outputs: Tensor) -> tuple[Tensor, Tensor]:
    """Means and standard deviations that outputs (..., 2 n_targets) tell."""
    mean, raw = outputs.chunk(2, dim=-1)
    return mean, F.softplus(raw) + _LEAST_SCALE
