"""
Are probabilities what they claim to be?
========================================

A network that has learned wrong labels by heart is sure of everything and right much
less often. A reliability diagram shows it: a bar that ends below the diagonal is
confidence that does not come true. Two remedies are compared here, training that is
robust and scaling by a temperature afterwards.
"""

# %%
# Handwritten digits. One in five gets a label at random, also in the test set, since
# there would be no other labels to judge by.

import matplotlib.pyplot as plt
import numpy as np
import sklearn
from sklearn.calibration import CalibratedClassifierCV
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split

from skwass import OTMDRClassifier
from skwass.metrics import negative_log_likelihood
from skwass.plotting import ReliabilityDisplay

rng = np.random.default_rng(0)
X, truth = load_digits(return_X_y=True)
y = np.where(rng.random(len(truth)) < 0.2, rng.integers(10, size=len(truth)), truth)
X, X_test, y, y_test = train_test_split(X, y, train_size=600, random_state=0)

# %%
# A network with plain training; a robust one, with the radius that `GridSearchCV` finds
# by log loss on a grid of factors of two; and the plain one with a temperature that is
# chosen on three folds. With ``ensemble=False`` it stays one network; the average of
# three would be another remedy. This needs scikit-learn 1.8. With an older one, a
# logistic curve for each class takes its place here.

recent = tuple(int(part) for part in sklearn.__version__.split(".")[:2]) >= (1, 8)
plain = OTMDRClassifier(rho=0, lr=0.005, random_state=0)
robust = OTMDRClassifier(rho=0.8, lr=0.005, random_state=0)
scaled = CalibratedClassifierCV(
    plain, method="temperature" if recent else "sigmoid", cv=3, ensemble=False
)
models = {"plain": plain, "robust": robust, "temperature": scaled}

fig, axes = plt.subplots(1, 3, figsize=(12, 5.2))
for ax, (name, model) in zip(axes, models.items(), strict=True):
    model.fit(X, y)
    ReliabilityDisplay.from_estimator(model, X_test, y_test, name=name, ax=ax)
fig.tight_layout()

# %%
# Robust training makes the network right more often and less sure of it. A temperature
# can only make all predictions less sure alike, and here it goes further with that: its
# log loss is the lowest, its accuracy that of plain training. Sure predictions are
# still too sure then, while others are claimed for less than they are worth.

for name, model in models.items():
    proba = model.predict_proba(X_test)
    loss = negative_log_likelihood(y_test, proba)
    accuracy = np.mean(proba.argmax(axis=1) == y_test)
    print(f"{name:16}  log loss {loss:.2f}  accuracy {accuracy:.3f}")
