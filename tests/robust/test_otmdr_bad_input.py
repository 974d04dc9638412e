"""What OTMDRClassifier and OTMDRRegressor refuse, and what they put up with."""

import numpy as np
import pytest
import torch
from numpy.testing import assert_array_equal
from scipy.sparse import csr_matrix
from sklearn.datasets import load_iris
from torch import nn

from skwass import OTMDRClassifier, OTMDRRegressor
from skwass.training import local_torch_seed

X, Y = load_iris(return_X_y=True)
FEW = {"hidden_layer_sizes": (8,), "max_iter": 2, "random_state": 0}
BOTH = pytest.mark.parametrize("estimator", [OTMDRClassifier, OTMDRRegressor])


def network(*last, n_outputs=3):
    with local_torch_seed(0):
        return nn.Sequential(nn.Linear(4, n_outputs), *last)


class Normed(nn.Module):
    def __init__(self, n_inputs, n_outputs):
        super().__init__()
        self.first = nn.Linear(n_inputs, 4)
        self.norm = nn.BatchNorm1d(4)
        self.last = nn.Linear(4, n_outputs)

    def forward(self, x):
        return self.last(self.norm(self.first(x)))


class Unlearned(nn.Module):
    def forward(self, x):
        return x[:, :3]


class NotFinite(nn.Module):
    def __init__(self):
        super().__init__()
        self.layer = nn.Linear(4, 3)

    def forward(self, x):
        return self.layer(x) / 0.0


class Several(nn.Module):
    def __init__(self):
        super().__init__()
        self.layer = nn.Linear(4, 3)

    def forward(self, x):
        return self.layer(x), x


# --- samples ----------------------------------------------------------------------


@BOTH
@pytest.mark.parametrize(
    ("samples", "error", "match"),
    [
        (csr_matrix(X), TypeError, "Sparse data"),
        (X + 1j, ValueError, "Complex data"),
        (X * 1e300, ValueError, "too large for dtype.*float32"),
        (X[:, 0], ValueError, "Expected 2D array"),
        (X[:, :0], ValueError, "0 feature"),
        ([["a"] * 4] * 150, ValueError, "could not convert string"),
    ],
    ids=["sparse", "complex", "too large", "1-D", "no columns", "strings"],
)
@pytest.mark.filterwarnings("ignore:overflow encountered:RuntimeWarning")
def test__samples_that_cannot_be_read__raise(estimator, samples, error, match):
    with pytest.raises(error, match=match):
        estimator(**FEW).fit(samples, Y)


@BOTH
def test__new_samples_of_other_columns__raise(estimator):
    fitted = estimator(**FEW).fit(X, Y)
    with pytest.raises(ValueError, match=r"X has 2 features.*expecting 4"):
        fitted.predict(X[:, :2])
    with pytest.raises(ValueError, match="NaN"):
        fitted.predict(np.full((1, 4), np.nan))
    with pytest.raises(ValueError, match=r"X has 2 features.*expecting 4"):
        fitted.partial_fit(X[:, :2], Y)


@BOTH
def test__frames_with_other_names__raise(estimator):
    pd = pytest.importorskip("pandas")
    frame = pd.DataFrame(X, columns=list("abcd"))
    fitted = estimator(**FEW).fit(frame, Y)
    with pytest.raises(ValueError, match="feature names should match"):
        fitted.predict(frame[list("dcba")])


@pytest.mark.parametrize("unit", [1e-30, 1e20, 1e36])
def test__units_far_from_one__are_learnt_alike(unit):
    classifier = OTMDRClassifier(max_iter=15, lr=0.01, random_state=0)
    assert classifier.fit(unit * X, Y).score(unit * X, Y) > 0.9


@pytest.mark.parametrize("unit", [1e-290, 1e290])
def test__units_of_targets_far_from_one__are_learnt_alike(unit):
    regressor = OTMDRRegressor(**FEW)
    mean, std = regressor.fit(X, Y).predict(X, return_std=True)
    far_mean, far_std = regressor.fit(X, unit * Y).predict(X, return_std=True)
    np.testing.assert_allclose(far_mean / unit, mean, rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(far_std / unit, std, rtol=1e-5)


def test__columns_that_single_precision_cannot_tell__are_warned_of():
    times = X.copy()
    times[:, 2] = 1.7e9 + 60 * X[:, 2]
    with pytest.warns(UserWarning, match=r"Columns \[2\] of X .* StandardScaler"):
        OTMDRClassifier(**FEW).fit(times, Y)


@BOTH
def test__years_and_constants__are_not_warned_of(estimator):
    plain = np.column_stack([X, 2000 + np.arange(len(X)) % 20, np.full(len(X), 1e9)])
    estimator(**FEW).fit(plain, Y)  # warnings are errors here


# --- targets ----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("y", "match"),
    [
        (X[:, 0], "Unknown label type: continuous"),
        (np.eye(3, dtype=int)[Y], "1d array"),
        (np.where(Y > 1, np.nan, Y), "NaN"),
        (np.array([1 if n else "one" for n in Y], dtype=object), "labels of one kind"),
        (np.array(["one" if n else 1 for n in Y], dtype=object), "Unknown label"),
        (None, "requires y"),
    ],
    ids=["continuous", "multilabel", "nan", "mixed", "mixed too", "none"],
)
def test__labels_that_are_none__raise(y, match):
    with pytest.raises(ValueError, match=match):
        OTMDRClassifier(**FEW).fit(X, y)


@pytest.mark.parametrize(
    ("y", "match"),
    [
        (np.where(Y > 1, np.inf, Y), "infinity"),
        (np.array(["a", "b", "c"])[Y], "could not convert string"),
        (Y + 1j, "Complex data"),
        (np.zeros((150, 2, 2)), "dim 3"),
    ],
    ids=["infinite", "strings", "complex", "3-D"],
)
def test__targets_that_are_none__raise(y, match):
    with pytest.raises(ValueError, match=match):
        OTMDRRegressor(**FEW).fit(X, y)


def test__classes_that_are_too_few_or_others__raise():
    classifier = OTMDRClassifier(**FEW)
    with pytest.raises(ValueError, match="0 class"):
        classifier.partial_fit(X, Y, classes=[])
    with pytest.raises(ValueError, match="class 2, which is not in classes"):
        classifier.partial_fit(X, Y, classes=[0, 1])
    with pytest.raises(ValueError, match="class 0, which is not in classes"):
        classifier.partial_fit(X, Y, classes=["a", "b", "c"])
    assert not hasattr(classifier, "classes_")


@pytest.mark.parametrize("n_samples", [1, 2])
def test__few_samples__are_enough_for_a_regressor(n_samples):
    mean = OTMDRRegressor(**FEW).fit(X[:n_samples], Y[:n_samples]).predict(X)
    assert np.isfinite(mean).all()


@pytest.mark.parametrize("places", [[0, 60], [0, 1, 60, 61, 120]])
def test__samples_too_few_to_hold_out__raise(places):
    with pytest.raises(ValueError, match="early_stopping=True holds samples out"):
        OTMDRClassifier(early_stopping=True, **FEW).fit(X[places], Y[places])


# --- modules ----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("module", "match"),
    [
        (Unlearned, "parameters that can be trained"),
        (network().requires_grad_(False), "parameters that can be trained"),
        (network().double(), r"float32; got torch.float64.*\.float\(\)"),
        (network().half(), r"float32; got torch.float16.*\.float\(\)"),
        (NotFinite, "NaN or infinite outputs"),
        (Several, r"tensor of shape \(16, 3\).*tuple"),
        (network(n_outputs=1), r"\(16, 3\).*\(16, 1\)"),
    ],
    ids=["none", "frozen", "double", "half", "infinite", "tuple", "width"],
)
def test__modules_that_cannot_be_trained__raise(module, match):
    with pytest.raises(ValueError, match=match):
        OTMDRClassifier(module, **FEW).fit(X, Y)


def test__log_probabilities__are_logits():
    module = network(nn.LogSoftmax(dim=-1))
    settings = FEW | {"max_iter": 60, "lr": 0.05}
    assert OTMDRClassifier(module, **settings).fit(X, Y).score(X, Y) > 0.8


def test__a_sigmoid__is_warned_of():
    with pytest.warns(UserWarning, match="between 0 and 1, as after a sigmoid"):
        OTMDRClassifier(network(nn.Sigmoid()), **FEW).fit(X, Y)


@pytest.mark.parametrize("seed", range(10))
def test__logits_that_chance_to_lie_between__are_not_warned_of(seed):
    with local_torch_seed(seed):
        module = nn.Sequential(nn.Linear(4, 3))
    with torch.no_grad():
        module[0].weight.mul_(0.01)
        module[0].bias.fill_(0.5)
    OTMDRClassifier(module, **FEW).fit(X, Y)  # warnings are errors here


@BOTH
def test__batch_normalisation__needs_two_samples_in_a_stream_too(estimator):
    classes = {"classes": [0, 1, 2]} if estimator is OTMDRClassifier else {}
    fitted = estimator(Normed, **FEW).partial_fit(X, Y, **classes)
    before = fitted.predict(X)
    with pytest.raises(ValueError, match="1 samples"):
        fitted.partial_fit(X[:1], Y[:1])
    assert_array_equal(fitted.predict(X), before)


def test__lazy_layers__take_their_shapes_from_the_samples():
    def lazy():
        return nn.Sequential(nn.LazyLinear(6), nn.ReLU(), nn.LazyLinear(3))

    for settings in (
        {"module": lazy()},
        {"module": lazy, "distribution": "bayesian"},
        {"module": lazy, "distribution": "ensemble", "n_members": 2},
    ):
        first = OTMDRClassifier(**settings, **FEW).fit(X, Y).predict_proba(X)
        second = OTMDRClassifier(**settings, **FEW).fit(X, Y).predict_proba(X)
        assert_array_equal(first, second)


def test__parameters_of_a_module__need_one():
    with pytest.raises(ValueError, match="module__width must not be given"):
        OTMDRClassifier(module__width=3, **FEW).fit(X, Y)


def test__images_of_another_size__are_told_from_what_was_learnt():
    images = np.random.default_rng(0).normal(size=(20, 1, 5, 5))
    module = nn.Sequential(nn.Conv2d(1, 2, 3), nn.Flatten(), nn.Linear(18, 2))
    classifier = OTMDRClassifier(module, **FEW).fit(images, np.arange(20) % 2)
    with pytest.raises(ValueError, match=r"cannot read samples of shape \(1, 4, 5\)"):
        classifier.predict(images[:, :, :4])


def test__words__must_be_whole_and_known():
    words = np.random.default_rng(0).integers(0, 9, size=(30, 6))
    labels = words[:, 0] > 4
    module = nn.Sequential(nn.Embedding(9, 4), nn.Flatten(), nn.Linear(24, 2))
    classifier = OTMDRClassifier(module, **FEW).fit(words.astype(float), labels)
    assert_array_equal(
        classifier.predict(words), classifier.predict(words.astype(float))
    )
    half = np.where(np.arange(180).reshape(30, 6) == 15, 0.5, words)
    with pytest.raises(ValueError, match=r"whole numbers.*X\[2, 3\] = 0\.5"):
        classifier.predict(half)
    with pytest.raises(ValueError, match=r"cannot read samples.*out of range"):
        classifier.predict(words + 9)


def test__words_beside_numbers__are_left_to_the_module():
    class Mixed(nn.Module):
        def __init__(self):
            super().__init__()
            self.words = nn.Embedding(5, 2)
            self.layer = nn.Linear(6, 3)

        def forward(self, x):
            parts = [self.words(x[:, 0].long()), x[:, 1:]]
            return self.layer(torch.cat(parts, dim=1))

    columns = np.column_stack([np.arange(len(X)) % 5, X])
    settings = FEW | {"max_iter": 60, "lr": 0.05}
    classifier = OTMDRClassifier(Mixed, **settings).fit(columns, Y)
    assert classifier.score(columns, Y) > 0.8


# --- the machine, and torch -------------------------------------------------------


@BOTH
def test__a_device_that_is_not_there__raises(estimator):
    if not torch.cuda.is_available():
        with pytest.raises(ValueError, match="device='cuda' cannot be used"):
            estimator(device="cuda", **FEW).fit(X, Y)
    with pytest.raises(ValueError, match="device='gpu' cannot be used"):
        estimator(device="gpu", **FEW).fit(X, Y)


@BOTH
def test__a_loss_that_is_no_number__leaves_the_old_fit(estimator):
    fitted = estimator(**FEW).fit(X, Y)
    before = fitted.predict(X)
    fitted.set_params(optimizer="sgd", lr=1e30)
    with pytest.raises(FloatingPointError, match=r"lr \(now 1e\+30\) or rho"):
        fitted.fit(X, Y)
    assert_array_equal(fitted.predict(X), before)


@pytest.mark.parametrize("off", [torch.no_grad, torch.inference_mode])
def test__gradients_that_are_switched_off__are_used_all_the_same(off):
    expected = OTMDRClassifier(**FEW).fit(X, Y).predict_proba(X)
    with off():
        found = OTMDRClassifier(**FEW).fit(X, Y).predict_proba(X)
    assert_array_equal(found, expected)


@pytest.mark.parametrize("distribution", ["single", "ensemble", "bayesian"])
def test__another_default_precision_of_torch__changes_no_type(distribution):
    torch.set_default_dtype(torch.float64)
    try:
        fitted = OTMDRClassifier(distribution=distribution, **FEW).fit(X, Y)
    finally:
        torch.set_default_dtype(torch.float32)
    kinds = {p.dtype for p in fitted.nets_[0].module_.parameters()}
    assert kinds == {torch.float32}


@BOTH
def test__arrays_that_cannot_be_written__are_left_alone(estimator):
    samples = X.astype(np.float32)
    samples.flags.writeable = False
    module = network(n_outputs=3 if estimator is OTMDRClassifier else 2)
    for settings in ({}, {"module": module}):
        estimator(**settings, **FEW).fit(samples, Y).predict(samples)


def test__an_optimiser_that_searches_along_lines__is_refused():
    with pytest.raises(ValueError, match="optimizer must move by one gradient a step"):
        OTMDRClassifier(optimizer=torch.optim.LBFGS).fit(X, Y)
