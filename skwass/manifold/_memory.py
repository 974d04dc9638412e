"""Some of the clouds that an embedder has seen, for when more of them come."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from skwass.clouds import PointClouds
from skwass.transport import pooled

_MOST_CLOUDS = 1000
_MOST_NUMBERS = 2**20


@dataclass(frozen=True)
class Memory:
    """Some of the clouds seen so far, each with the same probability.

    Attributes
    ----------
    clouds : PointClouds
        Those that are kept.
    n_seen : int
        How many there have been.
    """

    clouds: PointClouds
    n_seen: int

    @classmethod
    def of(cls, clouds: PointClouds, random_state: np.random.RandomState) -> Memory:
        """Begin with the clouds of a fit."""
        kept = random_state.permutation(len(clouds))[: _room(clouds)]
        return cls(clouds[np.sort(kept)], len(clouds))

    def and_of(
        self, clouds: PointClouds, random_state: np.random.RandomState
    ) -> Memory:
        """Let new clouds take the places of old ones, in proportion to their number."""
        n_seen = self.n_seen + len(clouds)
        room = min(max(_room(clouds), len(self.clouds)), n_seen)
        # of so many places, the new clouds get each with the same probability
        n_new = random_state.hypergeometric(len(clouds), self.n_seen, room)
        n_new = max(n_new, room - len(self.clouds))
        old = random_state.permutation(len(self.clouds))[: room - n_new]
        new = random_state.permutation(len(clouds))[:n_new]
        kept = pooled(self.clouds[np.sort(old)], clouds[np.sort(new)])
        # the new clouds may be larger than the old ones that the room was meant for
        left = random_state.permutation(len(kept))[: _room(kept)]
        return Memory(kept[np.sort(left)], n_seen)


def _room(clouds: PointClouds) -> int:
    """How many clouds such as these are kept."""
    numbers = len(clouds.points) * (clouds.n_features + 1) / len(clouds)
    return min(_MOST_CLOUDS, max(16, int(_MOST_NUMBERS / numbers)))
