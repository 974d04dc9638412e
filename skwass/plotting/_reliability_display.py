"""How often predictions come true, against how sure they were."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike
from sklearn.utils.validation import check_is_fitted

from skwass.metrics._bins import binned, check_binning
from skwass.metrics._predictions import checked_predictions, with_unseen_classes
from skwass.plotting._axes import axes_or_new
from skwass.plotting._reliability_bars import draw_bars, draw_histogram

if TYPE_CHECKING:
    from typing_extensions import Self

#: inches; the bars are square
_SIZE = (4.8, 5.8)


class ReliabilityDisplay:
    """Reliability diagram: a bar for each bin of confidence, as high as its accuracy.

    Where a classifier is right as often as it says, bars end at the diagonal. A red box
    on a bar is confidence that does not come true; the light end of a bar is accuracy
    that was not claimed. Beneath lies the histogram of confidences, with their mean and
    the accuracy as lines.

    Make one with `from_estimator` or `from_predictions`, which draw it as well.

    Parameters
    ----------
    y_true : array-like of shape (n_samples,)
        True labels, numbers or strings.
    y_proba : array-like of shape (n_samples, n_classes) or (n_samples,)
        Predicted probabilities, one column for each label in sorted order, as from
        ``predict_proba``; or, for two classes, those of the second alone.
    n_bins : int, default=15
        How many bins, as in :func:`~skwass.metrics.expected_calibration_error`.
    strategy : {"uniform", "quantile"}, default="uniform"
        Bins of equal width between zero and one, or of equal mass.
    pos_label : label, default=None
        Show the probability of this class against how often it occurs, among any number
        of classes. None shows the confidence, which is the largest probability, and how
        often the likeliest class is right.
    labels : array-like of shape (n_classes,), default=None
        Labels of the columns, sorted. Needed if y_true does not hold them all.
    sample_weight : array-like of shape (n_samples,), default=None
        Non-negative weights. A weight of two is the same as the sample twice.
    name : str, default=None
        What the legend calls the bars.

    Attributes
    ----------
    prob_pred : ndarray of shape (n_found,)
        Mean confidence, or probability of `pos_label`, in each bin that holds a sample.
    prob_true : ndarray of shape (n_found,)
        Accuracy, or frequency of `pos_label`, in the same bins.
    mass : ndarray of shape (n_found,)
        Their shares of the total weight.
    calibration_error : float
        Mean gap of the bins. Without `pos_label` it is
        :func:`~skwass.metrics.expected_calibration_error`.
    ax_ : matplotlib Axes
        Where the bars were drawn.
    histogram_ax_ : matplotlib Axes or None
        Where the histogram was drawn.
    figure_ : matplotlib Figure
        The figure around both.

    Raises
    ------
    ValueError
        If probabilities are NaN, negative or do not sum to one, their columns do not
        fit the labels, y_true holds an unknown label, pos_label is none of the labels,
        lengths differ, weights are negative or all zero, or strategy or n_bins is none.

    See Also
    --------
    sklearn.calibration.CalibrationDisplay : Curves, of two classes.

    References
    ----------
    - Guo, Pleiss, Sun, Weinberger. On calibration of modern neural networks. ICML 2017.

    Examples
    --------
    >>> from skwass.plotting import ReliabilityDisplay
    >>> display = ReliabilityDisplay([0, 1, 1, 1], [0.1, 0.9, 0.9, 0.4]).plot()
    >>> display.prob_true
    array([0., 1.])
    """

    def __init__(
        self,
        y_true: ArrayLike,
        y_proba: ArrayLike,
        *,
        n_bins: int = 15,
        strategy: str = "uniform",
        pos_label: Any = None,
        labels: ArrayLike | None = None,
        sample_weight: ArrayLike | None = None,
        name: str | None = None,
    ) -> None:
        check_binning(n_bins, strategy)
        found = checked_predictions(y_true, y_proba, labels, sample_weight)
        values, outcomes = found.confidence, found.correct
        if pos_label is not None:
            if pos_label not in found.labels.tolist():
                raise ValueError(
                    f"pos_label must be one of {found.labels.tolist()}; got "
                    f"{pos_label!r}."
                )
            column = found.labels.tolist().index(pos_label)
            # a label from `classes_` would be written np.str_('...') on the axes
            pos_label = found.labels.tolist()[column]
            values, outcomes = found.proba[:, column], found.classes == column
        self.n_bins, self.strategy = n_bins, strategy
        self.pos_label, self.name = pos_label, name
        bins = binned(values, outcomes, found.weights, n_bins=n_bins, strategy=strategy)
        # bins of equal mass begin at the first sample, if that leaves the first a width
        if strategy == "quantile" and values.min() < bins.upper[0]:
            bins.lower[0] = values.min()
        self._bins = bins
        self.prob_pred, self.prob_true = bins.predicted, bins.observed
        self.mass = bins.mass
        self.calibration_error = float(
            bins.mass @ np.abs(bins.observed - bins.predicted)
        )
        # a histogram of bins of equal mass would be flat
        self._histogram = binned(
            values, outcomes, found.weights, n_bins=n_bins, strategy="uniform"
        )

    @classmethod
    def from_estimator(
        cls,
        estimator: Any,
        X: Any,
        y: ArrayLike,
        *,
        n_bins: int = 15,
        strategy: str = "uniform",
        pos_label: Any = None,
        sample_weight: ArrayLike | None = None,
        name: str | None = None,
        ax: Any = None,
    ) -> Self:
        """Predict the probabilities of X with a fitted classifier and draw them.

        Parameters
        ----------
        estimator : object
            A fitted classifier with ``predict_proba``, or a pipeline that ends in one.
        X : array-like
            What it predicts from; better not what it was fitted on.
        y : array-like of shape (n_samples,)
            True labels. One that was not seen in the fit has probability zero.
        n_bins : int, default=15
            How many bins.
        strategy : {"uniform", "quantile"}, default="uniform"
            Bins of equal width between zero and one, or of equal mass.
        pos_label : label, default=None
            Show the probability of this class; None shows the confidence.
        sample_weight : array-like of shape (n_samples,), default=None
            Non-negative weights.
        name : str, default=None
            What the legend calls the bars; None is the name of the estimator's class.
        ax : matplotlib Axes, default=None
            Where to draw; None makes a figure.

        Returns
        -------
        display : ReliabilityDisplay
            The drawn display.

        Raises
        ------
        ValueError
            As the class does.
        AttributeError
            If the estimator has no ``predict_proba``.

        Examples
        --------
        >>> from sklearn.datasets import load_iris
        >>> from sklearn.linear_model import LogisticRegression
        >>> from skwass.plotting import ReliabilityDisplay
        >>> X, y = load_iris(return_X_y=True)
        >>> classifier = LogisticRegression(max_iter=1000).fit(X[::2], y[::2])
        >>> display = ReliabilityDisplay.from_estimator(classifier, X[1::2], y[1::2])
        >>> display.name
        'LogisticRegression'
        """
        check_is_fitted(estimator)
        labels, y_proba = with_unseen_classes(
            estimator.classes_, estimator.predict_proba(X), y
        )
        return cls.from_predictions(
            y,
            y_proba,
            n_bins=n_bins,
            strategy=strategy,
            pos_label=pos_label,
            labels=labels,
            sample_weight=sample_weight,
            name=type(estimator).__name__ if name is None else name,
            ax=ax,
        )

    @classmethod
    def from_predictions(
        cls,
        y_true: ArrayLike,
        y_proba: ArrayLike,
        *,
        n_bins: int = 15,
        strategy: str = "uniform",
        pos_label: Any = None,
        labels: ArrayLike | None = None,
        sample_weight: ArrayLike | None = None,
        name: str | None = None,
        ax: Any = None,
    ) -> Self:
        """Draw predicted probabilities.

        Parameters
        ----------
        y_true : array-like of shape (n_samples,)
            True labels, numbers or strings.
        y_proba : array-like of shape (n_samples, n_classes) or (n_samples,)
            Predicted probabilities, one column for each label in sorted order; or, for
            two classes, those of the second alone.
        n_bins : int, default=15
            How many bins.
        strategy : {"uniform", "quantile"}, default="uniform"
            Bins of equal width between zero and one, or of equal mass.
        pos_label : label, default=None
            Show the probability of this class; None shows the confidence.
        labels : array-like of shape (n_classes,), default=None
            Labels of the columns, sorted. Needed if y_true does not hold them all.
        sample_weight : array-like of shape (n_samples,), default=None
            Non-negative weights.
        name : str, default=None
            What the legend calls the bars.
        ax : matplotlib Axes, default=None
            Where to draw; None makes a figure.

        Returns
        -------
        display : ReliabilityDisplay
            The drawn display.

        Raises
        ------
        ValueError
            As the class does.

        Examples
        --------
        >>> from skwass.plotting import ReliabilityDisplay
        >>> display = ReliabilityDisplay.from_predictions(
        ...     ["no", "yes", "yes"], [0.2, 0.7, 0.9], pos_label="yes"
        ... )
        >>> display.ax_.get_ylabel()
        "frequency of 'yes'"
        """
        display = cls(
            y_true,
            y_proba,
            n_bins=n_bins,
            strategy=strategy,
            pos_label=pos_label,
            labels=labels,
            sample_weight=sample_weight,
            name=name,
        )
        return display.plot(ax=ax)

    def plot(
        self, *, ax: Any = None, name: str | None = None, histogram: bool = True
    ) -> Self:
        """Draw the diagram.

        Parameters
        ----------
        ax : matplotlib Axes, default=None
            Where to draw; None makes a figure. The histogram takes room from it.
        name : str, default=None
            What the legend calls the bars; None is the name of the display.
        histogram : bool, default=True
            Draw the histogram of confidences beneath.

        Returns
        -------
        display : ReliabilityDisplay
            The display itself.
        """
        ax = axes_or_new(ax, _SIZE)
        name = self.name if name is None else name
        error = f"ECE = {self.calibration_error:.3f}"
        draw_bars(ax, self._bins, error if name is None else f"{name} ({error})")
        if self.pos_label is None:
            ax.set(xlabel="confidence", ylabel="accuracy")
        else:
            ax.set(
                xlabel=f"probability of {self.pos_label!r}",
                ylabel=f"frequency of {self.pos_label!r}",
            )
        self.histogram_ax_ = draw_histogram(ax, self._histogram) if histogram else None
        self.ax_, self.figure_ = ax, ax.figure
        return self
