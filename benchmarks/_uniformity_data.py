"""What the rows of `uniformity.py` learn from."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from _clouds import FASHION
from _problems import Problem, Scope
from sklearn.datasets import load_breast_cancer, load_digits, load_wine
from sklearn.model_selection import train_test_split

_TINY = 100
_SIDE = 8
_N_FASHION = 4000

#: tables whose labels are for judging only
TABLES: dict[str, Callable[..., Any]] = {
    "wine": load_wine,
    "breast_cancer": load_breast_cancer,
}


def digits(scope: Scope) -> Problem:
    """The bundled images as rows of 64 pixels, a quarter held out by the seed."""
    return _split(*load_digits(return_X_y=True), scope)


def digit_images(scope: Scope) -> Problem:
    """The same as images of 8 × 8 pixels."""
    X, y = load_digits(return_X_y=True)
    return _split(X.reshape(-1, 1, _SIDE, _SIDE) / 16, y, scope)


def fashion(scope: Scope) -> Problem:
    """4,000 of 10,000 images of 28 × 28 pixels, drawn by the seed; 2,000 held out."""
    assert scope.data_home is not None
    with np.load(scope.data_home / FASHION) as data:
        problem = Problem(
            data["X_train"][:, None].astype(np.float32) / 255,
            data["y_train"].astype(np.int64),
            data["X_test"][:, None].astype(np.float32) / 255,
            data["y_test"].astype(np.int64),
        )
    problem = problem.first(_TINY, _TINY) if scope.tiny else problem
    return problem.drawn(_N_FASHION, scope.seed)


def table(name: str, scope: Scope) -> Problem:
    """A table of scikit-learn, a third held out by the seed."""
    X, y = TABLES[name](return_X_y=True)
    return _split(X, y, scope, held_out=1 / 3)


def _split(X: Any, y: Any, scope: Scope, held_out: float = 0.25) -> Problem:
    X_train, X_test, y_train, y_test = train_test_split(
        X.astype(np.float32),
        y.astype(np.int64),
        test_size=held_out,
        stratify=y,
        random_state=scope.seed,
    )
    problem = Problem(X_train, y_train, X_test, y_test)
    return problem.first(_TINY, _TINY) if scope.tiny else problem
