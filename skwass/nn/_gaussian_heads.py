"""Self-attention of Gaussian tokens on projections as they are, without copies."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor
from torch.autograd import Function
from torch.autograd.function import once_differentiable

from skwass.nn._attention_pieces import MOST_KEPT, Pair
from skwass.nn._fused_attention import attend_backward, attend_forward
from skwass.nn._gaussian_layers import positive, positive_root_
from skwass.nn._precision import exactly, precise
from skwass.nn._wasserstein_attention import (
    Aggregation,
    GaussianTokens,
    wasserstein_attention,
)

#: rows that stay in a cache
_ROWS = 128


def attend_heads(
    means: Tensor, raws: Tensor, temperature: Tensor, cov_aggregation: Aggregation
) -> GaussianTokens:
    """Self-attention of what one projection of each stream gives, without copies.

    Parameters
    ----------
    means : Tensor of shape (n_samples, n_tokens, 3 * width)
        Queries, keys and values, the heads of each side by side.
    raws : Tensor of shape (n_samples * n_tokens, 3 * width)
        Real numbers that `positive` makes variances of. Neither a leaf nor a view, as
        their memory is used for deviations.
    temperature : Tensor of shape (heads,)
        Factors of squared distances.
    cov_aggregation : {"squared", "linear"}
        As in `wasserstein_attention`.

    Returns
    -------
    tokens : GaussianTokens of shape (n_samples, n_tokens, width)
        Heads side by side, of the dtype of `means`.
    """
    n = len(temperature)
    if _is_fused(means):
        with exactly(means):
            mean, variance, _ = _FusedHeads.apply(
                precise(means).contiguous(),
                precise(raws).contiguous(),
                precise(temperature),
                cov_aggregation == "squared",
            )
    else:
        with exactly(means):
            variances = positive(precise(raws)).view_as(means)
            parts = heads(precise(means), n), heads(variances, n)
        query, key, value = (GaussianTokens(*each) for each in zip(*parts, strict=True))
        found = wasserstein_attention(
            query, key, value, temperature, cov_aggregation=cov_aggregation
        )
        mean, variance = (each.transpose(1, 2).flatten(2) for each in found)
    return GaussianTokens(mean.to(means.dtype), variance.to(means.dtype))


def heads(projected: Tensor, n_heads: int) -> tuple[Tensor, Tensor, Tensor]:
    """Queries, keys and values, (n_samples, n_heads, n_tokens, width) each.

    Parameters
    ----------
    projected : Tensor of shape (n_samples, n_tokens, 3 * width)
        The heads of each side by side.
    n_heads : int
        How many.

    Returns
    -------
    query, key, value : Tensor of shape (n_samples, n_heads, n_tokens, width)
        Views.
    """
    parts = projected.unflatten(-1, (3, n_heads, -1)).permute(2, 0, 3, 1, 4)
    return parts[0], parts[1], parts[2]


class _FusedHeads(Function):
    """The same of heads and streams as projections give them, and gradients as such."""

    @staticmethod
    def forward(
        ctx: Any, means: Tensor, raws: Tensor, tau: Tensor, squared: bool
    ) -> tuple[Tensor, Tensor, Tensor]:
        ctx.set_materialize_grads(False)
        ctx.mark_dirty(raws)
        n = len(tau)
        _activate_(raws)
        shape = (*means.shape[:2], means.shape[2] // 3)
        out = (means.new_empty(shape), means.new_empty(shape))
        inputs = _paired(means, raws, n)
        keep = any(ctx.needs_input_grad)
        kept = attend_forward(*inputs, tau, squared, _split(out, n), keep=keep)
        ctx.save_for_backward(means, raws, tau, *out, *kept)
        ctx.squared = squared
        return (*out, raws)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, *upstream: Tensor | None) -> tuple[Tensor | None, ...]:
        means, deviations, tau, *out, bias, weights = ctx.saved_tensors
        n = len(tau)
        came = tuple(
            torch.zeros_like(to) if grad is None else grad
            for grad, to in zip(upstream, out, strict=False)
        )
        found = (torch.empty_like(means), torch.empty_like(deviations))
        inputs = _paired(means, deviations, n)
        with exactly(means):
            by_tau = attend_backward(
                inputs,
                (bias, weights),
                tau,
                ctx.squared,
                _split(out, n),
                _split(came, n),
                _paired(*found, n),
            )
            _slope_(found[1], deviations)
        return (*found, by_tau, None)


def _is_fused(means: Tensor) -> bool:
    """Whether that is the faster way, see `wasserstein_attention`."""
    return means.device.type == "cpu" or means.shape[1] ** 2 <= MOST_KEPT


def _activate_(raws: Tensor) -> None:
    """Real numbers become deviations of queries and keys, and variances of values."""
    for rows in _rows(raws):
        positive_root_(rows)[:, 2 * rows.shape[1] // 3 :].square_()


def _slope_(gradient: Tensor, deviations: Tensor) -> None:
    """From gradients by what `_activate_` gives to those by what it takes."""
    for rows, of in zip(_rows(gradient), _rows(deviations), strict=True):
        values = 2 * rows.shape[1] // 3
        root = of[:, :values]
        rows[:, :values].mul_(torch.minimum(root, root.reciprocal()).mul_(0.5))
        rows[:, values:].mul_(of[:, values:].clamp_max(1))


def _rows(x: Tensor) -> tuple[Tensor, ...]:
    """Rows that stay in a cache."""
    rows = x.view(-1, x.shape[-1])
    return rows.split(_ROWS if x.device.type == "cpu" else max(len(rows), 1))


def _paired(means: Tensor, others: Tensor, n_heads: int) -> tuple[Pair, Pair, Pair]:
    """Pairs of both streams for queries, keys and values."""
    first, second = heads(means, n_heads), heads(others.view_as(means), n_heads)
    query, key, value = zip(first, second, strict=True)
    return query, key, value


def _split(joined: Sequence[Tensor], n_heads: int) -> Pair:
    """A pair of the shape of heads."""
    first, second = (x.unflatten(-1, (n_heads, -1)).transpose(1, 2) for x in joined)
    return first, second
