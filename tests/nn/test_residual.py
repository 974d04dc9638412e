"""The residual network for small images, and the heads of training."""

import pytest
import torch
from torch import nn

from skwass.nn import ProjectionHead, ResidualEncoder


@pytest.mark.parametrize("size", [(1, 1), (8, 8), (7, 13), (32, 32)])
@pytest.mark.parametrize("n_outputs", [1, 16, 33])
def test__images_of_any_size__become_vectors(size, n_outputs):
    encoder = ResidualEncoder(2, n_outputs)
    assert encoder(torch.zeros(3, 2, *size)).shape == (3, n_outputs)


def test__the_published_layout__is_resnet_18():
    encoder = ResidualEncoder(3, 512, n_blocks=(2, 2, 2, 2))
    n_parameters = sum(p.numel() for p in encoder.parameters())
    # 11,173,962 with the last layer of CIFAR-10 (512 x 10 + 10)
    assert n_parameters == 11_173_962 - 5130


def test__channels__are_standardised_by_what_is_given():
    x = torch.rand(4, 2, 8, 8)
    plain = ResidualEncoder(2, 8).eval()
    mean, scale = torch.tensor([1.0, 2.0]), torch.tensor([3.0, 4.0])
    other = ResidualEncoder(
        2, 8, mean=mean[:, None, None], scale=scale[:, None, None]
    ).eval()
    missing = other.layers[1:]
    for own, theirs in zip(plain.layers, missing, strict=True):
        theirs.load_state_dict(own.state_dict())
    shifted = x * scale[:, None, None] + mean[:, None, None]
    torch.testing.assert_close(other(shifted), plain(x), atol=1e-5, rtol=1e-4)


def test__heads__end_as_they_are_told():
    plain = ProjectionHead(6, (8, 4))
    assert [type(layer) for layer in plain] == [
        nn.Linear,
        nn.BatchNorm1d,
        nn.ReLU,
        nn.Linear,
    ]
    normalised = ProjectionHead(6, (4,), normalize_output=True)
    out = normalised(torch.randn(100, 6, generator=torch.Generator().manual_seed(0)))
    torch.testing.assert_close(out.mean(dim=0), torch.zeros(4), atol=1e-5, rtol=0)
    assert not list(normalised[-1].parameters())
