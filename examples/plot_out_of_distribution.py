"""
Digits it has never seen
========================

A classifier has an answer for everything. One that has learnt the digits from 0 to 7
takes an 8 for one of them, and softmax may call it sure. What else does it know that
could tell it is wrong? Here it is a vision transformer whose tokens are Gaussians.
"""

# %%
# Three quarters of the digits from 0 to 7 to learn from, one quarter to judge by, and
# all of the digits 8 and 9 as samples that it should not know.

import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split

from skwass import StochasticViTClassifier
from skwass.plotting import AttentionDisplay, OODDisplay, UncertaintyDisplay

digits = load_digits()
images, labels = digits.images / 16, digits.target
known = labels < 8
X, X_test, y, y_test = train_test_split(images[known], labels[known], random_state=0)
X_unknown, y_unknown = images[~known], labels[~known]

# %%
# A small network, and its deterministic twin: an ordinary transformer of the same
# layers, without variances.

options = {"depth": 2, "lr": 0.003, "max_iter": 25, "random_state": 0}
classifier = StochasticViTClassifier(**options).fit(X, y)
twin = StochasticViTClassifier(attention="dot", **options).fit(X, y)
for name, each in (("Gaussian tokens", classifier), ("twin", twin)):
    sure = each.predict_proba(X_unknown).max(axis=1) > 0.9
    print(
        f"{name:15}  accuracy {each.score(X_test, y_test):.3f}"
        f"  more than 90 % sure of an 8 or 9: {sure.mean():.2f}"
    )

# %%
# Both are sure of more than half of the digits that they cannot know. ``ood_score``
# says how far a sample is from those of the fit, in several ways. The largest
# probability does well all the same, since it is larger still for digits that are
# known. The Wasserstein distance of the pooled Gaussian from that of the nearest class
# uses means and variances; of the twin, means alone. The variance of tokens by itself
# tells little: what is unlike anything seen need not have much of it.

methods = ("max-probability", "wasserstein", "token-variance")
fig, axes = plt.subplots(1, 3, figsize=(13, 4.2), layout="constrained")
for ax, method in zip(axes, methods, strict=True):
    OODDisplay.from_estimator(
        classifier,
        X_test,
        X_unknown,
        method=method,
        names=("0 to 7", "8 and 9"),
        name=method,
        ax=ax,
    )

# %%
# Such a score also says what to leave unanswered. Both kinds of digits together, where
# every answer to an 8 or 9 is wrong: a classifier that answers only the half that it is
# surest of could be right nearly always. How near the dashed line it gets depends on
# what it ranks by.

X_both = np.concatenate([X_test, X_unknown])
y_both = np.concatenate([y_test, y_unknown])
ax = None
for name, each, method in (
    ("twin, probability", twin, "max-probability"),
    ("twin, distance", twin, "wasserstein"),
    ("Gaussian tokens, probability", classifier, "max-probability"),
    ("Gaussian tokens, distance", classifier, "wasserstein"),
):
    display = UncertaintyDisplay.from_estimator(
        each, X_both, y_both, method=method, name=name, ax=ax
    )
    ax = display.ax_
ax.set_title("digits from 0 to 7, and as many that are not")

# %%
# What it looked at: the nearest and the farthest two of the known digits, then the
# nearest and the farthest two of the unknown. Above each stands what it was taken for.
# Attention is that of the last block, over all heads and tokens.


def ends(samples):
    order = classifier.ood_score(samples, method="wasserstein").argsort()
    return samples[order[[0, 1, -2, -1]]]


AttentionDisplay.from_estimator(
    classifier, np.concatenate([ends(X_test), ends(X_unknown)])
)

# %%
# One small data set and one seed show how to ask, not which answer is best. A distance
# from the classes is no proof either: a 9 that looks like a 3 is near the threes.
