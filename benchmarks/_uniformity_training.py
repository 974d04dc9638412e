"""A bare loop, in which any penalty can be added to any way to compare views."""

from __future__ import annotations

import time
from typing import cast

import torch
from _problems import Problem, Scope
from _records import Figures
from _uniformity_distances import Penalty
from _uniformity_judging import Representation, judged
from torch import Tensor, nn

from skwass.nn import (
    AlignmentLoss,
    Perceptron,
    Siamese,
    SimSiam,
    TableViews,
    centre_and_scale,
)

#: as of the rows of methods, with fewer epochs
N_EPOCHS = 60
_BATCH = 256
_WIDTH = 64
_HIDDEN = (256, 256)
_PROJECTOR = (256, 256, 64)


class Aligned(Siamese):
    """Views shall agree, and nothing keeps samples apart."""

    def _loss(self, z1: Tensor, z2: Tensor, first: Tensor, second: Tensor) -> Tensor:
        return cast(Tensor, AlignmentLoss()(z1, z2))


#: ways to compare views
BASES = {"simsiam": "SimSiam", "align": "alignment alone"}


def measure(
    base: str, penalty: Penalty | None, weight: float, problem: Problem, scope: Scope
) -> Figures:
    """Figures of a network that was trained with a penalty of constant weight."""
    with torch.random.fork_rng():
        torch.manual_seed(scope.seed)
        rows = torch.as_tensor(problem.X_train)
        mean, scale = centre_and_scale(rows)
        views = TableViews(mean=mean, scale=scale)
        siamese = _siamese(base, rows, mean, scale)
        start = time.process_time()
        _train(siamese, views, rows, penalty, weight, scope.less(N_EPOCHS, 1))
        seconds = time.process_time() - start
    found = Representation.of_network(siamese, views, problem, scope.seed)
    return {"cpu_seconds": seconds} | judged(found, problem, scope)


def _siamese(base: str, rows: Tensor, mean: Tensor, scale: Tensor) -> Siamese:
    encoder = Perceptron(rows.shape[1], _WIDTH, _HIDDEN, mean=mean, scale=scale)
    if base == "align":
        return Aligned(encoder, _WIDTH, _PROJECTOR)
    predictor = (_PROJECTOR[-1] // 4,)
    return SimSiam(encoder, _WIDTH, _PROJECTOR, predictor_sizes=predictor)


def _train(
    siamese: Siamese,
    views: nn.Module,
    rows: Tensor,
    penalty: Penalty | None,
    weight: float,
    n_epochs: int,
) -> None:
    optimizer = torch.optim.AdamW(siamese.parameters(), lr=1e-3, weight_decay=1e-4)
    n_steps = n_epochs * -(-len(rows) // _BATCH)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, T_max=n_steps)
    siamese.train()
    for _ in range(n_epochs):
        for places in torch.randperm(len(rows)).split(_BATCH):
            batch = rows[places]
            loss, first, second = siamese.compare(views(batch), views(batch))
            if penalty is not None:
                loss = loss + weight * penalty(first, second)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            schedule.step()
