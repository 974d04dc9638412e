"""The gradient of one batch, as often as asked, as if it were asked once."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from types import TracebackType
from typing import Any

import torch
from torch import Tensor, nn


class Passes:
    """Calls of a closure that leave as many traces as one call.

    Later calls draw the random numbers of the first, so that they drop the same units,
    and running statistics stay as the first call has left them.

    Parameters
    ----------
    closure : callable
        Computes gradients and returns a loss.
    parameters : list of Tensor
        Their gradients are cleared before each call.
    module : Module or None
        Whose running statistics to keep.
    replay : bool
        Whether to draw the same numbers again.
    """

    def __init__(
        self,
        closure: Callable[[], Any],
        parameters: list[Tensor],
        module: nn.Module | None,
        replay: bool,
    ) -> None:
        self.closure = closure
        self.parameters = parameters
        self.module = module
        self.replay = replay
        self._rewind: list[Callable[[], None]] | None = None
        self._statistics: list[tuple[Tensor, Tensor]] | None = None

    def __enter__(self) -> Passes:
        return self

    def __call__(self) -> Any:
        """One pass; returns what the closure does."""
        if self._rewind is None:
            self._rewind = self._generators()
        else:
            if self._statistics is None:
                self._statistics = [(s, s.clone()) for s in self._running()]
            for rewind in self._rewind:
                rewind()
        # what an autocast around the step has cast is of other parameters
        torch.clear_autocast_cache()
        for parameter in self.parameters:
            parameter.grad = None
        with torch.enable_grad():
            return self.closure()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        value: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        torch.clear_autocast_cache()
        for statistic, kept in self._statistics or ():
            statistic.copy_(kept)

    def _generators(self) -> list[Callable[[], None]]:
        """What puts the global generators back to where they are now."""
        if not self.replay:
            return []
        back: list[Callable[[], None]] = [
            partial(torch.set_rng_state, torch.get_rng_state())
        ]
        for device in {parameter.device for parameter in self.parameters}:
            if device.type in ("cpu", "meta"):
                continue
            source = torch.get_device_module(device)
            which = () if device.type == "mps" else (device,)
            state = source.get_rng_state(*which)
            back.append(partial(source.set_rng_state, state, *which))
        return back

    def _running(self) -> list[Tensor]:
        """Buffers of all layers that keep a running mean: batch norm and its kin."""
        if self.module is None:
            return []
        return [
            buffer
            for layer in self.module.modules()
            if getattr(layer, "running_mean", None) is not None
            for buffer in layer.buffers(recurse=False)
        ]
