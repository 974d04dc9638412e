"""A dot for each pair, and a diagonal on which a perfect embedding lies."""

import sys

import matplotlib
import numpy as np
import pytest
from matplotlib import pyplot
from matplotlib.figure import Figure
from numpy.testing import assert_allclose
from scipy.spatial.distance import pdist, squareform
from sklearn.exceptions import NotFittedError

from skwass import LinearOTEmbedder, WormholeEmbedder, wasserstein_distances
from skwass.metrics import distance_correlation, relative_error
from skwass.plotting import ShepardDisplay

matplotlib.use("Agg")


@pytest.fixture(autouse=True)
def _figures_are_closed():
    yield
    pyplot.close("all")


def clouds(n_clouds=20, seed=0):
    rng = np.random.default_rng(seed)
    return [
        rng.normal(size=(size, 2)) + rng.normal(size=2)
        for size in rng.integers(2, 6, size=n_clouds)
    ]


def fitted(X, **options):
    embedder = WormholeEmbedder(
        max_iter=1, hidden_layer_sizes=(4,), random_state=0, **options
    )
    return embedder.fit(X)


# --- drawing ----------------------------------------------------------------------


def test_every_pair_is_a_dot_over_its_distance():
    distances, embedded = [1.0, 2.0, 4.0], [1.5, 2.0, 3.0]
    display = ShepardDisplay(distances, embedded).plot()
    dots, diagonal = display.ax_.lines
    assert_allclose(dots.get_xydata(), np.column_stack([distances, embedded]))
    assert dots.get_linestyle() == "None"
    assert_allclose(diagonal.get_xydata(), [[0, 0], [4, 4]])
    assert (display.ax_.get_xlabel(), display.ax_.get_ylabel()) == (
        "exact distance",
        "embedded distance",
    )
    assert display.figure_ is display.ax_.figure


def test_the_diagonal_reaches_the_longest_distance_of_either_side():
    display = ShepardDisplay([1.0, 2.0], [1.0, 7.0]).plot()
    assert_allclose(display.ax_.lines[1].get_xydata()[-1], [7.0, 7.0])


def test_the_title_says_how_good_the_embedding_is():
    rng = np.random.default_rng(0)
    distances = rng.uniform(1, 2, 50)
    embedded = distances * rng.uniform(0.9, 1.1, 50)
    title = ShepardDisplay(distances, embedded).plot().ax_.get_title()
    assert f"{distance_correlation(distances, embedded):.4f}" in title
    assert f"{100 * relative_error(distances, embedded):.1f} %" in title


def test_given_axes_are_used_and_no_figure_made():
    figure = Figure()
    left, right = figure.subplots(1, 2)
    display = ShepardDisplay([1.0, 2.0], [1.0, 2.0])
    assert display.plot(ax=right) is display
    assert display.ax_ is right
    assert display.figure_ is figure
    assert not left.lines
    assert pyplot.get_fignums() == []


# --- from an estimator ------------------------------------------------------------


def test_an_embedder_is_judged_by_all_pairs_where_they_are_few():
    X = clouds(20)
    embedder = fitted(X)
    ax = Figure().subplots()
    display = ShepardDisplay.from_estimator(embedder, X, ax=ax)
    assert isinstance(display, ShepardDisplay)
    assert display.ax_ is ax
    exact = squareform(wasserstein_distances(X), checks=False)
    assert_allclose(display.distances, exact, rtol=1e-12)
    assert_allclose(display.embedded, pdist(embedder.transform(X)), rtol=1e-5)
    assert_allclose(display.ax_.lines[0].get_xdata(), exact, rtol=1e-12)


def test_at_most_so_many_pairs_are_solved_and_always_the_same():
    X = clouds(20)
    embedder = fitted(X)
    first, second = (
        ShepardDisplay.from_estimator(embedder, X, n_pairs=30) for _ in range(2)
    )
    assert_allclose(first.distances, second.distances, rtol=0)
    exact = squareform(wasserstein_distances(X), checks=False)
    embedded = pdist(embedder.transform(X).astype(np.float64))
    assert len(first.distances) == len(np.unique(first.distances)) == 30
    # each of them is a pair, with the embedded distance of the same pair
    places = np.abs(exact[:, None] - first.distances).argmin(axis=0)
    assert_allclose(first.distances, exact[places], rtol=1e-12)
    assert_allclose(first.embedded, embedded[places], rtol=1e-5)


def test_new_clouds_are_judged_as_well():
    embedder = fitted(clouds(20))
    X = clouds(6, seed=1)
    display = ShepardDisplay.from_estimator(embedder, X)
    exact = squareform(wasserstein_distances(X), checks=False)
    assert_allclose(display.distances, exact, rtol=1e-12)


@pytest.mark.parametrize(
    "options",
    [
        {"metric": "cityblock"},
        {"metric": "minkowski", "metric_params": {"p": 3}, "n_jobs": 2},
        {"metric": lambda u, v: 2 * np.linalg.norm(u - v)},
        {"order": 1},
        {"metric": "sinkhorn", "reg": 2.0},
    ],
    ids=["name", "parameters", "callable", "order", "reg"],
)
def test_pairs_are_solved_in_the_metric_of_the_embedder(options):
    X = clouds(8)
    display = ShepardDisplay.from_estimator(fitted(X, **options), X)
    exact = squareform(wasserstein_distances(X, **options), checks=False)
    assert_allclose(display.distances, exact, rtol=1e-12)
    assert np.abs(exact / squareform(wasserstein_distances(X)) - 1).max() > 0.01


def test_embedders_without_a_metric_are_judged_by_exact_transport():
    X = clouds(8)
    embedder = LinearOTEmbedder(4, random_state=0).fit(X)
    display = ShepardDisplay.from_estimator(embedder, X)
    exact = squareform(wasserstein_distances(X), checks=False)
    assert_allclose(display.distances, exact, rtol=1e-12)
    assert_allclose(display.embedded, pdist(embedder.transform(X)), rtol=1e-5)


def test_a_table_is_judged_by_euclidean_distances():
    X = np.random.default_rng(0).normal(size=(12, 3))
    display = ShepardDisplay.from_estimator(fitted(X), X)
    assert_allclose(display.distances, pdist(X), rtol=1e-12)


def test_embedders_that_give_data_frames_are_judged():
    pytest.importorskip("pandas")
    X = clouds(8)
    embedder = fitted(X)
    expected = ShepardDisplay.from_estimator(embedder, X).embedded
    embedder.set_output(transform="pandas")
    found = ShepardDisplay.from_estimator(embedder, X).embedded
    assert_allclose(found, expected, rtol=1e-12)


# --- errors -----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("distances", "embedded", "message"),
    [
        ([1.0, 2.0, 3.0], [1.0, 2.0], r"inconsistent.*\[3, 2\]"),
        ([1.0, 2.0], [1.0, -2.0], "embedded must be non-negative"),
        ([1.0, np.nan], [1.0, 2.0], "distances contains NaN"),
        (np.ones((2, 2)), np.ones(2), r"distances must .*got shape \(2, 2\)"),
    ],
)
def test_bad_distances_are_refused_before_anything_is_drawn(
    distances, embedded, message
):
    with pytest.raises(ValueError, match=message):
        ShepardDisplay(distances, embedded)


def test_precomputed_distances_have_no_clouds_to_solve():
    distances = squareform(pdist(np.random.default_rng(0).normal(size=(9, 3))))
    embedder = fitted(distances, metric="precomputed")
    with pytest.raises(ValueError, match="metric='precomputed' there are no clouds"):
        ShepardDisplay.from_estimator(embedder, distances)
    assert pyplot.get_fignums() == []


def test_an_embedder_that_is_not_fitted_is_refused():
    with pytest.raises(NotFittedError):
        ShepardDisplay.from_estimator(WormholeEmbedder(), clouds())


def test_a_single_cloud_has_no_pair():
    X = clouds(8)
    with pytest.raises(ValueError, match="two clouds or more"):
        ShepardDisplay.from_estimator(fitted(X), X[:1])


@pytest.mark.parametrize(("n_pairs", "error"), [(0, ValueError), (2.5, TypeError)])
def test_a_number_of_pairs_that_is_none_is_refused(n_pairs, error):
    X = clouds(8)
    with pytest.raises(error, match="n_pairs"):
        ShepardDisplay.from_estimator(fitted(X), X, n_pairs=n_pairs)


def test_without_matplotlib_the_extra_is_named(monkeypatch):
    display = ShepardDisplay([1.0, 2.0], [1.0, 2.0])  # needs no matplotlib
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    with pytest.raises(ImportError, match=r"pip install 'skwass\[plot\]'"):
        display.plot()
