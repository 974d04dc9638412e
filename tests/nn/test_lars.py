"""LARS: steps in proportion to weights."""

import pickle

import pytest
import torch
from numpy.testing import assert_allclose
from torch import nn

from skwass.nn import LARS


def stepped(parameter, gradient, n_steps=1, **options):
    optimizer = LARS([parameter], **{"lr": 1.0, "momentum": 0.0, **options})
    for _ in range(n_steps):
        parameter.grad = gradient.clone()
        optimizer.step()
    return parameter.detach()


@pytest.mark.parametrize("scale", [1e-6, 1.0, 1e6])
def test__a_step__does_not_depend_on_the_length_of_the_gradient(scale):
    weight = nn.Parameter(torch.tensor([[3.0, 0.0], [0.0, 4.0]]))
    gradient = scale * torch.tensor([[1.0, 0.0], [0.0, 0.0]])
    expected = torch.tensor([[3 - 0.02 * 5, 0.0], [0.0, 4.0]])
    torch.testing.assert_close(stepped(weight, gradient), expected)


def test__biases__are_plain_descent_without_decay():
    bias = nn.Parameter(torch.tensor([2.0, 1.0]))
    found = stepped(bias, torch.tensor([0.5, 0.0]), weight_decay=10.0)
    torch.testing.assert_close(found, torch.tensor([1.5, 1.0]))


def test__weight_decay__turns_the_gradient():
    weight = nn.Parameter(torch.tensor([[3.0, 4.0]]))
    found = stepped(weight, torch.tensor([[-3.0, 0.0]]), weight_decay=1.0, trust=0.1)
    torch.testing.assert_close(found, torch.tensor([[3.0, 3.5]]))


def test__momentum__gathers_steps():
    weight = nn.Parameter(torch.tensor([10.0]))
    found = stepped(weight, torch.tensor([1.0]), n_steps=3, momentum=0.5)
    assert_allclose(found, 10 - 1 - 1.5 - 1.75)


def test__weights_of_zero_and_gradients_of_zero__stay_finite():
    for start, slope in ((0.0, 1.0), (1.0, 0.0), (0.0, 0.0)):
        weight = nn.Parameter(torch.full((2, 2), start))
        found = stepped(weight, torch.full((2, 2), slope))
        torch.testing.assert_close(found, torch.full((2, 2), start - slope))


def test__closures__are_called_with_gradients():
    weight = nn.Parameter(torch.ones(2, 2))
    optimizer = LARS([weight], lr=0.1)

    def closure():
        optimizer.zero_grad()
        loss = weight.square().sum()
        loss.backward()
        return loss

    losses = [optimizer.step(closure).item() for _ in range(3)]
    assert losses == sorted(losses, reverse=True)


def test__state__goes_on_after_a_pickle():
    weight = nn.Parameter(torch.ones(2, 2))
    optimizer = LARS([weight], lr=0.1)
    weight.grad = torch.ones(2, 2)
    optimizer.step()
    other = pickle.loads(pickle.dumps(optimizer))
    for one in (optimizer, other):
        parameter = one.param_groups[0]["params"][0]
        parameter.grad = torch.ones(2, 2)
        one.step()
    torch.testing.assert_close(other.param_groups[0]["params"][0], weight)


@pytest.mark.parametrize("name", ["lr", "momentum", "weight_decay", "trust"])
def test__negative_options__raise(name):
    with pytest.raises(ValueError, match=f"{name} must be at least 0; got -1"):
        LARS([nn.Parameter(torch.ones(1))], **{"lr": 0.1, name: -1})
