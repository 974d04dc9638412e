"""SlicedWassersteinEmbedder: known answers of sliced transport, and its manners."""

import pickle
from itertools import pairwise

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy.spatial.distance import pdist
from sklearn.base import clone
from sklearn.datasets import load_digits
from sklearn.decomposition import PCA
from sklearn.exceptions import NotFittedError
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV, train_test_split
from sklearn.pipeline import make_pipeline

from skwass import (
    ImageToCloud,
    SlicedWassersteinEmbedder,
    as_point_clouds,
    wasserstein_distances,
)
from skwass.metrics import distance_correlation


def blobs(n_clouds=20, n_features=2, seed=0):
    rng = np.random.default_rng(seed)
    clouds = []
    for size in rng.integers(3, 12, n_clouds):
        points = rng.normal(size=(size, n_features)) * rng.uniform(0.3, 2, n_features)
        clouds.append((points + rng.normal(size=n_features), rng.uniform(1, 3, size)))
    return clouds


def quick(n_projections=12, **parameters):
    options = {"n_quantiles": 8, "random_state": 0, **parameters}
    return SlicedWassersteinEmbedder(n_projections, **options)


def upper(matrix):
    return matrix[np.triu_indices(len(matrix), 1)]


# --- known answers ----------------------------------------------------------------


@pytest.mark.parametrize("n_features", [1, 2, 3, 6])  # 12 directions: whole blocks
def test__translations__are_their_length_apart_over_root_d(n_features):
    rng = np.random.default_rng(0)
    points, weights = rng.normal(size=(9, n_features)), rng.uniform(1, 2, 9)
    shifts = rng.normal(size=(12, n_features)) * 5
    embedding = quick().fit_transform([(points + t, weights) for t in shifts])
    assert_allclose(
        pdist(embedding) * np.sqrt(n_features), pdist(shifts), rtol=1e-4, atol=1e-5
    )


def test__single_points__are_a_table_with_one_quantile():
    table = np.random.default_rng(0).normal(size=(20, 3)) + 50
    embedding = quick().fit_transform(table)
    assert embedding.shape == (20, 12)
    assert_allclose(pdist(embedding) * np.sqrt(3), pdist(table), rtol=1e-5)


def test__equal_clouds_on_a_line__have_their_wasserstein_distance():
    rng = np.random.default_rng(0)
    clouds = rng.normal(size=(15, 4, 1)) * rng.uniform(0.5, 2, (15, 1, 1))
    embedder = quick().fit(clouds)
    assert embedder.directions_.shape == (1, 1)
    assert embedder.embedding_.shape == (15, 8)
    exact = upper(wasserstein_distances(clouds))
    assert_allclose(pdist(embedder.embedding_), exact, rtol=1e-5)


def test__distances__are_never_longer_than_transport():
    embedding = quick(50, n_quantiles=100).fit_transform(blobs())
    exact = upper(wasserstein_distances(blobs()))
    assert (pdist(embedding) <= exact * (1 + 1e-5)).all()
    assert distance_correlation(exact, pdist(embedding)) > 0.9


def test__more_quantiles__make_distances_longer():
    distances = [
        pdist(quick(n_quantiles=n).fit_transform(blobs())) for n in (1, 2, 8, 64)
    ]
    for fewer, more in pairwise(distances):
        assert (fewer <= more * (1 + 1e-5)).all()


def test__defaults__are_within_a_few_per_cent():
    clouds = blobs(30, 3)
    embedding = SlicedWassersteinEmbedder(random_state=0).fit_transform(clouds)
    many = quick(600, n_quantiles=300).fit_transform(clouds)
    assert np.mean(np.abs(pdist(embedding) / pdist(many) - 1)) < 0.06


# --- components -------------------------------------------------------------------


def test__components__are_those_of_the_quantiles():
    clouds = blobs(60)
    whole = quick().fit_transform(clouds).astype(np.float64)
    embedder = quick(n_components=3).fit(clouds)
    pca = PCA(3, svd_solver="full").fit(whole)
    assert embedder.components_.shape == (3, 96)
    assert_allclose(np.abs(embedder.components_), np.abs(pca.components_), atol=1e-3)
    assert_allclose(
        embedder.explained_variance_ratio_, pca.explained_variance_ratio_, rtol=1e-4
    )
    assert_allclose(
        np.abs(embedder.embedding_), np.abs(pca.transform(whole)), atol=1e-3
    )
    embedder.set_params(n_components=None).fit(clouds)
    assert not hasattr(embedder, "components_")


def test__too_many_components__are_refused():
    for n_components, X in ((6, blobs(5)), (25, blobs(30))):
        with pytest.raises(ValueError, match=f"={n_components} is too many"):
            quick(3, n_components=n_components).fit(X)


# --- bad and extreme input --------------------------------------------------------


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"n_projections": 0}, "n_projections"),
        ({"n_quantiles": 0}, "n_quantiles"),
        ({"n_quantiles": "auto"}, "n_quantiles"),
        ({"n_components": 0}, "n_components"),
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
    assert embedder.directions_.shape == (12, 2)
    assert_array_equal(embedder.transform(blobs()), before)


@pytest.mark.parametrize("method", ["transform", "score"])
def test__method__before_fit__raises(method):
    with pytest.raises(NotFittedError):
        getattr(SlicedWassersteinEmbedder(), method)(np.zeros((4, 2)))


def test__identical_clouds__fall_on_one_point():
    for n_components in (None, 2):
        embedder = quick(n_components=n_components).fit([np.eye(2)] * 9)
        assert np.isfinite(embedder.embedding_).all()
        assert_array_equal(embedder.embedding_, embedder.embedding_[[0] * 9])


def test__coordinates_far_from_zero__keep_their_digits():
    near = quick().fit_transform(blobs())
    far = quick().fit_transform([(x + 2.0**20, w) for x, w in blobs()])
    assert_allclose(pdist(far), pdist(near), rtol=1e-4)


@pytest.mark.parametrize("unit", [1e-50, 1e50])
def test__distances_that_float32_cannot_hold__are_refused(unit):
    with pytest.raises(ValueError, match="float32; rescale X"):
        quick().fit([unit * x for x, _ in blobs()])


def test__table_model__warns_when_it_is_given_larger_clouds():
    with pytest.warns(UserWarning, match="fitted on single points"):
        quick().fit(np.eye(3)).transform([np.eye(3)])


# --- in scikit-learn --------------------------------------------------------------


def test__score__is_the_correlation_with_transport():
    fresh = as_point_clouds(blobs(15, seed=1))
    embedder = quick().fit(blobs())
    expected = distance_correlation(
        upper(wasserstein_distances(fresh)), pdist(embedder.transform(fresh))
    )
    assert embedder.score(fresh) == pytest.approx(expected, abs=1e-6)


def test__pipeline__of_images_to_a_linear_classifier():
    images, labels = load_digits(n_class=4, return_X_y=True)
    model = make_pipeline(ImageToCloud((8, 8)), quick(), LogisticRegression(C=10))
    split = train_test_split(images, labels, random_state=0, stratify=labels)
    assert model.fit(split[0], split[2]).score(split[1], split[3]) > 0.9


def test__grid_search__chooses_components():
    search = GridSearchCV(quick(), {"n_components": [1, 8]}, cv=3).fit(blobs(40))
    assert search.best_params_ == {"n_components": 8}


def test__set_output__gives_named_columns():
    embedder = quick(n_components=2).set_output(transform="pandas")
    frame = embedder.fit_transform(blobs())
    names = ["slicedwassersteinembedder0", "slicedwassersteinembedder1"]
    assert list(frame.columns) == list(embedder.get_feature_names_out()) == names


def test__clone_and_pickle__keep_what_they_should():
    embedder = quick(n_components=2).fit(blobs())
    assert not hasattr(clone(embedder), "embedding_")
    copy = pickle.loads(pickle.dumps(embedder))
    assert_array_equal(copy.transform(blobs()), embedder.embedding_)


def test__verbose__shows_a_bar(capsys):
    quick(verbose=1).fit(blobs())
    assert "sliced transport" in capsys.readouterr().err
