"""Layers whose weights are Gaussian."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

#: standard deviation that weights start with: a raw spread of -5
INITIAL_SCALE = math.log1p(math.exp(-5.0))


class BayesianLayer(nn.Module):
    r"""What the Bayesian layers share; comes before torch's layer among the bases.

    Each entry of the weight and of the bias has a posterior of its own,

    .. math:: q(w) = \mathcal N(\mu, \sigma^2), \qquad \sigma = \log(1 + e^\rho),

    and the prior :math:`\mathcal N(0, p^2)`. The means are the parameters ``weight``
    and ``bias``, as without Bayes; the raw spreads :math:`\rho` are ``weight_spread``
    and ``bias_spread``. No layer by itself; it serves to find those of a module.

    Parameters
    ----------
    *args : object
        What torch's own layer takes.
    prior_scale : float, default=0.1
        Standard deviation of the prior; see `BayesianLinear`.
    initial_scale : float, default=0.0067
        Standard deviation that each weight starts with; see `BayesianLinear`.
    **kwargs : object
        What torch's own layer takes.

    Examples
    --------
    >>> from torch import nn
    >>> from skwass.nn import BayesianLayer, make_bayesian
    >>> net = make_bayesian(nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Linear(8, 2)))
    >>> [name for name, part in net.named_modules() if isinstance(part, BayesianLayer)]
    ['0', '2']
    """

    weight: Tensor
    bias: Any  # torch's own layers disagree on its type
    weight_spread: Tensor
    bias_spread: Tensor | None
    prior_scale: float

    #: how a forward is run; None lets the training flag decide
    _way: Callable[[BayesianLayer, Tensor], Tensor] | None = None

    def __init__(
        self,
        *args: Any,
        prior_scale: float = 0.1,
        initial_scale: float = INITIAL_SCALE,
        **kwargs: Any,
    ) -> None:
        check_scales(prior_scale, initial_scale)
        super().__init__(*args, **kwargs)
        self.spread_out(prior_scale, initial_scale)

    def spread_out(self, prior_scale: float, initial_scale: float) -> None:
        """Give a layer that has means its spreads, all the same.

        Parameters
        ----------
        prior_scale, initial_scale : float
            As of the layer.
        """
        self.prior_scale = float(prior_scale)
        self.initial_scale = float(initial_scale)
        for name, mean in (("weight", self.weight), ("bias", self.bias)):
            spread = None
            if mean is not None:
                spread = nn.Parameter(
                    torch.empty_like(mean, requires_grad=False),
                    requires_grad=mean.requires_grad,
                )
            self.register_parameter(f"{name}_spread", spread)
        self.reset_spreads()

    @torch.no_grad()
    def reset_spreads(self) -> None:
        """Set all standard deviations to `initial_scale`."""
        # the inverse of softplus, in a form that cannot overflow
        raw = self.initial_scale + math.log(-math.expm1(-self.initial_scale))
        for spread in (self.weight_spread, self.bias_spread):
            if spread is not None:
                spread.fill_(raw)

    def reset_parameters(self) -> None:
        """Draw new means as torch does, and let the spreads start again."""
        super().reset_parameters()  # type: ignore[misc]
        # torch's constructor calls this before there are any
        if "weight_spread" in self._parameters:
            self.reset_spreads()

    def run(self, x: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
        """The layer with given weights.

        Parameters
        ----------
        x : Tensor
            What torch's own layer takes.
        weight : Tensor
            Of the shape of its weight.
        bias : Tensor or None
            Of the shape of its bias.

        Returns
        -------
        output : Tensor
            Of the shape that torch's own layer gives.
        """
        raise NotImplementedError

    def forward(self, x: Tensor) -> Tensor:
        """Run the layer in the way that is set; see `sampled_weights`, `mean_weights`.

        Parameters
        ----------
        x : Tensor
            What torch's own layer takes.

        Returns
        -------
        output : Tensor
            Of the shape that torch's own layer gives.
        """
        if self._way is not None:
            return self._way(self, x)
        return _noisy(self, x) if self.training else at_means(self, x)

    def extra_repr(self) -> str:
        """Describe torch's layer and the prior.

        Returns
        -------
        description : str
            What stands between the brackets of its name.
        """
        return f"{super().extra_repr()}, prior_scale={self.prior_scale}"

    def __getstate__(self) -> dict[str, Any]:
        # a copy leaves the context that its original is in
        return {key: value for key, value in self.__dict__.items() if key != "_way"}


class BayesianLinear(BayesianLayer, nn.Linear):
    r"""A linear layer with Gaussian weights.

    While training, the output is drawn from its own Gaussian, each number of each row
    by itself (local reparameterisation [3]_),

    .. math:: y_j \sim \mathcal N\Bigl(\sum_i \mu_{ji} x_i + \mu_j,\;
              \sum_i \sigma_{ji}^2 x_i^2 + \sigma_j^2\Bigr),

    whose gradients have less variance than those of one draw of weights for the batch.
    In evaluation the weights are at their means, and the output is that of the plain
    layer. `sampled_weights` and `mean_weights` choose otherwise.

    Parameters
    ----------
    *args : object
        What `torch.nn.Linear` takes: ``in_features``, ``out_features``, ``bias``,
        ``device``, ``dtype``.
    prior_scale : float, default=0.1
        Standard deviation of the prior of each weight; its mean is zero.
    initial_scale : float, default=0.0067
        Standard deviation that each weight starts with: small, so that training starts
        like that of the plain layer. The default is a raw spread of -5.
    **kwargs : object
        The same by name.

    Attributes
    ----------
    weight, bias : Parameter
        Means of the weights; they start as those of the plain layer.
    weight_spread, bias_spread : Parameter
        Raw spreads; softplus makes them standard deviations. Weight decay would drive
        these towards 0.69, so leave them out of it: `kl_divergence` is what holds them.

    Raises
    ------
    ValueError
        If a scale is not positive and finite.

    Notes
    -----
    The noise of training comes from torch's global generator of the device. To run the
    same batch again with the same noise, as a step that looks at several points around
    the means has to, put the generator back in between: ``torch.get_rng_state`` before
    the first pass, ``torch.set_rng_state`` before each other. That also repeats the
    masks of dropout.

    Where float16 is computed with, as under autocast, the variance is computed in
    float32: float16 can hold neither the square of a small spread nor that of a large
    input.

    The means can be loaded from the plain layer with
    ``load_state_dict(..., strict=False)``.

    References
    ----------
    .. [1] Graves. Practical variational inference for neural networks. NeurIPS 2011.
    .. [2] Blundell, Cornebise, Kavukcuoglu, Wierstra. Weight uncertainty in neural
       networks. ICML 2015, arXiv:1505.05424.
    .. [3] Kingma, Salimans, Welling. Variational dropout and the local
       reparameterization trick. NeurIPS 2015, arXiv:1506.02557.

    Examples
    --------
    >>> import torch
    >>> from skwass.nn import BayesianLinear
    >>> layer = BayesianLinear(3, 2)
    >>> x = torch.ones(4, 3)
    >>> torch.equal(layer(x), layer(x))
    False
    >>> torch.equal(layer.eval()(x), layer(x))
    True
    """

    def run(self, x: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
        """The layer with given weights.

        Parameters
        ----------
        x : Tensor
            What torch's own layer takes.
        weight : Tensor
            Of the shape of its weight.
        bias : Tensor or None
            Of the shape of its bias.

        Returns
        -------
        output : Tensor
            Of the shape that torch's own layer gives.
        """
        return F.linear(x, weight, bias)


class BayesianConv1d(BayesianLayer, nn.Conv1d):
    """A convolution over sequences with Gaussian weights; see `BayesianLinear`.

    While training, noise is independent at each place of the output. Its variance is
    that of the weights, but neighbouring outputs, which share weights, do not share
    noise.

    Parameters
    ----------
    *args : object
        What `torch.nn.Conv1d` takes: ``in_channels``, ``out_channels``,
        ``kernel_size`` and so on.
    prior_scale, initial_scale : float
        As of `BayesianLinear`.
    **kwargs : object
        What `torch.nn.Conv1d` takes, by name.

    Examples
    --------
    >>> import torch
    >>> from skwass.nn import BayesianConv1d
    >>> BayesianConv1d(3, 8, kernel_size=5, padding=2)(torch.ones(4, 3, 20)).shape
    torch.Size([4, 8, 20])
    """

    def run(self, x: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
        """The layer with given weights.

        Parameters
        ----------
        x : Tensor
            What torch's own layer takes.
        weight : Tensor
            Of the shape of its weight.
        bias : Tensor or None
            Of the shape of its bias.

        Returns
        -------
        output : Tensor
            Of the shape that torch's own layer gives.
        """
        return self._conv_forward(x, weight, bias)


class BayesianConv2d(BayesianLayer, nn.Conv2d):
    """A convolution over images with Gaussian weights; see `BayesianConv1d`.

    Parameters
    ----------
    *args : object
        What `torch.nn.Conv2d` takes: ``in_channels``, ``out_channels``,
        ``kernel_size`` and so on.
    prior_scale, initial_scale : float
        As of `BayesianLinear`.
    **kwargs : object
        What `torch.nn.Conv2d` takes, by name.

    Examples
    --------
    >>> import torch
    >>> from skwass.nn import BayesianConv2d
    >>> BayesianConv2d(3, 8, kernel_size=3, padding=1)(torch.ones(4, 3, 9, 9)).shape
    torch.Size([4, 8, 9, 9])
    """

    def run(self, x: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
        """The layer with given weights.

        Parameters
        ----------
        x : Tensor
            What torch's own layer takes.
        weight : Tensor
            Of the shape of its weight.
        bias : Tensor or None
            Of the shape of its bias.

        Returns
        -------
        output : Tensor
            Of the shape that torch's own layer gives.
        """
        return self._conv_forward(x, weight, bias)


def check_scales(prior_scale: float, initial_scale: float) -> None:
    """Raise a ValueError if a scale is not positive and finite."""
    for name, scale in (("prior_scale", prior_scale), ("initial_scale", initial_scale)):
        if not 0 < scale < math.inf:
            raise ValueError(
                f"{name}={scale!r} is no standard deviation: give a positive, "
                "finite number."
            )


def at_means(layer: BayesianLayer, x: Tensor) -> Tensor:
    """Run a layer with the means of its weights."""
    return layer.run(x, layer.weight, layer.bias)


def _noisy(layer: BayesianLayer, x: Tensor) -> Tensor:
    """Draw each output by itself, from its Gaussian."""
    mean = at_means(layer, x)
    if mean.dtype is not torch.float16:
        return torch.addcmul(mean, _deviation(layer, x), torch.randn_like(mean))
    with torch.autocast(x.device.type, enabled=False):
        deviation = _deviation(layer, x.float())
    return mean + (deviation * torch.randn_like(deviation)).half()


def _deviation(layer: BayesianLayer, x: Tensor) -> Tensor:
    """The standard deviation of the output."""
    # products, as the gradient of torch's square takes twice their time
    variance = layer.run(
        x * x,
        _variance(layer.weight_spread, x.dtype),
        None if layer.bias_spread is None else _variance(layer.bias_spread, x.dtype),
    )
    # the root has a gradient at rows of zeros too, and there it comes to nothing
    return variance.add_(torch.finfo(variance.dtype).tiny).sqrt_()


def _variance(spread: Tensor, dtype: torch.dtype) -> Tensor:
    scale = F.softplus(widened(spread))
    return (scale * scale).to(dtype)


def widened(tensor: Tensor) -> Tensor:
    """A tensor of half precision as float32, others as they are."""
    return tensor.float() if tensor.dtype.itemsize < 4 else tensor
