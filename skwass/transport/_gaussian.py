"""Transport between Gaussians, which has a closed form."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from skwass.clouds import PointClouds
from skwass.transport._simplex import Array


@dataclass(frozen=True)
class Gaussians:
    """Means and roots of the covariances of clouds.

    Attributes
    ----------
    means : ndarray of shape (n_clouds, n_features)
        Weighted means.
    roots : ndarray of shape (n_clouds, n_rows, n_features)
        ``roots[i].T @ roots[i]`` is the covariance of cloud i, the mean of squares
        without Bessel's correction, as weights are masses and no counts.
    """

    means: Array
    roots: Array


def fit_gaussians(clouds: PointClouds, origin: Array) -> Gaussians:
    """The Gaussians with the means and covariances of clouds, told from `origin`."""
    n_features = clouds.n_features
    n_rows = min(n_features, int(clouds.sizes.max()))
    means = np.empty((len(clouds), n_features))
    roots = np.zeros((len(clouds), n_rows, n_features))
    for index, (points, weights) in enumerate(clouds):
        shifted = points.astype(np.float64) - points[0]
        mean = weights @ shifted
        means[index] = mean + (points[0] - origin)
        root = np.sqrt(weights)[:, None] * (shifted - mean)
        if len(root) > n_rows:
            root = np.linalg.qr(root, mode="r")
        roots[index, : len(root)] = root
    return Gaussians(means, roots)


def squared_bures(
    first: Gaussians, second: Gaussians, pairs: NDArray[np.intp]
) -> Array:
    r"""Squared 2-Wasserstein distances between Gaussians of chosen pairs.

    .. math:: \|m_1 - m_2\|^2 + \operatorname{tr}\big(\Sigma_1 + \Sigma_2
              - 2 (\Sigma_1^{1/2} \Sigma_2 \Sigma_1^{1/2})^{1/2}\big)

    The trace is the least :math:`\|A_1 - U A_2\|_F^2` over rotations U of a root
    :math:`A_2^\top A_2 = \Sigma_2` [1]_, in which no digits cancel where the Gaussians
    are close.

    References
    ----------
    .. [1] Bhatia, Jain, Lim. On the Bures–Wasserstein distance between positive
       definite matrices. Expositiones Mathematicae 37(2), 2019.
    """
    i, j = pairs.T
    gaps = first.means[i] - second.means[j]
    squares = np.einsum("ij,ij->i", gaps, gaps)
    one, two = _padded(first.roots, second.roots)
    one, two = one[i], two[j]
    left, _, right = np.linalg.svd(one @ two.transpose(0, 2, 1))
    apart = one - left @ (right @ two)
    return squares + np.einsum("ijk,ijk->i", apart, apart)


def diagonal_features(clouds: PointClouds, origin: Array) -> Array:
    """Means and standard deviations of the coordinates, of shape (n, 2 n_features).

    The Euclidean distance between two rows is the 2-Wasserstein distance between
    Gaussians with diagonal covariances.
    """
    features = np.empty((len(clouds), 2 * clouds.n_features))
    for index, (points, weights) in enumerate(clouds):
        shifted = points.astype(np.float64) - points[0]
        mean = weights @ shifted
        deviation = np.sqrt(weights @ (shifted - mean) ** 2)
        features[index] = np.concatenate([mean + (points[0] - origin), deviation])
    return features


def _padded(first: Array, second: Array) -> tuple[Array, Array]:
    """Roots with as many rows; rows of zeros change no covariance."""
    n_rows = max(first.shape[1], second.shape[1])
    return tuple(  # type: ignore[return-value]
        np.pad(roots, ((0, 0), (0, n_rows - roots.shape[1]), (0, 0)))
        for roots in (first, second)
    )
