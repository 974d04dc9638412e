"""What is drawn is what was measured."""

import matplotlib

matplotlib.use("Agg")

import numpy as np
import pytest
from matplotlib import pyplot
from numpy.testing import assert_allclose
from sklearn.decomposition import PCA
from sklearn.exceptions import NotFittedError

from skwass.metrics import effective_rank, singular_spectrum, wasserstein_uniformity
from skwass.plotting import SpectrumDisplay


@pytest.fixture(autouse=True)
def _closed_figures():
    yield
    pyplot.close("all")


def normal(n_samples=100, n_features=12):
    return np.random.default_rng(0).normal(size=(n_samples, n_features))


def test__line__is_the_spectrum():
    Z = normal()
    display = SpectrumDisplay.from_representation(Z, name="encoder", color="red")
    assert_allclose(display.line_.get_ydata(), singular_spectrum(Z))
    assert display.line_.get_color() == "red"
    assert display.distance == pytest.approx(wasserstein_uniformity(Z))
    assert display.effective_rank == pytest.approx(effective_rank(Z))
    label = display.line_.get_label()
    assert label.startswith(f"encoder ({display.distance:.2f}, rank ")
    assert_allclose(display.expected, display.spectrum, atol=0.2)
    assert display.ax_.get_ylim()[0] == 0
    assert display.figure_ is display.ax_.figure


def test__estimator__is_drawn_under_its_name():
    X = normal()
    pca = PCA(4).fit(X)
    display = SpectrumDisplay.from_estimator(pca, X)
    assert_allclose(display.spectrum, singular_spectrum(pca.transform(X)))
    assert display.name == "PCA"
    with pytest.raises(NotFittedError):
        SpectrumDisplay.from_estimator(PCA(4), X)


def test__several__share_axes_and_what_is_expected():
    Z = normal()
    spread = Z * np.arange(12)
    displays = SpectrumDisplay.from_representations(
        {"one": Z, "other": spread, "fewer": Z[:50]}
    )
    one, other, fewer = displays
    assert one.ax_ is other.ax_ is fewer.ax_
    assert one.expected_line_ is other.expected_line_
    assert one.expected_line_ is not fewer.expected_line_
    labels = [text.get_text() for text in one.ax_.get_legend().get_texts()]
    assert labels[0] == "uniform samples"
    assert [label.split(" ")[0] for label in labels[1:]] == ["one", "other", "fewer"]
    highest = max(display.spectrum.max() for display in displays)
    assert one.ax_.get_ylim()[1] > highest


def test__axes_of_the_user__are_drawn_on():
    _, ax = pyplot.subplots()
    assert SpectrumDisplay([1.0, 0.0], 9).plot(ax=ax, name="mine").ax_ is ax
    assert ax.get_legend().get_texts()[1].get_text().startswith("mine (1.00, rank 1.0")


@pytest.mark.parametrize("spectrum", [[1.0, 2.0], [1.0, -1.0], [[1.0, 0.5]]])
def test__spectrum_in_no_order__raises(spectrum):
    with pytest.raises(ValueError, match="in descending order"):
        SpectrumDisplay(spectrum, 9)


def test__bad_input__is_told():
    with pytest.raises(ValueError, match="n_samples == 1"):
        SpectrumDisplay([1.0], 1)
    with pytest.raises(ValueError, match="NaN"):
        SpectrumDisplay([np.nan], 9)
    with pytest.raises(ValueError, match="at least one; got none"):
        SpectrumDisplay.from_representations({})
