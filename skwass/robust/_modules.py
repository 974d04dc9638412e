"""Where the networks of a fit come from, and what they must give."""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn.parameter import UninitializedParameter

from skwass.nn import Perceptron
from skwass.training import Samples, centre_and_scale, local_torch_seed, made_module

_LOOKED_AT = 16
_PROBABILITY_ROUNDING = 1e-4
_WORDS = (nn.Embedding, nn.EmbeddingBag)


def perceptron(
    samples: Samples,
    n_outputs: int,
    hidden_layer_sizes: tuple[int, ...],
    seeds: list[int],
    stacked: bool,
) -> Perceptron:
    """The network for tables, which standardises columns by those of the fit.

    Each of a stack starts as it would alone.
    """
    centre, scale = centre_and_scale(samples.inputs.numpy(), samples.weights.numpy())
    make = partial(
        Perceptron,
        samples.inputs.shape[1],
        n_outputs,
        hidden_layer_sizes,
        mean=torch.as_tensor(centre).float(),
        scale=torch.as_tensor(scale).float(),
    )
    members = []
    for seed in seeds:
        with local_torch_seed(seed):
            members.append(make().float())  # whatever torch's default is
    if not stacked:
        return members[0]
    with local_torch_seed(0):  # leaves the global generator alone; all is put over
        stack = make(n_members=len(seeds)).float()
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


def reads_whole_numbers(module: nn.Module, X: NDArray[Any]) -> bool:
    """Whether samples are words, which it looks up.

    If X has fractions, the module must know which of its columns are words.
    """
    looks_up = any(isinstance(part, _WORDS) for part in module.modules())
    return looks_up and bool((X == np.trunc(X)).all())


def as_inputs(X: NDArray[Any], whole: bool) -> Tensor:
    """Samples as a network wants them: whole numbers, or real ones."""
    if not X.flags.writeable:  # torch could not promise to leave it alone
        X = X.copy()
    inputs = torch.as_tensor(X)
    if not whole:
        return inputs.float()
    words = inputs.long()
    wrong = (words != inputs).nonzero()
    if len(wrong):
        place = tuple(wrong[0].tolist())
        raise ValueError(
            "X must hold whole numbers, as in the fit, since module looks them up; "
            f"X[{', '.join(map(str, place))}] = {inputs[place].item():g}."
        )
    return words


def wake(module: nn.Module, inputs: Tensor, seed: int) -> None:
    """Let lazy layers see some samples, if there are any, and take their shapes."""
    if not any(isinstance(p, UninitializedParameter) for p in module.parameters()):
        return
    with local_torch_seed(seed), torch.no_grad(), reading(inputs):
        module.eval()(inputs[:_LOOKED_AT])
    module.train()


@contextmanager
def reading(inputs: Tensor) -> Iterator[None]:
    """Say what was read where a module fails."""
    try:
        yield
    except torch.OutOfMemoryError:
        raise
    except Exception as error:
        raise ValueError(
            f"module cannot read samples of shape {tuple(inputs.shape[1:])} and dtype "
            f"{inputs.dtype}: {error}"
        ) from error


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
    _check_weights(module)
    some = inputs[:_LOOKED_AT].to(next(module.parameters()).device)
    with reading(some):
        outputs = module.eval()(some)
    wanted = (len(some), n_outputs)
    shape = tuple(outputs.shape) if isinstance(outputs, Tensor) else type(outputs)
    if shape != wanted:
        raise ValueError(
            f"module must give a tensor of shape {wanted} for {len(some)} samples; got "
            f"{shape}."
        )
    if not outputs.isfinite().all():
        raise ValueError(
            "module gives NaN or infinite outputs before it is trained: look at its "
            f"weights, or rescale X, which goes up to {some.abs().max().item():g}."
        )
    if logits and _look_like_probabilities(outputs):
        raise ValueError(
            "module gives probabilities, and logits are expected: leave out its "
            "softmax, which the loss contains."
        )
    if logits and _looks_like_sigmoid(module, some, outputs):
        warnings.warn(
            "All outputs of module lie between 0 and 1, as after a sigmoid. Logits are "
            "expected, which can be any number: is a last layer to be left out?",
            UserWarning,
            stacklevel=6,
        )


def _check_weights(module: nn.Module) -> None:
    parameters = list(module.parameters())
    if not any(parameter.requires_grad for parameter in parameters):
        raise ValueError("module must have parameters that can be trained; got none.")
    others = {p.dtype for p in parameters if p.is_floating_point()} - {torch.float32}
    if others:
        raise ValueError(
            "module must have parameters of dtype torch.float32; got "
            f"{', '.join(sorted(map(str, others)))}. Pass module.float()."
        )


def _look_like_probabilities(outputs: Tensor) -> bool:
    sums = outputs.sum(dim=-1)
    sum_to_one = (sums - 1).abs() < _PROBABILITY_ROUNDING
    return bool((outputs >= 0).all() and sum_to_one.all())


def _looks_like_sigmoid(module: nn.Module, inputs: Tensor, outputs: Tensor) -> bool:
    """Whether outputs stay between zero and one, however large the inputs are."""
    bounded = bool(((outputs > 0) & (outputs < 1)).all())
    if not (bounded and inputs.is_floating_point()):
        return False
    far = module.eval()(torch.cat([1e3 * inputs, -1e3 * inputs]))
    return bool(((far >= 0) & (far <= 1)).all())
