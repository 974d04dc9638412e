"""Many small problems as few large tensors."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from skwass.transport._exact import Cloud
from skwass.transport._ground import GroundCost, refuse_overflow
from skwass.transport._simplex import Array

Problem = tuple[Cloud, Cloud]

_ENTRIES_ON_CPU = 2**18  # of the cost matrices of a batch: what a cache holds
_ENTRIES_ELSEWHERE = 2**26


@dataclass(frozen=True)
class Batch:
    """Problems of about the same size, padded to the largest.

    Attributes
    ----------
    indices : ndarray of shape (n_problems,)
        Which problems they are.
    costs : Tensor of shape (n_problems, n, m)
        Costs, divided by `units`; zero where there is only padding.
    a, b : Tensor of shape (n_problems, n) and (n_problems, m)
        Weights; zero is padding.
    units : ndarray of shape (n_problems,)
        The mean cost of each problem; one where that is zero.
    constants : ndarray of shape (n_problems,)
        What has to be added to the cost of a plan.
    """

    indices: NDArray[np.intp]
    costs: Tensor
    a: Tensor
    b: Tensor
    units: Array
    constants: Array


def batches(
    problems: Sequence[Problem],
    cost: GroundCost,
    device: str,
    dtype: torch.dtype = torch.float32,
) -> Iterator[Batch]:
    """Problems sorted by size, in batches that fit the cache or the accelerator."""
    sizes = np.array([(len(x[0]), len(y[0])) for x, y in problems]).reshape(-1, 2)
    order = np.lexsort((sizes[:, 1], sizes[:, 0]))
    room = _ENTRIES_ON_CPU if device == "cpu" else _ENTRIES_ELSEWHERE
    start = 0
    while start < len(order):
        stop = start + 1
        n, m = sizes[order[start]]
        while stop < len(order):
            larger_n, larger_m = np.maximum((n, m), sizes[order[stop]])
            if (stop + 1 - start) * larger_n * larger_m > room:
                break
            n, m, stop = larger_n, larger_m, stop + 1
        chosen = order[start:stop]
        yield _batch([problems[k] for k in chosen], chosen, cost, device, dtype)
        start = stop


def _batch(
    problems: list[Problem],
    indices: NDArray[np.intp],
    cost: GroundCost,
    device: str,
    dtype: torch.dtype,
) -> Batch:
    a, b = (_stacked([problem[side][1] for problem in problems]) for side in (0, 1))
    build = _centred_costs if cost.is_squared_euclidean else _general_costs
    costs, units, constants = build(problems, cost, device, dtype)
    a_tensor, b_tensor = (torch.from_numpy(w).to(device, dtype) for w in (a, b))
    return Batch(indices, costs, a_tensor, b_tensor, units, constants)


def _general_costs(
    problems: list[Problem], cost: GroundCost, device: str, dtype: torch.dtype
) -> tuple[Tensor, Array, Array]:
    matrices = [cost.matrix(x, y) for (x, _), (y, _) in problems]
    units = np.array([matrix.mean() or 1.0 for matrix in matrices])
    scaled = [matrix / unit for matrix, unit in zip(matrices, units, strict=True)]
    costs = torch.from_numpy(_stacked(scaled)).to(device, dtype)
    return costs, units, np.zeros(len(problems))


def _centred_costs(
    problems: list[Problem], cost: GroundCost, device: str, dtype: torch.dtype
) -> tuple[Tensor, Array, Array]:
    """Squared Euclidean costs of centred clouds, computed where they are needed.

    The cost of any plan is that between centred clouds plus the squared distance of
    their means, which is taken out: what is left is smaller, and so are errors relative
    to it.
    """
    units, constants = np.empty(len(problems)), np.empty(len(problems))
    sources, targets = [], []
    for k, (source, target) in enumerate(problems):
        x_mean, x_centred = _centred(source)
        y_mean, y_centred = _centred(target)
        constants[k] = np.sum((x_mean - y_mean) ** 2)
        x_square, y_square = np.sum(x_centred**2, 1), np.sum(y_centred**2, 1)
        units[k] = source[1] @ x_square + target[1] @ y_square or 1.0
        sources.append(x_centred / np.sqrt(units[k]))
        targets.append(y_centred / np.sqrt(units[k]))
    refuse_overflow(float(np.max(units + constants)))
    x = torch.from_numpy(_stacked(sources)).to(device, dtype)
    y = torch.from_numpy(_stacked(targets)).to(device, dtype)
    squares = x.square().sum(2)[:, :, None] + y.square().sum(2)[:, None]
    costs = torch.baddbmm(squares, x, y.mT, alpha=-2.0).clamp_(min=0.0)
    return costs, units, constants


def _centred(cloud: Cloud) -> tuple[Array, Array]:
    points, weights = cloud
    shifted = points.astype(np.float64) - points[0]
    mean = weights @ shifted
    return mean + points[0], shifted - mean


def _stacked(arrays: Sequence[Array]) -> Array:
    """One array, in which smaller ones are padded with zeros."""
    shape = np.max([array.shape for array in arrays], axis=0)
    stacked = np.zeros((len(arrays), *shape))
    for row, array in zip(stacked, arrays, strict=True):
        row[tuple(map(slice, array.shape))] = array
    return stacked
