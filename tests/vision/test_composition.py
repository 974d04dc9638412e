"""The estimators inside others, and the network inside another estimator."""

import numpy as np
import pytest
from sklearn.calibration import CalibratedClassifierCV
from sklearn.datasets import load_digits
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.semi_supervised import SelfTrainingClassifier

from skwass import OTMDRClassifier
from skwass.metrics import OODScorer
from skwass.nn import StochasticViT
from skwass.vision import StochasticViTClassifier, StochasticViTPretrainer

DIGITS = load_digits()
FEW = DIGITS.target < 2
X, Y = DIGITS.images[FEW][:80], DIGITS.target[FEW][:80]
OTHERS = DIGITS.images[~FEW][:40]
FLAT, NAMES = X.reshape(len(X), -1), np.array(["zero", "one"])[Y]
TINY = {"width": 8, "depth": 1, "n_heads": 2, "max_iter": 3, "random_state": 0}


def tiny(**options):
    return StochasticViTClassifier(**{**TINY, **options})


@pytest.mark.parametrize("options", [{}, {"n_members": 2}])
def test__the_network__is_a_module_of_robust_training(options):
    robust = OTMDRClassifier(
        StochasticViT,
        module__image_shape=(1, 8, 8),
        module__patch_size=4,
        module__width=8,
        module__depth=1,
        max_iter=5,
        batch_size=16,
        lr=0.01,
        random_state=0,
        **options,
    )
    assert robust.fit(X[:, None], NAMES).score(X[:, None], NAMES) > 0.8


def test__calibration__takes_images_and_names():
    calibrated = CalibratedClassifierCV(tiny(), cv=2).fit(X, NAMES)
    assert calibrated.classes_.tolist() == ["one", "zero"]
    assert calibrated.score(X, NAMES) > 0.8


def test__self_training__gives_labels_to_what_has_none():
    y = np.where(np.arange(len(Y)) % 2, Y, -1)
    trained = SelfTrainingClassifier(
        tiny(image_shape=(8, 8)), threshold=0.5, max_iter=1
    )
    trained.fit(FLAT, y)
    assert (trained.labeled_iter_ == 1).any()
    assert trained.score(FLAT, Y) > 0.8


def test__embeddings_of_a_pretrainer__are_a_table_for_a_classifier():
    pipeline = make_pipeline(StochasticViTPretrainer(**TINY), tiny(max_iter=8))
    assert pipeline.fit(X, NAMES).score(X, NAMES) > 0.8
    assert pipeline[-1].image_shape_ == (1, 1, 8)


def test__a_search__may_choose_by_what_is_out_of_distribution():
    scorer = OODScorer(OTHERS, method="energy")
    search = GridSearchCV(tiny(), {"head": ["mean", "probit"]}, scoring=scorer, cv=2)
    assert 0 <= search.fit(X, NAMES).best_score_ <= 1
    assert search.best_estimator_.ood_score(OTHERS).shape == (len(OTHERS),)
