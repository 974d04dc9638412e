"""How well confidence tells right from wrong, if the unsure may be left out."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import xlog1py
from sklearn.utils import check_array

from skwass.metrics._predictions import Predictions, checked_predictions


class RiskCoverage(NamedTuple):
    """What a threshold at each confidence that occurs makes of predictions.

    Parameters
    ----------
    mass : ndarray of shape (n_levels,)
        Weight of the samples of each confidence, from the surest down.
    risk : ndarray of shape (n_levels,)
        Share of errors among those and all that are surer.
    """

    mass: NDArray[np.float64]
    risk: NDArray[np.float64]

    @property
    def coverage(self) -> NDArray[np.float64]:
        """Share of samples that are at least as sure."""
        reached = np.cumsum(self.mass)
        return np.asarray(reached / reached[-1])

    @property
    def area(self) -> float:
        """Risk, averaged over samples."""
        return float(np.average(self.risk, weights=self.mass))

    @property
    def error_rate(self) -> float:
        """Risk of answering always."""
        return float(self.risk[-1])


def area_under_risk_coverage(
    y_true: ArrayLike,
    y_proba: ArrayLike,
    *,
    confidence: ArrayLike | None = None,
    excess: bool = False,
    labels: ArrayLike | None = None,
    sample_weight: ArrayLike | None = None,
) -> float:
    r"""Share of errors among the samples at least as sure, averaged over samples.

    A classifier that may abstain answers where its confidence reaches a threshold. With
    the confidence :math:`\kappa_i` of each sample as the threshold in turn,

    .. math:: \text{AURC} = \frac1n \sum_i \text{risk}(\kappa_i), \qquad
              \text{risk}(\kappa) =
              \frac{\#\{j : \kappa_j \ge \kappa,\ \hat y_j \ne y_j\}}
                   {\#\{j : \kappa_j \ge \kappa\}} .

    Without ties it is the mean, over all coverages, of the error rate of the most
    confident. No threshold parts equal confidences, so the order of rows does not
    matter.

    Parameters
    ----------
    y_true : array-like of shape (n_samples,)
        True labels, numbers or strings.
    y_proba : array-like of shape (n_samples, n_classes) or (n_samples,)
        Predicted probabilities, one column for each label in sorted order, as from
        ``predict_proba``; or, for two classes, those of the second alone. The likeliest
        class is the prediction.
    confidence : array-like of shape (n_samples,), default=None
        How sure each prediction is, on any scale, more meaning surer; for instance the
        negative of an entropy. None takes the largest probability.
    excess : bool, default=False
        Give the E-AURC: take away what the same errors would cost at the lowest
        confidence of all, :math:`r + (1 - r) \log(1 - r)` with the error rate r. What
        is left is the fault of the ranking alone. The logarithm is the limit of many
        samples, so a perfect ranking of n samples is left with something between
        zero and :math:`r / n`.
    labels : array-like of shape (n_classes,), default=None
        Labels of the columns, sorted. Needed if y_true does not hold them all.
    sample_weight : array-like of shape (n_samples,), default=None
        Non-negative weights. A weight of two is the same as the sample twice.

    Returns
    -------
    area : float
        Between zero and one; zero is perfect. The error rate is what a confidence
        gets that is the same for all.

    Raises
    ------
    ValueError
        If probabilities are NaN, negative or do not sum to one, their columns do not
        fit the labels, y_true holds an unknown label, confidence is not finite, lengths
        differ, or weights are negative or all zero.

    References
    ----------
    - Geifman, El-Yaniv. Selective classification for deep neural networks. NeurIPS
      2017.
    - Geifman, Uziel, El-Yaniv. Bias-reduced uncertainty estimation for deep neural
      classifiers. ICLR 2019.

    Examples
    --------
    One of four is wrong, and the least sure; or not:

    >>> from skwass.metrics import area_under_risk_coverage
    >>> area_under_risk_coverage([0, 1, 1, 1], [0.1, 0.9, 0.8, 0.4])
    0.0625
    >>> area_under_risk_coverage([0, 1, 1, 1], [0.1, 0.9, 0.3, 0.6])
    0.14583333333333331
    """
    found = checked_predictions(y_true, y_proba, labels, sample_weight)
    curve = risk_coverage(found, confidence)
    if not excess:
        return curve.area
    rate = curve.error_rate
    return curve.area - (rate + float(xlog1py(1 - rate, -rate)))


def risk_coverage(
    found: Predictions, confidence: ArrayLike | None = None
) -> RiskCoverage:
    """Risk at every coverage.

    Parameters
    ----------
    found : Predictions
        Checked predictions.
    confidence : array-like of shape (n_samples,), default=None
        How sure each is, of all samples that came in; None is the largest probability.
    """
    surety = (
        found.confidence
        if confidence is None
        else _checked_confidence(confidence, len(found.counted))[found.counted]
    )
    # from the surest down; the samples of one confidence come in together
    levels, places = np.unique(-surety, return_inverse=True)
    mass, wrong = (
        np.bincount(places, weights=weights, minlength=len(levels)).astype(np.float64)
        for weights in (found.weights, found.weights * ~found.correct)
    )
    return RiskCoverage(mass, np.cumsum(wrong) / np.cumsum(mass))


def _checked_confidence(confidence: ArrayLike, n_samples: int) -> NDArray[np.float64]:
    surety = check_array(
        confidence, ensure_2d=False, dtype=np.float64, input_name="confidence"
    )
    if surety.shape != (n_samples,):
        raise ValueError(
            f"confidence must be of shape ({n_samples},), one number a sample; got "
            f"shape {surety.shape}."
        )
    return surety
