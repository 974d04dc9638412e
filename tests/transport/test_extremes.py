"""What a review found: far points, near clouds, tiny weights, other backends."""

import subprocess
import sys
import warnings

import numpy as np
import pytest
from joblib import parallel_config
from numpy.testing import assert_allclose, assert_array_equal
from scipy.optimize import linear_sum_assignment
from scipy.spatial.distance import cdist
from sklearn.exceptions import ConvergenceWarning

from skwass import (
    paired_wasserstein_distances,
    sampled_wasserstein_distances,
    wasserstein_distances,
)
from skwass.transport import _exact


def by_assignment(x, y, order):
    costs = cdist(x, y) ** order
    chosen = linear_sum_assignment(costs / costs.max())
    return np.mean(costs[chosen]) ** (1 / order)


@pytest.mark.parametrize("order", [12, 20, 30, 60])
@pytest.mark.parametrize("n_points", [100, 330])
def test_high_orders_are_as_exact_as_an_assignment(n_points, order):
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(2, n_points, 3))
    found = wasserstein_distances([x], [y], order=order)[0, 0]
    assert_allclose(found, by_assignment(x, y, order), rtol=1e-6)


@pytest.mark.parametrize(("far", "order"), [(1e4, 4), (1e8, 2), (1e8, 1)])
def test_a_far_point_that_both_clouds_share_drowns_nothing(far, order):
    rng = np.random.default_rng(0)
    x, y = (np.vstack([rng.normal(size=(50, 2)), [[far, 0.0]]]) for _ in range(2))
    found = wasserstein_distances([x], [y], order=order)[0, 0]
    assert_allclose(found, by_assignment(x, y, order), rtol=1e-6)


@pytest.mark.parametrize("order", [1, 2])
@pytest.mark.parametrize("noise", [1e-2, 1e-3, 1e-5])
def test_annealed_distances_of_near_clouds_are_close_from_below(noise, order):
    x = np.random.default_rng(0).normal(size=(100, 3))
    y = x + noise * np.random.default_rng(1).normal(size=x.shape)
    exact = wasserstein_distances([x], [y], order=order)
    found = wasserstein_distances([x], [y], order=order, solver="annealed")
    assert (found <= exact * (1 + 1e-5)).all()
    assert_allclose(found, exact, rtol=0.01)


@pytest.mark.parametrize("scale", [1e39, 1e-46])
def test_linear_distances_leave_the_range_of_float32(scale):
    x = np.random.default_rng(0).normal(size=(20, 3))
    clouds = [x, x[:10], x + 1.0]
    expected = wasserstein_distances(clouds, metric="linear")
    scaled = [scale * cloud for cloud in clouds]
    found = wasserstein_distances(scaled, metric="linear")
    assert_allclose(found / scale, expected, rtol=1e-5)


def test_a_point_too_light_to_be_moved_is_no_trouble():
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(2, 330, 3))
    weights = np.ones(330)
    weights[::7] = 1e-300
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        found = wasserstein_distances([x], [(y, weights)])
    expected = wasserstein_distances([x], [y[weights == 1]], solver="simplex")
    assert_allclose(found, expected, rtol=1e-9)


def test_an_outlier_sends_large_clouds_to_the_simplex(monkeypatch):
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(2, 400, 2))
    y[0] = -999.0
    results = []
    original = _exact.generate_columns
    monkeypatch.setattr(
        _exact,
        "generate_columns",
        lambda *args: results.append(original(*args)) or results[-1],
    )
    found = wasserstein_distances([x], [y])
    assert results == [None]
    assert_allclose(found, wasserstein_distances([x], [y], solver="simplex"))


# --- the Sinkhorn divergence --------------------------------------------------------


@pytest.mark.parametrize("solver", ["annealed", "log"])
def test_a_cloud_and_itself_diverge_in_no_function(solver):
    x = np.random.default_rng(0).normal(size=(30, 2))
    options = {"metric": "sinkhorn", "solver": solver, "reg": 0.1}
    assert wasserstein_distances([x], **options)[0, 0] == 0
    assert wasserstein_distances([x], [x.copy()], **options)[0, 0] == 0
    assert_array_equal(sampled_wasserstein_distances([x], [[0, 0]], **options), [0])
    assert_array_equal(paired_wasserstein_distances([x], [x.copy()], **options), [0])


@pytest.mark.parametrize("reg", [1e6, 1e40, 1e300])
def test_much_regularisation_leaves_the_distance_of_the_means(reg):
    # without entropy to pay for, the plan is the product of the weights
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(20, 2)), rng.normal(size=(30, 2)) + 3.0
    found = wasserstein_distances([x], [y], metric="sinkhorn", reg=reg)[0, 0]
    assert_allclose(found, np.linalg.norm(x.mean(0) - y.mean(0)), rtol=1e-2)


# --- backends and states ------------------------------------------------------------


def test_processes_give_the_same_and_warn_as_well():
    rng = np.random.default_rng(0)
    clouds = [rng.normal(size=(20 + k, 2)) for k in range(8)]
    options = {"metric": "sinkhorn", "reg": 1e-3, "metric_params": {"max_iter": 1}}
    with pytest.warns(ConvergenceWarning) as threads:
        expected = wasserstein_distances(clouds, n_jobs=2, **options)
    with (
        parallel_config(backend="loky", n_jobs=2),
        pytest.warns(ConvergenceWarning) as processes,
    ):
        found = wasserstein_distances(clouds, n_jobs=2, **options)
    assert_array_equal(found, expected)
    messages = [[str(w.message) for w in seen] for seen in (threads, processes)]
    assert messages[0] == [m for m in messages[1] if "transport problems" in m]


def test_threads_leave_the_filters_of_warnings_alone():
    script = (
        "import warnings, numpy as np\n"
        "before = list(warnings.filters)\n"
        "from skwass import wasserstein_distances\n"
        "between = list(warnings.filters)\n"
        "clouds = np.random.default_rng(0).normal(size=(8, 30, 2))\n"
        "wasserstein_distances(clouds, solver='annealed', n_jobs=4)\n"
        "assert list(warnings.filters) == between\n"
    )
    subprocess.run([sys.executable, "-c", script], check=True, timeout=120)
