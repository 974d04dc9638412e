"""Fits that go on: warm starts, and clouds that come in parts."""

import pickle
import warnings

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.base import clone

from skwass import WormholeEmbedder, as_point_clouds, wasserstein_distances
from skwass.manifold import _memory
from skwass.metrics import relative_error


def balls(n_clouds, seed=0, place=0.0):
    """Round clouds of different sizes and widths about a place."""
    rng = np.random.default_rng(seed)
    return [
        rng.normal(size=(rng.integers(4, 9), 2)) * rng.uniform(0.5, 2)
        + place
        + rng.normal(size=2)
        for _ in range(n_clouds)
    ]


def rods(n_clouds, seed=0):
    """Clouds on lines of all directions: another kind than the balls."""
    rng = np.random.default_rng(seed)
    clouds = []
    for _ in range(n_clouds):
        angle, length = rng.uniform(0, np.pi), rng.uniform(2, 6)
        along = rng.uniform(-length, length, (8, 1))
        clouds.append(along * [np.cos(angle), np.sin(angle)] + rng.normal(size=2))
    return clouds


def quick(**parameters):
    return WormholeEmbedder(
        **{
            "n_components": 4,
            "n_reference": 12,
            "hidden_layer_sizes": (32,),
            "max_iter": 10,
            "decoder_max_iter": 1,
            "random_state": 0,
            **parameters,
        }
    )


def error(embedder, clouds):
    """Mean relative error of the distances among clouds."""
    upper = np.triu_indices(len(clouds), 1)
    embedding = embedder.transform(clouds)
    embedded = np.linalg.norm(embedding[:, None] - embedding, axis=2)
    return relative_error(wasserstein_distances(clouds)[upper], embedded[upper])


# -- warm_start ------------------------------------------------------------------------


def test__warm_start__goes_on_where_the_last_fit_ended():
    clouds = balls(40)
    embedder = quick(max_iter=30, warm_start=True, lr=3e-3).fit(clouds)
    first, last = (embedder.history_["loss"][place] for place in (0, -1))
    embedder.set_params(lr=1e-5).fit(clouds)
    again = embedder.history_["loss"][0]
    assert abs(again - last) < 0.2 * abs(first - last)


def test__without_warm_start__a_fit_begins_anew():
    clouds = balls(40)
    embedder = quick().fit(clouds)
    assert_array_equal(embedder.fit(clouds).embedding_, quick().fit_transform(clouds))


def test__warm_start__of_an_unfitted_embedder_is_a_fit():
    clouds = balls(30)
    warm = quick(warm_start=True).fit(clouds)
    assert_array_equal(warm.embedding_, quick().fit(clouds).embedding_)


def test__warm_start__on_other_clouds_keeps_what_was_learnt():
    clouds, others = balls(40), balls(25, seed=1)
    embedder = quick(max_iter=40, warm_start=True).fit(clouds)
    embedder.set_params(max_iter=1, lr=1e-6).fit(others)
    assert embedder.embedding_.shape == (25, 4)
    cold = quick(max_iter=1, lr=1e-6).fit(others)
    assert error(embedder, clouds) < 0.8 * error(cold, clouds)
    assert_allclose(embedder.transform(others), embedder.embedding_, rtol=1e-5)


def test__warm_start__does_not_touch_the_earlier_fit_of_a_copy():
    embedder = quick(warm_start=True).fit(balls(30))
    copy = pickle.loads(pickle.dumps(embedder))
    before = embedder.transform(balls(5, seed=2))
    copy.fit(balls(30, seed=1))
    assert_array_equal(embedder.transform(balls(5, seed=2)), before)


@pytest.mark.parametrize("n_init", [1, 3])
def test__warm_start__needs_no_init(n_init):
    clouds = balls(20)
    start = np.random.default_rng(0).normal(size=(20, 4))
    embedder = quick(init=start, warm_start=True, n_init=n_init, max_iter=3)
    embedder.fit(clouds).fit(balls(15, seed=1))
    assert embedder.embedding_.shape == (15, 4)


def test__all_runs_of_a_warm_start__go_on():
    clouds = balls(40)
    embedder = quick(max_iter=40, warm_start=True, n_init=1).fit(clouds)
    stress = embedder.stress_
    embedder.set_params(n_init=3, max_iter=1, lr=1e-6).fit(clouds)
    assert embedder.stress_ == pytest.approx(stress, rel=0.01)
    assert (
        embedder.history_["loss"][0]
        < 2 * quick(max_iter=40).fit(clouds).history_["loss"][-1]
    )


@pytest.mark.parametrize(
    ("changed", "name"),
    [
        ({"n_components": 3}, "n_components"),
        ({"hidden_layer_sizes": (16,)}, "hidden_layer_sizes"),
        ({"hidden_layer_sizes": ()}, "hidden_layer_sizes"),
        ({"decoder": False}, "decoder"),
        ({"metric": "gromov"}, "metric"),
    ],
)
def test__warm_start__of_other_networks_raises(changed, name):
    clouds = balls(20)
    embedder = quick(warm_start=True, max_iter=2).fit(clouds)
    before = embedder.embedding_
    with pytest.raises(ValueError, match=name):
        embedder.set_params(**changed).fit(clouds)
    assert embedder.embedding_ is before
    assert_array_equal(embedder.transform(clouds), before)


def test__warm_start__in_another_dimension_raises_and_keeps_the_fit():
    clouds = balls(20)
    embedder = quick(warm_start=True, max_iter=2).fit(clouds)
    with pytest.raises(ValueError, match=r"3 features.*warm_start"):
        embedder.fit([np.ones((4, 3)), np.zeros((2, 3)), np.eye(3)])
    assert embedder.n_features_in_ == 2
    assert_array_equal(embedder.transform(clouds), embedder.embedding_)


def test__warm_start__between_clouds_and_distances_raises():
    distances = wasserstein_distances(balls(20))
    embedder = quick(warm_start=True, max_iter=2, decoder=False).fit(balls(20))
    with pytest.raises(ValueError, match="warm_start"):
        embedder.set_params(metric="precomputed").fit(distances)
    embedder = quick(warm_start=True, max_iter=2, metric="precomputed").fit(distances)
    assert embedder.fit(distances).embedding_.shape == (20, 4)
    with pytest.raises(ValueError, match="20"):
        embedder.fit(distances[:9, :9])
    with pytest.raises(ValueError, match="warm_start"):
        embedder.set_params(metric="wasserstein").fit(balls(20))


def test__clone_of_a_warm_started_embedder__is_unfitted():
    embedder = quick(warm_start=True, max_iter=2).fit(balls(20))
    other = clone(embedder)
    assert other.warm_start is True
    assert not hasattr(other, "embedding_")


def test__n_jobs__changes_nothing():
    def twice(n_jobs):
        embedder = quick(warm_start=True, n_jobs=n_jobs, max_iter=3)
        embedder.fit(balls(20)).fit(balls(20, seed=1))
        return embedder.partial_fit(balls(9, seed=2))

    one, two = twice(1), twice(2)
    assert_array_equal(one.embedding_, two.embedding_)
    assert one.history_ == two.history_


# -- partial_fit -----------------------------------------------------------------------


def test__first_partial_fit__is_a_fit():
    clouds = balls(30)
    part, whole = quick().partial_fit(clouds), quick().fit(clouds)
    assert_array_equal(part.embedding_, whole.embedding_)
    assert part.history_ == whole.history_
    assert_array_equal(part.dissimilarity_matrix_, whole.dissimilarity_matrix_)


def test__partial_fit__learns_a_new_kind_and_keeps_the_old():
    old, new = balls(60), rods(60)
    embedder = quick(n_components=8, max_iter=20, decoder=False).fit(old)
    old_test, new_test = balls(40, seed=9), rods(40, seed=9)
    before = error(embedder, old_test), error(embedder, new_test)
    for part in range(2):
        embedder.partial_fit(rods(60, seed=part))
    after = error(embedder, old_test), error(embedder, new_test)
    assert after[1] < 0.7 * before[1]
    assert after[0] < 1.2 * before[0]
    alone = quick(n_components=8, max_iter=20, decoder=False).fit(new)
    assert after[0] < 0.8 * error(alone, old_test)


def test__partial_fit__gives_the_embedding_of_the_part():
    embedder = quick(max_iter=3).fit(balls(30))
    part = balls(7, seed=1)
    embedder.partial_fit(part)
    assert embedder.embedding_.shape == (7, 4)
    assert_allclose(embedder.transform(part), embedder.embedding_, atol=1e-5)
    assert not hasattr(embedder, "dissimilarity_matrix_")
    assert embedder.n_iter_ == 3


def test__one_cloud__is_a_part():
    embedder = quick(max_iter=3).fit(balls(20))
    embedder.partial_fit([np.full((4, 2), 9.0) + np.eye(4, 2)])
    assert embedder.embedding_.shape == (1, 4)
    with pytest.raises(ValueError, match=r"at least 2|minimum of 2"):
        quick().partial_fit([np.eye(2)])


@pytest.mark.parametrize(
    "trouble",
    [
        [np.ones((4, 3))],
        [np.full((4, 2), np.nan)],
        [],
        np.ones((4, 5)),
    ],
    ids=["dimension", "nan", "none", "table"],
)
def test__part_that_does_not_fit__raises_and_keeps_the_fit(trouble):
    clouds = balls(20)
    embedder = quick(max_iter=2).fit(clouds)
    seen = embedder._memory.n_seen
    with pytest.raises(ValueError, match=r"features|NaN|empty"):
        embedder.partial_fit(trouble)
    assert embedder._memory.n_seen == seen
    assert_array_equal(embedder.transform(clouds), embedder.embedding_)


@pytest.mark.parametrize(
    "changed", [{"n_components": 3}, {"hidden_layer_sizes": ()}, {"decoder": False}]
)
def test__partial_fit__of_other_networks_raises(changed):
    embedder = quick(max_iter=2).fit(balls(20))
    with pytest.raises(ValueError, match=next(iter(changed))):
        embedder.set_params(**changed).partial_fit(balls(5))


@pytest.mark.parametrize(
    "parameters",
    [
        {"init": np.random.default_rng(0).normal(size=(20, 4))},
        {"n_init": 2},
        {"early_stopping": True},
        {"n_pairs": 60},
        {"metric": "cityblock", "order": 1},
        {"metric": "gromov"},
        {"decoder": False},
    ],
    ids=lambda parameters: next(iter(parameters)) + str(parameters.get("metric", "")),
)
def test__parts__go_with_other_parameters(parameters):
    embedder = quick(max_iter=2, **parameters).partial_fit(balls(20))
    embedder.partial_fit(balls(6, seed=1)).partial_fit(balls(1, seed=2))
    assert np.isfinite(embedder.embedding_).all()


def test__stream__is_reproducible():
    def stream(random_state):
        embedder = quick(max_iter=2, random_state=random_state)
        for seed in range(3):
            embedder.partial_fit(balls(12, seed))
        return embedder

    one, same, other = stream(0), stream(0), stream(1)
    assert_array_equal(one.embedding_, same.embedding_)
    assert_array_equal(one._memory.clouds.points, same._memory.clouds.points)
    assert not np.array_equal(one.embedding_, other.embedding_)
    drawn = stream(np.random.RandomState(7)), stream(np.random.RandomState(7))
    assert_array_equal(drawn[0].embedding_, drawn[1].embedding_)


def test__stream__goes_on_after_pickling():
    def stream(embedder, seeds):
        for seed in seeds:
            embedder.partial_fit(balls(12, seed))
        return embedder

    whole = stream(quick(max_iter=2), range(3))
    half = pickle.loads(pickle.dumps(stream(quick(max_iter=2), range(2))))
    assert_array_equal(stream(half, [2]).embedding_, whole.embedding_)


def test__long_stream__needs_no_more_memory(monkeypatch):
    monkeypatch.setattr(_memory, "_MOST_CLOUDS", 25)
    embedder = quick(max_iter=1, decoder_max_iter=0).partial_fit(balls(25))
    sizes = []
    for seed in range(12):
        embedder.partial_fit(balls(15, seed))
        assert len(embedder._memory.clouds) == 25
        sizes.append(len(pickle.dumps(embedder)))
    assert embedder._memory.n_seen == 25 + 12 * 15
    assert max(sizes) < 1.05 * min(sizes)


def test__tables__come_in_parts():
    rng = np.random.default_rng(0)
    embedder = quick(n_components=2, max_iter=20).partial_fit(rng.normal(size=(40, 3)))
    part = rng.normal(size=(30, 3))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        embedder.partial_fit(part)
    assert embedder.embedding_.shape == (30, 2)
    assert embedder.inverse_transform(embedder.embedding_).shape == (30, 3)


def test__partial_fit_of_distances__is_not_there():
    embedder = quick(metric="precomputed")
    assert not hasattr(embedder, "partial_fit")
    embedder.fit(wasserstein_distances(balls(20)))
    assert not hasattr(embedder, "partial_fit")
    with pytest.raises(ValueError, match=r"."):
        embedder.set_params(metric="wasserstein").partial_fit(balls(20))


def test__partial_fit_after_fit__goes_on_from_it():
    clouds = balls(40)
    embedder = quick(max_iter=30).fit(clouds)
    last = embedder.history_["loss"][-1]
    first = quick(max_iter=30).fit(clouds).history_["loss"][0]
    embedder.set_params(lr=1e-6).partial_fit(as_point_clouds(clouds))
    assert abs(embedder.history_["loss"][0] - last) < 0.3 * abs(first - last)
