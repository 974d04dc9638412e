"""
Cell niches of a tissue
=======================

What a cell does depends on the company it keeps. Read as a point cloud, the
surroundings of a cell are its nearest neighbours in space, each a point in the space of
expression. :class:`~skwass.NicheClouds` makes these clouds, and
:class:`~skwass.WormholeEmbedder` a map on which similar surroundings are close,
wherever in the tissue they lie.
"""

# %%
# Two sections of a simulated organ. It has a rim, a cortex and a medulla, and round
# follicles, which mix six types of cells in different parts. Two things make it hard to
# find them. No type belongs to one region alone. And the type "AB" expresses the mean
# of "A" and "B", so the medulla, where "A" and "B" are mixed, has the same mean as the
# inner cortex:

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from scipy.optimize import linear_sum_assignment
from sklearn.cluster import KMeans
from sklearn.decomposition import PCA
from sklearn.metrics import adjusted_rand_score
from sklearn.metrics.cluster import contingency_matrix

from skwass import NicheClouds, WormholeEmbedder

rng = np.random.default_rng(0)
types = ["A", "B", "AB", "C", "D", "E"]
regions = ["rim", "outer cortex", "inner cortex", "medulla", "follicle"]
parts = np.array(
    [
        # A    B    AB   C    D    E
        [0.05, 0.05, 0.00, 0.60, 0.20, 0.10],  # rim
        [0.10, 0.10, 0.10, 0.15, 0.50, 0.05],  # outer cortex
        [0.05, 0.05, 0.70, 0.05, 0.10, 0.05],  # inner cortex
        [0.40, 0.40, 0.00, 0.05, 0.10, 0.05],  # medulla
        [0.20, 0.05, 0.10, 0.05, 0.05, 0.55],  # follicle
    ]
)
genes = [f"gene {number}" for number in range(12)]
profiles = rng.normal(size=(6, 12))
apart = profiles[0] - profiles[1]
profiles[:3] = profiles[:2].mean(axis=0) + np.outer([1, -1, 0], apart)
gradient = rng.normal(scale=0.3, size=12)


def section(name, wobble, follicles, n_cells=4200):
    """Cells of one section, as a table."""
    side = int(np.sqrt(1.7 * n_cells))
    x, y = np.mgrid[-1.25 : 1.25 : 1j * side, -1.25 : 1.25 : 1j * side].reshape(2, -1)
    x, y = np.array([x, y]) + rng.normal(scale=0.014, size=(2, len(x)))
    angle = np.arctan2(y, x)
    depth = np.hypot(x, y) / (1 + 0.12 * np.cos(3 * angle + wobble))
    depth += 0.06 * np.sin(5 * angle - wobble)
    region = 3 - np.searchsorted([0.4, 0.66, 0.88], depth)
    for centre, radius in follicles:
        region[np.hypot(x - centre[0], y - centre[1]) < radius] = 4
    inside = depth < 1.05
    x, y, depth, region = x[inside], y[inside], depth[inside], region[inside]
    kind = np.array([rng.choice(6, p=parts[number]) for number in region])
    expression = profiles[kind] + rng.normal(scale=0.4, size=(len(x), 12))
    expression += depth[:, None] * gradient
    cells = pd.DataFrame(expression, columns=genes)
    return cells.assign(
        x=x, y=y, section=name, type=np.array(types)[kind], region=region
    )


first = section(
    "first", 0.5, [((0.62, 0.2), 0.2), ((-0.5, 0.45), 0.24), ((-0.1, -0.68), 0.2)]
)
second = section(
    "second", 2.4, [((0.1, 0.66), 0.23), ((-0.6, -0.3), 0.2), ((0.5, -0.4), 0.24)]
)
cells = pd.concat([first, second], ignore_index=True)
cells.drop(columns=genes[2:]).head(3).round(2)

# %%
# Each cell becomes the cloud of itself and its fifteen nearest neighbours on the same
# section:

reader = NicheClouds(15, spatial_features=["x", "y"], batch_feature="section")
niches = reader.fit_transform(cells[["x", "y", "section", *genes]])
niches

# %%
# The first section has seven million pairs of niches. The embedder solves transport
# for twenty thousand of them and learns the rest, so the cost grows with the number
# of cells and not with its square. The second section it has never seen:

seen = (cells["section"] == "first").to_numpy()
embedder = WormholeEmbedder(
    n_components=16, n_pairs=20_000, max_iter=30, decoder=False, random_state=0
)
embedder.fit(niches[seen])
embedding = embedder.transform(niches)
round(embedder.score(niches[~seen]), 2)

# %%
# The first three principal components of the embedding, as red, green and blue, paint
# the tissue. Nothing told the embedder where a cell lies:

painted = PCA(3).fit(embedding[seen]).transform(embedding)
low, high = np.quantile(painted, [0.05, 0.95], axis=0)
colours = np.clip((painted - low) / (high - low), 0, 1)[:, [2, 0, 1]]
plt.style.use("dark_background")


def draw(axes, colours):
    """Both sections, one below the other."""
    for ax, own, label in zip(
        axes, (seen, ~seen), ("learned from", "new"), strict=True
    ):
        ax.scatter(cells["x"][own], cells["y"][own], c=colours[own], s=8, lw=0)
        ax.set(aspect="equal", xticks=[], yticks=[])
        ax.spines[:].set_visible(False)
        if ax.get_subplotspec().is_first_col():
            ax.set_ylabel(label)


fig, axes = plt.subplots(2, 3, figsize=(10.5, 7), layout="constrained")
draw(axes[:, 0], plt.get_cmap("Set2")(cells["region"]))
draw(axes[:, 1], plt.get_cmap("Dark2")([types.index(kind) for kind in cells["type"]]))
draw(axes[:, 2], colours)
titles = ("regions", "types of cells", "embedded niches")
for ax, title in zip(axes[0], titles, strict=True):
    ax.set_title(title)
for region, colour in zip(regions, plt.get_cmap("Set2").colors, strict=False):
    axes[0, 0].scatter([], [], color=colour, label=region)
fig.legend(loc="outside lower left", ncols=5, frameon=False)

# %%
# Clusters of embedded niches are close to the regions. Clusters of single cells are
# not, since every type is everywhere. The mean expression of a niche does better, but
# takes the medulla and the inner cortex for each other, which clouds tell apart:

means = np.array([points.mean(axis=0) for points, _ in niches])
tables = {"single cells": cells[genes], "means": means, "embedded niches": embedding}
fig, axes = plt.subplots(2, 3, figsize=(10.5, 7), layout="constrained")
for column, (name, table) in zip(axes.T, tables.items(), strict=True):
    clusters = KMeans(5, n_init=10, random_state=0).fit_predict(table)
    # each cluster takes the colour of a region that it shares many cells with
    shared = contingency_matrix(cells["region"], clusters)
    region_of = np.argsort(linear_sum_assignment(shared, maximize=True)[1])
    score = adjusted_rand_score(cells["region"], clusters)
    print(f"{name:16} adjusted Rand index {score:.2f}")
    draw(column, plt.get_cmap("Set2")(region_of[clusters]))
    column[0].set_title(f"clusters of {name}, {score:.2f}")
