"""Risk against coverage: the line has the area that the metric gives."""

import sys

import matplotlib

matplotlib.use("Agg")

import numpy as np
import pytest
from matplotlib import pyplot
from matplotlib.figure import Figure
from numpy.testing import assert_allclose
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.datasets import load_iris
from sklearn.exceptions import NotFittedError
from sklearn.linear_model import LogisticRegression
from sklearn.naive_bayes import GaussianNB
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import LinearSVC

from skwass.metrics import area_under_risk_coverage
from skwass.plotting import UncertaintyDisplay

X, Y = load_iris(return_X_y=True)


class Doubtful(ClassifierMixin, BaseEstimator):
    """Says how far out samples are, by their first feature."""

    def fit(self, X, y):
        self.classes_ = np.unique(y)
        return self

    def predict_proba(self, X):
        return np.tile([0.2, 0.5, 0.3], (len(X), 1))

    def ood_score(self, X, method="energy"):
        return X[:, 0] if method == "energy" else -X[:, 0]


def problem(n_samples=200, n_levels=None, seed=0):
    rng = np.random.default_rng(seed)
    y_proba = rng.dirichlet([0.7, 0.7, 0.7], size=n_samples)
    if n_levels is not None:  # many samples of the same confidence
        y_proba = y_proba[rng.integers(n_levels, size=n_samples)]
    y_true = (rng.random(n_samples)[:, None] > y_proba.cumsum(axis=1)).sum(axis=1)
    return np.array(["ant", "bee", "cat"])[y_true], y_proba


def area_below(line):
    """What lies under steps that hold down to the one before."""
    x, y = line.get_data()
    assert line.get_drawstyle() == "steps-pre"
    return np.diff(x) @ y[1:]


def legend(display):
    return [text.get_text() for text in display.ax_.get_legend().get_texts()]


@pytest.mark.parametrize("n_levels", [None, 7])
@pytest.mark.parametrize("weighted", [False, True])
def test__area_under_the_line__is_aurc(n_levels, weighted):
    y_true, y_proba = problem(n_levels=n_levels)
    weights = np.arange(200) % 3 if weighted else None
    display = UncertaintyDisplay.from_predictions(
        y_true, y_proba, sample_weight=weights, name="mine"
    )
    area = area_under_risk_coverage(y_true, y_proba, sample_weight=weights)
    assert display.area == pytest.approx(area, rel=1e-12)
    assert area_below(display.line_) == pytest.approx(area, rel=1e-12)
    assert legend(display)[0] == f"mine (AURC = {area:#.3g})"
    assert display.coverage[-1] == 1
    wrong = np.array(["ant", "bee", "cat"])[y_proba.argmax(axis=1)] != y_true
    assert display.error_rate == pytest.approx(np.average(wrong, weights=weights))


def test__line__follows_the_confidence_that_is_given():
    y_true, y_proba = [0, 1, 1, 1], [0.1, 0.9, 0.8, 0.4]
    display = UncertaintyDisplay(y_true, y_proba, confidence=[1, 2, 3, 4]).plot()
    assert_allclose(display.coverage, [0.25, 0.5, 0.75, 1])
    assert_allclose(display.risk, [1, 1 / 2, 1 / 3, 1 / 4])
    assert_allclose(display.line_.get_xdata(), [0, 0.25, 0.5, 0.75, 1])
    assert_allclose(display.line_.get_ydata(), [1, 1, 1 / 2, 1 / 3, 1 / 4])


def test__thin_lines__are_the_best_ranking_and_one_at_random():
    y_true, y_proba = problem(2000)
    wrong = np.array(["ant", "bee", "cat"])[y_proba.argmax(axis=1)] != y_true
    best = UncertaintyDisplay(y_true, y_proba, confidence=1.0 - wrong * 1.0)
    display = UncertaintyDisplay(y_true, y_proba).plot()
    rate = wrong.mean()
    assert_allclose(display.random_line_.get_ydata(), rate)
    covered, least = display.ideal_line_.get_data()
    assert covered[1] == pytest.approx(1 - rate)
    assert least[-1] == pytest.approx(rate)
    # the order of errors among themselves tells no more than that they come last
    untied = UncertaintyDisplay(
        y_true, y_proba, confidence=np.arange(2000) - 2000.0 * wrong
    )
    drawn = np.interp(untied.coverage, covered, least)
    assert_allclose(untied.risk, drawn, atol=1e-3)
    assert best.area > untied.area
    # risk lies between both, but for the few of the left end
    inner = display.coverage > 0.1
    assert (np.interp(display.coverage, covered, least) <= display.risk + 1e-3).all()
    assert (display.risk[inner] < rate + 1e-12).all()


@pytest.mark.parametrize("is_right", [True, False])
def test__all_right_or_all_wrong__is_drawn(is_right):
    y_true = np.array([0, 1, 1]) if is_right else np.array([1, 0, 0])
    display = UncertaintyDisplay(y_true, [0.1, 0.7, 0.9]).plot()
    assert display.area == 0 if is_right else 1
    assert_allclose(display.line_.get_ydata(), 0 if is_right else 1)
    assert_allclose(display.ideal_line_.get_ydata()[-1], 0 if is_right else 1)
    assert np.isfinite(display.ideal_line_.get_ydata()).all()
    assert display.ax_.get_ylim() == (0, 1 if is_right else pytest.approx(1.12))


def test__height__is_not_that_of_the_few_surest():
    y_true, y_proba = np.ones(1000, dtype=int), np.linspace(0.2, 0.99, 1000)
    y_true[-1] = 0  # the surest is wrong, and those below a half
    display = UncertaintyDisplay(y_true, y_proba).plot()
    assert display.risk[0] == 1
    assert display.ax_.get_ylim()[1] == pytest.approx(1.12 * display.error_rate)


def test__several__share_axes_and_the_words_for_thin_lines():
    models = {
        "linear": LogisticRegression().fit(X[::2, :2], Y[::2]),
        "Bayes": GaussianNB().fit(X[::2, :2], Y[::2]),
    }
    one, two = UncertaintyDisplay.from_estimators(models, X[1::2, :2], Y[1::2])
    assert one.ax_ is two.ax_
    words = legend(one)
    assert [word.split(" (")[0] for word in words[:2]] == ["linear", "Bayes"]
    assert words[2:] == ["a ranking at random", "the best ranking"]
    assert one.line_.get_color() != two.line_.get_color()
    assert two.ideal_line_.get_color() == two.line_.get_color()
    highest = max(one.error_rate, two.error_rate)
    assert one.ax_.get_ylim()[1] >= 1.1 * highest


def test__estimator__is_drawn_under_its_name():
    pipeline = make_pipeline(StandardScaler(), LogisticRegression()).fit(X, Y)
    display = UncertaintyDisplay.from_estimator(pipeline, X, Y, color="red")
    area = area_under_risk_coverage(Y, pipeline.predict_proba(X))
    assert display.area == pytest.approx(area)
    assert display.name == "Pipeline"
    assert display.line_.get_color() == "red"


def test__method__takes_the_score_of_the_estimator_for_doubt():
    estimator = Doubtful().fit(X, Y)
    rising, falling = (
        UncertaintyDisplay.from_estimator(estimator, X, Y, method=method)
        for method in ("energy", "other")
    )
    expected = area_under_risk_coverage(
        Y, estimator.predict_proba(X), confidence=-X[:, 0]
    )
    assert rising.area == pytest.approx(expected)
    assert falling.area != pytest.approx(expected)
    assert rising.name == "Doubtful, energy"
    with pytest.raises(AttributeError, match="for an estimator with ood_score"):
        UncertaintyDisplay.from_estimator(GaussianNB().fit(X, Y), X, Y, method="energy")


def test__classes__need_not_all_be_in_the_fit():
    part = LogisticRegression().fit(X[Y > 0], Y[Y > 0])
    display = UncertaintyDisplay.from_estimator(part, X, Y)
    assert display.error_rate >= 1 / 3


def test__axes_of_the_user__are_drawn_on_and_again():
    axes = Figure().subplots(1, 2)
    display = UncertaintyDisplay([0, 1], [0.2, 0.8])
    assert display.plot(ax=axes[0]) is display
    assert display.plot(ax=axes[1], name="yours").ax_ is axes[1]
    assert display.figure_ is axes[1].figure
    assert legend(display)[0] == "yours (AURC = 0.00)"
    assert pyplot.get_fignums() == []


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"confidence": [1.0]}, r"confidence must be of shape \(200,\)"),
        ({"confidence": [np.nan] * 200}, "confidence contains NaN"),
        ({"labels": ["ant", "bee"]}, "name the 3 classes"),
        ({"sample_weight": [1.0]}, "sample_weight must be of shape"),
    ],
)
def test__bad_input__is_refused_before_anything_is_drawn(options, message):
    with pytest.raises(ValueError, match=message):
        UncertaintyDisplay.from_predictions(*problem(), **options)
    assert pyplot.get_fignums() == []


def test__estimator_that_cannot_say__is_refused():
    with pytest.raises(NotFittedError):
        UncertaintyDisplay.from_estimator(LogisticRegression(), X, Y)
    with pytest.raises(AttributeError, match="predict_proba"):
        UncertaintyDisplay.from_estimator(LinearSVC().fit(X, Y), X, Y)
    with pytest.raises(ValueError, match="at least one; got none"):
        UncertaintyDisplay.from_estimators({}, X, Y)


def test__without_matplotlib__the_extra_is_named(monkeypatch):
    display = UncertaintyDisplay([0, 1], [0.2, 0.8])  # needs no matplotlib
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    with pytest.raises(ImportError, match=r"pip install 'skwass\[plot\]'"):
        display.plot()
