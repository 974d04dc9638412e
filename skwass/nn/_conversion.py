"""From a plain torch module to a Bayesian one."""

from __future__ import annotations

import copy
import warnings
from collections.abc import Collection, Iterable

from torch import Tensor, nn
from torch.nn.modules.conv import _ConvNd
from torch.nn.parameter import is_lazy

from skwass.nn._bayesian import (
    INITIAL_SCALE,
    BayesianConv1d,
    BayesianConv2d,
    BayesianLayer,
    BayesianLinear,
    check_scales,
)

_TWINS: dict[type[nn.Module], type[BayesianLayer]] = {
    nn.Linear: BayesianLinear,
    nn.Conv1d: BayesianConv1d,
    nn.Conv2d: BayesianConv2d,
}
# these read the weights of the layers in them without calling these layers
_CLOSED = (nn.MultiheadAttention, nn.TransformerEncoderLayer)
# what one might expect to become Bayesian
_EXPECTED = (nn.Linear, _ConvNd, nn.Bilinear, nn.RNNBase, nn.RNNCellBase)


def make_bayesian(
    module: nn.Module,
    *,
    prior_scale: float = 0.1,
    initial_scale: float = INITIAL_SCALE,
    skip: str | Iterable[str] | None = None,
) -> nn.Module:
    """A copy of a module in which linear layers and convolutions are Bayesian.

    Every `torch.nn.Linear`, `torch.nn.Conv1d` and `torch.nn.Conv2d` becomes its twin of
    `BayesianLinear`, `BayesianConv1d` or `BayesianConv2d`. The means are the weights of
    the module, so in evaluation the copy gives the same numbers, bit for bit. All else
    is kept: names, device and dtype, hooks, frozen parameters (whose spreads are frozen
    too), layers used at several places, and weights that several layers share (which
    share one posterior).

    Left as they are, with a warning that names them, are: recurrent layers, attention
    and encoder layers of transformers, which use their weights past the layers that
    hold them; convolutions of other kinds; subclasses, which may compute something
    else; layers whose weight is computed from others, as under weight normalisation;
    and layers that share a weight with one that is not converted. In evaluation and in
    training these run as before.

    Parameters
    ----------
    module : Module
        The module; it is not changed.
    prior_scale : float, default=0.1
        Standard deviation of the prior of each weight; its mean is zero.
    initial_scale : float, default=0.0067
        Standard deviation that each weight starts with; see `BayesianLinear`.
    skip : str or iterable of str, default=None
        Names of submodules, as in ``module.named_modules()``, that stay as they are
        with all that is in them, without a warning.

    Returns
    -------
    bayesian : Module
        The copy. Where `module` is itself such a layer, its twin.

    Raises
    ------
    ValueError
        If there is nothing to convert, a layer is lazy and has no weights yet, a scale
        is not positive and finite, or `skip` has a name that `module` has not.

    Warns
    -----
    UserWarning
        If layers are left as they are.

    References
    ----------
    .. [1] Blundell, Cornebise, Kavukcuoglu, Wierstra. Weight uncertainty in neural
       networks. ICML 2015, arXiv:1505.05424.

    Examples
    --------
    >>> from torch import nn
    >>> from skwass.nn import make_bayesian
    >>> net = nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Linear(8, 2))
    >>> make_bayesian(net, skip=["0"])
    Sequential(
      (0): Linear(in_features=4, out_features=8, bias=True)
      (1): ReLU()
      (2): BayesianLinear(in_features=8, out_features=2, bias=True, prior_scale=0.1)
    )
    """
    check_scales(prior_scale, initial_scale)
    for name, part in module.named_modules():
        if any(is_lazy(parameter) for parameter in part.parameters(recurse=False)):
            raise ValueError(
                f"module has a lazy layer without weights, {name or 'itself'} "
                f"({type(part).__name__}): run a batch through it first."
            )
    bayesian = copy.deepcopy(module)
    skipped = _skipped(bayesian, skip)
    layers, left = _sorted_out(bayesian, skipped)
    if not layers:
        raise ValueError(
            f"module={type(module).__name__} has nothing to convert: no linear layer "
            "and no convolution over sequences or images"
            + (f" beside those left out: {', '.join(left)}." if left else ".")
        )
    if left:
        warnings.warn(
            f"These layers stay as they are: {', '.join(left)}. "
            "Name them in skip to say that this is meant.",
            UserWarning,
            stacklevel=2,
        )
    _convert(layers, prior_scale, initial_scale)
    return bayesian


def _skipped(module: nn.Module, skip: str | Iterable[str] | None) -> set[nn.Module]:
    """The submodules of these names, and all in them."""
    names = [skip] if isinstance(skip, str) else list(skip or ())
    parts = dict(module.named_modules(remove_duplicate=False))
    for name in names:
        if name not in parts:
            known = ", ".join(repr(each) for each in list(parts)[1:10])
            raise ValueError(
                f"skip has {name!r}, which is no submodule; there are {known or 'none'}"
                f"{', …' if len(parts) > 10 else ''}."
            )
    return {part for name in names for part in parts[name].modules()}


def _sorted_out(
    module: nn.Module, skipped: Collection[nn.Module]
) -> tuple[list[nn.Module], list[str]]:
    """Layers to convert, and descriptions of those that one might miss among them."""
    layers: dict[nn.Module, str] = {}
    left = []
    closed: set[nn.Module] = set()
    # an outer module comes before what is in it
    for name, part in module.named_modules():
        if part in skipped or part in closed or isinstance(part, BayesianLayer):
            continue
        description = f"{name or 'itself'} ({type(part).__name__})"
        if isinstance(part, _CLOSED):
            closed.update(part.modules())
            left.append(description)
        elif type(part) in _TWINS and _owns_weights(part):
            layers[part] = description
        elif isinstance(part, _EXPECTED):
            left.append(description)
    layers = {part: name for part, name in layers.items() if part not in closed}
    strangers = {
        id(parameter)
        for part in module.modules()
        if part not in layers and not isinstance(part, BayesianLayer)
        for parameter in part.parameters(recurse=False)
    }
    tied = [
        part
        for part in layers
        if any(id(parameter) in strangers for parameter in part.parameters())
    ]
    left += [f"{layers.pop(part)}, which shares a weight" for part in tied]
    return list(layers), left


def _owns_weights(layer: nn.Module) -> bool:
    """Whether weights are parameters, not computed from others before each forward."""
    own = layer._parameters
    return all(
        getattr(layer, name) is None or isinstance(own.get(name), Tensor)
        for name in ("weight", "bias")
    )


def _convert(
    layers: Iterable[nn.Module], prior_scale: float, initial_scale: float
) -> None:
    spreads: dict[int, nn.Parameter] = {}
    for layer in layers:
        # in place, so that hooks and all who refer to the layer still do
        layer.__class__ = _TWINS[type(layer)]
        assert isinstance(layer, BayesianLayer)
        layer.spread_out(prior_scale, initial_scale)
        for name in ("weight", "bias"):
            mean = layer._parameters[name]
            spread = layer._parameters[f"{name}_spread"]
            if mean is not None and spread is not None:
                shared = spreads.setdefault(id(mean), spread)
                layer.register_parameter(f"{name}_spread", shared)
