"""State, schedulers, copies, and what is refused."""

from __future__ import annotations

import copy
import io
import math
import pickle

import pytest
import torch
from torch import nn

from skwass.robust import OTMDR

BASES = [
    (torch.optim.SGD, {"lr": 0.1, "momentum": 0.9}),
    (torch.optim.AdamW, {"lr": 0.01}),
]


def net_and_data():
    generator = torch.Generator().manual_seed(0)
    net = nn.Linear(4, 2)
    with torch.no_grad():
        net.weight.copy_(torch.randn(2, 4, generator=generator))
        net.bias.zero_()
    return net, torch.randn(8, 4, generator=generator)


def made(net, base, options, seed=0):
    return OTMDR(
        net.parameters(),
        base,
        n_particles=2,
        noise=0.5,
        rho=0.3,
        generator=torch.Generator().manual_seed(seed),
        **options,
    )


def train(net, optimizer, X, n_steps):
    def closure():
        optimizer.zero_grad()
        loss = net(X).sin().mean()
        loss.backward()
        return loss

    for _ in range(n_steps):
        optimizer.step(closure)
    return net.weight.detach().clone()


@pytest.mark.parametrize(("base", "options"), BASES)
def test__resumed_training__is_uninterrupted_training(base, options):
    net, X = net_and_data()
    expected = train(net, made(net, base, options), X, 10)

    net, X = net_and_data()
    first = made(net, base, options)
    train(net, first, X, 4)
    file = io.BytesIO()
    torch.save({"net": net.state_dict(), "optimizer": first.state_dict()}, file)
    file.seek(0)
    saved = torch.load(file, weights_only=True)
    other, _ = net_and_data()
    second = made(other, base, {**options, "lr": 7.0}, seed=5)
    other.load_state_dict(saved["net"])
    second.load_state_dict(saved["optimizer"])
    assert second.param_groups is second.base.param_groups
    assert second.param_groups[0]["lr"] == options["lr"]
    assert torch.equal(train(other, second, X, 6), expected)


@pytest.mark.parametrize("copied", ["deepcopy", "pickle"])
@pytest.mark.parametrize(("base", "options"), BASES)
def test__copies__go_on_alike_and_apart(base, options, copied):
    net, X = net_and_data()
    optimizer = made(net, base, options)
    torch.optim.lr_scheduler.StepLR(optimizer, 3)  # wraps step, which cannot be copied
    train(net, optimizer, X, 3)
    pair = (net, optimizer)
    other, second = (
        copy.deepcopy(pair)
        if copied == "deepcopy"
        else pickle.loads(pickle.dumps(pair))
    )
    found = train(other, second, X, 3)
    assert torch.equal(found, train(net, optimizer, X, 3))
    assert not torch.equal(train(other, second, X, 1), net.weight)


def test__state_of_a_plain_optimiser__can_be_loaded():
    net, X = net_and_data()
    plain = torch.optim.SGD(net.parameters(), lr=0.3, momentum=0.9)
    net(X).mean().backward()
    plain.step()
    optimizer = made(net, torch.optim.SGD, {"lr": 0.1, "momentum": 0.9})
    optimizer.load_state_dict(plain.state_dict())
    assert optimizer.param_groups[0]["lr"] == 0.3
    assert optimizer.param_groups[0]["rho"] == 0.3
    assert optimizer.param_groups[0]["perturb"] is True
    momentum = optimizer.state[net.weight]["momentum_buffer"]
    assert torch.equal(momentum, plain.state[net.weight]["momentum_buffer"])
    train(net, optimizer, X, 1)


def test__schedulers__rule_the_base():
    net, X = net_and_data()
    optimizer = OTMDR(net.parameters(), lr=1.0)
    scheduler = torch.optim.lr_scheduler.StepLR(optimizer, 1, gamma=0.1)
    rates = []
    for _ in range(3):
        rates.append(optimizer.base.param_groups[0]["lr"])
        train(net, optimizer, X, 1)
        scheduler.step()
    assert rates == pytest.approx([1.0, 0.1, 0.01])


def test__one_cycle__finds_the_momentum_of_the_base():
    net, X = net_and_data()
    optimizer = OTMDR(net.parameters(), lr=0.1, momentum=0.9)
    scheduler = torch.optim.lr_scheduler.OneCycleLR(optimizer, 0.1, total_steps=5)
    assert optimizer.base.param_groups[0]["momentum"] == 0.95
    optimizer.gather(lambda: net(X).mean().backward())
    optimizer.step()
    scheduler.step()
    assert optimizer.base.param_groups[0]["momentum"] < 0.95


def test__rho__can_be_changed_between_steps():
    net, X = net_and_data()
    optimizer = OTMDR(net.parameters(), rho=0.1, lr=0.1)
    optimizer.param_groups[0]["rho"] = 0.0
    calls = []

    def closure():
        calls.append(1)
        net(X).mean().backward()

    optimizer.step(closure)
    assert len(calls) == 1


def test__noise__follows_the_generator_or_the_global_seed():
    def run(seed=None, generator=None):
        net, X = net_and_data()
        if seed is not None:
            torch.manual_seed(seed)
        optimizer = OTMDR(
            net.parameters(), noise=0.5, rho=0.3, generator=generator, lr=0.1
        )
        return train(net, optimizer, X, 3)

    with torch.random.fork_rng():
        assert torch.equal(run(seed=1), run(seed=1))
        assert not torch.equal(run(seed=1), run(seed=2))
    one, two = (torch.Generator().manual_seed(3) for _ in range(2))
    assert torch.equal(run(generator=one), run(generator=two))
    assert not torch.equal(run(generator=one), run(generator=torch.Generator()))


def test__given_generator__leaves_the_global_one_alone():
    net, X = net_and_data()
    before = torch.get_rng_state()
    train(net, made(net, torch.optim.SGD, {"lr": 0.1}), X, 2)
    assert torch.equal(torch.get_rng_state(), before)


# -- what is refused -------------------------------------------------------------------


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"rho": -0.1}, "rho must be a finite number"),
        ({"rho": math.nan}, "rho must be a finite number"),
        ({"rho": "0.1"}, "rho must be a finite number"),
        ({"noise": -1.0}, "noise must be a finite number"),
        ({"n_particles": 0}, "n_particles must be an integer"),
        ({"n_particles": 1.5}, "n_particles must be an integer"),
        ({"n_ascent_steps": 0}, "n_ascent_steps must be an integer"),
        ({"n_members": 0}, "n_members must be an integer"),
        ({"n_members": 3}, r"n_members=3 .* shape \(2, 4\)"),
        ({"norm": 3}, "norm must be 1, 2 or math.inf"),
        ({"max_grad_norm": 0.0}, "max_grad_norm must be None or above 0"),
        ({"generator": torch.default_generator}, "global"),
        ({"maximize": True}, "maximize=True is not supported"),
        ({"base": torch.optim.LBFGS}, "LBFGS"),
        ({"base": lambda groups, lr: None}, "base must be a torch optimiser"),
    ],
)
def test__bad_option__is_named(options, message):
    net, _ = net_and_data()
    with pytest.raises(ValueError, match=message):
        OTMDR(net.parameters(), **{"lr": 0.1, **options})


def test__bad_group__is_named():
    net, _ = net_and_data()
    with pytest.raises(ValueError, match="rho must be"):
        OTMDR([{"params": net.parameters(), "rho": -1.0}], lr=0.1)
    optimizer = OTMDR(net.parameters(), n_members=2, lr=0.1)
    with pytest.raises(ValueError, match="n_members=2"):
        optimizer.add_param_group({"params": [nn.Parameter(torch.zeros(3))]})
    assert len(optimizer.param_groups) == 1


def test__ready_base__takes_only_its_own():
    net, other = net_and_data()[0], net_and_data()[0]
    base = torch.optim.SGD(net.parameters(), lr=0.1)
    for params in (other.parameters(), [net.weight], [{"params": net.parameters()}]):
        with pytest.raises(ValueError, match="params must be those of base"):
            OTMDR(params, base)
    with pytest.raises(ValueError, match="lr cannot be handed"):
        OTMDR(net.parameters(), base, lr=0.2)
    assert OTMDR(net.parameters(), base).base is base


def test__step_without_closure__tells_what_to_do():
    net, _ = net_and_data()
    with pytest.raises(TypeError, match=r"optimizer.gather\(closure\)"):
        OTMDR(net.parameters(), lr=0.1).step()


def test__sparse_gradient__is_refused_before_anything_moves():
    embedding = nn.Embedding(5, 2, sparse=True)
    before = embedding.weight.detach().clone()
    optimizer = OTMDR(embedding.parameters(), lr=0.1)
    with pytest.raises(RuntimeError, match="sparse=False"):
        optimizer.step(lambda: embedding(torch.tensor([1, 2])).sum().backward())
    assert torch.equal(embedding.weight, before)
