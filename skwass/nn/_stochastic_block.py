"""Blocks of transformers whose tokens are Gaussians, or points."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn.functional import scaled_dot_product_attention

from skwass.nn._gaussian_heads import attend_heads, heads
from skwass.nn._gaussian_layers import positive
from skwass.nn._wasserstein_attention import (
    Aggregation,
    GaussianTokens,
    wasserstein_attention_weights,
)

#: in units of width ** -0.5: scores of random tokens spread as dot products do
_TEMPERATURE = 0.4


class DotBlock(nn.Module):
    """Dot-product attention and a perceptron, each before a norm and added.

    Parameters
    ----------
    width : int
        Width of a token.
    n_heads : int
        Heads; they share the width.
    hidden : int
        Width of the hidden layer of the perceptron.
    dropout : float, default=0.0
        Share of what is added that is left out.
    drop_path : float, default=0.0
        Share of samples to which nothing is added.
    """

    def __init__(
        self,
        width: int,
        n_heads: int,
        hidden: int,
        dropout: float = 0.0,
        drop_path: float = 0.0,
    ) -> None:
        super().__init__()
        self.n_heads = n_heads
        self.mean = Stream(width, hidden)
        self.dropout = nn.Dropout(dropout)
        self.drop_path = drop_path

    def forward(self, mean: Tensor) -> Tensor:
        """Update tokens.

        Parameters
        ----------
        mean : Tensor of shape (n_samples, n_tokens, width)
            Tokens.

        Returns
        -------
        mean : Tensor of shape (n_samples, n_tokens, width)
            What has become of them.
        """
        kept = self.kept_samples(mean)
        query, key, value = heads(self.mean.read(self.mean.first(mean)), self.n_heads)
        found = scaled_dot_product_attention(query, key, value)
        found = self.mean.write(found.transpose(1, 2).flatten(2))
        mean = self.added(mean, found, kept)
        return self.added(mean, self.mean.each(self.mean.second(mean)), kept)

    def weights(self, mean: Tensor) -> Tensor:
        """Weights of attention.

        Parameters
        ----------
        mean : Tensor of shape (n_samples, n_tokens, width)
            Tokens.

        Returns
        -------
        weights : Tensor of shape (n_samples, n_heads, n_tokens, n_tokens)
            Rows sum to one.
        """
        query, key, _ = heads(self.mean.read(self.mean.first(mean)), self.n_heads)
        return (query @ key.mT / query.shape[-1] ** 0.5).softmax(-1)

    def kept_samples(self, x: Tensor) -> Tensor | None:
        """A factor for each sample: zero for some, and more than one for the others.

        Parameters
        ----------
        x : Tensor of shape (n_samples, n_tokens, width)
            Tokens.

        Returns
        -------
        factors : Tensor of shape (n_samples, 1, 1) or None
            None if all are kept.
        """
        if not (self.training and self.drop_path):
            return None
        kept = torch.rand(len(x), 1, 1, device=x.device, dtype=x.dtype)
        return (kept >= self.drop_path).to(x.dtype) / (1 - self.drop_path)

    def added(self, x: Tensor, update: Tensor, kept: Tensor | None) -> Tensor:
        """Tokens with an update.

        Parameters
        ----------
        x, update : Tensor of shape (n_samples, n_tokens, width)
            Tokens, and what is added to them.
        kept : Tensor of shape (n_samples, 1, 1) or None
            What `kept_samples` gives.

        Returns
        -------
        x : Tensor of shape (n_samples, n_tokens, width)
            What has become of them.
        """
        update = self.dropout(update)
        return x + update if kept is None else torch.addcmul(x, update, kept)


class WassersteinBlock(DotBlock):
    """Wasserstein attention and a perceptron for each of two streams.

    Parameters
    ----------
    width, n_heads, hidden, dropout, drop_path
        As in `DotBlock`.
    cov_hidden : int
        Width of the hidden layer of the perceptron of variances.
    cov_aggregation : {"squared", "linear"}, default="squared"
        As in `wasserstein_attention`.
    """

    def __init__(
        self,
        width: int,
        n_heads: int,
        hidden: int,
        dropout: float = 0.0,
        drop_path: float = 0.0,
        *,
        cov_hidden: int,
        cov_aggregation: Aggregation = "squared",
    ) -> None:
        super().__init__(width, n_heads, hidden, dropout, drop_path)
        self.variance = Stream(width, cov_hidden)
        self.cov_aggregation = cov_aggregation
        start = _TEMPERATURE * (width // n_heads) ** -0.5
        self.log_temperature = nn.Parameter(torch.full((n_heads,), start).log())

    def forward(self, mean: Tensor, raw: Tensor) -> tuple[Tensor, Tensor]:  # type: ignore[override]
        """Update tokens.

        Parameters
        ----------
        mean : Tensor of shape (n_samples, n_tokens, width)
            Means.
        raw : Tensor of shape (n_samples, n_tokens, width)
            Real numbers that `positive` makes variances of.

        Returns
        -------
        mean, raw : Tensor of shape (n_samples, n_tokens, width)
            What has become of them.
        """
        kept = self.kept_samples(mean)
        found = attend_heads(
            self.mean.read(self.mean.first(mean)),
            self.variance.read(self.variance.first(raw).flatten(0, 1)),
            self.temperature,
            self.cov_aggregation,
        )
        mean = self.added(mean, self.mean.write(found.mean), kept)
        raw = self.added(raw, self.variance.write(found.variance), kept)
        mean = self.added(mean, self.mean.each(self.mean.second(mean)), kept)
        raw = self.added(raw, self.variance.each(self.variance.second(raw)), kept)
        return mean, raw

    @property
    def temperature(self) -> Tensor:
        """The factor of squared distances, for each head."""
        return self.log_temperature.exp()

    def weights(self, mean: Tensor, raw: Tensor) -> Tensor:  # type: ignore[override]
        """Weights of attention.

        Parameters
        ----------
        mean, raw : Tensor of shape (n_samples, n_tokens, width)
            Tokens, as in `forward`.

        Returns
        -------
        weights : Tensor of shape (n_samples, n_heads, n_tokens, n_tokens)
            Rows sum to one.
        """
        means = heads(self.mean.read(self.mean.first(mean)), self.n_heads)
        raws = heads(self.variance.read(self.variance.first(raw)), self.n_heads)
        query, key = (
            GaussianTokens(m, positive(r))
            for m, r in zip(means[:2], raws, strict=False)
        )
        return wasserstein_attention_weights(query, key, self.temperature)


class Stream(nn.Module):
    """What a block has for one of its streams.

    Parameters
    ----------
    width : int
        Width of a token.
    hidden : int
        Width of the hidden layer of the perceptron.
    """

    def __init__(self, width: int, hidden: int) -> None:
        super().__init__()
        self.first = nn.LayerNorm(width)
        self.read = nn.Linear(width, 3 * width)
        self.write = nn.Linear(width, width)
        self.second = nn.LayerNorm(width)
        self.each = nn.Sequential(
            nn.Linear(width, hidden), nn.GELU(), nn.Linear(hidden, width)
        )
