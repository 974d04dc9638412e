"""Distributions on a line, told by the means of their quantile functions."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from skwass.transport._simplex import Array

_ROWS_AT_ONCE = 64  # more would cost digits, as their stretches lie far from zero


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
    areas = _from_zero(np.cumsum(mass * (ordered - least), axis=1))
    ends = _from_zero(np.cumsum(mass, axis=1))
    ends /= ends[:, -1:]
    cuts = np.linspace(0.0, 1.0, n_quantiles + 1)
    means = np.empty((len(values), n_quantiles))
    for start in range(0, len(values), _ROWS_AT_ONCE):
        rows = slice(start, start + _ROWS_AT_ONCE)
        # one call for all of them, each on a stretch of the line of its own
        apart = 2.0 * np.arange(len(ends[rows]))[:, None]
        places, nodes = (cuts + apart).ravel(), (ends[rows] + apart).ravel()
        area = np.interp(places, nodes, areas[rows].ravel()).reshape(len(apart), -1)
        means[rows] = least[rows] + n_quantiles * (area[:, 1:] - area[:, :-1])
    return means


def _from_zero(sums: Array) -> Array:
    # np.pad takes as long as all the rest
    begun = np.zeros((sums.shape[0], sums.shape[1] + 1))
    begun[:, 1:] = sums
    return begun
