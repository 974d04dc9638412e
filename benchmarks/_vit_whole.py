"""CIFAR-10, all 10,000 photographs from scratch: how good, and in how many minutes."""

from __future__ import annotations

import time

import torch
from _problems import Scope
from _records import Figures
from _vit_data import whole_cifar
from _vit_judging import judged_throughout
from _vit_methods import Trained

from skwass.vision import StochasticViTClassifier

#: by the clock, on all cores that torch has; what there is to spend
MINUTES = 20
SETTINGS = {
    "patch_size": 4,
    "width": 64,
    "depth": 4,
    "n_heads": 2,
    "batch_size": 32,
    "max_iter": 39,
    # a fifth of the time, and little else
    "lambda1": 0.0,
    "lambda2": 0.0,
}


def measure(scope: Scope) -> Figures:
    """Shifts by up to 4 pixels and mirror images, one cosine, as by default."""
    task = whole_cifar(scope)
    settings = SETTINGS | {"max_iter": scope.less(SETTINGS["max_iter"], 1)}
    classifier = StochasticViTClassifier(
        **settings, device=scope.device, random_state=scope.seed
    )
    wall, cpu = time.perf_counter(), time.process_time()
    classifier.fit(task.problem.X_train, task.problem.y_train)
    figures = {
        "minutes": (time.perf_counter() - wall) / 60,
        "cpu_seconds": time.process_time() - cpu,
        "threads": float(torch.get_num_threads()),
    }
    return figures | judged_throughout(Trained.of(classifier), task, scope.seed)
