"""Layers that collapse are seen, and training does not notice."""

import math

import numpy as np
import pytest
import torch
from skorch import NeuralNetRegressor
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

from skwass.metrics import effective_rank, uniformity_floor, wasserstein_uniformity
from skwass.training import UniformityMonitor, layer_uniformity


def network():
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return nn.Sequential(
            nn.Linear(6, 5), nn.BatchNorm1d(5), nn.Dropout(0.5), nn.Linear(5, 3)
        )


def samples(n_samples=100):
    return torch.randn(n_samples, 6, generator=torch.Generator().manual_seed(1))


def figures(rows):
    rows = rows.detach()
    return (
        wasserstein_uniformity(rows),
        uniformity_floor(*rows.shape),
        wasserstein_uniformity(rows, corrected=True),
        effective_rank(rows),
        0.0,
    )


@pytest.mark.parametrize("batch_size", [7, 1000])
@pytest.mark.parametrize("layer", ["", "0", "1"])
def test__figures__are_those_of_the_outputs(layer, batch_size):
    module, X = network(), samples()
    found = layer_uniformity(module, X, layer, batch_size=batch_size)
    parts = list(module.eval())[: int(layer or 3) + 1]
    assert found == pytest.approx(figures(nn.Sequential(*parts)(X)), rel=1e-5)
    by_module = layer_uniformity(module, X, module.get_submodule(layer))
    assert by_module == pytest.approx(found, rel=1e-5)


def test__input__may_be_an_array_or_batches():
    module, X = network(), samples()
    expected = pytest.approx(layer_uniformity(module, X), rel=1e-5)
    assert layer_uniformity(module, X.numpy()) == expected
    loader = DataLoader(TensorDataset(X, torch.zeros(100)), batch_size=9)
    assert layer_uniformity(module, loader) == expected
    assert layer_uniformity(module, X.split(30)) == expected


def test__module__is_left_as_it_was():
    module, X = network().train(), samples()
    module[2].eval()
    before = {name: value.clone() for name, value in module.state_dict().items()}
    state = torch.get_rng_state()
    layer_uniformity(module, X, "0")
    assert torch.equal(torch.get_rng_state(), state)
    assert [part.training for part in module] == [True, True, False, True]
    for name, value in module.state_dict().items():
        assert torch.equal(value, before[name])
    assert not module[0]._forward_hooks
    with pytest.raises(RuntimeError):
        layer_uniformity(module, X[:, :3], "0")
    assert module.training
    assert not module[0]._forward_hooks


def test__a_layer_before_one_that_works_in_place__is_seen_as_it_was():
    first, last, X = nn.Linear(6, 5), nn.Linear(5, 3), samples()
    module = nn.Sequential(first, nn.ReLU(inplace=True), last)
    expected = pytest.approx(figures(first(X)), rel=1e-5)
    assert layer_uniformity(module, X, "0") == expected


def test__outputs_of_more_dimensions__are_flattened():
    module = nn.Sequential(nn.Unflatten(1, (2, 3)))
    X = samples()
    assert layer_uniformity(module, X) == pytest.approx(figures(X), rel=1e-5)


def test__dead_samples__are_told_and_left_out():
    X = samples()
    X[:25] = 0
    found = layer_uniformity(nn.Identity(), X)
    assert found.zero_share == 0.25
    assert found[:4] == pytest.approx(figures(X[25:])[:4], rel=1e-5)


@pytest.mark.parametrize("value", [0.0, math.nan])
def test__undefined_figures__are_nan(value):
    found = layer_uniformity(nn.Identity(), torch.full((9, 4), value))
    assert all(math.isnan(figure) for figure in found[:4])
    assert found.zero_share == (value == 0)


@pytest.mark.parametrize(
    ("layer", "match"),
    [
        ("9", "layer must be one of '', '0', '1', '2', '3'; got '9'"),
        (nn.Linear(2, 2), "part of the module"),
    ],
)
def test__unknown_layer__raises(layer, match):
    with pytest.raises(ValueError, match=match):
        layer_uniformity(network(), samples(), layer)


def test__layer_that_gives_no_rows__raises():
    class Idle(nn.Module):
        def __init__(self):
            super().__init__()
            self.idle = nn.Linear(6, 2)

        def forward(self, x):
            return x.sum()

    with pytest.raises(ValueError, match="'idle' was not called"):
        layer_uniformity(Idle(), samples(), "idle")
    with pytest.raises(ValueError, match=r"layer '' must give a tensor .* Tensor\(\)"):
        layer_uniformity(Idle(), samples())
    with pytest.raises(ValueError, match="a sample or more; got none"):
        layer_uniformity(network(), [])


# --- the callback -----------------------------------------------------------------


def trained(*callbacks, **options):
    X = samples().numpy()
    target = X[:, :3].copy()
    net = NeuralNetRegressor(
        network(), max_epochs=4, verbose=0, callbacks=list(callbacks), **options
    )
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return net.fit(X, target)


def test__monitor__records_every_epoch():
    X = samples(60)
    net = trained(
        UniformityMonitor("0", X=X), UniformityMonitor(X=X, every=2, prefix="output")
    )
    distances = net.history[:, "uniformity_distance"]
    assert len(distances) == 4
    last = layer_uniformity(net.module_, X, "0")
    assert distances[-1] == pytest.approx(last.distance)
    assert net.history[-1, "uniformity_excess"] == pytest.approx(last.excess)
    assert net.history[-1, "uniformity_rank"] == pytest.approx(last.effective_rank)
    assert ["output_distance" in row for row in net.history] == [False, True] * 2


@pytest.mark.parametrize("options", [{}, {"train_split": None}])
def test__monitor__without_samples_takes_those_of_the_net(options):
    net = trained(UniformityMonitor("0", max_samples=15), **options)
    assert np.isfinite(net.history[:, "uniformity_distance"]).all()
    if options:  # at even steps from first to last
        chosen = samples()[np.linspace(0, 99, 15).astype(int)]
        last = layer_uniformity(net.module_, chosen, "0")
        assert net.history[-1, "uniformity_distance"] == pytest.approx(last.distance)


def test__training__is_the_same_with_a_monitor():
    plain, watched = trained(), trained(UniformityMonitor("0"))
    for one, other in zip(
        plain.module_.parameters(), watched.module_.parameters(), strict=True
    ):
        assert torch.equal(one, other)
