"""A fitted network at work: from samples to Gaussians, without gradients."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterable
from typing import Any, NamedTuple

import torch
from torch import Tensor

from skwass.nn import GaussianTokens, StochasticViT
from skwass.vision._images import Images

_ROWS_AT_ONCE = 256


class Described(NamedTuple):
    """What a network says of samples, in double precision.

    Parameters
    ----------
    mean, variance : Tensor of shape (n_samples, width)
        The pooled Gaussian.
    logits : Tensor of shape (n_samples, n_classes)
        Before temperature scaling.
    spread : Tensor of shape (n_samples,)
        Mean variance of the tokens of patches.
    """

    mean: Tensor
    variance: Tensor
    logits: Tensor
    spread: Tensor


def reader_of(network: StochasticViT, images: Images, device: Any) -> StochasticViT:
    """The network that reads these images: of tables, in double precision.

    What is said of a sample then does not depend on how many others there are. For
    images, which cost more, it depends on them by the rounding of single precision.
    """
    if images.form.tabular and torch.device(device).type != "mps":
        network = copy.deepcopy(network).double()
    return network.eval()


@torch.no_grad()
def in_parts(
    reader: StochasticViT, images: Images, function: Callable[[Tensor], Any]
) -> tuple[Tensor, ...]:
    """Tensors that a function gives of images, on the CPU, a part at a time."""
    parameter = next(reader.parameters())
    parts = []
    for pixels in images.pixels.split(_ROWS_AT_ONCE):
        found = function(pixels.to(parameter.device, parameter.dtype))
        found = (found,) if isinstance(found, Tensor) else found
        parts.append([each.cpu() for each in found])
    return tuple(torch.cat(each) for each in zip(*parts, strict=True))


def described(reader: StochasticViT, images: Images) -> Described:
    """What the network says of each sample."""

    def describe(pixels: Tensor) -> tuple[Tensor, ...]:
        tokens = reader.last(pixels)
        pooled = reader.pool(tokens)
        spread = tokens.variance[:, reader.n_special :].mean(dim=(1, 2))
        return *pooled, reader.classify(pooled), spread

    return Described(*(each.double() for each in in_parts(reader, images, describe)))


def pooled_means(reader: StochasticViT, images: Images) -> Tensor:
    """Mean of the pooled token of each sample, (n_samples, width)."""
    return in_parts(reader, images, lambda x: reader.pool(reader.last(x)).mean)[0]


def check_finite(found: Iterable[Tensor], lr: float) -> None:
    """Look at what a trained network says of samples of the fit.

    Raises
    ------
    FloatingPointError
        If the last steps have led to NaN or infinite numbers, which no loss has seen.
    """
    if not all(torch.isfinite(part).all() for part in found):
        raise FloatingPointError(
            "After the last step, the network says NaN or infinite numbers of samples "
            f"of the fit. Lower lr (now {lr:g}), or rescale X, and fit again."
        )


def patch_variances(reader: StochasticViT, images: Images) -> Tensor:
    """Mean variance of each patch, (n_samples, rows, columns)."""

    def variances(pixels: Tensor) -> Tensor:
        patches = reader.last(pixels).variance[:, reader.n_special :]
        return patches.mean(dim=2).unflatten(1, reader.grid)

    return in_parts(reader, images, variances)[0]


def sampled_logits(
    reader: StochasticViT, described: Described, n_samples: int, seed: int
) -> GaussianTokens:
    """Mean and variance of logits over draws of the pooled Gaussian.

    Draws are the same for all samples and all calls, so what is said of a sample
    depends on no other.
    """
    generator = torch.Generator().manual_seed(seed)
    noise = torch.randn(n_samples, reader.width, generator=generator).double()
    head = copy.deepcopy(reader).cpu().double()
    variance = described.variance
    if head.log_scale is not None:
        variance = variance * head.log_scale.detach().exp()
    parts = []
    with torch.no_grad():
        for mean, deviation in zip(
            described.mean.split(_ROWS_AT_ONCE),
            variance.sqrt().split(_ROWS_AT_ONCE),
            strict=True,
        ):
            total = mean.new_zeros(len(mean), head.head.out_features)
            squares = total.clone()
            for draw in noise:
                logits = head.head(head.norm(mean + draw * deviation))
                total += logits
                squares += logits.square()
            average = total / n_samples
            spread = (squares / n_samples - average.square()).clamp_min(0)
            parts.append((average, spread))
    return GaussianTokens(*(torch.cat(each) for each in zip(*parts, strict=True)))
