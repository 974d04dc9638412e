"""Scorers by name, in folds that lack a class as well."""

import pickle

import numpy as np
import pytest
import sklearn
from numpy.testing import assert_allclose
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.datasets import load_iris
from sklearn.dummy import DummyClassifier
from sklearn.feature_selection import SequentialFeatureSelector
from sklearn.inspection import permutation_importance
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import _scorer as scikit_learns
from sklearn.metrics import get_scorer, get_scorer_names, make_scorer
from sklearn.model_selection import (
    GridSearchCV,
    PredefinedSplit,
    cross_val_score,
    cross_validate,
)
from sklearn.svm import LinearSVC

from skwass import metrics
from skwass.metrics._scorers import SCORERS, _copied_names, register_scorers

FUNCTIONS = {
    "neg_expected_calibration_error": metrics.expected_calibration_error,
    "neg_maximum_calibration_error": metrics.maximum_calibration_error,
    "neg_adaptive_calibration_error": metrics.adaptive_calibration_error,
    "neg_classwise_calibration_error": metrics.classwise_calibration_error,
    "neg_brier_score_multiclass": metrics.brier_score,
    "neg_area_under_risk_coverage": metrics.area_under_risk_coverage,
}


def flowers(n_classes=3):
    iris = load_iris()
    kept = iris.target >= 3 - n_classes  # the last two are the harder to tell apart
    # two columns that do not tell the flowers apart too well
    return iris.data[kept, :2], iris.target_names[iris.target[kept]]


def test__names__are_known_to_scikit_learn():
    assert set(FUNCTIONS) == set(SCORERS)
    assert set(FUNCTIONS) <= set(get_scorer_names())


@pytest.mark.parametrize("n_classes", [2, 3])
@pytest.mark.parametrize("name", FUNCTIONS)
def test__scorer__is_the_negative_of_its_metric(name, n_classes):
    X, y = flowers(n_classes)
    classifier = LogisticRegression(C=0.1).fit(X[::2], y[::2])
    expected = FUNCTIONS[name](y[1::2], classifier.predict_proba(X[1::2]))
    assert expected > 0
    found = get_scorer(name)(classifier, X[1::2], y[1::2])
    assert isinstance(found, float)
    assert found == pytest.approx(-expected, rel=1e-9)


def test__search__takes_the_name():
    X, y = flowers()
    search = GridSearchCV(
        LogisticRegression(),
        {"C": [1e-4, 1.0]},
        scoring="neg_brier_score_multiclass",
        cv=3,
        error_score="raise",
    ).fit(X, y)
    assert search.best_params_ == {"C": 1.0}
    assert (search.cv_results_["mean_test_score"] < 0).all()
    # and the search itself scores in the same way
    assert search.score(X, y) == pytest.approx(
        -metrics.brier_score(y, search.predict_proba(X))
    )


def test__many_scorers__share_one_prediction():
    class Counting(ClassifierMixin, BaseEstimator):
        n_calls = 0

        def fit(self, X, y):
            self.classes_ = np.unique(y)
            return self

        def predict_proba(self, X):
            Counting.n_calls += 1
            return np.tile([0.5, 0.25, 0.25], (len(X), 1))

    X, y = flowers()
    found = cross_validate(Counting(), X, y, scoring=[*FUNCTIONS, "neg_log_loss"], cv=3)
    assert Counting.n_calls == 3
    assert_allclose(found["test_neg_expected_calibration_error"], -1 / 6, atol=0.02)


def test__class_that_the_fold_lacks__is_taken_from_the_estimator():
    X, y = flowers()
    folds = PredefinedSplit(np.where(y == "setosa", -1, np.arange(150) % 2))
    for name, metric in FUNCTIONS.items():
        found = cross_validate(
            LogisticRegression(),
            X,
            y,
            scoring=name,
            cv=folds,
            return_estimator=True,
            error_score="raise",
        )
        for (_, test), classifier, score in zip(
            folds.split(), found["estimator"], found["test_score"], strict=True
        ):
            proba = classifier.predict_proba(X[test])
            assert score == -metric(y[test], proba, labels=classifier.classes_)


@pytest.mark.parametrize("missing", ["setosa", "versicolor", "virginica"])
def test__class_that_the_fit_lacks__has_probability_zero(missing):
    X, y = flowers()
    names = np.unique(y)
    classifier = LogisticRegression().fit(X[y != missing], y[y != missing])
    proba = np.zeros((150, 3))
    proba[:, names != missing] = classifier.predict_proba(X)
    for name, metric in FUNCTIONS.items():
        assert get_scorer(name)(classifier, X, y) == pytest.approx(-metric(y, proba))


def test__labels_of_the_user__come_first():
    X, y = flowers()
    classifier = LogisticRegression().fit(X, y)
    scorer = type(SCORERS["neg_brier_score_multiclass"])(
        metrics.brier_score, -1, {"labels": ["a", "b", "c"]}, "predict_proba"
    )
    with pytest.raises(ValueError, match="not among the labels"):
        scorer(classifier, X, y)


def test__weights__are_routed():
    X, y = flowers()
    counts = np.arange(150) % 3
    name = "neg_expected_calibration_error"
    classifier = LogisticRegression().fit(X, y)
    repeated = get_scorer(name)(
        classifier, np.repeat(X, counts, axis=0), np.repeat(y, counts)
    )
    weighted = get_scorer(name)(classifier, X, y, sample_weight=counts)
    assert weighted == pytest.approx(repeated)
    with sklearn.config_context(enable_metadata_routing=True):
        scorer = get_scorer(name).set_score_request(sample_weight=True)
        plain = LogisticRegression().set_fit_request(sample_weight=False)
        folds = PredefinedSplit(np.arange(150) % 2)
        (found, _) = cross_val_score(
            plain, X, y, scoring=scorer, cv=folds, params={"sample_weight": counts}
        )
    test = np.arange(150) % 2 == 0
    fitted = LogisticRegression().fit(X[~test], y[~test])
    expected = metrics.expected_calibration_error(
        y[test], fitted.predict_proba(X[test]), sample_weight=counts[test]
    )
    assert found == pytest.approx(-expected)


def test__scorer__is_pickled():
    X, y = flowers()
    classifier = DummyClassifier().fit(X, y)
    for scorer in SCORERS.values():
        again = pickle.loads(pickle.dumps(scorer))
        assert again(classifier, X, y) == scorer(classifier, X, y)


def test__estimator_without_probabilities__is_refused():
    X, y = flowers(2)
    with pytest.raises(AttributeError, match="predict_proba"):
        get_scorer("neg_brier_score_multiclass")(LinearSVC().fit(X, y), X, y)


# --- registering ------------------------------------------------------------------


def test__scorer_of_scikit_learn__keeps_its_name():
    before = get_scorer("accuracy")
    register_scorers({"accuracy": make_scorer(metrics.stress)})
    assert repr(get_scorer("accuracy")) == repr(before)


@pytest.fixture
def fresh():
    """A name that is registered after all of scikit-learn was imported."""
    name = "neg_fresh"
    register_scorers({name: SCORERS["neg_area_under_risk_coverage"]})
    yield name
    scikit_learns._SCORERS.pop(name)
    for options in _copied_names():
        options.discard(name)


def test__names__are_taken_by_what_was_imported_before(fresh):
    X, y = flowers()
    plain = LogisticRegression().fit(X, y)
    assert cross_val_score(plain, X, y, scoring=fresh, cv=2).max() < 0
    GridSearchCV(plain, {"C": [1]}, scoring=fresh, cv=2).fit(X, y)
    SequentialFeatureSelector(plain, scoring=fresh, cv=2).fit(X, y)
    permutation_importance(plain, X, y, scoring=fresh, n_repeats=1, random_state=0)


def test__names__are_unknown_if_scikit_learn_keeps_its_scorers_elsewhere(monkeypatch):
    with monkeypatch.context() as patch:
        patch.delattr(scikit_learns, "_SCORERS")
        register_scorers({"neg_late": SCORERS["neg_brier_score_multiclass"]})
    assert "neg_late" not in get_scorer_names()
