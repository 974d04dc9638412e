"""A scorer that corrupts what it is given."""

import pickle
from functools import partial

import pytest
from sklearn.datasets import load_digits
from sklearn.dummy import DummyClassifier
from sklearn.ensemble import RandomForestClassifier
from sklearn.model_selection import GridSearchCV
from sklearn.naive_bayes import GaussianNB

from skwass import metrics
from skwass.metrics import MeanCorruptionErrorScorer


def digits():
    X, y = load_digits(return_X_y=True)
    return X[:480], y[:480]


def spoil(X, kind, severity):
    """Shift values, or leave out the last rows of an image."""
    X = X.copy()
    if kind == "shift":
        return X + 2 * severity
    X[:, -8 * severity :] = 0
    return X


def scorer_of(**options):
    return MeanCorruptionErrorScorer(spoil, ["shift", "cut"], **options)


def test__corruption_scorer__is_the_negative_of_the_mean():
    X, y = digits()
    forest = RandomForestClassifier(20, max_depth=4, random_state=0).fit(X, y)
    errors = {
        kind: [1 - forest.score(spoil(X, kind, severity), y) for severity in (1, 5)]
        for kind in ("shift", "cut")
    }
    assert min(errors["cut"]) > 0.01
    scorer = scorer_of(severities=(1, 5))
    assert scorer(forest, X, y) == pytest.approx(-metrics.mean_corruption_error(errors))
    as_bad = scorer_of(severities=[1, 5], baseline_errors=errors)
    assert as_bad(forest, X, y) == pytest.approx(-1)
    table = list(errors.values())
    assert scorer_of(severities=(1, 5), baseline_errors=table)(
        forest, X, y
    ) == pytest.approx(-1)


def test__corruption_scorer__chooses_what_stands_it():
    X, y = digits()
    search = GridSearchCV(
        DummyClassifier(),
        {"strategy": ["most_frequent", "constant"], "constant": [3]},
        scoring=scorer_of(),
        cv=2,
        error_score="raise",
    ).fit(X, y)
    assert -1 < search.best_score_ < -0.5


def test__corruption_scorer__is_read_and_pickled():
    X, y = digits()
    fitted = GaussianNB(var_smoothing=0.1).fit(X, y)
    scorer = MeanCorruptionErrorScorer(partial(spoil), iter(["cut"]), severities=[2])
    assert repr(scorer) == (
        "MeanCorruptionErrorScorer(spoil, ['cut'], severities=(2,))"
    )
    again = pickle.loads(pickle.dumps(scorer))
    assert again(fitted, X, y) == scorer(fitted, X, y)
    assert "baseline_errors=..." in repr(scorer_of(baseline_errors=[[1], [1]]))


def test__corruption_scorer__refuses_bad_kinds():
    with pytest.raises(TypeError, match="kinds must be a sequence of names; got 'fog'"):
        MeanCorruptionErrorScorer(spoil, "fog")
    with pytest.raises(ValueError, match="kinds must hold one or more"):
        MeanCorruptionErrorScorer(spoil, [])
    with pytest.raises(ValueError, match="severities must hold one or more"):
        MeanCorruptionErrorScorer(spoil, ["cut"], severities=[])
