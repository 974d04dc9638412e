"""The boundary: every error about X, which names the cloud that is to blame."""

import numpy as np
import pytest
import scipy.sparse

from skwass import PointClouds, as_point_clouds

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


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_points_that_are_not_finite_raise_and_name_the_cloud(bad):
    broken = TRIANGLE.copy()
    broken[1, 1] = bad
    message = r"X\[2\] has NaN or infinity in points"
    for X in (
        [TRIANGLE, SEGMENT, broken, broken],
        [TRIANGLE, SEGMENT, (broken, [1, 1, 1])],
        PointClouds(np.vstack([TRIANGLE, broken]), offsets=[0, 1, 3, 6]),
    ):
        with pytest.raises(ValueError, match=message):
            as_point_clouds(X)
    with pytest.raises(ValueError, match="Input X contains"):
        as_point_clouds(broken)


def test_infinity_in_a_padded_array_raises_and_names_the_cloud():
    X = padded(TRIANGLE, SEGMENT)
    X[1, 0] = np.inf
    with pytest.raises(ValueError, match=r"X\[1\] has NaN or infinity in points"):
        as_point_clouds(X)


def test_a_padded_row_that_is_nan_in_part_raises_and_names_the_row():
    X = padded(TRIANGLE, SEGMENT)
    X[1, 4, 1] = np.nan
    with pytest.raises(ValueError, match=r"X\[1, 4\], that is NaN in part"):
        as_point_clouds(X)


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_weights_that_are_not_finite_raise_and_name_the_cloud(bad):
    with pytest.raises(ValueError, match=r"X\[1\] has NaN or infinity in weights"):
        as_point_clouds([TRIANGLE, (SEGMENT, [1, bad])])


def test_negative_weights_raise_and_name_the_cloud():
    with pytest.raises(ValueError, match=r"X\[1\] has negative weights"):
        as_point_clouds([TRIANGLE, (SEGMENT, [1, -0.5])])


def test_weights_of_zero_alone_raise_and_name_the_cloud():
    with pytest.raises(ValueError, match=r"X\[1\] has no mass"):
        as_point_clouds([TRIANGLE, (SEGMENT, [0, 0])])


def test_weights_that_overflow_raise_and_name_the_cloud():
    with pytest.raises(ValueError, match=r"weights of X\[1\] .* overflow"):
        as_point_clouds([TRIANGLE, (SEGMENT, [1e308, 1e308])])


@pytest.mark.parametrize(
    "X",
    [
        [TRIANGLE, np.empty((0, 2)), np.empty((0, 2))],
        [TRIANGLE, (np.empty((0, 2)), [])],
        padded(TRIANGLE, SEGMENT[:0]),
        PointClouds(TRIANGLE, offsets=[0, 2, 2, 3]),
    ],
    ids=["list", "weighted", "padded", "PointClouds"],
)
def test_an_empty_cloud_raises_and_is_named(X):
    with pytest.raises(ValueError, match=r"X\[1\] is empty"):
        as_point_clouds(X)


def test_an_array_of_no_points_raises():
    with pytest.raises(ValueError, match=r"X\[0\] is empty"):
        as_point_clouds(np.empty((2, 0, 3)))


def test_clouds_of_different_dimension_raise_and_both_are_named():
    with pytest.raises(
        ValueError, match=r"X\[0\] has 2 features and X\[2\] has 3"
    ) as error:
        as_point_clouds([TRIANGLE, SEGMENT, np.eye(3), np.eye(4)])
    assert "same dimension" in str(error.value)


@pytest.mark.parametrize("length", [0, 1, 3])
def test_a_tuple_that_is_no_pair_raises(length):
    item = (TRIANGLE, np.ones(3), np.ones(3))[:length]
    with pytest.raises(ValueError, match=rf"X\[1\] is a tuple of {length}"):
        as_point_clouds([TRIANGLE, item])


@pytest.mark.parametrize(
    ("X", "message"),
    [
        ("abc", "could not convert string to float"),
        (["ab", "cd"], "could not convert string to float"),
        ([["a", "b"]], "could not convert string to float"),
        ([TRIANGLE, "abc"], r"X\[1\] must be real numbers; got dtype <U3"),
        ([TRIANGLE, [["a", "b"]]], r"X\[1\] must be real numbers; got dtype <U1"),
        ([(SEGMENT, "abc")], r"weights of X\[0\] must be real numbers"),
        ([(SEGMENT, ["a", "b"])], r"weights of X\[0\] must be real numbers"),
        (np.full((2, 2, 2), "a"), "X must be real numbers"),
        ([np.array([["a", 1]], dtype=object)], r"X\[0\] must hold numbers only"),
        ([TRIANGLE + 1j], r"X\[0\] must be real numbers; got dtype complex128"),
        ([(SEGMENT, [1, 1j])], r"weights of X\[0\] must be real numbers"),
        (TRIANGLE + 1j, "Complex data not supported"),
        ((TRIANGLE + 1j)[None], "X must be real numbers; got dtype complex128"),
        ([np.array([["2020", "2021"]], dtype="M8[Y]")], "got dtype datetime64"),
    ],
    ids=str,
)
def test_what_is_no_real_number_raises(X, message):
    with pytest.raises(ValueError, match=message):
        as_point_clouds(X)


@pytest.mark.parametrize(
    "make", [scipy.sparse.csr_array, scipy.sparse.csr_matrix, scipy.sparse.coo_array]
)
def test_sparse_input_raises(make):
    with pytest.raises(TypeError, match="Sparse data was passed"):
        as_point_clouds(make(TRIANGLE))
    with pytest.raises(ValueError, match=r"X\[1\] must hold numbers only"):
        as_point_clouds([TRIANGLE, make(TRIANGLE)])


@pytest.mark.parametrize("shape", [(), (2,), (4,), (3, 1), (1, 3)])
def test_weights_of_another_shape_raise(shape):
    with pytest.raises(ValueError, match=r"weights of X\[1\] have shape") as error:
        as_point_clouds([SEGMENT, (TRIANGLE, np.ones(shape))])
    assert str(error.value).endswith("expected (3,), one for each point.")


@pytest.mark.parametrize(
    ("X", "message"),
    [
        (np.arange(3.0), "Expected 2D array, got 1D array"),
        ([1.0, 2.0], "Expected 2D array, got 1D array"),
        (3.0, "Expected 2D array, got scalar array"),
        ([None], "Expected 2D array"),
        ([], "X is empty: expected at least one cloud"),
        ((), "X is empty: expected at least one cloud"),
        (np.empty((0, 2)), r"0 sample\(s\)"),
        (np.zeros((1, 1, 1, 1)), "X has 4 dimensions.*Images go through ImageToCloud"),
        ([np.zeros((1, 1, 1))], r"X\[0\] has shape \(1, 1, 1\)"),
        ([TRIANGLE, np.arange(2.0)], r"X\[1\] has shape \(2,\); a cloud must have"),
        ([TRIANGLE, None], r"X\[1\] has shape \(\); a cloud must have"),
        ([TRIANGLE, []], r"X\[1\] has shape \(0,\); a cloud must have"),
        ([[[1, 2], [3]]], r"X\[0\] must be a regular array"),
        ([TRIANGLE, [[None, 1.0]]], r"X\[1\] has NaN or infinity in points"),
    ],
    ids=repr,
)
def test_another_shape_raises(X, message):
    with pytest.raises(ValueError, match=message):
        as_point_clouds(X)


@pytest.mark.parametrize(
    "X",
    [
        [[1, 2, 3], [1, 2, 3], [4, 5]],
        [np.arange(3.0), np.arange(3.0), np.arange(2.0)],
        object_array([np.arange(3.0), np.arange(3.0), np.arange(2.0)]),
        [(1, 2, 3), np.arange(3.0), [4, 5]],
    ],
    ids=["lists", "arrays", "object array", "mixed"],
)
def test_rows_of_different_length_raise_and_tell_what_a_cloud_looks_like(X):
    with pytest.raises(
        ValueError, match=r"X\[0\] has 3 numbers and X\[2\] has 2.*\(n_points, 1\)"
    ):
        as_point_clouds(X)


@pytest.mark.parametrize(
    "X",
    [np.empty((3, 0)), np.empty((2, 3, 0)), [np.empty((3, 0))], [[]]],
    ids=["table", "padded", "list", "nested"],
)
def test_points_without_coordinates_raise(X):
    with pytest.raises(ValueError, match=r"n_features = 0|0 feature\(s\)"):
        as_point_clouds(X)


@pytest.mark.parametrize(
    "X", [TRIANGLE[:2], [TRIANGLE, SEGMENT], padded(TRIANGLE, SEGMENT)]
)
def test_too_few_clouds_raise(X):
    assert len(as_point_clouds(X, min_clouds=2)) == 2
    with pytest.raises(ValueError, match=r"2 sample\(s\).* minimum of 3 is required"):
        as_point_clouds(X, min_clouds=3)


def test_no_clouds_raise_unless_none_are_needed():
    nothing = PointClouds(TRIANGLE)[:0]
    with pytest.raises(ValueError, match=r"0 sample\(s\)"):
        as_point_clouds(nothing)
    assert len(as_point_clouds(nothing, min_clouds=0)) == 0


@pytest.mark.parametrize(
    "X", [None, {0: TRIANGLE}, {1.0}, (cloud for cloud in [TRIANGLE]), iter([TRIANGLE])]
)
def test_what_holds_no_samples_in_order_is_refused_by_name(X):
    with pytest.raises(TypeError, match=rf"X is a {type(X).__name__}; expected"):
        as_point_clouds(X)
