"""The loss over a whole data set, as a function of the weights of a module."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager

import torch
from torch import Tensor, nn
from torch.nn.attention import SDPBackend, sdpa_kernel

from skwass.nn._bayesian import BayesianLayer

#: of the largest eigenvalue found, in absolute terms: what rounding hides
_ROUNDING = 1e-12


class Landscape:
    r"""The loss of a module over a whole data set, as a function of its weights.

    .. math:: L(\theta) = \sum_b \ell_b(\theta)

    where each term is the share of one batch. Coordinates are the parameters that
    require a gradient; of Bayesian layers the means alone. Vectors are lists of
    tensors, one for each of them.

    Parameters
    ----------
    module : Module
        Whose weights they are. Put it in evaluation first: batch statistics or dropout
        would make another function of it at each call.
    terms : sequence of callable
        Each returns its share of the loss, shape (), at the weights as they are.

    Attributes
    ----------
    parameters : list of Tensor
        Where the module stands.

    Examples
    --------
    >>> import torch
    >>> from skwass.nn import Landscape
    >>> module = torch.nn.Linear(2, 1, bias=False)
    >>> x = torch.tensor([[2.0, 0.0], [0.0, 1.0]])
    >>> landscape = Landscape(module, [lambda: module(x).square().sum()])
    >>> round(landscape.top_eigenvalue(torch.Generator().manual_seed(0))[0], 4)
    8.0
    """

    def __init__(
        self, module: nn.Module, terms: Sequence[Callable[[], Tensor]]
    ) -> None:
        parts = list(module.modules())
        spreads = {
            id(spread)
            for part in parts
            if isinstance(part, BayesianLayer)
            for spread in (part.weight_spread, part.bias_spread)
        }
        self.parameters: list[Tensor] = [
            parameter
            for parameter in module.parameters()
            if parameter.requires_grad
            and parameter.numel()
            and id(parameter) not in spreads
        ]
        self.terms = list(terms)
        self._recurrent = any(isinstance(part, nn.RNNBase) for part in parts)

    @torch.no_grad()
    def loss(self) -> float:
        """The loss where the weights are.

        Returns
        -------
        loss : float
            The sum of all terms.
        """
        return sum(float(term()) for term in self.terms)

    def gradient(self) -> tuple[float, list[Tensor]]:
        """The loss where the weights are, and its gradient.

        Returns
        -------
        loss : float
            The sum of all terms.
        gradient : list of Tensor
            One for each of `parameters`; zeros for those that the loss does not know.
        """
        loss, total = 0.0, self._zeros()
        with self._differentiable():
            for term in self.terms:
                share = term()
                _add_(total, self._derivatives([share]))
                loss += float(share.detach())
        return loss, total

    def hessian_product(self, direction: Sequence[Tensor]) -> list[Tensor]:
        """The matrix of second derivatives, times a direction.

        Parameters
        ----------
        direction : sequence of Tensor
            One for each of `parameters`.

        Returns
        -------
        product : list of Tensor
            Likewise.
        """
        total = self._zeros()
        with self._differentiable():
            for term in self.terms:
                first = self._derivatives([term()], create_graph=True)
                pairs = [
                    (slope, part)
                    for slope, part in zip(first, direction, strict=True)
                    if slope is not None and slope.requires_grad
                ]
                if pairs:
                    slopes, parts = zip(*pairs, strict=True)
                    _add_(total, self._derivatives(slopes, parts))
        return total

    @torch.no_grad()
    def profile(self, direction: Sequence[Tensor], steps: Sequence[float]) -> Tensor:
        """Losses at ``weights + step * direction``; the weights are left as they were.

        Parameters
        ----------
        direction : sequence of Tensor
            Where to go.
        steps : sequence of float
            How far.

        Returns
        -------
        losses : Tensor of shape (n_steps,), float64
            On the CPU.
        """
        centre = [parameter.clone() for parameter in self.parameters]
        losses = []
        try:
            for step in steps:
                for parameter, start, part in zip(
                    self.parameters, centre, direction, strict=True
                ):
                    torch.add(start, part, alpha=float(step), out=parameter.data)
                losses.append(self.loss())
        finally:
            torch._foreach_copy_(self.parameters, centre)
        return torch.tensor(losses, dtype=torch.float64)

    def top_eigenvalue(
        self,
        generator: torch.Generator | None = None,
        *,
        max_iter: int = 100,
        tol: float = 1e-3,
    ) -> tuple[float, bool]:
        """Largest eigenvalue of the Hessian, by the Lanczos method.

        Three vectors are kept, not the whole basis: lost orthogonality repeats
        eigenvalues that are found already, which does the largest no harm.

        Parameters
        ----------
        generator : Generator, default=None
            Where the start comes from, on the CPU. None is torch's global generator.
        max_iter : int, default=100
            Products with the Hessian at most.
        tol : float, default=1e-3
            Length of the residual at which to stop, relative to the eigenvalue, whose
            own error is about the square of that.

        Returns
        -------
        value : float
            The eigenvalue that is largest with its sign; never above the true one.
        converged : bool
            Whether the tolerance was reached.
        """
        vector = self._scaled(random_direction(self.parameters, generator))
        before, beta = self._zeros(), 0.0
        diagonal: list[float] = []
        beside: list[float] = []
        value, converged = 0.0, False
        for _ in range(max_iter):
            image = self.hessian_product(vector)
            torch._foreach_add_(image, before, alpha=-beta)
            diagonal.append(_dot(image, vector))
            torch._foreach_add_(image, vector, alpha=-diagonal[-1])
            beta = _dot(image, image) ** 0.5
            value, residual, size = _top_of_tridiagonal(diagonal, beside, beta)
            converged = residual <= max(tol * abs(value), _ROUNDING * size)
            if converged:
                break
            beside.append(beta)
            before, vector = vector, self._scaled(image)
        return value, converged

    def _derivatives(
        self,
        of: Sequence[Tensor],
        along: Sequence[Tensor] | None = None,
        create_graph: bool = False,
    ) -> tuple[Tensor | None, ...]:
        return torch.autograd.grad(
            of, self.parameters, along, create_graph=create_graph, allow_unused=True
        )

    def _zeros(self) -> list[Tensor]:
        return [torch.zeros_like(parameter) for parameter in self.parameters]

    def _scaled(self, vector: list[Tensor]) -> list[Tensor]:
        """In place, to a length of one."""
        torch._foreach_mul_(vector, _dot(vector, vector) ** -0.5)
        return vector

    @contextmanager
    def _differentiable(self) -> Iterator[None]:
        """Without fused kernels that have no gradient here, or none of a gradient."""
        with ExitStack() as stack:
            stack.enter_context(torch.enable_grad())
            stack.enter_context(sdpa_kernel(SDPBackend.MATH))
            if self._recurrent:
                stack.enter_context(torch.backends.cudnn.flags(enabled=False))
            yield


@torch.no_grad()
def random_direction(
    parameters: Sequence[Tensor],
    generator: torch.Generator | None = None,
    *,
    filter_normalised: bool = False,
) -> list[Tensor]:
    r"""Standard normal numbers in the shape of parameters.

    With `filter_normalised`, each filter :math:`d_i` of the direction gets the length
    of the filter :math:`\theta_i` of the parameters,

    .. math:: d_i \leftarrow \frac{d_i}{\|d_i\|} \|\theta_i\|,

    and biases and scales of normalisation, which have a single axis, get zeros [1]_.
    Networks that differ in the scale of their weights alone can then be compared. A
    filter is what makes one output: a row of a linear layer, a kernel of a convolution.

    Parameters
    ----------
    parameters : sequence of Tensor
        Whose shapes to take.
    generator : Generator, default=None
        On the CPU, so that all devices see the same. None is torch's global generator.
    filter_normalised : bool, default=False
        Whether to scale.

    Returns
    -------
    direction : list of Tensor
        On the devices, and of the types, of the parameters.

    References
    ----------
    .. [1] Li, Xu, Taylor, Studer, Goldstein. Visualizing the loss landscape of neural
       nets. NeurIPS 2018.

    Examples
    --------
    >>> import torch
    >>> from skwass.nn import random_direction
    >>> weight = torch.tensor([[3.0, 4.0], [0.0, 1.0]])
    >>> rows, = random_direction([weight], filter_normalised=True)
    >>> torch.allclose(rows.norm(dim=1), torch.tensor([5.0, 1.0]))
    True
    """
    direction = []
    for parameter in parameters:
        # drawn even where it is not used: other draws must not depend on that
        part = torch.randn(parameter.shape, generator=generator, dtype=torch.float64)
        part = part.to(parameter.device, parameter.dtype)
        if filter_normalised:
            part = _like_filters(part, parameter)
        direction.append(part)
    return direction


def _like_filters(part: Tensor, parameter: Tensor) -> Tensor:
    if parameter.dim() < 2:
        return torch.zeros_like(part)
    rows, filters = part.flatten(1), parameter.flatten(1)
    factor = filters.norm(dim=1) / rows.norm(dim=1)
    return (rows * factor[:, None]).view_as(part)


def _top_of_tridiagonal(
    diagonal: list[float], beside: list[float], beta: float
) -> tuple[float, float, float]:
    """Largest eigenvalue, its residual in the large matrix, the largest of any sign."""
    matrix = torch.diag(torch.tensor(diagonal, dtype=torch.float64))
    if beside:
        band = torch.diag(torch.tensor(beside, dtype=torch.float64), 1)
        matrix += band + band.T
    values, vectors = torch.linalg.eigh(matrix)
    residual = beta * abs(float(vectors[-1, -1]))
    return float(values[-1]), residual, float(values.abs().max())


def _add_(total: list[Tensor], parts: Sequence[Tensor | None]) -> None:
    for into, part in zip(total, parts, strict=True):
        if part is not None:
            into.add_(part.detach())


def _dot(first: Sequence[Tensor], second: Sequence[Tensor]) -> float:
    return sum(
        float(torch.sum(a * b, dtype=torch.float64))
        for a, b in zip(first, second, strict=True)
    )
