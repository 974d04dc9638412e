"""Images of known classes, and of unknown ones, for the rows of `stochastic_vit.py`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from _problems import Images, Labels, Problem, Scope, photographs
from _problems import cifar as all_photographs
from numpy.typing import NDArray
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split

from skwass.datasets import corrupt_images, load_image_set

OTHERS = "cifar_ood_1k.npz"
LETTERS = "notmnist_ood_2k.npz"
#: of each kind of corruption: noise, blur, weather, processing
KINDS = ("gaussian_noise", "motion_blur", "fog", "contrast")
SEVERITIES = (1, 3, 5)
#: held-out images that are corrupted
N_CORRUPTED = 500
#: images of unknown classes, and as many held-out images to tell them from
N_UNKNOWN = 1000
_N_GREY = 2000
_N_KNOWN_DIGITS = 8
_SIDE = 8
_TINY = 100


@dataclass(frozen=True)
class Task:
    """What is learnt, and what is not known.

    Attributes
    ----------
    problem : Problem
        Images (n, channels, height, width) between zero and one.
    unknown : ndarray
        Images of classes that there are no labels of.
    """

    problem: Problem
    unknown: Images

    @property
    def shape(self) -> tuple[int, int, int]:
        """Channels, height and width of an image."""
        n_channels, height, width = self.problem.X_train.shape[1:]
        return n_channels, height, width

    @property
    def n_classes(self) -> int:
        return int(self.problem.y_train.max()) + 1

    def corrupted(self, kind: str, severity: int, seed: int) -> tuple[Images, Labels]:
        """The first held-out images, spoilt, and their labels."""
        clean = self.problem.X_test[:N_CORRUPTED]
        spoilt = corrupt_images(
            clean, kind, severity, channels="first", random_state=seed
        )
        return spoilt, self.problem.y_test[:N_CORRUPTED]

    def first(self, n: int) -> Task:
        """The first of all."""
        return Task(self.problem.first(n, n), self.unknown[:n])


def digits(scope: Scope) -> Task:
    """Half of the bundled images of 0 to 7 and the other half; 8 and 9 are unknown."""
    X, y = load_digits(return_X_y=True)
    images = (X.reshape(-1, 1, _SIDE, _SIDE) / 16).astype(np.float32)
    known = y < _N_KNOWN_DIGITS
    X_train, X_test, y_train, y_test = train_test_split(
        images[known],
        y[known].astype(np.int64),
        test_size=0.5,
        stratify=y[known],
        random_state=scope.seed,
    )
    return _less(Task(Problem(X_train, y_train, X_test, y_test), images[~known]), scope)


def mnist(scope: Scope) -> Task:
    """2,000 digits, drawn by the seed; letters are unknown."""
    letters = _read("notmnist_ood_2k", scope).images
    return _grey("mnist_20k", planes(letters), scope)


def fashion(scope: Scope) -> Task:
    """2,000 pieces of clothing, drawn by the seed; digits are unknown."""
    return _grey("fashion_mnist_10k", planes(_read("mnist_20k", scope).images), scope)


def cifar(scope: Scope) -> Task:
    """4,000 photographs, drawn by the seed; those of other classes are unknown."""
    return _beside_others(photographs(scope), scope)


def whole_cifar(scope: Scope) -> Task:
    """The same of all 10,000."""
    return _beside_others(all_photographs(scope), scope)


def planes(images: NDArray[np.uint8]) -> Images:
    """From bytes to (n, channels, height, width) up to one."""
    first = images[:, None] if images.ndim == 3 else images.transpose(0, 3, 1, 2)
    return np.ascontiguousarray(first, dtype=np.float32) / 255


def _grey(name: str, unknown: Images, scope: Scope) -> Task:
    data = _read(name, scope)
    problem = Problem(
        planes(data.images),
        data.target.astype(np.int64),
        planes(data.test_images[:_N_GREY]),
        data.test_target[:_N_GREY].astype(np.int64),
    )
    task = Task(problem.drawn(_N_GREY, scope.seed), unknown[:N_UNKNOWN])
    return _less(task, scope)


def _beside_others(problem: Problem, scope: Scope) -> Task:
    others = planes(_read("cifar_ood_1k", scope).images[:N_UNKNOWN])
    return _less(Task(problem, others), scope)


def _read(name: str, scope: Scope) -> Any:
    assert scope.data_home is not None
    return load_image_set(name, data_home=scope.data_home)


def _less(task: Task, scope: Scope) -> Task:
    return task.first(_TINY) if scope.tiny else task
