"""A bar with the losses beside it, and a stop at a loss that is no number."""

import pickle
import re

import numpy as np
import pytest
import torch
from skorch import NeuralNetRegressor
from skorch.callbacks import Callback
from skorch.dataset import ValidSplit
from torch import nn

from skwass.training import ProgressBar, StopWhenNotFinite, local_torch_seed

X = np.linspace(-1, 1, 40, dtype=np.float32)[:, None]
Y = 2 * X + 1


def trained(*callbacks, max_epochs=3, y=Y, **options):
    """A net of one neuron."""
    options = {"train_split": None, "lr": 0.1, **options}
    with local_torch_seed(0):
        net = NeuralNetRegressor(
            nn.Linear,
            module__in_features=1,
            module__out_features=1,
            max_epochs=max_epochs,
            batch_size=10,
            callbacks=list(callbacks),
            verbose=0,
            **options,
        )
        return net.fit(X, y)


class Spoil(nn.MSELoss):
    """The mean squared error, which turns into something else after some steps."""

    def __init__(self, value, after):
        super().__init__()
        self.value, self.left = value, after

    def forward(self, found, target):
        loss = super().forward(found, target)
        self.left -= 1
        return loss if self.left >= 0 else loss * 0 + self.value


def last_line(text):
    return text.rstrip("\n").split("\r")[-1]


def test_the_bar_counts_epochs_and_shows_the_loss(capsys):
    net = trained(("bar", ProgressBar("learning")))
    out, err = capsys.readouterr()
    assert out == ""
    assert re.search(r"^learning: 100%.* 3/3 .*loss=[\d.e-]+\]\s*$", last_line(err)), (
        repr(err)
    )
    shown = float(re.search(r"loss=([\d.e-]+)\]", last_line(err)).group(1))
    assert shown == pytest.approx(net.history[-1, "train_loss"], rel=5e-3)
    assert err.endswith("\n")  # closed: what is printed next starts on its own line


def test_the_bar_shows_the_loss_of_what_is_held_out(capsys):
    net = trained(("bar", ProgressBar("learning")), train_split=ValidSplit(4))
    shown = re.search(r"held out=([\d.e-]+)\]", last_line(capsys.readouterr().err))
    expected = net.history[-1, "valid_loss"]
    assert float(shown.group(1)) == pytest.approx(expected, rel=5e-3)


def test_a_bar_is_closed_when_training_is_interrupted(capsys):
    class Interrupt(Callback):
        def on_epoch_end(self, net, **kwargs):
            if len(net.history) == 2:
                raise KeyboardInterrupt

    class Kept(ProgressBar):
        def on_train_begin(self, net, **kwargs):
            super().on_train_begin(net)
            opened.append(self.bar_)

    opened = []
    bar = Kept("learning")
    trained(("bar", bar), ("stop", Interrupt()), max_epochs=5)
    assert not hasattr(bar, "bar_")
    assert [each.disable for each in opened] == [True]  # what close() leaves
    assert " 2/5 " in last_line(capsys.readouterr().err)


def test_a_net_with_a_closed_bar_can_be_pickled(capsys):
    net = trained(("bar", ProgressBar("learning")))
    capsys.readouterr()
    twin = pickle.loads(pickle.dumps(net))
    assert np.array_equal(twin.predict(X), net.predict(X))
    twin.fit(X, Y)
    assert "learning: 100%" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("value", "shown"), [(float("nan"), "nan"), (float("inf"), "inf")]
)
def test_a_loss_that_is_no_number_stops_training_and_says_what_to_do(value, shown):
    stop = ("stop", StopWhenNotFinite("Lower lr (now 0.1)."))
    # four batches an epoch
    spoil = {"criterion": Spoil, "criterion__value": value, "criterion__after": 6}
    with pytest.raises(FloatingPointError) as caught:
        trained(stop, max_epochs=9, **spoil)
    assert str(caught.value) == (
        f"The training loss became {shown} in epoch 2. Lower lr (now 0.1)."
    )


def test_finite_losses_do_not_stop_training():
    net = trained(("stop", StopWhenNotFinite("Lower lr.")), max_epochs=4)
    assert len(net.history) == 4
    assert all(np.isfinite(net.history[:, "train_loss"]))


def test_a_held_out_loss_that_is_no_number_does_not_stop_training():
    class HeldOutInfinite(nn.MSELoss):
        def forward(self, found, target):
            loss = super().forward(found, target)
            return loss if self.training else loss + torch.inf

    net = trained(
        ("stop", StopWhenNotFinite("Lower lr.")),
        max_epochs=2,
        criterion=HeldOutInfinite,
        train_split=ValidSplit(4),
    )
    assert net.history[:, "valid_loss"] == [np.inf, np.inf]
