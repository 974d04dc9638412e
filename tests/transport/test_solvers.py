"""Solvers against each other, against proofs of optimality, and what they leave."""

import threading
import warnings

import numpy as np
import ot
import pytest
import torch
from numpy.testing import assert_allclose, assert_array_equal
from scipy.spatial.distance import cdist
from sklearn.exceptions import ConvergenceWarning

from skwass import (
    paired_wasserstein_distances,
    sampled_wasserstein_distances,
    wasserstein_distances,
)
from skwass.transport import _exact, _simplex
from skwass.transport._annealing import anneal, fast_arithmetic
from skwass.transport._ground import GroundCost, ground_metric

# --- large clouds: column generation against the simplex on all pairs ---------------


def uniform(n):
    return np.full(n, 1 / n)


def normalised(weights):
    return weights / weights.sum()


def random_pair(rng):
    return rng.normal(size=(300, 2)), rng.normal(size=(350, 2)) + 0.5


def equal_weights(rng):
    x, y = random_pair(rng)
    return x, uniform(300), y, uniform(350)


def matching(rng):
    x, y = rng.normal(size=(2, 320, 3))
    return x, uniform(320), y, uniform(320)


def any_weights(rng):
    x, y = random_pair(rng)
    return x, normalised(rng.uniform(size=300)), y, normalised(rng.uniform(size=350))


def steep_weights(rng):
    x, y = random_pair(rng)
    ranks = np.arange(1.0, 351.0)
    return x, normalised(ranks[:300] ** -4), y, normalised(ranks[::-1] ** -4)


def tiny_weights(rng):
    x, y = random_pair(rng)
    a = rng.uniform(0.1, 1.0, 300)
    a[::3] = 1e-12
    return x, normalised(a), y, uniform(350)


def nearly_single_points(rng):
    x, y = random_pair(rng)
    a, b = np.full(300, 1e-14), np.full(350, 1e-14)
    a[7] = b[9] = 1.0
    return x, normalised(a), y, normalised(b)


def duplicated_points(rng):
    x, y = random_pair(rng)
    return x[:100].repeat(3, axis=0), uniform(300), y[:50].repeat(7, 0), uniform(350)


def heavy_outliers(rng):
    x, y = random_pair(rng)
    x[:3] *= 1e6
    return x, uniform(300), y, uniform(350)


def two_far_clusters(rng):
    x, y = random_pair(rng)
    x[150:] += 1e4
    y[200:] += 1e4
    return x, uniform(300), y, uniform(350)


def moved_lattice(rng):
    x = np.argwhere(np.ones((18, 18))).astype(float)
    return x, uniform(324), x + np.array([1, 0]), uniform(324)


def weighted_lattice(rng):
    x = np.argwhere(np.ones((18, 18))).astype(float)
    a, b = rng.integers(1, 4, size=(2, 324)).astype(float)
    return x, normalised(a), x, normalised(b)


def same_points_in_another_order(rng):
    x = rng.normal(size=(320, 2))
    return x, uniform(320), x[::-1].copy(), uniform(320)


def equal_costs(rng):
    x = np.zeros((320, 2))
    return x, uniform(320), x + np.array([1.0, 0.0]), uniform(320)


def line_in_the_plane(rng):
    x, y = random_pair(rng)
    return x * [1, 0], uniform(300), y * [1, 0], uniform(350)


def three_points_and_many(rng):
    x, y = rng.normal(size=(3, 2)), rng.normal(size=(40_000, 2))
    return x, normalised(rng.uniform(size=3)), y, uniform(40_000)


LARGE = [
    equal_weights,
    matching,
    any_weights,
    steep_weights,
    tiny_weights,
    nearly_single_points,
    duplicated_points,
    heavy_outliers,
    two_far_clusters,
    moved_lattice,
    weighted_lattice,
    same_points_in_another_order,
    equal_costs,
    line_in_the_plane,
]
#: costs that say little of which pairs matter, so that all of them are looked at
HARDLY_SCREENED = [
    equal_costs,
    heavy_outliers,
    line_in_the_plane,
    nearly_single_points,
    two_far_clusters,
]
GROUND = {
    "order 2": GroundCost(),
    "order 1": GroundCost(order=1.0),
    "cityblock of order 1": GroundCost(ground_metric("cityblock"), 1.0),
}


has_sparse_simplex = pytest.mark.skipif(
    _simplex.sparse_simplex() is None, reason="this POT solves no sparse problems"
)


@pytest.fixture
def generated(monkeypatch):
    """What column generation returned, call by call."""
    results = []

    def spy(*args):
        results.append(generate_columns(*args))
        return results[-1]

    generate_columns = _exact.generate_columns
    monkeypatch.setattr(_exact, "generate_columns", spy)
    return results


@has_sparse_simplex
@pytest.mark.parametrize("cost", GROUND.values(), ids=GROUND)
@pytest.mark.parametrize("problem", LARGE, ids=lambda problem: problem.__name__)
def test_column_generation_costs_what_the_simplex_on_all_pairs_does(
    problem, cost, generated
):
    x, a, y, b = problem(np.random.default_rng(0))
    assert len(x) * len(y) >= 90_000
    found = _exact.transport_cost((x, a), (y, b), cost)
    assert len(generated) == 1
    if problem not in HARDLY_SCREENED:
        assert generated[0] is not None
    expected = _exact.transport_cost((x, a), (y, b), cost, dense=True)
    assert len(generated) == 1
    rounding = 1e-14 * cost.matrix(x, y).max()
    assert_allclose(found, expected, rtol=1e-9, atol=rounding)


@has_sparse_simplex
def test_a_callable_ground_distance_goes_through_column_generation(generated):
    x, a, y, b = any_weights(np.random.default_rng(1))
    options = {"metric": lambda u, v: np.sqrt(abs(u[0] - v[0])), "order": 1}
    found = wasserstein_distances([(x, a)], [(y, b)], **options)
    assert generated[0] is not None
    dense = wasserstein_distances([(x, a)], [(y, b)], solver="simplex", **options)
    assert len(generated) == 1
    assert_allclose(found, dense, rtol=1e-9)


@has_sparse_simplex
def test_a_few_points_and_very_many_go_through_column_generation(generated):
    x, a, y, b = three_points_and_many(np.random.default_rng(0))
    costs = cdist(x, y, "sqeuclidean")
    solution = _exact.solve_transport(a, b, costs.copy())
    assert generated[0] is not None
    assert_allclose(solution.plan.sum(axis=1), a, rtol=1e-9)
    assert_allclose(solution.plan.sum(axis=0), b, rtol=1e-9)
    assert_allclose(np.sum(solution.plan * costs), solution.cost, rtol=1e-9)
    assert (costs - solution.f[:, None] - solution.g).min() > -1e-9
    assert_allclose(a @ solution.f + b @ solution.g, solution.cost, rtol=1e-9)


def test_one_point_and_very_many_need_no_solver(generated):
    y = np.random.default_rng(0).normal(size=(120_000, 2))
    found = wasserstein_distances([np.ones((1, 2))], [y], squared=True)
    assert not generated
    assert_allclose(found[0, 0], np.mean(np.sum((y - 1) ** 2, axis=1)), rtol=1e-10)


@pytest.mark.parametrize(
    "problem",
    [any_weights, matching, tiny_weights, moved_lattice, two_far_clusters, equal_costs],
    ids=lambda problem: problem.__name__,
)
@pytest.mark.parametrize("dense", [False, True])
def test_potentials_prove_the_plan_optimal(problem, dense):
    x, a, y, b = problem(np.random.default_rng(2))
    costs = cdist(x, y, "sqeuclidean")
    found = _exact.solve_transport(a, b, costs.copy(), dense=dense)
    rounding = 1e-12 * costs.max()
    slack = costs - found.f[:, None] - found.g
    assert slack.min() >= -rounding
    assert_allclose(a @ found.f + b @ found.g, found.cost, rtol=1e-9, atol=rounding)
    assert_allclose(np.sum(found.plan * costs), found.cost, rtol=1e-9, atol=rounding)
    assert (found.plan >= 0).all()
    assert_allclose(found.plan.sum(axis=1), a, rtol=1e-9, atol=1e-15)
    assert_allclose(found.plan.sum(axis=0), b, rtol=1e-9, atol=1e-15)


# --- if POT's entry for few pairs changes -------------------------------------------


@pytest.fixture
def forgotten_solvers():
    """Let each test choose the solver afresh, and the next one too."""
    _simplex.sparse_simplex.cache_clear()
    yield
    _simplex.sparse_simplex.cache_clear()


def raising(*args):
    raise TypeError("emd_c_sparse() takes other arguments now")


def too_short(a, b, *rest):
    return a, b


def wrong_flow(a, b, sources, targets, costs, max_iter):
    zeros = np.zeros(len(a))
    return sources, targets, np.full(3, 1 / 3), 1.0, zeros, zeros, 1


@has_sparse_simplex
@pytest.mark.usefixtures("forgotten_solvers")
def test_the_sparse_entry_is_used_where_it_works():
    assert _simplex.sparse_simplex() is not None


@has_sparse_simplex
@pytest.mark.usefixtures("forgotten_solvers")
@pytest.mark.parametrize("substitute", [None, raising, too_short, wrong_flow])
def test_all_pairs_are_looked_at_where_the_sparse_entry_changed(
    monkeypatch, generated, substitute
):
    x, a, y, b = any_weights(np.random.default_rng(3))
    expected = wasserstein_distances([(x, a)], [(y, b)], solver="simplex")
    if substitute is None:
        monkeypatch.delattr("ot.lp.emd_wrap.emd_c_sparse")
    else:
        monkeypatch.setattr("ot.lp.emd_wrap.emd_c_sparse", substitute)
    found = wasserstein_distances([(x, a)], [(y, b)])
    assert generated == [None]
    assert_array_equal(found, expected)


# --- annealed: from below -----------------------------------------------------------


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"order": 1},
        {"order": 3.5},
        {"metric": "cityblock"},
        {"metric": "cityblock", "order": 1},
    ],
    ids=str,
)
@pytest.mark.parametrize("n_features", [3, 6])
def test_annealed_is_below_exact_and_close(weighted_clouds, n_features, options):
    clouds = weighted_clouds(8, n_features, seed=1, sizes=(20, 80))
    exact = wasserstein_distances(clouds, **options)
    annealed = wasserstein_distances(clouds, solver="annealed", **options)
    above_diagonal = np.triu_indices(len(clouds), 1)
    share = annealed[above_diagonal] / exact[above_diagonal]
    assert share.max() <= 1 + 1e-6
    assert share.min() >= 0.99
    assert np.median(share) >= 0.997  # the usual
    assert_array_equal(np.diag(annealed), 0.0)


@pytest.mark.parametrize("options", [{}, {"order": 1}, {"metric": "cityblock"}])
def test_next_to_no_regularisation_stays_finite_and_warns_once(
    weighted_clouds, options
):
    clouds = weighted_clouds(4, seed=2, sizes=(3, 20))
    exact = wasserstein_distances(clouds, **options)
    with pytest.warns(ConvergenceWarning, match=r"\d of 6 transport problems") as seen:
        found = wasserstein_distances(clouds, solver="annealed", reg=1e-12, **options)
    assert len(seen) == 1
    assert (found <= exact * (1 + 1e-6)).all()
    assert_allclose(found, exact, rtol=0.01)


@pytest.mark.parametrize("solver", ["annealed", "log"])
def test_a_divergence_of_next_to_no_regularisation_is_finite_whatever_the_padding(
    weighted_clouds, solver
):
    sizes = [(3, 4), (8, 9), (20, 21)]
    clouds = [weighted_clouds(1, seed=size[0], sizes=size)[0] for size in sizes]
    options = {"metric": "sinkhorn", "solver": solver, "reg": 1e-12}
    with pytest.warns(ConvergenceWarning, match=r"\d of 6 transport problems"):
        found = wasserstein_distances(clouds, **options)
    assert_allclose(found, wasserstein_distances(clouds), rtol=2e-3)


def test_padding_of_a_batch_gets_no_density(weighted_clouds):
    (x, a), (y, b) = weighted_clouds(2, seed=3, sizes=(6, 10))
    costs = torch.zeros(1, 16, 16)
    costs[0, : len(x), : len(y)] = torch.tensor(cdist(x, y, "sqeuclidean"))
    long_a, long_b = torch.zeros(1, 16), torch.zeros(1, 16)
    long_a[0, : len(x)], long_b[0, : len(y)] = torch.tensor(a), torch.tensor(b)
    reg = torch.full((1,), 1e-9)
    with fast_arithmetic():
        found = anneal(
            costs, long_a, long_b, reg=reg, n_stages=32, n_iter=3, max_iter=50
        )
    assert (found.density[0, len(x) :] == 0).all()
    assert (found.density[0, :, len(y) :] == 0).all()
    for part in found:
        assert part.isfinite().all()


# --- the divergence -----------------------------------------------------------------


def entropic_cost(source, target, reg):
    """<P, C> + reg KL(P | a b'), by another library."""
    (x, a), (y, b) = source, target
    costs = cdist(x, y, "sqeuclidean")
    plan = ot.sinkhorn(
        a, b, costs, reg, method="sinkhorn_log", numItermax=20_000, stopThr=1e-11
    )
    density = plan / np.outer(a, b)
    entropy = np.sum(plan * np.log(density, where=plan > 0, out=np.zeros(plan.shape)))
    return np.sum(plan * costs) + reg * entropy


def divergence(source, target, reg):
    own = entropic_cost(source, source, reg) + entropic_cost(target, target, reg)
    return entropic_cost(source, target, reg) - own / 2


@pytest.mark.parametrize("reg", [0.8, 5.0])
def test_sinkhorn_is_the_divergence_of_another_library(weighted_clouds, reg):
    clouds = weighted_clouds(3, seed=4, sizes=(10, 20))
    expected = [divergence(clouds[i], clouds[j], reg) for i, j in [(0, 1), (1, 2)]]
    options = {"metric": "sinkhorn", "reg": reg, "squared": True}
    for solver, rtol in (("annealed", 1e-3), ("log", 1e-5)):
        found = sampled_wasserstein_distances(
            clouds, [[0, 1], [1, 2]], solver=solver, **options
        )
        assert_allclose(found, expected, rtol=rtol)
    found = sampled_wasserstein_distances(
        clouds,
        [[0, 1], [1, 2]],
        solver="log",
        metric_params={"tol": 1e-9, "max_iter": 10_000},
        **options,
    )
    assert_allclose(found, expected, rtol=1e-8)


def test_without_reg_it_is_a_share_of_the_mean_cost_of_the_cohort(weighted_clouds):
    clouds = weighted_clouds(5, seed=5)
    masses = [weights / 5 for _, weights in clouds]
    points = np.concatenate([points for points, _ in clouds])
    mass = np.concatenate(masses)
    mean_cost = mass @ cdist(points, points, "sqeuclidean") @ mass
    assert_allclose(
        wasserstein_distances(clouds, metric="sinkhorn"),
        wasserstein_distances(clouds, metric="sinkhorn", reg=0.05 * mean_cost),
        rtol=1e-6,
        atol=1e-4,
    )


@pytest.mark.parametrize("solver", ["annealed", "log"])
def test_much_regularisation_gives_the_distance_of_the_means(weighted_clouds, solver):
    clouds = weighted_clouds(4, seed=6)
    means = np.array([weights @ points for points, weights in clouds])
    found = wasserstein_distances(clouds, metric="sinkhorn", solver=solver, reg=1e4)
    assert_allclose(found, cdist(means, means), rtol=1e-3, atol=1e-3)


# --- a value belongs to its pair ----------------------------------------------------

ITERATIVE = [
    {"metric": "sinkhorn", "reg": 0.2},
    {"metric": "sinkhorn", "reg": 0.2, "solver": "log"},
    {"solver": "annealed", "reg": 0.02},
    {"solver": "annealed", "reg": 0.02, "metric": "cityblock", "order": 1},
]


@pytest.mark.parametrize("options", ITERATIVE, ids=str)
def test_a_distance_does_not_depend_on_what_else_is_asked(weighted_clouds, options):
    clouds = [weighted_clouds(1, seed=n, sizes=(n, n + 1))[0] for n in range(2, 38, 3)]
    together = wasserstein_distances(clouds, **options)
    for i, j in [(0, 1), (0, 11), (3, 8), (10, 11)]:
        alone = wasserstein_distances([clouds[i]], [clouds[j]], **options)
        assert_allclose(alone[0, 0], together[i, j], rtol=1e-5)


@pytest.mark.parametrize("options", ITERATIVE, ids=str)
def test_threads_do_not_change_a_bit(weighted_clouds, options):
    clouds = weighted_clouds(20, seed=7, sizes=(2, 30))
    one = wasserstein_distances(clouds, n_jobs=1, **options)
    assert_array_equal(wasserstein_distances(clouds, n_jobs=2, **options), one)
    pairs = np.random.default_rng(0).integers(20, size=(90, 2))
    assert_array_equal(
        sampled_wasserstein_distances(clouds, pairs, n_jobs=2, **options),
        sampled_wasserstein_distances(clouds, pairs, n_jobs=1, **options),
    )


# --- what a call leaves behind ------------------------------------------------------


def flushes():
    return bool(torch.tensor(1e-38) * 0.01 == 0)


@pytest.fixture
def states():
    """Torch's states of the thread, as they were."""
    n_threads, flushed = torch.get_num_threads(), flushes()
    yield
    torch.set_num_threads(n_threads)
    torch.set_flush_denormal(flushed)


@pytest.mark.usefixtures("states")
@pytest.mark.parametrize("flushed", [False, True])
@pytest.mark.parametrize("n_threads", [1, 3])
@pytest.mark.parametrize("fails", [False, True])
def test_fast_arithmetic_ends(flushed, n_threads, fails):
    if torch.set_flush_denormal(flushed) is False and flushed:
        pytest.skip("this processor cannot flush subnormal numbers")
    torch.set_num_threads(n_threads)
    try:
        with fast_arithmetic():
            assert flushes()
            assert torch.get_num_threads() == 1
            if fails:
                raise KeyboardInterrupt
    except KeyboardInterrupt:
        assert fails
    assert flushes() is flushed
    assert torch.get_num_threads() == n_threads


def threads_of_a_new_thread():
    found = []
    worker = threading.Thread(target=lambda: found.append(torch.get_num_threads()))
    worker.start()
    worker.join()
    return found[0]


@pytest.mark.usefixtures("states")
def test_new_threads_find_the_number_of_threads_that_was_set():
    torch.set_num_threads(3)
    both_inside = threading.Barrier(2)

    def work():
        for _ in range(2):
            both_inside.wait(10)
            with fast_arithmetic():
                both_inside.wait(10)
                assert torch.get_num_threads() == 1

    workers = [threading.Thread(target=work) for _ in range(2)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert threads_of_a_new_thread() == 3
    assert torch.get_num_threads() == 3


METRICS = [
    {"metric": "wasserstein"},
    {"order": 1},
    {"solver": "annealed"},
    {"metric": "cityblock"},
    {"metric": "sinkhorn"},
    {"metric": "sinkhorn", "solver": "log"},
    {"metric": "sliced"},
    {"metric": "max_sliced"},
    {"metric": "bures"},
    {"metric": "linear"},
    {"metric": "gromov"},
    {"metric": "fused_gromov"},
    {"metric": "gromov_slb"},
    {"metric": "gromov_tlb"},
]


@pytest.mark.parametrize("options", METRICS, ids=str)
def test_floating_point_errors_that_raise_find_none(weighted_clouds, options):
    clouds = [*weighted_clouds(3, 3, seed=8, sizes=(20, 30)), np.zeros((1, 3))]
    with np.errstate(all="raise"):
        strict = wasserstein_distances(clouds, **options)
    assert_array_equal(strict, wasserstein_distances(clouds, **options))


@pytest.mark.parametrize("options", METRICS, ids=str)
def test_global_random_states_are_left_alone(weighted_clouds, options):
    clouds = weighted_clouds(4, 3, seed=9, sizes=(20, 30))
    before = np.random.get_state()  # noqa: NPY002
    torch_before = torch.get_rng_state()
    first = wasserstein_distances(clouds, **options)
    after = np.random.get_state()  # noqa: NPY002
    assert_array_equal(after[1], before[1])
    assert after[2] == before[2]
    assert torch.equal(torch.get_rng_state(), torch_before)
    np.random.uniform()  # noqa: NPY002
    torch.rand(1)
    assert_array_equal(wasserstein_distances(clouds, **options), first)


def test_problems_that_do_not_converge_are_counted_in_one_warning(weighted_clouds):
    clouds = weighted_clouds(12, seed=10, sizes=(20, 30))
    options = {"metric": "sinkhorn", "reg": 1e-3, "metric_params": {"max_iter": 1}}
    message = r"^6\d of 78 transport problems did not converge.*tol=0.001.*larger reg"
    for n_jobs in (1, 2):
        with pytest.warns(ConvergenceWarning, match=message) as seen:
            wasserstein_distances(clouds, n_jobs=n_jobs, **options)
        assert len(seen) == 1
        assert seen[0].filename == __file__
    with pytest.warns(ConvergenceWarning, match="of 4 transport problems"):
        # a self-term of each cloud, and a pair twice
        sampled_wasserstein_distances(clouds, [[0, 1], [0, 1]], **options)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        paired_wasserstein_distances(clouds, clouds, metric="sinkhorn", reg=10.0)


@pytest.mark.parametrize("order", [1, 2, 3.5])
def test_annealed_is_exact_on_a_line(order):
    rng = np.random.default_rng(25)
    x, y = rng.normal(size=(110, 1)), rng.normal(size=(115, 1)) + rng.normal()
    exact = wasserstein_distances([x], [y], order=order)
    found = wasserstein_distances([x], [y], order=order, solver="annealed")
    assert_array_equal(found, exact)


def test_annealed_doubts_a_value_that_its_plan_does_not_confirm():
    rng = np.random.default_rng(7)
    line = np.array([[3.0, 4.0]]) / 5
    x, y = rng.normal(size=(110, 1)), rng.normal(size=(115, 1)) + rng.normal()
    with pytest.warns(ConvergenceWarning, match="1 of 1 transport problems"):
        found = wasserstein_distances(
            [x * line], [y * line], order=3.5, solver="annealed"
        )
    assert found < wasserstein_distances([x * line], [y * line], order=3.5)
