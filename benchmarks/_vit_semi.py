"""Few labels and many images without: from scratch, and after pre-training."""

from __future__ import annotations

import math
import time
from functools import cache, partial

import numpy as np
from _problems import Labels, Scope
from _records import Figures
from _rows import Measure
from _vit_judging import judged_throughout
from _vit_methods import Trained
from _vit_quality import GROUNDS

from skwass.vision import StochasticViTPretrainer
from skwass.vision._recipe import automatic_batch_size

#: of labels, in per cent
SHARES = (1, 10)
WAYS = {
    "plain": "stochastic, from scratch",
    "pretrained": "stochastic, pre-trained",
    "matched": "matched twin, from scratch",
    "matched-pretrained": "matched twin, pre-trained",
}
#: epochs of pre-training, of all images
EPOCHS = {"digits": 60, "mnist": 20, "fashion": 20, "cifar": 30}
#: steps of what comes after, whatever the number of labels
N_STEPS = 600
_UNLABELLED = -1


def measure(name: str, share: int, way: str, scope: Scope) -> Figures:
    """Figures of a classifier that was told a share of the labels."""
    ground = GROUNDS[name]
    task = ground.read(scope)
    labels = partly_hidden(task.problem.y_train, share / 100, scope.seed)
    n_labels = int(np.sum(labels != _UNLABELLED))
    options = ground.matched(task) if way.startswith("matched") else {}
    changes = options | _steps(n_labels)
    before = 0.0
    if way.endswith("pretrained"):
        matched = way.startswith("matched")
        changes["pretrained"], before = _pretrained(name, matched, scope)
    cpu = time.process_time()
    classifier = ground.classifier(scope, **changes).fit(task.problem.X_train, labels)
    figures = {
        "labels": float(n_labels),
        "pretraining_cpu_seconds": before,
        "cpu_seconds": before + time.process_time() - cpu,
    }
    return figures | judged_throughout(Trained.of(classifier), task, scope.seed)


def partly_hidden(labels: Labels, share: float, seed: int) -> Labels:
    """The same share of each class is known, and one at least; others are -1."""
    random_state = np.random.RandomState(seed)
    found = np.full_like(labels, _UNLABELLED)
    for label in np.unique(labels):
        places = random_state.permutation(np.flatnonzero(labels == label))
        known = places[: max(1, round(share * len(places)))]
        found[known] = label
    return found


def rows() -> dict[str, Measure]:
    """What measures each way with each share of labels."""
    return {
        f"{name}-{share}-{way}": partial(measure, name, share, way)
        for name in GROUNDS
        for share in SHARES
        for way in WAYS
    }


@cache
def _pretrained(
    name: str, matched: bool, scope: Scope
) -> tuple[StochasticViTPretrainer, float]:
    """And its CPU seconds. It sees no labels, so it is the same for all shares."""
    ground = GROUNDS[name]
    task = ground.read(scope)
    options = ground.matched(task) if matched else {}
    batch_size = ground.settings.get("batch_size", "auto")
    pretrainer = StochasticViTPretrainer(
        **(ground.architecture() | options),
        batch_size=batch_size,
        max_iter=scope.less(EPOCHS[name], 1),
        device=scope.device,
        random_state=scope.seed,
    )
    start = time.process_time()
    pretrainer.fit(task.problem.X_train)
    return pretrainer, time.process_time() - start


def _steps(n_labels: int) -> dict[str, int]:
    """Epochs of so few samples that there are as many steps of any number of them."""
    batch_size = automatic_batch_size(n_labels)
    n_epochs = math.ceil(N_STEPS / math.ceil(n_labels / batch_size))
    return {"batch_size": batch_size, "max_iter": n_epochs}
