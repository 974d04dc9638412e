"""Searches without labels, many scorers at once, metadata and pickles."""

import copy
import pickle

import numpy as np
import pytest
import sklearn
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.cluster import DBSCAN
from sklearn.datasets import load_digits
from sklearn.decomposition import PCA
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import check_scoring, get_scorer, get_scorer_names
from sklearn.model_selection import GridSearchCV, cross_val_score, cross_validate
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

import skwass
from skwass import metrics
from skwass.metrics import WassersteinUniformityScorer
from skwass.metrics._uniformity_scorers import UNIFORMITY_SCORERS

FIGURES = {
    "neg_wasserstein_uniformity": lambda Z: -metrics.wasserstein_uniformity(Z),
    "neg_wasserstein_uniformity_excess": lambda Z: (
        -metrics.wasserstein_uniformity(Z, corrected=True)
    ),
    "neg_wang_isola_uniformity": lambda Z: -metrics.wang_isola_uniformity(Z),
    "effective_rank": metrics.effective_rank,
}


def digits():
    return load_digits().data[:300]


def pipeline(**options):
    return make_pipeline(StandardScaler(), PCA(8, random_state=0, **options))


def test__scorer__is_the_negative_of_the_distance():
    X = digits()
    fitted = pipeline().fit(X[:200])
    Z = fitted.transform(X[200:])
    for options in ({}, {"corrected": True}, {"normalize": False}):
        score = WassersteinUniformityScorer(**options)(fitted, X[200:])
        assert isinstance(score, float)
        expected = -metrics.wasserstein_uniformity(Z, **options)
        assert score == pytest.approx(expected)


@pytest.mark.parametrize("name", FIGURES)
def test__names__are_known_to_scikit_learn(name):
    X = digits()
    fitted = pipeline().fit(X)
    assert name in get_scorer_names()
    expected = FIGURES[name](fitted.transform(X))
    assert get_scorer(name)(fitted, X) == pytest.approx(expected)
    assert set(FIGURES) == set(UNIFORMITY_SCORERS)


@pytest.mark.parametrize(
    "scoring", [WassersteinUniformityScorer(), "neg_wasserstein_uniformity"]
)
def test__search_without_labels__finds_the_uniform(scoring):
    X = digits()
    search = GridSearchCV(
        pipeline(),
        {"pca__whiten": [False, True]},
        scoring=scoring,
        cv=3,
        error_score="raise",
    ).fit(X)
    assert search.best_params_ == {"pca__whiten": True}
    expected = -metrics.wasserstein_uniformity(search.transform(X))
    assert search.score(X) == pytest.approx(expected)


def test__many_scorers__stand_side_by_side():
    X = digits()
    scoring = {
        "uniformity": WassersteinUniformityScorer(),
        "excess": WassersteinUniformityScorer(corrected=True),
        "rank": "effective_rank",
        "likelihood": lambda estimator, X, y=None: estimator.score(X),
    }
    found = cross_validate(
        pipeline(), X, scoring=scoring, cv=3, error_score="raise", return_estimator=True
    )
    assert (found["test_excess"] > found["test_uniformity"]).all()
    assert (found["test_rank"] <= 8).all()
    search = GridSearchCV(
        pipeline(), {"pca__whiten": [False, True]}, scoring=scoring, refit="rank", cv=3
    ).fit(X)
    assert (search.cv_results_["rank_test_uniformity"] == [2, 1]).all()
    by_name = cross_validate(pipeline(), X, scoring=list(FIGURES), cv=3)
    np.testing.assert_allclose(
        by_name["test_neg_wasserstein_uniformity"], found["test_uniformity"]
    )


def test__labels__make_no_difference():
    X, y = load_digits(return_X_y=True)
    scorer = WassersteinUniformityScorer()
    fitted = pipeline().fit(X)
    assert scorer(fitted, X, y) == scorer(fitted, X) == scorer(fitted, X, y=None)
    scores = cross_val_score(pipeline(), X, y, scoring=scorer, cv=[(X[:, 0] == 0,) * 2])
    assert len(scores) == 1


class Weighted(TransformerMixin, BaseEstimator):
    """A transformer that wants weights."""

    def fit(self, X, y=None, sample_weight=None):
        self.weight_sum_ = np.sum(sample_weight)
        return self

    def transform(self, X):
        return X


def test__metadata__goes_to_the_estimator_and_not_to_the_scorer():
    X = 1 + digits()
    weights = np.ones(len(X))
    with sklearn.config_context(enable_metadata_routing=True):
        estimator = Weighted().set_fit_request(sample_weight=True)
        for scoring in (
            WassersteinUniformityScorer(),
            {"uniformity": WassersteinUniformityScorer(), "rank": "effective_rank"},
        ):
            found = cross_validate(
                estimator,
                X,
                scoring=scoring,
                cv=3,
                params={"sample_weight": weights},
                return_estimator=True,
                error_score="raise",
            )
            assert [each.weight_sum_ for each in found["estimator"]] == [200] * 3


def test__transformed_frames__are_read():
    X = digits()
    fitted = pipeline().fit(X)
    expected = WassersteinUniformityScorer()(fitted, X)
    frames = pipeline().set_output(transform="pandas").fit(X)
    assert WassersteinUniformityScorer()(frames, X) == pytest.approx(expected)


@pytest.mark.parametrize(
    ("scorer", "text"),
    [
        (WassersteinUniformityScorer(), "WassersteinUniformityScorer()"),
        (
            WassersteinUniformityScorer(corrected=True, normalize=False),
            "WassersteinUniformityScorer(corrected=True, normalize=False)",
        ),
        (
            UNIFORMITY_SCORERS["neg_wang_isola_uniformity"],
            "RepresentationScorer(-wang_isola_uniformity)",
        ),
    ],
)
def test__scorer__is_read_copied_and_pickled(scorer, text):
    X = digits()
    fitted = pipeline().fit(X)
    for again in (
        pickle.loads(pickle.dumps(scorer)),
        copy.deepcopy(scorer),
        sklearn.clone(GridSearchCV(PCA(), {}, scoring=scorer)).scoring,
    ):
        assert repr(again) == text
        assert again(fitted, X) == scorer(fitted, X)
    assert check_scoring(PCA(), scoring=scorer) is scorer


def test__estimator_without_transform__is_refused():
    X, y = load_digits(return_X_y=True)
    with pytest.raises(AttributeError, match="DBSCAN has no transform"):
        WassersteinUniformityScorer()(DBSCAN(), X)
    classifier = make_pipeline(PCA(2), LogisticRegression()).fit(X / 16, y)
    with pytest.raises(AttributeError, match="Pipeline has no transform"):
        WassersteinUniformityScorer()(classifier, X)


def test__bad_representation__is_told_by_name():
    X = digits()
    with pytest.raises(ValueError, match=r"PCA.transform\(X\) must have two features"):
        WassersteinUniformityScorer()(PCA(1).fit(X), X)
    with pytest.raises(ValueError, match=r"PCA.transform\(X\) must hold 2 samples"):
        WassersteinUniformityScorer()(PCA(3).fit(X), X[:1])


def test__main_names__stand_at_the_top():
    assert skwass.WassersteinUniformityScorer is WassersteinUniformityScorer
