"""WormholeEmbedder in place of MDS and TSNE: the same script, the same attributes."""

import inspect

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_array_equal
from sklearn import manifold
from sklearn.datasets import load_digits, load_iris, load_wine
from sklearn.manifold import MDS, TSNE
from sklearn.metrics import pairwise_distances
from sklearn.preprocessing import scale

from skwass import WormholeEmbedder

COMMON = {"random_state": 0, "verbose": 0, "n_jobs": 1}
CLASSICAL = getattr(manifold, "ClassicalMDS", None)  # since scikit-learn 1.8
#: `metric` said "metric MDS" until scikit-learn 1.8, and init came with it
MODERN = "metric_mds" in inspect.signature(MDS).parameters

SCRIPTS = [
    pytest.param(
        TSNE, {"init": "pca", "max_iter": 250, "metric_params": None}, id="TSNE"
    ),
    pytest.param(TSNE, {"init": "random", "max_iter": 250}, id="TSNE-random"),
    pytest.param(
        MDS,
        {"init": "classical_mds", "n_init": 1, "max_iter": 30},
        id="MDS",
        marks=pytest.mark.skipif(not MODERN, reason="MDS(init=) is of 1.8"),
    ),
    pytest.param(
        MDS,
        {"init": "random", "n_init": 2, "max_iter": 30, "normalized_stress": True},
        id="MDS-random",
        marks=pytest.mark.skipif(not MODERN, reason="MDS(init=) is of 1.8"),
    ),
    pytest.param(
        CLASSICAL,
        {},
        id="ClassicalMDS",
        marks=pytest.mark.skipif(CLASSICAL is None, reason="ClassicalMDS is of 1.8"),
    ),
]


@pytest.mark.parametrize("metric", ["euclidean", "cityblock", "precomputed"])
@pytest.mark.parametrize(("original", "parameters"), SCRIPTS)
def test__one_script__runs_with_the_original_and_with_ours(
    original, parameters, metric
):
    if original is TSNE and metric == "precomputed":
        parameters = {**parameters, "init": "random"}  # TSNE has no PCA of distances
    common = {} if original is CLASSICAL else COMMON
    for estimator in (original, WormholeEmbedder):
        names = inspect.signature(original).parameters
        assert set(parameters) <= set(names)
        run_script(estimator(2, metric=metric, **common, **parameters), metric)


def run_script(embedder, metric):
    table = pd.DataFrame(load_iris().data[::3], columns=list("abcd"))
    X = pairwise_distances(table) if metric == "precomputed" else table
    places = embedder.fit_transform(X)
    assert places.shape == (50, 2)
    assert_array_equal(places, embedder.embedding_)
    assert embedder.fit(X) is embedder
    assert embedder.n_features_in_ == X.shape[1]
    if metric != "precomputed":
        assert list(embedder.feature_names_in_) == list("abcd")
    if not isinstance(embedder, CLASSICAL or ()):
        assert embedder.n_iter_ >= 1
    if isinstance(embedder, MDS | WormholeEmbedder):
        assert isinstance(float(embedder.stress_), float)
        assert embedder.dissimilarity_matrix_.shape == (50, 50)


TABLES = {
    "iris": lambda: load_iris().data,
    "wine": lambda: scale(load_wine().data),
    "digits": lambda: load_digits().data[:500],
}


@pytest.mark.parametrize("name", TABLES)
def test__stress__is_close_to_that_of_mds(name):
    table = TABLES[name]()
    new = {"init": "classical_mds"} if MODERN else {}
    mds = MDS(n_components=2, n_init=1, random_state=0, **new).fit(table)
    ours = WormholeEmbedder(n_components=2, random_state=0).fit(table)
    assert ours.stress_ <= 1.1 * mds.stress_
    assert_array_equal(ours.transform(table), ours.embedding_)


def test__n_components__comes_first_and_is_two():
    parameters = inspect.signature(WormholeEmbedder).parameters
    first, *others = parameters.values()
    assert first.name == "n_components"
    assert first.default == 2
    assert {other.kind for other in others} == {inspect.Parameter.KEYWORD_ONLY}


@pytest.mark.parametrize(
    "foreign",
    ["perplexity", "early_exaggeration", "learning_rate", "eps", "dissimilarity"],
)
def test__foreign_parameters__are_refused_by_name(foreign):
    with pytest.raises(TypeError, match=foreign):
        WormholeEmbedder(**{foreign: 30})
    with pytest.raises(ValueError, match=foreign):
        WormholeEmbedder().set_params(**{foreign: 30})


def test__large_table__is_sampled_and_keeps_no_matrix():
    table = np.random.default_rng(0).normal(size=(2100, 3))
    embedder = WormholeEmbedder(max_iter=1, random_state=0).fit(table)
    assert not hasattr(embedder, "dissimilarity_matrix_")
    assert embedder.embedding_.shape == (2100, 2)
