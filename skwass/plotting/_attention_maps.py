"""Weights of attention, boiled down to one number for each patch of an image."""

from __future__ import annotations

import math
from numbers import Integral
from typing import Any

import numpy as np
from numpy.typing import NDArray

from skwass.metrics._representations import on_the_cpu

Array = NDArray[np.float64]


def pooled_attention(
    maps: Any, grid: tuple[int, int] | None, block: int | str
) -> Array:
    """What the pooled token attends to.

    Parameters
    ----------
    maps : array-like of shape (n_samples, depth, n_heads, n_tokens, n_tokens)
        Weights of attention; row i is what token i attends to. The tokens are those of
        the patches, row by row, perhaps after one of its own.
    grid : tuple of two ints or None
        Rows and columns of patches; None for as many as there are columns.
    block : int or "rollout"
        Which block, or all of them.

    Returns
    -------
    attention : ndarray of shape (n_samples, rows, columns)
        Of the token of its own, if there is one, else the mean of all tokens, over all
        heads. Sums to one for each sample.
    """
    weights = _checked_maps(maps)
    depth, n_tokens = weights.shape[1], weights.shape[-1]
    rows, columns = _grid_of(n_tokens) if grid is None else grid
    n_special = n_tokens - rows * columns
    if n_special not in (0, 1):
        raise ValueError(
            f"maps has {n_tokens} tokens; a grid of {rows} × {columns} patches needs "
            f"{rows * columns}, or one more."
        )
    chosen = _chosen(weights.mean(axis=2), block, depth)
    seen = chosen[:, 0] if n_special else chosen.mean(axis=1)
    # what goes to the token itself is not in the picture
    patches = seen[:, n_special:].reshape(-1, rows, columns)
    total = patches.sum(axis=(1, 2), keepdims=True)
    return np.asarray(patches / np.where(total > 0, total, 1))


def _chosen(weights: Array, block: int | str, depth: int) -> Array:
    if isinstance(block, str) and block == "rollout":
        # half of a token is what the residual connection leaves of itself
        mixed = (weights + np.eye(weights.shape[-1])) / 2
        rolled = mixed[:, 0]
        for one in np.moveaxis(mixed, 1, 0)[1:]:
            rolled = one @ rolled
        return rolled
    if not isinstance(block, Integral) or isinstance(block, bool):
        raise ValueError(f'block must be an integer or "rollout"; got {block!r}.')
    if not -depth <= int(block) < depth:
        raise ValueError(
            f"block must be between {-depth} and {depth - 1}, since there are {depth} "
            f"blocks; got {block}."
        )
    return np.asarray(weights[:, int(block)])


def _checked_maps(maps: Any) -> Array:
    weights = np.asarray(on_the_cpu(maps), dtype=np.float64)
    if weights.ndim != 5 or weights.shape[-1] != weights.shape[-2]:
        raise ValueError(
            "maps must be of shape (n_samples, depth, n_heads, n_tokens, n_tokens); "
            f"got {weights.shape}."
        )
    if not weights.size:
        raise ValueError(f"maps must not be empty; got shape {weights.shape}.")
    if not np.isfinite(weights).all() or (weights < 0).any():
        raise ValueError("maps must hold finite weights that are not negative.")
    return weights


def _grid_of(n_tokens: int) -> tuple[int, int]:
    """Rows and columns of a square of patches, perhaps without a token of its own."""
    for n_patches in (n_tokens, n_tokens - 1):
        side = math.isqrt(n_patches)
        if n_patches and side**2 == n_patches:
            return side, side
    raise ValueError(
        f"{n_tokens} tokens are not those of a square of patches; give grid=(rows, "
        "columns)."
    )
