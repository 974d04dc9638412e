"""Back from embeddings to clouds: decoding, barycentres, interpolation."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.utils import check_array
from sklearn.utils.metadata_routing import UNUSED
from sklearn.utils.metaestimators import available_if
from sklearn.utils.validation import check_is_fitted

from skwass.clouds import PointClouds
from skwass.manifold._model import Model
from skwass.manifold._network import has_decoder
from skwass.manifold._reading import CohortReader
from skwass.transport import quantised

Array = NDArray[np.float64]


class CloudDecoder(CohortReader):
    """Gives an embedder with a decoder what decoding is for."""

    # how many points are wanted is no data that a pipeline has to hand on
    __metadata_request__inverse_transform = {"n_points": UNUSED}

    _model: Model
    _embed: Callable[[Any], NDArray[np.float32]]
    embedding_: NDArray[np.float32]

    @available_if(has_decoder)  # type: ignore[untyped-decorator]
    def inverse_transform(
        self, X: ArrayLike, *, n_points: int | None = None
    ) -> PointClouds | Array:
        """Decode embeddings.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_components)
            Embeddings, such as those of `transform`, or any mixture of them.
        n_points : int, default=None
            Give clouds of so many points of equal weight, which are the closest to the
            decoded ones in :math:`W_2` up to a local minimum. None gives those that the
            decoder was trained for, with the weights of the reference.

        Returns
        -------
        clouds : PointClouds or ndarray of shape (n_samples, n_features)
            A cloud for each row; points, if the embedder was fitted on points.

        Raises
        ------
        ValueError
            If X does not have `n_components` columns.
        """
        check_is_fitted(self)
        clouds = self._model.decode(self._embedding_of(X, True, "X"))
        if self._is_table:
            return np.asarray(clouds.points, dtype=np.float64)
        return clouds if n_points is None else quantised(clouds, n_points, self.n_jobs)

    @available_if(has_decoder)  # type: ignore[untyped-decorator]
    def barycenter(
        self,
        X: Any,
        weights: ArrayLike | None = None,
        *,
        embedded: bool = False,
        n_points: int | None = None,
    ) -> PointClouds | Array:
        r"""Wasserstein barycentres, without solving transport.

        The barycentre of clouds minimises :math:`\sum_i w_i W_2^2(\nu, x_i)`. Where
        Euclidean distances match :math:`W_2`, the mean of embeddings minimises the same
        sum, so it is decoded [1]_.

        Parameters
        ----------
        X : PointClouds, list, tuple or array-like
            Clouds in any form that `transform` takes; or, if `embedded`, embeddings of
            shape (n_samples, n_components).
        weights : array-like of shape (n_samples,) or (n_barycenters, n_samples), \
default=None
            Weights of the clouds, non-negative; their scale does not matter. A row for
            each barycentre gives several at once. None weighs all alike, and gives one.
        embedded : bool, default=False
            Whether X holds embeddings.
        n_points : int, default=None
            As in `inverse_transform`.

        Returns
        -------
        clouds : PointClouds or ndarray of shape (n_barycenters, n_features)
            The barycentres; points, if the embedder was fitted on points.

        Raises
        ------
        ValueError
            If X is not as `transform` or `inverse_transform` want it, or `weights` has
            another shape, a negative or infinite entry, or a row without mass.

        See Also
        --------
        wasserstein_barycenter : The barycentre itself, slower.

        References
        ----------
        .. [1] Haviv, Kunes, Dougherty, Burdziak, Nawy, Gilbert, Pe'er. Wasserstein
           Wormhole: scalable optimal transport distance with transformers. ICML 2024,
           arXiv:2404.09411.
        """
        check_is_fitted(self)
        embedding = self._embedding_of(X, embedded, "X")
        if weights is None:
            weights = np.ones(len(embedding))
        shares = checked_weights(weights, len(embedding))
        return self.inverse_transform(shares @ embedding, n_points=n_points)

    @available_if(has_decoder)  # type: ignore[untyped-decorator]
    def interpolate(
        self,
        a: Any,
        b: Any,
        t: ArrayLike = 0.5,
        *,
        embedded: bool = False,
        n_points: int | None = None,
    ) -> PointClouds | Array:
        """Clouds between two clouds, along the straight line of their embeddings.

        It stands for the displacement interpolation, the shortest path in
        Wasserstein space.

        Parameters
        ----------
        a, b : array-like of shape (n_points, n_features) or tuple (points, weights)
            The two clouds; or, if `embedded`, embeddings of shape (n_components,).
        t : float or array-like of shape (n_steps,), default=0.5
            How far to go: 0 is `a` and 1 is `b`, as the decoder makes them. Numbers
            outside of [0, 1] go on in the same direction.
        embedded : bool, default=False
            Whether `a` and `b` are embeddings.
        n_points : int, default=None
            As in `inverse_transform`.

        Returns
        -------
        clouds : PointClouds or ndarray of shape (n_steps, n_features)
            A cloud for each t; points, if the embedder was fitted on points.

        Raises
        ------
        ValueError
            If `a` or `b` is no cloud of the dimension that was fitted, or `t` is no
            finite number or list of such.
        """
        check_is_fitted(self)
        times = _checked_times(t)
        first, last = (
            self._embedding_of([cloud], embedded, name)
            for name, cloud in (("a", a), ("b", b))
        )
        path = (1 - times)[:, None] * first + times[:, None] * last
        return self.inverse_transform(path, n_points=n_points)

    def _embedding_of(self, X: Any, embedded: bool, name: str) -> Array:
        """Embeddings, made or given."""
        if not embedded:
            # not by `transform`, which may give a data frame
            return self._embed(self._read(X, reset=False)).astype(np.float64)
        embedding = check_array(X, dtype=np.float64, input_name=name)
        width = self.embedding_.shape[1]
        if embedding.shape[1] != width:
            raise ValueError(
                f"{name} has {embedding.shape[1]} columns; embeddings have "
                f"n_components={width}."
            )
        return embedding


def _checked_times(t: ArrayLike) -> Array:
    """Finite numbers, one at least."""
    try:
        times = np.atleast_1d(np.asarray(t, dtype=np.float64))
    except (TypeError, ValueError):
        raise ValueError(f"t must be a number or a list of such; got {t!r}.") from None
    if times.ndim != 1 or not len(times):
        raise ValueError(
            f"t must be a number or a list of such; got shape {np.shape(t)}."
        )
    if not np.isfinite(times).all():
        raise ValueError(f"t must not be NaN or infinite; got {t!r}.")
    return times


def checked_weights(weights: ArrayLike, n_samples: int) -> Array:
    """Rows that sum to one."""
    try:
        rows = np.atleast_1d(np.asarray(weights, dtype=np.float64))
    except (TypeError, ValueError):
        raise ValueError(
            f"weights must be numbers, one for each sample; got {weights!r}."
        ) from None
    checked: Array = np.atleast_2d(
        check_array(rows, ensure_2d=False, dtype=np.float64, input_name="weights")
    )
    if checked.shape[1:] != (n_samples,):
        raise ValueError(
            f"weights must have shape ({n_samples},) or (n_barycenters, {n_samples}), "
            f"one for each sample; got {np.shape(weights)}."
        )
    if (checked < 0).any():
        raise ValueError(f"weights must not be negative; got {checked.min():g}.")
    largest = checked.max(axis=1, keepdims=True)
    if not largest.all():
        raise ValueError("weights has a row without a positive entry.")
    checked = checked / largest  # whose sum cannot overflow
    return checked / checked.sum(axis=1, keepdims=True)
