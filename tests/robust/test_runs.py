"""Runs of training: interrupted, stopped early, of a stream, of frozen weights."""

from functools import partial

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.datasets import load_iris
from torch import nn
from torch.nn.utils.parametrizations import weight_norm

from skwass import OTMDRClassifier
from skwass.robust._runs import StopWhenNotFalling

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
    if early_stopping:
        classifier.fit(X, Y)
    else:
        with pytest.warns(UserWarning, match="interrupted"):
            classifier.fit(X, Y)
    n_epochs = 0 if distribution == "single" else 4
    assert classifier.n_iter_ == n_epochs
    judged = early_stopping and n_epochs > 0
    assert ("validation_loss" in classifier.history_) == judged
    assert np.isfinite(classifier.predict_proba(X)).all()


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
