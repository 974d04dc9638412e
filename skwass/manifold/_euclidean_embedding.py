"""The embedding of least stress, by the nearest Euclidean distances."""

from __future__ import annotations

from collections.abc import Callable
from numbers import Integral, Real
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from scipy.spatial.distance import cdist
from sklearn.base import (
    BaseEstimator,
    ClassNamePrefixFeaturesOutMixin,
    TransformerMixin,
)
from sklearn.utils import Tags
from sklearn.utils._param_validation import Interval
from sklearn.utils.validation import check_is_fitted

from skwass.clouds import PointClouds
from skwass.manifold._dissimilarities import checked_distances
from skwass.manifold._nearest_euclidean import solve_nearest, stress_bounds
from skwass.manifold._placement import Placement
from skwass.manifold._reading import CohortReader
from skwass.manifold._scale import refuse_scale
from skwass.metrics import distance_correlation
from skwass.training import keep_fitted_state
from skwass.transport import wasserstein_distances

if TYPE_CHECKING:
    from typing_extensions import Self

Array = NDArray[np.float64]

#: they choose a reference or a regularisation by all clouds at hand
_OF_THE_BATCH = ("linear", "sinkhorn")


class EuclideanDistanceEmbedding(
    CohortReader, ClassNamePrefixFeaturesOutMixin, TransformerMixin, BaseEstimator
):
    r"""Embed samples with the least stress that any embedding can have.

    The stress is that of the squared distances, as in the Wormhole paper [1]_,

    .. math:: \sum_{ij} (\|z_i - z_j\|^2 - D_{ij}^2)^2

    over all ordered pairs. In as many dimensions as it takes it has one global minimum,
    the nearest matrix of Euclidean distances, which
    :func:`nearest_euclidean_distances` finds; the embedding is its principal
    coordinates. Classical MDS is where that search starts. All distances of the cohort
    are computed, and time grows with the cube of their number: this is for up to a few
    thousand samples, and a ceiling by which to judge other embeddings.

    Parameters
    ----------
    n_components : int or None, default=2
        Number of leading coordinates to keep; two is for looking at. None keeps all
        that there are, and only then is the stress the least one. Coordinates that do
        not exist, as there are too few samples, are zero.
    metric : str or callable, default="wasserstein"
        The distance to embed: any `metric` of :func:`wasserstein_distances`, except
        "linear" and "sinkhorn", whose values depend on which clouds come together.
        With ``"precomputed"``, X holds distances.
    metric_params : dict, default=None
        Parameters of the metric, as in :func:`wasserstein_distances`.
    order : float, default=2
        The p of the p-Wasserstein distance. Whatever it is, stress compares squares.
    max_iter : int, default=100
        Largest number of Newton steps towards the nearest distances. Ten are usual; the
        first is classical MDS.
    tol : float, default=1e-6
        Stop as soon as the stress in all dimensions is proven to be within this share
        of the least one.
    n_jobs : int, default=None
        Threads for transport; None is one, -1 is all cores. It changes no result.
    verbose : int, default=0
        Show progress bars of transport if positive.

    Attributes
    ----------
    embedding_ : ndarray of shape (n_samples, n_components), float32
        Places of the samples, in the unit of the distances, centred, widest first.
    stress_ : float
        The stress above, of `embedding_`: against the squares of
        `dissimilarity_matrix_`, over all ordered pairs, in the fourth power of the unit
        of distances.
    lower_bound_, upper_bound_ : float
        Bounds of the least stress from :func:`euclidean_embedding_bounds`. No embedding
        is below the first; with ``n_components=None`` this one is not above the second.
    dissimilarity_matrix_ : ndarray of shape (n_samples, n_samples), float64
        The distances, not squared.
    n_iter_ : int
        Number of Newton steps; one if the distances are Euclidean.
    n_features_in_ : int
        Dimension of the points, or number of columns.
    feature_names_in_ : ndarray of shape (`n_features_in_`,)
        Names of the columns, if X was a data frame.

    See Also
    --------
    WormholeEmbedder : An encoder, for cohorts of any size.
    sklearn.manifold.ClassicalMDS : From where this one starts, without `transform`.

    References
    ----------
    .. [1] Haviv, Kunes, Dougherty, Burdziak, Nawy, Gilbert, Pe'er. Wasserstein
       Wormhole: scalable optimal transport distance with transformers. ICML 2024,
       arXiv:2404.09411.

    Examples
    --------
    >>> import numpy as np
    >>> from skwass import EuclideanDistanceEmbedding
    >>> rng = np.random.default_rng(0)
    >>> clouds = [rng.normal(size=(6, 2)) * rng.uniform(1, 3, 2) for _ in range(30)]
    >>> embedding = EuclideanDistanceEmbedding(n_components=None).fit(clouds)
    >>> bool(
    ...     embedding.lower_bound_ <= embedding.stress_ <= embedding.upper_bound_
    ... )
    True
    >>> embedding.set_params(n_components=2).fit(clouds).transform(clouds[:5]).shape
    (5, 2)
    """

    _parameter_constraints: dict = {
        "n_components": [Interval(Integral, 1, None, closed="left"), None],
        "metric": [str, callable],
        "metric_params": [dict, None],
        "order": [Interval(Real, 1, None, closed="left")],
        "max_iter": [Interval(Integral, 1, None, closed="left")],
        "tol": [Interval(Real, 0, None, closed="neither")],
        "n_jobs": [None, Integral],
        "verbose": ["verbose"],
    }

    def __init__(
        self,
        n_components: int | None = 2,
        *,
        metric: str | Callable[..., float] = "wasserstein",
        metric_params: dict[str, Any] | None = None,
        order: float = 2,
        max_iter: int = 100,
        tol: float = 1e-6,
        n_jobs: int | None = None,
        verbose: int = 0,
    ) -> None:
        self.n_components = n_components
        self.metric = metric
        self.metric_params = metric_params
        self.order = order
        self.max_iter = max_iter
        self.tol = tol
        self.n_jobs = n_jobs
        self.verbose = verbose

    _clouds: PointClouds | None  # None if precomputed
    _placement: Placement
    _unit: float

    def __sklearn_tags__(self) -> Tags:
        tags = super().__sklearn_tags__()
        tags.transformer_tags.preserves_dtype = ["float32"]
        return tags

    def fit(self, X: Any, y: Any = None) -> Self:
        """Find the nearest Euclidean distances and their coordinates.

        Parameters
        ----------
        X : PointClouds, list, tuple or array-like
            Clouds, in any form that :func:`as_point_clouds` takes, a table among them;
            two at least. If `metric` is "precomputed", distances (not squared) of shape
            (n_samples, n_samples).
        y : None
            Ignored.

        Returns
        -------
        self : object
            The fitted estimator.

        Raises
        ------
        ValueError
            If X or a parameter is not what is expected; the message says which.

        Warns
        -----
        ConvergenceWarning
            If `max_iter` is reached.
        """
        self.fit_transform(X)
        return self

    def fit_transform(self, X: Any, y: Any = None) -> NDArray[np.float32]:
        """Find the embedding and give it.

        Parameters
        ----------
        X : PointClouds, list, tuple or array-like
            As in `fit`, which says what is raised.
        y : None
            Ignored.

        Returns
        -------
        embedding : ndarray of shape (n_samples, n_components), float32
            As `embedding_`.
        """
        self._validate_params()
        if self.metric in _OF_THE_BATCH:
            raise ValueError(
                f"metric={self.metric!r} depends on which clouds come together, so new "
                "ones could not be placed one by one. Compute the distances with "
                "wasserstein_distances and use metric='precomputed'."
            )
        with keep_fitted_state(self):
            samples = self._read(X, reset=True, at_least=2)
            distances = self._distances_within(samples)
            largest = float(distances.max())
            if largest:
                refuse_scale(largest)
            self._clouds = None if self.metric == "precomputed" else samples
            self._unit = largest or 1.0
            self._embed_all(np.square(distances / self._unit))
            self.dissimilarity_matrix_ = distances
        return self.embedding_

    def transform(self, X: Any) -> NDArray[np.float32]:
        r"""Place samples among those of the fit, each by itself.

        A sample goes where it has the least stress to the nearest Euclidean places of
        the fitted ones, in all their dimensions and one more; its leading coordinates
        are kept. So samples of the fit return to their places, and new ones from a
        Euclidean space are placed without error.

        Parameters
        ----------
        X : PointClouds, list, tuple or array-like
            Clouds in any form that `fit` takes; the distances to all clouds of the fit
            are computed. If `metric` is "precomputed", distances to the samples of the
            fit, of shape (n_samples, n_samples_fit).

        Returns
        -------
        embedding : ndarray of shape (n_samples, n_components), float32
            Places, in the unit of the distances.

        Raises
        ------
        ValueError
            If X is no set of clouds or its points have another dimension.
        """
        check_is_fitted(self)
        return self._place(self._distances_to_fitted(X))

    def score(self, X: Any, y: Any = None) -> float:
        """Pearson correlation of squared embedded distances with those of the metric.

        Between the samples of X and those of the fit.

        Parameters
        ----------
        X : PointClouds, list, tuple or array-like
            Samples in any form that `transform` takes.
        y : None
            Ignored.

        Returns
        -------
        correlation : float
            One is perfect. NaN, with a warning, if distances do not vary.
        """
        check_is_fitted(self)
        distances = self._distances_to_fitted(X)
        embedded = cdist(self._place(distances), self.embedding_)
        return distance_correlation(distances.ravel(), embedded.ravel())

    def _distances_within(self, samples: Any) -> Array:
        if self.metric == "precomputed":
            return checked_distances(samples)
        return wasserstein_distances(samples, **self._how())

    def _distances_to_fitted(self, X: Any) -> Array:
        samples = self._read(X, reset=False)
        if self._clouds is None:
            return samples
        return wasserstein_distances(samples, self._clouds, **self._how())

    def _embed_all(self, squares: Array) -> None:
        """Learn from squared distances in units of the largest."""
        nearest = solve_nearest(squares, self.max_iter, self.tol)
        self._placement = Placement.of(nearest.squares)
        coordinates = self._placement.coordinates
        places = _leading(coordinates, self.n_components or coordinates.shape[1])
        self.embedding_ = self._in_unit(places)
        self.n_iter_ = nearest.n_iter
        fourth = self._unit**4
        reached = np.sum((cdist(places, places, "sqeuclidean") - squares) ** 2)
        self.stress_ = float(reached) * fourth
        lower, upper = stress_bounds(squares)
        self.lower_bound_, self.upper_bound_ = lower * fourth, upper * fourth

    def _place(self, distances: Array) -> NDArray[np.float32]:
        squares = np.square(distances / self._unit)
        places = self._placement.place(squares)
        return self._in_unit(_leading(places, self.embedding_.shape[1]))

    def _in_unit(self, places: Array) -> NDArray[np.float32]:
        return (places * self._unit).astype(np.float32)

    def _how(self) -> dict[str, Any]:
        return {
            "metric": self.metric,
            "metric_params": self.metric_params,
            "order": self.order,
            "n_jobs": self.n_jobs,
            "verbose": self.verbose,
        }

    @property
    def _n_features_out(self) -> int:
        return int(self.embedding_.shape[1])


def _leading(coordinates: Array, n_components: int) -> Array:
    """The first coordinates, and zeros where there are no more."""
    missing = max(0, n_components - coordinates.shape[1])
    return np.pad(coordinates[:, :n_components], ((0, 0), (0, missing)))
