"""Teaching a decoder by the exact transport from what it makes to what was there."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import torch
from numpy.typing import NDArray
from skorch import NeuralNet
from torch import Tensor, nn
from torch.utils.data import IterableDataset

from skwass.clouds import PointClouds
from skwass.manifold._cohorts import Featuriser
from skwass.manifold._model import Model
from skwass.manifold._network import loss_curves
from skwass.manifold._transport_features import TransportFeatures
from skwass.nn import MovedReference
from skwass.training import (
    Checkpoint,
    OneCycle,
    ProgressBar,
    SaveEpochs,
    StopWhenNotFinite,
    go_on,
)
from skwass.transport import TransportLoss

_CLOUDS_A_STEP = 32
_LR = 1e-3
#: of a cloud that is larger, other points are drawn in every epoch
_MOST_POINTS = 512

Target = tuple[Tensor, Tensor]


def refine_decoder(
    model: Model,
    clouds: PointClouds,
    embedding: NDArray[np.float32],
    *,
    n_epochs: int,
    n_jobs: int | None,
    checkpoint: Checkpoint,
    seed: int,
    verbose: int,
) -> bool:
    """Go on training the decoder of a model, by :math:`W_2^2` instead of features.

    Tells whether it came to its end, or the user stopped it.
    """
    if not n_epochs:
        return True
    assert isinstance(model.featuriser, TransportFeatures)
    points = _moved_reference(model.featuriser)
    weights = model.featuriser.reference.weights
    batches = CloudBatches(clouds, embedding, model, seed)
    module = nn.Sequential(model.net.module_.decoder, points)
    advice = "Set decoder_max_iter=0, or rescale X, and fit again."
    net = NeuralNet(
        module,
        DecodingLoss,
        criterion__weights=torch.as_tensor(weights, dtype=torch.float32),
        criterion__n_jobs=n_jobs,
        optimizer=torch.optim.AdamW,
        lr=_LR,
        max_epochs=n_epochs,
        batch_size=None,
        iterator_train__generator=torch.Generator().manual_seed(seed),
        train_split=None,
        callbacks=[
            ("finite", StopWhenNotFinite(advice)),
            ("schedule", OneCycle(_LR, n_epochs, batches.n_batches)),
            ("saving", SaveEpochs(checkpoint, "decoder")),
            *([("progress", ProgressBar("decoder"))] if verbose else []),
        ],
        callbacks__print_log=None,
        device=model.net.device,
        verbose=0,
    )
    net.initialize()
    go_on(net, checkpoint.recall("decoder"))
    batches.epoch = len(net.history)
    net.partial_fit(batches, y=None)
    model.net.module_.zero_grad()
    return len(loss_curves(net)["loss"]) == n_epochs


class DecodingLoss(nn.Module):
    """Mean squared 2-Wasserstein distance between decoded and true clouds.

    Parameters
    ----------
    weights : Tensor of shape (n_points,)
        Of the points that are decoded.
    n_jobs : int, default=None
        Threads of the solver.
    """

    weights: Tensor

    def __init__(self, weights: Tensor, n_jobs: int | None = None) -> None:
        super().__init__()
        self.register_buffer("weights", weights)
        self.transport = TransportLoss("exact", n_jobs=n_jobs)

    def forward(self, decoded: Tensor, target: Target) -> Tensor:
        """Compare points with padded clouds, whose padding has no weight."""
        points, weights = target
        mass = self.weights.expand(len(decoded), -1)
        loss: Tensor = self.transport(decoded, points, mass, weights)
        return loss


class CloudBatches(IterableDataset):
    """Batches ``(embedding, (points, weights))`` of clouds in the unit of a model."""

    def __init__(
        self,
        clouds: PointClouds,
        embedding: NDArray[np.float32],
        model: Model,
        seed: int,
    ) -> None:
        self.clouds = clouds
        self.rows = torch.as_tensor(embedding / np.float32(model.unit))
        self.origin = _origin(model.featuriser)
        self.scale = model.featuriser.scale
        self.seed = seed
        self.epoch = 0
        self.n_batches = -(-len(clouds) // _CLOUDS_A_STEP)

    def __iter__(self) -> Iterator[tuple[Tensor, Target]]:
        random_state = np.random.RandomState([self.seed, self.epoch])
        self.epoch += 1
        order = random_state.permutation(len(self.clouds))
        for start in range(0, len(order), _CLOUDS_A_STEP):
            chosen = order[start : start + _CLOUDS_A_STEP]
            yield self.rows[chosen], self._padded(chosen, random_state)

    def _padded(
        self, chosen: NDArray[np.intp], random_state: np.random.RandomState
    ) -> Target:
        clouds = [self._some_of(self.clouds[int(i)], random_state) for i in chosen]
        largest = max(len(weights) for _, weights in clouds)
        points = np.zeros((len(clouds), largest, self.clouds.n_features), np.float32)
        weights = np.zeros((len(clouds), largest), np.float32)
        for row, (where, mass) in enumerate(clouds):
            points[row, : len(mass)] = (where - self.origin) / self.scale
            weights[row, : len(mass)] = mass
        return torch.as_tensor(points), torch.as_tensor(weights)

    def _some_of(
        self,
        cloud: tuple[NDArray[np.floating], NDArray[np.float64]],
        random_state: np.random.RandomState,
    ) -> tuple[NDArray[np.floating], NDArray[np.float64]]:
        points, weights = cloud
        if len(weights) <= _MOST_POINTS:
            return points, weights
        share = weights / weights.sum()
        chosen = random_state.choice(len(weights), _MOST_POINTS, p=share)
        return points[chosen], np.full(_MOST_POINTS, 1 / _MOST_POINTS)


def _moved_reference(featuriser: TransportFeatures) -> MovedReference:
    """Read off the affine map by decoding zero and each unit."""
    n_features = featuriser.n_leading
    probes = np.eye(n_features + 1, n_features, k=-1, dtype=np.float32)
    landed = featuriser.inverse_transform(probes)
    points = landed.points.reshape(len(probes), -1, landed.n_features)
    unit = (points - _origin(featuriser)) / featuriser.scale
    return MovedReference(
        torch.as_tensor(unit[1:] - unit[0], dtype=torch.float32),
        torch.as_tensor(unit[0], dtype=torch.float32),
    )


def _origin(featuriser: Featuriser) -> NDArray[np.float64]:
    """Far from zero, float32 would lose digits."""
    assert isinstance(featuriser, TransportFeatures)
    origin: NDArray[np.float64] = featuriser.reference.points.mean(axis=0)
    return origin
