"""Clouds told by the distances within them, whatever their pose."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from scipy.spatial.distance import cdist

from skwass.clouds import PointClouds
from skwass.transport._exact import Cloud
from skwass.transport._quantiles import quantile_means
from skwass.transport._simplex import Array
from skwass.transport._spaces import Space, power_of_two

_NUMBERS_A_BLOCK = 2**20
_DENSE = 512  # points, up to which all eigenvalues are computed
_SPARE = 2  # columns for each eigenvalue wanted, and passes over them, that leave an
_PASSES = 6  # error of less than 1e-6 of the largest


def profile_clouds(clouds: PointClouds, n_quantiles: int) -> PointClouds:
    r"""Clouds whose points say what each point sees of its own cloud.

    A point becomes its profile: the means of the quantile function of its distances to
    all points, over equal parts, over :math:`\sqrt{n}`. The distance of two profiles is
    :math:`W_2` between two distributions of distances, and the squared distance
    :math:`W_2^2` of two clouds of profiles is the third lower bound of the squared
    Gromov–Wasserstein distance [1]_. Finitely many quantiles keep it below.

    Nothing that keeps distances, such as turning, mirroring or shifting a cloud,
    changes its profiles. They are as large as the cloud: scaling it scales them.

    Parameters
    ----------
    clouds : PointClouds
        Checked clouds.
    n_quantiles : int
        Number of parts.

    Returns
    -------
    profiles : PointClouds
        As many clouds of as many points, equal ones merged, of dimension `n_quantiles`
        and in the unit of X.

    References
    ----------
    .. [1] Mémoli. Gromov–Wasserstein distances and the metric approach to object
       matching. Foundations of Computational Mathematics 11, 2011.
    """
    spaces = [Space(cloud) for cloud in clouds]
    offsets = np.cumsum([0, *(len(space.points) for space in spaces)])
    return PointClouds(
        np.concatenate([profiles_of(space, n_quantiles) for space in spaces]),
        np.concatenate([space.weights for space in spaces]),
        offsets,
    )


def profiles_of(space: Space, n_quantiles: int) -> Array:
    """The profiles of the points of one cloud; see `profile_clouds`."""
    scale = power_of_two(space.extent)
    profiles = np.empty((len(space.points), n_quantiles))
    for block, distances in distance_blocks(space, scale):
        profiles[block] = quantile_means(distances, space.weights, n_quantiles)
    return profiles / np.sqrt(n_quantiles) / scale


def distance_blocks(space: Space, scale: float) -> Iterator[tuple[slice, Array]]:
    """Some of the points at a time, and their distances to all, times `scale`."""
    centred = (space.points - space.points[0]) * scale
    step = max(1, _NUMBERS_A_BLOCK // len(centred))
    for start in range(0, len(centred), step):
        block = slice(start, start + step)
        yield block, cdist(centred[block], centred)


def distance_spectra(clouds: PointClouds, n_eigenvalues: int) -> Array:
    r"""Features that tell a cloud by the spectrum of the distances within it.

    A row holds eigenvalues of :math:`\sqrt{w_i w_j} \|x_i - x_j\|`: first the only
    positive one, then the least. By the inequality of Hoffman and Wielandt [1]_ the
    Euclidean distance of two rows is a lower bound of the Gromov–Wasserstein distance:
    a plan makes both clouds one set of weighted pairs of points, on which it compares
    two matrices entry by entry.

    Parameters
    ----------
    clouds : PointClouds
        Checked clouds.
    n_eigenvalues : int
        How many; clouds of fewer points are filled up with zeros.

    Returns
    -------
    spectra : ndarray of shape (n_clouds, n_eigenvalues), float64
        In the unit of X. Of clouds of more than 512 points, to about 1e-6 of the first.

    References
    ----------
    .. [1] Hoffman, Wielandt. The variation of the spectrum of a normal matrix. Duke
       Mathematical Journal 20, 1953.
    """
    return np.array([_spectrum(cloud, n_eigenvalues) for cloud in clouds])


def _spectrum(cloud: Cloud, n_eigenvalues: int) -> Array:
    space = Space(cloud)
    scale = power_of_two(space.extent)
    if len(space.points) <= max(_DENSE, _SPARE * n_eigenvalues):
        roots = np.sqrt(space.weights)
        values = np.linalg.eigvalsh(roots[:, None] * space.distances(scale) * roots)
    else:
        values = _leading_eigenvalues(space, scale, _SPARE * n_eigenvalues)
    spectrum = np.zeros(n_eigenvalues)
    if len(values) > 1:
        spectrum[0] = values[-1]
        least = np.minimum(values[: min(n_eigenvalues, len(values)) - 1], 0.0)
        spectrum[1 : len(least) + 1] = least
    return spectrum / scale


def _leading_eigenvalues(space: Space, scale: float, n_columns: int) -> Array:
    """Those of largest size, by subspace iteration in bounded memory."""
    roots = np.sqrt(space.weights)[:, None]
    shape = len(space.points), n_columns
    basis = np.random.RandomState(0).standard_normal(shape)
    for _ in range(_PASSES):
        basis = np.linalg.qr(basis)[0]
        spread = roots * basis
        image = np.empty(shape)
        for block, distances in distance_blocks(space, scale):
            image[block] = distances @ spread
        image *= roots
        basis, previous = image, basis
    inner = previous.T @ basis
    return np.linalg.eigvalsh((inner + inner.T) / 2)
