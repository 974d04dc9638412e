"""Clouds of any dimension, seen in the plane."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from skwass.clouds import PointClouds

Array = NDArray[np.float64]

_ELEVATION, _AZIMUTH = np.deg2rad([20.0, -60.0])


@dataclass(frozen=True)
class View:
    """Points in the plane, and how near each of them is.

    Attributes
    ----------
    points : ndarray of shape (n_points, 2)
        Where points are seen; all of them fit into the unit square around zero.
    nearness : ndarray of shape (n_points,)
        From zero, the farthest, to one; one for all where there is no depth.
    """

    points: Array
    nearness: Array


def seen_in_the_plane(clouds: PointClouds, indexing: str) -> View:
    """All points of all clouds, from one side and on one scale.

    A line is horizontal and a plane as it is. Space is seen from the side and a little
    from above. Of more dimensions, the two leading principal components are taken.
    """
    points = np.asarray(clouds.points, dtype=np.float64)
    # on the scale of one, no product overflows
    points = points - (points.min(axis=0) / 2 + points.max(axis=0) / 2)
    points = points / (np.abs(points).max() or 1.0)
    depth = np.zeros(len(points))
    if clouds.n_features == 1:
        points = np.hstack([points, np.zeros_like(points)])
    elif clouds.n_features == 3:
        points, depth = _seen_from_the_side(points)
    elif clouds.n_features > 3:
        points = points @ _principal_axes(points, clouds.weights)
    elif indexing == "ij":
        points = points[:, ::-1] * [1.0, -1.0]
    low, high = points.min(axis=0), points.max(axis=0)
    extent = (high - low).max() or 1.0
    return View(
        (points - (low + high) / 2) / extent,
        1.0 - (depth - depth.min()) / (np.ptp(depth) or 1.0),
    )


def _seen_from_the_side(points: Array) -> tuple[Array, Array]:
    """What is right, what is up, and how far away: no perspective."""
    x, y, z = points.T
    right = -np.sin(_AZIMUTH) * x + np.cos(_AZIMUTH) * y
    near = np.cos(_AZIMUTH) * x + np.sin(_AZIMUTH) * y
    up = np.cos(_ELEVATION) * z - np.sin(_ELEVATION) * near
    return np.stack([right, up], axis=1), -(
        np.cos(_ELEVATION) * near + np.sin(_ELEVATION) * z
    )


def _principal_axes(points: Array, weights: Array) -> Array:
    """The two directions in which weighted points vary most, of shape (d, 2)."""
    centred = points - np.average(points, axis=0, weights=weights)
    axes = np.linalg.eigh((centred.T * weights) @ centred)[1][:, :-3:-1]
    # an eigenvector's sign means nothing, so its largest entry shall be positive
    largest = np.abs(axes).argmax(axis=0)
    return np.asarray(axes * np.sign(axes[largest, [0, 1]]))
