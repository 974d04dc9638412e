"""Several passes leave as many traces as one, also when one of them fails."""

from __future__ import annotations

import gc
import math
from contextlib import nullcontext

import pytest
import torch
from torch import nn

from skwass.robust import OTMDR

X = torch.randn(16, 4, generator=torch.Generator().manual_seed(0))


def linear(value=0.5):
    layer = nn.Linear(4, 2)
    with torch.no_grad():
        layer.weight.fill_(value)
        layer.bias.fill_(value)
    return layer


def closure_of(net, optimizer, seen=None):
    def closure():
        optimizer.zero_grad()
        output = net(X)
        if seen is not None:
            seen.append(output.detach().clone())
        loss = output.square().mean()
        loss.backward()
        return loss

    return closure


# -- running statistics ----------------------------------------------------------------


@pytest.mark.parametrize(
    "norm",
    [
        nn.BatchNorm1d(4),
        nn.BatchNorm1d(4, momentum=None),
        nn.InstanceNorm1d(16, track_running_stats=True),
    ],
)
def test__running_statistics__are_updated_once_a_step(norm):
    net = nn.Sequential(norm, linear())
    plain = nn.Sequential(norm, linear())
    with torch.no_grad():
        before = {name: value.clone() for name, value in norm.state_dict().items()}
        plain(X)
        expected = {name: value.clone() for name, value in norm.state_dict().items()}
    norm.load_state_dict(before)
    optimizer = OTMDR(
        net.parameters(), n_particles=3, noise=0.1, n_ascent_steps=2, module=net, lr=0.1
    )
    optimizer.gather(closure_of(net, optimizer))
    assert {name for name in expected if "running" in name}
    for name, value in expected.items():
        assert torch.equal(norm.state_dict()[name], value), name
    assert not torch.equal(norm.running_mean, before["running_mean"])


def test__batch_norm_counter__adds_one_a_step():
    net = nn.Sequential(nn.BatchNorm1d(4), linear())
    optimizer = OTMDR(net.parameters(), module=net, lr=0.1)
    for n_steps in (1, 2, 3):
        optimizer.step(closure_of(net, optimizer))
        assert net[0].num_batches_tracked.item() == n_steps


# -- random numbers --------------------------------------------------------------------


def test__dropout__drops_the_same_units_in_all_passes_of_a_step():
    net, seen = nn.Sequential(nn.Dropout(0.5), linear()), []
    outputs = []
    for replay in (True, False):
        seen = []
        layer = net[1]
        optimizer = OTMDR(layer.parameters(), rho=1e-6, replay=replay, lr=1e-6)
        optimizer.step(closure_of(net, optimizer, seen))
        outputs.append((seen[1] - seen[0]).abs().max().item())
    same, different = outputs
    assert same < 1e-4
    assert different > 0.1


def test__random_numbers__are_used_up_as_by_one_pass():
    net = nn.Sequential(nn.Dropout(0.5), linear())
    torch.manual_seed(3)
    net(X)
    expected = torch.rand(1)
    optimizer = OTMDR(
        net.parameters(),
        n_particles=4,
        noise=0.1,
        generator=torch.Generator().manual_seed(0),
        lr=0.1,
    )
    torch.manual_seed(3)
    optimizer.step(closure_of(net, optimizer))
    assert torch.equal(torch.rand(1), expected)


# -- trouble ---------------------------------------------------------------------------


@pytest.mark.parametrize("trouble", [ZeroDivisionError, KeyboardInterrupt])
@pytest.mark.parametrize("at", [0, 1, 2, 3, 4])
def test__closure_that_raises__leaves_everything_in_place(trouble, at):
    net = nn.Sequential(nn.BatchNorm1d(4), linear())
    optimizer = OTMDR(
        net.parameters(), n_particles=2, n_ascent_steps=2, noise=0.1, module=net, lr=0.1
    )
    before = [p.detach().clone() for p in net.parameters()]
    calls = []

    def closure():
        optimizer.zero_grad()
        net(X).square().mean().backward()
        calls.append(1)
        if len(calls) == at + 1:
            raise trouble

    with pytest.raises(trouble):
        optimizer.step(closure)
    assert len(calls) == at + 1
    for parameter, old in zip(net.parameters(), before, strict=True):
        assert torch.equal(parameter, old)
    assert net[0].num_batches_tracked.item() == 1
    with pytest.raises(TypeError, match="closure"):
        optimizer.step()


@pytest.mark.parametrize("value", [math.nan, math.inf])
@pytest.mark.parametrize("norm", [1, 2, math.inf])
def test__loss_that_is_not_finite__changes_nothing(value, norm):
    net = linear()
    optimizer = OTMDR(net.parameters(), norm=norm, lr=0.1)

    def closure():
        optimizer.zero_grad()
        loss = net(X).mean() * value
        loss.backward()
        return loss

    assert not math.isfinite(optimizer.step(closure).item())
    assert torch.equal(net.weight, linear().weight)


@pytest.mark.parametrize("at", [0, 1, 2])
def test__gradient_that_is_not_finite__changes_nothing_and_warns(at):
    net, calls = linear(), []
    optimizer = OTMDR(net.parameters(), n_ascent_steps=2, lr=0.1)

    def closure():
        optimizer.zero_grad()
        loss = net(X).square().mean()
        loss.backward()
        calls.append(1)
        if len(calls) == at + 1:
            net.weight.grad[0, 0] = math.nan
        return loss

    with pytest.warns(RuntimeWarning, match="lower rho or lr"):
        loss = optimizer.step(closure)
    assert math.isfinite(loss.item())
    assert torch.equal(net.weight, linear().weight)


# -- micro-batches, scaled losses ------------------------------------------------------


def test__micro_batches_in_the_closure__are_one_large_batch():
    nets = linear(), linear()
    for net, n_parts in zip(nets, (1, 4), strict=True):
        optimizer = OTMDR(net.parameters(), rho=0.5, lr=0.1)

        def closure(net=net, optimizer=optimizer, n_parts=n_parts):
            optimizer.zero_grad()
            for rows in X.chunk(n_parts):
                (net(rows).sin().mean() / n_parts).backward()

        for _ in range(5):
            optimizer.step(closure)
    torch.testing.assert_close(nets[0].weight, nets[1].weight)
    assert not torch.equal(nets[0].weight, linear().weight)


@pytest.mark.parametrize("unscale", [False, True])
def test__gradient_scaler__gives_the_step_without_one(unscale):
    plain, scaled = linear(), linear()
    expected = OTMDR(plain.parameters(), rho=0.5, lr=0.1, max_grad_norm=0.1)
    optimizer = OTMDR(scaled.parameters(), rho=0.5, lr=0.1, max_grad_norm=0.1)
    scaler = torch.amp.GradScaler("cpu", init_scale=2.0**10)

    def closure():
        optimizer.zero_grad()
        loss = scaled(X).square().mean()
        scaler.scale(loss).backward()
        return loss

    for _ in range(3):
        expected_loss = expected.step(closure_of(plain, expected))
        loss = optimizer.gather(closure)
        assert loss.item() == pytest.approx(expected_loss.item())
        if unscale:
            scaler.unscale_(optimizer)
        scaler.step(optimizer)
        scaler.update()
    torch.testing.assert_close(scaled.weight, plain.weight)


@pytest.mark.parametrize("at", [0, 1])
def test__gradient_scaler__skips_a_step_that_overflows(at):
    net, calls = linear(), []
    optimizer = OTMDR(net.parameters(), lr=0.1)
    scaler = torch.amp.GradScaler("cpu", init_scale=2.0**10)

    def closure():
        optimizer.zero_grad()
        scaler.scale(net(X).square().mean()).backward()
        calls.append(1)
        if len(calls) == at + 1:
            net.bias.grad[0] = math.inf

    optimizer.gather(closure)
    scaler.step(optimizer)
    scaler.update()
    assert torch.equal(net.weight, linear().weight)
    assert scaler.get_scale() == 2.0**9
    optimizer.gather(closure)
    scaler.step(optimizer)
    assert not torch.equal(net.weight, linear().weight)


def test__gradient_memory_of_the_caller__can_be_used_again():
    """As where gradients are views into buckets of a distributed training."""
    nets, gradients = (linear(), linear()), []
    for net, shared in zip(nets, (False, True), strict=True):
        buffers = [torch.empty_like(p) for p in net.parameters()]
        generator = torch.Generator().manual_seed(0)
        optimizer = OTMDR(
            net.parameters(), n_particles=3, noise=0.5, generator=generator, lr=0.1
        )

        def closure(net=net, shared=shared, buffers=buffers):
            net(X).sin().mean().backward()
            for parameter, buffer in zip(net.parameters(), buffers, strict=True):
                if shared:
                    parameter.grad = buffer.copy_(parameter.grad)

        optimizer.gather(closure)
        gradients.append(net.weight.grad.clone())
    assert torch.equal(*gradients)


def test__parameter_that_some_particles_miss__gets_the_mean_nevertheless():
    first, second = nn.Parameter(torch.ones(2)), nn.Parameter(torch.ones(2))
    optimizer = OTMDR([first, second], n_particles=4, noise=0.1, lr=1.0)
    passes = []

    def closure():
        passes.append(1)
        used = len(passes) in (3, 4)  # by the second and third of four particles
        (first.sum() + (second.sum() if used else 0.0)).backward()

    optimizer.step(closure)
    torch.testing.assert_close(first.detach(), torch.zeros(2))
    torch.testing.assert_close(second.detach(), torch.full((2,), 0.5))


def test__gathered_gradient__can_be_added_to():
    net = linear()
    optimizer = OTMDR(net.parameters(), lr=0.1)
    optimizer.gather(closure_of(net, optimizer))
    gradient = net.weight.grad.clone()
    net.weight.sum().backward()
    optimizer.step()
    torch.testing.assert_close(
        net.weight, linear().weight - 0.1 * (gradient + torch.ones(2, 4))
    )


def test__gradient_of_a_pass_that_failed__is_not_taken_for_gathered():
    net = linear()
    optimizer = OTMDR(net.parameters(), lr=0.1)
    optimizer.gather(closure_of(net, optimizer))
    with pytest.raises(ZeroDivisionError):
        optimizer.gather(lambda: 1 / 0)
    with pytest.raises(TypeError, match="closure"):
        optimizer.step()


def test__autocast_around_the_step__is_as_good_as_within_the_closure():
    # it remembers what weights were cast to, which other passes must not see
    moved = []
    for around in (True, False):
        net = linear()
        optimizer = OTMDR(net.parameters(), rho=0.5, lr=0.1)
        seen = []

        def closure(net=net, optimizer=optimizer, seen=seen, around=around):
            within = nullcontext() if around else torch.autocast("cpu", torch.bfloat16)
            with within:
                return closure_of(net, optimizer, seen)()

        with torch.autocast("cpu", torch.bfloat16, enabled=around):
            for _ in range(2):
                optimizer.step(closure)
        assert not seen[0].equal(seen[1])
        moved.append(net.weight.detach().clone())
    assert moved[0].equal(moved[1])


# -- memory ----------------------------------------------------------------------------


@pytest.fixture
def alive():
    """Tensors of a size that were made since the test began, one for each storage."""
    gc.collect()
    gc.freeze()  # what is older need not be looked through

    def tensors(size):
        found = [t for t in gc.get_objects() if type(t) is torch.Tensor]
        return {t.untyped_storage().data_ptr() for t in found if t.numel() == size}

    yield tensors
    gc.unfreeze()


@pytest.mark.parametrize(
    ("options", "copies"),
    [
        ({}, 1),
        ({"adaptive": True, "n_ascent_steps": 3}, 1),
        ({"n_particles": 2, "noise": 0.1}, 3),
        ({"n_particles": 8, "noise": 0.1, "n_ascent_steps": 2, "adaptive": True}, 3),
    ],
)
def test__memory__is_a_few_copies_of_the_parameters(options, copies, alive):
    size = 12_345
    weight = torch.ones(size, requires_grad=True)
    optimizer = OTMDR([weight], lr=0.1, **options)
    held = []

    def closure():
        held.append(len(alive(size)) - 1)  # but for the parameters themselves
        weight.grad = None
        weight.square().sum().backward()

    optimizer.gather(closure)
    assert max(held) == copies
    assert alive(size) <= {weight.data_ptr(), weight.grad.data_ptr()}


def test__nothing_is_left_of_a_step__when_parameters_are_replaced():
    net = linear()
    optimizer = OTMDR(net.parameters(), n_particles=2, noise=0.1, lr=0.1)
    optimizer.step(closure_of(net, optimizer))
    net.load_state_dict(linear(0.25).state_dict())
    net.double()
    data = X.double()

    def closure():
        optimizer.zero_grad(set_to_none=False)
        net(data).square().mean().backward()

    optimizer.step(closure)
    assert net.weight.dtype == torch.float64
    assert not torch.equal(net.weight, linear(0.25).double().weight)
