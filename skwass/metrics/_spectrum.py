"""In how many directions representations spread, and how evenly."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import eigvalsh
from scipy.special import entr

from skwass.metrics._representations import checked_representation

#: eigenvalues below this share of the largest are rounding
_ROUNDING = 8 * np.finfo(np.float64).eps


def singular_spectrum(Z: Any, *, normalize: bool = True) -> NDArray[np.float64]:
    r"""Singular values of the centred representations; all are one if uniform.

    They are in units of :math:`\sqrt{n/m}`, for n samples of m features, so that
    :func:`wasserstein_uniformity` is :math:`\sqrt{2 - 2 \bar s}` with their mean
    :math:`\bar s`, rows being of length one.

    Parameters
    ----------
    Z : array-like of shape (n_samples, n_features)
        Representations: an array, a torch tensor, a frame.
    normalize : bool, default=True
        Scale rows to length one first.

    Returns
    -------
    values : ndarray of shape (n_features,), float64
        In descending order; zeros stand for directions that n samples cannot have.

    Raises
    ------
    ValueError
        As :func:`wasserstein_uniformity` does.

    Examples
    --------
    >>> from skwass.metrics import singular_spectrum
    >>> singular_spectrum([[1, 0], [0, 1], [-1, 0], [0, -1]])
    array([1., 1.])
    """
    return spectrum_of_rows(checked_representation(Z, normalize=normalize))


def effective_rank(Z: Any, *, normalize: bool = True) -> float:
    r"""Number of directions in which representations spread.

    .. math:: \exp\Big(-\sum_k p_k \log p_k\Big), \qquad
              p_k = \frac{s_k}{\sum_l s_l},

    with the singular values :math:`s_k` of the centred matrix [1]_. It does not see
    how far representations spread, only how evenly: a small cloud around one point may
    have full rank. :func:`wasserstein_uniformity` sees that.

    Parameters
    ----------
    Z : array-like of shape (n_samples, n_features)
        Representations: an array, a torch tensor, a frame.
    normalize : bool, default=True
        Scale rows to length one first.

    Returns
    -------
    rank : float
        Between one and the number of features, or of samples less one; zero if all
        representations are the same.

    Raises
    ------
    ValueError
        As :func:`wasserstein_uniformity` does.

    References
    ----------
    .. [1] Roy, Vetterli. The effective rank: a measure of effective dimensionality.
       EUSIPCO 2007.

    Examples
    --------
    >>> from skwass.metrics import effective_rank
    >>> round(effective_rank([[1, 0, 0], [0, 1, 0], [-1, 0, 0], [0, -1, 0]]), 6)
    2.0
    """
    return rank_of_spectrum(singular_spectrum(Z, normalize=normalize))


def rank_of_spectrum(values: NDArray[np.float64]) -> float:
    """Exponential of the entropy of singular values; zero if there are none."""
    total = values.sum()
    return float(np.exp(entr(values / total).sum())) if total > 0 else 0.0


def spectrum_of_rows(rows: NDArray[np.float64]) -> NDArray[np.float64]:
    """As `singular_spectrum`, of rows as they are."""
    n_samples, n_features = rows.shape
    centred = rows - rows.mean(axis=0)
    # so that no square overflows or vanishes
    unit = np.abs(centred).max() or 1.0
    centred /= unit
    gram = centred @ centred.T if n_samples < n_features else centred.T @ centred
    return spectrum_of_moments(gram * (n_features / n_samples), n_features) * unit


def spectrum_of_moments(
    moments: NDArray[np.float64], n_features: int
) -> NDArray[np.float64]:
    """Roots of eigenvalues, in descending order, with zeros for what is missing."""
    values = eigvalsh(moments)[::-1]
    # what rounding leaves of a zero would be 1e-8 after the root
    values = np.where(values > _ROUNDING * values[0], values, 0.0)
    spectrum = np.zeros(n_features)
    spectrum[: len(values)] = np.sqrt(values)
    return spectrum
