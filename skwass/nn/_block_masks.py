"""Which patches a network does not see: in blocks, a whole batch at a time."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from skwass.nn._draws import uniform

#: a block covers this share of the grid, and is this much taller than wide
_AREA = (1 / 12, 1 / 3)
_ASPECT = (0.5, 2.0)
#: share of the grid that a block covers at least, on average, for its edges
_COVERED = 0.03


def block_masks(
    n_samples: int,
    grid: tuple[int, int],
    share: float = 0.6,
    *,
    blocks: bool = True,
    generator: torch.Generator | None = None,
) -> Tensor:
    """Masks of patches, the same number in each image.

    Rectangles of random place, size and shape cover an image one after another until
    enough patches are covered [1]_; of the last, a part may be left over. Neighbours
    are hidden together, so that what is hidden cannot be read off next to it.

    Parameters
    ----------
    n_samples : int
        Number of images.
    grid : tuple of two ints
        Rows and columns of patches, of which there are two at least.
    share : float, default=0.6
        Of patches that are hidden, rounded; at least one is hidden and one is not.
    blocks : bool, default=True
        Whether patches are hidden in rectangles, or each by itself, such as the
        columns of a table, which have no neighbours.
    generator : torch.Generator, default=None
        Decides; None is the global one.

    Returns
    -------
    masks : bool Tensor of shape (n_samples, n_patches)
        True where a patch is hidden. Patches are line by line.

    Raises
    ------
    ValueError
        If there are less than two patches.

    References
    ----------
    .. [1] Bao, Dong, Piao, Wei. BEiT: BERT pre-training of image transformers. ICLR
       2022. arXiv:2106.08254

    Examples
    --------
    >>> import torch
    >>> from skwass.nn import block_masks
    >>> generator = torch.Generator().manual_seed(0)
    >>> masks = block_masks(2, (4, 4), share=0.5, generator=generator)
    >>> masks.sum(dim=1)
    tensor([8, 8])
    """
    n_patches = math.prod(grid)
    if n_patches < 2:
        raise ValueError(
            f"A grid of {grid[0]} × {grid[1]} patches cannot be masked in part; it "
            "needs two patches at least."
        )
    n_hidden = min(max(round(share * n_patches), 1), n_patches - 1)
    order = uniform([n_samples, n_patches], torch.empty(0), generator)
    if blocks:
        order = order + _first_blocks(n_samples, grid, share, generator)
    hidden = order.argsort(dim=1)[:, :n_hidden]
    return torch.zeros(n_samples, n_patches, dtype=torch.bool).scatter_(1, hidden, True)


def _first_blocks(
    n_samples: int,
    grid: tuple[int, int],
    share: float,
    generator: torch.Generator | None,
) -> Tensor:
    """For each patch the number of the first rectangle that covers it."""
    # so many that hardly ever fewer patches are covered than wanted
    n_blocks = math.ceil(math.log1p(-min(share, 0.95)) / math.log1p(-_COVERED)) + 4
    draw = uniform([4, n_samples, n_blocks, 1], torch.empty(0), generator)
    area = math.prod(grid) * (_AREA[0] + (_AREA[1] - _AREA[0]) * draw[0])
    low, high = map(math.log, _ASPECT)
    aspect = (low + (high - low) * draw[1]).exp()
    rows = _within(grid[0], (area * aspect).sqrt(), draw[2])
    columns = _within(grid[1], (area / aspect).sqrt(), draw[3])
    covered = (rows[..., :, None] & columns[..., None, :]).flatten(2)
    # the first of equal ones; a patch that no rectangle covers comes last
    found = covered.to(torch.uint8).argmax(dim=1)
    return torch.where(covered.any(dim=1), found, n_blocks)


def _within(side: int, length: Tensor, start: Tensor) -> Tensor:
    """From lengths and shares of the way (..., 1) to places (..., side).

    A rectangle may begin before the edge or end behind it, so that it covers places at
    the edge as often as others.
    """
    length = length.round().clamp(1, side)
    first = (start * (side + length - 1)).floor() + 1 - length
    places = torch.arange(side)
    return (places >= first) & (places < first + length)
