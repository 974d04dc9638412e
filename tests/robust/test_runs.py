"""Runs of training: interrupted, stopped early, of a stream, of frozen weights."""

from functools import partial

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.datasets import load_iris
from torch import nn
from torch.nn.utils.parametrizations import weight_norm

from skwass import OTMDRClassifier
from skwass.training import StopWhenNotFalling

X, Y = load_iris(return_X_y=True)
FEW = {"hidden_layer_sizes": (8,), "max_iter": 4, "random_state": 0}


class Interrupted(nn.Linear):
    """A layer whose user loses patience in the second step of the first member."""

    n_steps = 0

    def forward(self, x):
        if self.training:
            Interrupted.n_steps += 1
            if Interrupted.n_steps == 3:
                raise KeyboardInterrupt
        return super().forward(x)


@pytest.mark.parametrize("early_stopping", [False, True])
@pytest.mark.parametrize("distribution", ["single", "ensemble"])
def test__an_interrupt_in_the_first_epoch__keeps_what_there_is(
    distribution, early_stopping
):
    Interrupted.n_steps = 0
    classifier = OTMDRClassifier(
        Interrupted(4, 3),
        distribution=distribution,
        n_members=2,
        early_stopping=early_stopping,
        max_iter=4,
        random_state=0,
    )
    with pytest.warns(UserWarning, match="interrupted"):
        classifier.fit(X, Y)
    # the other members are not begun
    assert Interrupted.n_steps == 3
    assert classifier.n_iter_ == 0
    assert "validation_loss" not in classifier.history_
    assert np.isfinite(classifier.predict_proba(X)).all()


def test__an_interrupt_in_a_later_member__keeps_those_that_are_complete():
    Interrupted.n_steps = -8  # two steps in each of four epochs, and some to see X
    classifier = OTMDRClassifier(
        Interrupted(4, 3),
        distribution="ensemble",
        n_members=3,
        rho=0,
        batch_size=75,
        max_iter=4,
        random_state=0,
    )
    with pytest.warns(UserWarning, match="1 of 3 networks, as they are after 4 of 4"):
        classifier.fit(X, Y)
    assert len(classifier.predict_members(X)) == 1


def test__early_stopping__is_no_interrupt(recwarn):
    classifier = OTMDRClassifier(
        early_stopping=True, n_iter_no_change=1, tol=0.5, **FEW | {"max_iter": 50}
    ).fit(X, Y)
    assert classifier.n_iter_ < 50
    assert not recwarn.list


class History:
    """What early stopping looks at."""

    verbose = 0

    def __init__(self, losses):
        self.losses = losses

    @property
    def history(self):
        return self

    def __getitem__(self, place):
        _, name = place
        return self.losses[-1] if name == "valid_loss" else len(self.losses)


@pytest.mark.parametrize(
    ("losses", "best"),
    [
        ([-1.0, -2.0, -1.9, -1.8], 2),
        ([-1.0, -1.05, -1.2], 3),
        ([1.0, 0.95, 0.8], 3),
        ([1.0, 0.95, 0.95], 1),
    ],
    ids=["rise", "fall", "fall of positives", "too small a fall"],
)
def test__early_stopping__takes_no_rise_of_a_negative_loss_for_a_fall(losses, best):
    stopping = StopWhenNotFalling(patience=10, threshold=0.1, load_best=False)
    stopping.initialize()
    stopping.on_train_begin(History([]))
    for epoch in range(len(losses)):
        stopping.on_epoch_end(History(losses[: epoch + 1]))
    assert stopping.best_epoch_ == best


def test__the_loss_of_an_epoch__is_a_mean_over_samples_in_a_stack_too():
    # batches of 140 samples and of 10
    losses = [
        OTMDRClassifier(distribution=distribution, n_members=1, batch_size=140, **FEW)
        .fit(X, Y)
        .history_["loss"]
        for distribution in ("single", "ensemble")
    ]
    assert_allclose(*losses, rtol=1e-5)


def test__divergence_in_a_stream__weighs_against_the_samples_of_the_call():
    classifier = OTMDRClassifier(distribution="bayesian", kl_weight=1.0, **FEW)
    classifier.partial_fit(X[::25], Y[::25], classes=[0, 1, 2])
    classifier.partial_fit(X, Y)
    assert classifier.nets_[0].kl_share == 1 / len(X)


def test__frozen_bayesian_layers__stay_as_they_are():
    module = nn.Sequential(nn.BatchNorm1d(4), nn.Linear(4, 3).requires_grad_(False))
    fitted = OTMDRClassifier(
        module, distribution="bayesian", max_iter=2, random_state=0
    ).fit(X, Y)
    normed, frozen = fitted.nets_[0].module_
    assert frozen.weight.equal(module[1].weight)
    assert not normed.weight.equal(module[0].weight)


def test__what_a_partial_has_decided__stays():
    def network(n_inputs, n_outputs):
        return nn.Sequential(nn.Flatten(), nn.Linear(n_inputs, n_outputs))

    images = np.tile(X, (1, 4)).reshape(-1, 1, 4, 4)
    classifier = OTMDRClassifier(
        partial(network, n_inputs=16), max_iter=1, random_state=0
    ).fit(images, Y)
    assert classifier.nets_[0].module_[1].weight.shape == (3, 16)


def test__a_stream__is_learnt_by_modules_that_do_not_pickle():
    class Local(nn.Sequential):
        pass

    module = Local(weight_norm(nn.Linear(4, 8)), nn.ReLU(), nn.Linear(8, 3))
    classifier = OTMDRClassifier(module, random_state=0)
    first = classifier.partial_fit(X, Y, classes=[0, 1, 2]).predict_proba(X)
    earlier = classifier.nets_[0]
    assert classifier.partial_fit(X, Y).n_iter_ == 2
    now = classifier.nets_[0]
    assert now.optimizer_.module is now.module_ is not earlier.module_
    assert not np.array_equal(classifier.predict_proba(X), first)
    # the optimiser goes on from its own state, and moves the weights that are asked
    (state, *_) = now.optimizer_.state.values()
    assert (
        state["step"]
        == 2 * earlier.optimizer_.state[next(earlier.module_.parameters())]["step"]
    )


def test__draws_of_weights__do_not_touch_the_network_that_others_ask():
    module = nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Linear(8, 3))
    classifier = OTMDRClassifier(
        module, distribution="bayesian", max_iter=1, random_state=0
    ).fit(X, Y)
    layers = classifier.nets_[0].module_
    before = classifier.predict_proba(X)
    ways = []
    layers[1].register_forward_hook(lambda *_: ways.append(layers[0]._way))
    assert_array_equal(classifier.predict_proba(X), before)
    assert ways
    assert all(way is None for way in ways)


def test__parameters__may_change_between_calls_of_partial_fit():
    classifier = OTMDRClassifier(**FEW).partial_fit(X, Y, classes=[0, 1, 2])
    before = classifier.predict_proba(X)
    options = {"lr": 1e-12, "weight_decay": 0.0, "rho": 0.5, "label_smoothing": 0.3}
    classifier.set_params(n_particles=2, **options).partial_fit(X, Y)
    assert_allclose(classifier.predict_proba(X), before, atol=1e-6)
    (group,) = classifier.nets_[0].optimizer_.param_groups
    assert (group["lr"], group["rho"], group["weight_decay"]) == (1e-12, 0.5, 0.0)
    assert classifier.nets_[0].criterion_.label_smoothing == 0.3


def test__partial_fit_after_fit__counts_epochs_on():
    classifier = OTMDRClassifier(**FEW).fit(X, Y)
    losses = classifier.history_["loss"]
    classifier.partial_fit(X, Y)
    assert classifier.n_iter_ == FEW["max_iter"] + 1
    assert classifier.history_["loss"][:-1] == losses
