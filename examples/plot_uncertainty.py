"""
What a network does not know
============================

A prediction can be unsure for two reasons. Where classes overlap, no data will ever
help: that part of the uncertainty is called aleatoric. Where no samples were, more of
them would: that part is called epistemic. Networks that were trained apart agree on the
first and differ on the second, and so do draws from a posterior of weights.
"""

# %%
# Two classes meet along a wave. On the left they overlap, in the middle they do not,
# and on the right there are no samples.

import matplotlib.pyplot as plt
import numpy as np

from skwass import OTMDRClassifier, OTMDRRegressor

rng = np.random.default_rng(0)
X = rng.uniform([-3, -3], [0.8, 3], size=(300, 2))
above = X[:, 1] - np.cos(1.5 * X[:, 0])
overlap = np.where(X[:, 0] < -1, 0.8, 0.04)
y = rng.random(len(X)) < 1 / (1 + np.exp(-above / overlap))

# %%
# An ensemble of ten networks, and one whose weights are drawn from a posterior:

classifiers = {
    "ensemble": OTMDRClassifier(
        distribution="ensemble", n_members=10, lr=0.005, max_iter=80, random_state=0
    ),
    "Bayesian network": OTMDRClassifier(
        distribution="bayesian", lr=0.01, max_iter=150, random_state=0
    ),
}
for classifier in classifiers.values():
    classifier.fit(X, y)

# %%
# ``predict_uncertainty`` splits the entropy of a prediction into both parts, in nats.

axis = np.linspace(-4, 4, 101)
grid = np.stack(np.meshgrid(axis, axis), axis=-1).reshape(-1, 2)

fig, axes = plt.subplots(
    2, 3, figsize=(10, 6.4), sharex=True, sharey=True, layout="constrained"
)
for row, (name, classifier) in zip(axes, classifiers.items(), strict=True):
    found = classifier.predict_uncertainty(grid)
    proba = classifier.predict_proba(grid)[:, 1]
    row[0].pcolormesh(axis, axis, proba.reshape(101, 101), cmap="coolwarm", alpha=0.6)
    for ax, part in zip(row[1:], (found.aleatoric, found.epistemic), strict=True):
        colours = ax.pcolormesh(
            axis, axis, part.reshape(101, 101), vmin=0, vmax=np.log(2), cmap="magma"
        )
    for ax in row:
        ax.scatter(*X.T, c=y, s=6, cmap="coolwarm", edgecolors="none")
        ax.set(aspect="equal", xticks=[], yticks=[])
    row[0].set_ylabel(name)
for ax, title in zip(axes[0], ("probability", "aleatoric", "epistemic"), strict=True):
    ax.set_title(title)
fig.colorbar(colours, ax=axes, label="entropy in nats", shrink=0.8)

# %%
# The same for numbers. Here there is more noise on the right, and samples are missing
# in the middle. ``return_std=True`` gives the standard deviation of both parts
# together, ``predict_members`` what each member says.

x = np.concatenate([rng.uniform(-3, -1, 100), rng.uniform(1, 3, 100)])
target = np.sin(2 * x) + rng.normal(scale=np.where(x > 0, 0.3, 0.05))
regressor = OTMDRRegressor(
    distribution="ensemble",
    n_members=10,
    hidden_layer_sizes=(64, 64, 64),
    rho=0.1,
    lr=0.01,
    max_iter=200,
    random_state=0,
)
regressor.fit(x[:, None], target)

line = np.linspace(-4, 4, 200)
mean, std = regressor.predict(line[:, None], return_std=True)
means, stds = regressor.predict_members(line[:, None])

fig, axes = plt.subplots(
    2, 1, figsize=(8, 6), sharex=True, height_ratios=(2, 1), layout="constrained"
)
axes[0].fill_between(
    line, mean - 2 * std, mean + 2 * std, alpha=0.25, lw=0, label="± 2 deviations"
)
axes[0].plot(line, means.T, color="C0", lw=0.5)
axes[0].plot(line, mean, color="C0", lw=2, label="mean of members")
axes[0].plot(x, target, "k.", ms=4, label="samples")
axes[0].set(ylabel="target", ylim=(-2.5, 2.5))
axes[0].legend(loc="lower left", ncols=3)
axes[1].plot(line, np.sqrt((stds**2).mean(axis=0)), label="aleatoric")
axes[1].plot(line, means.std(axis=0), label="epistemic")
axes[1].set(xlim=(-4, 4), ylim=(0, None), ylabel="standard deviation")
axes[1].legend(loc="upper left")

# %%
# Neither part is the truth. An ensemble says how far networks of its kind differ, and
# they may all be wrong alike.
