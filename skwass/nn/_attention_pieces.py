"""Attention in pieces: what both ways to go through a matrix of weights share."""

from __future__ import annotations

import math
from collections.abc import Iterator

import torch
from torch import Tensor

#: means and deviations, or means and variances: (batch, heads, n_tokens, width) each
Pair = tuple[Tensor, Tensor]

#: of each matrix, so many weights are kept for the backward pass, 3 MiB; others are
#: computed again, which is slower, but memory does not grow with the square of lengths
MOST_KEPT = 896**2
#: weights in a piece, on a CPU: a few tensors of that size fit its cache
_PIECE = 2**17


def samples_in_piece(bias: Tensor, n_queries: int) -> int:
    """How many: all on devices that are better at one large product.

    Parameters
    ----------
    bias : Tensor of shape (batch, heads, 1, n_keys)
        What keys add to scores.
    n_queries : int
        Rows of a matrix of weights.

    Returns
    -------
    step : int
        One or more.
    """
    n_samples, n_keys = len(bias), bias.shape[-1]
    if bias.device.type != "cpu" or not n_samples:
        return max(n_samples, 1)
    most = max(1, _PIECE * torch.get_num_threads() // max(n_queries * n_keys, 1))
    return math.ceil(n_samples / math.ceil(n_samples / most))


def pieces(x: Tensor, step: int) -> list[Tensor]:
    """Some samples of the first head, some more, and so on to the last head.

    Parameters
    ----------
    x : Tensor of shape (batch, heads, ...)
        Of any strides.
    step : int
        Samples in a piece.

    Returns
    -------
    views : list of Tensor of shape (step, ...)
        The last ones of each head may hold fewer samples.
    """
    return [piece for head in x.unbind(1) for piece in head.split(step)]


def factors(tau: Tensor, n_samples: int, step: int) -> Iterator[float]:
    """Twice tau, for each of `pieces`.

    Parameters
    ----------
    tau : Tensor of shape (heads,)
        Factors of squared distances.
    n_samples, step : int
        How many samples there are, and in a piece.

    Yields
    ------
    factor : float
        In the order of `pieces`.
    """
    n_pieces = max(math.ceil(n_samples / step), 1)
    for factor in (2 * tau).tolist():
        for _ in range(n_pieces):
            yield factor
