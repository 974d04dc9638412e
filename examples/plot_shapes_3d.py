"""
Shapes in space, in any pose
============================

The Gromov–Wasserstein distance compares the distances within two clouds, so turning,
mirroring or shifting an object does not change it. With ``metric="gromov"``,
:class:`~skwass.WormholeEmbedder` learns a map on which objects lie by their shape,
however they are held.
"""

# %%
# Six kinds of objects. Each is drawn from a formula with proportions of its own, as 64
# slightly noisy points on its surface or along its curve, and turned at random:

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.offsetbox import AnnotationBbox, DrawingArea

from skwass import WormholeEmbedder

rng = np.random.default_rng(0)
N_POINTS = 64


def ball(n):
    points = rng.normal(size=(n, 3))
    points /= np.linalg.norm(points, axis=1, keepdims=True)
    return points * rng.uniform(0.8, 1.0, 3)


def torus(n):
    u, v = rng.uniform(0, 2 * np.pi, (2, n))
    tube = rng.uniform(0.2, 0.4)
    radius = 1 + tube * np.cos(v)
    return np.stack([radius * np.cos(u), radius * np.sin(u), tube * np.sin(v)], axis=1)


def helix(n):
    t = np.linspace(0, rng.uniform(5, 7) * np.pi, n)
    rise = rng.uniform(0.12, 0.18)
    return np.stack([0.5 * np.cos(t), 0.5 * np.sin(t), rise * t], axis=1)


def knot(n):
    t, width = np.linspace(0, 2 * np.pi, n), rng.uniform(0.3, 0.5)
    radius = 1 + width * np.cos(3 * t)
    return np.stack(
        [radius * np.cos(2 * t), radius * np.sin(2 * t), np.sin(3 * t)], axis=1
    )


def cross(n):
    points = rng.uniform(-0.08, 0.08, (n, 3))
    arms = rng.integers(3, size=n)
    points[np.arange(n), arms] = rng.uniform(-1.3, 1.3, n)
    return points * rng.uniform(0.85, 1.15, 3)


def chair(n):
    u, v = rng.uniform(-0.5, 0.5, (2, n))
    seat = np.stack([u, v, 0 * u], axis=1)
    back = np.stack([u, 0 * u - 0.5, 0.6 + v * 1.2], axis=1)
    corners = np.sign(rng.uniform(-1, 1, (n, 2))) * 0.45
    legs = np.stack([*corners.T, v - 0.5], axis=1)
    part = rng.integers(3, size=n)[:, None]
    return np.choose(part, [seat, back, legs]) * rng.uniform(1.2, 1.5, 3)


def turned(points):
    rotation = np.linalg.qr(rng.normal(size=(3, 3)))[0]
    return points @ rotation + rng.normal(size=3)


kinds = [ball, torus, helix, knot, cross, chair]
labels = np.tile(np.arange(len(kinds)), 26)
objects = [kinds[label](N_POINTS) for label in labels]
clouds = [turned(x + 0.01 * rng.normal(size=x.shape)) for x in objects]

fig, axes = plt.subplots(2, 6, figsize=(9, 3.2), subplot_kw={"projection": "3d"})
for index, ax in enumerate(axes.ravel()):
    ax.scatter(*clouds[index].T, s=4, color=f"C{labels[index]}")
    ax.set_axis_off()
    ax.set_box_aspect(np.ptp(clouds[index], axis=0))
    if index < len(kinds):
        ax.set_title(kinds[labels[index]].__name__, fontsize=10)
fig.tight_layout()

# %%
# A map of the first 120. Each object is told by numbers that no pose changes, so
# nothing has to be learned about poses, and the others are placed right away:

embedder = WormholeEmbedder(2, metric="gromov", n_pairs=2000, random_state=0)
learned = embedder.fit_transform(clouds[:120])
fresh = embedder.transform(clouds[120:])


def thumbnail(points, colour, size=30):
    """A small picture of a cloud, as seen from the front."""
    area = DrawingArea(size, size)
    flat = (points - points.mean(axis=0))[:, [0, 2]]
    flat = size / 2 + flat * (0.45 * size / np.abs(flat).max())
    area.add_artist(plt.Line2D(*flat.T, ls="", marker=".", ms=2, color=colour))
    return area


fig, ax = plt.subplots(figsize=(8, 6))
for label, kind in enumerate(kinds):
    place = learned[labels[:120] == label]
    ax.scatter(*place.T, s=10, color=f"C{label}", label=kind.__name__)
for place, points, label in zip(fresh, clouds[120:], labels[120:], strict=True):
    ax.add_artist(AnnotationBbox(thumbnail(points, f"C{label}"), place, frameon=False))
ax.legend(loc="center left", bbox_to_anchor=(1, 0.5))
ax.set(title="Dots were learned from, pictures are new", aspect="equal")
fig.tight_layout()

# %%
# A new object is of the kind of its nearest neighbour on the map, for this share of
# them:

gaps = np.linalg.norm(fresh[:, None] - learned, axis=2)
np.mean(labels[gaps.argmin(axis=1)] == labels[120:])

# %%
# The pose changes nothing but rounding. Here all new objects are mirrored and turned
# once more, and the one that moves most on the map moves by:

again = embedder.transform([turned(-points) for points in clouds[120:]])
round(float(np.abs(again - fresh).max()), 4)
