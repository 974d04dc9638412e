"""One run of training, through skorch."""

from __future__ import annotations

from collections.abc import Iterable
from functools import partial
from typing import Any

import torch
from skorch.callbacks import Callback, LRScheduler
from skorch.helper import predefined_split
from torch import Tensor, nn
from torch.optim.lr_scheduler import CosineAnnealingLR, OneCycleLR

from skwass.nn import BayesianLayer
from skwass.robust._net import SharpnessAwareNet
from skwass.robust._optimizer import OTMDR
from skwass.robust._recipe import Recipe
from skwass.training import (
    Batches,
    HeldOut,
    ProgressBar,
    Samples,
    StopWhenNotFalling,
    StopWhenNotFinite,
    TorchStream,
)


def net_of(
    module: nn.Module,
    loss: nn.Module,
    recipe: Recipe,
    batches: Batches,
    held_out: Samples | None,
) -> SharpnessAwareNet:
    """A net around a module, ready to be trained."""
    n_members, seed = len(batches.seeds), batches.seeds[0]
    stack = n_members if batches.stacked else None
    judged = None
    if held_out is not None:
        judged = predefined_split(HeldOut(held_out, recipe.batch_size, stack))
    net = SharpnessAwareNet(
        module,
        loss,
        stream=TorchStream(seed, recipe.device),
        n_members=n_members,
        kl_share=_kl_share(module, recipe, len(batches.samples)),
        optimizer=partial(
            _optimizer,
            recipe=recipe,
            module=module,
            seed=seed,
            n_members=stack or 1,
        ),
        lr=recipe.lr,
        max_epochs=recipe.max_iter,
        batch_size=None,
        # a loader without a generator draws from the global one
        iterator_train__generator=torch.Generator().manual_seed(seed),
        iterator_valid__generator=torch.Generator().manual_seed(seed),
        train_split=judged,
        callbacks=_callbacks(recipe, batches, held_out is not None),
        callbacks__print_log=None,
        device=recipe.device,
        verbose=0,
    )
    net.initialize()
    # a pickle would hold the network again, tied to the device
    net.module, net.optimizer = type(module), OTMDR
    return net


def go_on_with(
    net: SharpnessAwareNet, loss: nn.Module, recipe: Recipe, n_samples: int
) -> None:
    """Train on by a recipe that may have changed; the optimiser keeps its past."""
    net.criterion_ = loss
    net.kl_share = _kl_share(net.module_, recipe, n_samples)
    optimizer = net.optimizer_
    for name in ("n_particles", "n_ascent_steps", "noise", "norm", "adaptive"):
        setattr(optimizer, name, getattr(recipe, name))
    for group in optimizer.param_groups:
        group["lr"] = recipe.lr
        if group["perturb"]:
            group |= {"rho": recipe.rho, **recipe.optimizer_params}


def _optimizer(
    params: Iterable[Tensor],
    *,
    lr: float,
    recipe: Recipe,
    module: nn.Module,
    seed: int,
    n_members: int,
) -> OTMDR:
    """The optimiser that skorch asks for; scales of Bayesian weights do not ascend."""
    spreads = _spreads(module)
    known = {id(spread) for spread in spreads}
    others = [p for p in module.parameters() if id(p) not in known]
    groups: list[dict[str, Any]] = [{"params": others}]
    if spreads:
        decays = "weight_decay" in recipe.optimizer_params
        plain = {"weight_decay": 0.0} if decays else {}
        groups.append({"params": spreads, "perturb": False, **plain})
    return OTMDR(
        groups,
        recipe.optimizer,
        rho=recipe.rho,
        n_particles=recipe.n_particles,
        n_ascent_steps=recipe.n_ascent_steps,
        noise=recipe.noise,
        norm=recipe.norm,
        adaptive=recipe.adaptive,
        n_members=n_members,
        module=module,
        generator=torch.Generator(recipe.device).manual_seed(seed),
        lr=lr,
        **recipe.optimizer_params,
    )


def _spreads(module: nn.Module) -> list[Tensor]:
    layers = [part for part in module.modules() if isinstance(part, BayesianLayer)]
    found = [s for one in layers for s in (one.weight_spread, one.bias_spread)]
    return list({id(spread): spread for spread in found if spread is not None}.values())


def _kl_share(module: nn.Module, recipe: Recipe, n_samples: int) -> float:
    """How much the divergence counts beside the mean loss of a sample."""
    n_weights = sum(spread.numel() for spread in _spreads(module))
    if not n_weights:
        return 0.0
    if isinstance(recipe.kl_weight, str):  # "auto"
        return min(1 / n_samples, 1 / n_weights)
    return recipe.kl_weight / n_samples


def _callbacks(
    recipe: Recipe, batches: Batches, judged: bool
) -> list[tuple[str, Callback]]:
    advice = (
        f"Lower lr (now {recipe.lr:g}) or rho (now {recipe.rho:g}), or rescale X, and "
        "fit again."
    )
    callbacks: list[tuple[str, Callback]] = [("finite", StopWhenNotFinite(advice))]
    n_steps = recipe.max_iter * batches.n_batches
    schedules: dict[str, tuple[type, dict[str, Any]]] = {
        "cosine": (CosineAnnealingLR, {"T_max": n_steps}),
        "one-cycle": (OneCycleLR, {"max_lr": recipe.lr, "total_steps": n_steps}),
    }
    if recipe.lr_schedule in schedules:
        policy, parameters = schedules[recipe.lr_schedule]
        schedule = LRScheduler(policy, step_every="batch", **parameters)
        callbacks.append(("schedule", schedule))
    if judged:
        early_stopping = StopWhenNotFalling(
            patience=recipe.n_iter_no_change, threshold=recipe.tol, load_best=True
        )
        callbacks.append(("early_stopping", early_stopping))
    if recipe.verbose:
        callbacks.append(("progress", ProgressBar("training")))
    return callbacks
