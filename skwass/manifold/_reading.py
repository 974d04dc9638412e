"""How an embedder reads X, as clouds or as distances, and how it is judged by them."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.base import BaseEstimator
from sklearn.utils import Tags
from sklearn.utils.validation import validate_data

from skwass.clouds import PointClouds, validate_clouds
from skwass.manifold._cohorts import CloudCohort, Cohort, Metric
from skwass.manifold._dissimilarities import DissimilarityCohort, checked_distances
from skwass.manifold._pairs import sample_pairs
from skwass.metrics import distance_correlation
from skwass.transport import all_diracs

_SCORED_PAIRS = 2000


class CloudReader(BaseEstimator):
    """Gives an estimator its clouds, and tells their user when they look mistaken."""

    _is_table: bool

    def _read_clouds(self, X: Any, *, reset: bool, at_least: int = 1) -> PointClouds:
        clouds = validate_clouds(self, X, reset=reset, min_clouds=at_least)
        if reset:
            self._is_table = all_diracs(clouds)
        else:
            self._warn_of_another_form(X, clouds)
        return clouds

    def _warn_of_another_form(self, X: Any, clouds: PointClouds) -> None:
        name = type(self).__name__
        if self._is_table and not all_diracs(clouds):
            warnings.warn(
                f"{name} was fitted on single points and sees no more than the mean of "
                "the larger clouds in X. Fit it on such clouds.",
                UserWarning,
                stacklevel=5,
            )
        if not self._is_table and getattr(X, "ndim", None) == 2:
            warnings.warn(
                f"{name} was fitted on clouds, and X is a table: its {len(clouds)} "
                "rows are read as clouds of one point each. For one cloud, pass [X].",
                UserWarning,
                stacklevel=5,
            )


class CohortReader(CloudReader):
    """Gives an estimator with a parameter `metric` its samples."""

    metric: str | Callable[..., float]
    metric_params: dict[str, Any] | None
    order: float
    reg: float | None
    n_reference: int | str
    n_jobs: int | None
    verbose: int

    #: None if precomputed
    _metric_of_fit: Metric | None

    def __sklearn_tags__(self) -> Tags:
        tags = super().__sklearn_tags__()
        tags.input_tags.pairwise = self.metric == "precomputed"
        tags.input_tags.positive_only = self.metric == "precomputed"
        return tags

    def _read(self, X: Any, *, reset: bool, at_least: int = 1) -> Any:
        """Clouds, or rows of distances."""
        if self.metric != "precomputed":
            return self._read_clouds(X, reset=reset, at_least=at_least)
        X = validate_data(
            self, X, dtype=np.float64, reset=reset, ensure_min_samples=at_least
        )
        if (X < 0).any():
            raise ValueError(
                f"Negative values in data passed to {type(self).__name__}: with "
                "metric='precomputed', X holds distances."
            )
        return X

    def _cohort(self, X: Any) -> Cohort:
        """The samples to fit on."""
        samples = self._read(X, reset=True, at_least=2)
        if self.metric == "precomputed":
            self._metric_of_fit = None
            return DissimilarityCohort(checked_distances(samples))
        if self.metric == "linear":
            raise ValueError(
                "metric='linear' depends on which clouds come together, so it is not "
                "the same in fit and later. LinearOTEmbedder gives its embedding "
                "without training."
            )
        asked = Metric(self.metric, self.metric_params, self.order, self.reg)
        asked.check()
        self._metric_of_fit = asked.settled(samples)
        return self._cohort_of(samples)

    def _refuse_another_metric(self) -> None:
        """More clouds must be compared as those of the fit were."""
        had = self._metric_of_fit or Metric("precomputed")
        for name, value in vars(had).items():
            now = getattr(self, name)
            is_kept = name == "reg" and now is None  # as the fit has settled it
            if now != value and not is_kept:
                raise ValueError(
                    f"The fit had {name}={value!r}; got {now!r}. Call fit, or set it "
                    "back."
                )

    def _cohort_of(self, clouds: PointClouds) -> CloudCohort:
        assert self._metric_of_fit is not None
        return CloudCohort(
            clouds, self._metric_of_fit, self.n_reference, self.n_jobs, self.verbose
        )


def correlation_with_transport(
    embedding: NDArray[np.floating], cohort: CloudCohort
) -> float:
    """Correlation of squared distances, over some pairs that are solved exactly."""
    pairs = sample_pairs(len(cohort), _SCORED_PAIRS)
    exact = cohort.distances(pairs)
    gaps = embedding[pairs[:, 0]] - embedding[pairs[:, 1]]
    return distance_correlation(exact, np.linalg.norm(gaps, axis=1))
