"""The network of a fit: an encoder, and the heads by which it is trained."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn

from skwass.nn import Perceptron, ResidualEncoder, Siamese, centre_and_scale
from skwass.selfsupervised._recipe import Recipe
from skwass.training import TorchStream, local_torch_seed, made_module

_LOOKED_AT = 16
_WIDTH = 128


def siamese_of(
    recipe: Recipe,
    inputs: Tensor,
    encoder: Any,
    parameters: Mapping[str, Any],
    seed: int,
) -> Siamese:
    """A network that is not trained yet.

    Raises
    ------
    ValueError
        If the encoder does not fit the samples, or the batch is too small for the
        method.
    """
    made = _encoder_of(recipe, inputs, encoder, parameters, seed)
    width = _width_of(made, inputs, recipe, seed)
    sizes = recipe.projector_sizes or (4 * width, 4 * width, max(2, width // 2))
    known = recipe.known
    options = dict(recipe.options)
    if known.temperature is not None:
        options["temperature"] = recipe.temperature
    if known.has_momentum:
        options["momentum"] = recipe.momentum
    if known.has_queue:
        options["queue_size"] = recipe.queue_size
    if known.predictor is not None:
        hidden = (max(2, round(known.predictor * sizes[-1])),)
        chosen = recipe.predictor_sizes
        options["predictor_sizes"] = hidden if chosen is None else chosen
    if recipe.method == "zero-cl" and recipe.batch_size < sizes[-1]:
        raise ValueError(
            f"method='zero-cl' whitens {sizes[-1]} projected features, for which a "
            f"batch needs as many samples; got batches of {recipe.batch_size} from "
            f"{len(inputs)} samples. Raise batch_size, or end projector_sizes with a "
            "smaller width."
        )
    with local_torch_seed(seed):
        return known.siamese(made, width, sizes, **options)


def _encoder_of(
    recipe: Recipe,
    inputs: Tensor,
    encoder: Any,
    parameters: Mapping[str, Any],
    seed: int,
) -> nn.Module:
    width = recipe.n_components or _WIDTH
    if encoder is not None:
        told = {
            "n_inputs": inputs.shape[1],
            "image_shape": tuple(inputs.shape[1:]),
            "n_outputs": width,
        }
        return made_module(encoder, parameters, told, name="encoder", seed=seed)
    if parameters:
        raise ValueError(
            f"Parameters {sorted(f'encoder__{name}' for name in parameters)} are for "
            "an encoder of your own, but encoder is None."
        )
    # a channel of an image is standardised as the column of a table is
    image = inputs.ndim == 4
    columns = inputs.movedim(1, -1).reshape(-1, inputs.shape[1]) if image else inputs
    mean, scale = centre_and_scale(columns)
    with local_torch_seed(seed):
        if image:
            return ResidualEncoder(
                inputs.shape[1],
                width,
                mean=mean[:, None, None],
                scale=scale[:, None, None],
            )
        return Perceptron(
            inputs.shape[1],
            width,
            recipe.hidden_layer_sizes,
            mean=mean,
            scale=scale,
        )


@torch.no_grad()
def _width_of(encoder: nn.Module, inputs: Tensor, recipe: Recipe, seed: int) -> int:
    """What the encoder gives, after making sure that it can be used."""
    some = inputs[:_LOOKED_AT].clone().to(recipe.device)  # it may work in place
    training = encoder.training
    try:
        # layers that wait for their first input are initialised here
        with TorchStream(seed, recipe.device).drawn_from():
            outputs = encoder.to(recipe.device).eval()(some)
    except Exception as error:
        raise ValueError(
            f"encoder cannot read samples of shape {tuple(inputs.shape[1:])} and dtype "
            f"{inputs.dtype}: {error}"
        ) from error
    finally:
        encoder.train(training)
    shape = tuple(outputs.shape) if isinstance(outputs, Tensor) else type(outputs)
    if not isinstance(shape, tuple) or len(shape) != 2 or shape[0] != len(some):
        raise ValueError(
            f"encoder must give a tensor of shape ({len(some)}, n_components) for "
            f"{len(some)} samples; got {shape}."
        )
    width = outputs.shape[1]
    if recipe.n_components not in (None, width):
        raise ValueError(
            f"n_components={recipe.n_components}, but encoder gives {width} numbers "
            "for a sample. Leave n_components on 'auto', or make the encoder give as "
            "many; a class or factory is told if it has a parameter n_outputs."
        )
    return width
