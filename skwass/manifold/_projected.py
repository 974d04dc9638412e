"""What embedders share that describe clouds by numbers, and may project these."""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import svd
from sklearn.base import (
    BaseEstimator,
    ClassNamePrefixFeaturesOutMixin,
    TransformerMixin,
)
from sklearn.utils import Tags, check_random_state
from sklearn.utils.extmath import randomized_svd, svd_flip
from sklearn.utils.validation import check_is_fitted

from skwass.clouds import PointClouds
from skwass.manifold._cohorts import CloudCohort
from skwass.manifold._features import Description
from skwass.manifold._reading import CloudReader, correlation_with_transport
from skwass.manifold._scale import refuse_scale
from skwass.training import keep_fitted_state

if TYPE_CHECKING:
    from typing_extensions import Self

Rows = NDArray[np.float32]

_NUMBERS_A_BLOCK = 2**24
#: up to this many rows and columns the whole decomposition is as quick
_SMALL = 500
#: beyond this share of the components, so is it for larger ones
_MANY = 0.8


@dataclass(frozen=True)
class PrincipalComponents:
    """Directions of most variance."""

    mean: Rows
    components: Rows
    explained_variance_ratio: Rows

    @classmethod
    def learn(
        cls, rows: Rows, n_components: int, random_state: np.random.RandomState
    ) -> PrincipalComponents:
        """Find them, leaving `rows` centred: a cohort may fill half of the memory.

        Few components of much data are found by a randomised decomposition, which
        needs no more memory than the rows and what it returns.
        """
        mean = rows.mean(axis=0, dtype=np.float64).astype(np.float32)
        rows -= mean
        if max(rows.shape) <= _SMALL or n_components >= _MANY * min(rows.shape):
            left, values, right = svd(rows, full_matrices=False)
        else:
            left, values, right = randomized_svd(
                rows, n_components, flip_sign=False, random_state=random_state
            )
        right = svd_flip(left, right, u_based_decision=False)[1]
        total = sum(float(np.vdot(row, row)) for row in rows)
        shares = values[:n_components].astype(np.float64) ** 2 / (total or 1.0)
        return cls(
            mean,
            np.array(right[:n_components]),
            shares.astype(np.float32),
        )

    def project(self, centred: Rows) -> Rows:
        """Components of rows that the mean was taken from."""
        return centred @ self.components.T

    def restore(self, projected: NDArray[np.floating]) -> NDArray[np.floating]:
        """The rows that are told best by these components."""
        return projected @ self.components + self.mean


class ProjectedEmbedder(
    CloudReader, ClassNamePrefixFeaturesOutMixin, TransformerMixin, BaseEstimator
):
    """An embedder of clouds by a description and, if asked for, its components."""

    n_components: int | None
    n_jobs: int | None
    random_state: int | np.random.RandomState | None
    verbose: int
    _description: Description
    _projection: PrincipalComponents | None

    @abstractmethod
    def _describe(
        self, clouds: PointClouds, random_state: np.random.RandomState
    ) -> Description:
        """Choose how clouds are described, and set the attributes that say it."""

    def __sklearn_tags__(self) -> Tags:
        tags = super().__sklearn_tags__()
        tags.transformer_tags.preserves_dtype = ["float32"]
        return tags

    def fit(self, X: Any, y: Any = None) -> Self:
        """Learn from clouds.

        Parameters
        ----------
        X : PointClouds, list, tuple or array-like
            Clouds, in any form that :func:`as_point_clouds` takes, a table among them.
        y : None
            Ignored.

        Returns
        -------
        self : object
            The fitted embedder.

        Raises
        ------
        ValueError
            If X or a parameter is not what is expected; the message says which.
        """
        self.fit_transform(X)
        return self

    def fit_transform(self, X: Any, y: Any = None) -> Rows:
        """Learn from clouds and embed them.

        Parameters
        ----------
        X : PointClouds, list, tuple or array-like
            As in `fit`, which says what is raised.
        y : None
            Ignored.

        Returns
        -------
        embedding : ndarray of shape (n_samples, n_columns), float32
            As `embedding_`.
        """
        self._validate_params()
        with keep_fitted_state(self):
            at_least = 1 if self.n_components is None else 2
            clouds = self._read_clouds(X, reset=True, at_least=at_least)
            random_state = check_random_state(self.random_state)
            description = self._describe(clouds, random_state)
            self._check_description(description, len(clouds))
            rows = description.describe(clouds, self.n_jobs, self.verbose)
            self._description, self._projection = description, None
            if self.n_components is None:
                self._forget_components()
            else:
                projection = PrincipalComponents.learn(
                    rows, self.n_components, random_state
                )
                rows = np.concatenate(
                    [projection.project(rows[k]) for k in self._blocks(len(rows))]
                )
                self._projection = projection
                self.components_ = projection.components
                self.explained_variance_ratio_ = projection.explained_variance_ratio
            rows *= np.float32(description.scale)
            self.embedding_ = rows
        return self.embedding_

    def transform(self, X: Any) -> Rows:
        """Embed clouds, each by itself.

        Parameters
        ----------
        X : PointClouds, list, tuple or array-like
            Clouds in any form that `fit` takes.

        Returns
        -------
        embedding : ndarray of shape (n_samples, n_columns), float32
            Embeddings, in the unit of X.

        Raises
        ------
        ValueError
            If X is no set of clouds or its points have another dimension.
        """
        check_is_fitted(self)
        return self._embed(self._read_clouds(X, reset=False))

    def score(self, X: Any, y: Any = None) -> float:
        """Pearson correlation of squared embedded distances with exact transport.

        Up to 2,000 pairs of X are drawn, always the same for the same number of clouds,
        and their 2-Wasserstein distances are solved exactly.

        Parameters
        ----------
        X : PointClouds, list, tuple or array-like
            Clouds in any form that `transform` takes, at least three.
        y : None
            Ignored.

        Returns
        -------
        correlation : float
            One is perfect. NaN, with a warning, if distances do not vary.
        """
        check_is_fitted(self)
        clouds = self._read_clouds(X, reset=False, at_least=3)
        cohort = CloudCohort(clouds, n_jobs=self.n_jobs, verbose=self.verbose)
        embedding = self._embed(clouds).astype(np.float64)
        return correlation_with_transport(embedding, cohort)

    def _forget_components(self) -> None:
        """Of an earlier fit."""
        for name in ("components_", "explained_variance_ratio_"):
            if hasattr(self, name):
                delattr(self, name)

    def _embed(self, clouds: PointClouds) -> Rows:
        embedding = np.empty((len(clouds), self._n_features_out), dtype=np.float32)
        for block in self._blocks(len(clouds)):
            rows = self._description.describe(clouds[block], self.n_jobs)
            if self._projection is not None:
                rows = self._projection.project(rows - self._projection.mean)
            embedding[block] = rows
        embedding *= np.float32(self._description.scale)
        return embedding

    def _blocks(self, n_clouds: int) -> list[slice]:
        """Clouds to describe at a time, so that what is not kept needs little room."""
        step = max(1, _NUMBERS_A_BLOCK // self._description.width)
        return [slice(k, min(k + step, n_clouds)) for k in range(0, n_clouds, step)]

    def _check_description(self, description: Description, n_clouds: int) -> None:
        most = min(n_clouds, description.width)
        if self.n_components is not None and self.n_components > most:
            raise ValueError(
                f"n_components={self.n_components} is too many: {n_clouds} clouds of "
                f"points with n_features={self.n_features_in_}, described by "
                f"{description.width} numbers each, have at most {most}."
            )
        refuse_scale(description.scale)

    @property
    def _n_features_out(self) -> int:
        return int(self.embedding_.shape[1])
