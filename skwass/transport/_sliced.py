"""Sliced transport: clouds seen along lines, where transport is sorting."""

from __future__ import annotations

from typing import Any

import numpy as np
from joblib import Parallel, delayed
from numpy.typing import ArrayLike, DTypeLike, NDArray
from tqdm.auto import tqdm

from skwass.clouds import PointClouds
from skwass.transport._exact import Cloud, all_diracs
from skwass.transport._quantiles import quantile_means
from skwass.transport._simplex import Array

_CLOUDS_A_TASK = 16
_NUMBERS_A_BLOCK = 2**18
_ASCENTS = 2
_HALVINGS = 8
_LEAST_PROGRESS = 1e-6


def random_directions(
    n_projections: int, n_features: int, random_state: np.random.RandomState
) -> Array:
    """Unit vectors that spread more evenly than independent ones.

    In two dimensions they are equally spaced angles with a random offset; in more,
    blocks of orthogonal vectors in random position [1]_. Each by itself is uniform on
    the sphere, so a mean over them is right on average, and it varies less: a shift is
    told exactly by any whole block.

    Parameters
    ----------
    n_projections : int
        How many. In one dimension there is only one, whatever is asked for.
    n_features : int
        Dimension.
    random_state : RandomState
        Decides them.

    Returns
    -------
    directions : ndarray of shape (n_projections, n_features), float64
        Rows of norm one. A row and its negative are the same for sliced distances, and
        which of them is given means nothing.

    References
    ----------
    .. [1] Rowland, Hron, Tang, Choromanski, Sarlos, Weller. Orthogonal estimation of
       Wasserstein distances. AISTATS 2019.
    """
    if n_features == 1:
        return np.ones((1, 1))
    if n_features == 2:
        angles = np.arange(n_projections) + random_state.uniform()
        angles *= np.pi / n_projections
        return np.stack([np.cos(angles), np.sin(angles)], axis=1)
    directions = np.empty((n_projections, n_features))
    for start in range(0, n_projections, n_features):
        size = min(n_features, n_projections - start)
        gaussian = random_state.standard_normal((n_features, size))
        directions[start : start + size] = np.linalg.qr(gaussian)[0].T
    return directions


def sliced_features(
    clouds: PointClouds,
    directions: Array,
    n_quantiles: int,
    *,
    centre: ArrayLike | None = None,
    dtype: DTypeLike = np.float64,
    n_jobs: int | None = None,
    verbose: int = 0,
) -> NDArray[Any]:
    r"""Quantiles of clouds along lines: their distances are sliced Wasserstein.

    The Euclidean distance between the entries of two clouds is

    .. math:: SW_2(x, y) = \Big(\frac1L \sum_l W_2^2(\theta_l x, \theta_l y)\Big)^{1/2}

    over the given directions [1]_, with the quantile function of each projection
    replaced by its means over `n_quantiles` equal parts. That makes it a lower bound;
    it is exact where the quantile functions are constant on each part, as those of
    equally weighted points are if their number divides `n_quantiles`.

    Parameters
    ----------
    clouds : PointClouds
        Checked clouds.
    directions : ndarray of shape (n_projections, n_features)
        Unit vectors. The result is linear in them, so shorter ones change its unit.
    n_quantiles : int
        Number of parts.
    centre : array-like of shape (n_features,), default=None
        What the points are told relative to; None is zero. It changes no distance, and
        saves digits if all clouds are far from zero.
    dtype : data-type, default=float64
        Of the result. What is computed is computed in float64.
    n_jobs : int, default=None
        Threads.
    verbose : int, default=0
        A progress bar if positive.

    Returns
    -------
    features : ndarray of shape (n_clouds, n_projections, n_quantiles)
        In the unit of X.

    References
    ----------
    .. [1] Bonneel, Rabin, Peyré, Pfister. Sliced and Radon Wasserstein barycenters of
       measures. Journal of Mathematical Imaging and Vision 51, 2015.
    """
    shape = len(clouds), len(directions), n_quantiles
    features = np.empty(shape, dtype=dtype)
    shares = directions / np.sqrt(len(directions) * n_quantiles)
    origin = np.zeros(clouds.n_features) if centre is None else np.asarray(centre)
    step = _CLOUDS_A_TASK
    if all_diracs(clouds):  # nothing to sort: as many at a time as memory likes
        step = max(step, _NUMBERS_A_BLOCK // max(shape[1], clouds.n_features))
    starts = range(0, len(clouds), step)
    blocks = Parallel(n_jobs=n_jobs, prefer="threads", return_as="generator")(
        delayed(_slice_block)(clouds[start : start + step], shares, origin, n_quantiles)
        for start in starts
    )
    with tqdm(
        total=len(clouds), desc="sliced transport", unit="cloud", disable=not verbose
    ) as bar:
        for start, block in zip(starts, blocks, strict=True):
            features[start : start + len(block)] = block
            bar.update(len(block))
    return features


def squared_max_sliced(
    source: Cloud, target: Cloud, directions: Array, *, max_iter: int = 50
) -> float:
    r"""Squared max-sliced 2-Wasserstein distance, found from below.

    :math:`\max_\theta W_2^2(\theta x, \theta y)` over unit vectors [1]_: the line along
    which two clouds differ most. The search starts from the best of `directions` and of
    the direction between the means. A step goes towards :math:`M \theta`, where M is
    the second moment of the differences that the optimal plan along :math:`\theta`
    pairs, and is shortened until the value grows.

    Parameters
    ----------
    source, target : tuple of ndarray (n_points, n_features) and ndarray (n_points,)
        Points, and weights that sum to one.
    directions : ndarray of shape (n_projections, n_features)
        Unit vectors to start from.
    max_iter : int, default=50
        Most steps.

    Returns
    -------
    squared : float
        At least the value of every start, and at most the squared 2-Wasserstein
        distance. The maximum itself if a cloud is a single point or lies on a line;
        otherwise it may be a local one.

    References
    ----------
    .. [1] Deshpande, Hu, Sun, Pyrros, Siddiqui, Koyejo, Zhao, Forsyth, Schwing.
       Max-sliced Wasserstein distance and its use for GANs. CVPR 2019.
    """
    x, a = np.asarray(source[0], dtype=np.float64), source[1]
    y, b = np.asarray(target[0], dtype=np.float64), target[1]
    if len(x) == len(y) and np.array_equal(x, y) and np.array_equal(a, b):
        return 0.0
    centre = x[0]  # far from zero, digits would be lost
    x, y = x - centre, y - centre
    # a power of two loses no digit, and keeps squares within range
    _, exponent = np.frexp(max(np.abs(x).max(), np.abs(y).max()))
    x, y = np.ldexp(x, -exponent), np.ldexp(y, -exponent)
    if len(x) == 1 or len(y) == 1:
        gaps = np.sqrt(a if len(y) == 1 else b)[:, None] * (x - y)
        best = float(np.linalg.svd(gaps, compute_uv=False)[0]) ** 2
    else:
        best = _best_ascent((x, a), (y, b), directions, max_iter)
    return float(np.ldexp(best, 2 * int(exponent)))


def _slice_block(
    clouds: PointClouds, shares: Array, origin: Array, n_quantiles: int
) -> Array:
    if all_diracs(clouds):
        places = (clouds.points - origin) @ shares.T
        return np.repeat(places[:, :, None], n_quantiles, axis=2)
    return np.array(
        [
            quantile_means(shares @ (points - origin).T, weights, n_quantiles)
            for points, weights in clouds
        ]
    )


def _best_ascent(
    source: Cloud, target: Cloud, directions: Array, max_iter: int
) -> float:
    (x, a), (y, b) = source, target
    between = a @ x - b @ y
    length = np.linalg.norm(between)
    if length > 0:
        directions = np.vstack([between / length, directions])
    values = np.concatenate(
        [
            _squared_along(source, target, block)
            for block in _blocks(directions, len(x) + len(y))
        ]
    )
    starts = set(np.argsort(values)[-_ASCENTS:]) | ({0} if length > 0 else set())
    return max(
        _ascend(source, target, directions[k], float(values[k]), max_iter)
        for k in starts
    )


def _ascend(
    source: Cloud, target: Cloud, theta: Array, value: float, max_iter: int
) -> float:
    """The value at the end of a climb from `theta`, where it is `value`."""
    (x, a), (y, b) = source, target
    fractions = 0.5 ** np.arange(_HALVINGS)[:, None]
    for _ in range(max_iter):
        mass, i, j = _couplings(x @ theta, a, y @ theta, b)
        gaps = x[i] - y[j]
        goal = (mass * (gaps @ theta)) @ gaps
        length = np.linalg.norm(goal)
        if length == 0:
            break
        tries = theta + fractions * (goal / length - theta)
        tries /= np.linalg.norm(tries, axis=1, keepdims=True)
        for trial in tries:
            reached = float(_squared_along(source, target, trial[None])[0])
            if reached > value:
                break
        else:
            break
        gain, value, theta = reached - value, reached, trial
        if gain <= _LEAST_PROGRESS * value:
            break
    return value


def _blocks(directions: Array, n_points: int) -> list[Array]:
    step = max(1, _NUMBERS_A_BLOCK // n_points)
    return [directions[k : k + step] for k in range(0, len(directions), step)]


def _squared_along(source: Cloud, target: Cloud, directions: Array) -> Array:
    """Squared 2-Wasserstein distances of the projections, of shape (n_directions,)."""
    (x, a), (y, b) = source, target
    u, v = directions @ x.T, directions @ y.T
    mass, i, j = _couplings(u, a, v, b)
    gaps = np.take_along_axis(u, i, axis=-1) - np.take_along_axis(v, j, axis=-1)
    return np.sum(mass * gaps**2, axis=-1)


def _couplings(
    u: Array, a: Array, v: Array, b: Array
) -> tuple[Array, NDArray[np.intp], NDArray[np.intp]]:
    """Optimal plans on lines: masses, and the points that each goes from and to.

    Both quantile functions are constant between the cumulated masses of either side, so
    a plan has no more than one entry for each of these.
    """
    rows, columns = np.argsort(u, axis=-1), np.argsort(v, axis=-1)
    ends_u, ends_v = np.cumsum(a[rows], axis=-1), np.cumsum(b[columns], axis=-1)
    ends = np.concatenate([ends_u / ends_u[..., -1:], ends_v / ends_v[..., -1:]], -1)
    order = np.argsort(ends, axis=-1, kind="stable")
    mass = np.diff(np.take_along_axis(ends, order, axis=-1), axis=-1, prepend=0.0)
    is_u = order < len(a)
    # how many of each side have ended before a piece ends
    i = np.minimum(np.cumsum(is_u, axis=-1) - is_u, len(a) - 1)
    j = np.minimum(np.cumsum(~is_u, axis=-1) - ~is_u, len(b) - 1)
    return (
        mass,
        np.take_along_axis(rows, i, axis=-1),
        np.take_along_axis(columns, j, axis=-1),
    )
