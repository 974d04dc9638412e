"""What an embedder learns from: features of each sample, distances between samples."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import eigh
from sklearn.decomposition import PCA
from sklearn.utils.extmath import svd_flip

from skwass.clouds import PointClouds
from skwass.manifold._features import LinearDescription
from skwass.transport import (
    all_diracs,
    fit_reference,
    reference_size,
    sampled_wasserstein_distances,
    wasserstein_distances,
)

Features = NDArray[np.float32]
Array = NDArray[np.float64]

_MOST_FEATURES = 256
#: below it, with distances of unit scale, an eigenvalue is rounding
_LEAST_EIGENVALUE = 1e-10


class Featuriser(Protocol):
    """Turns samples into rows of numbers whose Euclidean distances say something."""

    @property
    def scale(self) -> float:
        """The unit of the distances; features have none."""
        ...

    def transform(self, X: Any, n_jobs: int | None = None) -> Features:
        """Features of new samples."""
        ...


class Cohort(Protocol):
    """The samples of one fit."""

    def __len__(self) -> int: ...

    def featurise(
        self, random_state: np.random.RandomState
    ) -> tuple[Featuriser, Features]:
        """Learn features, and give those of the samples."""
        ...

    def matrix(self) -> Array:
        """Distances between all samples."""
        ...

    def distances(self, pairs: NDArray[np.intp]) -> Array:
        """Distances between the samples of each pair."""
        ...

    @property
    def cheap(self) -> bool:
        """Whether a distance costs next to nothing."""
        ...


@dataclass
class TransportFeatures:
    """Principal components of linear transport from a common reference."""

    description: LinearDescription
    pca: PCA

    @property
    def scale(self) -> float:
        """The unit of the distances between clouds."""
        return self.description.scale

    def transform(self, X: PointClouds, n_jobs: int | None = None) -> Features:
        """Features of shape (n_clouds, n_components of the PCA)."""
        return self.pca.transform(self.description.describe(X, n_jobs))

    def inverse_transform(self, features: Features) -> PointClouds:
        """Clouds with the weights of the reference."""
        return self.description.restore(self.pca.inverse_transform(features))


@dataclass
class CloudCohort:
    """Clouds, compared by exact transport."""

    clouds: PointClouds
    metric: str | Callable[..., float]
    metric_params: dict[str, Any] | None
    n_reference: int | str
    n_jobs: int | None
    verbose: int

    def __len__(self) -> int:
        return len(self.clouds)

    @property
    def cheap(self) -> bool:
        """Points have a closed form."""
        return all_diracs(self.clouds)

    def featurise(
        self, random_state: np.random.RandomState
    ) -> tuple[Featuriser, Features]:
        """Find a reference and the principal components of what it is moved to."""
        n_points = reference_size(self.n_reference, self.clouds.n_features)
        reference = fit_reference(self.clouds, n_points, random_state)
        description = LinearDescription(reference)
        moved = description.describe(self.clouds, self.n_jobs, self.verbose)
        pca = PCA(
            min(_MOST_FEATURES, *moved.shape), random_state=random_state.randint(2**31)
        )
        pca.set_output(transform="default")  # whatever the user's global setting
        with np.errstate(invalid="ignore"):
            # identical clouds have no variance to explain
            features = pca.fit(moved).transform(moved)
        return TransportFeatures(description, pca), features

    def matrix(self) -> Array:
        """Exact distances between all clouds."""
        return wasserstein_distances(self.clouds, **self._how())

    def distances(self, pairs: NDArray[np.intp]) -> Array:
        """Exact distances between the clouds of each pair."""
        return sampled_wasserstein_distances(self.clouds, pairs, **self._how())

    def _how(self) -> dict[str, Any]:
        return {
            "metric": self.metric,
            "metric_params": self.metric_params,
            "n_jobs": self.n_jobs,
            "verbose": self.verbose,
        }


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
    cheap: bool = True

    def __len__(self) -> int:
        return len(self.dissimilarities)

    def featurise(
        self, random_state: np.random.RandomState
    ) -> tuple[Featuriser, Features]:
        """Classical MDS with all positive eigenvalues, up to a number."""
        scale = float(np.sqrt(np.mean(self.dissimilarities**2) / 2)) or 1.0
        squares = np.square(self.dissimilarities / scale)
        means = squares.mean(axis=0)
        inner = -0.5 * (squares - means - means[:, None] + means.mean())
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

    def matrix(self) -> Array:
        """The distances themselves."""
        return self.dissimilarities

    def distances(self, pairs: NDArray[np.intp]) -> Array:
        """Those of the pairs."""
        return self.dissimilarities[pairs[:, 0], pairs[:, 1]]
