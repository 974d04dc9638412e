"""Where a new sample lies among samples that have places already."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import eigh
from sklearn.utils.extmath import svd_flip

from skwass.manifold._dissimilarities import centred

Array = NDArray[np.float64]

#: below it, with squared distances of at most one, an eigenvalue is rounding
_LEAST_EIGENVALUE = 1e-10
_MOST_STEPS = 200
_PRECISION = 1e-13


@dataclass(frozen=True)
class Placement:
    """Principal coordinates of samples, in which others are placed by distances.

    Attributes
    ----------
    coordinates : ndarray of shape (n_samples, n_dimensions)
        Centred, uncorrelated, widest first.
    widths : ndarray of shape (n_dimensions,)
        Sums of squares of the columns.
    """

    coordinates: Array
    widths: Array

    @classmethod
    def of(cls, squares: Array) -> Placement:
        """Find places with these squared Euclidean distances, of which one is largest.

        There is one dimension at least, of zeros if all samples coincide.
        """
        widths, vectors = eigh(-0.5 * centred(squares))
        used = np.flatnonzero(widths > _LEAST_EIGENVALUE)[::-1]
        if not len(used):
            return cls(np.zeros((len(squares), 1)), np.ones(1))
        vectors = svd_flip(vectors[:, used], None)[0]
        return cls(vectors * np.sqrt(widths[used]), widths[used])

    def place(self, squares: Array) -> Array:
        r"""Places of least stress, given squared distances to the samples.

        Each row of distances :math:`s_j` to samples at :math:`z_j` is placed where
        :math:`\sum_j (\|z - z_j\|^2 + h^2 - s_j)^2` is least; the height h above the
        space of the samples is forgotten. This is a trust region problem, which can be
        solved to the global minimum (Beck, Stoica, Li, 2008): z is Gower's
        least-squares solution with a ridge, and the ridge is zero unless z would lie
        farther from the centre than the mean of the distances allows.
        """
        lengths = np.sum(self.coordinates**2, axis=1)
        against = (squares - lengths) @ self.coordinates
        target = (squares - lengths).mean(axis=1)
        ridge = np.zeros(len(squares))
        for _ in range(_MOST_STEPS):
            # Newton from the left on a function that is convex and falls
            spans = self.widths + ridge[:, None]
            parts = (against / (2 * spans)) ** 2
            excess = parts.sum(axis=1) - target - 2 / len(lengths) * ridge
            slope = 2 * (parts / spans).sum(axis=1) + 2 / len(lengths)
            step = np.maximum(excess / slope, 0)
            ridge += step
            if (step <= _PRECISION * ridge).all():
                break
        return -against / (2 * (self.widths + ridge[:, None]))
