"""
Distances between clouds, side by side
======================================

The Wasserstein distance has cheaper and coarser relatives. Here they are, on the same
pairs of handwritten digits, with a barycentre and a classifier at the end.
"""

# %%
# Fifty digits, read as clouds:

import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import load_digits
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import cross_val_score
from sklearn.pipeline import make_pipeline

from skwass import (
    ImageToCloud,
    LinearOTEmbedder,
    wasserstein_barycenter,
    wasserstein_distances,
)

images, labels = load_digits(return_X_y=True)
clouds = ImageToCloud((8, 8)).fit_transform(images[:50])
pairs = np.triu_indices(50, 1)
exact = wasserstein_distances(clouds)[pairs]

# %%
# Each dot is a pair of digits. Lower bounds lie below the line; the Sinkhorn divergence
# and linear transport lie close to it. Sliced distances are on a scale of their own:
# along a line in the plane, a shift is shorter by :math:`\sqrt 2` on average.

metrics = ("sinkhorn", "linear", "sliced", "max_sliced", "bures", "gromov_tlb")
fig, axes = plt.subplots(2, 3, figsize=(9, 6), sharex=True, sharey=True)
for ax, metric in zip(axes.flat, metrics, strict=True):
    found = wasserstein_distances(clouds, metric=metric)[pairs]
    correlation = np.corrcoef(found, exact)[0, 1]
    ax.plot([0, exact.max()], [0, exact.max()], color="grey", lw=1)
    ax.scatter(exact, found, s=2, alpha=0.5)
    ax.set(title=f"{metric}, correlation {correlation:.2f}")
for ax in axes[1]:
    ax.set_xlabel("exact distance in pixels")
fig.tight_layout()

# %%
# The barycentre is the cloud in the middle of many. Three sevens, and what they have in
# common:

sevens = clouds[np.flatnonzero(labels[:50] == 7)[:3]]
middle = wasserstein_barycenter(sevens, n_points=30, random_state=0)

fig, axes = plt.subplots(
    1, 4, figsize=(10, 3), sharex=True, sharey=True, layout="constrained"
)
for ax, (points, weights) in zip(axes, [*sevens, middle], strict=True):
    ax.scatter(points[:, 1], points[:, 0], s=2000 * weights, color="black")
    ax.set(aspect="equal")
axes[0].invert_yaxis()
axes[3].set_title("their barycentre")

# %%
# Linear transport gives each digit a row of numbers, so any classifier can have them:

model = make_pipeline(
    ImageToCloud((8, 8)),
    LinearOTEmbedder(64, n_components=30, random_state=0),
    LogisticRegression(C=100, max_iter=1000),
)
cross_val_score(model, images[:600], labels[:600], cv=3).round(3)
