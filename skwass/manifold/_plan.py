"""What a fit does besides training its networks."""

from __future__ import annotations

from dataclasses import dataclass, replace
from numbers import Integral, Real
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.utils import check_array
from sklearn.utils.validation import check_scalar

from skwass.manifold._cohorts import is_invariant

Array = NDArray[np.float64]

#: what `encoder` may be, and which network stands in for transport then
_STUDENTS = {"transport": None, "network": "quantiles", "transformer": "transformer"}
_ENCODER_PARAMS = ("n_virtual", "max_iter", "batch_size", "lr")


@dataclass(frozen=True)
class Plan:
    """What a fit does besides training, named as in `WormholeEmbedder`."""

    init: str | Array
    n_init: int
    n_pairs: int | str
    batch_size: int
    validation_fraction: float | None
    decoder_max_iter: int
    student: str | None
    encoder_params: dict[str, Any]

    @classmethod
    def of(cls, estimator: Any, n_samples: int, *, anew: bool = True) -> Plan:
        """Read it off the estimator, and check what its constraints cannot.

        A fit that does not start `anew` needs no `init`.
        """
        init, fraction = estimator.init if anew else "pca", None
        if not isinstance(init, str):
            init = check_array(init, dtype=np.float64, input_name="init")
            shape = (n_samples, estimator.n_components)
            if init.shape != shape:
                raise ValueError(
                    f"init has shape {init.shape}; expected (n_samples, n_components) "
                    f"= {shape}."
                )
        if estimator.early_stopping:
            fraction = estimator.validation_fraction
            if n_samples - n_held_out(n_samples, fraction) < 2:
                raise ValueError(
                    f"early_stopping with validation_fraction={fraction!r} leaves "
                    f"fewer than two of n_samples={n_samples} to train on."
                )
        return cls(
            init,
            estimator.n_init,
            estimator.n_pairs,
            estimator.batch_size,
            fraction,
            estimator.decoder_max_iter,
            _STUDENTS[estimator.encoder],
            _checked_params(estimator),
        )

    def with_pairs_for(self, n_samples: int, pairs_a_sample: int) -> Plan:
        """The same with a budget of distances for a part of a stream."""
        if not isinstance(self.n_pairs, str):
            return self
        return replace(self, n_pairs=n_samples * pairs_a_sample)


def _checked_params(estimator: Any) -> dict[str, Any]:
    """Those of the encoder, if it goes with the rest."""
    name, params = estimator.encoder, estimator.encoder_params or {}
    if name == "transport":
        if params:
            raise ValueError(
                f"encoder='transport' has no encoder_params; got {params!r}."
            )
        return {}
    if estimator.metric == "precomputed" or is_invariant(estimator.metric):
        raise ValueError(
            f"encoder={name!r} reads the points of clouds, and metric="
            f"{estimator.metric!r} does not see where they are. Set encoder="
            "'transport'."
        )
    unknown = set(params) - set(_ENCODER_PARAMS)
    if unknown:
        raise ValueError(
            f"encoder={name!r} knows {list(_ENCODER_PARAMS)} in encoder_params; got "
            f"{min(unknown)!r}."
        )
    for key, value in params.items():
        check_scalar(
            value,
            f"encoder_params[{key!r}]",
            (Real if key == "lr" else Integral),
            min_val=0,
            include_boundaries="left" if key == "n_virtual" else "neither",
        )
        if not np.isfinite(value):
            raise ValueError(f"encoder_params[{key!r}] must be finite; got {value!r}.")
    return dict(params)


def n_held_out(n_samples: int, fraction: float) -> int:
    return max(2, round(fraction * n_samples))
