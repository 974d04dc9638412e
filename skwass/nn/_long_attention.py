"""Wasserstein attention of long sequences, in memory that grows with their length."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import pairwise

import torch
from torch import Tensor

from skwass.nn._attention_pieces import MOST_KEPT, Pair, factors, pieces

#: rows in a piece, and what numbers of keys are rounded up to: products are a tenth
#: faster than of, say, 1025 keys
_ROWS, _ALIGNED = 350, 16


def long_forward(
    query: Pair,
    key: Pair,
    value: Pair,
    bias: Tensor,
    tau: Tensor,
    squared: bool,
    out: Pair,
    *,
    keep: bool,
) -> Tensor | None:
    """Some rows of one matrix after the other, as `attend_forward` describes.

    Parameters
    ----------
    query, key, value, tau, squared, out, keep
        As there.
    bias : Tensor of shape (batch, heads, 1, n_keys)
        What keys add to scores.

    Returns
    -------
    weights : Tensor of shape (batch, heads, n_kept, n_aligned) or None
        Those of the first queries, as many as `MOST_KEPT` allows.
    """
    width, n_keys = value[0].shape[-1], bias.shape[-1]
    n_kept, rows = _rows(query[0].shape[2], n_keys if keep else None)
    weights = bias.new_empty(*bias.shape[:2], n_kept, _aligned(n_keys))
    matrices = zip(
        factors(tau, len(bias), 1),
        *(pieces(x, 1) for x in (weights, bias, *query, *key, *value, *out)),
        strict=True,
    )
    for twice, kept, b, qm, qs, km, ks, vm, vv, to_mean, to_variance in matrices:
        q, k, v = _joined(qm, qs), _joined(km, ks, True), _joined(vm, vv, True)
        b = _padded(b, n_keys)
        for row in rows:
            score = torch.addmm(b, q[row], k.T, alpha=twice)
            to = kept[0, row] if row.stop <= n_kept else None
            weight = torch.softmax(score, -1, out=to)
            if squared:
                to_mean[0, row].copy_(weight @ v[:, :width])
                torch.mul(weight, weight, out=score)
                to_variance[0, row].copy_(score @ v[:, width:])
            else:
                both = weight @ v
                to_mean[0, row].copy_(both[:, :width])
                to_variance[0, row].copy_(both[:, width:])
    return weights if keep else None


def long_backward(
    inputs: tuple[Pair, Pair, Pair],
    weights: Tensor,
    bias: Tensor,
    along: Tensor,
    columns: Tensor,
    tau: Tensor,
    squared: bool,
    upstream: Sequence[Tensor],
    gradients: tuple[Pair, Pair, Pair],
) -> None:
    """The same rows; weights that were not kept are computed again.

    Parameters
    ----------
    inputs, tau, squared, upstream, gradients
        As in `attend_backward`.
    weights, bias
        What there was in the forward pass.
    along : Tensor of shape (batch, heads, n_queries, 1)
        What is added to slopes of weights.
    columns : Tensor of shape (batch, heads, 1, n_keys)
        Where sums of slopes of scores go.
    """
    width, n_keys = inputs[2][0].shape[-1], bias.shape[-1]
    n_kept, rows = _rows(along.shape[2], n_keys)
    pairs = (*inputs, upstream, *gradients)
    matrices = zip(
        factors(tau, len(bias), 1),
        *(pieces(x, 1) for x in (weights, bias, along, columns)),
        *(pieces(x, 1) for pair in pairs for x in pair),
        strict=True,
    )
    for twice, kept, b, a, column, qm, qs, km, ks, vm, vv, gm, gv, *to in matrices:
        q, k, v = _joined(qm, qs), _joined(km, ks, True), _joined(vm, vv, True)
        g, b = _joined(gm, gv), _padded(b, n_keys)
        by_q, by_k, by_v = torch.empty_like(q), torch.zeros_like(k), torch.zeros_like(v)
        total = torch.zeros_like(b)
        for row in rows:
            if row.stop <= n_kept:
                weight = kept[0, row]
            else:
                weight = torch.addmm(b, q[row], k.T, alpha=twice).softmax(-1)
            if squared:
                first, second = g[row, :width], g[row, width:]
                slope = torch.addmm(a[0, row], first, v[:, :width].T, alpha=twice)
                square = weight * weight
                by_v[:, :width].addmm_(weight.T, first)
                by_v[:, width:].addmm_(square.T, second)
                torch.mm(second, v[:, width:].T, out=square)
                slope.addcmul_(weight, square, value=2 * twice)
            else:
                slope = torch.addmm(a[0, row], g[row], v.T, alpha=twice)
                by_v.addmm_(weight.T, g[row])
            slope.mul_(weight)
            torch.mm(slope, k, out=by_q[row])
            by_k.addmm_(slope.T, q[row])
            total += slope.sum(0)
        by_k.addcmul_(total[:, None], k, value=-1)
        column[0, 0].copy_(total[:n_keys])
        for both, first, second in zip(
            (by_q, by_k, by_v), to[::2], to[1::2], strict=True
        ):
            first[0].copy_(both[: first.shape[1], : first.shape[2]])
            second[0].copy_(both[: first.shape[1], first.shape[2] :])


def _rows(n: int, n_keys: int | None) -> tuple[int, list[slice]]:
    """How many rows are kept, and all in pieces: either all of one are, or none."""
    n_kept = 0 if n_keys is None else min(n, MOST_KEPT // _aligned(n_keys))
    ends = [0, n_kept, n]
    rows = []
    for start, stop in pairwise(ends):
        step = math.ceil((stop - start) / max(math.ceil((stop - start) / _ROWS), 1))
        rows += [slice(i, min(i + step, stop)) for i in range(start, stop, step or 1)]
    return n_kept, rows


def _aligned(n: int) -> int:
    return -(-n // _ALIGNED) * _ALIGNED


def _joined(first: Tensor, second: Tensor, padded: bool = False) -> Tensor:
    """Two tensors of shape (1, n, width) side by side; rows of zeros fill them up."""
    n, width = first.shape[1:]
    size = _aligned(n) if padded else n
    found = first.new_zeros(size, 2 * width)
    torch.cat([first[0], second[0]], -1, out=found[:n])
    return found


def _padded(bias: Tensor, n: int) -> Tensor:
    """Of shape (1, 1, n); keys that fill up get no weight."""
    found = bias.new_full((_aligned(n),), -math.inf)
    found[:n] = bias[0, 0]
    return found
