"""Scorers of representations: no labels needed, higher is better."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from skwass.metrics._representations import checked_representation
from skwass.metrics._spectrum import effective_rank
from skwass.metrics._uniformity import wang_isola_uniformity, wasserstein_uniformity


class WassersteinUniformityScorer:
    r"""Scorer of how uniform the representations of a transformer are.

    The score is :math:`-W_2`, the negative of :func:`wasserstein_uniformity`, of what
    ``transform`` makes of the samples: zero is uniform, :math:`-\sqrt2` collapsed. No
    labels are needed. Give it as ``scoring`` to a search or a cross-validation, by
    itself or in a dictionary with others.

    Scikit-learn knows two by name: ``"neg_wasserstein_uniformity"``, and
    ``"neg_wasserstein_uniformity_excess"`` with ``corrected=True``.

    Parameters
    ----------
    corrected : bool, default=False
        Score the negative of the excess over what as many uniform samples have, about
        zero at best and minus one if collapsed. Few samples of many features are never
        uniform: ask for it where candidates differ in the number of features.
    normalize : bool, default=True
        Scale rows to length one first.

    See Also
    --------
    skwass.metrics.wasserstein_uniformity : What is scored, and its blind spots.

    Notes
    -----
    Uniform is not useful: noise is uniform. Let it choose among representations that
    have the same information, or beside a score that knows what is lost.

    Examples
    --------
    >>> from sklearn.datasets import load_digits
    >>> from sklearn.decomposition import PCA
    >>> from sklearn.model_selection import GridSearchCV
    >>> from skwass import WassersteinUniformityScorer
    >>> search = GridSearchCV(
    ...     PCA(n_components=16, random_state=0),
    ...     {"whiten": [False, True]},
    ...     scoring=WassersteinUniformityScorer(),
    ... ).fit(load_digits().data)
    >>> search.best_params_
    {'whiten': True}
    """

    def __init__(self, *, corrected: bool = False, normalize: bool = True) -> None:
        self.corrected = corrected
        self.normalize = normalize

    def __call__(self, estimator: Any, X: Any, y: Any = None) -> float:
        """Score a fitted estimator.

        Parameters
        ----------
        estimator : object
            Fitted, with ``transform``: a transformer, or a pipeline that ends in one.
        X : array-like
            What it transforms: two samples or more.
        y : None
            Not used.

        Returns
        -------
        score : float
            Higher is better; zero is uniform.

        Raises
        ------
        AttributeError
            If the estimator has no ``transform``.
        ValueError
            As :func:`wasserstein_uniformity` does, of what was transformed.
        """
        return -wasserstein_uniformity(
            _representation(estimator, X, self.normalize),
            normalize=self.normalize,
            corrected=self.corrected,
        )

    def __repr__(self) -> str:
        given = [
            *(["corrected=True"] if self.corrected else []),
            *([] if self.normalize else ["normalize=False"]),
        ]
        return f"WassersteinUniformityScorer({', '.join(given)})"


class RepresentationScorer:
    """Scorer of another figure of what ``transform`` makes.

    Parameters
    ----------
    metric : callable
        Takes representations.
    sign : int
        One if more is better, or minus one.
    """

    def __init__(self, metric: Callable[[Any], float], sign: int) -> None:
        self.metric, self.sign = metric, sign

    def __call__(self, estimator: Any, X: Any, y: Any = None) -> float:
        """Score a fitted estimator."""
        return self.sign * self.metric(_representation(estimator, X, True))

    def __repr__(self) -> str:
        sign = "-" if self.sign < 0 else ""
        return f"RepresentationScorer({sign}{self.metric.__name__})"


def _representation(estimator: Any, X: Any, normalize: bool) -> Any:
    kind = type(estimator).__name__
    if not hasattr(estimator, "transform"):
        raise AttributeError(
            f"{kind} has no transform, and so no representations to score."
        )
    return checked_representation(
        estimator.transform(X), normalize=normalize, name=f"{kind}.transform(X)"
    )


#: scorers of representations, by the names they are registered under
UNIFORMITY_SCORERS = {
    "neg_wasserstein_uniformity": WassersteinUniformityScorer(),
    "neg_wasserstein_uniformity_excess": WassersteinUniformityScorer(corrected=True),
    "neg_wang_isola_uniformity": RepresentationScorer(wang_isola_uniformity, -1),
    "effective_rank": RepresentationScorer(effective_rank, 1),
}
