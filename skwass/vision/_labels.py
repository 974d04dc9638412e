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
        If no label is known, or NumPy has turned marks into names.
    """
    if y.dtype.kind in "iuf":
        known = y != UNLABELLED
        if set(np.unique(y)) == {-1, 1}:
            known[:] = True
    elif y.dtype.kind == "O":
        known = np.array([not _marks_none(label) for label in y], dtype=bool)
    else:
        _refuse_marks_among_names(y)
        known = np.ones(len(y), dtype=bool)
    if not known.any():
        raise ValueError(
            "y must hold labels of some samples at least; all are -1, which marks a "
            "sample without label."
        )
    return known


def _refuse_marks_among_names(y: NDArray[Any]) -> None:
    """A list of names and -1 becomes an array of strings, "-1" being one of them."""
    names = set(np.unique(y).tolist())
    marks = names & {"-1", "-1.0"}
    # what are numbers throughout may have been read from a file, -1 being a class
    if marks and not all(map(_is_number, names)):
        raise ValueError(
            f"y holds the string {marks.pop()!r} among names. To mark samples without "
            "label, give names and the number -1 in an array of dtype=object."
        )


def _is_number(name: str) -> bool:
    try:
        float(name)
    except ValueError:
        return False
    return True


def _marks_none(label: Any) -> bool:
    return isinstance(label, Real) and label == UNLABELLED
