"""Class labels, as numbers for the networks."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.utils.multiclass import check_classification_targets


def check_labels(y: NDArray[Any]) -> None:
    """Raise a ValueError for what are no labels."""
    try:
        check_classification_targets(y)
    except TypeError as error:
        raise ValueError(
            f"y must hold labels of one kind, numbers or strings: {error}"
        ) from error


def check_that_classes_differ(classes: NDArray[Any], estimator: Any) -> None:
    """Raise a ValueError for fewer than two."""
    if len(classes) < 2:
        raise ValueError(
            f"{type(estimator).__name__} needs samples of at least two classes, of "
            f"positive weight; got {len(classes)} class: {classes}."
        )


def places_of(y: NDArray[Any], classes: NDArray[Any]) -> NDArray[np.intp]:
    """Where each label stands among the sorted classes; a ValueError if nowhere."""
    places = np.minimum(np.searchsorted(classes, y), len(classes) - 1)
    unknown = np.flatnonzero(classes[places] != y)
    if len(unknown):
        raise ValueError(
            f"y has the class {y[unknown[0]]}, which is not in classes: {classes}."
        )
    return places
