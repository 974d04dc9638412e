"""Images, what is attended to in each, and the variances of tokens."""

import sys
from itertools import pairwise

import matplotlib

matplotlib.use("Agg")

import numpy as np
import pandas as pd
import pytest
import torch
from matplotlib import pyplot
from matplotlib.figure import Figure
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.exceptions import NotFittedError
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer

from skwass.plotting import AttentionDisplay
from skwass.plotting._pictures import pictures_of

ROWS, COLUMNS = 2, 4


class Looker(ClassifierMixin, BaseEstimator):
    """Sees images of 8 × 16 pixels as two rows of four patches."""

    def __init__(self, n_special=0, stochastic=True):
        self.n_special = n_special
        self.stochastic = stochastic

    def fit(self, X, y=None):
        self.classes_ = np.array(["cat", "dog"])
        self.image_shape_ = (1, 8, 16)
        return self

    def _patches(self, X):
        images = np.asarray(X).reshape(-1, ROWS, 4, COLUMNS, 4)
        return images.mean(axis=(2, 4))

    def attention_maps(self, X):
        """In the last block the token of its own sees the brightness of patches."""
        seen = self._patches(X).reshape(-1, ROWS * COLUMNS)
        n_tokens = self.n_special + ROWS * COLUMNS
        maps = np.full((len(seen), 3, 2, n_tokens, n_tokens), 1 / n_tokens)
        share = seen / seen.sum(axis=1, keepdims=True)
        if self.n_special:
            share = np.hstack([np.full((len(seen), 1), 0.5), share / 2])
            maps[:, -1, :, 0] = share[:, None]
        else:
            maps[:, -1] = share[:, None, None, :]
        return maps.astype(np.float32)

    def token_variances(self, X):
        return self._patches(X) ** 2 * self.stochastic

    def predict_proba(self, X):
        p = np.asarray(X).reshape(len(X), -1).mean(axis=1)
        return np.stack([p, 1 - p], axis=1)


def images(n_images=3, seed=0):
    return np.random.default_rng(seed).random((n_images, 8, 16))


def patches(X):
    return X.reshape(-1, ROWS, 4, COLUMNS, 4).mean(axis=(2, 4))


def drawn(artists):
    return np.stack([np.asarray(artist.get_array()) for artist in artists])


def written(display):
    return [text.get_text() for text in display.labels_]


# --- from an estimator ------------------------------------------------------------


@pytest.mark.parametrize("n_special", [0, 1])
def test__estimator__is_asked_what_it_looks_at(n_special):
    X = images()
    looker = Looker(n_special).fit(X)
    display = AttentionDisplay.from_estimator(looker, X)
    seen = patches(X)
    expected = seen / seen.mean(axis=(1, 2), keepdims=True)
    assert_allclose(display.attention, expected, rtol=1e-5)
    assert_allclose(drawn(display.attention_images_), display.attention)
    assert_allclose(drawn(display.variance_images_), seen**2)
    assert_allclose(drawn(display.images_), X)
    proba = looker.predict_proba(X)
    names = looker.classes_[proba.argmax(axis=1)]
    assert written(display) == [
        f"{name}  {100 * p:.0f} %"
        for name, p in zip(names, proba.max(axis=1), strict=True)
    ]
    assert len(display.colorbars_) == 2


@pytest.mark.parametrize("n_special", [0, 1])
def test__other_blocks__can_be_chosen(n_special):
    X = images()
    looker = Looker(n_special).fit(X)
    for block in (0, 1, -2):
        display = AttentionDisplay.from_estimator(looker, X, block=block)
        assert_allclose(display.attention, 1, rtol=1e-5)
    last = AttentionDisplay.from_estimator(looker, X, block=2)
    rolled = AttentionDisplay.from_estimator(looker, X, block="rollout")
    assert 0 < np.abs(rolled.attention - 1).max() < np.abs(last.attention - 1).max()


def test__twin_without_variances__has_no_row_of_them():
    X = images()
    display = AttentionDisplay.from_estimator(Looker(stochastic=False).fit(X), X)
    assert display.variances is None
    assert display.variance_images_ == []
    assert len(display.colorbars_) == 1


def test__labels__are_those_given_or_none():
    X = images()
    looker = Looker().fit(X)
    display = AttentionDisplay.from_estimator(looker, X, labels=np.array([3, 1, 2]))
    assert written(display) == ["3", "1", "2"]
    assert AttentionDisplay.from_estimator(looker, X, labels=[]).labels_ == []


@pytest.mark.parametrize("form", ["rows", "frame", "tensor", "first", "last"])
def test__images__are_read_as_the_estimator_has_them(form):
    X = images()
    given = {
        "rows": X.reshape(3, -1),
        "frame": pd.DataFrame(X.reshape(3, -1)),
        "tensor": torch.as_tensor(X),
        "first": X[:, None],
        "last": X[..., None],
    }[form]
    display = AttentionDisplay.from_estimator(Looker().fit(X), given)
    assert_allclose(drawn(display.images_), X)


def test__pipeline_and_search__are_looked_into():
    X = images(8)
    halved = FunctionTransformer(lambda X: X / 2)
    pipeline = make_pipeline(halved, Looker()).fit(X)
    display = AttentionDisplay.from_estimator(pipeline, X)
    assert_allclose(display.variances, patches(X / 2) ** 2)
    search = GridSearchCV(
        Looker(), {"n_special": [0]}, cv=2, scoring=lambda *_: 0.0
    ).fit(X, np.arange(8) % 2)
    display = AttentionDisplay.from_estimator(search, X)
    assert_allclose(display.variances, patches(X) ** 2)


# --- from maps --------------------------------------------------------------------


def test__maps__are_averaged_over_heads_and_tokens():
    rng = np.random.default_rng(0)
    maps = rng.dirichlet(np.ones(4), size=(2, 3, 2, 4))
    display = AttentionDisplay.from_maps(rng.random((2, 8, 8)), maps, block=1)
    expected = 4 * maps[:, 1].mean(axis=(1, 2))
    assert_allclose(display.attention, expected.reshape(2, 2, 2))


def test__rollout__multiplies_blocks():
    rng = np.random.default_rng(0)
    maps = rng.dirichlet(np.ones(5), size=(1, 3, 2, 5))
    display = AttentionDisplay.from_maps(rng.random((1, 8, 8)), maps, block="rollout")
    first, second, third = (maps[0].mean(axis=1) + np.eye(5)) / 2
    seen = (third @ second @ first)[0, 1:]
    assert_allclose(display.attention.ravel(), seen / seen.mean())


def test__grid__comes_from_variances_or_is_given():
    rng = np.random.default_rng(0)
    pictures, maps = rng.random((1, 8, 16)), rng.random((1, 1, 1, 8, 8))
    display = AttentionDisplay.from_maps(pictures, maps, np.ones((1, 2, 4)))
    assert display.attention.shape == (1, 2, 4)
    display = AttentionDisplay.from_maps(pictures, maps, grid=(4, 2))
    assert display.attention.shape == (1, 4, 2)
    with pytest.raises(ValueError, match=r"8 tokens are not those of a square"):
        AttentionDisplay.from_maps(pictures, maps)


def test__tensors_with_gradients__are_read():
    maps = torch.rand(2, 1, 2, 4, 4, requires_grad=True)
    variances = torch.rand(2, 2, 2, requires_grad=True)
    display = AttentionDisplay.from_maps(torch.rand(2, 1, 8, 8), maps, variances)
    assert_allclose(display.variances, variances.detach())


def test__token_that_sees_only_itself__attends_to_no_patch():
    maps = np.zeros((1, 1, 1, 5, 5))
    maps[..., 0] = 1
    display = AttentionDisplay.from_maps(np.ones((1, 4, 4)), maps)
    assert_allclose(display.attention, 0)


# --- pictures ---------------------------------------------------------------------


def test__grey_images__are_grey_and_colours_stay():
    grey, colour = images(), np.random.default_rng(0).random((3, 8, 16, 3))
    for given in (grey, colour):
        display = AttentionDisplay(given, np.ones((3, 2, 4))).plot()
        assert_allclose(drawn(display.images_), given)
        assert display.images_[0].get_cmap().name == "gray"
        assert display.images_[0].get_clim() == (0, 1)


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        (np.array([0, 51, 255], dtype=np.uint8), [0, 0.2, 1]),
        (np.array([0.2, 0.5, 0.4]), [0.2, 0.5, 0.4]),
        (np.array([-1.0, 0, 3]), [0, 0.25, 1]),
        (np.array([0, 4, 16]), [0, 0.25, 1]),
        (np.array([5.0, 5, 5]), [0, 0, 0]),
        (np.array([False, True, True]), [0, 1, 1]),
    ],
)
def test__brightness__is_put_between_zero_and_one(given, expected):
    assert_allclose(pictures_of(given.reshape(1, 1, 3)).ravel(), expected)


def test__channels__are_found():
    X = np.random.default_rng(0).random((2, 3, 8, 5))
    last = np.moveaxis(X, 1, -1)
    assert_array_equal(pictures_of(X), last)
    assert_array_equal(pictures_of(X, (3, 8, 5)), last)
    assert_array_equal(pictures_of(last, (3, 8, 5)), last)
    assert_array_equal(pictures_of(X.reshape(2, -1), (3, 8, 5)), last)
    # a shape that allows both
    cube = np.random.default_rng(0).random((2, 3, 3, 3))
    assert_array_equal(pictures_of(cube, (3, 3, 3), "last"), cube)
    assert_array_equal(pictures_of(cube, (3, 3, 3)), np.moveaxis(cube, 1, -1))
    # two channels, or many, have no colours
    many = np.random.default_rng(0).random((2, 6, 8, 5))
    assert_allclose(pictures_of(many, (6, 8, 5)), many.mean(axis=1))


# --- how it is drawn --------------------------------------------------------------


def test__scales__are_the_same_for_all_images():
    X = images()
    display = AttentionDisplay.from_estimator(Looker().fit(X), X)
    for artists, values in (
        (display.attention_images_, display.attention),
        (display.variance_images_, display.variances),
    ):
        assert len({artist.get_clim() for artist in artists}) == 1
        assert artists[0].get_clim()[1] == values.max()
    assert display.attention_images_[0].get_clim()[0] == 0


def test__many_images__go_on_below():
    X = images(5)
    display = AttentionDisplay.from_estimator(Looker().fit(X), X, n_columns=2)
    corners = [artist.get_extent()[::3] for artist in display.images_]
    assert corners[0][1] == corners[1][1] == 0
    assert corners[2][0] == corners[4][0] == 0
    assert corners[2][1] > display.variance_images_[0].get_extent()[2]


@pytest.mark.parametrize("size", [(12, 4), (4, 4), (3, 3)])
def test__words__do_not_overlap(size):
    figure = Figure(figsize=size, layout="constrained")
    X = images(5)
    looker = Looker().fit(X)
    display = AttentionDisplay.from_estimator(looker, X, ax=figure.subplots())
    figure.draw_without_rendering()
    boxes = [text.get_window_extent() for text in display.labels_]
    assert all(a.x1 < b.x0 for a, b in pairwise(boxes))


def test__table__is_a_strip_that_can_be_seen():
    rng = np.random.default_rng(0)
    maps, variances = rng.random((2, 1, 1, 20, 20)), rng.random((2, 1, 20))
    display = AttentionDisplay.from_maps(rng.random((2, 1, 20)), maps, variances)
    left, right, bottom, top = display.images_[0].get_extent()
    assert (bottom - top) / (right - left) > 0.2


def test__axes_of_the_user__are_drawn_on_and_again():
    axes = Figure().subplots(1, 2)
    display = AttentionDisplay(images(), np.ones((3, 2, 4)))
    assert display.plot(ax=axes[0]) is display
    assert display.plot(ax=axes[1]).ax_ is axes[1]
    assert display.figure_ is axes[1].figure
    assert display.labels_ == []
    assert pyplot.get_fignums() == []


# --- errors -----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"attention": np.ones((2, 2, 4))}, r"attention must be of shape .* 3 images"),
        ({"attention": np.ones((3, 8))}, r"attention must be of shape .*\(3, 8\)"),
        ({"attention": -np.ones((3, 2, 4))}, "must not be negative; got .* from -1"),
        ({"attention": np.full((3, 2, 4), np.nan)}, "attention must be finite"),
        ({"variances": np.ones((3, 4, 2))}, "variances must be of the shape of att"),
        ({"variances": np.full((3, 2, 4), np.inf)}, "variances must be finite"),
        ({"labels": ["a"]}, "labels must be one for each of 3 images; got 1"),
        ({"images": np.ones((3, 8))}, r"images must be of shape .*got shape \(3, 8\)"),
        ({"images": np.full((3, 8, 16), np.nan)}, "images must be finite"),
        ({"images": np.full((3, 8, 16), "a")}, "images must hold real numbers"),
        ({"images": np.ones((0, 8, 16))}, "images must not be empty"),
        ({"images": np.ones((65, 8, 16))}, "room for 64 images; got 65"),
    ],
)
def test__bad_input__is_told(change, message):
    given = {"images": images(), "attention": np.ones((3, 2, 4)), **change}
    with pytest.raises(ValueError, match=message):
        AttentionDisplay(**given)


@pytest.mark.parametrize(
    ("maps", "options", "message"),
    [
        (np.ones((1, 2, 2, 4, 5)), {}, r"n_tokens, n_tokens\); got \(1, 2, 2, 4, 5\)"),
        (np.ones((1, 2, 4, 4)), {}, r"n_tokens, n_tokens\); got \(1, 2, 4, 4\)"),
        (-np.ones((1, 2, 2, 4, 4)), {}, "maps must hold finite weights"),
        (np.ones((1, 0, 2, 4, 4)), {}, "maps must not be empty"),
        (np.ones((1, 2, 2, 4, 4)), {"block": 2}, "block must be between -2 and 1"),
        (np.ones((1, 2, 2, 4, 4)), {"block": "last"}, 'integer or "rollout"; got'),
        (np.ones((1, 2, 2, 4, 4)), {"grid": (2, 3)}, "4 tokens; a grid of 2 × 3"),
        (np.ones((1, 2, 2, 4, 4)), {"n_columns": 0}, "n_columns == 0"),
    ],
)
def test__bad_maps__are_told(maps, options, message):
    with pytest.raises(ValueError, match=message):
        AttentionDisplay.from_maps(np.ones((1, 8, 8)), maps, **options)
    assert pyplot.get_fignums() == []


def test__estimator_that_cannot_say__is_refused():
    X = images(4)
    with pytest.raises(NotFittedError):
        AttentionDisplay.from_estimator(Looker(), X)
    linear = LogisticRegression().fit(X.reshape(4, -1), [0, 1, 0, 1])
    with pytest.raises(
        AttributeError, match="LogisticRegression has no attention_maps"
    ):
        AttentionDisplay.from_estimator(linear, X)
    with pytest.raises(ValueError, match="room for 64 images; X holds 65"):
        AttentionDisplay.from_estimator(Looker().fit(X), images(65))
    with pytest.raises(ValueError, match=r"1 channel\(s\) and 8 × 16 pixels; got"):
        AttentionDisplay.from_estimator(Looker().fit(X), X.reshape(4, 4, 32))


def test__without_matplotlib__the_extra_is_named(monkeypatch):
    display = AttentionDisplay(images(), np.ones((3, 2, 4)))  # needs no matplotlib
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    with pytest.raises(ImportError, match=r"pip install 'skwass\[plot\]'"):
        display.plot()
