"""The one boundary where X becomes point clouds, and every error about X rises."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.base import BaseEstimator
from sklearn.utils import check_array
from sklearn.utils.validation import validate_data

from skwass.clouds._container import PointClouds

_FLOATS = [np.float64, np.float32]
_NUMBERS_A_BLOCK = 2**22


def as_point_clouds(X: Any, *, min_clouds: int = 1) -> PointClouds:
    """Turn any accepted form of X into checked, normalised point clouds.

    Parameters
    ----------
    X : PointClouds, list, tuple or array-like
        One of

        - `PointClouds`;
        - a list or tuple of arrays of shape (n_i, n_features), or of tuples
          ``(points, weights)`` with weights of shape (n_i,): clouds of any sizes;
        - an array of shape (n_clouds, n_points, n_features): clouds of equal size, in
          which a row that is all NaN is padding and no point;
        - a table of shape (n_samples, n_features), a data frame included: each row is a
          cloud of one point, so that Wasserstein distances between rows are Euclidean.

        float32 and float64 are kept; everything else becomes float64.
    min_clouds : int, default=1
        The least number of clouds that is enough.

    Returns
    -------
    clouds : PointClouds
        Clouds with finite points and with weights that are positive and sum to one in
        each cloud. Points of zero weight are dropped. Memory maps stay memory maps
        where nothing had to change.

    Raises
    ------
    ValueError
        If a cloud is empty or without mass, if points or weights are not finite or a
        weight is negative, if dimensions differ between clouds, or if there are too few
        clouds. The message names the index of the cloud.
    TypeError
        If X is sparse, or a dictionary, a generator or the like.

    Examples
    --------
    >>> import numpy as np
    >>> from skwass import as_point_clouds
    >>> triangle = np.array([[0.0, 0.0], [1.0, 0.0], [0.0, 1.0]])
    >>> segment = np.array([[0.0, 0.0], [2.0, 0.0]])
    >>> as_point_clouds([triangle, segment])
    PointClouds(n_clouds=2, n_features=2, sizes=2..3)
    >>> as_point_clouds([(segment, [1, 3])]).weights
    array([0.25, 0.75])
    >>> as_point_clouds(triangle)  # a table: three clouds of one point
    PointClouds(n_clouds=3, n_features=2, sizes=1..1)
    """
    clouds = _read_clouds(X)
    if clouds is None:
        table = check_array(
            X, dtype=_FLOATS, input_name="X", ensure_min_samples=min_clouds
        )
        return _diracs(table)
    _check_count(clouds, min_clouds, "")
    return _checked(clouds)


def validate_clouds(
    estimator: BaseEstimator, X: Any, *, reset: bool, min_clouds: int = 1
) -> PointClouds:
    """`as_point_clouds` for an estimator: sets or checks what it knows of its features.

    ``n_features_in_`` is the dimension of the points; ``feature_names_in_`` comes from
    data frames, as everywhere in scikit-learn. Only `fit` passes ``reset=True``.
    """
    clouds = _read_clouds(X)
    if clouds is None:
        table = validate_data(
            estimator, X, dtype=_FLOATS, reset=reset, ensure_min_samples=min_clouds
        )
        return _diracs(table)
    _check_count(clouds, min_clouds, f" by {type(estimator).__name__}")
    clouds = _checked(clouds)
    row = np.empty((1, clouds.n_features))
    validate_data(estimator, row, reset=reset, skip_check_array=True)
    return clouds


def _read_clouds(X: Any) -> PointClouds | None:
    """X as unchecked clouds, or None if it is a table (scikit-learn checks those)."""
    if isinstance(X, PointClouds):
        return X
    # a sparse dok_matrix is a dictionary too, and scikit-learn refuses it by name
    no_samples = isinstance(X, dict | set | frozenset | Iterator | type(None))
    if no_samples and not hasattr(X, "shape"):
        raise TypeError(
            f"X is a {type(X).__name__}; expected PointClouds, a list or tuple of "
            "clouds, or an array."
        )
    if isinstance(X, list | tuple):
        if not X:
            raise ValueError("X is empty: expected at least one cloud.")
        if any(_depth(item) >= 2 for item in X):
            return _from_list(X)
        _refuse_ragged_rows(X)
        return None
    ndim = getattr(X, "ndim", 2)
    if ndim == 1 and getattr(X, "dtype", None) == "O" and any(map(_depth, X)):
        return _read_clouds(list(X))
    if ndim == 3:
        return _from_padded(np.asanyarray(X))
    if ndim > 3:
        raise ValueError(
            f"X has {ndim} dimensions; expected 2 (a table, each row one point) or 3 "
            "(n_clouds, n_points, n_features). Images go through ImageToCloud."
        )
    return None


def _depth(item: Any) -> int:
    """Levels of nesting, without building an array."""
    if hasattr(item, "ndim"):
        return int(item.ndim)
    if isinstance(item, list | tuple):
        return 1 + max((_depth(first) for first in item[:1]), default=0)
    return 0


def _refuse_ragged_rows(X: Sequence[Any]) -> None:
    """Refuse a ragged table with better words than NumPy's."""
    lengths = [len(row) if isinstance(row, list | tuple) else -1 for row in X]
    lengths = [
        int(np.prod(row.shape)) if getattr(row, "ndim", 0) == 1 else length
        for row, length in zip(X, lengths, strict=True)
    ]
    for index, length in enumerate(lengths):
        if length != lengths[0] and min(length, lengths[0]) >= 0:
            raise ValueError(
                f"X[0] has {lengths[0]} numbers and X[{index}] has {length}: neither a "
                "table nor clouds. Each cloud must have shape (n_points, n_features); "
                "for points on a line, reshape each to (n_points, 1)."
            )


def _from_list(X: Sequence[Any]) -> PointClouds:
    all_points: list[NDArray[np.floating]] = []
    all_weights: list[NDArray[np.float64]] = []
    for index, item in enumerate(X):
        points, weights = _one_cloud(item, index)
        if all_points and points.shape[1] != all_points[0].shape[1]:
            raise ValueError(
                "All clouds must have points of the same dimension; X[0] has "
                f"{all_points[0].shape[1]} features and X[{index}] has "
                f"{points.shape[1]}."
            )
        all_points.append(points)
        all_weights.append(weights)
    offsets = np.cumsum([0, *map(len, all_points)])
    return PointClouds(np.concatenate(all_points), np.concatenate(all_weights), offsets)


def _one_cloud(
    item: Any, index: int
) -> tuple[NDArray[np.floating], NDArray[np.float64]]:
    weights = None
    if isinstance(item, tuple):
        if len(item) != 2:
            raise ValueError(
                f"X[{index}] is a tuple of {len(item)}; expected (points, weights)."
            )
        item, weights = item
    points = _numbers(item, f"X[{index}]")
    if points.ndim != 2:
        raise ValueError(
            f"X[{index}] has shape {points.shape}; a cloud must have shape "
            "(n_points, n_features)."
        )
    if weights is None:
        return points, np.full(len(points), 1.0 / max(len(points), 1))
    weights = _numbers(weights, f"The weights of X[{index}]")
    if weights.shape != (len(points),):
        raise ValueError(
            f"The weights of X[{index}] have shape {weights.shape}; expected "
            f"({len(points)},), one for each point."
        )
    return points, weights.astype(np.float64)


def _numbers(values: Any, name: str) -> NDArray[np.floating]:
    try:
        array = np.asarray(values)
    except ValueError as error:
        raise ValueError(f"{name} must be a regular array: {error}") from None
    if array.dtype.kind == "O":
        try:
            array = array.astype(np.float64)
        except (TypeError, ValueError) as error:
            raise ValueError(f"{name} must hold numbers only: {error}") from None
    if array.dtype.kind not in "biuf":
        raise ValueError(f"{name} must be real numbers; got dtype {array.dtype}.")
    return array if array.dtype in _FLOATS else array.astype(np.float64)


def _from_padded(X: NDArray[Any]) -> PointClouds:
    X = _numbers(X, "X")
    missing = np.isnan(X)
    present = ~missing.all(axis=2)
    broken = present & missing.any(axis=2)
    if broken.any():
        cloud, row = np.argwhere(broken)[0]
        raise ValueError(
            f"X[{cloud}] has a point, X[{cloud}, {row}], that is NaN in part. A row of "
            "NaN alone is padding; a point must be finite."
        )
    offsets = np.concatenate([[0], np.cumsum(present.sum(axis=1))])
    return PointClouds(X[present], None, offsets)


def _check_count(clouds: PointClouds, min_clouds: int, by: str) -> None:
    if len(clouds) < min_clouds:
        raise ValueError(
            f"Found PointClouds with {len(clouds)} sample(s) while a minimum of "
            f"{min_clouds} is required{by}."
        )
    if clouds.n_features == 0:
        raise ValueError("The points of X have no coordinates: n_features = 0.")


def _diracs(table: NDArray[np.floating]) -> PointClouds:
    n_rows = len(table)
    return PointClouds(table, np.ones(n_rows), np.arange(n_rows + 1))


def _checked(clouds: PointClouds) -> PointClouds:
    """Finite points, positive weights that sum to one, no empty cloud."""
    sizes = clouds.sizes
    _refuse(sizes == 0, "X[{}] is empty: a cloud needs at least one point.")
    owner = np.repeat(np.arange(len(clouds)), sizes)
    _refuse_points(_broken(clouds.points), owner, "has NaN or infinity in points")
    weights = clouds.weights
    _refuse_points(~np.isfinite(weights), owner, "has NaN or infinity in weights")
    _refuse_points(weights < 0, owner, "has negative weights")
    mass = np.bincount(owner, weights, minlength=len(clouds))
    _refuse(mass == 0, "X[{}] has no mass: all its weights are zero.")
    _refuse(~np.isfinite(mass), "The weights of X[{}] are so large that they overflow.")
    if (np.abs(mass - 1.0) > 1e-12).any():
        weights = weights / mass[owner]
    kept = weights > 0
    if kept.all():
        return PointClouds(clouds.points, weights, clouds.offsets)
    offsets = np.concatenate([[0], np.cumsum(np.bincount(owner[kept]))])
    return PointClouds(clouds.points[kept], weights[kept], offsets)


def _broken(points: NDArray[np.floating]) -> NDArray[np.bool_]:
    """Points that are not finite, looked at in blocks: they may fill a disk."""
    step = max(1, _NUMBERS_A_BLOCK // points.shape[1])
    blocks = [
        ~np.isfinite(points[start : start + step]).all(axis=1)
        for start in range(0, len(points), step)
    ]
    return np.concatenate([np.empty(0, dtype=bool), *blocks])


def _refuse(bad: NDArray[np.bool_], message: str) -> None:
    if bad.any():
        raise ValueError(message.format(int(np.argmax(bad))))


def _refuse_points(bad: NDArray[np.bool_], owner: NDArray[np.intp], what: str) -> None:
    if bad.any():
        raise ValueError(f"X[{owner[np.argmax(bad)]}] {what}.")
