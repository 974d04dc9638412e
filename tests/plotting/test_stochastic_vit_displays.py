"""Displays of what the classifier of Gaussian tokens says."""

import matplotlib

matplotlib.use("Agg")

import numpy as np
import pytest
from numpy.testing import assert_allclose
from sklearn.datasets import load_digits

from skwass.metrics import area_under_risk_coverage, ood_auroc
from skwass.plotting import AttentionDisplay, OODDisplay, UncertaintyDisplay
from skwass.vision import StochasticViTClassifier

DIGITS = load_digits()
X, Y = DIGITS.images[:200] / 16, DIGITS.target[:200]


def fitted(**options):
    classifier = StochasticViTClassifier(
        width=8, depth=2, n_heads=2, max_iter=1, random_state=0, **options
    )
    return classifier.fit(X[Y < 8], Y[Y < 8])


@pytest.fixture(scope="module")
def classifier():
    return fitted()


def test__attention__is_that_of_the_last_block(classifier):
    display = AttentionDisplay.from_estimator(classifier, X[:3])
    seen = classifier.attention_maps(X[:3])[:, -1].mean(axis=(1, 2), dtype=np.float64)
    assert_allclose(display.attention.reshape(3, -1), seen / seen.mean(), rtol=1e-5)
    assert_allclose(display.variances, classifier.token_variances(X[:3]))
    assert_allclose(display.images, X[:3])
    assert len(display.labels_) == 3


@pytest.mark.parametrize("pooling", ["cls", "mean"])
@pytest.mark.parametrize("attention", ["wasserstein", "dot"])
def test__every_kind_of_network__can_be_looked_into(pooling, attention):
    rows = X.reshape(len(X), -1)
    classifier = StochasticViTClassifier(
        (8, 8),
        pooling=pooling,
        attention=attention,
        patch_size=(2, 4),
        width=8,
        depth=1,
        n_heads=2,
        max_iter=1,
        random_state=0,
    ).fit(rows, Y)
    display = AttentionDisplay.from_estimator(classifier, rows[:2], block="rollout")
    assert display.attention.shape == (2, 4, 2)
    assert (display.variances is None) == (attention == "dot")


def test__table__has_a_strip_for_each_row():
    columns = X.reshape(len(X), -1)[:, 20:30]
    classifier = StochasticViTClassifier(
        width=8, depth=1, n_heads=2, max_iter=1, random_state=0
    ).fit(columns, Y)
    display = AttentionDisplay.from_estimator(classifier, columns[:2])
    assert display.attention.shape == (2, 1, 10)


@pytest.mark.parametrize("method", [None, "wasserstein"])
def test__scores__are_those_of_the_classifier(classifier, method):
    display = OODDisplay.from_estimator(
        classifier, X[Y < 8], X[Y >= 8], method=method, n_bins=10
    )
    options = {} if method is None else {"method": method}
    scores = [classifier.ood_score(part, **options) for part in (X[Y < 8], X[Y >= 8])]
    assert display.auroc == ood_auroc(*scores)


def test__risk__ranks_by_a_score_and_counts_unknown_digits_as_wrong(classifier):
    display = UncertaintyDisplay.from_estimator(classifier, X, Y, method="energy")
    assert display.error_rate >= np.mean(Y >= 8)
    proba = np.hstack([classifier.predict_proba(X), np.zeros((len(X), 2))])
    area = area_under_risk_coverage(
        Y, proba, confidence=-classifier.ood_score(X, method="energy")
    )
    assert display.area == pytest.approx(area)
