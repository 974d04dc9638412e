"""Claim: on a table, `WormholeEmbedder` swaps in for scikit-learn's metric MDS.

The stress of its two-dimensional embedding over that of ``MDS(init="classical_mds",
n_init=1)``, both computed here from the embeddings over all pairs of rows.
"""

from __future__ import annotations

import time

import numpy as np
from _report import Report, options, spread
from numpy.typing import NDArray
from scipy.spatial.distance import pdist
from sklearn.datasets import load_digits, load_iris, load_wine
from sklearn.manifold import MDS
from sklearn.preprocessing import StandardScaler

from skwass import WormholeEmbedder
from skwass.metrics import stress

_SEEDS = (0, 1, 2)

Array = NDArray[np.floating]


def main() -> None:
    arguments = options(__doc__)
    seeds = _SEEDS[:1] if arguments.quick else _SEEDS
    tables = {
        "iris": load_iris().data,
        "wine, standardised": StandardScaler().fit_transform(load_wine().data),
        "500 digits": load_digits().data[:500],
    }
    if arguments.quick:
        tables = {"iris": tables["iris"]}
    WormholeEmbedder(max_iter=1).fit(tables["iris"])  # loads what is loaded when used
    report = Report(
        "swap",
        "In place of MDS",
        "Stress and time of ``WormholeEmbedder(n_components=2)`` over those of "
        '``MDS(init="classical_mds", n_init=1)``, on tables. Below one is better than '
        "MDS.",
        f"Median and range over the seeds {', '.join(map(str, seeds))}; the two took "
        "turns. The embedder also trains a decoder and can embed new rows, which MDS "
        "cannot.",
    )
    rows, verdicts = [], []
    for name, table in tables.items():
        rounds = [_compare(table, seed) for seed in seeds]
        stresses, times = zip(*rounds, strict=True)
        rows.append([name, spread(stresses, ".4f"), spread(times)])
        verdicts.append((f"Ratio of stress on {name}", stresses))
    report.table(["", "stress / stress", "time / time"], rows)
    for what, stresses in verdicts:
        report.target(what, stresses, "<= 1.1")
    report.write(arguments.quick)


def _compare(table: Array, seed: int) -> tuple[float, float]:
    """Ratios of stress and of time."""
    rival = MDS(n_components=2, init="classical_mds", n_init=1, random_state=seed)
    start = time.perf_counter()
    theirs = rival.fit_transform(table)
    between = time.perf_counter()
    ours = WormholeEmbedder(n_components=2, random_state=seed).fit_transform(table)
    end = time.perf_counter()
    distances = pdist(table)
    own, other = (stress(distances, pdist(places)) for places in (ours, theirs))
    return own / other, (end - between) / (between - start)


if __name__ == "__main__":
    main()
