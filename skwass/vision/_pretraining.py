"""One run of pre-training, through skorch."""

from __future__ import annotations

from collections.abc import Iterable
from functools import partial

import torch
from skorch.callbacks import Callback, LRScheduler
from torch import Tensor
from torch.optim.lr_scheduler import LambdaLR

from skwass.nn import MaskedPrediction, StochasticViT
from skwass.training import (
    Batches,
    ProgressBar,
    Samples,
    StopWhenNotFinite,
    TorchStream,
    Views,
    WarmUp,
    local_torch_seed,
    stripped,
)
from skwass.vision._images import Images
from skwass.vision._masked_net import CURVES, MaskedNet, TargetMonitor
from skwass.vision._pretraining_recipe import PretrainingRecipe


def student_and_teacher(
    network: StochasticViT, tabular: bool, seed: int
) -> MaskedPrediction:
    """The network and what it is pre-trained with."""
    with local_torch_seed(seed):
        return MaskedPrediction(network, blocks=not tabular).float()


def adapted(module: MaskedPrediction, recipe: PretrainingRecipe) -> MaskedPrediction:
    """A module told how it is trained, which may change from fit to fit."""
    module.mask_share = recipe.mask_share
    module.n_target_blocks = recipe.n_target_blocks or max(1, module.student.depth // 2)
    module.beta = recipe.beta
    module.contrast = recipe.lambda_contrast
    module.pooled_weight = recipe.pooled_weight
    return module


def pretrain(
    module: MaskedPrediction,
    recipe: PretrainingRecipe,
    images: Images,
    views: Views | None,
    stream: TorchStream,
) -> MaskedNet:
    """A net that has been trained, and holds the module.

    Raises
    ------
    KeyboardInterrupt
        If it is stopped in the first epoch, when there is nothing to keep.
    """
    pixels = images.pixels
    # batches are those of a classifier, whose labels nobody looks at here
    samples = Samples(pixels, torch.zeros(len(pixels)), torch.ones(len(pixels)))
    batches = Batches(samples, recipe.batch_size, [stream.seed], stacked=False)
    n_steps = recipe.max_iter * batches.n_batches
    net = MaskedNet(
        module,
        torch.nn.Identity(),
        stream=stream,
        views=views,
        momentum_at=partial(recipe.momentum_at, n_steps=n_steps),
        max_grad_norm=recipe.max_grad_norm,
        optimizer=partial(_optimizer, recipe=recipe, module=module),
        lr=recipe.lr,
        max_epochs=recipe.max_iter,
        batch_size=None,
        # a loader without a generator draws from the global one
        iterator_train__generator=torch.Generator().manual_seed(stream.seed),
        train_split=None,
        callbacks=_callbacks(recipe, n_steps),
        callbacks__print_log=None,
        device=recipe.device,
        verbose=0,
    )
    net.initialize()
    # a pickle would hold the network again, tied to the device
    net.module, net.optimizer = type(module), torch.optim.AdamW
    net.partial_fit(batches, y=None)
    stripped(net)
    # it may be a function of the user's that does not pickle
    net.views = None
    net.module_.eval()
    if not curves_of(net)["loss"]:
        raise KeyboardInterrupt
    return net


def curves_of(net: MaskedNet) -> dict[str, list[float]]:
    """Loss and figures of each full epoch."""
    rows = [row for row in net.history if "target_spread" in row]
    names = {"loss": "train_loss", **{name: name for name in CURVES}}
    return {name: [float(row[key]) for row in rows] for name, key in names.items()}


def _optimizer(
    params: Iterable[Tensor],
    *,
    lr: float,
    recipe: PretrainingRecipe,
    module: MaskedPrediction,
) -> torch.optim.Optimizer:
    """The optimiser that skorch asks for; the teacher is not its business."""
    student = {f"student.{name}" for name in module.student.no_weight_decay()}
    free, decayed = [], []
    for name, parameter in module.named_parameters():
        if parameter.requires_grad:
            is_free = name in student or parameter.ndim < 2 or name.endswith(".place")
            (free if is_free else decayed).append(parameter)
    return torch.optim.AdamW(
        [
            {"params": free, "weight_decay": 0.0},
            {"params": decayed, "weight_decay": recipe.weight_decay},
        ],
        lr=lr,
        # by default it is only used on GPUs
        fused=True if recipe.device.startswith(("cpu", "cuda")) else None,
    )


def _callbacks(recipe: PretrainingRecipe, n_steps: int) -> list[tuple[str, Callback]]:
    advice = f"Lower lr (now {recipe.lr:g}), or rescale X, and fit again."
    n_first = round(recipe.warmup_fraction * n_steps)
    factor = WarmUp(n_steps, n_first, falls=recipe.lr_schedule == "cosine")
    callbacks: list[tuple[str, Callback]] = [
        ("finite", StopWhenNotFinite(advice)),
        ("monitor", TargetMonitor()),
        ("schedule", LRScheduler(LambdaLR, lr_lambda=factor, step_every="batch")),
    ]
    if recipe.verbose:
        shown = {"prediction": "prediction", "spread": "target_spread"}
        callbacks.append(("progress", ProgressBar("pre-training", shown)))
    return callbacks
