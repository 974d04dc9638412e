"""How to train: the parameters of the estimator, checked and resolved."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from functools import partial
from numbers import Integral
from typing import Any

import torch

from skwass.nn import LARS, checked_device
from skwass.selfsupervised._methods import METHODS, Method

OPTIMIZERS: dict[str, Callable[..., torch.optim.Optimizer]] = {
    "adamw": torch.optim.AdamW,
    "sgd": partial(torch.optim.SGD, momentum=0.9),
    "lars": LARS,
}
#: of a batch of 256; rates of plain descent grow with the batch
_LR = {"adamw": 1e-3, "sgd": 0.05, "lars": 0.3}
_BATCH_OF_LR = 256
_QUEUE = 4096


@dataclass(frozen=True)
class Recipe:
    """The parameters of a fit, named as in `SelfSupervisedEmbedder`."""

    method: str
    n_components: int | None
    hidden_layer_sizes: tuple[int, ...]
    projector_sizes: tuple[int, ...] | None
    predictor_sizes: tuple[int, ...] | None
    temperature: float | None
    momentum: float
    queue_size: int
    options: dict[str, Any]
    uniformity: str | None
    uniformity_weight: float
    decays: bool
    optimizer: str
    lr: float
    weight_decay: float
    lr_schedule: str
    batch_size: int
    max_iter: int
    device: str
    verbose: int

    @classmethod
    def of(cls, estimator: Any, n_samples: int) -> Recipe:
        """Read them off the estimator, and check what its constraints cannot."""
        method = METHODS[estimator.method]
        batch_size = min(estimator.batch_size, n_samples)
        queue_size = min(_QUEUE, max(1, n_samples // 4))
        decay = _unless_auto(estimator.uniformity_decay, method.decay)
        lr = _LR[estimator.optimizer]
        if estimator.optimizer != "adamw":
            lr *= batch_size / _BATCH_OF_LR
        given = (
            "method momentum uniformity optimizer weight_decay lr_schedule max_iter "
            "verbose"
        )
        return cls(
            **{each: getattr(estimator, each) for each in given.split()},
            n_components=_unless_auto(estimator.n_components, None),
            hidden_layer_sizes=_widths(estimator, "hidden_layer_sizes") or (),
            projector_sizes=_projector(estimator),
            predictor_sizes=_widths(estimator, "predictor_sizes"),
            temperature=_unless_auto(estimator.temperature, method.temperature),
            queue_size=_unless_auto(estimator.queue_size, queue_size),
            options=_options(estimator, method),
            uniformity_weight=_unless_auto(estimator.uniformity_weight, method.weight),
            decays=decay == "linear",
            lr=_unless_auto(estimator.lr, lr),
            batch_size=batch_size,
            device=checked_device(estimator.device),
        )

    def for_one_epoch(self) -> Recipe:
        """The same for a part of a stream, which has no end to plan for."""
        return replace(self, max_iter=1, lr_schedule="constant", decays=False)

    @property
    def known(self) -> Method:
        """What is known of the method."""
        return METHODS[self.method]


def _unless_auto(value: Any, automatic: Any) -> Any:
    return automatic if isinstance(value, str) and value == "auto" else value


def _projector(estimator: Any) -> tuple[int, ...] | None:
    sizes = _widths(estimator, "projector_sizes")
    if sizes is not None and (not sizes or sizes[-1] < 2):
        raise ValueError(
            "projector_sizes must end with a width of at least 2, that of the "
            f"projections, which are scaled to unit length; got {sizes!r}."
        )
    return sizes


def _widths(estimator: Any, name: str) -> tuple[int, ...] | None:
    given = getattr(estimator, name)
    if isinstance(given, str):
        return None
    sizes: Iterable[Any] = tuple(given)
    if not all(isinstance(width, Integral) and int(width) > 0 for width in sizes):
        raise ValueError(f"{name} must be positive integers; got {given!r}.")
    return tuple(map(int, sizes))


def _options(estimator: Any, method: Method) -> dict[str, Any]:
    given = estimator.method_params or {}
    unknown = sorted(set(given) - set(method.options))
    if unknown:
        known = sorted(method.options) or "none"
        raise ValueError(
            f"method_params has {unknown}, which method={estimator.method!r} does not "
            f"know; it knows {known}."
        )
    return method.options | given
