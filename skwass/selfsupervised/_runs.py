"""Running the training of one network."""

from __future__ import annotations

from functools import partial
from typing import Any

import torch
from skorch.callbacks import Callback, LRScheduler
from torch import nn
from torch.optim.lr_scheduler import CosineAnnealingLR

from skwass.nn import Siamese, WangIsolaLoss, WassersteinUniformityLoss
from skwass.selfsupervised._batches import Batches
from skwass.selfsupervised._monitor import CURVES, CollapseMonitor
from skwass.selfsupervised._net import SelfSupervisedNet
from skwass.selfsupervised._recipe import OPTIMIZERS, Recipe
from skwass.training import (
    OneCycle,
    ProgressBar,
    StopWhenNotFinite,
    TorchStream,
    Views,
)


def net_of(
    module: Siamese,
    recipe: Recipe,
    batches: Batches,
    views: Views,
    stream: TorchStream,
) -> SelfSupervisedNet:
    """A net around a module, ready to be trained."""
    penalties: dict[str | None, Any] = {
        # not squared, since published weights are for the distance; not over workers,
        # each of which has a fit of its own
        "wasserstein": partial(WassersteinUniformityLoss, squared=False, sync=False),
        "wang-isola": WangIsolaLoss,
        None: nn.Identity,
    }
    n_steps = recipe.max_iter * batches.n_batches
    net = SelfSupervisedNet(
        module,
        penalties[recipe.uniformity](),
        stream=stream,
        views=views,
        weight=recipe.uniformity_weight if recipe.uniformity else 0.0,
        n_steps=n_steps if recipe.decays else None,
        optimizer=partial(_optimizer, recipe=recipe),
        lr=recipe.lr,
        max_epochs=recipe.max_iter,
        batch_size=None,
        # a loader without a generator draws from the global one
        iterator_train__generator=torch.Generator().manual_seed(batches.seed),
        train_split=None,
        callbacks=_callbacks(recipe, batches, n_steps),
        callbacks__print_log=None,
        device=recipe.device,
        verbose=0,
    )
    net.initialize()
    # a pickle would hold the network a second time, tied to the device
    net.module = type(module)
    return net


def is_finished(net: SelfSupervisedNet) -> bool:
    """Whether the last epoch came to its end."""
    return CURVES[-1] in net.history[-1]


def curves_of(net: SelfSupervisedNet) -> dict[str, list[float]]:
    """Loss and figures of each full epoch."""
    rows = [row for row in net.history if CURVES[-1] in row]
    names = {"loss": "train_loss", **{name: name for name in CURVES}}
    return {name: [float(row[key]) for row in rows] for name, key in names.items()}


def _optimizer(params: Any, *, lr: float, recipe: Recipe) -> torch.optim.Optimizer:
    """The optimiser that skorch asks for; slow copies are not its business."""
    moved = [
        parameter
        for item in params
        for parameter in (item["params"] if isinstance(item, dict) else [item])
        if parameter.requires_grad
    ]
    make = OPTIMIZERS[recipe.optimizer]
    return make(moved, lr=lr, weight_decay=recipe.weight_decay)


def _callbacks(
    recipe: Recipe, batches: Batches, n_steps: int
) -> list[tuple[str, Callback]]:
    advice = f"Lower lr (now {recipe.lr:g})"
    if recipe.uniformity:
        advice += f" or uniformity_weight (now {recipe.uniformity_weight:g})"
    advice += ", or rescale X, and fit again."
    callbacks: list[tuple[str, Callback]] = [
        ("finite", StopWhenNotFinite(advice)),
        ("monitor", CollapseMonitor()),
    ]
    if recipe.lr_schedule == "cosine":
        schedule: Callback = LRScheduler(
            CosineAnnealingLR, T_max=n_steps, step_every="batch"
        )
        callbacks.append(("schedule", schedule))
    elif recipe.lr_schedule == "one-cycle":
        schedule = OneCycle(recipe.lr, recipe.max_iter, batches.n_batches)
        callbacks.append(("schedule", schedule))
    if recipe.verbose:
        shown = {
            "from uniform": "uniformity",
            "at least": "uniformity_floor",
            "rank": "effective_rank",
        }
        callbacks.append(("progress", ProgressBar("training", shown)))
    return callbacks
