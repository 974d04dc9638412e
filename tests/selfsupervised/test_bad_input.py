"""SelfSupervisedEmbedder: what it refuses, in words that help."""

import warnings

import numpy as np
import pytest
import torch
from numpy.testing import assert_array_equal
from sklearn.exceptions import ConvergenceWarning, NotFittedError
from torch import nn

from skwass import SelfSupervisedEmbedder
from skwass.training import local_torch_seed

RNG = np.random.default_rng(0)
X = RNG.normal(size=(60, 6))
IMAGES = RNG.uniform(size=(20, 3, 8, 8))
SHORT = {"n_components": 8, "max_iter": 1, "random_state": 0}


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (np.where(X > 2, np.nan, X), "X contains NaN"),
        (np.where(X > 2, np.inf, X), "X contains infinity"),
        (X[:1], "1 sample"),
        (X[:, :0], "0 feature"),
        (X[:, 0], "Expected 2D array"),
        (X + 1j, "Complex data not supported"),
        (X.reshape(30, 2, 6), r"got shape \(30, 2, 6\).*X\[:, None\]"),
        (np.where(IMAGES > 0.99, np.nan, IMAGES), "X contains NaN"),
        (np.array([["a", "b"]] * 5), "could not convert string"),
    ],
)
def test__samples__that_cannot_be_learnt_from__raise(data, message):
    with pytest.raises(ValueError, match=message):
        SelfSupervisedEmbedder(**SHORT).fit(data)


@pytest.mark.parametrize("size", [1, 2, 3])
def test__few_samples_or_columns__are_enough(size):
    rows = RNG.normal(size=(size + 1, size))
    # so few of them are soon a single point
    embedder = SelfSupervisedEmbedder(projector_sizes=(8, 2), **SHORT)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        assert embedder.fit_transform(rows).shape == (size + 1, 8)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"method": "dino"}, "'method' parameter"),
        ({"batch_size": 1}, "'batch_size' parameter"),
        ({"momentum": 1.5}, "'momentum' parameter"),
        ({"uniformity": "kl"}, "'uniformity' parameter"),
        ({"augmentation": "strong"}, "'augmentation' parameter"),
        ({"hidden_layer_sizes": (3, 0)}, "hidden_layer_sizes must be positive"),
        ({"projector_sizes": (8, 2.5)}, "projector_sizes must be positive"),
        ({"projector_sizes": (8, 1)}, "projector_sizes must end with .* at least 2"),
        ({"projector_sizes": ()}, "projector_sizes must end with"),
        ({"method_params": {"off_diagonal": 1.0}}, "'off_diagonal'.*knows none"),
        ({"device": "abacus"}, "device='abacus' cannot be used"),
        ({"encoder__dropout": 0.5}, "encoder__dropout.*encoder is None"),
    ],
)
def test__parameters__that_mean_nothing__raise(options, message):
    embedder = SelfSupervisedEmbedder(**{**SHORT, **options})
    with pytest.raises(ValueError, match=message):
        embedder.fit(X)


def test__an_unknown_parameter__raises():
    with pytest.raises(TypeError, match="unexpected parameter 'epochs'"):
        SelfSupervisedEmbedder(epochs=3).fit(X)


def test__zero_cl__with_a_batch_smaller_than_the_projector__raises():
    embedder = SelfSupervisedEmbedder(
        method="zero-cl", projector_sizes=(32, 20), batch_size=16, **SHORT
    )
    with pytest.raises(ValueError, match=r"whitens 20 .* batches of 16 from 60"):
        embedder.fit(X)
    embedder.set_params(batch_size=256)
    with pytest.raises(ValueError, match="batches of 10 from 10 samples"):
        embedder.fit(X[:10])


def test__zero_cl__lets_a_small_rest_join_the_batch_before():
    sizes = []

    def augment(rows, generator):
        sizes.append(len(rows))
        return rows + torch.randn(rows.shape, generator=generator)

    SelfSupervisedEmbedder(
        method="zero-cl",
        projector_sizes=(32, 20),
        batch_size=25,
        augmentation=augment,
        **SHORT,
    ).fit(X)
    assert sizes[1:] == [25, 25, 35, 35]


def cropped(rows, generator):
    return rows[:, :-1]


def thinned(rows, generator):
    return rows[1:]


def as_array(rows, generator):
    return rows.numpy()


def rounded(rows, generator):
    return rows.long()


def logarithm(rows, generator):
    return rows.log()


@pytest.mark.parametrize(
    ("augmentation", "message"),
    [
        (cropped, r"keep the shape .* turned \(16, 6\) into \(16, 5\)"),
        (thinned, r"turned \(16, 6\) into \(15, 6\)"),
        (as_array, "return a tensor; it returned a ndarray"),
        (rounded, "floating-point numbers; it gave torch.int64"),
        (logarithm, "finite numbers"),
    ],
)
def test__an_augmentation__that_gives_no_views__raises(augmentation, message):
    embedder = SelfSupervisedEmbedder(augmentation=augmentation, **SHORT)
    with pytest.raises(ValueError, match=f"augmentation must .*{message}"):
        embedder.fit(X)


def test__samples_without_known_views__ask_for_an_augmentation():
    embedder = SelfSupervisedEmbedder(encoder=nn.Flatten(), random_state=0)
    with pytest.raises(ValueError, match="augmentation='auto' knows tables and images"):
        embedder.fit(X.reshape(30, 2, 6))


class Sideways(nn.Module):
    def forward(self, x):
        return x.T


@pytest.mark.parametrize(
    ("encoder", "message"),
    [
        (nn.Linear(5, 8), "encoder cannot read samples of shape"),
        (Sideways(), r"encoder must give a tensor of shape \(16, n_components\)"),
        (nn.Linear(6, 9), "n_components=8, but encoder gives 9"),
        (lambda: "an encoder", "encoder must be a torch module"),
    ],
)
def test__an_encoder__that_does_not_fit__raises(encoder, message):
    with pytest.raises(ValueError, match=message):
        SelfSupervisedEmbedder(encoder=encoder, **SHORT).fit(X)


def test__transform__before_fit__raises():
    with pytest.raises(NotFittedError):
        SelfSupervisedEmbedder().transform(X)


@pytest.mark.parametrize("method", ["transform", "partial_fit"])
@pytest.mark.parametrize(
    ("fitted", "given", "message"),
    [
        (X, X[:, :5], "X has 5 features, but .* expecting 6"),
        (IMAGES, IMAGES[:, :2], "X has 2 features, but .* expecting 3"),
        (IMAGES, IMAGES[:, :, :7], r"samples of shape \(3, 7, 8\); .* \(3, 8, 8\)"),
        (IMAGES, IMAGES[:, :, 0, 0], r"samples of shape \(3,\)"),
    ],
)
def test__samples_of_another_shape_than_before__raise(method, fitted, given, message):
    embedder = SelfSupervisedEmbedder(**SHORT).fit(fitted)
    with pytest.raises(ValueError, match=message):
        getattr(embedder, method)(given)


def test__another_method__cannot_go_on():
    embedder = SelfSupervisedEmbedder(warm_start=True, **SHORT).fit(X)
    embedder.set_params(method="byol")
    with pytest.raises(ValueError, match="another method than 'byol'"):
        embedder.fit(X)
    with pytest.raises(ValueError, match="another method than 'byol'"):
        embedder.partial_fit(X)


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"n_components": 4}, "had n_components="),
        ({"hidden_layer_sizes": (4,)}, "had hidden_layer_sizes="),
        ({"projector_sizes": (4, 2)}, "had projector_sizes="),
        ({"encoder": nn.Linear(6, 8)}, "had encoder=None"),
    ],
)
def test__another_network__cannot_go_on(changed, message):
    embedder = SelfSupervisedEmbedder(warm_start=True, **SHORT).fit(X)
    embedder.set_params(**changed)
    for learn in (embedder.fit, embedder.partial_fit):
        with pytest.raises(ValueError, match=message):
            learn(X)


class Spoiled(nn.Module):
    """Fine when it is looked at, and NaN as soon as it is trained."""

    def __init__(self):
        super().__init__()
        self.layer = nn.Linear(6, 8)

    def forward(self, x):
        return self.layer(x) * (torch.nan if self.training else 1)


def test__a_loss_that_is_no_number__stops_and_names_what_to_change():
    with local_torch_seed(0):
        embedder = SelfSupervisedEmbedder(encoder=Spoiled(), lr=0.25, **SHORT)
    with pytest.raises(
        FloatingPointError, match=r"lr \(now 0.25\) or uniformity_weigh"
    ):
        embedder.fit(X)
    assert not hasattr(embedder, "net_")


def test__what_was_fitted__is_kept_when_a_fit_fails():
    embedder = SelfSupervisedEmbedder(warm_start=True, **SHORT).fit(X)
    before, history = embedder.transform(X), embedder.history_
    poisoned = np.where(X > 2, np.nan, X)
    for learn in (embedder.fit, embedder.partial_fit):
        with pytest.raises(ValueError, match="NaN"):
            learn(poisoned)
    embedder.set_params(augmentation=logarithm, warm_start=False)
    with pytest.raises(ValueError, match="finite"):
        embedder.fit(X[:, :4])
    assert embedder.n_features_in_ == 6
    assert embedder.history_ is history
    assert_array_equal(embedder.transform(X), before)


def test__a_diverging_partial_fit__keeps_the_network():
    embedder = SelfSupervisedEmbedder(**SHORT).partial_fit(X)
    before = embedder.transform(X)
    with torch.no_grad():
        for parameter in embedder.net_.module_.projector.parameters():
            parameter.fill_(torch.inf)
    with pytest.raises(FloatingPointError, match="Lower lr"):
        embedder.partial_fit(X)
    assert embedder.n_iter_ == 1
    assert_array_equal(embedder.transform(X), before)


def test__zero_cl__that_diverges__names_what_to_change():
    embedder = SelfSupervisedEmbedder(
        8,
        method="zero-cl",
        projector_sizes=(8, 4),
        optimizer="sgd",
        lr=1e30,
        max_iter=3,
        random_state=0,
    )
    with pytest.raises(FloatingPointError, match="Lower lr"):
        embedder.fit(X)


def test__an_interrupted_partial_fit__raises_and_keeps_the_network():
    embedder = SelfSupervisedEmbedder(augmentation=Impatient(), **SHORT).partial_fit(X)
    before = embedder.transform(X)
    with pytest.raises(KeyboardInterrupt):
        embedder.partial_fit(X)
    assert embedder.n_iter_ == 1
    assert_array_equal(embedder.transform(X), before)


class Impatient:
    """Lets a first look and two views pass."""

    n_calls = 0

    def __call__(self, rows, generator):
        self.n_calls += 1
        if self.n_calls > 3:
            raise KeyboardInterrupt
        return rows + torch.randn(rows.shape, generator=generator)


class Dead(nn.Module):
    """All representations are zero."""

    def __init__(self):
        super().__init__()
        self.layer = nn.Linear(6, 8)

    def forward(self, x):
        return 0 * self.layer(x)


@pytest.mark.parametrize("method", ["simsiam", "byol"])
def test__dead_projections__warn_of_collapse(method):
    with local_torch_seed(0):
        embedder = SelfSupervisedEmbedder(
            method=method, encoder=Dead(), max_iter=1, random_state=0
        )
    with pytest.warns(ConvergenceWarning, match="collapsed"):
        embedder.fit(X)
    assert embedder.history_["effective_rank"] == [0.0]


class InPlace(nn.Module):
    def __init__(self):
        super().__init__()
        self.layer = nn.Linear(6, 8)

    def forward(self, x):
        return self.layer(x.div_(2))


def test__samples__are_left_alone_by_what_works_in_place():
    rows = X.astype(np.float32)
    with local_torch_seed(0):
        embedder = SelfSupervisedEmbedder(encoder=InPlace(), max_iter=1, random_state=0)
    found = embedder.fit(rows).transform(rows)
    assert_array_equal(rows, X.astype(np.float32))
    assert_array_equal(embedder.transform(rows), found)


def test__samples_that_cannot_be_written__do_not_warn():
    rows = X.astype(np.float32)
    rows.flags.writeable = False
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        SelfSupervisedEmbedder(**SHORT).fit(rows).transform(rows)
