"""How to pre-train: the parameters of a pre-trainer, checked and resolved."""

from __future__ import annotations

from dataclasses import dataclass
from numbers import Real
from typing import Any

from skwass.nn import checked_device
from skwass.vision._images import Form
from skwass.vision._recipe import automatic_batch_size

#: momenta of the teacher, as published for long runs, and how many times it has to
#: forget in the course of a short one
_MOMENTA = ((0.999, 80), (0.9998, 8))
_LEAST_MOMENTUM = 0.5
#: what is predicted is smoother than labels, and wants longer steps
_LR, _WIDTH, _LARGEST_LR = 1e-2, 64, 2e-2


@dataclass(frozen=True)
class PretrainingRecipe:
    """The parameters of a fit, named as in `StochasticViTPretrainer`."""

    mask_share: float
    n_target_blocks: int | None
    beta: float
    lambda_contrast: float
    pooled_weight: float
    momentum: tuple[float, float] | None
    lr: float
    weight_decay: float
    lr_schedule: str
    warmup_fraction: float
    max_grad_norm: float | None
    batch_size: int
    max_iter: int
    device: str
    verbose: int

    @classmethod
    def of(
        cls, estimator: Any, n_samples: int, width: int, depth: int
    ) -> PretrainingRecipe:
        """Read them off the estimator, and check what its constraints cannot.

        Width and depth are those of the network, which need not be the estimator's.
        """
        lr, batch = estimator.lr, estimator.batch_size
        if lr == "auto":
            lr = min(_LR * _WIDTH / width, _LARGEST_LR)
        if batch == "auto":
            batch = automatic_batch_size(n_samples)
        blocks = estimator.n_target_blocks
        if blocks == "auto":
            blocks = None
        elif blocks > depth:
            raise ValueError(
                f"n_target_blocks={blocks} are more blocks than the network has; its "
                f"depth is {depth}."
            )
        given = (
            "mask_share beta lambda_contrast pooled_weight weight_decay lr_schedule "
            "warmup_fraction max_grad_norm max_iter verbose"
        )
        return cls(
            **{each: getattr(estimator, each) for each in given.split()},
            n_target_blocks=blocks,
            momentum=_momentum(estimator.momentum),
            lr=lr,
            batch_size=min(batch, n_samples),
            device=checked_device(estimator.device),
        )

    def momentum_at(self, step: int, n_steps: int) -> float:
        """That of the teacher: a line from the first to the last."""
        first, last = self.momentum or automatic_momentum(n_steps)
        return first + (last - first) * step / max(1, n_steps - 1)


def automatic_momentum(n_steps: int) -> tuple[float, float]:
    """As published, unless the teacher would stay as it began in so few steps."""
    first, last = (
        min(published, max(_LEAST_MOMENTUM, 1 - times / n_steps))
        for published, times in _MOMENTA
    )
    return first, last


def check_that_some_can_be_seen(form: Form, patch: tuple[int, int]) -> None:
    """A ValueError if an image is a single patch, which would be hidden or not."""
    _, height, width = form.shape
    if height * width > patch[0] * patch[1]:
        return
    what = f"{width} feature(s)" if form.tabular else f"{height} × {width} pixels"
    raise ValueError(
        "Pre-training hides some patches and shows others, so there have to be two at "
        f"least; X has {what}, which make a single one of {patch[0]} × {patch[1]}."
    )


def _momentum(given: Any) -> tuple[float, float] | None:
    if isinstance(given, str):  # "auto"
        return None
    pair = (given, given) if isinstance(given, Real) else tuple(given)
    if len(pair) != 2 or not all(_is_share(momentum) for momentum in pair):
        raise ValueError(
            "momentum must be 'auto', a number between 0 and 1 or two of them, for the "
            f"first and the last step; got {given!r}."
        )
    return float(pair[0]), float(pair[1])


def _is_share(momentum: Any) -> bool:
    return isinstance(momentum, Real) and 0 <= float(momentum) <= 1
