"""VisionEncoder: a transformer that makes vectors of images."""

import pytest
import torch
from torch.testing import assert_close

from skwass.nn import VisionEncoder
from skwass.training import local_torch_seed

SHAPE = (3, 8, 8)


def encoder(**options):
    with local_torch_seed(0):
        return VisionEncoder(SHAPE, 16, patch_size=2, depth=2, **options)


@pytest.fixture
def images():
    return torch.rand(6, *SHAPE, generator=torch.Generator().manual_seed(0))


@pytest.mark.parametrize("attention", ["dot", "wasserstein"])
def test__vectors__depend_on_the_image_and_not_on_the_batch(attention, images):
    model = encoder(attention=attention)
    model(images)  # statistics
    model.eval()
    vectors = model(images)
    assert vectors.shape == (6, 16)
    assert_close(model(images[:2]), vectors[:2])
    assert (vectors.std(dim=0) > 0).all()


def test__all_that_is_learnt__has_a_gradient(images):
    model = encoder()
    model(images).square().mul(torch.arange(16)).sum().backward()
    without = [name for name, p in model.named_parameters() if p.grad is None]
    # it stands for hidden patches, and none is hidden
    assert without == ["network.blank.mean"]


def test__channels_of_any_scale__are_seen_alike(images):
    other = images * torch.tensor([1.0, 50.0, 255.0])[:, None, None] + 7
    assert_close(encoder()(other), encoder()(images), rtol=0, atol=1e-2)


def test__a_patch_that_does_not_fit__raises():
    with pytest.raises(ValueError, match="patch_size"):
        VisionEncoder(SHAPE, 16, patch_size=3)
