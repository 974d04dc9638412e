"""Weights of samples."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.utils import check_array, check_consistent_length

Array = NDArray[np.float64]


def checked_weights(sample_weight: ArrayLike | None, X: Any) -> Array:
    """A weight of zero or more for each sample; ones if there are none.

    Raises
    ------
    ValueError
        If they are no such numbers, or all are zero.
    """
    if sample_weight is None:
        return np.ones(len(X))
    weights: Array = check_array(
        sample_weight, ensure_2d=False, dtype=np.float64, input_name="sample_weight"
    )
    if weights.ndim == 0:
        return np.full(len(X), float(weights))
    if weights.ndim > 1:
        raise ValueError(f"sample_weight must be 1-D; it has shape {weights.shape}.")
    check_consistent_length(X, weights)
    if weights.min() < 0:
        place = int(weights.argmin())
        raise ValueError(
            "sample_weight must not be negative; "
            f"sample_weight[{place}] = {weights[place]:g}."
        )
    if not weights.any():
        raise ValueError("sample_weight must not be zero for all samples.")
    return weights


def with_mean_one(weights: Array) -> Array:
    """The same proportions, so that `lr` means the same whatever their unit."""
    return weights / weights.mean()
