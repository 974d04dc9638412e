r"""Wasserstein attention with a backward pass by hand, in pieces that fit a cache.

Scores are :math:`2 \tau q \cdot k - \tau \|k\|^2`, of points that are means beside
standard deviations: what queries add to squared distances cancels in the softmax. Pairs
of tensors, means and deviations or means and variances, are of shape (batch, heads,
n_tokens, width), and need not be contiguous.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import repeat

import torch
from torch import Tensor

from skwass.nn._attention_pieces import (
    MOST_KEPT,
    Pair,
    factors,
    pieces,
    samples_in_piece,
)
from skwass.nn._long_attention import long_backward, long_forward


def attend_forward(
    query: Pair,
    key: Pair,
    value: Pair,
    tau: Tensor,
    squared: bool,
    out: Pair,
    *,
    keep: bool = True,
) -> tuple[Tensor, Tensor | None]:
    """Write what queries get into `out`.

    Parameters
    ----------
    query, key : pair of Tensor
        Means and deviations.
    value, out : pair of Tensor
        Means and variances.
    tau : Tensor of shape (heads,)
        Factors of squared distances.
    squared : bool
        Whether weights of variances are squared.
    keep : bool, default=True
        Whether there will be a backward pass.

    Returns
    -------
    bias : Tensor of shape (batch, heads, 1, n_keys)
        What keys add to scores.
    weights : Tensor or None
        Weights, if they are kept; of long sequences those of the first queries.
    """
    bias = key[0].square().sum(-1).add_(key[1].square().sum(-1))
    bias = bias.mul_(-tau[:, None])[:, :, None]
    if _is_long(query, key):
        args = (query, key, value, bias, tau, squared, out)
        return bias, long_forward(*args, keep=keep)
    n_samples, n_heads, _, n_keys = bias.shape
    n_queries = query[0].shape[2]
    step = samples_in_piece(bias, n_queries)
    weights = bias.new_empty(n_heads, n_samples, n_queries, n_keys) if keep else None
    parts = zip(
        factors(tau, n_samples, step),
        _weights(weights, step),
        *(pieces(x, step) for x in (bias, *query, key[0].mT, key[1].mT, *value, *out)),
        strict=False,
    )
    for twice, weight, b, qm, qs, km, ks, vm, vv, to_mean, to_variance in parts:
        score = torch.baddbmm(b, qm, km, alpha=twice).baddbmm_(qs, ks, alpha=twice)
        weight = torch.softmax(score, -1, out=weight)
        to_mean.copy_(torch.bmm(weight, vm))
        square = torch.mul(weight, weight, out=score) if squared else weight
        to_variance.copy_(torch.bmm(square, vv))
    return bias, weights


def attend_backward(
    inputs: tuple[Pair, Pair, Pair],
    kept: tuple[Tensor, Tensor | None],
    tau: Tensor,
    squared: bool,
    out: Sequence[Tensor],
    upstream: Sequence[Tensor],
    gradients: tuple[Pair, Pair, Pair],
) -> Tensor:
    """Write gradients by queries, keys and values.

    Parameters
    ----------
    inputs : pairs of Tensor
        Queries, keys and values as in `attend_forward`.
    kept
        What it gave.
    tau, squared, out
        As there.
    upstream : pair of Tensor
        Gradients by `out`.
    gradients : pairs of Tensor
        Where those by queries, keys and values go.

    Returns
    -------
    gradient : Tensor of shape (heads,)
        By `tau`.
    """
    (query, key, value), (bias, weights) = inputs, kept
    # the mean of slopes under the weights, for each query
    along = (upstream[0] * out[0]).sum(-1, keepdim=True)
    rest = (upstream[1] * out[1]).sum(-1, keepdim=True)
    along.add_(rest, alpha=2 if squared else 1).mul_(-2 * tau[:, None, None])
    columns = torch.zeros_like(bias)
    by_query, by_key, by_value = gradients
    if _is_long(query, key):
        assert weights is not None
        args = (inputs, weights, bias, along, columns, tau, squared)
        long_backward(*args, upstream, gradients)
    else:
        values = (value[0].mT, value[1].mT)
        tensors = (*query, *key, *values, *upstream, *by_query, *by_key, *by_value)
        step = samples_in_piece(bias, query[0].shape[2])
        parts = zip(
            factors(tau, len(bias), step),
            _weights(weights, step),
            *(pieces(x, step) for x in (along, columns, *tensors)),
            strict=True,
        )
        for part in parts:
            _short_backward(*part, squared=squared)
    # scores over tau, weighted by the slopes of scores
    found = (query[0] * by_query[0]).sum((0, 2, 3))
    found += (query[1] * by_query[1]).sum((0, 2, 3))
    found += (columns * bias).sum((0, 2, 3)) / (2 * tau)
    return found / tau


def _short_backward(
    twice: float,
    weight: Tensor,
    along: Tensor,
    column: Tensor,
    qm: Tensor,
    qs: Tensor,
    km: Tensor,
    ks: Tensor,
    vm: Tensor,
    vv: Tensor,
    gm: Tensor,
    gv: Tensor,
    to_qm: Tensor,
    to_qs: Tensor,
    to_km: Tensor,
    to_ks: Tensor,
    to_vm: Tensor,
    to_vv: Tensor,
    *,
    squared: bool,
) -> None:
    """One piece; slopes are those of scores times twice tau, as gradients want them."""
    slope = torch.baddbmm(along, gm, vm, alpha=twice)
    to_vm.copy_(torch.bmm(weight.mT, gm))
    if squared:
        square = weight * weight
        to_vv.copy_(torch.bmm(square.mT, gv))
        torch.bmm(gv, vv, out=square)
        slope.addcmul_(weight, square, value=2 * twice)
    else:
        to_vv.copy_(torch.bmm(weight.mT, gv))
        slope.baddbmm_(gv, vv, alpha=twice)
    slope.mul_(weight)
    column.copy_(slope.sum(1, keepdim=True))
    to_qm.copy_(torch.bmm(slope, km))
    to_qs.copy_(torch.bmm(slope, ks))
    column = column.mT
    torch.addcmul(torch.bmm(slope.mT, qm), column, km, value=-1, out=to_km)
    torch.addcmul(torch.bmm(slope.mT, qs), column, ks, value=-1, out=to_ks)


def _is_long(query: Pair, key: Pair) -> bool:
    n_samples, _, n_queries, _ = query[0].shape
    return n_samples > 0 and n_queries * key[0].shape[2] > MOST_KEPT


def _weights(weights: Tensor | None, step: int) -> Iterable[Tensor | None]:
    """Those of each of `pieces`, or None without end."""
    if weights is None:
        return repeat(None)
    return [piece for head in weights for piece in head.split(step)]
