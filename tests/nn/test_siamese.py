"""Methods that compare two views: what gets a gradient, what follows, what is kept."""

import pytest
import torch
from numpy.testing import assert_allclose
from torch import nn

from skwass.nn import (
    BYOL,
    NNCLR,
    AlignUniform,
    BarlowTwins,
    EmbeddingQueue,
    MoCo,
    MomentumCopy,
    SimCLR,
    SimSiam,
    ZeroCL,
)
from skwass.training import local_torch_seed

MAKERS = {
    "simclr": SimCLR,
    "moco": lambda *shape: MoCo(*shape, queue_size=8),
    "nnclr": lambda *shape: NNCLR(*shape, predictor_sizes=(8,), queue_size=8),
    "byol": lambda *shape: BYOL(*shape, predictor_sizes=(8,)),
    "simsiam": lambda *shape: SimSiam(*shape, predictor_sizes=(2,)),
    "align-uniform": AlignUniform,
    "barlow-twins": BarlowTwins,
    "zero-cl": ZeroCL,
}
ROWS = torch.randn(16, 5, generator=torch.Generator().manual_seed(0))
OTHER = ROWS + 0.3 * ROWS.roll(1, 0).flip(1)


def made(name):
    with local_torch_seed(0):
        return MAKERS[name](nn.Linear(5, 6), 6, (8, 4))


@pytest.mark.parametrize("name", MAKERS)
def test__compare__reaches_all_that_is_trained(name):
    siamese = made(name)
    loss, first, second = siamese.compare(ROWS, OTHER)
    loss.backward()
    assert first.shape == second.shape == (16, 4)
    for label, parameter in siamese.named_parameters():
        trained = not label.startswith("target.")
        assert parameter.requires_grad == trained
        assert (parameter.grad is not None) == trained, label


@pytest.mark.parametrize("name", MAKERS)
def test__a_step__lowers_the_loss(name):
    siamese = made(name)
    queue = getattr(siamese, "queue", None)
    optimizer = torch.optim.SGD(
        [p for p in siamese.parameters() if p.requires_grad], lr=1e-3
    )
    rows = None if queue is None else queue.rows
    loss, _, _ = siamese.compare(ROWS, OTHER)
    loss.backward()
    optimizer.step()
    if queue is not None:
        queue.rows = rows
    assert siamese.compare(ROWS, OTHER).loss < loss


@pytest.mark.parametrize("name", MAKERS)
def test__compare__does_not_care_which_view_is_first(name):
    losses = [
        made(name).compare(*views).loss.item()
        for views in ((ROWS, OTHER), (OTHER, ROWS))
    ]
    assert_allclose(*losses, rtol=1e-4)


@pytest.mark.parametrize("name", MAKERS)
def test__forward__gives_what_the_encoder_gives(name):
    siamese = made(name)
    torch.testing.assert_close(siamese(ROWS), siamese.encoder(ROWS))


def test__simsiam__normalises_projections():
    _, first, _ = made("simsiam").compare(ROWS, ROWS)
    assert_allclose(first.detach().mean(dim=0), 0, atol=1e-5)


def test__byol__of_perfect_prediction__is_zero():
    byol = made("byol").eval()
    byol.predictor = nn.Identity()
    assert_allclose(byol.compare(ROWS, ROWS).loss.item(), 0, atol=1e-5)


@pytest.mark.parametrize("momentum", [0.0, 0.9, 1.0])
def test__momentum_copy__follows_by_its_share(momentum):
    layer = nn.Linear(3, 2)
    slow = MomentumCopy(layer, momentum)
    before = layer.weight.detach().clone()
    with torch.no_grad():
        layer.weight += 1
    slow.follow(layer)
    torch.testing.assert_close(slow.copied.weight, before + 1 - momentum)


def test__after_step__lets_the_slow_copy_follow():
    for name in ("byol", "moco"):
        siamese = made(name)
        with torch.no_grad():
            siamese.encoder.weight += 1
        siamese.after_step()
        gap = siamese.encoder.weight - siamese.target.copied[0].weight
        torch.testing.assert_close(gap, torch.full_like(gap, 0.99))


def test__queue__holds_the_last_as_unit_vectors():
    queue = EmbeddingQueue(4, 6)
    assert_allclose(queue.rows.norm(dim=1), 1, rtol=1e-6)
    rows = torch.eye(6)
    queue.push(2 * rows[:3])
    queue.push(3 * rows[3:5])
    assert set(queue.rows.argmax(dim=1).tolist()) == {1, 2, 3, 4}
    assert_allclose(queue.rows.norm(dim=1), 1)
    queue.push(rows)
    assert set(queue.rows.argmax(dim=1).tolist()) == {2, 3, 4, 5}


def test__queue__finds_the_nearest_direction():
    queue = EmbeddingQueue(3, 3)
    queue.push(torch.eye(3))
    found = queue.nearest(torch.tensor([[0.1, 9.0, 0.0], [1.0, 0.0, -5.0]]))
    torch.testing.assert_close(found, torch.eye(3)[[1, 0]])


def test__queue__is_part_of_the_state():
    queue, other = EmbeddingQueue(4, 2), EmbeddingQueue(4, 2)
    queue.push(torch.ones(3, 2))
    other.load_state_dict(queue.state_dict())
    torch.testing.assert_close(other.rows, queue.rows)
    assert other.place == 3
