"""The maps start linear, learn, and the decoder leaves the encoder alone."""

import pytest
import torch
from torch.testing import assert_close

from skwass.nn import ResidualMap, StressLoss, WormholeAutoencoder, group_distances


@pytest.fixture(autouse=True)
def _same_numbers():
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        yield


def wake(module):
    """Give the layers that start as zero some numbers."""
    with torch.no_grad():
        for parameter in module.parameters():
            if not parameter.any():
                parameter.normal_()
    return module


# --- ResidualMap ------------------------------------------------------------------


@pytest.mark.parametrize(("n_inputs", "n_outputs"), [(5, 2), (3, 3), (2, 6)])
def test_a_map_starts_as_a_copy_of_the_first_coordinates(n_inputs, n_outputs):
    x = torch.randn(7, n_inputs)
    mapped = ResidualMap(n_inputs, n_outputs, [8, 4])(x)
    kept = min(n_inputs, n_outputs)
    assert_close(mapped[:, :kept], x[:, :kept], rtol=0, atol=0)
    assert not mapped[:, kept:].any()


@pytest.mark.parametrize("hidden_layer_sizes", [[], (), [16], (8, 4, 2)])
def test_a_map_starts_as_the_given_weight(hidden_layer_sizes):
    x, weight = torch.randn(7, 5), torch.randn(3, 5)
    mapped = ResidualMap(5, 3, hidden_layer_sizes, weight)(x)
    assert_close(mapped, x @ weight.T)


def test_the_given_weight_is_copied():
    weight = torch.randn(3, 5)
    before = weight.clone()
    residual = ResidualMap(5, 3, [4], weight)
    with torch.no_grad():
        residual.linear.weight.zero_()
    assert_close(weight, before, rtol=0, atol=0)


def test_a_weight_of_another_shape_is_refused():
    with pytest.raises(RuntimeError, match="size"):
        ResidualMap(5, 3, [4], torch.ones(5, 4))


def test_a_map_without_hidden_layers_is_linear_for_good():
    residual = ResidualMap(5, 3, [])
    assert residual.mlp is None
    assert [tuple(p.shape) for p in residual.parameters()] == [(3, 5)]
    x, y = torch.randn(2, 4, 5)
    assert_close(residual(2 * x - y), 2 * residual(x) - residual(y))


@pytest.mark.parametrize("gain", [0.5, 1.0, 5.0])
def test_the_gain_multiplies_the_input_of_the_network_only(gain):
    residual = wake(ResidualMap(5, 3, [8], gain=gain))
    x = torch.randn(6, 5)
    assert_close(residual(x) - residual.linear(x), residual.mlp(gain * x))
    assert not torch.allclose(residual(x), residual.linear(x), atol=0.1)


def test_hidden_layers_are_as_wide_as_asked():
    residual = ResidualMap(5, 3, [8, 4])
    widths = [m.weight.shape for m in residual.mlp if isinstance(m, torch.nn.Linear)]
    assert widths == [(8, 5), (4, 8), (3, 4)]


def test_one_step_wakes_all_layers():
    residual = ResidualMap(5, 3, [8, 4])
    x, target = torch.randn(20, 5), torch.randn(20, 3)
    optimizer = torch.optim.SGD(residual.parameters(), lr=0.1)

    def gradients():
        optimizer.zero_grad()
        (residual(x) - target).square().mean().backward()
        return {name: bool(p.grad.any()) for name, p in residual.named_parameters()}

    first = gradients()
    asleep = {"mlp.0.weight", "mlp.0.bias", "mlp.2.weight", "mlp.2.bias"}
    assert {name for name, moves in first.items() if not moves} == asleep
    optimizer.step()
    assert all(gradients().values())


# --- WormholeAutoencoder ----------------------------------------------------------


def test_the_error_of_the_decoder_never_reaches_the_encoder():
    model = wake(WormholeAutoencoder(6, 2, [8]))
    x = torch.randn(5, 6)
    _, decoded = model(x)
    (decoded - x).square().mean().backward()
    assert all(p.grad is None for p in model.encoder.parameters())
    assert all(p.grad.any() for p in model.decoder.parameters())


def test_the_stress_trains_the_encoder_only():
    model = wake(WormholeAutoencoder(6, 2, [8]))
    embedding, _ = model(torch.randn(1, 5, 6))
    group_distances(embedding).sum().backward()
    # the last bias moves all embeddings alike, which no distance sees
    still = {
        name for name, p in model.encoder.named_parameters() if p.grad.norm() < 1e-4
    }
    assert still == {"mlp.2.bias"}
    assert all(p.grad is None for p in model.decoder.parameters())


@pytest.mark.parametrize("n_components", [2, 6, 9])
@pytest.mark.parametrize("given", [False, True])
def test_the_decoder_starts_as_the_pseudo_inverse(n_components, given):
    weight = torch.randn(n_components, 6) if given else None
    model = WormholeAutoencoder(6, n_components, [8], weight)
    there, back = model.encoder.linear.weight, model.decoder.linear.weight
    assert_close(there @ back @ there, there, atol=1e-5, rtol=1e-4)
    assert_close(back @ there @ back, back, atol=1e-5, rtol=1e-4)
    x = torch.randn(4, 6)
    _, decoded = model(x)
    if n_components >= 6:
        assert_close(decoded, x, atol=1e-4, rtol=1e-4)
    else:
        # as near to x as its embedding can tell: a projection along the rows
        assert_close(model(decoded)[1], decoded, atol=1e-4, rtol=1e-4)
        assert not torch.allclose(decoded, x, atol=0.1)


def test_without_a_decoder_nothing_is_decoded():
    model = WormholeAutoencoder(6, 2, [8], decoder=False)
    embedding, decoded = model(torch.randn(3, 6))
    assert embedding.shape == (3, 2)
    assert decoded is None
    assert {name.split(".")[0] for name, _ in model.named_parameters()} == {"encoder"}


def test_groups_are_mapped_as_their_members_are():
    model = wake(WormholeAutoencoder(6, 2, [8]))
    x = torch.randn(3, 4, 6)
    embedding, decoded = model(x)
    alone, decoded_alone = model(x.reshape(12, 6))
    assert_close(embedding, alone.reshape(3, 4, 2))
    assert_close(decoded, decoded_alone.reshape(3, 4, 6))


def test_a_state_dict_carries_the_whole_model(tmp_path):
    model = wake(WormholeAutoencoder(6, 2, [8, 4]))
    other = WormholeAutoencoder(6, 2, [8, 4], torch.randn(2, 6))
    x = torch.randn(5, 6)
    assert not torch.equal(model(x)[0], other(x)[0])
    torch.save(model.state_dict(), tmp_path / "weights.pt")
    other.load_state_dict(torch.load(tmp_path / "weights.pt", weights_only=True))
    for expected, found in zip(model(x), other(x), strict=True):
        assert_close(found, expected, rtol=0, atol=0)


def test_a_plain_torch_loop_learns_distances_on_a_circle():
    # the arcs between points of a circle are no Euclidean distances of the plane, yet
    # those of a half circle are those of a line
    angles = torch.linspace(0, torch.pi, 24)
    x = torch.stack([angles.cos(), angles.sin()], dim=1)[None]
    i, j = torch.triu_indices(24, 24, offset=1)
    arcs = (angles[i] - angles[j]).abs()[None]
    model, loss = WormholeAutoencoder(2, 1, [32, 32]), StressLoss()
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-2)
    losses = []
    for _ in range(150):
        optimizer.zero_grad()
        value = loss(model(x), (arcs, x))
        value.backward()
        optimizer.step()
        losses.append(value.item())
    assert losses[0] > 0.3
    assert losses[-1] < 0.01
    embedded = group_distances(model(x)[0])
    assert (embedded - arcs).abs().max() < 0.2
