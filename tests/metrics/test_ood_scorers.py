"""A scorer that holds samples out of distribution."""

import copy
import pickle

import numpy as np
import pytest
import sklearn
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.cluster import DBSCAN
from sklearn.datasets import load_digits
from sklearn.metrics import check_scoring
from sklearn.mixture import GaussianMixture
from sklearn.model_selection import GridSearchCV, cross_val_score, cross_validate
from sklearn.multioutput import MultiOutputClassifier
from sklearn.naive_bayes import GaussianNB
from sklearn.neighbors import KernelDensity
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, StandardScaler
from sklearn.svm import LinearSVC
from sklearn.tree import DecisionTreeClassifier

from skwass import metrics
from skwass.metrics import OODScorer

NAMES = {
    "ood_auroc": metrics.ood_auroc,
    "ood_aupr": metrics.ood_aupr,
    "neg_false_positive_rate_at_95": lambda *scores: (
        -metrics.false_positive_rate_at_95(*scores)
    ),
    "neg_detection_error": lambda *scores: -metrics.detection_error(*scores),
}


def digits():
    """Known digits with their labels, and two that are not known."""
    X, y = load_digits(return_X_y=True)
    X, y = X[:600], y[:600]
    return X[y < 8], y[y < 8], X[y >= 8]


class Radial(ClassifierMixin, BaseEstimator):
    """Says by itself how far out samples are: by their distance from the mean."""

    def __init__(self, power=1.0):
        self.power = power

    def fit(self, X, y, sample_weight=None):
        self.classes_ = np.unique(y)
        self.mean_ = np.mean(X, axis=0)
        self.weight_sum_ = None if sample_weight is None else np.sum(sample_weight)
        return self

    def predict(self, X):
        return np.full(len(X), self.classes_[0])

    def predict_proba(self, X):
        raise AssertionError("ood_score comes first")

    def ood_score(self, X, method="plain"):
        far = np.linalg.norm(X - self.mean_, axis=1) ** self.power
        return {"plain": far, "inverted": -far, "matrix": far[:, None], "few": far[:1]}[
            method
        ]


@pytest.mark.parametrize("name", NAMES)
def test__scorer__is_the_figure_of_the_scores(name):
    X, y, X_out = digits()
    scorer = OODScorer(X_out, metric=name)
    fitted = Radial().fit(X[::2], y[::2])
    score = scorer(fitted, X[1::2], y[1::2])
    assert type(score) is float
    scores = fitted.ood_score(X[1::2]), fitted.ood_score(X_out)
    assert score == NAMES[name](*scores)
    assert scorer(fitted, X[1::2]) == score  # no labels needed


def test__classifier__says_by_its_largest_probability():
    X, y, X_out = digits()
    fitted = GaussianNB(var_smoothing=0.1).fit(X, y)
    scores = [1 - fitted.predict_proba(each).max(axis=1) for each in (X, X_out)]
    assert OODScorer(X_out)(fitted, X) == metrics.ood_auroc(*scores) > 0.7
    pipeline = make_pipeline(StandardScaler(), fitted).fit(X, y)
    assert OODScorer(X_out)(pipeline, X) > 0.7


def test__detector__says_by_its_samples_scores():
    X, _, X_out = digits()
    fitted = KernelDensity(bandwidth=5.0).fit(X)
    scores = [-fitted.score_samples(each) for each in (X, X_out)]
    assert OODScorer(X_out)(fitted, X) == metrics.ood_auroc(*scores) > 0.9


def test__probabilities__come_before_the_scores_of_samples():
    X, _, X_out = digits()
    fitted = GaussianMixture(3, covariance_type="diag", random_state=0).fit(X)
    scores = [1 - fitted.predict_proba(each).max(axis=1) for each in (X, X_out)]
    assert OODScorer(X_out)(fitted, X) == metrics.ood_auroc(*scores)


def test__method__is_handed_on():
    X, y, X_out = digits()
    fitted = Radial().fit(X, y)
    forward = OODScorer(X_out)(fitted, X)
    assert OODScorer(X_out, method="plain")(fitted, X) == forward != 0.5
    backward = OODScorer(X_out, method="inverted")(fitted, X)
    assert backward == pytest.approx(1 - forward)


def test__score_inside_of_pipelines_and_searches__is_found():
    X, y, X_out = digits()
    expected = OODScorer(StandardScaler().fit(X).transform(X_out))(
        Radial().fit(StandardScaler().fit_transform(X), y),
        StandardScaler().fit_transform(X),
    )
    inner = make_pipeline(StandardScaler(), Radial())
    search = GridSearchCV(inner, {"radial__power": [1.0]}, cv=2)
    for estimator in (
        inner,
        search,
        make_pipeline(FunctionTransformer(), inner),
        make_pipeline(FunctionTransformer(), search),
        make_pipeline(StandardScaler(), make_pipeline(Radial())),
    ):
        score = OODScorer(X_out)(estimator.fit(X, y), X)
        assert score == pytest.approx(expected)


def test__search__finds_what_knows_the_unknown():
    X, y, X_out = digits()
    search = GridSearchCV(
        make_pipeline(StandardScaler(), GaussianNB()),
        {"gaussiannb__var_smoothing": [1e-9, 1.0]},
        scoring=OODScorer(X_out),
        cv=3,
        error_score="raise",
    ).fit(X, y)
    assert search.best_params_ == {"gaussiannb__var_smoothing": 1.0}
    assert search.score(X, y) == OODScorer(X_out)(search.best_estimator_, X)


def test__many_figures__take_one_prediction():
    class Counting(Radial):
        n_calls = 0

        def ood_score(self, X, method="plain"):
            Counting.n_calls += 1
            return super().ood_score(X, method)

    X, y, X_out = digits()
    found = cross_validate(
        Counting(),
        X,
        y,
        scoring=OODScorer(X_out, metric=list(NAMES)),
        cv=3,
        error_score="raise",
    )
    assert Counting.n_calls == 6  # of the fold, and of the unknown
    for name in NAMES:
        alone = cross_val_score(
            Radial(), X, y, scoring=OODScorer(X_out, metric=name), cv=3
        )
        np.testing.assert_array_equal(found[f"test_{name}"], alone)
    search = GridSearchCV(
        Radial(),
        {"power": [1.0, -1.0]},
        scoring=OODScorer(X_out, metric=tuple(NAMES)),
        refit="neg_detection_error",
        cv=3,
    ).fit(X, y)
    assert "mean_test_ood_aupr" in search.cv_results_


def test__scorers__stand_beside_others():
    X, y, X_out = digits()
    found = cross_validate(
        GaussianNB(var_smoothing=0.1),
        X,
        y,
        scoring={"far": OODScorer(X_out), "right": "accuracy"},
        cv=3,
        error_score="raise",
    )
    assert (found["test_far"] > 0.7).all()
    assert (found["test_right"] > 0.7).all()


def test__metadata__goes_to_the_estimator_and_not_to_the_scorer():
    X, y, X_out = digits()
    with sklearn.config_context(enable_metadata_routing=True):
        for scoring in (
            OODScorer(X_out),
            {"a": OODScorer(X_out), "b": OODScorer(X_out)},
        ):
            found = cross_validate(
                Radial().set_fit_request(sample_weight=True),
                X,
                y,
                scoring=scoring,
                cv=PredefinedHalves(len(X)),
                params={"sample_weight": np.ones(len(X))},
                return_estimator=True,
                error_score="raise",
            )
            weights = [each.weight_sum_ for each in found["estimator"]]
            assert sum(weights) == len(X)


class PredefinedHalves:
    def __init__(self, n_samples):
        self.even = np.arange(n_samples) % 2 == 0

    def split(self, X=None, y=None, groups=None):
        for held_out in (self.even, ~self.even):
            yield np.flatnonzero(~held_out), np.flatnonzero(held_out)

    def get_n_splits(self, X=None, y=None, groups=None):
        return 2


def test__frames__are_read():
    pandas = pytest.importorskip("pandas")
    X, y, X_out = digits()
    names = [f"pixel {place}" for place in range(64)]
    frames = [pandas.DataFrame(each, columns=names) for each in (X, X_out)]
    fitted = GaussianNB(var_smoothing=0.1).fit(X, y)
    expected = OODScorer(X_out)(fitted, X)
    fitted.fit(frames[0], y)
    assert OODScorer(frames[1])(fitted, frames[0]) == expected


@pytest.mark.parametrize(
    ("options", "text"),
    [
        ({}, "OODScorer(X_out of shape (117, 64), metric='ood_auroc')"),
        (
            {"metric": ["ood_aupr"], "method": "plain"},
            "OODScorer(X_out of shape (117, 64), metric=['ood_aupr'], method='plain')",
        ),
    ],
)
def test__scorer__is_read_copied_and_pickled(options, text):
    X, y, X_out = digits()
    fitted = Radial().fit(X, y)
    scorer = OODScorer(X_out, **options)
    for again in (
        pickle.loads(pickle.dumps(scorer)),
        copy.deepcopy(scorer),
        sklearn.clone(GridSearchCV(Radial(), {}, scoring=scorer)).scoring,
    ):
        assert repr(again) == text
        assert again(fitted, X) == scorer(fitted, X)
    assert check_scoring(Radial(), scoring=scorer) is scorer
    assert repr(OODScorer([[1.0], [2.0]])).startswith("OODScorer(X_out of 2 samples")


@pytest.mark.parametrize("metric", ["auroc", [], ["ood_auroc", "accuracy"]])
def test__unknown_metric__is_refused(metric):
    with pytest.raises(ValueError, match=r"metric must be one of \['neg_detection_"):
        OODScorer([[0.0]], metric=metric)


def test__estimator_that_cannot_say__is_refused():
    X, y, X_out = digits()
    with pytest.raises(AttributeError, match="DBSCAN has no ood_score, predict_proba"):
        OODScorer(X_out)(DBSCAN(), X)
    with pytest.raises(AttributeError, match="LinearSVC has no ood_score"):
        OODScorer(X_out)(LinearSVC().fit(X / 16, y), X)
    with pytest.raises(AttributeError, match=r"method='energy' is for.*GaussianNB has"):
        OODScorer(X_out, method="energy")(GaussianNB().fit(X, y), X)


def test__scores_that_are_none__are_refused():
    X, y, X_out = digits()
    fitted = Radial().fit(X, y)
    with pytest.raises(ValueError, match=r"What Radial says of X must be of shape"):
        OODScorer(X_out, method="matrix")(fitted, X)
    with pytest.raises(ValueError, match=r"one score for each of the \d+ samples of X"):
        OODScorer(X_out, method="few")(fitted, X)
    fitted.mean_ = fitted.mean_ * np.nan
    with pytest.raises(ValueError, match=r"What Radial says of X must be finite"):
        OODScorer(X_out)(fitted, X)
    many = MultiOutputClassifier(DecisionTreeClassifier(max_depth=1))
    with pytest.raises(ValueError, match=r"MultiOutputClassifier.predict_proba must"):
        OODScorer(X_out)(many.fit(X, np.column_stack([y, y])), X)
