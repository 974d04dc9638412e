"""StochasticViTPretrainer: what it learns without labels, and who starts from it."""

import pickle
import warnings

import numpy as np
import pytest
import torch
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.base import clone
from sklearn.datasets import load_digits, load_iris
from sklearn.exceptions import ConvergenceWarning, NotFittedError
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from skwass.vision import StochasticViTClassifier, StochasticViTPretrainer
from skwass.vision._pretraining_recipe import automatic_momentum

DIGITS = load_digits()
FEW = DIGITS.target < 3
X, Y = DIGITS.images[FEW][:128], DIGITS.target[FEW][:128]
X_LATER, Y_LATER = DIGITS.images[FEW][128:256], DIGITS.target[FEW][128:256]
TABLE, SPECIES = load_iris(return_X_y=True)
SMALL = {
    "patch_size": 2,
    "width": 8,
    "depth": 2,
    "n_heads": 2,
    "max_iter": 2,
    "batch_size": 32,
    "random_state": 0,
}
OF_TABLES = {**SMALL, "patch_size": "auto"}
CURVES = {"loss", "prediction", "pooled_prediction", "distance", "target_spread"}


def small(**options):
    return StochasticViTPretrainer(**{**SMALL, **options})


def classifier(**options):
    return StochasticViTClassifier(**{"max_iter": 2, "random_state": 0, **options})


@pytest.fixture(scope="module")
def fitted():
    return small(max_iter=3).fit(X)


# --- what it learns -------------------------------------------------------------------


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"attention": "dot", "n_target_blocks": 1},
        {"pooling": "cls", "mask_share": 0.6, "momentum": (0.5, 0.9)},
        {"drop_path": 0.1, "dropout": 0.1, "momentum": 0.9, "max_grad_norm": None},
        {"lr_schedule": "constant", "lr": 0.01, "beta": 0.5},
    ],
)
def test__guesses__become_better_and_images_stay_apart(options):
    pretrainer = small(max_iter=6, **options).fit(X)
    history = pretrainer.history_
    assert history["prediction"][-1] < 0.7 * history["prediction"][0]
    assert history["pooled_prediction"][-1] < 0.9 * history["pooled_prediction"][0]
    assert history["target_spread"][-1] > 0.1
    assert set(history) == CURVES
    assert {len(curve) for curve in history.values()} == {pretrainer.n_iter_} == {6}


def test__embeddings__tell_digits_apart():
    options = {"width": 16, "depth": 1, "batch_size": 16, "lr": 0.02}
    pretrainer = small(max_iter=25, **options).fit(X)
    barely = small(max_iter=1, **{**options, "lr": 1e-9}).fit(X)
    scores = [
        make_pipeline(StandardScaler(), LogisticRegression())
        .fit(each.transform(X)[:12], Y[:12])
        .score(each.transform(X_LATER), Y_LATER)
        for each in (pretrainer, barely)
    ]
    assert scores[0] > scores[1] + 0.1


def test__losses__are_weighted_as_asked():
    alone = small(pooled_weight=0.0, lambda_contrast=0.0).fit(X).history_
    assert alone["pooled_prediction"] == alone["distance"] == [0.0, 0.0]
    both = small(pooled_weight=0.5, lambda_contrast=0.01).fit(X).history_
    assert_allclose(
        both["loss"],
        np.add(both["prediction"], 0.5 * np.array(both["pooled_prediction"]))
        + 0.01 * np.array(both["distance"]),
        rtol=1e-5,
    )


def test__labels__are_never_looked_at(fitted):
    again = small(max_iter=3).fit(X, Y)
    assert_array_equal(again.transform(X_LATER), fitted.transform(X_LATER))


def test__photographs_and_tables__are_read_as_a_classifier_reads_them():
    photos = np.random.default_rng(0).integers(0, 256, (40, 8, 8, 3), dtype=np.uint8)
    pretrainer = small(patch_size=4).fit(photos)
    assert pretrainer.image_shape_ == (3, 8, 8)
    assert pretrainer.transform(photos).shape == (40, 8)
    flat = small(image_shape=(8, 8), max_iter=3).fit(X.reshape(len(X), -1))
    assert_array_equal(
        flat.transform(X_LATER.reshape(len(X_LATER), -1)),
        small(max_iter=3).fit(X).transform(X_LATER),
    )
    table = StochasticViTPretrainer(**OF_TABLES).fit(TABLE)
    assert table.network_.n_patches == 4
    assert table.transform(TABLE).shape == (150, 8)


def test__an_augmentation__is_applied_once_for_both():
    seen = []

    def augment(images, generator):
        seen.append(images.shape)
        return images + 0.1 * torch.randn(images.shape, generator=generator)

    small(augmentation=augment).fit(X)
    # a first look, then four batches in two epochs
    assert seen == [(16, 1, 8, 8)] + [(32, 1, 8, 8)] * 8


def test__momentum__is_lower_in_short_runs():
    assert automatic_momentum(10**6) == (0.999, 0.9998)
    assert_allclose(automatic_momentum(800), (0.9, 0.99))
    assert automatic_momentum(4) == (0.5, 0.5)
    slow = small(momentum=1.0).fit(X).net_.module_
    assert not torch.equal(
        slow.teacher.copied.blank["mean"], slow.student.blank["mean"]
    )
    quick = small(momentum=0.0).fit(X).net_.module_
    assert torch.equal(quick.teacher.copied.blank["mean"], quick.student.blank["mean"])


# --- what decides, and what is left alone ---------------------------------------------


def test__what_is_said_of_an_image__depends_on_no_other(fitted):
    whole = fitted.transform(X_LATER)
    assert whole.dtype == np.float32
    order = np.random.default_rng(0).permutation(len(X_LATER))
    assert_allclose(fitted.transform(X_LATER[order]), whole[order], atol=1e-5)
    alone = np.concatenate([fitted.transform(image[None]) for image in X_LATER[:5]])
    assert_allclose(alone, whole[:5], atol=1e-5)


def test__random_state__decides_all():
    state = torch.get_rng_state()
    numpys = np.random.get_state()[1].copy()  # noqa: NPY002
    options = {"drop_path": 0.2, "augmentation": lambda x, g: x + torch.randn_like(x)}
    first = small(**options).fit(X)
    assert torch.equal(state, torch.get_rng_state())
    assert_array_equal(numpys, np.random.get_state()[1])  # noqa: NPY002
    second = small(**options).fit(X)
    assert_array_equal(first.transform(X), second.transform(X))
    assert first.history_ == second.history_
    other = small(**{**options, "random_state": 1}).fit(X)
    assert np.abs(other.transform(X) - first.transform(X)).max() > 1e-3


def test__pickles_and_clones__say_the_same(fitted):
    stored = pickle.dumps(fitted)
    assert_array_equal(pickle.loads(stored).transform(X), fitted.transform(X))
    assert_array_equal(clone(fitted).fit(X).transform(X), fitted.transform(X))
    # images are not kept
    fewer = pickle.dumps(small(max_iter=3).fit(X[:64]))
    assert abs(len(stored) - len(fewer)) < 2000


def test__a_pickle__needs_no_augmentation():
    pretrainer = small(augmentation=lambda x, g: x).fit(X)
    del pretrainer.augmentation
    assert pickle.dumps(pretrainer)


def test__columns_of_the_output__have_names(fitted):
    assert fitted.get_feature_names_out()[0] == "stochasticvitpretrainer0"
    frame = clone(fitted).set_output(transform="pandas").fit_transform(X)
    assert list(frame.columns) == list(fitted.get_feature_names_out())


def test__verbose__shows_a_bar(capfd):
    small(max_iter=1, verbose=1).fit(X)
    shown = capfd.readouterr().err
    assert "pre-training" in shown
    assert "spread=" in shown


# --- going on -------------------------------------------------------------------------


def test__warm_start__goes_on_with_student_and_teacher():
    pretrainer = small(max_iter=5, warm_start=True).fit(X)
    early = pretrainer.history_["prediction"]
    teacher = pretrainer.net_.module_.teacher.copied.state_dict()
    pretrainer.set_params(max_iter=2, mask_share=0.5, lr=1e-9).fit(X)
    assert pretrainer.history_["prediction"][0] < 2 * early[-1] < early[0]
    assert pretrainer.n_iter_ == 2
    moved = pretrainer.net_.module_.teacher.copied.state_dict()
    assert max((moved[name] - teacher[name]).abs().max() for name in teacher) < 0.05


@pytest.mark.parametrize(
    ("options", "data", "match"),
    [
        ({"width": 16}, X, "had width=8; got 16"),
        ({"pooling": "cls"}, X, "had pooling='mean'; got 'cls'"),
        ({}, X[:, :4], "X has images of 4 × 8"),
    ],
)
def test__warm_start__with_something_else_raises_and_keeps_what_was(
    options, data, match
):
    pretrainer = small(max_iter=1, warm_start=True).fit(X)
    before = pretrainer.transform(X)
    with pytest.raises(ValueError, match=match):
        pretrainer.set_params(**options).fit(data)
    assert_array_equal(pretrainer.transform(X), before)


def impatient(n_calls):
    calls = []

    def augment(images, generator):
        calls.append(1)
        if len(calls) > n_calls:
            raise KeyboardInterrupt
        return images

    return augment


def test__an_interrupt__keeps_the_epochs_so_far():
    pretrainer = small(max_iter=5, augmentation=impatient(11))
    with pytest.warns(UserWarning, match="interrupted; .* after 2 of 5") as warned:
        pretrainer.fit(X)
    assert warned[0].filename == __file__
    assert pretrainer.n_iter_ == 2
    before = pretrainer.transform(X)
    with pytest.raises(KeyboardInterrupt):
        pretrainer.set_params(augmentation=impatient(3)).fit(X)
    assert_array_equal(pretrainer.transform(X), before)


# --- collapse -------------------------------------------------------------------------


def test__a_collapse__warns_and_says_what_to_do():
    alike = np.repeat(X[:1], 64, axis=0)
    with pytest.warns(ConvergenceWarning, match=r"Lower lr \(now 0.02\)") as warned:
        pretrainer = small().fit(alike)
    assert warned[0].filename == __file__
    assert pretrainer.history_["target_spread"][-1] < 1e-6
    with pytest.warns(ConvergenceWarning, match="Pre-training has coll") as warned:
        classifier(n_pretraining_iter=1, width=8, n_heads=2).fit(alike, Y[:64])
    assert warned[0].filename == __file__


def test__a_healthy_run__does_not_warn():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        small().fit(X)
        small(batch_size=1, max_iter=1).fit(X[:20])


# --- who starts from it ---------------------------------------------------------------


@pytest.mark.parametrize("give", [lambda p: p, lambda p: p.network_, FrozenEstimator])
def test__a_classifier__starts_from_it(fitted, give):
    before = fitted.transform(X_LATER)
    started = classifier(pretrained=give(fitted), lr=1e-12, max_iter=1).fit(X, Y)
    assert_allclose(started.transform(X_LATER), before, atol=1e-4)
    assert started.network_.head.out_features == 3
    assert_array_equal(fitted.transform(X_LATER), before)


def test__a_classifier__has_a_head_of_its_own(fitted):
    started = classifier(pretrained=fitted, head="mean").fit(X, Y)
    assert started.network_.options["head"] == "mean"


@pytest.mark.parametrize(
    ("options", "match"),
    [
        ({"width": 16}, "pretrained has width=8; this estimator has 16. Leave width"),
        ({"depth": 3}, "depth=2; this estimator has 3"),
        ({"patch_size": 4}, r"patch_size=\(2, 2\); this estimator has \(4, 4\)"),
        ({"patch_size": np.array([4, 2])}, r"this estimator has \(4, 2\)"),
        ({"pooling": "cls"}, "pooling='mean'; this estimator has 'cls'"),
        ({"attention": "dot"}, "attention='wasserstein'; this estimator has 'dot'"),
    ],
)
def test__another_network__cannot_start_from_it(fitted, options, match):
    with pytest.raises(ValueError, match=match):
        classifier(pretrained=fitted, **options).fit(X, Y)


def test__other_images__cannot_start_from_it(fitted):
    with pytest.raises(ValueError, match=r"image_shape=\(1, 8, 8\); X has \(1, 4, 8\)"):
        classifier(pretrained=fitted).fit(X[:, :4], Y)


def test__a_pretrainer_that_is_not_fitted__says_so():
    with pytest.raises(NotFittedError, match="StochasticViTPretrainer that is not fit"):
        classifier(pretrained=small()).fit(X, Y)
    with pytest.raises(NotFittedError):
        small().transform(X)


def test__a_search__copies_the_network_as_it_is(fitted):
    search = GridSearchCV(
        classifier(pretrained=fitted.network_, max_iter=1), {"lr": [1e-3, 1e-2]}, cv=2
    )
    assert search.fit(X, Y).best_estimator_.network_.width == 8


def test__a_pipeline__embeds_before_another_classifier():
    pipeline = make_pipeline(
        StandardScaler(),
        StochasticViTPretrainer(**OF_TABLES),
        LogisticRegression(max_iter=1000),
    )
    assert pipeline.fit(TABLE, SPECIES).score(TABLE, SPECIES) > 0.7
    images = make_pipeline(small(), LogisticRegression(max_iter=1000)).fit(X, Y)
    assert images.predict(X_LATER).shape == (128,)


# --- labels that are missing ----------------------------------------------------------

OPTIONS = {**SMALL, "n_pretraining_iter": 3}


def test__all_images__are_pre_trained_on_whether_labelled_or_not():
    partly = np.where(np.arange(len(Y)) < 12, Y, -1)
    seen = []

    def augment(images, generator):
        seen.append(len(images))
        return images

    found = classifier(**OPTIONS, augmentation=augment).fit(X, partly)
    assert found.classes_.tolist() == [0, 1, 2]
    assert found.n_iter_ == 2
    assert {len(curve) for curve in found.pretraining_history_.values()} == {3}
    # a first look, then three epochs of batches of 8
    assert seen[:49] == [16] + [8] * 48
    again = classifier(**OPTIONS, augmentation=augment).fit(X, partly)
    assert_array_equal(found.predict_proba(X_LATER), again.predict_proba(X_LATER))


def test__pre_training_inside__goes_on_from_a_pretrainer(fitted):
    options = {"n_pretraining_iter": 1, "max_iter": 1, "lr": 1e-12}
    found = classifier(pretrained=fitted, **options).fit(X, Y)
    worse = classifier(**{**SMALL, **options}).fit(X, Y)
    assert (
        found.pretraining_history_["prediction"][0]
        < worse.pretraining_history_["prediction"][0]
    )


def test__no_pre_training__leaves_no_trace():
    found = classifier(**OPTIONS).fit(X, Y)
    assert not hasattr(classifier(**SMALL).fit(X, Y), "pretraining_history_")
    found.set_params(n_pretraining_iter=0).fit(X, Y)
    assert not hasattr(found, "pretraining_history_")


def test__warm_start__does_not_pre_train_again():
    found = classifier(**OPTIONS, warm_start=True).fit(X, Y)
    history = found.pretraining_history_
    assert found.fit(X, Y).pretraining_history_ is history


# --- what is refused ------------------------------------------------------------------


@pytest.mark.parametrize(
    ("options", "match"),
    [
        ({"mask_share": 1.0}, "'mask_share' parameter"),
        ({"n_target_blocks": 3}, "n_target_blocks=3 are more .* its depth is 2"),
        ({"n_target_blocks": 0}, "'n_target_blocks' parameter"),
        ({"beta": 0.0}, "'beta' parameter"),
        ({"lambda_contrast": -1e-5}, "'lambda_contrast' parameter"),
        ({"pooled_weight": -1.0}, "'pooled_weight' parameter"),
        ({"momentum": 1.5}, "'momentum' parameter"),
        ({"momentum": "slow"}, "'momentum' parameter"),
        ({"momentum": (0.9, 1.1)}, r"momentum must be 'auto', .* got \(0.9, 1.1\)"),
        ({"momentum": (0.9,)}, "momentum must be 'auto', a number"),
        ({"patch_size": 3}, "patch_size=3 must divide"),
        ({"patch_size": 8}, "two at least; X has 8 × 8 pixels, .* single one of 8 × 8"),
        ({"n_heads": 3}, "n_heads=3 must divide width=8"),
        ({"augmentation": "strong"}, "'augmentation' parameter"),
        ({"device": "abacus"}, "device='abacus' cannot be used"),
        ({"augmentation": lambda x, g: x[1:]}, "augmentation must keep the shape"),
    ],
)
def test__parameters__that_mean_nothing__raise(options, match):
    with pytest.raises(ValueError, match=match):
        small(**options).fit(X)


@pytest.mark.parametrize(
    ("data", "match"),
    [
        (np.where(X > 15, np.nan, X), "X contains NaN"),
        (X[:1], "1 sample"),
        (TABLE[:, :1], r"two at least; X has 1 feature\(s\)"),
    ],
)
def test__samples__that_cannot_be_learnt_from__raise(data, match):
    with pytest.raises(ValueError, match=match):
        StochasticViTPretrainer(**OF_TABLES).fit(data)


def test__other_samples_than_in_fit__are_refused(fitted):
    with pytest.raises(ValueError, match="X has images of 4 × 8 pixels"):
        fitted.transform(X[:, :4])
    with pytest.warns(UserWarning, match="expected within 0 and 1") as caught:
        fitted.transform(16 * X)
    assert caught[0].filename == __file__


def test__a_classifier__cannot_pre_train_on_single_patches():
    found = classifier(n_pretraining_iter=1, patch_size=8)
    with pytest.raises(ValueError, match="hides some patches and shows others"):
        found.fit(X, Y)
    with pytest.raises(ValueError, match="'n_pretraining_iter' parameter"):
        classifier(n_pretraining_iter=-1).fit(X, Y)
    with pytest.raises(ValueError, match="all are -1"):
        classifier(n_pretraining_iter=1).fit(X, np.full(len(X), -1))


def test__a_loss_that_is_not_finite__stops_and_keeps_what_was():
    pretrainer = small(max_iter=1).fit(X)
    before = pretrainer.transform(X)
    with pytest.raises(FloatingPointError, match="Lower lr"):
        pretrainer.set_params(lr=1e30, max_grad_norm=None, max_iter=3).fit(X)
    assert_array_equal(pretrainer.transform(X), before)


def test__a_last_step_into_nowhere__stops_and_keeps_what_was():
    pretrainer = small(max_iter=1).fit(X)
    before = pretrainer.transform(X)
    # there is one step only, whose loss is that of the start
    pretrainer.set_params(lr=1e30, warmup_fraction=0.0, batch_size=len(X))
    with pytest.raises(FloatingPointError, match=r"After the last step.*Lower lr"):
        pretrainer.fit(X)
    assert_array_equal(pretrainer.transform(X), before)
