"""Representations in every form they come in, or an error that says what is wrong."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from sklearn.utils import check_array

#: how many rows an error names
_NAMED = 5


def checked_representation(
    Z: Any, *, normalize: bool = True, name: str = "Z", min_samples: int = 2
) -> NDArray[np.float64]:
    """Rows in float64, of length one if asked.

    Raises
    ------
    ValueError
        If Z is not of two dimensions, complex, NaN or infinite; too short; or, to be
        normalised, has a single feature or a row of zeros.
    """
    given = on_the_cpu(Z)
    shape = np.shape(given)
    if len(shape) != 2:
        raise ValueError(
            f"{name} must be of shape (n_samples, n_features), two dimensions; got "
            f"shape {shape}. Flatten or pool what is more."
        )
    if shape[0] < min_samples:
        raise ValueError(
            f"{name} must hold {min_samples} samples or more; got n_samples = "
            f"{shape[0]}, shape {shape}."
        )
    rows: NDArray[np.float64] = check_array(
        given, dtype=np.float64, input_name=name, copy=normalize
    )
    return unit_rows(rows, name) if normalize else rows


def unit_rows(rows: NDArray[np.float64], name: str = "Z") -> NDArray[np.float64]:
    """Scale rows to length one, in place; see `checked_representation`."""
    if rows.shape[1] < 2:
        raise ValueError(
            f"{name} must have two features or more to be normalised; got n_features = "
            "1: rows of length one would be 1 or -1, whatever they hold. "
            "normalize=False takes them as they are."
        )
    # in units of the largest entry, so that no square overflows or vanishes
    largest = np.abs(rows).max(axis=1, keepdims=True)
    zero = np.flatnonzero(largest == 0)
    if len(zero):
        raise ValueError(
            f"{name} must have no row of zeros, which cannot be normalised; got "
            f"{len(zero)} of {len(rows)}, {_first(zero)}. Leave them out, or give "
            "normalize=False."
        )
    # a number below the smallest normal one has no reciprocal
    largest_exponent = np.frexp(largest)[1]
    rows[:] = np.ldexp(rows, -largest_exponent)
    rows /= np.linalg.norm(rows, axis=1, keepdims=True)
    return rows


def _first(zero: NDArray[np.intp]) -> str:
    named = ", ".join(map(str, zero[:_NAMED]))
    rest = ", …" if len(zero) > _NAMED else ""
    return f"row{'s' * (len(zero) > 1)} {named}{rest}"


def on_the_cpu(Z: Any) -> Any:
    """A torch tensor as an array, wherever it is and whatever waits for a gradient."""
    if not isinstance(Z, torch.Tensor):
        return Z if hasattr(Z, "shape") else np.asarray(Z)
    Z = Z.detach().cpu()
    # NumPy knows no bfloat16
    Z = Z.double() if Z.is_floating_point() else Z.resolve_conj()
    return Z.resolve_neg().numpy()
