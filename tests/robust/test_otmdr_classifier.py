"""OTMDRClassifier: what it learns, what it says of its doubts, and what it refuses."""

import pickle

import numpy as np
import pytest
import torch
from numpy.testing import assert_allclose, assert_array_equal
from scipy.stats import entropy
from sklearn.base import clone
from sklearn.compose import make_column_transformer
from sklearn.datasets import load_digits, load_iris, make_moons
from sklearn.ensemble import VotingClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler
from torch import nn

from skwass import OTMDRClassifier
from skwass.training import local_torch_seed

X, Y = load_iris(return_X_y=True)
NAMES = np.array(["setosa", "versicolor", "virginica"])[Y]
FEW = {"max_iter": 12, "lr": 0.01, "random_state": 0}


class Shallow(nn.Module):
    """A layer on images or tables, of a width that is given."""

    def __init__(self, n_inputs, n_outputs, width=8, dropout=0.0, norm=False):
        super().__init__()
        self.layers = nn.Sequential(
            nn.Flatten(),
            nn.LazyLinear(width) if n_inputs is None else nn.Linear(n_inputs, width),
            nn.BatchNorm1d(width) if norm else nn.Identity(),
            nn.ReLU(),
            nn.Dropout(dropout),
            nn.Linear(width, n_outputs),
        )

    def forward(self, x):
        return self.layers(x)


# --- what it learns ---------------------------------------------------------------


@pytest.mark.parametrize("distribution", ["single", "ensemble", "bayesian"])
def test__string_labels__are_learnt(distribution):
    classifier = OTMDRClassifier(distribution=distribution, **FEW)
    assert classifier.fit(X, NAMES).score(X, NAMES) > 0.9
    assert_array_equal(classifier.classes_, np.unique(NAMES))
    proba = classifier.predict_proba(X)
    assert_allclose(proba.sum(axis=1), 1, rtol=1e-12)
    assert_allclose(np.exp(classifier.predict_log_proba(X)), proba, atol=1e-12)
    assert_array_equal(classifier.predict(X), classifier.classes_[proba.argmax(axis=1)])


def test__two_classes__have_log_odds_as_decision():
    X, y = make_moons(60, noise=0.1, random_state=0)
    classifier = OTMDRClassifier(**FEW).fit(X, y)
    odds = classifier.predict_proba(X)
    assert_allclose(
        classifier.decision_function(X), np.log(odds[:, 1] / odds[:, 0]), atol=1e-9
    )


def test__columns_of_any_scale__are_learnt_alike():
    scales = np.array([1e-6, 1.0, 1e6, 1e3])
    plain = OTMDRClassifier(**FEW).fit(X, Y)
    scaled = OTMDRClassifier(**FEW).fit(X * scales, Y)
    assert_allclose(plain.predict_proba(X), scaled.predict_proba(X * scales), atol=1e-3)


def test__constant_columns__do_no_harm():
    widened = np.column_stack([X, np.full(len(X), 3.7), np.zeros(len(X))])
    assert OTMDRClassifier(**FEW).fit(widened, Y).score(widened, Y) > 0.9


def test__rho__flattens_the_minimum():
    X, y = load_digits(return_X_y=True)
    X, y = X[:300], y[:300]

    def rise(rho):
        """How much the loss grows by a step of length 0.5 along its gradient."""
        classifier = OTMDRClassifier(rho=rho, max_iter=40, lr=0.01, random_state=0)
        classifier.fit(X, y)
        module = classifier.nets_[0].module_
        inputs, labels = torch.tensor(X).float(), torch.tensor(y)
        loss = nn.functional.cross_entropy(module(inputs), labels)
        parameters = list(module.parameters())
        slopes = torch.autograd.grad(loss, parameters)
        norm = torch.sqrt(sum(slope.square().sum() for slope in slopes))
        with torch.no_grad():
            for parameter, slope in zip(parameters, slopes, strict=True):
                parameter += 0.5 * slope / norm
            moved = nn.functional.cross_entropy(module(inputs), labels)
        return float((moved - loss).detach())

    assert rise(0.2) < 0.2 * rise(0.0)


def test__class_weight__moves_the_boundary():
    rng = np.random.default_rng(0)
    X, y = rng.normal(size=(200, 2)), rng.random(200) < 0.2
    plain = OTMDRClassifier(**FEW).fit(X, y).predict_proba(X)[:, 1].mean()
    balanced = OTMDRClassifier(class_weight="balanced", **FEW).fit(X, y)
    assert balanced.predict_proba(X)[:, 1].mean() > plain + 0.15


def test__label_smoothing__makes_it_less_sure():
    sure = OTMDRClassifier(**FEW).fit(X, Y).predict_proba(X).max(axis=1).mean()
    smooth = OTMDRClassifier(label_smoothing=0.3, **FEW).fit(X, Y)
    assert smooth.predict_proba(X).max(axis=1).mean() < sure - 0.05


# --- weights ----------------------------------------------------------------------


def test__zero_weights__are_as_if_the_samples_were_absent():
    weights = (np.arange(len(X)) % 3 > 0).astype(float)
    weighted = OTMDRClassifier(**FEW).fit(X, Y, sample_weight=weights)
    absent = OTMDRClassifier(**FEW).fit(X[weights > 0], Y[weights > 0])
    assert_array_equal(weighted.predict_proba(X), absent.predict_proba(X))


def test__only_proportions_of_weights__matter():
    weights = np.random.default_rng(0).uniform(0.5, 2, len(X))
    once = OTMDRClassifier(**FEW).fit(X, Y, sample_weight=weights)
    scaled = OTMDRClassifier(**FEW).fit(X, Y, sample_weight=1024 * weights)
    assert_allclose(once.predict_proba(X), scaled.predict_proba(X), atol=1e-5)


def test__in_one_batch_a_weight_of_two__is_two_samples():
    rng = np.random.default_rng(0)
    X, y = rng.normal(size=(20, 3)), np.arange(20) % 2
    weights = np.ones(20)
    weights[:5] = 2
    settings = FEW | {"batch_size": 100, "module": Shallow}
    weighted = OTMDRClassifier(**settings).fit(X, y, sample_weight=weights)
    twice = OTMDRClassifier(**settings).fit(np.r_[X, X[:5]], np.r_[y, y[:5]])
    assert_allclose(weighted.predict_proba(X), twice.predict_proba(X), atol=1e-4)


@pytest.mark.parametrize(
    ("weights", "match"),
    [
        (-np.eye(1, len(X))[0], r"sample_weight\[0\] = -1"),
        (np.zeros(len(X)), "zero for all"),
        (np.full(len(X), np.nan), "NaN"),
        (np.ones(3), "inconsistent numbers"),
        (np.ones((len(X), 1)), "1-D"),
    ],
)
def test__weights_that_mean_nothing__raise(weights, match):
    with pytest.raises(ValueError, match=match):
        OTMDRClassifier(**FEW).fit(X, Y, sample_weight=weights)


# --- doubts -----------------------------------------------------------------------


def test__uncertainty__splits_the_entropy():
    classifier = OTMDRClassifier(distribution="ensemble", n_members=3, **FEW).fit(X, Y)
    found, members = classifier.predict_uncertainty(X), classifier.predict_members(X)
    assert members.shape == (3, len(X), 3)
    assert_allclose(members.mean(axis=0), classifier.predict_proba(X), atol=1e-12)
    assert_allclose(found.total, entropy(members.mean(axis=0), axis=1), atol=1e-9)
    assert_allclose(found.total, found.aleatoric + found.epistemic, atol=1e-12)
    assert found.epistemic.max() > 0.001
    assert found.epistemic.min() >= 0


def test__a_single_network__knows_no_epistemic_part():
    classifier = OTMDRClassifier(**FEW).fit(X, Y)
    assert_allclose(classifier.predict_uncertainty(X).epistemic, 0, atol=1e-12)


def test__draws_of_weights__are_the_same_at_each_call_and_for_each_row():
    classifier = OTMDRClassifier(
        distribution="bayesian", kl_weight=0.01, n_prediction_samples=4, **FEW
    ).fit(X, Y)
    proba = classifier.predict_proba(X)
    assert_array_equal(proba, classifier.predict_proba(X))
    assert_allclose(proba[:1], classifier.predict_proba(X[:1]), atol=1e-12)
    assert classifier.predict_members(X).std(axis=0).max() > 1e-4


def test__kl_weight__auto__weighs_weights_as_samples():
    bayesian = {"distribution": "bayesian", "hidden_layer_sizes": (8,), **FEW}
    n_weights = 4 * 8 + 8 + 8 * 3 + 3
    auto = OTMDRClassifier(**bayesian).fit(X[::5], Y[::5])
    told = OTMDRClassifier(kl_weight=30 / n_weights, **bayesian).fit(X[::5], Y[::5])
    assert_allclose(auto.predict_proba(X), told.predict_proba(X), rtol=1e-5)
    # Bayes where samples are more than weights
    auto = OTMDRClassifier(**bayesian).fit(X, Y)
    told = OTMDRClassifier(kl_weight=1, **bayesian).fit(X, Y)
    assert_allclose(auto.predict_proba(X), told.predict_proba(X), rtol=1e-5)


# --- members ----------------------------------------------------------------------


def test__members__are_as_if_each_were_alone():
    ensemble = OTMDRClassifier(distribution="ensemble", n_members=3, **FEW).fit(X, Y)
    members = ensemble.predict_members(X)
    assert np.abs(members[0] - members[1]).max() > 0.01
    other = clone(ensemble).set_params(n_jobs=2).fit(X, Y)
    # the same members in parts; only the rounding of products differs
    assert_allclose(other.predict_members(X)[0], members[0], atol=0.02)


def test__members_of_a_users_module__start_apart():
    ensemble = OTMDRClassifier(
        Shallow, distribution="ensemble", n_members=2, **FEW
    ).fit(X, Y)
    assert len(ensemble.nets_) == 2
    members = ensemble.predict_members(X)
    assert np.abs(members[0] - members[1]).max() > 0.01


# --- modules ----------------------------------------------------------------------


def test__a_class__takes_its_parameters():
    classifier = OTMDRClassifier(Shallow, module__width=5, **FEW).fit(X, Y)
    assert classifier.nets_[0].module_.layers[1].out_features == 5
    assert clone(classifier).get_params()["module__width"] == 5
    classifier.set_params(module__width=7).fit(X, Y)
    assert classifier.nets_[0].module_.layers[1].out_features == 7
    assert "module__width=7" in repr(classifier)


def test__a_factory_and_an_instance__do_as_well():
    def factory(n_outputs):
        return Shallow(4, n_outputs)

    with local_torch_seed(0):
        instance = Shallow(4, 3)
    before = instance.layers[1].weight.clone()
    for module in (factory, instance):
        assert OTMDRClassifier(module, **FEW).fit(X, Y).score(X, Y) > 0.5
    assert torch.equal(instance.layers[1].weight, before)


def test__images__are_read_as_they_are():
    images = load_digits().images[:100, None]
    labels = load_digits().target[:100]
    module = nn.Sequential(
        nn.Conv2d(1, 4, 3),
        nn.BatchNorm2d(4),
        nn.ReLU(),
        nn.Flatten(),
        nn.Linear(144, 10),
    )
    classifier = OTMDRClassifier(module, **FEW).fit(images / 16, labels)
    assert classifier.score(images / 16, labels) > 0.9
    n_batches = classifier.nets_[0].module_[1].num_batches_tracked.item()
    assert n_batches == FEW["max_iter"] * 2  # clean passes only


def test__words__are_looked_up():
    words = np.random.default_rng(0).integers(0, 9, size=(80, 6))
    labels = (words == 3).any(axis=1)
    module = nn.Sequential(nn.Embedding(9, 4), nn.Flatten(), nn.Linear(24, 2))
    classifier = OTMDRClassifier(module, max_iter=60, lr=0.02, random_state=0)
    assert classifier.fit(words, labels).score(words, labels) > 0.8


@pytest.mark.parametrize(
    ("module", "match"),
    [
        (nn.Linear(4, 2), r"\(16, 3\) for 16 samples; got \(16, 2\)"),
        (nn.Linear(5, 3), r"cannot read samples of shape \(4,\)"),
        (nn.Sequential(nn.Linear(4, 3), nn.Softmax(dim=1)), "probabilities"),
        (lambda: 3, "made a int"),
    ],
)
def test__a_module_that_does_not_fit__raises_before_training(module, match):
    with pytest.raises(ValueError, match=match):
        OTMDRClassifier(module, **FEW).fit(X, Y)


def test__parameters_for_an_instance__raise():
    with pytest.raises(ValueError, match="Pass its class"):
        OTMDRClassifier(Shallow(4, 3), module__width=3, **FEW).fit(X, Y)


def test__batches_of_one__have_no_statistics():
    with pytest.raises(ValueError, match="batch_size=1"):
        OTMDRClassifier(Shallow, module__norm=True, batch_size=1, **FEW).fit(X, Y)


def test__a_rest_of_one__joins_the_batch_before():
    classifier = OTMDRClassifier(Shallow, module__norm=True, batch_size=149, **FEW)
    assert np.isfinite(classifier.fit(X, Y).predict_proba(X)).all()


# --- reproducible -----------------------------------------------------------------


@pytest.mark.parametrize(
    "parameters",
    [
        {"n_particles": 2},
        {"distribution": "bayesian"},
        {"distribution": "ensemble", "n_members": 2},
        {"module": Shallow, "module__dropout": 0.5},
    ],
    ids=["particles", "bayesian", "ensemble", "dropout"],
)
def test__the_same_seed__gives_the_same_bits_and_leaves_no_trace(parameters):
    torch.manual_seed(5)
    before = torch.get_rng_state()
    first = OTMDRClassifier(**parameters, **FEW).fit(X, Y).predict_proba(X)
    torch.manual_seed(5)
    second = OTMDRClassifier(**parameters, **FEW).fit(X, Y).predict_proba(X)
    assert_array_equal(first, second)
    assert torch.equal(torch.get_rng_state(), before)
    third = OTMDRClassifier(**parameters, **(FEW | {"random_state": 1})).fit(X, Y)
    assert np.abs(third.predict_proba(X) - first).max() > 1e-3


def test__pickles__predict_the_same():
    classifier = OTMDRClassifier(distribution="bayesian", **FEW).fit(X, Y)
    again = pickle.loads(pickle.dumps(classifier))
    assert_array_equal(again.predict_proba(X), classifier.predict_proba(X))


# --- going on ---------------------------------------------------------------------


def test__partial_fit__learns_on_and_keeps_its_classes():
    classifier = OTMDRClassifier(lr=0.01, random_state=0)
    with pytest.raises(ValueError, match="first call"):
        classifier.partial_fit(X, Y)
    for _ in range(15):
        classifier.partial_fit(X[::2], Y[::2], classes=[0, 1, 2])
    assert classifier.score(X, Y) > 0.9
    assert classifier.n_iter_ == 15
    before = classifier.predict_proba(X)
    with pytest.raises(ValueError, match="class 7"):
        classifier.partial_fit(X, np.where(Y == 0, 7, Y))
    with pytest.raises(ValueError, match="4 features"):
        classifier.partial_fit(X[:, :3], Y)
    with pytest.raises(ValueError, match="first call"):
        classifier.partial_fit(X, Y, classes=[0, 1])
    assert_array_equal(classifier.predict_proba(X), before)
    assert classifier.partial_fit(X[:1], Y[:1]).n_iter_ == 16


def test__partial_fit_after_fit__goes_on_from_there():
    classifier = OTMDRClassifier(**FEW).fit(X, Y)
    before = classifier.score(X, Y)
    assert classifier.partial_fit(X, Y).score(X, Y) >= before - 0.05


def test__warm_start__goes_on_from_the_last_fit():
    classifier = OTMDRClassifier(warm_start=True, **FEW).fit(X, Y)
    first = classifier.history_["loss"][0]
    classifier.fit(X, Y)
    assert classifier.history_["loss"][0] < 0.5 * first
    with pytest.raises(ValueError, match="knew"):
        classifier.fit(X, Y > 0)
    with pytest.raises(ValueError, match="n_members"):
        classifier.set_params(distribution="ensemble").fit(X, Y)


def test__another_network__cannot_go_on():
    classifier = OTMDRClassifier(warm_start=True, **FEW).fit(X, Y)
    before = classifier.predict_proba(X)
    classifier.set_params(hidden_layer_sizes=(3,))
    for learn in (classifier.fit, classifier.partial_fit):
        with pytest.raises(ValueError, match=r"had hidden_layer_sizes=\(128, 128\)"):
            learn(X, Y)
    assert_array_equal(classifier.predict_proba(X), before)
    classifier.set_params(hidden_layer_sizes=[128, 128]).fit(X, Y)  # the same widths
    classifier.set_params(module=Shallow)
    with pytest.raises(ValueError, match="had module=None"):
        classifier.fit(X, Y)


def test__width_of_a_module__cannot_change_on_the_way():
    classifier = OTMDRClassifier(Shallow, module__width=4, warm_start=True, **FEW)
    classifier.fit(X, Y).set_params(module__width=5)
    with pytest.raises(ValueError, match="had module__width=4; got 5"):
        classifier.fit(X, Y)


@pytest.mark.parametrize("distribution", ["single", "ensemble", "bayesian"])
@pytest.mark.parametrize("lr_schedule", ["cosine", "one-cycle"])
def test__a_pickle__holds_the_network_once(distribution, lr_schedule):
    classifier = OTMDRClassifier(
        hidden_layer_sizes=(300, 300),
        distribution=distribution,
        n_members=2,
        lr_schedule=lr_schedule,
        max_iter=1,
    ).fit(X, Y)
    (net,) = classifier.nets_
    weights = sum(p.nbytes for p in net.module_.parameters())
    assert len(pickle.dumps(classifier)) < 1.1 * weights


@pytest.mark.parametrize("distribution", ["single", "bayesian"])
def test__an_optimiser_without_weight_decay__can_be_used(distribution):
    classifier = OTMDRClassifier(
        optimizer=torch.optim.Rprop, distribution=distribution, batch_size=150, **FEW
    )
    losses = classifier.fit(X, Y).history_["loss"]
    assert losses[-1] < 0.9 * losses[0]


def test__early_stopping__keeps_the_best_epoch():
    rng = np.random.default_rng(0)
    X, y = rng.normal(size=(80, 5)), rng.integers(0, 2, 80)
    classifier = OTMDRClassifier(
        early_stopping=True, n_iter_no_change=3, max_iter=200, lr=0.01, random_state=0
    ).fit(X, y)
    losses = classifier.history_["validation_loss"]
    assert classifier.n_iter_ == len(losses) < 200
    assert np.argmin(losses) <= len(losses) - 3


# --- bad input --------------------------------------------------------------------


@pytest.mark.parametrize(
    ("X_bad", "y_bad", "match"),
    [
        (X, np.zeros(len(X)), "at least two classes"),
        (np.where(X > 7, np.nan, X), Y, "NaN"),
        (np.where(X > 7, np.inf, X), Y, "infinity"),
        (X, Y + 0.5, "Unknown label type"),
        (X[:5], Y, "inconsistent numbers"),
        (X[:0], Y[:0], "0 sample"),
        (X[:, None, :, None], Y, "dim 4"),
    ],
)
def test__bad_samples__raise_and_leave_the_old_fit(X_bad, y_bad, match):
    classifier = OTMDRClassifier(**FEW).fit(X, Y)
    before = classifier.predict_proba(X)
    with pytest.raises(ValueError, match=match):
        classifier.fit(X_bad, y_bad)
    assert_array_equal(classifier.predict_proba(X), before)


def test__a_class_of_one_sample__can_be_learnt_but_not_held_out():
    y = Y.copy()
    y[0] = 9
    assert OTMDRClassifier(**FEW).fit(X, y).predict_proba(X).shape == (len(X), 4)
    with pytest.raises(ValueError, match="early_stopping"):
        OTMDRClassifier(early_stopping=True, **FEW).fit(X, y)


def test__a_loss_that_is_no_number__names_lr_and_rho():
    class Overflow(nn.Module):
        def __init__(self):
            super().__init__()
            self.weight = nn.Parameter(torch.ones(4, 3))

        def forward(self, x):
            logits = x @ self.weight
            return logits * float("inf") if self.training else logits

    with pytest.raises(FloatingPointError, match=r"lr .* rho"):
        OTMDRClassifier(Overflow, **FEW).fit(X, Y)


def test__an_unknown_parameter__raises_in_fit():
    with pytest.raises(TypeError, match="nmembers"):
        OTMDRClassifier(nmembers=3).fit(X, Y)
    with pytest.raises(ValueError, match="rhoo"):
        OTMDRClassifier().set_params(rhoo=0.1)


def test__a_batch_larger_than_the_data__is_all_of_it():
    classifier = OTMDRClassifier(batch_size=10_000, **FEW).fit(X, Y)
    assert np.isfinite(classifier.history_["loss"]).all()


# --- beside others ----------------------------------------------------------------


def test__grid_search__tries_rho():
    search = GridSearchCV(
        OTMDRClassifier(**FEW), {"rho": [0.0, 0.1]}, scoring="neg_log_loss", cv=2
    ).fit(X, NAMES)
    assert search.best_params_["rho"] in (0.0, 0.1)


def test__pipelines_with_frames__work():
    pd = pytest.importorskip("pandas")
    frame = pd.DataFrame({"colour": np.array(["red", "blue"])[Y % 2], "size": X[:, 2]})
    model = make_pipeline(
        make_column_transformer(
            (OneHotEncoder(sparse_output=False), ["colour"]),
            (StandardScaler(), ["size"]),
        ),
        OTMDRClassifier(**FEW),
    )
    assert model.fit(frame, NAMES).score(frame, NAMES) > 0.9


def test__names_of_columns__are_remembered():
    pd = pytest.importorskip("pandas")
    frame = pd.DataFrame(X, columns=list("abcd"))
    classifier = OTMDRClassifier(**FEW).fit(frame, Y)
    assert list(classifier.feature_names_in_) == list("abcd")


def test__votes_and_scores__work():
    vote = VotingClassifier(
        [
            ("ours", OTMDRClassifier(**FEW)),
            ("theirs", LogisticRegression(max_iter=500)),
        ],
        voting="soft",
    )
    assert cross_val_score(vote, X, NAMES, cv=2).mean() > 0.9
