"""How large distances may be, when embeddings are float32."""

from __future__ import annotations

_SMALLEST = 1e-30


def refuse_scale(distance: float) -> None:
    """A typical distance whose square float32 cannot hold is refused.

    Raises
    ------
    ValueError
        If it is too small or too large.
    """
    if not _SMALLEST < distance < 1 / _SMALLEST:
        raise ValueError(
            f"Distances of X are about {distance:.0e}, and embeddings are float32; "
            "rescale X."
        )
