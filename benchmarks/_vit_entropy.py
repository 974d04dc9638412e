"""How even attention is before training, beside that of the deterministic twin."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import torch
from _clouds import stored
from _problems import Scope
from _records import Figures
from _vit_quality import GROUNDS
from torch import Tensor

_N_IMAGES = 200


def measure(scope: Scope) -> Figures:
    """Mean entropy of rows of attention over that of even ones, of the images there."""
    figures: Figures = {}
    for name, ground in GROUNDS.items():
        if not _are_there(ground.files, scope):
            continue
        task = ground.read(scope)
        images = torch.as_tensor(task.problem.X_train[:_N_IMAGES])
        scale, mean = torch.std_mean(images, dim=(0, 2, 3), correction=0)
        entropies = {}
        for attention in ("wasserstein", "dot"):
            options = {"attention": attention, "mean": mean, "scale": scale}
            network = ground.network(task, seed=scope.seed, **options)
            with torch.no_grad():
                entropies[attention] = entropy_of_blocks(network.attention_maps(images))
        own, other = entropies["wasserstein"], entropies["dot"]
        found = {
            "wasserstein": own.mean(),
            "dot": other.mean(),
            "ratio": own.mean() / other.mean(),
            "least ratio": (own / other).min(),
            "largest ratio": (own / other).max(),
        }
        figures |= {f"{name} {figure}": float(x) for figure, x in found.items()}
    return figures


def entropy_of_blocks(maps: Tensor) -> np.ndarray:
    """Mean entropy of each block, as a share of the largest there is."""
    entropy = -(maps * maps.clamp_min(torch.finfo(maps.dtype).tiny).log()).sum(-1)
    return entropy.mean(dim=(0, 2, 3)).numpy() / math.log(maps.shape[-1])


def _are_there(files: Sequence[str], scope: Scope) -> bool:
    return all(stored(scope.data_home, file) for file in files)
