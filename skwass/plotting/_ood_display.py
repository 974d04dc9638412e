"""Scores of known samples beside those of unknown ones."""

from __future__ import annotations

from numbers import Integral
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.utils import check_scalar
from sklearn.utils.validation import check_is_fitted

from skwass.metrics import false_positive_rate_at_95, ood_auroc
from skwass.metrics._ood_scorers import ood_scores
from skwass.metrics._out_of_distribution import checked_scores
from skwass.plotting._axes import axes_or_new
from skwass.plotting._score_histograms import draw_scores

if TYPE_CHECKING:
    from typing_extensions import Self

_SIZE = (6.0, 4.2)


class OODDisplay:
    """Histograms of the scores of known and of unknown samples.

    The less they overlap, the better a score tells what is out of distribution. The
    legend gives the chance that of a random pair the unknown sample has the higher
    score (AUROC), and the share of false alarms at the threshold that finds 95 % of the
    unknown (FPR@95). That threshold is the dashed line, and known samples beyond it,
    the false alarms, are hatched.

    Make one with `from_estimator` or `from_scores`, which draw it as well.

    Parameters
    ----------
    scores_in : array-like of shape (n_samples_in,)
        Scores of samples from the known distribution. Higher means farther out.
    scores_out : array-like of shape (n_samples_out,)
        Scores of samples from another one.
    positive : {"out", "in"}, default="out"
        What the threshold has to find: 95 % of the unknown samples; or of the known
        ones, below it, and what is hatched are unknown samples that pass for known.
    names : tuple of two str, default=("known", "unknown")
        What the legend calls the samples.
    name : str, default=None
        What the legend calls the score.

    Attributes
    ----------
    auroc : float
        As :func:`~skwass.metrics.ood_auroc` gives it.
    fpr95 : float
        As :func:`~skwass.metrics.false_positive_rate_at_95` gives it.
    threshold : float
        Where 95 % of the positives are found. A score at the threshold is found.
    bars_in_ : matplotlib BarContainer
        Shares of the known samples.
    bars_out_ : matplotlib BarContainer
        Shares of the unknown samples.
    threshold_line_ : matplotlib Line2D
        Where the threshold is.
    ax_ : matplotlib Axes
        Where it was drawn.
    figure_ : matplotlib Figure
        The figure around it.

    Raises
    ------
    ValueError
        If a side is empty, is not of one dimension, or is NaN or infinite, positive
        is another word, or names are not two.

    See Also
    --------
    skwass.metrics.ood_auroc : The figure alone; others stand beside it.
    skwass.metrics.OODScorer : The same for searches and cross-validation.

    References
    ----------
    - Hendrycks, Gimpel. A baseline for detecting misclassified and out-of-distribution
      examples in neural networks. ICLR 2017.

    Examples
    --------
    >>> from skwass.plotting import OODDisplay
    >>> display = OODDisplay([0.1, 0.2, 0.4], [0.3, 0.5]).plot()
    >>> round(display.auroc, 3), round(display.fpr95, 3), display.threshold
    (0.833, 0.333, 0.3)
    """

    def __init__(
        self,
        scores_in: ArrayLike,
        scores_out: ArrayLike,
        *,
        positive: str = "out",
        names: tuple[str, str] = ("known", "unknown"),
        name: str | None = None,
    ) -> None:
        self.scores_in = checked_scores(scores_in, "scores_in")
        self.scores_out = checked_scores(scores_out, "scores_out")
        self.fpr95 = false_positive_rate_at_95(
            self.scores_in, self.scores_out, positive=positive
        )
        self.auroc = ood_auroc(self.scores_in, self.scores_out)
        if isinstance(names, str) or len(names) != 2:
            raise ValueError(f"names must be two, of known and unknown; got {names!r}.")
        self.positive, self.name = positive, name
        self.names = (str(names[0]), str(names[1]))
        if positive == "out":
            self.threshold = -_last_found(-self.scores_out)
        else:
            self.threshold = _last_found(self.scores_in)

    @classmethod
    def from_estimator(
        cls,
        estimator: Any,
        X_in: Any,
        X_out: Any,
        *,
        method: str | None = None,
        positive: str = "out",
        names: tuple[str, str] = ("known", "unknown"),
        n_bins: int = 40,
        name: str | None = None,
        ax: Any = None,
    ) -> Self:
        """Score known and unknown samples with a fitted estimator and draw them.

        Parameters
        ----------
        estimator : object
            Fitted, with ``ood_score``; else a classifier, by one minus its largest
            probability; else by the negative of ``score_samples``, as detectors of
            outliers have it.
        X_in : array-like
            Samples that it should know; better not those of the fit.
        X_out : array-like
            Samples that it should not know.
        method : str, default=None
            Handed to ``ood_score(X, method=...)``. None takes the estimator's own
            default.
        positive : {"out", "in"}, default="out"
            What the threshold has to find.
        names : tuple of two str, default=("known", "unknown")
            What the legend calls the samples.
        n_bins : int, default=40
            How many bins.
        name : str, default=None
            What the legend calls the score; None is the name of the estimator's class,
            and of the method.
        ax : matplotlib Axes, default=None
            Where to draw; None makes a figure.

        Returns
        -------
        display : OODDisplay
            The drawn display.

        Raises
        ------
        ValueError
            As the class does, of what the estimator gives.
        AttributeError
            If the estimator has none of the three, or a method is given and it has no
            ``ood_score``.

        Examples
        --------
        >>> from sklearn.datasets import load_digits
        >>> from sklearn.linear_model import LogisticRegression
        >>> from skwass.plotting import OODDisplay
        >>> X, y = load_digits(return_X_y=True)
        >>> X, known = X / 16, y < 8
        >>> classifier = LogisticRegression().fit(X[known][::2], y[known][::2])
        >>> display = OODDisplay.from_estimator(
        ...     classifier, X[known][1::2], X[~known], names=("0 to 7", "8 and 9")
        ... )
        >>> display.auroc > 0.8
        True
        """
        check_is_fitted(estimator)
        scores_in, scores_out = (
            ood_scores(estimator, X, method) for X in (X_in, X_out)
        )
        if name is None:
            kind = type(estimator).__name__
            name = kind if method is None else f"{kind}, {method}"
        return cls.from_scores(
            scores_in,
            scores_out,
            positive=positive,
            names=names,
            n_bins=n_bins,
            name=name,
            ax=ax,
        )

    @classmethod
    def from_scores(
        cls,
        scores_in: ArrayLike,
        scores_out: ArrayLike,
        *,
        positive: str = "out",
        names: tuple[str, str] = ("known", "unknown"),
        n_bins: int = 40,
        name: str | None = None,
        ax: Any = None,
    ) -> Self:
        """Draw scores.

        Parameters
        ----------
        scores_in : array-like of shape (n_samples_in,)
            Scores of samples from the known distribution. Higher means farther out.
        scores_out : array-like of shape (n_samples_out,)
            Scores of samples from another one.
        positive : {"out", "in"}, default="out"
            What the threshold has to find.
        names : tuple of two str, default=("known", "unknown")
            What the legend calls the samples.
        n_bins : int, default=40
            How many bins.
        name : str, default=None
            What the legend calls the score.
        ax : matplotlib Axes, default=None
            Where to draw; None makes a figure.

        Returns
        -------
        display : OODDisplay
            The drawn display.

        Raises
        ------
        ValueError
            As the class does.

        Examples
        --------
        >>> import numpy as np
        >>> from skwass.plotting import OODDisplay
        >>> rng = np.random.default_rng(0)
        >>> display = OODDisplay.from_scores(
        ...     rng.normal(size=500), rng.normal(2, size=500), name="energy"
        ... )
        >>> display.ax_.get_legend().get_title().get_text()
        'energy: AUROC = 0.923, FPR@95 = 0.324'
        """
        display = cls(scores_in, scores_out, positive=positive, names=names, name=name)
        return display.plot(ax=ax, n_bins=n_bins)

    def plot(
        self, *, ax: Any = None, name: str | None = None, n_bins: int = 40
    ) -> Self:
        """Draw the histograms.

        Bins are equally wide. Where a few scores lie far out, at most one in a hundred
        at either end, they are counted in the outermost bin.

        Parameters
        ----------
        ax : matplotlib Axes, default=None
            Where to draw; None makes a figure.
        name : str, default=None
            What the legend calls the score; None is the name of the display.
        n_bins : int, default=40
            How many bins.

        Returns
        -------
        display : OODDisplay
            The display itself.
        """
        check_scalar(n_bins, "n_bins", Integral, min_val=1)
        ax = axes_or_new(ax, _SIZE)
        name = self.name if name is None else name
        figures = f"AUROC = {self.auroc:.3f}, FPR@95 = {self.fpr95:.3f}"
        self.bars_in_, self.bars_out_, self.threshold_line_ = draw_scores(
            ax,
            (self.scores_in, self.scores_out),
            self.names,
            self.threshold,
            self.positive,
            self.fpr95,
            n_bins,
            figures if name is None else f"{name}: {figures}",
        )
        ax.set_xlabel("score: higher is farther out")
        self.ax_, self.figure_ = ax, ax.figure
        return self


def _last_found(scores: NDArray[np.float64]) -> float:
    """The least score that 95 % of them do not exceed."""
    count = -(-19 * len(scores) // 20)
    return float(np.sort(scores)[count - 1])
