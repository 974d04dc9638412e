"""Labels, some of which may be missing."""

from __future__ import annotations

from numbers import Real
from typing import Any

import numpy as np
from numpy.typing import NDArray

#: of a sample without label, as in scikit-learn's semi-supervised estimators
UNLABELLED = -1


def are_known(y: NDArray[Any]) -> NDArray[np.bool_]:
    """Which labels are not -1.

    Labels that are -1 and 1, and nothing else, are those of two classes.

    Raises
    ------
    ValueError
        If no label is known.
    """
    if y.dtype.kind in "iuf":
        known = y != UNLABELLED
        if set(np.unique(y)) == {-1, 1}:
            known[:] = True
    elif y.dtype.kind == "O":
        known = np.array([not _marks_none(label) for label in y], dtype=bool)
    else:
        known = np.ones(len(y), dtype=bool)
    if not known.any():
        raise ValueError(
            "y must hold labels of some samples at least; all are -1, which marks a "
            "sample without label."
        )
    return known


def _marks_none(label: Any) -> bool:
    return isinstance(label, Real) and label == UNLABELLED
