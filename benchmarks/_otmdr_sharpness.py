"""What training does to the sharpness of the minimum: the rows behind the guide."""

from __future__ import annotations

from _problems import Scope
from _records import Figures
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split

from skwass import OTMDRClassifier, loss_sharpness, top_hessian_eigenvalue

RADII = (0.0, 0.05, 0.2)
#: of the ball in which the rise is looked for
RADIUS = 0.2
N_TRAIN = 300


def measure(scope: Scope) -> Figures:
    """Accuracy of other digits, rise within a ball and curvature, by rho."""
    X_train, X_test, y_train, y_test = train_test_split(
        *load_digits(return_X_y=True), train_size=N_TRAIN, random_state=scope.seed
    )
    figures: Figures = {}
    for rho in RADII:
        classifier = OTMDRClassifier(
            rho=rho, max_iter=scope.less(40, 2), lr=0.01, random_state=scope.seed
        )
        classifier.fit(X_train, y_train)
        rise = loss_sharpness(classifier, X_train, y_train, rho=RADIUS)
        curvature = top_hessian_eigenvalue(
            classifier, X_train, y_train, random_state=scope.seed
        )
        figures |= {
            f"known {rho:g}": classifier.score(X_train, y_train),
            f"accuracy {rho:g}": classifier.score(X_test, y_test),
            f"rise {rho:g}": rise,
            f"curvature {rho:g}": curvature,
        }
    return figures
