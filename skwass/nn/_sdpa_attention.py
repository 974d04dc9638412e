"""Wasserstein attention through torch's attention, whose memory is linear."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn.functional import pad, scaled_dot_product_attention

#: rows that are looked at together, and what widths are rounded up to
_ROWS, _ALIGNED = 128, 8


def attend_by_sdpa(
    qm: Tensor,
    qs: Tensor,
    km: Tensor,
    ks: Tensor,
    vm: Tensor,
    vv: Tensor,
    tau: Tensor,
    squared: bool,
) -> tuple[Tensor, Tensor]:
    """Means and variances that queries get.

    What keys add to scores is a column, as a mask would have a dense gradient.

    Parameters
    ----------
    qm, qs, km, ks : Tensor of shape (batch, heads, n_tokens, width)
        Means and deviations of queries and keys.
    vm, vv : Tensor of shape (batch, heads, n_tokens, width)
        Means and variances of values.
    tau : Tensor of shape (heads,)
        Factors of squared distances.
    squared : bool
        Whether weights of variances are squared.

    Returns
    -------
    mean, variance : Tensor of shape (batch, heads, n_tokens, width)
        One for each query.
    """
    key = torch.cat([km, ks], -1)
    key = torch.cat([key, -0.5 * key.square().sum(-1, keepdim=True)], -1)
    query = torch.cat([qm, qs, torch.ones_like(qm[..., :1])], -1)
    query = query * (2 * tau[:, None, None])
    value = torch.cat([vm, vv], -1)
    width, n_columns, n_numbers = vm.shape[-1], key.shape[-1], value.shape[-1]
    size = -(-(max(n_columns, n_numbers) + 1) // _ALIGNED) * _ALIGNED
    if not squared:
        query, key, value = (
            pad(x, (0, size - x.shape[-1])) for x in (query, key, value)
        )
        found = scaled_dot_product_attention(query, key, value, scale=1.0)
        return found[..., :width], found[..., width:n_numbers]
    # One more key, whose score is that of all others together, and which alone has a
    # mark as value. The share it gets once, and with scores doubled, tells how sums of
    # exponentials compare to its own, and so both calls to each other. Any score would
    # do; with this one, shares are never small.
    with torch.no_grad():
        rows = [row @ key.mT for row in query.split(_ROWS, 2)]
        total = torch.cat([row.logsumexp(-1, keepdim=True) for row in rows], 2)
    query = pad(torch.cat([query, total], -1), (0, size - n_columns - 1))
    key, value = _marked(key, size, n_columns), _marked(value, size, n_numbers)
    once = scaled_dot_product_attention(query, key, value, scale=1.0)
    twice = scaled_dot_product_attention(query, key, value, scale=2.0)
    share = once[..., n_numbers : n_numbers + 1]
    square = (share / (1 - share)).square() / twice[..., n_numbers : n_numbers + 1]
    return once[..., :width] / (1 - share), twice[..., width:n_numbers] * square


def _marked(x: Tensor, size: int, place: int) -> Tensor:
    """Filled up with zeros, and one token more that is a one at a place."""
    x = pad(x, (0, size - x.shape[-1], 0, 1))
    mark = x.new_zeros(x.shape[-2:])
    mark[-1, place] = 1
    return x + mark
