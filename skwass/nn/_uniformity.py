"""How far a batch of representations is from uniform, as a loss that trains safely."""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor, distributed, nn
from torch.autograd import Function
from torch.autograd.function import once_differentiable

#: singular values below this share of the largest have no gradient
_CUT_OFF = 1e-6
#: ratio of singular values up to which their polar factor in float32 is good to 1e-6
_WELL_CONDITIONED = 16


def wasserstein_uniformity_value(
    z: Tensor,
    squared: bool = False,
    normalize: bool = True,
    *,
    eps: float = _CUT_OFF,
) -> Tensor:
    r"""Wasserstein distance of representations from uniform, with a safe gradient.

    .. math:: W_2^2 = 2 - \frac{2}{\sqrt{nm}} \|Z_c\|_*

    for rows of length one, with the nuclear norm of the centred matrix
    (arXiv:2403.00642); zero is uniform, :math:`\sqrt2` is collapsed to one point. What
    `WassersteinUniformityLoss` computes in one process; see there.

    Parameters
    ----------
    z : Tensor of shape (n_samples, n_features)
        Representations, two or more.
    squared : bool, default=False
        Give the squared distance.
    normalize : bool, default=True
        Scale rows to length one first.
    eps : float, default=1e-6
        Singular values below this share of the largest have no gradient.

    Returns
    -------
    distance : Tensor of shape ()
        In the dtype of z; float32 for half precision.

    Raises
    ------
    ValueError
        If z is not of two dimensions, is complex or of integers, has fewer than two
        rows, or has a single feature that is to be normalised.

    Examples
    --------
    >>> import torch
    >>> from skwass.nn import wasserstein_uniformity_value
    >>> corners = torch.tensor([[1.0, 0.0], [0.0, 1.0], [-1.0, 0.0], [0.0, -1.0]])
    >>> round(wasserstein_uniformity_value(corners).item(), 6)
    0.0
    >>> round(wasserstein_uniformity_value(corners[[0, 2]], squared=True).item(), 4)
    0.5858
    """
    _check(z, normalize)
    if len(z) < 2:
        raise ValueError("z must hold two representations or more; got n_samples = 1.")
    found: Tensor = _Uniformity.apply(z, squared, normalize, eps, None)
    return found


class WassersteinUniformityLoss(nn.Module):
    r"""Squared Wasserstein distance of representations from uniform.

    With mean :math:`\mu` and covariance :math:`\Sigma` (by 1/n) of n representations of
    m features, the distance between two normal distributions, :math:`N(\mu, \Sigma)`
    and :math:`N(0, I/m)`, which is close to uniform on the sphere [1]_:

    .. math:: W_2^2 = \|\mu\|^2 + 1 + \operatorname{Tr} \Sigma
              - \tfrac{2}{\sqrt m} \operatorname{Tr} \Sigma^{1/2}
              = 2 - \frac{2}{\sqrt{nm}} \|Z_c\|_*

    for rows of length one, with the nuclear norm of the centred matrix. Between zero,
    uniform, and two, collapsed to one point. Added to a self-supervised loss, with a
    weight, it keeps dimensions from collapsing.

    Work is in float64, on the Gram matrix of the smaller side; only the last product,
    for a float32 input whose singular values are within a factor of 16, is in float32,
    which is good to a millionth. The gradient is the polar factor of the centred
    matrix, without division by gaps between singular values: it is finite wherever the
    input is, also for collapsed, repeated, constant and white representations. Rows of
    length zero stay where they are and get no gradient. NaN in the input gives NaN, as
    with other losses. It cannot be differentiated twice.

    Parameters
    ----------
    squared : bool, default=True
        The square has no division by the distance in its gradient, which would pull
        ever harder near uniform. False gives the distance, as the paper does.
    normalize : bool, default=True
        Scale rows to length one first. Otherwise they are taken as they are.
    eps : float, default=1e-6
        Singular values below this share of the largest have no gradient: there, the
        direction is that of rounding.
    sync : bool, default=True
        Take the batches of all workers as one, if torch.distributed is initialised.
        Every worker must then call the loss equally often. See Notes.
    process_group : ProcessGroup, default=None
        Those workers; None is all.

    Raises
    ------
    ValueError
        If eps is not between zero and one.

    Notes
    -----
    Under ``torch.distributed``, sums and the matrix of second moments go through an
    all-reduce, so all workers get the value of the whole batch, and their shares may
    differ in size. The gradient follows ``DistributedDataParallel``, which averages
    over workers: each gets its own rows of the gradient, times the number of workers.
    The average is then exactly the gradient of a single process with the whole batch.
    Divide by the number of workers where gradients are summed instead.

    References
    ----------
    .. [1] Fang, Li, Sun, Wang. Rethinking the uniformity metric in self-supervised
       learning. ICLR 2024. arXiv:2403.00642

    Examples
    --------
    >>> import torch
    >>> from skwass.nn import WassersteinUniformityLoss
    >>> z = torch.randn(512, 16, generator=torch.Generator().manual_seed(0))
    >>> z[:, 8:] = 0  # half of the dimensions are gone: 2 - 2 sqrt(1/2), and a little
    >>> round(WassersteinUniformityLoss()(z).item(), 2)
    0.59
    """

    def __init__(
        self,
        squared: bool = True,
        normalize: bool = True,
        eps: float = _CUT_OFF,
        *,
        sync: bool = True,
        process_group: Any = None,
    ) -> None:
        super().__init__()
        if not 0 < eps < 1:
            raise ValueError(f"eps must be between 0 and 1; got {eps!r}.")
        self.squared = squared
        self.normalize = normalize
        self.eps = eps
        self.sync = sync
        self.process_group = process_group

    def forward(self, z: Tensor) -> Tensor:
        """Compare representations with uniform ones.

        Parameters
        ----------
        z : Tensor of shape (n_samples, n_features)
            Representations; under ``torch.distributed`` those of this worker.

        Returns
        -------
        loss : Tensor of shape ()
            In the dtype of z; float32 for half precision.

        Raises
        ------
        ValueError
            If z is not of two dimensions, is complex or of integers, all workers
            together have fewer than two rows, or it has a single feature that is to be
            normalised.
        """
        workers = _Workers.of(self.process_group) if self.sync else None
        if workers is None:
            return wasserstein_uniformity_value(
                z, self.squared, self.normalize, eps=self.eps
            )
        _check(z, self.normalize)
        found: Tensor = _Uniformity.apply(
            z, self.squared, self.normalize, self.eps, workers
        )
        return found

    def extra_repr(self) -> str:
        """What stands between the brackets of the repr.

        Returns
        -------
        options : str
            By name.
        """
        return f"squared={self.squared}, normalize={self.normalize}, eps={self.eps}"


class _Workers:
    """The processes whose batches are one batch."""

    def __init__(self, group: Any, size: int) -> None:
        self.group, self.size = group, size

    @classmethod
    def of(cls, group: Any) -> _Workers | None:
        """None if there is but this process."""
        if not (distributed.is_available() and distributed.is_initialized()):
            return None
        size = distributed.get_world_size(group)
        return cls(group, size) if size > 1 else None

    def add_up_(self, tensor: Tensor) -> None:
        distributed.all_reduce(tensor, group=self.group)


class _Uniformity(Function):
    """The distance; its gradient is known in closed form from one eigenproblem."""

    @staticmethod
    def forward(
        ctx: Any,
        z: Tensor,
        squared: bool,
        normalize: bool,
        eps: float,
        workers: _Workers | None,
    ) -> Tensor:
        rows = _double(z)
        lengths = _scale_to_length_one_(rows, z.dtype) if normalize else None
        mean, count = _mean(rows, workers)
        centred = rows.sub_(mean)
        wide = workers is None and len(z) < z.shape[1]
        gram = _gram(centred if wide else centred.T)
        if workers is not None:
            workers.add_up_(gram)
        spread = gram.diagonal().sum()
        power = spread / count + mean.square().sum()  # mean square of lengths
        values, vectors = _spectrum(gram, bool(spread.isfinite()))
        scale = 2 / math.sqrt(z.shape[1] * count)
        square = (1 + power - scale * values.sum()).clamp_min(0)
        found = square if squared else square.sqrt()
        # relative to the largest; the other part is for what only rounding moves
        least = eps * torch.maximum(values[-1], eps * (power * count).sqrt())
        # NaN is not small
        inverse = torch.where(values <= least, 0, 1 / values)
        even = z.dtype != torch.float64 and values[-1] <= _WELL_CONDITIONED * values[0]
        ctx.exact = not bool(even)
        ctx.save_for_backward(centred, mean, vectors, inverse, lengths)
        ctx.wide, ctx.like = wide, (z.dtype, z.device)
        ctx.scale = scale if workers is None else scale * workers.size
        ctx.pull = 0 if normalize else ctx.scale * math.sqrt(z.shape[1] / count)
        # the slope of a root is infinite at zero, where that of the square is zero
        ctx.slope = None if squared else 1 / (2 * found.clamp_min(eps))
        half = torch.finfo(z.dtype).bits < 32
        return found.to(z.device, torch.float32 if half else z.dtype)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, upstream: Tensor) -> tuple[Tensor | None, ...]:
        centred, mean, vectors, inverse, lengths = ctx.saved_tensors
        weight = upstream.to(centred)
        if ctx.slope is not None:
            weight = weight * ctx.slope
        # the polar factor, scaled
        spectrum = -ctx.scale * inverse
        if ctx.exact:
            gradient = _spectral_product(vectors, spectrum, centred, ctx.wide)
        else:
            # but for the part along the rows, most of which is projected away
            level = spectrum.mean()
            v, rest = vectors.float(), (spectrum - level).float()
            gradient = _spectral_product(v, rest, centred.float(), ctx.wide)
            gradient = torch.add(gradient, centred, alpha=level.item())
        if lengths is None:
            gradient.add_(centred + mean, alpha=ctx.pull).mul_(weight)
        else:
            # along the sphere: less what is along the rows, centred + mean
            along = torch.bmm(gradient[:, None], centred[:, :, None])[:, 0, 0]
            along.addmv_(gradient, mean)
            gradient.addcmul_(centred, along[:, None], value=-1)
            gradient.addr_(along, mean, alpha=-1).mul_(weight / lengths)
        dtype, device = ctx.like
        return gradient.to(device, dtype), None, None, None, None


def _check(z: Tensor, normalize: bool) -> None:
    if z.dim() != 2:
        raise ValueError(
            "z must be of shape (n_samples, n_features), two dimensions; got shape "
            f"{tuple(z.shape)}."
        )
    if not z.is_floating_point():
        raise ValueError(f"z must hold floating-point numbers; got {z.dtype}.")
    if z.shape[1] < 1 + normalize:
        raise ValueError(
            "z must have two features or more to be normalised; got n_features = "
            f"{z.shape[1]}: rows of length one would be 1 or -1, whatever they hold."
        )


def _double(z: Tensor) -> Tensor:
    """A copy in float64, on the CPU if the device knows no such thing."""
    device = torch.device("cpu") if z.device.type == "mps" else z.device
    return z.detach().to(device, torch.float64, copy=True)


def _scale_to_length_one_(rows: Tensor, dtype: torch.dtype) -> Tensor:
    """In place, but for rows of zeros; gives lengths, infinite for rows of zeros."""
    tiny = torch.finfo(dtype).tiny
    if dtype == torch.float64:
        # in units of the largest entry, so that no square overflows or vanishes
        units = rows.abs().amax(dim=1, keepdim=True)
        units = units.masked_fill(units < tiny, math.inf)
        rows.div_(units)
        lengths = torch.linalg.vector_norm(rows, dim=1, keepdim=True)
        lengths = lengths.masked_fill(lengths == 0, 1)
        rows.div_(lengths)
        return lengths * units
    lengths = torch.linalg.vector_norm(rows, dim=1, keepdim=True)
    lengths = lengths.masked_fill(lengths < tiny, math.inf)
    rows.div_(lengths)
    return lengths


def _mean(rows: Tensor, workers: _Workers | None) -> tuple[Tensor, int]:
    """Mean row, and how many there are."""
    if workers is None:
        return rows.mean(0), len(rows)
    total = torch.cat([rows.sum(0), rows.new_tensor([len(rows)])])
    workers.add_up_(total)
    count = int(total[-1])
    if count < 2:
        raise ValueError(
            "z must hold two representations or more over all workers; got n_samples = "
            f"{count}."
        )
    return total[:-1] / count, count


def _gram(rows: Tensor) -> Tensor:
    """Products of rows: those of the second half with the first are only copied."""
    half = len(rows) // 2
    first, second = rows[:half], rows[half:]
    gram = rows.new_empty(len(rows), len(rows))
    torch.mm(first, first.T, out=gram[:half, :half])
    torch.mm(first, second.T, out=gram[:half, half:])
    torch.mm(second, second.T, out=gram[half:, half:])
    gram[half:, :half] = gram[:half, half:].T
    return gram


def _spectral_product(
    vectors: Tensor, values: Tensor, rows: Tensor, wide: bool
) -> Tensor:
    """Rows, or columns if `wide`, times the matrix of that spectrum."""
    matrix = (vectors * values) @ vectors.T
    return matrix @ rows if wide else rows @ matrix


def _spectrum(gram: Tensor, finite: bool) -> tuple[Tensor, Tensor]:
    """Singular values in ascending order, and singular vectors; or NaN."""
    if not finite:  # a matter for who trains, not for LAPACK
        return torch.full_like(gram[0], math.nan), torch.full_like(gram, math.nan)
    values, vectors = torch.linalg.eigh(gram)
    # what rounding leaves of a zero would be 1e-8 after the root
    rounding = 8 * torch.finfo(gram.dtype).eps * values[-1]
    return torch.where(values > rounding, values, 0).sqrt(), vectors
