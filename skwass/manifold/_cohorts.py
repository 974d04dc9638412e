"""What an embedder learns from: features of each sample, distances between samples."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import eigh
from sklearn.decomposition import PCA
from sklearn.utils.extmath import svd_flip
from tqdm.auto import tqdm

from skwass.clouds import PointClouds
from skwass.manifold._features import (
    Description,
    LinearDescription,
    SlicedDescription,
)
from skwass.manifold._invariant import fit_invariant
from skwass.transport import (
    Reference,
    all_diracs,
    fit_reference,
    method_for,
    reference_size,
    sampled_wasserstein_distances,
    wasserstein_distances,
)

Features = NDArray[np.float32]
Array = NDArray[np.float64]

_MOST_FEATURES = 256
_FURTHER_FEATURES = 192
_MOST_NUMBERS = 2**26
_PAIRS_A_BLOCK = 4096
#: below it, with distances of unit scale, an eigenvalue is rounding
_LEAST_EIGENVALUE = 1e-10


class Featuriser(Protocol):
    """Turns samples into rows of numbers whose Euclidean distances say something."""

    @property
    def scale(self) -> float:
        """The unit of the distances; features have none."""
        ...

    @property
    def n_leading(self) -> int:
        """How many features, the first, have distances close to the metric."""
        ...

    @property
    def gain(self) -> float:
        """What a network's input is multiplied with."""
        ...

    def transform(self, X: Any, n_jobs: int | None = None) -> Features:
        """Features of new samples."""
        ...


class Cohort(Protocol):
    """The samples of one fit."""

    n_jobs: int | None

    def __len__(self) -> int: ...

    def featurise(
        self, random_state: np.random.RandomState
    ) -> tuple[Featuriser, Features]:
        """Learn features, and give those of the samples."""
        ...

    def described(self, featuriser: Featuriser) -> Features:
        """Features of the samples by what an earlier fit has learnt.

        Raises
        ------
        ValueError
            If these are no samples of the same kind.
        """
        ...

    def arrays(self) -> list[NDArray[Any]]:
        """All that the samples are."""
        ...

    def matrix(self) -> Array:
        """Distances between all samples."""
        ...

    def distances(self, pairs: NDArray[np.intp]) -> Array:
        """Distances between the samples of each pair."""
        ...

    def blocks_of_distances(self, pairs: NDArray[np.intp]) -> Iterator[Array]:
        """The same, block after block, for callers that keep what was solved."""
        ...

    @property
    def cheap(self) -> bool:
        """Whether a distance costs next to nothing."""
        ...


@dataclass
class TransportFeatures:
    """Principal components of what a description says of clouds.

    The `leading` ones are those of a description whose distances are close to the
    metric. Others may follow that only tell the network more: what it learns of 10,000
    images of digits is right to .80 % on others with quantiles along lines, and to
    .83 % without.
    """

    leading: Reduced
    further: Reduced | None
    n_features: int

    @property
    def scale(self) -> float:
        """The unit of the distances between clouds."""
        return self.leading.description.scale

    @property
    def n_leading(self) -> int:
        """How many features have distances close to the metric."""
        return self.leading.width

    @property
    def gain(self) -> float:
        """Clouds have many small components that matter; measured on digits."""
        return 5.0 if self.further is None else 20.0

    @property
    def reference(self) -> Reference:
        """What clouds are decoded from."""
        description = self.leading.description
        assert isinstance(description, LinearDescription)
        return description.reference

    def transform(self, X: PointClouds, n_jobs: int | None = None) -> Features:
        """Features of shape (n_clouds, n_inputs)."""
        parts = [part.rows(X, n_jobs) for part in (self.leading, self.further) if part]
        return np.concatenate(parts, axis=1)

    def inverse_transform(self, features: Features) -> PointClouds:
        """Clouds of leading features, with the weights of the reference."""
        description = self.leading.description
        assert isinstance(description, LinearDescription)
        return description.restore(self.leading.pca.inverse_transform(features))


@dataclass
class Reduced:
    """A description, cut to its principal components."""

    description: Description
    pca: PCA

    @property
    def width(self) -> int:
        """How many components there are."""
        return int(self.pca.n_components_)

    @classmethod
    def fitted(
        cls, description: Description, cohort: CloudCohort, most: int, seed: int
    ) -> tuple[Reduced, Features]:
        """Find the components, from some of the clouds if all are too large."""
        clouds, width = cohort.clouds, description.width
        pca = PCA(min(most, len(clouds), width), random_state=seed)
        pca.set_output(transform="default")  # whatever the user's global setting
        reduced = cls(description, pca)
        enough = max(_MOST_NUMBERS // width, 4 * _MOST_FEATURES)
        # identical clouds have no variance to explain
        with np.errstate(invalid="ignore"):
            if len(clouds) <= enough:
                rows = description.describe(clouds, cohort.n_jobs, cohort.verbose)
                return reduced, pca.fit(rows).transform(rows)
            some = np.random.RandomState(seed).permutation(len(clouds))[:enough]
            pca.fit(description.describe(clouds[np.sort(some)], cohort.n_jobs))
        return reduced, reduced.rows(clouds, cohort.n_jobs, cohort.verbose)

    def rows(
        self, X: PointClouds, n_jobs: int | None = None, verbose: int = 0
    ) -> Features:
        """Components of clouds, in blocks so that descriptions need little room."""
        step = max(1, _MOST_NUMBERS // self.description.width)
        blocks = [
            self.pca.transform(
                self.description.describe(X[start : start + step], n_jobs, verbose)
            )
            for start in range(0, len(X), step)
        ]
        return np.concatenate(blocks)


@dataclass(frozen=True)
class Metric:
    """What distances between clouds are, in the words of `wasserstein_distances`."""

    metric: str | Callable[..., float] = "wasserstein"
    metric_params: dict[str, Any] | None = None
    order: float = 2
    reg: float | None = None

    def check(self) -> None:
        """Refuse what is not known, before anything is computed."""
        method_for(self.metric, self.metric_params, order=self.order, reg=self.reg)


def is_invariant(metric: str | Callable[..., float]) -> bool:
    """Whether a metric sees the distances within a cloud only, so no pose of it."""
    return metric in ("gromov", "gromov_slb", "gromov_tlb")


@dataclass
class CloudCohort:
    """Clouds, compared by exact transport or what else `metric` says."""

    clouds: PointClouds
    metric: Metric = Metric()
    n_reference: int | str = "auto"
    n_jobs: int | None = None
    verbose: int = 0

    def __len__(self) -> int:
        return len(self.clouds)

    @property
    def cheap(self) -> bool:
        """Points have a closed form."""
        return all_diracs(self.clouds)

    def featurise(
        self, random_state: np.random.RandomState
    ) -> tuple[Featuriser, Features]:
        """Describe clouds, and find the principal components of that."""
        n_points = reference_size(self.n_reference, self.clouds.n_features)
        lines = None
        if is_invariant(self.metric.metric):
            description: Description
            description = fit_invariant(self.clouds, n_points, random_state)
        else:
            reference = fit_reference(self.clouds, n_points, random_state)
            description = LinearDescription(reference)
            if not self.cheap:  # of points, the reference says all
                lines = SlicedDescription.around(reference, random_state)
        seed = random_state.randint(2**31)
        leading, first = Reduced.fitted(description, self, _MOST_FEATURES, seed)
        further, rows = None, first
        if lines is not None:
            further, more = Reduced.fitted(lines, self, _FURTHER_FEATURES, seed)
            rows = np.concatenate([first, more], axis=1)
        return TransportFeatures(leading, further, self.clouds.n_features), rows

    def described(self, featuriser: Featuriser) -> Features:
        """Features of the clouds by what an earlier fit has learnt."""
        n_features = getattr(featuriser, "n_features", None)
        if n_features != self.clouds.n_features:
            raise ValueError(
                f"X has points with {self.clouds.n_features} features; the earlier "
                f"fit, which warm_start goes on from, had {n_features}. Set "
                "warm_start=False to begin anew."
            )
        return featuriser.transform(self.clouds, self.n_jobs)

    def arrays(self) -> list[NDArray[Any]]:
        """Points, weights, and where clouds begin."""
        return [self.clouds.points, self.clouds.weights, self.clouds.offsets]

    def matrix(self) -> Array:
        """Distances between all clouds."""
        return wasserstein_distances(
            self.clouds, **vars(self.metric), n_jobs=self.n_jobs, verbose=self.verbose
        )

    def distances(self, pairs: NDArray[np.intp]) -> Array:
        """Distances between the clouds of each pair."""
        return np.concatenate([np.empty(0), *self.blocks_of_distances(pairs)])

    def blocks_of_distances(self, pairs: NDArray[np.intp]) -> Iterator[Array]:
        """The same, block after block."""
        blocks = range(0, len(pairs), _PAIRS_A_BLOCK)
        for start in tqdm(blocks, desc="distances", disable=not self.verbose):
            block = pairs[start : start + _PAIRS_A_BLOCK]
            # the clouds of the block alone: the others may lie on a disk
            used, places = np.unique(block, return_inverse=True)
            yield sampled_wasserstein_distances(
                self.clouds[used],
                places.reshape(block.shape),
                **vars(self.metric),
                n_jobs=self.n_jobs,
            )


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
