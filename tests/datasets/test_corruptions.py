"""Corruptions: damage rises, form stays, each image stands by itself, bad input."""

import io

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy import ndimage
from sklearn.datasets import load_digits

from skwass.datasets import CORRUPTIONS, corrupt_images
from skwass.datasets._jpeg import jpeg

SEVERITIES = (1, 2, 3, 4, 5)
#: kinds that draw nothing at random
FIXED = (
    "defocus_blur",
    "gaussian_blur",
    "zoom_blur",
    "brightness",
    "contrast",
    "jpeg_compression",
)


def photographs(n_images=12, side=32, seed=0):
    """Like photographs: waves the higher the longer, and much the same in all colours.

    Of shape (n_images, side, side, 3), between zero and one.
    """
    rng = np.random.default_rng(seed)
    waves = np.hypot(np.fft.fftfreq(side)[:, None], np.fft.fftfreq(side))
    waves[0, 0] = np.inf
    white = rng.normal(size=(4, n_images, side, side))
    grey, *colours = np.fft.ifft2(np.fft.fft2(white) / waves).real
    images = np.stack([grey + 0.4 * colour for colour in colours], axis=-1)
    return np.clip(0.5 + 0.22 * images / images.std(), 0, 1)


def digits(n_images=40):
    return load_digits().images[:n_images] / 16


def damage(images, kind, severity=3, **options):
    options.setdefault("random_state", 0)
    white = 255 if images.dtype == np.uint8 else 1
    found = corrupt_images(images, kind, severity, **options)
    return np.mean((found / white - images / white) ** 2)


def as_bytes(images):
    return np.rint(255 * images).astype(np.uint8)


# --- what comes out -------------------------------------------------------------------


def test__names__are_those_of_the_benchmark():
    assert len(set(CORRUPTIONS)) == len(CORRUPTIONS) == 14
    assert {"gaussian_noise", "defocus_blur", "fog", "jpeg_compression"} < set(
        CORRUPTIONS
    )


@pytest.mark.parametrize("kind", CORRUPTIONS)
@pytest.mark.parametrize(
    "images",
    [
        as_bytes(photographs()),
        photographs(8, side=48).astype(np.float32),
        photographs(4, side=31)[:, :20],
        digits(),
        as_bytes(digits()),
    ],
    ids=["colour", "larger", "odd", "grey", "grey bytes"],
)
def test__damage__rises_with_severity(kind, images):
    found = [damage(images, kind, severity) for severity in SEVERITIES]
    assert found[0] > 0
    assert (np.diff(found) > 0).all(), found


@pytest.mark.parametrize("kind", ["gaussian_noise", "fog", "snow", "brightness"])
def test__damage__rises_in_every_pixel_where_the_draws_are_the_same(kind):
    images = photographs(4)
    found = [
        np.abs(corrupt_images(images, kind, severity, random_state=3) - images)
        for severity in SEVERITIES
    ]
    assert (np.diff(found, axis=0) >= -1e-12).all()


@pytest.mark.parametrize("kind", CORRUPTIONS)
@pytest.mark.parametrize("dtype", ["uint8", "float16", "float32", "float64", ">f4"])
def test__type_and_range__stay_and_the_input_too(kind, dtype):
    images = photographs(3)
    images = as_bytes(images) if dtype == "uint8" else images.astype(dtype)
    images[0], images[1, :9] = 0, (255 if dtype == "uint8" else 1)
    images.setflags(write=False)
    before = images.copy()
    found = corrupt_images(images, kind, 5, random_state=0)
    assert found.dtype == images.dtype
    assert found.shape == images.shape
    assert found.min() >= 0
    assert found.max() <= (255 if dtype == "uint8" else 1)
    assert np.isfinite(found).all()
    assert_array_equal(images, before)
    assert not np.shares_memory(found, images)


@pytest.mark.parametrize("kind", CORRUPTIONS)
def test__bytes_and_floats__are_corrupted_alike(kind):
    whole = as_bytes(photographs(4))
    of_bytes = corrupt_images(whole, kind, 3, random_state=0) / 255
    for dtype in (np.float32, np.float64):
        shares = (whole / 255).astype(dtype)
        of_floats = corrupt_images(shares, kind, 3, random_state=0)
        gap = np.abs(of_floats - of_bytes)
        if kind in ("shot_noise", "jpeg_compression"):
            # a count, or a rounding, may fall on the other side
            assert np.mean(gap > 0.003) < 0.02
        else:
            assert gap.max() < 0.003


@pytest.mark.parametrize("kind", CORRUPTIONS)
def test__place_of_channels__makes_no_difference(kind):
    last = photographs(3)
    first = np.moveaxis(last, -1, 1)
    expected = corrupt_images(last, kind, 3, random_state=0)
    for images, channels in ((first, "first"), (first, "auto"), (last, "last")):
        found = corrupt_images(images, kind, 3, channels=channels, random_state=0)
        found = found if images is last else np.moveaxis(found, 1, -1)
        assert_allclose(found, expected, atol=1e-12)
    grey = digits(5)
    expected = corrupt_images(grey, kind, 3, random_state=0)
    for images, channels in (
        (grey, "none"),
        (grey[:, None], "first"),
        (grey[..., None], "auto"),
    ):
        found = corrupt_images(images, kind, 3, channels=channels, random_state=0)
        assert_allclose(found.reshape(grey.shape), expected, atol=1e-12)


@pytest.mark.parametrize("kind", CORRUPTIONS)
def test__number__decides_what_is_drawn(kind):
    images = as_bytes(photographs(3))
    first, again = (corrupt_images(images, kind, 3, random_state=5) for _ in range(2))
    assert_array_equal(first, again)
    other = corrupt_images(images, kind, 3, random_state=6)
    assert np.array_equal(first, other) == (kind in FIXED)
    state = np.random.RandomState(0)
    one, two = (corrupt_images(images, kind, 3, random_state=state) for _ in range(2))
    assert np.array_equal(one, two) == (kind in FIXED)


def test__global_generator__is_left_alone_by_a_number():
    np.random.seed(0)  # noqa: NPY002
    before = np.random.get_state()[1].copy()  # noqa: NPY002
    corrupt_images(digits(3), "snow", 3, random_state=0)
    assert_array_equal(np.random.get_state()[1], before)  # noqa: NPY002


@pytest.mark.parametrize("kind", CORRUPTIONS)
def test__image__does_not_depend_on_those_after_it(kind, monkeypatch):
    images = photographs(6)
    expected = corrupt_images(images, kind, 3, random_state=0)
    found = corrupt_images(images[:2], kind, 3, random_state=0)
    assert_allclose(found, expected[:2], atol=1e-12)
    # nor on how many are worked on at once
    monkeypatch.setattr("skwass.datasets._corruptions._AT_ONCE", 2 * images[0].size)
    assert_allclose(corrupt_images(images, kind, 3, random_state=0), expected)


@pytest.mark.parametrize("kind", sorted(set(CORRUPTIONS) - set(FIXED)))
def test__equal_images__get_draws_of_their_own(kind):
    images = np.repeat(photographs(1), 2, axis=0)
    first, second = corrupt_images(images, kind, 3, random_state=0)
    assert not np.array_equal(first, second)


@pytest.mark.parametrize("n_channels", [2, 3, 4])
@pytest.mark.parametrize("kind", CORRUPTIONS)
def test__any_number_of_channels__is_taken_if_it_is_said(kind, n_channels):
    images = np.repeat(photographs(2)[..., :1], n_channels, axis=-1)
    found = corrupt_images(images, kind, 2, channels="last", random_state=0)
    assert found.shape == images.shape


@pytest.mark.parametrize("kind", CORRUPTIONS)
def test__smallest_and_narrow_images__are_taken(kind):
    for shape in ((1, 4, 4), (2, 4, 40), (2, 5, 9, 3)):
        images = np.random.default_rng(0).random(shape)
        found = corrupt_images(images, kind, 5, random_state=0)
        assert np.isfinite(found).all()


# --- each kind ------------------------------------------------------------------------


def test__noise__has_the_moments_it_should():
    grey = np.full((50, 32, 32), 0.5)
    assert np.std(corrupt_images(grey, "gaussian_noise", 1, random_state=0)) == (
        pytest.approx(0.04, rel=0.02)
    )
    counted = corrupt_images(grey, "shot_noise", 1, random_state=0)
    assert np.var(counted) == pytest.approx(0.5 / 150, rel=0.02)
    assert np.mean(counted) == pytest.approx(0.5, abs=0.001)
    hit = corrupt_images(grey, "impulse_noise", 3, random_state=0)
    assert np.mean(hit == 0) == pytest.approx(0.03, rel=0.1)
    assert np.mean(hit == 1) == pytest.approx(0.03, rel=0.1)


@pytest.mark.parametrize(
    "kind", [*(name for name in CORRUPTIONS if "blur" in name), "pixelate", "contrast"]
)
def test__blur__keeps_a_constant_image_and_the_mean(kind):
    grey = np.full((2, 16, 16), 0.3)
    assert_allclose(corrupt_images(grey, kind, 4, random_state=0), grey, atol=1e-12)
    dot = np.zeros((20, 33, 33))
    dot[:, 16, 16] = 1
    found = corrupt_images(dot, kind, 4, random_state=0)
    # what is enlarged is more, and a cell may be larger than its pixels
    if kind not in ("zoom_blur", "pixelate"):
        assert_allclose(found.mean(axis=(1, 2)), dot.mean(axis=(1, 2)), rtol=1e-5)
    if kind != "pixelate":
        centre = [ndimage.center_of_mass(image) for image in found]
        assert_allclose(centre, 16, atol=0.1)


def test__gaussian_blur__is_nearly_that_of_scipy():
    images = photographs(3)
    expected = ndimage.gaussian_filter(images, [0, 1.3, 1.3, 0])
    found = corrupt_images(images, "gaussian_blur", 3)
    gap = np.sqrt(np.mean((found - expected) ** 2))
    assert gap < 0.15 * np.sqrt(np.mean((images - expected) ** 2))


def test__motion_blur__runs_along_one_direction():
    dot = np.zeros((30, 33, 33))
    dot[:, 16, 16] = 1
    found = corrupt_images(dot, "motion_blur", 5, random_state=0)
    away = np.indices((33, 33)).reshape(2, -1) - 16
    spread = np.einsum("ip,np,jp->nij", away, found.reshape(30, -1), away)
    across, along = np.linalg.eigvalsh(spread).T
    assert (along > 20 * across).all()
    # a line of that length, evenly
    assert_allclose(along, 13**2 / 12, rtol=0.1)


def test__contrast_and_brightness__do_what_they_say():
    images = 0.02 + 0.5 * photographs(3)
    found = corrupt_images(images, "contrast", 3)
    assert_allclose(found.mean(axis=(1, 2)), images.mean(axis=(1, 2)))
    assert_allclose(found.std(axis=(1, 2)), 0.4 * images.std(axis=(1, 2)))
    brighter = corrupt_images(images, "brightness", 3)
    assert_allclose(brighter.max(axis=-1), images.max(axis=-1) + 0.2)
    # of the same colour
    assert_allclose(
        brighter / brighter.max(axis=-1, keepdims=True),
        images / images.max(axis=-1, keepdims=True),
    )
    assert_array_equal(corrupt_images(np.zeros((1, 4, 4)), "brightness", 3), 0.2)


def test__fog__is_a_veil_of_light_grey_that_is_uneven():
    black = np.zeros((20, 32, 32))
    veil = corrupt_images(black, "fog", 5, random_state=0) / 0.9
    assert_allclose(veil.min(axis=(1, 2)), 0.4 * 0.72)
    assert_allclose(veil.max(axis=(1, 2)), 0.72)
    # neighbours are alike, opposite borders are not
    assert np.corrcoef(veil[:, :, :-1].ravel(), veil[:, :, 1:].ravel())[0, 1] > 0.9
    assert np.corrcoef(veil[:, :, 0].ravel(), veil[:, :, -1].ravel())[0, 1] < 0.5


def test__snow__leaves_white_streaks_and_no_pixel_darker():
    images = photographs(10) * 0.6
    found = corrupt_images(images, "snow", 3, random_state=0)
    assert (found >= images).all()
    assert 0.02 < np.mean(found.min(axis=-1) > 0.99) < 0.2
    # streaks are longer downwards than across
    cover = corrupt_images(np.zeros((30, 32, 32)), "snow", 1, random_state=0)
    down, across = (np.mean(np.diff(cover, axis=axis) ** 2) for axis in (1, 2))
    assert down < 0.8 * across


def test__elastic_transform__moves_pixels_and_keeps_their_values():
    images = photographs(6)
    found = corrupt_images(images, "elastic_transform", 3, random_state=0)
    assert (found.max(axis=(1, 2)) <= images.max(axis=(1, 2)) + 1e-12).all()
    assert (found.min(axis=(1, 2)) >= images.min(axis=(1, 2)) - 1e-12).all()
    # where the values are the places, they tell how far pixels were moved
    rows = np.broadcast_to(np.arange(32)[:, None] / 31, (40, 32, 32))
    moved = 31 * (corrupt_images(rows, "elastic_transform", 3, random_state=0) - rows)
    assert np.sqrt(np.mean(moved[:, 4:-4] ** 2)) == pytest.approx(1.3, rel=0.2)


def test__pixelate__shows_cells_of_one_value():
    images = photographs(20)
    found = corrupt_images(images, "pixelate", 5, random_state=0)
    alike = np.isclose(np.diff(found, axis=1), 0).all(axis=(-1, -2))
    # three of four neighbours lie in the same cell of four
    assert np.mean(alike) == pytest.approx(0.75, abs=0.04)


@pytest.mark.parametrize("quality", [8, 25, 60])
@pytest.mark.parametrize("mode", ["L", "RGB"])
def test__jpeg__is_that_of_a_library(mode, quality):
    pillow = pytest.importorskip("PIL.Image")
    images = as_bytes(photographs(6))
    images = images[..., 0] if mode == "L" else images
    expected = np.empty_like(images)
    for place, image in enumerate(images):
        file = io.BytesIO()
        # colours at half the resolution, as ours are
        pillow.fromarray(image).save(file, "JPEG", quality=quality, subsampling=2)
        expected[place] = np.asarray(pillow.open(file))
    stack = images[:, None] if mode == "L" else np.moveaxis(images, -1, 1)
    found = 255 * jpeg((stack / 255).astype(np.float32), quality)
    found = found[:, 0] if mode == "L" else np.moveaxis(found, 1, -1)
    change = np.sqrt(np.mean((expected - images.astype(float)) ** 2))
    gap = np.sqrt(np.mean((expected - found) ** 2))
    # libjpeg smooths the colours that it enlarges, and rounds in its own way
    assert gap < (0.2 if mode == "RGB" else 0.1) * change


def test__jpeg__of_the_best_quality_leaves_grey_images_nearly_as_they_are():
    images = photographs(3, side=20)[:, None, :, :, 0]
    assert np.abs(jpeg(images, 100) - images).max() < 2 / 255


# --- bad input ------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("X", "message"),
    [
        (np.zeros((4, 64)), r"X must be of shape.*got shape \(4, 64\).*flat rows"),
        (np.zeros((8, 8)), "X must be of shape"),
        (np.zeros((0, 8, 8)), r"X must hold one image or more.*got shape \(0, 8, 8\)"),
        (np.zeros((2, 8, 3)), "4 pixels or more on each side"),
        (np.zeros((2, 8, 8), dtype=int), "X must be uint8, or floats.*int64"),
        (np.zeros((2, 8, 8), dtype=bool), "X must be uint8, or floats.*bool"),
        (np.full((2, 8, 8), 16.0), "between 0 and 1.*from 16 to 16. Divide"),
        (np.full((2, 8, 8), -0.1), "between 0 and 1.*from -0.1"),
        (np.full((2, 8, 8), np.inf), "between 0 and 1.*inf"),
        (np.full((2, 8, 8), np.nan), "X must be finite; it contains NaN"),
    ],
)
def test__bad_images__are_refused(X, message):
    with pytest.raises(ValueError, match=message):
        corrupt_images(X, "fog", 3)


@pytest.mark.parametrize("shape", [(2, 8, 8, 8), (2, 3, 8, 3), (2, 1, 8, 4)])
def test__channels_that_could_be_either__have_to_be_said(shape):
    with pytest.raises(ValueError, match="channels='auto' cannot tell"):
        corrupt_images(np.zeros(shape), "fog", 3)
    assert corrupt_images(np.zeros((2, 8, 8, 8)), "fog", 3, channels="last").shape == (
        2,
        8,
        8,
        8,
    )


@pytest.mark.parametrize(
    ("shape", "channels", "message"),
    [
        ((2, 8, 8), "last", r"channels='last' needs an axis.*\(2, 8, 8\)"),
        ((2, 8, 8), "first", "channels='first' needs an axis"),
        ((2, 8, 8, 3), "none", "channels='none' needs images without"),
        ((2, 8, 8, 3), "first", "4 pixels or more on each side.*channels='first'"),
        ((2, 3, 8, 8), "last", "4 pixels or more on each side.*channels='last'"),
        ((2, 8, 8), "middle", r"channels must be one of.*got 'middle'"),
    ],
)
def test__channels_that_do_not_fit__are_refused(shape, channels, message):
    with pytest.raises(ValueError, match=message):
        corrupt_images(np.zeros(shape), "fog", 3, channels=channels)


@pytest.mark.parametrize("kind", ["frost", "Fog", 3, None, ["fog"]])
def test__unknown_kind__is_refused(kind):
    with pytest.raises(ValueError, match=r"kind must be one of \['gaussian_noise'"):
        corrupt_images(digits(1), kind, 3)


@pytest.mark.parametrize("severity", [0, 6, -1, 2.0, True, "3", None])
def test__unknown_severity__is_refused(severity):
    with pytest.raises(ValueError, match="severity must be an integer from 1 to 5"):
        corrupt_images(digits(1), "fog", severity)
