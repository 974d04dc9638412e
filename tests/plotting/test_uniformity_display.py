"""The figure of the paper, and places on it."""

import matplotlib

matplotlib.use("Agg")

import math

import numpy as np
import pytest
from matplotlib import pyplot
from numpy.testing import assert_allclose

from skwass.metrics import uniformity_floor, wasserstein_uniformity
from skwass.plotting import UniformityDisplay


@pytest.fixture(autouse=True)
def _closed_figures():
    yield
    pyplot.close("all")


def simulated(**options):
    defaults = {"n_samples": 2000, "random_state": 0}
    return UniformityDisplay.from_simulation(40, **{**defaults, **options})


def test__simulation__follows_the_law():
    display = simulated(levels=[0, 0.25, 0.5, 0.75, 0.9, 1])
    assert_allclose(display.levels, [0, 0.25, 0.5, 0.75, 0.9, 1 - 1 / 40])
    assert_allclose(display.law, np.sqrt(2 - 2 * np.sqrt(1 - display.levels)))
    assert_allclose(display.values[1:], display.law[1:], atol=0.01)
    floor = uniformity_floor(2000, 40)
    assert display.values[0] == pytest.approx(floor, rel=0.05)
    assert_allclose(display.line_.get_ydata(), display.values)


def test__simulation__has_the_published_values():
    display = UniformityDisplay.from_simulation(random_state=0)
    found = dict(zip(display.levels.round(2), display.values, strict=True))
    published = {0.05: 0.2271, 0.25: 0.5183, 0.5: 0.7656, 0.75: 1.0, 0.99: 1.3416}
    assert {level: found[level] for level in published} == pytest.approx(
        published, abs=0.01
    )


def test__wang_isola__hardly_moves():
    display = simulated(metric="wang-isola", n_samples=300, levels=[0, 0.5])
    assert display.law is None
    assert display.values == pytest.approx([-3.8, -3.6], abs=0.1)
    assert "L_U" in display.ax_.get_ylabel()
    with pytest.raises(ValueError, match="display of Wasserstein uniformity"):
        display.add(np.eye(3), "axes")


def test__random_state__decides():
    assert (simulated().values == simulated().values).all()
    assert (simulated().values != simulated(random_state=1).values).any()


def test__several__share_one_law():
    display = simulated()
    other = simulated(ax=display.ax_, name="other")
    assert other.ax_ is display.ax_
    labels = [text.get_text() for text in other.ax_.get_legend().get_texts()]
    assert len(labels) == 3
    assert labels[1:] == ["40 dimensions", "other"]


def test__mark__stands_at_the_share_that_collapsed():
    Z = np.random.default_rng(1).normal(size=(3000, 20))
    Z[:, 8:] = 0
    display = simulated()
    assert display.add(Z, "mine") is display
    ((x,), (y,)) = display.ax_.lines[-1].get_data()
    assert x == pytest.approx(0.6, abs=0.01)
    assert y == pytest.approx(wasserstein_uniformity(Z))
    assert display.ax_.texts[-1].get_text() == "mine"


@pytest.mark.parametrize("levels", [[0.5, 0.2], [-0.1, 0.2], [0.5, 1.2], [[0.1, 0.2]]])
def test__bad_levels__are_told(levels):
    with pytest.raises(ValueError, match="levels must be shares between 0 and 1"):
        UniformityDisplay(levels, levels)
    with pytest.raises(ValueError, match="levels must be shares between 0 and 1"):
        simulated(levels=levels)


def test__bad_input__is_told():
    with pytest.raises(ValueError, match="values must be as many as levels"):
        UniformityDisplay([0, 0.5], [1.0])
    with pytest.raises(ValueError, match=r"metric must be one of .* got 'x'"):
        UniformityDisplay([0, 0.5], [1.0, 2.0], metric="x")
    with pytest.raises(ValueError, match=r"metric must be one of .* got 'x'"):
        simulated(metric="x")
    with pytest.raises(ValueError, match="n_features == 1"):
        UniformityDisplay.from_simulation(1)
    with pytest.raises(ValueError, match="drawn display"):
        UniformityDisplay([0, 0.5], [0, math.sqrt(2)]).add(np.eye(3), "axes")
