"""Samples that are not trained on, so that early stopping can look at them."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.model_selection import train_test_split

Places = NDArray[np.intp]


def held_out_places(
    n_samples: int,
    validation_fraction: float,
    labels: NDArray[Any] | None,
    random_state: np.random.RandomState,
    *,
    asked: str = "early_stopping=True",
    instead: str = "early_stopping=False",
) -> tuple[Places, Places]:
    """Where samples stand that are trained on, and those that are held out.

    Parameters
    ----------
    n_samples : int
        All of them.
    validation_fraction : float
        Share that is held out.
    labels : ndarray of shape (n_samples,) or None
        Classes, of each of which that share is held out.
    random_state : RandomState
        Decides which.
    asked, instead : str
        The parameter that asks for it, and what does not, for an error.

    Raises
    ------
    ValueError
        If there are too few samples.
    """
    try:
        first, second = train_test_split(
            np.arange(n_samples),
            test_size=validation_fraction,
            stratify=labels,
            random_state=random_state,
        )
    except ValueError as error:
        raise ValueError(
            f"{asked} holds samples out, at least one of each class: {error} Set "
            f"validation_fraction higher or {instead}."
        ) from None
    return first, second
