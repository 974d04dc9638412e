"""How an embedder reads X: as clouds, or as distances between samples."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
from sklearn.base import BaseEstimator
from sklearn.utils import Tags, check_symmetric
from sklearn.utils.validation import validate_data

from skwass.clouds import PointClouds, validate_clouds
from skwass.manifold._cohorts import CloudCohort, Cohort, DissimilarityCohort
from skwass.transport import ground_metric


class CohortReader(BaseEstimator):
    """Gives an estimator with a parameter `metric` its samples."""

    metric: str | Callable[..., float]
    metric_params: dict[str, Any] | None
    n_reference: int | str
    n_jobs: int | None
    verbose: int
    _is_table: bool

    def __sklearn_tags__(self) -> Tags:
        tags = super().__sklearn_tags__()
        tags.input_tags.pairwise = self.metric == "precomputed"
        tags.input_tags.positive_only = self.metric == "precomputed"
        return tags

    def _read(self, X: Any, *, reset: bool, at_least: int = 1) -> Any:
        """Clouds, or rows of distances."""
        if self.metric != "precomputed":
            clouds = validate_clouds(self, X, reset=reset, min_clouds=at_least)
            self._remember_form(clouds, reset)
            return clouds
        X = validate_data(
            self, X, dtype=np.float64, reset=reset, ensure_min_samples=at_least
        )
        if (X < 0).any():
            raise ValueError(
                f"Negative values in data passed to {type(self).__name__}: with "
                "metric='precomputed', X holds distances."
            )
        return X

    def _remember_form(self, clouds: PointClouds, reset: bool) -> None:
        single_points = len(clouds.points) == len(clouds)
        if reset:
            self._is_table = single_points
        elif self._is_table and not single_points:
            warnings.warn(
                f"{type(self).__name__} was fitted on single points and sees no more "
                "than the mean of the larger clouds in X. Fit it on such clouds.",
                UserWarning,
                stacklevel=4,
            )

    def _cohort(self, X: Any) -> Cohort:
        """The samples to fit on."""
        samples = self._read(X, reset=True, at_least=2)
        if self.metric != "precomputed":
            # refuses a metric that it does not know, before anything is computed
            ground_metric(self.metric, self.metric_params)
            return self._cohort_of(samples)
        if samples.shape[0] != samples.shape[1]:
            raise ValueError(
                "metric='precomputed' needs a square matrix of distances; X has shape "
                f"{samples.shape}."
            )
        if samples.diagonal().any():
            raise ValueError(
                "metric='precomputed' needs distances with zeros on the diagonal; "
                f"X[{samples.diagonal().argmax()}] is off by "
                f"{samples.diagonal().max():g}."
            )
        return DissimilarityCohort(check_symmetric(samples, raise_exception=True))

    def _cohort_of(self, clouds: PointClouds) -> CloudCohort:
        return CloudCohort(
            clouds,
            self.metric,
            self.metric_params,
            self.n_reference,
            self.n_jobs,
            self.verbose,
        )
