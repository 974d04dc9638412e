"""Streams of torch's random numbers."""

from contextlib import contextmanager

import pytest
import torch

from skwass.training import TorchStream


def test__stream__goes_on_where_it_was_left_and_leaves_no_trace():
    stream, before = TorchStream(7), torch.get_rng_state()
    drawn = []
    for _ in range(2):
        with stream.drawn_from():
            drawn.append(torch.rand(3))
        assert torch.get_rng_state().equal(before)
    expected = torch.rand(6, generator=torch.Generator().manual_seed(7))
    assert torch.cat(drawn).equal(expected)


class Devices:
    """Several devices, of which the current one is number 0."""

    def __init__(self):
        self.states = [torch.tensor(0), torch.tensor(0)]
        self.current = 0

    @contextmanager
    def device(self, device):
        self.current, before = device.index, self.current
        yield
        self.current = before

    def manual_seed(self, seed):
        self.states[self.current] = torch.tensor(seed)

    def get_rng_state(self, device=None):
        return self.states[self.current if device is None else device.index]

    def set_rng_state(self, state, device=None):
        self.states[self.current if device is None else device.index] = state


def test__stream__is_that_of_its_device_not_of_the_current_one(monkeypatch):
    devices = Devices()
    monkeypatch.setattr(torch, "get_device_module", lambda device: devices)
    stream = TorchStream(7, "cuda:1")
    for count in range(2):
        with stream.drawn_from():
            assert [int(state) for state in devices.states] == [0, 7 + count]
            devices.states[1] = devices.states[1] + 1
        assert [int(state) for state in devices.states] == [0, 0]


def test__stream__leaves_no_trace_of_a_failure():
    stream, before = TorchStream(7), torch.get_rng_state()
    with pytest.raises(KeyError), stream.drawn_from():
        raise KeyError(torch.rand(3))
    assert torch.get_rng_state().equal(before)
