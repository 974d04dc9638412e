"""Distributions on a line, told by the means of their quantile functions."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]


def quantile_means(values: NDArray[Any], weights: Array, n_quantiles: int) -> Array:
    r"""Means of quantile functions over equal parts of [0, 1].

    With F the distribution of one row of `values`, entry k is
    :math:`n \int_{k/n}^{(k+1)/n} F^{-1}(t) dt`. On a line
    :math:`W_2^2(F, G) = \int (F^{-1} - G^{-1})^2`, so by Jensen's inequality the mean
    squared difference of two rows of means is at most that. It is just that where both
    quantile functions are constant on each part, as those of m equally weighted points
    are if m divides `n_quantiles`.

    Parameters
    ----------
    values : ndarray of shape (n_rows, n_points)
        Each row is a distribution on the line.
    weights : ndarray of shape (n_points,)
        Mass of the points, the same for all rows; positive, summing to one.
    n_quantiles : int
        Number of parts.

    Returns
    -------
    means : ndarray of shape (n_rows, n_quantiles), float64
        Increasing along each row, in the unit of `values`.
    """
    values = np.asarray(values, dtype=np.float64)
    order = np.argsort(values, axis=1)
    ordered = np.take_along_axis(values, order, axis=1)
    n_points = values.shape[1]
    if n_quantiles % n_points == 0 and np.ptp(weights) <= 1e-12 / n_points:
        return np.repeat(ordered, n_quantiles // n_points, axis=1)
    # the integral of a quantile function is linear between cumulated masses; it is
    # taken from the smallest value on, since far from zero digits would be lost
    least = ordered[:, :1]
    mass = weights[order]
    areas = np.cumsum(mass * (ordered - least), axis=1)
    masses = np.cumsum(mass, axis=1)
    cuts = np.linspace(0.0, 1.0, n_quantiles + 1)
    means = np.empty((len(values), n_quantiles))
    for row in range(len(values)):
        ends = np.append(0.0, masses[row] / masses[row, -1])
        area = np.interp(cuts, ends, np.append(0.0, areas[row]))
        means[row] = least[row] + n_quantiles * np.diff(area)
    return means
