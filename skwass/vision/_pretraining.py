"""One run of pre-training, through skorch."""

from __future__ import annotations

import warnings
from collections.abc import Iterable
from functools import partial
from typing import Any

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
    check_views,
    local_torch_seed,
    stripped,
)
from skwass.vision._images import Images
from skwass.vision._masked_net import (
    CURVES,
    MaskedNet,
    TargetMonitor,
    warn_if_collapsed,
)
from skwass.vision._pretraining_recipe import PretrainingRecipe
from skwass.vision._reading import check_finite, pooled_means, reader_of
from skwass.vision._runs import views_of


def student_and_teacher(
    network: StochasticViT, tabular: bool, seed: int
) -> MaskedPrediction:
    """The network and what it is pre-trained with."""
    with local_torch_seed(seed):
        return MaskedPrediction(network, blocks=not tabular).float()


def pretrain(
    module: MaskedPrediction,
    recipe: PretrainingRecipe,
    images: Images,
    augmentation: Any,
    stream: TorchStream,
    stacklevel: int,
) -> MaskedNet:
    """A net that has been trained, and holds the module.

    Warns if it was interrupted, or has collapsed.

    Raises
    ------
    KeyboardInterrupt
        If it is stopped in the first epoch, when there is nothing to keep.
    FloatingPointError
        If the loss or what is learnt turns NaN or infinite.
    """
    views = views_of(augmentation, images)
    if views is not None:
        check_views(views, images.pixels, stream)
    net = _trained(_told(module, recipe), recipe, images, views, stream)
    history = curves_of(net)
    n_epochs = len(history["loss"])
    if not n_epochs:
        raise KeyboardInterrupt
    some = images.like(images.pixels[: recipe.batch_size])
    reader = reader_of(net.module_.student, some, net.device)
    check_finite([pooled_means(reader, some)], recipe.lr)
    if n_epochs < recipe.max_iter:
        warnings.warn(
            f"Pre-training was interrupted; the network is that after {n_epochs} of "
            f"{recipe.max_iter} epochs.",
            UserWarning,
            stacklevel=stacklevel,
        )
    if recipe.batch_size > 1:  # a single image differs from no other
        warn_if_collapsed(history, recipe.lr, stacklevel + 1)
    return net


def curves_of(net: MaskedNet) -> dict[str, list[float]]:
    """Loss and figures of each full epoch."""
    rows = [row for row in net.history if "target_spread" in row]
    names = {"loss": "train_loss", **{name: name for name in CURVES}}
    return {name: [float(row[key]) for row in rows] for name, key in names.items()}


def _told(module: MaskedPrediction, recipe: PretrainingRecipe) -> MaskedPrediction:
    """How it is trained may change from fit to fit."""
    module.mask_share = recipe.mask_share
    module.n_target_blocks = recipe.n_target_blocks or max(1, module.student.depth // 2)
    module.beta = recipe.beta
    module.contrast = recipe.lambda_contrast
    module.pooled_weight = recipe.pooled_weight
    return module


def _trained(
    module: MaskedPrediction,
    recipe: PretrainingRecipe,
    images: Images,
    views: Views | None,
    stream: TorchStream,
) -> MaskedNet:
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
    return net


def _optimizer(
    params: Iterable[Tensor],
    *,
    lr: float,
    recipe: PretrainingRecipe,
    module: MaskedPrediction,
) -> torch.optim.Optimizer:
    """The optimiser that skorch asks for; the teacher is not its business."""
    student = {f"student.{name}" for name in module.student.no_weight_decay()}
    free: list[Tensor] = []
    decayed: list[Tensor] = []
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
