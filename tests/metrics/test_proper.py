"""Likelihood and Brier's score, against scikit-learn's where it has them."""

import numpy as np
import pytest
from numpy.testing import assert_allclose
from sklearn.metrics import brier_score_loss, log_loss

from skwass.metrics import brier_score, negative_log_likelihood

METRICS = (negative_log_likelihood, brier_score)


def problem(n_classes, seed=0):
    rng = np.random.default_rng(seed)
    y_proba = rng.dirichlet(np.ones(n_classes), size=80)
    return rng.integers(n_classes, size=80), y_proba, rng.uniform(0.5, 2, size=80)


@pytest.mark.parametrize("n_classes", [2, 5])
def test__likelihood__is_scikit_learns_log_loss(n_classes):
    y_true, y_proba, weights = problem(n_classes)
    names = np.array(list("abcde"))[y_true]
    for target in (y_true, names):
        assert_allclose(
            negative_log_likelihood(target, y_proba, sample_weight=weights),
            log_loss(target, y_proba, sample_weight=weights),
            rtol=1e-12,
        )


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test__impossible_class__costs_the_rounding_of_its_type(dtype):
    y_proba = np.array([[1, 0], [0, 1], [1, 0]], dtype=dtype)
    found = negative_log_likelihood([0, 0, 1], y_proba)
    assert_allclose(found, log_loss([0, 0, 1], y_proba), rtol=1e-6)
    assert_allclose(found, -np.log(np.finfo(dtype).eps) * 2 / 3, rtol=1e-6)


def test__equal_probabilities__cost_the_logarithm_of_the_number_of_classes():
    y_true, y_proba, _ = problem(5)
    found = negative_log_likelihood(y_true, np.full_like(y_proba, 0.2))
    assert_allclose(found, np.log(5))


def test__brier__is_half_of_itself_in_scikit_learn_for_two_classes():
    y_true, y_proba, weights = problem(2)
    reference = brier_score_loss(y_true, y_proba[:, 1], sample_weight=weights)
    found = brier_score(y_true, y_proba, sample_weight=weights)
    assert_allclose(found, 2 * reference)
    halved = brier_score(
        y_true, y_proba[:, 1], scale_by_half=True, sample_weight=weights
    )
    assert_allclose(halved, reference)


def test__brier__sums_squares_over_all_classes():
    y_true, y_proba, weights = problem(4)
    squares = ((y_proba - np.eye(4)[y_true]) ** 2).sum(axis=1)
    assert_allclose(brier_score(y_true, y_proba), squares.mean())
    assert_allclose(
        brier_score(y_true, y_proba, sample_weight=weights),
        (weights @ squares) / weights.sum(),
    )


def test__brier__lies_between_none_right_and_all_right():
    assert brier_score([0, 1, 2], np.eye(3)) == 0
    assert brier_score([0, 1, 2], np.eye(3)[[1, 2, 0]]) == 2


@pytest.mark.parametrize("metric", METRICS)
def test__true_probabilities__score_best(metric):
    # at .7 and .3, over all answers, weighted by how often they come
    truth = np.array([0.7, 0.3])
    scores = {
        p: metric([0, 1], [[p, 1 - p]] * 2, sample_weight=truth)
        for p in (0.5, 0.6, 0.7, 0.8, 0.9)
    }
    assert min(scores, key=scores.get) == 0.7


@pytest.mark.parametrize("metric", METRICS)
def test__weights__count_samples(metric):
    y_true, y_proba, _ = problem(3)
    counts = np.arange(80) % 3
    repeated = metric(np.repeat(y_true, counts), np.repeat(y_proba, counts, axis=0))
    assert_allclose(metric(y_true, y_proba, sample_weight=counts), repeated, rtol=1e-13)
