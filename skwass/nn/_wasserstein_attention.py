"""Attention between Gaussian tokens by their Wasserstein distance, exactly."""

from __future__ import annotations

from typing import Any, Literal, NamedTuple

import torch
from torch import Tensor
from torch.autograd import Function
from torch.autograd.function import once_differentiable
from torch.nn.functional import pad, scaled_dot_product_attention

Aggregation = Literal["squared", "linear"]
Implementation = Literal["auto", "fused", "sdpa"]

_LONG = 512


class GaussianTokens(NamedTuple):
    """Tokens that are Gaussians with independent components.

    Attributes
    ----------
    mean : Tensor of shape (..., n_tokens, width)
        Means.
    variance : Tensor of shape (..., n_tokens, width)
        Variances, positive.
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

    and what token i gets is the Gaussian of mean :math:`\sum_j A_{ij} \mu_j` and
    variance :math:`\sum_j A_{ij}^2 \sigma_j`, that of a combination of independent
    Gaussians [1]_.

    Parameters
    ----------
    query, key, value : GaussianTokens of shape (batch, heads, n_tokens, width)
        Means and variances; keys and values are as many.
    temperature : Tensor of shape (heads,) or float
        The factor :math:`\tau` of squared distances.
    cov_aggregation : {"squared", "linear"}, default="squared"
        Weights of variances: those of means squared, or as they are.
    implementation : {"auto", "fused", "sdpa"}, default="auto"
        The result is the same. "fused" keeps the weights for the backward pass, "sdpa"
        goes through ``torch.nn.functional.scaled_dot_product_attention``, whose memory
        grows with the number of tokens and not with its square. "auto" takes what was
        measured to be faster for this length.

    Returns
    -------
    tokens : GaussianTokens of shape (batch, heads, n_tokens, width)
        One for each query.

    References
    ----------
    .. [1] Fan et al. Sequential recommendation via stochastic self-attention. WWW 2022.

    Examples
    --------
    >>> import torch
    >>> from skwass.nn import GaussianTokens, wasserstein_attention
    >>> tokens = GaussianTokens(torch.zeros(1, 1, 2, 3), torch.ones(1, 1, 2, 3))
    >>> found = wasserstein_attention(tokens, tokens, tokens, temperature=1.0)
    >>> found.variance[0, 0, 0]  # two tokens with a weight of one half each
    tensor([0.5000, 0.5000, 0.5000])
    """
    return attend(
        torch.cat([query.mean, query.variance.sqrt()], -1),
        torch.cat([key.mean, key.variance.sqrt()], -1),
        value,
        temperature,
        cov_aggregation,
        implementation,
    )


def attend(
    query: Tensor,
    key: Tensor,
    value: GaussianTokens,
    temperature: Tensor | float,
    cov_aggregation: Aggregation = "squared",
    implementation: Implementation = "auto",
) -> GaussianTokens:
    """The same of queries and keys that are means beside standard deviations.

    Parameters
    ----------
    query, key : Tensor of shape (batch, heads, n_tokens, 2 * width)
        Points whose Euclidean distance is the Wasserstein distance.
    value : GaussianTokens
        As in `wasserstein_attention`, and so are all others.
    temperature, cov_aggregation, implementation
        As there.

    Returns
    -------
    tokens : GaussianTokens
        As there.
    """
    tau = torch.as_tensor(temperature, dtype=query.dtype, device=query.device)
    tau = tau.expand(query.shape[1])
    squared = cov_aggregation == "squared"
    if implementation == "auto":
        implementation = "sdpa" if key.shape[2] > _LONG else "fused"
    if implementation == "sdpa":
        return _through_sdpa(query, key, value, tau, squared)
    return GaussianTokens(*_Fused.apply(query, key, *value, tau, squared))


def wasserstein_attention_weights(
    query: GaussianTokens, key: GaussianTokens, temperature: Tensor | float
) -> Tensor:
    """The weights of `wasserstein_attention`.

    Parameters
    ----------
    query, key : GaussianTokens of shape (batch, heads, n_tokens, width)
        Means and variances.
    temperature : Tensor of shape (heads,) or float
        The factor of squared distances.

    Returns
    -------
    weights : Tensor of shape (batch, heads, n_queries, n_keys)
        Rows sum to one.
    """
    q = torch.cat([query.mean, query.variance.sqrt()], -1)
    k = torch.cat([key.mean, key.variance.sqrt()], -1)
    tau = torch.as_tensor(temperature, dtype=q.dtype, device=q.device)
    products = 2 * q @ k.transpose(-1, -2) - k.square().sum(-1)[..., None, :]
    return (tau.reshape(-1, 1, 1) * products).softmax(-1)


class _Fused(Function):
    """One product, one softmax; the weights are all that is kept of that size."""

    @staticmethod
    def forward(
        ctx: Any,
        query: Tensor,
        key: Tensor,
        mean: Tensor,
        variance: Tensor,
        temperature: Tensor,
        squared: bool,
    ) -> tuple[Tensor, Tensor]:
        n_heads = query.shape[1]
        q, k, vm, vc = (t.flatten(0, 1) for t in (query, key, mean, variance))
        tau = temperature.repeat(len(q) // n_heads)[:, None, None]
        scaled = k * (2 * tau)
        norms = k.square().sum(-1)
        weights = torch.baddbmm(norms[:, None] * -tau, q, scaled.mT)
        torch.softmax(weights, -1, out=weights)
        om = weights @ vm
        oc = (weights.square() if squared else weights) @ vc
        ctx.save_for_backward(q, scaled, norms, vm, vc, weights, om, oc, tau)
        ctx.squared, ctx.n_heads = squared, n_heads
        shape = (len(query), n_heads)
        return om.unflatten(0, shape), oc.unflatten(0, shape)

    @staticmethod
    @once_differentiable
    def backward(
        ctx: Any, to_mean: Tensor, to_variance: Tensor
    ) -> tuple[Tensor | None, ...]:
        q, scaled, norms, vm, vc, weights, om, oc, tau = ctx.saved_tensors
        gm, gc = to_mean.flatten(0, 1), to_variance.flatten(0, 1)
        along = (gm * om).sum(-1, keepdim=True)
        along.add_((gc * oc).sum(-1, keepdim=True), alpha=2 if ctx.squared else 1)
        slope = torch.baddbmm(along.neg_(), gm, vm.mT)
        d_vm = weights.mT @ gm
        if ctx.squared:
            square = weights.square()
            d_vc = square.mT @ gc
            torch.bmm(gc, vc.mT, out=square)
            slope.addcmul_(weights, square, value=2)
        else:
            slope.baddbmm_(gc, vc.mT)
            d_vc = weights.mT @ gc
        slope.mul_(weights)
        d_q = slope @ scaled
        columns = slope.sum(1)
        d_k = torch.baddbmm(columns[..., None] * -scaled, slope.mT, q * (2 * tau))
        d_tau = (q * d_q).sum((1, 2)) / tau[:, 0, 0] - (columns * norms).sum(1)
        d_tau = d_tau.unflatten(0, (-1, ctx.n_heads)).sum(0)
        shape = (-1, ctx.n_heads)
        grads = (each.unflatten(0, shape) for each in (d_q, d_k, d_vm, d_vc))
        return (*grads, d_tau, None)


def _through_sdpa(
    query: Tensor, key: Tensor, value: GaussianTokens, tau: Tensor, squared: bool
) -> GaussianTokens:
    """The bias of keys is a column of theirs, as a mask would have a dense gradient."""
    width = value.mean.shape[-1]
    size = -(-(2 * width + 2) // 8) * 8
    factor = 2 * tau[:, None, None]
    bias = -0.5 * key.square().sum(-1, keepdim=True)
    q = query * factor
    columns = [q, factor.expand(len(q), -1, q.shape[2], 1)]
    if not squared:
        q = pad(torch.cat(columns, -1), (0, size - 2 * width - 1))
        k = pad(torch.cat([key, bias], -1), (0, size - 2 * width - 1))
        v = pad(torch.cat(value, -1), (0, size - 2 * width))
        found = scaled_dot_product_attention(q, k, v, scale=1.0)
        return GaussianTokens(found[..., :width], found[..., width : 2 * width])
    with torch.no_grad():
        logits = q @ key.mT + factor * bias.mT
        sink = logits.logsumexp(-1, keepdim=True)
    q = pad(torch.cat([*columns, sink], -1), (0, size - 2 * width - 2))
    k = torch.cat([key, bias], -1)
    k = pad(k, (0, size - 2 * width - 1, 0, 1))
    last = torch.zeros_like(k[..., -1:, :])
    last[..., 2 * width + 1] = 1
    k = torch.cat([k[..., :-1, :], last], -2)
    v = pad(torch.cat(value, -1), (0, size - 2 * width, 0, 1))
    mark = torch.zeros_like(v)
    mark[..., -1, -1] = 1
    v = v + mark
    once = scaled_dot_product_attention(q, k, v, scale=1.0)
    twice = scaled_dot_product_attention(q, k, v, scale=2.0)
    p, p2 = once[..., -1:], twice[..., -1:]
    mean = once[..., :width] / (1 - p)
    variance = twice[..., width : 2 * width] / p2 * (p / (1 - p)).square()
    return GaussianTokens(mean, variance)
