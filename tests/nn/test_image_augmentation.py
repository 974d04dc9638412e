"""Augmentations for classifiers: what they keep, and who decides."""

import numpy as np
import pytest
import torch
from scipy.stats import beta, kstest
from torch.testing import assert_close

from skwass.nn import ImageAugmentation, ImageMixing


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


IMAGES = torch.rand(64, 3, 8, 6, generator=generator())


def test__shifts__move_pixels_and_repeat_the_edge():
    image = torch.arange(48.0).reshape(1, 1, 8, 6)
    views = ImageAugmentation(padding=2)(image.expand(400, 1, 8, 6), generator())
    padded = torch.nn.functional.pad(image, (2, 2, 2, 2), mode="replicate")
    crops = padded.unfold(2, 8, 1).unfold(3, 6, 1).reshape(25, 1, 8, 6)
    found = {int((crops == view).all((1, 2, 3)).nonzero()) for view in views}
    assert found == set(range(25))


def test__padding__may_be_a_number_of_numpy():
    for numpys, pythons in ((np.float32(0.25), 0.25), (np.int64(2), 2)):
        found, expected = (
            ImageAugmentation(padding=padding)(IMAGES, generator())
            for padding in (numpys, pythons)
        )
        assert_close(found, expected)


def test__no_padding_and_no_flip__change_nothing():
    assert_close(ImageAugmentation(padding=0)(IMAGES, generator()), IMAGES)


def test__a_share_of_the_side__is_rounded_to_pixels():
    image = torch.zeros(200, 1, 16, 16)
    image[:, :, 8, 8] = 1
    moved = ImageAugmentation(padding=0.125)(image, generator()).nonzero()[:, 2:]
    assert moved.amin() == 6
    assert moved.amax() == 10


def test__mirrors__are_as_frequent_as_asked():
    views = ImageAugmentation(padding=0, flip=0.25)(
        IMAGES.repeat(50, 1, 1, 1), generator()
    )
    flipped = (views == IMAGES.flip(3).repeat(50, 1, 1, 1)).all((1, 2, 3))
    same = (views == IMAGES.repeat(50, 1, 1, 1)).all((1, 2, 3))
    assert (flipped | same).all()
    assert abs(flipped.float().mean() - 0.25) < 0.03


@pytest.mark.parametrize("n_channels", [1, 2, 3])
def test__colours__stay_within_their_range(n_channels):
    images = 255 * IMAGES[:, :n_channels]
    augment = ImageAugmentation(padding=0, jitter=1.0, value_range=(0, 255))
    views = augment(images, generator())
    assert not torch.allclose(views, images)
    assert views.min() >= 0
    assert views.max() <= 255 + 1e-3


@pytest.mark.parametrize("dtype", [torch.float16, torch.float32, torch.float64])
def test__views__keep_the_dtype_and_leave_images_alone(dtype):
    images = IMAGES.to(dtype)
    before = images.clone()
    views = ImageAugmentation(flip=0.5, jitter=1.0)(images, generator())
    assert views.dtype == dtype
    assert torch.equal(images, before)


@pytest.mark.parametrize(
    "augment",
    [ImageAugmentation(flip=0.5, jitter=0.5), ImageMixing(0.4), ImageMixing(0, 1.0)],
)
def test__a_generator__decides_all(augment):
    state = torch.get_rng_state()
    first, again, other = (augment(IMAGES, generator(s)) for s in (0, 0, 1))
    assert torch.equal(torch.get_rng_state(), state)
    first, again, other = (
        each if isinstance(each, torch.Tensor) else each.images
        for each in (first, again, other)
    )
    assert torch.equal(first, again)
    assert not torch.equal(first, other)


def test__mixup__is_a_mean_of_two():
    mixed = ImageMixing(mixup=0.5)(IMAGES, generator())
    share = mixed.shares[:, None, None, None]
    assert_close(mixed.images, share * IMAGES + (1 - share) * IMAGES[mixed.partners])
    assert sorted(mixed.partners.tolist()) == list(range(64))


@pytest.mark.parametrize("alpha", [0.2, 1.0, 3.0])
def test__mixup__draws_from_a_beta_distribution(alpha):
    images = torch.zeros(4000, 1, 1, 1)
    shares = ImageMixing(mixup=alpha)(images, generator()).shares.double()

    def folded(x):
        return beta.cdf(x, alpha, alpha) - beta.cdf(1 - x, alpha, alpha)

    assert kstest(shares.numpy(), folded).pvalue > 1e-3


@pytest.mark.parametrize("shape", [(8, 8), (1, 12), (12, 1), (5, 7)])
def test__cutmix__puts_a_box_of_the_other_into_the_first(shape):
    images = torch.arange(40.0)[:, None, None, None].expand(40, 2, *shape).contiguous()
    mixed = ImageMixing(cutmix=1.0)(images, generator())
    own = (mixed.images == images)[:, 0]
    others = images[mixed.partners]
    assert (own | (mixed.images == others)[:, 0]).all()
    fixed = mixed.partners == torch.arange(40)
    assert_close(
        own.float().mean((1, 2))[~fixed], mixed.shares[~fixed], rtol=0, atol=1e-6
    )
    for pixels in ~own[~fixed]:
        if pixels.any():
            rows, columns = pixels.any(1), pixels.any(0)
            assert pixels.sum() == rows.sum() * columns.sum()  # a box
            assert rows.nonzero().diff(dim=0).le(1).all()
            assert columns.nonzero().diff(dim=0).le(1).all()


def test__both__share_the_images():
    mixed = ImageMixing(mixup=1.0, cutmix=1.0)(torch.rand(400, 1, 8, 8), generator())
    # boxes take up whole pixels
    boxed = ((mixed.shares * 64).round() - mixed.shares * 64).abs() < 1e-5
    assert 0.4 < boxed.float().mean() < 0.6


def test__no_mixing__changes_nothing():
    mixed = ImageMixing()(IMAGES, generator())
    assert torch.equal(mixed.images, IMAGES)
    assert (mixed.shares == 1).all()


@pytest.mark.parametrize(
    ("make", "match"),
    [
        (lambda: ImageAugmentation(flip=1.5), "flip must be between 0 and 1"),
        (lambda: ImageAugmentation(jitter=-1), "jitter must be between 0 and 1"),
        (lambda: ImageAugmentation(padding=1.5), "padding must be between 0 and 1"),
        (lambda: ImageAugmentation(padding=-1), "padding must not be negative"),
        (lambda: ImageMixing(mixup=-0.1), "mixup must not be negative"),
        (lambda: ImageMixing(cutmix=-0.1), "cutmix must not be negative"),
        (lambda: ImageMixing(mixup=float("inf")), "mixup must not be .* infinite"),
    ],
)
def test__options_that_mean_nothing__raise(make, match):
    with pytest.raises(ValueError, match=match):
        make()
