"""
Handwritten digits as point clouds
==================================

An image is a point cloud: pixels are points, intensities their weights. The Wasserstein
distance between two digits says how far the ink has to travel to turn one into the
other. :class:`~skwass.WormholeEmbedder` learns a map of the digits on which Euclidean
distances come close to those.
"""

# %%
# Four hundred digits, read as clouds:

import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import load_digits

from skwass import ImageToCloud, WormholeEmbedder

images, labels = load_digits(return_X_y=True)
images, labels = images[:400], labels[:400]
clouds = ImageToCloud((8, 8)).fit_transform(images)
clouds

# %%
# Two of them:

fig, axes = plt.subplots(1, 2, figsize=(6, 3), sharex=True, sharey=True)
for ax, index in zip(axes, (0, 1), strict=True):
    points, weights = clouds[index]
    ax.scatter(points[:, 1], points[:, 0], s=2000 * weights, color="black")
    ax.set(title=f"a {labels[index]}, {len(points)} points", aspect="equal")
axes[0].invert_yaxis()

# %%
# A map in two dimensions, learned from the first three hundred:

embedder = WormholeEmbedder(n_components=2, random_state=0)
learned = embedder.fit_transform(clouds[:300])

# %%
# The network has never seen the other hundred, and places them without solving a
# transport problem against the first:

fresh = embedder.transform(clouds[300:])

fig, ax = plt.subplots(figsize=(7, 6))
colours = plt.get_cmap("tab10")(np.arange(10))
for digit in range(10):
    seen, unseen = labels[:300] == digit, labels[300:] == digit
    ax.scatter(*learned[seen].T, s=12, color=colours[digit], label=str(digit))
    ax.scatter(*fresh[unseen].T, s=60, color=colours[digit], marker="*", ec="black")
ax.legend(title="digit", loc="center left", bbox_to_anchor=(1, 0.5))
ax.set(title="Dots were learned from, stars are new", aspect="equal")
fig.tight_layout()
