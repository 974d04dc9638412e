"""Encoders that read points, taught by the one that solves transport."""

import pickle

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.base import clone

from skwass import WormholeEmbedder

QUICK = {"n_virtual": 200, "max_iter": 4}


def clouds_of(n_clouds, seed=0):
    rng = np.random.default_rng(seed)
    return [
        rng.normal(size=(rng.integers(3, 12), 2)) * rng.uniform(0.5, 2, 2)
        + rng.normal(size=2)
        for _ in range(n_clouds)
    ]


def quick(encoder, **parameters):
    return WormholeEmbedder(
        **{
            "n_components": 4,
            "encoder": encoder,
            "encoder_params": None if encoder == "transport" else QUICK,
            "n_reference": 12,
            "max_iter": 5,
            "random_state": 0,
            **parameters,
        }
    )


@pytest.fixture(scope="module", params=["network", "transformer"])
def fitted(request):
    return quick(request.param).fit(clouds_of(60))


def test__reading_network__keeps_distances_of_new_clouds(fitted):
    assert fitted.score(clouds_of(40, seed=1)) > 0.9


def test__embedding__is_that_of_transform(fitted):
    assert_allclose(fitted.transform(clouds_of(60)), fitted.embedding_, atol=1e-5)


def test__cloud__is_embedded_by_itself(fitted):
    clouds = clouds_of(20, seed=2)
    alone = np.concatenate([fitted.transform([cloud]) for cloud in clouds])
    assert_allclose(alone, fitted.transform(clouds), atol=1e-5)
    turned = [cloud[::-1] for cloud in clouds]
    assert_allclose(fitted.transform(turned), alone, atol=1e-5)


def test__duplicated_point__equals_a_doubled_weight(fitted):
    cloud = clouds_of(1, seed=3)[0]
    twice = np.concatenate([cloud, cloud[:1]])
    weights = np.append(2.0, np.ones(len(cloud) - 1))
    first, second = fitted.transform([(twice, np.ones(len(twice))), (cloud, weights)])
    assert_allclose(first, second, atol=1e-5)


def test__fitted_embedder__pickles_and_decodes(fitted):
    copy = pickle.loads(pickle.dumps(fitted))
    clouds = clouds_of(5, seed=4)
    assert_array_equal(copy.transform(clouds), fitted.transform(clouds))
    assert len(copy.barycenter(clouds)) == 1


def test__same_seed__gives_the_same_bits(fitted):
    again = clone(fitted).fit(clouds_of(60))
    assert_array_equal(again.embedding_, fitted.embedding_)


def test__stream__goes_on(fitted):
    embedder = clone(fitted).fit(clouds_of(40))
    embedder.partial_fit(clouds_of(30, seed=5))
    assert embedder.embedding_.shape == (30, 4)
    assert embedder.score(clouds_of(40, seed=1)) > 0.9


@pytest.mark.parametrize("encoder", ["network", "transformer"])
def test__checkpoint__leads_to_the_same_bits(encoder, tmp_path, monkeypatch):
    from skwass.training import Checkpoint

    plain = quick(encoder, decoder=False).fit(clouds_of(40))
    path = tmp_path / "fit.ckpt"
    embedder = quick(encoder, decoder=False, checkpoint=path, checkpoint_interval=0)
    keep, writes = Checkpoint.keep, []

    def keep_and_stop(self, stage, state, *, done=False):
        keep(self, stage, state, done=done)
        writes.append(stage)
        if writes.count("network") == 2:
            raise SystemExit

    monkeypatch.setattr(Checkpoint, "keep", keep_and_stop)
    with pytest.raises(SystemExit):
        embedder.fit(clouds_of(40))
    monkeypatch.undo()
    assert path.exists()
    embedder.fit(clouds_of(40))
    assert not path.exists()
    assert_array_equal(embedder.embedding_, plain.embedding_)


BAD = {
    "unknown encoder": ({"encoder": "magic"}, "encoder"),
    "parameters of none": (
        {"encoder": "transport", "encoder_params": {"max_iter": 3}},
        "'transport' has no encoder_params",
    ),
    "unknown parameter": ({"encoder_params": {"depth": 3}}, "got 'depth'"),
    "no epochs": ({"encoder_params": {"max_iter": 0}}, "max_iter"),
    "half a cloud": ({"encoder_params": {"n_virtual": 0.5}}, "n_virtual"),
    "negative rate": ({"encoder_params": {"lr": -1.0}}, "lr"),
    "blind metric": ({"metric": "gromov"}, "encoder='network' reads the points"),
}


@pytest.mark.parametrize(("parameters", "message"), BAD.values(), ids=BAD.keys())
def test__bad_parameters__raise_before_training(parameters, message, monkeypatch):
    def fail(*arguments, **keywords):
        raise AssertionError("training began")

    monkeypatch.setattr("skwass.manifold._learning.fit_cohort", fail)
    with pytest.raises((ValueError, TypeError), match=message):
        quick(**{"encoder": "network", **parameters}).fit(clouds_of(20))


def test__distances__have_no_points_to_read():
    distances = np.abs(np.subtract.outer(np.arange(9.0), np.arange(9.0)))
    with pytest.raises(ValueError, match="encoder='network' reads the points"):
        quick("network", metric="precomputed").fit(distances)


def test__table__can_be_read_too():
    table = np.random.default_rng(0).normal(size=(50, 3))
    embedder = quick("network", n_components=3).fit(table)
    assert embedder.score(table) > 0.9
