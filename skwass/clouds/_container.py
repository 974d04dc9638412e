"""The container every estimator of skwass takes: ragged, weighted point clouds."""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Sequence
from typing import Any, overload

import numpy as np
from numpy.typing import ArrayLike, NDArray

Cloud = tuple[NDArray[np.floating], NDArray[np.float64]]


class PointClouds:
    """Weighted point clouds of different sizes, kept in three flat arrays.

    Cloud ``i`` is the discrete measure
    ``sum_j weights[j] * dirac(points[j])`` over ``offsets[i] <= j < offsets[i + 1]``.
    The container behaves like a one-dimensional array of clouds: ``len``, ``.shape``
    and NumPy-style indexing work, so scikit-learn's splitters and searches slice it
    and give a `PointClouds` back.

    The constructor checks only that the three arrays fit together and never copies
    them, so they may be memory maps. What the numbers say (finite, positive mass, …)
    is checked by :func:`as_point_clouds`, which every estimator calls.

    Parameters
    ----------
    points : array-like of shape (n_points, n_features)
        The points of all clouds, one cloud after another. float32 and float64 are
        kept; everything else becomes float64.
    weights : array-like of shape (n_points,), default=None
        Mass of each point, non-negative; its scale does not matter, since
        :func:`as_point_clouds` normalises each cloud to a total mass of one. None
        means that the points of a cloud weigh the same.
    offsets : array-like of shape (n_clouds + 1,), default=None
        Where each cloud begins, with ``offsets[0] == 0`` and
        ``offsets[-1] == n_points``. None means one single cloud.

    Raises
    ------
    ValueError
        If the shapes do not fit together or the offsets decrease.

    See Also
    --------
    as_point_clouds : Make a `PointClouds` from lists or padded arrays, and check it.

    Examples
    --------
    >>> import numpy as np
    >>> from skwass import PointClouds
    >>> points = np.array([[0.0, 0.0], [1.0, 0.0], [5.0, 5.0]])
    >>> clouds = PointClouds(points, weights=[1, 3, 1], offsets=[0, 2, 3])
    >>> clouds
    PointClouds(n_clouds=2, n_features=2, sizes=1..2)
    >>> clouds.shape
    (2,)
    >>> clouds[1]
    (array([[5., 5.]]), array([1.]))
    >>> clouds[[1, 1, 0]].sizes
    array([1, 1, 2])
    """

    def __init__(
        self,
        points: ArrayLike,
        weights: ArrayLike | None = None,
        offsets: ArrayLike | None = None,
    ) -> None:
        self.points = _as_float(points, "points")
        if self.points.ndim != 2:
            raise ValueError(
                "points must have shape (n_points, n_features); "
                f"got an array of shape {self.points.shape}."
            )
        n_points = len(self.points)
        if offsets is None:
            offsets = [0, n_points]
        given = np.asarray(offsets)
        if (
            given.dtype.kind not in "iu"
            or given.ndim != 1
            or len(given) < 1
            or given[0] != 0
            or given[-1] != n_points
            or (given[1:] < given[:-1]).any()
        ):
            raise ValueError(
                "offsets must be integers that rise from 0 to the number of points "
                f"({n_points}); got {_shorten(given)}."
            )
        self.offsets = given.astype(np.int64, copy=False)
        if weights is None:
            weights = np.repeat(1.0 / np.maximum(self.sizes, 1), self.sizes)
        self.weights = _as_float(weights, "weights").astype(np.float64, copy=False)
        if self.weights.shape != (n_points,):
            raise ValueError(
                f"weights must have shape ({n_points},), one for each point; "
                f"got shape {self.weights.shape}."
            )

    @property
    def shape(self) -> tuple[int]:
        """The number of clouds, as the shape of a one-dimensional array."""
        return (len(self),)

    @property
    def n_features(self) -> int:
        """The dimension of the space that the points live in."""
        return int(self.points.shape[1])

    @property
    def sizes(self) -> NDArray[np.int64]:
        """The number of points of each cloud, of shape (n_clouds,)."""
        return np.diff(self.offsets)

    @property
    def dtype(self) -> np.dtype:
        """The type of the coordinates: float32 or float64."""
        return self.points.dtype

    def __len__(self) -> int:
        return len(self.offsets) - 1

    def __iter__(self) -> Iterator[Cloud]:
        for start, stop in zip(self.offsets[:-1], self.offsets[1:], strict=True):
            yield self.points[start:stop], self.weights[start:stop]

    @overload
    def __getitem__(self, key: int | np.integer) -> Cloud: ...
    @overload
    def __getitem__(self, key: slice | NDArray[Any] | Sequence[Any]) -> PointClouds: ...
    def __getitem__(self, key: Any) -> Cloud | PointClouds:
        # scikit-learn's indexing helpers ask for X[key, ...]
        if isinstance(key, tuple) and len(key) == 2 and key[1] is Ellipsis:
            key = key[0]
        if isinstance(key, slice) and key.step in (None, 1):
            return self._contiguous(*key.indices(len(self))[:2])
        chosen = np.arange(len(self))[key]
        if chosen.ndim == 0:
            start, stop = self.offsets[chosen], self.offsets[chosen + 1]
            return self.points[start:stop], self.weights[start:stop]
        if chosen.ndim != 1:
            raise IndexError(f"PointClouds has one axis; got the index {key!r}.")
        return self._gather(chosen)

    def _contiguous(self, first: int, last: int) -> PointClouds:
        """Clouds first..last as views of the same memory."""
        last = max(first, last)
        start, stop = self.offsets[first], self.offsets[last]
        return PointClouds(
            self.points[start:stop],
            self.weights[start:stop],
            self.offsets[first : last + 1] - start,
        )

    def _gather(self, chosen: NDArray[np.intp]) -> PointClouds:
        sizes = self.sizes[chosen]
        offsets = np.concatenate([[0], np.cumsum(sizes)])
        rows = np.arange(offsets[-1]) + np.repeat(
            self.offsets[chosen] - offsets[:-1], sizes
        )
        return PointClouds(self.points[rows], self.weights[rows], offsets)

    def to_padded(self) -> NDArray[np.floating]:
        """Points as one array, clouds shorter than the longest filled with NaN.

        Returns
        -------
        padded : ndarray of shape (n_clouds, max_size, n_features)
            The points. The weights are not in it.
        """
        longest = int(self.sizes.max(initial=0))
        padded = np.full((len(self), longest, self.n_features), np.nan, self.dtype)
        padded[np.arange(longest) < self.sizes[:, None]] = self.points
        return padded

    def __array__(
        self, dtype: Any = None, copy: bool | None = None
    ) -> NDArray[np.floating]:
        if copy is False:
            raise ValueError("PointClouds cannot become an array without a copy.")
        if not self._has_equal_weights():
            warnings.warn(
                "An array of a PointClouds holds the points only and forgets their "
                "weights; pass the PointClouds itself to keep them.",
                UserWarning,
                stacklevel=2,
            )
        return self.to_padded().astype(dtype or self.dtype, copy=False)

    def _has_equal_weights(self) -> bool:
        owner = np.repeat(np.arange(len(self)), self.sizes)
        mass = np.bincount(owner, self.weights, minlength=len(self))
        return np.allclose(self.weights * self.sizes[owner], mass[owner])

    def __repr__(self) -> str:
        smallest, largest = (
            (self.sizes.min(), self.sizes.max()) if len(self) else (0, 0)
        )
        return (
            f"PointClouds(n_clouds={len(self)}, n_features={self.n_features}, "
            f"sizes={smallest}..{largest})"
        )


def _as_float(values: ArrayLike, name: str) -> NDArray[np.floating]:
    """float32 and float64 stay what they are, everything else becomes float64."""
    array = np.asanyarray(values)
    if array.dtype in (np.float32, np.float64):
        return array
    if array.dtype.kind not in "biufO":
        raise ValueError(f"{name} must be real numbers; got dtype {array.dtype}.")
    return array.astype(np.float64)


def _shorten(values: NDArray[Any]) -> str:
    return np.array2string(values, threshold=8, edgeitems=3)
