"""A stream of torch's random numbers that no other training draws from."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import Tensor

from skwass.training._randomness import GLOBAL_GENERATOR


class TorchStream:
    """Lets modules draw from torch's global generators without leaving a trace.

    Dropout and other random modules know the global generator only. Each time the
    stream is entered, that goes on where the stream was left, and is put back
    afterwards.

    Parameters
    ----------
    seed : int
        Where the stream starts.
    device : str, default="cpu"
        Where modules draw besides the CPU.
    """

    def __init__(self, seed: int, device: str = "cpu") -> None:
        self.device = torch.device(device)
        self._states: list[Tensor] | None = None
        self.seed = seed

    @contextmanager
    def drawn_from(self) -> Iterator[None]:
        """Draw from the stream; fits in other threads wait."""
        with GLOBAL_GENERATOR:
            before = self._read()
            if self._states is None:
                self._start()
            else:
                self._write(self._states)
            try:
                yield
            finally:
                self._states = self._read()
                self._write(before)

    def _start(self) -> None:
        torch.default_generator.manual_seed(self.seed)
        if self.device.type == "mps":
            torch.mps.manual_seed(self.seed)
        elif self.device.type != "cpu":
            source = torch.get_device_module(self.device)
            with source.device(self.device):  # it seeds the current one
                source.manual_seed(self.seed)

    def _read(self) -> list[Tensor]:
        states = [torch.get_rng_state()]
        if self.device.type != "cpu":
            source = torch.get_device_module(self.device)
            states.append(source.get_rng_state(*self._which()))
        return states

    def _write(self, states: list[Tensor]) -> None:
        torch.set_rng_state(states[0])
        if self.device.type != "cpu":
            source = torch.get_device_module(self.device)
            source.set_rng_state(states[1], *self._which())

    def _which(self) -> tuple[torch.device, ...]:
        """There may be several GPUs of NVIDIA, and the current one be another."""
        return () if self.device.type == "mps" else (self.device,)
