"""The container: indexing like an array of clouds, views, pickles, memory maps."""

import pickle

import numpy as np
import pytest
from numpy.testing import assert_array_equal
from sklearn.model_selection import KFold, train_test_split
from sklearn.utils import _safe_indexing, resample

from skwass import PointClouds, as_point_clouds, wasserstein_distances

SIZES = [3, 1, 4, 2, 5]


def make_clouds(sizes=SIZES, dtype=np.float64):
    """Clouds in which every number says where it belongs."""
    n_points = sum(sizes)
    owner = np.repeat(np.arange(len(sizes)), sizes)
    points = np.column_stack([owner, np.arange(n_points)]).astype(dtype)
    weights = 1.0 + np.arange(n_points)
    return PointClouds(points, weights, np.cumsum([0, *sizes]))


def owners(clouds):
    """Which clouds of `make_clouds` these are."""
    return [int(points[0, 0]) for points, _ in clouds]


def assert_same_clouds(first, second):
    assert_array_equal(first.points, second.points)
    assert_array_equal(first.weights, second.weights)
    assert_array_equal(first.offsets, second.offsets)


# --- indexing ---------------------------------------------------------------------


@pytest.mark.parametrize(
    ("key", "expected"),
    [
        (slice(None), [0, 1, 2, 3, 4]),
        (slice(1, 3), [1, 2]),
        (slice(-2, None), [3, 4]),
        (slice(0, 100), [0, 1, 2, 3, 4]),
        (slice(4, 1), []),
        (slice(None, None, 2), [0, 2, 4]),
        (slice(None, None, -1), [4, 3, 2, 1, 0]),
        (slice(3, 0, -2), [3, 1]),
        ([3, 0, 3], [3, 0, 3]),
        ([], []),
        (np.array([4, -4]), [4, 1]),
        (np.array([2], dtype=np.uint8), [2]),
        (np.array([True, False, True, False, False]), [0, 2]),
        ([False, True, False, False, True], [1, 4]),
        (np.zeros(5, dtype=bool), []),
        (Ellipsis, [0, 1, 2, 3, 4]),
    ],
    ids=str,
)
def test_indexing_selects_clouds_as_numpy_selects_rows(key, expected):
    clouds = make_clouds()
    chosen = clouds[key]
    assert isinstance(chosen, PointClouds)
    assert_array_equal(np.arange(len(clouds))[key], expected)
    assert owners(chosen) == expected
    assert_array_equal(chosen.sizes, np.array(SIZES)[expected])
    for (points, weights), index in zip(chosen, expected, strict=True):
        assert_array_equal(points, clouds[index][0])
        assert_array_equal(weights, clouds[index][1])


@pytest.mark.parametrize(
    "key", [slice(1, 4), slice(None, None, 3), [2, 2, 0], np.arange(5) > 2], ids=str
)
def test_a_trailing_ellipsis_changes_nothing(key):
    clouds = make_clouds()
    assert_same_clouds(clouds[key, ...], clouds[key])


@pytest.mark.parametrize("index", [0, 2, 4, -1, -5, np.int32(3), np.array(1)])
def test_an_integer_gives_the_points_and_weights_of_one_cloud(index):
    clouds = make_clouds()
    points, weights = clouds[index]
    place = range(5)[int(index)]
    assert points.shape == (SIZES[place], 2)
    assert_array_equal(points[:, 0], place)
    assert_array_equal(weights, 1.0 + points[:, 1])
    again, _ = clouds[index, ...]
    assert_array_equal(again, points)


@pytest.mark.parametrize("key", [5, -6, [0, 5], np.array([-6])], ids=str)
def test_an_index_out_of_range_raises(key):
    with pytest.raises(IndexError, match="out of bounds for axis 0 with size 5"):
        make_clouds()[key]


@pytest.mark.parametrize(
    "key", [[[0, 1]], None, (0, 1), 1.0, "a", np.ones(4, dtype=bool)], ids=str
)
def test_an_index_of_another_kind_raises(key):
    with pytest.raises(IndexError):
        make_clouds()[key]


def test_len_shape_and_sizes_agree():
    clouds = make_clouds(dtype=np.float32)
    assert len(clouds) == 5
    assert clouds.shape == (5,)
    assert clouds.n_features == 2
    assert clouds.dtype == np.float32
    assert_array_equal(clouds.sizes, SIZES)


def test_iteration_gives_every_cloud_once_in_order():
    seen = list(make_clouds())
    assert [len(points) for points, _ in seen] == SIZES
    assert_array_equal(np.concatenate([p for p, _ in seen])[:, 1], np.arange(15))
    assert_array_equal(np.concatenate([w for _, w in seen]), 1.0 + np.arange(15))


def test_a_contiguous_slice_is_a_view():
    clouds = make_clouds()
    part = clouds[1:4]
    assert np.shares_memory(part.points, clouds.points)
    assert np.shares_memory(part.weights, clouds.weights)
    part.points[0] = 77.0
    assert_array_equal(clouds[1][0], [[77.0, 77.0]])


def test_a_single_cloud_is_a_view():
    clouds = make_clouds()
    assert np.shares_memory(clouds[2][0], clouds.points)


def test_chosen_clouds_are_a_copy():
    clouds = make_clouds()
    part = clouds[[1, 2]]
    part.points[:] = 77.0
    assert owners(clouds) == [0, 1, 2, 3, 4]


def test_an_empty_selection_keeps_the_dimension():
    nothing = make_clouds()[[]]
    assert len(nothing) == 0
    assert nothing.shape == (0,)
    assert nothing.n_features == 2
    assert list(nothing) == []
    assert nothing.to_padded().shape == (0, 0, 2)
    assert repr(nothing) == "PointClouds(n_clouds=0, n_features=2, sizes=0..0)"


# --- scikit-learn's ways to cut data ----------------------------------------------


def test_train_test_split_keeps_point_clouds_and_their_labels_together():
    clouds = make_clouds()
    train, test, y_train, y_test = train_test_split(
        clouds, np.arange(5), test_size=2, random_state=0
    )
    assert isinstance(train, PointClouds)
    assert isinstance(test, PointClouds)
    assert owners(train) == list(y_train)
    assert owners(test) == list(y_test)
    assert sorted([*y_train, *y_test]) == [0, 1, 2, 3, 4]


def test_kfold_covers_every_cloud_once():
    clouds = make_clouds()
    tested = []
    for train, test in KFold(3).split(clouds):
        assert not set(owners(clouds[train])) & set(owners(clouds[test]))
        tested += owners(clouds[test])
    assert tested == [0, 1, 2, 3, 4]


def test_resample_keeps_point_clouds():
    drawn, labels = resample(make_clouds(), np.arange(5), n_samples=9, random_state=0)
    assert isinstance(drawn, PointClouds)
    assert owners(drawn) == list(labels)


@pytest.mark.parametrize(
    "key", [[4, 0], np.array([1]), np.arange(5) % 2 == 0, slice(0, 2)], ids=str
)
def test_safe_indexing_keeps_point_clouds(key):
    assert_same_clouds(_safe_indexing(make_clouds(), key), make_clouds()[key])


# --- arrays, pickles, memory maps -------------------------------------------------


@pytest.mark.parametrize("part", [slice(None), slice(1, 3), [4, 1]], ids=str)
def test_pickling_keeps_every_number(part):
    clouds = make_clouds(dtype=np.float32)[part]
    again = pickle.loads(pickle.dumps(clouds))
    assert_same_clouds(again, clouds)
    assert again.dtype == np.float32


def test_repr_names_number_dimension_and_sizes():
    assert repr(make_clouds()) == "PointClouds(n_clouds=5, n_features=2, sizes=1..5)"


def test_to_padded_fills_with_nan_and_as_point_clouds_reads_it_back():
    clouds = make_clouds(dtype=np.float32)
    padded = clouds.to_padded()
    assert padded.shape == (5, 5, 2)
    assert padded.dtype == np.float32
    assert_array_equal(np.isnan(padded).all(axis=2).sum(axis=1), 5 - clouds.sizes)
    again = as_point_clouds(padded)
    assert_array_equal(again.points, clouds.points)
    assert_array_equal(again.offsets, clouds.offsets)


def test_an_array_of_unequal_weights_warns_and_holds_the_points():
    clouds = make_clouds()
    with pytest.warns(UserWarning, match="forgets their weights"):
        array = np.asarray(clouds)
    assert_array_equal(array, clouds.to_padded())


@pytest.mark.parametrize("scales", [[1, 1, 1], [1, 5, 0.1]])
def test_an_array_of_equal_weights_is_silent_whatever_their_scale(scales):
    sizes = [2, 3, 1]
    clouds = PointClouds(np.eye(6), np.repeat(scales, sizes), np.cumsum([0, *sizes]))
    assert_array_equal(np.asarray(clouds), clouds.to_padded())
    assert np.asarray(clouds, dtype=np.float32).dtype == np.float32


@pytest.mark.skipif(
    np.lib.NumpyVersion(np.__version__) < "2.0.0", reason="copy= came with NumPy 2"
)
def test_an_array_without_a_copy_raises():
    with pytest.raises(ValueError, match="without a copy"):
        np.asarray(make_clouds(), copy=False)


@pytest.fixture
def mapped(tmp_path):
    """The clouds of `make_clouds` in files that nobody may write to."""
    clouds = make_clouds()
    np.save(tmp_path / "points.npy", clouds.points)
    np.save(tmp_path / "weights.npy", clouds.weights)
    return PointClouds(
        np.load(tmp_path / "points.npy", mmap_mode="r"),
        np.load(tmp_path / "weights.npy", mmap_mode="r"),
        clouds.offsets,
    )


def test_memory_maps_stay_memory_maps_through_slices(mapped):
    for clouds in (mapped, mapped[1:4]):
        assert isinstance(clouds.points, np.memmap)
        assert isinstance(clouds.weights, np.memmap)
        assert not clouds.points.flags.writeable
    assert owners(mapped[[3, 0]]) == [3, 0]
    assert owners(mapped[1:4]) == [1, 2, 3]


def test_as_point_clouds_neither_copies_nor_changes_mapped_points(mapped):
    checked = as_point_clouds(mapped)
    assert np.shares_memory(checked.points, mapped.points)
    assert_array_equal(mapped.weights, 1.0 + np.arange(15))
    sums = [weights.sum() for _, weights in checked]
    np.testing.assert_allclose(sums, 1.0)


def test_distances_of_memory_maps_are_those_of_arrays(mapped):
    assert_array_equal(
        wasserstein_distances(mapped), wasserstein_distances(make_clouds())
    )


def test_memory_maps_can_be_pickled(mapped):
    assert_same_clouds(pickle.loads(pickle.dumps(mapped)), make_clouds())


# --- the constructor --------------------------------------------------------------


def test_without_offsets_all_points_are_one_cloud_of_equal_weights():
    clouds = PointClouds([[0, 0], [1, 1], [2, 2], [3, 3]])
    assert len(clouds) == 1
    assert clouds.dtype == np.float64
    assert_array_equal(clouds.weights, 0.25)


def test_without_weights_the_points_of_each_cloud_weigh_the_same():
    clouds = PointClouds(np.eye(4), offsets=[0, 1, 1, 4])
    assert_array_equal(clouds.weights, [1, 1 / 3, 1 / 3, 1 / 3])


def test_the_constructor_copies_nothing():
    points = np.zeros((3, 2), dtype=np.float32)
    weights = np.ones(3)
    clouds = PointClouds(points, weights, [0, 3])
    assert clouds.points is points
    assert clouds.weights is weights


@pytest.mark.parametrize("dtype", [np.float16, np.int8, np.uint64, bool, object])
def test_other_numbers_become_float64(dtype):
    clouds = PointClouds(np.ones((2, 2), dtype=dtype), np.ones(2, dtype=dtype))
    assert clouds.dtype == np.float64
    assert clouds.weights.dtype == np.float64


@pytest.mark.parametrize(
    "offsets",
    [
        [],
        [0],
        [0, 2],
        [0, 4],
        [1, 3],
        [0, 2, 1, 3],
        [[0, 3]],
        3,
        [0.0, 1.5, 3.0],
        ["0", "3"],
        np.array([0, 2, 1, 3], dtype=np.uint8),
    ],
    ids=str,
)
def test_offsets_that_do_not_fit_raise(offsets):
    with pytest.raises(ValueError, match=r"offsets must be integers that rise from 0"):
        PointClouds(np.zeros((3, 2)), offsets=offsets)


@pytest.mark.parametrize("shape", [(), (3,), (1, 3, 2)])
def test_points_of_another_shape_raise(shape):
    with pytest.raises(ValueError, match=r"points must have shape .* got an array"):
        PointClouds(np.zeros(shape))


@pytest.mark.parametrize("shape", [(), (2,), (4,), (3, 1)])
def test_weights_of_another_shape_raise(shape):
    with pytest.raises(ValueError, match=r"weights must have shape \(3,\)"):
        PointClouds(np.zeros((3, 2)), np.ones(shape))


@pytest.mark.parametrize("values", [1j, "1", np.datetime64("2020")], ids=repr)
def test_what_is_no_real_number_raises(values):
    with pytest.raises(ValueError, match="points must be real numbers; got dtype"):
        PointClouds(np.full((3, 2), values))
    with pytest.raises(ValueError, match="weights must be real numbers; got dtype"):
        PointClouds(np.zeros((3, 2)), np.full(3, values))
