"""One autoencoder: training through skorch, encoding and decoding."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from numbers import Integral
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from skorch import NeuralNet
from skorch.callbacks import Callback, EarlyStopping
from skorch.helper import predefined_split
from torch import Tensor

from skwass.manifold._cohorts import Featuriser, is_invariant
from skwass.manifold._pairs import PairBatches
from skwass.nn import StressLoss, WormholeAutoencoder, checked_device
from skwass.training import (
    Checkpoint,
    OneCycle,
    ProgressBar,
    SaveEpochs,
    StopWhenNotFinite,
    go_on,
    local_torch_seed,
    stripped,
    training_state,
)

_LR = 1e-3
_LR_ALL_KNOWN = 3e-3


@dataclass(frozen=True)
class Recipe:
    """The parameters of a run, named as in `WormholeEmbedder`."""

    n_components: int
    hidden_layer_sizes: Sequence[int]
    decoder: bool
    max_iter: int
    lr: float | str
    weight_decay: float
    tol: float
    n_iter_no_change: int
    device: str
    mixed_precision: bool
    verbose: int
    share_of_lr: float = 1.0

    @classmethod
    def of(cls, estimator: Any) -> Recipe:
        """Read them off the estimator, and check what its constraints cannot."""
        layers = list(estimator.hidden_layer_sizes)
        if not all(isinstance(w, Integral) and int(w) > 0 for w in layers):
            raise ValueError(
                "hidden_layer_sizes must be positive integers; got "
                f"{estimator.hidden_layer_sizes!r}."
            )
        return cls(
            n_components=estimator.n_components,
            hidden_layer_sizes=layers,
            decoder=wants_decoder(estimator),
            max_iter=estimator.max_iter,
            lr=estimator.lr,
            weight_decay=estimator.weight_decay,
            tol=estimator.tol,
            n_iter_no_change=estimator.n_iter_no_change,
            device=checked_device(estimator.device),
            mixed_precision=estimator.mixed_precision,
            verbose=estimator.verbose,
        )

    def slower(self, share: float) -> Recipe:
        """The same with a share of the learning rate."""
        return replace(self, share_of_lr=share)

    def largest_lr(self, all_known: bool) -> float:
        """The learning rate at the top of the cycle."""
        if isinstance(self.lr, str):
            return self.share_of_lr * (_LR_ALL_KNOWN if all_known else _LR)
        return self.share_of_lr * self.lr


def has_decoder(estimator: Any) -> bool:
    """Whether there is a decoder, or, before the fit, whether there will be one.

    Raises
    ------
    AttributeError
        If there is none; the message says what to change.
    """
    if hasattr(estimator, "net_"):
        found = estimator.net_.module_.decoder is not None
    else:
        found = wants_decoder(estimator)
    if not found:
        raise AttributeError(
            "There is no decoder. Fit with decoder=True and a metric that sees where "
            "points are, which is not 'precomputed' nor Gromov–Wasserstein."
        )
    return True


def wants_decoder(estimator: Any) -> bool:
    """Whether a fit trains a decoder.

    Distances alone have nothing to be decoded to, nor have features that are the same
    for all poses of a cloud.
    """
    metric = estimator.metric
    return bool(
        estimator.decoder and metric != "precomputed" and not is_invariant(metric)
    )


def train(
    recipe: Recipe,
    featuriser: Featuriser,
    batches: PairBatches,
    held_out: PairBatches | None,
    weight: NDArray[np.float32],
    seed: int,
    *,
    start: Mapping[str, Tensor] | None = None,
    checkpoint: Checkpoint | None = None,
    stage: str = "",
) -> NeuralNet:
    """Train one autoencoder; the same seed gives the same bits.

    `start` is the state of a net to begin with. A state that the `checkpoint` has of
    the `stage` goes before.
    """
    kept = None if checkpoint is None else checkpoint.recall(stage)
    lr = recipe.largest_lr(batches.matrix is not None)
    net = NeuralNet(
        WormholeAutoencoder,
        StressLoss,
        module__n_inputs=batches.features.shape[1],
        module__n_components=recipe.n_components,
        module__hidden_layer_sizes=tuple(recipe.hidden_layer_sizes),
        module__weight=torch.as_tensor(weight),
        module__decoder=recipe.decoder,
        module__n_decoded=featuriser.n_leading,
        module__gain=featuriser.gain,
        module__mixed_precision=recipe.mixed_precision,
        optimizer=torch.optim.AdamW,
        optimizer__weight_decay=recipe.weight_decay,
        # a longer memory lets rare large gradients throw training off: measured
        optimizer__betas=(0.9, 0.99),
        lr=lr,
        max_epochs=recipe.max_iter,
        batch_size=None,
        # a loader without a generator draws from the global one
        iterator_train__generator=torch.Generator().manual_seed(seed),
        iterator_valid__generator=torch.Generator().manual_seed(seed),
        train_split=None if held_out is None else predefined_split(held_out),
        callbacks=_callbacks(recipe, lr, batches, held_out, checkpoint, stage),
        callbacks__print_log=None,
        device=recipe.device,
        verbose=0,
    )
    with local_torch_seed(seed):
        net.initialize()
    if start is not None:
        net.module_.load_state_dict(start)
    go_on(net, kept)
    batches.epoch = len(net.history)
    if kept is None or not kept.get("over"):
        net.partial_fit(batches, y=None)
    if checkpoint is not None and not was_interrupted(net, recipe):
        state = training_state(net) | {"over": True, "optimizer": None}
        checkpoint.keep(stage, lambda: state, done=True)
    return stripped(net)


def _callbacks(
    recipe: Recipe,
    lr: float,
    batches: PairBatches,
    held_out: PairBatches | None,
    checkpoint: Checkpoint | None,
    stage: str,
) -> list[tuple[str, Callback]]:
    advice = f"Lower lr (now {lr:g}) or rescale X, and fit again."
    callbacks: list[tuple[str, Callback]] = [
        ("finite", StopWhenNotFinite(advice)),
        ("schedule", OneCycle(lr, recipe.max_iter, batches.n_batches)),
    ]
    if held_out is not None:
        early_stopping = EarlyStopping(
            patience=recipe.n_iter_no_change,
            threshold=recipe.tol,
            load_best=True,
        )
        callbacks.append(("early_stopping", early_stopping))
    if checkpoint is not None:
        callbacks.append(("saving", SaveEpochs(checkpoint, stage)))
    if recipe.verbose:
        callbacks.append(("progress", ProgressBar("training")))
    return callbacks


def loss_curves(net: NeuralNet) -> dict[str, list[float]]:
    """Losses of each full epoch: training, and held out if some samples were."""
    history: Any = [row for row in net.history if "train_loss" in row]
    curves = {"loss": [row["train_loss"] for row in history]}
    if history and "valid_loss" in history[0]:
        curves["validation_loss"] = [row["valid_loss"] for row in history]
    return curves


def was_interrupted(net: NeuralNet, recipe: Recipe) -> bool:
    """Whether the user stopped training, which skorch takes in silence."""
    n_epochs = len(loss_curves(net)["loss"])
    if n_epochs == recipe.max_iter:
        return False
    stopping = dict(net.callbacks_).get("early_stopping")
    return stopping is None or stopping.misses_ < recipe.n_iter_no_change
