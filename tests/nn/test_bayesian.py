"""Bayesian layers against what is known of Gaussians, and against the plain layers."""

import copy
import math
import pickle

import pytest
import torch
from torch import nn
from torch.autograd import gradcheck
from torch.distributions import Normal
from torch.distributions import kl_divergence as torch_kl
from torch.nn import functional as F
from torch.nn.utils import parameters_to_vector, vector_to_parameters

from skwass.nn import (
    BayesianConv1d,
    BayesianConv2d,
    BayesianLinear,
    kl_divergence,
    mean_weights,
    sampled_weights,
)

LAYERS = {
    "linear": (lambda **kw: BayesianLinear(6, 4, **kw), (5, 6)),
    "sequences": (lambda **kw: BayesianLinear(6, 4, **kw), (5, 3, 6)),
    "no bias": (lambda **kw: BayesianLinear(6, 4, bias=False, **kw), (5, 6)),
    "conv1d": (lambda **kw: BayesianConv1d(2, 4, 3, padding=1, **kw), (5, 2, 7)),
    "conv2d": (lambda **kw: BayesianConv2d(2, 4, 3, stride=2, **kw), (5, 2, 6, 6)),
    "grouped": (
        lambda **kw: BayesianConv2d(
            4, 4, 3, padding="same", dilation=2, groups=2, padding_mode="reflect", **kw
        ),
        (5, 4, 6, 6),
    ),
}
every_layer = pytest.mark.parametrize("name", LAYERS)


def problem(name, seed=0, **scales):
    """A layer in double precision with spreads of many sizes, and an input."""
    torch.manual_seed(seed)
    make, shape = LAYERS[name]
    layer = make(dtype=torch.float64, **scales)
    for spread in (layer.weight_spread, layer.bias_spread):
        if spread is not None:
            nn.init.uniform_(spread, -2.0, 1.0)
    return layer, torch.randn(shape, dtype=torch.float64)


@pytest.fixture(autouse=True)
def _keep_the_global_generator():
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        yield


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


def plain_forward(layer, x, weight, bias):
    """The same layer of torch, with these weights."""
    if isinstance(layer, nn.Linear):
        return F.linear(x, weight, bias)
    return layer._conv_forward(x, weight, bias)


# -- training: each output by itself ---------------------------------------------------


@every_layer
def test__training__has_the_moments_of_sampled_weights(name):
    layer, x = problem(name)
    n_draws = 2000
    many = x.expand(n_draws, *x.shape).flatten(0, 1)
    with torch.no_grad():
        local = layer(many).unflatten(0, (n_draws, len(x)))
        shared = []
        source = generator()
        for _ in range(n_draws):
            with sampled_weights(layer, source):
                shared.append(layer(x))
        shared = torch.stack(shared)
        mean = layer.eval()(x)
    # five standard errors, of a mean and of a ratio of standard deviations
    std, error = shared.std(0), 5 / n_draws**0.5
    assert ((local.mean(0) - mean).abs() < error * std).all()
    assert ((shared.mean(0) - mean).abs() < error * std).all()
    assert ((local.std(0) / std - 1).abs() < error).all()


def test__training__has_the_variance_in_the_formula():
    layer = BayesianLinear(2, 1, dtype=torch.float64)
    with torch.no_grad():
        layer.weight_spread.copy_(torch.tensor([[2.0, 3.0]]).expm1().log())
        layer.bias_spread.copy_(torch.tensor([1.5]).expm1().log())
    x = torch.tensor([[0.5, -1.0]], dtype=torch.float64)
    state = torch.get_rng_state()
    noisy = layer(x)
    torch.set_rng_state(state)
    noise = torch.randn(1, 1, dtype=torch.float64)
    variance = 4.0 * 0.25 + 9.0 * 1.0 + 2.25
    with mean_weights(layer):
        expected = layer(x) + variance**0.5 * noise
    torch.testing.assert_close(noisy, expected, rtol=1e-6, atol=0)


@every_layer
def test__training__draws_each_row_and_each_pass_by_itself(name):
    layer, x = problem(name)
    same = x[:1].expand_as(x)
    first = layer(same)
    assert not torch.equal(first[0], first[1])
    assert not torch.equal(first, layer(same))


@every_layer
def test__training__repeats_its_noise_from_the_state_of_the_generator(name):
    layer, x = problem(name)
    net = nn.Sequential(layer, nn.Dropout(0.5))
    state = torch.get_rng_state()
    first = net(x)
    second = net(x)
    torch.set_rng_state(state)
    assert torch.equal(net(x), first)
    assert not torch.equal(first, second)


def test__training__moves_with_the_means_when_the_noise_stays():
    layer, x = problem("linear")
    state = torch.get_rng_state()
    before = layer(x)
    with torch.no_grad():
        layer.bias += 1.0
    torch.set_rng_state(state)
    torch.testing.assert_close(layer(x), before + 1.0)


@every_layer
def test__training__has_the_gradient_of_finite_differences(name):
    layer, x = problem(name)
    names, values = zip(*layer.named_parameters(), strict=True)
    state = torch.get_rng_state()

    def output(x, *values):
        torch.set_rng_state(state)
        parameters = dict(zip(names, values, strict=True))
        return torch.func.functional_call(layer, parameters, (x,))

    assert gradcheck(output, (x.requires_grad_(), *values), fast_mode=True)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.bfloat16])
@pytest.mark.parametrize("name", ["no bias", "conv2d"])
def test__rows_of_zeros__have_finite_gradients(name, dtype):
    make, shape = LAYERS[name]
    layer = make().to(dtype)
    if layer.bias is not None:
        nn.init.constant_(layer.bias_spread, -1e4)
    x = torch.zeros(shape, dtype=dtype, requires_grad=True)
    layer(x).sum().backward()
    assert layer.weight_spread.grad.abs().max() == 0
    for tensor in (x, *layer.parameters()):
        assert tensor.grad.isfinite().all()


# -- the other ways --------------------------------------------------------------------


@every_layer
def test__evaluation__is_the_plain_layer(name):
    layer, x = problem(name)
    plain = plain_forward(layer, x, layer.weight, layer.bias)
    assert torch.equal(layer.eval()(x), plain)
    with mean_weights(layer.train()):
        assert torch.equal(layer(x), plain)


@every_layer
@pytest.mark.parametrize("training", [False, True])
def test__sampled_weights__give_a_row_what_it_gets_alone(name, training):
    layer, x = problem(name)
    layer.train(training)
    order = torch.randperm(len(x))
    with sampled_weights(layer, generator()):
        whole = layer(x)
        torch.testing.assert_close(layer(x[order]), whole[order])
        for i in range(len(x)):
            torch.testing.assert_close(layer(x[i : i + 1]), whole[i : i + 1])


def test__sampled_weights__are_means_plus_spreads_times_noise():
    layer, x = problem("linear")
    with sampled_weights(layer, generator(3)):
        found = layer(x)
    source = generator(3)
    weight, bias = (
        mean
        + F.softplus(spread)
        * torch.randn(mean.shape, generator=source, dtype=mean.dtype)
        for mean, spread in (
            (layer.weight, layer.weight_spread),
            (layer.bias, layer.bias_spread),
        )
    )
    torch.testing.assert_close(found, F.linear(x, weight, bias))


def test__sampled_weights__come_from_the_generator_alone():
    layer, x = problem("conv2d")
    state = torch.get_rng_state()
    source = generator()
    outputs = []
    for _ in range(2):
        with sampled_weights(layer, source):
            outputs.append(layer(x))
    assert torch.equal(torch.get_rng_state(), state)
    assert not torch.equal(*outputs)
    with sampled_weights(layer, generator()):
        assert torch.equal(layer(x), outputs[0])


def test__sampled_weights__without_a_generator_follow_the_global_one():
    layer, x = problem("linear")
    outputs = []
    for _ in range(2):
        torch.manual_seed(5)
        with sampled_weights(layer):
            outputs.append(layer(x))
    assert torch.equal(*outputs)


@every_layer
def test__sampled_weights__have_the_gradient_of_finite_differences(name):
    layer, x = problem(name)
    names, values = zip(*layer.named_parameters(), strict=True)

    def output(x, *values):
        parameters = dict(zip(names, values, strict=True))
        return torch.func.functional_call(layer, parameters, (x,))

    with sampled_weights(layer, generator()):
        assert gradcheck(output, (x.requires_grad_(), *values), fast_mode=True)


def test__contexts__end_with_an_error_too_and_nest():
    layer, x = problem("linear")
    layer.eval()
    plain = layer(x)
    with pytest.raises(KeyError), sampled_weights(layer, generator()):
        raise KeyError
    assert torch.equal(layer(x), plain)
    with sampled_weights(layer, generator()):
        sampled = layer(x)
        with mean_weights(layer):
            assert torch.equal(layer(x), plain)
        assert torch.equal(layer(x), sampled)
    assert not torch.equal(sampled, plain)
    assert torch.equal(layer(x), plain)


@pytest.mark.parametrize("duplicate", [copy.deepcopy, pickle.dumps])
def test__a_copy__leaves_the_context_of_its_original(duplicate):
    layer, x = problem("linear")
    layer.eval()
    plain = layer(x)
    with sampled_weights(layer, generator()):
        twin = duplicate(layer)
    twin = pickle.loads(twin) if isinstance(twin, bytes) else twin
    assert torch.equal(twin(x), plain)
    assert twin.prior_scale == layer.prior_scale


def test__layers_that_share_a_weight__share_its_noise_and_its_prior():
    torch.manual_seed(0)
    one, two = BayesianLinear(4, 4, bias=False), BayesianLinear(4, 4, bias=False)
    alone = kl_divergence(one)
    two.weight, two.weight_spread = one.weight, one.weight_spread
    net = nn.ModuleList([one, two, one])
    torch.testing.assert_close(kl_divergence(net), alone)
    with sampled_weights(net, generator()):
        x = torch.randn(3, 4)
        assert torch.equal(one(x), two(x))


def enter(context):
    with context:
        pass


@pytest.mark.parametrize(
    "ask",
    [
        kl_divergence,
        lambda module: enter(mean_weights(module)),
        lambda module: enter(sampled_weights(module)),
    ],
)
def test__a_module_without_bayesian_layers__is_refused(ask):
    with pytest.raises(ValueError, match="module=Linear has no Bayesian layers"):
        ask(nn.Linear(2, 2))


# -- the prior -------------------------------------------------------------------------


@every_layer
def test__kl__is_that_of_torch_distributions(name):
    layer, _ = problem(name, prior_scale=0.3)
    prior = Normal(*torch.tensor([0.0, 0.3], dtype=torch.float64))
    expected = sum(
        torch_kl(Normal(mean, F.softplus(spread)), prior).sum()
        for mean, spread in (
            (layer.weight, layer.weight_spread),
            (layer.bias, layer.bias_spread),
        )
        if mean is not None
    )
    torch.testing.assert_close(kl_divergence(layer), expected, rtol=1e-12, atol=0)


def test__kl__adds_layers_with_priors_of_their_own():
    one, two = BayesianLinear(3, 2, prior_scale=0.1), BayesianConv1d(3, 2, 3)
    two.prior_scale = 2.0
    net = nn.Sequential(one, nn.Sequential(two, nn.BatchNorm1d(2)), one)
    expected = kl_divergence(one) + kl_divergence(two)
    torch.testing.assert_close(kl_divergence(net), expected)


def test__kl__has_the_gradient_of_finite_differences():
    layer, _ = problem("linear")

    def divergence(mean, spread):
        # as attributes, since a parameter would cut the graph
        del layer.weight, layer.weight_spread
        layer.weight, layer.weight_spread = mean, spread
        return kl_divergence(layer)

    spread = torch.linspace(-40.0, 25.0, 24, dtype=torch.float64).reshape(4, 6)
    mean = torch.randn(4, 6, dtype=torch.float64)
    values = (mean.requires_grad_(), spread.requires_grad_())
    assert gradcheck(divergence, values)


@pytest.mark.parametrize("raw", [-29.0, -31.0, -90.0, -150.0, -1e4])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test__kl__is_exact_where_the_spread_is_too_small_for_a_float(raw, dtype):
    layer = BayesianLinear(1, 1, bias=False, prior_scale=0.5, dtype=dtype)
    nn.init.zeros_(layer.weight)
    nn.init.constant_(layer.weight_spread, raw)
    divergence = kl_divergence(layer)
    divergence.backward()
    assert divergence.item() == pytest.approx(math.log(0.5) - raw - 0.5, rel=1e-6)
    assert layer.weight_spread.grad.item() == pytest.approx(-1.0, rel=1e-6)


def test__kl__is_zero_at_the_prior():
    layer = BayesianLinear(50, 40, prior_scale=0.2, initial_scale=0.2)
    nn.init.zeros_(layer.weight)
    nn.init.zeros_(layer.bias)
    divergence = kl_divergence(layer)
    divergence.backward()
    assert abs(divergence.item()) < 1e-6
    assert layer.weight_spread.grad.abs().max() < 1e-6


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test__kl__of_half_precision_is_computed_in_single(dtype):
    layer = BayesianLinear(20, 10)
    expected = kl_divergence(layer)
    found = kl_divergence(layer.to(dtype))
    assert found.dtype is torch.float32
    torch.testing.assert_close(found, expected, rtol=1e-3, atol=0)


# -- torch's habits --------------------------------------------------------------------


def test__a_layer__starts_with_the_weights_of_the_plain_one():
    torch.manual_seed(1)
    plain = nn.Conv2d(2, 3, 3)
    torch.manual_seed(1)
    layer = BayesianConv2d(2, 3, 3, initial_scale=0.02)
    assert torch.equal(layer.weight, plain.weight)
    assert torch.equal(layer.bias, plain.bias)
    for spread in (layer.weight_spread, layer.bias_spread):
        torch.testing.assert_close(F.softplus(spread), torch.full_like(spread, 0.02))


@pytest.mark.parametrize("scale", [1e-20, 1e-3, 1.0, 30.0, 1e4])
def test__initial_scale__is_where_the_spread_starts(scale):
    layer = BayesianLinear(2, 2, initial_scale=scale, dtype=torch.float64)
    expected = torch.full_like(layer.weight, scale)
    torch.testing.assert_close(F.softplus(layer.weight_spread), expected)


def test__default_scale__is_a_raw_spread_of_minus_five():
    layer = BayesianLinear(2, 2)
    torch.testing.assert_close(layer.bias_spread, torch.full((2,), -5.0))


@pytest.mark.parametrize("name", ["prior_scale", "initial_scale"])
@pytest.mark.parametrize("value", [0.0, -1.0, math.inf, math.nan])
def test__scales__that_are_none_are_refused(name, value):
    with pytest.raises(ValueError, match=f"{name}={value}.*positive"):
        BayesianLinear(2, 2, **{name: value})


def test__reset_parameters__starts_means_and_spreads_anew():
    layer = BayesianLinear(4, 4, initial_scale=0.02)
    weight, spread = layer.weight.clone(), layer.weight_spread
    start = spread.clone()
    nn.init.ones_(spread)
    layer.reset_parameters()
    assert layer.weight_spread is spread
    assert torch.equal(spread, start)
    assert not torch.equal(layer.weight, weight)


def test__state_dict__and_vectors_of_parameters_come_back():
    layer, x = problem("conv1d")
    other = LAYERS["conv1d"][0](dtype=torch.float64)
    other.load_state_dict(layer.state_dict())
    with sampled_weights(layer, generator()):
        expected = layer(x)
    with sampled_weights(other, generator()):
        assert torch.equal(other(x), expected)
    third = LAYERS["conv1d"][0](dtype=torch.float64)
    vector_to_parameters(parameters_to_vector(layer.parameters()), third.parameters())
    torch.testing.assert_close(kl_divergence(third), kl_divergence(layer))


def test__autocast__to_float16_keeps_small_spreads_and_large_inputs():
    layer = BayesianLinear(64, 32, bias=False, initial_scale=1e-4)
    nn.init.zeros_(layer.weight)
    x = torch.full((500, 64), 1000.0)
    with torch.autocast("cpu", dtype=torch.float16):
        output = layer(x)
    assert output.dtype is torch.float16
    output.float().square().mean().backward()
    assert layer.weight_spread.grad.isfinite().all()
    # 8 inputs' worth: 1e-4 * 1000 * sqrt(64)
    assert output.float().std().item() == pytest.approx(0.8, rel=0.03)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test__half_precision__trains_and_samples(dtype):
    layer = BayesianLinear(64, 32, bias=False, initial_scale=1e-2).to(dtype)
    nn.init.zeros_(layer.weight)
    x = torch.ones(500, 64, dtype=dtype)
    output = layer(x)
    assert output.dtype is dtype
    assert output.float().std().item() == pytest.approx(0.08, rel=0.03)
    with sampled_weights(layer, generator()):
        assert layer(x).dtype is dtype
    with torch.autocast("cpu", dtype=torch.bfloat16):
        assert layer(x).dtype is torch.bfloat16
