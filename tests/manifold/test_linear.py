"""LinearOTEmbedder: known answers of linear transport, components, the way back."""

import pickle
import tracemalloc

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy.spatial.distance import pdist
from sklearn.base import clone
from sklearn.datasets import load_digits
from sklearn.decomposition import PCA
from sklearn.exceptions import NotFittedError, UndefinedMetricWarning
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV, train_test_split
from sklearn.pipeline import make_pipeline

from skwass import (
    ImageToCloud,
    LinearOTEmbedder,
    PointClouds,
    as_point_clouds,
    wasserstein_distances,
)
from skwass.manifold._projected import PrincipalComponents
from skwass.metrics import distance_correlation


def blobs(n_clouds=20, n_features=2, seed=0):
    rng = np.random.default_rng(seed)
    clouds = []
    for size in rng.integers(3, 12, n_clouds):
        points = rng.normal(size=(size, n_features)) * rng.uniform(0.3, 2, n_features)
        clouds.append((points + rng.normal(size=n_features), rng.uniform(1, 3, size)))
    return clouds


def quick(n_reference=8, **parameters):
    return LinearOTEmbedder(n_reference, **{"random_state": 0, **parameters})


def upper(matrix):
    return matrix[np.triu_indices(len(matrix), 1)]


# --- known answers ----------------------------------------------------------------


@pytest.mark.parametrize("n_features", [1, 2, 7])
@pytest.mark.parametrize("n_components", [None, "full"])
def test__translations__are_as_far_apart_as_they_were_moved(n_features, n_components):
    rng = np.random.default_rng(0)
    points, weights = rng.normal(size=(9, n_features)), rng.uniform(1, 2, 9)
    shifts = rng.normal(size=(12, n_features)) * 5
    clouds = [(points + shift, weights) for shift in shifts]
    if n_components is not None:
        n_components = n_features  # shifts have no more
    embedding = quick(n_components=n_components).fit_transform(clouds)
    assert_allclose(pdist(embedding), pdist(shifts), rtol=1e-4, atol=1e-5)


def test__single_points__keep_their_distances():
    table = np.random.default_rng(0).normal(size=(20, 3)) + 50
    assert_allclose(pdist(quick().fit_transform(table)), pdist(table), rtol=1e-5)
    several = quick(reference=np.eye(3) + 49).fit_transform(table)
    assert several.shape == (20, 9)
    assert_allclose(pdist(several), pdist(table), rtol=1e-5)


def test__equal_clouds_on_a_line__have_their_wasserstein_distance():
    rng = np.random.default_rng(0)
    clouds = rng.normal(size=(15, 6, 1)) * rng.uniform(0.5, 2, (15, 1, 1))
    embedder = quick(reference=rng.normal(size=(6, 1))).fit(clouds)
    exact = upper(wasserstein_distances(clouds))
    assert_allclose(pdist(embedder.embedding_), exact, rtol=1e-5)


def test__scalings_of_the_reference__lie_on_a_line():
    reference = np.random.default_rng(0).normal(size=(7, 2))
    factors = np.array([0.2, 1.0, 1.5, 4.0])
    embedder = quick(reference=reference).fit(factors[:, None, None] * reference)
    norm = np.sqrt(np.mean(np.sum(reference**2, axis=1)))
    assert_allclose(
        pdist(embedder.embedding_), norm * pdist(factors[:, None]), rtol=1e-5
    )
    assert_allclose(embedder.embedding_[1], 0, atol=1e-6)  # the reference itself


def test__maps_from_the_reference__are_never_shorter_than_transport():
    rng = np.random.default_rng(0)
    clouds = rng.normal(size=(12, 8, 3)) + rng.normal(size=(12, 1, 3))
    linear = pdist(quick(reference=rng.normal(size=(8, 3))).fit_transform(clouds))
    exact = upper(wasserstein_distances(clouds))
    assert (linear >= exact * (1 - 1e-5)).all()
    assert distance_correlation(exact, linear) > 0.9


def test__reference_itself__is_as_far_as_transport_says():
    rng = np.random.default_rng(0)
    reference = rng.normal(size=(8, 2))
    clouds = rng.normal(size=(10, 8, 2))
    embedder = quick(reference=reference).fit(clouds)
    exact = wasserstein_distances(clouds, [reference])[:, 0]
    assert_allclose(np.linalg.norm(embedder.embedding_, axis=1), exact, rtol=1e-5)


# --- the reference ----------------------------------------------------------------


def test__kmeans_reference__has_the_points_asked_for():
    embedder = quick(5).fit(blobs())
    assert embedder.reference_points_.shape == (5, 2)
    assert_allclose(embedder.reference_weights_.sum(), 1)
    assert embedder.embedding_.shape == (20, 10)
    assert not hasattr(embedder, "components_")


@pytest.mark.parametrize(("n_features", "n_points"), [(2, 192), (100, 81)])
def test__auto_reference__is_smaller_in_many_dimensions(n_features, n_points):
    rng = np.random.default_rng(0)
    clouds = rng.normal(size=(2, 200, n_features))
    embedder = LinearOTEmbedder(random_state=0).fit(clouds)
    assert embedder.reference_points_.shape == (n_points, n_features)


def test__given_reference__is_copied_and_weighs_the_same():
    reference = [[0.0, 0.0], [1.0, 2.0], [3.0, 1.0]]
    embedder = quick(reference=reference).fit(blobs())
    assert_array_equal(embedder.reference_points_, reference)
    assert_allclose(embedder.reference_weights_, 1 / 3)
    array = np.array(reference)
    embedder = quick(reference=array).fit(blobs())
    before = embedder.transform(blobs())
    array += 1
    assert_array_equal(embedder.transform(blobs()), before)


@pytest.mark.parametrize(
    ("reference", "message"),
    [
        (np.zeros(3), "2D array"),
        (np.zeros((2, 2, 2)), "dim 3"),
        (np.zeros((0, 2)), "0 sample"),
        (np.array([[0.0, np.nan]]), "reference contains NaN"),
        (np.array([[0.0, np.inf]]), "reference contains infinity"),
        (np.zeros((4, 3)), "3 features; those of X have 2"),
        ("grid", "reference"),
        (None, "reference"),
    ],
)
def test__bad_reference__is_named(reference, message):
    with pytest.raises(ValueError, match=message):
        quick(reference=reference).fit(blobs())


# --- components -------------------------------------------------------------------


@pytest.mark.parametrize("n_clouds", [30, 700])  # the whole decomposition, and parts
def test__components__are_those_of_the_displacements(n_clouds):
    clouds = blobs(n_clouds)
    whole = quick().fit_transform(clouds).astype(np.float64)
    embedder = quick(n_components=3).fit(clouds)
    pca = PCA(3, svd_solver="full").fit(whole)
    components = embedder.components_
    assert components.shape == (3, 16)
    assert components.dtype == np.float32
    assert_allclose(components @ components.T, np.eye(3), atol=1e-5)
    assert_allclose(np.abs(components), np.abs(pca.components_), atol=1e-3)
    assert_allclose(
        embedder.explained_variance_ratio_, pca.explained_variance_ratio_, rtol=1e-4
    )
    assert_allclose(
        np.abs(embedder.embedding_), np.abs(pca.transform(whole)), atol=1e-2
    )
    assert_allclose(embedder.embedding_.mean(axis=0), 0, atol=1e-4)


def test__all_components__keep_every_distance():
    clouds = blobs(40)
    whole = quick().fit_transform(clouds)
    turned = quick(n_components=16).fit(clouds)
    assert_allclose(pdist(turned.embedding_), pdist(whole), rtol=1e-4)
    assert turned.explained_variance_ratio_.sum() == pytest.approx(1)


def test__refit_without_components__drops_the_old_ones():
    embedder = quick(n_components=2).fit(blobs())
    embedder.set_params(n_components=None).fit(blobs())
    assert not hasattr(embedder, "components_")
    assert not hasattr(embedder, "explained_variance_ratio_")


def test__components__need_little_memory():
    rng = np.random.default_rng(0)
    rows = rng.standard_normal((600, 20_000), dtype=np.float32)
    rows[:, :100] *= 10
    total = rows.var(axis=0, dtype=np.float64).sum()
    tracemalloc.start()
    found = PrincipalComponents.learn(rows, 4, np.random.RandomState(0))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 0.2 * rows.nbytes
    assert rows.mean() == pytest.approx(0, abs=1e-6)
    shares = found.project(rows).var(axis=0, dtype=np.float64) / total
    assert_allclose(shares, found.explained_variance_ratio, rtol=1e-2)


def test__many_dimensions__are_fine():
    rng = np.random.default_rng(0)
    clouds = rng.normal(size=(30, 6, 2000)) + rng.normal(size=(30, 1, 2000))
    embedder = LinearOTEmbedder(n_components=5, random_state=0).fit(clouds)
    assert embedder.components_.shape == (5, 16 * 2000)
    assert embedder.inverse_transform(embedder.embedding_).n_features == 2000


@pytest.mark.parametrize(
    ("n_components", "X"),
    [
        (17, blobs(20)),
        (6, blobs(5)),
        (4, np.random.default_rng(0).normal(size=(9, 3))),
    ],
)
def test__too_many_components__are_refused(n_components, X):
    with pytest.raises(ValueError, match=f"n_components={n_components} is too many"):
        quick(n_components=n_components).fit(X)


# --- the way back -----------------------------------------------------------------


@pytest.mark.parametrize("n_components", [None, 12])
def test__inverse__gives_back_clouds_of_the_size_of_the_reference(n_components):
    rng = np.random.default_rng(0)
    clouds = rng.normal(size=(13, 6, 2)) + 100
    embedder = quick(reference=clouds[0], n_components=n_components).fit(clouds)
    found = embedder.inverse_transform(embedder.embedding_)
    assert isinstance(found, PointClouds)
    distances = wasserstein_distances(found, clouds)
    assert_allclose(distances.diagonal(), 0, atol=1e-4)


def test__inverse__has_the_weights_of_the_reference():
    embedder = quick().fit(blobs())
    found = embedder.inverse_transform(embedder.embedding_[:3])
    assert_allclose(found.weights, np.tile(embedder.reference_weights_, 3))
    own = wasserstein_distances(found, blobs()[:3]).diagonal()
    assert (own < 0.3 * upper(wasserstein_distances(blobs())).mean()).all()


@pytest.mark.parametrize(
    "parameters", [{}, {"n_components": 3}, {"reference": np.eye(3) + 10}]
)
def test__inverse__of_a_table_is_a_table(parameters):
    table = np.random.default_rng(0).normal(size=(20, 3)) + 10
    embedder = quick(**parameters).fit(table)
    found = embedder.inverse_transform(embedder.embedding_)
    assert_allclose(found, table, rtol=1e-5)


def test__inverse__checks_what_it_gets():
    embedder = quick(n_components=2).fit(blobs())
    with pytest.raises(ValueError, match="3 columns; embeddings have 2"):
        embedder.inverse_transform(np.zeros((2, 3)))
    with pytest.raises(ValueError, match="NaN"):
        embedder.inverse_transform(np.full((2, 2), np.nan))


# --- bad and extreme input --------------------------------------------------------


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"n_reference": 0}, "n_reference"),
        ({"n_reference": "all"}, "n_reference"),
        ({"n_components": 0}, "n_components"),
        ({"n_components": 0.5}, "n_components"),
        ({"random_state": "zero"}, "random_state"),
    ],
)
def test__bad_parameters__are_named(parameters, message):
    with pytest.raises(ValueError, match=message):
        quick(**parameters).fit(blobs())


def test__bad_clouds__raise_and_lose_nothing():
    embedder = quick().fit(blobs())
    before = embedder.transform(blobs())
    bad = [*blobs()[:3], np.empty((0, 2))]
    for method in (embedder.fit, embedder.transform, embedder.score):
        with pytest.raises(ValueError, match=r"X\[3\] is empty"):
            method(bad)
    with pytest.raises(ValueError, match=r"3 features.*expecting 2"):
        embedder.transform(blobs(n_features=3))
    with pytest.raises(ValueError, match="too many"):
        embedder.set_params(n_components=50).fit(blobs(n_features=3))
    assert_array_equal(embedder.transform(blobs()), before)


@pytest.mark.parametrize("method", ["transform", "score", "inverse_transform"])
def test__method__before_fit__raises(method):
    with pytest.raises(NotFittedError):
        getattr(LinearOTEmbedder(), method)(np.zeros((4, 2)))


def test__one_cloud__is_enough_without_components():
    assert quick().fit_transform(blobs(1)).shape[0] == 1
    with pytest.raises(ValueError, match="1 sample"):
        quick(n_components=1).fit(blobs(1))


@pytest.mark.parametrize("n_components", [None, 2])
def test__identical_clouds__fall_on_one_point(n_components):
    embedder = quick(n_components=n_components).fit([np.eye(2)] * 9)
    assert np.isfinite(embedder.embedding_).all()
    assert_array_equal(embedder.embedding_, embedder.embedding_[[0] * 9])
    if n_components is not None:
        assert_array_equal(embedder.explained_variance_ratio_, 0)
    with pytest.warns(UndefinedMetricWarning):
        assert np.isnan(embedder.score([np.eye(2)] * 3))


def test__coordinates_far_from_zero__keep_their_digits():
    near = quick(n_components=3).fit_transform(blobs())
    far = quick(n_components=3).fit_transform([(x + 2.0**20, w) for x, w in blobs()])
    assert_allclose(pdist(far), pdist(near), rtol=1e-2)


@pytest.mark.parametrize("unit", [1e-50, 1e50])
def test__distances_that_float32_cannot_hold__are_refused(unit):
    for reference in ("kmeans", np.zeros((2, 2))):
        with pytest.raises(ValueError, match="float32; rescale X"):
            quick(reference=reference).fit([unit * x for x, _ in blobs()])


def test__another_form_than_was_fitted__warns():
    with pytest.warns(UserWarning, match="fitted on single points"):
        quick().fit(np.eye(3)).transform([np.eye(3)])
    with pytest.warns(UserWarning, match=r"pass \[X\]"):
        quick().fit(blobs()).transform(np.eye(2))


# --- in scikit-learn --------------------------------------------------------------


def test__score__is_the_correlation_with_transport():
    fresh = as_point_clouds(blobs(15, seed=1))
    embedder = quick(32).fit(blobs())
    expected = distance_correlation(
        upper(wasserstein_distances(fresh)), pdist(embedder.transform(fresh))
    )
    assert embedder.score(fresh) == pytest.approx(expected, abs=1e-6)
    assert expected > 0.98


def test__pipeline__of_images_to_a_linear_classifier():
    images, labels = load_digits(n_class=4, return_X_y=True)
    model = make_pipeline(
        ImageToCloud((8, 8)), quick(32), LogisticRegression(max_iter=500)
    )
    split = train_test_split(images, labels, random_state=0, stratify=labels)
    assert model.fit(split[0], split[2]).score(split[1], split[3]) > 0.9


def test__grid_search__chooses_components():
    search = GridSearchCV(quick(), {"n_components": [1, 8]}, cv=3).fit(blobs(40))
    assert search.best_params_ == {"n_components": 8}


def test__set_output__gives_named_columns():
    frame = quick(n_components=2).set_output(transform="pandas").fit_transform(blobs())
    assert isinstance(frame, pd.DataFrame)
    assert list(frame.columns) == ["linearotembedder0", "linearotembedder1"]
    table = pd.DataFrame(np.eye(3), columns=["a", "b", "c"])
    embedder = quick().fit(table)
    assert list(embedder.feature_names_in_) == ["a", "b", "c"]
    assert list(embedder.get_feature_names_out()) == [
        f"linearotembedder{k}" for k in range(3)
    ]


def test__clone_and_pickle__keep_what_they_should():
    embedder = quick(n_components=2, reference=np.eye(2)).fit(blobs())
    assert not hasattr(clone(embedder), "embedding_")
    copy = pickle.loads(pickle.dumps(embedder))
    assert_array_equal(copy.transform(blobs()), embedder.embedding_)
    found = copy.inverse_transform(copy.embedding_)
    assert_array_equal(
        found.points, embedder.inverse_transform(embedder.embedding_).points
    )


def test__verbose__shows_a_bar(capsys):
    quick(verbose=1).fit(blobs())
    assert "linear transport" in capsys.readouterr().err
    quick().fit(blobs())
    assert capsys.readouterr().err == ""
