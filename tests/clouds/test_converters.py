"""Images and histograms as clouds."""

import numpy as np
import pytest
import sklearn
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.base import clone
from sklearn.model_selection import GridSearchCV
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer

from skwass import (
    HistogramToCloud,
    ImageToCloud,
    PointClouds,
    as_point_clouds,
    wasserstein_distances,
)

# a bar, a dot and a corner, as rows of four pixels
FLAT = np.array([[0.0, 1.0, 0.0, 3.0], [0.0, 0.0, 5.0, 0.0], [2.0, 1.0, 1.0, 0.0]])
STACK = FLAT.reshape(3, 2, 2)


def random_images(seed=0, n_images=6, shape=(4, 5)):
    rng = np.random.default_rng(seed)
    images = rng.integers(0, 9, size=(n_images, *shape)).astype(float)
    images[rng.random(images.shape) < 0.5] = 0.0
    images[:, 0, 0] = 1.0
    return images


def assert_clouds_equal(first, second):
    assert_array_equal(first.offsets, second.offsets)
    assert_array_equal(first.points, second.points)
    assert_allclose(first.weights, second.weights, rtol=1e-15)


# --- what comes out ---------------------------------------------------------------


@pytest.mark.parametrize(
    ("converter", "X"),
    [
        (ImageToCloud((2, 2)), FLAT),
        (ImageToCloud([2, 2]), FLAT),
        (ImageToCloud((2, -1)), FLAT),
        (ImageToCloud((-1, 2)), FLAT.tolist()),
        (ImageToCloud((np.int64(2), 2)), FLAT),
        (ImageToCloud(), STACK),
        (ImageToCloud(), STACK.tolist()),
        (ImageToCloud(), list(STACK)),
        (ImageToCloud((2, 2)), STACK),
        (ImageToCloud((-1, 2)), STACK),
        (HistogramToCloud([[0, 0], [0, 1], [1, 0], [1, 1]]), FLAT),
    ],
    ids=str,
)
def test_pixels_are_points_at_row_and_column_with_their_share_as_weight(converter, X):
    clouds = converter.fit_transform(X)
    assert isinstance(clouds, PointClouds)
    assert_array_equal(clouds.sizes, [2, 1, 3])
    assert_array_equal(clouds[0][0], [[0, 1], [1, 1]])
    assert_array_equal(clouds[0][1], [0.25, 0.75])
    assert_array_equal(clouds[1][0], [[1, 0]])
    assert_array_equal(clouds[1][1], [1.0])
    assert_array_equal(clouds[2][0], [[0, 0], [0, 1], [1, 0]])
    assert_array_equal(clouds[2][1], [0.5, 0.25, 0.25])


@pytest.mark.parametrize("shape", [(4, 5), (2, 3, 4), (7,), (1, 2, 3, 2)])
def test_the_points_are_the_indices_of_what_is_not_zero(shape):
    images = random_images(shape=(int(np.prod(shape)), 1)).reshape(-1, *shape)
    flat = images.reshape(len(images), -1)
    for index, (points, weights) in enumerate(ImageToCloud(shape).transform(flat)):
        assert_array_equal(points, np.argwhere(images[index]))
        assert_allclose(weights * images[index].sum(), images[index][images[index] > 0])


def test_volumes_come_as_a_stack_or_flat():
    volumes = random_images(shape=(6, 4)).reshape(6, 2, 3, 4)
    stacked = ImageToCloud().fit_transform(volumes)
    assert stacked.n_features == 3
    flat = ImageToCloud((2, -1, 4)).fit_transform(volumes.reshape(6, -1))
    assert_clouds_equal(flat, stacked)


def test_fit_on_a_stack_transforms_flat_rows_and_the_other_way_round():
    expected = ImageToCloud().fit_transform(STACK)
    assert_clouds_equal(ImageToCloud((2, 2)).fit(STACK).transform(FLAT), expected)
    assert_clouds_equal(ImageToCloud((2, 2)).fit(FLAT).transform(STACK), expected)


def test_distances_of_moved_images_are_in_pixels():
    images = np.zeros((2, 9, 9))
    images[0, 1:3, 2:4] = [[1, 2], [3, 4]]
    images[1, 4:6, 6:8] = [[1, 2], [3, 4]]  # three rows and four columns further
    distances = wasserstein_distances(ImageToCloud().fit_transform(images))
    assert_allclose(distances, [[0, 5], [5, 0]], rtol=1e-12)


def test_histograms_lie_on_a_line_unless_told_otherwise():
    clouds = HistogramToCloud().fit_transform([[0, 2, 0, 6], [1, 0, 0, 0]])
    assert_array_equal(clouds[0][0], [[1], [3]])
    assert_array_equal(clouds[0][1], [0.25, 0.75])
    assert_array_equal(clouds[1][0], [[0]])


def test_histograms_take_a_support_of_one_dimension():
    clouds = HistogramToCloud([0.5, 1.5, 10.0]).fit_transform([[0, 1, 1]])
    assert_array_equal(clouds[0][0], [[1.5], [10.0]])


@pytest.mark.parametrize("converter", [ImageToCloud((2, 2)), HistogramToCloud()])
@pytest.mark.parametrize(
    ("dtype", "expected"),
    [
        (np.float32, np.float32),
        (np.float64, np.float64),
        (np.uint8, np.float64),
        (np.int64, np.float64),
        (bool, np.float64),
    ],
)
def test_float32_is_kept_and_weights_are_exact(converter, dtype, expected):
    X = (FLAT * 50).astype(dtype)  # sums beyond what a byte can hold
    clouds = converter.fit_transform(X)
    assert clouds.dtype == expected
    assert clouds.weights.dtype == np.float64
    ratio = X.astype(float) / X.sum(axis=1, dtype=float, keepdims=True)
    assert_allclose(clouds.weights, ratio[ratio > 0], rtol=1e-15)


def test_weights_of_float32_images_sum_to_one_in_float64():
    images = np.random.default_rng(0).random((3, 20, 20), dtype=np.float32)
    sums = [weights.sum() for _, weights in ImageToCloud().fit_transform(images)]
    assert_allclose(sums, 1.0, rtol=1e-13)


# --- threshold --------------------------------------------------------------------


@pytest.mark.parametrize(("threshold", "kept"), [(0.0, 3), (0.5, 3), (1, 1), (1.9, 1)])
def test_pixels_must_be_brighter_than_the_threshold(threshold, kept):
    clouds = ImageToCloud((2, 2), threshold=threshold).fit_transform(FLAT[2:])
    assert_array_equal(clouds.sizes, [kept])
    assert_allclose(clouds.weights.sum(), 1.0)


@pytest.mark.parametrize(
    "converter",
    [ImageToCloud((2, 2), threshold=None), HistogramToCloud(threshold=None)],
    ids=str,
)
def test_without_threshold_every_pixel_stays(converter):
    clouds = converter.fit_transform(FLAT)
    assert_array_equal(clouds.sizes, 4)
    expected = FLAT / FLAT.sum(axis=1, keepdims=True)
    assert_array_equal(clouds.weights.reshape(3, 4), expected)


def test_points_without_mass_change_nothing_for_estimators():
    with_zeros = ImageToCloud((2, 2), threshold=None).fit_transform(FLAT)
    without = ImageToCloud((2, 2)).fit_transform(FLAT)
    assert_clouds_equal(as_point_clouds(with_zeros), without)


def test_the_threshold_of_bytes_may_lie_between_them():
    X = np.array([[0, 1, 2, 255]], dtype=np.uint8)
    clouds = HistogramToCloud(threshold=1.5).fit_transform(X)
    assert_array_equal(clouds.points, [[2], [3]])


# --- a function of one sample -----------------------------------------------------


@pytest.mark.parametrize("threshold", [0.0, 2.5, None])
@pytest.mark.parametrize("make", [ImageToCloud, HistogramToCloud])
def test_each_sample_is_converted_on_its_own(make, threshold):
    X = random_images().reshape(6, -1)
    X[:, 0] = 9.0
    shape = {"shape": (4, 5)} if make is ImageToCloud else {}
    converter = make(**shape, threshold=threshold).fit(X)
    together = converter.transform(X)
    for index in range(6):
        alone = converter.transform(X[[index]])
        assert_clouds_equal(alone, together[index : index + 1])
    order = np.array([3, 0, 5, 1, 4, 2])
    assert_clouds_equal(converter.transform(X[order]), together[order])


@pytest.mark.parametrize("factor", [2.0, 1e-3, 1e6])
def test_brightness_does_not_matter(factor):
    images = random_images()
    bright = ImageToCloud().fit_transform(factor * images)
    assert_clouds_equal(bright, ImageToCloud().fit_transform(images))


def test_transform_needs_no_fit_and_learns_nothing():
    converter = ImageToCloud((2, 2))
    clouds = converter.transform(FLAT)
    assert vars(converter) == {"shape": (2, 2), "threshold": 0.0}
    assert_clouds_equal(clouds, ImageToCloud((2, 2)).fit_transform(FLAT))


def test_the_input_is_not_changed():
    images = random_images()
    before = images.copy()
    ImageToCloud(threshold=1.0).fit_transform(images)
    assert_array_equal(images, before)


# --- inside scikit-learn ----------------------------------------------------------


@pytest.mark.parametrize(
    "converter",
    [
        ImageToCloud((2, -1), threshold=0.5),
        ImageToCloud(),
        HistogramToCloud(np.eye(4), threshold=None),
    ],
    ids=str,
)
def test_clones_have_the_same_parameters(converter):
    again = clone(converter)
    assert again is not converter
    assert repr(again) == repr(converter)


@pytest.mark.parametrize("output", ["default", "pandas", "polars"])
def test_the_output_setting_of_a_pipeline_passes_by(output):
    pipeline = make_pipeline(
        FunctionTransformer(feature_names_out="one-to-one"), ImageToCloud((2, 2))
    )
    if output != "default":
        pytest.importorskip(output)
    pipeline.set_output(transform=output)
    assert isinstance(pipeline.fit_transform(FLAT), PointClouds)
    assert isinstance(pipeline.transform(FLAT), PointClouds)


def test_the_global_output_setting_passes_by():
    pytest.importorskip("pandas")
    with sklearn.config_context(transform_output="pandas"):
        assert isinstance(ImageToCloud().fit_transform(STACK), PointClouds)
        assert isinstance(HistogramToCloud().fit_transform(FLAT), PointClouds)


def test_feature_names_of_a_data_frame_are_kept_and_checked():
    pd = pytest.importorskip("pandas")
    frame = pd.DataFrame(FLAT, columns=["a", "b", "c", "d"])
    converter = ImageToCloud((2, 2)).fit(frame)
    assert_array_equal(converter.feature_names_in_, ["a", "b", "c", "d"])
    with pytest.raises(ValueError, match="feature names should match"):
        converter.transform(frame[["b", "a", "c", "d"]])


def test_the_support_may_be_a_data_frame():
    pd = pytest.importorskip("pandas")
    support = pd.DataFrame({"x": [0, 1, 2, 3], "y": [0.0, 0.5, 0, 0]})
    clouds = HistogramToCloud(support).fit_transform([[0, 1, 0, 0]])
    assert_array_equal(clouds.points, [[1, 0.5]])


def test_a_search_over_the_threshold_finds_the_one_that_drops_the_noise():
    # a bright dot in one of two neighbouring bins, under a veil
    rng = np.random.default_rng(0)
    y = np.repeat([0, 1], 20)
    X = rng.uniform(0, 1, size=(40, 30))
    X[np.arange(40), 14 + y] += 3.0

    def mean_place(clouds):
        assert isinstance(clouds, PointClouds)
        return np.array([weights @ points for points, weights in clouds])

    search = GridSearchCV(
        make_pipeline(
            HistogramToCloud(),
            FunctionTransformer(mean_place),
            KNeighborsClassifier(1),
        ),
        {"histogramtocloud__threshold": [0.0, 1.5]},
        cv=2,
        error_score="raise",
    ).fit(X, y)
    assert search.best_params_ == {"histogramtocloud__threshold": 1.5}
    veiled, clear = search.cv_results_["mean_test_score"]
    assert veiled < 0.9
    assert clear == 1.0


# --- errors -----------------------------------------------------------------------


def test_flat_images_without_shape_raise_and_tell_what_to_do():
    message = (
        r"flat images of 4 pixels .*say their shape, as in ImageToCloud\(\(8, 8\)\)"
    )
    with pytest.raises(ValueError, match=message):
        ImageToCloud().fit(FLAT)


@pytest.mark.parametrize("shape", [(2, 3), (4, 2), (3, -1), (5,), (-1, 8)])
def test_a_shape_that_does_not_fit_the_pixels_raises(shape):
    with pytest.raises(ValueError, match=r"images of 4 pixels .* do not fit shape="):
        ImageToCloud(shape).fit(FLAT)


@pytest.mark.parametrize("shape", [(4,), (4, 1), (1, -1), (2, 2, 1)])
def test_a_stack_of_another_shape_raises(shape):
    with pytest.raises(ValueError, match=r"promised; X has images of shape \(2, 2\)"):
        ImageToCloud(shape).fit(STACK)


@pytest.mark.parametrize(
    "shape", [(), (0, 4), (-1, -1), (2, -2), (2.0, 2), ("2", 2), (None, 4)]
)
def test_a_shape_that_is_none_raises(shape):
    with pytest.raises(ValueError, match="shape must have positive integers"):
        ImageToCloud(shape).fit(FLAT)


@pytest.mark.parametrize("converter", [ImageToCloud((2, 2)), HistogramToCloud()])
def test_negative_values_raise_and_name_the_sample(converter):
    broken = FLAT.copy()
    broken[1, 3] = -1e-9
    with pytest.raises(ValueError, match=r"Negative values .*X\[1\]"):
        converter.fit(broken)
    with pytest.raises(ValueError, match=r"Negative values .*X\[1\]"):
        clone(converter).fit(FLAT).transform(broken)


@pytest.mark.parametrize("threshold", [0.0, 2.0])
@pytest.mark.parametrize("make", [ImageToCloud, HistogramToCloud])
def test_a_blank_sample_raises_and_is_named(make, threshold):
    X = np.full((4, 4), 3.0)
    X[2:] = threshold
    shape = {"shape": (2, 2)} if make is ImageToCloud else {}
    converter = make(**shape, threshold=threshold)
    with pytest.raises(ValueError, match=r"X\[2\] makes an empty cloud") as error:
        converter.transform(X)
    assert f"threshold={threshold}" in str(error.value)


def test_a_blank_sample_that_keeps_its_points_is_refused_by_what_follows():
    X = FLAT.copy()
    X[1] = 0.0
    clouds = ImageToCloud((2, 2), threshold=None).fit_transform(X)
    assert_array_equal(clouds[1][1], 0.0)
    with pytest.raises(ValueError, match=r"X\[1\] has no mass"):
        as_point_clouds(clouds)


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_values_that_are_not_finite_raise(bad):
    broken = STACK.copy()
    broken[0, 0, 0] = bad
    for converter, X in [
        (ImageToCloud(), broken),
        (ImageToCloud((2, 2)), broken.reshape(3, 4)),
        (HistogramToCloud(), broken.reshape(3, 4)),
    ]:
        with pytest.raises(ValueError, match="Input X contains"):
            converter.fit(X)


def test_another_number_of_pixels_at_transform_raises():
    with pytest.raises(ValueError, match="X has 5 features, but ImageToCloud is exp"):
        ImageToCloud((1, -1)).fit(FLAT).transform(np.ones((2, 5)))
    with pytest.raises(ValueError, match="X has 9 features, but ImageToCloud is exp"):
        ImageToCloud().fit(STACK).transform(np.ones((2, 3, 3)))
    with pytest.raises(ValueError, match="X has 5 features, but HistogramToCloud is"):
        HistogramToCloud().fit(FLAT).transform(np.ones((2, 5)))


def test_a_support_of_another_length_raises():
    with pytest.raises(ValueError, match="support has 3 places and X has 4 bins"):
        HistogramToCloud([0, 1, 2]).fit(FLAT)


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_a_support_that_is_not_finite_raises(bad):
    with pytest.raises(ValueError, match="Input support contains"):
        HistogramToCloud([0, 1, 2, bad]).fit(FLAT)


def test_histograms_of_more_than_two_axes_raise():
    with pytest.raises(ValueError, match="dim 3"):
        HistogramToCloud().fit(STACK)
