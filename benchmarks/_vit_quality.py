"""The rows of `stochastic_vit.py` that train one method on one kind of images."""

from __future__ import annotations

import time
from functools import partial

from _clouds import FASHION, MNIST
from _problems import CIFAR, Scope
from _records import Figures
from _rows import Measure
from _vit_data import LETTERS, OTHERS, cifar, digits, fashion, mnist
from _vit_judging import judged_throughout
from _vit_methods import METHODS, Ground, Train

_SIZE = {"width": 64, "depth": 4}
#: of 16 patches, as for the bundled digits
_GREY = {**_SIZE, "patch_size": 7, "batch_size": 32, "max_iter": 12}

GROUNDS: dict[str, Ground] = {
    "digits": Ground(
        "digits",
        digits,
        {**_SIZE, "patch_size": 2, "max_iter": 40},
        "719 images of 8 × 8 pixels, of the digits 0 to 7, and as many held out; 8 and "
        "9 are unknown; patches of 2 pixels, width 64, 4 blocks, no augmentation, 40 "
        "epochs of batches of 32",
    ),
    "mnist": Ground(
        "MNIST",
        mnist,
        _GREY,
        "2,000 images of 28 × 28 pixels, drawn by the seed, and 2,000 held out; "
        "letters (notMNIST) are unknown; patches of 7 pixels, width 64, 4 blocks, "
        "shifts, 12 epochs of batches of 32",
        padding=1 / 16,
        files=(MNIST, LETTERS),
    ),
    "fashion": Ground(
        "Fashion-MNIST",
        fashion,
        _GREY,
        "2,000 images of 28 × 28 pixels, drawn by the seed, and 2,000 held out; "
        "digits (MNIST) are unknown; the rest is as for MNIST",
        padding=1 / 16,
        files=(FASHION, MNIST),
    ),
    "cifar": Ground(
        "CIFAR-10",
        cifar,
        {**_SIZE, "patch_size": 8, "batch_size": 64, "max_iter": 30},
        "4,000 photographs of 32 × 32 pixels, drawn by the seed, and 2,000 held out; "
        "1,000 of other classes (CIFAR-100) are unknown; patches of 8 pixels, width "
        "64, 4 blocks, shifts and mirror images, 30 epochs of batches of 64",
        padding=1 / 8,
        flip=0.5,
        files=(CIFAR, OTHERS),
    ),
}


def measured(train: Train, ground: Ground, scope: Scope) -> Figures:
    """Time of training, and all that is to be said of what was learnt."""
    task = ground.read(scope)
    start = time.process_time()
    trained = train(ground, task, scope)
    figures = {"cpu_seconds": time.process_time() - start}
    return figures | judged_throughout(trained, task, scope.seed)


def rows() -> dict[str, Measure]:
    """What measures each method on each kind of images."""
    return {
        f"{name}/{method}": partial(measured, each.train, ground)
        for name, ground in GROUNDS.items()
        for method, each in METHODS.items()
    }
