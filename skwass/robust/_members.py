"""The networks of a fit: one, or the members of an ensemble."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import torch
from joblib import Parallel, delayed, effective_n_jobs
from torch import Tensor, nn

from skwass.nn import BayesianLayer, Perceptron, make_bayesian, sampled_weights
from skwass.robust._modules import (
    as_inputs,
    perceptron,
    reads_whole_numbers,
    users_module,
    wake,
)
from skwass.robust._net import SharpnessAwareNet
from skwass.robust._recipe import Recipe
from skwass.robust._runs import go_on_with, net_of
from skwass.training import Batches, Samples, stripped

_ROWS_AT_ONCE = 1024


@dataclass(frozen=True)
class Task:
    """What the members of a fit have in common.

    Attributes
    ----------
    module : object
        What the user gave, or None.
    module_parameters : dict
        For a class or a factory.
    n_outputs : int
        Of each network.
    loss : Module
        Compares outputs with targets.
    logits : bool
        Whether outputs are logits.
    """

    module: Any
    module_parameters: dict[str, Any]
    n_outputs: int
    loss: nn.Module
    logits: bool

    def network(
        self, recipe: Recipe, samples: Samples, seeds: list[int], stacked: bool = False
    ) -> nn.Module:
        """A network that is not trained yet, or a stack of them."""
        if self.module is None:
            made: nn.Module = perceptron(
                samples, self.n_outputs, recipe.hidden_layer_sizes, seeds, stacked
            )
        else:
            shape = (samples.inputs.shape[1], self.n_outputs)
            made = users_module(self.module, self.module_parameters, shape, seeds[0])
            X = samples.inputs.numpy()
            wake(made, as_inputs(X, reads_whole_numbers(made, X)), seeds[0])
        if recipe.distribution == "bayesian":
            made = make_bayesian(made, prior_scale=recipe.prior_scale)
        return made


@dataclass
class Group:
    """Members that are trained and asked together.

    Attributes
    ----------
    net : SharpnessAwareNet
        Its module has a leading axis of members, if it is `stacked`.
    stacked : bool
        Whether there is such an axis.
    alive : bool
        Whether the optimiser remembers its past.
    """

    net: SharpnessAwareNet
    stacked: bool
    alive: bool = False

    @property
    def n_members(self) -> int:
        """How many they are."""
        return int(self.net.n_members)

    @property
    def bayesian(self) -> bool:
        """Whether their weights are drawn."""
        return any(isinstance(part, BayesianLayer) for part in self.module.modules())

    @property
    def curves(self) -> dict[str, list[float]]:
        """Losses of each full epoch: training, and held out if some samples were."""
        names = {"loss": "train_loss", "validation_loss": "valid_loss"}
        rows = [row for row in self.net.history if "train_loss" in row]
        return {
            name: [row[key] for row in rows]
            for name, key in names.items()
            if name == "loss" or (rows and all(key in row for row in rows))
        }

    @property
    def interrupted(self) -> bool:
        """Whether a user has ended training, and not its plan."""
        stopping = dict(self.net.callbacks_).get("early_stopping")
        if stopping is not None and stopping.misses_ >= stopping.patience:
            return False
        return len(self.curves["loss"]) < self.net.max_epochs

    @property
    def module(self) -> nn.Module:
        """The network or networks."""
        module: nn.Module = self.net.module_
        return module

    def reader(self) -> nn.Module:
        """What predicts: perceptrons in double precision, which costs them little.

        What is said of a sample then does not depend on how many others there are.
        Bayesian networks are copied too, since other threads may draw weights as well.
        """
        module = self.module.eval()
        if (
            isinstance(module, Perceptron)
            and torch.device(self.net.device).type != "mps"
        ):
            return copy.deepcopy(module).double()
        return copy.deepcopy(module) if self.bayesian else module

    @torch.no_grad()
    def outputs(self, reader: nn.Module, inputs: Tensor) -> Tensor:
        """Those of each member, of shape (n_members, n_samples, n_outputs)."""
        if isinstance(reader, Perceptron):
            inputs = inputs.to(next(reader.parameters()).dtype)
        parts = [
            reader(rows.to(self.net.device)).cpu()
            for rows in inputs.split(_ROWS_AT_ONCE)
        ]
        found = torch.cat(parts, dim=-2)
        return found if self.stacked else found[None]


def train_members(
    task: Task,
    recipe: Recipe,
    samples: Samples,
    held_out: Samples | None,
    seeds: list[int],
    earlier: list[Group] | None = None,
) -> list[Group]:
    """Train a member for each seed, from earlier ones on if there are any.

    Perceptrons are trained side by side, which is faster; other networks one after
    the other. With several jobs, each trains a part of the members. An interrupt ends
    them all: the members that are complete stay, or the only one that was begun.
    """
    parts = _parts(len(seeds), effective_n_jobs(recipe.n_jobs), task.module is None)
    if earlier is not None:
        parts = _parts_of(earlier)
    tasks = [
        (
            task,
            recipe,
            samples,
            held_out,
            seeds[part],
            None if earlier is None else earlier[place],
        )
        for place, part in enumerate(parts)
    ]
    workers = min(effective_n_jobs(recipe.n_jobs), len(parts))
    if workers > 1:
        groups: list[Group] = Parallel(n_jobs=workers)(
            delayed(_train_part)(*each) for each in tasks
        )
        return groups
    groups = []
    for each in tasks:
        group = _train_part(*each)
        if group.interrupted:
            return groups or [group]
        groups.append(group)
    return groups


def member_outputs(
    groups: list[Group],
    inputs: Tensor,
    n_draws: int | None,
    seed: int,
) -> Iterator[Tensor]:
    """Outputs (n_members, n_samples, n_outputs), of each draw of Bayesian weights.

    Every call with the same seed uses the same weights, so that what is said of a
    sample depends on no other. None draws no weights.
    """
    readers = [group.reader() for group in groups]
    pairs = list(zip(groups, readers, strict=True))
    if n_draws is None:
        yield torch.cat([group.outputs(reader, inputs) for group, reader in pairs])
        return
    generator = torch.Generator().manual_seed(seed)
    for _ in range(n_draws):
        parts = []
        for group, reader in pairs:
            with sampled_weights(reader, generator):
                parts.append(group.outputs(reader, inputs))
        yield torch.cat(parts)


def advance_members(
    task: Task,
    recipe: Recipe,
    samples: Samples,
    seeds: list[int],
    groups: list[Group] | None,
    epoch: int,
) -> list[Group]:
    """Train members for one epoch more, or for the first one if there are none yet."""
    parts = _parts(len(seeds), 1, task.module is None)
    if groups is not None:
        parts = _parts_of(groups)
    advanced = []
    for place, part in enumerate(parts):
        group = None if groups is None else groups[place]
        stacked = _is_stacked(task, recipe) if group is None else group.stacked
        batches = Batches(samples, recipe.batch_size, seeds[part], stacked)
        batches.epoch = epoch
        if group is None or not group.alive:
            module = _module(task, recipe, samples, seeds[part], group)
            net = net_of(module, task.loss, recipe, batches, None)
            if group is not None:
                net.history = copy.deepcopy(group.net.history)
        else:
            net = copy.deepcopy(group.net)  # a failure must leave the old one
            go_on_with(net, task.loss, recipe, len(samples))
        net.partial_fit(batches, y=None)
        for row in net.history:
            row["batches"].clear()
        advanced.append(Group(net, stacked, alive=True))
    return advanced


def mean_curves(groups: list[Group]) -> dict[str, list[float]]:
    """Losses of each epoch, averaged over the members that were trained so long."""
    curves = {}
    # an interrupted member may have no epoch, and so no curve
    for name in dict.fromkeys(name for group in groups for name in group.curves):
        sums: dict[int, float] = {}
        counts: dict[int, int] = {}
        for group in groups:
            for epoch, loss in enumerate(group.curves.get(name, [])):
                sums[epoch] = sums.get(epoch, 0.0) + group.n_members * loss
                counts[epoch] = counts.get(epoch, 0) + group.n_members
        curves[name] = [float(sums[epoch] / counts[epoch]) for epoch in sorted(sums)]
    return curves


def _train_part(
    task: Task,
    recipe: Recipe,
    samples: Samples,
    held_out: Samples | None,
    seeds: list[int],
    earlier: Group | None,
) -> Group:
    stacked = _is_stacked(task, recipe) if earlier is None else earlier.stacked
    module = _module(task, recipe, samples, seeds, earlier)
    batches = Batches(samples, recipe.batch_size, seeds, stacked)
    net = net_of(module, task.loss, recipe, batches, held_out)
    net.partial_fit(batches, y=None)
    return Group(stripped(net), stacked)


def _is_stacked(task: Task, recipe: Recipe) -> bool:
    return task.module is None and recipe.distribution == "ensemble"


def _module(
    task: Task,
    recipe: Recipe,
    samples: Samples,
    seeds: list[int],
    earlier: Group | None,
) -> nn.Module:
    """A new network or stack, or a copy of an earlier one."""
    if earlier is not None:
        return copy.deepcopy(earlier.module)
    return task.network(recipe, samples, seeds, _is_stacked(task, recipe))


def _parts(n_members: int, n_jobs: int, side_by_side: bool) -> list[slice]:
    """Which members are trained together."""
    n_parts = min(n_jobs, n_members) if side_by_side else n_members
    bounds = [round(k * n_members / n_parts) for k in range(n_parts + 1)]
    return [slice(*ends) for ends in pairwise(bounds)]


def _parts_of(groups: list[Group]) -> list[slice]:
    """The same parts as before."""
    parts, start = [], 0
    for group in groups:
        stop = start + group.n_members
        parts.append(slice(start, stop))
        start = stop
    return parts
