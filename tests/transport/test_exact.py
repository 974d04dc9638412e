"""The solver: plans, what happens if POT changes, and what is never used."""

import ast
from pathlib import Path

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy.optimize import linear_sum_assignment
from scipy.spatial.distance import cdist

import skwass
from skwass import wasserstein_distances
from skwass.transport import _exact, _simplex


def random_problem(seed=0, n_source=7, n_target=9):
    rng = np.random.default_rng(seed)
    clouds = []
    for size in (n_source, n_target):
        weights = rng.uniform(0.1, 1.0, size)
        clouds.append((rng.normal(size=(size, 2)), weights / weights.sum()))
    return clouds


@pytest.mark.parametrize("sizes", [(7, 9), (1, 4), (5, 1), (1, 1)])
@pytest.mark.parametrize("factor", [1e-160, 1.0, 1e12])
def test_a_plan_has_the_weights_as_marginals_and_the_distance_as_cost(sizes, factor):
    (x, a), (y, b) = random_problem(0, *sizes)
    source, target = (factor * x, a), (factor * y, b)
    plan = _exact.transport_plan(source, target)
    assert plan.shape == sizes
    assert (plan >= 0).all()
    assert_allclose(plan.sum(axis=1), a, rtol=1e-12)
    assert_allclose(plan.sum(axis=0), b, rtol=1e-12)
    cost = np.sum(plan * cdist(x, y, "sqeuclidean")) * factor**2
    # near the smallest number that float64 holds, digits are few
    found = _exact.transport_cost(source, target)
    assert_allclose(found, cost, rtol=1e-12 if factor >= 1 else 1e-2)


def test_the_plan_of_a_convex_gradient_is_its_assignment():
    rng = np.random.default_rng(0)
    x = rng.normal(size=(12, 2))
    image = np.exp(x)  # the gradient of exp(x_1) + exp(x_2)
    order = rng.permutation(12)
    uniform = np.full(12, 1 / 12)
    plan = _exact.transport_plan((x, uniform), (image[order], uniform))
    assert_allclose(plan, np.eye(12)[:, order] / 12, atol=1e-15)


def test_costs_of_zero_alone_have_a_plan():
    same = np.zeros((4, 2))
    a, b = np.full(4, 0.25), np.array([0.1, 0.2, 0.3, 0.4])
    assert _exact.transport_cost((same, a), (same, b)) == 0.0
    assert_allclose(_exact.transport_plan((same, a), (same, b)).sum(axis=0), b)


@pytest.mark.filterwarnings("ignore:Problem infeasible")
def test_weights_that_have_no_plan_raise_instead_of_giving_zero():
    x = np.array([[0.0, 0.0], [1.0, 0.0]])
    broken = np.array([1.5, -0.5])
    with pytest.raises(RuntimeError, match="found no plan"):
        _exact.transport_cost((x, broken), (x + 1.0, np.full(2, 0.5)))


# --- if POT's compiled entry changes ----------------------------------------------


@pytest.fixture
def forgotten_solver():
    """Let each test choose the solver afresh, and the next one too."""
    _simplex.dense_simplex.cache_clear()
    yield
    _simplex.dense_simplex.cache_clear()


def raising(*args):
    raise TypeError("emd_c() takes other arguments now")


def short_answer(a, b, costs, *rest):
    return np.outer(a, b), 0.0


def wrong_answer(a, b, costs, *rest):
    return np.outer(a, b), 0.0, None, None, 1


@pytest.mark.usefixtures("forgotten_solver")
def test_the_compiled_entry_is_used_where_it_works():
    assert _simplex.dense_simplex() is _simplex._fast_simplex


@pytest.mark.usefixtures("forgotten_solver")
@pytest.mark.parametrize("substitute", [None, raising, short_answer, wrong_answer])
def test_the_public_solver_gives_the_same_where_the_entry_changed(
    monkeypatch, substitute
):
    clouds = [random_problem(seed)[0] for seed in range(6)]
    expected = wasserstein_distances(clouds)
    plan = _exact.transport_plan(*clouds[:2])
    _simplex.dense_simplex.cache_clear()
    if substitute is None:
        monkeypatch.delattr("ot.lp.emd_wrap.emd_c")
    else:
        monkeypatch.setattr("ot.lp.emd_wrap.emd_c", substitute)
    assert _simplex.dense_simplex() is _simplex._public_simplex
    assert_allclose(wasserstein_distances(clouds), expected, rtol=1e-12)
    assert_array_equal(_exact.transport_plan(*clouds[:2]), plan)


# --- POT's batched solvers give wrong values without regularisation ----------------


BATCHED = {"batch", "solve_batch", "solve_sample_batch", "solve_gromov_batch"}


def batched_names(source):
    """Whatever a module takes from `ot.batch`."""
    found = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            names = {alias.name for alias in node.names}
            found |= {name for name in names if name.startswith("ot.batch")}
        elif isinstance(node, ast.ImportFrom):
            names = {alias.name for alias in node.names}
            if node.module == "ot":
                found |= names & BATCHED
            elif (node.module or "").startswith("ot.batch"):
                found |= names
        elif isinstance(node, ast.Attribute) and ast.unparse(node.value) == "ot":
            found |= {node.attr} & BATCHED
    return found


@pytest.mark.parametrize(
    "source",
    [
        "import ot.batch",
        "from ot import batch",
        "from ot.batch import anything",
        "import ot\not.batch.solve_batch(a, b)",
        "from ot import solve_batch",
        "import ot\not.solve_sample_batch(x, y)",
    ],
)
def test_the_search_for_batched_solvers_finds_them(source):
    assert batched_names(source)


def test_batched_solvers_are_never_used():
    folder = Path(skwass.__file__).parent
    modules = sorted(folder.rglob("*.py"))
    assert len(modules) > 5
    used = {str(m.relative_to(folder)): batched_names(m.read_text()) for m in modules}
    assert not {module: names for module, names in used.items() if names}


def test_a_far_outlier_costs_no_digits_of_the_rest():
    rng = np.random.default_rng(0)
    for _ in range(10):
        x, y = (np.vstack([rng.normal(size=(20, 2)), [[1e6, 0]]]) for _ in range(2))
        costs = cdist(x, y, "sqeuclidean")
        exact = costs[linear_sum_assignment(costs)].mean()
        found = wasserstein_distances([x], [y], squared=True)[0, 0]
        assert_allclose(found, exact, rtol=1e-9)
