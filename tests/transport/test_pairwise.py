"""The two public functions: which pairs, which types, and how the work is done."""

import os
import signal
import subprocess
import sys
import time
import tracemalloc
from pathlib import Path

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy.spatial.distance import cdist

import skwass
from skwass import (
    as_point_clouds,
    sampled_wasserstein_distances,
    wasserstein_distances,
)


def random_clouds(n_clouds=6, n_features=2, seed=0, sizes=(2, 12)):
    rng = np.random.default_rng(seed)
    clouds = []
    for size in rng.integers(*sizes, size=n_clouds):
        weights = rng.uniform(0.1, 1.0, size)
        clouds.append((rng.normal(size=(size, n_features)), weights / weights.sum()))
    return clouds


# --- the two functions ------------------------------------------------------------


def test_without_y_the_matrix_is_symmetric_and_the_same():
    clouds = random_clouds(9)
    distances = wasserstein_distances(clouds)
    assert_array_equal(distances, distances.T)
    assert_allclose(distances, wasserstein_distances(clouds, clouds), rtol=1e-12)


def test_more_rows_than_a_block_are_all_filled():
    rng = np.random.default_rng(0)
    clouds = rng.normal(size=(300, 2, 1))
    in_order = np.sort(clouds[..., 0], axis=1)
    expected = cdist(in_order, in_order) / np.sqrt(2)
    assert_allclose(wasserstein_distances(clouds), expected, atol=1e-7)
    assert_allclose(
        wasserstein_distances(clouds, clouds[:3]), expected[:, :3], atol=1e-7
    )


def test_with_y_the_rows_are_x_and_the_columns_y():
    first, second = random_clouds(4, seed=1), random_clouds(3, seed=2)
    distances = wasserstein_distances(first, second)
    assert distances.shape == (4, 3)
    assert distances.dtype == np.float64
    assert_allclose(distances, wasserstein_distances(second, first).T, rtol=1e-12)
    assert_allclose(
        distances[2, 1], wasserstein_distances([first[2], second[1]])[0, 1], rtol=1e-12
    )


def test_sampled_pairs_are_entries_of_the_matrix():
    first, second = random_clouds(30, seed=1), random_clouds(20, seed=2)
    rng = np.random.default_rng(3)
    pairs = np.column_stack([rng.integers(30, size=150), rng.integers(20, size=150)])
    i, j = pairs.T
    assert_array_equal(
        sampled_wasserstein_distances(first, pairs, second),
        wasserstein_distances(first, second)[i, j],
    )
    assert_array_equal(
        sampled_wasserstein_distances(first, pairs.tolist(), second, squared=True),
        wasserstein_distances(first, second, squared=True)[i, j],
    )


@pytest.mark.parametrize("none", [[], np.empty((0, 2), dtype=int)])
def test_no_pairs_have_no_distances(none):
    assert sampled_wasserstein_distances(random_clouds(), none).shape == (0,)
    assert sampled_wasserstein_distances(np.eye(2), none).shape == (0,)


def test_squared_is_the_square():
    clouds = random_clouds()
    assert_allclose(
        wasserstein_distances(clouds, squared=True),
        wasserstein_distances(clouds) ** 2,
        rtol=1e-14,
    )


@pytest.mark.parametrize("dtype", [np.int64, np.int8, np.float16, np.float32])
def test_other_types_give_the_distances_of_their_values(dtype):
    clouds = np.random.default_rng(0).integers(-50, 50, size=(4, 5, 2)).astype(dtype)
    distances = wasserstein_distances(clouds)
    assert distances.dtype == np.float64
    assert_array_equal(distances, wasserstein_distances(clouds.astype(np.float64)))
    assert_array_equal(
        wasserstein_distances(clouds[:, 0]),
        wasserstein_distances(clouds[:, 0].astype(np.float64)),
    )


def test_memory_maps_nobody_may_write_to_are_read(tmp_path):
    clouds = np.random.default_rng(0).normal(size=(4, 5, 2))
    np.save(tmp_path / "clouds.npy", clouds)
    mapped = np.load(tmp_path / "clouds.npy", mmap_mode="r")
    expected = wasserstein_distances(clouds)
    assert_array_equal(wasserstein_distances(mapped), expected)
    assert_array_equal(wasserstein_distances(list(mapped)), expected)
    assert_array_equal(
        wasserstein_distances(mapped[:, 0]), wasserstein_distances(clouds[:, 0])
    )


def test_the_clouds_are_not_changed():
    clouds = as_point_clouds(random_clouds())
    points, weights = clouds.points.copy(), clouds.weights.copy()
    wasserstein_distances(clouds, n_jobs=2)
    assert_array_equal(clouds.points, points)
    assert_array_equal(clouds.weights, weights)


def test_clouds_of_another_dimension_raise():
    for compute in (
        lambda x, y: wasserstein_distances(x, y),
        lambda x, y: sampled_wasserstein_distances(x, [[0, 0]], y),
    ):
        with pytest.raises(ValueError, match="X has 2 features and Y has 3"):
            compute(random_clouds(), random_clouds(n_features=3))
        with pytest.raises(ValueError, match="X has 2 features and Y has 3"):
            compute(np.eye(2), np.eye(3))


@pytest.mark.parametrize(
    "pairs",
    [[0, 1], [[0, 1, 2]], [[0.0, 1.0]], [[True, False]], "ab", None, [[[0, 1]]]],
    ids=repr,
)
def test_pairs_of_another_kind_raise(pairs):
    with pytest.raises(ValueError, match=r"integers of shape \(n_pairs, 2\)"):
        sampled_wasserstein_distances(random_clouds(3), pairs)


@pytest.mark.parametrize("pair", [[-1, 0], [0, -1], [3, 0], [0, 2]])
def test_pairs_beyond_the_clouds_raise(pair):
    with pytest.raises(ValueError, match="index 3 clouds in X and 2 in Y"):
        sampled_wasserstein_distances(
            random_clouds(3), [[0, 0], pair], random_clouds(2)
        )


# --- how it runs ------------------------------------------------------------------


def test_the_result_does_not_depend_on_the_number_of_threads():
    clouds = random_clouds(25)
    pairs = np.random.default_rng(0).integers(25, size=(200, 2))
    assert_array_equal(
        wasserstein_distances(clouds, n_jobs=2), wasserstein_distances(clouds)
    )
    assert_array_equal(
        sampled_wasserstein_distances(clouds, pairs, n_jobs=2),
        sampled_wasserstein_distances(clouds, pairs, n_jobs=1),
    )


def test_a_progress_bar_counts_pairs_if_asked(capsys):
    clouds = random_clouds(5)
    wasserstein_distances(clouds, verbose=1)
    out, err = capsys.readouterr()
    assert "exact distances: 100%" in err
    assert "10/10" in err
    assert out == ""
    sampled_wasserstein_distances(clouds, [[0, 1], [2, 3], [4, 0]], verbose=1)
    assert "3/3" in capsys.readouterr().err


def test_nothing_is_printed_unless_asked(capsys):
    clouds = random_clouds(5)
    wasserstein_distances(clouds, n_jobs=2)
    sampled_wasserstein_distances(clouds, [[0, 1]], verbose=0)
    assert capsys.readouterr() == ("", "")


def test_cost_matrices_are_not_kept():
    clouds = as_point_clouds(np.random.default_rng(0).normal(size=(40, 60, 2)))
    wasserstein_distances(clouds[:3])  # imports are not counted
    all_costs = (40 * 39 // 2) * 60 * 60 * 8
    tracemalloc.start()
    try:
        wasserstein_distances(clouds)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < all_costs / 20


LONG_JOB = """
import numpy as np
from skwass import wasserstein_distances
clouds = np.random.default_rng(0).normal(size=(1500, 40, 2))
wasserstein_distances(clouds[:3])
print("ready", flush=True)
wasserstein_distances(clouds, n_jobs=2)
"""


@pytest.mark.skipif(os.name == "nt", reason="needs SIGINT")
def test_an_interrupt_ends_a_long_job_at_once():
    root = str(Path(skwass.__file__).parents[1])
    job = subprocess.Popen(
        [sys.executable, "-c", LONG_JOB],
        env={**os.environ, "PYTHONPATH": root},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        assert job.stdout.readline() == "ready\n"
        time.sleep(0.5)
        assert job.poll() is None
        job.send_signal(signal.SIGINT)
        _, err = job.communicate(timeout=10)
    finally:
        job.kill()
        job.wait()
    # joblib may still warn after the traceback
    assert "\nKeyboardInterrupt\n" in err
    assert job.returncode != 0
