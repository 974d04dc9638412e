"""What corruption of the input costs a classifier, over kinds and severities."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

Errors = Mapping[Any, Any] | ArrayLike


def mean_corruption_error(
    errors: Errors, baseline_errors: Errors | None = None
) -> float:
    r"""Error rate under corruption, averaged over kinds, each by what it costs anyhow.

    With the error rate :math:`E_{ks}` at kind k of corruption and severity s, and that
    of a baseline, :math:`B_{ks}`,

    .. math:: \text{mCE} = \frac1K \sum_{k=1}^K
              \frac{\sum_s E_{ks}}{\sum_s B_{ks}} .

    Kinds differ in how hard they are, so each is divided by what the baseline pays for
    it. Without a baseline it is the plain mean, of severities first and then of kinds.

    Parameters
    ----------
    errors : mapping or array-like of shape (n_kinds, n_severities)
        Error rates, between zero and one. A mapping gives for each kind the error rates
        by severity: one number, a sequence, or again a mapping.
    baseline_errors : mapping or array-like, default=None
        Error rates of the classifier to compare with, of the same form, for the same
        kinds and severities. ImageNet-C takes those of AlexNet.

    Returns
    -------
    error : float
        Zero is perfect. With a baseline, one is as good as that; papers write it as
        100. Without, an error rate.

    Raises
    ------
    ValueError
        If an error rate is missing, NaN or not between zero and one, kinds or
        severities of the baseline are others, or the baseline makes no error at a kind.
    TypeError
        If one is a mapping and the other an array.

    References
    ----------
    - Hendrycks, Dietterich. Benchmarking neural network robustness to common
      corruptions and perturbations. ICLR 2019.

    Examples
    --------
    >>> from skwass.metrics import mean_corruption_error
    >>> errors = {"fog": [0.1, 0.2], "snow": [0.3, 0.5]}
    >>> round(mean_corruption_error(errors), 6)
    0.275
    >>> twin = {"fog": [0.2, 0.2], "snow": [0.4, 0.6]}
    >>> round(mean_corruption_error(errors, twin), 6)
    0.775
    """
    rates = _by_kind(errors, "errors")
    if baseline_errors is None:
        return float(np.mean([found.mean() for found in rates.values()]))
    if isinstance(errors, Mapping) != isinstance(baseline_errors, Mapping):
        raise TypeError(
            "errors and baseline_errors must both be mappings or both be arrays; got "
            f"{type(errors).__name__} and {type(baseline_errors).__name__}."
        )
    _check_same(errors, baseline_errors, "kinds")
    others = _by_kind(baseline_errors, "baseline_errors")
    if rates.keys() != others.keys():
        raise ValueError(
            f"errors and baseline_errors must tell of as many kinds; got {len(rates)} "
            f"and {len(others)}."
        )
    return float(
        np.mean(
            [_relative(kind, errors, baseline_errors, rates, others) for kind in rates]
        )
    )


def _relative(
    kind: Any,
    errors: Any,
    baseline_errors: Any,
    rates: dict[Any, NDArray[np.float64]],
    others: dict[Any, NDArray[np.float64]],
) -> float:
    """Sum of error rates at a kind, by that of the baseline."""
    if isinstance(errors, Mapping):
        _check_same(errors[kind], baseline_errors[kind], f"severities of {kind!r}")
    found, other = rates[kind], others[kind]
    if len(found) != len(other):
        raise ValueError(
            "errors and baseline_errors must tell of as many severities; got "
            f"{len(found)} and {len(other)} at kind {kind!r}."
        )
    if not other.any():
        raise ValueError(
            f"baseline_errors must be positive somewhere at every kind; {kind!r} is "
            "all zero, and nothing can be divided by that."
        )
    return float(found.sum() / other.sum())


def _check_same(first: Any, second: Any, what: str) -> None:
    """Refuse two mappings of different keys."""
    if not isinstance(first, Mapping) or not isinstance(second, Mapping):
        return
    missing = [key for key in first if key not in second]
    further = [key for key in second if key not in first]
    if missing or further:
        raise ValueError(
            f"errors and baseline_errors must have the same {what}; the baseline lacks "
            f"{missing} and has {further} besides."
        )


def _by_kind(errors: Any, name: str) -> dict[Any, NDArray[np.float64]]:
    """Error rates of each kind, of shape (n_severities,)."""
    if isinstance(errors, Mapping):
        rates = {
            kind: _checked_rates(
                # a sum does not mind their order
                list(found.values()) if isinstance(found, Mapping) else found,
                f"{name}[{kind!r}]",
            )
            for kind, found in errors.items()
        }
    else:
        table = np.asarray(errors)
        if table.ndim != 2:
            raise ValueError(
                f"{name} must be of shape (n_kinds, n_severities), or a mapping of "
                f"kinds; got shape {table.shape}."
            )
        rates = {
            kind: _checked_rates(row, f"{name}[{kind}]")
            for kind, row in enumerate(table)
        }
    if not rates:
        raise ValueError(f"{name} must hold one kind of corruption or more; got none.")
    return rates


def _checked_rates(found: Any, name: str) -> NDArray[np.float64]:
    try:
        rates = np.atleast_1d(np.asarray(found, dtype=np.float64))
    except (TypeError, ValueError) as error:
        raise ValueError(f"{name} must hold error rates; got {found!r}.") from error
    if rates.ndim != 1 or not len(rates):
        raise ValueError(
            f"{name} must hold one error rate for each severity; got shape "
            f"{rates.shape}."
        )
    # also true of NaN
    bad = rates[~((rates >= 0) & (rates <= 1))]
    if len(bad):
        raise ValueError(
            f"{name} must hold error rates between 0 and 1, not percentages; got "
            f"{bad[0]:g}."
        )
    return rates
