"""A map shows every sample where its embedding is, in the colour of its class."""

import sys

import matplotlib
import numpy as np
import pytest
from matplotlib import pyplot
from matplotlib.collections import PathCollection
from matplotlib.figure import Figure
from matplotlib.offsetbox import AnnotationBbox
from numpy.testing import assert_allclose
from sklearn.datasets import load_iris
from sklearn.decomposition import PCA

from skwass import WormholeEmbedder
from skwass.plotting import EmbeddingDisplay

matplotlib.use("Agg")


@pytest.fixture(autouse=True)
def _figures_are_closed():
    yield
    pyplot.close("all")


def embedding(n_samples=12, seed=0):
    return np.random.default_rng(seed).normal(size=(n_samples, 2))


def dots(display):
    """The only dots of a display."""
    found = [c for c in display.ax_.collections if isinstance(c, PathCollection)]
    assert len(found) == 1
    return found[0]


def colours_of(display):
    return dots(display).get_facecolors()


def pictures(display):
    return [a for a in display.ax_.artists if isinstance(a, AnnotationBbox)]


def ink(picture):
    return np.asarray(picture.offsetbox.get_data())


# --- where ------------------------------------------------------------------------


def test_dots_lie_where_the_embedding_says():
    places = embedding()
    display = EmbeddingDisplay(places).plot()
    assert_allclose(np.asarray(dots(display).get_offsets()), places)
    assert (display.ax_.get_xlabel(), display.ax_.get_ylabel()) == (
        "component 0",
        "component 1",
    )
    assert display.figure_ is display.ax_.figure
    display.figure_.canvas.draw()
    # one unit is as long on either axis
    (a, b), (c, d) = display.ax_.transData.transform([[0, 0], [1, 1]])
    assert_allclose(c - a, d - b)


def test_given_axes_are_used_and_no_figure_made():
    figure = Figure()
    left, right = figure.subplots(1, 2)
    display = EmbeddingDisplay(embedding())
    assert display.plot(ax=right) is display
    assert display.ax_ is right
    assert display.figure_ is figure
    assert not left.collections
    assert pyplot.get_fignums() == []


def test_a_display_can_be_drawn_again():
    display = EmbeddingDisplay(embedding()).plot()
    first = display.ax_
    display.plot()
    assert display.ax_ is not first
    assert len(pyplot.get_fignums()) == 2


# --- colours ----------------------------------------------------------------------


def test_without_labels_all_dots_have_one_colour():
    colours = dots(EmbeddingDisplay(embedding()).plot()).get_facecolors()
    assert len(np.unique(colours, axis=0)) == 1


@pytest.mark.parametrize("n_classes", [1, 2, 10, 11, 25])
def test_every_class_has_a_colour_of_its_own(n_classes):
    labels = np.arange(3 * n_classes) % n_classes
    display = EmbeddingDisplay(embedding(len(labels)), labels=labels).plot()
    colours = dots(display).get_facecolors()
    assert len(np.unique(colours, axis=0)) == n_classes
    for label in range(n_classes):
        assert len(np.unique(colours[labels == label], axis=0)) == 1


def test_labels_may_be_words():
    words = np.array(["b", "a", "c", "a"])
    colours = dots(EmbeddingDisplay(embedding(4), labels=words).plot()).get_facecolors()
    numbers = np.array([1, 0, 2, 0])
    other = dots(EmbeddingDisplay(embedding(4), labels=numbers).plot())
    assert_allclose(colours, other.get_facecolors())


def test_a_legend_names_the_classes_in_their_colours():
    words = np.array(["b", "a", "c", "a"])
    display = EmbeddingDisplay(embedding(4), labels=words).plot()
    legend = display.ax_.get_legend()
    assert [text.get_text() for text in legend.get_texts()] == ["a", "b", "c"]
    shown = [handle.get_color() for handle in legend.legend_handles]
    assert_allclose(np.array(shown)[[1, 0, 2], :3], colours_of(display)[:3, :3])


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"labels": np.arange(12)},
        {"labels": np.arange(12) % 2, "images": np.ones((12, 2, 2))},
    ],
    ids=["no classes", "too many", "pictures"],
)
def test_there_is_no_legend_where_it_would_not_help(options):
    assert EmbeddingDisplay(embedding(), **options).plot().ax_.get_legend() is None


# --- pictures ---------------------------------------------------------------------


def test_every_sample_has_its_picture_at_its_place():
    places = embedding(5)
    images = np.random.default_rng(1).uniform(size=(5, 4, 3))
    display = EmbeddingDisplay(places, images=images).plot(zoom=3.0)
    found = pictures(display)
    assert len(found) == 5
    for picture, place, image in zip(found, places, images, strict=True):
        assert_allclose(picture.xy, place)
        assert_allclose(ink(picture)[..., 3], image / image.max())
        assert picture.offsetbox.get_zoom() == 3.0
    display.figure_.canvas.draw()
    # the dots beneath them set the limits, and are not seen
    assert_allclose(np.asarray(dots(display).get_offsets()), places)
    assert not dots(display).get_facecolors()[:, 3].any()


def test_without_pictures_dots_are_seen():
    display = EmbeddingDisplay(embedding()).plot()
    assert pictures(display) == []
    assert dots(display).get_facecolors()[:, 3].all()


def test_pictures_have_the_colour_of_their_class():
    labels = [0, 1, 0]
    display = EmbeddingDisplay(embedding(3), labels=labels, images=np.ones((3, 2, 2)))
    colours = [ink(picture)[0, 0, :3] for picture in pictures(display.plot())]
    assert_allclose(colours[0], colours[2])
    assert np.abs(colours[0] - colours[1]).max() > 0.1


def test_black_pictures_and_numbers_below_zero_are_transparent():
    images = np.zeros((2, 2, 2))
    images[1] = [[-4.0, 0.0], [2.0, 1.0]]
    display = EmbeddingDisplay(embedding(2), images=images).plot()
    black, other = pictures(display)
    assert_allclose(ink(black)[..., 3], 0.0)
    assert_allclose(ink(other)[..., 3], [[0.0, 0.0], [1.0, 0.5]])
    display.figure_.canvas.draw()


# --- from an estimator ------------------------------------------------------------


def test_a_transformer_of_scikit_learn_is_drawn():
    X, y = load_iris(return_X_y=True)
    pca = PCA(2).fit(X)
    figure = Figure()
    ax = figure.subplots()
    display = EmbeddingDisplay.from_estimator(pca, X, labels=y, ax=ax)
    assert isinstance(display, EmbeddingDisplay)
    assert display.ax_ is ax
    assert_allclose(display.embedding, pca.transform(X))
    assert_allclose(np.asarray(dots(display).get_offsets()), pca.transform(X))
    assert len(np.unique(dots(display).get_facecolors(), axis=0)) == 3


def test_an_embedder_of_clouds_is_drawn():
    clouds = np.random.default_rng(0).normal(size=(15, 4, 3))
    embedder = WormholeEmbedder(max_iter=1, hidden_layer_sizes=(4,), random_state=0)
    embedder.fit(clouds)
    images = np.ones((15, 2, 2))
    display = EmbeddingDisplay.from_estimator(embedder, clouds, images=images)
    assert_allclose(display.embedding, embedder.embedding_, rtol=1e-5, atol=1e-6)
    assert len(pictures(display)) == 15


def test_data_frames_from_a_transformer_are_drawn():
    pytest.importorskip("pandas")
    X = load_iris().data
    pca = PCA(2).fit(X)
    expected = pca.transform(X)
    pca.set_output(transform="pandas")
    assert_allclose(EmbeddingDisplay.from_estimator(pca, X).embedding, expected)


# --- errors -----------------------------------------------------------------------


@pytest.mark.parametrize("n_columns", [1, 3])
def test_an_embedding_without_two_columns_is_refused(n_columns):
    with pytest.raises(ValueError, match=f"two columns to be drawn; got {n_columns}"):
        EmbeddingDisplay(np.ones((4, n_columns)))
    X = load_iris().data
    with pytest.raises(ValueError, match=f"two columns to be drawn; got {n_columns}"):
        EmbeddingDisplay.from_estimator(PCA(n_columns).fit(X), X)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"labels": [0, 1, 2]}, r"inconsistent.*\[4, 3\]"),
        ({"images": np.ones((5, 2, 2))}, r"inconsistent.*\[4, 5\]"),
        ({"images": np.ones((4, 9))}, r"images must have shape .*got \(4, 9\)"),
        ({"images": np.ones((4, 3, 3, 3))}, r"images must .*got \(4, 3, 3, 3\)"),
        ({"images": np.full((4, 2, 2), np.nan)}, "images contains NaN"),
    ],
)
def test_labels_and_images_that_do_not_match_are_refused(options, message):
    with pytest.raises(ValueError, match=message):
        EmbeddingDisplay(embedding(4), **options)


def test_an_embedding_with_nan_is_refused():
    with pytest.raises(ValueError, match="embedding contains NaN"):
        EmbeddingDisplay([[0.0, np.nan], [1.0, 1.0]])


def test_without_matplotlib_the_extra_is_named(monkeypatch):
    display = EmbeddingDisplay(embedding())  # needs no matplotlib
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    with pytest.raises(ImportError, match=r"pip install 'skwass\[plot\]'"):
        display.plot()
