"""skorch callbacks by which training can stop at any moment and go on the same."""

from __future__ import annotations

from functools import partial
from typing import Any

from skorch import NeuralNet
from skorch.callbacks import Callback, LRScheduler
from skorch.history import History
from torch import Tensor
from torch.optim.lr_scheduler import OneCycleLR

from skwass.training._checkpoint import Checkpoint, State

_OF_EARLY_STOPPING = (
    "misses_",
    "dynamic_threshold_",
    "best_epoch_",
    "best_model_weights_",
)


class OneCycle(Callback):
    """The one-cycle schedule of the learning rate, from any step on.

    Parameters
    ----------
    max_lr : float
        The largest learning rate.
    n_epochs : int
        Epochs of the whole cycle.
    n_batches : int
        Batches of an epoch.
    """

    def __init__(self, max_lr: float, n_epochs: int, n_batches: int) -> None:
        self.max_lr = max_lr
        self.n_epochs = n_epochs
        self.n_batches = n_batches

    def on_train_begin(self, net: Any, **kwargs: Any) -> None:
        """Begin where the history ends."""
        self.schedule_ = OneCycleLR(
            net.optimizer_,
            self.max_lr,
            total_steps=self.n_epochs * self.n_batches,
            last_epoch=len(net.history) * self.n_batches - 1,
        )

    def on_batch_end(self, net: Any, training: bool = False, **kwargs: Any) -> None:
        """Move on by one step."""
        if training:
            self.schedule_.step()

    def on_train_end(self, net: Any, **kwargs: Any) -> None:
        """Forget the schedule; a fitted net needs none."""
        del self.schedule_


class SaveEpochs(Callback):
    """Keeps the state of training in a checkpoint at the end of epochs.

    It belongs behind early stopping in the list of callbacks, whose state it restores.

    Parameters
    ----------
    checkpoint : Checkpoint
        Where to.
    stage : str
        Under which name.
    """

    def __init__(self, checkpoint: Checkpoint, stage: str) -> None:
        self.checkpoint = checkpoint
        self.stage = stage

    def on_train_begin(self, net: Any, **kwargs: Any) -> None:
        """Restore early stopping, which begins anew otherwise."""
        _restore_stopping(net, self.checkpoint.recall(self.stage))

    def on_epoch_end(self, net: Any, **kwargs: Any) -> None:
        """Keep the epoch if the last one kept is long ago."""
        self.checkpoint.keep(self.stage, partial(training_state, net))


def training_state(net: NeuralNet) -> State:
    """What training needs to go on."""
    stopping = dict(net.callbacks_).get("early_stopping")
    return {
        "module": _on_cpu(net.module_.state_dict()),
        "optimizer": _on_cpu(net.optimizer_.state_dict()),
        "history": [
            {key: _plain(value) for key, value in row.items() if key != "batches"}
            for row in net.history
        ],
        "early_stopping": {
            name: _on_cpu(getattr(stopping, name, None))
            for name in _OF_EARLY_STOPPING
            if stopping is not None
        },
    }


def go_on(net: NeuralNet, kept: State | None) -> None:
    """Put an initialised net where it was, so that `max_epochs` counts from there."""
    if kept is None:
        return
    net.module_.load_state_dict(kept["module"])
    if kept["optimizer"] is not None:
        net.optimizer_.load_state_dict(kept["optimizer"])
    net.history = History(dict(row, batches=[]) for row in kept["history"])
    net.max_epochs -= len(net.history)
    _restore_stopping(net, kept)


def stripped(net: NeuralNet) -> NeuralNet:
    """Without what only the fit needs, so that a fitted net is small and pickles."""
    net.train_split = None
    net.iterator_train__generator = net.iterator_valid__generator = None
    for epoch in net.history:
        epoch["batches"].clear()
    net.module_.zero_grad()
    net.optimizer_.state.clear()
    schedule = dict(net.callbacks_).get("schedule")
    if isinstance(schedule, LRScheduler):
        schedule.lr_scheduler_ = None  # it knows the optimiser, which knows all weights
    saving = dict(net.callbacks_).get("saving")
    if saving is not None:
        saving.checkpoint = None
    return net


def _restore_stopping(net: NeuralNet, kept: State | None) -> None:
    stopping = dict(net.callbacks_).get("early_stopping")
    if kept is not None and stopping is not None:
        for name, value in kept["early_stopping"].items():
            setattr(stopping, name, value)


def _on_cpu(state: Any) -> Any:
    """A copy of nested tensors that later steps do not change."""
    if isinstance(state, Tensor):
        return state.detach().to("cpu", copy=True)
    if isinstance(state, dict):
        return {key: _on_cpu(value) for key, value in state.items()}
    if isinstance(state, list):
        return [_on_cpu(value) for value in state]
    return _plain(state)


def _plain(value: Any) -> Any:
    """Python's own number for one of NumPy's."""
    return value.item() if hasattr(value, "item") else value
