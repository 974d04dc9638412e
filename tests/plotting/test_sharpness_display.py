"""The loss away from the trained weights: known curves, and how they are drawn."""

import sys

import matplotlib
import numpy as np
import pytest
from matplotlib import pyplot
from matplotlib.colors import to_rgba
from matplotlib.figure import Figure
from numpy.testing import assert_allclose
from sklearn.datasets import load_iris
from sklearn.exceptions import NotFittedError
from sklearn.linear_model import LogisticRegression
from torch import nn

from skwass import OTMDRClassifier
from skwass.plotting import SharpnessDisplay

matplotlib.use("Agg")

X, Y = load_iris(return_X_y=True)
FEW = {"n_directions": 3, "n_points": 5, "random_state": 0}


@pytest.fixture(autouse=True)
def _figures_are_closed():
    yield
    pyplot.close("all")


def fitted(module=None, **options):
    return OTMDRClassifier(module, max_iter=2, random_state=0, **options).fit(X, Y)


@pytest.fixture(scope="module")
def classifier():
    return fitted()


# --- what is shown ----------------------------------------------------------------


def test__the_middle__is_the_loss_of_the_trained_network(classifier):
    display = SharpnessDisplay.from_estimator(classifier, X, Y, radius=0.5, **FEW)
    proba = classifier.predict_proba(X)[np.arange(len(Y)), Y]
    assert display.losses.shape == (3, 5)
    assert_allclose(display.steps, [-0.5, -0.25, 0, 0.25, 0.5])
    assert_allclose(display.losses[:, 2], -np.log(proba).mean(), rtol=1e-9)
    assert len(np.unique(display.losses[:, 0])) == 3
    assert_allclose(display.mean_loss, display.losses.mean(axis=0))


def test__scale_of_hidden_layers__does_not_matter():
    """What one layer gains and the next loses changes neither network nor picture."""
    plain, scaled = (fitted(hidden_layer_sizes=(8,)) for _ in range(2))
    *_, first, _, last = scaled.nets_[0].module_
    first.weight.data.mul_(4)
    first.bias.data.mul_(4)
    last.weight.data.div_(4)
    one, other = (
        SharpnessDisplay.from_estimator(each, X, Y, **FEW) for each in (plain, scaled)
    )
    assert_allclose(one.losses, other.losses, rtol=1e-5)


def test__ensembles__are_shown_by_the_mean_of_their_members():
    ensemble = fitted(distribution="ensemble", n_members=2)
    display = SharpnessDisplay.from_estimator(ensemble, X, Y, **FEW)
    proba = ensemble.predict_members(X)[:, np.arange(len(Y)), Y]
    assert_allclose(display.losses[:, 2], -np.log(proba).mean(), rtol=1e-6)


def test__weights_of_samples__count(classifier):
    weights = (Y == 0).astype(float)
    display, alone = (
        SharpnessDisplay.from_estimator(classifier, *data, sample_weight=w, **FEW)
        for data, w in (((X, Y), weights), ((X[Y == 0], Y[Y == 0]), None))
    )
    assert_allclose(display.losses, alone.losses, rtol=1e-9)


def test__random_state__decides_the_directions(classifier):
    options = FEW | {"batch_size": 40}
    first, again = (
        SharpnessDisplay.from_estimator(classifier, X, Y, **options).losses
        for _ in range(2)
    )
    other = SharpnessDisplay.from_estimator(
        classifier, X, Y, **options | {"random_state": 1}
    ).losses
    assert first.tobytes() == again.tobytes()
    assert not np.allclose(first, other)


def test__several_estimators__go_the_same_ways_on_the_same_axes(classifier):
    twins = {"one": classifier, "other": classifier}
    one, other = SharpnessDisplay.from_estimators(twins, X, Y, **FEW)
    assert_allclose(one.losses, other.losses, rtol=0)
    assert one.ax_ is other.ax_
    texts = [text.get_text() for text in one.ax_.get_legend().get_texts()]
    assert texts == ["one", "other"]
    colours = [each.mean_line_.get_color() for each in (one, other)]
    assert colours[0] != colours[1]
    again = SharpnessDisplay.from_estimators(list(twins.items()), X, Y, **FEW)
    assert_allclose(again[1].losses, one.losses, rtol=0)


# --- drawing ----------------------------------------------------------------------


def test__a_thin_line_for_each_direction__and_a_thick_one_for_the_mean():
    losses = np.array([[3.0, 1.0, 3.0], [2.0, 1.0, 4.0]])
    display = SharpnessDisplay([-1, 0, 1], losses, name="net").plot()
    assert_allclose([line.get_ydata() for line in display.lines_], losses)
    assert_allclose(display.mean_line_.get_ydata(), [2.5, 1, 3.5])
    thin, thick = display.lines_[0], display.mean_line_
    assert thick.get_linewidth() > 2 * thin.get_linewidth()
    assert thick.get_color() == thin.get_color()
    assert thick.get_zorder() > thin.get_zorder()
    assert display.ax_.get_ylabel() == "loss"
    assert display.figure_ is display.ax_.figure


def test__displays_on_the_same_axes__share_one_middle():
    ax = Figure().subplots()
    for _ in range(2):
        SharpnessDisplay([-1, 0, 1], [[3, 1, 3]]).plot(ax=ax)
    assert len(ax.lines) == 2 * 2 + 1
    assert ax.get_legend() is None
    assert pyplot.get_fignums() == []


def test__colours_and_names__can_be_chosen(classifier):
    ax = Figure().subplots()
    display = SharpnessDisplay.from_estimator(
        classifier, X, Y, name="mine", color="crimson", ax=ax, **FEW
    )
    assert display.ax_ is ax
    assert to_rgba(display.mean_line_.get_color()) == to_rgba("crimson")
    assert ax.get_legend().get_texts()[0].get_text() == "mine"
    display.plot(ax=Figure().subplots(), name="yours")
    assert display.ax_.get_legend().get_texts()[0].get_text() == "yours"


def test__an_estimator__is_called_by_its_class(classifier):
    assert SharpnessDisplay.from_estimator(classifier, X, Y, **FEW).name == (
        "OTMDRClassifier"
    )


# --- errors -----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("steps", "losses", "message"),
    [
        ([0, 1], [[1.0, 2.0, 3.0]], r"a column for each of 2 steps.*\(1, 3\)"),
        ([1, 0], [[1.0, 2.0]], "ascending"),
        ([[0, 1]], [[1.0, 2.0]], "ascending"),
        ([0, 1], [[1.0, np.inf]], "losses contains infinity"),
        ([0, 1], [1.0, 2.0], "2D array"),
    ],
)
def test__curves_that_are_none__are_refused(steps, losses, message):
    with pytest.raises(ValueError, match=message):
        SharpnessDisplay(steps, losses)


@pytest.mark.parametrize(
    ("options", "error"),
    [
        ({"n_directions": 0}, ValueError),
        ({"radius": 0}, ValueError),
        ({"n_points": 2}, ValueError),
        ({"n_points": 4.5}, TypeError),
        ({"batch_size": 0}, ValueError),
    ],
)
def test__options_that_mean_nothing__are_refused(classifier, options, error):
    with pytest.raises(error, match=next(iter(options))):
        SharpnessDisplay.from_estimator(classifier, X, Y, **options)
    assert pyplot.get_fignums() == []


def test__estimators_without_a_network__are_refused():
    with pytest.raises(NotFittedError):
        SharpnessDisplay.from_estimator(OTMDRClassifier(nn.Linear(4, 3)), X, Y)
    estimator = LogisticRegression(max_iter=1000).fit(X, Y)
    with pytest.raises(ValueError, match="torch modules"):
        SharpnessDisplay.from_estimator(estimator, X, Y)
    with pytest.raises(ValueError, match="at least one; got none"):
        SharpnessDisplay.from_estimators({}, X, Y)


def test__without_matplotlib__the_extra_is_named(monkeypatch):
    display = SharpnessDisplay([-1, 1], [[1, 1]])  # needs no matplotlib
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    with pytest.raises(ImportError, match=r"pip install 'skwass\[plot\]'"):
        display.plot()
