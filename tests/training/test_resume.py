"""Training that stops after any epoch goes on to the same bits."""

import numpy as np
import pytest
import torch
from skorch import NeuralNet
from skorch.callbacks import EarlyStopping
from skorch.helper import predefined_split
from torch import nn
from torch.optim.lr_scheduler import OneCycleLR
from torch.utils.data import TensorDataset

from skwass.training import Checkpoint, OneCycle, SaveEpochs, go_on, training_state

N_EPOCHS = 8
X = torch.linspace(-1, 1, 24)[:, None]
DATA = TensorDataset(X, X**2)
HELD_OUT = TensorDataset(X[::5] + 0.1, (X[::5] + 0.1) ** 2 + 0.3 * X[::5])


class Stop(BaseException):
    """A kill."""


def net_of(checkpoint, *, patience=None, n_epochs=N_EPOCHS):
    torch_state = torch.random.get_rng_state()
    torch.manual_seed(0)
    callbacks = [("schedule", OneCycle(0.05, n_epochs, 3))]
    if patience:
        stopping = EarlyStopping(patience=patience, load_best=True)
        callbacks.append(("early_stopping", stopping))
    callbacks.append(("saving", SaveEpochs(checkpoint, "run")))
    net = NeuralNet(
        nn.Sequential(nn.Linear(1, 4), nn.Tanh(), nn.Linear(4, 1)),
        nn.MSELoss,
        optimizer=torch.optim.AdamW,
        max_epochs=n_epochs,
        batch_size=8,
        train_split=predefined_split(HELD_OUT),
        callbacks=callbacks,
        callbacks__print_log=None,
        verbose=0,
    ).initialize()
    torch.random.set_rng_state(torch_state)
    return net


def losses(net):
    return [(row["train_loss"], row["valid_loss"]) for row in net.history]


def same_weights(net, other):
    return all(
        torch.equal(ours, theirs)
        for ours, theirs in zip(
            net.module_.parameters(), other.module_.parameters(), strict=True
        )
    )


def none():
    return Checkpoint(None, 0, {}, 0)


def resumed(path, stop_after, monkeypatch, **parameters):
    """A net that was killed after an epoch was kept, and goes on in another one."""
    checkpoint = Checkpoint(path, 0, {}, 0)
    keep = checkpoint.keep

    def keep_and_stop(*arguments):
        keep(*arguments)
        if len(net.history) == stop_after:
            raise Stop

    monkeypatch.setattr(checkpoint, "keep", keep_and_stop)
    net = net_of(checkpoint, **parameters)
    with pytest.raises(Stop):
        net.partial_fit(DATA)
    checkpoint = Checkpoint(path, 0, {}, 0)
    fresh = net_of(checkpoint, **parameters)
    go_on(fresh, checkpoint.recall("run"))
    return fresh.partial_fit(DATA)


@pytest.mark.parametrize("stop_after", [1, 3, 7, 8])
def test__stopped_after_an_epoch__goes_on_to_the_same(
    stop_after, tmp_path, monkeypatch
):
    through = net_of(none()).partial_fit(DATA)
    net = resumed(tmp_path / "file", stop_after, monkeypatch)
    assert len(net.history) == N_EPOCHS
    assert losses(net) == losses(through)
    assert same_weights(net, through)


@pytest.mark.parametrize("stop_after", [1, 2, 4])
def test__early_stopping__stops_in_the_same_epoch_with_the_same_best(
    stop_after, tmp_path, monkeypatch
):
    through = net_of(none(), patience=3, n_epochs=40).partial_fit(DATA)
    assert stop_after < len(through.history) < 40
    path = tmp_path / "file"
    net = resumed(path, stop_after, monkeypatch, patience=3, n_epochs=40)
    assert losses(net) == losses(through)
    assert same_weights(net, through)
    assert (
        dict(net.callbacks_)["early_stopping"].best_epoch_
        == dict(through.callbacks_)["early_stopping"].best_epoch_
    )


def test__schedule__is_that_of_torch():
    rates = []

    class Watch(OneCycle):
        def on_batch_end(self, net, training=False, **kwargs):
            if training:
                rates.append(net.optimizer_.param_groups[0]["lr"])
            super().on_batch_end(net, training=training, **kwargs)

    net = net_of(none())
    net.callbacks_[[name for name, _ in net.callbacks_].index("schedule")] = (
        "schedule",
        Watch(0.05, N_EPOCHS, 3),
    )
    net.partial_fit(DATA)
    optimizer = torch.optim.AdamW([torch.zeros(1, requires_grad=True)])
    schedule = OneCycleLR(optimizer, 0.05, total_steps=3 * N_EPOCHS)
    expected = []
    for _ in range(3 * N_EPOCHS):
        expected.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        schedule.step()
    np.testing.assert_array_equal(rates, expected)


def test__state__does_not_follow_later_steps():
    net = net_of(none(), n_epochs=2)
    net.partial_fit(DATA)
    state = training_state(net)
    before = state["module"]["0.weight"].clone()
    with torch.no_grad():
        net.module_[0].weight.add_(1.0)
    assert torch.equal(state["module"]["0.weight"], before)


def test__go_on__from_nothing__changes_nothing():
    net = net_of(none())
    go_on(net, None)
    assert net.max_epochs == N_EPOCHS
    assert not net.history
