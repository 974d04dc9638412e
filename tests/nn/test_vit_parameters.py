"""What is a parameter of which layer, how many there are, and what is refused."""

import copy

import pytest
import torch

from skwass.nn import StochasticViT, matched_twin

SHAPE = (1, 8, 8)
SMALL = {"patch_size": 4, "width": 16, "depth": 2}


def network(shape=SHAPE, **options):
    return StochasticViT(3, shape, **{**SMALL, **options})


def size(model):
    return sum(parameter.numel() for parameter in model.parameters())


# --- names ------------------------------------------------------------------------


@pytest.mark.parametrize("attention", ["wasserstein", "dot"])
def test__layers__grow_with_depth(attention):
    model = network(attention=attention, pooling="cls")
    layers = {name: model.layer_of(name) for name, _ in model.named_parameters()}
    assert set(layers.values()) == {0, 1, 2, 3}
    assert layers["embed.mean.weight"] == layers["cls.mean"] == 0
    assert layers["position.mean"] == layers["blank.mean"] == 0
    assert layers["blocks.0.mean.read.weight"] == 1
    assert layers["blocks.1.mean.first.bias"] == 2
    assert layers["norm.weight"] == layers["head.bias"] == 3


def test__no_weight_decay__names_all_but_matrices():
    model = network(pooling="cls", head="probit")
    spared = model.no_weight_decay()
    parameters = dict(model.named_parameters())
    assert spared < set(parameters)
    assert {"position.raw", "cls.mean", "log_scale", "norm.weight"} < spared
    assert "blocks.0.log_temperature" in spared
    assert {parameters[name].ndim for name in set(parameters) - spared} == {2}


# --- copies -----------------------------------------------------------------------


@pytest.mark.parametrize("attention", ["wasserstein", "dot"])
def test__copies__predict_the_same(attention):
    model, images = network(attention=attention).eval(), torch.rand(6, *SHAPE)
    assert torch.equal(copy.deepcopy(model)(images), model(images))
    fresh = StochasticViT(**model.options).eval()
    fresh.load_state_dict(model.state_dict())
    assert torch.equal(fresh(images), model(images))


# --- the twin ---------------------------------------------------------------------


@pytest.mark.parametrize("pooling", ["cls", "mean"])
@pytest.mark.parametrize("covariance_mlp", ["full", "light"])
@pytest.mark.parametrize(
    ("shape", "patch_size", "options"),
    [
        (SHAPE, 2, {}),
        ((3, 32, 32), 4, {"width": 192, "n_heads": 3, "mlp_ratio": 4.0}),
        ((1, 1, 7), (1, 1), {"width": 8, "n_heads": 2, "depth": 1}),
        ((3, 64, 64), 4, {"width": 32, "n_heads": 8, "mlp_ratio": 0.5}),
    ],
)
def test__matched_twin__has_as_many_parameters(
    shape, patch_size, options, covariance_mlp, pooling
):
    model = network(
        shape,
        patch_size=patch_size,
        covariance_mlp=covariance_mlp,
        pooling=pooling,
        **options,
    )
    twin = matched_twin(model)
    assert size(twin) == pytest.approx(size(model), rel=0.02)
    same = ("image_shape", "patch_size", "depth", "n_heads", "pooling")
    assert all(twin.options[name] == model.options[name] for name in same)
    assert twin(torch.zeros(2, *shape)).shape == (2, 3)


def test__matched_twin__standardises_alike():
    model = network(mean=torch.tensor([3.0]), scale=torch.tensor([2.0]))
    twin = matched_twin(model)
    assert twin.pixel_mean == 3
    assert twin.pixel_scale == 2


def test__matched_twin__of_a_twin_is_one_of_the_same_size():
    twin = matched_twin(network(attention="dot"))
    assert size(twin) == size(network(attention="dot"))


# --- bad input --------------------------------------------------------------------


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"attention": "flash"}, "attention must be one of"),
        ({"cov_aggregation": "cubed"}, "cov_aggregation must be one of"),
        ({"covariance_mlp": "heavy"}, "covariance_mlp must be one of"),
        ({"variance_embedding": "none"}, "variance_embedding must be one of"),
        ({"pooling": "max"}, "pooling must be one of"),
        ({"head": "logit"}, "head must be one of"),
        ({"width": 0}, "width must be an integer of 1 or more; got 0"),
        ({"depth": 1.5}, "depth must be an integer"),
        ({"n_heads": True}, "n_heads must be an integer"),
        ({"n_heads": 3}, "n_heads must divide width; got n_heads=3 and width=16"),
        ({"patch_size": 3}, r"patch_size must divide images of 8 × 8 pixels; got"),
        ({"patch_size": (4, 4, 4)}, "patch_size must be an integer of 1 or more, or"),
        ({"patch_size": 0}, "patch_size must be an integer of 1 or more"),
        ({"shape": (8, 8)}, "image_shape must be three integers"),
        ({"shape": (1, 8, 0)}, "image_shape must be three integers"),
        ({"mlp_ratio": 0.0}, "mlp_ratio must be positive"),
        ({"dropout": 1.0}, "dropout must be at least 0 and below 1; got 1.0"),
        ({"drop_path": -0.1}, "drop_path must be at least 0 and below 1"),
        ({"mean": torch.zeros(3)}, r"mean must be of shape \(1,\), one for each"),
        ({"scale": torch.zeros(1)}, "scale must be positive; its least is 0.0"),
        ({"scale": torch.ones(1, 8, 7)}, r"scale must be .* broadcast to \(1, 8, 8\)"),
    ],
)
def test__what_cannot_be__raises(options, message):
    with pytest.raises(ValueError, match=message):
        network(**options)


def test__no_outputs__raise():
    with pytest.raises(ValueError, match="n_outputs must be an integer"):
        StochasticViT(0, SHAPE)


@pytest.mark.parametrize(
    "images",
    [torch.zeros(2, 3, 8, 8), torch.zeros(2, 1, 8, 4), torch.zeros(1, 8, 8)],
)
def test__images_of_another_shape__raise(images):
    with pytest.raises(
        ValueError, match=r"images must be of shape .*\(n_samples, 1, 8"
    ):
        network()(images)


def test__whole_numbers__raise():
    with pytest.raises(ValueError, match="images must hold floating-point numbers"):
        network()(torch.zeros(2, *SHAPE, dtype=torch.uint8))


@pytest.mark.parametrize(
    "mask",
    [torch.zeros(2, 5, dtype=torch.bool), torch.zeros(2, 4), torch.zeros(4) > 0],
)
def test__masks_of_another_shape__raise(mask):
    with pytest.raises(ValueError, match="mask must be a bool tensor of shape"):
        network().encode(torch.zeros(2, *SHAPE), mask)
