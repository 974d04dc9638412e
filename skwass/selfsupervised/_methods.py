"""What each method is made of, and how it is usually set."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from skwass.nn import (
    BYOL,
    NNCLR,
    AlignUniform,
    BarlowTwins,
    MoCo,
    Siamese,
    SimCLR,
    SimSiam,
    ZeroCL,
)


@dataclass(frozen=True)
class Method:
    """A method and its defaults.

    Attributes
    ----------
    siamese : type
        The module that compares two views.
    temperature : float or None
        As published, if it has one.
    has_momentum, has_queue : bool
        Which of the parameters of that name it reads.
    predictor : float or None
        Width of the hidden layer of the predictor, relative to the projections; None
        has no predictor.
    options : dict
        What else it reads, with defaults.
    weight : float
        Of the uniformity loss.
    decay : str
        What becomes of that weight.
    """

    siamese: type[Siamese]
    temperature: float | None = None
    has_momentum: bool = False
    has_queue: bool = False
    predictor: float | None = None
    options: dict[str, Any] = field(default_factory=dict)
    weight: float = 1.0
    decay: str = "linear"


METHODS = {
    "simclr": Method(SimCLR, temperature=0.5),
    "mocov2": Method(
        MoCo, temperature=0.2, has_momentum=True, has_queue=True, decay="constant"
    ),
    "nnclr": Method(NNCLR, temperature=0.1, has_queue=True, predictor=4.0),
    "byol": Method(
        BYOL, has_momentum=True, predictor=4.0, weight=0.2, decay="constant"
    ),
    "simsiam": Method(SimSiam, predictor=0.25),
    "align-uniform": Method(AlignUniform, options={"uniform_weight": 1.0}),
    "barlow-twins": Method(BarlowTwins, options={"off_diagonal": 0.08}, weight=30.0),
    "zero-cl": Method(ZeroCL, options={"instance_weight": 1.0, "shrinkage": 1e-4}),
}
