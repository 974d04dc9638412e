"""Histograms of scores, and the threshold that finds 95 %."""

import sys

import matplotlib

matplotlib.use("Agg")

import numpy as np
import pytest
from matplotlib import pyplot
from matplotlib.figure import Figure
from numpy.testing import assert_allclose
from sklearn.base import BaseEstimator
from sklearn.datasets import load_iris
from sklearn.ensemble import IsolationForest
from sklearn.exceptions import NotFittedError
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import LinearSVC

from skwass.metrics import false_positive_rate_at_95, ood_auroc
from skwass.plotting import OODDisplay


class Ruler(BaseEstimator):
    """Holds to be far out what is far from zero."""

    def fit(self, X, y=None):
        self.n_features_in_ = X.shape[1]
        return self

    def ood_score(self, X, method="distance"):
        far = np.abs(X).max(axis=1)
        return far if method == "distance" else -far


def scores(n_in=400, n_out=150, seed=0):
    rng = np.random.default_rng(seed)
    return rng.normal(size=n_in), rng.normal(1.5, size=n_out)


def heights(bars):
    return np.array([bar.get_height() for bar in bars])


def legend(display):
    return [text.get_text() for text in display.ax_.get_legend().get_texts()]


# --- figures ----------------------------------------------------------------------


@pytest.mark.parametrize("positive", ["out", "in"])
@pytest.mark.parametrize("n_out", [7, 20, 150, 1001])
def test__figures_and_threshold__are_those_of_the_metrics(positive, n_out):
    known, unknown = scores(n_out=n_out)
    display = OODDisplay(known, unknown, positive=positive)
    assert display.auroc == ood_auroc(known, unknown)
    rate = false_positive_rate_at_95(known, unknown, positive=positive)
    assert display.fpr95 == rate
    found, others = (unknown, known) if positive == "out" else (-known, -unknown)
    threshold = display.threshold if positive == "out" else -display.threshold
    assert np.mean(found >= threshold) >= 0.95
    assert np.mean(found > threshold) < 0.95
    assert np.mean(others >= threshold) == pytest.approx(rate, abs=1e-12)


def test__legend__tells_the_figures_and_what_is_what():
    known, unknown = scores()
    display = OODDisplay.from_scores(
        known, unknown, name="energy", names=("digits", "letters")
    )
    title = display.ax_.get_legend().get_title().get_text()
    auroc, rate = display.auroc, display.fpr95
    assert title == f"energy: AUROC = {auroc:.3f}, FPR@95 = {rate:.3f}"
    assert legend(display) == [
        "digits (400)",
        "letters (150)",
        "finds 95 % of letters",
        f"false alarms: {100 * rate:.1f} % of digits",
    ]
    other = OODDisplay(known, unknown, positive="in").plot()
    assert legend(other)[2] == "finds 95 % of known"
    assert other.ax_.get_legend().get_title().get_text().startswith("AUROC = ")


# --- histograms -------------------------------------------------------------------


def test__bars__are_shares_of_each_side():
    known, unknown = scores()
    display = OODDisplay.from_scores(known, unknown, n_bins=20)
    assert len(display.bars_in_) == len(display.bars_out_) == 20
    edges = [bar.get_x() for bar in display.bars_in_]
    both = np.concatenate([known, unknown])
    assert edges[0] == both.min()
    expected, _ = np.histogram(known, 20, (both.min(), both.max()))
    assert_allclose(heights(display.bars_in_), expected / 400)
    assert heights(display.bars_out_).sum() == pytest.approx(1)
    assert display.ax_.get_ylabel() == "share of samples"
    assert display.threshold_line_.get_xdata()[0] == display.threshold


@pytest.mark.parametrize("positive", ["out", "in"])
def test__hatching__lies_beyond_the_threshold(positive):
    display = OODDisplay(*scores(), positive=positive).plot()
    hatched = [bar for bar in display.ax_.patches if bar.get_hatch() is not None]
    seen = [bar for bar in hatched if bar.get_width() > 0 and bar.get_height() > 0]
    assert 0 < len(seen) < 40
    assert heights(seen).sum() == pytest.approx(display.fpr95)
    ends = np.array([[bar.get_x(), bar.get_x() + bar.get_width()] for bar in seen])
    if positive == "out":
        assert ends.min() == pytest.approx(display.threshold)
    else:
        assert ends.max() == pytest.approx(display.threshold)


def test__few_scores_far_out__do_not_press_the_others_together():
    known, unknown = scores()
    known[0], unknown[0] = -1e6, 1e6
    display = OODDisplay.from_scores(known, unknown)
    assert display.ax_.get_xlim()[0] > -10
    assert display.ax_.get_xlim()[1] < 10
    assert heights(display.bars_in_).sum() == pytest.approx(1)
    assert heights(display.bars_out_)[-1] >= 1 / 150


def test__equal_scores__are_one_bar():
    display = OODDisplay.from_scores([0.5, 0.5], [0.5])
    assert display.auroc == 0.5
    assert_allclose(heights(display.bars_in_)[heights(display.bars_in_) > 0], 1)


def test__legend__has_room_above_bars():
    for size in ((6, 4.2), (3.2, 3)):
        figure = Figure(figsize=size)
        display = OODDisplay.from_scores(*scores(), ax=figure.subplots())
        figure.draw_without_rendering()
        box = display.ax_.get_legend().get_window_extent()
        for bars in (display.bars_in_, display.bars_out_):
            tops = [bar.get_window_extent().y1 for bar in bars]
            assert max(tops) <= box.y0 + 2


def test__axes_of_the_user__are_drawn_on_and_again():
    axes = Figure().subplots(1, 2)
    display = OODDisplay(*scores(), name="mine")
    assert display.plot(ax=axes[0]) is display
    assert display.plot(ax=axes[1], name="yours").ax_ is axes[1]
    assert display.figure_ is axes[1].figure
    assert axes[1].get_legend().get_title().get_text().startswith("yours: ")
    assert pyplot.get_fignums() == []


# --- from an estimator ------------------------------------------------------------


def test__estimator__is_asked_for_its_score():
    rng = np.random.default_rng(0)
    known, unknown = rng.normal(size=(80, 3)), 3 * rng.normal(size=(60, 3))
    ruler = Ruler().fit(known)
    display = OODDisplay.from_estimator(ruler, known, unknown)
    assert_allclose(display.scores_in, np.abs(known).max(axis=1))
    assert display.name == "Ruler"
    other = OODDisplay.from_estimator(ruler, known, unknown, method="nearness")
    assert other.auroc == pytest.approx(1 - display.auroc)
    assert other.name == "Ruler, nearness"
    scaled = make_pipeline(StandardScaler(), Ruler()).fit(known)
    display = OODDisplay.from_estimator(scaled, known, unknown, name="scaled")
    assert_allclose(
        display.scores_out, np.abs(scaled[0].transform(unknown)).max(axis=1)
    )


def test__classifiers_and_detectors__have_scores_too():
    X, y = load_iris(return_X_y=True)
    known, unknown = X[y < 2], X[y == 2]
    classifier = LogisticRegression().fit(known, y[y < 2])
    display = OODDisplay.from_estimator(classifier, known, unknown)
    expected = 1 - classifier.predict_proba(known).max(axis=1)
    assert_allclose(display.scores_in, expected)
    forest = IsolationForest(n_estimators=10, random_state=0).fit(known)
    display = OODDisplay.from_estimator(forest, known, unknown)
    assert_allclose(display.scores_out, -forest.score_samples(unknown))


# --- errors -----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (([], [1.0]), "scores_in must hold one score or more"),
        (([1.0], [np.nan]), "scores_out must be finite"),
        (([[1.0]], [1.0]), r"scores_in must be of shape \(n_samples,\)"),
    ],
)
def test__bad_scores__are_refused_before_anything_is_drawn(given, message):
    with pytest.raises(ValueError, match=message):
        OODDisplay.from_scores(*given)
    assert pyplot.get_fignums() == []


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"positive": "unknown"}, 'positive must be "out" or "in"'),
        ({"names": ("known",)}, "names must be two"),
        ({"names": "ab"}, "names must be two"),
        ({"n_bins": 0}, "n_bins == 0"),
    ],
)
def test__bad_options__are_refused_before_anything_is_drawn(options, message):
    with pytest.raises(ValueError, match=message):
        OODDisplay.from_scores([0.1], [0.2], **options)
    assert pyplot.get_fignums() == []


def test__estimator_that_cannot_say__is_refused():
    X, y = load_iris(return_X_y=True)
    with pytest.raises(NotFittedError):
        OODDisplay.from_estimator(LogisticRegression(), X, X)
    with pytest.raises(AttributeError, match="has no ood_score"):
        OODDisplay.from_estimator(LinearSVC().fit(X, y), X, X)
    with pytest.raises(AttributeError, match="for an estimator with ood_score"):
        OODDisplay.from_estimator(
            LogisticRegression(max_iter=500).fit(X, y), X, X, method="energy"
        )


def test__without_matplotlib__the_extra_is_named(monkeypatch):
    display = OODDisplay([0.1], [0.2])  # needs no matplotlib
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    with pytest.raises(ImportError, match=r"pip install 'skwass\[plot\]'"):
        display.plot()
