"""Networks of the user: copied, or made with what they want to know."""

import pytest
import torch
from torch import nn

from skwass.training import has_batch_statistics, made_module

TOLD = {"n_inputs": 3, "n_outputs": 2}


def layer(n_inputs, width=7):
    return nn.Linear(n_inputs, width)


def test__an_instance__is_copied():
    given = nn.Linear(3, 2)
    made = made_module(given, {}, TOLD, name="encoder", seed=0)
    assert made is not given
    torch.testing.assert_close(made.weight, given.weight)


def test__a_factory__is_told_what_it_asks_for():
    made = made_module(layer, {"width": 5}, TOLD, name="encoder", seed=0)
    assert (made.in_features, made.out_features) == (3, 5)


def test__the_seed__decides_the_weights_and_nothing_else_changes():
    before = torch.get_rng_state()
    first, again, other = (
        made_module(layer, {}, TOLD, name="encoder", seed=seed).weight
        for seed in (0, 0, 1)
    )
    assert torch.equal(first, again)
    assert not torch.equal(first, other)
    assert torch.equal(torch.get_rng_state(), before)


@pytest.mark.parametrize(
    ("given", "parameters", "message"),
    [
        (nn.Linear(3, 2), {"width": 5}, r"\['encoder__width'\] are for a module that"),
        (lambda: 3, {}, "encoder must be a torch module, .* made a int"),
    ],
)
def test__what_makes_no_module__raises(given, parameters, message):
    with pytest.raises(ValueError, match=message):
        made_module(given, parameters, TOLD, name="encoder", seed=0)


def test__batch_statistics__are_found_at_any_depth():
    plain = nn.Sequential(nn.Linear(2, 2), nn.LayerNorm(2))
    assert not has_batch_statistics(plain)
    assert has_batch_statistics(nn.Sequential(plain, nn.Sequential(nn.BatchNorm1d(2))))
