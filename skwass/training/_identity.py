"""What tells one fit from another, for a checkpoint."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from contextlib import suppress
from functools import partial
from types import CodeType, FunctionType, MethodType
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
    if isinstance(value, FunctionType):
        return f"{value.__module__}.{value.__qualname__} {_digest_of_function(value)}"
    if isinstance(value, MethodType):
        return f"{_text(value.__func__)} of {_text(value.__self__)}"
    if hasattr(value, "__qualname__"):
        return f"{value.__module__}.{value.__qualname__}"
    kind: Any = type(value)
    if callable(value) or kind.__repr__ is object.__repr__:
        state = _text(getattr(value, "__dict__", {}))
        return f"{kind.__module__}.{kind.__qualname__} {state}"
    return repr(value)


def _digest_of_function(function: FunctionType) -> str:
    """What it does: its code, its defaults, and what it has closed over."""
    others = [_text([function.__defaults__, function.__kwdefaults__])]
    for cell in function.__closure__ or ():
        with suppress(ValueError):  # an empty cell, of a name that is bound later
            held = cell.cell_contents
            # a function may hold itself, so what it holds is told by its code alone
            is_code = isinstance(held, FunctionType)
            others.append(_code(held.__code__) if is_code else _text(held))
    told = f"{_code(function.__code__)} {others}"
    return hashlib.sha256(told.encode()).hexdigest()[:16]


def _code(code: CodeType) -> str:
    """Instructions and constants, without the file and the lines they come from."""
    constants = [
        _code(one) if isinstance(one, CodeType) else _constant(one)
        for one in code.co_consts
    ]
    return f"{code.co_code.hex()} {code.co_names} {constants}"


def _constant(value: Any) -> str:
    """Sets have another order in each process."""
    return repr(sorted(map(repr, value)) if isinstance(value, frozenset) else value)
