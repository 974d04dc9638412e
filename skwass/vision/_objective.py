"""What a step of training makes smaller: a loss of labels, and two of distances."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from skwass.nn import (
    GaussianTokens,
    ImageMixing,
    StochasticViT,
    TripletWassersteinLoss,
    WeightedCrossEntropy,
)
from skwass.training import Views

#: of a batch that is seen before its augmentation too, and no fewer samples than this
_SHARE, _LEAST = 0.25, 16


@dataclass(frozen=True)
class Objective:
    r"""The loss of a batch of labelled images.

    Cross-entropy of augmented images z, plus the Wasserstein regularisers, for which
    z⁺ is the same image as it was before, and z⁻ such an image of another class:
    another one of the batch, drawn at random. If there is an augmentation, z⁺ and z⁻
    have to pass through the network as well; so only a quarter of the batch is looked
    at, drawn anew each time, which estimates the same for a quarter of the cost.

    Attributes
    ----------
    loss : WeightedCrossEntropy
        Of logits.
    views : Views or None
        The augmentation.
    mixing : ImageMixing or None
        Mixtures of two images. z⁺ is the image of the larger share then, and z⁻ of
        neither class.
    triplets : TripletWassersteinLoss or None
        The regularisers.
    """

    loss: WeightedCrossEntropy
    views: Views | None
    mixing: ImageMixing | None
    triplets: TripletWassersteinLoss | None

    def __call__(
        self, network: StochasticViT, images: Tensor, labels: Tensor, weights: Tensor
    ) -> Tensor:
        """The loss; all that is random comes from torch's global generator."""
        seen = images if self.views is None else self.views(images)
        others, shares = None, None
        if self.mixing is not None and len(images) > 1:
            seen, others, shares = self.mixing(seen)
        some = torch.arange(len(images), device=images.device)
        changed = self.triplets is not None and seen is not images
        if changed:
            some = _drawn(len(images)).to(images.device)
            # one pass for both is faster than two
            pooled = pooled_of(network, torch.cat([seen, images[some]]))
            z, clean = (
                _at(pooled, slice(len(seen))),
                _at(pooled, slice(len(seen), None)),
            )
        else:
            z = pooled_of(network, seen)
            clean = z
        logits = network.classify(z)
        if others is None or shares is None:
            loss: Tensor = self.loss(logits, (labels, weights))
        else:
            loss = self.loss(logits, (labels, shares * weights)) + self.loss(
                logits, (labels[others], (1 - shares) * weights[others])
            )
        if self.triplets is None:
            return loss
        partners = labels if others is None else labels[others]
        chosen, negatives = others_of_another_class(labels[some], partners[some])
        if not len(chosen):
            return loss
        distances: Tensor = self.triplets(
            _at(z, some[chosen]), _at(clean, chosen), _at(clean, negatives)
        )
        return loss + len(chosen) / len(some) * distances


def others_of_another_class(labels: Tensor, partners: Tensor) -> tuple[Tensor, Tensor]:
    """For each sample one of another class than its own and its partner's.

    Returns
    -------
    chosen, others : Tensor of shape (n_chosen,)
        Places of samples for which there is one, and its place.
    """
    differs = (labels[:, None] != labels) & (partners[:, None] != labels)
    draw = torch.rand(differs.shape).to(labels.device).masked_fill(~differs, -1.0)
    score, others = draw.max(dim=1)
    chosen = torch.nonzero(score >= 0).flatten()
    return chosen, others[chosen]


def pooled_of(network: StochasticViT, images: Tensor) -> GaussianTokens:
    """One Gaussian for each image."""
    return network.pool(network.last(images))


def _drawn(n_images: int) -> Tensor:
    n_drawn = min(n_images, max(_LEAST, round(_SHARE * n_images)))
    return torch.randperm(n_images)[:n_drawn]


def _at(tokens: GaussianTokens, places: Tensor | slice) -> GaussianTokens:
    return GaussianTokens(*(part[places] for part in tokens))
