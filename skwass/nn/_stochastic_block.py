"""Blocks of transformers whose tokens are Gaussians, or points."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn.functional import scaled_dot_product_attention

from skwass.nn._gaussian_layers import positive, positive_root
from skwass.nn._wasserstein_attention import (
    Aggregation,
    GaussianTokens,
    attend,
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
        kept = kept_samples(mean, self.drop_path if self.training else 0.0)
        query, key, value = heads(self.mean.read(self.mean.first(mean)), self.n_heads)
        found = scaled_dot_product_attention(query, key, value)
        mean = mean + kept * self.dropout(self.mean.write(joined(found)))
        return mean + kept * self.dropout(self.mean.each(self.mean.second(mean)))

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
        kept = kept_samples(mean, self.drop_path if self.training else 0.0)
        query, key, value = self._heads(mean, raw)
        found = attend(query, key, value, self.temperature, self.cov_aggregation)
        mean = mean + kept * self.dropout(self.mean.write(joined(found.mean)))
        raw = raw + kept * self.dropout(self.variance.write(joined(found.variance)))
        mean = mean + kept * self.dropout(self.mean.each(self.mean.second(mean)))
        raw = raw + kept * self.dropout(self.variance.each(self.variance.second(raw)))
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

    def _heads(
        self, mean: Tensor, raw: Tensor
    ) -> tuple[Tensor, Tensor, GaussianTokens]:
        means = heads(self.mean.read(self.mean.first(mean)), self.n_heads)
        raws = heads(self.variance.read(self.variance.first(raw)), self.n_heads)
        query = torch.cat([means[0], positive_root(raws[0])], -1)
        key = torch.cat([means[1], positive_root(raws[1])], -1)
        return query, key, GaussianTokens(means[2], positive(raws[2]))


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


def heads(projected: Tensor, n_heads: int) -> tuple[Tensor, ...]:
    """Queries, keys and values, (n_samples, n_heads, n_tokens, width) each."""
    parts = projected.unflatten(-1, (3, n_heads, -1)).permute(2, 0, 3, 1, 4)
    return parts.unbind(0)


def joined(found: Tensor) -> Tensor:
    """Heads side by side, (n_samples, n_tokens, width)."""
    return found.transpose(1, 2).flatten(2)


def kept_samples(x: Tensor, drop_path: float) -> Tensor | float:
    """A factor for each sample: zero for some, and more than one for the others."""
    if not drop_path:
        return 1.0
    kept = torch.rand(len(x), 1, 1, device=x.device, dtype=x.dtype) >= drop_path
    return kept.to(x.dtype) / (1 - drop_path)
