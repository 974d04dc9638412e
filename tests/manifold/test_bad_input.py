"""Bad input: a clear error before training, or a right answer."""

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy import sparse
from scipy.spatial.distance import pdist, squareform

from skwass import PointClouds, WormholeEmbedder
from skwass.metrics import relative_error


def clouds_of(n_clouds=20, n_features=2):
    rng = np.random.default_rng(0)
    return [rng.normal(size=(n, n_features)) for n in rng.integers(2, 7, n_clouds)]


def quick(**parameters):
    return WormholeEmbedder(
        **{"n_reference": 8, "max_iter": 2, "random_state": 0, **parameters}
    )


def spoil(index, cloud):
    clouds = clouds_of()
    clouds[index] = cloud
    return clouds


BAD = {
    "NaN in points": (spoil(3, np.array([[0.0, np.nan]])), r"X\[3\] has NaN"),
    "infinity in points": (spoil(4, np.array([[0.0, np.inf]])), r"X\[4\] has NaN or"),
    "NaN in weights": (
        [(cloud, np.ones(len(cloud))) for cloud in clouds_of()[:5]]
        + [(np.zeros((2, 2)), [1.0, np.nan])],
        r"X\[5\] has NaN or infinity in weights",
    ),
    "negative weight": (
        [(cloud, np.ones(len(cloud))) for cloud in clouds_of()[:5]]
        + [(np.zeros((2, 2)), [1.0, -1.0])],
        r"X\[5\] has negative weights",
    ),
    "no mass": (
        [(cloud, np.ones(len(cloud))) for cloud in clouds_of()[:5]]
        + [(np.zeros((2, 2)), [0.0, 0.0])],
        r"X\[5\] has no mass",
    ),
    "empty cloud": (spoil(7, np.empty((0, 2))), r"X\[7\] is empty"),
    "other dimension": (spoil(6, np.zeros((4, 3))), r"X\[0\].*2.*X\[6\].*3"),
    "unequal tuples": ([(np.zeros((2, 2)), [1, 1]), (np.zeros((2, 2)),)], r"X\[1\]"),
    "strings": (["a", "b", "c"], "."),
    "one cloud": (clouds_of(1), "1 sample"),
    "partly NaN row": (
        np.array([[[0.0, 0.0], [np.nan, 1.0]]] * 5),
        r"X\[0\].*NaN in part",
    ),
    "four axes": (np.zeros((3, 2, 2, 2)), "4 dimensions"),
}


@pytest.mark.parametrize("name", BAD)
def test__bad_clouds__raise_before_training(name):
    X, message = BAD[name]
    with pytest.raises(ValueError, match=message):
        quick().fit(X)


@pytest.mark.parametrize("name", sorted(set(BAD) - {"one cloud"}))
def test__bad_clouds__raise_at_transform_too(name):
    embedder = quick().fit(clouds_of())
    with pytest.raises(ValueError, match=BAD[name][1]):
        embedder.transform(BAD[name][0])


def test__sparse_input__is_refused():
    with pytest.raises(TypeError, match=r"[Ss]parse"):
        quick().fit(sparse.csr_matrix(np.eye(5)))


def test__wrong_dimension_at_transform__says_both():
    embedder = quick().fit(clouds_of())
    with pytest.raises(ValueError, match=r"3 features.*expecting 2 features"):
        embedder.transform(clouds_of(n_features=3))


def test__failed_fit__loses_nothing_that_was_fitted():
    embedder = quick().fit(clouds_of())
    before = embedder.embedding_.copy()
    with pytest.raises(ValueError, match="empty"):
        embedder.fit(BAD["empty cloud"][0])
    with pytest.raises(ValueError, match="init has shape"):
        embedder.set_params(init=np.zeros((3, 2))).fit(clouds_of(n_features=3))
    assert embedder.n_features_in_ == 2
    assert_array_equal(embedder.transform(clouds_of()), before)


def test__loss_that_turns_infinite__stops_with_advice_and_loses_nothing():
    embedder = quick(max_iter=50).fit(clouds_of())
    before = embedder.embedding_.copy()
    with pytest.raises(FloatingPointError, match="Lower lr"):
        embedder.set_params(lr=1e30).fit(clouds_of())
    assert_array_equal(embedder.transform(clouds_of()), before)


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"n_components": 0}, "n_components"),
        ({"metric": "no such metric"}, "no such metric"),
        ({"metric_params": {"zzz": 1}}, "zzz"),
        ({"n_reference": 0}, "n_reference"),
        ({"n_pairs": "all"}, "n_pairs"),
        ({"hidden_layer_sizes": (8, 0)}, "hidden_layer_sizes"),
        ({"hidden_layer_sizes": (8.5,)}, "hidden_layer_sizes"),
        ({"init": "spectral"}, "init"),
        ({"init": np.zeros((3, 3))}, "init has shape"),
        ({"init": np.full((20, 2), np.nan)}, "init contains NaN"),
        ({"max_iter": 0}, "max_iter"),
        ({"batch_size": 1}, "batch_size"),
        ({"lr": -1.0}, "lr"),
        ({"early_stopping": True, "validation_fraction": 0.95}, "two of n_samples"),
        ({"validation_fraction": 1.0}, "validation_fraction"),
        ({"device": "abacus"}, "device='abacus'"),
        ({"random_state": "zero"}, "random_state"),
        ({"normalized_stress": "yes"}, "normalized_stress"),
    ],
)
def test__bad_parameters__are_named(parameters, message):
    with pytest.raises(ValueError, match=message):
        quick(**parameters).fit(clouds_of())


@pytest.mark.parametrize(
    ("matrix", "message"),
    [
        (np.ones((4, 3)), "square"),
        (-np.ones((4, 4)), "Negative values"),
        (np.ones((4, 4)), "diagonal"),
        (np.triu(np.ones((4, 4)), 1), "symmetric"),
        (np.full((4, 4), np.nan), "NaN"),
    ],
)
def test__bad_distances__raise(matrix, message):
    with pytest.raises(ValueError, match=message):
        quick(metric="precomputed").fit(matrix)


def test__distances_with_rounding_errors__are_put_right():
    table = np.random.default_rng(0).normal(size=(12, 3))
    exact = squareform(pdist(table))
    rounded = exact + 1e-8 * np.random.default_rng(1).uniform(size=exact.shape)
    embedder = quick(metric="precomputed").fit(rounded)
    matrix = embedder.dissimilarity_matrix_
    assert_array_equal(matrix, matrix.T)
    assert not matrix.diagonal().any()
    assert_allclose(matrix, exact, atol=1e-7)


def test__fewer_clouds_than_a_batch__are_fine():
    embedding = quick(batch_size=512, max_iter=3).fit_transform(clouds_of(3))
    assert embedding.shape == (3, 2)


def test__two_clouds__are_as_far_apart_as_they_should():
    table = np.array([[0.0, 0.0], [3.0, 4.0]])
    embedding = quick(max_iter=30).fit_transform(table)
    assert pdist(embedding) == pytest.approx(5, rel=1e-2)


def test__identical_clouds__have_distance_zero():
    clouds = clouds_of()
    clouds[7] = clouds[2].copy()
    embedder = quick().fit(clouds)
    assert embedder.dissimilarity_matrix_[2, 7] == 0
    assert_array_equal(embedder.embedding_[2], embedder.embedding_[7])


@pytest.mark.parametrize("early_stopping", [False, True])
def test__cohort_of_one_cloud_many_times__falls_on_one_point(early_stopping):
    embedder = quick(early_stopping=early_stopping, max_iter=5)
    embedding = embedder.fit_transform([np.eye(2)] * 9)
    assert np.isfinite(embedding).all()
    assert_array_equal(embedding, np.repeat(embedding[:1], 9, axis=0))
    assert embedder.stress_ == 0


@pytest.mark.parametrize("unit", [1e12, 1e-12])
def test__huge_and_tiny_coordinates__are_embedded_as_well(unit):
    clouds = [unit * cloud for cloud in clouds_of(40)]
    embedder = quick(n_components=6, max_iter=40).fit(clouds)
    exact = embedder.dissimilarity_matrix_[np.triu_indices(40, 1)]
    assert relative_error(exact, pdist(embedder.embedding_)) < 0.1


@pytest.mark.parametrize("unit", [1e-50, 1e50])
def test__distances_that_float32_cannot_hold__are_refused(unit):
    with pytest.raises(ValueError, match=r"float32; rescale X"):
        quick().fit([unit * cloud for cloud in clouds_of()])


def test__init__on_flat_data__does_not_amplify_rounding():
    rng = np.random.default_rng(0)
    table = rng.normal(size=(100, 2)) @ rng.normal(size=(2, 8))
    embedder = quick(init=rng.normal(size=(100, 2)), max_iter=5).fit(table)
    nudged = table + 1e-6 * rng.normal(size=table.shape)
    shift = np.abs(embedder.transform(nudged) - embedder.transform(table)).max()
    assert shift < 1e-3


def test__coordinates_far_from_zero__keep_their_digits():
    clouds = [cloud + 1e8 for cloud in clouds_of(40)]
    embedder = quick(n_components=6, max_iter=40).fit(clouds)
    exact = embedder.dissimilarity_matrix_[np.triu_indices(40, 1)]
    assert relative_error(exact, pdist(embedder.embedding_)) < 0.1


@pytest.mark.parametrize("dtype", [np.int32, np.uint8, np.float16, np.float32, bool])
def test__other_types_of_numbers__are_read_as_numbers(dtype):
    rng = np.random.default_rng(0)
    clouds = [rng.integers(0, 2, (4, 3)).astype(dtype) for _ in range(15)]
    expected = quick().fit_transform([cloud.astype(np.float64) for cloud in clouds])
    embedding = quick().fit_transform(clouds)
    assert embedding.dtype == np.float32
    assert_allclose(embedding, expected, atol=1e-4)


def test__read_only_memory_map__is_enough(tmp_path):
    clouds = clouds_of()
    flat = np.concatenate(clouds)
    np.save(tmp_path / "points.npy", flat)
    mapped = np.load(tmp_path / "points.npy", mmap_mode="r")
    offsets = np.cumsum([0, *map(len, clouds)])
    embedding = quick().fit_transform(PointClouds(mapped, offsets=offsets))
    assert_array_equal(embedding, quick().fit_transform(clouds))


def test__clouds_of_one_and_of_many_points__live_together():
    rng = np.random.default_rng(0)
    clouds = [rng.normal(size=(n, 2)) for n in [1, 1, 2, 400, 3, 1, 50, 1, 1, 7]]
    assert np.isfinite(quick().fit_transform(clouds)).all()


def test__many_dimensions__are_fine():
    rng = np.random.default_rng(0)
    clouds = [rng.normal(size=(5, 1500)) for _ in range(12)]
    embedder = WormholeEmbedder(max_iter=1, random_state=0).fit(clouds)
    assert np.isfinite(embedder.embedding_).all()
