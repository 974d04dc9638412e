"""A table of cells, read as places, expression and batches."""

from __future__ import annotations

from collections.abc import Sequence
from numbers import Integral
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from sklearn.base import BaseEstimator
from sklearn.utils import check_array
from sklearn.utils._indexing import _safe_indexing
from sklearn.utils._missing import is_pandas_na
from sklearn.utils.validation import _get_feature_names, _num_features, validate_data

Column = int | str

_FLOATS = [np.float64, np.float32]


class Columns(NamedTuple):
    """Positions of the columns of a table of cells."""

    spatial: list[int]
    expression: list[int]
    batch: int | None


class Tissue(NamedTuple):
    """Cells: where they lie, what they express, and which rows belong together."""

    places: NDArray[np.float64]
    expression: NDArray[np.floating]
    batches: dict[Any, NDArray[np.intp]]


def read_tissue(
    estimator: BaseEstimator,
    X: Any,
    spatial_features: Sequence[Column],
    batch_feature: Column | None,
    *,
    reset: bool,
) -> Tissue:
    """Check X and take it apart; `fit` passes ``reset=True`` to have it remembered."""
    if isinstance(X, list | tuple) and batch_feature is not None:
        X = np.asarray(X, dtype=object)  # or the names of batches make all of it text
    in_parts = hasattr(X, "columns") or getattr(X, "dtype", None) == "O"
    if not in_parts:
        X = validate_data(estimator, X, dtype=_FLOATS, reset=reset)
    elif reset or hasattr(estimator, "n_features_in_"):
        # a stateless transformer may be asked to transform what it has not been fitted
        # on, and then has no names to compare
        validate_data(estimator, X, reset=reset, skip_check_array=True)
    names = getattr(estimator, "feature_names_in_", _names_of(X))
    columns = columns_of(spatial_features, batch_feature, _num_features(X), names)
    batch = None
    if columns.batch is not None:
        batch = np.asarray(_safe_indexing(X, columns.batch, axis=1))
    places, expression = (
        _numbers(estimator, _safe_indexing(X, part, axis=1))
        if in_parts
        else np.take(X, part, axis=1)
        for part in (columns.spatial, columns.expression)
    )
    return Tissue(
        places.astype(np.float64, copy=False),
        expression,
        _rows_of_batches(batch, len(places)),
    )


def _names_of(X: Any) -> NDArray[Any] | None:
    """Names of columns, if X is a data frame.

    scikit-learn before 1.7 knows a polars frame by a protocol that polars has given up.
    """
    names = _get_feature_names(X)
    columns = list(getattr(X, "columns", []))
    if names is None and columns and all(isinstance(name, str) for name in columns):
        return np.asarray(columns, dtype=object)
    return names


def columns_of(
    spatial_features: Sequence[Column],
    batch_feature: Column | None,
    n_features: int,
    names: NDArray[Any] | None,
) -> Columns:
    """Which columns are what; expression is all that is nothing else."""
    if len(spatial_features) == 0:
        raise ValueError("spatial_features is empty: cells need a place.")
    spatial = [
        _position(column, "spatial_features", n_features, names)
        for column in spatial_features
    ]
    batch = None
    if batch_feature is not None:
        batch = _position(batch_feature, "batch_feature", n_features, names)
    taken = [*spatial, *([] if batch is None else [batch])]
    if len(set(taken)) < len(taken):
        raise ValueError(
            "spatial_features and batch_feature must be different columns; got "
            f"spatial_features={spatial_features!r} and "
            f"batch_feature={batch_feature!r}."
        )
    expression = [column for column in range(n_features) if column not in set(taken)]
    if not expression:
        raise ValueError(
            f"X has n_features={n_features} columns, all of them taken by "
            f"spatial_features={spatial_features!r} and "
            f"batch_feature={batch_feature!r}; expression needs at least one more."
        )
    return Columns(spatial, expression, batch)


def _position(
    column: Column, parameter: str, n_features: int, names: NDArray[Any] | None
) -> int:
    if isinstance(column, str):
        if names is None:
            raise ValueError(
                f"{parameter} asks for the column {column!r}, and the columns of X "
                "have no names; pass a data frame, or numbers of columns."
            )
        if column not in names:
            raise ValueError(f"{parameter} asks for the column {column!r}; X has none.")
        return int(np.flatnonzero(names == column)[0])
    if not isinstance(column, Integral) or isinstance(column, bool):
        raise ValueError(
            f"{parameter} must have numbers or names of columns; got {column!r}."
        )
    if not -n_features <= column < n_features:
        raise ValueError(
            f"{parameter} asks for column {column}; X has n_features={n_features} "
            f"columns, which are numbered from 0 to {n_features - 1}."
        )
    return int(column) % n_features


def _numbers(estimator: BaseEstimator, part: Any) -> NDArray[np.floating]:
    """Columns of a data frame as an array, in which rows are gathered fast."""
    return check_array(
        part, dtype=_FLOATS, order="C", input_name="X", estimator=estimator
    )


def _rows_of_batches(
    batch: NDArray[Any] | None, n_cells: int
) -> dict[Any, NDArray[np.intp]]:
    """Rows of each batch, in the order in which batches come."""
    if batch is None:
        return {None: np.arange(n_cells)}
    numbers: dict[Any, int] = {}
    codes = np.array(
        [numbers.setdefault(name, len(numbers)) for name in batch.tolist()]
    )
    for name, code in numbers.items():
        if name is None or is_pandas_na(name) or name != name:
            row = int(np.argmax(codes == code))
            raise ValueError(f"X[{row}] has no batch: its batch_feature is {name!r}.")
    ordered = np.argsort(codes, kind="stable")
    ends = np.cumsum(np.bincount(codes))[:-1]
    return dict(zip(numbers, np.split(ordered, ends), strict=True))
