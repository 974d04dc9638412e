"""Fits are told apart by what decides their result, in the same way in any process."""

from functools import partial

import numpy as np
import pytest
from sklearn.base import BaseEstimator

from skwass.training import digest_of, fit_identity

X = np.arange(12.0).reshape(6, 2)


class Model(BaseEstimator):
    def __init__(self, value=None, n_jobs=None):
        self.value = value
        self.n_jobs = n_jobs


class Other(Model):
    pass


def distance(a, b, power=1):
    return abs(a - b) ** power


class Callable:
    def __init__(self, power=1):
        self.power = power

    def __call__(self, a, b):
        return 0.0

    def method(self, a, b):
        return self.power


def closing_over(power):
    def inner(a, b):
        return inner if power is None else abs(a - b) ** power

    return inner


def identity(value=None, data=X, kind=Model, n_jobs=None):
    return fit_identity(kind(value, n_jobs), [data], ["n_jobs"])


def test__same_fit__has_the_same_identity():
    assert identity((3, 4)) == identity((3, 4), X.copy())


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (1, 2),
        (1, "1"),
        (None, 0),
        ((3, 4), (4, 3)),
        ({"p": 1}, {"p": 2}),
        (distance, Callable()),
        (Callable(1), Callable(2)),
        (Callable(1).method, Callable(2).method),
        (closing_over(1), closing_over(2)),
        (lambda a, b: a + b, lambda a, b: a - b),
        (lambda a, b: a * 2, lambda a, b: a * 3),
        (lambda a, b=1: b, lambda a, b=2: b),
        (lambda a: a in {"p", "q"}, lambda a: a in {"p", "r"}),
        (partial(distance, power=1), partial(distance, power=2)),
        (np.ones(3), np.zeros(3)),
        (np.ones((2, 3)), np.ones((3, 2))),
        ({"V": np.ones(2000)}, {"V": np.eye(2000)[0]}),
    ],
)
def test__another_parameter__is_another_fit(one, other):
    differing = {
        key for key, text in identity(one).items() if text != identity(other)[key]
    }
    assert differing == {"value"}


@pytest.mark.parametrize(
    ("one", "same"),
    [
        ([8, 8], (8, 8)),
        (2, np.int64(2)),
        (0.5, np.float64(0.5)),
        (Callable(), Callable()),
        (closing_over(3), closing_over(3)),
        ({"f": Callable()}, {"f": Callable()}),
        (partial(distance, power=2), partial(distance, power=2)),
        (np.random.RandomState(0), np.random.RandomState(1)),
    ],
)
def test__another_spelling__is_the_same_fit(one, same):
    assert identity(one) == identity(same)


@pytest.mark.parametrize(
    "value",
    [
        distance,
        Callable(),
        closing_over(distance),
        closing_over(object()),
        partial(distance, power=2),
        [Callable()],
        {"f": distance},
    ],
)
def test__text__holds_no_address(value):
    # another process has other addresses, and must know its file all the same
    assert "0x" not in identity(value)["value"]


def test__ignored_parameters__do_not_matter():
    assert identity(n_jobs=1) == identity(n_jobs=2)


def test__another_estimator__is_another_fit():
    assert identity(kind=Model) != identity(kind=Other)


@pytest.mark.parametrize(
    "other",
    [X[:-1], X[::-1], X + 1e-12, X.astype(np.float32), X.reshape(4, 3)],
    ids=["shorter", "reversed", "moved", "float32", "reshaped"],
)
def test__other_data__is_another_fit(other):
    assert identity(data=X)["X"] != identity(data=other)["X"]


def test__digest__does_not_depend_on_the_blocks_it_is_read_in(monkeypatch, tmp_path):
    whole = digest_of([X, X[:, 0]])
    monkeypatch.setattr("skwass.training._identity._NUMBERS_A_BLOCK", 3)
    assert digest_of([X, X[:, 0]]) == whole
    mapped = np.memmap(tmp_path / "x", mode="w+", shape=X.shape)
    mapped[:] = X
    assert digest_of([mapped, X[:, 0]]) == digest_of([mapped[:].copy(), X[:, 0]])


def test__digest__of_numbers_and_empty_arrays():
    assert len({digest_of([a]) for a in (np.ones(0), np.ones((0, 2)), X)}) == 3
    assert digest_of([np.array(1.0)]) != digest_of([np.array(2.0)])
