"""The area under the curve of risk against coverage."""

import numpy as np
import pytest
from numpy.testing import assert_allclose

from skwass.metrics import area_under_risk_coverage


def problem(n_samples=200, seed=0, ties=False):
    rng = np.random.default_rng(seed)
    y_proba = rng.dirichlet([0.7, 0.7, 0.7], size=n_samples)
    if ties:
        y_proba = np.round(4 * y_proba) / 4
        y_proba[:, 0] = 1 - y_proba[:, 1:].sum(axis=1)
        y_proba[y_proba.min(axis=1) < 0] = [0.5, 0.25, 0.25]
    y_true = (rng.random(n_samples)[:, None] > y_proba.cumsum(axis=1)).sum(axis=1)
    return y_true, y_proba


def ranked(wrong):
    """A binary problem whose samples come from the surest down, some of them wrong."""
    wrong = np.asarray(wrong)
    y_proba = np.linspace(0.99, 0.51, len(wrong))
    return np.where(wrong, 0, 1), y_proba


def test__area__is_the_mean_over_coverages_of_the_risk():
    y_true, y_proba = problem()
    order = np.argsort(-y_proba.max(axis=1))
    wrong = (y_proba.argmax(axis=1) != y_true)[order]
    risks = [wrong[:n].mean() for n in range(1, 201)]
    assert_allclose(area_under_risk_coverage(y_true, y_proba), np.mean(risks))


def test__area__is_zero_without_errors_and_one_without_a_right_answer():
    for excess in (False, True):
        area = area_under_risk_coverage(*ranked([0] * 9), excess=excess)
        assert area == pytest.approx(0, abs=1e-15)
    assert area_under_risk_coverage(*ranked([1] * 9)) == pytest.approx(1)
    assert area_under_risk_coverage(*ranked([1] * 9), excess=True) == pytest.approx(0)


def test__equal_confidence__gets_the_error_rate():
    y_true, y_proba = problem()
    rate = np.mean(y_proba.argmax(axis=1) != y_true)
    area = area_under_risk_coverage(y_true, y_proba, confidence=np.zeros(200))
    assert_allclose(area, rate)


def test__ties__come_in_together():
    # right, then one wrong of two, then right
    y_true, confidence = [1, 1, 0, 1], [4, 3, 3, 2]
    area = area_under_risk_coverage(y_true, [0.9] * 4, confidence=confidence)
    assert area == pytest.approx((0 + 1 / 3 + 1 / 3 + 1 / 4) / 4)


def test__order_of_rows__does_not_matter():
    y_true, y_proba = problem(ties=True)
    assert len(np.unique(y_proba.max(axis=1))) < 10
    expected = area_under_risk_coverage(y_true, y_proba)
    for seed in range(5):
        order = np.random.default_rng(seed).permutation(200)
        assert area_under_risk_coverage(y_true[order], y_proba[order]) == expected


@pytest.mark.parametrize("ties", [False, True])
@pytest.mark.parametrize("excess", [False, True])
def test__weights__count_samples(ties, excess):
    y_true, y_proba = problem(ties=ties)
    counts = np.arange(200) % 4
    repeated = area_under_risk_coverage(
        np.repeat(y_true, counts), np.repeat(y_proba, counts, axis=0), excess=excess
    )
    for scale in (1, 0.1, 3e4):
        weighted = area_under_risk_coverage(
            y_true, y_proba, excess=excess, sample_weight=scale * counts
        )
        assert weighted == pytest.approx(repeated, rel=1e-11)
    plain = area_under_risk_coverage(y_true, y_proba, excess=excess)
    assert plain != pytest.approx(repeated, rel=1e-3)


def test__confidence__may_be_on_any_scale_and_another_than_the_largest_probability():
    y_true, y_proba = problem()
    margin = np.diff(np.sort(y_proba, axis=1)[:, 1:], axis=1)[:, 0]
    areas = [
        area_under_risk_coverage(y_true, y_proba, confidence=confidence)
        for confidence in (margin, -1 / (margin + 1), 1e9 * margin)
    ]
    assert_allclose(areas, areas[0])
    assert areas[0] != area_under_risk_coverage(y_true, y_proba)


def test__confidence__of_samples_without_weight_is_left_out_with_them():
    y_true, y_proba = problem()
    weights, confidence = np.arange(200) % 2, np.sin(np.arange(200))
    assert area_under_risk_coverage(
        y_true, y_proba, confidence=confidence, sample_weight=weights
    ) == pytest.approx(
        area_under_risk_coverage(
            y_true[1::2], y_proba[1::2], confidence=confidence[1::2]
        )
    )


def test__excess__is_what_a_perfect_ranking_would_save():
    rng = np.random.default_rng(0)
    wrong = rng.random(500) < 0.1
    rate = wrong.mean()
    best = rate + (1 - rate) * np.log(1 - rate)
    for ranking in (wrong, np.sort(wrong), np.sort(wrong)[::-1]):
        target = ranked(ranking)
        area = area_under_risk_coverage(*target)
        assert area_under_risk_coverage(*target, excess=True) == pytest.approx(
            area - best
        )
    perfect = area_under_risk_coverage(*ranked(np.sort(wrong)), excess=True)
    assert 0 < perfect < rate / 500
    assert area_under_risk_coverage(*ranked(wrong), excess=True) > 100 * perfect


def test__errors_at_high_confidence__cost_more():
    areas = [
        area_under_risk_coverage(*ranked(np.arange(20) == place)) for place in range(20)
    ]
    assert (np.diff(areas) < 0).all()


@pytest.mark.parametrize(
    ("confidence", "message"),
    [
        ([1.0, np.nan], "confidence contains NaN"),
        ([1.0, np.inf], "confidence contains infinity"),
        ([1.0, 2.0, 3.0], r"confidence must be of shape \(2,\)"),
        ([[1.0], [2.0]], r"confidence must be of shape \(2,\)"),
    ],
)
def test__bad_confidence__is_refused(confidence, message):
    with pytest.raises(ValueError, match=message):
        area_under_risk_coverage([0, 1], [0.2, 0.8], confidence=confidence)
