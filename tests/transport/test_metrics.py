"""Every metric of the face on problems made to have a known answer."""

import numpy as np
import ot
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal
from scipy import stats
from scipy.spatial.distance import cdist

from skwass import (
    paired_wasserstein_distances,
    sampled_wasserstein_distances,
    wasserstein_distances,
)


def rooted_gap(u, v):
    return np.sqrt(np.abs(u - v).sum())


EXACT = [
    {"metric": "wasserstein"},
    {"order": 1},
    {"order": 3.5},
    {"solver": "simplex"},
    {"metric": "cityblock"},
    {"metric": "chebyshev", "order": 1},
    {"metric": rooted_gap},
    {"metric": "sliced"},
    {"metric": "max_sliced"},
    {"metric": "bures"},
    {"metric": "bures", "metric_params": {"covariance": "diag"}},
    {"metric": "gromov"},
    {"metric": "fused_gromov"},
    {"metric": "gromov_slb"},
    {"metric": "gromov_tlb"},
]
#: what is told in float32, or regularised
ROUGH = [
    {"metric": "linear", "metric_params": {"n_reference": 8}},
    {"metric": "sinkhorn"},
    {"metric": "sinkhorn", "solver": "log"},
]
ALL = EXACT + ROUGH


def name(options):
    shown = {"metric": "wasserstein"} | options
    return " ".join(str(getattr(v, "__name__", v)) for v in shown.values())


def every_metric(options=ALL):
    return pytest.mark.parametrize("options", options, ids=name)


def one_distance(first, second, **options):
    """Between two clouds, by all three functions, which must agree."""
    table = wasserstein_distances([first], [second], **options)
    sampled = sampled_wasserstein_distances([first], [[0, 0]], [second], **options)
    paired = paired_wasserstein_distances([first], [second], **options)
    assert table.shape == (1, 1)
    assert_array_equal(sampled, paired)
    assert_allclose(sampled, table[0], rtol=1e-9, atol=1e-12)
    return table[0, 0]


# --- three functions ----------------------------------------------------------------


@every_metric()
def test_three_functions_agree(weighted_clouds, options):
    first, second = weighted_clouds(5, seed=1), weighted_clouds(5, seed=2)
    table = wasserstein_distances(first, second, **options)
    pairs = np.array([[0, 3], [4, 4], [2, 1], [0, 3]])
    tolerance = {"rtol": 1e-5, "atol": 1e-5} if options in ROUGH else {"rtol": 1e-9}
    assert_allclose(
        sampled_wasserstein_distances(first, pairs, second, **options),
        table[pairs[:, 0], pairs[:, 1]],
        **tolerance,
    )
    paired = paired_wasserstein_distances(first, second, **options)
    assert_allclose(paired, np.diag(table), **tolerance)
    squares = wasserstein_distances(first, second, squared=True, **options)
    assert_allclose(squares, table**2, rtol=1e-12)
    assert table.min() > 0


@every_metric()
def test_within_a_cohort_distances_are_symmetric_and_zero_from_itself(
    weighted_clouds, options
):
    clouds = weighted_clouds(6, seed=3)
    table = wasserstein_distances(clouds, **options)
    assert_array_equal(table, table.T)
    assert_array_equal(np.diag(table), 0.0)
    itself = paired_wasserstein_distances(clouds, clouds, **options)
    assert_allclose(itself, 0.0, atol=2e-3 if options in ROUGH else 1e-7)


# --- known answers ------------------------------------------------------------------

POINTS = ("wasserstein", "sinkhorn", "max_sliced", "bures", "linear")


@every_metric([o for o in ALL if o.get("metric", "wasserstein") in POINTS])
def test_single_points_are_as_far_apart_as_the_points(options):
    x, y = np.random.default_rng(0).normal(size=(2, 5, 3))
    expected = cdist(x, y)
    assert_allclose(wasserstein_distances(x, y, **options), expected, rtol=1e-6)
    assert_allclose(
        paired_wasserstein_distances(x, y, **options), np.diag(expected), rtol=1e-6
    )


@every_metric([o for o in ALL if "gromov" in str(o.get("metric"))])
def test_single_points_have_no_shape(options):
    x, y = np.random.default_rng(0).normal(size=(2, 5, 3))
    expected = 0 * cdist(x, y)
    if options["metric"] == "fused_gromov":
        expected = np.sqrt(0.5) * cdist(x, y)
    assert_allclose(wasserstein_distances(x, y, **options), expected, atol=1e-12)


#: of the length of the translation, in three dimensions
TRANSLATION = {
    "sliced": 1 / np.sqrt(3),
    "gromov": 0,
    "gromov_slb": 0,
    "gromov_tlb": 0,
    "fused_gromov": np.sqrt(0.5),
}


@every_metric([o for o in ALL if o.get("metric") not in ("chebyshev", rooted_gap)])
def test_a_translation_is_as_long_as_its_vector(weighted_clouds, options):
    shift = np.array([3.0, -4.0, 12.0])
    if options.get("metric") == "sliced":  # whole blocks of orthogonal directions
        options = options | {"metric_params": {"n_projections": 99}}
    length = 19.0 if options.get("metric") == "cityblock" else 13.0
    expected = length * TRANSLATION.get(options.get("metric"), 1)
    rough = {"sinkhorn": 1e-3, "linear": 1e-5}
    rtol = rough.get(options.get("metric"), 1e-9)
    for points, weights in weighted_clouds(3, n_features=3, seed=4):
        found = one_distance((points, weights), (points + shift, weights), **options)
        assert_allclose(found, expected, rtol=rtol, atol=1e-6)


MEAN_FREE = [
    {},
    {"order": 1},
    {"order": 3.5},
    {"solver": "simplex"},
    {"metric": "bures"},
]


@every_metric(MEAN_FREE)
@pytest.mark.parametrize("factor", [0.25, 3.0])
def test_a_scaling_about_the_mean_moves_points_along_their_rays(
    weighted_clouds, options, factor
):
    order = options.get("order", 2)
    for points, weights in weighted_clouds(3, seed=5):
        centred = points - weights @ points
        lengths = np.linalg.norm(centred, axis=1)
        expected = abs(factor - 1) * (weights @ lengths**order) ** (1 / order)
        found = one_distance((centred, weights), (factor * centred, weights), **options)
        if order == 2:
            assert_allclose(found, expected, rtol=1e-9)
        else:  # a plan that is optimal for order two alone
            assert found <= expected * (1 + 1e-9)


@pytest.mark.parametrize("factor", [0.25, 3.0])
def test_a_scaling_changes_all_lengths_alike(weighted_clouds, factor):
    for points, weights in weighted_clouds(3, seed=6):
        pair = (points, weights), (factor * points, weights)
        lengths = cdist(points, points) ** 2
        expected = abs(factor - 1) * np.sqrt(weights @ lengths @ weights)
        bounds = [
            one_distance(*pair, metric=metric)
            for metric in ("gromov_slb", "gromov_tlb", "gromov")
        ]
        assert_allclose(bounds[2], expected, rtol=1e-9)
        assert bounds[0] <= expected * (1 + 1e-9)
        assert bounds[1] <= expected * (1 + 1e-9)
        assert bounds[0] <= bounds[1] * 1.01  # which has fewer quantiles


def gaussian_cloud(rng, mean, covariance, n_points=15):
    """A weighted cloud of just this mean and covariance."""
    weights = rng.uniform(0.2, 1.0, n_points)
    weights /= weights.sum()
    points = rng.normal(size=(n_points, len(mean)))
    points -= weights @ points
    own = np.linalg.cholesky((weights[:, None] * points).T @ points)
    whitened = np.linalg.solve(own, points.T).T
    return mean + whitened @ np.linalg.cholesky(covariance).T, weights


@pytest.mark.parametrize("n_features", [1, 2, 5])
def test_bures_is_the_distance_of_gaussians(n_features):
    rng = np.random.default_rng(7)
    for _ in range(3):
        means = rng.normal(size=(2, n_features))
        roots = rng.normal(size=(2, n_features, n_features))
        covariances = roots @ roots.transpose(0, 2, 1) + 0.01 * np.eye(n_features)
        clouds = [
            gaussian_cloud(rng, *moments)
            for moments in zip(means, covariances, strict=True)
        ]
        expected = ot.gaussian.bures_wasserstein_distance(*means, *covariances)
        found = one_distance(*clouds, metric="bures")
        assert_allclose(found, expected, rtol=1e-7)
        deviations = np.sqrt([np.diag(c) for c in covariances])
        apart = np.hypot(means[0] - means[1], deviations[0] - deviations[1])
        params = {"covariance": "diag"}
        diagonal = one_distance(*clouds, metric="bures", metric_params=params)
        assert_allclose(diagonal, np.linalg.norm(apart), rtol=1e-9)


@pytest.mark.parametrize("seed", range(4))
def test_order_one_on_a_line_is_that_of_scipy(weighted_clouds, seed):
    (x, a), (y, b) = weighted_clouds(2, n_features=1, seed=seed)
    expected = stats.wasserstein_distance(x[:, 0], y[:, 0], a, b)
    for options in ({}, {"solver": "simplex"}, {"metric": "cityblock"}):
        found = one_distance((x, a), (y, b), order=1, **options)
        assert_allclose(found, expected, rtol=1e-9)


@pytest.mark.parametrize("order", [1, 1.5, 2, 3.5, 8])
def test_on_a_line_sorted_points_are_matched(order):
    rng = np.random.default_rng(8)
    x, y = rng.normal(size=(2, 30, 1))
    gaps = np.abs(np.sort(x, axis=0) - np.sort(y, axis=0))
    expected = np.mean(gaps**order) ** (1 / order)
    assert_allclose(one_distance(x, y, order=order), expected, rtol=1e-9)
    # in space, through the simplex
    ray = np.array([[0.6, 0.0, -0.8]])
    assert_allclose(one_distance(x @ ray, y @ ray, order=order), expected, rtol=1e-7)
    if order == 2:
        params = {"n_quantiles": 30}
        sliced = one_distance(x, y, metric="sliced", metric_params=params)
        assert_allclose(sliced, expected, rtol=1e-9)
        assert_allclose(one_distance(x, y, metric="max_sliced"), expected, rtol=1e-9)


def test_cityblock_of_products_is_a_sum_of_order_one(weighted_clouds):
    def product(first, second):
        (x, a), (y, b) = first, second
        return np.array([[*p, *q] for p in x for q in y]), np.outer(a, b).ravel()

    mu, nu, kappa, rho = weighted_clouds(4, n_features=1, seed=9, sizes=(3, 7))
    options = {"metric": "cityblock", "order": 1}
    expected = one_distance(mu, nu, **options) + one_distance(kappa, rho, **options)
    found = one_distance(product(mu, kappa), product(nu, rho), **options)
    assert_allclose(found, expected, rtol=1e-9)


def test_the_gradient_of_a_convex_function_is_an_optimal_map():
    rng = np.random.default_rng(10)
    x = rng.normal(size=(40, 3))
    root = rng.normal(size=(3, 3))
    gradient = x @ (root @ root.T) + np.tanh(x)
    expected = np.sqrt(np.mean(np.sum((x - gradient) ** 2, axis=1)))
    shuffled = rng.permutation(gradient)
    assert_allclose(one_distance(x, shuffled), expected, rtol=1e-9)
    annealed = one_distance(x, shuffled, solver="annealed")
    assert_allclose(annealed, expected, rtol=0.01)


# --- metrics in order ---------------------------------------------------------------


@pytest.mark.parametrize("n_features", [1, 2, 4])
def test_metrics_bound_each_other(weighted_clouds, n_features):
    clouds = weighted_clouds(8, n_features, seed=11, sizes=(2, 20))

    def table(metric="wasserstein", **options):
        return wasserstein_distances(clouds, metric=metric, **options)

    exact, slack = table(), 1 + 1e-9
    params = {"n_projections": 32, "random_state": 0}
    sliced = table("sliced", metric_params=params)
    steepest = table("max_sliced", metric_params=params)
    assert (sliced <= steepest * slack).all()
    assert (steepest <= exact * slack).all()
    assert (table("bures") <= exact * slack).all()  # Gelbrich
    diagonal = table("bures", metric_params={"covariance": "diag"})
    assert (diagonal <= table("bures") * slack).all()
    assert (table(order=1) <= exact * slack).all()
    assert (exact <= table(order=3.5) * slack).all()
    assert (exact <= table("cityblock") * slack).all()
    assert (table("chebyshev") <= exact * slack).all()
    gromov = table("gromov")
    assert (table("gromov_slb") <= gromov * slack).all()
    assert (table("gromov_tlb") <= gromov * slack).all()
    # the third bound is the larger one, up to its fewer quantiles
    assert (table("gromov_slb") <= table("gromov_tlb") * 1.01).all()
    assert (exact * np.sqrt(0.5) <= table("fused_gromov") * slack).all()
    annealed = table(solver="annealed", reg=0.1)
    assert (annealed <= exact * (1 + 1e-6)).all()


numbers = st.floats(-100, 100, allow_subnormal=False)


@st.composite
def three_clouds(draw):
    n_features = draw(st.integers(1, 3))
    point = st.lists(numbers, min_size=n_features, max_size=n_features)
    clouds = []
    for _ in range(3):
        points = draw(st.lists(point, min_size=1, max_size=5))
        size = len(points)
        weights = st.lists(st.integers(1, 20), min_size=size, max_size=size)
        clouds.append((points, draw(weights)))
    return clouds


@every_metric(
    [
        {"order": 1},
        {"order": 3.5},
        {"metric": "cityblock"},
        {"metric": "sliced", "metric_params": {"n_projections": 5, "n_quantiles": 9}},
        {"metric": "bures"},
        {"metric": "bures", "metric_params": {"covariance": "diag"}},
        {"metric": "gromov_slb", "metric_params": {"n_quantiles": 9}},
    ]
)
@settings(max_examples=25, deadline=None, derandomize=True)
@given(clouds=three_clouds())
def test_it_is_a_metric(options, clouds):
    table = wasserstein_distances(clouds, clouds, **options)
    tolerance = 1e-4  # roots of rounding errors
    assert (table >= 0).all()
    assert_allclose(table, table.T, atol=tolerance)
    assert_allclose(np.diag(table), 0.0, atol=tolerance)
    by_way_of = table[:, :, None] + table[None]
    assert (table[:, None] <= by_way_of + tolerance).all()


@every_metric(
    [
        {"metric": "max_sliced"},
        {"metric": "gromov"},
        {"metric": "gromov_tlb"},
        {"metric": "fused_gromov"},
        {"metric": "sinkhorn", "reg": 5.0},
    ]
)
@settings(max_examples=20, deadline=None, derandomize=True)
@given(clouds=three_clouds())
def test_it_is_finite_symmetric_and_zero_between_equal_clouds(options, clouds):
    if options["metric"] == "sinkhorn":
        clouds = [(np.array(points) / 10, weights) for points, weights in clouds]
    table = wasserstein_distances(clouds, clouds, **options)
    assert np.isfinite(table).all()
    assert (table >= 0).all()
    # searches may end elsewhere from the other side
    assert_allclose(table, table.T, rtol=0.2, atol=0.1)
    assert_allclose(np.diag(table), 0.0, atol=0.1 if "reg" in options else 1e-9)


# --- what does not count ------------------------------------------------------------


@every_metric([o for o in ALL if o.get("metric") != "linear"])
def test_order_splitting_and_scale_of_masses_do_not_count(weighted_clouds, options):
    clouds = weighted_clouds(5, seed=12)
    expected = wasserstein_distances(clouds, **options)
    rtol = 1e-3 if options in ROUGH else 1e-6
    backwards = [(points[::-1], weights[::-1]) for points, weights in clouds]
    twice = [(np.repeat(x, 2, axis=0), np.repeat(a, 2)) for x, a in clouds]
    heavier = [(points, 1e3 * weights) for points, weights in clouds]
    for changed in (backwards, twice, heavier):
        found = wasserstein_distances(changed, **options)
        assert_allclose(found, expected, rtol=rtol)


def test_linear_transport_changes_with_its_reference_alone(weighted_clouds):
    clouds = weighted_clouds(5, seed=12)
    options = {"metric": "linear", "metric_params": {"n_reference": 1}}
    means = np.array([weights @ points for points, weights in clouds])
    found = wasserstein_distances(clouds, **options)
    assert_allclose(found, cdist(means, means), rtol=1e-5)
    backwards = [(points[::-1], weights[::-1]) for points, weights in clouds]
    assert_allclose(wasserstein_distances(backwards, **options), found, rtol=1e-5)


@every_metric([o for o in ALL if o.get("metric") is not rooted_gap])
@pytest.mark.parametrize("factor", [1e-8, 1e8])
def test_distances_scale_with_the_coordinates(weighted_clouds, options, factor):
    clouds = weighted_clouds(5, seed=13)
    scaled = [(factor * points, weights) for points, weights in clouds]
    assert_allclose(
        wasserstein_distances(scaled, **options) / factor,
        wasserstein_distances(clouds, **options),
        rtol=1e-5 if options in ROUGH else 1e-10,
    )


@every_metric()
def test_clouds_far_from_the_origin_keep_their_digits(weighted_clouds, options):
    clouds = weighted_clouds(5, seed=14)
    far = [(points + 1e6, weights) for points, weights in clouds]
    assert_allclose(
        wasserstein_distances(far, **options),
        wasserstein_distances(clouds, **options),
        rtol=1e-5 if options in ROUGH else 1e-7,
    )


@every_metric()
def test_float32_gives_the_distances_of_its_values(weighted_clouds, options):
    clouds = weighted_clouds(5, seed=15)
    single = [(points.astype(np.float32), weights) for points, weights in clouds]
    double = [(points.astype(np.float64), weights) for points, weights in single]
    found = wasserstein_distances(single, **options)
    assert found.dtype == np.float64
    assert_allclose(found, wasserstein_distances(double, **options), rtol=1e-6)
    assert_allclose(found, wasserstein_distances(clouds, **options), rtol=1e-4)
