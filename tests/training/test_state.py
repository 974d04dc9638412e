"""A fit that fails leaves what an earlier one found."""

import pytest
from sklearn.base import BaseEstimator

from skwass.training import keep_fitted_state


class Estimator(BaseEstimator):
    def __init__(self, size=1):
        self.size = size


def fitted():
    estimator = Estimator(size=3)
    estimator.first_ = "first"
    estimator.second_ = "second"
    return estimator


def refit(estimator, trouble=None):
    with keep_fitted_state(estimator):
        estimator.first_ = "changed"
        del estimator.second_
        estimator.third_ = "new"
        if trouble is not None:
            raise trouble


@pytest.mark.parametrize("trouble", [ValueError, KeyboardInterrupt, SystemExit])
def test_attributes_come_back_when_the_body_raises(trouble):
    estimator = fitted()
    error = trouble("stopped")
    with pytest.raises(trouble) as caught:
        refit(estimator, error)
    assert caught.value is error
    assert vars(estimator) == {"size": 3, "first_": "first", "second_": "second"}


def test_attributes_stay_when_the_body_succeeds():
    estimator = fitted()
    refit(estimator)
    assert vars(estimator) == {"size": 3, "first_": "changed", "third_": "new"}


def test_an_estimator_that_never_was_fitted_stays_unfitted():
    estimator = Estimator()

    def fit():
        with keep_fitted_state(estimator):
            estimator.first_ = "half done"
            raise ValueError("stopped")

    with pytest.raises(ValueError, match="stopped"):
        fit()
    assert vars(estimator) == {"size": 1}


def test_the_very_same_objects_come_back():
    estimator = fitted()
    estimator.first_ = kept = [1, 2, 3]
    with pytest.raises(ValueError, match="stopped"):
        refit(estimator, ValueError("stopped"))
    assert estimator.first_ is kept
