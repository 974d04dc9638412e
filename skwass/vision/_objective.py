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


@dataclass(frozen=True)
class Objective:
    r"""The loss of a batch of labelled images.

    Cross-entropy of augmented images z, plus the Wasserstein regularisers, for which
    z⁺ is the same image as it was before, and z⁻ such an image of another class:
    another one of the batch, drawn at random.

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
        changed = seen is not images
        # one pass for both is faster than two
        both = self.triplets is not None and changed
        pooled = pooled_of(network, torch.cat([seen, images]) if both else seen)
        z, clean = pooled, pooled
        if both:
            z, clean = (
                GaussianTokens(*(part[rows] for part in pooled))
                for rows in (slice(len(seen)), slice(len(seen), None))
            )
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
        return loss + self._distances(z, clean, labels, partners)

    def _distances(
        self, z: GaussianTokens, clean: GaussianTokens, labels: Tensor, partners: Tensor
    ) -> Tensor:
        assert self.triplets is not None
        chosen, negatives = others_of_another_class(labels, partners)
        if not len(chosen):
            return z.mean.new_zeros(())
        share = len(chosen) / len(labels)
        return share * self.triplets(
            _at(z, chosen), _at(clean, chosen), _at(clean, negatives)
        )


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
    return network.pool(network.encode(images)[-1])


def _at(tokens: GaussianTokens, places: Tensor) -> GaussianTokens:
    return GaussianTokens(*(part[places] for part in tokens))
