"""Nearest neighbours by Gromov–Wasserstein, for which most pairs need no solving."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from skwass import PointClouds, paired_wasserstein_distances, wasserstein_distances

Places = NDArray[np.intp]

_CANDIDATES_A_ROUND = 20


def nearest_by_gromov(
    clouds: PointClouds, known: PointClouds, cache: Path | None
) -> Places:
    """The nearest known cloud of each cloud; no seed changes it.

    Candidates are solved in the order of the second lower bound, and only as long as
    that and the third lower bound are below the least distance so far.
    """
    file = None
    if cache is not None:
        cache.mkdir(parents=True, exist_ok=True)
        file = cache / f"nearest-{len(clouds)}-{len(known)}.npy"
        if file.is_file():
            kept: Places = np.load(file)
            return kept
    bounds = wasserstein_distances(clouds, known, metric="gromov_slb", n_jobs=-1)
    order = np.argsort(bounds, axis=1, kind="stable")
    nearest, least = order[:, 0].copy(), np.full(len(clouds), np.inf)
    for start in range(0, len(known), _CANDIDATES_A_ROUND):
        some = order[:, start : start + _CANDIDATES_A_ROUND]
        rows, columns = np.nonzero(
            np.take_along_axis(bounds, some, axis=1) < least[:, None]
        )
        if not len(rows):
            break
        candidates = some[rows, columns]
        distances = np.empty(0)
        for metric in ("gromov_tlb", "gromov"):
            if not len(rows):
                break
            distances = paired_wasserstein_distances(
                clouds[rows], known[candidates], metric=metric, n_jobs=-1
            )
            near = distances < least[rows]
            rows, candidates, distances = rows[near], candidates[near], distances[near]
        # of each row, the least distance is put in last
        for place in np.argsort(-distances, kind="stable"):
            nearest[rows[place]] = candidates[place]
            least[rows[place]] = distances[place]
        if len(rows):
            print(f"  {start + 1}th candidates on: {len(rows)} are nearer", flush=True)
    if file is not None:
        np.save(file, nearest)
    return nearest
