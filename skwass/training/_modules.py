"""Networks that come from the user: instances, classes or factories."""

from __future__ import annotations

import copy
import inspect
from collections.abc import Mapping
from functools import partial
from typing import Any

from torch import nn
from torch.nn.modules.batchnorm import _BatchNorm

from skwass.training._randomness import local_torch_seed


def made_module(
    given: Any,
    parameters: Mapping[str, Any],
    told: Mapping[str, Any],
    *,
    name: str,
    seed: int,
) -> nn.Module:
    """A copy of the user's module, or what the user's class or factory makes.

    Parameters
    ----------
    given : Module or callable
        What the user gave.
    parameters : mapping
        For a class or factory.
    told : mapping
        More for a class or factory, as far as its signature has parameters of that
        name.
    name : str
        Of the parameter of the estimator that holds `given`.
    seed : int
        What initial weights are drawn by.

    Raises
    ------
    ValueError
        If there are parameters for an instance, or no module was made.
    """
    if isinstance(given, nn.Module):
        if parameters:
            raise ValueError(
                f"Parameters {sorted(f'{name}__{each}' for each in parameters)} are "
                "for a module that is yet to be made; got an instance of "
                f"{type(given).__name__}. Pass its class instead."
            )
        return copy.deepcopy(given)
    known = _names_of_parameters(given)
    wanted = {each: value for each, value in told.items() if each in known}
    with local_torch_seed(seed):
        made = given(**(wanted | dict(parameters)))
    if not isinstance(made, nn.Module):
        raise ValueError(
            f"{name} must be a torch module, a class of them or a callable that makes "
            f"one; {given!r} made a {type(made).__name__}."
        )
    return made


def has_batch_statistics(module: nn.Module) -> bool:
    """Whether it normalises by statistics of a batch."""
    return any(isinstance(part, _BatchNorm) for part in module.modules())


def _names_of_parameters(factory: Any) -> set[str]:
    """Those that are not decided yet."""
    bound = factory.keywords if isinstance(factory, partial) else {}
    try:
        return set(inspect.signature(factory).parameters) - set(bound)
    except (TypeError, ValueError):
        return set()
