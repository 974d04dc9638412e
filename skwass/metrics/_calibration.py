"""How far probabilities are from how often they come true."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import ArrayLike

from skwass.metrics._bins import Bins, binned, check_binning
from skwass.metrics._predictions import Predictions, checked_predictions

NORMS = ("l1", "l2", "max")


def expected_calibration_error(
    y_true: ArrayLike,
    y_proba: ArrayLike,
    *,
    n_bins: int = 15,
    norm: str = "l1",
    strategy: str = "uniform",
    classwise: bool = False,
    labels: ArrayLike | None = None,
    sample_weight: ArrayLike | None = None,
) -> float:
    r"""Gap between confidence and accuracy, over bins of confidence.

    The confidence of a sample is its largest probability, of two classes as of many.
    With the samples sorted into bins :math:`B_b` by confidence,

    .. math:: \text{ECE} = \sum_b \frac{|B_b|}{n}
              \left|\text{acc}(B_b) - \text{conf}(B_b)\right| .

    The whole set is taken at once. An error averaged over batches would be another, and
    as a rule a larger one.

    Parameters
    ----------
    y_true : array-like of shape (n_samples,)
        True labels, numbers or strings.
    y_proba : array-like of shape (n_samples, n_classes) or (n_samples,)
        Predicted probabilities, one column for each label in sorted order, as from
        ``predict_proba``; or, for two classes, those of the second alone. Computed in
        float64, whatever comes in.
    n_bins : int, default=15
        How many bins, as in the paper of Guo et al.; fewer for a few hundred samples,
        where the noise of many bins counts as error.
    norm : {"l1", "l2", "max"}, default="l1"
        The mean of absolute gaps, the root of the mean of squared gaps, or the largest
        gap of any bin, whatever its mass.
    strategy : {"uniform", "quantile"}, default="uniform"
        Bins of equal width between zero and one, or of equal mass. A confidence on an
        edge belongs to the bin below. Equal confidences are never parted, so there may
        be fewer bins of equal mass.
    classwise : bool, default=False
        Bin the probabilities of each class by themselves, likely or not, and compare
        with how often the class occurs. The mean is over classes and bins; with
        ``norm="max"`` the largest gap of all classes counts.
    labels : array-like of shape (n_classes,), default=None
        Labels of the columns, sorted. Needed if y_true does not hold them all.
    sample_weight : array-like of shape (n_samples,), default=None
        Non-negative weights. A weight of two is the same as the sample twice.

    Returns
    -------
    error : float
        Between zero and one; zero is perfect.

    Raises
    ------
    ValueError
        If probabilities are NaN, negative or do not sum to one, their columns do not
        fit the labels, y_true holds an unknown label, lengths differ, weights are
        negative or all zero, or norm, strategy or n_bins is none.
    TypeError
        If n_bins is no integer.

    See Also
    --------
    skwass.plotting.ReliabilityDisplay : The bins as a picture.

    Notes
    -----
    Bins of a small sample show a gap even if the probabilities are right, so compare
    errors only of sets of the same size. A forecast that gives every sample the base
    rates has no calibration error; look at a proper score as well
    (:func:`negative_log_likelihood`, :func:`brier_score`).

    References
    ----------
    - Naeini, Cooper, Hauskrecht. Obtaining well calibrated probabilities using Bayesian
      binning. AAAI 2015.
    - Guo, Pleiss, Sun, Weinberger. On calibration of modern neural networks. ICML 2017.

    Examples
    --------
    Three of four are right, at a confidence of .9:

    >>> from skwass.metrics import expected_calibration_error
    >>> y_true = ["cat", "dog", "cat", "dog"]
    >>> y_proba = [[0.9, 0.1], [0.1, 0.9], [0.9, 0.1], [0.9, 0.1]]
    >>> round(expected_calibration_error(y_true, y_proba), 6)
    0.15
    """
    check_binning(n_bins, strategy)
    if norm not in NORMS:
        raise ValueError(f"norm must be one of {NORMS}; got {norm!r}.")
    found = checked_predictions(y_true, y_proba, labels, sample_weight)
    rows = _by_class if classwise else _by_confidence
    gaps, masses = zip(
        *(
            (np.abs(bins.observed - bins.predicted), bins.mass)
            for bins in rows(found, n_bins, strategy)
        ),
        strict=True,
    )
    gap, mass = np.concatenate(gaps), np.concatenate(masses) / len(masses)
    if norm == "max":
        return float(gap.max())
    if norm == "l2":
        return float(np.sqrt(mass @ gap**2))
    return float(mass @ gap)


def maximum_calibration_error(
    y_true: ArrayLike,
    y_proba: ArrayLike,
    *,
    n_bins: int = 15,
    strategy: str = "uniform",
    classwise: bool = False,
    labels: ArrayLike | None = None,
    sample_weight: ArrayLike | None = None,
) -> float:
    r"""Largest gap between confidence and accuracy in any bin of confidence.

    It is :func:`expected_calibration_error` with ``norm="max"``,
    :math:`\max_b |\text{acc}(B_b) - \text{conf}(B_b)|`. A bin of one sample counts like
    one of a thousand; ``strategy="quantile"`` makes bins of equal mass.

    Parameters
    ----------
    y_true : array-like of shape (n_samples,)
        True labels, numbers or strings.
    y_proba : array-like of shape (n_samples, n_classes) or (n_samples,)
        Predicted probabilities, as for :func:`expected_calibration_error`.
    n_bins : int, default=15
        How many bins.
    strategy : {"uniform", "quantile"}, default="uniform"
        Bins of equal width, or of equal mass.
    classwise : bool, default=False
        Look at the probabilities of each class by themselves.
    labels : array-like of shape (n_classes,), default=None
        Labels of the columns, sorted. Needed if y_true does not hold them all.
    sample_weight : array-like of shape (n_samples,), default=None
        Non-negative weights. A weight of two is the same as the sample twice.

    Returns
    -------
    error : float
        Between zero and one; zero is perfect.

    Raises
    ------
    ValueError, TypeError
        As :func:`expected_calibration_error`.

    References
    ----------
    - Naeini, Cooper, Hauskrecht. Obtaining well calibrated probabilities using Bayesian
      binning. AAAI 2015.

    Examples
    --------
    >>> from skwass.metrics import maximum_calibration_error
    >>> round(maximum_calibration_error([0, 1, 1], [0.1, 0.9, 0.2]), 6)
    0.8
    """
    return expected_calibration_error(
        y_true,
        y_proba,
        n_bins=n_bins,
        norm="max",
        strategy=strategy,
        classwise=classwise,
        labels=labels,
        sample_weight=sample_weight,
    )


def adaptive_calibration_error(
    y_true: ArrayLike,
    y_proba: ArrayLike,
    *,
    n_bins: int = 15,
    norm: str = "l1",
    classwise: bool = False,
    labels: ArrayLike | None = None,
    sample_weight: ArrayLike | None = None,
) -> float:
    """Gap between confidence and accuracy, over bins of equal mass.

    It is :func:`expected_calibration_error` with ``strategy="quantile"``. Networks are
    sure of most samples, so that most bins of equal width are nearly empty; here each
    tells of as many samples. The ACE of Nixon et al. bins each class by itself, which
    is ``classwise=True``.

    Parameters
    ----------
    y_true : array-like of shape (n_samples,)
        True labels, numbers or strings.
    y_proba : array-like of shape (n_samples, n_classes) or (n_samples,)
        Predicted probabilities, as for :func:`expected_calibration_error`.
    n_bins : int, default=15
        How many bins, at most.
    norm : {"l1", "l2", "max"}, default="l1"
        The mean of absolute gaps, the root of the mean of squared gaps, or the largest.
    classwise : bool, default=False
        Look at the probabilities of each class by themselves.
    labels : array-like of shape (n_classes,), default=None
        Labels of the columns, sorted. Needed if y_true does not hold them all.
    sample_weight : array-like of shape (n_samples,), default=None
        Non-negative weights. A weight of two is the same as the sample twice.

    Returns
    -------
    error : float
        Between zero and one; zero is perfect.

    Raises
    ------
    ValueError, TypeError
        As :func:`expected_calibration_error`.

    References
    ----------
    - Nixon, Dusenberry, Zhang, Jerfel, Tran. Measuring calibration in deep learning.
      CVPR workshops 2019.

    Examples
    --------
    >>> from skwass.metrics import adaptive_calibration_error
    >>> y_proba = [0.1, 0.2, 0.8, 0.9]
    >>> round(adaptive_calibration_error([0, 1, 1, 1], y_proba, n_bins=2), 6)
    0.2
    """
    return expected_calibration_error(
        y_true,
        y_proba,
        n_bins=n_bins,
        norm=norm,
        strategy="quantile",
        classwise=classwise,
        labels=labels,
        sample_weight=sample_weight,
    )


def classwise_calibration_error(
    y_true: ArrayLike,
    y_proba: ArrayLike,
    *,
    n_bins: int = 15,
    norm: str = "l1",
    strategy: str = "uniform",
    labels: ArrayLike | None = None,
    sample_weight: ArrayLike | None = None,
) -> float:
    r"""Gap between the probability of a class and its frequency, over classes and bins.

    It is :func:`expected_calibration_error` with ``classwise=True``. With the samples
    sorted into bins :math:`B_{kb}` by their probability :math:`p_k` of class k,

    .. math:: \frac1K \sum_k \sum_b \frac{|B_{kb}|}{n}
              \left|\text{freq}_k(B_{kb}) - \overline{p_k}(B_{kb})\right| .

    Unlike the error of the confidence it sees probabilities that are wrong in classes
    other than the likeliest.

    Parameters
    ----------
    y_true : array-like of shape (n_samples,)
        True labels, numbers or strings.
    y_proba : array-like of shape (n_samples, n_classes) or (n_samples,)
        Predicted probabilities, as for :func:`expected_calibration_error`.
    n_bins : int, default=15
        How many bins for each class.
    norm : {"l1", "l2", "max"}, default="l1"
        The mean of absolute gaps, the root of the mean of squared gaps, or the largest.
    strategy : {"uniform", "quantile"}, default="uniform"
        Bins of equal width, or of equal mass.
    labels : array-like of shape (n_classes,), default=None
        Labels of the columns, sorted. Needed if y_true does not hold them all.
    sample_weight : array-like of shape (n_samples,), default=None
        Non-negative weights. A weight of two is the same as the sample twice.

    Returns
    -------
    error : float
        Between zero and one; zero is perfect. It falls with the number of classes, as
        most probabilities of many classes are small.

    Raises
    ------
    ValueError, TypeError
        As :func:`expected_calibration_error`.

    References
    ----------
    - Kull, Perello-Nieto, Kängsepp, Silva Filho, Song, Flach. Beyond temperature
      scaling: obtaining well-calibrated multi-class probabilities with Dirichlet
      calibration. NeurIPS 2019.
    - Nixon, Dusenberry, Zhang, Jerfel, Tran. Measuring calibration in deep learning.
      CVPR workshops 2019.

    Examples
    --------
    >>> from skwass.metrics import classwise_calibration_error
    >>> y_proba = [[0.6, 0.2, 0.2], [0.6, 0.2, 0.2]]
    >>> error = classwise_calibration_error(["a", "b"], y_proba, labels=["a", "b", "c"])
    >>> round(error, 6)
    0.2
    """
    return expected_calibration_error(
        y_true,
        y_proba,
        n_bins=n_bins,
        norm=norm,
        strategy=strategy,
        classwise=True,
        labels=labels,
        sample_weight=sample_weight,
    )


def _by_confidence(found: Predictions, n_bins: int, strategy: str) -> Iterator[Bins]:
    yield binned(
        found.confidence,
        found.correct,
        found.weights,
        n_bins=n_bins,
        strategy=strategy,
    )


def _by_class(found: Predictions, n_bins: int, strategy: str) -> Iterator[Bins]:
    for number, column in enumerate(found.proba.T):
        yield binned(
            column,
            found.classes == number,
            found.weights,
            n_bins=n_bins,
            strategy=strategy,
        )
