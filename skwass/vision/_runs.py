"""One run of training, through skorch."""

from __future__ import annotations

from collections.abc import Iterable
from functools import partial
from typing import Any

import torch
from skorch.callbacks import Callback, LRScheduler
from skorch.helper import predefined_split
from torch import Tensor
from torch.optim.lr_scheduler import LambdaLR

from skwass.nn import (
    ImageAugmentation,
    ImageMixing,
    StochasticViT,
    TripletWassersteinLoss,
    WeightedCrossEntropy,
)
from skwass.training import (
    Batches,
    HeldOut,
    ProgressBar,
    Samples,
    StopWhenNotFalling,
    StopWhenNotFinite,
    TorchStream,
    Views,
    WarmUp,
    stripped,
)
from skwass.vision._images import Images
from skwass.vision._net import StochasticViTNet
from skwass.vision._networks import Averaged, for_prediction
from skwass.vision._objective import Objective
from skwass.vision._recipe import Recipe

_PHOTOGRAPH = 3
#: longest shifts of photographs and of other images, as a share of the side
_FAR, _NEAR = 1 / 8, 1 / 16


def views_of(augmentation: Any, images: Images) -> Views | None:
    """The user's function, or what suits the kind of samples."""
    if augmentation is None:
        return None
    if not isinstance(augmentation, str):
        return Views(augmentation)
    if images.form.tabular:
        return None
    n_channels, *sides = images.form.shape
    if n_channels == _PHOTOGRAPH:
        return Views(ImageAugmentation(padding=_FAR, flip=0.5))
    # letters and digits, of one channel, are not the same in a mirror, nor at an edge
    if not any(round(_NEAR * side) for side in sides):
        return None
    return Views(ImageAugmentation(padding=_NEAR))


def objective_of(recipe: Recipe, views: Views | None) -> Objective:
    """The loss of a batch."""
    mixes, regularised = recipe.mixup or recipe.cutmix, recipe.lambda1 or recipe.lambda2
    return Objective(
        loss=WeightedCrossEntropy(recipe.label_smoothing),
        views=views,
        mixing=ImageMixing(recipe.mixup, recipe.cutmix) if mixes else None,
        triplets=TripletWassersteinLoss(recipe.lambda1, recipe.lambda2)
        if regularised
        else None,
    )


def trained(
    network: StochasticViT,
    recipe: Recipe,
    objective: Objective,
    samples: Samples,
    held_out: Samples | None,
    stream: TorchStream,
) -> StochasticViTNet:
    """A net that has been trained, and holds the network to be kept."""
    batches = Batches(samples, recipe.batch_size, [stream.seed], stacked=False)
    module = Averaged(network, recipe.ema) if recipe.ema else network
    judged = None
    if held_out is not None:
        judged = predefined_split(HeldOut(held_out, recipe.batch_size, None))
    net = StochasticViTNet(
        module,
        objective.loss,
        stream=stream,
        objective=objective,
        max_grad_norm=recipe.max_grad_norm,
        optimizer=partial(_optimizer, recipe=recipe, network=network),
        lr=recipe.lr,
        max_epochs=recipe.max_iter,
        batch_size=None,
        # a loader without a generator draws from the global one
        iterator_train__generator=torch.Generator().manual_seed(stream.seed),
        iterator_valid__generator=torch.Generator().manual_seed(stream.seed),
        train_split=judged,
        callbacks=_callbacks(recipe, batches, held_out is not None),
        callbacks__print_log=None,
        device=recipe.device,
        verbose=0,
    )
    net.initialize()
    # a pickle would hold the network again, tied to the device
    net.module, net.optimizer = type(network), torch.optim.AdamW
    net.partial_fit(batches, y=None)
    stripped(net)
    # it may hold a function of the user's that does not pickle
    net.objective = None
    net.module_ = for_prediction(net.module_).eval()
    return net


def curves_of(net: StochasticViTNet) -> dict[str, list[float]]:
    """Losses of each full epoch: training, and held out if some samples were."""
    names = {"loss": "train_loss", "validation_loss": "valid_loss"}
    rows = [row for row in net.history if "train_loss" in row]
    return {
        name: [float(row[key]) for row in rows]
        for name, key in names.items()
        if name == "loss" or (rows and all(key in row for row in rows))
    }


def was_interrupted(net: StochasticViTNet) -> bool:
    """Whether a user has ended training, and not its plan."""
    stopping = dict(net.callbacks_).get("early_stopping")
    if stopping is not None and stopping.misses_ >= stopping.patience:
        return False
    return len(curves_of(net)["loss"]) < net.max_epochs


def _optimizer(
    params: Iterable[Tensor], *, lr: float, recipe: Recipe, network: StochasticViT
) -> torch.optim.Optimizer:
    """The optimiser that skorch asks for; layers near the images may learn slower."""
    free, last = network.no_weight_decay(), network.depth + 1
    groups: dict[tuple[float, float], list[Tensor]] = {}
    for name, parameter in network.named_parameters():
        if parameter.requires_grad:
            rate = lr * recipe.layer_decay ** (last - network.layer_of(name))
            decay = 0.0 if name in free else recipe.weight_decay
            groups.setdefault((rate, decay), []).append(parameter)
    return torch.optim.AdamW(
        [
            {"params": parameters, "lr": rate, "weight_decay": decay}
            for (rate, decay), parameters in groups.items()
        ],
        lr=lr,
        # by default it is only used on GPUs
        fused=True if recipe.device.startswith(("cpu", "cuda")) else None,
    )


def _callbacks(
    recipe: Recipe, batches: Batches, judged: bool
) -> list[tuple[str, Callback]]:
    advice = f"Lower lr (now {recipe.lr:g}), or rescale X, and fit again."
    n_steps = recipe.max_iter * batches.n_batches
    n_first = round(recipe.warmup_fraction * n_steps)
    factor = WarmUp(n_steps, n_first, falls=recipe.lr_schedule == "cosine")
    callbacks: list[tuple[str, Callback]] = [
        ("finite", StopWhenNotFinite(advice)),
        ("schedule", LRScheduler(LambdaLR, lr_lambda=factor, step_every="batch")),
    ]
    if judged and recipe.early_stopping:
        early_stopping = StopWhenNotFalling(
            patience=recipe.n_iter_no_change, threshold=recipe.tol, load_best=True
        )
        callbacks.append(("early_stopping", early_stopping))
    if recipe.verbose:
        callbacks.append(("progress", ProgressBar("training")))
    return callbacks
