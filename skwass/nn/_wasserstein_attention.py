"""Attention between Gaussian tokens by their Wasserstein distance, exactly."""

from __future__ import annotations

from typing import Any, Literal, NamedTuple, get_args

import torch
from torch import Tensor
from torch.autograd import Function
from torch.autograd.function import once_differentiable

from skwass.nn._attention_pieces import MOST_KEPT
from skwass.nn._fused_attention import attend_backward, attend_forward
from skwass.nn._precision import exactly, precise
from skwass.nn._sdpa_attention import attend_by_sdpa

Aggregation = Literal["squared", "linear"]
Implementation = Literal["auto", "fused", "sdpa"]


class GaussianTokens(NamedTuple):
    """Tokens that are Gaussians with independent components.

    Parameters
    ----------
    mean : Tensor of shape (..., n_tokens, width)
        Means.
    variance : Tensor of shape (..., n_tokens, width)
        Variances, positive.

    Examples
    --------
    >>> import torch
    >>> from skwass.nn import GaussianTokens
    >>> tokens = GaussianTokens(torch.zeros(2, 5, 8), torch.ones(2, 5, 8))
    >>> tokens.variance.shape
    torch.Size([2, 5, 8])
    """

    mean: Tensor
    variance: Tensor


def wasserstein_attention(
    query: GaussianTokens,
    key: GaussianTokens,
    value: GaussianTokens,
    temperature: Tensor | float,
    *,
    cov_aggregation: Aggregation = "squared",
    implementation: Implementation = "auto",
) -> GaussianTokens:
    r"""Attention whose scores are squared Wasserstein distances between Gaussians.

    .. math::

       A_{ij} \propto e^{-\tau W_2^2(q_i, k_j)}, \qquad
       W_2^2 = \|\mu_q - \mu_k\|^2 + \|\sqrt{\sigma_q} - \sqrt{\sigma_k}\|^2,

    with variances :math:`\sigma`; what token i gets is the Gaussian of mean
    :math:`\sum_j A_{ij} \mu_j` and variance :math:`\sum_j A_{ij}^2 \sigma_j`, that of a
    combination of independent Gaussians [1]_ [2]_.

    Parameters
    ----------
    query, key, value : GaussianTokens of shape (batch, heads, n_tokens, width)
        Means and variances, positive; keys and values are as many, queries need not be.
    temperature : Tensor of shape (heads,) or (), or float
        The factor :math:`\tau` of squared distances, positive. It can be learnt.
    cov_aggregation : {"squared", "linear"}, default="squared"
        Weights of variances: those of means squared, or as they are.
    implementation : {"auto", "fused", "sdpa"}, default="auto"
        The result is the same but for rounding. "fused" has a backward pass by hand; it
        keeps the weights of up to 896 tokens, and computes the further ones of longer
        sequences again, so that memory grows with their length and not with its square.
        "sdpa" goes through `torch.nn.functional.scaled_dot_product_attention`. "auto"
        takes what was measured to be faster on a CPU, "fused" at all lengths; elsewhere
        "sdpa" for more than 896 tokens.

    Returns
    -------
    tokens : GaussianTokens of shape (batch, heads, n_tokens, width)
        One for each query, of the dtype of values.

    Raises
    ------
    ValueError
        If shapes do not fit each other or an option is unknown.

    Notes
    -----
    Squared distances to the same query differ by
    :math:`\|k_j\|^2 - 2 q_i \cdot k_j`, where q and k are means beside standard
    deviations, so that one product of matrices gives all scores. They are computed in
    float32 or more, under ``torch.autocast`` too: half precision would lose distances
    that are small beside norms.

    There is no second derivative.

    References
    ----------
    .. [1] Fan et al. Sequential recommendation via stochastic self-attention. WWW 2022,
       arXiv:2201.06035.
    .. [2] Stochastic vision transformers with Wasserstein distance-aware attention.
       2023, arXiv:2311.18645.

    Examples
    --------
    >>> import torch
    >>> from skwass.nn import GaussianTokens, wasserstein_attention
    >>> tokens = GaussianTokens(torch.zeros(1, 1, 2, 3), torch.ones(1, 1, 2, 3))
    >>> found = wasserstein_attention(tokens, tokens, tokens, temperature=1.0)
    >>> found.variance[0, 0, 0]  # two tokens with a weight of one half each
    tensor([0.5000, 0.5000, 0.5000])
    """
    _check(query, key, value)
    for name, option, known in (
        ("cov_aggregation", cov_aggregation, get_args(Aggregation)),
        ("implementation", implementation, get_args(Implementation)),
    ):
        if option not in known:
            raise ValueError(f"{name} must be one of {known}; got {option!r}.")
    squared = cov_aggregation == "squared"
    with exactly(query.mean):
        (qm, qv), (km, kv), (vm, vv) = (
            (precise(each.mean), precise(each.variance)) for each in (query, key, value)
        )
        tau = _factors(temperature, qm)
        points = (qm, qv.sqrt(), km, kv.sqrt())
        if implementation == "auto":
            short = qm.shape[2] * km.shape[2] <= MOST_KEPT
            implementation = "fused" if qm.device.type == "cpu" or short else "sdpa"
        if implementation == "fused":
            mean, variance = _Fused.apply(*points, vm, vv, tau, squared)
        else:
            mean, variance = attend_by_sdpa(*points, vm, vv, tau, squared)
    dtype = value.mean.dtype
    return GaussianTokens(mean.to(dtype), variance.to(dtype))


def wasserstein_attention_weights(
    query: GaussianTokens, key: GaussianTokens, temperature: Tensor | float
) -> Tensor:
    """The weights of `wasserstein_attention`, to look at.

    Parameters
    ----------
    query, key : GaussianTokens of shape (batch, heads, n_tokens, width)
        Means and variances.
    temperature : Tensor of shape (heads,) or (), or float
        The factor of squared distances.

    Returns
    -------
    weights : Tensor of shape (batch, heads, n_queries, n_keys)
        Rows sum to one.

    Raises
    ------
    ValueError
        If shapes do not fit each other.

    Examples
    --------
    >>> import torch
    >>> from skwass.nn import GaussianTokens, wasserstein_attention_weights
    >>> mean = torch.tensor([0.0, 1.0]).view(1, 1, 2, 1)
    >>> tokens = GaussianTokens(mean, torch.ones_like(mean))
    >>> wasserstein_attention_weights(tokens, tokens, temperature=1.0)[0, 0]
    tensor([[0.7311, 0.2689],
            [0.2689, 0.7311]])
    """
    _check(query, key, key)
    with exactly(query.mean):
        q, k = (
            torch.cat([precise(each.mean), precise(each.variance).sqrt()], -1)
            for each in (query, key)
        )
        tau = _factors(temperature, q)[:, None, None]
        score = 2 * q @ k.mT - k.square().sum(-1)[..., None, :]
        return (tau * score).softmax(-1).to(query.mean.dtype)


class _Fused(Function):
    """Of means and deviations of queries and keys, means and variances of values."""

    @staticmethod
    def forward(
        ctx: Any,
        qm: Tensor,
        qs: Tensor,
        km: Tensor,
        ks: Tensor,
        vm: Tensor,
        vv: Tensor,
        tau: Tensor,
        squared: bool,
    ) -> tuple[Tensor, Tensor]:
        shape = (*qm.shape[:3], vm.shape[-1])
        out = (vm.new_empty(shape), vm.new_empty(shape))
        keep = any(ctx.needs_input_grad)
        kept = attend_forward(
            (qm, qs), (km, ks), (vm, vv), tau, squared, out, keep=keep
        )
        ctx.save_for_backward(qm, qs, km, ks, vm, vv, tau, *out, *kept)
        ctx.squared = squared
        return out

    @staticmethod
    @once_differentiable
    def backward(
        ctx: Any, to_mean: Tensor, to_variance: Tensor
    ) -> tuple[Tensor | None, ...]:
        qm, qs, km, ks, vm, vv, tau, om, ov, bias, weights = ctx.saved_tensors
        inputs = ((qm, qs), (km, ks), (vm, vv))
        by_q, by_k, by_v = (
            (torch.empty_like(a), torch.empty_like(b)) for a, b in inputs
        )
        with exactly(qm):
            by_tau = attend_backward(
                inputs,
                (bias, weights),
                tau,
                ctx.squared,
                (om, ov),
                (to_mean, to_variance),
                (by_q, by_k, by_v),
            )
        return (*by_q, *by_k, *by_v, by_tau, None)


def _factors(temperature: Tensor | float, like: Tensor) -> Tensor:
    """One for each head."""
    tau = torch.as_tensor(temperature, dtype=like.dtype, device=like.device)
    if tau.ndim > 1 or tau.numel() not in (1, like.shape[1]):
        raise ValueError(
            "temperature must be a number or a tensor of shape (heads,), here "
            f"({like.shape[1]},); got shape {tuple(tau.shape)}."
        )
    return tau.expand(like.shape[1])


def _check(query: GaussianTokens, key: GaussianTokens, value: GaussianTokens) -> None:
    for name, tokens in (("query", query), ("key", key), ("value", value)):
        shapes = [tuple(part.shape) for part in tokens]
        if len(shapes[0]) != 4 or shapes[0] != shapes[1]:
            raise ValueError(
                f"{name} must hold means and variances of the same shape (batch, "
                f"heads, n_tokens, width); got {shapes[0]} and {shapes[1]}."
            )
        if not all(part.is_floating_point() for part in tokens):
            raise ValueError(
                f"{name} must hold floating-point numbers; got {tokens.mean.dtype} and "
                f"{tokens.variance.dtype}."
            )
    shape = query.mean.shape
    wanted = (*shape[:2], key.mean.shape[2], shape[3])
    if key.mean.shape != wanted:
        raise ValueError(
            "key must have the batch, heads and width of query, "
            f"{tuple(wanted)}; got {tuple(key.mean.shape)}."
        )
    if value.mean.shape[:3] != wanted[:3]:
        raise ValueError(
            "value must have the batch, heads and n_tokens of key, "
            f"{tuple(wanted[:3])}; got {tuple(value.mean.shape[:3])}."
        )
