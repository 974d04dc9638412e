"""What WormholeEmbedder promises: fitting, embedding, decoding, judging."""

import warnings

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy.spatial.distance import pdist
from sklearn.base import clone
from sklearn.datasets import load_digits
from sklearn.exceptions import NotFittedError, UndefinedMetricWarning
from sklearn.model_selection import GridSearchCV, cross_val_score, train_test_split
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline

from skwass import (
    ImageToCloud,
    PointClouds,
    WormholeEmbedder,
    as_point_clouds,
    wasserstein_distances,
)
from skwass.metrics import distance_correlation, relative_error


def blobs(n_clouds, n_features=2, seed=0):
    """Gaussian clouds of different sizes, places and widths."""
    rng = np.random.default_rng(seed)
    return [
        rng.normal(
            rng.normal(size=n_features) * 3,
            rng.uniform(0.2, 2),
            (rng.integers(3, 12), n_features),
        )
        for _ in range(n_clouds)
    ]


def quick(**parameters):
    return WormholeEmbedder(
        **{"n_reference": 12, "max_iter": 20, "random_state": 0, **parameters}
    )


@pytest.fixture(scope="module")
def cohort():
    return as_point_clouds(blobs(60))


@pytest.fixture(scope="module")
def fitted(cohort):
    return quick(n_components=8, max_iter=60).fit(cohort)


def test__embedding__keeps_distances_of_clouds_it_has_not_seen(fitted):
    fresh = as_point_clouds(blobs(40, seed=1))
    exact = wasserstein_distances(fresh)[np.triu_indices(40, 1)]
    embedded = pdist(fitted.transform(fresh))
    assert distance_correlation(exact, embedded) > 0.99
    assert relative_error(exact, embedded) < 0.1


def test__training__improves_on_where_it_starts():
    clouds = blobs(60)
    start = quick(n_components=2, lr=1e-12, max_iter=1).fit(clouds)
    end = quick(n_components=2, max_iter=60).fit(clouds)
    assert end.stress_ < 0.9 * start.stress_


def test__embedding__equals_transform_bit_by_bit(fitted, cohort):
    assert_array_equal(fitted.transform(cohort), fitted.embedding_)


def test__translations_of_one_cloud__lie_on_a_line():
    shape = np.random.default_rng(0).normal(size=(9, 2))
    shifts = np.linspace(-5, 5, 40)
    clouds = [shape + np.array([shift, 0.0]) for shift in shifts]
    embedding = quick(n_components=1, max_iter=100).fit_transform(clouds)[:, 0]
    expected = np.abs(shifts - shifts[0])
    assert_allclose(np.abs(embedding - embedding[0]), expected, atol=0.15)


def test__stress__is_that_of_all_pairs(fitted, cohort):
    true = pdist_of(fitted.dissimilarity_matrix_)
    assert_allclose(fitted.dissimilarity_matrix_, wasserstein_distances(cohort))
    expected = np.sum((pdist(fitted.embedding_) - true) ** 2)
    assert fitted.stress_ == pytest.approx(expected, rel=1e-5)


def test__normalized_stress__is_stress_1(cohort):
    embedder = quick(normalized_stress=True).fit(cohort)
    true = pdist_of(embedder.dissimilarity_matrix_)
    residual = np.sum((pdist(embedder.embedding_) - true) ** 2)
    expected = np.sqrt(residual / np.sum(pdist(embedder.embedding_) ** 2))
    assert embedder.stress_ == pytest.approx(expected, rel=1e-5)


def pdist_of(matrix):
    return matrix[np.triu_indices(len(matrix), 1)]


def test__few_pairs__are_solved_in_cliques_and_stress_is_estimated(cohort):
    full = quick(n_components=8).fit(cohort)
    part = quick(n_components=8, n_pairs=600).fit(cohort)
    assert not hasattr(part, "dissimilarity_matrix_")
    true = wasserstein_distances(cohort)[np.triu_indices(60, 1)]
    actual = np.sum((pdist(part.embedding_) - true) ** 2)
    assert part.stress_ == pytest.approx(actual, rel=0.5)
    assert_allclose(pdist(part.embedding_), pdist(full.embedding_), rtol=0.5, atol=0.5)


def test__refit_with_fewer_pairs__drops_the_old_matrix(cohort):
    embedder = quick(max_iter=1).fit(cohort)
    assert embedder.dissimilarity_matrix_.shape == (60, 60)
    assert not hasattr(
        embedder.set_params(n_pairs=200).fit(cohort), "dissimilarity_matrix_"
    )


def test__history__has_an_entry_for_each_epoch(cohort):
    embedder = quick(max_iter=7).fit(cohort)
    assert embedder.n_iter_ == len(embedder.history_["loss"]) == 7
    assert set(embedder.history_) == {"loss"}


def test__early_stopping__holds_clouds_out_and_stops(cohort):
    embedder = quick(
        max_iter=400, early_stopping=True, n_iter_no_change=3, tol=0.05
    ).fit(cohort)
    assert embedder.n_iter_ < 400
    assert len(embedder.history_["validation_loss"]) == embedder.n_iter_
    assert embedder.embedding_.shape == (60, 2)


def test__early_stopping__keeps_the_best_epoch(cohort):
    options = {"early_stopping": True, "n_iter_no_change": 5, "lr": 0.05}
    embedder = quick(max_iter=40, **options).fit(cohort)
    losses = embedder.history_["validation_loss"]
    best = int(np.argmin(losses)) + 1
    assert best < embedder.n_iter_  # it went on beyond its best, or nothing is shown
    history = embedder.net_.callbacks_
    stopping = dict(history)["early_stopping"]
    assert stopping.best_epoch_ == best


def test__n_init__keeps_the_run_of_least_stress(cohort):
    runs = [
        quick(init="random", max_iter=3, n_init=n_init, random_state=1)
        .fit(cohort)
        .stress_
        for n_init in (1, 2, 4)
    ]
    assert runs[0] >= runs[1] >= runs[2]
    assert runs[2] < runs[0]


def test__init__array__is_where_the_embedding_starts():
    table = np.random.default_rng(0).normal(size=(50, 3))
    rotated = table[:, [2, 0]] * [1, -1]
    embedder = quick(init=rotated, lr=1e-12, max_iter=1).fit(table)
    assert_allclose(embedder.embedding_, rotated - rotated.mean(axis=0), atol=1e-4)


@pytest.mark.parametrize("init", ["pca", "classical_mds"])
def test__init__pca_and_classical_mds__are_the_same(cohort, init):
    embedder = quick(init=init, max_iter=2).fit(cohort)
    assert_array_equal(embedder.embedding_, quick(max_iter=2).fit_transform(cohort))


def test__decoder__gives_clouds_near_the_ones_that_were_encoded(fitted, cohort):
    decoded = fitted.inverse_transform(fitted.embedding_)
    assert isinstance(decoded, PointClouds)
    assert len(decoded) == 60
    assert decoded.n_features == 2
    assert_allclose(np.add.reduceat(decoded.weights, decoded.offsets[:-1]), 1)
    distances = wasserstein_distances(cohort, decoded)
    own = np.median(distances.diagonal())
    assert own < 0.25 * np.median(distances)


def test__decoder__on_a_table__gives_a_table_back():
    table = np.random.default_rng(0).normal(size=(80, 3)) + 100
    embedder = quick(n_components=3, max_iter=60).fit(table)
    decoded = embedder.inverse_transform(embedder.transform(table))
    assert decoded.shape == table.shape
    assert np.sqrt(np.mean((decoded - table) ** 2)) < 0.1


def test__decoder__left_out__has_no_inverse_transform(cohort):
    embedder = quick(decoder=False, max_iter=1).fit(cohort)
    assert not hasattr(embedder, "inverse_transform")


def test__inverse_transform__of_wrong_width__says_what_is_expected(fitted):
    with pytest.raises(ValueError, match="3 columns; embeddings have n_components=8"):
        fitted.inverse_transform(np.zeros((2, 3)))
    with pytest.raises(ValueError, match="NaN"):
        fitted.inverse_transform(np.full((2, 8), np.nan))


def test__score__is_the_correlation_of_squared_distances(fitted):
    fresh = as_point_clouds(blobs(30, seed=2))
    exact = wasserstein_distances(fresh)[np.triu_indices(30, 1)]
    expected = distance_correlation(exact, pdist(fitted.transform(fresh)))
    assert fitted.score(fresh) == pytest.approx(expected, abs=1e-6)


def test__score__needs_three_clouds_and_distances_that_differ(fitted):
    with pytest.raises(ValueError, match="2 sample"):
        fitted.score(blobs(2))
    with pytest.warns(UndefinedMetricWarning, match="undefined"):
        assert np.isnan(fitted.score([np.zeros((3, 2))] * 3))


@pytest.mark.parametrize("method", ["transform", "score", "inverse_transform"])
def test__method__before_fit__raises(method):
    with pytest.raises(NotFittedError):
        getattr(WormholeEmbedder(), method)(np.zeros((4, 2)))


def test__ground_metric__decides_the_distances():
    table = np.random.default_rng(0).normal(size=(60, 3))
    by_name = quick(metric="cityblock").fit(table)
    by_call = quick(metric=lambda x, y: np.abs(x - y).sum()).fit(table)
    weighted = quick(metric="minkowski", metric_params={"p": 1}).fit(table)
    expected = pdist(table, "cityblock")
    for embedder in (by_name, by_call, weighted):
        assert_allclose(pdist_of(embedder.dissimilarity_matrix_), expected)
    assert by_name.stress_ == pytest.approx(by_call.stress_)


def test__ground_metric__of_clouds__is_learnt():
    clouds = as_point_clouds(blobs(60))
    embedder = quick(n_components=8, metric="cityblock", max_iter=100).fit(clouds)
    exact = wasserstein_distances(clouds, metric="cityblock")
    assert_allclose(embedder.dissimilarity_matrix_, exact)
    assert relative_error(pdist_of(exact), pdist(embedder.embedding_)) < 0.1


def test__precomputed__embeds_like_the_clouds_and_places_new_rows(cohort):
    matrix = wasserstein_distances(cohort)
    embedder = quick(n_components=8, metric="precomputed", max_iter=60)
    embedding = embedder.fit_transform(matrix)
    assert relative_error(pdist_of(matrix), pdist(embedding)) < 0.1
    assert_array_equal(embedder.transform(matrix), embedding)
    fresh = as_point_clouds(blobs(20, seed=3))
    rows = wasserstein_distances(fresh, cohort)
    exact = pdist_of(wasserstein_distances(fresh))
    assert distance_correlation(exact, pdist(embedder.transform(rows))) > 0.98
    assert embedder.score(rows) > 0.98
    assert not hasattr(embedder, "inverse_transform")


def test__pipeline__of_images_to_a_classifier():
    data, labels = load_digits(n_class=3, return_X_y=True)
    model = make_pipeline(
        ImageToCloud((8, 8)),
        quick(n_components=6, n_pairs=2000),
        KNeighborsClassifier(3),
    )
    split = train_test_split(data, labels, random_state=0, stratify=labels)
    assert model.fit(split[0], split[2]).score(split[1], split[3]) > 0.9


def test__grid_search_and_cross_validation__run_on_clouds(cohort):
    search = GridSearchCV(quick(max_iter=5), {"n_components": [1, 6]}, cv=3)
    search.fit(cohort)
    assert search.best_params_ == {"n_components": 6}
    scores = cross_val_score(quick(n_components=6, max_iter=5), cohort, cv=3)
    assert scores.shape == (3,)
    assert scores.min() > 0.8


def test__cross_validation__of_distances__slices_both_sides(cohort):
    matrix = wasserstein_distances(cohort)
    embedder = quick(n_components=6, metric="precomputed", max_iter=5)
    assert cross_val_score(embedder, matrix, cv=3).min() > 0.8


def test__set_output__in_a_pipeline_of_clouds__gives_named_columns():
    images = load_digits().data[:30]
    model = make_pipeline(ImageToCloud((8, 8)), quick(max_iter=1))
    frame = model.set_output(transform="pandas").fit_transform(images)
    assert isinstance(frame, pd.DataFrame)
    assert list(frame.columns) == ["wormholeembedder0", "wormholeembedder1"]
    assert list(model.get_feature_names_out()) == list(frame.columns)


@pytest.mark.parametrize("library", ["pandas", "polars"])
def test__score__does_not_mind_set_output(library):
    table = np.random.default_rng(0).normal(size=(20, 3))
    plain = quick(max_iter=2).fit(table).score(table)
    framed = quick(max_iter=2).set_output(transform=library).fit(table)
    assert framed.score(table) == plain


def test__decoder__asked_for_after_the_fit__is_not_there(cohort):
    embedder = quick(decoder=False, max_iter=1).fit(cohort)
    assert not hasattr(embedder.set_params(decoder=True), "inverse_transform")


@pytest.mark.parametrize("unit", [1e-3, 1.0, 1e3])
def test__metric_without_unit__is_learnt_in_any_unit_of_x(unit):
    table = np.random.default_rng(0).normal(size=(80, 4)) * unit
    embedder = quick(n_components=4, metric="cosine", max_iter=60).fit(table)
    embedded = pdist(embedder.embedding_)
    assert distance_correlation(pdist(table, "cosine"), embedded) > 0.9
    assert embedder.stress_ < 0.1 * np.sum(pdist(table, "cosine") ** 2)


def test__table_model__warns_when_it_is_given_larger_clouds():
    table = np.random.default_rng(0).normal(size=(20, 2))
    embedder = quick(max_iter=1).fit(table)
    with pytest.warns(UserWarning, match="fitted on single points"):
        embedder.transform([table[:3], table[3:5]])


def test__cloud_model__warns_when_one_cloud_comes_as_a_table(fitted):
    cloud = blobs(1)[0]
    with pytest.warns(UserWarning, match=r"pass \[X\]"):
        assert len(fitted.transform(cloud)) == len(cloud)
    assert len(fitted.transform([cloud])) == 1
    assert len(fitted.transform([cloud[:1]])) == 1  # a cloud of one point is no mistake


def test__more_components_than_dimensions__are_allowed():
    table = np.random.default_rng(0).normal(size=(40, 2))
    embedder = quick(n_components=5, max_iter=100).fit(table)
    assert embedder.embedding_.shape == (40, 5)
    assert relative_error(pdist(table), pdist(embedder.embedding_)) < 0.05


def test__clone_and_repr__keep_every_parameter(cohort):
    embedder = quick(n_components=3, init="random").fit(cohort)
    copy = clone(embedder)
    assert not hasattr(copy, "embedding_")
    assert repr(copy) == repr(embedder)


def test__fit__in_silence(cohort, capsys):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        quick(early_stopping=True, n_iter_no_change=1).fit(cohort)
    captured = capsys.readouterr()
    assert captured.out == captured.err == ""


def test__verbose__shows_bars(cohort, capsys):
    quick(verbose=1, max_iter=2).fit(cohort)
    shown = capsys.readouterr().err
    for bar in ("linear transport", "exact distances", "training"):
        assert bar in shown
