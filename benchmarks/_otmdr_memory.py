"""What a step keeps in memory besides parameters, gradients and the base's state."""

from __future__ import annotations

import weakref
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch
from _otmdr_exact import batches, perceptron
from _otmdr_peer import DescribedStep, Pass
from _problems import Scope
from _records import Figures
from torch import Tensor, nn
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from skwass.robust import OTMDR

PARTICLES = (1, 2, 4, 8)
#: of the step after the authors' description
THEIR_PARTICLES = (1, 4)
_NOISE = 0.3
_RHO = 0.2
_SGD = {"lr": 0.1, "momentum": 0.9, "weight_decay": 5e-4}


def measure(scope: Scope) -> Figures:
    """Copies of the parameters, by number of particles."""
    figures: Figures = {}
    for n in PARTICLES:
        network = perceptron(scope.seed)
        optimizer = OTMDR(
            network.parameters(),
            torch.optim.SGD,
            rho=_RHO,
            n_particles=n,
            noise=_NOISE,
            **_SGD,
        )
        peak, held = _copies(network, optimizer, scope)
        figures |= {f"peak_{n}": peak, f"held_{n}": held}
    for n in THEIR_PARTICLES:
        network = perceptron(scope.seed)
        base = torch.optim.SGD(network.parameters(), **_SGD)
        peak, held = _copies(network, DescribedStep(base, _RHO, n), scope)
        figures |= {f"their_peak_{n}": peak, f"their_held_{n}": held}
    return figures


def _copies(network: nn.Module, optimizer: Any, scope: Scope) -> tuple[float, float]:
    """At most at any time, and while a loss is computed.

    One gradient is the base's own and does not count.
    """
    before, batch = batches(scope.seed, 2)
    optimizer.step(Pass(network, before))  # the base makes its state
    network.zero_grad()
    if isinstance(optimizer, DescribedStep):
        optimizer.kept.clear()
    parameters = list(network.parameters())
    size = sum(p.numel() * p.element_size() for p in parameters)
    memory = Memory([*parameters, *network.buffers(), *batch])
    with memory:
        optimizer.gather(Unseen(network, batch, memory))
    return memory.peak / size - 1, memory.held / size


@dataclass(frozen=True)
class Unseen(Pass):
    """A pass whose activations do not count."""

    memory: Memory

    def __call__(self) -> Tensor:
        with self.memory.without():
            return super().__call__()

    def of(self, places: Tensor) -> Unseen:
        with self.memory.without():
            inputs, labels = self.batch
            part = inputs[places], labels[places]
        return Unseen(self.network, part, self.memory)


class Memory(TorchDispatchMode):
    """Counts the bytes of tensors that are made while it is active, and that live.

    What a kernel of torch makes for itself is not seen.

    Parameters
    ----------
    known : list of Tensor
        What there was before.
    """

    def __init__(self, known: list[Tensor]) -> None:
        super().__init__()
        self.live = 0
        #: the most outside of closures, and the most when one began
        self.peak = 0
        self.held = 0
        self._within = False
        self._known = {each.untyped_storage()._cdata for each in known}

    @contextmanager
    def without(self) -> Iterator[None]:
        """Count nothing for a while: activations are not the step's."""
        self.held = max(self.held, self.live)
        self._within = True
        try:
            yield
        finally:
            self._within = False

    def __torch_dispatch__(
        self, kind: Any, types: Any, args: Any = (), kwargs: Any = None
    ) -> Any:
        found = kind(*args, **(kwargs or {}))
        for each in tree_leaves(found):
            if isinstance(each, Tensor):
                self._count(each.untyped_storage())
        if not self._within:
            self.peak = max(self.peak, self.live)
        return found

    def _count(self, storage: torch.UntypedStorage) -> None:
        key = storage._cdata
        if key not in self._known:
            self._known.add(key)
            self.live += storage.nbytes()
            weakref.finalize(storage, self._forget, key, storage.nbytes())

    def _forget(self, key: int, size: int) -> None:
        self._known.discard(key)
        self.live -= size
