"""Sharpness: known landscapes, untouched estimators, and what training changes."""

import copy
import pickle
import warnings

import numpy as np
import pytest
import torch
from numpy.testing import assert_allclose
from sklearn.base import clone
from sklearn.datasets import load_digits, load_iris
from sklearn.exceptions import ConvergenceWarning, NotFittedError
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from skorch import NeuralNetClassifier, NeuralNetRegressor
from torch import nn

from skwass import (
    OTMDRClassifier,
    OTMDRRegressor,
    loss_sharpness,
    top_hessian_eigenvalue,
)
from skwass.nn import Landscape, gaussian_parameters
from skwass.robust._landscapes import landscapes_of
from skwass.robust._sharpness import _rise

X, Y = load_iris(return_X_y=True)
FEW = {"max_iter": 3, "random_state": 0}


class FixedSpread(nn.Module):
    """A linear model of the mean; the spread is always the same."""

    def __init__(self, n_inputs=3):
        super().__init__()
        self.mean = nn.Linear(n_inputs, 1, bias=False)

    def forward(self, x):
        mean = self.mean(x)
        return torch.cat([mean, torch.zeros_like(mean)], dim=1)


def least_squares(n_samples=40, noise=0.3):
    """A regressor that stands at its minimum, and the Hessian of its loss."""
    rng = np.random.default_rng(0)
    X = rng.normal(size=(n_samples, 3)).astype(np.float32)
    y = X @ [1.0, -2.0, 0.5] + noise * rng.normal(size=n_samples)
    regressor = OTMDRRegressor(FixedSpread, **FEW).fit(X, y)
    module = regressor.nets_[0].module_.double()
    X = X.astype(np.float64)
    best = np.linalg.lstsq(X, (y - y.mean()) / y.std(), rcond=None)[0]
    module.mean.weight.data[0] = torch.as_tensor(best)
    scale = float(gaussian_parameters(torch.zeros(1, 2).double())[1])
    return regressor, X, y, X.T @ X / (len(X) * scale**2)


def softmax_regression(X=X, y=Y):
    """A classifier without hidden layers, and the Hessian of its cross-entropy."""
    classifier = OTMDRClassifier(nn.Linear(4, 3), lr=0.05, **FEW).fit(X, y)
    proba = classifier.predict_proba(X).astype(np.float64)
    ones = np.column_stack([X, np.ones(len(X))])
    spread = (
        np.einsum("nk,kl->nkl", proba, np.eye(3))
        - proba[:, :, None] * (proba[:, None, :])
    )
    hessian = np.einsum("ni,nj,nkl->kilj", ones, ones, spread) / len(X)
    return classifier, hessian.reshape(15, 15)


# --- known landscapes -------------------------------------------------------------


def test__sharpness_of_a_bowl__is_half_its_curvature_times_the_radius_squared():
    regressor, X, y, hessian = least_squares()
    top = np.linalg.eigvalsh(hessian)[-1]
    for rho in (1e-3, 0.1, 3.0):
        found = loss_sharpness(regressor, X, y, rho, n_steps=60)
        assert found <= top * rho**2 / 2 * (1 + 1e-5)
        assert_allclose(found, top * rho**2 / 2, rtol=1e-3)
    assert_allclose(
        top_hessian_eigenvalue(regressor, X, y, random_state=0), top, rtol=1e-4
    )


def test__sharpness_of_a_bowl__in_the_largest_entry_is_at_a_corner():
    regressor, X, y, hessian = least_squares()
    corners = np.array(np.meshgrid(*[[-1, 1]] * 3)).reshape(3, -1).T
    rises = np.einsum("ci,ij,cj->c", corners, hessian, corners) * 0.1**2 / 2
    found = loss_sharpness(regressor, X, y, 0.1, norm=np.inf)
    # several corners are higher than all around them; which is found is luck
    assert np.abs(rises / found - 1).min() < 1e-4
    assert found > np.median(rises)


def test__sharpness_of_a_bowl__in_the_sum_of_entries_is_along_an_axis():
    regressor, X, y, hessian = least_squares()
    found = loss_sharpness(regressor, X, y, 0.1, norm=1)
    rises = np.diag(hessian) * 0.1**2 / 2
    assert np.abs(rises / found - 1).min() < 1e-4
    assert found > rises.min()


def test__adaptive_sharpness_of_a_bowl__is_that_of_stretched_weights():
    regressor, X, y, hessian = least_squares()
    weights = regressor.nets_[0].module_.mean.weight.detach().numpy()[0]
    stretch = np.abs(weights) + 0.01
    top = np.linalg.eigvalsh(hessian * np.outer(stretch, stretch))[-1]
    found = loss_sharpness(regressor, X, y, 0.5, adaptive=True, n_steps=60)
    assert_allclose(found, top * 0.5**2 / 2, rtol=1e-3)


def test__sharpness_on_a_slope__is_the_length_of_the_gradient():
    classifier, _ = softmax_regression()
    (landscape,) = landscapes_of(classifier, X, Y)
    slope = np.sqrt(sum(float(g.square().sum()) for g in landscape.gradient()[1]))
    assert_allclose(loss_sharpness(classifier, X, Y, 1e-6), slope * 1e-6, rtol=1e-4)


def test__a_summit__has_no_sharpness():
    weight = nn.Linear(1, 1, bias=False).double()
    weight.weight.data.zero_()
    landscape = Landscape(weight, [lambda: -weight.weight.square().sum()])
    assert _rise(landscape, 0.5, 20, 2, False) == 0


def test__curvature_of_softmax_regression__is_that_of_the_textbook():
    classifier, hessian = softmax_regression()
    found = top_hessian_eigenvalue(classifier, X, Y, tol=1e-5, random_state=0)
    assert_allclose(found, np.linalg.eigvalsh(hessian)[-1], rtol=1e-5)


def test__weights_of_samples__are_as_good_as_repeated_samples():
    classifier, _ = softmax_regression()
    weights = np.random.default_rng(0).integers(0, 3, size=len(X))
    repeated = np.repeat(np.arange(len(X)), weights)
    for measure in (loss_sharpness, top_hessian_eigenvalue):
        options = {"random_state": 0} if measure is top_hessian_eigenvalue else {}
        assert_allclose(
            measure(classifier, X, Y, sample_weight=weights, **options),
            measure(classifier, X[repeated], Y[repeated], **options),
            rtol=1e-7,
        )


@pytest.mark.parametrize("measure", [loss_sharpness, top_hessian_eigenvalue])
def test__batches__change_nothing_but_memory(measure):
    classifier = OTMDRClassifier(**FEW).fit(X, Y)
    options = {"random_state": 0} if measure is top_hessian_eigenvalue else {}
    whole, parts = (
        measure(classifier, X, Y, batch_size=size, **options) for size in (1024, 37)
    )
    assert_allclose(parts, whole, rtol=1e-9)


# --- which loss -------------------------------------------------------------------


def test__smoothing_and_class_weights__are_not_in_the_loss():
    classifier = OTMDRClassifier(
        label_smoothing=0.2, class_weight={0: 5.0, 1: 1.0, 2: 1.0}, **FEW
    ).fit(X, Y)
    (landscape,) = landscapes_of(classifier, X, Y)
    proba = classifier.predict_proba(X)[np.arange(len(Y)), Y]
    assert_allclose(landscape.loss(), -np.log(proba).mean(), rtol=1e-9)
    assert classifier.label_smoothing == 0.2


def test__regressors__are_measured_by_likelihood_of_standardised_targets():
    y = 100 + 7 * X[:, 3]
    regressor = OTMDRRegressor(**FEW).fit(X[:, :3], y)
    (landscape,) = landscapes_of(regressor, X[:, :3], y)
    mean, std = regressor.predict(X[:, :3], return_std=True)
    score = (y - mean) ** 2 / (2 * std**2) + np.log(std / y.std())
    assert_allclose(landscape.loss(), score.mean() + np.log(2 * np.pi) / 2, rtol=1e-6)


def test__bayesian_weights__are_at_their_means():
    classifier = OTMDRClassifier(distribution="bayesian", **FEW).fit(X, Y)
    (landscape,) = landscapes_of(classifier, X, Y)
    module = copy.deepcopy(classifier.nets_[0].module_).eval()
    with torch.no_grad():
        outputs = module(torch.as_tensor(X).float())
    expected = nn.functional.cross_entropy(outputs, torch.as_tensor(Y))
    assert_allclose(landscape.loss(), expected, rtol=1e-5)


@pytest.mark.parametrize("module", [None, nn.Linear(4, 3)], ids=["stack", "modules"])
def test__ensembles__are_as_sharp_as_their_members_on_average(module):
    ensemble = OTMDRClassifier(module, distribution="ensemble", n_members=3, **FEW).fit(
        X, Y
    )
    landscapes = landscapes_of(ensemble, X, Y)
    proba = ensemble.predict_members(X)[:, np.arange(len(Y)), Y]
    assert_allclose([one.loss() for one in landscapes], -np.log(proba).mean(axis=1))
    alone = [_rise(one, 0.1, 5, 2, False) for one in landscapes]
    assert len(set(alone)) == 3
    assert_allclose(loss_sharpness(ensemble, X, Y, 0.1, n_steps=5), np.mean(alone))


def test__batch_norm_and_dropout__are_in_evaluation():
    module = nn.Sequential(
        nn.Linear(4, 8), nn.BatchNorm1d(8), nn.ReLU(), nn.Dropout(0.5), nn.Linear(8, 3)
    )
    classifier = OTMDRClassifier(module, **FEW).fit(X, Y)
    fitted = classifier.nets_[0].module_
    for part in fitted.modules():
        part.train()
    kept = copy.deepcopy(fitted.state_dict())
    first, second = (loss_sharpness(classifier, X, Y) for _ in range(2))
    assert first == second
    assert all(part.training for part in fitted.modules())
    for name, value in fitted.state_dict().items():
        assert torch.equal(value, kept[name])


# --- nothing is touched -----------------------------------------------------------


@pytest.mark.parametrize("distribution", ["single", "ensemble", "bayesian"])
def test__estimators_and_generators__are_left_bit_for_bit(distribution):
    classifier = OTMDRClassifier(distribution=distribution, n_members=2, **FEW)
    classifier.fit(X, Y)
    before = [copy.deepcopy(net.module_.state_dict()) for net in classifier.nets_]
    pickled = len(pickle.dumps(classifier))
    state = torch.get_rng_state()
    loss_sharpness(classifier, X, Y, 1.0, n_steps=3)
    top_hessian_eigenvalue(classifier, X, Y, random_state=0)
    assert torch.equal(state, torch.get_rng_state())
    assert len(pickle.dumps(classifier)) == pickled
    for net, kept in zip(classifier.nets_, before, strict=True):
        for name, value in net.module_.state_dict().items():
            assert torch.equal(value, kept[name])
        assert all(p.grad is None for p in net.module_.parameters())


def test__random_state__decides_the_start():
    classifier = OTMDRClassifier(**FEW).fit(X, Y)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        first, again, other = (
            top_hessian_eigenvalue(classifier, X, Y, max_iter=2, random_state=seed)
            for seed in (0, 0, 1)
        )
    assert first == again != other


# --- what training does -----------------------------------------------------------


def test__a_classifier_that_looks_around__is_flatter():
    X, y = load_digits(return_X_y=True)
    X, y = X[:300], y[:300]
    plain, flat = (
        OTMDRClassifier(rho=rho, max_iter=40, lr=0.01, random_state=0).fit(X, y)
        for rho in (0, 0.2)
    )
    assert plain.score(X, y) == flat.score(X, y) == 1
    sharp = loss_sharpness(plain, X, y, 0.2)
    assert loss_sharpness(flat, X, y, 0.2) < sharp / 10
    curved = top_hessian_eigenvalue(plain, X, y, random_state=0)
    assert top_hessian_eigenvalue(flat, X, y, random_state=0) < curved / 2


def test__rises__grow_with_the_ball_and_the_effort():
    classifier = OTMDRClassifier(**FEW).fit(X, Y)
    rises = [loss_sharpness(classifier, X, Y, rho) for rho in (0, 0.01, 0.1, 1)]
    assert rises[0] == 0
    assert rises == sorted(rises)
    tries = [loss_sharpness(classifier, X, Y, 1, n_steps=n) for n in (1, 3, 9)]
    assert tries == sorted(tries)


# --- what is taken ----------------------------------------------------------------


def test__pipelines_and_searches__are_opened():
    scaled = StandardScaler().fit_transform(X)
    classifier = OTMDRClassifier(nn.Linear(4, 3), **FEW).fit(scaled, Y)
    twin = clone(classifier)  # its module starts with the same weights
    expected = loss_sharpness(classifier, scaled, Y)
    pipeline = make_pipeline(StandardScaler(), twin)
    assert_allclose(loss_sharpness(pipeline.fit(X, Y), X, Y), expected, rtol=1e-6)
    search = GridSearchCV(pipeline, {"otmdrclassifier__lr": [0.001]}, cv=2)
    assert_allclose(loss_sharpness(search.fit(X, Y), X, Y), expected, rtol=1e-6)
    alone = make_pipeline(classifier)
    assert_allclose(loss_sharpness(alone, scaled, Y), expected, rtol=1e-6)


def test__frames_and_strings__are_read():
    pandas = pytest.importorskip("pandas")
    frame = pandas.DataFrame(X, columns=list("abcd"))
    names = np.array(["setosa", "versicolor", "virginica"])[Y]
    classifier = OTMDRClassifier(**FEW).fit(frame, names)
    plain = OTMDRClassifier(**FEW).fit(X, Y)
    assert_allclose(
        loss_sharpness(classifier, frame, names), loss_sharpness(plain, X, Y)
    )


def test__skorch_nets__are_measured_by_their_criterion():
    classifier, hessian = softmax_regression()
    module = nn.Sequential(copy.deepcopy(classifier.nets_[0].module_), nn.Softmax(-1))
    net = NeuralNetClassifier(module, verbose=0).initialize()
    inputs = X.astype(np.float32)
    assert_allclose(
        loss_sharpness(net, inputs, Y, batch_size=64),
        loss_sharpness(classifier, X, Y),
        rtol=1e-5,
    )
    found = top_hessian_eigenvalue(net, inputs, Y, random_state=0)
    assert_allclose(found, np.linalg.eigvalsh(hessian)[-1], rtol=1e-4)
    assert next(net.module_.parameters()).dtype == torch.float32


def test__skorch_regressors__are_measured_by_squares():
    net = NeuralNetRegressor(nn.Linear(4, 1, bias=False), verbose=0).initialize()
    inputs = X.astype(np.float32)
    found = top_hessian_eigenvalue(net, inputs, inputs[:, :1], random_state=0)
    assert_allclose(found, 2 * np.linalg.eigvalsh(X.T @ X / len(X))[-1], rtol=1e-4)


def test__modules_that_insist_on_single_precision__are_measured_in_it():
    class Insists(nn.Linear):
        def forward(self, x):
            return super().forward(x.float())

    classifier = OTMDRClassifier(Insists(4, 3), **FEW).fit(X, Y)
    plain = OTMDRClassifier(nn.Linear(4, 3), **FEW).fit(X, Y)
    state = plain.nets_[0].module_.state_dict()
    classifier.nets_[0].module_.load_state_dict(state)
    found = loss_sharpness(classifier, X, Y)
    assert_allclose(found, loss_sharpness(plain, X, Y), rtol=1e-3)


def test__modules_that_read_words__get_whole_numbers():
    rng = np.random.default_rng(0)
    words, y = rng.integers(0, 9, size=(40, 3)), rng.integers(0, 2, size=40)
    module = nn.Sequential(nn.Embedding(9, 4), nn.Flatten(), nn.Linear(12, 2))
    classifier = OTMDRClassifier(module, **FEW).fit(words, y)
    assert loss_sharpness(classifier, words, y) > 0


# --- what is refused --------------------------------------------------------------


@pytest.mark.parametrize("measure", [loss_sharpness, top_hessian_eigenvalue])
@pytest.mark.parametrize(
    "estimator",
    [
        OTMDRClassifier(),
        make_pipeline(StandardScaler(), OTMDRClassifier()),
        NeuralNetClassifier(nn.Linear(4, 3)),
    ],
    ids=["estimator", "pipeline", "net"],
)
def test__before_fit__raises(measure, estimator):
    with pytest.raises(NotFittedError):
        measure(estimator, X, Y)


@pytest.fixture(scope="module")
def fitted():
    return OTMDRClassifier(**FEW).fit(X, Y)


def test__estimators_without_modules__are_refused():
    estimator = LogisticRegression(max_iter=1000).fit(X, Y)
    with pytest.raises(ValueError, match=r"torch modules.*got LogisticRegression"):
        loss_sharpness(estimator, X, Y)


def test__estimators_whose_weights_are_all_frozen__are_refused(fitted):
    frozen = copy.deepcopy(fitted)
    frozen.nets_[0].module_.requires_grad_(False)
    with pytest.raises(ValueError, match="no parameter that requires a gradient"):
        loss_sharpness(frozen, X, Y)


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"rho": -0.1}, ValueError, "rho must be .* at least 0; got -0.1"),
        ({"rho": np.inf}, ValueError, "rho must be"),
        ({"n_steps": 0}, ValueError, "n_steps"),
        ({"n_steps": 1.5}, TypeError, "n_steps"),
        ({"norm": 3}, ValueError, "norm must be .* got 3"),
        ({"batch_size": 0}, ValueError, "batch_size"),
        ({"sample_weight": -np.ones(150)}, ValueError, "sample_weight"),
    ],
)
def test__options_that_mean_nothing__are_refused(fitted, options, error, message):
    with pytest.raises(error, match=message):
        loss_sharpness(fitted, X, Y, **options)


def test__data_that_do_not_fit__are_refused(fitted):
    with pytest.raises(ValueError, match="expecting 4 features"):
        loss_sharpness(fitted, X[:, :3], Y)
    with pytest.raises(ValueError, match="y has the class 7"):
        loss_sharpness(fitted, X, np.where(Y == 2, 7, Y))
    with pytest.raises(ValueError, match="inconsistent"):
        loss_sharpness(fitted, X, Y[:-1])


def test__a_loss_that_is_infinite__is_refused():
    regressor, X, y, _ = least_squares()
    regressor.nets_[0].module_.mean.weight.data.fill_(1e200)
    with pytest.raises(ValueError, match="must be finite; it is inf"):
        loss_sharpness(regressor, X, y)


def test__nets_whose_loss_is_no_mean__are_refused():
    net = NeuralNetRegressor(
        nn.Linear(4, 1), criterion__reduction="sum", verbose=0
    ).initialize()
    with pytest.raises(ValueError, match="mean over samples; got reduction='sum'"):
        loss_sharpness(net, X.astype(np.float32), X[:, :1].astype(np.float32))


def test__weights_for_a_net__are_refused():
    net = NeuralNetClassifier(nn.Linear(4, 3), verbose=0).initialize()
    with pytest.raises(ValueError, match="sample_weight must be None"):
        loss_sharpness(net, X.astype(np.float32), Y, sample_weight=np.ones(150))


def test__too_few_products__are_warned_of(fitted):
    with pytest.warns(ConvergenceWarning, match="max_iter=2 products"):
        low = top_hessian_eigenvalue(fitted, X, Y, max_iter=2, random_state=0)
    assert low < top_hessian_eigenvalue(fitted, X, Y, random_state=0)
