"""Where a cohort of clouds lies, and how far it reaches."""

from __future__ import annotations

import numpy as np

from skwass.clouds import PointClouds
from skwass.transport._ground import refuse_overflow
from skwass.transport._simplex import Array

_NUMBERS_A_BLOCK = 2**22


def centre_and_spread(clouds: PointClouds) -> tuple[Array, float]:
    """The mean of all clouds, and a typical distance of points from it, never zero."""
    origin = np.asarray(clouds.points[0], dtype=np.float64)
    step = max(1, _NUMBERS_A_BLOCK // clouds.n_features)
    blocks = [
        slice(start, start + step) for start in range(0, len(clouds.points), step)
    ]
    with np.errstate(over="ignore"):
        reach = max(np.abs(clouds.points[block] - origin).max() for block in blocks)
    refuse_overflow(reach)
    if reach == 0:
        return origin, 1.0
    # in units of the largest, whose square is no number too large or too small
    shift, squares = np.zeros(clouds.n_features), 0.0
    for block in blocks:
        weights = clouds.weights[block] / len(clouds)
        points = (clouds.points[block] - origin) / reach
        shift += weights @ points
        squares += float(weights @ np.einsum("ij,ij->i", points, points))
    spread = float(np.sqrt(max(squares - float(shift @ shift), 0.0)))
    return origin + reach * shift, float(reach * spread) if spread > 0 else 1.0


def pooled(clouds: PointClouds, others: PointClouds) -> PointClouds:
    """Both cohorts as one."""
    if others is clouds:
        return clouds
    return PointClouds(
        np.concatenate([clouds.points, others.points]),
        np.concatenate([clouds.weights, others.weights]),
        np.concatenate([clouds.offsets, clouds.offsets[-1] + others.offsets[1:]]),
    )
