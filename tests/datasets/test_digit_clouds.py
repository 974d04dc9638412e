"""The bundled digits as clouds."""

import numpy as np
import pytest
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split

from skwass import ImageToCloud, PointClouds
from skwass.datasets import load_digit_clouds


def test__clouds__are_the_digits_of_scikit_learn():
    digits, images = load_digit_clouds(), load_digits()
    assert isinstance(digits.data, PointClouds)
    assert digits.data.shape == (1797,)
    np.testing.assert_array_equal(digits.target, images.target)
    np.testing.assert_array_equal(digits.images, images.images)
    assert list(digits.target_names) == list(range(10))
    assert "digits" in digits.DESCR
    expected = ImageToCloud((8, 8)).fit_transform(images.data)
    for place in (0, 1796):
        for found, true in zip(digits.data[place], expected[place], strict=True):
            np.testing.assert_array_equal(found, true)


def test__pair__can_be_split():
    clouds, labels = load_digit_clouds(return_X_y=True)
    train, test, _, test_labels = train_test_split(clouds, labels, random_state=0)
    assert isinstance(train, PointClouds)
    assert len(test) == len(test_labels) == 450


def test__options__are_followed():
    few = load_digit_clouds(n_class=3)
    assert set(few.target) == {0, 1, 2}
    assert list(few.target_names) == [0, 1, 2]
    assert len(few.data) == len(few.target) == len(few.images) == 537
    bright = load_digit_clouds(threshold=8)
    assert len(bright.data[0][0]) == (bright.images[0] > 8).sum()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"n_class": 11}, "n_class"),
        ({"threshold": -1.0}, "threshold"),
        ({"threshold": 16.0}, "makes an empty cloud"),
    ],
)
def test__bad_options__are_refused(options, message):
    with pytest.raises(ValueError, match=message):
        load_digit_clouds(**options)
