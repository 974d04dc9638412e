"""From transport features to the points that they stand for, in torch."""

from __future__ import annotations

from torch import Tensor, nn


class MovedReference(nn.Module):
    """``offset + features @ directions``, as clouds of points.

    Transport features are principal components of how far the points of a reference
    are moved, so where these land is an affine function of the features. It is fixed:
    nothing here is trained.

    Parameters
    ----------
    directions : Tensor of shape (n_features, n_points, n_dimensions)
        How far a feature of one moves each point.
    offset : Tensor of shape (n_points, n_dimensions)
        Where the points land if all features are zero.

    Examples
    --------
    >>> import torch
    >>> from skwass.nn import MovedReference
    >>> right = torch.tensor([[[1.0, 0.0], [1.0, 0.0]]])
    >>> MovedReference(right, torch.zeros(2, 2))(torch.tensor([[3.0]])).tolist()
    [[[3.0, 0.0], [3.0, 0.0]]]
    """

    directions: Tensor
    offset: Tensor

    def __init__(self, directions: Tensor, offset: Tensor) -> None:
        super().__init__()
        self.register_buffer("directions", directions)
        self.register_buffer("offset", offset)

    def forward(self, features: Tensor) -> Tensor:
        """Where the points land.

        Parameters
        ----------
        features : Tensor of shape (n_clouds, n_features)
            Transport features.

        Returns
        -------
        points : Tensor of shape (n_clouds, n_points, n_dimensions)
            The clouds.
        """
        moved = features @ self.directions.flatten(1)
        return self.offset + moved.view(len(features), *self.offset.shape)
