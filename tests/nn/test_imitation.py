"""The loss of a student is zero for a copy, and sees shrinking."""

import pytest
import torch

from skwass.nn import ImitationLoss, QuantileEncoder, Student


def test__loss__of_a_copy_is_zero():
    targets = torch.randn(40, 3, generator=torch.Generator().manual_seed(0))
    assert ImitationLoss()(targets, targets).item() == 0


def test__loss__is_error_plus_relative_stress():
    targets = torch.randn(8, 3, generator=torch.Generator().manual_seed(0))
    shrunk = 0.5 * targets
    error = (0.25 * targets.square().sum(1)).mean().item()
    loss = ImitationLoss(stress=4.0)(shrunk, targets).item()
    assert loss == pytest.approx(error + 4.0 * 0.25, rel=1e-5)


def test__loss__takes_pairs_within_groups_only():
    z, targets = torch.zeros(4, 1), torch.tensor([[0.0], [0.0], [5.0], [5.0]])
    loss = ImitationLoss(stress=1.0, group_size=2)(z, targets)
    assert loss.item() == pytest.approx(12.5)  # the error alone


def test__loss__of_a_single_measure_has_no_stress():
    assert ImitationLoss()(torch.zeros(1, 2), torch.ones(1, 2)).item() == 2.0


def test__student__says_what_the_encoder_says():
    encoder = QuantileEncoder(torch.eye(2), 3, width=8)
    points, weights = torch.randn(5, 6, 2), torch.ones(5, 6)
    summary = encoder.summarise(points, weights)
    assert torch.equal(Student(encoder)(summary), encoder(points, weights))
