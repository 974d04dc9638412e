"""Where the points of a reference land is affine in the features, and fixed."""

import pytest
import torch

from skwass.nn import MovedReference


@pytest.fixture
def parts():
    torch.manual_seed(0)
    return torch.randn(4, 5, 3, dtype=torch.float64), torch.randn(5, 3).double()


def test_zero_features_give_the_offset(parts):
    landed = MovedReference(*parts)(torch.zeros(2, 4).double())
    torch.testing.assert_close(landed, parts[1].expand(2, 5, 3))


def test_each_feature_moves_along_its_direction(parts):
    directions, offset = parts
    landed = MovedReference(*parts)(2 * torch.eye(4).double())
    torch.testing.assert_close(landed, offset + 2 * directions)


def test_the_map_is_affine(parts):
    module = MovedReference(*parts)
    a, b = torch.randn(2, 6, 4).double()
    torch.testing.assert_close(
        module(0.3 * a + 0.7 * b), 0.3 * module(a) + 0.7 * module(b)
    )


def test_nothing_is_trained_but_gradients_pass(parts):
    module = MovedReference(*parts)
    assert not list(module.parameters())
    features = torch.randn(2, 4, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(module, (features,))


def test_a_state_dict_carries_it(parts):
    other = MovedReference(torch.zeros(4, 5, 3).double(), torch.zeros(5, 3).double())
    other.load_state_dict(MovedReference(*parts).state_dict())
    x = torch.randn(2, 4).double()
    torch.testing.assert_close(other(x), MovedReference(*parts)(x))


def test_no_clouds_give_no_points(parts):
    assert MovedReference(*parts)(torch.zeros(0, 4).double()).shape == (0, 5, 3)
