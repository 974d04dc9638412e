"""What the paper leaves open: other distances, other data, few samples, weights."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np
import torch
from _clouds import DOCUMENTS, documents_split
from _otmdr_speed import Run, turns
from _problems import Problem, Scope
from _records import Figures, named
from _uniformity_data import TABLES, digits, table
from _uniformity_distances import MEASURES, PENALTIES, Loss
from _uniformity_judging import Representation, judged, probed
from _uniformity_methods import SETTINGS, Setting
from _uniformity_properties import Array, collapsed, properties, representations
from _uniformity_training import BASES, measure
from numpy.typing import NDArray
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split

from skwass import ImageToCloud, WormholeEmbedder
from skwass.metrics import representation_report

LEVELS = (0.0, 0.25, 0.5, 0.75, 0.9, 1.0)
COST_SHAPE = (512, 128)
WEIGHTS = (0.1, 1.0, 10.0)
SWEPT = (0.0, 0.1, 0.3, 1.0, 3.0, 10.0, 30.0)
SWEPT_METHODS = ("simsiam", "byol", "mocov2")
BATCHES = (16, 32, 64, 128, 256, 512, 1024)
BATCH_KINDS = {"uniform": 0.0, "half": 0.5}
BATCH_WIDTH = 64
TABLE_METHODS = ("simclr", "byol", "simsiam", "barlow-twins")
N_CLOUDS = 400
#: a class of fewer is left out
_LEAST_DOCUMENTS = 50
_CLOUD_WIDTH = 32
_SWEPT_EPOCHS = 60

#: rows of a table that is no picture; the table is small, and so are the networks
_TABLE = Setting(
    "tables",
    digits,
    {"max_iter": 100, "hidden_layer_sizes": (64, 64), "batch_size": 64},
    "",
)


def distances(scope: Scope) -> Figures:
    """The four properties, levels of collapse and milliseconds of each distance."""
    figures: Figures = {}
    found = representations(scope)
    random_state = np.random.RandomState(scope.seed)
    levels = {
        level: collapsed(2048, 64, level, random_state)
        if level < 1
        # one point, with all that rounding leaves of a cloud
        else 1 + 1e-9 * random_state.standard_normal((2048, 64))
        for level in LEVELS
    }
    for name, each in MEASURES.items():
        distance = _of_arrays(each.loss)
        for figure, x in properties(distance, found, scope.seed).items():
            figures[f"{name} {figure}"] = x
        for level, Z in levels.items():
            figures[f"{name} at {level:g}"] = distance(Z)
    runs = {name: _differentiated(each.loss) for name, each in MEASURES.items()}
    found_times = turns(runs, "wasserstein", scope.less(7, 1), threads=(1,))
    return figures | {f"time {name}": x for name, x in found_times.items()}


def penalties(base: str, scope: Scope) -> Figures:
    """Each distance and regulariser, added with some weights."""
    problem = digits(scope)
    figures = named("none", measure(base, None, 0.0, problem, scope))
    for name, (_, penalty) in PENALTIES.items():
        for weight in WEIGHTS[: scope.less(len(WEIGHTS), 1)]:
            found = measure(base, penalty, weight, problem, scope)
            figures |= named(f"{name} {weight:g}", found)
    return figures


def weights(method: str, scope: Scope) -> Figures:
    """A sweep of α, decaying or not as published."""
    setting = SETTINGS["digits"]
    problem = setting.read(scope)
    figures: Figures = {}
    for weight in SWEPT[: scope.less(len(SWEPT), 2)]:
        changes = {"uniformity_weight": weight, "max_iter": _SWEPT_EPOCHS}
        found = setting.judged(problem, scope, method=method, **changes)
        figures |= named(f"{weight:g}", found)
    return figures


def batches(scope: Scope) -> Figures:
    """Mean and deviation of the estimate over batches of one population."""
    random_state = np.random.RandomState(scope.seed)
    populations = {
        kind: collapsed(8192, BATCH_WIDTH, level, random_state)
        for kind, level in BATCH_KINDS.items()
    }
    populations["digits"] = _projections_of_digits(scope)
    figures: Figures = {}
    for kind, Z in populations.items():
        for n in BATCHES[: scope.less(len(BATCHES), 2)]:
            draws = [
                representation_report(Z[random_state.choice(len(Z), n, replace=False)])
                for _ in range(scope.less(20, 2))
            ]
            for name in ("wasserstein_uniformity", "excess", "collapsed_share"):
                values = [getattr(draw, name) for draw in draws]
                figures[f"{kind} {n} {name}"] = float(np.mean(values))
                figures[f"{kind} {n} {name} deviation"] = float(np.std(values))
    return figures


def tables(name: str, scope: Scope) -> Figures:
    """Rows of a table, with and without."""
    problem = table(name, scope)
    figures = named("raw", probed(problem.X_train, problem.X_test, problem, scope))
    for method in TABLE_METHODS:
        for uniformity in (None, "wasserstein"):
            changes = {"method": method, "uniformity": uniformity}
            found = _TABLE.judged(problem, scope, **changes)
            figures |= named(f"{method} {uniformity or 'none'}", found)
    return figures


def clouds(read: Callable[[Scope], tuple], scope: Scope) -> Figures:
    """Embeddings of clouds as they are, and what is learnt from them without labels."""
    training, held_out, y_train, y_test = read(scope)
    embedder = WormholeEmbedder(
        _CLOUD_WIDTH, max_iter=scope.less(20, 1), random_state=scope.seed
    )
    problem = Problem(
        embedder.fit_transform(training), y_train, embedder.transform(held_out), y_test
    )
    raw = Representation(problem.X_train, problem.X_test)
    figures = named("wormhole", judged(raw, problem, scope))
    for uniformity in (None, "wasserstein"):
        changes = {"method": "simsiam", "uniformity": uniformity}
        found = _TABLE.judged(problem, scope, **changes)
        figures |= named(f"simsiam {uniformity or 'none'}", found)
    return figures


def digit_clouds(scope: Scope) -> tuple:
    """Ink of the bundled images as clouds in the plane."""
    X, y = load_digits(return_X_y=True)
    n = scope.less(N_CLOUDS, 60)
    split = train_test_split(
        X, y, train_size=n, test_size=n, stratify=y, random_state=scope.seed
    )
    reader = ImageToCloud((8, 8))
    training, held_out = (reader.fit_transform(part) for part in split[:2])
    return training, held_out, *split[2:]


def word_clouds(scope: Scope) -> tuple:
    """Documents as clouds of word vectors, as many of each class as there are."""
    assert scope.data_home is not None
    split = documents_split(Path(scope.data_home))
    random_state = np.random.RandomState(scope.seed)
    known, counts = np.unique(split.training_labels, return_counts=True)
    classes = known[counts >= _LEAST_DOCUMENTS]
    places = [
        _balanced(labels, classes, scope.less(N_CLOUDS, 60), random_state)
        for labels in (split.training_labels, split.labels)
    ]
    return (
        split.training[places[0]],
        split.held_out[places[1]],
        split.training_labels[places[0]],
        split.labels[places[1]],
    )


def rows() -> dict[str, Callable[[Scope], Figures]]:
    """What measures each row, by name."""
    found: dict[str, Callable[[Scope], Figures]] = {
        "distances": distances,
        "batches": batches,
        "clouds-digits": partial(clouds, digit_clouds),
        "clouds-words": partial(clouds, word_clouds),
    }
    found |= {f"penalties-{base}": partial(penalties, base) for base in BASES}
    found |= {f"weights-{method}": partial(weights, method) for method in SWEPT_METHODS}
    return found | {f"table-{name}": partial(tables, name) for name in TABLES}


def file_of(row: str) -> str | None:
    """What must lie in the folder of data."""
    return DOCUMENTS if row == "clouds-words" else None


def _balanced(
    labels: NDArray[np.integer],
    classes: NDArray[np.integer],
    n: int,
    random_state: np.random.RandomState,
) -> NDArray[np.intp]:
    """Places of n samples, as many of each class, or fewer if it has not as many."""
    share = n // len(classes)
    drawn = [
        random_state.permutation(np.flatnonzero(labels == label))[:share]
        for label in classes
    ]
    return np.sort(np.concatenate(drawn))


def _projections_of_digits(scope: Scope) -> Array:
    """Those of SimSiam without a penalty, which collapses, of all digits."""
    setting = SETTINGS["digits"]
    problem = setting.read(scope)
    changes = {"method": "simsiam", "uniformity": None, "max_iter": _SWEPT_EPOCHS}
    embedder, _ = setting.trained(problem, scope, **changes)
    rows = np.concatenate([problem.X_train, problem.X_test])
    everything = Problem(rows, problem.y_train, rows, problem.y_test)
    found = Representation.of(embedder, everything, scope.seed)
    assert found.projections is not None
    return found.projections.astype(np.float64)


def _of_arrays(loss: Loss) -> Callable[[Array], float]:
    return lambda Z: loss(torch.as_tensor(Z, dtype=torch.float64)).item()


def _differentiated(loss: Loss) -> Run:
    z = torch.randn(COST_SHAPE, generator=torch.Generator().manual_seed(0))

    def run() -> int:
        n_steps = 10
        for _ in range(n_steps):
            moved = z.clone().requires_grad_()
            torch.autograd.grad(loss(moved), moved)
        return n_steps

    return run
