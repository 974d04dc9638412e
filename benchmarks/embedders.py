"""Claim: embeddings without training keep distances, and say enough for a classifier.

`LinearOTEmbedder` with references of several sizes and `SlicedWassersteinEmbedder` with
several numbers of directions and quantiles, on digits that they were not fitted on:
how distances of the embedding compare with exact ones, and what a linear classifier of
the embedding gets right.
"""

from __future__ import annotations

import numpy as np
from _report import Report, options, spread
from scipy.spatial.distance import pdist
from sklearn.datasets import load_digits
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import train_test_split

from skwass import (
    ImageToCloud,
    LinearOTEmbedder,
    SlicedWassersteinEmbedder,
    wasserstein_distances,
)
from skwass.manifold._projected import ProjectedEmbedder

_SEEDS = (0, 1, 2)
_REFERENCES: tuple[int | str, ...] = (8, 32, 128, "auto")
_SLICES = ((10, 32), (50, 8), (50, 32), (200, 128))
_PENALTIES = (1.0, 100.0, 1000.0)
_COMPARED = 200


def main() -> None:
    arguments = options(__doc__)
    seeds = _SEEDS[:1] if arguments.quick else _SEEDS
    embedders = _embedders(quick=arguments.quick)
    report = Report(
        "embedders",
        "Embeddings without training",
        "`~skwass.LinearOTEmbedder` and `~skwass.SlicedWassersteinEmbedder` on digits: "
        f"distances among {_COMPARED} digits that were held out, against exact "
        ":math:`W_2` (for sliced ones, error against the sliced distance with 400 "
        "directions and 512 quantiles), and the share of all held-out digits that "
        "logistic regression with the penalty C gets right.",
        f"Median and range over {len(seeds)} seeds, which split the digits in halves "
        "and draw references and directions.",
    )
    results: dict[str, list[list[float]]] = {name: [] for name in embedders}
    for seed in seeds:
        for name, values in _measure(embedders, seed).items():
            results[name].append(values)
    rows = [
        [name, *(spread(column) for column in zip(*runs, strict=True))]
        for name, runs in results.items()
    ]
    penalties = [f"right, C = {penalty:g}" for penalty in _PENALTIES]
    report.table(["", "Pearson d²", "error", *penalties], rows)
    report.write(arguments.quick)


def _embedders(*, quick: bool) -> dict[str, ProjectedEmbedder]:
    linear: dict[str, ProjectedEmbedder] = {
        f"linear, {size} points": LinearOTEmbedder(size, n_jobs=-1)
        for size in _REFERENCES
    }
    sliced: dict[str, ProjectedEmbedder] = {
        f"sliced, {n} × {k}": SlicedWassersteinEmbedder(n, n_quantiles=k, n_jobs=-1)
        for n, k in _SLICES
    }
    every = linear | sliced
    return dict(list(every.items())[::5]) if quick else every


def _measure(
    embedders: dict[str, ProjectedEmbedder], seed: int
) -> dict[str, list[float]]:
    images, labels = load_digits(return_X_y=True)
    clouds = ImageToCloud((8, 8)).fit_transform(images)
    train, test, seen, unseen = train_test_split(
        clouds, labels, test_size=0.5, stratify=labels, random_state=seed
    )
    upper = np.triu_indices(_COMPARED, 1)
    exact = wasserstein_distances(test[:_COMPARED], n_jobs=-1)[upper]
    fine = SlicedWassersteinEmbedder(400, n_quantiles=512, random_state=1000 + seed)
    sliced = pdist(fine.fit(train[:2]).transform(test[:_COMPARED]).astype(float))
    found = {}
    for name, embedder in embedders.items():
        rows = embedder.set_params(random_state=seed).fit_transform(train)
        fresh = embedder.transform(test)
        kept = pdist(fresh[:_COMPARED].astype(float))
        truth = sliced if name.startswith("sliced") else exact
        found[name] = [
            float(np.corrcoef(kept**2, exact**2)[0, 1]),
            float(np.mean(np.abs(kept / truth - 1))),
            *(_right(rows, seen, fresh, unseen, penalty) for penalty in _PENALTIES),
        ]
    return found


def _right(
    rows: np.ndarray,
    seen: np.ndarray,
    fresh: np.ndarray,
    unseen: np.ndarray,
    penalty: float,
) -> float:
    classifier = LogisticRegression(C=penalty, max_iter=2000)
    return float(classifier.fit(rows, seen).score(fresh, unseen))


if __name__ == "__main__":
    main()
