"""How methods of `stochastic_vit.py` are judged: by what they say of all images."""

from __future__ import annotations

import numpy as np
from _judging import judged
from _records import Figures
from _vit_data import KINDS, N_UNKNOWN, SEVERITIES, Task
from _vit_methods import Trained

from skwass.metrics import (
    expected_calibration_error,
    false_positive_rate_at_95,
    mean_corruption_error,
    ood_auroc,
)


def judged_throughout(trained: Trained, task: Task, seed: int) -> Figures:
    """Figures of held-out images, of unknown ones and of spoilt ones."""
    proba = trained.predict_proba(task.problem.X_test)
    figures = {"parameters": float(trained.n_parameters())}
    figures |= judged(task.problem.y_test, proba)
    figures |= told_apart(trained, task)
    return figures | under_corruption(trained, task, seed)


def told_apart(trained: Trained, task: Task) -> Figures:
    """How well each score tells unknown images from held-out ones."""
    figures: Figures = {}
    for name, score in trained.all_scores().items():
        known, unknown = (
            score(images[:N_UNKNOWN]) for images in (task.problem.X_test, task.unknown)
        )
        figures[f"auroc {name}"] = ood_auroc(known, unknown)
        figures[f"fpr95 {name}"] = false_positive_rate_at_95(known, unknown)
    return figures


def under_corruption(trained: Trained, task: Task, seed: int) -> Figures:
    """Error rates by kind and severity, their mean, and how honest it still is."""
    errors: dict[str, list[float]] = {kind: [] for kind in KINDS}
    calibration = []
    labels = np.arange(task.n_classes)
    for kind in KINDS:
        for severity in SEVERITIES:
            images, right = task.corrupted(kind, severity, seed)
            proba = trained.predict_proba(images)
            errors[kind].append(float(np.mean(proba.argmax(axis=1) != right)))
            ece = expected_calibration_error(right, proba, labels=labels)
            calibration.append(ece)
    figures = {
        f"error {kind} {severity}": error
        for kind, found in errors.items()
        for severity, error in zip(SEVERITIES, found, strict=True)
    }
    figures["corruption_error"] = mean_corruption_error(errors)
    return figures | {"corruption_ece": float(np.mean(calibration))}
