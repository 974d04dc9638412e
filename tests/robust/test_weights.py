"""Weights of samples and of classes: what they are equal to."""

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from skwass import OTMDRClassifier, OTMDRRegressor
from skwass.training import centre_and_scale, with_class_weight, with_mean_one

RNG = np.random.default_rng(0)
X = RNG.normal(size=(24, 5)) * [1, 10, 0.1, 1e3, 1]
Y = np.arange(24) % 3
COUNTS = RNG.integers(0, 4, size=24)
FEW = {"hidden_layer_sizes": (16,), "max_iter": 30, "random_state": 0}


def outcome(estimator, weights):
    """Of weighted samples, in another order, and of repeated ones."""
    order = RNG.permutation(len(X))
    weighted = estimator.fit(X[order], Y[order], sample_weight=weights[order])
    method = getattr(weighted, "predict_proba", weighted.predict)
    found = method(X)
    repeated = estimator.fit(X.repeat(weights, axis=0), Y.repeat(weights))
    return found, getattr(repeated, "predict_proba", repeated.predict)(X)


@pytest.mark.parametrize("estimator", [OTMDRClassifier, OTMDRRegressor])
@pytest.mark.parametrize(
    "parameters",
    [
        {},
        {"rho": 0.0},
        {"n_particles": 2, "norm": 1},
        {"distribution": "ensemble", "n_members": 2},
        {"optimizer": "sgd", "lr_schedule": "one-cycle"},
    ],
    ids=["sam", "plain", "particles", "ensemble", "sgd"],
)
def test__in_one_batch_weights__are_as_many_samples(estimator, parameters):
    found, expected = outcome(estimator(batch_size=100, **FEW | parameters), COUNTS)
    # single precision sums up repeated samples in another way
    assert_allclose(found, expected, rtol=1e-4, atol=1e-5)


def test__balanced_classes__are_balanced_by_weights():
    classifier = OTMDRClassifier(batch_size=100, class_weight="balanced", **FEW)
    found, expected = outcome(classifier, COUNTS)
    assert_allclose(found, expected, rtol=1e-4, atol=1e-5)


def test__balanced_classes__have_the_same_total():
    places = np.array([0, 0, 0, 1, 2, 2])
    weights = with_class_weight(
        np.array([1.0, 2, 3, 4, 5, 0]), "balanced", np.arange(3), places
    )
    totals = np.bincount(places, weights)
    assert_allclose(totals, totals[0])


def test__columns_and_targets__are_standardised_by_those_that_count():
    far = np.vstack([X, np.full((1, 5), 1e6)])
    weights = np.r_[np.ones(24), 0.0]
    for estimator in (OTMDRClassifier(**FEW), OTMDRRegressor(**FEW)):
        left_out = estimator.fit(far, np.r_[Y, 2], sample_weight=weights).predict(X)
        assert_array_equal(left_out, estimator.fit(X, Y).predict(X))


@pytest.mark.parametrize("unit", [1e-300, 1.0, 1e300])
def test__centre_and_scale__are_those_of_any_unit(unit):
    values, weights = RNG.normal(size=(50, 3)), RNG.uniform(size=50)
    centre, scale = centre_and_scale(unit * values, weights)
    expected = np.average(values, axis=0, weights=weights)
    variance = np.average((values - expected) ** 2, axis=0, weights=weights)
    assert_allclose(centre / unit, expected)
    assert_allclose(scale / unit, np.sqrt(variance))


@pytest.mark.parametrize("value", [0.0, 3.7, -1e30, 1e-30])
def test__a_constant_column__has_a_scale_of_one(value):
    column = np.full((10, 1), value, dtype=np.float32)
    centre, scale = centre_and_scale(column, RNG.uniform(size=10))
    assert_allclose(centre, value, rtol=1e-6)
    assert scale == 1


def test__huge_weights__do_not_overflow():
    assert_allclose(with_mean_one(np.full(5, 1e308)), 1)


def test__one_weight_for_all__is_none():
    classifier = OTMDRClassifier(**FEW)
    plain = classifier.fit(X, Y).predict_proba(X)
    assert_array_equal(classifier.fit(X, Y, sample_weight=2).predict_proba(X), plain)
    with pytest.raises(ValueError, match=r"sample_weight\[0\] = -1"):
        classifier.fit(X, Y, sample_weight=-1)


@pytest.mark.parametrize(
    "parameters", [{"class_weight": {0: 0}}, {}], ids=["class", "samples"]
)
def test__a_class_without_weight__is_known_and_improbable(parameters):
    classifier = OTMDRClassifier(lr=0.05, **parameters, **FEW)
    classifier.fit(X, Y, sample_weight=None if parameters else Y > 0)
    assert_array_equal(classifier.classes_, [0, 1, 2])
    assert classifier.predict_proba(X)[Y > 0, 0].max() < 0.05


def test__weights_that_leave_one_class__raise():
    with pytest.raises(ValueError, match=r"two classes.*\[2\]"):
        OTMDRClassifier(**FEW).fit(X, Y, sample_weight=Y == 2)
    with pytest.raises(ValueError, match=r"two classes.*\[2\]"):
        OTMDRClassifier(class_weight={0: 0, 1: 0}, **FEW).fit(X, Y)


@pytest.mark.parametrize(
    ("class_weight", "match"),
    [
        ({0: -1}, r"class_weight must .*\{0: -1\}"),
        ({0: np.nan}, "class_weight must"),
        ({0: np.inf}, "class_weight must"),
        ({"a": 1}, "not in class_weight"),
        ({0: 0, 1: 0, 2: 0}, "zero for all"),
    ],
)
def test__class_weights_that_mean_nothing__raise(class_weight, match):
    with pytest.raises(ValueError, match=match):
        OTMDRClassifier(class_weight=class_weight, **FEW).fit(X, Y)


def test__weights_of_classes_in_a_part_of_a_stream__are_those_of_all():
    weights = {"a": 1.0, "b": 2.0, "c": 1.0}
    classifier = OTMDRClassifier(class_weight=weights, **FEW)
    classifier.partial_fit(X[:1], ["a"], classes=["a", "b", "c"])
    assert classifier.partial_fit(X[:2], ["b", "c"]).n_iter_ == 2


@pytest.mark.parametrize("how", ["class_weight", "sample_weight"])
def test__weights_in_a_stream_of_one_class_at_a_time__still_count(how):
    found = []
    for weight in (1.0, 20.0):
        by_class = {"class_weight": {0: 1.0, 1: weight}}
        classifier = OTMDRClassifier(
            lr=0.01, **FEW, **(by_class if how in by_class else {})
        )
        for place in range(40):
            label = place % 2
            samples = np.full((5, 1), 1.0)
            weights = np.full(5, weight if label and how == "sample_weight" else 1.0)
            classifier.partial_fit(
                samples, [label] * 5, classes=[0, 1], sample_weight=weights
            )
        found.append(classifier.predict_proba([[1.0]])[0, 1])
    assert found[1] > found[0] + 0.1
