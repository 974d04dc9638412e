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

from skwass import (
    ImageToCloud,
    WormholeEmbedder,
    paired_wasserstein_distances,
    wasserstein_barycenter,
)
from skwass.plotting import BarycenterDisplay, EmbeddingDisplay

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

fig, ax = plt.subplots(figsize=(8, 7))
EmbeddingDisplay(learned, labels=labels[:200]).plot(ax=ax)
pictures = images[200:].reshape(-1, 8, 8)
EmbeddingDisplay(fresh, labels=labels[200:], images=pictures).plot(ax=ax, zoom=2.0)
ax.set_title("Dots were learned from, pictures are new")
fig.tight_layout()

# %%
# How well distances between digits that were not learned from are kept, as the
# correlation of squared distances on the map with exact ones:

round(embedder.score(clouds[200:]), 2)

# %%
# Two numbers are enough to look at. For keeping distances, more are better:

embedder = WormholeEmbedder(n_components=32, max_iter=30, random_state=0)
embedder.fit(clouds[:200])
round(embedder.score(clouds[200:]), 3)

# %%
# The embedder also learns the way back, from 32 numbers to a cloud. Here are digits
# that it was not fitted on, and below them what it makes of their embeddings: 192
# points each, wherever the ink is.

picked = [np.flatnonzero(labels[250:] == digit)[0] + 250 for digit in range(10)]
shown = clouds[picked]
decoded = embedder.inverse_transform(embedder.transform(shown))

fig, axes = plt.subplots(2, 10, figsize=(10, 2.4), sharex=True, sharey=True)
for row, cohort, colour in zip(axes, (shown, decoded), ("black", "C0"), strict=True):
    for ax, (points, weights) in zip(row, cohort, strict=True):
        ax.scatter(points[:, 1], points[:, 0], s=1100 * weights, color=colour, lw=0)
        ax.set(aspect="equal", xticks=[], yticks=[], xlim=(-0.7, 7.7), ylim=(7.7, -0.7))
        ax.spines[:].set_color("lightgrey")
axes[0, 0].set_ylabel("digit")
axes[1, 0].set_ylabel("decoded")
fig.tight_layout(pad=0.3)

# %%
# The Wasserstein distance of a digit from its decoding, on average and in pixels:

float(paired_wasserstein_distances(shown, decoded).mean().round(2))

# %%
# So means can be decoded, too. The mean of embeddings stands for the barycentre of
# clouds, which is the cloud of least squared distance to them. With four digits in the
# corners of a square, each picture between is one of their barycentres, with the more
# weight on a corner the closer it lies:

corners = [292, 258, 280, 283]
square = BarycenterDisplay.from_estimator(
    embedder, clouds[corners], labels=labels[corners], indexing="ij"
)

# %%
# From one digit to another, the way through the embedding is straight. Below it is the
# way of least transport itself, where each picture is an optimisation of its own by
# :func:`~skwass.wasserstein_barycenter`:

ends = clouds[[262, 231]]  # a 6 and a 7

fig, axes = plt.subplots(2, 1, figsize=(9, 3.2), layout="constrained")
path = BarycenterDisplay.from_estimator(
    embedder, ends, n_steps=9, indexing="ij", ax=axes[0]
)
exact = [
    wasserstein_barycenter(ends, sample_weight=weights, n_points=96, random_state=0)
    for weights in path.weights
]
BarycenterDisplay(ends, exact, path.weights, indexing="ij").plot(ax=axes[1])
axes[0].set_title("straight through the embedding")
axes[1].set_title("by exact transport")

# %%
# The distance between the two ways, on average, and that between their ends. It is no
# larger than what decoding costs anyway:

gap = paired_wasserstein_distances(path.barycenters, exact).mean()
length = paired_wasserstein_distances(ends[:1], ends[1:])[0]
print(f"{gap:.2f} of {length:.2f} pixels")
