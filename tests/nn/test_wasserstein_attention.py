"""Attention equals what its formula says pair by pair, whichever way it is computed."""

import pytest
import torch
from torch.testing import assert_close

from skwass.nn import (
    GaussianTokens,
    _attention_pieces,
    _fused_attention,
    _long_attention,
    wasserstein_attention,
    wasserstein_attention_weights,
)

BATCH, HEADS, WIDTH = 3, 2, 4
AGGREGATIONS = ("squared", "linear")
IMPLEMENTATIONS = ("fused", "long", "sdpa")


@pytest.fixture(autouse=True)
def _same_numbers():
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        yield


def gaussians(n_tokens, width=WIDTH, dtype=torch.float64, scale=1.0):
    shape = (BATCH, HEADS, n_tokens, width)
    mean = scale * torch.randn(shape, dtype=dtype)
    variance = scale * torch.rand(shape, dtype=dtype) + 0.1
    return GaussianTokens(mean.requires_grad_(), variance.requires_grad_())


@pytest.fixture
def qkv():
    return gaussians(5), gaussians(7), gaussians(7)


@pytest.fixture
def tau():
    return torch.tensor([0.3, 0.8], dtype=torch.float64, requires_grad=True)


@pytest.fixture(params=IMPLEMENTATIONS)
def attention(request, monkeypatch):
    """Each way to compute it; the long one with pieces smaller than these sequences."""
    monkeypatch.setattr(_attention_pieces, "_PIECE", 80)
    if request.param == "long":
        monkeypatch.setattr(_fused_attention, "MOST_KEPT", 0)
        monkeypatch.setattr(_long_attention, "MOST_KEPT", 17)
        monkeypatch.setattr(_long_attention, "_ROWS", 2)
        monkeypatch.setattr(_long_attention, "_ALIGNED", 4)
    name = "sdpa" if request.param == "sdpa" else "fused"

    def attend(*args, **options):
        return wasserstein_attention(*args, implementation=name, **options)

    return attend


def literal(query, key, value, tau, aggregation="squared"):
    """Pair by pair, with distances as they are defined."""
    means = query.mean[..., :, None, :] - key.mean[..., None, :, :]
    roots = query.variance.sqrt()[..., :, None, :]
    roots = roots - key.variance.sqrt()[..., None, :, :]
    distances = means.square().sum(-1) + roots.square().sum(-1)
    weights = torch.softmax(-tau[:, None, None] * distances, -1)
    variance = weights.square() if aggregation == "squared" else weights
    return GaussianTokens(weights @ value.mean, variance @ value.variance)


# --- what it computes -------------------------------------------------------------


@pytest.mark.parametrize("aggregation", AGGREGATIONS)
def test__attention__equals_the_formula_and_its_gradient(
    attention, aggregation, qkv, tau
):
    inputs = [part for tokens in qkv for part in tokens] + [tau]
    found = attention(*qkv, tau, cov_aggregation=aggregation)
    expected = literal(*qkv, tau, aggregation)
    upstream = [torch.randn_like(part) for part in expected]
    for got, wanted in zip(found, expected, strict=True):
        assert_close(got, wanted, rtol=0, atol=1e-12)
    got = torch.autograd.grad(found, inputs, upstream)
    wanted = torch.autograd.grad(expected, inputs, upstream)
    for one, other in zip(got, wanted, strict=True):
        assert_close(one, other, rtol=0, atol=1e-11)


@pytest.mark.parametrize("aggregation", AGGREGATIONS)
def test__attention__has_the_gradient_of_differences(attention, aggregation, qkv, tau):
    def function(*parts):
        query, key, value = (GaussianTokens(*parts[i : i + 2]) for i in (0, 2, 4))
        return attention(query, key, value, parts[6], cov_aggregation=aggregation)

    parts = [part[:1] for tokens in qkv for part in tokens]
    inputs = [part.detach().requires_grad_() for part in [*parts, tau]]
    assert torch.autograd.gradcheck(function, inputs, fast_mode=True)


def test__attention__of_values_of_another_width(attention, qkv, tau):
    query, key, _ = qkv
    value = gaussians(7, width=6)
    found = attention(query, key, value, tau)
    for got, wanted in zip(found, literal(query, key, value, tau), strict=True):
        assert_close(got, wanted, rtol=0, atol=1e-12)


def test__attention__takes_tensors_of_any_strides(attention, qkv, tau):
    turned = [
        GaussianTokens(
            *(part.detach().transpose(1, 2).contiguous().transpose(1, 2) for part in t)
        )
        for t in qkv
    ]
    for got, wanted in zip(attention(*turned, tau), attention(*qkv, tau), strict=True):
        assert_close(got, wanted, rtol=0, atol=1e-12)


@pytest.mark.parametrize("tau", [0.5, torch.tensor(0.5)])
def test__attention__takes_one_temperature_for_all_heads(attention, qkv, tau):
    each = torch.full((HEADS,), 0.5, dtype=torch.float64)
    for got, wanted in zip(attention(*qkv, tau), attention(*qkv, each), strict=True):
        assert_close(got, wanted, rtol=0, atol=1e-12)


def test__attention__without_gradients_is_the_same(attention, qkv, tau):
    with torch.no_grad():
        found = attention(*qkv, tau)
    for got, wanted in zip(found, attention(*qkv, tau), strict=True):
        assert not got.requires_grad
        assert_close(got, wanted, rtol=0, atol=1e-12)


def test__attention__of_no_samples(attention, tau):
    tokens = GaussianTokens(*(part[:0].detach() for part in gaussians(7)))
    assert attention(tokens, tokens, tokens, tau).mean.shape == (0, HEADS, 7, WIDTH)


def test__attention__of_one_side_only_has_a_gradient(attention, qkv, tau):
    value = qkv[2]
    attention(*qkv, tau).mean.sum().backward()
    assert torch.count_nonzero(value.mean.grad) == value.mean.numel()
    assert torch.count_nonzero(value.variance.grad) == 0


def test__weights__are_those_of_the_attention(attention, qkv, tau):
    query, key, value = qkv
    weights = wasserstein_attention_weights(query, key, tau)
    assert_close(weights.sum(-1), torch.ones_like(weights[..., 0]))
    assert_close(weights @ value.mean, attention(*qkv, tau).mean)


# --- extremes ---------------------------------------------------------------------


@pytest.mark.parametrize("scale", [1e-3, 10.0, 100.0])
def test__variance__stays_positive_and_all_is_finite(attention, scale):
    # at the largest scale attention is one-hot, and most weights vanish
    query, key, value = (gaussians(9, dtype=torch.float32, scale=scale) for _ in "qkv")
    found = attention(query, key, value, torch.ones(HEADS))
    assert (found.variance > 0).all()
    (found.mean.sum() + found.variance.sum()).backward()
    for tokens in (query, key, value):
        for part in tokens:
            assert part.grad.isfinite().all()


def test__distant_tokens__lose_no_digits_by_squares_of_weights(attention):
    # scores of the own token are far below those of others, as keys are not queries
    query, key, value = (gaussians(9, scale=5.0) for _ in "qkv")
    found = attention(query, key, value, torch.ones(HEADS, dtype=torch.float64))
    wanted = literal(query, key, value, torch.ones(HEADS, dtype=torch.float64))
    assert_close(found.variance, wanted.variance, rtol=1e-9, atol=0)


def test__single_precision__is_close_to_double(attention, qkv, tau):
    single = [GaussianTokens(*(part.detach().float() for part in t)) for t in qkv]
    found = attention(*single, tau.detach().float())
    assert found.mean.dtype == torch.float32
    for got, wanted in zip(found, literal(*qkv, tau), strict=True):
        assert_close(got.double(), wanted.detach(), rtol=0, atol=1e-5)


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test__half_precision__comes_back_and_is_computed_in_single(attention, dtype, qkv):
    half = [GaussianTokens(*(part.detach().to(dtype) for part in t)) for t in qkv]
    single = [GaussianTokens(*(part.float() for part in t)) for t in half]
    tau = torch.full((HEADS,), 0.5)
    for got, wanted in zip(attention(*half, tau), attention(*single, tau), strict=True):
        assert got.dtype == dtype
        assert_close(got, wanted.to(dtype))


def test__autocast__leaves_scores_alone(attention, qkv, tau):
    # means far from zero, whose squares have no digits left in half precision
    far = [GaussianTokens(t.mean + 30, t.variance) for t in qkv]
    inputs = [GaussianTokens(*(part.detach().float() for part in t)) for t in far]
    inputs[2].mean.requires_grad_()
    with torch.autocast("cpu", torch.bfloat16):
        found = attention(*inputs, tau.detach())
        (slope,) = torch.autograd.grad(found.mean.sum(), inputs[2].mean)
    wanted = attention(*inputs, tau.detach())
    assert_close(found.mean, wanted.mean)
    (other,) = torch.autograd.grad(wanted.mean.sum(), inputs[2].mean)
    assert_close(slope, other)


# --- which way --------------------------------------------------------------------


def test__auto__is_the_fused_way_on_a_cpu(qkv, tau, monkeypatch):
    monkeypatch.delattr("skwass.nn._wasserstein_attention.attend_by_sdpa")
    monkeypatch.setattr(_fused_attention, "MOST_KEPT", 0)
    wasserstein_attention(*qkv, tau)


def test__memory_of_a_long_sequence__grows_with_its_length(monkeypatch):
    monkeypatch.setattr(_fused_attention, "MOST_KEPT", 32**2)
    monkeypatch.setattr(_long_attention, "MOST_KEPT", 32**2)

    def kept(n_tokens):
        sizes = []

        def note(x):
            sizes.append(x.numel())
            return x

        tokens = gaussians(n_tokens)
        with torch.autograd.graph.saved_tensors_hooks(note, lambda x: x):
            wasserstein_attention(tokens, tokens, tokens, 0.5)
        return sum(sizes)

    short, long, longer = (kept(n) for n in (128, 256, 512))
    # weights that are kept are as many for all three
    assert longer - long == pytest.approx(2 * (long - short), rel=1e-2)
    assert kept(32) > BATCH * HEADS * 32**2


# --- bad input --------------------------------------------------------------------


def test__unknown_options__raise(qkv, tau):
    with pytest.raises(ValueError, match="cov_aggregation must be one of"):
        wasserstein_attention(*qkv, tau, cov_aggregation="cubed")
    with pytest.raises(ValueError, match="implementation must be one of"):
        wasserstein_attention(*qkv, tau, implementation="flash")


def test__tokens_of_other_shapes__raise(qkv, tau):
    query, key, value = qkv
    bad = GaussianTokens(query.mean, query.variance[..., :2])
    with pytest.raises(ValueError, match=r"query must hold means and variances"):
        wasserstein_attention(bad, key, value, tau)
    flat = GaussianTokens(*(part[0] for part in key))
    with pytest.raises(ValueError, match=r"key must hold means and variances"):
        wasserstein_attention_weights(query, flat, tau)
    with pytest.raises(ValueError, match=r"key must have the batch, heads and width"):
        wasserstein_attention(query, gaussians(7, width=3), value, tau)
    with pytest.raises(ValueError, match=r"value must have the batch"):
        wasserstein_attention(query, key, gaussians(6), tau)


def test__whole_numbers__raise(qkv, tau):
    whole = GaussianTokens(*(part.long() for part in qkv[0]))
    with pytest.raises(ValueError, match="query must hold floating-point numbers"):
        wasserstein_attention(whole, *qkv[1:], tau)


def test__temperatures_of_other_heads__raise(qkv):
    with pytest.raises(ValueError, match=r"temperature must be a number or a tensor"):
        wasserstein_attention(*qkv, torch.ones(HEADS + 1))


def test__second_derivative__raises(qkv, tau):
    found = wasserstein_attention(*qkv, tau).mean.square().sum()
    (slope,) = torch.autograd.grad(found, qkv[0].mean, create_graph=True)
    with pytest.raises(RuntimeError, match="once_differentiable"):
        slope.sum().backward()


# --- a known answer ---------------------------------------------------------------


def test__equal_keys__share_weights_evenly(attention):
    # n independent Gaussians of the same variance: that of their mean is an n-th
    query = gaussians(3)
    one = GaussianTokens(*(part[:, :, :1].expand(-1, -1, 8, -1) for part in query))
    found = attention(query, one, one, 2.0)
    assert_close(found.mean, query.mean[:, :, :1].expand(-1, -1, 3, -1))
    assert_close(found.variance, query.variance[:, :, :1].expand(-1, -1, 3, -1) / 8)


def test__temperature__turns_attention_from_even_to_one_hot(qkv):
    query, key, _ = qkv
    even = wasserstein_attention_weights(query, key, 1e-9)
    assert_close(even, torch.full_like(even, 1 / 7))
    sharp = wasserstein_attention_weights(query, key, 1e6)
    assert_close(sharp.amax(-1), torch.ones_like(sharp[..., 0]))
