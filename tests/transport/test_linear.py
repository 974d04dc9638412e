"""Linear optimal transport from a common reference."""

import numpy as np
import ot
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy.spatial.distance import cdist
from threadpoolctl import threadpool_limits

from skwass import as_point_clouds
from skwass.transport import Reference, displacements, fit_reference, moved_points


def random_clouds(n_clouds=6, n_features=2, seed=0):
    rng = np.random.default_rng(seed)
    clouds = []
    for size in rng.integers(3, 12, size=n_clouds):
        points = rng.normal(size=(size, n_features)) + rng.normal(size=n_features)
        clouds.append((points, rng.uniform(0.1, 1.0, size)))
    return clouds


def random_reference(n_points=8, n_features=2, seed=0, scale=1.5):
    rng = np.random.default_rng(seed)
    weights = rng.uniform(0.5, 1.0, n_points)
    points = rng.normal(size=(n_points, n_features))
    return Reference(points, weights / weights.sum(), scale)


def fitted(X, n_points=8, seed=0):
    return fit_reference(as_point_clouds(X), n_points, np.random.RandomState(seed))


def moved(X, reference, **options):
    return displacements(as_point_clouds(X), reference, **options)


def assert_proper(reference):
    assert np.isfinite(reference.points).all()
    assert (reference.weights > 0).all()
    assert_allclose(reference.weights.sum(), 1.0, rtol=1e-12)
    assert np.isfinite(reference.scale)
    assert reference.scale > 0


# --- the reference ----------------------------------------------------------------


@pytest.mark.parametrize("n_features", [1, 2, 5])
@pytest.mark.parametrize("n_points", [1, 2, 9])
def test_a_reference_is_a_measure_of_the_size_asked_for(n_points, n_features):
    reference = fitted(random_clouds(n_features=n_features), n_points)
    assert_proper(reference)
    assert reference.points.shape == (n_points, n_features)
    assert reference.weights.shape == (n_points,)


def test_a_reference_sits_where_the_mass_is():
    rng = np.random.default_rng(0)
    here, there = np.array([0.0, 0.0]), np.array([10.0, 5.0])
    clouds = []
    for _ in range(5):
        points = np.vstack([here + 0.1 * rng.normal(size=(4, 2)), [there]])
        clouds.append((points, [0.05, 0.05, 0.05, 0.05, 0.8]))
    reference = fitted(clouds, 2)
    order = np.argsort(reference.points[:, 0])
    assert_allclose(reference.points[order], [here, there], atol=0.2)
    assert_allclose(reference.weights[order], [0.2, 0.8], atol=0.02)


def test_the_scale_is_the_typical_distance_from_the_mean():
    # all four corners are at the same distance from the centre
    corners = 3.0 * np.array([[1, 1], [1, -1], [-1, 1], [-1, -1]])
    half_and_half = [corners, corners[:2], corners[2:]]
    assert_allclose(fitted(half_and_half).scale, np.sqrt(18), rtol=1e-3)
    assert_allclose(fitted(corners).scale, np.sqrt(18), rtol=1e-12)


def test_single_points_have_their_mean_as_the_only_reference_point():
    table = np.random.default_rng(0).normal(size=(20, 3))
    reference = fitted(table, n_points=8)
    assert_allclose(reference.points, [table.mean(axis=0)], rtol=1e-12)
    assert_array_equal(reference.weights, [1.0])


def test_the_same_seed_gives_the_same_bits_whatever_the_threads():
    first = fitted(random_clouds(), 9, seed=3)
    with threadpool_limits(1):
        again = fitted(random_clouds(), 9, seed=3)
    with threadpool_limits(2):
        threaded = fitted(random_clouds(), 9, seed=3)
    for other in (again, threaded):
        assert_array_equal(other.points, first.points)
        assert_array_equal(other.weights, first.weights)
        assert other.scale == first.scale
    assert not np.array_equal(fitted(random_clouds(), 9, seed=4).points, first.points)


def test_the_global_random_state_is_neither_used_nor_moved():
    np.random.seed(0)  # noqa: NPY002
    before = np.random.get_state()[1].copy()  # noqa: NPY002
    first = fitted(random_clouds())
    assert_array_equal(np.random.get_state()[1], before)  # noqa: NPY002
    np.random.seed(1)  # noqa: NPY002
    assert_array_equal(fitted(random_clouds()).points, first.points)


@pytest.mark.parametrize("n_features", [1, 3])
@pytest.mark.parametrize("place", [0.0, 0.1, -2.5, 1e6 + 0.3])
def test_clouds_that_are_all_one_point_have_a_unit_of_one(n_features, place):
    clouds = [np.full((size, n_features), place) for size in (2, 3, 4)]
    reference = fitted(clouds)
    assert_proper(reference)
    assert reference.scale == 1.0
    assert_allclose(reference.points, [[place] * n_features], rtol=1e-12)
    assert_array_equal(moved(clouds, reference), 0.0)


def test_clouds_that_are_all_the_same_differ_in_nothing():
    cloud = np.random.default_rng(0).normal(size=(6, 2))
    clouds = [cloud, cloud[::-1], np.repeat(cloud, 2, axis=0)]
    reference = fitted(clouds)
    assert_proper(reference)
    rows = moved(clouds, reference)
    assert np.isfinite(rows).all()
    assert_allclose(rows, rows[[0, 0, 0]], atol=1e-6)


@pytest.mark.parametrize("n_features", [1, 2])
def test_fewer_distinct_points_than_asked_are_enough(n_features):
    ends = np.array([[0.0] * n_features, [4.0] * n_features])
    clouds = [ends, ends[[0, 0, 1]], ends[[0, 1, 1]]]
    reference = fitted(clouds, n_points=16)
    assert_proper(reference)
    assert 2 <= len(reference.points) <= 16
    assert np.isfinite(moved(clouds, reference)).all()


def test_points_on_a_line_in_space_are_no_trouble():
    rng = np.random.default_rng(0)
    direction = np.array([1.0, 2.0, -2.0]) / 3
    clouds = [rng.normal(size=(7, 1)) * direction for _ in range(5)]
    reference = fitted(clouds)
    assert_proper(reference)
    landed = moved_points(moved(clouds, reference), reference)
    off_the_line = landed - (landed @ direction)[..., None] * direction
    assert_allclose(off_the_line, 0.0, atol=1e-5)


def test_pixels_of_a_grid_are_no_trouble():
    grid = np.argwhere(np.ones((4, 4))).astype(float)
    reference = fitted([grid, grid[:7], grid[5:]], n_points=12)
    assert_proper(reference)
    assert len(reference.points) == 12


# --- displacements ----------------------------------------------------------------


@pytest.mark.parametrize("n_features", [1, 2, 4])
def test_displacements_are_the_barycentric_projection_of_an_optimal_plan(n_features):
    clouds = random_clouds(n_features=n_features)
    reference = random_reference(n_features=n_features)
    rows = moved(clouds, reference)
    assert rows.shape == (6, 8, n_features)
    assert rows.dtype == np.float32
    y, b = reference.points, reference.weights
    for (x, a), row in zip(clouds, rows, strict=True):
        plan = ot.emd(b, a / a.sum(), cdist(y, x, "sqeuclidean"))
        target = plan @ x / plan.sum(axis=1, keepdims=True)
        expected = np.sqrt(b)[:, None] * (target - y) / reference.scale
        assert_allclose(row, expected, atol=1e-5)


def test_a_cloud_that_is_a_convex_gradient_of_the_reference_is_its_image():
    reference = random_reference()
    image = np.exp(reference.points)  # the gradient of exp(x_1) + exp(x_2)
    order = np.random.default_rng(0).permutation(8)
    rows = moved([(image[order], reference.weights[order])], reference)
    assert_allclose(moved_points(rows[0], reference), image, rtol=1e-5)


def test_the_reference_itself_is_not_moved():
    reference = random_reference()
    rows = moved([(reference.points, reference.weights)], reference)
    assert_allclose(rows, 0.0, atol=1e-6)


def test_single_points_reproduce_the_table():
    table = np.random.default_rng(0).normal(size=(20, 3))
    reference = fitted(table)
    rows = moved(table, reference)
    assert rows.shape == (20, 1, 3)
    assert_allclose(
        moved_points(rows, reference)[:, 0], table, atol=1e-6 * reference.scale
    )
    assert_allclose(
        cdist(rows[:, 0], rows[:, 0]) * reference.scale, cdist(table, table), atol=1e-5
    )


@pytest.mark.parametrize("n_features", [1, 2])
def test_a_moved_cloud_moves_every_point_by_as_much(n_features):
    clouds = random_clouds(n_features=n_features)
    reference = fitted(clouds)
    shift = np.linspace(-3.0, 2.0, n_features)
    there = [(points + shift, weights) for points, weights in clouds]
    before = moved_points(moved(clouds, reference), reference)
    after = moved_points(moved(there, reference), reference)
    assert_allclose(after - before, np.broadcast_to(shift, before.shape), atol=1e-5)


def test_between_moved_copies_the_distance_of_rows_is_that_of_transport():
    cloud, weights = random_clouds(1)[0]
    shifts = np.random.default_rng(1).normal(size=(5, 2))
    reference = random_reference()
    rows = moved([(cloud + shift, weights) for shift in shifts], reference)
    flat = rows.reshape(5, -1)
    assert_allclose(
        cdist(flat, flat) * reference.scale, cdist(shifts, shifts), atol=1e-5
    )


def test_moved_points_is_the_inverse_of_the_scaling():
    reference = random_reference()
    target = np.random.default_rng(1).normal(size=(3, 8, 2))
    steps = (target - reference.points) / reference.scale
    rows = np.sqrt(reference.weights)[:, None] * steps
    assert_allclose(moved_points(rows, reference), target, rtol=1e-12)


@pytest.mark.parametrize("n_features", [1, 2])
def test_order_duplicates_and_scale_of_weights_do_not_matter(n_features):
    rng = np.random.default_rng(0)
    clouds = random_clouds(n_features=n_features)
    reference = fitted(clouds)
    expected = moved(clouds, reference)
    shuffled, split, heavier = [], [], []
    for points, weights in clouds:
        order = rng.permutation(len(points))
        shuffled.append((points[order], weights[order]))
        share = rng.uniform(0.1, 0.9, len(points))
        parts = np.concatenate([share * weights, (1 - share) * weights])
        split.append((np.vstack([points, points]), parts))
        heavier.append((points, 1e6 * weights))
    for other in (shuffled, split, heavier):
        assert_allclose(moved(other, reference), expected, atol=1e-6)


def test_order_does_not_matter_where_many_plans_are_optimal():
    # a square in the middle of a square: every corner is at the same distance
    corners = np.array([[1.0, 1.0], [1.0, -1.0], [-1.0, 1.0], [-1.0, -1.0]])
    ends = np.array([[2.0, 0.0], [0.0, 2.0], [-2.0, 0.0], [0.0, -2.0]])
    reference = Reference(corners, np.full(4, 0.25), 1.0)
    expected = moved([ends], reference)
    for seed in range(6):
        order = np.random.default_rng(seed).permutation(4)
        assert_array_equal(moved([ends[order]], reference), expected)
        doubled = np.concatenate([ends[order], ends])
        assert_allclose(moved([doubled], reference), expected, atol=1e-6)


def test_each_cloud_is_told_on_its_own():
    clouds = random_clouds(40)
    reference = fitted(clouds)
    together = moved(clouds, reference)
    for index in (0, 17, 39):
        alone = moved([clouds[index]], reference)
        assert_array_equal(alone[0], together[index])


def test_coordinates_far_from_zero_keep_their_digits():
    # steps of 2 ** -10, so that not even the shift is rounded
    clouds = [
        (np.round(points * 1024) / 1024, weights) for points, weights in random_clouds()
    ]
    reference = random_reference()
    grid = np.round(reference.points * 1024) / 1024
    here = Reference(grid, reference.weights, reference.scale)
    there = Reference(grid + 2.0**40, reference.weights, reference.scale)
    far = [(points + 2.0**40, weights) for points, weights in clouds]
    assert_allclose(moved(far, there), moved(clouds, here), atol=1e-6)


def test_a_reference_far_from_zero_keeps_its_digits():
    clouds = random_clouds()
    far = [(points + 1e9, weights) for points, weights in clouds]
    reference, expected = fitted(far), fitted(clouds)
    assert_allclose(reference.scale, expected.scale, rtol=1e-6)
    assert_allclose(reference.points - 1e9, expected.points, atol=1e-4)
    assert_allclose(moved(far, reference), moved(clouds, expected), atol=1e-4)


@pytest.mark.parametrize("factor", [1e-12, 1e12])
def test_displacements_have_no_unit(factor):
    clouds = random_clouds()
    scaled = [(factor * points, weights) for points, weights in clouds]
    reference = fitted(scaled)
    assert_allclose(reference.scale, factor * fitted(clouds).scale, rtol=1e-9)
    assert_allclose(moved(scaled, reference), moved(clouds, fitted(clouds)), atol=1e-4)


def test_float32_clouds_are_told_as_well():
    clouds = random_clouds()
    single = [(points.astype(np.float32), weights) for points, weights in clouds]
    reference = random_reference()
    assert_allclose(moved(single, reference), moved(clouds, reference), atol=1e-5)
    assert fitted(single).points.dtype == np.float64


def test_threads_change_no_bit():
    clouds = random_clouds(50)
    reference = fitted(clouds)
    assert_array_equal(
        moved(clouds, reference, n_jobs=2), moved(clouds, reference, n_jobs=1)
    )


def test_a_progress_bar_counts_clouds_only_if_asked(capsys):
    clouds = random_clouds(20)
    reference = random_reference()
    moved(clouds, reference)
    assert capsys.readouterr() == ("", "")
    moved(clouds, reference, verbose=1)
    out, err = capsys.readouterr()
    assert "20/20" in err
    assert out == ""
