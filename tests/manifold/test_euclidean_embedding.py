"""EuclideanDistanceEmbedding: least stress, bounds, placing new samples, bad input."""

import pickle

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy.optimize import minimize
from scipy.spatial.distance import cdist, pdist, squareform
from sklearn.base import clone
from sklearn.exceptions import ConvergenceWarning, NotFittedError

from skwass import (
    EuclideanDistanceEmbedding,
    as_point_clouds,
    euclidean_embedding_bounds,
    nearest_euclidean_distances,
    wasserstein_distances,
)


def blobs(n_clouds=25, seed=0):
    rng = np.random.default_rng(seed)
    clouds = []
    for size in rng.integers(3, 9, n_clouds):
        points = rng.normal(size=(size, 2)) @ rng.normal(size=(2, 2))
        clouds.append((points + rng.normal(size=2), rng.uniform(1, 3, size)))
    return clouds


def table(n_samples=25, n_features=4, seed=0):
    return np.random.default_rng(seed).normal(size=(n_samples, n_features))


def stress(distances, embedding):
    embedded = cdist(embedding, embedding)
    return np.sum((embedded**2 - distances**2) ** 2)


def whole(**parameters):
    return EuclideanDistanceEmbedding(**{"n_components": None, **parameters})


@pytest.fixture(scope="module")
def fitted():
    return whole(tol=1e-10).fit(blobs())


# --- the embedding --------------------------------------------------------------------


def test__all_components__have_the_nearest_euclidean_distances(fitted):
    exact = wasserstein_distances(blobs())
    assert_allclose(fitted.dissimilarity_matrix_, exact)
    nearest = nearest_euclidean_distances(exact, tol=1e-10)
    assert_allclose(squareform(pdist(fitted.embedding_)), nearest, atol=1e-4)


def test__stress__is_that_of_the_embedding_and_between_the_bounds(fitted):
    exact = fitted.dissimilarity_matrix_
    assert fitted.stress_ == pytest.approx(stress(exact, fitted.embedding_), rel=1e-3)
    bounds = euclidean_embedding_bounds(exact)
    assert (fitted.lower_bound_, fitted.upper_bound_) == pytest.approx(bounds)
    assert 0 < fitted.lower_bound_ < fitted.stress_ < fitted.upper_bound_


def test__table__keeps_its_distances():
    X = table()
    embedding = EuclideanDistanceEmbedding(n_components=4).fit_transform(X)
    assert_allclose(pdist(embedding), pdist(X), rtol=1e-4)


def test__few_components__are_the_leading_ones(fitted):
    few = EuclideanDistanceEmbedding(3, tol=1e-10).fit(blobs())
    assert_allclose(few.embedding_, fitted.embedding_[:, :3], atol=1e-5)
    assert few.stress_ > fitted.stress_
    assert few.lower_bound_ == fitted.lower_bound_


def test__components__are_centred_and_sorted(fitted):
    embedding = fitted.embedding_.astype(np.float64)
    assert_allclose(embedding.mean(axis=0), 0, atol=1e-6)
    widths = embedding.std(axis=0)
    assert (np.diff(widths) <= 1e-6).all()


def test__more_components_than_there_are__are_zero():
    X = table(4, 2)
    embedder = EuclideanDistanceEmbedding(7).fit(X)
    assert embedder.embedding_.shape == (4, 7)
    assert_array_equal(embedder.embedding_[:, 2:], 0)
    assert_array_equal(embedder.transform(X)[:, 2:], 0)


def test__one_iteration__is_classical_mds():
    exact = wasserstein_distances(blobs())
    with pytest.warns(ConvergenceWarning, match="max_iter=1"):
        classical = EuclideanDistanceEmbedding(3, max_iter=1).fit(blobs())
    centre = np.eye(len(exact)) - 1 / len(exact)
    values, vectors = np.linalg.eigh(-0.5 * centre @ exact**2 @ centre)
    expected = (vectors * np.sqrt(np.maximum(values, 0)))[:, :-4:-1]
    assert_allclose(pdist(classical.embedding_), pdist(expected), rtol=1e-4)
    assert classical.n_iter_ == 1


def test__order_of_clouds__moves_no_cloud(fitted):
    order = np.random.default_rng(0).permutation(25)
    clouds = blobs()
    moved = whole(tol=1e-10).fit([clouds[i] for i in order])
    distances = squareform(pdist(fitted.embedding_))[np.ix_(order, order)]
    assert_allclose(squareform(pdist(moved.embedding_)), distances, atol=1e-4)


def test__precomputed__is_the_same_as_clouds(fitted):
    exact = wasserstein_distances(blobs())
    given = whole(metric="precomputed", tol=1e-10).fit(exact)
    assert_allclose(given.embedding_, fitted.embedding_, atol=1e-5)
    assert given.n_features_in_ == 25
    assert fitted.n_features_in_ == 2
    rows = wasserstein_distances(blobs(6, seed=1), blobs())
    fresh = given.transform(rows)
    assert_allclose(fresh, fitted.transform(blobs(6, seed=1)), atol=1e-5)


@pytest.mark.parametrize(
    "parameters",
    [
        {"metric": "cityblock"},
        {"metric": "minkowski", "metric_params": {"p": 3}},
        {"metric": lambda a, b: float(np.abs(a - b).max())},
        {"metric": "bures"},
        {"metric": "sliced", "metric_params": {"n_projections": 7}},
        {"order": 1},
    ],
    ids=["cityblock", "minkowski", "callable", "bures", "sliced", "order"],
)
def test__metric__decides_the_distances(parameters):
    clouds = blobs(12)
    embedder = whole(**parameters).fit(clouds)
    exact = wasserstein_distances(clouds, **parameters)
    assert_allclose(embedder.dissimilarity_matrix_, exact)
    rounding = 1e-20 * exact.max() ** 4  # sliced distances are Euclidean
    assert embedder.stress_ <= embedder.upper_bound_ * (1 + 1e-6) + rounding
    assert_allclose(embedder.transform(clouds), embedder.embedding_, atol=2e-3)


@pytest.mark.parametrize("metric", ["sinkhorn", "linear"])
def test__metric_of_the_batch__is_refused(metric):
    with pytest.raises(ValueError, match=f"metric='{metric}' depends.*precomputed"):
        whole(metric=metric).fit(blobs())


@pytest.mark.parametrize("unit", [1e-12, 1e12])
def test__unit_of_X__is_that_of_the_embedding(unit):
    X = table()
    embedder = EuclideanDistanceEmbedding(4).fit(X * unit)
    assert_allclose(pdist(embedder.embedding_), pdist(X) * unit, rtol=1e-4)


def test__clouds_that_are_all_the_same__fall_on_one_point():
    embedder = EuclideanDistanceEmbedding().fit([np.eye(2)] * 6)
    assert_array_equal(embedder.embedding_, np.zeros((6, 2)))
    assert (embedder.stress_, embedder.upper_bound_) == (0, 0)
    assert_allclose(embedder.transform([np.eye(2)]), 0, atol=1e-6)


def test__fitted_embedder__survives_pickling_and_cloning(fitted):
    again = pickle.loads(pickle.dumps(fitted))
    fresh = blobs(4, seed=2)
    assert_array_equal(again.transform(fresh), fitted.transform(fresh))
    assert_array_equal(clone(fitted).fit(blobs()).embedding_, fitted.embedding_)


# --- placing new samples --------------------------------------------------------------


def test__samples_of_the_fit__return_to_their_places(fitted):
    assert_allclose(fitted.transform(blobs()), fitted.embedding_, atol=1e-3)


@pytest.mark.parametrize("n_components", [2, 4])
def test__new_rows_of_a_table__are_placed_without_error(n_components):
    X = table(40)
    embedder = EuclideanDistanceEmbedding(n_components).fit(X[:25])
    places = embedder.transform(X[25:])
    # principal components: centre and rotate as the samples of the fit were
    centred = X - X[:25].mean(axis=0)
    axes = np.linalg.lstsq(centred[:25], embedder.embedding_, rcond=None)[0]
    assert_allclose(places, centred[25:] @ axes, atol=1e-4)


def test__place__has_the_least_stress_to_the_samples():
    clouds, fresh = blobs(10), blobs(4, seed=1)
    embedder = whole(tol=1e-10).fit(clouds)
    # a new sample may lie above the space of the others
    anchors = np.pad(embedder.embedding_.astype(np.float64), ((0, 0), (0, 1)))
    given = wasserstein_distances(fresh, clouds) ** 2
    rng = np.random.default_rng(0)
    for place, squares in zip(embedder.transform(fresh), given, strict=True):

        def loss(z, squares=squares):
            return np.sum((np.sum((z - anchors) ** 2, axis=1) - squares) ** 2)

        starts = [*rng.normal(size=(4, anchors.shape[1])), np.append(place, 0.1)]
        found = [minimize(loss, start, options={"gtol": 1e-9}) for start in starts]
        best = min(found, key=lambda result: result.fun)
        assert_allclose(place, best.x[:-1], atol=2e-3)


def test__place__does_not_depend_on_the_batch(fitted):
    fresh = blobs(8, seed=3)
    together = fitted.transform(fresh)
    alone = np.concatenate([fitted.transform([cloud]) for cloud in fresh])
    assert_allclose(alone, together, atol=1e-5)


def test__new_clouds__are_kept_apart_as_transport_says(fitted):
    fresh = as_point_clouds(blobs(20, seed=4))
    assert fitted.score(fresh) > 0.999
    exact = wasserstein_distances(fresh)[np.triu_indices(20, 1)]
    assert np.corrcoef(pdist(fitted.transform(fresh)) ** 2, exact**2)[0, 1] > 0.99


def test__changed_parameters__do_not_change_what_is_fitted():
    embedder = EuclideanDistanceEmbedding(2).fit(blobs())
    before = embedder.transform(blobs(3, seed=1))
    embedder.set_params(n_components=5)
    assert_array_equal(embedder.transform(blobs(3, seed=1)), before)


# --- bad input ------------------------------------------------------------------------


def test__transform__before_fit__raises():
    with pytest.raises(NotFittedError):
        EuclideanDistanceEmbedding().transform(blobs())


@pytest.mark.parametrize(
    ("X", "message"),
    [
        (np.ones((4, 3)), "square"),
        (-np.ones((4, 4)), "Negative values"),
        (np.ones((4, 4)), "diagonal"),
        (np.triu(np.ones((4, 4)), 1), "symmetric"),
        (np.full((4, 4), np.nan), "NaN"),
        (np.zeros((1, 1)), "minimum of 2"),
    ],
)
def test__bad_distances__raise(X, message):
    with pytest.raises(ValueError, match=message):
        whole(metric="precomputed").fit(X)


@pytest.mark.parametrize(
    ("X", "message"),
    [
        ([np.eye(2)], "1 sample"),
        ([np.eye(2), np.array([[0.0, np.nan]])], r"X\[1\] has NaN"),
        ([np.eye(2), np.eye(3)], r"X\[0\].*2.*X\[1\].*3"),
        ([np.eye(2), np.empty((0, 2))], r"X\[1\] is empty"),
        ([np.eye(2) * 1e60, np.eye(2)], "float32; rescale X"),
    ],
)
def test__bad_clouds__raise(X, message):
    with pytest.raises(ValueError, match=message):
        whole().fit(X)


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"n_components": 0}, "n_components"),
        ({"metric": "no such metric"}, "no such metric"),
        ({"metric_params": {"zzz": 1}}, "zzz"),
        ({"order": 0.5}, "order"),
        ({"max_iter": 0}, "max_iter"),
        ({"tol": 0.0}, "tol"),
    ],
)
def test__bad_parameters__are_named(parameters, message):
    with pytest.raises(ValueError, match=message):
        EuclideanDistanceEmbedding(**parameters).fit(blobs())


def test__failed_fit__loses_nothing():
    embedder = EuclideanDistanceEmbedding().fit(blobs())
    before = embedder.transform(blobs(3, seed=1))
    with pytest.raises(ValueError, match="NaN"):
        embedder.fit([np.eye(2), np.full((2, 2), np.nan)])
    assert_array_equal(embedder.transform(blobs(3, seed=1)), before)


@pytest.mark.parametrize(
    ("X", "message"), [([np.eye(3)], "3 features"), ([np.eye(2) * np.nan], "NaN")]
)
def test__transform_of_bad_clouds__raises(fitted, X, message):
    with pytest.raises(ValueError, match=message):
        fitted.transform(X)


def test__transform_of_too_few_distances__raises():
    embedder = whole(metric="precomputed").fit(squareform(pdist(table(6))))
    with pytest.raises(ValueError, match="6 features"):
        embedder.transform(np.ones((2, 5)))
