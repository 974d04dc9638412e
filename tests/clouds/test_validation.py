"""The boundary: every accepted form of X, and what estimators learn from it."""

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.exceptions import NotFittedError
from sklearn.utils.validation import check_is_fitted

from skwass import PointClouds, as_point_clouds
from skwass.clouds import validate_clouds

TRIANGLE = np.array([[0.0, 0.0], [1.0, 0.0], [0.0, 1.0]])
SEGMENT = np.array([[0.0, 0.0], [2.0, 0.0]])


def object_array(items):
    array = np.empty(len(items), dtype=object)
    for index, item in enumerate(items):
        array[index] = item
    return array


def padded(*clouds, rows=5):
    """Clouds as one array, with the padding spread among the points."""
    array = np.full((len(clouds), rows, clouds[0].shape[1]), np.nan)
    for index, points in enumerate(clouds):
        array[index, np.linspace(0, rows - 1, len(points)).astype(int)] = points
    return array


# --- accepted forms ---------------------------------------------------------------


@pytest.mark.parametrize(
    "X",
    [
        [TRIANGLE, SEGMENT],
        (TRIANGLE, SEGMENT),
        [TRIANGLE.tolist(), SEGMENT.tolist()],
        [(TRIANGLE, [1, 1, 1]), (SEGMENT, np.array([2.0, 2.0]))],
        [(TRIANGLE.tolist(), (4, 4, 4)), SEGMENT],
        ((TRIANGLE, np.ones(3)), (SEGMENT, np.ones(2))),
        [list(TRIANGLE), list(SEGMENT)],
        object_array([TRIANGLE, SEGMENT]),
        object_array([(TRIANGLE, np.ones(3)), SEGMENT]),
        padded(TRIANGLE, SEGMENT),
        padded(TRIANGLE, SEGMENT).astype(object),
        PointClouds(np.vstack([TRIANGLE, SEGMENT]), offsets=[0, 3, 5]),
        PointClouds(np.vstack([TRIANGLE, SEGMENT]), [2, 2, 2, 7, 7], [0, 3, 5]),
    ],
    ids=[
        "list of arrays",
        "tuple of arrays",
        "nested lists",
        "points and weights",
        "both kinds",
        "tuple of tuples",
        "lists of vectors",
        "object array",
        "object array of tuples",
        "padded",
        "padded objects",
        "PointClouds",
        "PointClouds, unnormalised",
    ],
)
def test_every_form_of_ragged_clouds_means_the_same(X):
    clouds = as_point_clouds(X)
    assert isinstance(clouds, PointClouds)
    assert_array_equal(clouds.sizes, [3, 2])
    assert_array_equal(clouds[0][0], TRIANGLE)
    assert_array_equal(clouds[1][0], SEGMENT)
    assert_allclose(clouds.weights, [1 / 3, 1 / 3, 1 / 3, 1 / 2, 1 / 2], rtol=1e-15)


def test_a_series_of_clouds_is_read_in_its_order_whatever_its_index():
    pd = pytest.importorskip("pandas")
    series = pd.Series([TRIANGLE, SEGMENT], index=[7, 3])
    assert_array_equal(as_point_clouds(series).sizes, [3, 2])


def test_a_list_may_hold_data_frames():
    pd = pytest.importorskip("pandas")
    clouds = as_point_clouds([pd.DataFrame(TRIANGLE), pd.DataFrame(SEGMENT)])
    assert_array_equal(clouds[1][0], SEGMENT)


@pytest.mark.parametrize(
    "make",
    [np.asarray, np.ndarray.tolist, lambda table: list(table), np.asfortranarray],
)
def test_the_rows_of_a_table_are_clouds_of_one_point(make):
    clouds = as_point_clouds(make(TRIANGLE))
    assert_array_equal(clouds.points, TRIANGLE)
    assert_array_equal(clouds.weights, 1.0)
    assert_array_equal(clouds.offsets, [0, 1, 2, 3])


@pytest.mark.parametrize("library", ["pandas", "polars"])
def test_the_rows_of_a_data_frame_are_clouds_of_one_point(library):
    frame = pytest.importorskip(library).DataFrame({"x": [0, 1], "y": [0.5, 2.0]})
    clouds = as_point_clouds(frame)
    assert_array_equal(clouds.points, [[0, 0.5], [1, 2]])
    assert_array_equal(clouds.sizes, 1)


def test_rows_of_nan_are_padding_wherever_they_stand():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(4, 6, 3))
    hole = rng.random((4, 6)) < 0.5
    hole[:, 2] = False
    X[hole] = np.nan
    clouds = as_point_clouds(X)
    for index, (points, weights) in enumerate(clouds):
        assert_array_equal(points, X[index, ~hole[index]])
        assert_allclose(weights, 1 / (~hole[index]).sum(), rtol=1e-15)


def test_clouds_of_one_dimension_keep_two_axes():
    clouds = as_point_clouds([[[1.0], [2.0]], [[3.0]]])
    assert clouds.n_features == 1
    assert clouds.points.shape == (3, 1)


def test_reading_clouds_twice_gives_the_same_memory():
    once = as_point_clouds([(TRIANGLE, [1, 2, 3]), SEGMENT])
    twice = as_point_clouds(once)
    assert twice.points is once.points
    assert twice.weights is once.weights


# --- types, masses ----------------------------------------------------------------

FORMS = {
    "table": lambda points: points,
    "padded": lambda points: points[None],
    "list": lambda points: [points, points[:1]],
    "weighted": lambda points: [(points, np.ones(len(points), dtype=points.dtype))],
    "PointClouds": PointClouds,
}


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize(
    ("dtype", "expected"),
    [
        (np.float32, np.float32),
        (np.float64, np.float64),
        (np.float16, np.float64),
        (np.int32, np.float64),
        (np.uint8, np.float64),
        (bool, np.float64),
        (object, np.float64),
    ],
)
def test_float32_and_float64_are_kept_and_the_rest_becomes_float64(
    form, dtype, expected
):
    clouds = as_point_clouds(FORMS[form](TRIANGLE.astype(dtype)))
    assert clouds.dtype == expected
    assert clouds.weights.dtype == np.float64
    assert_array_equal(clouds[0][0], TRIANGLE[: clouds.sizes[0]])


def test_clouds_of_mixed_types_take_the_wider_one():
    clouds = as_point_clouds([TRIANGLE.astype(np.float32), SEGMENT])
    assert clouds.dtype == np.float64


@pytest.mark.parametrize("scale", [1e-300, 1e-3, 1.0, 7.0, 1e300])
def test_the_weights_of_each_cloud_sum_to_one_whatever_their_scale(scale):
    X = [(TRIANGLE, scale * np.array([1.0, 2.0, 5.0])), (SEGMENT, [3, 1])]
    expected = [1 / 8, 2 / 8, 5 / 8, 3 / 4, 1 / 4]
    assert_allclose(as_point_clouds(X).weights, expected, rtol=1e-14)


def test_points_of_no_weight_are_dropped():
    clouds = as_point_clouds([(TRIANGLE, [0, 1, 3]), (SEGMENT, [2, 0]), SEGMENT])
    assert_array_equal(clouds.sizes, [2, 1, 2])
    assert_array_equal(clouds[0][0], TRIANGLE[1:])
    assert_array_equal(clouds[1][0], SEGMENT[:1])
    assert_allclose(clouds.weights, [0.25, 0.75, 1, 0.5, 0.5])


def test_the_caller_keeps_what_he_gave():
    points, weights = TRIANGLE.copy(), np.array([0.0, 1.0, 3.0])
    clouds = PointClouds(points, weights)
    as_point_clouds(clouds)
    assert_array_equal(points, TRIANGLE)
    assert_array_equal(weights, [0, 1, 3])
    assert_array_equal(clouds.sizes, [3])


# --- for estimators ---------------------------------------------------------------


class MeanPoint(TransformerMixin, BaseEstimator):
    """The mean of each cloud."""

    def fit(self, X, y=None):
        validate_clouds(self, X, reset=True, min_clouds=2)
        return self

    def transform(self, X):
        check_is_fitted(self)
        clouds = validate_clouds(self, X, reset=False)
        return np.array([weights @ points for points, weights in clouds])


@pytest.mark.parametrize(
    "X",
    [TRIANGLE, [TRIANGLE, SEGMENT], padded(TRIANGLE, SEGMENT)],
    ids=["table", "list", "padded"],
)
def test_fit_learns_the_dimension_of_the_points(X):
    estimator = MeanPoint().fit(X)
    assert estimator.n_features_in_ == 2
    assert not hasattr(estimator, "feature_names_in_")
    assert_allclose(
        estimator.transform([TRIANGLE, (SEGMENT, [1, 3])]), [[1 / 3, 1 / 3], [1.5, 0]]
    )


@pytest.mark.parametrize(
    "X",
    [np.eye(3), [np.eye(3), np.eye(3)], np.ones((2, 4, 3)), PointClouds(np.eye(3))],
    ids=["table", "list", "padded", "PointClouds"],
)
def test_another_dimension_at_transform_raises_in_the_words_of_scikit_learn(X):
    estimator = MeanPoint().fit([TRIANGLE, SEGMENT])
    message = "X has 3 features, but MeanPoint is expecting 2 features as input"
    with pytest.raises(ValueError, match=message):
        estimator.transform(X)
    assert estimator.n_features_in_ == 2


def test_feature_names_come_from_data_frames_and_are_checked():
    pd = pytest.importorskip("pandas")
    frame = pd.DataFrame(TRIANGLE, columns=["x", "y"])
    estimator = MeanPoint().fit(frame)
    assert_array_equal(estimator.feature_names_in_, ["x", "y"])
    assert_array_equal(estimator.transform(frame), TRIANGLE)
    with pytest.raises(ValueError, match="feature names should match"):
        estimator.transform(frame[["y", "x"]])
    with pytest.warns(UserWarning, match="does not have valid feature names"):
        estimator.transform([TRIANGLE])
    assert not hasattr(estimator.fit([TRIANGLE, SEGMENT]), "feature_names_in_")


def test_a_failed_transform_leaves_the_estimator_as_it_was():
    estimator = MeanPoint()
    with pytest.raises(NotFittedError):
        estimator.transform([TRIANGLE])
    estimator.fit([TRIANGLE, SEGMENT])
    state = dict(vars(estimator))
    with pytest.raises(ValueError, match=r"X\[0\] is empty"):
        estimator.transform([np.empty((0, 2))])
    assert vars(estimator) == state


@pytest.mark.parametrize(
    ("X", "words"),
    [
        ([TRIANGLE], "PointClouds with 1 sample"),
        (TRIANGLE[:1], r"array with 1 sample\(s\)"),
    ],
    ids=["list", "table"],
)
def test_too_few_clouds_name_the_estimator(X, words):
    with pytest.raises(ValueError, match=f"{words}.* minimum of 2 .* by MeanPoint"):
        MeanPoint().fit(X)
