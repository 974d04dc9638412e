"""Labels and predicted probabilities, checked in one place for every metric of them."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.utils import check_array, check_consistent_length, column_or_1d
from sklearn.utils.multiclass import type_of_target, unique_labels

#: how far a row may be from one: float32 over many classes, or a few written digits
_TOLERANCE = 1e-3


class Predictions(NamedTuple):
    """Samples of positive weight, their classes as numbers and their probabilities."""

    labels: NDArray
    #: which column each sample belongs to, of shape (n_samples,)
    classes: NDArray[np.intp]
    #: of shape (n_samples, n_classes), with two columns if there are two classes
    proba: NDArray[np.float64]
    #: positive, of shape (n_samples,)
    weights: NDArray[np.float64]
    #: which of the samples that came in these are
    counted: NDArray[np.bool_]
    #: rounding of the type that the probabilities came in
    eps: float

    @property
    def confidence(self) -> NDArray[np.float64]:
        """The largest probability of each row."""
        return self.proba.max(axis=1)

    @property
    def correct(self) -> NDArray[np.bool_]:
        """Whether it is that of the true class; the first column wins a tie."""
        return self.proba.argmax(axis=1) == self.classes


def checked_predictions(
    y_true: ArrayLike,
    y_proba: ArrayLike,
    labels: ArrayLike | None = None,
    sample_weight: ArrayLike | None = None,
) -> Predictions:
    """Read every accepted form of predictions, or say what is wrong with them.

    Samples of zero weight are checked, and then left out.
    """
    target = column_or_1d(y_true)
    kind = type_of_target(target, input_name="y_true")
    if kind not in ("binary", "multiclass"):
        raise ValueError(f"y_true must hold one class label a sample; got {kind!r}.")
    proba, eps = checked_probabilities(y_proba)
    check_consistent_length(target, proba)
    weights = checked_weights(sample_weight, len(proba))
    columns = checked_labels(target, labels, proba.shape[1])
    classes = np.searchsorted(columns, target).astype(np.intp)
    counted = weights > 0
    return Predictions(
        columns, classes[counted], proba[counted], weights[counted], counted, eps
    )


def checked_probabilities(
    y_proba: ArrayLike, name: str = "y_proba"
) -> tuple[NDArray[np.float64], float]:
    """Probabilities of shape (n_samples, n_classes), and the rounding of their type."""
    given = check_array(
        y_proba,
        ensure_2d=False,
        dtype=(np.float64, np.float32),
        input_name=name,
    )
    eps = float(np.finfo(given.dtype).eps)
    proba = given.astype(np.float64)
    if proba.min() < 0 or proba.max() > 1 + _TOLERANCE:
        raise ValueError(
            f"{name} must hold probabilities, between 0 and 1; got values from "
            f"{proba.min():g} to {proba.max():g}."
        )
    if proba.ndim == 1 or proba.shape[1] == 1:
        positive = np.minimum(proba.reshape(-1), 1.0)
        return np.column_stack([1 - positive, positive]), eps
    sums = proba.sum(axis=1)
    worst = int(np.abs(sums - 1).argmax())
    if abs(sums[worst] - 1) > _TOLERANCE:
        raise ValueError(
            f"Each row of {name} must sum to one, over all classes; row "
            f"{worst} sums to {sums[worst]:g}."
        )
    return np.minimum(proba, 1.0), eps


def checked_weights(
    sample_weight: ArrayLike | None, n_samples: int
) -> NDArray[np.float64]:
    """Weights of shape (n_samples,), one each if there are none."""
    if sample_weight is None:
        return np.ones(n_samples)
    weights = check_array(
        sample_weight, ensure_2d=False, dtype=np.float64, input_name="sample_weight"
    )
    if weights.shape != (n_samples,):
        raise ValueError(
            f"sample_weight must be of shape ({n_samples},), one weight a sample; got "
            f"shape {weights.shape}."
        )
    if (weights < 0).any() or not weights.any():
        raise ValueError(
            "sample_weight must be non-negative, and positive somewhere; got values "
            f"from {weights.min():g} to {weights.max():g}."
        )
    return weights


def checked_labels(
    y_true: NDArray, labels: ArrayLike | None, n_columns: int
) -> NDArray:
    """The label of each column of the probabilities, in sorted order."""
    if labels is None:
        found = np.unique(y_true)
        if n_columns == 2 and len(found) == 1:
            found = _pair_around(found[0])
        if len(found) != n_columns:
            raise ValueError(
                f"y_proba tells of {n_columns} classes, y_true of {len(found)}: "
                f"{_listed(found)}. Name the classes of all columns with labels=."
            )
        return found
    given = column_or_1d(labels)
    if len(given) != n_columns:
        raise ValueError(
            f"labels must name the {n_columns} classes of y_proba; got {len(given)}: "
            f"{_listed(given)}."
        )
    if not np.array_equal(given, np.unique(given)):
        raise ValueError(
            "labels must be sorted and all different, as the columns of predict_proba "
            f"are; got {_listed(given)}."
        )
    # refuses numbers beside strings, which would not compare
    unknown = np.setdiff1d(unique_labels(given, y_true), given)
    if len(unknown):
        raise ValueError(
            f"y_true holds {_listed(unknown)}, not among the labels {_listed(given)}."
        )
    return given


def with_unseen_classes(
    classes: ArrayLike, y_proba: ArrayLike, y_true: ArrayLike
) -> tuple[NDArray, NDArray]:
    """All classes, and the probability of each: zero for those not seen in the fit."""
    known = np.asarray(classes)
    proba = np.asarray(y_proba)
    labels = unique_labels(known, y_true)
    if len(labels) == len(known):
        return known, proba
    if proba.ndim == 1:
        proba = np.column_stack([1 - proba, proba])
    widened = np.zeros((len(proba), len(labels)), dtype=proba.dtype)
    widened[:, np.searchsorted(labels, known)] = proba
    return labels, widened


def _pair_around(label: object) -> NDArray:
    """Both classes of a binary target that shows one, where convention knows them."""
    for pair in ([0, 1], [-1, 1]):
        if not isinstance(label, str) and label in pair:
            return np.array(pair)
    return np.array([label])


def _listed(labels: NDArray) -> str:
    return np.array2string(np.asarray(labels), threshold=10, separator=", ")
