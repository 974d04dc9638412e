"""
Learn from images before there are labels
=========================================

Images are cheap and labels are not. A vision transformer knows nothing of images at
first, and a few labels teach it little. It can look at images without labels before:
some patches are hidden, and it has to guess what a slow copy of itself, which sees
all, makes of them.
"""

# %%
# Three quarters of the handwritten digits, without their labels. Student and teacher
# could agree by saying the same of everything; so it is watched how much of what is to
# be guessed differs between images.

import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split

from skwass import StochasticViTClassifier, StochasticViTPretrainer

digits = load_digits()
X, X_test, y, y_test = train_test_split(
    digits.images / 16, digits.target, random_state=0, stratify=digits.target
)
architecture = {"width": 32, "depth": 2}
pretrainer = StochasticViTPretrainer(**architecture, max_iter=30, random_state=0).fit(X)

curves, (left, right) = plt.subplots(1, 2, figsize=(8, 3), layout="constrained")
left.plot(pretrainer.history_["prediction"], label="patch by patch")
left.plot(pretrainer.history_["pooled_prediction"], label="from the pooled token")
left.set(xlabel="epoch", ylabel="error of guesses")
left.legend()
right.plot(pretrainer.history_["target_spread"])
right.set(xlabel="epoch", ylabel="share that differs between images", ylim=(0, 1))

# %%
# Now there are labels: one to twenty of each class. The same network starts from
# scratch, or from what the pre-trainer has learnt; layers near the images should then
# change little, so each block learns at 0.3 times the rate of the next. Both take as
# many steps.


def some_of_each_class(n_labels, seed):
    draws = np.random.RandomState(seed)
    return np.concatenate(
        [draws.permutation(np.flatnonzero(y == k))[:n_labels] for k in range(10)]
    )


def accuracy(n_labels, seed, **options):
    known = some_of_each_class(n_labels, seed)
    classifier = StochasticViTClassifier(
        batch_size=10, max_iter=max(8, 100 // n_labels), random_state=seed, **options
    )
    return classifier.fit(X[known], y[known]).score(X_test, y_test)


ways = {
    "from scratch": {**architecture, "lr": 0.01},
    "pre-trained": {"pretrained": pretrainer, "lr": 0.02, "layer_decay": 0.3},
}
numbers = [1, 2, 5, 20]
accuracies = {
    name: [[accuracy(n, seed, **options) for seed in range(2)] for n in numbers]
    for name, options in ways.items()
}
for name, found in accuracies.items():
    print(f"{name:13}", *(f"{mean:.2f}" for mean in np.mean(found, axis=1)))

# %%
# Pre-training is worth four times as many labels here, or more. Bands are between two
# draws of labels.

figure, axes = plt.subplots(layout="constrained")
for name, found in accuracies.items():
    axes.plot(numbers, np.mean(found, axis=1), marker="o", label=name)
    axes.fill_between(numbers, np.min(found, axis=1), np.max(found, axis=1), alpha=0.2)
axes.set(xscale="log", xlabel="labels of each class", ylabel="accuracy", ylim=(0, 1))
axes.set_xticks(numbers, numbers)
axes.legend()

# %%
# The classifier can pre-train by itself as well, on all images that it is given. Those
# of the label -1 have none.
#
# .. code-block:: python
#
#     y_partly = np.full_like(y, -1)
#     y_partly[known] = y[known]
#     StochasticViTClassifier(n_pretraining_iter=30, **architecture).fit(X, y_partly)
