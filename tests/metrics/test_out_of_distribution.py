"""Known from unknown: answers by hand, ties, both conventions, bad scores."""

import numpy as np
import pytest
import torch
from numpy.testing import assert_allclose
from scipy.stats import norm
from sklearn.metrics import average_precision_score, roc_auc_score

from skwass.metrics import (
    detection_error,
    false_positive_rate_at_95,
    ood_aupr,
    ood_auroc,
)

FIGURES = (ood_auroc, ood_aupr, false_positive_rate_at_95, detection_error)


def scores(n_in=200, n_out=150, shift=1.0, seed=0, ties=False):
    rng = np.random.default_rng(seed)
    inside, outside = rng.normal(size=n_in), shift + rng.normal(size=n_out)
    return (np.round(inside), np.round(outside)) if ties else (inside, outside)


def test__perfect_scores__are_perfect_and_inverted_ones_are_not():
    low, high = np.arange(30.0), np.arange(30.0, 70)
    assert_allclose([figure(low, high) for figure in FIGURES], [1, 1, 0, 0])
    assert ood_auroc(high, low) == 0
    assert false_positive_rate_at_95(high, low) == 1
    # whatever the scores, a threshold may put all on one side
    assert detection_error(high, low) == 0.5
    assert ood_aupr(high, low) < 30 / 70
    for positive in ("in", "out"):
        assert ood_aupr(low, high, positive=positive) == pytest.approx(1)
        assert false_positive_rate_at_95(low, high, positive=positive) == 0


def test__constant_scores__are_chance():
    inside, outside = np.zeros(30), np.zeros(10)
    assert ood_auroc(inside, outside) == 0.5
    assert detection_error(inside, outside) == 0.5
    assert ood_aupr(inside, outside) == 0.25
    assert ood_aupr(inside, outside, positive="in") == 0.75
    for positive in ("in", "out"):
        assert false_positive_rate_at_95(inside, outside, positive=positive) == 1


@pytest.mark.parametrize("ties", [False, True])
def test__auroc__is_the_share_of_pairs_in_the_right_order(ties):
    inside, outside = scores(ties=ties)
    gaps = outside[:, None] - inside
    assert (gaps == 0).any() == ties
    expected = (gaps > 0).mean() + (gaps == 0).mean() / 2
    assert ood_auroc(inside, outside) == pytest.approx(expected)


@pytest.mark.parametrize("ties", [False, True])
@pytest.mark.parametrize("positive", ["in", "out"])
def test__rate_at_95__is_the_lowest_of_all_thresholds_that_find_enough(ties, positive):
    inside, outside = scores(ties=ties)
    right, wrong = (outside, inside) if positive == "out" else (-inside, -outside)
    expected = min(
        np.mean(wrong >= threshold)
        for threshold in np.concatenate([right, wrong])
        if np.mean(right >= threshold) >= 0.95
    )
    found = false_positive_rate_at_95(inside, outside, positive=positive)
    assert found == pytest.approx(expected)


def test__rate_at_95__counts_by_hand():
    # of 20 unknown, 19 are to be found: one may stay below
    outside = np.concatenate([[0.0], np.full(19, 2.0)])
    inside = [1.0, 1.0, 2.0, 3.0]
    assert false_positive_rate_at_95(inside, outside) == 0.5
    # of 19 none may
    assert false_positive_rate_at_95(inside, outside[:-1]) == 1
    # and of the known, three of four are not enough
    assert false_positive_rate_at_95(inside, outside, positive="in") == 1
    assert false_positive_rate_at_95([1, 1, 1, 1], outside, positive="in") == 0.05


def test__rate_at_95__loses_no_threshold_on_a_straight_line():
    # without ties the curve is made of straight parts; 95 % lies within one
    outside, inside = np.arange(100.0), [-1.0, 2.5, 7.5, 50.5]
    # 95 unknown are 5 or more, as are two of the known
    assert false_positive_rate_at_95(inside, outside) == 0.5


def test__conventions__differ():
    inside, outside = np.arange(100) % 10, 5 + np.arange(100) % 20
    assert false_positive_rate_at_95(inside, outside) != false_positive_rate_at_95(
        inside, outside, positive="in"
    )
    assert ood_aupr(inside, outside) != ood_aupr(inside, outside, positive="in")


def test__side_that_is_positive__mirrors():
    inside, outside = scores(ties=True)
    for figure in (ood_aupr, false_positive_rate_at_95):
        mirrored = figure(-outside, -inside, positive="out")
        assert figure(inside, outside, positive="in") == pytest.approx(mirrored)
    for figure in (ood_auroc, detection_error):
        assert figure(-outside, -inside) == pytest.approx(figure(inside, outside))


@pytest.mark.parametrize("ties", [False, True])
def test__detection_error__is_that_of_the_best_threshold(ties):
    inside, outside = scores(ties=ties)
    thresholds = [*inside, *outside, np.inf]
    expected = min(
        (np.mean(inside >= threshold) + np.mean(outside < threshold)) / 2
        for threshold in thresholds
    )
    assert detection_error(inside, outside) == pytest.approx(expected)


def test__gaussians__have_the_values_of_theory():
    shift = 1.5
    found = [figure(*scores(40_000, 30_000, shift)) for figure in FIGURES]
    assert_allclose(found[0], norm.cdf(shift / np.sqrt(2)), atol=0.005)
    assert_allclose(found[2], norm.sf(shift + norm.ppf(0.05)), atol=0.01)
    assert_allclose(found[3], norm.cdf(-shift / 2), atol=0.005)


@pytest.mark.parametrize("ties", [False, True])
def test__areas__are_those_of_scikit_learn(ties):
    inside, outside = scores(ties=ties)
    labels, all_scores = np.repeat([0, 1], [200, 150]), np.append(inside, outside)
    assert ood_auroc(inside, outside) == roc_auc_score(labels, all_scores)
    assert ood_aupr(inside, outside) == average_precision_score(labels, all_scores)


@pytest.mark.parametrize("figure", FIGURES)
def test__figures__know_order_alone_and_not_that_of_rows(figure):
    inside, outside = scores(ties=True)
    expected = figure(inside, outside)
    assert type(expected) is float
    assert figure(inside[::-1], np.roll(outside, 9)) == pytest.approx(expected)
    assert figure(np.exp(inside), np.exp(outside)) == pytest.approx(expected)
    assert figure(list(inside), tuple(outside)) == expected
    tensors = torch.tensor(inside, requires_grad=True), torch.tensor(outside)
    assert figure(*tensors) == expected
    halves = inside.astype(np.float16), outside.astype(np.int8)
    assert figure(*halves) == expected


@pytest.mark.parametrize("figure", FIGURES)
@pytest.mark.parametrize(
    ("bad", "message"),
    [
        ([], "must hold one score or more; got none"),
        ([0.0, np.nan], "must be finite; got nan at place 1, and 1 of 2"),
        ([np.inf, 0.0, -np.inf], "must be finite; got inf at place 0, and 2 of 3"),
        ([[0.0], [1.0]], r"must be of shape \(n_samples,\).*got shape \(2, 1\)"),
        (0.5, r"must be of shape \(n_samples,\).*got shape \(\)"),
        (["far", "near"], "must hold real numbers; got dtype <U4"),
        ([1j, 2.0], "must hold real numbers; got dtype complex128"),
    ],
)
def test__bad_scores__are_refused_by_name(figure, bad, message):
    for name, pair in (("scores_in", (bad, [1.0])), ("scores_out", ([1.0], bad))):
        with pytest.raises(ValueError, match=f"{name} {message}"):
            figure(*pair)


@pytest.mark.parametrize("figure", [ood_aupr, false_positive_rate_at_95])
def test__unknown_side__is_refused(figure):
    with pytest.raises(ValueError, match=r"positive must be .* got 'ood'"):
        figure([0.0], [1.0], positive="ood")
