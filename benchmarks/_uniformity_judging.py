"""How representations are judged: by a linear probe, and without labels."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from _problems import Problem, Scope
from _records import Figures
from numpy.typing import NDArray
from torch import Tensor

from skwass import SelfSupervisedEmbedder, linear_probe_score
from skwass.metrics import alignment, representation_report
from skwass.nn import Siamese

Array = NDArray[np.floating]
N_LABELS = 10
#: draws of that many labels, whose scores are averaged
N_DRAWS = 5
#: places in the spectrum of singular values, in descending order
PLACES = (0, 25, 50, 75, 90)
_ROWS_AT_ONCE = 500


@dataclass(frozen=True)
class Representation:
    """What a method says of samples.

    Attributes
    ----------
    training, held_out : ndarray of shape (n_samples, n_components)
        Representations.
    projections : ndarray of shape (n_held_out, n_projected) or None
        Of held-out samples, if there is a projector.
    views : pair of ndarray or None
        Projections of two views of the held-out samples.
    """

    training: Array
    held_out: Array
    projections: Array | None = None
    views: tuple[Array, Array] | None = None

    @classmethod
    def of(
        cls, embedder: SelfSupervisedEmbedder, problem: Problem, seed: int
    ) -> Representation:
        """That of a fitted estimator."""
        net = embedder.net_
        return cls.of_network(net.module_, net.views, problem, seed)

    @classmethod
    @torch.no_grad()
    def of_network(
        cls,
        siamese: Siamese,
        views: Callable[[Tensor], Tensor],
        problem: Problem,
        seed: int,
    ) -> Representation:
        """That of a network, without the randomness of training."""
        siamese.eval()
        device = next(siamese.parameters()).device
        training, held_out = (
            torch.as_tensor(X, dtype=torch.float32, device=device)
            for X in (problem.X_train, problem.X_test)
        )
        with torch.random.fork_rng():
            torch.manual_seed(seed)
            first, second = views(held_out), views(held_out)
        return cls(
            _in_parts(siamese, training),
            _in_parts(siamese, held_out),
            _in_parts(siamese.project, held_out),
            (_in_parts(siamese.project, first), _in_parts(siamese.project, second)),
        )


def judged(found: Representation, problem: Problem, scope: Scope) -> Figures:
    """Probes, and what needs no labels, of projections if there are any.

    Figures of the representations before the projector begin with ``encoder``.
    """
    figures = probed(found.training, found.held_out, problem, scope)
    figures |= described(found.held_out, "encoder_")
    if found.projections is not None:
        figures |= described(found.projections)
    if found.views is not None:
        figures["alignment"] = alignment(*found.views)
    return figures


def probed(training: Array, held_out: Array, problem: Problem, scope: Scope) -> Figures:
    """Accuracy of linear classifiers: with all labels, and with ten of each class."""

    def score(n_labels: int | None, draw: int) -> float:
        return linear_probe_score(
            None,
            training.reshape(len(training), -1),
            problem.y_train,
            held_out.reshape(len(held_out), -1),
            problem.y_test,
            n_labels_per_class=n_labels,
            random_state=1000 * scope.seed + draw,
        )

    n_labels = scope.less(N_LABELS, 1)
    draws = range(scope.less(N_DRAWS, 1))
    few = [score(n_labels, draw) for draw in draws]
    return {"probe": score(None, 0), "probe_10": float(np.mean(few))}


def described(Z: Array, prefix: str = "") -> Figures:
    """Uniformity, rank and spectrum."""
    # a dead row has no direction, and would be an error
    report = representation_report(Z[np.any(Z != 0, axis=1)])
    spectrum = report.spectrum
    figures = {
        "uniformity": report.wasserstein_uniformity,
        "floor": report.floor,
        "excess": report.excess,
        "rank": report.effective_rank,
        "wang_isola": report.wang_isola_uniformity,
        "width": float(report.n_features),
    }
    for place in PLACES:
        figures[f"spectrum_{place}"] = float(spectrum[len(spectrum) * place // 100])
    return {f"{prefix}{name}": x for name, x in figures.items()}


def _in_parts(function: Callable[[Tensor], Tensor], rows: Tensor) -> Array:
    parts = [function(part).cpu() for part in rows.split(_ROWS_AT_ONCE)]
    return torch.cat(parts).numpy()
