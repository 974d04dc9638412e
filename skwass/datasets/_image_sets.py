"""Sets of images that lie in a folder of the user's."""

from __future__ import annotations

import os
import zipfile
import zlib
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from sklearn.utils import Bunch


class _Form(NamedTuple):
    """What a file must hold."""

    shape: tuple[int, ...]
    #: whether it has a part to train on and one to test on, or a single one
    parted: bool


_SETS = {
    "mnist_20k": _Form((28, 28), True),
    "fashion_mnist_10k": _Form((28, 28), True),
    "cifar10_10k": _Form((32, 32, 3), True),
    "cifar_ood_1k": _Form((32, 32, 3), False),
    "notmnist_ood_2k": _Form((28, 28), False),
}


def load_image_set(name: str, *, data_home: str | os.PathLike[str]) -> Bunch:
    """Read a set of images from a folder.

    The images do not come with the package, and nothing is downloaded: the file
    ``<name>.npz`` has to be in the folder. It is an archive of NumPy arrays of uint8
    images and integer labels: ``X_train``, ``y_train``, ``X_test`` and ``y_test``, or
    ``X`` and ``y`` for a set of one part; ``class_names`` and ``provenance`` if there
    are any. Nothing in it is unpickled.

    Parameters
    ----------
    name : {"mnist_20k", "fashion_mnist_10k", "cifar10_10k", "cifar_ood_1k", \
"notmnist_ood_2k"}
        Which set. The last two have one part, and are to be out of distribution for
        classifiers of CIFAR-10 and MNIST: images of CIFAR-100 that are like none of
        CIFAR-10, and letters.
    data_home : str or path
        The folder. ``~`` is the user's home.

    Returns
    -------
    images : Bunch
        The data set, with

        images : ndarray of shape (n_images, height, width) or (n_images, height, \
width, 3), uint8
            The images: 28 x 28 pixels, or 32 x 32 in colour.
        target : ndarray of shape (n_images,)
            Their labels.
        test_images, test_target : ndarray
            The same of the part to test on; None for a set of one part.
        target_names : ndarray of shape (n_classes,)
            What the labels mean; the labels themselves if the file does not say.
        DESCR : str
            What the file says of where it comes from.

    Raises
    ------
    ValueError
        If there is no such set, or the file does not hold what it should.
    FileNotFoundError
        If the folder or the file is not there.

    References
    ----------
    - LeCun, Bottou, Bengio, Haffner. Gradient-based learning applied to document
      recognition. Proceedings of the IEEE 86, 1998 (MNIST).
    - Xiao, Rasul, Vollgraf. Fashion-MNIST: a novel image dataset for benchmarking
      machine learning algorithms. arXiv:1708.07747.
    - Krizhevsky. Learning multiple layers of features from tiny images. 2009 (CIFAR).
    - Bulatov. notMNIST dataset. 2011.

    Examples
    --------
    A file of two blank letters, in a folder that is gone afterwards:

    >>> import tempfile
    >>> from pathlib import Path
    >>> import numpy as np
    >>> from skwass.datasets import load_image_set
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     np.savez(
    ...         Path(folder) / "notmnist_ood_2k.npz",
    ...         X=np.zeros((2, 28, 28), dtype=np.uint8),
    ...         y=np.array([0, 1]),
    ...     )
    ...     letters = load_image_set("notmnist_ood_2k", data_home=folder)
    >>> letters.images.shape
    (2, 28, 28)
    """
    if name not in _SETS:
        raise ValueError(f"name must be one of {list(_SETS)}; got {name!r}.")
    form = _SETS[name]
    path = _found(Path(data_home).expanduser(), name)
    arrays = _read(path)
    suffixes = ("_train", "_test") if form.parted else ("",)
    parts = [_part(arrays, suffix, form, path) for suffix in suffixes]
    (images, target), (test_images, test_target) = [*parts, (None, None)][:2]
    labels = np.unique(np.concatenate([labels for _, labels in parts]))
    return Bunch(
        images=images,
        target=target,
        test_images=test_images,
        test_target=test_target,
        target_names=arrays.get("class_names", labels),
        DESCR=str(arrays.get("provenance", "")),
    )


def _found(folder: Path, name: str) -> Path:
    if not folder.is_dir():
        raise FileNotFoundError(
            f"data_home must be a folder; there is none at {folder}."
        )
    path = folder / f"{name}.npz"
    if not path.is_file():
        there = sorted(each for each in _SETS if (folder / f"{each}.npz").is_file())
        raise FileNotFoundError(
            f"data_home={str(folder)!r} has no {path.name}; of the sets that can be "
            f"read it has {there or 'none'}. The images do not come with skwass."
        )
    return path


def _read(path: Path) -> dict[str, NDArray[Any]]:
    try:
        with path.open("rb") as file:
            archive = np.load(file, allow_pickle=False)
            return {key: archive[key] for key in archive.files}
    # a single array, a file that is none of NumPy's or is cut off, or objects
    except (
        AttributeError,
        EOFError,
        ValueError,
        zipfile.BadZipFile,
        zlib.error,
    ) as error:
        raise ValueError(
            f"{path} must be an archive of NumPy arrays (.npz) without objects; it "
            f"cannot be read: {error}"
        ) from error


def _part(
    arrays: dict[str, NDArray[Any]], suffix: str, form: _Form, path: Path
) -> tuple[NDArray[np.uint8], NDArray[np.integer]]:
    keys = f"X{suffix}", f"y{suffix}"
    missing = [key for key in keys if key not in arrays]
    if missing:
        raise ValueError(f"{path} lacks {missing}; it holds {sorted(arrays)}.")
    images, target = (arrays[key] for key in keys)
    if images.dtype != np.uint8 or images.shape[1:] != form.shape:
        raise ValueError(
            f"{keys[0]} of {path} must be uint8 images of shape {form.shape}; got "
            f"{images.dtype} of shape {images.shape}."
        )
    if target.dtype.kind not in "iu" or target.shape != images.shape[:1]:
        raise ValueError(
            f"{keys[1]} of {path} must hold an integer label for each of the "
            f"{len(images)} images; got {target.dtype} of shape {target.shape}."
        )
    return images, target
