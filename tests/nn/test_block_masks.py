"""Masks of patches: how many are hidden, where, and what decides."""

import pytest
import torch
from numpy.testing import assert_allclose

from skwass.nn import block_masks


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


@pytest.mark.parametrize("blocks", [True, False])
@pytest.mark.parametrize("grid", [(4, 4), (1, 30), (7, 3), (2, 1)])
@pytest.mark.parametrize("share", [0.01, 0.4, 0.6, 0.99])
def test__as_many_patches__are_hidden_in_each_image(grid, share, blocks):
    n_patches = grid[0] * grid[1]
    masks = block_masks(20, grid, share, blocks=blocks, generator=generator())
    assert masks.shape == (20, n_patches)
    assert masks.dtype == torch.bool
    wanted = min(max(round(share * n_patches), 1), n_patches - 1)
    assert (masks.sum(dim=1) == wanted).all()


def neighbours(masks, grid):
    """Share of pairs of neighbours of which both or none are hidden."""
    masks = masks.unflatten(1, grid)
    rows = masks[:, 1:] == masks[:, :-1]
    columns = masks[..., 1:] == masks[..., :-1]
    return torch.cat([rows.flatten(), columns.flatten()]).float().mean()


def test__blocks__hide_neighbours_together():
    grid = (14, 14)
    in_blocks = block_masks(200, grid, 0.6, generator=generator())
    scattered = block_masks(200, grid, 0.6, blocks=False, generator=generator())
    assert neighbours(scattered, grid) == pytest.approx(0.52, abs=0.01)
    assert neighbours(in_blocks, grid) > 0.8


def test__every_patch__is_hidden_about_as_often():
    often = block_masks(4000, (6, 6), 0.5, generator=generator()).float().mean(dim=0)
    assert_allclose(often, 0.5, atol=0.05)


def test__the_generator__decides():
    first, second = (block_masks(9, (5, 5), generator=generator(1)) for _ in range(2))
    assert torch.equal(first, second)
    assert not torch.equal(first, block_masks(9, (5, 5), generator=generator(2)))
    state = torch.get_rng_state()
    block_masks(9, (5, 5), generator=generator())
    assert torch.equal(torch.get_rng_state(), state)


def test__a_single_patch__cannot_be_masked_in_part():
    with pytest.raises(ValueError, match="grid of 1 × 1 patches cannot be masked"):
        block_masks(3, (1, 1))
