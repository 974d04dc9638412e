"""A bar for each bin of confidence, as high as its accuracy."""

import sys

import matplotlib
import numpy as np
import pytest
from matplotlib import pyplot
from matplotlib.figure import Figure
from numpy.testing import assert_allclose
from sklearn.datasets import load_iris
from sklearn.exceptions import NotFittedError
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import LinearSVC

from skwass.metrics import expected_calibration_error
from skwass.plotting import ReliabilityDisplay

matplotlib.use("Agg")


@pytest.fixture(autouse=True)
def _figures_are_closed():
    yield
    pyplot.close("all")


def problem(n_samples=300, seed=0):
    rng = np.random.default_rng(seed)
    y_proba = rng.dirichlet([0.7, 0.7, 0.7], size=n_samples)
    y_true = (rng.random(n_samples)[:, None] > y_proba.cumsum(axis=1)).sum(axis=1)
    return np.array(["ant", "bee", "cat"])[y_true], y_proba


def bars(ax, number=0):
    """Left ends, right ends, bottoms and tops of the so-manieth row of bars."""
    boxes = [bar.get_bbox() for bar in ax.containers[number]]
    return np.array([[b.x0, b.x1, b.y0, b.y1] for b in boxes]).T


def legend(ax):
    return [text.get_text() for text in ax.get_legend().get_texts()]


# --- bars -------------------------------------------------------------------------


def test__bars__are_as_high_as_the_accuracy_of_their_bin():
    # .9 comes true twice of three times, .6 always
    display = ReliabilityDisplay([1, 1, 0, 1], [0.9, 0.9, 0.9, 0.6], n_bins=10).plot()
    left, right, bottom, top = bars(display.ax_)
    assert_allclose(left, [0.5, 0.8])
    assert_allclose(right, [0.6, 0.9])
    assert_allclose(bottom, 0)
    assert_allclose(top, [1, 2 / 3])
    assert_allclose(display.prob_true, [1, 2 / 3])
    assert_allclose(display.prob_pred, [0.6, 0.9])
    assert_allclose(display.mass, [0.25, 0.75])
    assert display.calibration_error == pytest.approx(0.25 * 0.4 + 0.75 * (0.9 - 2 / 3))


def test__gaps__lie_between_accuracy_and_mean_confidence():
    display = ReliabilityDisplay([1, 1, 0, 1], [0.9, 0.9, 0.9, 0.6], n_bins=10).plot()
    unclaimed, missing = bars(display.ax_, 1), bars(display.ax_, 2)
    assert_allclose(unclaimed[2:, 0], [0.6, 1])
    assert_allclose(missing[2:, 1], [2 / 3, 0.9])
    assert np.isnan(unclaimed[3, 1])
    assert np.isnan(missing[3, 0])
    assert legend(display.ax_)[-2:] == ["not sure enough", "too sure"]


def test__perfect_calibration__has_no_gap_to_tell_of():
    display = ReliabilityDisplay([1, 1, 1, 0], [0.75] * 4, n_bins=4).plot()
    assert legend(display.ax_) == ["calibrated", "ECE = 0.000"]


@pytest.mark.parametrize("strategy", ["uniform", "quantile"])
@pytest.mark.parametrize("weighted", [False, True])
def test__legend__tells_the_calibration_error(strategy, weighted):
    y_true, y_proba = problem()
    weights = np.arange(300) % 3 if weighted else None
    options = {"n_bins": 7, "strategy": strategy, "sample_weight": weights}
    display = ReliabilityDisplay.from_predictions(
        y_true, y_proba, name="mine", **options
    )
    error = expected_calibration_error(y_true, y_proba, **options)
    assert display.calibration_error == pytest.approx(error, rel=1e-12)
    assert f"mine (ECE = {error:.3f})" in legend(display.ax_)
    assert "yours" in legend(display.plot(name="yours").ax_)[1]


def test__bars_of_equal_mass__lie_side_by_side_from_the_first_sample_on():
    y_true, y_proba = problem()
    display = ReliabilityDisplay(y_true, y_proba, strategy="quantile", n_bins=6).plot()
    left, right, _, _ = bars(display.ax_)
    confidence = y_proba.max(axis=1)
    assert left[0] == pytest.approx(confidence.min())
    assert right[-1] == pytest.approx(confidence.max())
    assert_allclose(left[1:], right[:-1])
    assert_allclose(display.mass, 1 / 6)


def test__bar__of_equal_confidences_has_a_width():
    display = ReliabilityDisplay([1, 0], [1.0, 1.0], strategy="quantile").plot()
    left, right, *_ = bars(display.ax_)
    assert (left < right).all()


@pytest.mark.parametrize("label", ["ant", np.str_("cat")])
def test__one_class__is_shown_against_the_rest(label):
    y_true, y_proba = problem()
    column = ["ant", "bee", "cat"].index(label)
    display = ReliabilityDisplay.from_predictions(y_true, y_proba, pos_label=label)
    assert display.ax_.get_ylabel() == f"frequency of '{label}'"
    assert display.histogram_ax_.get_xlabel() == f"probability of '{label}'"
    assert display.mass @ display.prob_true == pytest.approx(np.mean(y_true == label))
    assert display.mass @ display.prob_pred == pytest.approx(y_proba[:, column].mean())
    assert display.prob_pred.min() < 1 / 3  # which no confidence is


def test__both_classes_of_two__mirror_each_other():
    y_true, p = np.array([0, 1, 1, 0, 1]), np.array([0.13, 0.92, 0.41, 0.33, 0.77])
    one, zero = (ReliabilityDisplay(y_true, p, pos_label=label) for label in (1, 0))
    assert_allclose(one.prob_true, 1 - zero.prob_true[::-1])
    assert_allclose(one.prob_pred, 1 - zero.prob_pred[::-1])
    assert one.calibration_error == pytest.approx(zero.calibration_error)


# --- histogram --------------------------------------------------------------------


@pytest.mark.parametrize("strategy", ["uniform", "quantile"])
def test__histogram__has_bins_of_equal_width(strategy):
    y_true, y_proba = problem()
    display = ReliabilityDisplay(y_true, y_proba, strategy=strategy, n_bins=5).plot()
    left, right, _, top = bars(display.histogram_ax_)
    assert_allclose(right - left, 0.2)
    counts, _ = np.histogram(y_proba.max(axis=1), bins=5, range=(0, 1))
    assert_allclose(top, counts[counts > 0] / 300)
    predicted, observed = display.histogram_ax_.lines
    assert predicted.get_xdata()[0] == pytest.approx(y_proba.max(axis=1).mean())
    right = np.array(["ant", "bee", "cat"])[y_proba.argmax(axis=1)] == y_true
    assert observed.get_xdata()[0] == pytest.approx(right.mean())


def test__histogram__can_be_left_out():
    display = ReliabilityDisplay([0, 1], [0.2, 0.8])
    assert display.plot(histogram=False).histogram_ax_ is None
    assert len(display.figure_.axes) == 1
    assert display.ax_.get_xlabel() == "confidence"


def test__given_axes__are_used_and_no_figure_made():
    figure = Figure()
    left, right = figure.subplots(1, 2)
    display = ReliabilityDisplay([0, 1], [0.2, 0.8])
    assert display.plot(ax=right) is display
    assert display.ax_ is right
    assert display.figure_ is figure
    assert display.histogram_ax_ in figure.axes
    assert not left.patches
    assert pyplot.get_fignums() == []


# --- from an estimator ------------------------------------------------------------


def flowers():
    iris = load_iris()
    return iris.data[:, :2], iris.target_names[iris.target]


def test__classifier__is_shown_by_its_probabilities():
    X, y = flowers()
    classifier = make_pipeline(StandardScaler(), LogisticRegression()).fit(X, y)
    display = ReliabilityDisplay.from_estimator(classifier, X, y, n_bins=5)
    assert isinstance(display, ReliabilityDisplay)
    expected = expected_calibration_error(y, classifier.predict_proba(X), n_bins=5)
    assert display.calibration_error == pytest.approx(expected)
    assert f"Pipeline (ECE = {expected:.3f})" in legend(display.ax_)


def test__classes__need_not_all_be_in_the_sample_or_in_the_fit():
    X, y = flowers()
    whole = LogisticRegression().fit(X, y)
    some = y != "setosa"
    display = ReliabilityDisplay.from_estimator(
        whole, X[some], y[some], pos_label="setosa"
    )
    assert_allclose(display.prob_true, 0)
    part = LogisticRegression().fit(X[some], y[some])
    display = ReliabilityDisplay.from_estimator(part, X, y, pos_label="setosa")
    assert_allclose(display.prob_pred, 0)
    assert_allclose(display.prob_true, 1 / 3)


# --- errors -----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"pos_label": "dog"}, r"one of \['ant', 'bee', 'cat'\]; got 'dog'"),
        ({"strategy": "kmeans"}, "strategy must be"),
        ({"n_bins": 0}, "n_bins == 0"),
        ({"labels": ["ant", "bee"]}, "name the 3 classes"),
        ({"sample_weight": [1.0]}, "sample_weight must be of shape"),
    ],
)
def test__bad_input__is_refused_before_anything_is_drawn(options, message):
    with pytest.raises(ValueError, match=message):
        ReliabilityDisplay.from_predictions(*problem(), **options)
    assert pyplot.get_fignums() == []


def test__classifier_that_is_not_fitted_or_has_no_probabilities__is_refused():
    X, y = flowers()
    with pytest.raises(NotFittedError):
        ReliabilityDisplay.from_estimator(LogisticRegression(), X, y)
    with pytest.raises(AttributeError, match="predict_proba"):
        ReliabilityDisplay.from_estimator(LinearSVC().fit(X, y), X, y)


def test__without_matplotlib__the_extra_is_named(monkeypatch):
    display = ReliabilityDisplay([0, 1], [0.2, 0.8])  # needs no matplotlib
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    with pytest.raises(ImportError, match=r"pip install 'skwass\[plot\]'"):
        display.plot()
