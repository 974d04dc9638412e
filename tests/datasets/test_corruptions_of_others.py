"""Our corruptions beside those of the package that follows the benchmark."""

import warnings

import numpy as np
import pytest
from sklearn.datasets import load_sample_images

from skwass.datasets import CORRUPTIONS, corrupt_images

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    # pip install imagecorruptions-imaug numba
    imagecorruptions = pytest.importorskip("imagecorruptions")


def photographs():
    """Parts of scikit-learn's two photographs, of shape (n_images, 32, 32, 3)."""
    found = []
    for image in load_sample_images().images:
        rows, columns = (length // 6 for length in image.shape[:2])
        small = image[: 6 * rows, : 6 * columns].reshape(rows, 6, columns, 6, 3)
        small = np.rint(small.mean(axis=(1, 3))).astype(np.uint8)
        found += [
            small[row : row + 32, column : column + 32]
            for row in range(0, rows - 31, 20)
            for column in range(0, columns - 31, 20)
        ]
    return np.stack(found)


def theirs(images, kind):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return np.stack(
            [
                imagecorruptions.corrupt(image, severity=3, corruption_name=kind)
                for image in images
            ]
        )


def damage(images, corrupted):
    return np.mean((corrupted / 255 - images / 255) ** 2)


@pytest.mark.parametrize("kind", CORRUPTIONS)
def test__damage__is_of_the_same_order(kind):
    images = photographs()
    before = np.random.get_state()  # noqa: NPY002
    np.random.seed(0)  # noqa: NPY002
    try:
        their_damage = damage(images, theirs(images, kind))
    finally:
        np.random.set_state(before)  # noqa: NPY002
    our_damage = damage(images, corrupt_images(images, kind, 3, random_state=0))
    # theirs also moves the image to one side, which is more than half of the damage
    factor = 6 if kind == "motion_blur" else 3
    assert their_damage / factor < our_damage < their_damage * factor
