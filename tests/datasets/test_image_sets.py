"""Sets of images in a folder: what is read, and what is wrong with a file."""

from pathlib import Path

import numpy as np
import pytest
from sklearn.utils import Bunch

from skwass.datasets import load_image_set

SETS = {
    "mnist_20k": (28, 28),
    "fashion_mnist_10k": (28, 28),
    "cifar10_10k": (32, 32, 3),
}
SETS_OF_ONE_PART = {"cifar_ood_1k": (32, 32, 3), "notmnist_ood_2k": (28, 28)}


def arrays(shape, parted=True, n_images=6):
    rng = np.random.default_rng(0)
    parts = {"_train": n_images, "_test": n_images // 2} if parted else {"": n_images}
    found = {}
    for suffix, size in parts.items():
        found[f"X{suffix}"] = rng.integers(0, 256, (size, *shape)).astype(np.uint8)
        found[f"y{suffix}"] = (np.arange(size) % 3).astype(np.uint8)
    return found


def written(folder, name, **changes):
    """A folder that holds a set, with arrays that are other, or None to leave out."""
    shape = {**SETS, **SETS_OF_ONE_PART}[name]
    held = {**arrays(shape, name in SETS), **changes}
    kept = {key: value for key, value in held.items() if value is not None}
    np.savez(Path(folder) / f"{name}.npz", **kept)
    return kept


@pytest.mark.parametrize("name", SETS)
def test__set_of_two_parts__is_read(tmp_path, name):
    held = written(tmp_path, name, provenance="from afar", class_names=list("abc"))
    found = load_image_set(name, data_home=tmp_path)
    assert isinstance(found, Bunch)
    np.testing.assert_array_equal(found.images, held["X_train"])
    np.testing.assert_array_equal(found.target, held["y_train"])
    np.testing.assert_array_equal(found.test_images, held["X_test"])
    np.testing.assert_array_equal(found.test_target, held["y_test"])
    assert list(found.target_names) == ["a", "b", "c"]
    assert found.DESCR == "from afar"
    assert found.images.dtype == np.uint8


@pytest.mark.parametrize("name", SETS_OF_ONE_PART)
def test__set_of_one_part__has_no_test(tmp_path, name):
    held = written(tmp_path, name)
    found = load_image_set(name, data_home=str(tmp_path))
    np.testing.assert_array_equal(found.images, held["X"])
    np.testing.assert_array_equal(found.target, held["y"])
    assert found.test_images is None
    assert found.test_target is None
    assert list(found.target_names) == [0, 1, 2]
    assert found.DESCR == ""


def test__home__is_found(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("USERPROFILE", str(tmp_path))
    (tmp_path / "sets").mkdir()
    written(tmp_path / "sets", "mnist_20k")
    assert len(load_image_set("mnist_20k", data_home="~/sets").images) == 6


def test__what_is_not_there__is_told(tmp_path):
    with pytest.raises(ValueError, match=r"name must be one of \['mnist_20k'.*'mnist'"):
        load_image_set("mnist", data_home=tmp_path)
    with pytest.raises(FileNotFoundError, match=r"data_home must be a folder.*nowhere"):
        load_image_set("mnist_20k", data_home=tmp_path / "nowhere")
    with pytest.raises(FileNotFoundError, match=r"no mnist_20k\.npz.*it has none"):
        load_image_set("mnist_20k", data_home=tmp_path)
    written(tmp_path, "notmnist_ood_2k")
    with pytest.raises(FileNotFoundError, match=r"it has \['notmnist_ood_2k'\]"):
        load_image_set("mnist_20k", data_home=tmp_path)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"X_test": None}, r"mnist_20k.npz lacks \['X_test'\]; it holds"),
        ({"y_train": None, "X_train": None}, r"lacks \['X_train', 'y_train'\]"),
        ({"X_train": np.zeros((6, 28, 28))}, "X_train of .* uint8.*got float64"),
        (
            {"X_train": np.zeros((6, 784), np.uint8)},
            r"X_train of .*\(28, 28\); got uint8 of shape \(6, 784\)",
        ),
        ({"y_test": np.zeros(4, int)}, r"y_test of .* each of the 3 images.*\(4,\)"),
        ({"y_test": np.zeros(3)}, "y_test of .* integer label.*got float64"),
    ],
)
def test__file_that_holds_something_else__is_refused(tmp_path, changes, message):
    written(tmp_path, "mnist_20k", **changes)
    with pytest.raises(ValueError, match=message):
        load_image_set("mnist_20k", data_home=tmp_path)


@pytest.mark.parametrize("content", [b"", b"no archive", b"PK\x03\x04 cut off"])
def test__file_that_is_no_archive__is_refused(tmp_path, content):
    (tmp_path / "mnist_20k.npz").write_bytes(content)
    with pytest.raises(ValueError, match="must be an archive of NumPy arrays"):
        load_image_set("mnist_20k", data_home=tmp_path)


def test__single_array_and_pickled_objects__are_refused(tmp_path):
    path = tmp_path / "mnist_20k.npz"
    with path.open("wb") as file:
        np.save(file, np.zeros(3))
    with pytest.raises(ValueError, match="must be an archive of NumPy arrays"):
        load_image_set("mnist_20k", data_home=tmp_path)
    written(tmp_path, "mnist_20k", y_test=np.array([None] * 3))
    with pytest.raises(ValueError, match="without objects"):
        load_image_set("mnist_20k", data_home=tmp_path)
