"""Scorer of how well an estimator tells samples that it should not know."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.pipeline import Pipeline

from skwass.metrics._out_of_distribution import (
    checked_scores,
    detection_error,
    false_positive_rate_at_95,
    ood_aupr,
    ood_auroc,
)

#: figures by the name of their score: the function, and minus one if less is better
_FIGURES: dict[str, tuple[Callable[[Any, Any], float], int]] = {
    "ood_auroc": (ood_auroc, 1),
    "ood_aupr": (ood_aupr, 1),
    "neg_false_positive_rate_at_95": (false_positive_rate_at_95, -1),
    "neg_detection_error": (detection_error, -1),
}


class OODScorer:
    """Scorer of how well an estimator tells other samples from those it is scored on.

    The samples that are handed to the scorer, as a rule a fold that was held out, count
    as known, and `X_out` as out of distribution. Give it as ``scoring`` to a search or
    a cross-validation, by itself or in a dictionary with others. Labels are not looked
    at.

    How far out a sample is, the estimator says: by ``ood_score`` if it has one; else a
    classifier by one minus its largest probability; else, as scikit-learn's detectors
    of outliers do, by the negative of ``score_samples``.

    Parameters
    ----------
    X_out : array-like
        Samples out of distribution, of the form that the estimator takes.
    metric : str or sequence of str, default="ood_auroc"
        What to score: ``"ood_auroc"``, ``"ood_aupr"``,
        ``"neg_false_positive_rate_at_95"`` or ``"neg_detection_error"``. Several give a
        dictionary of scores for one prediction, which scikit-learn takes as well.
    method : str, default=None
        Handed to ``ood_score(X, method=...)``. None takes the estimator's own default.

    Raises
    ------
    ValueError
        If a metric is none of these, or there is none.

    See Also
    --------
    skwass.metrics.ood_auroc : What is scored; the other figures stand beside it.
    MeanCorruptionErrorScorer : The same for samples that are known, but spoilt.

    Notes
    -----
    What was chosen by samples of one kind need not see those of another. Choose by one
    set, and report another.

    In a :class:`~sklearn.pipeline.Pipeline` that ends in an estimator with
    ``ood_score``, and in a search over one, the samples go through the steps before it.

    Examples
    --------
    Digits from zero to seven are known; eights and nines are not:

    >>> from sklearn.datasets import load_digits
    >>> from sklearn.linear_model import LogisticRegression
    >>> from sklearn.model_selection import GridSearchCV
    >>> from skwass.metrics import OODScorer
    >>> X, y = load_digits(return_X_y=True)
    >>> scorer = OODScorer(X[y > 7] / 16)
    >>> scorer
    OODScorer(X_out of shape (354, 64), metric='ood_auroc')
    >>> search = GridSearchCV(
    ...     LogisticRegression(), {"C": [1e-4, 1.0]}, scoring=scorer
    ... ).fit(X[y < 8] / 16, y[y < 8])
    >>> search.best_params_
    {'C': 1.0}
    """

    def __init__(
        self,
        X_out: Any,
        *,
        metric: str | Sequence[str] = "ood_auroc",
        method: str | None = None,
    ) -> None:
        names = [metric] if isinstance(metric, str) else list(metric)
        unknown = [name for name in names if name not in _FIGURES]
        if unknown or not names:
            raise ValueError(
                f"metric must be one of {sorted(_FIGURES)}, or several of them; got "
                f"{metric!r}."
            )
        self.X_out, self.metric, self.method = X_out, metric, method

    def __call__(
        self, estimator: Any, X: Any, y: Any = None
    ) -> float | dict[str, float]:
        """Score a fitted estimator.

        Parameters
        ----------
        estimator : object
            Fitted, with ``ood_score``, ``predict_proba`` or ``score_samples``.
        X : array-like
            Samples that it should know.
        y : None
            Not used.

        Returns
        -------
        score : float or dict of str to float
            Higher is better. A dictionary if `metric` names several.

        Raises
        ------
        AttributeError
            If the estimator has none of the three, or `method` is given and it has no
            ``ood_score``.
        ValueError
            If its scores are not finite, or not one a sample.
        """
        scores_in, scores_out = (
            _checked(estimator, samples, self.method, name)
            for samples, name in ((X, "X"), (self.X_out, "X_out"))
        )
        names = [self.metric] if isinstance(self.metric, str) else self.metric
        found = {
            name: sign * figure(scores_in, scores_out)
            for name in names
            for figure, sign in [_FIGURES[name]]
        }
        return found[self.metric] if isinstance(self.metric, str) else found

    def __repr__(self) -> str:
        method = "" if self.method is None else f", method={self.method!r}"
        return f"OODScorer(X_out {_size(self.X_out)}, metric={self.metric!r}{method})"


def ood_scores(estimator: Any, X: Any, method: str | None = None) -> Any:
    """How far out of distribution a fitted estimator holds samples to be.

    Raises
    ------
    AttributeError
        If it cannot say.
    """
    inner, steps = _unwrapped(estimator)
    if hasattr(inner, "ood_score"):
        for step in steps:
            X = step.transform(X)
        return (
            inner.ood_score(X) if method is None else inner.ood_score(X, method=method)
        )
    kind = type(estimator).__name__
    if method is not None:
        raise AttributeError(
            f"method={method!r} is for an estimator with ood_score, which {kind} has "
            "not."
        )
    if hasattr(estimator, "predict_proba"):
        proba = np.asarray(estimator.predict_proba(X))
        if proba.ndim != 2:
            raise ValueError(
                f"{kind}.predict_proba must give shape (n_samples, n_classes); got "
                f"{proba.shape}."
            )
        return 1 - proba.max(axis=1)
    if hasattr(estimator, "score_samples"):
        return -np.asarray(estimator.score_samples(X))
    raise AttributeError(
        f"{kind} has no ood_score, predict_proba or score_samples, and so cannot say "
        "how far out a sample is."
    )


def _unwrapped(estimator: Any) -> tuple[Any, list[Any]]:
    """What a search or a pipeline holds inside, and the steps that come before it."""
    steps: list[Any] = []
    while not hasattr(estimator, "ood_score"):
        if hasattr(estimator, "best_estimator_"):
            estimator = estimator.best_estimator_
        elif isinstance(estimator, Pipeline):
            steps += [estimator[:-1]] if len(estimator) > 1 else []
            estimator = estimator[-1]
        else:
            break
    return estimator, steps


def _checked(
    estimator: Any, X: Any, method: str | None, name: str
) -> NDArray[np.float64]:
    scores = checked_scores(
        ood_scores(estimator, X, method),
        f"What {type(estimator).__name__} says of {name}",
    )
    n_samples = X.shape[0] if hasattr(X, "shape") else len(X)
    if len(scores) != n_samples:
        raise ValueError(
            f"{type(estimator).__name__} must give one score for each of the "
            f"{n_samples} samples of {name}; got {len(scores)}."
        )
    return scores


def _size(X: Any) -> str:
    shape = getattr(X, "shape", None)
    return f"of {len(X)} samples" if shape is None else f"of shape {tuple(shape)}"
