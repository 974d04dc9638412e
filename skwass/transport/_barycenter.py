"""The mean of clouds: a cloud of least total transport to them."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from numbers import Integral, Real
from typing import Any

import numpy as np
from joblib import Parallel, delayed
from numpy.typing import ArrayLike
from sklearn.exceptions import ConvergenceWarning
from sklearn.utils import check_random_state
from sklearn.utils.validation import check_scalar
from tqdm.auto import tqdm

from skwass.clouds import PointClouds, as_point_clouds
from skwass.transport._exact import Cloud, mixed_order, solve_transport
from skwass.transport._ground import SQUARED_EUCLIDEAN, refuse_overflow
from skwass.transport._linear import fit_reference
from skwass.transport._scratch import release
from skwass.transport._simplex import Array
from skwass.transport._spaces import power_of_two

_ROUNDING = 1e-15  # of squared lengths, in units of the extent of all clouds


def wasserstein_barycenter(
    X: Any,
    *,
    sample_weight: ArrayLike | None = None,
    n_points: int | None = None,
    max_iter: int = 100,
    tol: float = 1e-6,
    random_state: int | np.random.RandomState | None = None,
    verbose: int = 0,
) -> tuple[Array, Array]:
    r"""A free-support 2-Wasserstein barycentre of clouds, up to a local minimum.

    For clouds :math:`\mu_i` of weight :math:`w_i`, it minimises

    .. math:: \sum_i w_i W_2^2(\nu, \mu_i), \qquad
              \nu = \frac{1}{n} \sum_r \delta_{z_r},

    over the positions :math:`z_r` of equally weighted points [1]_. Each step solves the
    exact plans :math:`P^{(i)}` to all clouds and moves every point to the weighted mean
    of where its mass goes,

    .. math:: z_r \leftarrow n \sum_{i} w_i \sum_j P^{(i)}_{rj} x^{(i)}_j ,

    which never raises the objective. The objective is not convex: where it ends
    depends on where it starts. It starts from the cloud of most weight among those of
    `n_points` equally weighted points, if there is one, else from k-means centres of
    all points pooled. The barycentre of single points is their weighted mean.

    Parameters
    ----------
    X : PointClouds or anything :func:`as_point_clouds` takes
        The clouds. Weights of points are normalised to a total of one.
    sample_weight : array-like of shape (n_clouds,), default=None
        Weight of each cloud, non-negative; its scale does not matter. None weighs all
        alike.
    n_points : int, default=None
        Number of points of the barycentre; fewer if the clouds together have fewer
        distinct ones. None takes the median size of the clouds whose weight is
        positive.
    max_iter : int, default=100
        The most steps; each solves one transport problem a cloud.
    tol : float, default=1e-6
        Stop when the mean squared move of the points is at most this share of the
        objective. No step lowers the objective by less than that move.
    random_state : int, RandomState instance or None, default=None
        Determines the k-means centres.
    verbose : int, default=0
        A progress bar if positive.

    Returns
    -------
    points : ndarray of shape (n_points, n_features), float64
        Positions, in the unit of X.
    weights : ndarray of shape (n_points,)
        All the same, summing to one. Weights of k-means clusters would start lower,
        but the equal ones end lower where the clouds are equally weighted and as low
        elsewhere.

    Raises
    ------
    ValueError
        If X is not a set of clouds (see :func:`as_point_clouds`), `sample_weight` has
        not one weight for each cloud, a negative, infinite or NaN one, or none that is
        positive, or another parameter is out of range.
    TypeError
        If `n_points` or `max_iter` is no integer, or `tol` no number.

    Warns
    -----
    ConvergenceWarning
        If points still move after `max_iter` steps.

    See Also
    --------
    wasserstein_distances : The distances it makes small.

    References
    ----------
    .. [1] Cuturi, Doucet. Fast computation of Wasserstein barycenters. ICML 2014.

    Examples
    --------
    Between a small and a large square lies one of middle size.

    >>> import numpy as np
    >>> from skwass import wasserstein_barycenter
    >>> square = np.array([[-1.0, -1.0], [-1.0, 1.0], [1.0, -1.0], [1.0, 1.0]])
    >>> points, weights = wasserstein_barycenter([square, 3 * square])
    >>> points
    array([[-2., -2.],
           [-2.,  2.],
           [ 2., -2.],
           [ 2.,  2.]])
    >>> weights
    array([0.25, 0.25, 0.25, 0.25])
    """
    clouds = as_point_clouds(X)
    shares = _shares(sample_weight, len(clouds))
    if n_points is not None:
        check_scalar(n_points, "n_points", Integral, min_val=1)
    check_scalar(max_iter, "max_iter", Integral, min_val=1)
    check_scalar(tol, "tol", Real, min_val=0)
    rng = check_random_state(random_state)

    clouds, shares = clouds[shares > 0], shares[shares > 0]
    origin = clouds.points[0].astype(np.float64)
    with np.errstate(over="ignore"):
        centred = clouds.points - origin
    extent = float(np.abs(centred).max())
    refuse_overflow(extent)
    scale = power_of_two(extent)
    clouds = PointClouds(centred * scale, clouds.weights, clouds.offsets)

    start = _start(clouds, shares, n_points or int(np.median(clouds.sizes)), rng)
    points = _descend(_mixed(clouds), shares, start, max_iter, tol, verbose)
    release()
    return origin + points / scale, np.full(len(points), 1 / len(points))


def _shares(sample_weight: ArrayLike | None, n_clouds: int) -> Array:
    """Weights of the clouds that sum to one."""
    if sample_weight is None:
        return np.full(n_clouds, 1 / n_clouds)
    try:
        weights = np.asarray(sample_weight, dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise ValueError(
            f"sample_weight must be numbers, one for each cloud: {error}"
        ) from None
    if weights.shape != (n_clouds,):
        raise ValueError(
            f"sample_weight must have shape ({n_clouds},), one weight for each cloud; "
            f"got shape {weights.shape}."
        )
    bad = ~(np.isfinite(weights) & (weights >= 0))
    if bad.any():
        first = int(np.argmax(bad))
        raise ValueError(
            "sample_weight must be finite and non-negative; "
            f"got {weights[first]:g} for cloud {first}."
        )
    largest = weights.max()
    if largest == 0:
        raise ValueError(
            "sample_weight must be positive for at least one cloud; got only zeros."
        )
    weights = weights / largest  # so that the sum cannot overflow
    return weights / weights.sum()


def _start(
    clouds: PointClouds, shares: Array, n_points: int, rng: np.random.RandomState
) -> Array:
    """Where the points lie at first."""
    candidates = [
        i
        for i, (_, weights) in enumerate(clouds)
        if len(weights) == n_points and np.ptp(weights) <= 1e-12 / n_points
    ]
    if candidates:
        heaviest = candidates[int(np.argmax(shares[candidates]))]
        return clouds[heaviest][0].astype(np.float64)
    pooled = clouds.weights * np.repeat(shares, clouds.sizes)
    mixture = PointClouds(clouds.points, pooled, clouds.offsets)
    return fit_reference(mixture, n_points, rng).points


def _mixed(clouds: PointClouds) -> list[Cloud]:
    """Clouds in the order of points that the simplex likes."""
    orders = [mixed_order(size) for size in clouds.sizes.tolist()]
    return [
        (points[order].astype(np.float64), weights[order])
        for (points, weights), order in zip(clouds, orders, strict=True)
    ]


def _descend(
    clouds: Sequence[Cloud],
    shares: Array,
    points: Array,
    max_iter: int,
    tol: float,
    verbose: int,
) -> Array:
    """Move points to where their mass goes until they rest."""
    mass = np.full(len(points), 1 / len(points))
    with tqdm(
        total=max_iter, desc="barycenter", unit="step", disable=not verbose
    ) as bar:
        for _ in range(max_iter):
            moved, objective = np.zeros_like(points), 0.0
            for (support, weights), share in zip(clouds, shares, strict=True):
                costs = SQUARED_EUCLIDEAN.matrix(points, support)
                found = solve_transport(mass, weights, costs)
                moved += share * (found.plan @ support) * len(points)
                objective += share * found.cost
            move = float(np.mean(np.sum((moved - points) ** 2, axis=1)))
            points = moved
            bar.update()
            bar.set_postfix(objective=objective)
            if move <= tol * objective + _ROUNDING:
                return points
    warnings.warn(
        f"The barycenter has not converged in max_iter={max_iter} steps: the last one "
        f"moved the points by {move / objective:.1e} of the objective (tol={tol:g}). "
        "Raise max_iter or tol.",
        ConvergenceWarning,
        stacklevel=3,
    )
    return points


def quantised(clouds: PointClouds, n_points: int, n_jobs: int | None) -> PointClouds:
    """The closest clouds of so many points of equal weight, up to local minima."""
    check_scalar(n_points, "n_points", Integral, min_val=1)
    found = Parallel(n_jobs=n_jobs, prefer="threads")(
        delayed(_quantised)(cloud, n_points) for cloud in clouds
    )
    return PointClouds(np.concatenate(found), offsets=np.cumsum([0, *map(len, found)]))


def _quantised(cloud: Cloud, n_points: int) -> Array:
    alone = PointClouds(*cloud)
    return wasserstein_barycenter(alone, n_points=n_points, random_state=0)[0]
