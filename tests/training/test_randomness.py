"""Seeds stay inside, whatever happens there."""

import numpy as np
import pytest
import torch

from skwass.training import draw_seed, local_torch_seed


def numpy_state():
    name, keys, *rest = np.random.get_state()  # noqa: NPY002
    return (name, keys.tolist(), *rest)


class Trouble(Exception):
    pass


@pytest.mark.parametrize("trouble", [None, Trouble, KeyboardInterrupt])
def test_global_generators_are_left_as_they_were_found(trouble):
    torch.rand(3)  # somewhere in the middle of its sequence
    before, numpy_before = torch.get_rng_state(), numpy_state()

    def body():
        with local_torch_seed(7):
            torch.rand(1000)
            torch.nn.Linear(5, 5)
            assert not torch.equal(torch.get_rng_state(), before)
            if trouble is not None:
                raise trouble

    if trouble is None:
        body()
    else:
        with pytest.raises(trouble):
            body()
    assert torch.equal(torch.get_rng_state(), before)
    assert numpy_state() == numpy_before


def test_the_same_seed_gives_the_same_numbers():
    def numbers(seed):
        with local_torch_seed(seed):
            return torch.cat([torch.rand(5), torch.nn.Linear(4, 3).weight.ravel()])

    first = numbers(3)
    torch.rand(11)
    assert torch.equal(numbers(3), first)
    assert not torch.equal(numbers(4), first)


def test_a_seed_in_a_seed_does_not_disturb_the_outer_one():
    with local_torch_seed(1):
        expected = torch.rand(4)
    with local_torch_seed(1):
        first = torch.rand(2)
        with local_torch_seed(2):
            torch.rand(100)
        found = torch.cat([first, torch.rand(2)])
    assert torch.equal(found, expected)


def test_drawn_seeds_come_from_the_given_generator_alone():
    before = numpy_state()
    seeds = [draw_seed(np.random.RandomState(5)) for _ in range(2)]
    assert seeds[0] == seeds[1]
    assert type(seeds[0]) is int
    assert draw_seed(np.random.RandomState(6)) != seeds[0]
    assert numpy_state() == before


def test_every_draw_is_another_seed_that_all_generators_take():
    random_state = np.random.RandomState(0)
    seeds = [draw_seed(random_state) for _ in range(100)]
    assert len(set(seeds)) == 100
    assert min(seeds) >= 0
    assert max(seeds) < 2**31
    np.random.RandomState(max(seeds))
    torch.Generator().manual_seed(max(seeds))
