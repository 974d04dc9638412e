"""What the three functions refuse, and whether the message helps."""

import os
import re
import tracemalloc

import numpy as np
import pytest
import torch
from numpy.testing import assert_allclose, assert_array_equal

from skwass import (
    PointClouds,
    as_point_clouds,
    paired_wasserstein_distances,
    sampled_wasserstein_distances,
    wasserstein_distances,
)

X = np.random.default_rng(0).normal(size=(3, 4, 2))
OTHER_SPACE = np.random.default_rng(1).normal(size=(3, 5, 3))

NAMED = (
    "sinkhorn",
    "sliced",
    "max_sliced",
    "bures",
    "linear",
    "gromov",
    "fused_gromov",
    "gromov_slb",
    "gromov_tlb",
)


def matrix(x=X, y=None, **options):
    return wasserstein_distances(x, y, **options)


def sampled(x=X, y=None, **options):
    return sampled_wasserstein_distances(x, [[0, 1], [2, 2]], y, **options)


def paired(x=X, y=None, **options):
    return paired_wasserstein_distances(x, x[::-1] if y is None else y, **options)


FACES = (matrix, sampled, paired)


def refuses(pattern, *args, error=ValueError, **options):
    """All three functions refuse what `options` say, in the same words."""
    messages = set()
    for face in FACES:
        with pytest.raises(error, match=pattern) as info:
            face(*args, **options)
        messages.add(re.sub(r"0x[0-9a-f]+", "", str(info.value)))
    assert len(messages) == 1


# --- metric, solver, order, reg, device ---------------------------------------------


@pytest.mark.parametrize("metric", ["earthmover", "Sinkhorn", "", "precomputed"])
def test_an_unknown_metric_is_named(metric):
    refuses(f"metric='{metric}'.*'wasserstein'.*cdist knows.*callable", metric=metric)


@pytest.mark.parametrize("metric", [None, 2, ["sliced"], np.eye(2)], ids=repr)
def test_a_metric_of_another_kind_is_refused(metric):
    refuses("metric must be a string or a callable; got", metric=metric)


@pytest.mark.parametrize("solver", ["fastest", "log", None, ["exact"], np.ones(2)])
def test_an_unknown_solver_is_refused_and_the_known_are_listed(solver):
    pattern = (
        r"solver must be one of \('auto', 'exact', 'simplex', 'annealed'\) for "
        rf"metric='wasserstein'; got {re.escape(repr(solver))}"
    )
    refuses(pattern, solver=solver)


@pytest.mark.parametrize("metric", NAMED)
@pytest.mark.parametrize("solver", ["exact", "simplex", "lp"])
def test_a_solver_of_another_metric_is_refused(metric, solver):
    refuses(
        rf"solver must be one of \('auto'.*for metric='{metric}'; got '{solver}'",
        metric=metric,
        solver=solver,
    )


@pytest.mark.parametrize(
    "order",
    [0.5, 0, -1, np.nan, np.inf, "2", True, None, [2], 2j, np.ones(2)],
    ids=repr,
)
def test_an_order_that_makes_no_metric_is_refused(order):
    pattern = f"order must be a number of at least 1; got {re.escape(repr(order))}"
    refuses(pattern, order=order)
    refuses(pattern, order=order, metric="sinkhorn")


@pytest.mark.parametrize("metric", NAMED)
def test_what_is_of_order_two_has_no_other(metric):
    refuses(f"metric='{metric}' has order=2 only; got order=1", metric=metric, order=1)
    assert_array_equal(matrix(metric=metric, order=2.0), matrix(metric=metric))


@pytest.mark.parametrize(
    "reg", [0, -1.0, np.nan, np.inf, "0.1", True, [0.1], np.ones(2)], ids=repr
)
@pytest.mark.parametrize("options", [{"metric": "sinkhorn"}, {"solver": "annealed"}])
def test_a_regularisation_that_is_not_positive_is_refused(reg, options):
    pattern = f"reg must be None or a positive number; got {re.escape(repr(reg))}"
    refuses(pattern, reg=reg, **options)


@pytest.mark.parametrize("solver", ["auto", "exact", "simplex"])
def test_exact_solvers_have_no_regularisation(solver):
    refuses(
        "reg=0.1 goes with solver='annealed' or metric='sinkhorn'",
        reg=0.1,
        solver=solver,
    )


@pytest.mark.parametrize("metric", [name for name in NAMED if name != "sinkhorn"])
def test_other_metrics_have_no_regularisation(metric):
    refuses(f"metric='{metric}' has no regularisation", metric=metric, reg=0.1)


@pytest.mark.parametrize("metric", ["wasserstein", "sinkhorn", "sliced"])
@pytest.mark.parametrize("device", ["nonsense", "meta", "cpu:x", "cuda:99"])
def test_a_device_that_is_not_here_is_refused(metric, device):
    refuses(
        f"device='{device}' cannot be used: .*Use 'cpu'", metric=metric, device=device
    )


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU")
def test_a_gpu_that_is_not_here_is_refused():
    refuses("device='cuda' cannot be used: .*Use 'cpu'", device="cuda")


@pytest.mark.parametrize("device", [None, 0, torch.device("cpu")], ids=repr)
def test_a_device_that_is_no_string_is_refused(device):
    refuses("device must be a string such as 'cpu'; got", device=device)


@pytest.mark.parametrize(
    "options", [{"metric": "sinkhorn"}, {"solver": "annealed"}, {}], ids=str
)
def test_the_first_cpu_is_the_cpu(options):
    assert_array_equal(matrix(device="cpu:0", **options), matrix(**options))


# --- metric_params ------------------------------------------------------------------


@pytest.mark.parametrize("metric", ["wasserstein", "cityblock", *NAMED])
@pytest.mark.parametrize("params", [[1], "n_projections", 3, ("a", 1)], ids=repr)
def test_parameters_that_are_no_dictionary_are_refused(metric, params):
    refuses(
        f"metric_params must be None or a dictionary; got {re.escape(repr(params))}",
        metric=metric,
        metric_params=params,
    )


@pytest.mark.parametrize("metric", NAMED)
@pytest.mark.parametrize("name", ["p", "n_projection", 1])
def test_unknown_parameters_are_refused_and_the_known_are_listed(metric, name):
    refuses(
        rf"metric='{metric}' knows \[.*\] in metric_params; got {name!r}",
        metric=metric,
        metric_params={name: 1},
    )


def test_unknown_parameters_of_a_ground_distance_are_refused():
    refuses(
        "metric='cityblock' with metric_params={'p': 3} is no ground distance",
        metric="cityblock",
        metric_params={"p": 3},
    )


COUNT = "a positive integer"
SEED = "None, an integer from 0 to"


@pytest.mark.parametrize(
    ("metric", "name", "value", "expected"),
    [
        ("sliced", "n_projections", 0, COUNT),
        ("sliced", "n_projections", 2.5, COUNT),
        ("sliced", "n_projections", True, COUNT),
        ("sliced", "n_quantiles", "many", COUNT),
        ("sliced", "random_state", "chance", SEED),
        ("sliced", "random_state", -1, SEED),
        ("sliced", "random_state", 2**32, SEED),
        ("max_sliced", "max_iter", -3, COUNT),
        ("max_sliced", "random_state", 1.5, SEED),
        ("linear", "random_state", [], SEED),
        ("linear", "n_reference", 0, "'auto' or a positive integer"),
        ("linear", "n_reference", "all", "'auto' or a positive integer"),
        ("linear", "n_reference", np.ones(2), "'auto' or a positive integer"),
        ("bures", "covariance", "tied", "'full' or 'diag'"),
        ("bures", "covariance", np.array(["full", "diag"]), "'full' or 'diag'"),
        ("fused_gromov", "alpha", 1.1, "a number from 0 to 1"),
        ("fused_gromov", "alpha", np.nan, "a number from 0 to 1"),
        ("fused_gromov", "alpha", "half", "a number from 0 to 1"),
        ("gromov", "max_iter", None, COUNT),
        ("gromov_slb", "n_quantiles", 0, COUNT),
        ("sinkhorn", "tol", 0, "a positive number"),
        ("sinkhorn", "tol", np.nan, "a positive number"),
        ("sinkhorn", "max_iter", 1e3, COUNT),
    ],
    ids=str,
)
def test_wrong_values_of_parameters_are_refused(metric, name, value, expected):
    refuses(
        rf"metric_params\['{name}'\] must be {expected}.* for metric='{metric}'; got "
        + re.escape(repr(value)),
        metric=metric,
        metric_params={name: value},
    )


@pytest.mark.parametrize(
    ("metric", "params"),
    [("sliced", {}), ("max_sliced", {}), ("linear", {"n_reference": 5})],
)
def test_every_kind_of_seed_is_taken(metric, params):
    def seeded(seed):
        return matrix(metric=metric, metric_params=params | {"random_state": seed})

    for seed in (3, np.int64(3), np.random.RandomState(3)):
        assert_array_equal(seeded(seed), seeded(3))
    assert np.isfinite(seeded(None)).all()


# --- X and Y ------------------------------------------------------------------------


@pytest.mark.parametrize("metric", ["wasserstein", "cityblock", *NAMED])
def test_points_of_another_dimension_are_refused_unless_the_metric_compares_shapes(
    metric,
):
    if metric in ("gromov", "gromov_slb", "gromov_tlb"):
        for face in FACES:
            found = face(X, OTHER_SPACE, metric=metric)
            assert np.isfinite(found).all()
            assert (found > 0).all()
        assert_allclose(
            matrix(X, OTHER_SPACE, metric=metric).T,
            matrix(OTHER_SPACE, X, metric=metric),
            rtol=1e-9,
        )
    else:
        refuses("X has 2 features and Y has 3", X, OTHER_SPACE, metric=metric)


BAD_CLOUDS = {
    "no mass": ([X[0], (X[1], [0, 0, 0, 0])], r"\[1\] has no mass"),
    "no point": ([X[0], np.empty((0, 2))], r"\[1\] is empty"),
    "negative": ([X[0], (X[1], [1, -1, 1, 1])], r"\[1\] has negative weights"),
    "NaN weight": ([X[0], (X[1], [1, np.nan, 1, 1])], r"\[1\] has NaN .* in weights"),
    "infinite weight": ([X[0], (X[1], [1, np.inf, 1, 1])], r"\[1\] has .* in weights"),
    "NaN": ([X[0], X[1] * np.nan], r"\[1\] has NaN or infinity in points"),
    "infinity": ([X[0], X[1] + np.inf], r"\[1\] has NaN or infinity in points"),
    "half NaN": (
        np.where(np.arange(24).reshape(3, 4, 2) == 9, np.nan, X),
        "NaN in part",
    ),
    "few weights": ([X[0], (X[1], [1, 1])], r"weights of {}\[1\] have shape \(2,\)"),
    "mixed dimensions": ([X[0], OTHER_SPACE[0]], r"{}\[0\] has 2 .* {}\[1\] has 3"),
}


@pytest.mark.parametrize(("bad", "pattern"), BAD_CLOUDS.values(), ids=BAD_CLOUDS)
def test_bad_clouds_are_refused_and_named_as_those_of_x_or_of_y(bad, pattern):
    for face in FACES:
        for name, args in (("X", (bad, X)), ("Y", (X, bad))):
            wanted = pattern.format(name, name)
            with pytest.raises(ValueError, match=wanted) as info:
                face(*args)
            assert re.search(rf"\b{name}\b", str(info.value))
            assert not re.search(rf"\b{'XY'.replace(name, '')}\b", str(info.value))


def test_something_that_is_no_set_of_clouds_is_refused_by_name():
    for face in FACES:
        with pytest.raises(TypeError, match="X is a dict; expected PointClouds"):
            face({}, X)
        with pytest.raises(TypeError, match="Y is a dict; expected PointClouds"):
            face(X, {})
    with pytest.raises(TypeError, match="Y is a NoneType"):
        paired_wasserstein_distances(X, None)
    for none in ([], np.empty((0, 4, 2)), np.empty((3, 4, 0))):
        with pytest.raises(ValueError, match=r"X is empty|0 sample|no coordinates"):
            wasserstein_distances(none)


def test_as_many_clouds_must_be_paired():
    with pytest.raises(ValueError, match="X has 3 clouds and Y has 2; each X"):
        paired_wasserstein_distances(X, X[:2])


@pytest.mark.parametrize("metric", ["wasserstein", "cityblock", *NAMED])
def test_one_cloud_is_enough(metric):
    for cloud in (X[:1], [X[0]], np.ones((1, 2))):
        found = wasserstein_distances(cloud, metric=metric)
        assert_array_equal(found, [[0.0]])


@pytest.mark.parametrize("metric", ["wasserstein", "cityblock", *NAMED])
def test_no_pairs_give_no_distances(metric):
    found = sampled_wasserstein_distances(X, [], metric=metric)
    assert found.shape == (0,)
    assert found.dtype == np.float64
    # what is wrong is told nevertheless
    with pytest.raises(ValueError, match="order must be"):
        sampled_wasserstein_distances(X, [], metric=metric, order=0)


@pytest.mark.parametrize(
    "pairs",
    [
        [[0, 1, 2]],
        [[0.0, 1.0]],
        [["a", "b"]],
        [0, 1],
        5,
        {(0, 1)},
        [[0, 1], [2]],
        [[0, 2**63]],
        [[True, False]],
        np.array([[0, 1]], dtype=object),
    ],
    ids=repr,
)
def test_pairs_of_another_kind_are_refused(pairs):
    with pytest.raises(
        ValueError, match=r"pairs must be integers of shape \(n_pairs, 2"
    ):
        sampled_wasserstein_distances(X, pairs)


@pytest.mark.parametrize("pair", [(0, 2), (3, 0), (-1, 0), (0, -4)])
def test_pairs_of_clouds_that_are_not_there_are_refused(pair):
    pattern = "pairs must index 3 clouds in X and 2 in Y; got indices from"
    with pytest.raises(ValueError, match=pattern):
        sampled_wasserstein_distances(X, [[1, 1], pair], X[:2])


@pytest.mark.parametrize("dtype", [np.uint8, np.int8, np.uint64])
def test_all_integers_are_pairs(dtype):
    pairs = np.array([[0, 1], [2, 1]], dtype=dtype)
    assert_array_equal(
        sampled_wasserstein_distances(X, pairs), matrix()[[0, 2], [1, 1]]
    )


# --- ground distances ---------------------------------------------------------------

CALLABLES = {
    "array": (lambda u, v: np.abs(u - v), "as one number"),
    "array of one": (lambda u, v: np.ones(1), "as one number"),
    "text": (lambda u, v: "far", "as one number"),
    "complex": (lambda u, v: 1j, "as one number"),
    "no arguments": (lambda: 1.0, "must take two points"),
    "negative": (lambda u, v: -1.0, "is negative for some points"),
    "NaN": (lambda u, v: np.nan, "is NaN or infinite"),
    "infinite": (lambda u, v: np.inf, "is NaN or infinite"),
    "None": (lambda u, v: None, "is NaN or infinite"),
    "too far": (lambda u, v: 1e200, "overflow; rescale X"),
}


@pytest.mark.parametrize(("metric", "pattern"), CALLABLES.values(), ids=CALLABLES)
@pytest.mark.parametrize("solver", ["exact", "annealed"])
def test_a_function_that_is_no_distance_is_refused(metric, pattern, solver):
    refuses(pattern, metric=metric, solver=solver)
    refuses(pattern, X[:, 0], X[:, 1], metric=metric, solver=solver)  # single points
    refuses(pattern, X, X[:, 1], metric=metric, solver=solver)


def test_an_error_of_the_function_itself_comes_through():
    def broken(u, v):
        raise ZeroDivisionError("mine")

    for face in FACES:
        with pytest.raises(ZeroDivisionError, match="mine"):
            face(metric=broken)
        with pytest.raises(ZeroDivisionError, match="mine"):
            face(metric=broken, n_jobs=2)


def test_a_name_whose_distance_is_not_finite_is_refused():
    clouds = X.copy()
    clouds[:, 0] = 0.0  # no angle
    refuses(
        "metric='cosine' is NaN or infinite for some points", clouds, metric="cosine"
    )


# --- numbers without end ------------------------------------------------------------


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"order": 1e6},
        {"solver": "annealed"},
        {"metric": "cityblock"},
        {"metric": "bures", "metric_params": {"covariance": "diag"}},
        {"metric": "sinkhorn", "solver": "log"},
        *({"metric": metric} for metric in NAMED),
    ],
    ids=str,
)
@pytest.mark.parametrize("factor", [1e160, 1e200, 1e308])
def test_squares_that_overflow_are_refused_by_every_metric(options, factor):
    with np.errstate(over="ignore"):
        far = factor * np.sign(X) * np.minimum(np.abs(X) + 0.5, 1.7)
    assert np.isfinite(far).all()
    message = "overflow; rescale X to smaller"
    if options.get("metric") == "cityblock":
        message += "|is NaN or infinite"  # a sum of differences may be, without powers
    refuses(message, far, **options)
    # each cohort is within range, but they are far from each other
    if options.get("metric", "").startswith("gromov"):
        assert np.isfinite(matrix(X, X + 1e160, **options)).all()
    else:
        refuses(message, X, X + factor, **options)


@pytest.mark.parametrize("face", [matrix, sampled, paired])
def test_a_table_too_large_for_the_machine_is_refused(face, monkeypatch):
    sizes = {"SC_PHYS_PAGES": 16, "SC_PAGE_SIZE": 4096}
    many = PointClouds(np.zeros((100, 2)), offsets=np.arange(101))
    monkeypatch.setattr(os, "sysconf", sizes.__getitem__)
    if face is matrix:
        pattern = (
            r"between 100 and 100 clouds take 7\.45e-05 GiB.* has 6\.1e-05.*"
            "sampled_wasserstein_distances"
        )
        for metric in ("wasserstein", "sliced", "gromov"):
            with pytest.raises(MemoryError, match=pattern):
                face(many, metric=metric)
        assert face(many, many[:50]).shape == (100, 50)
    else:
        assert (face(many, many) == 0).all()


def test_a_table_too_large_for_any_machine_is_refused():
    many = PointClouds(np.zeros((2_000_000, 1)), offsets=np.arange(2_000_001))
    with pytest.raises(MemoryError, match=r"take 2\.98e\+04 GiB"):
        wasserstein_distances(many)


# --- memory -------------------------------------------------------------------------


@pytest.mark.parametrize(("metric", "n_numbers"), [("sliced", 256), ("gromov_slb", 64)])
def test_memory_is_that_of_the_result_and_some_rows(metric, n_numbers):
    n_clouds = 300
    clouds = as_point_clouds(np.random.default_rng(0).normal(size=(n_clouds, 4, 2)))
    params = {"n_quantiles": n_numbers}
    options = {"metric": metric, "metric_params": params}
    wasserstein_distances(clouds[:3], **options)  # imports are not counted
    tracemalloc.start()
    try:
        result = wasserstein_distances(clouds, **options)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    # 16 of 100 projections at a time, with all their quantiles, and a copy of these
    rows = 8 * n_clouds * n_numbers * (16 if metric == "sliced" else 1)
    assert peak < result.nbytes + 2.5 * rows + 2**19
    if metric == "sliced":
        all_rows = 8 * n_clouds * n_numbers * 100
        assert peak < all_rows / 2
