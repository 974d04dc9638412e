"""Exact distances against answers known by theory, by quantiles and by POT."""

import numpy as np
import ot
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal
from scipy.spatial.distance import cdist

from skwass import PointClouds, sampled_wasserstein_distances, wasserstein_distances


def random_clouds(n_clouds=6, n_features=2, seed=0, sizes=(2, 12)):
    rng = np.random.default_rng(seed)
    clouds = []
    for size in rng.integers(*sizes, size=n_clouds):
        weights = rng.uniform(0.1, 1.0, size)
        clouds.append((rng.normal(size=(size, n_features)), weights / weights.sum()))
    return clouds


def distance(first, second, **options):
    """One distance, found in both ways, which must agree."""
    matrix = wasserstein_distances([first, second], **options)
    sampled = sampled_wasserstein_distances([first, second], [[0, 1]], **options)
    assert_allclose(matrix[0, 1], sampled[0], rtol=1e-14)
    return matrix[0, 1]


# --- answers from theory ----------------------------------------------------------


@pytest.mark.parametrize("n_features", [1, 2, 7])
def test_single_points_are_as_far_apart_as_the_points(n_features):
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(9, n_features)), rng.normal(size=(4, n_features))
    assert_array_equal(wasserstein_distances(x, y), np.sqrt(cdist(x, y, "sqeuclidean")))
    assert_allclose(wasserstein_distances(x), cdist(x, x), rtol=1e-14)
    pairs = np.array([[3, 0], [8, 3], [3, 0]])
    assert_allclose(
        sampled_wasserstein_distances(x, pairs, y),
        cdist(x, y)[pairs[:, 0], pairs[:, 1]],
        rtol=1e-14,
    )
    as_clouds = PointClouds(x, offsets=np.arange(10))
    assert_array_equal(wasserstein_distances(as_clouds), wasserstein_distances(x))


@pytest.mark.parametrize("n_features", [1, 2, 5])
def test_a_translation_is_as_long_as_its_vector(n_features):
    rng = np.random.default_rng(1)
    shift = rng.normal(size=n_features)
    for points, weights in random_clouds(n_features=n_features):
        moved = distance((points, weights), (points + shift, weights))
        assert_allclose(moved, np.linalg.norm(shift), rtol=1e-12)


@pytest.mark.parametrize("n_features", [1, 3])
def test_the_gradient_of_a_convex_function_is_an_optimal_map(n_features):
    # phi(x) = x'Ax / 2 + sum_k softplus(w_k x)
    rng = np.random.default_rng(2)
    x = rng.normal(size=(40, n_features))
    root, w = rng.normal(size=(2, n_features, n_features))
    gradient = x @ (root @ root.T) + (1 / (1 + np.exp(-x @ w.T))) @ w
    expected = np.mean(np.sum((x - gradient) ** 2, axis=1))
    shuffled = rng.permutation(gradient)
    assert_allclose(distance(x, shuffled, squared=True), expected, rtol=1e-12)


def test_the_squared_distance_of_products_is_a_sum():
    def product(first, second):
        (x, a), (y, b) = first, second
        points = [np.concatenate([p, q]) for p in x for q in y]
        return np.array(points), np.outer(a, b).ravel()

    mu, nu = random_clouds(2, 2, seed=4, sizes=(3, 6))
    kappa, rho = random_clouds(2, 1, seed=5, sizes=(3, 6))
    expected = distance(mu, nu, squared=True) + distance(kappa, rho, squared=True)
    found = distance(product(mu, kappa), product(nu, rho), squared=True)
    assert_allclose(found, expected, rtol=1e-12)
    assert expected > 0.1


def quantile_distance(first, second):
    """W2 on a line: the squared difference of the quantile functions, integrated."""
    (x, a), (y, b) = first, second
    i, j = np.argsort(x[:, 0]), np.argsort(y[:, 0])
    below_x, below_y = np.cumsum(a[i]), np.cumsum(b[j])
    levels = np.sort(np.concatenate([below_x, below_y]))
    middle = (levels + np.append(0, levels[:-1])) / 2
    at_x = x[i[np.minimum(np.searchsorted(below_x, middle), len(x) - 1)], 0]
    at_y = y[j[np.minimum(np.searchsorted(below_y, middle), len(y) - 1)], 0]
    return np.sqrt(np.sum(np.diff(levels, prepend=0) * (at_x - at_y) ** 2))


@pytest.mark.parametrize("seed", range(5))
def test_on_a_line_the_quantiles_are_matched(seed):
    first, second = random_clouds(2, n_features=1, seed=seed)
    expected = quantile_distance(first, second)
    assert_allclose(distance(first, second), expected, rtol=1e-9)
    # the same line in space goes through the simplex
    direction = np.array([[2.0, -1.0, 2.0]]) / 3
    in_space = [(points @ direction, weights) for points, weights in (first, second)]
    assert_allclose(distance(*in_space), expected, rtol=1e-9)


def test_the_cost_of_a_rooted_metric_is_the_first_wasserstein_distance():
    stats = pytest.importorskip("scipy.stats")
    (x, a), (y, b) = random_clouds(2, n_features=1, seed=7)
    found = distance(
        (x, a), (y, b), squared=True, metric=lambda u, v: np.sqrt(abs(u[0] - v[0]))
    )
    expected = stats.wasserstein_distance(x[:, 0], y[:, 0], a, b)
    assert_allclose(found, expected, rtol=1e-9)


@pytest.mark.parametrize("n_features", [1, 4])
def test_all_mass_of_a_cloud_goes_to_a_single_point(n_features):
    (points, weights), _ = random_clouds(2, n_features, seed=8)
    target = np.full((1, n_features), 0.7)
    mean = weights @ points
    spread = weights @ np.sum((points - mean) ** 2, axis=1)
    expected = spread + np.sum((mean - target) ** 2)
    for pair in ([(points, weights), target], [target, (points, weights)]):
        assert_allclose(distance(*pair, squared=True), expected, rtol=1e-12)


@pytest.mark.parametrize("n_features", [1, 2])
def test_a_cloud_is_at_exactly_zero_from_itself(n_features):
    clouds = random_clouds(n_features=n_features)
    assert_array_equal(np.diag(wasserstein_distances(clouds)), 0.0)
    assert_array_equal(np.diag(wasserstein_distances(clouds, clouds)), 0.0)
    itself = [[i, i] for i in range(len(clouds))]
    assert_array_equal(sampled_wasserstein_distances(clouds, itself), 0.0)
    twins = [clouds[0], clouds[0], clouds[1]]
    assert wasserstein_distances(twins)[0, 1] == 0.0


@pytest.mark.parametrize("n_features", [1, 2, 6])
def test_random_weighted_clouds_agree_with_pot(n_features):
    clouds = random_clouds(8, n_features, seed=9, sizes=(1, 25))
    found = wasserstein_distances(clouds, squared=True)
    for i, (x, a) in enumerate(clouds):
        for j, (y, b) in enumerate(clouds):
            expected = ot.emd2(a, b, cdist(x, y, "sqeuclidean")) if i != j else 0.0
            assert_allclose(found[i, j], expected, rtol=1e-9)


# --- invariance -------------------------------------------------------------------


@pytest.mark.parametrize("n_features", [1, 3])
def test_the_order_of_points_does_not_matter(n_features):
    rng = np.random.default_rng(0)
    clouds = random_clouds(n_features=n_features)
    shuffled = []
    for points, weights in clouds:
        order = rng.permutation(len(points))
        shuffled.append((points[order], weights[order]))
    assert_allclose(
        wasserstein_distances(shuffled), wasserstein_distances(clouds), rtol=1e-12
    )
    between = np.diag(wasserstein_distances(clouds, shuffled))
    assert_allclose(between, 0.0, atol=1e-7)


@pytest.mark.parametrize("n_features", [1, 3])
def test_a_point_given_twice_is_a_point_of_double_weight(n_features):
    rng = np.random.default_rng(1)
    x, y = rng.normal(size=(5, n_features)), rng.normal(size=(7, n_features))
    twice = x[[0, 1, 2, 3, 4, 2]]
    heavier = (x, [1, 1, 2, 1, 1])
    assert_allclose(distance(twice, y), distance(heavier, y), rtol=1e-12)
    assert_allclose(distance(twice, heavier), 0.0, atol=1e-7)


@pytest.mark.parametrize("factor", [1e-200, 1e-3, 7.0, 1e200])
def test_the_scale_of_weights_does_not_matter(factor):
    clouds = random_clouds()
    rescaled = [(points, factor * weights) for points, weights in clouds]
    assert_allclose(
        wasserstein_distances(rescaled), wasserstein_distances(clouds), rtol=1e-12
    )


@pytest.mark.parametrize("n_features", [1, 2])
@pytest.mark.parametrize("exponent", [-300, -40, -1, 3, 40, 300])
def test_powers_of_two_scale_distances_to_the_last_bit(n_features, exponent):
    clouds = [*random_clouds(n_features=n_features), np.ones((1, n_features))]
    factor = 2.0**exponent
    scaled = [
        (factor * np.asarray(cloud[0]), cloud[1])
        if isinstance(cloud, tuple)
        else factor * cloud
        for cloud in clouds
    ]
    assert_array_equal(
        wasserstein_distances(scaled), factor * wasserstein_distances(clouds)
    )


@pytest.mark.parametrize("n_features", [1, 2])
@pytest.mark.parametrize("factor", [1e-155, 1e-12, 1e12, 1e150])
def test_the_unit_of_length_does_not_matter(n_features, factor):
    clouds = random_clouds(n_features=n_features)
    scaled = [(factor * points, weights) for points, weights in clouds]
    assert_allclose(
        wasserstein_distances(scaled) / factor,
        wasserstein_distances(clouds),
        rtol=1e-12 if factor > 1e-100 else 1e-6,  # squares near the smallest float64
    )


def test_clouds_far_from_the_origin_keep_their_digits():
    clouds = random_clouds()
    far = [(points + 1e9, weights) for points, weights in clouds]
    assert_allclose(
        wasserstein_distances(far), wasserstein_distances(clouds), rtol=1e-5
    )


@pytest.mark.parametrize(
    "clouds",
    [
        [[[1e200, 0.0]], [[-1e200, 0.0]]],
        [[[1e200, 0.0]], [[0.0, 0.0], [1.0, 1.0]]],
        [[[1e200, 0.0], [0.0, 0.0]], [[0.0, 0.0], [1.0, 1.0]]],
        [[[1e200], [0.0]], [[0.0], [1.0]]],
    ],
    ids=["two points", "point and cloud", "clouds", "on a line"],
)
def test_squares_that_overflow_raise(clouds):
    for metric in ("wasserstein", "cityblock"):
        with pytest.raises(ValueError, match="overflow; rescale X"):
            wasserstein_distances(clouds, metric=metric)
        with pytest.raises(ValueError, match="overflow; rescale X"):
            sampled_wasserstein_distances(clouds, [[0, 1]], metric=metric)


# --- a metric between measures ----------------------------------------------------

numbers = st.floats(-100, 100, allow_subnormal=False)


@st.composite
def three_clouds(draw):
    n_features = draw(st.integers(1, 3))
    point = st.lists(numbers, min_size=n_features, max_size=n_features)
    clouds = []
    for _ in range(3):
        points = draw(st.lists(point, min_size=1, max_size=6))
        size = len(points)
        weights = st.lists(st.integers(1, 20), min_size=size, max_size=size)
        clouds.append((points, draw(weights)))
    return clouds


@settings(max_examples=60, deadline=None, derandomize=True)
@given(three_clouds())
def test_distances_are_a_metric(clouds):
    distances = wasserstein_distances(clouds, clouds)
    assert_allclose(distances, distances.T, atol=1e-6)
    assert_array_equal(np.diag(distances), 0.0)
    assert (distances >= 0).all()
    by_way_of = distances[:, :, None] + distances[None]
    assert (distances[:, None] <= by_way_of + 1e-6).all()
