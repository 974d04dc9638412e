"""Figures that compare distances of an embedding with the distances it stands for."""

from __future__ import annotations

import warnings

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.exceptions import UndefinedMetricWarning
from sklearn.utils import check_array, check_consistent_length


def distance_correlation(distances: ArrayLike, embedded: ArrayLike) -> float:
    """Pearson correlation between squared distances: one is perfect.

    Scale and offset do not matter. Squared distances are what transport solves and
    what the Wormhole paper (arXiv:2404.09411) reports.

    Parameters
    ----------
    distances : array-like of shape (n_pairs,)
        True distances, not squared.
    embedded : array-like of shape (n_pairs,)
        Distances of the embedding for the same pairs, not squared.

    Returns
    -------
    correlation : float
        Between -1 and 1; NaN, with a warning, if there are fewer than two pairs or
        either side does not vary.

    Raises
    ------
    ValueError
        If lengths differ, or a distance is negative or not finite.

    Examples
    --------
    >>> from skwass.metrics import distance_correlation
    >>> round(distance_correlation([1.0, 2.0, 3.0], [2.0, 4.0, 6.0]), 6)
    1.0
    """
    # in units of the largest, so that no square overflows or vanishes
    squares, others = (
        np.square(values / (values.max() or 1.0))
        for values in checked_pairs(distances, embedded)
    )
    if len(squares) < 2 or np.ptp(squares) == 0 or np.ptp(others) == 0:
        warnings.warn(
            "The correlation of distances is undefined: it needs two pairs or more, "
            "and distances that differ.",
            UndefinedMetricWarning,
            stacklevel=2,
        )
        return float("nan")
    return float(np.corrcoef(squares, others)[0, 1])


def relative_error(distances: ArrayLike, embedded: ArrayLike) -> float:
    """Mean of ``|embedded - true| / true`` over pairs with a positive true distance.

    Parameters
    ----------
    distances : array-like of shape (n_pairs,)
        True distances, not squared.
    embedded : array-like of shape (n_pairs,)
        Distances of the embedding for the same pairs, not squared.

    Returns
    -------
    error : float
        Zero is perfect; .05 means five per cent off on average. NaN, with a warning, if
        no true distance is positive.

    Raises
    ------
    ValueError
        If lengths differ, or a distance is negative or not finite.

    Examples
    --------
    >>> from skwass.metrics import relative_error
    >>> relative_error([1.0, 2.0], [1.5, 2.0])
    0.25
    """
    true, other = checked_pairs(distances, embedded)
    positive = true > 0
    if not positive.any():
        warnings.warn(
            "The relative error is undefined: all true distances are zero.",
            UndefinedMetricWarning,
            stacklevel=2,
        )
        return float("nan")
    return float(np.mean(np.abs(other - true)[positive] / true[positive]))


def stress(
    distances: ArrayLike, embedded: ArrayLike, *, normalized: bool = False
) -> float:
    r"""Raw stress, or stress-1, of an embedding.

    Raw stress is :math:`\sum_{i<j} (\|z_i - z_j\| - \delta_{ij})^2`. Kruskal's stress-1
    is the root of it over :math:`\sum_{i<j} \|z_i - z_j\|^2`. Both are those of
    scikit-learn's `MDS`.

    Parameters
    ----------
    distances : array-like of shape (n_pairs,)
        True distances, not squared, each pair once.
    embedded : array-like of shape (n_pairs,)
        Distances of the embedding for the same pairs, not squared.
    normalized : bool, default=False
        Give stress-1, which has no unit: .025 is excellent, .1 fair, .2 poor.

    Returns
    -------
    stress : float
        In squared units of the distances, or without unit. Zero is perfect. Stress-1 is
        NaN, with a warning, if no embedded distance is positive.

    Raises
    ------
    ValueError
        If lengths differ, or a distance is negative or not finite.

    Examples
    --------
    >>> from skwass.metrics import stress
    >>> stress([3.0, 4.0], [3.0, 4.5])
    0.25
    >>> stress([3.0, 3.5], [3.0, 4.0], normalized=True)
    0.1
    """
    true, other = checked_pairs(distances, embedded)
    if not normalized:
        return float(np.sum((other - true) ** 2))
    unit = other.max()
    if unit == 0:
        warnings.warn(
            "Stress-1 is undefined: all embedded distances are zero.",
            UndefinedMetricWarning,
            stacklevel=2,
        )
        return float("nan")
    return float(np.linalg.norm((other - true) / unit) / np.linalg.norm(other / unit))


def checked_pairs(
    distances: ArrayLike, embedded: ArrayLike
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Both sides as arrays of shape (n_pairs,), or an error that says what is wrong."""
    check_consistent_length(distances, embedded)
    true, other = (
        check_array(values, ensure_2d=False, dtype=np.float64, input_name=name)
        for values, name in ((distances, "distances"), (embedded, "embedded"))
    )
    for values, name in ((true, "distances"), (other, "embedded")):
        if values.ndim != 1 or (values < 0).any():
            raise ValueError(
                f"{name} must be non-negative and of shape (n_pairs,); got shape "
                f"{values.shape}."
            )
    return true, other
