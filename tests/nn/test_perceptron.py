"""What columns of a table are standardised by."""

import torch
from numpy.testing import assert_allclose

from skwass.nn import centre_and_scale


def test__columns__are_brought_to_mean_zero_and_variance_one():
    generator = torch.Generator().manual_seed(0)
    rows = torch.randn(50, 3, generator=generator) * torch.tensor([1e-8, 1, 1e8]) + 1
    mean, scale = centre_and_scale(rows)
    standardised = (rows[:, 1:] - mean[1:]) / scale[1:]
    assert_allclose(standardised.mean(dim=0), 0, atol=1e-5)
    assert_allclose(standardised.std(dim=0, correction=0), 1, rtol=1e-5)
    # the first one is moved by no more than rounding
    assert scale[0] == 1


def test__constant_columns__have_a_scale_of_one():
    mean, scale = centre_and_scale(torch.full((5, 2), 0.1))
    assert_allclose(mean, 0.1)
    assert_allclose(scale, 1)
