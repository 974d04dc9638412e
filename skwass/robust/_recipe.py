"""How to train: the parameters of an estimator, checked and resolved."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from numbers import Integral
from typing import Any

import torch

from skwass.nn import checked_device

OPTIMIZERS: dict[str, type[torch.optim.Optimizer]] = {
    "adam": torch.optim.Adam,
    "adamw": torch.optim.AdamW,
    "sgd": torch.optim.SGD,
}
_LR = {"sgd": 0.03}
_OTHER_LR = 1e-3
_MOMENTUM = 0.9
_BATCH = 64
_NOISE_OF_PARTICLES = 0.3


@dataclass(frozen=True)
class Recipe:
    """The parameters of a fit, named as in `OTMDRClassifier`."""

    distribution: str
    n_members: int
    rho: float
    n_particles: int
    n_ascent_steps: int
    noise: float
    norm: float
    adaptive: bool
    optimizer: Callable[..., torch.optim.Optimizer]
    lr: float
    weight_decay: float
    lr_schedule: str
    batch_size: int
    max_iter: int
    early_stopping: bool
    validation_fraction: float
    tol: float
    n_iter_no_change: int
    prior_scale: float
    kl_weight: float | str
    hidden_layer_sizes: tuple[int, ...]
    device: str
    n_jobs: int | None
    verbose: int

    @classmethod
    def of(cls, estimator: Any, n_samples: int) -> Recipe:
        """Read them off the estimator, and check what its constraints cannot."""
        layers = tuple(estimator.hidden_layer_sizes)
        if not all(isinstance(w, Integral) and int(w) > 0 for w in layers):
            raise ValueError(
                "hidden_layer_sizes must be positive integers; got "
                f"{estimator.hidden_layer_sizes!r}."
            )
        ensemble = estimator.distribution == "ensemble"
        name = estimator.optimizer
        known = isinstance(name, str)
        lr = _LR.get(name, _OTHER_LR) if estimator.lr == "auto" else estimator.lr
        batch = _BATCH if estimator.batch_size == "auto" else estimator.batch_size
        noise = estimator.noise
        if noise == "auto":
            noise = _NOISE_OF_PARTICLES if estimator.n_particles > 1 else 0.0
        given = (
            "rho n_particles n_ascent_steps norm adaptive distribution weight_decay "
            "lr_schedule max_iter early_stopping validation_fraction tol "
            "n_iter_no_change prior_scale kl_weight n_jobs verbose"
        )
        return cls(
            **{each: getattr(estimator, each) for each in given.split()},
            n_members=estimator.n_members if ensemble else 1,
            noise=noise,
            optimizer=OPTIMIZERS[name] if known else _usable(name),
            lr=lr,
            batch_size=min(batch, n_samples),
            hidden_layer_sizes=layers,
            device=checked_device(estimator.device),
        )

    @property
    def bayesian(self) -> bool:
        """Whether weights have a posterior."""
        return self.distribution == "bayesian"

    def for_one_epoch(self) -> Recipe:
        """The same for a part of a stream, which has no end to plan for."""
        return replace(self, max_iter=1, lr_schedule="constant", early_stopping=False)

    @property
    def optimizer_params(self) -> dict[str, Any]:
        """What the optimiser takes besides the learning rate."""
        if self.optimizer is torch.optim.SGD:
            return {"momentum": _MOMENTUM, "weight_decay": self.weight_decay}
        if not _takes(self.optimizer, "weight_decay"):
            return {}
        return {"weight_decay": self.weight_decay}


def _usable(optimizer: Any) -> Any:
    """One of the user's, which has to do with a single gradient a step."""
    made_by = optimizer.func if isinstance(optimizer, partial) else optimizer
    if isinstance(made_by, type) and issubclass(made_by, torch.optim.LBFGS):
        raise ValueError(
            "optimizer must move by one gradient a step, as Adam and SGD do; got "
            f"{optimizer!r}, which searches along a line."
        )
    return optimizer


def _takes(optimizer: Callable[..., Any], name: str) -> bool:
    """Whether it has a parameter of that name, or takes any."""
    known = inspect.signature(optimizer).parameters
    return name in known or any(p.kind is p.VAR_KEYWORD for p in known.values())
