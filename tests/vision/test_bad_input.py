"""StochasticViTClassifier: what it refuses, in words that help."""

import warnings

import numpy as np
import pytest
from numpy.testing import assert_array_equal
from sklearn.decomposition import PCA
from sklearn.exceptions import NotFittedError

from skwass.nn import StochasticViT
from skwass.vision import StochasticViTClassifier

RNG = np.random.default_rng(0)
X = RNG.uniform(size=(24, 8, 8))
Y = np.arange(24) % 2
TINY = {"width": 8, "depth": 1, "n_heads": 2, "max_iter": 1, "random_state": 0}


def tiny(**options):
    return StochasticViTClassifier(**{**TINY, **options})


@pytest.mark.parametrize(
    ("images", "labels", "match"),
    [
        (np.where(X > 0.99, np.nan, X), Y, "X contains NaN"),
        (np.where(X > 0.99, np.inf, X), Y, "X contains infinity"),
        (X[:1], Y[:1], "1 sample"),
        (X[:, 0, 0], Y, "Expected 2D array"),
        (X + 1j, Y, "Complex data not supported"),
        (X, Y[:-1], "inconsistent numbers"),
        (X, None, "requires y to be passed"),
        (X, np.zeros(24), "two classes"),
        (X, np.full(24, -1), "y must hold labels of some samples .* all are -1"),
        (X, np.where(Y, -1, 0), "two classes"),
        (X, RNG.normal(size=24), "Unknown label type: continuous"),
        (X, np.where(Y, np.nan, 0), "contains NaN"),
        (X, ["a", "b", -1] * 8, "string '-1' among names.*dtype=object"),
        (X, np.column_stack([Y, Y]), "y should be a 1d array"),
        (RNG.uniform(size=(24, 8, 8, 8)), Y, "channels='auto' cannot tell"),
    ],
)
def test__samples__that_cannot_be_learnt_from__raise(images, labels, match):
    with pytest.raises(ValueError, match=match):
        tiny().fit(images, labels)


@pytest.mark.parametrize(
    ("options", "match"),
    [
        ({"patch_size": 3}, "patch_size=3 must divide"),
        ({"patch_size": "large"}, "'patch_size' parameter"),
        ({"image_shape": (4, 4)}, r"image_shape=\(4, 4\)"),
        ({"channels": "middle"}, "'channels' parameter"),
        ({"channels": "last"}, "channels='last' needs"),
        ({"n_heads": 3}, "n_heads=3 must divide width=8"),
        ({"depth": 0}, "'depth' parameter"),
        ({"attention": "cosine"}, "'attention' parameter"),
        ({"pooling": "max"}, "'pooling' parameter"),
        ({"head": "softmax"}, "'head' parameter"),
        ({"dropout": 1.0}, "'dropout' parameter"),
        ({"augmentation": "strong"}, "'augmentation' parameter"),
        ({"lambda1": -1e-4}, "'lambda1' parameter"),
        ({"mixup": -0.1}, "'mixup' parameter"),
        ({"label_smoothing": 1.0}, "'label_smoothing' parameter"),
        ({"ema": 1.0}, "'ema' parameter"),
        ({"temperature": 0.0}, "'temperature' parameter"),
        ({"temperature": "warm"}, "'temperature' parameter"),
        ({"layer_decay": 0.0}, "'layer_decay' parameter"),
        ({"lr": 0.0}, "'lr' parameter"),
        ({"lr_schedule": "step"}, "'lr_schedule' parameter"),
        ({"warmup_fraction": 1.0}, "'warmup_fraction' parameter"),
        ({"max_grad_norm": 0.0}, "'max_grad_norm' parameter"),
        ({"batch_size": 0}, "'batch_size' parameter"),
        ({"class_weight": {0: -1.0, 1: 1.0}}, "class_weight must hold finite numbers"),
        ({"device": "abacus"}, "device='abacus' cannot be used"),
        (
            {"early_stopping": True, "validation_fraction": 0.01},
            "early_stopping=True holds samples out.*or early_stopping=False",
        ),
        (
            {"temperature": "auto", "validation_fraction": 0.01},
            "temperature='auto' holds samples out.*or temperature=1.0",
        ),
    ],
)
def test__parameters__that_mean_nothing__raise(options, match):
    with pytest.raises(ValueError, match=match):
        tiny(**options).fit(X, Y)


def cropped(images, generator):
    return images[..., 1:]


def as_array(images, generator):
    return images.numpy()


def not_finite(images, generator):
    return images / 0


@pytest.mark.parametrize(
    ("augmentation", "match"),
    [
        (cropped, "augmentation must keep the shape"),
        (as_array, "augmentation must return a tensor"),
        (not_finite, "augmentation must return finite numbers"),
    ],
)
def test__augmentations__that_give_no_images__raise(augmentation, match):
    with pytest.raises(ValueError, match=match):
        tiny(augmentation=augmentation).fit(X, Y)


@pytest.mark.parametrize(
    ("pretrained", "error", "match"),
    [
        ("resnet", ValueError, "'pretrained' parameter"),
        (StochasticViT(2, (1, 4, 4)), ValueError, r"image_shape=\(1, 4, 4\); X has"),
        (StochasticViT(2, (3, 8, 8)), ValueError, r"image_shape=\(3, 8, 8\)"),
        (
            StochasticViT(2, (1, 8, 8), attention="dot"),
            ValueError,
            "attention='dot'; this estimator has 'wasserstein'",
        ),
        (StochasticViT(2, (1, 8, 8)).head, ValueError, "got a Linear"),
        (StochasticViTClassifier(), NotFittedError, "not fitted yet"),
        (PCA(), NotFittedError, "not fitted yet"),
        (PCA().fit(X[:, 0]), ValueError, "must be .* got a PCA, which has none"),
    ],
)
def test__pretrained__that_does_not_fit__raises(pretrained, error, match):
    with pytest.raises(error, match=match):
        tiny(pretrained=pretrained).fit(X, Y)


def test__a_loss_that_is_not_finite__raises_and_keeps_what_was_fitted():
    classifier = tiny().fit(X, Y)
    before = classifier.decision_function(X)

    def explode(images, generator):
        calls.append(1)
        # the first call is a look at what it gives
        return images * (1 if len(calls) < 2 else float("nan"))

    calls = []
    with pytest.raises(FloatingPointError, match=r"loss became nan.*Lower lr"):
        classifier.set_params(augmentation=explode).fit(X, Y)
    assert_array_equal(classifier.decision_function(X), before)


@pytest.mark.parametrize(
    "options", [{}, {"early_stopping": True, "validation_fraction": 0.3}]
)
def test__a_last_step_into_nowhere__raises_and_keeps_what_was_fitted(options):
    classifier = tiny().fit(X, Y)
    before = classifier.decision_function(X)
    # there is one step only, whose loss is that of the start
    classifier.set_params(lr=1e30, warmup_fraction=0.0, batch_size=24, **options)
    with pytest.raises(FloatingPointError, match=r"After the last step.*Lower lr"):
        classifier.fit(X, Y)
    assert_array_equal(classifier.decision_function(X), before)


@pytest.mark.parametrize(
    "method",
    [
        "predict",
        "predict_proba",
        "predict_log_proba",
        "decision_function",
        "predict_distribution",
        "transform",
        "ood_score",
        "score_samples",
        "attention_maps",
        "token_variances",
    ],
)
def test__every_question__needs_a_fit_and_images_like_those_of_the_fit(method):
    with pytest.raises(NotFittedError):
        getattr(tiny(), method)(X)
    ask = getattr(tiny().fit(X, Y), method)
    with pytest.raises(ValueError, match=r"8 × 4 .* the fit had images of 8 × 8"):
        ask(X[:, :, :4])
    with pytest.raises(ValueError, match="contains NaN"):
        ask(np.full_like(X, np.nan))
    with pytest.raises(ValueError, match="X has rows of 64 features; the fit had"):
        ask(X.reshape(24, -1))


def test__questions__that_are_not_known__raise():
    classifier = tiny().fit(X, Y)
    with pytest.raises(ValueError, match=r"method must be one of .*'energy'"):
        classifier.ood_score(X, "entropy")
    with pytest.raises(ValueError, match="method must be 'closed-form' or 'sampling'"):
        classifier.predict_distribution(X, "guessing")
    for n_samples in (0, 2.5, "3"):
        with pytest.raises(ValueError, match="n_samples must be at least 1, an int"):
            classifier.predict_distribution(X, "sampling", n_samples=n_samples)


def test__floats_far_from_brightness__are_warned_of_once():
    with pytest.warns(UserWarning, match="X holds numbers from .* to 25") as caught:
        classifier = tiny().fit(255 * X, Y)
    assert caught[0].filename == __file__
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        classifier.predict(255 * X)
    bright = tiny().fit(X, Y)
    for ask in (bright.predict, bright.transform, bright.score_samples):
        with pytest.warns(UserWarning, match="expected within 0 and 1") as caught:
            ask(255 * X)
        assert caught[0].filename == __file__
    with pytest.raises(ValueError, match="X holds 8-bit integers"):
        classifier.predict((255 * X).astype(np.uint8))


def test__tables__may_have_any_range():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        tiny().fit(1e3 * X[:, 0], Y).predict(1e4 * X[:, 0])


@pytest.mark.parametrize(
    "images",
    [
        np.full((6, 8, 8), 3.0),
        np.concatenate([np.zeros((3, 8, 8)), np.ones((3, 8, 8))]),
        X[:2],
    ],
)
def test__images_that_say_little__are_enough(images):
    classifier = tiny().fit(images, np.arange(len(images)) % 2)
    for method in ("wasserstein", "energy", "combined"):
        assert np.isfinite(classifier.ood_score(images, method)).all()
