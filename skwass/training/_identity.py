"""What tells one fit from another, for a checkpoint."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.base import BaseEstimator

_NUMBERS_A_BLOCK = 2**22


def fit_identity(
    estimator: BaseEstimator, data: Iterable[NDArray[Any]], ignored: Iterable[str]
) -> dict[str, str]:
    """The parameters of a fit that decide its result, and a digest of its data.

    Parameters
    ----------
    estimator : estimator
        Whose parameters.
    data : iterable of ndarray
        What it is fitted on; memory maps are read in blocks.
    ignored : iterable of str
        Parameters that change no result.

    Returns
    -------
    identity : dict of str to str
        Parameters as text, the name of the estimator, and "X".
    """
    parameters = estimator.get_params(deep=False)
    told = {
        name: _text(value)
        for name, value in parameters.items()
        if name not in set(ignored)
    }
    return told | {"estimator": type(estimator).__name__, "X": digest_of(data)}


def digest_of(data: Iterable[NDArray[Any]]) -> str:
    """A few letters that tell arrays from others."""
    digest = hashlib.sha256()
    for array in map(np.atleast_1d, data):
        digest.update(f"{array.shape} {array.dtype}".encode())
        step = max(1, _NUMBERS_A_BLOCK // max(1, array[:1].size))
        for start in range(0, len(array), step):
            digest.update(np.ascontiguousarray(array[start : start + step]).tobytes())
    return digest.hexdigest()[:16]


def _text(value: Any) -> str:
    """The same in every process, so without the addresses that `repr` may give."""
    if isinstance(value, np.ndarray):
        return f"an array {digest_of([value])}"
    if isinstance(value, np.random.RandomState):
        return "a RandomState"  # whose seed the checkpoint keeps
    if isinstance(value, np.generic):
        return repr(value.item())
    if isinstance(value, dict):
        return str({_text(key): _text(item) for key, item in value.items()})
    if isinstance(value, (list, tuple)):
        return f"({', '.join(map(_text, value))})"
    if isinstance(value, partial):
        return f"partial{_text([value.func, value.args, value.keywords])}"
    if callable(value):
        told = value if hasattr(value, "__qualname__") else type(value)
        return f"{told.__module__}.{told.__qualname__}"
    return repr(value)
