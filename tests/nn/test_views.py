"""Random views of images and tables: what is kept, what changes, who decides."""

import numpy as np
import pytest
import torch
from numpy.testing import assert_allclose
from scipy.ndimage import gaussian_filter1d

from skwass.nn import ImageViews, TableViews

PLAIN = {"flip": 0.0, "jitter": 0.0, "grey": 0.0, "blur": 0.0, "value_range": (0, 1)}
WHOLE = {"crop_scale": (1.0, 1.0), "crop_ratio": (1.0, 1.0)}


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


def images(n_images=6, n_channels=3, height=12, width=10):
    return torch.rand(n_images, n_channels, height, width, generator=generator(7))


# --- images -----------------------------------------------------------------------


def test__images__without_any_change__stay():
    x = images()
    torch.testing.assert_close(ImageViews(**PLAIN, **WHOLE)(x, generator()), x)


def test__images__that_are_flipped__are_mirrored():
    x = images()
    views = ImageViews(**{**PLAIN, **WHOLE, "flip": 1.0})(x, generator())
    torch.testing.assert_close(views, x.flip(-1))


def test__crops__lie_within_the_image_and_keep_their_area():
    ramp = torch.linspace(0, 1, 64)
    x = torch.stack([ramp.expand(64, 64), ramp[:, None].expand(64, 64)])
    x = x.expand(200, 2, 64, 64)
    share = (0.25, 0.25)
    views = ImageViews(**PLAIN, crop_scale=share, crop_ratio=(1.0, 1.0))(x, generator())
    extent = views.amax(dim=(2, 3)) - views.amin(dim=(2, 3))
    assert_allclose(extent, 0.5, atol=0.02)
    assert views.amin() < 0.02
    assert views.amax() > 0.98


def test__crops__have_the_shapes_that_are_asked_for():
    ramp = torch.linspace(0, 1, 64)
    x = torch.stack([ramp.expand(64, 64), ramp[:, None].expand(64, 64)])[None]
    views = ImageViews(**PLAIN, crop_scale=(0.16, 0.16), crop_ratio=(4.0, 4.0))(
        x, generator()
    )
    across, along = (views.amax(dim=(2, 3)) - views.amin(dim=(2, 3)))[0]
    assert_allclose(across, 0.8, atol=0.03)
    assert_allclose(along, 0.2, atol=0.03)


@pytest.mark.parametrize("ratio", [(1 / 4, 1 / 4), (4.0, 4.0)])
def test__crops_that_cannot_be_so_long__keep_their_area_all_the_same(ratio):
    ramp = torch.linspace(0, 1, 64)
    x = torch.stack([ramp.expand(64, 64), ramp[:, None].expand(64, 64)])[None]
    views = ImageViews(**PLAIN, crop_scale=(0.6, 0.6), crop_ratio=ratio)(x, generator())
    across, along = (views.amax(dim=(2, 3)) - views.amin(dim=(2, 3)))[0]
    assert_allclose(across * along, 0.6, atol=0.03)


def test__grey_images__have_the_luminance_in_all_channels():
    x = images()
    views = ImageViews(**{**PLAIN, **WHOLE, "grey": 1.0})(x, generator())
    expected = 0.299 * x[:, 0] + 0.587 * x[:, 1] + 0.114 * x[:, 2]
    for channel in range(3):
        torch.testing.assert_close(views[:, channel], expected)


@pytest.mark.parametrize("n_channels", [1, 2, 5])
def test__images_without_three_channels__never_turn_grey(n_channels):
    x = images(n_channels=n_channels)
    views = ImageViews(**{**PLAIN, **WHOLE, "grey": 1.0})(x, generator())
    torch.testing.assert_close(views, x)


def test__brightness__is_one_factor_for_an_image():
    x = images() / 2
    options = {**PLAIN, **WHOLE, "jitter": 1.0}
    views = ImageViews(**options, contrast=0.0, saturation=0.0, hue=0.0)(x, generator())
    factors = (views / x).flatten(1)
    assert_allclose(factors.std(dim=1), 0, atol=1e-5)
    assert factors[:, 0].std() > 0.05
    assert 0.6 <= factors.min() <= factors.max() <= 1.4


def test__hue_and_saturation__leave_greys_alone():
    x = images(n_channels=1).expand(-1, 3, -1, -1)
    options = {**PLAIN, **WHOLE, "jitter": 1.0, "brightness": 0.0, "contrast": 0.0}
    views = ImageViews(**options, saturation=1.0, hue=0.5)(x, generator())
    torch.testing.assert_close(views, x, atol=1e-5, rtol=0)


def test__hue__turns_colours_and_keeps_luminance():
    x = 0.4 + 0.1 * images()
    options = {**PLAIN, **WHOLE, "jitter": 1.0, "brightness": 0.0, "contrast": 0.0}
    views = ImageViews(**options, saturation=0.0, hue=0.5)(x, generator())
    weights = torch.tensor([0.299, 0.587, 0.114])[:, None, None]
    torch.testing.assert_close(
        (weights * views).sum(1), (weights * x).sum(1), atol=1e-4, rtol=0
    )
    assert (views - x).abs().max() > 0.01


def test__blur__is_gaussian():
    x = torch.zeros(50, 1, 81, 81)
    x[:, :, 40, 40] = 1
    views = ImageViews(**{**PLAIN, **WHOLE, "blur": 1.0})(x, generator())
    assert_allclose(views.sum(dim=(1, 2, 3)), 1, rtol=1e-5)
    # a narrow kernel fits in whole; its width follows from its height
    peaks = views[:, 0, 40, 40].numpy()
    narrow = int(np.argmin(abs(peaks - 0.25)))
    line = views[narrow, 0, 40].numpy()
    line = line / line.sum()
    places = np.arange(81) - 40
    sigma = np.sqrt((line * places**2).sum())
    expected = gaussian_filter1d(np.eye(81)[40], sigma, radius=4)
    assert_allclose(line, expected, atol=0.01)


def test__blur__is_for_large_images_unless_it_is_asked_for():
    small, large = images(height=32, width=32), images(2, height=64, width=64)
    options = {name: value for name, value in PLAIN.items() if name != "blur"}
    views = ImageViews(**options, **WHOLE)
    torch.testing.assert_close(views(small, generator()), small)
    assert any((views(large, generator(s)) - large).abs().max() > 0.1 for s in range(4))


@pytest.mark.parametrize("value_range", [None, (0, 255)])
def test__values__stay_in_their_range(value_range):
    x = 255 * images()
    views = ImageViews(value_range=value_range, blur=0.5)(x, generator())
    assert views.shape == x.shape
    assert 0 <= views.min() <= views.max() <= 255
    assert views.max() > 100


@pytest.mark.parametrize("size", [(1, 1), (2, 3), (5, 1)])
def test__tiny_and_constant_images__have_finite_views(size):
    x = torch.ones(4, 3, *size)
    assert torch.isfinite(ImageViews(blur=1.0)(x, generator())).all()


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float64])
def test__precision_of_images__stays(dtype):
    x = images().to(dtype)
    views = ImageViews(blur=1.0)(x, generator())
    assert views.dtype == dtype
    same = ImageViews(blur=1.0)(x.double(), generator())
    torch.testing.assert_close(views.double(), same, atol=0.02, rtol=0)
    assert torch.isfinite(ImageViews()(torch.ones_like(x), generator())).all()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"flip": 1.5}, "flip must be between 0 and 1; got 1.5"),
        ({"crop_scale": (0.0, 1.0)}, "crop_scale"),
        ({"crop_scale": (0.9, 0.5)}, "crop_scale"),
        ({"crop_ratio": (2.0, 1.0)}, "crop_ratio"),
    ],
)
def test__options_of_images__that_mean_nothing__raise(options, message):
    with pytest.raises(ValueError, match=message):
        ImageViews(**options)


# --- tables -----------------------------------------------------------------------


ROWS = torch.randn(400, 6, generator=generator(3)) * 5 + 2


def test__rows__without_any_change__stay():
    views = TableViews(noise=0.0, mask=0.0, swap=0.0)
    torch.testing.assert_close(views(ROWS, generator()), ROWS)


def test__noise__is_in_units_of_the_column():
    rows = ROWS * torch.tensor([1, 10, 100, 1, 1, 1])
    views = TableViews(noise=0.5, mask=0.0, swap=0.0)(rows, generator())
    ratio = (views - rows).std(dim=0) / rows.std(dim=0)
    assert_allclose(ratio, 0.5, rtol=0.15)


def test__scale_of_another_precision__does_not_change_that_of_rows():
    scale = ROWS.double().std(dim=0, correction=0)
    views = TableViews(mean=ROWS.double().mean(dim=0), scale=scale)(ROWS, generator())
    torch.testing.assert_close(views, TableViews()(ROWS, generator()))


def test__masked_entries__become_the_mean_that_is_given():
    views = TableViews(noise=0.0, mask=0.3, swap=0.0, mean=torch.arange(6.0))
    changed = views(ROWS, generator())
    masked = changed != ROWS
    assert_allclose(masked.float().mean(), 0.3, atol=0.04)
    torch.testing.assert_close(changed, torch.where(masked, torch.arange(6.0), ROWS))


def test__swapped_entries__come_from_the_same_column():
    rows = torch.arange(2400.0).reshape(400, 6)
    views = TableViews(noise=0.0, mask=0.0, swap=0.4)(rows, generator())
    torch.testing.assert_close(views % 6, rows % 6)
    assert_allclose((views != rows).float().mean(), 0.4, atol=0.05)


@pytest.mark.parametrize("options", [{"noise": -1.0}, {"mask": 1.1}, {"swap": -0.1}])
def test__options_of_tables__that_mean_nothing__raise(options):
    with pytest.raises(ValueError, match=next(iter(options))):
        TableViews(**options)


# --- both -------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("views", "x"), [(ImageViews(), images()), (TableViews(), ROWS)]
)
def test__the_generator__decides_alone(views, x):
    before = torch.get_rng_state()
    first, again = views(x, generator(1)), views(x, generator(1))
    torch.testing.assert_close(first, again, rtol=0, atol=0)
    assert (views(x, generator(2)) != first).any()
    assert torch.equal(torch.get_rng_state(), before)
    kept = x.clone()
    views(x, generator(3))
    assert torch.equal(x, kept)
