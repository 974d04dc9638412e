"""OTMDRClassifier and OTMDRRegressor beside the tools of scikit-learn and others."""

import pickle

import numpy as np
import pytest
import sklearn
import torch
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.base import clone
from sklearn.calibration import CalibratedClassifierCV
from sklearn.compose import TransformedTargetRegressor, make_column_transformer
from sklearn.datasets import load_iris
from sklearn.ensemble import BaggingClassifier, StackingClassifier, StackingRegressor
from sklearn.inspection import permutation_importance
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV, cross_val_predict, cross_validate
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler
from sklearn.utils import shuffle
from torch import nn

from skwass import OTMDRClassifier, OTMDRRegressor

VERSION = tuple(map(int, sklearn.__version__.split(".")[:2]))

X, Y = shuffle(*load_iris(return_X_y=True), random_state=0)
NAMES = np.array(["setosa", "versicolor", "virginica"])[Y]
FEW = {"hidden_layer_sizes": (16,), "max_iter": 10, "lr": 0.02, "random_state": 0}
KINDS = [
    {},
    {"n_particles": 2},
    {"early_stopping": True},
    {"distribution": "ensemble", "n_members": 2},
    {"distribution": "bayesian", "n_prediction_samples": 2},
]


class Narrow(nn.Module):
    """Made at the top of a module, so that it can be pickled."""

    def __init__(self, n_inputs, n_outputs, width=4, dropout=0.3):
        super().__init__()
        self.layers = nn.Sequential(
            nn.Linear(n_inputs, width),
            nn.ReLU(),
            nn.Dropout(dropout),
            nn.Linear(width, n_outputs),
        )

    def forward(self, x):
        return self.layers(x)


def factory(n_inputs, n_outputs):
    return Narrow(n_inputs, n_outputs, width=6)


def estimators():
    """One of each kind, on tables and with a module, and its name."""
    for estimator in (OTMDRClassifier, OTMDRRegressor):
        for kind in KINDS:
            for module in (None, factory):
                yield pytest.param(
                    estimator(module, **FEW | kind | {"max_iter": 2}),
                    id=f"{estimator.__name__}-{[*kind.values()]}-{bool(module)}",
                )


# --- what is made of them -------------------------------------------------------------


def test__temperature_scaling__keeps_the_labels():
    if VERSION < (1, 8):
        pytest.skip("temperature scaling came with scikit-learn 1.8")
    plain = OTMDRClassifier(**FEW)
    calibrated = CalibratedClassifierCV(
        plain, method="temperature", cv=2, ensemble=False
    ).fit(X, NAMES)
    inner = calibrated.calibrated_classifiers_[0].estimator
    # which was told the labels as numbers
    assert_array_equal(calibrated.predict(X), calibrated.classes_[inner.predict(X)])
    found, before = calibrated.predict_proba(X), inner.predict_proba(X)
    assert np.abs(found - before).max() > 1e-3
    # one temperature for all: log-odds of all samples change by the same factor
    odds, odds_before = (np.log(p[:, 1] / p[:, 0]) for p in (found, before))
    assert_allclose(odds / odds_before, odds[0] / odds_before[0], rtol=1e-3)


def test__stacks_and_bags__are_built_of_them():
    settings = FEW | {"max_iter": 30}
    members = [
        ("one", OTMDRClassifier(**settings)),
        ("many", OTMDRClassifier(distribution="ensemble", n_members=2, **settings)),
    ]
    stack = StackingClassifier(members, LogisticRegression(), cv=2)
    assert stack.fit(X, NAMES).score(X, NAMES) > 0.9
    # bootstrap samples come as weights, in which a class may be missing
    bag = BaggingClassifier(OTMDRClassifier(**settings), 3, random_state=0)
    assert bag.fit(X, NAMES).score(X, NAMES) > 0.9
    numbers = StackingRegressor([("one", OTMDRRegressor(**settings))], cv=2)
    assert numbers.fit(X[:, :3], X[:, 3]).score(X[:, :3], X[:, 3]) > 0.7


def test__a_grid__holds_rho_and_what_the_module_takes():
    grid = {
        "otmdrclassifier__rho": [0.0, 0.1],
        "otmdrclassifier__module__width": [1, 8],
    }
    classifier = OTMDRClassifier(Narrow, module__dropout=0.0, **FEW | {"max_iter": 30})
    search = GridSearchCV(
        make_pipeline(StandardScaler(), classifier), grid, scoring="neg_log_loss", cv=3
    ).fit(X, NAMES)
    assert search.best_params_["otmdrclassifier__module__width"] == 8
    best = search.best_estimator_[-1]
    assert best.nets_[0].module_.layers[0].out_features == 8
    assert best.get_params()["module__dropout"] == 0.0


def test__out_of_fold_probabilities__are_told():
    proba = cross_val_predict(
        OTMDRClassifier(**FEW | {"max_iter": 20}),
        X,
        NAMES,
        cv=3,
        method="predict_proba",
    )
    assert proba.shape == (150, 3)
    assert np.mean(proba.argmax(axis=1) == Y) > 0.85


def test__permuting_the_telling_columns__costs_most():
    classifier = OTMDRClassifier(**FEW | {"max_iter": 30}).fit(X, NAMES)
    costs = permutation_importance(classifier, X, NAMES, n_repeats=5, random_state=0)
    assert min(costs.importances_mean[2:]) > max(costs.importances_mean[:2])


def test__targets__may_be_transformed():
    regressor = TransformedTargetRegressor(
        OTMDRRegressor(**FEW | {"max_iter": 40}), func=np.log, inverse_func=np.exp
    ).fit(X[:, :3], X[:, 3])
    assert regressor.score(X[:, :3], X[:, 3]) > 0.8


# --- frames ---------------------------------------------------------------------------


@pytest.mark.parametrize("library", ["pandas", "polars"])
def test__frames_with_words__are_read_in_a_pipeline(library):
    frames = pytest.importorskip(library)
    if library == "polars" and VERSION < (1, 7):
        pytest.skip("this scikit-learn picks no columns of a polars frame by name")
    frame = frames.DataFrame(
        {"colour": np.array(["red", "blue", "red"])[Y].tolist(), "size": X[:, 2]}
    )
    columns = make_column_transformer(
        (OneHotEncoder(sparse_output=False), ["colour"]), (StandardScaler(), ["size"])
    )
    model = make_pipeline(columns, OTMDRClassifier(**FEW | {"max_iter": 30}))
    model.set_output(transform=library)
    assert model.fit(frame, frames.Series(NAMES.tolist())).score(frame, NAMES) > 0.9
    assert list(model[-1].feature_names_in_) == [
        "onehotencoder__colour_blue",
        "onehotencoder__colour_red",
        "standardscaler__size",
    ]


def test__a_polars_frame__is_read_as_an_array():
    polars = pytest.importorskip("polars")
    frame = polars.DataFrame(X, schema=list("abcd"))
    expected = OTMDRClassifier(**FEW).fit(X, NAMES).predict_proba(X)
    found = OTMDRClassifier(**FEW).fit(frame, NAMES).predict_proba(frame)
    assert_array_equal(found, expected)


# --- labels and samples of many kinds -------------------------------------------------


def kinds_of_labels():
    pd = pytest.importorskip("pandas")
    return {
        "objects": NAMES.astype(object),
        "series": pd.Series(NAMES, index=np.arange(150)[::-1]),
        "strings of pandas": pd.Series(NAMES, dtype="string"),
        "categories": pd.Series(pd.Categorical(NAMES, categories=sorted(set(NAMES)))),
        "list": NAMES.tolist(),
        "small integers": Y.astype(np.int8),
        "whole floats": Y.astype(float),
        "torch": torch.tensor(Y),
        "dates": np.array(["2020", "2021", "2022"], dtype="datetime64[D]")[Y],
    }


def test__labels_of_any_kind__are_learnt_alike():
    expected = OTMDRClassifier(**FEW).fit(X, Y).predict_proba(X)
    for name, labels in kinds_of_labels().items():
        classifier = OTMDRClassifier(**FEW).fit(X, labels)
        assert_array_equal(classifier.predict_proba(X), expected, err_msg=name)
        assert set(classifier.predict(X)) <= set(np.asarray(labels)), name


def test__truth_values__are_labels():
    classifier = OTMDRClassifier(**FEW).fit(X, Y > 0)
    assert classifier.predict(X).dtype == bool
    assert classifier.score(X, Y > 0) > 0.95


def test__a_column_of_labels__is_warned_of():
    with pytest.warns(sklearn.exceptions.DataConversionWarning):
        classifier = OTMDRClassifier(**FEW).fit(X, NAMES[:, None])
    assert classifier.predict(X).shape == (150,)


@pytest.mark.parametrize("read", [np.float64, np.float32, object, list, torch.tensor])
def test__samples_of_any_kind__are_read_alike(read):
    single = X.astype(np.float32).astype(np.float64)
    expected = OTMDRClassifier(**FEW).fit(single, Y).predict_proba(single)
    if isinstance(read, type) and read is not list:
        samples = single.astype(read)
    else:
        samples = read(single.tolist())
    found = OTMDRClassifier(**FEW).fit(samples, Y).predict_proba(samples)
    assert_array_equal(found, expected)


# --- weights --------------------------------------------------------------------------


def test__class_weights__are_of_labels():
    pale = OTMDRClassifier(**FEW).fit(X, NAMES).predict_proba(X)[:, 1].mean()
    weights = {"setosa": 1, "versicolor": 20, "virginica": 1}
    heavy = OTMDRClassifier(class_weight=weights, **FEW).fit(X, NAMES)
    assert heavy.predict_proba(X)[:, 1].mean() > pale + 0.05


@pytest.mark.parametrize("estimator", [OTMDRClassifier, OTMDRRegressor])
def test__weights__are_routed(estimator):
    weights = np.arange(150) % 3
    with sklearn.config_context(enable_metadata_routing=True):
        routed = estimator(**FEW).set_fit_request(sample_weight=True)
        routed.set_score_request(sample_weight=True)
        search = GridSearchCV(routed, {"rho": [0.05]}, cv=3)
        search.fit(X, Y, sample_weight=weights)
        found = cross_validate(
            routed, X, Y, cv=3, params={"sample_weight": weights}, return_estimator=True
        )
    expected = estimator(rho=0.05, **FEW).fit(X, Y, sample_weight=weights)
    assert_array_equal(search.predict(X), expected.predict(X))
    assert len(found["estimator"]) == 3


# --- reproducible ---------------------------------------------------------------------


@pytest.mark.parametrize("estimator", estimators())
def test__the_same_seed__gives_the_same_bits_and_touches_no_other(estimator):
    np.random.seed(3)  # noqa: NPY002
    torch.manual_seed(3)
    numbers = np.random.get_state()[1].copy()  # noqa: NPY002
    bits = torch.get_rng_state()
    first = clone(estimator).fit(X, Y).partial_fit(X, Y)
    told = first.predict_members(X)
    assert_array_equal(np.random.get_state()[1], numbers)  # noqa: NPY002
    assert torch.equal(torch.get_rng_state(), bits)
    torch.manual_seed(4)
    second = clone(estimator).fit(X, Y).partial_fit(X, Y)
    assert_array_equal(second.predict_members(X), told)
    assert_array_equal(first.predict_members(X), told)


@pytest.mark.parametrize("estimator", estimators())
def test__pickles__go_on_as_the_fitted_one(estimator):
    fitted = clone(estimator).fit(X, Y)
    copied = pickle.loads(pickle.dumps(fitted))
    assert_array_equal(copied.predict_members(X), fitted.predict_members(X))
    for one in (fitted, copied):
        one.partial_fit(X, Y)
    again = pickle.loads(pickle.dumps(fitted))
    for one in (fitted, copied, again):
        one.partial_fit(X, Y)
    assert_array_equal(copied.predict_members(X), fitted.predict_members(X))
    assert_array_equal(again.predict_members(X), fitted.predict_members(X))


@pytest.mark.parametrize("kind", KINDS)
def test__a_random_state_that_runs_on__still_predicts_the_same(kind):
    random_state = np.random.RandomState(0)
    settings = FEW | kind | {"max_iter": 2, "random_state": random_state}
    classifier = OTMDRClassifier(**settings).fit(X, Y)
    first = classifier.predict_proba(X)
    random_state.uniform()
    assert_array_equal(classifier.predict_proba(X), first)
    assert np.abs(classifier.fit(X, Y).predict_proba(X) - first).max() > 1e-6


def test__processes__train_the_same_members():
    settings = FEW | {"distribution": "ensemble", "n_members": 3}
    for module, tolerance in ((Narrow, 0), (None, 1e-4)):
        alone = OTMDRClassifier(module, **settings).fit(X, Y)
        shared = OTMDRClassifier(module, n_jobs=2, **settings).fit(X, Y)
        # perceptrons are trained side by side, in other parts, and round otherwise
        assert_allclose(
            shared.predict_members(X), alone.predict_members(X), rtol=0, atol=tolerance
        )
