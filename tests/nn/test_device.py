"""A device that cannot be used is told before anything is computed."""

import pytest
import torch

from skwass.nn import checked_device


@pytest.mark.parametrize("device", ["cpu", "cpu:0"])
def test_the_cpu_is_always_there(device):
    assert checked_device(device) == device


@pytest.mark.parametrize("device", ["nonsense", "", "cpu:-2", "meta", "hpu"])
def test_a_device_that_holds_no_numbers_is_refused_by_name(device):
    with pytest.raises(ValueError, match=f"device='{device}' cannot be used: .*'cpu'"):
        checked_device(device)


def test_an_accelerator_that_is_not_here_is_refused_by_name():
    if torch.cuda.is_available():
        pytest.skip("there is one")
    with pytest.raises(ValueError, match="device='cuda' cannot be used"):
        checked_device("cuda")


def test_the_message_is_one_line_and_the_traceback_short(monkeypatch):
    def broken(*args, **kwargs):
        raise RuntimeError("first line.\nsecond line")

    monkeypatch.setattr(torch, "zeros", broken)
    with pytest.raises(ValueError, match="cannot be used") as caught:
        checked_device("cpu")
    assert "first line. Use 'cpu'" in str(caught.value)
    assert "second line" not in str(caught.value)
    assert caught.value.__suppress_context__


def test_an_error_without_words_is_told_by_its_name(monkeypatch):
    def broken(*args, **kwargs):
        raise NotImplementedError

    monkeypatch.setattr(torch, "zeros", broken)
    with pytest.raises(ValueError, match="cannot be used: NotImplementedError"):
        checked_device("cpu")
