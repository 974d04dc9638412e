"""Clouds told by how far points of one kind lie from points of another."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.spatial.distance import cdist
from scipy.special import softmax

from skwass.clouds import PointClouds
from skwass.transport._exact import Cloud
from skwass.transport._linear import fit_reference
from skwass.transport._profiles import distance_blocks, profile_clouds, profiles_of
from skwass.transport._simplex import Array
from skwass.transport._spaces import Space, power_of_two

_FARTHEST = 2.5  # root mean squared distances, where the last ring is


@dataclass(frozen=True)
class Kinds:
    """Kinds of points, by what they see of their cloud.

    Attributes
    ----------
    centres : ndarray of shape (n_kinds, n_quantiles)
        Profiles of typical points, over the size of their cloud.
    gap : float
        Squared distance of centres that are neighbours.
    """

    centres: Array
    gap: float

    def shares(self, profiles: Array) -> Array:
        """How much a point is of each kind, of shape (n_points, n_kinds)."""
        squares = cdist(profiles, self.centres, "sqeuclidean")
        shares: Array = softmax(-squares / self.gap, axis=1)
        return shares


def fit_kinds(
    clouds: PointClouds,
    n_kinds: int,
    n_quantiles: int,
    random_state: np.random.RandomState,
) -> Kinds:
    """The k-means centres of all profiles pooled, each over the size of its cloud."""
    profiles = profile_clouds(clouds, n_quantiles)
    unit = np.array([Space(cloud).mean_distance or 1.0 for cloud in clouds])
    points = profiles.points / np.repeat(unit, profiles.sizes)[:, None]
    relative = PointClouds(points, profiles.weights, profiles.offsets)
    centres = fit_reference(relative, n_kinds, random_state).points
    if len(centres) == 1:
        return Kinds(centres, 1.0)
    squares = cdist(centres, centres, "sqeuclidean")
    nearest = np.partition(squares, 1, axis=1)[:, 1]
    return Kinds(centres, float(np.median(nearest)))


def kind_distances(clouds: PointClouds, kinds: Kinds, n_rings: int) -> Array:
    r"""Features that tell how far points of one kind lie from points of another.

    With :math:`S_{ia}` the share of kind a in point i,

    .. math:: m_{kab} = r \sum_{ij} w_i w_j\, \varphi_k(\|x_i - x_j\| / r)\,
              S_{ia} S_{jb}

    where r is the root of the mean squared distance within the cloud and
    :math:`\varphi_k` are hats, k = 0, 1, ..., that sum to one. What each point sees
    does not decide how such points lie to each other; this tells more of that, and
    changes smoothly with the cloud.

    Parameters
    ----------
    clouds : PointClouds
        Checked clouds.
    kinds : Kinds
        From `fit_kinds`.
    n_rings : int
        At how many distances, from 0 to 2.5 times r; what is farther counts there.

    Returns
    -------
    features : ndarray of shape (n_clouds, n_rings * n_kinds * (n_kinds + 1) / 2)
        In the unit of X, and not changed by what keeps distances.
    """
    return np.array([_told(cloud, kinds, n_rings) for cloud in clouds])


def _told(cloud: Cloud, kinds: Kinds, n_rings: int) -> Array:
    space = Space(cloud)
    size = space.mean_distance
    n_kinds, n_quantiles = kinds.centres.shape
    sums = np.zeros((n_rings, n_kinds, n_kinds))
    if size > 0:
        shares = kinds.shares(profiles_of(space, n_quantiles) / size)
        shares *= space.weights[:, None]
        scale = power_of_two(space.extent)
        step = size * scale * _FARTHEST / max(1, n_rings - 1)
        for block, distances in distance_blocks(space, scale):
            places = np.minimum(distances / step, n_rings - 1)
            for k in range(n_rings):
                near = np.maximum(1 - np.abs(places - k), 0)
                sums[k] += shares[block].T @ (near @ shares)
    # pairs of different kinds stand for two entries
    i, j = np.triu_indices(n_kinds)
    told: Array = size * np.where(i == j, 1, np.sqrt(2)) * sums[:, i, j]
    return told.ravel()
