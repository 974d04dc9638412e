"""
Handwritten digits as point clouds
==================================

An image is a point cloud: pixels are points, intensities their weights. The Wasserstein
distance between two digits says how far the ink has to travel to turn one into the
other. :class:`~skwass.WormholeEmbedder` learns a map of the digits on which Euclidean
distances come close to those.
"""

# %%
# Three hundred digits, read as clouds:

import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import load_digits

from skwass import ImageToCloud, WormholeEmbedder

images, labels = load_digits(return_X_y=True)
images, labels = images[:300], labels[:300]
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
# A map in two dimensions, learned from the first two hundred:

embedder = WormholeEmbedder(n_components=2, max_iter=30, random_state=0)
learned = embedder.fit_transform(clouds[:200])

# %%
# The embedder has never seen the other hundred. It places each by itself, without a
# look at the first two hundred:

fresh = embedder.transform(clouds[200:])

fig, ax = plt.subplots(figsize=(7, 6))
colours = plt.get_cmap("tab10")(np.arange(10))
for digit in range(10):
    seen, unseen = labels[:200] == digit, labels[200:] == digit
    ax.scatter(*learned[seen].T, s=12, color=colours[digit], label=str(digit))
    ax.scatter(*fresh[unseen].T, s=60, color=colours[digit], marker="*", ec="black")
ax.legend(title="digit", loc="center left", bbox_to_anchor=(1, 0.5))
ax.set(title="Dots were learned from, stars are new", aspect="equal")
fig.tight_layout()

# %%
# How well distances between digits that were not learned from are kept, as the
# correlation of squared distances on the map with exact ones:

round(embedder.score(clouds[200:]), 2)
