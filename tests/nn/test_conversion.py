"""A converted module is the module it comes from, until its weights are drawn."""

import copy
import warnings
from collections import Counter

import pytest
import torch
from torch import nn
from torch.nn import functional as F
from torch.nn.utils import parametrizations, prune

from skwass.nn import (
    BayesianConv1d,
    BayesianConv2d,
    BayesianLinear,
    kl_divergence,
    make_bayesian,
    mean_weights,
    sampled_weights,
)


@pytest.fixture(autouse=True)
def _keep_the_global_generator():
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        yield


def conv_net():
    return nn.Sequential(
        nn.Conv2d(3, 6, 3, padding=1, padding_mode="circular", bias=False),
        nn.BatchNorm2d(6),
        nn.ReLU(),
        nn.Conv2d(6, 6, 3, stride=2, groups=3),
        nn.Flatten(2),
        nn.Conv1d(6, 4, 3, dilation=2),
        nn.AdaptiveAvgPool1d(1),
        nn.Flatten(),
        nn.Linear(4, 5),
    )


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


def outputs_differ(module, x):
    with sampled_weights(module, generator()):
        one = module(x)
    with mean_weights(module):
        return not torch.allclose(one, module(x))


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test__means__give_the_numbers_of_the_module_bit_for_bit(dtype):
    net = conv_net().to(dtype)
    bayesian = make_bayesian(net)
    x = torch.randn(4, 3, 9, 9, dtype=dtype)
    with mean_weights(bayesian):
        # batch normalisation in training, with its running statistics
        assert torch.equal(bayesian(x), net(x))
    assert torch.equal(bayesian.eval()(x), net.eval()(x))
    assert outputs_differ(bayesian, x)
    assert {p.dtype for p in bayesian.parameters()} == {dtype}


def test__conversion__changes_classes_and_leaves_the_module_alone():
    net = conv_net().train()
    before = copy.deepcopy(net.state_dict())
    bayesian = make_bayesian(net, prior_scale=0.5, initial_scale=0.03)
    assert Counter(type(part) for part in net.modules())[nn.Conv2d] == 2
    assert net.state_dict().keys() == before.keys()
    kinds = Counter(type(part) for part in bayesian.modules())
    assert (kinds[BayesianConv1d], kinds[BayesianConv2d]) == (1, 2)
    assert kinds[BayesianLinear] == 1
    assert bayesian[8].prior_scale == 0.5
    torch.testing.assert_close(
        F.softplus(bayesian[0].weight_spread), torch.full_like(net[0].weight, 0.03)
    )
    with torch.no_grad():
        for parameter in bayesian.parameters():
            parameter.add_(1.0)
    for name, value in net.state_dict().items():
        assert torch.equal(value, before[name])


def test__state_dict__has_the_names_of_the_module_and_takes_its_weights():
    net, other = conv_net(), conv_net()
    bayesian = make_bayesian(net)
    added = bayesian.state_dict().keys() - net.state_dict().keys()
    assert net.state_dict().keys() <= bayesian.state_dict().keys()
    assert all(name.endswith("_spread") for name in added)
    found = bayesian.load_state_dict(other.state_dict(), strict=False)
    assert (set(found.missing_keys), found.unexpected_keys) == (added, [])
    x = torch.randn(2, 3, 9, 9)
    assert torch.equal(bayesian.eval()(x), other.eval()(x))


@pytest.mark.parametrize("training", [False, True])
def test__training_flags_and_frozen_parameters__are_kept(training):
    net = conv_net().train(training)
    net[1].train(not training)
    net[3].requires_grad_(False)
    bayesian = make_bayesian(net)
    for plain, part in zip(net.modules(), bayesian.modules(), strict=True):
        assert part.training == plain.training
    assert not any(parameter.requires_grad for parameter in bayesian[3].parameters())
    assert all(parameter.requires_grad for parameter in bayesian[5].parameters())


def test__hooks_and_memory_formats__are_kept():
    net = conv_net().to(memory_format=torch.channels_last)
    seen = []
    net[8].register_forward_hook(lambda layer, args, output: seen.append(output))
    bayesian = make_bayesian(net)
    assert bayesian[3].weight_spread.is_contiguous(memory_format=torch.channels_last)
    output = bayesian(torch.randn(2, 3, 9, 9))
    assert len(seen) == 1
    assert seen[0] is output


def test__a_layer_alone__becomes_its_twin():
    layer = nn.Linear(3, 2)
    bayesian = make_bayesian(layer)
    assert type(bayesian) is BayesianLinear
    assert torch.equal(bayesian.weight, layer.weight)


def test__a_layer_used_twice__stays_one():
    layer = nn.Linear(3, 3)
    net = nn.Sequential(layer, nn.Tanh(), layer)
    bayesian = make_bayesian(net)
    assert bayesian[0] is bayesian[2]
    torch.testing.assert_close(kl_divergence(bayesian), kl_divergence(bayesian[0]))


def test__weights_that_layers_share__stay_shared_with_their_spread():
    net = nn.Sequential(nn.Linear(3, 3), nn.Linear(3, 3, bias=False))
    net[1].weight = net[0].weight
    bayesian = make_bayesian(net)
    assert bayesian[1].weight is bayesian[0].weight
    assert bayesian[1].weight_spread is bayesian[0].weight_spread
    torch.testing.assert_close(kl_divergence(bayesian), kl_divergence(bayesian[0]))


def test__a_weight_shared_with_an_embedding__stays_as_it_is():
    net = nn.Sequential(nn.Embedding(5, 3), nn.Linear(3, 3), nn.Linear(3, 5))
    net[2].weight = net[0].weight
    with pytest.warns(UserWarning, match=r"2 \(Linear\), which shares a weight"):
        bayesian = make_bayesian(net)
    assert type(bayesian[1]) is BayesianLinear
    assert type(bayesian[2]) is nn.Linear
    assert bayesian[2].weight is bayesian[0].weight


class Doubled(nn.Linear):
    def forward(self, x):
        return 2 * super().forward(x)


@pytest.mark.parametrize(
    ("make", "name"),
    [
        (lambda: nn.MultiheadAttention(4, 2), "0 (MultiheadAttention)"),
        (lambda: nn.TransformerEncoderLayer(4, 2, 8), "0 (TransformerEncoderLayer)"),
        (lambda: nn.LSTM(4, 4), "0 (LSTM)"),
        (lambda: nn.GRUCell(4, 4), "0 (GRUCell)"),
        (lambda: nn.Conv3d(2, 2, 1), "0 (Conv3d)"),
        (lambda: nn.ConvTranspose2d(2, 2, 1), "0 (ConvTranspose2d)"),
        (lambda: nn.Bilinear(2, 2, 1), "0 (Bilinear)"),
        (lambda: Doubled(4, 4), "0 (Doubled)"),
        (lambda: parametrizations.weight_norm(nn.Linear(4, 4)), "0 (Parametrized"),
        (lambda: prune.identity(nn.Linear(4, 4), "weight"), "0 (Linear)"),
    ],
)
def test__layers_that_cannot_be_converted__are_named_and_left(make, name):
    net = nn.Sequential(make(), nn.Linear(4, 2)).eval()
    net.zero_grad()
    with torch.no_grad():  # pruned weights are no leaves otherwise
        for hook in net[0]._forward_pre_hooks.values():
            hook(net[0], None)
    with pytest.warns(UserWarning, match="stay as they are") as caught:
        bayesian = make_bayesian(net)
    message = str(caught[0].message)
    assert name in message
    assert message.count("(") == 1
    assert [type(part) for part in bayesian[0].modules()] == [
        type(part) for part in net[0].modules()
    ]
    assert type(bayesian[1]) is BayesianLinear


def test__a_transformer__keeps_its_numbers():
    net = nn.Transformer(8, 2, 1, 1, 16, batch_first=True).eval()
    with pytest.warns(UserWarning, match="multihead_attn"):
        bayesian = make_bayesian(net)
    assert type(bayesian.decoder.layers[0].linear1) is BayesianLinear
    x = torch.randn(2, 3, 8)
    with torch.no_grad():
        assert torch.equal(bayesian(x, x), net(x, x))


@pytest.mark.parametrize("skip", ["0", ["0"], ("0", "1.0")])
def test__skip__leaves_what_it_names_and_all_in_it(skip):
    net = nn.Sequential(
        nn.Sequential(nn.Linear(2, 2), nn.LSTM(2, 2)),
        nn.Sequential(nn.Linear(2, 2), nn.Linear(2, 2)),
    )
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        bayesian = make_bayesian(net, skip=skip)
    assert type(bayesian[0][0]) is nn.Linear
    assert type(bayesian[1][0]) is (nn.Linear if len(skip) == 2 else BayesianLinear)
    assert type(bayesian[1][1]) is BayesianLinear


def test__skip__of_an_unknown_name_is_refused():
    with pytest.raises(ValueError, match=r"skip has 'head'.*'0', '1'"):
        make_bayesian(conv_net(), skip=["head"])


def test__nothing_to_convert__is_refused():
    with pytest.raises(ValueError, match="module=ReLU has nothing to convert"):
        make_bayesian(nn.ReLU())
    with pytest.raises(ValueError, match=r"left out: 0 \(LSTM\)"):
        make_bayesian(nn.Sequential(nn.LSTM(2, 2)))
    with pytest.raises(ValueError, match="nothing to convert"):
        make_bayesian(nn.Sequential(nn.Linear(2, 2)), skip="0")


def test__a_lazy_layer__is_refused_until_it_has_weights():
    net = nn.Sequential(nn.ReLU(), nn.LazyLinear(3))
    with pytest.raises(ValueError, match=r"lazy layer .* 1 \(LazyLinear\)"):
        make_bayesian(net)
    net(torch.ones(2, 4))
    assert type(make_bayesian(net)[1]) is BayesianLinear


@pytest.mark.parametrize("name", ["prior_scale", "initial_scale"])
def test__scales__that_are_none_are_refused(name):
    with pytest.raises(ValueError, match=f"{name}=0"):
        make_bayesian(conv_net(), **{name: 0})


def test__bayesian_layers__are_not_converted_again():
    net = nn.Sequential(BayesianLinear(2, 2, prior_scale=3.0), nn.Linear(2, 2))
    bayesian = make_bayesian(net, prior_scale=0.5)
    assert [layer.prior_scale for layer in bayesian] == [3.0, 0.5]
    assert torch.equal(bayesian[0].weight_spread, net[0].weight_spread)


def test__training__recovers_a_posterior_that_is_known():
    # linear regression of one number: exact posterior N(m, s²) of the weight
    x = torch.linspace(-1, 1, 40, dtype=torch.float64)[:, None]
    noise, prior = 0.5, 2.0
    y = 1.3 * x + noise * torch.randn(40, 1, dtype=torch.float64, generator=generator())
    precision = x.square().sum() / noise**2 + 1 / prior**2
    net = make_bayesian(
        nn.Linear(1, 1, bias=False, dtype=torch.float64), prior_scale=prior
    )
    optimizer = torch.optim.Adam(net.parameters(), lr=0.05)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, 600)
    for _ in range(600):
        optimizer.zero_grad()
        # many rows of noise for a gradient with little of it
        error = (net(x.repeat(20, 1)) - y.repeat(20, 1)).square().mean()
        loss = error / (2 * noise**2) + kl_divergence(net) / len(x)
        loss.backward()
        optimizer.step()
        schedule.step()
    mean = (x * y).sum() / noise**2 / precision
    assert net.weight.item() == pytest.approx(mean.item(), abs=0.02)
    spread = F.softplus(net.weight_spread).item()
    assert spread == pytest.approx(precision.item() ** -0.5, rel=0.05)
