"""The loss of a batch: what is compared with what."""

import pytest
import torch
from torch.testing import assert_close

from skwass.nn import (
    ImageMixing,
    StochasticViT,
    TripletWassersteinLoss,
    WeightedCrossEntropy,
    gaussian_wasserstein,
)
from skwass.training import Views, local_torch_seed
from skwass.vision._objective import Objective, others_of_another_class, pooled_of

with local_torch_seed(0):
    NETWORK = StochasticViT(3, (1, 4, 4), patch_size=2, width=8, depth=1, n_heads=2)
    IMAGES = torch.rand(12, 1, 4, 4)
LABELS = torch.arange(12) % 3
ONES = torch.ones(12)
PLAIN = WeightedCrossEntropy()


def loss_of(objective, network=NETWORK, labels=LABELS, weights=ONES, seed=0):
    with local_torch_seed(seed):
        return objective(network, IMAGES, labels, weights)


def test__without_anything_else__it_is_cross_entropy():
    expected = torch.nn.functional.cross_entropy(NETWORK(IMAGES), LABELS)
    assert_close(loss_of(Objective(PLAIN, None, None, None)), expected)


def test__weights__multiply_cross_entropy_only():
    weights = torch.rand(12)
    each = torch.nn.functional.cross_entropy(NETWORK(IMAGES), LABELS, reduction="none")
    found = loss_of(Objective(PLAIN, None, None, None), weights=weights)
    assert_close(found, (weights * each).mean())
    regular = Objective(PLAIN, None, None, TripletWassersteinLoss(1.0, 1.0))
    added = loss_of(regular, weights=weights) - found
    assert_close(added, loss_of(regular) - loss_of(Objective(PLAIN, None, None, None)))


def test__without_augmentation__the_image_is_its_own_clean_version():
    """Then l2 is zero and l1 looks at the distance from another class alone."""
    plain = loss_of(Objective(PLAIN, None, None, None))
    second = Objective(PLAIN, None, None, TripletWassersteinLoss(0.0, 1.0))
    assert_close(loss_of(second), plain)
    first = Objective(PLAIN, None, None, TripletWassersteinLoss(1.0, 0.0))
    pooled = pooled_of(NETWORK, IMAGES)
    with local_torch_seed(0):
        chosen, others = others_of_another_class(LABELS, LABELS)
    assert chosen.tolist() == list(range(12))
    far = gaussian_wasserstein(
        *(type(pooled)(*(p[i] for p in pooled)) for i in (chosen, others))
    )
    assert_close(loss_of(first) - plain, torch.nn.functional.softplus(-far).mean())


def test__with_augmentation__the_clean_version_is_the_image_before():
    def darker(images, generator):
        return images * 0.5

    views = Views(darker)
    plain = loss_of(Objective(PLAIN, views, None, None))
    assert_close(
        plain, torch.nn.functional.cross_entropy(NETWORK(IMAGES * 0.5), LABELS)
    )
    second = Objective(PLAIN, views, None, TripletWassersteinLoss(0.0, 1.0))
    z, clean = pooled_of(NETWORK, IMAGES * 0.5), pooled_of(NETWORK, IMAGES)
    near = gaussian_wasserstein(z, clean)
    # no z⁻ is farther away than this, so l2 is between two bounds
    added = loss_of(second) - plain
    assert 0 <= added <= near.mean() + 1e-6


def test__gradients__reach_all_parameters_of_both_streams():
    objective = Objective(
        PLAIN,
        Views(lambda images, generator: images + 0.1 * torch.rand_like(images)),
        ImageMixing(mixup=0.5),
        TripletWassersteinLoss(1.0, 1.0),
    )
    NETWORK.zero_grad()
    loss_of(objective).backward()
    missing = {
        name
        for name, parameter in NETWORK.named_parameters()
        if parameter.grad is None or not parameter.grad.any()
    }
    NETWORK.zero_grad()
    assert {name.split(".")[0] for name in missing} <= {"blank"}  # of pre-training


def test__mixtures__compare_with_both_labels():
    class Half(torch.nn.Module):
        def forward(self, images):
            partners = torch.arange(len(images)).roll(1)
            return (
                (images + images[partners]) / 2,
                partners,
                torch.full((len(images),), 0.5),
            )

    found = loss_of(Objective(PLAIN, None, Half(), None))
    logits = NETWORK((IMAGES + IMAGES.roll(1, 0)) / 2)
    both = [
        torch.nn.functional.cross_entropy(logits, labels)
        for labels in (LABELS, LABELS.roll(1))
    ]
    assert_close(found, sum(both) / 2)


def test__negatives__are_of_another_class_than_image_and_partner():
    labels = torch.randint(0, 4, (200,), generator=torch.Generator().manual_seed(0))
    partners = labels.roll(7)
    with local_torch_seed(1):
        chosen, others = others_of_another_class(labels, partners)
        again = others_of_another_class(labels, partners)[1]
    assert len(chosen) == 200
    assert (labels[others] != labels[chosen]).all()
    assert (labels[others] != partners[chosen]).all()
    assert (others != again).any()


@pytest.mark.parametrize("n_classes", [1, 2])
def test__where_there_is_no_other_class__nothing_is_chosen(n_classes):
    labels = torch.arange(6) % n_classes
    partners = (labels + 1) % n_classes
    chosen, others = others_of_another_class(labels, partners)
    assert len(chosen) == len(others) == 0


def test__a_batch_of_one_class__has_no_regulariser():
    regular = Objective(PLAIN, None, None, TripletWassersteinLoss(1.0, 1.0))
    same = torch.zeros(12, dtype=torch.long)
    plain = Objective(PLAIN, None, None, None)
    assert_close(loss_of(regular, labels=same), loss_of(plain, labels=same))
