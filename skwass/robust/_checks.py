"""What the optimiser accepts."""

from __future__ import annotations

import math
from collections.abc import Iterable
from numbers import Integral, Real
from typing import Any

import torch
from torch.optim import Optimizer

NORMS = (1, 2, math.inf)


def check_options(**options: Any) -> None:
    """Raise a ValueError for an option that makes no sense."""
    for name in ("rho", "noise"):
        check_radius(name, options[name])
    for name in ("n_particles", "n_ascent_steps", "n_members"):
        value = options[name]
        if not isinstance(value, Integral) or isinstance(value, bool) or int(value) < 1:
            raise ValueError(f"{name} must be an integer of at least 1; got {value!r}.")
    if options["norm"] not in NORMS:
        raise ValueError(f"norm must be 1, 2 or math.inf; got {options['norm']!r}.")
    bound = options["max_grad_norm"]
    if bound is not None and not (isinstance(bound, Real) and float(bound) > 0):
        raise ValueError(f"max_grad_norm must be None or above 0; got {bound!r}.")


def check_radius(name: str, value: Any) -> None:
    """Raise a ValueError unless `value` is a finite number of at least zero."""
    if not isinstance(value, Real) or not 0.0 <= float(value) < math.inf:
        raise ValueError(
            f"{name} must be a finite number of at least 0; got {value!r}."
        )


def check_group(group: dict[str, Any], n_members: int) -> None:
    """Raise a ValueError for a group of parameters that cannot be perturbed."""
    check_radius("rho", group["rho"])
    if group.get("maximize"):
        raise ValueError(
            "maximize=True is not supported: the adversary raises the loss. Minimise "
            "the negative of what you want to maximise."
        )
    for parameter in group["params"]:
        if not parameter.is_floating_point():
            raise ValueError(f"params must be real numbers; got {parameter.dtype}.")
        shape = tuple(parameter.shape)
        if n_members > 1 and shape[:1] != (n_members,):
            raise ValueError(
                f"n_members={n_members} needs params with a leading axis of that "
                f"length; got a parameter of shape {shape}."
            )


def groups_of(
    base: Optimizer, params: Iterable[Any], options: dict[str, Any]
) -> list[dict[str, Any]]:
    """Groups of an optimiser that exists, which `params` has to agree with."""
    if options:
        raise ValueError(
            f"base is an optimiser already, so {', '.join(options)} cannot be handed "
            "to it: set it there, or give the class as base."
        )
    given: set[int] = set()
    for item in params:
        if not isinstance(item, dict):
            given.add(id(item))
        elif any(item is group for group in base.param_groups):
            given.update(id(parameter) for parameter in item["params"])
        else:
            raise ValueError(
                "params must be those of base, which is an optimiser already: hand "
                "over base.param_groups, with rho and perturb set there."
            )
    own = {id(p) for group in base.param_groups for p in group["params"]}
    if given != own:
        raise ValueError(
            f"params must be those of base, which is an optimiser already: got "
            f"{len(given)} parameters, of which {len(given & own)} are among the "
            f"{len(own)} of base."
        )
    return base.param_groups


def check_base(base: Any) -> None:
    """Raise a ValueError for an optimiser that cannot be driven."""
    if not isinstance(base, Optimizer):
        raise ValueError(
            "base must be a torch optimiser, or a class or function that makes one; "
            f"it made {base!r}."
        )
    if isinstance(base, torch.optim.LBFGS):
        raise ValueError(
            "base=LBFGS evaluates the loss itself, which cannot work here."
        )


def check_gradients(parameters: Iterable[torch.Tensor]) -> None:
    """Raise a RuntimeError for gradients that cannot be followed."""
    devices = set()
    for parameter in parameters:
        devices.add(parameter.device)
        if parameter.grad is not None and parameter.grad.layout != torch.strided:
            raise RuntimeError(
                f"OTMDR needs dense gradients; got one of layout "
                f"{parameter.grad.layout}. Build embeddings with sparse=False."
            )
    if len(devices) > 1:
        names = ", ".join(sorted(map(str, devices)))
        raise RuntimeError(f"OTMDR needs all parameters on one device; got {names}.")
