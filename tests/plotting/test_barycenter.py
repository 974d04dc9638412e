"""Clouds stand at the corners, and what lies between them has their colours, mixed."""

import sys

import matplotlib
import numpy as np
import pytest
from matplotlib import pyplot
from matplotlib.collections import EllipseCollection
from matplotlib.figure import Figure
from matplotlib.patches import FancyBboxPatch
from numpy.testing import assert_allclose, assert_array_equal
from scipy.spatial.distance import pdist
from sklearn.exceptions import NotFittedError

from skwass import WormholeEmbedder
from skwass.plotting import BarycenterDisplay

matplotlib.use("Agg")


@pytest.fixture(autouse=True)
def _figures_are_closed():
    yield
    pyplot.close("all")


@pytest.fixture(scope="module")
def fitted():
    return embedder(clouds(12))


def clouds(n_clouds, n_features=2, seed=0):
    rng = np.random.default_rng(seed)
    return [
        (rng.normal(size=(size, n_features)), rng.uniform(0.1, 1, size))
        for size in rng.integers(3, 9, size=n_clouds)
    ]


def embedder(X, **options):
    settings = {"max_iter": 1, "decoder_max_iter": 0, "n_reference": 5}
    return WormholeEmbedder(
        3, hidden_layer_sizes=(4,), random_state=0, **settings | options
    ).fit(X)


def display_of(X, weights, seed=1, **options):
    """Any clouds in place of barycentres."""
    between = clouds(len(weights), X[0][0].shape[1], seed)
    return BarycenterDisplay(X, between, weights, **options)


def dots(display):
    """Centres of all dots."""
    (found,) = (c for c in display.ax_.collections if isinstance(c, EllipseCollection))
    return found


def places(display):
    """Of each picture, the centre of its dots."""
    sizes = np.concatenate([display.clouds.sizes, display.barycenters.sizes])
    return np.split(np.asarray(dots(display).get_offsets()), np.cumsum(sizes)[:-1])


def frames(display):
    return [p for p in display.ax_.patches if isinstance(p, FancyBboxPatch)]


def centres(display):
    """Of the frames."""
    return np.array(
        [
            [p.get_x() + p.get_width() / 2, p.get_y() + p.get_height() / 2]
            for p in frames(display)
        ]
    )


def same_cloud_everywhere(weights, **options):
    """A display whose pictures differ in nothing but their places."""
    weights = np.asarray(weights)
    one = np.array([[-1.0, -1.0], [1.0, 1.0]])
    display = BarycenterDisplay(
        [one] * weights.shape[1], [one] * len(weights), weights, **options
    ).plot()
    return np.array([picture.mean(axis=0) for picture in places(display)])


# --- how many, and where ----------------------------------------------------------


@pytest.mark.parametrize(
    ("n_clouds", "n_steps", "expected"),
    [(2, 3, 1), (2, 6, 4), (3, 3, 3), (3, 5, 12), (4, 3, 5), (4, 5, 21)],
)
def test_a_row_a_triangle_or_a_square_is_full(fitted, n_clouds, n_steps, expected):
    X = clouds(n_clouds)
    display = BarycenterDisplay.from_estimator(fitted, X, n_steps=n_steps)
    assert len(display.barycenters) == len(display.weights) == expected
    assert_allclose(display.weights.sum(axis=1), 1.0)
    assert len(np.unique(display.weights.round(9), axis=0)) == expected
    assert len(frames(display)) == len(display.clouds) == n_clouds
    n_points = display.clouds.sizes.sum() + display.barycenters.sizes.sum()
    assert len(dots(display).get_offsets()) == n_points


def test_weights_in_a_row_go_from_one_end_to_the_other(fitted):
    display = BarycenterDisplay.from_estimator(fitted, clouds(2))
    assert_allclose(display.weights, [[0.75, 0.25], [0.5, 0.5], [0.25, 0.75]])


def test_weights_in_a_triangle_are_all_thirds(fitted):
    display = BarycenterDisplay.from_estimator(fitted, clouds(3), n_steps=4)
    parts = 3 * display.weights
    assert_allclose(parts, parts.round(), atol=1e-12)
    assert_allclose(parts[3], [1.0, 1.0, 1.0])


def test_weights_in_a_square_are_bilinear(fitted):
    display = BarycenterDisplay.from_estimator(fitted, clouds(4), n_steps=3)
    assert_allclose(
        display.weights,
        [
            [0.5, 0.5, 0, 0],
            [0.5, 0, 0.5, 0],
            [0.25, 0.25, 0.25, 0.25],
            [0, 0.5, 0, 0.5],
            [0, 0, 0.5, 0.5],
        ],
    )


@pytest.mark.parametrize(
    ("weights", "corners", "between"),
    [
        ([[0.5, 0.5]], [[0, 0], [2, 0]], [[1, 0]]),
        (
            [[0.5, 0.5, 0], [0.5, 0, 0.5], [0, 0.5, 0.5]],
            [[1, 2], [0, 0], [2, 0]],
            [[0.5, 1], [1.5, 1], [1, 0]],
        ),
        ([[0.25] * 4], [[0, 2], [2, 2], [0, 0], [2, 0]], [[1, 1]]),
    ],
    ids=["row", "triangle", "square"],
)
def test_barycentres_lie_between_corners_by_their_weights(weights, corners, between):
    assert_allclose(same_cloud_everywhere(weights), corners + between, atol=1e-12)


@pytest.mark.parametrize("n_clouds", [2, 3, 4])
def test_pictures_are_one_unit_apart(fitted, n_clouds):
    X = clouds(n_clouds)
    weights = BarycenterDisplay.from_estimator(fitted, X, n_steps=6).weights
    lie = same_cloud_everywhere(weights)
    assert_allclose(pdist(lie, "chebyshev").min(), 1.0)


def test_the_scale_of_weights_does_not_matter():
    halves, numbers = ([[1.0, 1.0]], [[8.0, 8.0]])
    assert_allclose(same_cloud_everywhere(halves), same_cloud_everywhere(numbers))


def test_of_many_clouds_barycentres_come_below():
    lie = same_cloud_everywhere(np.ones((3, 7)))
    assert_allclose(lie[:7], np.column_stack([np.arange(-3, 4), np.zeros(7)]))
    assert_allclose(lie[7:, 0], [-1, 0, 1])
    assert (lie[7:, 1] < -1).all()


def test_more_clouds_than_fit_in_a_row_take_several():
    lie = same_cloud_everywhere(np.ones((1, 23)))
    assert len(np.unique(lie[:23, 1])) == 3
    assert lie[23, 1] < lie[:23, 1].min() - 1
    assert pdist(lie, "chebyshev").min() >= 1 - 1e-9


@pytest.mark.parametrize(
    "weights",
    [
        [[0.5, 0.5], [0.5, 0.5]],
        [[1.0, 0.0]],
        [[0.5, 0.5], [0.51, 0.49], [0.52, 0.48]],
    ],
    ids=["twice", "a corner", "crowded"],
)
def test_weights_that_would_crowd_pictures_give_rows(weights):
    lie = same_cloud_everywhere(weights)
    assert lie[0, 1] == lie[1, 1]
    assert (lie[2:, 1] < lie[0, 1] - 1).all()
    assert pdist(lie, "chebyshev").min() >= 1 - 1e-9


# --- what is drawn ----------------------------------------------------------------


def test_barycentres_are_those_of_the_embedder(fitted):
    X = clouds(5)
    weights = np.random.default_rng(0).uniform(size=(6, 5))
    display = BarycenterDisplay.from_estimator(fitted, X, weights=weights)
    expected = fitted.barycenter(X, weights)
    assert_array_equal(display.barycenters.points, expected.points)
    assert_allclose(display.weights, weights / weights.sum(axis=1, keepdims=True))


def test_one_barycentre_may_have_a_single_row_of_weights(fitted):
    display = BarycenterDisplay.from_estimator(fitted, clouds(5), weights=np.ones(5))
    assert len(display.barycenters) == 1


def test_so_many_points_are_decoded(fitted):
    display = BarycenterDisplay.from_estimator(fitted, clouds(2), n_points=3)
    assert_array_equal(display.barycenters.sizes, [3, 3, 3])


def test_areas_of_dots_are_weights():
    X = [(np.eye(2), [1.0, 3.0]), (np.eye(2), [1.0, 1.0])]
    # many points, so that no dot is cut to the largest
    X = [(np.repeat(p, 40, axis=0), np.repeat(w, 40)) for p, w in X]
    display = display_of(X, [[1, 1]]).plot()
    areas = dots(display).get_widths()[:160] ** 2
    assert_allclose(areas / areas[80], display.clouds.weights * 80, rtol=1e-12)


def test_no_dot_fills_its_picture():
    points = [(np.zeros((1, 2)), [1.0]), (np.ones((1, 2)), [1.0])]
    widths = dots(display_of(points, [[1, 1]]).plot()).get_widths()
    assert_allclose(widths[:2], 0.1)
    assert (widths <= 0.1 + 1e-12).all()


def test_sizes_of_dots_follow_dot_size():
    display = display_of(clouds(2), [[1, 1]])
    widths = dots(display.plot()).get_widths()
    assert_allclose(dots(display.plot(dot_size=0.5)).get_widths(), widths / 2)


def test_all_pictures_have_one_scale_and_stay_in_their_frames():
    small = np.array([[0.0, 0.0], [1.0, 0.0]])
    display = BarycenterDisplay([small, 4 * small], [2.5 * small], [[1, 1]]).plot()
    lengths = [np.ptp(picture[:, 0]) for picture in places(display)]
    assert_allclose(np.array(lengths) / lengths[0], [1, 4, 2.5])
    for frame, picture in zip(frames(display), places(display)[:2], strict=True):
        assert frame.get_x() < picture[:, 0].min()
        assert picture[:, 0].max() < frame.get_x() + frame.get_width()


def test_colours_are_mixed_by_weight():
    display = display_of(clouds(2), [[3.0, 1.0]]).plot()
    sizes = np.concatenate([display.clouds.sizes, display.barycenters.sizes])
    starts = np.concatenate([[0], np.cumsum(sizes)[:-1]])
    first, last, mixed = dots(display).get_facecolors()[starts, :3]
    assert np.abs(first - last).max() > 0.1
    assert_allclose(mixed, 0.75 * first + 0.25 * last)
    for frame, colour in zip(frames(display), (first, last), strict=True):
        assert_allclose(frame.get_edgecolor()[:3], colour)


@pytest.mark.parametrize("n_clouds", [10, 11, 25])
def test_every_cloud_has_a_colour_of_its_own(n_clouds):
    display = display_of(clouds(n_clouds), np.ones((1, n_clouds))).plot()
    edges = [frame.get_edgecolor() for frame in frames(display)]
    assert len(np.unique(edges, axis=0)) == n_clouds


def test_labels_stand_beside_their_clouds():
    display = display_of(clouds(4), [[1, 1, 1, 1]], labels=["a", 2, "c", "d"]).plot()
    assert [text.get_text() for text in display.ax_.texts] == ["a", "2", "c", "d"]
    for text, (x, y) in zip(display.ax_.texts, centres(display), strict=True):
        left, height = text.get_position()
        assert left == x
        # above at the top, below at the foot: out of the square
        assert abs(height - y) >= 0.5
        assert (height > y) == (y > 0)


def test_without_labels_nothing_is_written():
    assert not display_of(clouds(2), [[1, 1]]).plot().ax_.texts


# --- dimensions -------------------------------------------------------------------


def test_indices_of_images_are_rows_and_columns():
    corner = np.array([[0.0, 0.0], [2.0, 1.0]])  # two down, one to the right
    display = BarycenterDisplay([corner] * 2, [corner], [[1, 1]], indexing="ij").plot()
    (x, y), (right, below) = places(display)[0]
    assert right - x == pytest.approx((y - below) / 2)
    assert right > x
    display = BarycenterDisplay([corner] * 2, [corner], [[1, 1]]).plot()
    (x, y), (right, above) = places(display)[0]
    assert right - x == pytest.approx(2 * (above - y))
    assert right > x


def test_points_on_a_line_lie_on_a_line():
    display = display_of(clouds(2, n_features=1), [[1, 1]]).plot()
    for picture in places(display):
        assert np.ptp(picture[:, 1]) == 0
        assert np.ptp(picture[:, 0]) > 0


def test_far_points_in_space_are_paler_and_drawn_first():
    X = clouds(2, n_features=3)
    alphas = dots(display_of(X, [[1, 1]]).plot()).get_facecolors()[:, 3]
    assert (np.diff(alphas) >= 0).all()
    assert alphas[0] < 0.5 < alphas[-1]


def test_up_is_up_in_space():
    pole = np.array([[0.0, 0.0, 0.0], [0.0, 0.0, 1.0]])
    display = BarycenterDisplay([pole] * 2, [pole], [[1, 1]]).plot()
    found = np.asarray(dots(display).get_offsets())
    found = found[np.argsort(found[:, 0], kind="stable")][:2]  # those of the left
    assert np.ptp(found[:, 0]) == pytest.approx(0, abs=1e-12)
    assert np.ptp(found[:, 1]) > 0.5


def test_of_more_dimensions_the_leading_two_are_seen():
    rng = np.random.default_rng(0)
    directions = np.linalg.qr(rng.normal(size=(5, 5)))[0]
    plane = rng.normal(size=(3, 30, 2)) * [5.0, 2.0]
    X = plane @ directions[:2] + 1e-6 * rng.normal(size=(3, 30, 5))
    display = BarycenterDisplay(X[:2], X[2:], [[1, 1]]).plot()
    for found, points in zip(places(display), plane, strict=True):
        ratios = pdist(found) / pdist(points)
        assert_allclose(ratios / ratios[0], 1.0, rtol=1e-4)
        # the leading one to the right
        assert np.ptp(found[:, 0]) > np.ptp(found[:, 1])


@pytest.mark.parametrize("scale", [0.0, 1e-200, 1e200])
def test_clouds_of_any_extent_are_drawn(scale):
    for n_features in (1, 2, 3, 4):
        X = [(scale * p, w) for p, w in clouds(2, n_features)]
        display = BarycenterDisplay(X, X[:1], [[1, 1]]).plot()
        assert np.isfinite(np.asarray(dots(display).get_offsets())).all()
        display.figure_.canvas.draw()


def test_points_of_a_table_have_barycentres_too():
    X = np.random.default_rng(0).normal(size=(20, 2))
    display = BarycenterDisplay.from_estimator(embedder(X), X[:3])
    assert_array_equal(display.barycenters.sizes, np.ones(12))


# --- axes -------------------------------------------------------------------------


def test_given_axes_are_used_and_no_figure_made(fitted):
    figure = Figure()
    left, right = figure.subplots(1, 2)
    display = BarycenterDisplay.from_estimator(fitted, clouds(2), ax=right)
    assert display.plot(ax=right) is display
    assert display.ax_ is right
    assert display.figure_ is figure
    assert not left.collections
    assert pyplot.get_fignums() == []


def test_all_pictures_are_within_the_axes():
    display = display_of(clouds(4), [[1, 1, 1, 1]]).plot()
    display.figure_.canvas.draw()
    (left, right), (foot, top) = display.ax_.get_xlim(), display.ax_.get_ylim()
    for frame in frames(display):
        assert left < frame.get_x() < frame.get_x() + frame.get_width() < right
        assert foot < frame.get_y() < frame.get_y() + frame.get_height() < top
    (a, b), (c, d) = display.ax_.transData.transform([[0, 0], [1, 1]])
    assert_allclose(c - a, d - b)


def test_a_new_figure_has_the_shape_of_its_picture(fitted):
    row, square = (
        BarycenterDisplay.from_estimator(fitted, clouds(n)).figure_.get_size_inches()
        for n in (2, 4)
    )
    assert row[0] > 3 * row[1]
    assert square[0] == square[1]


# --- errors -----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"weights": np.ones((1, 3))}, r"weights must have shape .*got \(1, 3\)"),
        ({"weights": [[1.0, -1.0]]}, "weights must not be negative"),
        ({"weights": [[0.0, 0.0]]}, "without a positive entry"),
        ({"weights": [[1.0, np.nan]]}, "weights contains NaN"),
        ({"weights": np.ones((2, 2))}, "weights has 2 rows; there are 1 barycenters"),
        ({"labels": ["a"]}, r"inconsistent.*\[2, 1\]"),
        ({"indexing": "ji"}, "indexing must be 'xy' or 'ij'; got 'ji'"),
        ({"barycenters": np.ones((1, 4, 3))}, "barycenters lie in 3 dimensions"),
        ({"clouds": [np.empty((0, 2))]}, r"X\[0\] is empty"),
    ],
)
def test_data_that_do_not_fit_are_refused(options, message):
    data = {"clouds": clouds(2), "barycenters": clouds(1), "weights": [[1.0, 1.0]]}
    with pytest.raises(ValueError, match=message):
        BarycenterDisplay(**data | options)


def test_rows_and_columns_need_a_plane():
    X = clouds(2, n_features=3)
    with pytest.raises(ValueError, match="these have 3 dimensions"):
        BarycenterDisplay(X, X[:1], [[1, 1]], indexing="ij")


@pytest.mark.parametrize("n_clouds", [1, 5])
def test_other_numbers_of_clouds_need_weights(fitted, n_clouds):
    with pytest.raises(ValueError, match=rf"X holds {n_clouds}\. Give weights"):
        BarycenterDisplay.from_estimator(fitted, clouds(n_clouds))


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"n_steps": 2}, ValueError, "n_steps == 2, must be >= 3"),
        ({"n_steps": 3.5}, TypeError, "n_steps must be an instance of int"),
        ({"weights": np.ones((2, 3))}, ValueError, r"weights must .*got \(2, 3\)"),
        ({"indexing": "rc"}, ValueError, "indexing must be"),
        ({"labels": [1, 2, 3]}, ValueError, r"inconsistent.*\[2, 3\]"),
    ],
)
def test_options_that_are_none_are_refused(fitted, options, error, message):
    with pytest.raises(error, match=message):
        BarycenterDisplay.from_estimator(fitted, clouds(2), **options)
    assert pyplot.get_fignums() == []


def test_dots_without_size_are_refused():
    with pytest.raises(ValueError, match="dot_size == 0"):
        display_of(clouds(2), [[1, 1]]).plot(dot_size=0)


def test_an_embedder_that_is_not_fitted_is_refused():
    with pytest.raises(NotFittedError):
        BarycenterDisplay.from_estimator(WormholeEmbedder(), clouds(2))


def test_an_embedder_without_decoder_is_refused():
    X = clouds(8)
    with pytest.raises(AttributeError, match="barycenter"):
        BarycenterDisplay.from_estimator(embedder(X, decoder=False), X[:2])


def test_without_matplotlib_the_extra_is_named(monkeypatch):
    display = display_of(clouds(2), [[1, 1]])  # needs no matplotlib
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    with pytest.raises(ImportError, match=r"pip install 'skwass\[plot\]'"):
        display.plot()
