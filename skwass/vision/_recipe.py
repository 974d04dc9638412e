"""How to train: the parameters of an estimator, checked and resolved."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from skwass.nn import checked_device

_LEAST_BATCH, _LARGEST_BATCH = 8, 64
#: batches of an epoch that there should be at least
_BATCHES = 16
#: of a network of that width; the wider one is, the smaller are its steps
_LR, _WIDTH, _LARGEST_LR = 2e-3, 64, 1e-2


def automatic_batch_size(n_samples: int) -> int:
    """A power of two, by which few samples make batches enough."""
    size = _LARGEST_BATCH
    while size > _LEAST_BATCH and size * _BATCHES > n_samples:
        size //= 2
    return size


def automatic_lr(width: int) -> float:
    """The inverse of the width, but for very narrow networks."""
    return min(_LR * _WIDTH / width, _LARGEST_LR)


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
    def of(cls, estimator: Any, n_samples: int, width: int) -> Recipe:
        """Read them off the estimator, and check what its constraints cannot."""
        lr, batch = estimator.lr, estimator.batch_size
        if lr == "auto":
            lr = automatic_lr(width)
        if batch == "auto":
            batch = automatic_batch_size(n_samples)
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
