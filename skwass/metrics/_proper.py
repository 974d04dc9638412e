"""Proper scores: in expectation, the true probabilities and no others are best."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from skwass.metrics._predictions import checked_predictions


def negative_log_likelihood(
    y_true: ArrayLike,
    y_proba: ArrayLike,
    *,
    labels: ArrayLike | None = None,
    sample_weight: ArrayLike | None = None,
) -> float:
    r"""Mean of :math:`-\log p(y)`, in nats.

    It is scikit-learn's :func:`~sklearn.metrics.log_loss`, also in its clipping:
    probabilities are kept off zero and one by the rounding of the type they come in,
    so that a class held impossible costs 15.9 in float32 and 36.0 in float64. Unlike
    there, rows that do not sum to one are an error.

    Parameters
    ----------
    y_true : array-like of shape (n_samples,)
        True labels, numbers or strings.
    y_proba : array-like of shape (n_samples, n_classes) or (n_samples,)
        Predicted probabilities, one column for each label in sorted order, as from
        ``predict_proba``; or, for two classes, those of the second alone. float32 or
        float64.
    labels : array-like of shape (n_classes,), default=None
        Labels of the columns, sorted. Needed if y_true does not hold them all.
    sample_weight : array-like of shape (n_samples,), default=None
        Non-negative weights. A weight of two is the same as the sample twice.

    Returns
    -------
    loss : float
        Zero is perfect; the logarithm of the number of classes is what equal
        probabilities get.

    Raises
    ------
    ValueError
        If probabilities are NaN, negative or do not sum to one, their columns do not
        fit the labels, y_true holds an unknown label, lengths differ, or weights are
        negative or all zero.

    Examples
    --------
    >>> from skwass.metrics import negative_log_likelihood
    >>> round(negative_log_likelihood(["no", "yes"], [[0.5, 0.5], [0.2, 0.8]]), 6)
    0.458145
    """
    found = checked_predictions(y_true, y_proba, labels, sample_weight)
    likelihood = found.proba[np.arange(len(found.classes)), found.classes]
    losses = -np.log(likelihood.clip(found.eps, 1 - found.eps))
    return float(np.average(losses, weights=found.weights))


def brier_score(
    y_true: ArrayLike,
    y_proba: ArrayLike,
    *,
    scale_by_half: bool = False,
    labels: ArrayLike | None = None,
    sample_weight: ArrayLike | None = None,
) -> float:
    r"""Mean squared distance of the probabilities from the truth.

    The squares are summed over all classes, as Brier did,

    .. math:: \frac1n \sum_i \sum_k \left(p_{ik} - [y_i = k]\right)^2 ,

    also for two. scikit-learn's :func:`~sklearn.metrics.brier_score_loss` gives half of
    it for two classes, and the same for more (from version 1.7 on).

    Parameters
    ----------
    y_true : array-like of shape (n_samples,)
        True labels, numbers or strings.
    y_proba : array-like of shape (n_samples, n_classes) or (n_samples,)
        Predicted probabilities, one column for each label in sorted order, as from
        ``predict_proba``; or, for two classes, those of the second alone. Computed in
        float64.
    scale_by_half : bool, default=False
        Give half of it, which lies between zero and one.
    labels : array-like of shape (n_classes,), default=None
        Labels of the columns, sorted. Needed if y_true does not hold them all.
    sample_weight : array-like of shape (n_samples,), default=None
        Non-negative weights. A weight of two is the same as the sample twice.

    Returns
    -------
    score : float
        Between zero and two, or one if halved; zero is perfect.

    Raises
    ------
    ValueError
        If probabilities are NaN, negative or do not sum to one, their columns do not
        fit the labels, y_true holds an unknown label, lengths differ, or weights are
        negative or all zero.

    References
    ----------
    - Brier. Verification of forecasts expressed in terms of probability. Monthly
      Weather Review 78, 1950.

    Examples
    --------
    >>> from skwass.metrics import brier_score
    >>> y_proba = [[0.8, 0.1, 0.1], [0.2, 0.7, 0.1], [0.2, 0.2, 0.6]]
    >>> round(brier_score(["eggs", "ham", "spam"], y_proba), 6)
    0.146667
    """
    found = checked_predictions(y_true, y_proba, labels, sample_weight)
    truth = np.arange(found.proba.shape[1]) == found.classes[:, None]
    squares = ((found.proba - truth) ** 2).sum(axis=1)
    score = float(np.average(squares, weights=found.weights))
    return score / 2 if scale_by_half else score
