"""Where a cohort of clouds lies, and how far it reaches."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from skwass.clouds import PointClouds
from skwass.transport._ground import refuse_overflow
from skwass.transport._simplex import Array

_NUMBERS_A_BLOCK = 2**22


def centre_and_spread(clouds: PointClouds) -> tuple[Array, float]:
    """The mean of all clouds, and a typical distance of points from it, never zero."""
    origin = np.asarray(clouds.points[0], dtype=np.float64)
    reach = _reach(clouds, origin)
    refuse_overflow(reach)
    if reach == 0:
        return origin, 1.0
    # in units of the largest, whose square is no number too large or too small
    shift, squares = np.zeros(clouds.n_features), 0.0
    for block in _blocks(clouds):
        weights = clouds.weights[block] / len(clouds)
        points = (clouds.points[block] - origin) / reach
        shift += weights @ points
        squares += float(weights @ np.einsum("ij,ij->i", points, points))
    spread = float(np.sqrt(max(squares - float(shift @ shift), 0.0)))
    return origin + reach * shift, float(reach * spread) if spread > 0 else 1.0


def refuse_far(clouds: PointClouds, others: PointClouds) -> None:
    """Squared distances between all these points must be numbers."""
    origin = np.asarray(clouds.points[0], dtype=np.float64)
    reach = max(_reach(cohort, origin) for cohort in (clouds, others))
    refuse_overflow(clouds.n_features * (2.0 * reach) * (2.0 * reach))


def _reach(clouds: PointClouds, origin: Array) -> float:
    """The largest difference of a coordinate from that of the origin."""
    with np.errstate(over="ignore"):
        return max(
            float(np.abs(clouds.points[block] - origin).max())
            for block in _blocks(clouds)
        )


def _blocks(clouds: PointClouds) -> list[slice]:
    step = max(1, _NUMBERS_A_BLOCK // clouds.n_features)
    return [slice(start, start + step) for start in range(0, len(clouds.points), step)]


def pooled(first: PointClouds, *others: PointClouds) -> PointClouds:
    """Several cohorts as one; the first alone, if the others are the same object."""
    if all(cohort is first for cohort in others):
        return first
    cohorts = [first, *others]
    sizes: NDArray[np.int64] = np.concatenate([cohort.sizes for cohort in cohorts])
    return PointClouds(
        np.concatenate([cohort.points for cohort in cohorts]),
        np.concatenate([cohort.weights for cohort in cohorts]),
        np.concatenate([[0], np.cumsum(sizes)]),
    )
