"""
How sharp is the minimum?
=========================

Two networks can fit their samples equally well and still stand in valleys of different
width. Training that looks around finds the wider one; here is how to see it.
"""

# %%
# Three hundred handwritten digits, and the same network three times: with plain
# training, and with sharpness-aware training in balls of two radii.

from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split

from skwass import OTMDRClassifier, loss_sharpness, top_hessian_eigenvalue
from skwass.plotting import SharpnessDisplay

X, X_test, y, y_test = train_test_split(
    *load_digits(return_X_y=True), train_size=300, random_state=1
)
classifiers = {
    f"rho = {rho}": OTMDRClassifier(rho=rho, max_iter=40, lr=0.01, random_state=0).fit(
        X, y
    )
    for rho in (0, 0.05, 0.2)
}

# %%
# All know every digit they were trained on. They differ in how far the loss can rise if
# the weights move by 0.2 in the worst direction, and in the largest curvature. Such
# figures vary by a factor of a few from one set of digits to the next.

for name, classifier in classifiers.items():
    rise = loss_sharpness(classifier, X, y, rho=0.2)
    curvature = top_hessian_eigenvalue(classifier, X, y, random_state=0)
    print(
        f"{name:10}  train {classifier.score(X, y):.3f}"
        f"  test {classifier.score(X_test, y_test):.3f}"
        f"  rise {rise:.5f}  curvature {curvature:.5f}"
    )

# %%
# A random direction is kinder than the worst one. A step of one is as long as the
# weights themselves, filter by filter, so the picture does not depend on their scale.

display, *_ = SharpnessDisplay.from_estimators(
    classifiers, X, y, n_directions=10, random_state=0
)
display.ax_.set_title("loss around three trained networks")
