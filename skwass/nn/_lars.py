"""LARS, the optimiser of large batches."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import torch
from torch import Tensor
from torch.optim import Optimizer


class LARS(Optimizer):
    r"""Layer-wise adaptive rate scaling [1]_: steps in proportion to the weights.

    .. math:: g \leftarrow g + \lambda \theta, \quad
              v \leftarrow \mu v + \eta \frac{\|\theta\|_2}{\|g\|_2} g, \quad
              \theta \leftarrow \theta - \gamma v

    for each tensor of weights. Biases and the scales of normalisations, which are
    tensors of one dimension, have neither the factor nor weight decay, as in SimCLR
    and BYOL.

    Parameters
    ----------
    params : iterable of Tensor or of dict
        What is optimised.
    lr : float
        γ.
    momentum : float, default=0.9
        μ.
    weight_decay : float, default=0.0
        λ.
    trust : float, default=0.02
        η. 0.001 is published for ImageNet; 0.02 is in use for CIFAR, where there are
        fewer steps.

    References
    ----------
    .. [1] You, Gitman, Ginsburg. Large batch training of convolutional networks. 2017.
       arXiv:1708.03888

    Examples
    --------
    >>> import torch
    >>> from skwass.nn import LARS
    >>> weight = torch.tensor([[3.0, 4.0]], requires_grad=True)
    >>> optimizer = LARS([weight], lr=1.0, trust=0.1)
    >>> (7 * weight[0, 0]).backward()
    >>> _ = optimizer.step()
    >>> weight.detach()  # a tenth of its length, 5, along the gradient
    tensor([[2.5000, 4.0000]])
    """

    def __init__(
        self,
        params: Iterable[Any],
        lr: float,
        momentum: float = 0.9,
        weight_decay: float = 0.0,
        trust: float = 0.02,
    ) -> None:
        given = {"momentum": momentum, "weight_decay": weight_decay, "trust": trust}
        for name, value in {"lr": lr, **given}.items():
            if not value >= 0:
                raise ValueError(f"{name} must be at least 0; got {value!r}.")
        super().__init__(params, {"lr": lr, **given})

    @torch.no_grad()
    def step(self, closure: Callable[[], float] | None = None) -> float | None:  # type: ignore[override]
        """Take one step.

        Parameters
        ----------
        closure : callable, default=None
            Evaluates the loss anew, and gives it.

        Returns
        -------
        loss : float or None
            What `closure` gave.
        """
        loss = None
        if closure is not None:
            with torch.enable_grad():
                loss = closure()
        for group in self.param_groups:
            for parameter in group["params"]:
                if parameter.grad is not None:
                    self._move(parameter, parameter.grad, group)
        return loss

    def _move(self, parameter: Tensor, gradient: Tensor, group: dict[str, Any]) -> None:
        if parameter.ndim > 1:
            gradient = gradient + group["weight_decay"] * parameter
            length, slope = parameter.norm(), gradient.norm()
            # weights of zero, or at rest, have no scale to go by
            known = (length > 0) & (slope > 0)
            factor = group["trust"] * length / slope
            gradient = gradient * torch.where(known, factor, torch.ones_like(factor))
        state = self.state[parameter]
        if "velocity" not in state:
            state["velocity"] = torch.zeros_like(parameter)
        velocity = state["velocity"].mul_(group["momentum"]).add_(gradient)
        parameter.sub_(velocity, alpha=group["lr"])
