"""Networks whose tokens are something else: points, or heavier tails than a Gaussian's.

All are trained by `OTMDRClassifier` with a radius of zero, which is plain training of
any network.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from _vit_methods import Augmented
from torch import Tensor, nn

from skwass.nn import GaussianTokens, StochasticViT, wasserstein_attention_weights
from skwass.nn._gaussian_heads import heads
from skwass.nn._gaussian_layers import positive
from skwass.nn._stochastic_block import DotBlock, WassersteinBlock

#: of Student's t; a Gaussian has infinitely many
DEGREES = 3.0
_TEMPERATURE = 0.4


def gaussian(n_outputs: int, **options: Any) -> StochasticViT:
    """The network as it is."""
    return Augmented(n_outputs, **options)


def published(n_outputs: int, **options: Any) -> StochasticViT:
    """Patches are embedded as Gaussians: variances begin with what they show, too."""
    return Augmented(n_outputs, variance_embedding="patch", **options)


def points(n_outputs: int, **options: Any) -> StochasticViT:
    """The deterministic twin of equal width."""
    return Augmented(n_outputs, attention="dot", **options)


def distances(n_outputs: int, **options: Any) -> StochasticViT:
    """The same, but points attend to each other by their distance."""
    return _with_blocks(points(n_outputs, **options), DistanceBlock)


def student(n_outputs: int, **options: Any) -> StochasticViT:
    """Attention falls with the distance as Student's t does."""
    return _with_blocks(gaussian(n_outputs, **options), StudentBlock)


KINDS: dict[str, tuple[str, Callable[..., StochasticViT]]] = {
    "gaussian": ("Gaussians, embedded as points", gaussian),
    "published": ("Gaussians, embedded as such", published),
    "distances": ("points, attention by distance", distances),
    "points": ("points, dot products", points),
    "student": (f"Student's t of {DEGREES:g} degrees of freedom", student),
}


class DistanceBlock(DotBlock):
    """Wasserstein attention of tokens that have no variance."""

    def __init__(self, width: int, n_heads: int, hidden: int) -> None:
        super().__init__(width, n_heads, hidden)
        start = torch.full((n_heads,), _TEMPERATURE * (width // n_heads) ** -0.5)
        self.log_temperature = nn.Parameter(start.log())

    def forward(self, mean: Tensor) -> Tensor:
        query, key, value = heads(self.mean.read(self.mean.first(mean)), self.n_heads)
        nothing = torch.full_like(query, torch.finfo(query.dtype).tiny)
        weights = wasserstein_attention_weights(
            GaussianTokens(query, nothing),
            GaussianTokens(key, nothing),
            self.log_temperature.exp(),
        )
        mean = mean + self.mean.write(_joined(weights @ value))
        return mean + self.mean.each(self.mean.second(mean))


class StudentBlock(WassersteinBlock):
    r"""Weights are as :math:`(1 + 2 \tau W_2^2 / (\nu + 1))^{-(\nu + 1) / 2}`.

    With more and more degrees of freedom these are :math:`e^{-\tau W_2^2}`.
    """

    def forward(self, mean: Tensor, raw: Tensor) -> tuple[Tensor, Tensor]:
        means = heads(self.mean.read(self.mean.first(mean)), self.n_heads)
        raws = heads(self.variance.read(self.variance.first(raw)), self.n_heads)
        variances = [positive(each) for each in raws]
        query, key = (
            torch.cat([m, v.sqrt()], -1)
            for m, v in zip(means[:2], variances[:2], strict=True)
        )
        squares = (query[..., :, None, :] - key[..., None, :, :]).square().sum(-1)
        power = (DEGREES + 1) / 2
        spread = self.temperature[:, None, None] * squares
        weights = (-power * torch.log1p(spread / power)).softmax(-1)
        mean = mean + self.mean.write(_joined(weights @ means[2]))
        raw = raw + self.variance.write(_joined(weights.square() @ variances[2]))
        mean = mean + self.mean.each(self.mean.second(mean))
        raw = raw + self.variance.each(self.variance.second(raw))
        return mean, raw


def _with_blocks(
    network: StochasticViT, made: Callable[..., DotBlock]
) -> StochasticViT:
    """The same weights, and another way to attend."""
    for place, block in enumerate(network.blocks):
        sizes = {"width": network.width, "hidden": _hidden(block.mean)}
        if network.stochastic:
            sizes["cov_hidden"] = _hidden(block.variance)
        other = made(n_heads=block.n_heads, **sizes)
        other.load_state_dict(block.state_dict(), strict=False)
        network.blocks[place] = other
    return network


def _joined(found: Tensor) -> Tensor:
    """Heads side by side."""
    return found.transpose(1, 2).flatten(2)


def _hidden(stream: nn.Module) -> int:
    size: int = stream.each[0].out_features
    return size
