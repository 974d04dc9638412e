"""Wasserstein distances between many clouds: all pairs, or chosen ones."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import chain
from typing import Any

import numpy as np
from joblib import Parallel, delayed, effective_n_jobs
from numpy.typing import ArrayLike, NDArray
from tqdm.auto import tqdm

from skwass.clouds import PointClouds, as_point_clouds
from skwass.transport._exact import all_diracs, transport_cost
from skwass.transport._ground import GroundCost, ground_metric

_MOST_PAIRS_A_TASK = 64
_TASKS_A_JOB = 8
_ROWS_A_BLOCK = 256


def wasserstein_distances(
    X: Any,
    Y: Any = None,
    *,
    metric: str | Callable[..., float] = "wasserstein",
    metric_params: dict[str, Any] | None = None,
    squared: bool = False,
    n_jobs: int | None = None,
    verbose: int = 0,
) -> NDArray[np.float64]:
    r"""Exact 2-Wasserstein distances between all clouds of X and of Y.

    For clouds :math:`\mu = \sum_i a_i \delta_{x_i}` and
    :math:`\nu = \sum_j b_j \delta_{y_j}` of total mass one,

    .. math:: W_2(\mu, \nu) = \Big(\min_{P \ge 0,\ P 1 = a,\ P^\top 1 = b}
              \sum_{ij} P_{ij}\, c(x_i, y_j)^2 \Big)^{1/2},

    solved exactly by POT's network simplex [1]_, or in closed form where one of the
    clouds is a single point or the points lie on a line. With a ground metric c this is
    a metric between measures.

    Parameters
    ----------
    X : PointClouds or anything :func:`as_point_clouds` takes
        The clouds, n_clouds of them. Weights are normalised to a total of one.
    Y : as X, default=None
        The clouds to compare with. None compares X with itself and solves each pair
        once.
    metric : str or callable, default="wasserstein"
        The ground distance c between points. ``"wasserstein"`` and ``"euclidean"``
        both mean the Euclidean one; besides, any name that
        :func:`scipy.spatial.distance.cdist` knows, or a callable of two points.
    metric_params : dict, default=None
        Further arguments of the ground distance.
    squared : bool, default=False
        Give the squared distance, which is what transport minimises.
    n_jobs : int, default=None
        Threads that solve pairs side by side; None is one, -1 is all cores. The result
        does not depend on it.
    verbose : int, default=0
        A progress bar if positive.

    Returns
    -------
    distances : ndarray of shape (n_clouds_X, n_clouds_Y), float64
        The distances, in the unit of X (squared if asked). Squared distances are exact
        up to about 1e-16 of the largest squared ground distance of a pair. No cost
        matrix outlives its pair, so memory is that of the result and a little.

    Raises
    ------
    ValueError
        If X or Y is not a set of clouds (see :func:`as_point_clouds`), their dimensions
        differ, or the metric is unknown.

    See Also
    --------
    sampled_wasserstein_distances : The same for chosen pairs.

    References
    ----------
    .. [1] Bonneel, van de Panne, Paris, Heidrich. Displacement interpolation using
       Lagrangian mass transport. ACM Trans. Graphics 30(6), 2011.

    Examples
    --------
    >>> import numpy as np
    >>> from skwass import wasserstein_distances
    >>> square = np.array([[0.0, 0.0], [0.0, 1.0], [1.0, 0.0], [1.0, 1.0]])
    >>> wasserstein_distances([square, square + [3.0, 4.0], 2 * square]).round(3)
    array([[0.   , 5.   , 1.   ],
           [5.   , 0.   , 4.359],
           [1.   , 4.359, 0.   ]])
    """
    ground = GroundCost(ground_metric(metric, metric_params))
    clouds = as_point_clouds(X)
    others = None if Y is None else _matching(as_point_clouds(Y), clouds)
    if all_diracs(clouds) and (others is None or all_diracs(others)):
        table = clouds.points if others is None else others.points
        distances = ground.matrix(clouds.points, table)
    else:
        distances = _all_pairs(clouds, others, ground, n_jobs, verbose)
    return distances if squared else np.sqrt(distances, out=distances)


def sampled_wasserstein_distances(
    X: Any,
    pairs: ArrayLike,
    Y: Any = None,
    *,
    metric: str | Callable[..., float] = "wasserstein",
    metric_params: dict[str, Any] | None = None,
    squared: bool = False,
    n_jobs: int | None = None,
    verbose: int = 0,
) -> NDArray[np.float64]:
    """Exact 2-Wasserstein distances between chosen pairs of clouds.

    For cohorts whose full matrix would take days. The other parameters are those of
    :func:`wasserstein_distances`.

    Parameters
    ----------
    X : PointClouds or anything :func:`as_point_clouds` takes
        The clouds.
    pairs : array-like of shape (n_pairs, 2), int
        ``pairs[k] = (i, j)`` asks for the distance between ``X[i]`` and ``Y[j]``.
    Y : as X, default=None
        Where the second index of a pair points to; None means X.
    metric : str or callable, default="wasserstein"
        The ground distance between points.
    metric_params : dict, default=None
        Further arguments of the ground distance.
    squared : bool, default=False
        Give the squared distance.
    n_jobs : int, default=None
        Threads; None is one, -1 is all cores.
    verbose : int, default=0
        A progress bar if positive.

    Returns
    -------
    distances : ndarray of shape (n_pairs,), float64
        The distances, in the unit of X (squared if asked).

    Raises
    ------
    ValueError
        If `pairs` has another shape, is not of integers, or points outside of X or Y.

    See Also
    --------
    wasserstein_distances : All pairs.

    Examples
    --------
    >>> import numpy as np
    >>> from skwass import sampled_wasserstein_distances
    >>> square = np.array([[0.0, 0.0], [0.0, 1.0], [1.0, 0.0], [1.0, 1.0]])
    >>> sampled_wasserstein_distances([square, square + [3.0, 4.0]], [[0, 1], [1, 1]])
    array([5., 0.])
    """
    ground = GroundCost(ground_metric(metric, metric_params))
    clouds = as_point_clouds(X)
    others = clouds if Y is None else _matching(as_point_clouds(Y), clouds)
    pairs = _checked_pairs(pairs, len(clouds), len(others))
    if all_diracs(clouds) and all_diracs(others):
        distances = ground.paired(
            clouds.points[pairs[:, 0]], others.points[pairs[:, 1]]
        )
    else:
        blocks = _blocks(pairs, _block_size(len(pairs), n_jobs))
        solved = _solve(clouds, others, blocks, ground, n_jobs, verbose, len(pairs))
        distances = np.fromiter(chain.from_iterable(solved), float, len(pairs))
    return distances if squared else np.sqrt(distances)


def _all_pairs(
    clouds: PointClouds,
    others: PointClouds | None,
    ground: GroundCost,
    n_jobs: int | None,
    verbose: int,
) -> NDArray[np.float64]:
    symmetric = others is None
    others = clouds if others is None else others
    n_rows, n_columns = len(clouds), len(others)
    distances = np.zeros((n_rows, n_columns))
    n_pairs = n_rows * (n_rows - 1) // 2 if symmetric else n_rows * n_columns
    size = _block_size(n_pairs, n_jobs)

    def blocks() -> Iterator[NDArray[np.intp]]:
        # some rows at a time, so that the list of pairs stays small
        for first in range(0, n_rows, _ROWS_A_BLOCK):
            rows = np.arange(first, min(first + _ROWS_A_BLOCK, n_rows))
            i, j = np.meshgrid(rows, np.arange(n_columns), indexing="ij")
            wanted = i < j if symmetric else np.full(i.shape, True)
            yield from _blocks(np.column_stack([i[wanted], j[wanted]]), size)

    solved = _solve(clouds, others, blocks(), ground, n_jobs, verbose, n_pairs)
    for block, values in zip(blocks(), solved, strict=True):
        distances[block[:, 0], block[:, 1]] = values
        if symmetric:
            distances[block[:, 1], block[:, 0]] = values
    return distances


def _solve(
    clouds: PointClouds,
    others: PointClouds,
    blocks: Iterator[NDArray[np.intp]],
    ground: GroundCost,
    n_jobs: int | None,
    verbose: int,
    n_pairs: int,
) -> Iterator[list[float]]:
    """Distances block by block, in order; threads, since the simplex drops the GIL."""
    solved = Parallel(n_jobs=n_jobs, prefer="threads", return_as="generator")(
        delayed(_solve_block)(clouds, others, block, ground) for block in blocks
    )
    with tqdm(
        total=n_pairs, desc="exact distances", unit="pair", disable=not verbose
    ) as bar:
        for values in solved:
            bar.update(len(values))
            yield values


def _solve_block(
    clouds: PointClouds,
    others: PointClouds,
    block: NDArray[np.intp],
    ground: GroundCost,
) -> list[float]:
    return [transport_cost(clouds[i], others[j], ground) for i, j in block]


def _block_size(n_pairs: int, n_jobs: int | None) -> int:
    """Pairs a task: worth the call, and few enough to keep all threads busy."""
    share = n_pairs // (_TASKS_A_JOB * effective_n_jobs(n_jobs))
    return max(1, min(_MOST_PAIRS_A_TASK, share))


def _blocks(pairs: NDArray[np.intp], size: int) -> Iterator[NDArray[np.intp]]:
    for start in range(0, len(pairs), size):
        yield pairs[start : start + size]


def _matching(others: PointClouds, clouds: PointClouds) -> PointClouds:
    if others.n_features != clouds.n_features:
        raise ValueError(
            f"X has {clouds.n_features} features and Y has {others.n_features}; points "
            "of both must live in the same space."
        )
    return others


def _checked_pairs(pairs: ArrayLike, n_first: int, n_second: int) -> NDArray[np.intp]:
    array = np.asarray(pairs)
    if array.size == 0:
        return np.empty((0, 2), dtype=np.intp)
    if array.ndim != 2 or array.shape[1] != 2 or array.dtype.kind not in "iu":
        raise ValueError(
            "pairs must be integers of shape (n_pairs, 2); got shape "
            f"{array.shape} and dtype {array.dtype}."
        )
    if array.min() < 0 or (array.max(axis=0) >= (n_first, n_second)).any():
        raise ValueError(
            f"pairs must index {n_first} clouds in X and {n_second} in Y; got indices "
            f"from {array.min()} to {array.max()}."
        )
    return array.astype(np.intp)
