"""The networks of a fit: new ones, ones that go on, and slow averages of them."""

from __future__ import annotations

import inspect
from typing import Any

from sklearn.exceptions import NotFittedError
from sklearn.utils.validation import check_is_fitted
from torch import Tensor, nn

from skwass.nn import MomentumCopy, StochasticViT
from skwass.training import local_torch_seed
from skwass.vision._images import Form
from skwass.vision._patches import patch_of

#: parameters of estimators that the network takes by the same name
OPTIONS = (
    "width",
    "depth",
    "n_heads",
    "mlp_ratio",
    "attention",
    "cov_aggregation",
    "covariance_mlp",
    "variance_embedding",
    "pooling",
    "head",
    "drop_path",
    "dropout",
)
#: options that a network may change in the middle of its training
_OF_TRAINING = ("drop_path", "dropout")
#: what a pre-trained network leaves behind, since it is of other outputs
_OF_THE_HEAD = ("head.", "log_scale")
_LEAST_STEPS = 10


def options_of(estimator: Any, form: Form, n_outputs: int) -> dict[str, Any]:
    """What `StochasticViT` is made by; a ValueError if that cannot be."""
    if estimator.width % estimator.n_heads:
        raise ValueError(
            f"n_heads={estimator.n_heads} must divide width={estimator.width}."
        )
    return {
        "n_outputs": n_outputs,
        "image_shape": form.shape,
        "patch_size": patch_of(estimator.patch_size, form),
        # a pre-trainer has no head
        **{
            name: getattr(estimator, name)
            for name in OPTIONS
            if hasattr(estimator, name)
        },
    }


def new_network(
    options: dict[str, Any], mean: Tensor, scale: Tensor, seed: int
) -> StochasticViT:
    """A network with weights that the seed decides, in float32 whatever the default."""
    with local_torch_seed(seed):
        return StochasticViT(**options, mean=mean, scale=scale).float()


def started_from(
    pretrained: Any, estimator: Any, options: dict[str, Any], seed: int
) -> StochasticViT:
    """A network with the layers of a pre-trained one, all but the head.

    Its architecture and its scale of pixels are those of the pre-trained network. What
    the estimator says of an architecture has to be the same or what it is by default.

    Raises
    ------
    ValueError
        If that is none, is not fitted, reads other images, or is of another
        architecture than the estimator asks for.
    """
    network = _network_in(pretrained)
    _check_same_architecture(network, estimator, options)
    kept = {name: options[name] for name in ("n_outputs", "head", *_OF_TRAINING)}
    options = {**network.options, **kept}
    made = new_network(options, network.pixel_mean, network.pixel_scale, seed)
    weights = {
        name: value
        for name, value in network.state_dict().items()
        if not name.startswith(_OF_THE_HEAD)
    }
    made.load_state_dict(weights, strict=False)
    return made


def check_same_network(network: StochasticViT, options: dict[str, Any]) -> None:
    """Refuse to go on with a network that would be built otherwise now."""
    for name, then in network.options.items():
        if name not in _OF_TRAINING and then != options.get(name, then):
            raise ValueError(
                "warm_start=True goes on with the network of the last fit, which had "
                f"{name}={then!r}; got {options[name]!r}. Set warm_start=False to "
                "begin anew."
            )


class Averaged(nn.Module):
    r"""A network and the moving average of its weights, which is what is judged.

    The average follows faster at first, by a momentum of at most
    :math:`(1 + t) / (10 + t)` in step t, lest it remembers the start.

    Parameters
    ----------
    network : StochasticViT
        What is trained.
    momentum : float
        How slowly the average follows.
    """

    def __init__(self, network: StochasticViT, momentum: float) -> None:
        super().__init__()
        self.network = network
        self.momentum = momentum
        self.average = MomentumCopy(network, momentum)
        self.n_steps = 0

    def forward(self, images: Tensor) -> Tensor:
        """Logits of the network in training, and of the average in evaluation."""
        logits: Tensor = (self.network if self.training else self.average)(images)
        return logits

    def after_step(self) -> None:
        """Follow the network."""
        self.n_steps += 1
        soon = (1 + self.n_steps) / (_LEAST_STEPS + self.n_steps)
        self.average.momentum = min(self.momentum, soon)
        self.average.follow(self.network)


def in_training(module: nn.Module) -> StochasticViT:
    """The network that takes the steps."""
    network = module.network if isinstance(module, Averaged) else module
    assert isinstance(network, StochasticViT)
    return network


def for_prediction(module: nn.Module) -> StochasticViT:
    """The network that is kept."""
    if not isinstance(module, Averaged):
        return in_training(module)
    network = module.average.copied
    assert isinstance(network, StochasticViT)
    return network.requires_grad_(True)


def _check_same_architecture(
    network: StochasticViT, estimator: Any, options: dict[str, Any]
) -> None:
    given = inspect.signature(type(estimator)).parameters
    pretrained = {**network.options, "patch_size": network.patch}
    for name in ("image_shape", "attention", "patch_size", *OPTIONS):
        theirs, ours = pretrained[name], options[name]
        if theirs == ours or name in ("head", *_OF_TRAINING):
            continue
        if name in ("image_shape", "attention"):
            source = "X" if name == "image_shape" else "this estimator"
            raise ValueError(
                f"pretrained has {name}={theirs!r}; {source} has {ours!r}."
            )
        said, usual = getattr(estimator, name), given[name].default
        if not isinstance(said, type(usual)) or said != usual:
            raise ValueError(
                f"pretrained has {name}={theirs!r}; this estimator has {ours!r}. Leave "
                f"{name} out to take that of the pre-trained network."
            )


def _network_in(pretrained: Any) -> StochasticViT:
    if isinstance(pretrained, StochasticViT):
        return pretrained
    if isinstance(pretrained, nn.Module) or not hasattr(pretrained, "fit"):
        raise ValueError(
            "pretrained must be a StochasticViTPretrainer or a StochasticViT; got a "
            f"{type(pretrained).__name__}."
        )
    network = getattr(pretrained, "network_", None)
    if isinstance(network, StochasticViT):
        return network
    if network is None and not _is_fitted(pretrained):
        raise NotFittedError(
            f"pretrained is a {type(pretrained).__name__} that is not fitted yet. A "
            "clone of a fitted one, such as in a grid search, is not: give its "
            "network_, which is copied as it is."
        )
    raise ValueError(
        "pretrained must be a StochasticViTPretrainer or have a StochasticViT as "
        f"network_; got a {type(pretrained).__name__}, which has none."
    )


def _is_fitted(estimator: Any) -> bool:
    try:
        check_is_fitted(estimator)
    except NotFittedError:
        return False
    return True
