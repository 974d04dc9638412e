"""Into which patches an image is cut."""

from __future__ import annotations

from numbers import Integral
from typing import Any

from skwass.vision._images import Form, is_positive

#: columns of a table that get a token each; beyond, neighbours share one
_MOST_TOKENS = 512


def patch_of(given: Any, form: Form) -> tuple[int, int]:
    """Height and width of a patch; a ValueError if patches do not fill the image."""
    _, *sides = form.shape
    if isinstance(given, str):  # "auto"
        if form.tabular:
            return 1, _least_patch(sides[1])
        height, width = map(_patch_of_side, sides)
        return height, width
    sizes = (given, given) if isinstance(given, Integral) else tuple(given)
    if len(sizes) != 2 or not all(is_positive(size) for size in sizes):
        raise ValueError(
            "patch_size must be a positive integer or two of them, height and width; "
            f"got {given!r}."
        )
    if form.tabular and isinstance(given, Integral):
        sizes = (1, given)
    if any(side % size for side, size in zip(sides, sizes, strict=True)):
        what = "columns" if form.tabular else "pixels"
        raise ValueError(
            f"patch_size={given!r} must divide the height and width of the images; X "
            f"has {sides[0]} × {sides[1]} {what}. Give another patch_size, or crop or "
            "pad X."
        )
    return int(sizes[0]), int(sizes[1])


def _patch_of_side(side: int) -> int:
    """The divisor by which the number of patches is nearest to √(2 · side)."""
    divisors = [size for size in range(1, side + 1) if side % size == 0]

    def far(size: int) -> float:
        """The square of the number over that of the target, or the inverse."""
        ratio = side / (2 * size**2)
        return max(ratio, 1 / ratio)

    # of two as near, the one of fewer patches
    return min(reversed(divisors), key=far)


def _least_patch(n_features: int) -> int:
    least = -(-n_features // _MOST_TOKENS)
    return next(size for size in range(least, n_features + 1) if n_features % size == 0)
