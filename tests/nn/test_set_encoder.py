"""Encoders are functions of the measure alone, and follow shifts and scales exactly."""

import numpy as np
import pytest
import torch
from torch.testing import assert_close

from skwass.nn import QuantileEncoder, TransformerEncoder
from skwass.nn._measures import quantile_means, standardised

N_FEATURES, N_COMPONENTS = 3, 5


@pytest.fixture(autouse=True)
def _same_numbers():
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        yield


def awake(encoder):
    """With numbers in place of the zeros that it starts with, but for unit vectors."""
    with torch.no_grad():
        for tensor in encoder.state_dict().values():
            tensor.add_(0.2 * torch.randn_like(tensor))
    return encoder


@pytest.fixture(params=["quantiles", "transformer"])
def encoder(request):
    torch.manual_seed(1)
    if request.param == "quantiles":
        lines = torch.nn.functional.normalize(torch.randn(6, N_FEATURES), dim=1)
        return awake(QuantileEncoder(lines, N_COMPONENTS, 8, width=16, n_layers=2))
    return awake(TransformerEncoder(N_FEATURES, N_COMPONENTS, width=16, n_heads=2))


@pytest.fixture
def measures():
    return torch.randn(4, 9, N_FEATURES), torch.rand(4, 9) + 0.1


def close(found, expected):
    assert_close(found, expected, rtol=0, atol=1e-5 * expected.abs().max().item())


# --- a function of the measure ----------------------------------------------------


def test__forward__tells_measures_apart(encoder, measures):
    z = encoder(*measures)
    assert z.shape == (4, N_COMPONENTS)
    assert torch.pdist(z).min() > 0.1


def test__forward__does_not_depend_on_the_order_of_points(encoder, measures):
    points, weights = measures
    order = torch.randperm(9)
    close(encoder(points[:, order], weights[:, order]), encoder(points, weights))


def test__forward__does_not_depend_on_padding(encoder, measures):
    points, weights = measures
    far = torch.full((4, 5, N_FEATURES), 7.0)
    padded = torch.cat([far, points, far], 1), torch.nn.functional.pad(weights, (5, 5))
    close(encoder(*padded), encoder(points, weights))


def test__forward__takes_a_duplicated_point_for_a_doubled_weight(encoder, measures):
    points, weights = measures
    heavier = weights.clone()
    heavier[:, 2] *= 2
    twice = torch.cat([points, points[:, 2:3]], 1)
    found = encoder(twice, torch.cat([weights, weights[:, 2:3]], 1))
    close(found, encoder(points, heavier))
    assert not torch.allclose(found, encoder(points, weights), atol=1e-3)


def test__forward__does_not_depend_on_the_scale_of_weights(encoder, measures):
    points, weights = measures
    close(encoder(points, 1000 * weights), encoder(points, weights))


def test__forward__does_not_depend_on_the_rest_of_the_batch(encoder, measures):
    points, weights = measures
    alone = torch.cat(
        [encoder(points[i : i + 1], weights[i : i + 1]) for i in range(4)]
    )
    close(encoder(points, weights), alone)


# --- position and size ------------------------------------------------------------


def test__a_shift_of_the_measure__is_a_shift_of_the_embedding(encoder, measures):
    points, weights = measures
    by = torch.randn(N_FEATURES)
    moved = encoder(points + by, weights) - encoder(points, weights)
    close(moved, (encoder.shift @ by).expand(4, -1))


def test__a_measure_twice_as_large__lies_twice_as_far_out(encoder, measures):
    points, weights = measures
    origin = encoder(torch.zeros(1, 1, N_FEATURES), torch.ones(1, 1))
    out = encoder(points, weights) - origin
    close(encoder(2 * points, weights) - origin, 2 * out)


def test__single_points__are_embedded_linearly(encoder):
    points = torch.randn(6, 1, N_FEATURES)
    z = encoder(points, torch.ones(6, 1))
    close(z, encoder.constant + points[:, 0] @ encoder.shift.T)


def test__gradients__are_finite_for_single_points_and_padding(encoder, measures):
    points, weights = measures
    weights[0, 1:] = 0
    weights[1, 4:] = 0
    points[2] = 1.0
    encoder(points, weights).square().sum().backward()
    gradients = [p.grad for p in encoder.parameters() if p.grad is not None]
    assert all(g.isfinite().all() for g in gradients)
    assert any(g.any() for g in gradients)


# --- the start --------------------------------------------------------------------


def test__start_at__recovers_a_linear_map_of_means_and_quantiles():
    lines = torch.nn.functional.normalize(torch.randn(4, N_FEATURES), dim=1)
    encoder = QuantileEncoder(lines, N_COMPONENTS, 4, width=16)
    points, weights = torch.randn(300, 9, N_FEATURES), torch.rand(300, 9) + 0.1
    mean, spread, numbers = encoder.summarise(points, weights)
    slope, bend = torch.randn(N_FEATURES, N_COMPONENTS), torch.randn(16, N_COMPONENTS)
    targets = mean @ slope + spread[:, None] * (numbers @ bend) + 3.0
    encoder.start_at(mean, spread, numbers, targets)
    assert_close(encoder(points, weights), targets, rtol=0, atol=1e-3)
    assert_close(encoder.shift, slope.T, rtol=0, atol=1e-3)


def test__start_at__copes_with_measures_that_are_all_the_same(encoder):
    points = torch.ones(5, 3, N_FEATURES)
    mean, spread, numbers, *_ = encoder.summarise(points, torch.ones(5, 3))
    targets = torch.full((5, N_COMPONENTS), 2.0)
    encoder.start_at(mean, spread, numbers, targets)
    assert_close(encoder(points, torch.ones(5, 3)), targets, rtol=0, atol=1e-4)


# --- measures ---------------------------------------------------------------------


def test__standardised__gives_mean_zero_and_spread_one(measures):
    mean, spread, unit, mass = standardised(*measures)
    assert_close(mass.sum(1), torch.ones(4))
    assert_close(torch.einsum("bn,bnd->bd", mass, unit), torch.zeros(4, N_FEATURES))
    assert_close((mass * unit.square().sum(-1)).sum(1), torch.ones(4))
    restored = mean[:, None] + spread[:, None, None] * unit
    assert_close(restored, measures[0])


@pytest.mark.parametrize("n_quantiles", [1, 3, 8])
def test__quantile_means__are_means_of_the_quantile_function(n_quantiles):
    generator = np.random.default_rng(0)
    values, counts = generator.normal(size=7), generator.integers(0, 5, 7)
    counts[0] = 24 * n_quantiles - counts[1:].sum()
    # a sample of a multiple of n_quantiles points, cut into equal parts
    sample = np.sort(np.repeat(values, counts)).reshape(n_quantiles, -1)
    mass = torch.tensor(counts / counts.sum())
    found = quantile_means(torch.tensor(values), mass, n_quantiles)
    np.testing.assert_allclose(found, sample.mean(axis=1), atol=1e-12)
