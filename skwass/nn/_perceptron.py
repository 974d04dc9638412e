"""Perceptrons for tables: one, or several side by side."""

from __future__ import annotations

import copy
import math
from collections.abc import Sequence
from itertools import pairwise

import torch
from torch import Tensor, nn


class Standardize(nn.Module):
    """Brings columns to a common centre and scale, known beforehand.

    Parameters
    ----------
    mean : Tensor of shape (n_inputs,)
        What is taken off.
    scale : Tensor of shape (n_inputs,)
        What the rest is divided by; positive.
    """

    mean: Tensor
    scale: Tensor

    def __init__(self, mean: Tensor, scale: Tensor) -> None:
        super().__init__()
        self.register_buffer("mean", mean)
        self.register_buffer("scale", scale)

    def forward(self, x: Tensor) -> Tensor:
        """Shift and divide."""
        return (x - self.mean) / self.scale


def centre_and_scale(rows: Tensor) -> tuple[Tensor, Tensor]:
    """Means and standard deviations of columns, as `Standardize` takes them.

    A column that says nothing, since it is constant but for rounding, has a scale of
    one.

    Parameters
    ----------
    rows : Tensor of shape (n_rows, n_columns)
        A table.

    Returns
    -------
    mean, scale : Tensor of shape (n_columns,), float32
        Computed in float64.
    """
    exact = rows.double()
    scale = exact.std(dim=0, correction=0)
    steady = scale <= torch.finfo(rows.dtype).eps * exact.abs().amax(dim=0)
    return exact.mean(dim=0).float(), torch.where(steady, 1.0, scale).float()


class StackedLinear(nn.Module):
    """As many linear maps as there are members, applied in one matrix product.

    Parameters
    ----------
    n_members : int
        Number of maps.
    n_inputs, n_outputs : int
        Their shape. Each starts as `torch.nn.Linear` does.
    """

    def __init__(self, n_members: int, n_inputs: int, n_outputs: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.empty(n_members, n_inputs, n_outputs))
        self.bias = nn.Parameter(torch.empty(n_members, n_outputs))
        bound = 1 / math.sqrt(n_inputs)
        nn.init.uniform_(self.weight, -bound, bound)
        nn.init.uniform_(self.bias, -bound, bound)

    def forward(self, x: Tensor) -> Tensor:
        """From (n_members, n, n_inputs) to (n_members, n, n_outputs)."""
        return torch.baddbmm(self.bias[:, None], x, self.weight)

    @torch.no_grad()
    def member(self, place: int) -> nn.Linear:
        """A copy of one of the maps."""
        weight = self.weight[place].T
        # its own start would be thrown away, and must not draw random numbers
        layer = nn.utils.skip_init(nn.Linear, weight.shape[1], weight.shape[0])
        layer.to(weight.device, weight.dtype)
        layer.weight.copy_(weight)
        layer.bias.copy_(self.bias[place])
        return layer.requires_grad_(self.weight.requires_grad)


class Perceptron(nn.Sequential):
    """A perceptron on columns of a table, or a stack of them.

    Parameters
    ----------
    n_inputs, n_outputs : int
        Columns that come in and go out.
    hidden_layer_sizes : sequence of int, default=(128, 128)
        Widths of the hidden layers.
    dropout : float, default=0.0
        Share of hidden units left out in training.
    n_members : int, default=None
        So many perceptrons side by side: inputs have shape (n_members, n, n_inputs),
        or (n, n_inputs), the same for all, and outputs (n_members, n, n_outputs).
        None is one, without that axis.
    mean, scale : Tensor of shape (n_inputs,), default=None
        What inputs are brought to the same centre and scale by; None leaves them.

    Examples
    --------
    >>> import torch
    >>> from skwass.nn import Perceptron
    >>> Perceptron(4, 3)(torch.zeros(5, 4)).shape
    torch.Size([5, 3])
    >>> Perceptron(4, 3, n_members=7)(torch.zeros(5, 4)).shape
    torch.Size([7, 5, 3])
    """

    def __init__(
        self,
        n_inputs: int,
        n_outputs: int,
        hidden_layer_sizes: Sequence[int] = (128, 128),
        *,
        dropout: float = 0.0,
        n_members: int | None = None,
        mean: Tensor | None = None,
        scale: Tensor | None = None,
    ) -> None:
        layers: list[nn.Module] = []
        if mean is not None and scale is not None:
            layers.append(Standardize(mean, scale))
        widths = [n_inputs, *hidden_layer_sizes]
        for before, after in pairwise(widths):
            layers += [_linear(n_members, before, after), nn.ReLU()]
            if dropout:
                layers.append(nn.Dropout(dropout))
        layers.append(_linear(n_members, widths[-1], n_outputs))
        super().__init__(*layers)
        self.n_members = n_members

    @torch.no_grad()
    def take(self, members: Sequence[Perceptron]) -> None:
        """Let a stack start from the weights of as many single perceptrons."""
        for layers in zip(self, *members, strict=True):
            stack, *singles = layers
            if isinstance(stack, StackedLinear):
                stack.weight.copy_(torch.stack([one.weight.T for one in singles]))
                stack.bias.copy_(torch.stack([one.bias for one in singles]))

    def alone(self) -> list[Perceptron]:
        """Copies of the members of a stack, as single perceptrons."""
        return [self._member(place) for place in range(self.n_members or 0)]

    def _member(self, place: int) -> Perceptron:
        one = copy.deepcopy(self)
        one.n_members = None
        for name, layer in self.named_children():
            if isinstance(layer, StackedLinear):
                one._modules[name] = layer.member(place)
        return one

    def forward(self, x: Tensor) -> Tensor:
        """Outputs of each row, by each member."""
        if self.n_members is not None and x.ndim == 2:
            x = x.expand(self.n_members, *x.shape)
        outputs: Tensor = super().forward(x)
        return outputs


def _linear(n_members: int | None, n_inputs: int, n_outputs: int) -> nn.Module:
    if n_members is None:
        return nn.Linear(n_inputs, n_outputs)
    return StackedLinear(n_members, n_inputs, n_outputs)
