"""Probabilities sorted into bins, and what came true in each."""

from __future__ import annotations

from numbers import Integral
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from sklearn.utils import check_scalar

STRATEGIES = ("uniform", "quantile")
#: a cumulated weight this near to a quantile has reached it: rounding moves no sample
_ROUNDING = 1e-10


class Bins(NamedTuple):
    """Bins that hold a sample, from low to high; all arrays of shape (n_found,)."""

    lower: NDArray[np.float64]
    upper: NDArray[np.float64]
    #: share of the total weight
    mass: NDArray[np.float64]
    #: mean of what was predicted
    predicted: NDArray[np.float64]
    #: mean of what came true
    observed: NDArray[np.float64]


def binned(
    values: NDArray[np.float64],
    outcomes: NDArray,
    weights: NDArray[np.float64],
    *,
    n_bins: int,
    strategy: str,
) -> Bins:
    """Means of values and outcomes in the bins of the values; weights are positive."""
    upper = upper_edges(values, weights, n_bins, strategy)
    lower = np.concatenate([[0.0], upper[:-1]])
    # an edge belongs to the bin below it
    places = np.searchsorted(upper, values, side="left")
    mass, predicted, observed = (
        np.bincount(places, weights=weights * what, minlength=len(upper))
        for what in (np.ones_like(values), values, outcomes)
    )
    found = mass > 0
    return Bins(
        lower[found],
        upper[found],
        mass[found] / mass.sum(),
        predicted[found] / mass[found],
        observed[found] / mass[found],
    )


def upper_edges(
    values: NDArray[np.float64],
    weights: NDArray[np.float64],
    n_bins: int,
    strategy: str,
) -> NDArray[np.float64]:
    """Where each bin ends; the first begins at zero.

    Bins of equal mass end at values that occur, so equal values are never parted, and
    there are fewer bins if many are equal.
    """
    if strategy == "uniform":
        # a division for each, as n * step would miss edges such as 0.7
        return np.arange(1, n_bins + 1) / n_bins
    distinct, places = np.unique(values, return_inverse=True)
    reached = np.cumsum(np.bincount(places, weights=weights))
    wanted = np.arange(1, n_bins + 1) / n_bins * reached[-1] * (1 - _ROUNDING)
    ends = np.searchsorted(reached, wanted, side="left")
    ends[-1] = len(distinct) - 1  # however little the largest weighs
    return distinct[np.unique(ends)]


def check_binning(n_bins: int, strategy: str) -> None:
    """Raise if there are no such bins."""
    check_scalar(n_bins, "n_bins", Integral, min_val=1)
    if strategy not in STRATEGIES:
        raise ValueError(f"strategy must be one of {STRATEGIES}; got {strategy!r}.")
