"""Learning without labels: a student predicts what a slow teacher sees."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from skwass.nn._block_masks import block_masks
from skwass.nn._momentum import MomentumCopy
from skwass.nn._stochastic_vit import StochasticViT
from skwass.nn._wasserstein_attention import GaussianTokens
from skwass.nn._wasserstein_losses import ContrastiveWassersteinLoss

#: the hidden layer of what decodes a pooled token, in units of the width
_HIDDEN = 4


class MaskedComparison(NamedTuple):
    """What comparing a student and its teacher gives.

    Parameters
    ----------
    loss : Tensor, scalar
        What is to be made smaller, with gradient.
    prediction, pooled_prediction : Tensor, scalar
        Smooth absolute differences of targets and what patches, or the pooled token,
        predict.
    distance : Tensor, scalar
        The contrastive term, before its weight; zero without variances.
    spread : Tensor, scalar
        Of targets, as `spread_between_images` has it.
    """

    loss: Tensor
    prediction: Tensor
    pooled_prediction: Tensor
    distance: Tensor
    spread: Tensor


class MaskedPrediction(nn.Module):
    r"""A student that sees part of an image predicts what its teacher makes of it all.

    The teacher is a slow copy of the student. What is predicted, patch by patch, is the
    mean t over its K upper blocks of normalised tokens, as in data2vec [1]_; and the
    Gaussians of both are drawn together [2]_. A patch p that is hidden gives

    .. math::

       L_p = \ell_\beta\bigl(h(\mu_p), t_p\bigr)
       - \lambda \log \sigma\bigl(-W_2^2(z_p, z'_p)\bigr), \qquad
       t_p = \frac1K \sum_{k > D - K}
       \frac{\mu'_{pk} - \overline{\mu'_{pk}}}{s(\mu'_{pk})},

    where :math:`z_p = (\mu_p, \sigma_p)` is a token after the last of D blocks of the
    student, primes are of the teacher, h is linear, and :math:`\ell_\beta` is squared
    near zero and absolute beyond β.

    Nothing of this tells the pooled token, which is what is used afterwards, what is
    where. So the mean :math:`\mu` of that has to predict all patches, by a perceptron g
    that is told the place: :math:`w\, \ell_\beta(g(\mu, p), t_p)` is added.

    Parameters
    ----------
    network : StochasticViT
        The student, which is trained in place.
    mask_share : float, default=0.6
        Share of patches that are hidden.
    n_target_blocks : int, default=None
        K; None is the upper half.
    beta : float, default=2.0
        Differences below count by their squares, others by their size.
    contrast : float, default=1e-5
        λ.
    pooled_weight : float, default=5.0
        w.
    blocks : bool, default=True
        As of `block_masks`.
    momentum : float, default=0.999
        How slowly the teacher follows: its attribute `momentum`, which may be changed
        at any step.

    References
    ----------
    .. [1] Baevski et al. data2vec: a general framework for self-supervised learning in
       speech, vision and language. ICML 2022. arXiv:2202.03555
    .. [2] Stochastic vision transformers with Wasserstein distance-aware attention.
       arXiv:2311.18645.

    Examples
    --------
    >>> import torch
    >>> from skwass.nn import MaskedPrediction, StochasticViT
    >>> network = StochasticViT(1, (1, 8, 8), patch_size=2, width=16, depth=2)
    >>> masked = MaskedPrediction(network)
    >>> masked.compare(torch.rand(5, 1, 8, 8)).loss.backward()
    >>> masked.after_step()
    """

    def __init__(
        self,
        network: StochasticViT,
        *,
        mask_share: float = 0.6,
        n_target_blocks: int | None = None,
        beta: float = 2.0,
        contrast: float = 1e-5,
        pooled_weight: float = 5.0,
        blocks: bool = True,
        momentum: float = 0.999,
    ) -> None:
        super().__init__()
        self.student = network
        self.teacher = MomentumCopy(network, momentum)
        self.patch_head = nn.Linear(network.width, network.width)
        self.pooled_head = PlaceDecoder(network.width, network.n_patches)
        self.mask_share = mask_share
        self.n_target_blocks = n_target_blocks or max(1, network.depth // 2)
        self.beta = beta
        self.contrast = contrast
        self.pooled_weight = pooled_weight
        self.blocks = blocks
        self.attraction = ContrastiveWassersteinLoss()

    def forward(self, images: Tensor) -> Tensor:
        """What the student makes of whole images.

        Parameters
        ----------
        images : Tensor of shape (n_samples, channels, height, width)
            Images.

        Returns
        -------
        pooled : Tensor of shape (n_samples, width)
            Means of pooled tokens.
        """
        return self.student.pool(self.student.last(images)).mean

    def compare(
        self, images: Tensor, generator: torch.Generator | None = None
    ) -> MaskedComparison:
        """The loss of a batch.

        Parameters
        ----------
        images : Tensor of shape (n_samples, channels, height, width)
            What the teacher sees.
        generator : torch.Generator, default=None
            Decides about masks; None is the global one.

        Returns
        -------
        compared : MaskedComparison
            The loss, and what it is made of.
        """
        grid = self.student.grid
        hidden = block_masks(
            len(images), grid, self.mask_share, blocks=self.blocks, generator=generator
        ).to(images.device)
        targets, seen = self.targets(images)
        tokens = self.student.last(images, hidden)
        patches = _patches_of(self.student, tokens)
        prediction = F.smooth_l1_loss(
            self.patch_head(patches.mean[hidden]), targets[hidden], beta=self.beta
        )
        loss, distance = prediction, prediction.new_zeros(())
        if self.student.stochastic and self.contrast:
            pair = (GaussianTokens(*(p[hidden] for p in z)) for z in (patches, seen))
            distance = self.attraction(*pair)
            loss = loss + self.contrast * distance
        pooled = prediction.new_zeros(())
        if self.pooled_weight:
            said = self.pooled_head(self.student.pool(tokens).mean)
            pooled = F.smooth_l1_loss(said, targets, beta=self.beta)
            loss = loss + self.pooled_weight * pooled
        return MaskedComparison(
            loss,
            prediction=prediction.detach(),
            pooled_prediction=pooled.detach(),
            distance=distance.detach(),
            spread=spread_between_images(targets),
        )

    @torch.no_grad()
    def targets(self, images: Tensor) -> tuple[Tensor, GaussianTokens]:
        """What the teacher makes of whole images.

        Parameters
        ----------
        images : Tensor of shape (n_samples, channels, height, width)
            Images.

        Returns
        -------
        targets : Tensor of shape (n_samples, n_patches, width)
            What is to be predicted.
        patches : GaussianTokens of shape (n_samples, n_patches, width)
            After its last block.
        """
        teacher = self.teacher.copied.eval()
        assert isinstance(teacher, StochasticViT)
        upper = [
            _patches_of(teacher, tokens)
            for tokens in teacher.encode(images)[-self.n_target_blocks :]
        ]
        normal = [F.layer_norm(z.mean, z.mean.shape[-1:]) for z in upper]
        return torch.stack(normal).mean(dim=0), upper[-1]

    def after_step(self) -> None:
        """Let the teacher follow; to be called after each step of the optimiser."""
        self.teacher.follow(self.student)


class PlaceDecoder(nn.Module):
    """From one vector of an image to one for each of its places.

    Parameters
    ----------
    width : int
        Length of the vectors.
    n_places : int
        Number of places.

    Examples
    --------
    >>> import torch
    >>> from skwass.nn import PlaceDecoder
    >>> PlaceDecoder(8, n_places=16)(torch.zeros(5, 8)).shape
    torch.Size([5, 16, 8])
    """

    def __init__(self, width: int, n_places: int) -> None:
        super().__init__()
        hidden = _HIDDEN * width
        self.read = nn.Linear(width, hidden)
        # so far apart that what is said depends on the place from the beginning
        self.place = nn.Parameter(0.5 * torch.randn(n_places, hidden))
        self.write = nn.Linear(hidden, width)

    def forward(self, vectors: Tensor) -> Tensor:
        """Decode.

        Parameters
        ----------
        vectors : Tensor of shape (n_samples, width)
            Of images.

        Returns
        -------
        decoded : Tensor of shape (n_samples, n_places, width)
            Of places.
        """
        found: Tensor = self.write(F.gelu(self.read(vectors)[:, None] + self.place))
        return found


def spread_between_images(targets: Tensor) -> Tensor:
    """Variance between images, place by place, as a share of the mean square.

    Parameters
    ----------
    targets : Tensor of shape (n_samples, n_places, width)
        One vector for each place.

    Returns
    -------
    spread : Tensor, scalar
        Zero if the same is said of all images, and about one if they have nothing in
        common.

    Examples
    --------
    >>> import torch
    >>> from skwass.nn import spread_between_images
    >>> spread_between_images(torch.ones(5, 16, 8))
    tensor(0.)
    """
    tiny = torch.finfo(targets.dtype).tiny
    centred = targets - targets.mean(dim=0)
    return centred.square().mean() / targets.square().mean().clamp_min(tiny)


def _patches_of(network: StochasticViT, tokens: GaussianTokens) -> GaussianTokens:
    """Without a token of its own."""
    return GaussianTokens(*(part[:, network.n_special :] for part in tokens))
