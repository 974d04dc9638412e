"""
Wrong labels
============

A network with room to spare learns wrong labels by heart. Sharpness-aware training asks
that the loss be low in a whole ball of weights, where a network that bends around
single samples is soon wrong. How large the ball should be is for cross-validation to
say.
"""

# %%
# Two moons, and one label in five is wrong:

import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import make_moons
from sklearn.inspection import DecisionBoundaryDisplay
from sklearn.model_selection import GridSearchCV

from skwass import OTMDRClassifier

rng = np.random.default_rng(0)
X, truth = make_moons(200, noise=0.2, random_state=0)
y = np.where(rng.random(len(truth)) < 0.2, 1 - truth, truth)
X_test, y_test = make_moons(2000, noise=0.2, random_state=1)

# %%
# The same network is trained with balls of several radii, zero among them, and judged
# by the likelihood of labels that it was not trained on. Some of these are wrong as
# well, but so they are for all radii.

classifier = OTMDRClassifier(
    hidden_layer_sizes=(64, 64, 64),
    lr=0.02,
    batch_size=40,
    max_iter=100,
    random_state=0,
)
search = GridSearchCV(
    classifier, {"rho": [0, 0.1, 0.2, 0.4, 0.8]}, scoring="neg_log_loss", cv=3
)
search.fit(X, y)
plain = classifier.set_params(rho=0).fit(X, y)
robust = search.best_estimator_
search.best_params_

# %%
# Plain training draws islands around wrong labels. The robust network leaves them to
# the other side. Accuracies are those on 2000 samples with right labels.

fig, axes = plt.subplots(1, 2, figsize=(9, 4), sharey=True, layout="constrained")
models = {"plain": plain, f"robust, rho = {robust.rho}": robust}
for ax, (name, model) in zip(axes, models.items(), strict=True):
    DecisionBoundaryDisplay.from_estimator(
        model,
        X,
        response_method="predict_proba",
        grid_resolution=200,
        eps=0.4,
        plot_method="pcolormesh",
        cmap="coolwarm",
        alpha=0.6,
        ax=ax,
    )
    for wrong, marker, size in ((False, "o", 12), (True, "X", 40)):
        rows = (y != truth) == wrong
        ax.scatter(
            *X[rows].T,
            c=y[rows],
            s=size,
            marker=marker,
            cmap="coolwarm",
            edgecolors="k",
            lw=0.5,
            label="wrong label" if wrong else None,
        )
    accuracy = model.score(X_test, y_test)
    ax.set(title=f"{name}: accuracy {accuracy:.3f}", xticks=[], yticks=[])
axes[0].legend(loc="lower left")

# %%
# Too small a ball changes little, and in too large a one there is nothing left to
# learn: log 2 is the loss of the best guess without a look at X.

found = search.cv_results_
fig, ax = plt.subplots(figsize=(6, 3.5), layout="constrained")
radii = [str(rho) for rho in found["param_rho"]]
ax.errorbar(
    radii, -found["mean_test_score"], found["std_test_score"], marker="o", capsize=3
)
ax.axhline(np.log(2), color="grey", ls=":", label="log 2")
ax.set(xlabel="rho", ylabel="log loss: mean and spread of folds")
ax.legend()
