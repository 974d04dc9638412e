"""Networks that read weighted points, in any order and number, and embed them."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from skwass.nn._measures import quantile_means, standardised

Summary = tuple[Tensor, ...]

_RIDGE = 1e-6


class SetEncoder(nn.Module):
    r"""What encoders of measures share: how they treat position and size.

    A measure :math:`\mu` with mean m and spread s (the root of its total variance) is
    moved to zero and shrunk to spread one, :math:`\bar\mu`, and

    .. math:: z(\mu) = c + A m + s \, (B q(\bar\mu) + f(\bar\mu)) ,

    with numbers q that need no training and a network f. So a shift of the measure is
    a shift of z, and a cloud twice as large lies twice as far out: that much is known
    of :math:`W_2` and need not be learned. A single point is embedded linearly. All
    but f comes from least squares, and stays as it is while f is trained.

    It is a function of the measure alone. The order of points, points without weight,
    the scale of the weights and what else is in the batch change rounding only, and
    so does a point given twice for a point of twice the weight.

    Parameters
    ----------
    n_features : int
        Dimension of the points.
    n_components : int
        Dimension of the embedding.
    n_numbers : int
        How many numbers q has.
    """

    #: whether the network reads more than the numbers q
    reads_points = False

    constant: Tensor
    shift: Tensor
    size: Tensor
    linear: Tensor
    centre: Tensor
    gain: Tensor
    amplitude: Tensor

    def __init__(self, n_features: int, n_components: int, n_numbers: int) -> None:
        super().__init__()
        for name, shape in (
            ("constant", (n_components,)),
            ("shift", (n_components, n_features)),
            ("size", (n_components,)),
            ("linear", (n_components, n_numbers)),
        ):
            self.register_buffer(name, torch.zeros(shape))
        # q at its mean would add to the size; taken off, it conditions training
        self.register_buffer("centre", torch.zeros(n_numbers))
        self.register_buffer("gain", torch.ones(()))
        self.register_buffer("amplitude", torch.ones(n_components))

    def forward(self, points: Tensor, weights: Tensor) -> Tensor:
        """Embed measures.

        Parameters
        ----------
        points : Tensor of shape (n_measures, n_points, n_features)
            Their points; what stands where the weight is zero does not matter if it is
            finite.
        weights : Tensor of shape (n_measures, n_points)
            Non-negative, with a positive sum; zero is padding.

        Returns
        -------
        embedding : Tensor of shape (n_measures, n_components)
            Their embeddings.
        """
        return self.head(*self.summarise(points, weights))

    def summarise(self, points: Tensor, weights: Tensor) -> Summary:
        """All that can be computed once, since no parameter that is trained enters.

        Returns
        -------
        mean : Tensor of shape (n_measures, n_features)
            Means.
        spread : Tensor of shape (n_measures,)
            Roots of total variances.
        numbers : Tensor of shape (n_measures, n_numbers)
            The numbers q.
        rest : Tensor
            What else the network reads, if anything.
        """
        mean, spread, unit, mass = standardised(points, weights)
        return mean, spread, *self.describe(unit, mass)

    def describe(self, unit: Tensor, mass: Tensor) -> Summary:
        """The numbers q and the rest, of measures of mean zero and spread one."""
        raise NotImplementedError

    def network(self, numbers: Tensor, *rest: Tensor) -> Tensor:
        """The network f; it starts as zero."""
        raise NotImplementedError

    def head(
        self, mean: Tensor, spread: Tensor, numbers: Tensor, *rest: Tensor
    ) -> Tensor:
        """Embeddings of what `summarise` gives."""
        numbers = numbers - self.centre
        bend = self.amplitude * self.network(numbers * self.gain, *rest)
        shape = self.size + numbers @ self.linear.T + bend
        return self.constant + mean @ self.shift.T + spread[:, None] * shape

    @torch.no_grad()
    def start_at(
        self, mean: Tensor, spread: Tensor, numbers: Tensor, targets: Tensor
    ) -> None:
        """Set all but the network to least squares, and its units by what is left over.

        Parameters
        ----------
        mean, spread, numbers : Tensor
            The first three that `summarise` gives.
        targets : Tensor of shape (n_measures, n_components)
            Embeddings to come near.
        """
        self.centre.copy_(numbers.mean(0))
        total = (numbers - self.centre).square().sum(1).mean().sqrt()
        numbers = (numbers - self.centre) / total.clamp_min(1e-6)
        width, n_features = numbers.shape[1], mean.shape[1]
        columns = (spread[:, None] * numbers, mean, spread[:, None], torch.ones(1))
        design = torch.cat([c.double().expand(len(mean), -1) for c in columns], dim=1)
        goal = targets.double()
        gram = design.T @ design / len(design)
        gram.diagonal().add_(_RIDGE * gram.diagonal().clamp_min(_RIDGE))
        gram.diagonal()[:width].add_(_RIDGE * float(spread.square().mean()))
        found = torch.linalg.solve(gram, design.T @ goal / len(design))
        self.linear.copy_(found[:width].T / total.clamp_min(1e-6))
        self.shift.copy_(found[width : width + n_features].T)
        self.size.copy_(found[-2])
        self.constant.copy_(found[-1])
        left = (goal - design @ found).square().mean(0).sqrt()
        self.amplitude.copy_(left / spread.square().mean().sqrt().clamp_min(1e-6))
        # the network is to bend numbers, so they reach it as a few units
        self.gain.fill_(5.0 / float(total.clamp_min(1e-6)))


class QuantileEncoder(SetEncoder):
    r"""Quantiles along lines, and a network on top of them.

    Points are projected on fixed directions and sorted; the means of the quantile
    functions over equal parts of [0, 1] are the numbers q. Quantiles are to :math:`W_2`
    on a line what coordinates are to the Euclidean distance, so a linear map of them
    comes near already. Pooling by sorting along slices is that of [1]_.

    Parameters
    ----------
    directions : Tensor of shape (n_directions, n_features)
        Unit vectors.
    n_components : int
        Dimension of the embedding.
    n_quantiles : int, default=16
        Parts of [0, 1] along each direction.
    width : int, default=512
        Width of the network.
    n_layers : int, default=3
        Residual blocks of the network.

    References
    ----------
    .. [1] Naderializadeh, Comer, Andrews, Hoffmann, Kolouri. Pooling by
       sliced-Wasserstein embedding. NeurIPS 2021.

    Examples
    --------
    >>> import torch
    >>> from skwass.nn import QuantileEncoder
    >>> encoder = QuantileEncoder(torch.eye(3), n_components=4)
    >>> encoder(torch.randn(2, 7, 3), torch.ones(2, 7)).shape
    torch.Size([2, 4])
    """

    directions: Tensor

    def __init__(
        self,
        directions: Tensor,
        n_components: int,
        n_quantiles: int = 16,
        width: int = 512,
        n_layers: int = 3,
    ) -> None:
        n_directions, n_features = directions.shape
        n_numbers = n_directions * n_quantiles
        super().__init__(n_features, n_components, n_numbers)
        self.register_buffer("directions", directions.clone())
        self.n_quantiles = n_quantiles
        self.body = nn.Sequential(
            nn.Linear(n_numbers, width),
            *(Residual(width, width) for _ in range(n_layers)),
            nn.LayerNorm(width),
            silent(nn.Linear(width, n_components)),
        )

    def describe(self, unit: Tensor, mass: Tensor) -> Summary:
        """Quantiles of all directions, flattened."""
        values = (unit @ self.directions.T).transpose(1, 2)
        mass = mass[:, None].expand_as(values)
        return (quantile_means(values, mass, self.n_quantiles).flatten(1),)

    def network(self, numbers: Tensor, *rest: Tensor) -> Tensor:
        """The network on quantiles."""
        bend: Tensor = self.body(numbers)
        return bend


class Residual(nn.Module):
    """``x + layers(norm(x))``, which starts as x.

    Parameters
    ----------
    width : int
        Width of x.
    hidden : int
        Width of the layer between.
    """

    def __init__(self, width: int, hidden: int) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(width)
        self.layers = nn.Sequential(
            nn.Linear(width, hidden), nn.GELU(), silent(nn.Linear(hidden, width))
        )

    def forward(self, x: Tensor) -> Tensor:
        """Apply it to the last axis."""
        added: Tensor = x + self.layers(self.norm(x))
        return added


def silent(layer: nn.Linear) -> nn.Linear:
    """The layer with all parameters zero, for the end of a branch."""
    nn.init.zeros_(layer.weight)
    nn.init.zeros_(layer.bias)
    return layer
