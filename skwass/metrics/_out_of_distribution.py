"""How well a score tells samples of another distribution from known ones."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.metrics import average_precision_score, roc_auc_score, roc_curve

from skwass.metrics._representations import on_the_cpu

_POSITIVES = ("out", "in")
_DETECTED = 0.95


def ood_auroc(scores_in: ArrayLike, scores_out: ArrayLike) -> float:
    r"""Chance that a sample out of distribution has the higher score of a random pair.

    The area under the ROC curve, with a tie counted as half,

    .. math:: \text{AUROC} = P(s_\text{out} > s_\text{in})
              + \tfrac12 P(s_\text{out} = s_\text{in}) .

    It is the same whichever side is called positive, and does not depend on how many
    samples each side has.

    Parameters
    ----------
    scores_in : array-like of shape (n_samples_in,)
        Scores of samples from the known distribution. Higher means farther out.
    scores_out : array-like of shape (n_samples_out,)
        Scores of samples from another one.

    Returns
    -------
    area : float
        One is perfect, a half is chance; less than that, and the score points the wrong
        way.

    Raises
    ------
    ValueError
        If a side is empty, is not of one dimension, or is NaN or infinite.

    References
    ----------
    - Hendrycks, Gimpel. A baseline for detecting misclassified and out-of-distribution
      examples in neural networks. ICLR 2017.

    Examples
    --------
    >>> from skwass.metrics import ood_auroc
    >>> ood_auroc([0.1, 0.2, 0.4], [0.3, 0.5])
    0.8333333333333334
    """
    return float(roc_auc_score(*_labelled(scores_in, scores_out, "out")))


def ood_aupr(
    scores_in: ArrayLike, scores_out: ArrayLike, *, positive: str = "out"
) -> float:
    r"""Average precision: the mean of the precision wherever a positive is found.

    With precision :math:`P_t` and recall :math:`R_t` at the thresholds t, from the
    strictest on,

    .. math:: \text{AUPR} = \sum_t (R_t - R_{t-1}) P_t ,

    scikit-learn's :func:`~sklearn.metrics.average_precision_score`. Equal scores are
    found together. Unlike the AUROC it depends on how many samples each side has:
    compare figures of the same sets.

    Parameters
    ----------
    scores_in : array-like of shape (n_samples_in,)
        Scores of samples from the known distribution. Higher means farther out.
    scores_out : array-like of shape (n_samples_out,)
        Scores of samples from another one.
    positive : {"out", "in"}, default="out"
        What is looked for: samples out of distribution, by a high score, or those of
        the known one, by a low score. Papers call them AUPR-Out and AUPR-In.

    Returns
    -------
    area : float
        One is perfect; the share of positives is chance.

    Raises
    ------
    ValueError
        If a side is empty, is not of one dimension, or is NaN or infinite, or positive
        is another word.

    References
    ----------
    - Hendrycks, Gimpel. A baseline for detecting misclassified and out-of-distribution
      examples in neural networks. ICLR 2017.

    Examples
    --------
    >>> from skwass.metrics import ood_aupr
    >>> ood_aupr([0.1, 0.2, 0.4], [0.3, 0.5])
    0.8333333333333333
    >>> ood_aupr([0.1, 0.2, 0.4], [0.3, 0.5], positive="in")
    0.9166666666666665
    """
    return float(average_precision_score(*_labelled(scores_in, scores_out, positive)))


def false_positive_rate_at_95(
    scores_in: ArrayLike, scores_out: ArrayLike, *, positive: str = "out"
) -> float:
    r"""Share of false alarms at the threshold that finds 95 % of what is looked for.

    By default samples out of distribution are looked for (positive), as in Hendrycks et
    al. 2019: which share of the known samples is taken for unknown, when the threshold
    is low enough to find 95 % of the unknown,

    .. math:: \text{FPR}_{95} = \min_t \Big\{ P(s_\text{in} \ge t) :
              P(s_\text{out} \ge t) \ge .95 \Big\} .

    Liang et al. 2018 look for the known samples instead, and ask which share of the
    unknown is missed when 95 % of the known are kept; that is ``positive="in"``. The
    two figures differ, and papers give either under the same name.

    Parameters
    ----------
    scores_in : array-like of shape (n_samples_in,)
        Scores of samples from the known distribution. Higher means farther out.
    scores_out : array-like of shape (n_samples_out,)
        Scores of samples from another one.
    positive : {"out", "in"}, default="out"
        What is looked for: samples out of distribution, by a high score, or those of
        the known one, by a low score.

    Returns
    -------
    rate : float
        Zero is perfect; about .95 is chance.

    Raises
    ------
    ValueError
        If a side is empty, is not of one dimension, or is NaN or infinite, or positive
        is another word.

    Notes
    -----
    Thresholds are the scores themselves, and equal scores stay on one side, as in
    scikit-learn's :func:`~sklearn.metrics.roc_curve`; nothing is interpolated. With
    fewer than 20 positives all of them have to be found.

    References
    ----------
    - Hendrycks, Mazeika, Dietterich. Deep anomaly detection with outlier exposure. ICLR
      2019.
    - Liang, Li, Srikant. Enhancing the reliability of out-of-distribution image
      detection in neural networks. ICLR 2018.

    Examples
    --------
    To find both unknown samples takes a threshold that one of three known ones passes:

    >>> from skwass.metrics import false_positive_rate_at_95
    >>> false_positive_rate_at_95([0.1, 0.2, 0.4], [0.3, 0.5])
    0.3333333333333333

    To keep all known ones, one of two unknown is kept with them:

    >>> false_positive_rate_at_95([0.1, 0.2, 0.4], [0.3, 0.5], positive="in")
    0.5
    """
    false, true = _rates(scores_in, scores_out, positive)
    return float(false[true >= _DETECTED][0])


def detection_error(scores_in: ArrayLike, scores_out: ArrayLike) -> float:
    r"""Error of the best threshold, if both sides are equally likely.

    .. math:: \min_t\ \tfrac12 \Big( P(s_\text{in} \ge t)
              + P(s_\text{out} < t) \Big)

    one minus the detection accuracy of Lee et al. 2018. It is the same whichever side
    is called positive, and does not depend on how many samples each side has. The
    threshold is chosen on the scores themselves, so of few samples the figure is too
    good.

    Parameters
    ----------
    scores_in : array-like of shape (n_samples_in,)
        Scores of samples from the known distribution. Higher means farther out.
    scores_out : array-like of shape (n_samples_out,)
        Scores of samples from another one.

    Returns
    -------
    error : float
        Zero is perfect, a half is chance, and nothing is worse: a threshold may also
        put all samples on one side.

    Raises
    ------
    ValueError
        If a side is empty, is not of one dimension, or is NaN or infinite.

    References
    ----------
    - Lee, Lee, Lee, Shin. A simple unified framework for detecting out-of-distribution
      samples and adversarial attacks. NeurIPS 2018.

    Examples
    --------
    >>> from skwass.metrics import detection_error
    >>> round(detection_error([0.1, 0.2, 0.4], [0.3, 0.5]), 6)
    0.166667
    """
    false, true = _rates(scores_in, scores_out, "out")
    return float((false + 1 - true).min() / 2)


def checked_scores(scores: Any, name: str) -> NDArray[np.float64]:
    """Scores of shape (n_samples,), or an error that says what is wrong with them."""
    given = np.asarray(on_the_cpu(scores))
    if given.ndim != 1:
        raise ValueError(
            f"{name} must be of shape (n_samples,), one score a sample; got shape "
            f"{given.shape}."
        )
    if not len(given):
        raise ValueError(f"{name} must hold one score or more; got none.")
    if given.dtype.kind not in "biuf":
        raise ValueError(f"{name} must hold real numbers; got dtype {given.dtype}.")
    numbers = given.astype(np.float64)
    bad = np.flatnonzero(~np.isfinite(numbers))
    if len(bad):
        raise ValueError(
            f"{name} must be finite; got {numbers[bad[0]]} at place {bad[0]}, and "
            f"{len(bad)} of {len(numbers)} such scores in all."
        )
    return numbers


def _labelled(
    scores_in: ArrayLike, scores_out: ArrayLike, positive: str
) -> tuple[NDArray[np.intp], NDArray[np.float64]]:
    """Labels, one for a positive, and scores that are higher for it."""
    if positive not in _POSITIVES:
        raise ValueError(f'positive must be "out" or "in"; got {positive!r}.')
    inside = checked_scores(scores_in, "scores_in")
    outside = checked_scores(scores_out, "scores_out")
    is_out = np.repeat([0, 1], [len(inside), len(outside)])
    scores = np.concatenate([inside, outside])
    return (is_out, scores) if positive == "out" else (1 - is_out, -scores)


def _rates(
    scores_in: ArrayLike, scores_out: ArrayLike, positive: str
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Rates of false and of true positives, both rising, at every threshold."""
    # points on a straight line would be dropped, and one of them may be that at 95 %
    labels, scores = _labelled(scores_in, scores_out, positive)
    false, true, _ = roc_curve(labels, scores, drop_intermediate=False)
    return false, true
