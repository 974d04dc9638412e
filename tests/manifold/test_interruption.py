"""Ctrl-C while training keeps what was learnt, or what was fitted before."""

import numpy as np
import pytest
from numpy.testing import assert_array_equal

from skwass import WormholeEmbedder
from skwass.training import StopWhenNotFinite

TABLE = np.random.default_rng(0).normal(size=(30, 3))


def interrupt_in_epoch(monkeypatch, epoch):
    """Ctrl-C at the first batch of an epoch."""

    def on_batch_begin(self, net, training=False, **kwargs):
        if len(net.history) == epoch:
            raise KeyboardInterrupt

    monkeypatch.setattr(StopWhenNotFinite, "on_batch_begin", on_batch_begin)


def test__interrupted_training__keeps_the_epochs_so_far(monkeypatch):
    interrupt_in_epoch(monkeypatch, 4)
    embedder = WormholeEmbedder(max_iter=9, random_state=0, n_init=3)
    with pytest.warns(UserWarning, match="interrupted"):
        embedder.fit(TABLE)
    assert embedder.n_iter_ == len(embedder.history_["loss"]) == 3
    assert_array_equal(embedder.transform(TABLE), embedder.embedding_)


def test__interrupted_before_the_first_epoch__leaves_the_old_fit(monkeypatch):
    embedder = WormholeEmbedder(max_iter=2, random_state=0).fit(TABLE)
    before = embedder.embedding_.copy()
    interrupt_in_epoch(monkeypatch, 1)
    with pytest.raises(KeyboardInterrupt):
        embedder.fit(TABLE[:, :2])
    assert embedder.n_features_in_ == 3
    assert_array_equal(embedder.transform(TABLE), before)


def test__interrupted_in_a_later_run__keeps_the_earlier_one(monkeypatch):
    begun = []

    def on_batch_begin(self, net, training=False, **kwargs):
        if net not in begun:
            begun.append(net)
        if len(begun) == 2:
            raise KeyboardInterrupt

    one = WormholeEmbedder(max_iter=3, random_state=0).fit(TABLE)
    monkeypatch.setattr(StopWhenNotFinite, "on_batch_begin", on_batch_begin)
    embedder = WormholeEmbedder(max_iter=3, random_state=0, n_init=3)
    with pytest.warns(UserWarning, match="interrupted"):
        embedder.fit(TABLE)
    assert len(begun) == 2
    assert_array_equal(embedder.embedding_, one.embedding_)


def test__interrupted_decoder__keeps_the_embedding_and_the_checkpoint(
    monkeypatch, tmp_path
):
    rng = np.random.default_rng(0)
    clouds = [rng.normal(size=(6, 2)) * rng.uniform(0.5, 2) for _ in range(20)]
    parameters = {"max_iter": 3, "n_reference": 8, "random_state": 0}
    whole = WormholeEmbedder(decoder_max_iter=4, **parameters).fit(clouds)
    path = tmp_path / "fit.pt"
    embedder = WormholeEmbedder(
        decoder_max_iter=4, checkpoint=path, checkpoint_interval=0, **parameters
    )
    with monkeypatch.context() as patch:
        interrupt_in_epoch(patch, 4)  # of three, so it is one of the decoder
        with pytest.warns(UserWarning, match="interrupted; the decoder"):
            embedder.fit(clouds)
    assert_array_equal(embedder.embedding_, whole.embedding_)
    assert embedder.n_iter_ == 3
    assert path.exists()
    embedder.fit(clouds)
    assert not path.exists()
    assert_array_equal(
        embedder.inverse_transform(whole.embedding_).points,
        whole.inverse_transform(whole.embedding_).points,
    )


def test__interrupted_network__is_told_and_taught_to_its_end_later(
    monkeypatch, tmp_path
):
    rng = np.random.default_rng(0)
    clouds = [rng.normal(size=(6, 2)) * rng.uniform(0.5, 2) for _ in range(20)]
    parameters = {"max_iter": 3, "n_reference": 8, "decoder": False, "random_state": 0}
    parameters |= {
        "encoder": "network",
        "encoder_params": {"n_virtual": 20, "max_iter": 5},
    }
    whole = WormholeEmbedder(**parameters).fit(clouds)
    path = tmp_path / "fit.pt"
    embedder = WormholeEmbedder(checkpoint=path, checkpoint_interval=0, **parameters)
    with monkeypatch.context() as patch:
        interrupt_in_epoch(patch, 4)  # of three, so it is one of the network
        with pytest.warns(UserWarning, match="interrupted; the network"):
            embedder.fit(clouds)
    assert embedder.transform(clouds).shape == whole.embedding_.shape
    assert not np.array_equal(embedder.embedding_, whole.embedding_)
    assert path.exists()
    embedder.fit(clouds)
    assert not path.exists()
    assert_array_equal(embedder.embedding_, whole.embedding_)
