"""Linear optimal transport as a transformer."""

from __future__ import annotations

from numbers import Integral

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.utils import check_array
from sklearn.utils._param_validation import Interval, StrOptions
from sklearn.utils.validation import check_is_fitted

from skwass.clouds import PointClouds
from skwass.manifold._features import Description, LinearDescription
from skwass.manifold._projected import ProjectedEmbedder
from skwass.transport import (
    Reference,
    centre_and_spread,
    fit_reference,
    reference_size,
)

_POSITIVE = Interval(Integral, 1, None, closed="left")


class LinearOTEmbedder(ProjectedEmbedder):
    r"""Embed point clouds by linear optimal transport.

    One optimal plan takes a common reference, points :math:`y_r` of mass :math:`b_r`,
    to each cloud [1]_. It moves a point of the reference to :math:`T_r` on average, and
    a cloud is told by

    .. math:: z = \big(\sqrt{b_r} \, (T_r - y_r)\big)_r .

    Euclidean distances between the z are close to 2-Wasserstein distances between the
    clouds, and are these for translations of one cloud, for single points and, with a
    fine reference, on a line. So anything that works on vectors, such as a linear
    classifier, works on clouds, and :math:`z` can be turned back into a cloud. Nothing
    is trained but the reference. Columns are small, as each point of the reference has
    a small mass, so penalties should be as well: of images of digits held out, logistic
    regression with ``C=100`` gets .969 right, with ``C=1`` .914.

    Parameters
    ----------
    n_reference : int or "auto", default="auto"
        Points of the reference, if it is not given. More see finer detail and cost time
        and memory in proportion: on images of digits, squared distances correlate with
        exact ones at .990 with 8 points, .997 with 32 and .999 with 192. "auto" is 192
        in few dimensions, fewer in many: 8,192 numbers for a cloud or 16 points.
    reference : "kmeans" or array-like (n_points, n_features), default="kmeans"
        Where the points of the reference lie. "kmeans" takes centres of all points
        pooled, each weighing what it stands for. Given points weigh the same.
    n_components : int, default=None
        Number of principal components of the displacements to embed by. None keeps the
        displacements, ``n_reference * n_features`` columns.
    n_jobs : int, default=None
        Threads; None is one, -1 is all cores. It changes no result.
    random_state : int, RandomState instance or None, default=None
        Decides the reference.
    verbose : int, default=0
        Show a progress bar if positive.

    Attributes
    ----------
    embedding_ : ndarray of shape (n_samples, n_columns), float32
        ``transform(X)``, in the unit of X.
    reference_points_ : ndarray of shape (n_points, n_features)
        Points of the reference: `n_reference`, unless the clouds have fewer. A table
        has its mean for the only one.
    reference_weights_ : ndarray of shape (n_points,)
        Their masses, which sum to one.
    components_ : ndarray of shape (n_components, n_points * n_features)
        Orthonormal directions of most variance. Only if `n_components` is a number.
    explained_variance_ratio_ : ndarray of shape (n_components,)
        Share of the variance of displacements that each explains. Only if
        `n_components` is a number.
    n_features_in_ : int
        Dimension of the points, or number of columns.
    feature_names_in_ : ndarray of shape (`n_features_in_`,)
        Names of the columns, if X was a data frame.

    See Also
    --------
    SlicedWassersteinEmbedder : No plan to solve, for large clouds.
    WormholeEmbedder : Few dimensions, trained on exact distances.

    References
    ----------
    .. [1] Wang, Slepčev, Basu, Ozolek, Rohde. A linear optimal transportation framework
       for quantifying and visualizing variations in sets of images. IJCV 101, 2013.

    Examples
    --------
    >>> import numpy as np
    >>> from skwass import LinearOTEmbedder
    >>> rng = np.random.default_rng(0)
    >>> clouds = [rng.normal(size=(rng.integers(5, 20), 2)) for _ in range(30)]
    >>> embedder = LinearOTEmbedder(8, random_state=0)
    >>> embedder.fit_transform(clouds).shape
    (30, 16)
    >>> embedder.inverse_transform(embedder.embedding_[:2])
    PointClouds(n_clouds=2, n_features=2, sizes=8..8)

    Two clouds that are a shift of (3, 4) apart:

    >>> first, second = embedder.transform([clouds[0], clouds[0] + [3.0, 4.0]])
    >>> print(f"{np.linalg.norm(first - second):.4f}")
    5.0000
    """

    _parameter_constraints: dict = {
        "n_reference": [_POSITIVE, StrOptions({"auto"})],
        "reference": [StrOptions({"kmeans"}), "array-like"],
        "n_components": [_POSITIVE, None],
        "n_jobs": [None, Integral],
        "random_state": ["random_state"],
        "verbose": ["verbose"],
    }

    def __init__(
        self,
        n_reference: int | str = "auto",
        *,
        reference: str | ArrayLike = "kmeans",
        n_components: int | None = None,
        n_jobs: int | None = None,
        random_state: int | np.random.RandomState | None = None,
        verbose: int = 0,
    ) -> None:
        self.n_reference = n_reference
        self.reference = reference
        self.n_components = n_components
        self.n_jobs = n_jobs
        self.random_state = random_state
        self.verbose = verbose

    _description: LinearDescription

    def inverse_transform(self, X: ArrayLike) -> PointClouds | NDArray[np.float64]:
        """Turn embeddings into clouds.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_columns)
            Embeddings, such as those of `transform`, or any mixture of them.

        Returns
        -------
        clouds : PointClouds or ndarray of shape (n_samples, n_features)
            A cloud for each row: the reference, moved as the row says, with the weights
            of the reference. Points, if the embedder was fitted on points.

        Raises
        ------
        ValueError
            If X does not have as many columns as embeddings have.
        """
        check_is_fitted(self)
        embedding = check_array(X, dtype=np.float64, input_name="X")
        if embedding.shape[1] != self._n_features_out:
            raise ValueError(
                f"X has {embedding.shape[1]} columns; embeddings have "
                f"{self._n_features_out}."
            )
        rows = embedding / self._description.scale
        if self._projection is not None:
            rows = self._projection.restore(rows)
        clouds = self._description.restore(rows)
        if not self._is_table:
            return clouds
        landed = clouds.points.reshape(len(rows), -1, clouds.n_features)
        return np.einsum("r,nrd->nd", self.reference_weights_, landed)

    def _describe(
        self, clouds: PointClouds, random_state: np.random.RandomState
    ) -> Description:
        if isinstance(self.reference, str):
            size = reference_size(self.n_reference, clouds.n_features)
            reference = fit_reference(clouds, size, random_state)
        else:
            reference = self._given_reference(clouds)
        self.reference_points_ = reference.points
        self.reference_weights_ = reference.weights
        return LinearDescription(reference)

    def _given_reference(self, clouds: PointClouds) -> Reference:
        points = check_array(
            self.reference, dtype=np.float64, copy=True, input_name="reference"
        )
        if points.shape[1] != clouds.n_features:
            raise ValueError(
                f"reference has points with {points.shape[1]} features; those of X "
                f"have {clouds.n_features}."
            )
        weights = np.full(len(points), 1 / len(points))
        return Reference(points, weights, centre_and_spread(clouds)[1])
