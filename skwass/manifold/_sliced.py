"""Sliced Wasserstein distances as distances of an embedding."""

from __future__ import annotations

from numbers import Integral

import numpy as np
from sklearn.utils._param_validation import Interval

from skwass.clouds import PointClouds
from skwass.manifold._features import Description, SlicedDescription
from skwass.manifold._projected import ProjectedEmbedder
from skwass.transport import all_diracs, centre_and_spread, random_directions

_POSITIVE = Interval(Integral, 1, None, closed="left")


class SlicedWassersteinEmbedder(ProjectedEmbedder):
    r"""Embed point clouds by their quantiles along random lines.

    On a line, transport is sorting: the 2-Wasserstein distance of two projected clouds
    is the distance of their quantile functions. With these, for L directions, side by
    side, Euclidean distances between clouds are sliced Wasserstein distances [1]_,

    .. math:: SW_2^2(x, y) = \frac1L \sum_l W_2^2(\theta_l x, \theta_l y) .

    Nothing is solved, so it is quick where clouds are large. The distance is a smaller
    one: clouds that are a shift t apart have :math:`W_2 = \|t\|`, and :math:`SW_2` is
    :math:`\|t\| / \sqrt d` in d dimensions; so have the rows of a table.

    Columns are small, since they are many and distances are not. Penalties should be
    small as well: of images of digits held out, logistic regression with ``C=100`` gets
    .963 right, with ``C=1`` .841.

    Parameters
    ----------
    n_projections : int, default=50
        Number of directions, one if points are numbers. With 50, distances of digits
        differ by 3 % from what very many directions and quantiles give, and their
        correlation with :math:`W_2` does not grow beyond.
    n_quantiles : int, default=32
        Means of each quantile function, over equal parts of [0, 1]. They make distances
        of digits smaller, by 3 % for 32 and by 8 % for 8, in a way common to all.
        Single points have one quantile.
    n_components : int, default=None
        Number of principal components of the quantiles to embed by. None keeps all
        quantiles, ``n_projections * n_quantiles`` columns.
    n_jobs : int, default=None
        Threads; None is one, -1 is all cores. It changes no result.
    random_state : int, RandomState instance or None, default=None
        Decides the directions.
    verbose : int, default=0
        Show a progress bar if positive.

    Attributes
    ----------
    embedding_ : ndarray of shape (n_samples, n_columns), float32
        ``transform(X)``, in the unit of X.
    directions_ : ndarray of shape (n_projections, n_features)
        Unit vectors.
    components_ : ndarray of shape (n_components, n_projections * n_quantiles)
        Orthonormal directions of most variance. Only if `n_components` is a number.
    explained_variance_ratio_ : ndarray of shape (n_components,)
        Share of the variance of quantiles that each explains. Only if `n_components` is
        a number.
    n_features_in_ : int
        Dimension of the points, or number of columns.
    feature_names_in_ : ndarray of shape (`n_features_in_`,)
        Names of the columns, if X was a data frame.

    See Also
    --------
    LinearOTEmbedder : Closer to the Wasserstein distance, with an inverse; each cloud
        costs a transport plan.
    WormholeEmbedder : Few dimensions, trained on exact distances.

    References
    ----------
    .. [1] Bonneel, Rabin, Peyré, Pfister. Sliced and Radon Wasserstein barycenters of
       measures. Journal of Mathematical Imaging and Vision 51, 2015.

    Examples
    --------
    >>> import numpy as np
    >>> from skwass import SlicedWassersteinEmbedder
    >>> rng = np.random.default_rng(0)
    >>> clouds = [rng.normal(size=(rng.integers(5, 20), 2)) for _ in range(30)]
    >>> embedder = SlicedWassersteinEmbedder(n_components=4, random_state=0)
    >>> embedder.fit_transform(clouds).shape
    (30, 4)

    Two clouds that are a shift of (3, 4) apart:

    >>> shifted = [clouds[0], clouds[0] + [3.0, 4.0]]
    >>> all_quantiles = SlicedWassersteinEmbedder(random_state=0)
    >>> first, second = all_quantiles.fit_transform(shifted)
    >>> print(f"{np.linalg.norm(first - second) * np.sqrt(2):.4f}")
    5.0000
    """

    _parameter_constraints: dict = {
        "n_projections": [_POSITIVE],
        "n_quantiles": [_POSITIVE],
        "n_components": [_POSITIVE, None],
        "n_jobs": [None, Integral],
        "random_state": ["random_state"],
        "verbose": ["verbose"],
    }

    def __init__(
        self,
        n_projections: int = 50,
        *,
        n_quantiles: int = 32,
        n_components: int | None = None,
        n_jobs: int | None = None,
        random_state: int | np.random.RandomState | None = None,
        verbose: int = 0,
    ) -> None:
        self.n_projections = n_projections
        self.n_quantiles = n_quantiles
        self.n_components = n_components
        self.n_jobs = n_jobs
        self.random_state = random_state
        self.verbose = verbose

    def _describe(
        self, clouds: PointClouds, random_state: np.random.RandomState
    ) -> Description:
        self.directions_ = random_directions(
            self.n_projections, clouds.n_features, random_state
        )
        # all quantiles of a point are the same
        n_quantiles = 1 if all_diracs(clouds) else self.n_quantiles
        return SlicedDescription(
            self.directions_, n_quantiles, *centre_and_spread(clouds)
        )
