"""What a classifier gets wrong, if it may leave the unsure unanswered."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.utils.validation import check_is_fitted

from skwass.metrics._ood_scorers import ood_scores
from skwass.metrics._predictions import checked_predictions, with_unseen_classes
from skwass.metrics._selective import risk_coverage
from skwass.plotting._axes import axes_or_new
from skwass.plotting._risk_lines import draw_risk

if TYPE_CHECKING:
    from typing_extensions import Self

_SIZE = (6.0, 4.2)


class UncertaintyDisplay:
    r"""Error rate against coverage: the share of samples that are answered.

    The surest are answered first. If confidence tells right from wrong, a line stays
    low and rises to the error rate of all at its right end; its area is the
    :func:`~skwass.metrics.area_under_risk_coverage`. Two thin lines of its colour lie
    around it. The dotted one is a ranking at random, which leaves the error rate r as
    it is; the dashed one is the best that can be made of as many errors, with all of
    them at the end: :math:`(c - 1 + r) / c` at a coverage c above 1 − r.

    Make one with `from_estimator` or `from_predictions`, or several on the same axes
    with `from_estimators`.

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
        negative of an ``ood_score``. None takes the largest probability.
    labels : array-like of shape (n_classes,), default=None
        Labels of the columns, sorted. Needed if y_true does not hold them all.
    sample_weight : array-like of shape (n_samples,), default=None
        Non-negative weights. A weight of two is the same as the sample twice.
    name : str, default=None
        What the legend calls it.

    Attributes
    ----------
    coverage : ndarray of shape (n_levels,)
        Shares of samples at least as sure, for each confidence that occurs, ascending.
        The last is one.
    risk : ndarray of shape (n_levels,)
        Error rates of those samples.
    area : float
        The area under the line, AURC.
    error_rate : float
        Risk of answering always.
    line_ : matplotlib Line2D
        Risk against coverage: steps, since no threshold parts equal confidences.
    ideal_line_ : matplotlib Line2D
        The best ranking.
    random_line_ : matplotlib Line2D
        A ranking at random.
    ax_ : matplotlib Axes
        Where it was drawn.
    figure_ : matplotlib Figure
        The figure around it.

    Raises
    ------
    ValueError
        If probabilities are NaN, negative or do not sum to one, their columns do not
        fit the labels, y_true holds an unknown label, confidence is not finite, lengths
        differ, or weights are negative or all zero.

    See Also
    --------
    skwass.metrics.area_under_risk_coverage : The figure alone.
    ReliabilityDisplay : Whether confidence is true, not only in the right order.

    References
    ----------
    - Geifman, El-Yaniv. Selective classification for deep neural networks. NeurIPS
      2017.

    Examples
    --------
    One of four is wrong, and the least sure:

    >>> from skwass.plotting import UncertaintyDisplay
    >>> display = UncertaintyDisplay([0, 1, 1, 1], [0.1, 0.9, 0.8, 0.4]).plot()
    >>> display.coverage
    array([0.5 , 0.75, 1.  ])
    >>> display.risk
    array([0.  , 0.  , 0.25])
    """

    def __init__(
        self,
        y_true: ArrayLike,
        y_proba: ArrayLike,
        *,
        confidence: ArrayLike | None = None,
        labels: ArrayLike | None = None,
        sample_weight: ArrayLike | None = None,
        name: str | None = None,
    ) -> None:
        found = checked_predictions(y_true, y_proba, labels, sample_weight)
        self.name = name
        self._curve = curve = risk_coverage(found, confidence)
        self.coverage: NDArray[np.float64] = curve.coverage
        self.risk: NDArray[np.float64] = curve.risk
        self.area = curve.area
        self.error_rate = curve.error_rate

    @classmethod
    def from_estimator(
        cls,
        estimator: Any,
        X: Any,
        y: ArrayLike,
        *,
        method: str | None = None,
        sample_weight: ArrayLike | None = None,
        name: str | None = None,
        color: Any = None,
        ax: Any = None,
    ) -> Self:
        """Predict the probabilities of X with a fitted classifier and draw the line.

        Parameters
        ----------
        estimator : object
            A fitted classifier with ``predict_proba``, or a pipeline that ends in one.
        X : array-like
            What it predicts from; better not what it was fitted on.
        y : array-like of shape (n_samples,)
            True labels. One that was not seen in the fit has probability zero.
        method : str, default=None
            Confidence is the negative of ``estimator.ood_score(X, method=method)``;
            None takes the largest probability.
        sample_weight : array-like of shape (n_samples,), default=None
            Non-negative weights.
        name : str, default=None
            What the legend calls it; None is the name of the estimator's class, and
            of the method.
        color : color of matplotlib, default=None
            Of the lines; None is the next one of the axes.
        ax : matplotlib Axes, default=None
            Where to draw, beside what is there already; None makes a figure.

        Returns
        -------
        display : UncertaintyDisplay
            The drawn display.

        Raises
        ------
        ValueError
            As the class does.
        AttributeError
            If the estimator has no ``predict_proba``, or a method is given and it has
            no ``ood_score``.

        Examples
        --------
        >>> from sklearn.datasets import load_iris
        >>> from sklearn.linear_model import LogisticRegression
        >>> from skwass.plotting import UncertaintyDisplay
        >>> X, y = load_iris(return_X_y=True)
        >>> classifier = LogisticRegression(max_iter=1000).fit(X[::2], y[::2])
        >>> display = UncertaintyDisplay.from_estimator(classifier, X[1::2], y[1::2])
        >>> display.area < display.error_rate
        True
        """
        check_is_fitted(estimator)
        labels, y_proba = with_unseen_classes(
            estimator.classes_, estimator.predict_proba(X), y
        )
        confidence = None
        if method is not None:
            confidence = -np.asarray(ood_scores(estimator, X, method))
        if name is None:
            kind = type(estimator).__name__
            name = kind if method is None else f"{kind}, {method}"
        return cls.from_predictions(
            y,
            y_proba,
            confidence=confidence,
            labels=labels,
            sample_weight=sample_weight,
            name=name,
            color=color,
            ax=ax,
        )

    @classmethod
    def from_estimators(
        cls,
        estimators: Mapping[str, Any] | Iterable[tuple[str, Any]],
        X: Any,
        y: ArrayLike,
        *,
        ax: Any = None,
        **options: Any,
    ) -> list[Self]:
        """Draw several classifiers on the same axes.

        Parameters
        ----------
        estimators : dict or iterable of tuples (name, estimator)
            What the legend calls each, and the fitted classifiers.
        X : array-like
            What they predict from; better not what they were fitted on.
        y : array-like of shape (n_samples,)
            True labels.
        ax : matplotlib Axes, default=None
            Where to draw; None makes a figure.
        **options : dict
            More parameters of `from_estimator`.

        Returns
        -------
        displays : list of UncertaintyDisplay
            One for each.

        Raises
        ------
        ValueError
            If there are none, or as the class does.

        Examples
        --------
        >>> from sklearn.datasets import load_iris
        >>> from sklearn.linear_model import LogisticRegression
        >>> from sklearn.naive_bayes import GaussianNB
        >>> from skwass.plotting import UncertaintyDisplay
        >>> X, y = load_iris(return_X_y=True)
        >>> linear = LogisticRegression(max_iter=1000).fit(X[::2], y[::2])
        >>> bayes = GaussianNB().fit(X[::2], y[::2])
        >>> one, two = UncertaintyDisplay.from_estimators(
        ...     {"linear": linear, "naive Bayes": bayes}, X[1::2], y[1::2]
        ... )
        >>> one.ax_ is two.ax_
        True
        """
        named = estimators.items() if isinstance(estimators, Mapping) else estimators
        displays: list[Self] = []
        for name, estimator in named:
            displays.append(
                cls.from_estimator(estimator, X, y, name=name, ax=ax, **options)
            )
            ax = displays[0].ax_
        if not displays:
            raise ValueError("estimators must be at least one; got none.")
        return displays

    @classmethod
    def from_predictions(
        cls,
        y_true: ArrayLike,
        y_proba: ArrayLike,
        *,
        confidence: ArrayLike | None = None,
        labels: ArrayLike | None = None,
        sample_weight: ArrayLike | None = None,
        name: str | None = None,
        color: Any = None,
        ax: Any = None,
    ) -> Self:
        """Draw the line of predicted probabilities.

        Parameters
        ----------
        y_true : array-like of shape (n_samples,)
            True labels, numbers or strings.
        y_proba : array-like of shape (n_samples, n_classes) or (n_samples,)
            Predicted probabilities, one column for each label in sorted order; or, for
            two classes, those of the second alone.
        confidence : array-like of shape (n_samples,), default=None
            How sure each prediction is; None takes the largest probability.
        labels : array-like of shape (n_classes,), default=None
            Labels of the columns, sorted. Needed if y_true does not hold them all.
        sample_weight : array-like of shape (n_samples,), default=None
            Non-negative weights.
        name : str, default=None
            What the legend calls it.
        color : color of matplotlib, default=None
            Of the lines; None is the next one of the axes.
        ax : matplotlib Axes, default=None
            Where to draw, beside what is there already; None makes a figure.

        Returns
        -------
        display : UncertaintyDisplay
            The drawn display.

        Raises
        ------
        ValueError
            As the class does.

        Examples
        --------
        >>> from skwass.plotting import UncertaintyDisplay
        >>> display = UncertaintyDisplay.from_predictions(
        ...     ["no", "yes", "yes"], [0.2, 0.4, 0.9], name="mine"
        ... )
        >>> display.line_.get_label()
        'mine (AURC = 0.111)'
        """
        display = cls(
            y_true,
            y_proba,
            confidence=confidence,
            labels=labels,
            sample_weight=sample_weight,
            name=name,
        )
        return display.plot(ax=ax, color=color)

    def plot(
        self, *, ax: Any = None, name: str | None = None, color: Any = None
    ) -> Self:
        """Draw the line, between the best ranking and one at random.

        The axes end a little above the highest line; what the few surest samples of all
        do, less than a twentieth, does not count for that.

        Parameters
        ----------
        ax : matplotlib Axes, default=None
            Where to draw, beside what is there already; None makes a figure.
        name : str, default=None
            What the legend calls it; None is the name of the display.
        color : color of matplotlib, default=None
            Of the lines; None is the next one of the axes.

        Returns
        -------
        display : UncertaintyDisplay
            The display itself.
        """
        ax = axes_or_new(ax, _SIZE)
        name = self.name if name is None else name
        area = f"AURC = {self.area:#.3g}"
        label = area if name is None else f"{name} ({area})"
        lines = draw_risk(ax, self._curve, label, color)
        self.line_, self.ideal_line_, self.random_line_ = lines
        self.ax_, self.figure_ = ax, ax.figure
        return self
