"""StochasticViTClassifier: what it learns, and what it says of images."""

import pickle
import warnings

import numpy as np
import pytest
import torch
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.base import clone
from sklearn.datasets import load_digits, load_iris
from sklearn.model_selection import GridSearchCV, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from skwass.nn import ImageAugmentation, StochasticViT
from skwass.training import local_torch_seed
from skwass.vision import StochasticViTClassifier
from skwass.vision._temperature import fitted_temperature

DIGITS = load_digits()
FEW = DIGITS.target < 3
X, Y = DIGITS.images[FEW][:160], DIGITS.target[FEW][:160]
X_LATER, Y_LATER = DIGITS.images[FEW][160:320], DIGITS.target[FEW][160:320]
OTHERS = DIGITS.images[~FEW][:160]
NAMES = np.array(["zero", "one", "two"])[Y]
SMALL = {
    "patch_size": 4,
    "width": 16,
    "depth": 2,
    "n_heads": 2,
    "max_iter": 5,
    "batch_size": 16,
    "random_state": 0,
}


def small(**options):
    return StochasticViTClassifier(**{**SMALL, **options})


@pytest.fixture(scope="module")
def fitted():
    return small(max_iter=8).fit(X, Y)


def same(one, other):
    return np.array_equal(
        one.decision_function(X_LATER), other.decision_function(X_LATER)
    )


# --- what it learns -------------------------------------------------------------------


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"attention": "dot"},
        {"pooling": "cls", "covariance_mlp": "full", "cov_aggregation": "linear"},
        {"variance_embedding": "patch", "n_pretraining_iter": 1},
        {"head": "mean", "lambda1": 0.0, "lambda2": 0.0},
        {"ema": 0.9, "lr_schedule": "constant"},
        {"layer_decay": 0.75, "label_smoothing": 0.1, "drop_path": 0.1, "dropout": 0.1},
        {"mixup": 0.2, "cutmix": 0.5, "max_iter": 10},
        {"augmentation": ImageAugmentation(padding=0, jitter=0.5), "max_iter": 8},
        {"temperature": "auto", "early_stopping": True},
        {"class_weight": "balanced", "max_grad_norm": None},
    ],
)
def test__digits__are_learnt(options):
    classifier = small(**options).fit(X, Y)
    assert classifier.score(X_LATER, Y_LATER) > 0.85
    assert len(classifier.history_["loss"]) == classifier.n_iter_
    assert classifier.history_["loss"][-1] < classifier.history_["loss"][0]


def test__string_labels__are_learnt():
    classifier = small().fit(X, NAMES)
    assert_array_equal(classifier.classes_, ["one", "two", "zero"])
    names = np.array(["zero", "one", "two"])
    assert np.mean(classifier.predict(X_LATER) == names[Y_LATER]) > 0.85


def test__a_table__is_learnt_whatever_the_scale_of_columns():
    table, y = load_iris(return_X_y=True)
    options = {"width": 8, "depth": 1, "n_heads": 2, "max_iter": 5, "random_state": 0}
    plain = StochasticViTClassifier(**options).fit(table, y)
    scaled = StochasticViTClassifier(**options).fit(table * [1e-6, 1, 1e6, 1e3], y)
    assert plain.score(table, y) > 0.9
    assert_allclose(
        plain.predict_proba(table),
        scaled.predict_proba(table * [1e-6, 1, 1e6, 1e3]),
        atol=1e-2,
    )


def test__photographs__are_shifted_and_mirrored():
    rng = np.random.default_rng(0)
    y = np.arange(60) % 2
    photos = rng.integers(0, 128, size=(60, 8, 8, 3), dtype=np.uint8)
    photos[y == 1, ..., 0] += 100
    classifier = small(lr=0.01).fit(photos, y)
    assert classifier.score(photos, y) > 0.9
    assert classifier.image_shape_ == (3, 8, 8)
    same_floats = classifier.predict_proba(photos / 255)
    assert_allclose(classifier.predict_proba(photos), same_floats, atol=1e-5)


def test__flat_rows__are_images_of_a_shape():
    flat = small(image_shape=(8, 8)).fit(X.reshape(len(X), -1), Y)
    images = small().fit(X, Y)
    assert_array_equal(
        flat.predict_proba(X_LATER.reshape(len(X_LATER), -1)),
        images.predict_proba(X_LATER),
    )
    assert flat.n_features_in_ == 64


def test__class_weight__moves_the_boundary():
    rng = np.random.default_rng(0)
    table, y = rng.normal(size=(100, 2)), rng.random(100) < 0.2
    options = {"width": 8, "depth": 1, "n_heads": 2, "max_iter": 6, "random_state": 0}
    plain = StochasticViTClassifier(**options).fit(table, y)
    balanced = StochasticViTClassifier(class_weight="balanced", **options).fit(table, y)
    assert (
        balanced.predict_proba(table)[:, 1].mean()
        > plain.predict_proba(table)[:, 1].mean() + 0.15
    )


def test__the_regularisers__change_distances(fitted):
    strong = small(max_iter=8, lambda1=0.1, lambda2=0.1).fit(X, Y)
    without = small(max_iter=8, lambda1=0.0, lambda2=0.0).fit(X, Y)
    assert not same(strong, without)
    assert not same(fitted, without)


# --- what it says ---------------------------------------------------------------------


def test__probabilities__are_those_of_the_logits(fitted):
    proba = fitted.predict_proba(X_LATER)
    assert proba.dtype == np.float64
    assert_allclose(proba.sum(axis=1), 1)
    assert_allclose(np.log(proba), fitted.predict_log_proba(X_LATER), atol=1e-12)
    assert_array_equal(fitted.predict(X_LATER), proba.argmax(axis=1))
    logits = fitted.decision_function(X_LATER)
    with torch.no_grad():
        expected = fitted.network_(torch.as_tensor(X_LATER[:, None]).float())
    assert_allclose(logits, expected, atol=1e-5)


def test__two_classes__have_log_odds():
    classifier = small().fit(X[Y < 2], Y[Y < 2])
    proba = classifier.predict_proba(X_LATER)
    assert_allclose(
        classifier.decision_function(X_LATER),
        np.log(proba[:, 1] / proba[:, 0]),
        atol=1e-8,
    )


def test__embeddings__are_pooled_means(fitted):
    embedding = fitted.transform(X_LATER)
    assert embedding.shape == (len(X_LATER), 16)
    assert embedding.dtype == np.float32
    names = fitted.get_feature_names_out()
    assert names[0] == "stochasticvitclassifier0"
    assert len(names) == 16


def test__logits__have_a_distribution_in_closed_form_and_by_sampling(fitted):
    closed = fitted.predict_distribution(X_LATER)
    drawn = fitted.predict_distribution(X_LATER, "sampling", n_samples=3000)
    assert closed.mean.shape == closed.variance.shape == (len(X_LATER), 3)
    assert (closed.variance > 0).all()
    # the norm bends, which pulls means of draws inwards a little
    assert np.abs(drawn.mean - closed.mean).mean() < 0.1 * closed.mean.std()
    ratio = drawn.variance / closed.variance
    assert 0.8 < np.median(ratio) < 1.2
    again = fitted.predict_distribution(X_LATER, "sampling", n_samples=3000)
    assert_array_equal(drawn.mean, again.mean)
    assert_allclose(fitted.decision_function(X_LATER), closed.mean, atol=1e-4)


@pytest.mark.parametrize("weight", [0.0, 1e-4])
def test__probit_head__lets_variances_lower_logits(weight):
    classifier = small(head="probit", lambda1=weight, lambda2=weight).fit(X, Y)
    closed = classifier.predict_distribution(X_LATER)
    probit = closed.mean / np.sqrt(1 + np.pi / 8 * closed.variance)
    assert_allclose(classifier.decision_function(X_LATER), probit, atol=1e-4)


def test__variances_without_a_loss__stay_as_they_are():
    """Those of the last block, whose variances are asked for by regularisers only."""
    fits = [small(lambda1=0, lambda2=0, max_iter=n).fit(X, Y) for n in (1, 8)]
    (last,) = {f"blocks.{each.network_.depth - 1}.variance.write.bias" for each in fits}
    states = [each.network_.state_dict() for each in fits]
    assert_array_equal(states[0][last], states[1][last])
    assert all((each.token_variances(X_LATER) > 0).all() for each in fits)
    assert fits[1].score(X_LATER, Y_LATER) > 0.8


def test__the_deterministic_twin__has_no_variances():
    twin = small(attention="dot").fit(X, Y)
    for method in ("closed-form", "sampling"):
        found = twin.predict_distribution(X_LATER, method, n_samples=3)
        assert_allclose(found.mean, twin.decision_function(X_LATER), atol=1e-5)
        assert_allclose(found.variance, 0, atol=1e-8)
    assert not twin.token_variances(X_LATER).any()
    scores = twin.ood_score(np.concatenate([X_LATER, OTHERS]))
    assert scores[len(X_LATER) :].mean() > scores[: len(X_LATER)].mean()


def test__a_look_inside__has_a_place_for_each_token():
    classifier = small(pooling="cls", patch_size=(4, 2), max_iter=1).fit(X, Y)
    maps = classifier.attention_maps(X_LATER[:7])
    assert maps.shape == (7, 2, 2, 9, 9)
    assert_allclose(maps.sum(axis=-1), 1, rtol=1e-5)
    variances = classifier.token_variances(X_LATER[:7])
    assert variances.shape == (7, 2, 4)
    assert (variances > 0).all()
    assert_allclose(
        variances.mean(axis=(1, 2)),
        classifier.ood_score(X_LATER[:7], "token-variance"),
        rtol=1e-5,
    )


def test__temperature__of_few_labels_that_are_all_right__stays_near_one():
    labels = np.arange(60) % 3
    logits = 6.0 * np.eye(3)[labels]
    assert 0.5 < fitted_temperature(logits, labels) < 1


def test__temperature__is_found_where_labels_are_drawn_by_it():
    random_state = np.random.RandomState(0)
    logits = 3 * random_state.standard_normal((4000, 3))
    noise = random_state.gumbel(size=logits.shape)
    labels = (logits / 2.5 + noise).argmax(axis=1)
    assert fitted_temperature(logits, labels) == pytest.approx(2.5, rel=0.1)


def test__temperature__is_fitted_on_held_out_samples():
    warm = small(temperature=4.0).fit(X, Y)
    cold = small().fit(X, Y)
    assert warm.temperature_ == 4.0
    assert_allclose(
        warm.decision_function(X_LATER), cold.decision_function(X_LATER) / 4
    )
    found = small(temperature="auto", validation_fraction=0.3).fit(X, Y)
    assert 0.05 < found.temperature_ < 20
    assert "validation_loss" in found.history_


def test__early_stopping__keeps_the_best_weights():
    classifier = small(
        max_iter=40, early_stopping=True, n_iter_no_change=2, tol=0.05, lr=0.02
    ).fit(X, Y)
    assert classifier.n_iter_ < 40
    assert classifier.score(X_LATER, Y_LATER) > 0.8


# --- one sample at a time, and the seed -----------------------------------------------


METHODS = ["predict_proba", "transform", "ood_score", "token_variances"]


@pytest.mark.parametrize("method", METHODS)
def test__what_is_said_of_an_image__depends_on_no_other(fitted, method):
    say = getattr(fitted, method)
    whole = say(X_LATER)
    order = np.random.default_rng(0).permutation(len(X_LATER))
    assert_allclose(say(X_LATER[order]), whole[order], rtol=1e-4, atol=1e-5)
    alone = np.concatenate([say(image[None]) for image in X_LATER[:5]])
    assert_allclose(alone, whole[:5], rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("options", [{}, {"mixup": 0.3, "drop_path": 0.2, "ema": 0.5}])
def test__random_state__decides_all(options):
    torch.manual_seed(1)
    state = torch.get_rng_state()
    numpys = np.random.get_state()[1].copy()  # noqa: NPY002
    first = small(max_iter=2, **options).fit(X, Y)
    assert torch.equal(state, torch.get_rng_state())
    assert_array_equal(numpys, np.random.get_state()[1])  # noqa: NPY002
    torch.manual_seed(2)
    assert same(first, small(max_iter=2, **options).fit(X, Y))
    other = small(max_iter=2, **{**options, "random_state": 1}).fit(X, Y)
    assert not same(first, other)


def test__pickles_and_clones__say_the_same(fitted):
    again = pickle.loads(pickle.dumps(fitted))
    assert same(fitted, again)
    assert_array_equal(again.ood_score(OTHERS), fitted.ood_score(OTHERS))
    assert same(fitted, clone(fitted).fit(X, Y))
    n_weights = sum(p.numel() for p in fitted.network_.parameters())
    assert len(pickle.dumps(fitted)) < 8 * n_weights + 100_000


def test__a_pickle__needs_no_augmentation():
    classifier = small(max_iter=1, ema=0.9, augmentation=lambda x, g: x).fit(X, Y)
    del classifier.augmentation
    assert pickle.dumps(classifier)


def test__nothing__is_learnt_from_the_order_of_parameters_in_a_search():
    search = GridSearchCV(small(max_iter=2), {"lambda1": [0.0, 1e-3]}, cv=2)
    assert search.fit(X, Y).best_score_ > 0.4
    assert cross_val_score(small(max_iter=2), X, Y, cv=2).shape == (2,)


def test__a_pipeline__takes_it_in():
    table, y = load_iris(return_X_y=True)
    options = {"width": 8, "depth": 1, "n_heads": 2, "max_iter": 3, "random_state": 0}
    pipeline = make_pipeline(StandardScaler(), StochasticViTClassifier(**options))
    assert pipeline.fit(table, y).predict_proba(table).shape == (150, 3)


def test__a_fit_in_inference_mode__still_learns():
    with torch.inference_mode():
        classifier = small().fit(X, Y)
    assert classifier.score(X_LATER, Y_LATER) > 0.85


# --- going on, and starting from others -----------------------------------------------


def test__warm_start__goes_on():
    classifier = small(max_iter=3, warm_start=True).fit(X, Y)
    early = classifier.history_["loss"][-1]
    before = classifier.network_.state_dict()
    classifier.fit(X, Y)
    assert classifier.history_["loss"][0] < early * 4
    assert classifier.n_iter_ == 3
    after = classifier.network_.state_dict()
    assert any(not torch.equal(before[name], after[name]) for name in before)


@pytest.mark.parametrize(
    ("options", "again", "match"),
    [
        ({"width": 32}, (X, Y), "had width=16; got 32"),
        ({"attention": "dot"}, (X, Y), "had attention='wasserstein'"),
        ({}, (X[:, :4], Y), "X has images of 4 × 8"),
        ({}, (X, Y + 1), "knew the classes"),
        ({}, (X.astype(np.uint8), Y), "fit were floats beyond 0 and 1"),
    ],
)
def test__warm_start__with_something_else_raises_and_keeps_what_was(
    options, again, match
):
    classifier = small(max_iter=1, warm_start=True).fit(X, Y)
    before = classifier.decision_function(X_LATER)
    with pytest.raises(ValueError, match=match):
        classifier.set_params(**options).fit(*again)
    assert_array_equal(classifier.decision_function(X_LATER), before)


def test__warm_start__may_change_how_it_is_trained():
    classifier = small(max_iter=1, warm_start=True).fit(X, Y)
    classifier.set_params(drop_path=0.1, lr=1e-3, max_iter=2).fit(X, Y)
    assert classifier.n_iter_ == 2


def test__pretrained_weights__are_the_start_but_for_the_head():
    first = small().fit(X, Y)
    started = small(
        pretrained=first, lr=1e-12, weight_decay=0, warmup_fraction=0, max_iter=1
    ).fit(X[Y < 2], Y[Y < 2])
    assert_allclose(started.transform(X_LATER), first.transform(X_LATER), atol=1e-4)
    assert started.network_.head.out_features == 2
    module = small(pretrained=first.network_, lr=1e-12, max_iter=1).fit(X, Y)
    assert_allclose(module.transform(X_LATER), first.transform(X_LATER), atol=1e-4)


def test__pretrained_weights__bring_their_architecture():
    scale = {"mean": torch.full((1,), 5.0), "scale": torch.full((1,), 6.0)}
    with local_torch_seed(0):
        network = StochasticViT(5, (1, 8, 8), patch_size=2, width=24, depth=1, **scale)
    classifier = StochasticViTClassifier(pretrained=network, max_iter=1).fit(X, Y)
    assert classifier.network_.width == 24
    assert classifier.network_.grid == (4, 4)
    again = classifier.set_params(warm_start=True).fit(X, Y)
    assert again.network_.width == 24


# --- labels that are missing ----------------------------------------------------------


def test__unlabelled_samples__are_left_out_of_the_loss():
    y = np.where(np.arange(len(Y)) % 2, Y, -1)
    assert -1 not in small().fit(X, y).classes_
    # pixels are standardised by all samples, which are as good as the same here
    doubled, known = np.concatenate([X, X]), np.concatenate([Y, np.full(len(Y), -1)])
    assert_allclose(
        small().fit(doubled, known).predict_proba(X_LATER),
        small().fit(X, Y).predict_proba(X_LATER),
        atol=1e-3,
    )


def test__names_may_be_missing():
    y = np.array([name if i % 2 else -1 for i, name in enumerate(NAMES)], dtype=object)
    classifier = small().fit(X, y)
    assert classifier.classes_.tolist() == ["one", "two", "zero"]


def test__numbers_as_strings__are_classes_minus_one_as_well():
    y = np.array(["-1", "0", "1"])[Y]
    assert small(max_iter=1).fit(X, y).classes_.tolist() == ["-1", "0", "1"]


def test__minus_one_and_one__are_two_classes():
    signs = np.where(Y[Y < 2] == 1, 1, -1)
    classifier = small().fit(X[Y < 2], signs)
    assert classifier.classes_.tolist() == [-1, 1]


# --- progress and interruption --------------------------------------------------------


def test__verbose__shows_a_bar(capfd):
    small(max_iter=1, verbose=1).fit(X, Y)
    assert "training" in capfd.readouterr().err


def test__an_interrupt__keeps_the_epochs_so_far():
    calls = []

    def augment(images, generator):
        calls.append(len(images))
        if len(calls) == 25:
            raise KeyboardInterrupt
        return images

    match = "interrupted; the network is that after 2"
    with pytest.warns(UserWarning, match=match) as caught:
        classifier = small(augmentation=augment).fit(X, Y)
    assert caught[0].filename == __file__
    assert classifier.n_iter_ == 2
    assert classifier.predict(X_LATER).shape == (len(X_LATER),)


def test__an_interrupt_in_the_first_epoch__keeps_what_was_fitted():
    classifier = small(max_iter=1).fit(X, Y)
    before = classifier.decision_function(X_LATER)

    def augment(images, generator):
        calls.append(1)
        if len(calls) == 5:
            raise KeyboardInterrupt
        return images

    calls = []
    with pytest.raises(KeyboardInterrupt):
        classifier.set_params(augmentation=augment).fit(X, Y)
    assert_array_equal(classifier.decision_function(X_LATER), before)


def test__nothing_is_warned_of__in_the_usual_case():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        small(max_iter=1).fit(X, Y).ood_score(OTHERS)
