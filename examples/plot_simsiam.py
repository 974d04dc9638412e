"""
Keep representations from collapsing
====================================

SimSiam learns without labels and without comparing samples with each other: one view of
a sample has to predict another. Nothing but its architecture keeps all samples from
looking alike, and often that keeps only a few dimensions alive. One argument helps.
"""

# %%
# Handwritten digits as a table, and SimSiam twice: alone, and with the distance of its
# projections from a uniform distribution added to the loss. No label is used. A hundred
# of them, ten of each class, then serve to judge what was learnt.

import matplotlib.pyplot as plt
import numpy as np
import torch
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split

from skwass import SelfSupervisedEmbedder, linear_probe_score
from skwass.metrics import singular_spectrum

X, X_test, y, y_test = train_test_split(*load_digits(return_X_y=True), random_state=0)
embedders = {
    name: SelfSupervisedEmbedder(
        64,
        method="simsiam",
        uniformity=uniformity,
        projector_sizes=(256, 256, 64),
        max_iter=60,
        random_state=0,
    ).fit(X)
    for name, uniformity in (("SimSiam", None), ("with uniformity", "wasserstein"))
}

for name, embedder in embedders.items():
    few = [
        linear_probe_score(
            embedder, X, y, X_test, y_test, n_labels_per_class=10, random_state=seed
        )
        for seed in range(5)
    ]
    all_labels = linear_probe_score(embedder, X, y, X_test, y_test, random_state=0)
    last = {key: curve[-1] for key, curve in embedder.history_.items()}
    print(
        f"{name:16} from uniform {last['uniformity']:.2f}"
        f"  effective rank {last['effective_rank']:.0f} of 64"
        f"  probe {np.mean(few):.3f} (10 labels a class), {all_labels:.3f} (all)"
    )

# %%
# Left: how far projections are from uniform after each epoch, and the least that can be
# expected of so many samples. The weight of the uniformity goes down to zero in the
# course of training. Right: singular values of projections of digits that were not
# trained on. All would be one if they were uniform. Alone, SimSiam uses a few
# dimensions of the 64.


@torch.no_grad()
def projections(embedder, X):
    network = embedder.net_.module_.eval()
    return network.project(torch.as_tensor(X, dtype=torch.float32)).numpy()


figure, (left, right) = plt.subplots(1, 2, figsize=(9, 3.6), layout="constrained")
for name, embedder in embedders.items():
    left.plot(embedder.history_["uniformity"], label=name)
    right.plot(singular_spectrum(projections(embedder, X_test)), label=name)
left.plot(embedder.history_["uniformity_floor"], "k:", label="floor")
left.axhline(np.sqrt(2), color="k", linestyle="--", label="a single point")
left.set(xlabel="epoch", ylabel="Wasserstein distance from uniform", ylim=(0, 1.5))
left.legend(loc="lower left", bbox_to_anchor=(0.35, 0.3))
right.axhline(1, color="k", linestyle=":")
right.set(xlabel="dimension", ylabel="singular value of projections", ylim=0)
right.legend()
