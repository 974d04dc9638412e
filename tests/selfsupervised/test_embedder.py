"""SelfSupervisedEmbedder: what it learns, how it goes on, what it leaves alone."""

import pickle
import warnings

import numpy as np
import pytest
import torch
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.base import clone
from sklearn.datasets import load_digits
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV, train_test_split
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from torch import nn

from skwass import SelfSupervisedEmbedder, linear_probe_score
from skwass.metrics import uniformity_floor
from skwass.nn import ImageViews, TableViews, VisionEncoder
from skwass.training import local_torch_seed

METHODS = [
    "simclr",
    "mocov2",
    "nnclr",
    "byol",
    "simsiam",
    "align-uniform",
    "barlow-twins",
    "zero-cl",
]
X, X_TEST, Y, Y_TEST = train_test_split(
    *load_digits(return_X_y=True), train_size=600, test_size=400, random_state=0
)
IMAGES = X.reshape(-1, 1, 8, 8)
SHORT = {"n_components": 16, "max_iter": 2, "random_state": 0}


def untrained_scores(encoder):
    """The probe on the encoder before and after its training."""
    with local_torch_seed(0):
        fresh = type(encoder)(
            64, 16, (256, 256), mean=encoder[0].mean, scale=encoder[0].scale
        )
    with torch.no_grad():
        return [fresh(torch.as_tensor(rows).float()).numpy() for rows in (X, X_TEST)]


# --- what it learns ---------------------------------------------------------------


@pytest.mark.parametrize("method", METHODS)
def test__every_method__learns_more_than_an_untrained_encoder_knows(method):
    embedder = SelfSupervisedEmbedder(
        16, method=method, max_iter=15, batch_size=128, lr=3e-3, random_state=0
    ).fit(X)
    before, before_test = untrained_scores(embedder.encoder_)
    untrained = linear_probe_score(None, before, Y, before_test, Y_TEST, random_state=0)
    trained = linear_probe_score(embedder, X, Y, X_TEST, Y_TEST, random_state=0)
    assert trained > untrained + 0.02
    assert embedder.transform(X).shape == (600, 16)


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("uniformity", ["wang-isola", None])
def test__every_method__lowers_its_loss(method, uniformity):
    embedder = SelfSupervisedEmbedder(
        16,
        method=method,
        uniformity=uniformity,
        uniformity_decay="constant",
        queue_size=64,
        max_iter=6,
        batch_size=128,
        random_state=0,
    ).fit(X[:300])
    loss = embedder.history_["loss"]
    # slow copies and queues move the goal, so the very first epochs may mislead
    assert loss[-1] < max(loss[:2])
    assert embedder.n_iter_ == 6
    assert {len(curve) for curve in embedder.history_.values()} == {6}


def test__uniformity__keeps_projections_from_collapsing():
    options = {"method": "simsiam", "max_iter": 15, "lr": 3e-3, "random_state": 0}
    ends = {}
    for uniformity in (None, "wasserstein"):
        embedder = SelfSupervisedEmbedder(
            16, uniformity=uniformity, projector_sizes=(64, 32), **options
        ).fit(X)
        ends[uniformity] = {name: c[-1] for name, c in embedder.history_.items()}
    assert ends["wasserstein"]["uniformity"] < ends[None]["uniformity"] / 2
    assert ends["wasserstein"]["effective_rank"] > ends[None]["effective_rank"]


def test__history__knows_the_floor():
    history = SelfSupervisedEmbedder(**SHORT).fit(X).history_
    # all 600, since they are no more than 1,024, in 8 features
    assert_allclose(history["uniformity_floor"], uniformity_floor(600, 8))
    assert set(history) == {
        "loss",
        "alignment",
        "uniformity",
        "uniformity_floor",
        "effective_rank",
    }


def test__weight__decays_to_zero_step_by_step():
    # projections of all steps alike, so that only the weight changes
    options = {"lr": 1e-12, "augmentation": lambda rows, generator: rows}
    common = {**SHORT, **options, "max_iter": 4, "batch_size": 600}
    curves = [
        SelfSupervisedEmbedder(
            method="simsiam", uniformity_decay=decay, uniformity_weight=2.0, **common
        )
        .fit(X)
        .history_["loss"]
        for decay in ("constant", "linear")
    ]
    plain = SelfSupervisedEmbedder(method="simsiam", uniformity=None, **common).fit(X)
    shares = np.subtract(curves[1], plain.history_["loss"]) / np.subtract(
        curves[0], plain.history_["loss"]
    )
    assert_allclose(shares, [1, 0.75, 0.5, 0.25], atol=0.01)


@pytest.mark.parametrize("optimizer", ["adamw", "sgd", "lars"])
@pytest.mark.parametrize("lr_schedule", ["constant", "cosine", "one-cycle"])
def test__optimisers_and_schedules__train(optimizer, lr_schedule):
    embedder = SelfSupervisedEmbedder(
        16,
        optimizer=optimizer,
        lr_schedule=lr_schedule,
        batch_size=64,
        max_iter=8,
        random_state=0,
    ).fit(X[:256])
    assert embedder.history_["loss"][-1] < embedder.history_["loss"][0]


# --- samples ----------------------------------------------------------------------


def test__images__are_read_by_a_residual_network():
    embedder = SelfSupervisedEmbedder(
        method="simsiam",
        augmentation=ImageViews(flip=0.0, crop_scale=(0.6, 1.0)),
        **SHORT,
    ).fit(IMAGES[:100])
    assert embedder.transform(IMAGES[:7]).shape == (7, 16)
    assert embedder.n_features_in_ == 1
    assert_allclose(
        embedder.transform(IMAGES[:7]), embedder.transform(IMAGES[:50])[:7], atol=1e-5
    )


def test__whole_numbers_and_colours__are_images_too():
    pictures = np.random.default_rng(0).integers(0, 256, (40, 3, 9, 7), dtype=np.uint8)
    embedder = SelfSupervisedEmbedder(**SHORT).fit(pictures)
    found = embedder.transform(pictures)
    assert found.dtype == np.float32
    assert np.isfinite(found).all()


class Encoder(nn.Module):
    """Reads images, with a layer that draws random numbers."""

    def __init__(self, n_outputs, dropout=0.5):
        super().__init__()
        self.layers = nn.Sequential(
            nn.Flatten(), nn.LazyLinear(n_outputs), nn.Dropout(dropout)
        )

    def forward(self, x):
        return self.layers(x)


def test__an_encoder_of_the_user__is_told_its_width():
    embedder = SelfSupervisedEmbedder(encoder=Encoder, encoder__dropout=0.1, **SHORT)
    assert embedder.get_params()["encoder__dropout"] == 0.1
    embedder = clone(embedder).set_params(encoder__dropout=0.2).fit(IMAGES)
    assert embedder.transform(IMAGES).shape == (600, 16)
    assert embedder.encoder_.layers[2].p == 0.2


@pytest.mark.parametrize("attention", ["dot", "wasserstein"])
def test__a_transformer__learns_from_images(attention):
    embedder = SelfSupervisedEmbedder(
        encoder=VisionEncoder,
        encoder__patch_size=2,
        encoder__depth=1,
        encoder__attention=attention,
        n_components=32,
        max_iter=20,
        batch_size=64,
        lr=3e-3,
        augmentation=ImageViews(flip=0.0, crop_scale=(0.6, 1.0)),
        random_state=0,
    )
    untrained = clone(embedder).set_params(max_iter=1, lr=1e-9)
    before, after = (
        linear_probe_score(
            each.fit(IMAGES), IMAGES, Y, X_TEST.reshape(-1, 1, 8, 8), Y_TEST
        )
        for each in (untrained, embedder)
    )
    assert after > before + 0.1
    again = clone(embedder).fit(IMAGES)
    assert_array_equal(again.transform(IMAGES), embedder.transform(IMAGES))


def test__a_module_of_the_user__stays_as_it_was():
    with local_torch_seed(0):
        module = nn.Sequential(nn.Flatten(), nn.Linear(64, 5))
    before = module[1].weight.detach().clone()
    embedder = SelfSupervisedEmbedder(encoder=module, max_iter=2, random_state=0)
    assert embedder.fit(IMAGES).transform(IMAGES).shape == (600, 5)
    assert torch.equal(module[1].weight, before)
    assert not torch.equal(embedder.encoder_[1].weight, before)


def test__columns_of_any_scale__are_learnt_alike():
    scales = np.logspace(-6, 6, 64)
    found = [
        SelfSupervisedEmbedder(**SHORT).fit(rows).transform(rows)
        for rows in (X, X * scales)
    ]
    # normalisation takes off what all have in common, so rounding decides about that
    assert_allclose(*(z - z.mean(axis=0) for z in found), atol=1e-3)


def test__labels__are_never_looked_at():
    with_labels = SelfSupervisedEmbedder(**SHORT).fit(X, Y).transform(X)
    assert_array_equal(with_labels, SelfSupervisedEmbedder(**SHORT).fit_transform(X))


def test__an_augmentation_of_the_user__is_given_batches_and_a_generator():
    seen = []

    def augment(rows, generator):
        seen.append(rows.shape)
        return rows + torch.randn(rows.shape, generator=generator)

    embedder = SelfSupervisedEmbedder(augmentation=augment, batch_size=200, **SHORT)
    embedder.fit(X)
    # a first look, then two views of three batches in two epochs
    assert seen[1:] == [(200, 64)] * 12


# --- what decides, and what is left alone -----------------------------------------


def draws_from_global_generators(rows, generator):
    return rows + torch.randn_like(rows) + float(np.random.RandomState(0).rand())


@pytest.mark.parametrize("method", METHODS)
def test__the_same_seed__gives_the_same_bits(method):
    embedders = [
        SelfSupervisedEmbedder(
            method=method,
            encoder=Encoder,
            augmentation=draws_from_global_generators,
            **SHORT,
        ).fit(X[:200])
        for _ in range(2)
    ]
    first, second = (embedder.transform(X) for embedder in embedders)
    assert_array_equal(first, second)
    assert embedders[0].history_ == embedders[1].history_
    other = SelfSupervisedEmbedder(method=method, encoder=Encoder, **SHORT)
    other = other.set_params(random_state=1).fit(X[:200]).transform(X)
    assert np.abs(other - first).max() > 1e-3


@pytest.mark.parametrize("data", [X[:60], IMAGES[:60]], ids=["table", "images"])
def test__global_generators__stay_as_they_were(data):
    numbers, states = np.random.mtrand._rand.get_state()[1], torch.get_rng_state()
    embedder = SelfSupervisedEmbedder(method="mocov2", **SHORT).fit(data)
    embedder.partial_fit(data).transform(data)
    assert_array_equal(np.random.mtrand._rand.get_state()[1], numbers)
    assert torch.equal(torch.get_rng_state(), states)


def test__a_pickle__says_the_same_and_goes_on_the_same():
    embedder = SelfSupervisedEmbedder(**SHORT).partial_fit(X)
    other = pickle.loads(pickle.dumps(embedder))
    assert_array_equal(other.transform(X), embedder.transform(X))
    assert_array_equal(
        other.partial_fit(X).transform(X), embedder.partial_fit(X).transform(X)
    )


def test__a_tensor_in_half_precision__is_read():
    rows = torch.as_tensor(X[:100], dtype=torch.bfloat16)
    embedder = SelfSupervisedEmbedder(8, max_iter=1, random_state=0).fit(rows)
    assert_array_equal(embedder.transform(rows), embedder.transform(rows.float()))


# --- going on ---------------------------------------------------------------------


@pytest.mark.parametrize("learn", ["fit", "partial_fit"])
@pytest.mark.parametrize("lr_schedule", ["cosine", "one-cycle"])
def test__a_pickle__holds_the_network_once(lr_schedule, learn):
    embedder = SelfSupervisedEmbedder(
        method="simclr", optimizer="sgd", lr_schedule=lr_schedule, max_iter=1
    )
    getattr(embedder, learn)(X)
    weights = sum(p.nbytes for p in embedder.net_.module_.parameters())
    momenta = weights if learn == "partial_fit" else 0
    stored = pickle.dumps(embedder)
    assert len(stored) < 1.1 * (weights + momenta)
    back = pickle.loads(stored)
    assert back.encoder_ is back.net_.module_.encoder


def test__partial_fit__trains_an_epoch_more_each_time():
    embedder = SelfSupervisedEmbedder(
        16, method="simsiam", batch_size=64, random_state=0
    )
    for _ in range(6):
        embedder.partial_fit(X[:300])
    assert embedder.n_iter_ == 6
    assert embedder.history_["loss"][-1] < embedder.history_["loss"][0]


def test__partial_fit__after_fit__begins_where_that_ended():
    embedder = SelfSupervisedEmbedder(lr=1e-7, **SHORT).fit(X)
    before = embedder.transform(X)
    after = embedder.partial_fit(X[:50] + 100).transform(X)
    assert 0 < np.abs(after - before).max() < 1e-2


def test__warm_start__goes_on_with_the_last_network():
    embedder = SelfSupervisedEmbedder(lr=1e-7, warm_start=True, **SHORT).fit(X)
    before = embedder.transform(X)
    assert 0 < np.abs(embedder.fit(X).transform(X) - before).max() < 1e-2
    embedder.set_params(warm_start=False, random_state=1)
    assert np.abs(embedder.fit(X).transform(X) - before).max() > 0.1


def test__an_augmentation_of_double_precision__is_rounded():
    def through_numpy(rows, generator):
        noise = torch.randn(rows.shape, generator=generator).numpy()
        return torch.from_numpy(rows.numpy().astype(np.float64) + noise)

    def as_it_is(rows, generator):
        return rows.double() + torch.randn(rows.shape, generator=generator)

    first, second = (
        SelfSupervisedEmbedder(augmentation=augmentation, **SHORT).fit(X).transform(X)
        for augmentation in (through_numpy, as_it_is)
    )
    assert_array_equal(first, second)


def test__workers_of_torch_distributed__fit_apart(monkeypatch):
    def others(*args):
        raise AssertionError("a fit waits for other workers")

    monkeypatch.setattr("skwass.nn._uniformity._Workers.of", others)
    SelfSupervisedEmbedder(**SHORT).fit(X)


def test__an_interrupted_fit__keeps_the_epochs_so_far():
    calls = []

    def impatient(rows, generator):
        calls.append(len(rows))
        if len(calls) > 8:  # a first look, and two views of three batches in an epoch
            raise KeyboardInterrupt
        return rows + torch.randn(rows.shape, generator=generator)

    embedder = SelfSupervisedEmbedder(
        16, augmentation=impatient, batch_size=200, max_iter=9, random_state=0
    )
    with pytest.warns(UserWarning, match="interrupted; the network is that of the ep"):
        embedder.fit(X)
    assert embedder.n_iter_ == 1
    assert embedder.transform(X).shape == (600, 16)
    with pytest.raises(KeyboardInterrupt):
        embedder.fit(X)
    assert embedder.n_iter_ == 1


# --- among other estimators -------------------------------------------------------


def test__a_grid_search__finds_its_parameters():
    pipe = make_pipeline(
        StandardScaler(),
        SelfSupervisedEmbedder(**SHORT),
        LogisticRegression(max_iter=1000),
    )
    grid = {"selfsupervisedembedder__method": ["simsiam", "barlow-twins"]}
    search = GridSearchCV(pipe, grid, cv=2).fit(X, Y)
    assert search.score(X_TEST, Y_TEST) > 0.5


def test__columns_of_the_output__have_names():
    embedder = SelfSupervisedEmbedder(**SHORT).set_output(transform="pandas").fit(X)
    assert list(embedder.transform(X[:2]).columns)[:2] == [
        "selfsupervisedembedder0",
        "selfsupervisedembedder1",
    ]


# --- collapse ---------------------------------------------------------------------


def test__a_collapsed_run__warns_and_says_what_to_do():
    constant = nn.Sequential(nn.Linear(64, 16))
    nn.init.zeros_(constant[0].weight)
    constant.requires_grad_(False)
    embedder = SelfSupervisedEmbedder(
        encoder=constant, method="zero-cl", uniformity=None, max_iter=1, random_state=0
    )
    with pytest.warns(ConvergenceWarning, match="Set uniformity='wassers") as warned:
        embedder.fit(X)
    assert warned[0].filename == __file__
    assert embedder.history_["uniformity"][-1] > 1.3
    embedder.set_params(uniformity="wasserstein", uniformity_weight=0.25)
    with pytest.warns(ConvergenceWarning, match=r"uniformity_weight \(now 0.25\)"):
        embedder.fit(X)


def test__a_healthy_run__does_not_warn():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        SelfSupervisedEmbedder(**SHORT).fit(X)


def test__the_bar__shows_the_distance_from_uniform(capsys):
    SelfSupervisedEmbedder(verbose=1, **SHORT).fit(X)
    shown = capsys.readouterr().err
    for label in ("loss=", "from uniform=", "at least=", "rank="):
        assert label in shown


def test__views_of_tables__are_a_parameter():
    quiet = TableViews(noise=0.0, mask=0.0, swap=0.0)
    embedder = SelfSupervisedEmbedder(
        method="simsiam", augmentation=quiet, **SHORT
    ).fit(X)
    assert_allclose(embedder.history_["alignment"], 0, atol=1e-6)
