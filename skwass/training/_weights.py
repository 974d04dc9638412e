"""Weights of samples and of classes, and what they weigh."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from numbers import Real
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.utils import check_array, check_consistent_length, compute_class_weight

Array = NDArray[np.float64]

#: of values that a column must be able to take, around its mean
_LEVELS = 100


def checked_weights(sample_weight: ArrayLike | None, X: Any) -> Array:
    """A weight of zero or more for each sample; ones if there are none.

    Raises
    ------
    ValueError
        If they are no such numbers, or all are zero.
    """
    if sample_weight is None:
        return np.ones(len(X))
    if isinstance(sample_weight, Real):
        sample_weight = np.full(len(X), float(sample_weight))
    weights: Array = check_array(
        sample_weight, ensure_2d=False, dtype=np.float64, input_name="sample_weight"
    )
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
    shares = weights / weights.max()  # a sum of huge weights would overflow
    return shares / shares.mean()


def with_class_weight(
    weights: Array,
    class_weight: Mapping[Any, float] | str,
    classes: NDArray[Any],
    places: NDArray[np.intp],
) -> Array:
    """Weights times those of the class of each sample, which stands in `places`.

    "balanced" gives all classes the same total.

    Raises
    ------
    ValueError
        If weights of classes are negative or not finite, or leave no sample.
    """
    if isinstance(class_weight, str):
        totals = np.bincount(places, weights, minlength=len(classes))
        factors = 1 / np.where(totals > 0, totals, 1.0)
    else:
        factors = compute_class_weight(class_weight, classes=classes, y=classes)
    if not np.isfinite(factors).all() or factors.min() < 0:
        raise ValueError(
            "class_weight must hold finite numbers that are not negative; got "
            f"{class_weight!r}."
        )
    weights = weights * factors[places]
    if not weights.any():
        raise ValueError(
            "class_weight and sample_weight must not be zero for all samples; got "
            f"class_weight={class_weight!r}."
        )
    return weights


def warn_of_rounding(X: NDArray[np.float32]) -> None:
    """Warn of columns that hardly vary in single precision, such as times in seconds.

    What is lost has been lost already.
    """
    lowest, highest = X.min(axis=0), X.max(axis=0)
    finest = _LEVELS * np.finfo(X.dtype).eps * np.maximum(-lowest, highest)
    # halves, since the difference of huge numbers would overflow
    span = highest / 2 - lowest / 2
    columns = np.flatnonzero((span > 0) & (span < finest))
    if len(columns):
        warnings.warn(
            f"Columns {columns.tolist()} of X vary too little beside their size for "
            "single precision, which X is read in, and are known roughly at best. Take "
            "off their means beforehand, for instance by a StandardScaler.",
            UserWarning,
            stacklevel=5,
        )


def centre_and_scale(
    values: NDArray[np.floating], weights: NDArray[np.floating]
) -> tuple[Array, Array]:
    """Weighted mean and standard deviation of each column.

    A constant column has a scale of one: it says nothing, and one that rounding moves,
    no more.
    """
    eps = np.finfo(values.dtype).eps
    peak = np.maximum(np.abs(values).max(axis=0), np.finfo(values.dtype).tiny)
    peak = peak.astype(np.float64)
    shares = weights.astype(np.float64) / weights.sum(dtype=np.float64)
    parts = values / peak  # squares must not overflow
    centre = shares @ parts
    scale = np.sqrt(shares @ np.square(parts - centre))
    return centre * peak, np.where(scale <= eps, 1.0, scale * peak)
