r"""Wasserstein attention with a backward pass by hand, in pieces that fit a cache.

Scores are :math:`2 \tau q \cdot k - \tau \|k\|^2`, of points that are means beside
standard deviations: what queries add to squared distances cancels in the softmax. Pairs
of tensors, means and deviations or means and variances, are of shape (batch, heads,
n_tokens, width), and need not be contiguous.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence

import torch
from torch import Tensor

Pair = tuple[Tensor, Tensor]

#: weights of that many pairs of tokens are kept for the backward pass, and those of
#: longer sequences computed again: measured with 640, 768 and 896 tokens
MOST_KEPT = 768**2
#: pairs of tokens in a piece, on a CPU: a few tensors of that size fit its cache
_PIECE = 2**17
#: rows of long sequences in a piece, and what numbers of keys are rounded up to
_ROWS, _ALIGNED = 256, 16


def attend_forward(
    query: Pair, key: Pair, value: Pair, tau: Tensor, squared: bool, out: Pair
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

    Returns
    -------
    bias : Tensor of shape (batch, heads, 1, n_keys)
        What keys add to scores.
    weights : Tensor of shape (heads, batch, n_queries, n_keys) or None
        Weights of short sequences.
    """
    bias = key[0].square().sum(-1).add_(key[1].square().sum(-1))
    bias = bias.mul_(-tau[:, None])[:, :, None]
    if _is_long(query, key):
        _long_forward(query, key, value, bias, tau, squared, out)
        return bias, None
    keys = (key[0].mT, key[1].mT)
    weights = bias.new_empty(tau.numel(), len(bias), query[0].shape[2], bias.shape[3])
    step = _step(weights)
    pieces = zip(
        _factors(tau, len(bias), step),
        [piece for head in weights for piece in head.split(step)],
        *(_pieces(x, step) for x in (bias, *query, *keys, *value, *out)),
        strict=True,
    )
    for twice, weight, b, qm, qs, km, ks, vm, vv, to_mean, to_variance in pieces:
        score = torch.baddbmm(b, qm, km, alpha=twice).baddbmm_(qs, ks, alpha=twice)
        torch.softmax(score, -1, out=weight)
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
    if weights is None:
        args = (query, key, value, upstream, by_query, by_key, by_value)
        _long_backward(*args, bias, along, columns, tau, squared)
    else:
        values = (value[0].mT, value[1].mT)
        tensors = (*query, *key, *values, *upstream, *by_query, *by_key, *by_value)
        step = _step(weights)
        pieces = zip(
            _factors(tau, len(bias), step),
            [piece for head in weights for piece in head.split(step)],
            *(_pieces(x, step) for x in (along, columns, *tensors)),
            strict=True,
        )
        for piece in pieces:
            _short_backward(*piece, squared=squared)
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


def _long_forward(
    query: Pair,
    key: Pair,
    value: Pair,
    bias: Tensor,
    tau: Tensor,
    squared: bool,
    out: Pair,
) -> None:
    """Rows of one matrix after another, of which none is kept."""
    width, n_keys = value[0].shape[-1], bias.shape[-1]
    rows = _rows(query[0].shape[2])
    pieces = zip(
        _factors(tau, len(bias), 1),
        *(_pieces(x, 1) for x in (bias, *query, *key, *value, *out)),
        strict=True,
    )
    for twice, b, qm, qs, km, ks, vm, vv, to_mean, to_variance in pieces:
        q, k, v = _joined(qm, qs), _joined(km, ks, True), _joined(vm, vv, True)
        b = _padded(b, n_keys)
        for row in rows:
            score = torch.addmm(b, q[row], k.T, alpha=twice)
            weight = torch.softmax(score, -1)
            if squared:
                to_mean[0, row].copy_(weight @ v[:, :width])
                torch.mul(weight, weight, out=score)
                to_variance[0, row].copy_(score @ v[:, width:])
            else:
                both = weight @ v
                to_mean[0, row].copy_(both[:, :width])
                to_variance[0, row].copy_(both[:, width:])


def _long_backward(
    query: Pair,
    key: Pair,
    value: Pair,
    upstream: Sequence[Tensor],
    by_query: Pair,
    by_key: Pair,
    by_value: Pair,
    bias: Tensor,
    along: Tensor,
    columns: Tensor,
    tau: Tensor,
    squared: bool,
) -> None:
    """The same rows again."""
    width, n_keys = value[0].shape[-1], bias.shape[-1]
    rows = _rows(query[0].shape[2])
    inputs = (*query, *key, *value, *upstream, *by_query, *by_key, *by_value)
    pieces = zip(
        _factors(tau, len(bias), 1),
        *(_pieces(x, 1) for x in (bias, along, columns, *inputs)),
        strict=True,
    )
    for twice, b, a, column, qm, qs, km, ks, vm, vv, gm, gv, *outputs in pieces:
        q, k, v = _joined(qm, qs), _joined(km, ks, True), _joined(vm, vv, True)
        g, b = _joined(gm, gv), _padded(b, n_keys)
        by_q, by_k, by_v = torch.empty_like(q), torch.zeros_like(k), torch.zeros_like(v)
        total = torch.zeros_like(b)
        for row in rows:
            score = torch.addmm(b, q[row], k.T, alpha=twice)
            weight = torch.softmax(score, -1)
            if squared:
                first, second = g[row, :width], g[row, width:]
                slope = torch.addmm(
                    a[0, row], first, v[:, :width].T, alpha=twice, out=score
                )
                square = weight * weight
                by_v[:, :width].addmm_(weight.T, first)
                by_v[:, width:].addmm_(square.T, second)
                torch.mm(second, v[:, width:].T, out=square)
                slope.addcmul_(weight, square, value=2 * twice)
            else:
                slope = torch.addmm(a[0, row], g[row], v.T, alpha=twice, out=score)
                by_v.addmm_(weight.T, g[row])
            slope.mul_(weight)
            torch.mm(slope, k, out=by_q[row])
            by_k.addmm_(slope.T, q[row])
            total += slope.sum(0)
        by_k.addcmul_(total[:, None], k, value=-1)
        column[0, 0].copy_(total[:n_keys])
        for both, first, second in zip(
            (by_q, by_k, by_v), outputs[::2], outputs[1::2], strict=True
        ):
            first[0].copy_(both[: first.shape[1], : first.shape[2]])
            second[0].copy_(both[: first.shape[1], first.shape[2] :])


def _is_long(query: Pair, key: Pair) -> bool:
    return query[0].shape[2] * key[0].shape[2] > MOST_KEPT


def _step(weights: Tensor) -> int:
    """Samples in a piece: all on devices that are better at one large product."""
    _, n_samples, n_queries, n_keys = weights.shape
    if weights.device.type != "cpu" or not n_samples:
        return max(n_samples, 1)
    most = max(1, _PIECE * torch.get_num_threads() // max(n_queries * n_keys, 1))
    return math.ceil(n_samples / math.ceil(n_samples / most))


def _pieces(x: Tensor, step: int) -> list[Tensor]:
    """Some samples of the first head, some more, and so on to the last head."""
    return [piece for head in x.unbind(1) for piece in head.split(step)]


def _factors(tau: Tensor, n_samples: int, step: int) -> Iterator[float]:
    """Twice tau, for each of `_pieces`."""
    factors: Iterable[float] = (2 * tau).tolist()
    n_pieces = max(math.ceil(n_samples / step), 1)
    return (factor for factor in factors for _ in range(n_pieces))


def _rows(n: int) -> list[slice]:
    step = math.ceil(n / math.ceil(n / _ROWS))
    return [slice(start, min(start + step, n)) for start in range(0, n, step)]


def _joined(first: Tensor, second: Tensor, padded: bool = False) -> Tensor:
    """Two tensors of shape (1, n, width) side by side; rows of zeros fill them up."""
    n, width = first.shape[1:]
    size = -(-n // _ALIGNED) * _ALIGNED if padded else n
    found = first.new_zeros(size, 2 * width)
    torch.cat([first[0], second[0]], -1, out=found[:n])
    return found


def _padded(bias: Tensor, n: int) -> Tensor:
    """Of shape (1, 1, n); keys that fill up get no weight."""
    found = bias.new_full((-(-n // _ALIGNED) * _ALIGNED,), -math.inf)
    found[:n] = bias[0, 0]
    return found
