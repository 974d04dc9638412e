"""Transform is a function of one measure, and randomness stays where it belongs."""

import pickle
import subprocess
import sys

import numpy as np
import pytest
import torch
from joblib import Parallel, delayed
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.base import clone

from skwass import (
    LinearOTEmbedder,
    PointClouds,
    SlicedWassersteinEmbedder,
    WormholeEmbedder,
    as_point_clouds,
)

EMBEDDERS = {
    "wormhole": WormholeEmbedder(n_components=4, n_reference=16, max_iter=5),
    "linear": LinearOTEmbedder(16),
    "linear components": LinearOTEmbedder(16, n_components=3),
    "sliced": SlicedWassersteinEmbedder(10, n_quantiles=8),
    "sliced components": SlicedWassersteinEmbedder(10, n_quantiles=8, n_components=3),
}
every_embedder = pytest.mark.parametrize("name", EMBEDDERS)


def fresh(name, random_state=0, **parameters):
    return clone(EMBEDDERS[name]).set_params(random_state=random_state, **parameters)


def weighted_clouds(n_clouds, seed=0):
    rng = np.random.default_rng(seed)
    return [
        (rng.normal(size=(n, 3)), rng.integers(1, 9, n).astype(float))
        for n in rng.integers(1, 12, n_clouds)
    ]


@pytest.fixture(scope="module")
def clouds():
    return weighted_clouds(40)


@pytest.fixture(scope="module", params=EMBEDDERS)
def embedder(request, clouds):
    return fresh(request.param).fit(clouds)


@pytest.fixture(scope="module")
def wormhole(clouds):
    return fresh("wormhole").fit(clouds)


@pytest.fixture(scope="module")
def scale(embedder):
    return float(np.abs(embedder.embedding_).max())


def test__transform__does_not_depend_on_the_rest_of_the_batch(embedder, clouds, scale):
    alone = np.concatenate([embedder.transform([cloud]) for cloud in clouds])
    assert_allclose(alone, embedder.embedding_, atol=1e-6 * scale)
    backwards = embedder.transform(clouds[::-1])[::-1]
    assert_allclose(backwards, embedder.embedding_, atol=1e-6 * scale)


def test__transform__does_not_depend_on_padding(embedder):
    rng = np.random.default_rng(1)
    points = rng.normal(size=(6, 5, 3))
    gap = np.full((6, 1, 3), np.nan)
    padded = np.concatenate([gap, points[:, :2], gap, gap, points[:, 2:], gap], axis=1)
    assert_array_equal(embedder.transform(padded), embedder.transform(points))


def test__transform__does_not_depend_on_the_order_of_points(embedder, clouds, scale):
    rng = np.random.default_rng(2)
    shuffled = []
    for points, weights in clouds:
        order = rng.permutation(len(points))
        shuffled.append((points[order], weights[order]))
    found = embedder.transform(shuffled)
    if isinstance(embedder, SlicedWassersteinEmbedder):  # sums in another order
        assert_allclose(found, embedder.embedding_, atol=1e-6 * scale)
    else:
        assert_array_equal(found, embedder.embedding_)


@pytest.mark.parametrize("factor", [1e-9, 3.0, 1e9])
def test__transform__does_not_depend_on_the_scale_of_weights(
    embedder, clouds, scale, factor
):
    scaled = [(points, weights * factor) for points, weights in clouds]
    assert_allclose(embedder.transform(scaled), embedder.embedding_, atol=1e-6 * scale)


def test__transform__takes_a_duplicated_point_for_a_doubled_weight(
    embedder, clouds, scale
):
    doubled, duplicated = [], []
    for points, weights in clouds:
        heavier = weights.copy()
        heavier[0] *= 2
        doubled.append((points, heavier))
        duplicated.append(
            (np.vstack([points, points[:1]]), np.append(weights, weights[0]))
        )
    assert_allclose(
        embedder.transform(duplicated), embedder.transform(doubled), atol=1e-6 * scale
    )


def test__transform__ignores_points_without_weight(embedder, clouds):
    padded = [
        (np.vstack([points, [[9.0, 9.0, 9.0]]]), np.append(weights, 0.0))
        for points, weights in clouds
    ]
    assert_array_equal(embedder.transform(padded), embedder.embedding_)


def test__every_form_of_the_same_clouds__gives_the_same_embedding(embedder, scale):
    points = np.random.default_rng(3).normal(size=(5, 4, 3))
    expected = embedder.transform(points)
    weighted = [(cloud, np.full(4, 0.25)) for cloud in points]
    flat = PointClouds(points.reshape(-1, 3), offsets=np.arange(0, 21, 4))
    for form in (
        list(points),
        weighted,
        flat,
        as_point_clouds(points),
        points.tolist(),
    ):
        assert_array_equal(embedder.transform(form), expected)
    single = points.astype(np.float32)
    assert_allclose(embedder.transform(single), expected, atol=1e-5 * scale)


@every_embedder
def test__single_points__are_a_table(name):
    table = np.random.default_rng(0).normal(size=(30, 3))
    expected = fresh(name).fit(table)
    for form in (table[:, None], [row[None] for row in table], as_point_clouds(table)):
        embedder = fresh(name).fit(form)
        assert_array_equal(embedder.embedding_, expected.embedding_)
        if name == "wormhole":
            assert embedder.stress_ == expected.stress_


@every_embedder
@pytest.mark.parametrize("exponent", [-40, -7, 12, 40])
def test__scale_of_x__scales_the_embedding(name, exponent):
    table = np.random.default_rng(0).normal(size=(30, 3))
    expected = fresh(name).fit(table)
    # a power of two changes no digit of X
    scaled = fresh(name).fit(table * 2.0**exponent)
    assert_allclose(scaled.embedding_ / 2.0**exponent, expected.embedding_, rtol=1e-4)
    if name == "wormhole":
        found = scaled.stress_ / 4.0**exponent
        assert found == pytest.approx(expected.stress_, rel=1e-4)


@pytest.mark.parametrize("precomputed", [False, True])
def test__same_seed__gives_the_same_bits(clouds, precomputed):
    X = np.abs(np.subtract.outer(np.arange(40.0), np.arange(40.0)))
    options = {"metric": "precomputed"} if precomputed else {"n_pairs": 300}
    X = X if precomputed else clouds
    fits = [
        WormholeEmbedder(n_reference=16, max_iter=5, random_state=7, **options).fit(X)
        for _ in range(2)
    ]
    assert_array_equal(fits[0].embedding_, fits[1].embedding_)
    assert fits[0].history_ == fits[1].history_
    for name, tensor in fits[0].net_.module_.state_dict().items():
        assert torch.equal(tensor, fits[1].net_.module_.state_dict()[name])


@pytest.mark.parametrize("name", sorted(set(EMBEDDERS) - {"wormhole"}))
def test__same_seed__gives_the_same_bits_without_training_too(clouds, name):
    expected = fresh(name, 7).fit_transform(clouds)
    assert_array_equal(fresh(name, 7).fit_transform(clouds), expected)
    given = fresh(name, np.random.RandomState(7))
    assert_array_equal(given.fit(clouds).embedding_, expected)


@every_embedder
def test__embedding__equals_transform_bit_by_bit(clouds, name):
    embedder = fresh(name)
    embedding = embedder.fit_transform(clouds)
    assert embedding.dtype == np.float32
    assert_array_equal(embedder.embedding_, embedding)
    assert_array_equal(embedder.transform(clouds), embedding)


@every_embedder
def test__fits_in_threads__give_the_same_bits_and_leave_the_generator(name):
    table = np.random.default_rng(0).normal(size=(40, 4))
    torch.manual_seed(7)
    before = torch.get_rng_state()

    def fit():
        return fresh(name).fit_transform(table)

    expected = fit()
    found = Parallel(4, backend="threading")(delayed(fit)() for _ in range(8))
    for embedding in found:
        assert_array_equal(embedding, expected)
    assert torch.equal(torch.get_rng_state(), before)


@every_embedder
def test__other_seed__gives_another_embedding(clouds, name):
    fits = [fresh(name, seed).fit(clouds) for seed in (0, 1)]
    assert not np.array_equal(fits[0].embedding_, fits[1].embedding_)


@every_embedder
def test__n_jobs__changes_no_bit(clouds, name):
    options = {"n_pairs": 300} if name == "wormhole" else {}
    fits = [fresh(name, n_jobs=n_jobs, **options).fit(clouds) for n_jobs in (1, 2)]
    assert_array_equal(fits[0].embedding_, fits[1].embedding_)


@every_embedder
def test__global_generators__are_left_as_they_were(clouds, name):
    np.random.seed(3)  # noqa: NPY002
    torch.manual_seed(3)
    numpy_before = np.random.get_state()  # noqa: NPY002
    torch_before = torch.get_rng_state()
    embedder = fresh(name)
    if name == "wormhole":
        embedder.set_params(early_stopping=True)
    embedding = embedder.fit(clouds).transform(clouds)
    if hasattr(embedder, "inverse_transform"):
        embedder.inverse_transform(embedding)
    embedder.score(clouds)
    assert torch.equal(torch.get_rng_state(), torch_before)
    for before, after in zip(
        numpy_before,
        np.random.get_state(),  # noqa: NPY002
        strict=True,
    ):
        assert_array_equal(before, after)


@every_embedder
def test__fit__does_not_change_x(clouds, name):
    container = as_point_clouds(clouds)
    copies = container.points.copy(), container.weights.copy()
    fresh(name).fit(container)
    assert_array_equal(container.points, copies[0])
    assert_array_equal(container.weights, copies[1])


def test__pickle__works_in_a_fresh_process(wormhole, clouds, tmp_path):
    (tmp_path / "embedder.pickle").write_bytes(pickle.dumps(wormhole))
    (tmp_path / "clouds.pickle").write_bytes(pickle.dumps(clouds))
    script = (
        "import pickle, numpy as np\n"
        "from pathlib import Path\n"
        f"folder = Path({str(tmp_path)!r})\n"
        "embedder = pickle.loads((folder / 'embedder.pickle').read_bytes())\n"
        "clouds = pickle.loads((folder / 'clouds.pickle').read_bytes())\n"
        "np.save(folder / 'z.npy', embedder.transform(clouds))\n"
        "embedder.inverse_transform(embedder.embedding_)\n"
        "embedder.fit(clouds)\n"
    )
    subprocess.run([sys.executable, "-W", "error", "-c", script], check=True)
    assert_allclose(np.load(tmp_path / "z.npy"), wormhole.embedding_, rtol=1e-5)


def test__pickle__is_small(embedder):
    assert len(pickle.dumps(embedder)) < 10_000_000
