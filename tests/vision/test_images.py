"""Images in every accepted form are the same images, and others are refused."""

import warnings

import numpy as np
import pandas as pd
import pytest
import torch
from numpy.testing import assert_allclose
from sklearn.base import BaseEstimator

from skwass.vision._images import Form, Known, read, read_more
from skwass.vision._patches import patch_of
from skwass.vision._scale import centre_of, warn_of_another_scale, warn_of_range

RNG = np.random.default_rng(0)
PHOTOS = RNG.uniform(size=(5, 3, 8, 6))


class Reader(BaseEstimator):
    def __init__(self, channels="auto", image_shape=None):
        self.channels = channels
        self.image_shape = image_shape


def pixels_of(X, **options):
    images, _ = read(Reader(**options), X)
    return images.pixels


@pytest.mark.parametrize(
    ("X", "options"),
    [
        (PHOTOS, {}),
        (PHOTOS, {"channels": "first"}),
        (PHOTOS.transpose(0, 2, 3, 1), {}),
        (PHOTOS.transpose(0, 2, 3, 1), {"channels": "last"}),
        (PHOTOS.reshape(5, -1), {"image_shape": (3, 8, 6)}),
        (PHOTOS.reshape(5, -1), {"image_shape": [3, 8, 6], "channels": "first"}),
        (PHOTOS.transpose(0, 2, 3, 1).reshape(5, -1), {"image_shape": (8, 6, 3)}),
        (PHOTOS, {"image_shape": (3, 8, 6)}),
        (PHOTOS.tolist(), {}),
    ],
)
def test__photographs_of_any_form__are_the_same(X, options):
    assert_allclose(pixels_of(X, **options), PHOTOS, rtol=1e-6)


@pytest.mark.parametrize(
    ("X", "options"),
    [
        (PHOTOS[:, 0], {}),
        (PHOTOS[:, 0], {"channels": "none"}),
        (PHOTOS[:, :1], {}),
        (PHOTOS[:, 0, :, :, None], {"channels": "last"}),
        (PHOTOS[:, 0].reshape(5, -1), {"image_shape": (8, 6)}),
        (PHOTOS[:, 0].reshape(5, -1), {"image_shape": np.array([8, 6])}),
    ],
)
def test__images_without_colour__have_one_channel(X, options):
    assert_allclose(pixels_of(X, **options), PHOTOS[:, :1], rtol=1e-6)


def test__a_table__is_a_line_of_pixels():
    images, _ = read(Reader(), PHOTOS[:, 0, 0])
    assert images.pixels.shape == (5, 1, 1, 6)
    assert images.form.tabular


def test__eight_bits__are_shares_of_255_but_for_tables():
    X = RNG.integers(0, 256, size=(5, 8, 8), dtype=np.uint8)
    assert_allclose(pixels_of(X)[:, 0], X / 255, rtol=1e-6)
    assert_allclose(pixels_of(X[:, 0])[:, 0, 0], X[:, 0])
    flat = pixels_of(X.reshape(5, -1), image_shape=(8, 8))
    assert_allclose(flat[:, 0], X / 255, rtol=1e-6)


@pytest.mark.parametrize("kind", [list, torch.as_tensor])
def test__lists_and_tensors_of_eight_bits__are_shares_of_255_too(kind):
    X = RNG.integers(0, 256, size=(5, 8, 8), dtype=np.uint8)
    images, _ = read(Reader(), kind(X))
    assert_allclose(images.pixels[:, 0], X / 255, rtol=1e-6)
    later = read_more(Reader(), kind(X), Known.of(images))
    assert_allclose(later.pixels, images.pixels)


def test__tensors__may_want_a_gradient_or_be_of_half_precision():
    X = torch.rand(5, 8, 8, dtype=torch.float64, requires_grad=True)
    assert_allclose(pixels_of(X)[:, 0], X.detach(), rtol=1e-6)
    assert_allclose(pixels_of(X.bfloat16())[:, 0], X.detach(), atol=4e-3)


def test__arrays__are_left_as_they_are_and_may_be_read_only():
    for X in (PHOTOS.astype(np.float32), (255 * PHOTOS).astype(np.uint8)):
        X.setflags(write=False)
        before = X.copy()
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            pixels = pixels_of(X)
        pixels += 1
        assert np.array_equal(X, before)


@pytest.mark.parametrize(
    ("X", "options", "match"),
    [
        (RNG.uniform(size=(4, 3, 8, 3)), {}, "channels='auto' cannot tell"),
        (RNG.uniform(size=(4, 8, 8, 8)), {}, "channels='auto' cannot tell"),
        (PHOTOS, {"channels": "last"}, "makes images of 6 channels and 3 × 8 pixels"),
        (
            PHOTOS.transpose(0, 2, 3, 1),
            {"channels": "first"},
            "makes images of 8 channels and 6 × 3",
        ),
        (PHOTOS, {"channels": "none"}, "without an axis for channels"),
        (PHOTOS[:, 0], {"channels": "first"}, "with an axis for channels"),
        (PHOTOS[:, 0].reshape(5, -1), {"image_shape": (8, 8)}, "asks for 64 features"),
        (PHOTOS, {"image_shape": (8, 6)}, "samples of shape"),
        (PHOTOS[:, 0, 0], {"image_shape": (6,)}, "two or three positive integers"),
        (PHOTOS[:, 0, 0], {"image_shape": (2.5, 2)}, "two or three positive integers"),
        (PHOTOS[:, 0, 0], {"image_shape": (-2, -3)}, "two or three positive integers"),
        (np.stack([PHOTOS, PHOTOS]), {}, "X must be a table or images"),
        (np.where(PHOTOS > 0.99, np.nan, PHOTOS), {}, "X contains NaN"),
        (np.full((3, 8, 8), 1e300), {}, "X contains infinity"),
        (PHOTOS[:1], {}, "1 sample"),
        (PHOTOS[:, :, :0], {}, "X must be a table or images"),
    ],
)
def test__arrays_that_are_no_images__raise(X, options, match):
    with pytest.raises(ValueError, match=match), np.errstate(over="ignore"):
        read(Reader(**options), X)


# --- later samples ------------------------------------------------------------------


def read_twice(first, second, **options):
    reader = Reader(**options)
    images, _ = read(reader, first)
    return read_more(reader, second, Known.of(images))


def test__later_images__may_come_in_another_form():
    reader = Reader(image_shape=(8, 6))
    images, _ = read(reader, PHOTOS[:, 0].reshape(5, -1))
    later = read_more(reader, PHOTOS[:1, 0], Known.of(images))
    assert_allclose(later.pixels[0], images.pixels[0])


@pytest.mark.parametrize(
    ("second", "match"),
    [
        (PHOTOS[:, :, :6], "images of 6 × 6 pixels and 3 channel.*had images of 8 × 6"),
        (PHOTOS[:, :1], r"1 channel\(s\); the fit had images of 8 × 6 pixels and 3"),
        (PHOTOS.reshape(5, -1), "X has rows of 144 features; the fit had images"),
        (np.full_like(PHOTOS, np.nan), "X contains NaN"),
    ],
)
def test__later_images__of_another_size_raise(second, match):
    with pytest.raises(ValueError, match=match):
        read_twice(PHOTOS, second)


def test__later_rows__need_as_many_columns_and_the_same_names():
    rows = pd.DataFrame(PHOTOS[:, 0, 0], columns=list("abcdef"))
    with pytest.raises(ValueError, match="5 features"):
        read_twice(rows.to_numpy(), rows.to_numpy()[:, :5])
    with pytest.raises(ValueError, match="feature names"):
        read_twice(rows, rows.rename(columns={"a": "z"}))


def test__eight_bits_after_other_floats__raise():
    later = (PHOTOS * 255).astype(np.uint8)
    with pytest.raises(ValueError, match="X holds 8-bit integers"):
        read_twice(16 * PHOTOS, later)
    assert_allclose(read_twice(PHOTOS, later).pixels, later / 255, rtol=1e-6)


@pytest.mark.parametrize(
    ("X", "far"),
    [
        (255 * PHOTOS, True),
        (16 * PHOTOS, False),
        (PHOTOS - 2, False),
        (-1e3 * PHOTOS, True),
        ((255 * PHOTOS).astype(np.uint8), False),
        ((255 * PHOTOS).astype(int), True),
        (1e3 * PHOTOS[:, 0, 0], False),
    ],
)
def test__floats_far_from_brightness__are_told_from_others(X, far):
    images, _ = read(Reader(), X)
    assert images.are_far == far
    if far:
        with pytest.warns(UserWarning, match="expected within 0 and 1"):
            warn_of_range(images, 1)


# --- scale and patches --------------------------------------------------------------


def test__channels__are_standardised_each_by_itself():
    X = PHOTOS * [[[[1]], [[10]], [[100]]]] + 5
    images, _ = read(Reader(), X)
    mean, scale = centre_of(images)
    assert_allclose(mean.flatten(), X.mean((0, 2, 3)), rtol=1e-5)
    assert_allclose(scale.flatten(), X.std((0, 2, 3)), rtol=1e-5)


def test__columns__are_standardised_each_by_itself():
    X = PHOTOS[:, 0, 0] * [1, 10, 100, 1, 1, 0]
    images, _ = read(Reader(), X)
    mean, scale = centre_of(images)
    assert mean.shape == (1, 1, 6)
    assert_allclose(mean.flatten(), X.mean(0), rtol=1e-5)
    assert_allclose(scale.flatten(), [*X.std(0)[:5], 1], rtol=1e-5)


def test__constant_pixels__have_a_scale_of_one():
    images, _ = read(Reader(), np.full((3, 8, 8), 0.3))
    assert centre_of(images)[1].item() == 1


@pytest.mark.parametrize(
    ("X", "strange"),
    [
        (PHOTOS, False),
        (3 * PHOTOS - 1, False),
        (255 * PHOTOS, True),
        (PHOTOS / 99, True),
    ],
)
def test__another_scale_than_a_network_was_told__is_warned_of(X, strange):
    mean, scale = torch.full((3,), 0.5), torch.full((3, 1, 1), 0.3)
    images, _ = read(Reader(), X)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        warn_of_another_scale(images, mean, scale, 1)
        table, _ = read(Reader(), X[:, 0, 0])
        warn_of_another_scale(table, mean, scale, 1)
    assert len(caught) == strange
    if strange:
        assert "pretrained takes pixels to have means" in str(caught[0].message)


def image(height, width, tabular=False):
    return Form((1, height, width), tabular)


@pytest.mark.parametrize(
    ("form", "patch"),
    [
        (image(8, 8), (2, 2)),
        (image(28, 28), (4, 4)),
        (image(32, 32), (4, 4)),
        (image(64, 64), (8, 8)),
        (image(224, 224), (14, 14)),
        (image(1, 16), (1, 4)),
        (image(13, 13), (1, 1)),
        (image(1, 30, True), (1, 1)),
        (image(1, 1000, True), (1, 2)),
        (image(1, 1031, True), (1, 1031)),
    ],
)
def test__automatic_patches__fill_the_image(form, patch):
    assert patch_of("auto", form) == patch


@pytest.mark.parametrize(
    ("given", "patch"), [(4, (4, 4)), ((2, 4), (2, 4)), (np.int64(8), (8, 8))]
)
def test__patches__are_square_or_not(given, patch):
    assert patch_of(given, image(8, 8)) == patch


def test__a_patch_of_a_table__is_some_columns():
    assert patch_of(3, image(1, 6, True)) == (1, 3)


@pytest.mark.parametrize(
    ("given", "form", "match"),
    [
        (3, image(8, 8), "patch_size=3 must divide .* 8 × 8 pixels"),
        ((2, 3), image(8, 8), r"patch_size=\(2, 3\) must divide"),
        (16, image(8, 8), "must divide"),
        (4, image(1, 6, True), "1 × 6 columns"),
        ((2, 2, 2), image(8, 8), "positive integer or two of them"),
        ((2.5, 2), image(8, 8), "positive integer or two of them"),
        ((0, 2), image(8, 8), "positive integer or two of them"),
    ],
)
def test__patches_that_do_not_fit__raise(given, form, match):
    with pytest.raises(ValueError, match=match):
        patch_of(given, form)


def test__targets__are_read_as_well():
    images, y = read(Reader(), PHOTOS, list("abcde"))
    assert y.tolist() == list("abcde")
    assert images.like(torch.zeros(1, 3, 8, 6)).form is images.form
