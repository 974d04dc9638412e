"""How much the members of an ensemble differ."""

from itertools import combinations

import numpy as np
import pytest
from numpy.testing import assert_allclose
from scipy.stats import entropy

from skwass.metrics import ensemble_diversity

RNG = np.random.default_rng(0)
PROBA = RNG.dirichlet([0.5, 0.5, 0.5], size=(4, 50))


def test__members_that_say_the_same__have_none():
    found = ensemble_diversity(np.stack([PROBA[0]] * 3))
    assert found.disagreement == 0
    assert_allclose(found.divergence, 0, atol=1e-12)
    assert found.divergence >= 0


def test__one_member__has_none():
    assert ensemble_diversity(PROBA[:1]) == {"disagreement": 0.0, "divergence": 0.0}


@pytest.mark.parametrize("n_members", [2, 3, 5])
def test__members_sure_of_a_class_each__differ_most(n_members):
    proba = np.eye(n_members)[:, None, :].repeat(7, axis=1)
    found = ensemble_diversity(proba)
    assert found.disagreement == 1
    assert_allclose(found.divergence, np.log(n_members), rtol=1e-12)


def test__disagreement__is_the_mean_over_pairs():
    labels = PROBA.argmax(axis=-1)
    pairs = [np.mean(one != two) for one, two in combinations(labels, 2)]
    assert_allclose(ensemble_diversity(PROBA).disagreement, np.mean(pairs))


def test__divergence__is_the_mean_distance_to_the_mean():
    apart = [entropy(p, PROBA.mean(axis=0), axis=1) for p in PROBA]
    assert_allclose(ensemble_diversity(PROBA).divergence, np.mean(apart))


def test__confidence__changes_the_divergence_only():
    sure = PROBA**3 / np.sum(PROBA**3, axis=-1, keepdims=True)
    found, plain = ensemble_diversity(sure), ensemble_diversity(PROBA)
    assert found.disagreement == plain.disagreement
    assert found.divergence > plain.divergence + 0.05


def test__a_weight_of_two__is_the_sample_twice():
    weights = RNG.integers(0, 4, size=50)
    weighted = ensemble_diversity(PROBA, sample_weight=weights)
    repeated = ensemble_diversity(PROBA.repeat(weights, axis=1))
    assert_allclose(weighted.disagreement, repeated.disagreement)
    assert_allclose(weighted.divergence, repeated.divergence)


@pytest.mark.parametrize(
    ("proba", "match"),
    [
        (PROBA[0], r"\(n_members, n_samples, n_classes\).*\(50, 3\)"),
        (PROBA[..., :1], "two classes"),
        (PROBA[:0], "a member"),
        (PROBA[:, :0], "0 sample"),
        (2 * PROBA, r"proba\[0\] must hold probabilities"),
        (PROBA * [[[1.0]], [[1.0]], [[0.5]], [[1.0]]], r"proba\[2\] must sum to one"),
        (np.where(PROBA > 0.9, np.nan, PROBA), r"proba\[0\] contains NaN"),
    ],
)
def test__what_is_no_probability__raises(proba, match):
    with pytest.raises(ValueError, match=match):
        ensemble_diversity(proba)


@pytest.mark.parametrize("weights", [np.ones(3), -np.ones(50), np.zeros(50)])
def test__weights_that_mean_nothing__raise(weights):
    with pytest.raises(ValueError, match="sample_weight"):
        ensemble_diversity(PROBA, sample_weight=weights)
