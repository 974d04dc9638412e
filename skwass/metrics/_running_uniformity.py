"""Uniformity of more representations than fit in memory, or from several workers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from sklearn.base import BaseEstimator
from sklearn.utils import check_array
from sklearn.utils.validation import check_is_fitted, validate_data

from skwass.metrics._representations import on_the_cpu, unit_rows
from skwass.metrics._spectrum import spectrum_of_moments
from skwass.metrics._uniformity import distance_of_spectrum

if TYPE_CHECKING:
    from typing_extensions import Self


class WassersteinUniformity(BaseEstimator):
    r"""Distance of representations from uniform, batch by batch.

    Mean and covariance are all that :func:`wasserstein_uniformity` needs, and both can
    be brought up to date. `partial_fit` takes the next batch, `merge` what another
    worker has seen, `distance` tells the distance of all so far: that of all rows at
    once, up to rounding, whatever the batches were.

    Memory and time grow with the square and the cube of the number of features, not
    with that of samples.

    Parameters
    ----------
    normalize : bool, default=True
        Scale rows to length one first, as :func:`wasserstein_uniformity` does.

    Attributes
    ----------
    n_samples_seen_ : int
        How many representations so far.
    mean_ : ndarray of shape (n_features,)
        Their mean, in float64; of rows of length one, if normalised.
    scatter_ : ndarray of shape (n_features, n_features)
        Sum of products of deviations from the mean, in float64.
    covariance_ : ndarray of shape (n_features, n_features)
        The same over the number of samples.
    n_features_in_ : int
        Number of features.
    feature_names_in_ : ndarray of shape (n_features,)
        Names of the columns, if X was a data frame.

    See Also
    --------
    skwass.metrics.wasserstein_uniformity : The distance, in one call.

    References
    ----------
    - Chan, Golub, LeVeque. Updating formulae and a pairwise algorithm for computing
      sample variances. COMPSTAT 1982.

    Examples
    --------
    >>> import numpy as np
    >>> from skwass.metrics import WassersteinUniformity, wasserstein_uniformity
    >>> Z = np.random.default_rng(0).normal(size=(1000, 8))
    >>> one, other = WassersteinUniformity(), WassersteinUniformity()
    >>> for batch in np.split(Z[:500], 5):
    ...     one = one.partial_fit(batch)
    >>> one = one.merge(other.partial_fit(Z[500:]))
    >>> bool(abs(one.distance() - wasserstein_uniformity(Z)) < 1e-9)
    True
    """

    _parameter_constraints: dict[str, list[Any]] = {"normalize": ["boolean"]}

    def __init__(self, *, normalize: bool = True) -> None:
        self.normalize = normalize

    def fit(self, X: Any, y: Any = None) -> Self:
        """Forget what was seen, and take a batch.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Representations: an array, a torch tensor, a frame.
        y : None
            Not used.

        Returns
        -------
        self : WassersteinUniformity
            The object itself.

        Raises
        ------
        ValueError
            If X is not of two dimensions, complex, NaN or infinite; or, to be
            normalised, has a row of zeros, which is named, or a single feature.
        """
        return self._take(X, first=True)

    def partial_fit(self, X: Any, y: Any = None) -> Self:
        """Take one more batch.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Representations: an array, a torch tensor, a frame. One row will do.
        y : None
            Not used.

        Returns
        -------
        self : WassersteinUniformity
            The object itself.

        Raises
        ------
        ValueError
            As `fit` does, or if the number of features is another.
        """
        return self._take(X, first=not hasattr(self, "n_samples_seen_"))

    def merge(self, other: WassersteinUniformity) -> Self:
        """Take what another one has seen.

        Parameters
        ----------
        other : WassersteinUniformity
            From another worker; it stays as it is. One that has seen nothing adds
            nothing.

        Returns
        -------
        self : WassersteinUniformity
            The object itself.

        Raises
        ------
        TypeError
            If other is something else.
        ValueError
            If it has another number of features, or one of both normalises.
        """
        if not isinstance(other, WassersteinUniformity):
            raise TypeError(
                f"other must be a WassersteinUniformity; got {type(other).__name__}."
            )
        if other.normalize != self.normalize:
            raise ValueError(
                f"other must have normalize={self.normalize!r}; got "
                f"{other.normalize!r}."
            )
        if not hasattr(other, "n_samples_seen_"):
            return self
        if not hasattr(self, "n_samples_seen_"):
            self._start(other.n_features_in_)
            if hasattr(other, "feature_names_in_"):
                self.feature_names_in_: NDArray[np.object_] = other.feature_names_in_
        if other.n_features_in_ != self.n_features_in_:
            raise ValueError(
                f"other must have {self.n_features_in_} features; got "
                f"{other.n_features_in_}."
            )
        self._add(other.n_samples_seen_, other.mean_, other.scatter_)
        return self

    def distance(self, *, squared: bool = False, corrected: bool = False) -> float:
        r"""Distance from uniform of all that was seen.

        Parameters
        ----------
        squared : bool, default=False
            Give the squared distance.
        corrected : bool, default=False
            Give the excess over what as many uniform samples have; see
            :func:`wasserstein_uniformity`.

        Returns
        -------
        distance : float
            Zero is uniform, :math:`\sqrt2` collapsed, if neither is asked for.

        Raises
        ------
        NotFittedError
            Before the first batch.
        ValueError
            If a single sample was seen.
        """
        check_is_fitted(self)
        if self.n_samples_seen_ < 2:
            raise ValueError(
                "The distance needs two samples or more; n_samples_seen_ = 1."
            )
        power = float(self.mean_ @ self.mean_ + np.trace(self.covariance_))
        return distance_of_spectrum(
            spectrum_of_moments(
                self.covariance_ * self.n_features_in_, self.n_features_in_
            ),
            self.n_samples_seen_,
            power=1.0 if self.normalize else power,
            squared=squared,
            corrected=corrected,
        )

    @property
    def covariance_(self) -> NDArray[np.float64]:
        """Products of deviations from the mean, averaged over samples."""
        check_is_fitted(self)
        covariance: NDArray[np.float64] = self.scatter_ / self.n_samples_seen_
        return covariance

    def _take(self, X: Any, *, first: bool) -> Self:
        self._validate_params()
        X = on_the_cpu(X)
        rows = check_array(
            X, dtype=np.float64, copy=self.normalize, estimator=self, input_name="X"
        )
        if not first:
            validate_data(self, X, skip_check_array=True, reset=False)
        if self.normalize:
            rows = unit_rows(rows, "X")
        if first:  # not before the batch is known to be good
            validate_data(self, X, skip_check_array=True, reset=True)
        if first:
            self._start(rows.shape[1])
        mean = rows.mean(axis=0)
        deviations = rows - mean
        self._add(len(rows), mean, deviations.T @ deviations)
        return self

    def _start(self, n_features: int) -> None:
        self.n_features_in_ = n_features
        self.n_samples_seen_ = 0
        self.mean_ = np.zeros(n_features)
        self.scatter_ = np.zeros((n_features, n_features))

    def _add(
        self, count: int, mean: NDArray[np.float64], scatter: NDArray[np.float64]
    ) -> None:
        """Moments about the common mean; nothing is lost if means are far from zero."""
        total = self.n_samples_seen_ + count
        gap = mean - self.mean_
        share = count / total
        # new arrays: another one may hold the old ones
        between = np.outer(gap, gap) * (self.n_samples_seen_ * share)
        self.scatter_ = self.scatter_ + scatter + between
        self.mean_ = self.mean_ + gap * share
        self.n_samples_seen_ = total
