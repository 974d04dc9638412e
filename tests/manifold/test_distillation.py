"""A student embeds as its teacher does, each cloud by itself, the same every time."""

import pickle

import numpy as np
import pytest
import torch
from numpy.testing import assert_allclose, assert_array_equal

from skwass import PointClouds, as_point_clouds
from skwass.manifold import _padding
from skwass.manifold._distillation import distil, embed_points
from skwass.manifold._lessons import PointLessons
from skwass.manifold._padding import Frame

SMALL = {
    "quantiles": {"width": 32, "n_layers": 1},
    "transformer": {"width": 16, "n_layers": 1, "n_heads": 2},
}


def make_clouds(n_clouds, n_features=2, seed=0, largest=20):
    rng = np.random.default_rng(seed)
    return as_point_clouds(
        [
            (
                rng.uniform(0.5, 2) * rng.normal(size=(n, n_features))
                + rng.normal(size=n_features),
                rng.integers(1, 5, n).astype(float),
            )
            for n in rng.integers(1, largest, n_clouds)
        ]
    )


def mean_and_spread(clouds):
    """A teacher that is exact for translations and scales: mean and spread."""

    def sums(values):
        return np.add.reduceat(clouds.weights[:, None] * values, clouds.offsets[:-1])

    mean = sums(clouds.points)
    centred = clouds.points - np.repeat(mean, clouds.sizes, axis=0)
    return np.c_[mean, np.sqrt(sums(centred**2).sum(axis=1))]


def pupil(clouds, encoder="quantiles", **options):
    options = {"max_iter": 2, "batch_size": 16, "n_virtual": 20} | options
    return distil(
        mean_and_spread,
        clouds,
        mean_and_spread(clouds),
        encoder=encoder,
        encoder_params=SMALL[encoder],
        **options,
    )


@pytest.fixture(scope="module", params=SMALL)
def encoder(request):
    return request.param


@pytest.fixture(scope="module")
def clouds():
    return make_clouds(60)


@pytest.fixture(scope="module")
def student(clouds, encoder):
    return pupil(clouds, encoder)


def test__embed_points__says_what_the_teacher_says(encoder):
    held_out = make_clouds(50, seed=1)
    student = pupil(make_clouds(200), encoder, max_iter=5, lr=1e-4)
    expected = mean_and_spread(held_out)
    found = embed_points(student, held_out)
    assert found.dtype == np.float32
    assert found.shape == expected.shape
    assert_allclose(found, expected, atol=0.02)


def test__distil__learns_what_is_not_linear():
    points = np.random.default_rng(0).normal(size=(300 * 3, 1))
    clouds = PointClouds(points, offsets=np.arange(0, 901, 3))

    def teacher(clouds):
        triples = clouds.points.reshape(-1, 3)
        spread = triples.std(axis=1, keepdims=True)
        middle = (
            np.median(triples, axis=1, keepdims=True) - triples.mean(axis=1)[:, None]
        )
        return spread * np.cos(3 * middle / spread)

    def error(max_iter):
        student = distil(
            teacher,
            clouds,
            teacher(clouds),
            encoder_params={"n_quantiles": 3, "width": 32},
            n_virtual=0,
            max_iter=max_iter,
            batch_size=32,
            lr=3e-3 if max_iter > 1 else 1e-9,
        )
        return np.square(embed_points(student, clouds) - teacher(clouds)).mean()

    assert error(20) < 0.1 * error(1)


def test__embed_points__does_not_depend_on_the_rest_of_the_batch(student, clouds):
    found = embed_points(student, clouds)
    alone = np.concatenate([embed_points(student, clouds[[i]]) for i in range(60)])
    assert_allclose(alone, found, atol=1e-5)


def test__embed_points__takes_a_cloud_of_one_and_one_of_many_points(student):
    sizes = [1, 5000, 2, 1]
    points = np.random.default_rng(0).normal(size=(sum(sizes), 2))
    clouds = PointClouds(points, offsets=np.concatenate([[0], np.cumsum(sizes)]))
    found = embed_points(student, clouds)
    assert_allclose(found[3], embed_points(student, clouds[[3]])[0], atol=1e-5)
    assert_allclose(found[1], embed_points(student, clouds[[1]])[0], atol=1e-5)


@pytest.mark.parametrize("exponent", [-40, 40])
def test__scale_of_points__scales_the_embedding(encoder, exponent):
    clouds = make_clouds(30)
    factor = 2.0**exponent
    larger = PointClouds(factor * clouds.points, clouds.weights, clouds.offsets)
    expected = embed_points(pupil(clouds, encoder), clouds)
    found = embed_points(pupil(larger, encoder), larger)
    assert_allclose(found / factor, expected, rtol=1e-4, atol=1e-4)


def test__points_far_from_zero__are_told_apart(encoder):
    clouds = make_clouds(30)
    far = PointClouds(clouds.points + 1e8, clouds.weights, clouds.offsets)
    expected = embed_points(pupil(clouds, encoder), clouds)
    found = embed_points(pupil(far, encoder), far)
    assert_allclose(found[:, 2], expected[:, 2], atol=1e-3)


def test__same_seed__gives_the_same_bits_and_leaves_generators_alone(encoder, clouds):
    np.random.seed(3)  # noqa: NPY002
    torch.manual_seed(3)
    numpy_before = np.random.get_state()[1].copy()  # noqa: NPY002
    torch_before = torch.get_rng_state()
    found = [embed_points(pupil(clouds, encoder, seed=s), clouds) for s in (7, 7, 8)]
    assert_array_equal(found[0], found[1])
    assert not np.array_equal(found[0], found[2])
    assert torch.equal(torch.get_rng_state(), torch_before)
    assert_array_equal(np.random.get_state()[1], numpy_before)  # noqa: NPY002


@pytest.mark.parametrize("n_features", [1, 3, 50])
def test__any_dimension__is_taken(encoder, n_features):
    clouds = make_clouds(30, n_features)
    found = embed_points(pupil(clouds, encoder), clouds)
    assert found.shape == (30, n_features + 1)
    assert np.isfinite(found).all()


def test__single_points__are_embedded_as_the_teacher_does(encoder):
    points = np.random.default_rng(0).normal(size=(60, 4))
    table = PointClouds(points, offsets=np.arange(61))
    assert_allclose(
        embed_points(pupil(table, encoder), table), mean_and_spread(table), atol=1e-3
    )


def test__identical_clouds__stay_identical(encoder):
    points = np.tile([[0.0, 0.0], [1.0, 0.0], [0.0, 2.0]], (20, 1))
    clouds = PointClouds(points, offsets=np.arange(0, 61, 3))
    found = embed_points(pupil(clouds, encoder, n_virtual=0), clouds)
    assert_allclose(found, mean_and_spread(clouds), atol=1e-3)


def test__a_loss_that_explodes__stops_the_fit(clouds):
    with pytest.raises(FloatingPointError, match="Lower lr"):
        pupil(clouds, lr=1e30)


def test__pickle__keeps_every_bit_and_is_small(student, clouds):
    pickled = pickle.dumps(student)
    found = embed_points(pickle.loads(pickled), clouds)
    assert_array_equal(found, embed_points(student, clouds))
    assert len(pickled) < 500_000


@pytest.mark.parametrize("sizes", [[50] * 1000 + [5000] * 5, [3] * 40 + [700, 900] * 9])
def test__batches_of_points__stay_within_bounds_in_every_epoch(sizes, monkeypatch):
    rng = np.random.default_rng(0)
    clouds = as_point_clouds([rng.normal(size=(size, 2)) for size in sizes])
    monkeypatch.setattr(_padding, "_NUMBERS_A_BATCH", 400_000)
    lessons = PointLessons(
        None, Frame.of(clouds), clouds, torch.zeros(len(sizes), 2), 64, 0
    )
    monkeypatch.setattr(lessons, "_summary_of", lambda chosen: chosen)
    kinds = set()
    for _ in range(3):
        epoch = [chosen for chosen, _ in lessons]
        assert_array_equal(np.sort(np.concatenate(epoch)), np.arange(len(sizes)))
        kinds.add(tuple(np.concatenate(epoch)))
        for chosen in epoch:
            numbers = (
                len(chosen) * clouds.sizes[chosen].max() * _padding._NUMBERS_A_POINT
            )
            assert len(chosen) == 1 or numbers <= 400_000
            assert len(chosen) <= 64
    assert len(kinds) == 3
