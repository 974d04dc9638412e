"""Linear optimal transport: every cloud told by one plan from a common reference."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from joblib import Parallel, delayed
from numpy.typing import NDArray
from sklearn.cluster import KMeans
from sklearn.neighbors import NearestNeighbors
from threadpoolctl import threadpool_limits
from tqdm.auto import tqdm

from skwass.clouds import PointClouds
from skwass.transport._exact import (
    Cloud,
    all_diracs,
    mixed_order,
    transport_plan,
)
from skwass.transport._scratch import release
from skwass.transport._simplex import Array

_CLOUDS_A_TASK = 16
_DEFAULT_REFERENCE = 192
_MOST_MOVED_NUMBERS = 8192
_POOLED_POINTS = 20_000
_POOLED_NUMBERS = 10_000_000


@dataclass(frozen=True)
class Reference:
    """A measure that all clouds are compared with.

    Attributes
    ----------
    points : ndarray of shape (n_points, n_features)
        Where its mass lies.
    weights : ndarray of shape (n_points,)
        Positive, summing to one.
    scale : float
        A typical distance between points of the cohort and their mean, the unit in
        which displacements are told; never zero.
    """

    points: Array
    weights: Array
    scale: float


def fit_reference(
    clouds: PointClouds, n_points: int, random_state: np.random.RandomState
) -> Reference:
    """The k-means centres of all points pooled, each weighing what it stands for.

    The pooled points are blurred by about the gap between neighbours. On a grid, such
    as the pixels of an image, centres would otherwise lie symmetrically between points,
    many plans would be optimal at once, and the one the solver happens to return would
    say little about the cloud.
    """
    pooled = _pool(clouds, random_state)
    mean = pooled[0] + (pooled - pooled[0]).mean(axis=0)  # equal points: no rounding
    spread = float(np.sqrt(np.mean(np.sum((pooled - mean) ** 2, axis=1))))
    scale = spread if spread > 0 else 1.0
    if all_diracs(clouds) or n_points == 1:
        return Reference(mean[None], np.ones(1), scale)
    unit = (pooled - mean) / scale
    distinct = np.unique(unit, axis=0)
    blurred = unit + _gap(distinct) * random_state.standard_normal(unit.shape)
    kmeans = KMeans(
        min(n_points, len(np.unique(blurred, axis=0))),
        n_init=1,
        max_iter=50,
        random_state=random_state.randint(2**31 - 1),
    )
    with threadpool_limits(1, user_api="openmp"):
        # threads add the centres up in any order, and the bits would differ
        labels = kmeans.fit_predict(blurred)
    counts = np.bincount(labels, minlength=len(kmeans.cluster_centers_))
    used = counts > 0
    centres = mean + scale * kmeans.cluster_centers_[used]
    return Reference(centres, counts[used] / len(labels), scale)


def reference_size(n_reference: int | str, n_features: int) -> int:
    """How many points a reference has; "auto" keeps what is stored of a cloud small."""
    if not isinstance(n_reference, str):
        return n_reference
    return min(_DEFAULT_REFERENCE, max(16, _MOST_MOVED_NUMBERS // n_features))


def displacements(
    clouds: PointClouds,
    reference: Reference,
    *,
    n_jobs: int | None = None,
    verbose: int = 0,
) -> NDArray[np.float32]:
    r"""How far each reference point is moved on average by an optimal plan to a cloud.

    With P the plan from the reference (y, b) to a cloud (x, a), the barycentric
    projection moves :math:`y_r` to :math:`T_r = \sum_j P_{rj} x_j / b_r` [1]_. A row of
    the result is :math:`\sqrt{b_r} (T_r - y_r)` in units of `reference.scale`, so that
    the Euclidean distance between two rows is the linear transport distance.

    It is a function of the measure alone: points are sorted and duplicates merged
    first, so neither their order nor their splitting can matter.

    Parameters
    ----------
    clouds : PointClouds
        Checked clouds.
    reference : Reference
        What they are compared with.
    n_jobs : int, default=None
        Threads.
    verbose : int, default=0
        A progress bar if positive.

    Returns
    -------
    moved : ndarray of shape (n_clouds, n_points, n_features), float32
        Scaled displacements, without unit.

    References
    ----------
    .. [1] Wang, Slepčev, Basu, Ozolek, Rohde. A linear optimal transportation framework
       for quantifying and visualizing variations in sets of images. IJCV 101, 2013.
    """
    moved = np.empty((len(clouds), *reference.points.shape), dtype=np.float32)
    starts = range(0, len(clouds), _CLOUDS_A_TASK)
    blocks = Parallel(n_jobs=n_jobs, prefer="threads", return_as="generator")(
        delayed(_move_block)(clouds[start : start + _CLOUDS_A_TASK], reference)
        for start in starts
    )
    with tqdm(
        total=len(clouds), desc="linear transport", unit="cloud", disable=not verbose
    ) as bar:
        for start, block in zip(starts, blocks, strict=True):
            moved[start : start + len(block)] = block
            bar.update(len(block))
    release()
    return moved


def moved_points(moved: NDArray[np.floating], reference: Reference) -> Array:
    """The inverse of the scaling in `displacements`: where the points end up."""
    unit = moved / np.sqrt(reference.weights)[:, None]
    return reference.points + reference.scale * unit


def _move_block(clouds: PointClouds, reference: Reference) -> Array:
    return np.array([_move(cloud, reference) for cloud in clouds])


def _move(cloud: Cloud, reference: Reference) -> Array:
    points, weights = _canonical(cloud)
    plan = transport_plan((reference.points, reference.weights), (points, weights))
    centre = reference.points.mean(axis=0)  # far from zero, digits would be lost
    mass = plan.sum(axis=1, keepdims=True)
    landed = (plan / mass) @ (points - centre)
    step = (landed - (reference.points - centre)) / reference.scale
    return np.sqrt(reference.weights)[:, None] * step


def _canonical(cloud: Cloud) -> tuple[Array, Array]:
    """The cloud with its points in an order of their own and no point twice."""
    points, weights = np.asarray(cloud[0], dtype=np.float64), cloud[1]
    if len(points) == 1:
        return points, weights
    order = np.lexsort(points.T)
    points, weights = points[order], weights[order]
    fresh = np.append(True, (points[1:] != points[:-1]).any(axis=1))
    if not fresh.all():
        points, weights = (
            points[fresh],
            np.add.reduceat(weights, np.flatnonzero(fresh)),
        )
    mixed = mixed_order(len(points))
    return points[mixed], weights[mixed]


def _pool(clouds: PointClouds, random_state: np.random.RandomState) -> Array:
    """Points drawn from the mixture of all clouds, or all of them if they are few."""
    n_points = len(clouds.points)
    enough = max(1000, min(_POOLED_POINTS, _POOLED_NUMBERS // clouds.n_features))
    if all_diracs(clouds) and n_points <= enough:
        return np.asarray(clouds.points, dtype=np.float64)
    chosen = random_state.choice(
        n_points, size=enough, p=clouds.weights / clouds.weights.sum()
    )
    return np.asarray(clouds.points[np.sort(chosen)], dtype=np.float64)


def _gap(distinct: Array) -> float:
    """Half the typical distance to the nearest other point, over sqrt(d / 2)."""
    sample = distinct[:: max(1, len(distinct) // 2000)]
    if len(sample) < 2:
        return 0.0
    distances, _ = NearestNeighbors(n_neighbors=1).fit(sample).kneighbors()
    return float(np.median(distances)) / np.sqrt(2 * distinct.shape[1])
