"""Samples that are known by their distances only."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import eigh
from sklearn.utils.extmath import svd_flip

from skwass.manifold._cohorts import Features, Featuriser

Array = NDArray[np.float64]

_MOST_FEATURES = 256
#: below it, with distances of unit scale, an eigenvalue is rounding
_LEAST_EIGENVALUE = 1e-10
#: how far, relative to the largest distance, a computed matrix may be off
_ROUNDING = 1e-6


@dataclass
class LandmarkFeatures:
    """Classical MDS that places new samples by their distances to the old ones [1]_.

    References
    ----------
    .. [1] de Silva, Tenenbaum. Sparse multidimensional scaling using landmark points.
       Technical report, Stanford University, 2004.
    """

    mean_squares: Array
    projection: Array
    unit: float

    @property
    def n_leading(self) -> int:
        """All of them."""
        return int(self.projection.shape[1])

    @property
    def gain(self) -> float:
        """As for a table."""
        return 5.0

    @property
    def n_samples(self) -> int:
        """How many samples new ones are told by."""
        return len(self.mean_squares)

    @property
    def scale(self) -> float:
        """The unit of the distances."""
        return self.unit

    def transform(self, X: Array, n_jobs: int | None = None) -> Features:
        """Features of rows of distances to the samples of the fit."""
        squares = np.square(X / self.scale)
        return ((squares - self.mean_squares) @ self.projection).astype(np.float32)


@dataclass
class DissimilarityCohort:
    """Samples known by their distances only."""

    dissimilarities: Array
    n_jobs: int | None = None
    cheap: bool = True

    def __len__(self) -> int:
        return len(self.dissimilarities)

    def featurise(
        self, random_state: np.random.RandomState
    ) -> tuple[Featuriser, Features]:
        """Classical MDS with all positive eigenvalues, up to a number."""
        largest = float(self.dissimilarities.max()) or 1.0  # first: squares underflow
        mean = np.mean((self.dissimilarities / largest) ** 2)
        scale = largest * float(np.sqrt(mean / 2)) or 1.0
        squares = np.square(self.dissimilarities / scale)
        means = squares.mean(axis=0)
        inner = -0.5 * centred(squares)
        n_samples = len(inner)
        first = max(0, n_samples - _MOST_FEATURES)
        values, vectors = eigh(inner, subset_by_index=[first, n_samples - 1])
        values, vectors = values[::-1], svd_flip(vectors[:, ::-1], None)[0]
        used = values > _LEAST_EIGENVALUE
        if used.any():
            projection = -0.5 * vectors[:, used] / np.sqrt(values[used])
        else:
            projection = np.zeros((n_samples, 1))  # all in one place: an idle feature
        featuriser = LandmarkFeatures(means, projection, scale)
        return featuriser, featuriser.transform(self.dissimilarities)

    def described(self, featuriser: Featuriser) -> Features:
        """Features by an earlier fit, of the same samples."""
        n_samples = getattr(featuriser, "n_samples", None)
        if n_samples != len(self):
            raise ValueError(
                f"X holds distances of {len(self)} samples; the earlier fit, which "
                f"warm_start goes on from, had {n_samples}. Set warm_start=False to "
                "begin anew."
            )
        return featuriser.transform(self.dissimilarities)

    def arrays(self) -> list[NDArray[Any]]:
        """The distances."""
        return [self.dissimilarities]

    def matrix(self) -> Array:
        """The distances themselves."""
        return self.dissimilarities

    def distances(self, pairs: NDArray[np.intp]) -> Array:
        """Those of the pairs."""
        return self.dissimilarities[pairs[:, 0], pairs[:, 1]]

    def blocks_of_distances(self, pairs: NDArray[np.intp]) -> Iterator[Array]:
        """All at once; they are known."""
        yield self.distances(pairs)


def centred(matrix: Array) -> Array:
    """``J matrix J`` for a symmetric matrix."""
    means = matrix.mean(axis=0)
    return matrix - means - means[:, None] + means.mean()


def checked_distances(X: Array, name: str = "X") -> Array:
    """A square, symmetric matrix with zeros on the diagonal, rounding put right."""
    if X.shape[0] != X.shape[1]:
        raise ValueError(
            f"{name} must be a square matrix of distances; it has shape {X.shape}."
        )
    rounding = _ROUNDING * X.max()
    row, column = np.unravel_index(np.abs(X - X.T).argmax(), X.shape)
    if abs(X[row, column] - X[column, row]) > rounding:
        raise ValueError(
            f"{name} must be a symmetric matrix of distances; {name}[{row}, {column}] "
            f"= {X[row, column]:g} and {name}[{column}, {row}] = {X[column, row]:g}."
        )
    if X.diagonal().max() > rounding:
        row = X.diagonal().argmax()
        raise ValueError(
            f"{name} must have zeros on the diagonal, as distances do; "
            f"{name}[{row}, {row}] = {X[row, row]:g}."
        )
    distances = (X + X.T) / 2
    np.fill_diagonal(distances, 0.0)
    return distances
