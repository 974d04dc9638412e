"""scikit-learn's checks over the classifier, in several configurations."""

from sklearn.utils.estimator_checks import parametrize_with_checks

from skwass.vision import StochasticViTClassifier

SMALL = {"width": 8, "depth": 1, "n_heads": 2, "batch_size": 50, "max_iter": 6}
ESTIMATORS = [
    StochasticViTClassifier(lr=0.05, **SMALL),
    StochasticViTClassifier(
        attention="dot", pooling="cls", ema=0.5, lr=0.05, lambda1=0, lambda2=0, **SMALL
    ),
    StochasticViTClassifier(
        early_stopping=True,
        validation_fraction=0.3,
        temperature="auto",
        mixup=0.2,
        head="mean",
        lr=0.05,
        **SMALL,
    ),
]


@parametrize_with_checks(ESTIMATORS)
def test__classifier__passes_scikit_learns_check(estimator, check):
    check(estimator)
