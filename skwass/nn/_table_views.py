"""Random views of the rows of a table."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from skwass.nn._draws import normal, uniform


class TableViews(nn.Module):
    r"""Rows with noise, with columns blanked out, and with values of other rows.

    Each entry by itself: with probability `swap` it becomes that of the same column in
    another row of the batch, drawn at random; with probability `mask` it becomes the
    mean of its column. Then Gaussian noise is added.

    Parameters
    ----------
    noise : float, default=0.1
        Standard deviation of the noise, in units of that of the column.
    mask : float, default=0.2
        Share of entries that are blanked out.
    swap : float, default=0.1
        Share of entries that are swapped; all rows of a batch are drawn from alike.
    mean, scale : Tensor of shape (n_columns,), default=None
        Means and standard deviations of the columns; None takes those of the batch.

    Examples
    --------
    >>> import torch
    >>> from skwass.nn import TableViews
    >>> views = TableViews(noise=0.0, mask=1.0, swap=0.0)
    >>> views(torch.tensor([[1.0, 2.0], [3.0, 6.0]]))
    tensor([[2., 4.],
            [2., 4.]])
    """

    mean: Tensor | None
    scale: Tensor | None

    def __init__(
        self,
        *,
        noise: float = 0.1,
        mask: float = 0.2,
        swap: float = 0.1,
        mean: Tensor | None = None,
        scale: Tensor | None = None,
    ) -> None:
        super().__init__()
        if not noise >= 0:
            raise ValueError(f"noise must be at least 0; got {noise!r}.")
        for name, share in (("mask", mask), ("swap", swap)):
            if not 0 <= share <= 1:
                raise ValueError(f"{name} must be between 0 and 1; got {share!r}.")
        self.noise = noise
        self.mask = mask
        self.swap = swap
        self.register_buffer("mean", mean)
        self.register_buffer("scale", scale)

    def forward(self, rows: Tensor, generator: torch.Generator | None = None) -> Tensor:
        """One view of each row.

        Parameters
        ----------
        rows : Tensor of shape (n_rows, n_columns)
            A batch.
        generator : torch.Generator, default=None
            Decides; None is the global one.

        Returns
        -------
        views : Tensor of shape (n_rows, n_columns)
            The same rows, changed.
        """
        mean = rows.mean(dim=0) if self.mean is None else self.mean
        scale = rows.std(dim=0, correction=0) if self.scale is None else self.scale
        draw = uniform((3, *rows.shape), rows, generator)
        others = (draw[0] * len(rows)).long().clamp_max(len(rows) - 1)
        views = torch.where(draw[1] < self.swap, rows.gather(0, others), rows)
        views = torch.where(draw[2] < self.mask, mean.to(rows), views)
        if self.noise:
            spread = self.noise * scale.to(rows)
            views = views + spread * normal(rows.shape, rows, generator)
        return views
