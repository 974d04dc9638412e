"""A vision transformer that makes vectors of images, for training without labels."""

from __future__ import annotations

from typing import Any, Literal

from torch import Tensor, nn

from skwass.nn._stochastic_vit import StochasticViT


class VisionEncoder(nn.Module):
    """Images in, vectors out: a transformer of patches, whose tokens are averaged.

    For `SelfSupervisedEmbedder(encoder=VisionEncoder)`, which tells it the shape of
    images and the width. Channels are brought to one scale by their mean and variance
    over the batches of training.

    Parameters
    ----------
    image_shape : tuple of three ints
        Channels, height and width.
    n_outputs : int
        Width of the vectors, and of tokens.
    patch_size : int or tuple of two ints, default=4
        Height and width of a patch, which have to divide those of an image.
    depth, n_heads : int, default=4
        Blocks of attention, and its heads; they share the width, and have to divide it.
    mlp_ratio : float, default=2.0
        Width of the hidden layers within blocks, in units of that of tokens.
    attention : {"dot", "wasserstein"}, default="dot"
        "wasserstein" is that of Gaussian tokens, see `StochasticViT`; vectors are then
        the means.
    **options : dict
        More of `StochasticViT`, such as `drop_path`.

    Raises
    ------
    ValueError
        If an option cannot be.

    Examples
    --------
    >>> import torch
    >>> from skwass.nn import VisionEncoder
    >>> VisionEncoder((3, 32, 32), 64, depth=2)(torch.zeros(5, 3, 32, 32)).shape
    torch.Size([5, 64])
    """

    def __init__(
        self,
        image_shape: tuple[int, int, int],
        n_outputs: int,
        *,
        patch_size: int | tuple[int, int] = 4,
        depth: int = 4,
        n_heads: int = 4,
        mlp_ratio: float = 2.0,
        attention: Literal["wasserstein", "dot"] = "dot",
        **options: Any,
    ) -> None:
        super().__init__()
        self.network = StochasticViT(
            1,
            image_shape,
            patch_size=patch_size,
            width=n_outputs,
            depth=depth,
            n_heads=n_heads,
            mlp_ratio=mlp_ratio,
            attention=attention,
            **options,
        )
        del self.network.head  # it would learn nothing
        self.standardize = nn.BatchNorm2d(image_shape[0], affine=False)

    def forward(self, images: Tensor) -> Tensor:
        """Represent images.

        Parameters
        ----------
        images : Tensor of shape (n_samples, channels, height, width)
            Images.

        Returns
        -------
        vectors : Tensor of shape (n_samples, n_outputs)
            The normalised mean of all tokens.
        """
        tokens = self.network.last(self.standardize(images))
        vectors: Tensor = self.network.norm(self.network.pool(tokens).mean)
        return vectors
