"""How to train: the parameters of an estimator, checked and resolved."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from skwass.nn import checked_device

_BATCH = 64
_LR = 1e-3


@dataclass(frozen=True)
class Recipe:
    """The parameters of a fit, named as in `StochasticViTClassifier`."""

    lambda1: float
    lambda2: float
    label_smoothing: float
    mixup: float
    cutmix: float
    ema: float
    lr: float
    weight_decay: float
    layer_decay: float
    lr_schedule: str
    warmup_fraction: float
    max_grad_norm: float | None
    batch_size: int
    max_iter: int
    early_stopping: bool
    n_iter_no_change: int
    tol: float
    device: str
    verbose: int

    @classmethod
    def of(cls, estimator: Any, n_samples: int) -> Recipe:
        """Read them off the estimator, and check what its constraints cannot."""
        lr = _LR if estimator.lr == "auto" else estimator.lr
        batch = _BATCH if estimator.batch_size == "auto" else estimator.batch_size
        given = (
            "lambda1 lambda2 label_smoothing mixup cutmix ema weight_decay layer_decay "
            "lr_schedule warmup_fraction max_grad_norm max_iter early_stopping "
            "n_iter_no_change tol verbose"
        )
        return cls(
            **{each: getattr(estimator, each) for each in given.split()},
            lr=lr,
            batch_size=min(batch, n_samples),
            device=checked_device(estimator.device),
        )
