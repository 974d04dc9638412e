"""Gromov–Wasserstein against answers known by theory, its bounds and POT."""

import numpy as np
import ot
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal
from scipy.spatial.distance import cdist

from skwass import as_point_clouds
from skwass.transport._exact import transport_cost
from skwass.transport._gromov import (
    distance_quantiles,
    gromov_plan,
    squared_fused_gromov,
    squared_gromov,
    third_lower_bound,
)


def random_cloud(seed, n_points=20, n_features=2, weighted=True):
    rng = np.random.default_rng(seed)
    weights = rng.uniform(0.2, 1.0, n_points) if weighted else np.ones(n_points)
    points = rng.normal(size=(n_points, n_features)) * rng.uniform(0.5, 2, n_features)
    return points, weights / weights.sum()


def moved(cloud, seed=0):
    """The cloud turned, mirrored perhaps, shifted, in another order; and that order."""
    rng = np.random.default_rng(seed)
    points, weights = cloud
    turn, _ = np.linalg.qr(rng.normal(size=(points.shape[1],) * 2))
    order = rng.permutation(len(points))
    return (
        (points @ turn + 3 * rng.normal(size=turn.shape[1]))[order],
        weights[order],
        order,
    )


def second_lower_bound(source, target, n_quantiles=200):
    rows = [
        distance_quantiles(as_point_clouds([c]), n_quantiles) for c in (source, target)
    ]
    return float(np.sum((rows[0] - rows[1]) ** 2))


def definition(source, target, plan):
    """The sum over four indices."""
    (x, _), (y, _) = source, target
    gaps = cdist(x, x)[:, None, :, None] - cdist(y, y)[None, :, None, :]
    return float(np.einsum("ijkl,ij,kl->", gaps**2, plan, plan))


def plain_pot(source, target):
    (x, a), (y, b) = source, target
    return ot.gromov_wasserstein2(cdist(x, x), cdist(y, y), a, b, symmetric=True)


# --- answers from theory ----------------------------------------------------------


@pytest.mark.parametrize("weighted", [True, False])
@pytest.mark.parametrize("n_features", [1, 2, 5])
def test_isometric_clouds_are_at_zero_and_the_plan_is_the_isometry(
    n_features, weighted
):
    for seed in range(5):
        cloud = random_cloud(seed, 25, n_features, weighted)
        points, weights, order = moved(cloud, seed)
        # weights that were added up in another order leave slivers of mass
        rounding = 1e-14 if weighted else 1e-25
        assert squared_gromov(cloud, (points, weights)) < rounding
        assert third_lower_bound(cloud, (points, weights)) < rounding
        assert second_lower_bound(cloud, (points, weights)) < 1e-25
        plan = gromov_plan(cloud, (points, weights))
        if n_features > 1:  # on a line, a reflected cloud has no other plan either
            expected = np.zeros((25, 25))
            expected[order, np.arange(25)] = weights
            assert_allclose(plan, expected, atol=1e-12)


def polygon(n_corners):
    turns = 2 * np.pi * np.arange(n_corners) / n_corners
    return np.column_stack([np.cos(turns), np.sin(turns)])


def grid(*shape):
    return np.argwhere(np.ones(shape)).astype(float)


@pytest.mark.parametrize(
    "points",
    [
        *map(polygon, (3, 4, 5, 12, 40)),
        *(grid(*shape) for shape in ((2,), (3, 6))),
    ],
    ids=lambda points: f"{points.shape}",
)
def test_symmetric_clouds_find_themselves_when_turned(points):
    weights = np.full(len(points), 1 / len(points))
    for seed in range(3):
        turned, _, _ = moved((points, weights), seed)
        assert squared_gromov((points, weights), (turned, weights)) < 1e-25


@pytest.mark.parametrize("shape", [(2, 2, 2), (5, 5)])
def test_clouds_of_more_symmetries_are_no_worse_than_from_the_product(shape):
    # one point held fast leaves symmetries, so zero is not always found
    points = grid(*shape)
    weights = np.full(len(points), 1 / len(points))
    for seed in range(3):
        turned, _, _ = moved((points, weights), seed)
        plain = ot.gromov.gromov_wasserstein2(
            cdist(points, points), cdist(turned, turned), weights, weights
        )
        found = squared_gromov((points, weights), (turned, weights))
        assert found <= plain + 1e-12


@pytest.mark.parametrize("factor", [0.25, 0.9, 3.0])
def test_a_rescaled_cloud_is_as_far_as_its_second_lower_bound(factor):
    for seed in range(5):
        cloud = random_cloud(seed)
        points, weights, _ = moved(cloud, seed)
        mean_square = weights @ cdist(points, points, "sqeuclidean") @ weights
        expected = (factor - 1) ** 2 * mean_square
        scaled = (factor * points, weights)
        assert_allclose(squared_gromov(cloud, scaled), expected, rtol=1e-9)
        bound = second_lower_bound(cloud, scaled)
        assert bound <= expected * (1 + 1e-12)
        assert bound > 0.98 * expected


@pytest.mark.parametrize("seed", range(20))
def test_two_points_and_two_points_have_a_closed_form(seed):
    rng = np.random.default_rng(seed)
    (s, t), (a, b) = rng.uniform(0.5, 3, 2), rng.uniform(0.1, 0.9, 2)
    source = np.array([[0.0], [s]]), np.array([a, 1 - a])
    target = np.array([[0.0, 0.0], [0.6 * t, 0.8 * t]]), np.array([b, 1 - b])
    # concave along the one free entry of a plan: the least is at an end
    ends = np.array([max(0, a + b - 1), min(a, b)])
    both = ends * (1 - a - b + ends) + (a - ends) * (b - ends)
    spread = 2 * s**2 * a * (1 - a) + 2 * t**2 * b * (1 - b)
    expected = np.min(spread - 4 * s * t * both)
    assert_allclose(squared_gromov(source, target), expected, rtol=1e-10)


def test_two_equal_masses_lose_half_the_squared_difference_of_their_gaps():
    half = np.full(2, 0.5)
    source, target = np.array([[0.0], [5.0]]), np.array([[7.0], [9.0]])
    assert_allclose(squared_gromov((source, half), (target, half)), (5 - 2) ** 2 / 2)
    assert_allclose(third_lower_bound((source, half), (target, half)), 4.5)


@pytest.mark.parametrize("n_points", [1, 2, 50])
def test_a_single_point_costs_the_mean_squared_distance_within(n_points):
    points, weights = random_cloud(0, n_points, 3)
    point = np.array([[3.0, 4.0]]), np.ones(1)
    expected = weights @ cdist(points, points, "sqeuclidean") @ weights
    for pair in ([point, (points, weights)], [(points, weights), point]):
        assert_allclose(squared_gromov(*pair), expected, rtol=1e-12)
        bound = third_lower_bound(*pair)
        assert bound <= expected * (1 + 1e-12)
        assert bound >= 0.9 * expected
        plan = gromov_plan(*pair)
        assert_allclose(plan, pair[0][1][:, None] * pair[1][1])


def test_a_cloud_is_at_exactly_zero_from_itself():
    cloud = random_cloud(1)
    assert squared_gromov(cloud, cloud) == 0.0
    assert squared_fused_gromov(cloud, cloud) == 0.0
    assert third_lower_bound(cloud, cloud) == 0.0
    order = np.random.default_rng(0).permutation(20)
    assert squared_gromov(cloud, (cloud[0][order], cloud[1][order])) == 0.0


def test_a_regular_simplex_matches_a_larger_one():
    corners, larger = np.eye(4), 3 * np.eye(4)
    weights = np.full(4, 0.25)
    expected = (3 - 1) ** 2 * 2 * (12 / 16)
    found = squared_gromov((corners, weights), (larger, weights))
    assert_allclose(found, expected, rtol=1e-12)


# --- bounds -----------------------------------------------------------------------


@settings(max_examples=40, deadline=None, derandomize=True)
@given(st.integers(0, 10**6), st.integers(1, 20), st.integers(1, 20), st.booleans())
def test_the_lower_bounds_are_in_order(seed, n, m, weighted):
    source = random_cloud(seed, n, 2, weighted)
    target = random_cloud(seed + 1, m, 3, weighted)
    value = squared_gromov(source, target)
    third = third_lower_bound(source, target)
    assert third <= value * (1 + 1e-9) + 1e-15
    if not weighted and np.lcm(n, m) <= 256:  # the third is exact then
        assert second_lower_bound(source, target) <= third * (1 + 1e-9) + 1e-15
    assert second_lower_bound(source, target) <= value * (1 + 1e-9) + 1e-15


@pytest.mark.parametrize("n_quantiles", [1, 16, 500])
def test_quantiles_of_distances_are_those_of_all_pairs(n_quantiles):
    points, weights = random_cloud(3)
    masses = np.outer(weights, weights).ravel()
    distances = cdist(points, points).ravel()
    order = np.argsort(distances)
    levels = (np.arange(200_000) + 0.5) / 200_000
    places = np.searchsorted(np.cumsum(masses[order]), levels)
    quantiles = distances[order][np.minimum(places, 399)]
    expected = quantiles.reshape(n_quantiles, -1).mean(axis=1)
    found = distance_quantiles(as_point_clouds([(points, weights)]), n_quantiles)[0]
    assert_allclose(found * np.sqrt(n_quantiles), expected, atol=2e-3)


def test_quantiles_of_single_points_are_zero():
    clouds = as_point_clouds(np.ones((3, 2)))
    assert_array_equal(distance_quantiles(clouds, 5), np.zeros((3, 5)))


# --- plans ------------------------------------------------------------------------


@pytest.mark.parametrize("sizes", [(1, 4), (7, 7), (12, 5), (5, 12)])
def test_a_plan_has_the_weights_as_marginals_and_costs_what_is_said(sizes):
    source, target = random_cloud(1, sizes[0], 2), random_cloud(2, sizes[1], 3)
    plan = gromov_plan(source, target)
    assert (plan >= 0).all()
    assert_allclose(plan.sum(axis=1), source[1], rtol=1e-12)
    assert_allclose(plan.sum(axis=0), target[1], rtol=1e-12)
    expected = definition(source, target, plan)
    assert_allclose(squared_gromov(source, target), expected, rtol=1e-12)


def test_no_plan_is_worse_than_its_starts_even_after_one_step():
    source, target = random_cloud(4, 15), random_cloud(5, 18)
    short = squared_gromov(source, target, max_iter=1)
    product = definition(source, target, np.outer(source[1], target[1]))
    assert squared_gromov(source, target) <= short < product


def test_values_are_as_low_as_those_of_pot_from_the_product():
    pairs = [(random_cloud(i, 30), random_cloud(100 + i, 30)) for i in range(40)]
    ours = np.array([squared_gromov(*pair) for pair in pairs])
    pots = np.array([plain_pot(*pair) for pair in pairs])
    assert np.mean(ours <= pots * (1 + 1e-9)) >= 0.9
    assert ours.mean() < 0.97 * pots.mean()


def outline(seed, n_points=40):
    """A smooth closed curve with arms, turned and mirrored at random."""
    rng = np.random.default_rng(seed)
    angles = 2 * np.pi * np.arange(n_points) / n_points
    radii = np.ones(n_points)
    for harmonic in range(1, 6):
        swing = rng.uniform(0, 0.8 / harmonic)
        radii += swing * np.cos(harmonic * angles + rng.uniform(0, 2 * np.pi))
    points = radii[:, None] * np.stack([np.cos(angles), np.sin(angles)], axis=1)
    cloud = points * [1.6, 1.0], np.full(n_points, 1 / n_points)
    return moved(cloud, seed)[:2]


def least_of_many_starts(source, target, n_starts=24):
    """The least value of POT from plans between clouds that are turned at random."""
    (x, a), (y, b) = source, target
    dx, dy = cdist(x, x), cdist(y, y)
    rng = np.random.default_rng(0)
    least = np.inf
    for _ in range(n_starts):
        turn, _ = np.linalg.qr(rng.normal(size=(2, 2)))
        costs = cdist((x - a @ x) @ turn, y - b @ y, "sqeuclidean")
        found = ot.gromov_wasserstein2(
            dx, dy, a, b, symmetric=True, G0=ot.emd(a, b, costs)
        )
        least = min(least, found)
    return least


def test_outlines_end_lower_than_pot_from_many_starts():
    pairs = [(outline(i), outline(100 + i)) for i in range(12)]
    ours = np.array([squared_gromov(*pair) for pair in pairs])
    least = np.array([least_of_many_starts(*pair) for pair in pairs])
    assert np.sqrt(ours / least).mean() < 0.97


# --- invariance -------------------------------------------------------------------


@pytest.mark.parametrize("fused", [True, False])
def test_which_cloud_comes_first_does_not_matter(fused):
    solve = squared_fused_gromov if fused else squared_gromov
    for seed in range(5):
        source, target = random_cloud(seed, 11), random_cloud(seed + 50, 11)
        assert solve(source, target) == solve(target, source)
        assert_array_equal(gromov_plan(source, target), gromov_plan(target, source).T)
        assert third_lower_bound(source, target) == third_lower_bound(target, source)


def test_the_order_of_points_does_not_matter():
    rng = np.random.default_rng(0)
    source, target = random_cloud(0, 30), random_cloud(1, 25)
    order = rng.permutation(30)
    shuffled = source[0][order], source[1][order]
    assert squared_gromov(shuffled, target) == squared_gromov(source, target)
    assert_array_equal(
        gromov_plan(shuffled, target), gromov_plan(source, target)[order]
    )


def test_where_the_clouds_lie_does_not_matter():
    for seed in range(5):
        source, target = random_cloud(seed), random_cloud(seed + 10, 24)
        elsewhere = moved(source, seed)[:2]
        expected = squared_gromov(source, target)
        assert_allclose(squared_gromov(elsewhere, target), expected, rtol=1e-9)


def test_a_plane_may_lie_in_space():
    source, target = random_cloud(0, 20, 2), random_cloud(1, 22, 2)
    frame, _ = np.linalg.qr(np.random.default_rng(2).normal(size=(3, 2)))
    in_space = source[0] @ frame.T + 5, source[1]
    assert squared_gromov(source, in_space) < 1e-25
    expected = squared_gromov(source, target)
    assert_allclose(squared_gromov(in_space, target), expected, rtol=1e-9)


def test_a_point_given_twice_is_a_point_of_double_weight():
    points, _ = random_cloud(0, 6)
    target = random_cloud(1, 8)
    twice = points[[0, 1, 2, 2, 3, 4, 5]], np.full(7, 1 / 7)
    heavier = points, np.array([1, 1, 2, 1, 1, 1]) / 7
    expected = squared_gromov(heavier, target)
    assert_allclose(squared_gromov(twice, target), expected, rtol=1e-12)
    assert squared_gromov(twice, heavier) < 1e-25
    plan = gromov_plan(twice, target)
    assert_allclose(plan[2], plan[3], rtol=1e-12)
    assert_allclose(plan.sum(axis=1), 1 / 7, rtol=1e-12)


@pytest.mark.parametrize("exponent", [-400, -30, 1, 400])
def test_powers_of_two_scale_results_to_the_last_bit(exponent):
    factor = 2.0**exponent
    pair = random_cloud(0), random_cloud(1, 24)
    scaled = [(factor * points, weights) for points, weights in pair]
    for solve in (squared_gromov, squared_fused_gromov, third_lower_bound):
        assert solve(*scaled) == factor**2 * solve(*pair)
    rows, expected = (
        distance_quantiles(as_point_clouds(list(c)), 9) for c in (scaled, pair)
    )
    assert_array_equal(rows, factor * expected)


@pytest.mark.parametrize("factor", [1e-8, 1e8])
def test_the_unit_of_length_does_not_matter(factor):
    pair = random_cloud(0), random_cloud(1, 24)
    scaled = [(factor * points, weights) for points, weights in pair]
    for solve in (squared_gromov, squared_fused_gromov, third_lower_bound):
        assert_allclose(solve(*scaled), factor**2 * solve(*pair), rtol=1e-9)


def test_clouds_far_from_the_origin_keep_their_digits():
    pair = random_cloud(0), random_cloud(1, 24)
    far = [(points + 1e8, weights) for points, weights in pair]
    for solve in (squared_gromov, squared_fused_gromov, third_lower_bound):
        assert_allclose(solve(*far), solve(*pair), rtol=1e-5)


def test_float32_is_computed_in_float64():
    (x, a), (y, b) = random_cloud(0), random_cloud(1)
    x, y = x.astype(np.float32), y.astype(np.float32)
    expected = squared_gromov((x.astype(float), a), (y.astype(float), b))
    assert squared_gromov((x, a), (y, b)) == expected


def test_squares_that_overflow_raise():
    half = np.full(2, 0.5)
    huge, small = np.array([[0.0], [1e200]]), np.array([[0.0], [1.0]])
    with pytest.raises(ValueError, match="overflow; rescale X"):
        squared_gromov((huge, half), (small, half))
    huge = np.array([[-1.5e308], [1.5e308]])
    with pytest.raises(ValueError, match="overflow; rescale X"):
        squared_gromov((huge, half), (small, half))


# --- fused ------------------------------------------------------------------------


@pytest.mark.parametrize("seed", range(4))
def test_the_fused_cost_goes_from_wasserstein_to_gromov(seed):
    source, target = random_cloud(seed), random_cloud(seed + 9, 26)
    wasserstein, gromov = transport_cost(source, target), squared_gromov(source, target)
    nothing = squared_fused_gromov(source, target, alpha=0.0)
    assert_allclose(nothing, wasserstein, rtol=1e-9)
    everything = squared_fused_gromov(source, target, alpha=1.0)
    assert_allclose(everything, gromov, rtol=1e-9)
    half = squared_fused_gromov(source, target, alpha=0.5)
    bound = (wasserstein + third_lower_bound(source, target)) / 2
    one_step = squared_fused_gromov(source, target, max_iter=1)
    assert bound <= half <= one_step * (1 + 1e-12)


def test_fused_values_are_as_low_as_those_of_pot_from_the_product():
    ours, pots = [], []
    for i in range(20):
        (x, a), (y, b) = random_cloud(i), random_cloud(60 + i)
        ours.append(squared_fused_gromov((x, a), (y, b), alpha=0.7))
        pots.append(
            ot.fused_gromov_wasserstein2(
                cdist(x, y, "sqeuclidean"),
                cdist(x, x),
                cdist(y, y),
                a,
                b,
                alpha=0.7,
                symmetric=True,
            )
        )
    assert np.mean(np.array(ours) <= np.array(pots) * (1 + 1e-9)) >= 0.9


def test_the_fused_cost_of_a_shifted_cloud_is_its_share_of_the_shift():
    points, weights = random_cloud(0)
    shift = np.array([3.0, 4.0])
    found = squared_fused_gromov(
        (points, weights), (points + shift, weights), alpha=0.2
    )
    assert_allclose(found, 0.8 * 25, rtol=1e-12)
