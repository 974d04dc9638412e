"""Where the networks of a fit come from, and what they must give."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn

from skwass.nn import Perceptron, centre_and_scale
from skwass.training import local_torch_seed, made_module

_LOOKED_AT = 16
_PROBABILITY_ROUNDING = 1e-4
_WORDS = (nn.Embedding, nn.EmbeddingBag)


def perceptron(
    inputs: Tensor,
    n_outputs: int,
    hidden_layer_sizes: tuple[int, ...],
    seeds: list[int],
    stacked: bool,
) -> Perceptron:
    """The network for tables, which standardises columns by those of the fit.

    Each of a stack starts as it would alone.
    """
    mean, scale = centre_and_scale(inputs)
    make = partial(
        Perceptron,
        inputs.shape[1],
        n_outputs,
        hidden_layer_sizes,
        mean=mean,
        scale=scale,
    )
    members = []
    for seed in seeds:
        with local_torch_seed(seed):
            members.append(make())
    if not stacked:
        return members[0]
    with local_torch_seed(0):  # leaves the global generator alone; all is put over
        stack = make(n_members=len(seeds))
    stack.take(members)
    return stack


def users_module(
    module: Any, parameters: Mapping[str, Any], shape: tuple[int, int], seed: int
) -> nn.Module:
    """A copy of the user's module, or what the user's class or factory makes.

    `shape` is the number of columns and of outputs, which a factory is told if it has
    parameters `n_inputs` and `n_outputs`.
    """
    told = dict(zip(("n_inputs", "n_outputs"), shape, strict=True))
    return made_module(module, parameters, told, name="module", seed=seed)


def reads_whole_numbers(module: nn.Module) -> bool:
    """Whether it looks up embeddings, for which inputs must be integers."""
    return any(isinstance(part, _WORDS) for part in module.modules())


@torch.no_grad()
def check_outputs(
    module: nn.Module, inputs: Tensor, n_outputs: int, *, logits: bool
) -> None:
    """Refuse a module that does not fit the data, before anything is trained.

    Raises
    ------
    ValueError
        If it cannot read the samples, gives another number of outputs, or gives
        probabilities where logits are asked for.
    """
    some = inputs[:_LOOKED_AT].to(next(module.parameters()).device)
    training = module.training
    try:
        outputs = module.eval()(some)
    except Exception as error:
        raise ValueError(
            f"module cannot read samples of shape {tuple(inputs.shape[1:])} and dtype "
            f"{inputs.dtype}: {error}"
        ) from error
    finally:
        module.train(training)
    wanted = (len(some), n_outputs)
    shape = tuple(outputs.shape) if isinstance(outputs, Tensor) else type(outputs)
    if shape != wanted:
        raise ValueError(
            f"module must give a tensor of shape {wanted} for {len(some)} samples; got "
            f"{shape}."
        )
    if logits and _look_like_probabilities(outputs):
        raise ValueError(
            "module gives probabilities, and logits are expected: leave out its "
            "softmax, which the loss contains."
        )


def _look_like_probabilities(outputs: Tensor) -> bool:
    sums = outputs.sum(dim=-1)
    sum_to_one = (sums - 1).abs() < _PROBABILITY_ROUNDING
    return bool((outputs >= 0).all() and sum_to_one.all())
