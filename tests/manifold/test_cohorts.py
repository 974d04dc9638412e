"""Cohorts at the edge: equal, tiny and huge, wide, few, on a disk, in blocks."""

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from skwass import PointClouds, WormholeEmbedder, as_point_clouds
from skwass.manifold import _transport_features


def quick(**parameters):
    return WormholeEmbedder(
        **{
            "n_reference": 8,
            "hidden_layer_sizes": (8,),
            "max_iter": 2,
            "random_state": 0,
            **parameters,
        }
    )


def balls(n_clouds, n_features=2, seed=0):
    rng = np.random.default_rng(seed)
    return [rng.normal(size=(rng.integers(3, 9), n_features)) for _ in range(n_clouds)]


@pytest.mark.parametrize("metric", ["wasserstein", "sinkhorn", "gromov"])
def test__equal_clouds__fall_on_one_point(metric):
    cloud = np.random.default_rng(0).normal(size=(6, 2))
    embedder = quick(metric=metric).fit([cloud] * 9)
    assert_allclose(embedder.embedding_ - embedder.embedding_[0], 0, atol=1e-3)
    if metric != "gromov":
        decoded = embedder.inverse_transform(embedder.embedding_[:1])
        assert_allclose(decoded.points.mean(axis=0), cloud.mean(axis=0), atol=0.3)
    embedder.partial_fit([cloud + 1])
    assert np.isfinite(embedder.embedding_).all()


def test__one_point_and_thousands__live_together():
    rng = np.random.default_rng(0)
    sizes = [1, 5000, 2, 1, 3]
    clouds = [rng.normal(size=(n, 2)) + i for i, n in enumerate(sizes)]
    embedder = quick(decoder_max_iter=1).fit(clouds)
    assert np.isfinite(embedder.embedding_).all()
    # the decoder has seen some of the points, and makes clouds of their extent
    decoded = embedder.inverse_transform(embedder.embedding_)
    assert np.isfinite(decoded.points).all()
    assert np.abs(decoded.points).max() < 20


def test__two_thousand_dimensions__are_described_and_decoded():
    clouds = balls(8, 2000)
    embedder = quick(decoder_max_iter=1).fit(clouds)
    decoded = embedder.inverse_transform(embedder.embedding_[:2])
    assert decoded.n_features == 2000
    embedder.partial_fit(balls(1, 2000, seed=1))
    assert embedder.embedding_.shape == (1, 2)


@pytest.mark.parametrize(
    "parameters", [{}, {"metric": "gromov"}, {"metric": "sliced"}, {"n_pairs": 1}]
)
def test__two_clouds__are_enough(parameters):
    embedder = quick(**parameters).fit(balls(2))
    assert np.isfinite(embedder.embedding_).all()


def test__memory_maps__are_read_and_left_alone(tmp_path):
    clouds = as_point_clouds(balls(30))
    stored = {"points": clouds.points, "weights": clouds.weights}
    for name, array in stored.items():
        np.save(tmp_path / f"{name}.npy", array)
    before = [(tmp_path / f"{name}.npy").read_bytes() for name in stored]
    maps = [np.load(tmp_path / f"{name}.npy", mmap_mode="r+") for name in stored]
    embedder = quick(checkpoint=tmp_path / "fit.pt", n_pairs=100)
    embedder.fit(PointClouds(*maps, clouds.offsets))
    expected = quick(n_pairs=100).fit(clouds)
    assert_array_equal(embedder.embedding_, expected.embedding_)
    for stream in (embedder, expected):
        stream.partial_fit(PointClouds(*maps, clouds.offsets))
    assert_array_equal(embedder.embedding_, expected.embedding_)
    for array in maps:
        array.flush()
    assert [(tmp_path / f"{name}.npy").read_bytes() for name in stored] == before
    assert not isinstance(embedder._memory.clouds.points, np.memmap)


def test__blocks_of_descriptions__say_the_same(monkeypatch):
    """As large cohorts are, whose components are found on some of the clouds."""
    clouds = balls(150)
    whole = quick(decoder=False, max_iter=20).fit(clouds)
    monkeypatch.setattr(_transport_features, "_MOST_NUMBERS", 16 * 10)
    assert_allclose(whole.transform(clouds), whole.embedding_, atol=1e-4)
    monkeypatch.setattr(_transport_features, "_LEADING", 20)
    monkeypatch.setattr(_transport_features, "_FURTHER", 20)
    part = quick(decoder=False, max_iter=20).fit(clouds)  # components of 80 clouds
    assert_allclose(part.transform(clouds), part.embedding_, atol=1e-4)
    assert part.stress_ == pytest.approx(whole.stress_, rel=0.3)
