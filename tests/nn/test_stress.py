"""The loss against NumPy, its gradient against finite differences."""

import numpy as np
import pytest
import torch
from numpy.testing import assert_allclose
from scipy.spatial.distance import pdist
from torch.autograd import gradcheck

from skwass.nn import StressLoss, group_distances


def problem(n_groups=3, size=5, n_components=2, n_features=4, seed=0):
    """Embedding, decoded features, distances and features, in double precision."""
    rng = np.random.default_rng(seed)
    n_pairs = size * (size - 1) // 2
    return (
        rng.normal(size=(n_groups, size, n_components)),
        rng.normal(size=(n_groups, size, n_features)),
        rng.uniform(0.5, 2.0, size=(n_groups, n_pairs)),
        rng.normal(size=(n_groups, size, n_features)),
    )


def tensors(*arrays):
    return [torch.tensor(array) for array in arrays]


def numpy_stress(z, distances):
    embedded = np.stack([pdist(group) for group in z])
    return np.sum((embedded - distances) ** 2) / np.sum(distances**2)


@pytest.mark.parametrize("size", [2, 3, 9])
def test_distances_stand_in_the_order_of_triu_indices(size):
    z = problem(size=size)[0]
    found = group_distances(torch.tensor(z)).numpy()
    i, j = np.triu_indices(size, 1)
    assert_allclose(found, np.linalg.norm(z[:, i] - z[:, j], axis=-1), rtol=1e-14)
    assert_allclose(found, [pdist(group) for group in z], rtol=1e-14)


def test_distances_far_from_the_origin_keep_their_digits():
    z = torch.tensor([[[1e4, 0.0], [1e4 + 0.0625, 0.0]]])
    assert group_distances(z).item() == 0.0625


def test_distances_have_the_gradient_of_finite_differences():
    z = torch.tensor(problem()[0], requires_grad=True)
    assert gradcheck(group_distances, (z,))


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_coinciding_points_have_no_distance_and_no_gradient(dtype):
    z = torch.tensor([[[1.0, 2.0], [1.0, 2.0], [4.0, 6.0]]], dtype=dtype)
    z.requires_grad_()
    distances = group_distances(z)
    assert_allclose(distances.detach().numpy(), [[0.0, 5.0, 5.0]], atol=1e-15)
    distances[0, 0].backward()
    assert torch.equal(z.grad, torch.zeros_like(z))


def test_the_loss_at_coinciding_points_has_a_finite_gradient():
    z = torch.zeros(1, 4, 2, requires_grad=True)
    loss = StressLoss()((z, None), (torch.ones(1, 6), torch.ones(1, 4, 3)))
    loss.backward()
    assert loss.item() == pytest.approx(1.0)
    assert torch.equal(z.grad, torch.zeros_like(z))


def test_the_loss_is_relative_stress_plus_relative_error_of_the_decoder():
    z, decoded, distances, features = problem()
    expected = numpy_stress(z, distances)
    expected += np.sum((decoded - features) ** 2) / np.sum(features**2)
    z, decoded, distances, features = tensors(z, decoded, distances, features)
    found = StressLoss()((z, decoded), (distances, features))
    assert_allclose(found.item(), expected, rtol=1e-13)


def test_in_evaluation_the_loss_is_the_stress_alone():
    z, decoded, distances, features = problem()
    expected = numpy_stress(z, distances)
    z, decoded, distances, features = tensors(z, decoded, distances, features)
    loss = StressLoss()
    without_decoder = loss((z, None), (distances, features)).item()
    in_training = loss((z, decoded), (distances, features)).item()
    loss.eval()
    assert_allclose(without_decoder, expected, rtol=1e-13)
    assert_allclose(
        loss((z, decoded), (distances, features)).item(), expected, rtol=1e-13
    )
    assert in_training > 1.1 * expected


def test_the_loss_of_what_is_perfect_is_zero():
    z, features, _, _ = tensors(*problem())
    target = (group_distances(z), features)
    assert StressLoss()((z, features), target).item() == 0.0


@pytest.mark.parametrize("unit", [2.0**-20, 2.0**20])
def test_the_unit_does_not_matter(unit):
    z, decoded, distances, features = tensors(*problem())
    plain = StressLoss()((z, decoded), (distances, features))
    scaled = StressLoss()(
        (unit * z, unit * decoded), (unit * distances, unit * features)
    )
    assert scaled.item() == plain.item()


@pytest.mark.parametrize("training", [True, False])
def test_the_loss_has_the_gradient_of_finite_differences(training):
    z, decoded, distances, features = tensors(*problem())
    loss = StressLoss().train(training)
    z.requires_grad_()
    decoded.requires_grad_(training)
    assert gradcheck(
        lambda z, decoded: loss((z, decoded), (distances, features)), (z, decoded)
    )
