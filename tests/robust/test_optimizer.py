"""The optimiser against plain implementations of what it should do."""

from __future__ import annotations

import math

import pytest
import torch
from torch import nn
from torch.nn.functional import cross_entropy

from skwass.robust import OTMDR

SGD = torch.optim.SGD


def model(seed=0, dtype=torch.float32):
    generator = torch.Generator().manual_seed(seed)
    net = nn.Sequential(nn.Linear(5, 8), nn.Tanh(), nn.Linear(8, 3)).to(dtype)
    with torch.no_grad():
        for parameter in net.parameters():
            parameter.copy_(torch.randn(parameter.shape, generator=generator) / 2)
    return net


def batches(n=20, dtype=torch.float32):
    generator = torch.Generator().manual_seed(7)
    return [
        (
            torch.randn(16, 5, generator=generator).to(dtype),
            torch.randint(3, (16,), generator=generator),
        )
        for _ in range(n)
    ]


def closure_of(net, optimizer, batch, watch=None):
    def closure():
        optimizer.zero_grad()
        loss = cross_entropy(net(batch[0]), batch[1])
        loss.backward()
        if watch is not None:
            watch()
        return loss

    return closure


def flat(net):
    return torch.cat([p.detach().reshape(-1) for p in net.parameters()])


def flat_gradient(net):
    return torch.cat([p.grad.reshape(-1) for p in net.parameters()])


def train(net, optimizer, data):
    for batch in data:
        optimizer.step(closure_of(net, optimizer, batch))
    return flat(net)


def textbook_sam(net, base, data, rho, adaptive=False):
    """SAM as its paper says it, and ASAM as its own."""
    for X, y in data:
        base.zero_grad()
        cross_entropy(net(X), y).backward()
        parameters = list(net.parameters())
        scales = [
            p.detach().abs() + 0.01 if adaptive else torch.ones_like(p)
            for p in parameters
        ]
        length = sum(
            (t * p.grad).square().sum() for t, p in zip(scales, parameters, strict=True)
        ).sqrt()
        kept = [p.detach().clone() for p in parameters]
        with torch.no_grad():
            for t, p in zip(scales, parameters, strict=True):
                p += rho * t**2 * p.grad / length
        base.zero_grad()
        cross_entropy(net(X), y).backward()
        with torch.no_grad():
            for p, before in zip(parameters, kept, strict=True):
                p.copy_(before)
        base.step()
    return flat(net)


# -- what is known ---------------------------------------------------------------------


@pytest.mark.parametrize("adaptive", [False, True])
@pytest.mark.parametrize(
    ("base", "options"),
    [
        (SGD, {"lr": 0.1, "momentum": 0.9, "weight_decay": 1e-2}),
        (torch.optim.AdamW, {"lr": 0.01}),
    ],
)
def test__one_particle_without_noise__is_textbook_sam(base, options, adaptive):
    reference, net = model(), model()
    expected = textbook_sam(
        reference, base(reference.parameters(), **options), batches(), 0.1, adaptive
    )
    optimizer = OTMDR(net.parameters(), base, rho=0.1, adaptive=adaptive, **options)
    found = train(net, optimizer, batches())
    assert (found - expected).abs().max() < 1e-6
    plain = model()
    unperturbed = train(plain, base(plain.parameters(), **options), batches())
    assert (found - unperturbed).abs().max() > 1e-4


def test__in_double_precision__sam_agrees_to_more_digits():
    reference, net = model(dtype=torch.float64), model(dtype=torch.float64)
    data = batches(dtype=torch.float64)
    expected = textbook_sam(reference, SGD(reference.parameters(), lr=0.1), data, 0.1)
    found = train(net, OTMDR(net.parameters(), lr=0.1, rho=0.1), data)
    assert (found - expected).abs().max() < 1e-12


@pytest.mark.parametrize("n_members", [1, 2])
def test__far_from_zero__the_step_is_as_long_as_the_radius(n_members):
    generator = torch.Generator().manual_seed(0)
    centre = torch.randn(n_members, 100, generator=generator)
    slope = torch.randn(n_members, 100, generator=generator)
    weights = torch.nn.Parameter(centre.clone())
    optimizer = OTMDR([weights], rho=0.05, n_members=n_members, lr=0.1)
    lengths = []

    def closure():
        lengths.append((weights.detach().double() - centre.double()).norm(dim=1))
        weights.grad = slope.clone()
        return 1.0

    optimizer.step(closure)
    first, second = lengths
    assert first.max() == 0
    assert second.max() <= 0.05
    # at worst, rounding moves so long a vector by 2e-5 of so small a radius
    assert second.min() > 0.05 * (1 - 5e-6)


@pytest.mark.parametrize("options", [{"rho": 0.0}, {"rho": 0.0, "n_ascent_steps": 3}])
def test__rho_zero__is_the_base_optimiser_in_one_pass(options):
    reference, net, passes = model(), model(), []
    expected = train(reference, SGD(reference.parameters(), lr=0.1), batches())
    optimizer = OTMDR(net.parameters(), lr=0.1, **options)
    for batch in batches():
        watch = lambda: passes.append(1)  # noqa: E731
        optimizer.step(closure_of(net, optimizer, batch, watch))
    assert torch.equal(flat(net), expected)
    assert len(passes) == 20


@pytest.mark.parametrize(
    ("options", "n_passes"),
    [
        ({}, 2),
        ({"n_ascent_steps": 3}, 4),
        ({"n_particles": 4, "noise": 0.2}, 5),
        ({"n_particles": 4, "n_ascent_steps": 3, "noise": 0.2}, 13),
        ({"n_particles": 4}, 2),  # without noise they all are the same
    ],
)
def test__passes__share_the_first_gradient(options, n_passes):
    net, passes = model(), []
    optimizer = OTMDR(net.parameters(), lr=0.1, **options)
    watch = lambda: passes.append(1)  # noqa: E731
    optimizer.step(closure_of(net, optimizer, batches(1)[0], watch))
    assert len(passes) == n_passes


@pytest.mark.parametrize("norm", [1, 2, math.inf])
@pytest.mark.parametrize("adaptive", [False, True])
@pytest.mark.parametrize("n_ascent_steps", [1, 4])
@pytest.mark.parametrize("noise", [0.0, 1.0])
@pytest.mark.parametrize("rho", [1e-4, 0.05, 3.0])
def test__perturbation__never_leaves_the_ball(
    norm, adaptive, n_ascent_steps, noise, rho
):
    net = model()
    centre = flat(net).double()
    scale = centre.abs() + 0.01 if adaptive else 1.0
    lengths = []

    def watch():
        moved = (flat(net).double() - centre) / scale
        lengths.append(torch.linalg.vector_norm(moved, norm).item())

    optimizer = OTMDR(
        net.parameters(),
        rho=rho,
        n_particles=3,
        n_ascent_steps=n_ascent_steps,
        noise=noise,
        adaptive=adaptive,
        norm=norm,
        generator=torch.Generator().manual_seed(0),
        lr=0.1,
    )
    optimizer.gather(closure_of(net, optimizer, batches(1)[0], watch))
    assert lengths[0] == 0.0
    assert max(lengths) <= rho
    assert max(lengths) > 0.7 * rho
    assert torch.equal(flat(net).double(), centre)


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test__coarse_parameters__stay_in_the_ball(dtype):
    weight = torch.linspace(-1, 1, 1000).to(dtype).requires_grad_()
    centre, lengths = weight.detach().double(), []
    optimizer = OTMDR([weight], rho=0.05, lr=0.1)

    def closure():
        lengths.append((weight.detach().double() - centre).norm().item())
        optimizer.zero_grad()
        weight.float().exp().sum().backward()

    optimizer.gather(closure)
    assert 0.0 < lengths[1] <= 0.05


def test__norms__move_in_their_steepest_direction():
    gradient = torch.tensor([3.0, -4.0, 4.0, 0.0])
    expected = {
        1: [0.0, -0.5, 0.5, 0.0],
        2: [3 / 41**0.5, -4 / 41**0.5, 4 / 41**0.5, 0.0],
        math.inf: [1.0, -1.0, 1.0, 0.0],
    }
    for norm, direction in expected.items():
        weight = torch.zeros(4, requires_grad=True)
        seen = []

        def closure(weight=weight, seen=seen):
            seen.append(weight.detach().clone())
            weight.grad = None
            (weight @ gradient).backward()

        OTMDR([weight], rho=0.5, norm=norm, lr=1.0).gather(closure)
        torch.testing.assert_close(seen[1], 0.5 * torch.tensor(direction))


def test__gradient__is_a_mean_over_particles():
    # the gradient of a linear loss is the same everywhere
    for n_particles in (1, 2, 5):
        weight = torch.zeros(3, requires_grad=True)
        optimizer = OTMDR([weight], n_particles=n_particles, noise=0.5, lr=1.0)

        def closure(weight=weight, optimizer=optimizer):
            optimizer.zero_grad()
            (weight @ torch.tensor([1.0, 2.0, -3.0])).backward()

        optimizer.step(closure)
        torch.testing.assert_close(weight.detach(), torch.tensor([-1.0, -2.0, 3.0]))


def test__noise__has_the_length_it_is_given():
    for norm in (1, 2, math.inf):
        weight = torch.zeros(10_000, requires_grad=True)
        lengths = []

        def closure(weight=weight, norm=norm, lengths=lengths):
            moved = weight.detach()
            lengths.append(torch.linalg.vector_norm(moved, norm).item())
            weight.grad = torch.zeros_like(weight)  # so noise alone moves

        OTMDR([weight], rho=2.0, noise=0.3, norm=norm, lr=1.0).gather(closure)
        assert lengths[1] == pytest.approx(0.6, rel=0.05)


def test__zero_gradient__moves_nothing():
    for norm in (1, 2, math.inf):
        weight = torch.ones(4, requires_grad=True)
        optimizer = OTMDR([weight], norm=norm, n_ascent_steps=2, lr=1.0)

        def closure(weight=weight):
            assert torch.equal(weight.detach(), torch.ones(4))
            weight.grad = torch.zeros_like(weight)

        optimizer.step(closure)
        assert torch.equal(weight.detach(), torch.ones(4))


# -- groups ----------------------------------------------------------------------------


def test__perturb_false__trains_without_moving_in_the_ascent():
    net = model()
    weights = [p for p in net.parameters() if p.dim() > 1]
    biases = [p for p in net.parameters() if p.dim() == 1]
    seen = []
    optimizer = OTMDR(
        [{"params": weights}, {"params": biases, "perturb": False, "lr": 0.5}], lr=0.1
    )
    before = [b.detach().clone() for b in biases]

    def watch():
        assert all(torch.equal(b, old) for b, old in zip(biases, before, strict=True))
        seen.append(weights[0].detach().clone())

    optimizer.step(closure_of(net, optimizer, batches(1)[0], watch))
    assert not torch.equal(seen[0], seen[1])
    assert not any(torch.equal(b, old) for b, old in zip(biases, before, strict=True))


def test__groups_of_equal_rho__are_like_one_group():
    one, two = model(), model()
    expected = train(one, OTMDR(one.parameters(), lr=0.1), batches())
    first, *rest = two.parameters()
    optimizer = OTMDR([{"params": [first], "rho": 0.05}, {"params": rest}], lr=0.1)
    assert torch.equal(train(two, optimizer, batches()), expected)


def test__groups_of_unequal_rho__span_an_ellipsoid():
    a, b = torch.zeros(2, requires_grad=True), torch.zeros(1, requires_grad=True)
    seen = []
    groups = [{"params": [a], "rho": 0.1}, {"params": [b], "rho": 2.0}]
    optimizer = OTMDR(groups, lr=1.0)

    def closure():
        seen.append(torch.cat([a, b]).detach())
        optimizer.zero_grad()
        (a @ torch.tensor([3.0, 4.0]) + 2 * b.sum()).backward()

    optimizer.gather(closure)
    stretched = torch.tensor([0.1 * 3, 0.1 * 4, 2.0 * 2])
    expected = torch.tensor([0.1, 0.1, 2.0]) * stretched / stretched.norm()
    torch.testing.assert_close(seen[1], expected)


def test__frozen_and_unused_parameters__stay_as_they_are():
    net = model()
    net[0].bias.requires_grad_(False)
    unused = nn.Parameter(torch.ones(3))
    optimizer = OTMDR(
        [*net.parameters(), unused], n_particles=2, noise=0.1, lr=0.1, weight_decay=0.1
    )
    bias = net[0].bias.detach().clone()
    train(net, optimizer, batches(3))
    assert torch.equal(net[0].bias, bias)
    assert torch.equal(unused.detach(), torch.ones(3))
    assert unused.grad is None


def test__added_group__is_perturbed_and_trained():
    net, late = model(), nn.Parameter(torch.zeros(3))
    optimizer = OTMDR(net.parameters(), lr=0.1)
    optimizer.add_param_group({"params": late})
    assert optimizer.param_groups[-1]["rho"] == 0.05
    seen = []

    def closure():
        seen.append(late.detach().clone())
        optimizer.zero_grad()
        X, y = batches(1)[0]
        cross_entropy(net(X) + late, y).backward()

    optimizer.step(closure)
    assert not torch.equal(seen[1], seen[0])
    assert not torch.equal(late.detach(), seen[0])


def test__ready_base__goes_on_with_its_state():
    one, two = model(), model()
    base_one = SGD(one.parameters(), lr=0.1, momentum=0.9)
    base_two = SGD(two.parameters(), lr=0.1, momentum=0.9)
    train(one, base_one, batches(3))
    train(two, base_two, batches(3))
    expected = textbook_sam(one, base_one, batches(3), 0.05)
    found = train(two, OTMDR(base_two.param_groups, base_two), batches(3))
    assert (found - expected).abs().max() < 1e-6


# -- members ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"n_ascent_steps": 3},
        {"norm": 1},
        {"norm": math.inf},
        {"adaptive": True},
        {"max_grad_norm": 0.5},
    ],
)
def test__members__are_as_if_alone(options):
    # in double precision, as what rounding differs in grows from step to step
    generator = torch.Generator().manual_seed(0)
    start = torch.randn(3, 4, 2, generator=generator, dtype=torch.float64)
    bias = torch.randn(3, generator=generator, dtype=torch.float64)
    scales = torch.tensor([0.1, 1.0, 30.0])

    def loss_of(weight, bias, scale):
        return scale * ((weight * (weight + 1)).sin().sum() * bias.cos() + bias**2)

    expected = []
    for m in range(3):
        w, b = start[m].clone().requires_grad_(), bias[m].clone().requires_grad_()
        alone = OTMDR([w, b], rho=0.3, lr=0.01, **options)
        for _ in range(5):

            def closure(w=w, b=b, alone=alone, m=m):
                alone.zero_grad()
                loss_of(w, b, scales[m]).backward()

            alone.step(closure)
        expected.append(torch.cat([w.detach().reshape(-1), b.detach().reshape(-1)]))

    w, b = start.clone().requires_grad_(), bias.clone().requires_grad_()
    together = OTMDR([w, b], rho=0.3, lr=0.01, n_members=3, **options)
    for _ in range(5):

        def closure():
            together.zero_grad()
            sum(loss_of(w[m], b[m], scales[m]) for m in range(3)).backward()

        together.step(closure)
    found = torch.cat([w.detach().reshape(3, -1), b.detach().reshape(3, -1)], 1)
    torch.testing.assert_close(found, torch.stack(expected), rtol=0, atol=1e-9)


def test__members_with_noise__each_have_their_ball():
    weight = torch.zeros(4, 50, requires_grad=True)
    lengths = []

    def closure():
        lengths.append(weight.detach().norm(dim=1))
        weight.grad = None
        weight.sum().backward()

    OTMDR([weight], rho=0.5, noise=2.0, n_members=4, lr=1.0).gather(closure)
    assert lengths[1].max() <= 0.5
    assert lengths[1].min() > 0.49


# -- clipping --------------------------------------------------------------------------


def test__max_grad_norm__clips_the_descent_as_torch_does():
    net = model()
    free = OTMDR(net.parameters(), lr=0.1)
    free.gather(closure_of(net, free, batches(1)[0]))
    torch.nn.utils.clip_grad_norm_(net.parameters(), 0.01)
    expected = flat(net) - 0.1 * flat_gradient(net)
    clipped = OTMDR(net.parameters(), lr=0.1, max_grad_norm=0.01)
    clipped.step(closure_of(net, clipped, batches(1)[0]))
    torch.testing.assert_close(flat(net), expected)
