"""A vision transformer whose tokens are Gaussians, and its deterministic twin."""

from __future__ import annotations

import math
from typing import Any, Literal

import torch
from torch import Tensor, nn

from skwass.nn._gaussian_layers import positive
from skwass.nn._patch_tokens import PatchTokens
from skwass.nn._stochastic_block import DotBlock, WassersteinBlock
from skwass.nn._vit_checks import check_options, sides_of
from skwass.nn._wasserstein_attention import Aggregation, GaussianTokens

#: the hidden layer of a light perceptron of variances, in units of the width
_LIGHT = 0.25


class StochasticViT(PatchTokens):
    r"""A vision transformer whose tokens are Gaussians.

    Patches of an image become means, and variances begin with positions of their own;
    blocks of Wasserstein attention update both [1]_. The pooled token is a Gaussian,
    and so are the logits that a linear head makes of it.

    Parameters
    ----------
    n_outputs : int
        Logits.
    image_shape : tuple of three ints
        Channels, height and width of an image. A table of d features is an image of
        shape (1, 1, d), and with ``patch_size=(1, 1)`` each feature is a token.
    patch_size : int or tuple of two ints, default=4
        Height and width of a patch; they divide those of the image.
    width : int, default=64
        Width of a token.
    depth : int, default=4
        Blocks.
    n_heads : int, default=4
        Heads of attention; they divide the width.
    mlp_ratio : float, default=2.0
        Width of the hidden layers of perceptrons, in units of the width.
    attention : {"wasserstein", "dot"}, default="wasserstein"
        "dot" is the deterministic twin: an ordinary transformer of the same code, whose
        tokens have no variances.
    cov_aggregation : {"squared", "linear"}, default="squared"
        As in `wasserstein_attention`.
    covariance_mlp : {"full", "light"}, default="light"
        Whether perceptrons of variances are as wide as those of means, or narrow.
    variance_embedding : {"position", "patch"}, default="position"
        What variances begin with: positions alone, which are the same in all images, so
        that the first block attends by means and places and variances learn of contents
        from its means; or patches, too, as published.
    pooling : {"cls", "mean"}, default="mean"
        What is classified: a token of its own, or the mean of all.
    head : {"mean", "probit"}, default="mean"
        Logits are those of the mean of the pooled token; or
        :math:`m / \sqrt{1 + \pi v / 8}` of their means and variances, the probit
        approximation of a mean over the Gaussian, by which variances of the last block
        learn from any loss.
    drop_path : float, default=0.0
        Stochastic depth: share of samples which the last block leaves as they are; it
        grows linearly from zero at the first of several.
    dropout : float, default=0.0
        Share of what blocks add that is left out.
    mean, scale : Tensor of shape (channels,) or of three axes, default=None
        Images are standardised by them, within the network. What has three axes is
        broadcast to `image_shape`, such as those of the columns of a table.

    Raises
    ------
    ValueError
        If a parameter cannot be, or images are not of `image_shape`.

    Notes
    -----
    Variances are carried as real numbers x, normalised, projected and added to like
    means; the variance is :math:`\mathrm{ELU}(x) + 1`, so that it is positive whatever
    training does. Factors of squared distances are learnt for each head, and start such
    that scores of random tokens spread as much as those of dot products, so attention
    starts neither uniform nor one-hot.

    References
    ----------
    .. [1] Stochastic vision transformers with Wasserstein distance-aware attention.
       2023, arXiv:2311.18645.

    Examples
    --------
    >>> import torch
    >>> from skwass.nn import StochasticViT
    >>> network = StochasticViT(10, (1, 8, 8), patch_size=2, width=16, depth=2)
    >>> images = torch.zeros(5, 1, 8, 8)
    >>> network(images).shape
    torch.Size([5, 10])
    >>> network.logit_distribution(images).variance.shape
    torch.Size([5, 10])
    """

    def __init__(
        self,
        n_outputs: int,
        image_shape: tuple[int, int, int],
        *,
        patch_size: int | tuple[int, int] = 4,
        width: int = 64,
        depth: int = 4,
        n_heads: int = 4,
        mlp_ratio: float = 2.0,
        attention: Literal["wasserstein", "dot"] = "wasserstein",
        cov_aggregation: Aggregation = "squared",
        covariance_mlp: Literal["full", "light"] = "light",
        variance_embedding: Literal["position", "patch"] = "position",
        pooling: Literal["cls", "mean"] = "mean",
        head: Literal["mean", "probit"] = "mean",
        drop_path: float = 0.0,
        dropout: float = 0.0,
        mean: Tensor | None = None,
        scale: Tensor | None = None,
    ) -> None:
        options: dict[str, Any] = {
            "n_outputs": n_outputs,
            "image_shape": tuple(image_shape),
            "patch_size": patch_size,
            "width": width,
            "depth": depth,
            "n_heads": n_heads,
            "mlp_ratio": mlp_ratio,
            "attention": attention,
            "cov_aggregation": cov_aggregation,
            "covariance_mlp": covariance_mlp,
            "variance_embedding": variance_embedding,
            "pooling": pooling,
            "head": head,
            "drop_path": drop_path,
            "dropout": dropout,
        }
        check_options(options)
        stochastic = attention == "wasserstein"
        streams = ("mean", "raw") if stochastic else ("mean",)
        super().__init__(
            options["image_shape"],
            sides_of(patch_size),
            width,
            streams,
            streams if variance_embedding == "patch" else ("mean",),
            int(pooling == "cls"),
            mean,
            scale,
        )
        self.options = options
        self.stochastic = stochastic
        hidden = max(1, round(mlp_ratio * width))
        light = max(1, round(_LIGHT * width))
        rates = [drop_path * i / max(depth - 1, 1) for i in range(depth)]
        if depth == 1:  # which is the last one
            rates = [drop_path]
        self.blocks = nn.ModuleList(
            WassersteinBlock(
                width,
                n_heads,
                hidden,
                dropout,
                rate,
                cov_hidden=hidden if covariance_mlp == "full" else light,
                cov_aggregation=cov_aggregation,
            )
            if self.stochastic
            else DotBlock(width, n_heads, hidden, dropout, rate)
            for rate in rates
        )
        self.norm = nn.LayerNorm(width)
        self.head = nn.Linear(width, n_outputs)
        self.log_scale: nn.Parameter | None = None
        if self.stochastic and head == "probit":
            # the mean of independent tokens varies less than one of them; what of that
            # matters for logits is learnt
            count = 1 if self.n_special else self.n_patches
            self.log_scale = nn.Parameter(torch.tensor(float(count)).log())
        self.apply(_start)

    def forward(self, images: Tensor) -> Tensor:
        """Logits of images.

        Parameters
        ----------
        images : Tensor of shape (n_samples, channels, height, width)
            Images.

        Returns
        -------
        logits : Tensor of shape (n_samples, n_outputs)
            As `head` says.
        """
        return self.classify(self.pool(self.last(images)))

    def logit_distribution(self, images: Tensor) -> GaussianTokens:
        """Means and variances of logits, in closed form.

        Parameters
        ----------
        images : Tensor of shape (n_samples, channels, height, width)
            Images.

        Returns
        -------
        logits : GaussianTokens of shape (n_samples, n_outputs)
            Of the deterministic twin, variances are zero.
        """
        return self._logits(self.pool(self.last(images)))

    def encode(
        self, images: Tensor, mask: Tensor | None = None
    ) -> list[GaussianTokens]:
        """Tokens after each block.

        Parameters
        ----------
        images : Tensor of shape (n_samples, channels, height, width)
            Images.
        mask : bool Tensor of shape (n_samples, n_patches), default=None
            Patches in whose place the network sees a learnt token.

        Returns
        -------
        tokens : list of GaussianTokens of shape (n_samples, n_tokens, width)
            One for each block; a token of its own, if there is one, comes first. Of the
            deterministic twin, variances are zero.
        """
        states = self.start(images, mask)
        found = []
        for block in self._blocks():
            states = self._step(block, states)
            found.append(self._tokens(states))
        return found

    def last(self, images: Tensor, mask: Tensor | None = None) -> GaussianTokens:
        """Tokens after the last block: of `encode`, but for the work on the others.

        Parameters
        ----------
        images : Tensor of shape (n_samples, channels, height, width)
            Images.
        mask : bool Tensor of shape (n_samples, n_patches), default=None
            As in `encode`.

        Returns
        -------
        tokens : GaussianTokens of shape (n_samples, n_tokens, width)
            Of the deterministic twin, variances are zero.
        """
        states = self.start(images, mask)
        for block in self._blocks():
            states = self._step(block, states)
        return self._tokens(states)

    def pool(self, tokens: GaussianTokens) -> GaussianTokens:
        """One Gaussian for each image.

        Parameters
        ----------
        tokens : GaussianTokens of shape (n_samples, n_tokens, width)
            Tokens after the last block.

        Returns
        -------
        pooled : GaussianTokens of shape (n_samples, width)
            The token of its own, or the mean of tokens that are independent.
        """
        if self.n_special:
            return GaussianTokens(*(part[:, 0] for part in tokens))
        n_tokens = tokens.mean.shape[1]
        return GaussianTokens(tokens.mean.mean(1), tokens.variance.mean(1) / n_tokens)

    def classify(self, pooled: GaussianTokens) -> Tensor:
        """Logits of what `pool` gives.

        Parameters
        ----------
        pooled : GaussianTokens of shape (n_samples, width)
            One Gaussian for each image.

        Returns
        -------
        logits : Tensor of shape (n_samples, n_outputs)
            As `head` says.
        """
        if self.log_scale is None:  # variances have no say, so they are left alone
            means: Tensor = self.head(self.norm(pooled.mean))
            return means
        mean, variance = self._logits(pooled)
        return mean / (1 + math.pi / 8 * variance).sqrt()

    def attention_maps(self, images: Tensor) -> Tensor:
        """Weights of attention of all blocks.

        Parameters
        ----------
        images : Tensor of shape (n_samples, channels, height, width)
            Images.

        Returns
        -------
        maps : Tensor of shape (n_samples, depth, n_heads, n_tokens, n_tokens)
            Rows sum to one.
        """
        states = self.start(images)
        maps = []
        for block in self._blocks():
            maps.append(block.weights(*states))
            states = self._step(block, states)
        return torch.stack(maps, 1)

    def no_weight_decay(self) -> set[str]:
        """Names of parameters that are not to be pulled to zero.

        Returns
        -------
        names : set of str
            Those of biases, norms, positions, tokens and temperatures.
        """
        return {
            name
            for name, parameter in self.named_parameters()
            if parameter.ndim < 2 or name.startswith("position.")
        }

    def layer_of(self, name: str) -> int:
        """How deep a parameter is, for rates of learning that decay with depth.

        Parameters
        ----------
        name : str
            Of a parameter, as in ``named_parameters()``.

        Returns
        -------
        layer : int
            0 for embeddings, 1 to depth for blocks, depth + 1 for the head.
        """
        first, _, rest = name.partition(".")
        if first == "blocks":
            return int(rest.partition(".")[0]) + 1
        return 0 if first in ("embed", "position", "blank", "cls") else self.depth + 1

    @property
    def depth(self) -> int:
        """Number of blocks."""
        return len(self.blocks)

    def _blocks(self) -> list[DotBlock]:
        return [block for block in self.blocks if isinstance(block, DotBlock)]

    def _step(self, block: DotBlock, states: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
        found = block(*states)
        return found if isinstance(found, tuple) else (found,)

    def _tokens(self, states: tuple[Tensor, ...]) -> GaussianTokens:
        if self.stochastic:
            return GaussianTokens(states[0], positive(states[1]))
        return GaussianTokens(states[0], torch.zeros_like(states[0]))

    def _logits(self, pooled: GaussianTokens) -> GaussianTokens:
        """The head is linear; what goes through the norm before, to first order.

        With x the normalised mean, s its scale and w the weights of a logit times those
        of the norm, the slope of a logit is (u - x (u·x) / width) / s, for u = w less
        its mean: a norm neither lets a shift of all components pass nor a factor.
        """
        mean = self.head(self.norm(pooled.mean))
        if not self.stochastic:
            return GaussianTokens(mean, torch.zeros_like(mean))
        spread = pooled.mean.var(-1, correction=0, keepdim=True) + self.norm.eps
        normal = (pooled.mean - pooled.mean.mean(-1, keepdim=True)) / spread.sqrt()
        weights = self.head.weight * self.norm.weight
        u = weights - weights.mean(-1, keepdim=True)
        share = normal @ u.T / normal.shape[-1]
        along = pooled.variance * normal
        variance = (
            pooled.variance @ u.square().T
            - 2 * share * (along @ u.T)
            + share.square() * (along * normal).sum(-1, keepdim=True)
        )
        # a sum of squares, but for rounding
        variance = variance.clamp_min(0) / spread
        if self.log_scale is not None:
            variance = variance * self.log_scale.exp()
        return GaussianTokens(mean, variance)


def _start(module: nn.Module) -> None:
    if isinstance(module, nn.Linear):
        nn.init.xavier_uniform_(module.weight)
        nn.init.zeros_(module.bias)
