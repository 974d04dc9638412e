"""What rows of long benchmarks learn from, and how much of it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split

CIFAR = "cifar10_10k.npz"
#: share of training labels that are wrong in the noisy problems
WRONG = 0.2
_N_DIGITS = 500
_N_PHOTOGRAPHS = 4000
_TINY = 100

Images = NDArray[np.float32]
Labels = NDArray[np.int64]


@dataclass(frozen=True)
class Scope:
    """What a run of a row may use.

    Attributes
    ----------
    seed : int
        What decides all that is random.
    data_home : Path or None
        Where data are that are not bundled.
    tiny : bool
        Few samples, epochs and turns: to try that a row works.
    device : str
        Where networks are trained for the tables of quality.
    """

    seed: int
    data_home: Path | None = None
    tiny: bool = False
    device: str = "cpu"

    def less(self, whole: int, tiny: int) -> int:
        """How many of something."""
        return tiny if self.tiny else whole


@dataclass(frozen=True)
class Problem:
    """Samples to learn from and samples held out, whose labels are right."""

    X_train: NDArray[np.floating]
    y_train: Labels
    X_test: NDArray[np.floating]
    y_test: Labels

    def noisy(self, seed: int) -> Problem:
        """The same with wrong labels among those to learn from."""
        random_state = np.random.RandomState(seed)
        n_classes = int(self.y_train.max()) + 1
        n_wrong = round(WRONG * len(self.y_train))
        places = random_state.permutation(len(self.y_train))[:n_wrong]
        labels = self.y_train.copy()
        labels[places] += random_state.randint(1, n_classes, size=n_wrong)
        return replace(self, y_train=labels % n_classes)

    def drawn(self, n_train: int, seed: int) -> Problem:
        """The same with fewer samples to learn from, drawn by the seed."""
        places = np.random.RandomState(seed).permutation(len(self.X_train))[:n_train]
        return replace(self, X_train=self.X_train[places], y_train=self.y_train[places])

    def first(self, n_train: int, n_test: int) -> Problem:
        """The first of both."""
        return Problem(
            self.X_train[:n_train],
            self.y_train[:n_train],
            self.X_test[:n_test],
            self.y_test[:n_test],
        )


def digits(scope: Scope) -> Problem:
    """500 of the bundled images, drawn by the seed, and the 1,297 others."""
    X, y = load_digits(return_X_y=True)
    X_train, X_test, y_train, y_test = train_test_split(
        X.astype(np.float32),
        y.astype(np.int64),
        train_size=_N_DIGITS,
        stratify=y,
        random_state=scope.seed,
    )
    problem = Problem(X_train, y_train, X_test, y_test)
    return problem.first(_TINY, _TINY) if scope.tiny else problem


def cifar(scope: Scope) -> Problem:
    """10,000 photographs of 32 × 32 pixels, and 2,000 held out."""
    assert scope.data_home is not None
    with np.load(scope.data_home / CIFAR) as data:
        problem = Problem(
            _planes(data["X_train"]),
            data["y_train"].astype(np.int64),
            _planes(data["X_test"]),
            data["y_test"].astype(np.int64),
        )
    return problem.first(_TINY, _TINY) if scope.tiny else problem


def photographs(scope: Scope) -> Problem:
    """4,000 of the photographs, drawn by the seed, and the same 2,000 held out."""
    return cifar(scope).drawn(_N_PHOTOGRAPHS, scope.seed)


def _planes(images: NDArray[np.uint8]) -> Images:
    """From (n, height, width, 3) in bytes to (n, 3, height, width) up to one."""
    return np.ascontiguousarray(images.transpose(0, 3, 1, 2), dtype=np.float32) / 255
