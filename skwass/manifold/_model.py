"""A fitted embedding: from samples to embeddings, and from these to clouds."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from skorch import NeuralNet
from torch import Tensor

from skwass.clouds import PointClouds
from skwass.manifold._cohorts import Features, Featuriser, is_invariant
from skwass.manifold._distillation import DistilledEncoder, embed_points
from skwass.manifold._features import LinearDescription
from skwass.manifold._network import wants_decoder
from skwass.manifold._transport_features import TransportFeatures

_ROWS_A_PASS = 4096


@dataclass(frozen=True)
class Model:
    """Features of samples, an autoencoder of these, and its unit of distance.

    A `student` embeds samples in the place of both.
    """

    featuriser: Featuriser
    net: NeuralNet
    unit: float
    student: DistilledEncoder | None = None

    def refuse_another(self, estimator: Any) -> None:
        """A warm start needs networks of the same shape."""
        posed = not isinstance(self.featuriser, TransportFeatures) or isinstance(
            self.featuriser.leading.description, LinearDescription
        )
        if posed == is_invariant(estimator.metric):
            raise ValueError(
                "warm_start goes on from features for another kind of metric than "
                f"metric={estimator.metric!r}. Set warm_start=False to begin anew."
            )
        module = self.net.module_
        n_components = module.encoder.linear.weight.shape[0]
        had = {
            "n_components": n_components,
            "hidden_layer_sizes": tuple(self.net.module__hidden_layer_sizes),
            "decoder": module.decoder is not None,
        }
        wanted = {
            "n_components": estimator.n_components,
            "hidden_layer_sizes": tuple(estimator.hidden_layer_sizes),
            "decoder": wants_decoder(estimator),
        }
        for name, value in wanted.items():
            if value != had[name]:
                raise ValueError(
                    f"warm_start goes on from networks with {name}={had[name]!r}; got "
                    f"{value!r}. Set warm_start=False to begin anew."
                )

    def arrays(self) -> list[NDArray[Any]]:
        """What the networks have learnt, and the unit."""
        weights = self.net.module_.state_dict().values()
        return [*(w.cpu().numpy() for w in weights), np.array([self.unit])]

    def embed(self, samples: Any, n_jobs: int | None = None) -> Features:
        """Embeddings of samples, each by itself."""
        if self.student is not None:
            return embed_points(self.student, samples)
        return self.encode(self.featuriser.transform(samples, n_jobs))

    def encode(self, features: Features) -> Features:
        """Embeddings of features."""
        encoder = self.net.module_.encoder
        return _in_passes(self.net, encoder, features) * np.float32(self.unit)

    def decode(self, embedding: NDArray[np.float64]) -> PointClouds:
        """Clouds of embeddings."""
        rows = (embedding / self.unit).astype(np.float32)
        features = _in_passes(self.net, self.net.module_.decoder, rows)
        assert isinstance(self.featuriser, TransportFeatures)
        return self.featuriser.inverse_transform(features)


def _in_passes(
    net: NeuralNet, module: torch.nn.Module, rows: NDArray[np.float32]
) -> NDArray[np.float32]:
    module.eval()
    with torch.inference_mode():
        passes = [
            module(_tensor(rows[start : start + _ROWS_A_PASS], net.device)).cpu()
            for start in range(0, len(rows), _ROWS_A_PASS)
        ]
    mapped: NDArray[np.float32] = torch.cat(passes).numpy()
    return mapped


def _tensor(rows: NDArray[Any], device: str) -> Tensor:
    return torch.as_tensor(np.array(rows, dtype=np.float32), device=device)
