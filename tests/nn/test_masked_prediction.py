"""Student and teacher: who sees what, what gets a gradient, and who follows."""

import pytest
import torch
from numpy.testing import assert_allclose
from torch.nn import functional as F

from skwass.nn import MaskedPrediction, StochasticViT, spread_between_images
from skwass.training import local_torch_seed

WAVES = torch.rand(24, 2, 2, 1, generator=torch.Generator().manual_seed(0))
# what is hidden can be told from what is seen
IMAGES = torch.sin(6 * WAVES[:, :, :1] + 4 * WAVES[:, :, 1:] * torch.linspace(0, 1, 8))
IMAGES = IMAGES.expand(-1, -1, 8, -1)


def made(*, attention="wasserstein", pooling="mean", depth=3, **options):
    with local_torch_seed(0):
        network = StochasticViT(
            1,
            (2, 8, 8),
            patch_size=2,
            width=8,
            depth=depth,
            n_heads=2,
            attention=attention,
            pooling=pooling,
        )
        return MaskedPrediction(network, **options)


def compared(masked, images=IMAGES, seed=0):
    return masked.compare(images, torch.Generator().manual_seed(seed))


@pytest.mark.parametrize("pooling", ["mean", "cls"])
@pytest.mark.parametrize("attention", ["wasserstein", "dot"])
def test__gradients__reach_all_of_the_student_and_none_of_the_teacher(
    attention, pooling
):
    masked = made(attention=attention, pooling=pooling)
    found = compared(masked)
    found.loss.backward()
    unused = ("student.head.", "student.norm.")
    for name, parameter in masked.named_parameters():
        used = not name.startswith(("teacher.", *unused))
        assert parameter.requires_grad or name.startswith("teacher.")
        assert (parameter.grad is not None) == used, name
    assert not any(part.requires_grad for part in found[1:])


def test__loss__is_what_it_is_made_of():
    masked = made(contrast=0.1, pooled_weight=2.0)
    found = compared(masked)
    assert found.distance > 0
    assert_allclose(
        found.loss.item(),
        (found.prediction + 2 * found.pooled_prediction + 0.1 * found.distance).item(),
        rtol=1e-6,
    )
    alone = compared(made(contrast=0.0, pooled_weight=0.0))
    assert alone.distance == alone.pooled_prediction == 0
    assert_allclose(alone.loss.item(), found.prediction.item(), rtol=1e-6)
    assert compared(made(attention="dot")).distance == 0


@pytest.mark.parametrize("n_target_blocks", [1, 2, 3])
def test__targets__are_the_mean_of_normalised_upper_blocks(n_target_blocks):
    masked = made(pooling="cls", n_target_blocks=n_target_blocks)
    targets, seen = masked.targets(IMAGES)
    tokens = masked.student.encode(IMAGES)
    expected = sum(F.layer_norm(z.mean[:, 1:], (8,)) for z in tokens[-n_target_blocks:])
    assert_allclose(targets, (expected / n_target_blocks).detach(), atol=1e-6)
    assert_allclose(seen.variance, tokens[-1].variance[:, 1:].detach(), atol=1e-6)
    assert not targets.requires_grad


def test__the_upper_half__is_predicted_unless_told():
    assert [made(depth=depth).n_target_blocks for depth in (1, 2, 3, 4)] == [1, 1, 1, 2]


def test__the_student__never_sees_what_is_hidden():
    masked = made(pooled_weight=0.0, contrast=0.0)
    seen = []

    def last(images, mask=None):
        seen.append(mask)
        return StochasticViT.last(masked.student, images, mask)

    masked.student.last = last
    compared(masked)
    (mask,) = seen
    assert (mask.sum(dim=1) == 10).all()  # 60 % of 16
    whole = IMAGES.unflatten(2, (4, 2)).unflatten(4, (4, 2))
    hidden = mask.unflatten(1, (4, 4))[:, None, :, None, :, None]
    changed = torch.where(hidden, 7.0, whole).reshape(IMAGES.shape)
    first, second = (last(images, mask).mean for images in (IMAGES, changed))
    assert_allclose(first.detach(), second.detach(), atol=1e-6)


def test__the_teacher__follows_slowly():
    masked = made(momentum=0.75)
    before = masked.teacher.copied.embed["mean"].weight.clone()
    with torch.no_grad():
        masked.student.embed["mean"].weight.add_(1.0)
    masked.after_step()
    after = masked.teacher.copied.embed["mean"].weight
    assert_allclose(after, before + 0.25, rtol=1e-6)


def test__the_teacher__drops_nothing_out():
    masked = made()
    for network in (masked.student, masked.teacher.copied):
        for block in network.blocks:
            block.dropout.p = 0.5
    masked.train()
    targets = [masked.targets(IMAGES)[0] for _ in range(2)]
    assert torch.equal(*targets)


@pytest.mark.parametrize("pooling", ["mean", "cls"])
def test__training__lowers_the_loss_and_targets_stay_apart(pooling):
    masked = made(pooling=pooling, momentum=0.9)
    optimizer = torch.optim.Adam(
        [p for p in masked.parameters() if p.requires_grad], lr=5e-3
    )
    found = []
    for step in range(40):
        found.append(compared(masked, seed=step))
        optimizer.zero_grad()
        found[-1].loss.backward()
        optimizer.step()
        masked.after_step()
    assert found[-1].prediction < 0.8 * found[0].prediction
    assert found[-1].pooled_prediction < 0.8 * found[0].pooled_prediction
    assert found[-1].spread > 0.1
    assert masked(IMAGES).shape == (24, 8)


def test__spread__is_a_share_of_what_differs_between_images():
    places = torch.randn(1, 5, 3, generator=torch.Generator().manual_seed(0))
    assert spread_between_images(places.expand(50, -1, -1)) < 1e-9
    noise = torch.randn(5000, 5, 3, generator=torch.Generator().manual_seed(0))
    assert spread_between_images(noise) == pytest.approx(1, abs=0.01)
    mixed = spread_between_images(noise + places / places.square().mean().sqrt())
    assert mixed == pytest.approx(0.5, abs=0.02)
    assert spread_between_images(torch.zeros(3, 5, 3)) == 0
