"""What the tests of transport share."""

import numpy as np
import pytest


def _weighted_clouds(n_clouds=6, n_features=2, seed=0, sizes=(2, 12)):
    rng = np.random.default_rng(seed)
    clouds = []
    for size in rng.integers(*sizes, size=n_clouds):
        points = rng.normal(size=(size, n_features)) + rng.normal(size=n_features)
        weights = rng.uniform(0.1, 1.0, size)
        clouds.append((points, weights / weights.sum()))
    return clouds


@pytest.fixture
def weighted_clouds():
    """Builds clouds of points here and there, of random weights that sum to one."""
    return _weighted_clouds
