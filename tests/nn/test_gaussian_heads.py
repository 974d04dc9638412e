"""Self-attention on projections equals that on tokens; variances are positive."""

import pytest
import torch
from torch.testing import assert_close

from skwass.nn import GaussianTokens, _fused_attention, wasserstein_attention
from skwass.nn._gaussian_heads import attend_heads, heads
from skwass.nn._gaussian_layers import positive, positive_root_

HEADS, WIDTH = 2, 4


@pytest.fixture(autouse=True)
def _same_numbers():
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        yield


@pytest.fixture(params=["short", "long", "sdpa"])
def way(request, monkeypatch):
    if request.param == "long":
        monkeypatch.setattr(_fused_attention, "MOST_KEPT", 0)
    if request.param == "sdpa":
        # what is done on devices other than a CPU
        monkeypatch.setattr("skwass.nn._gaussian_heads._is_fused", lambda means: False)
    return request.param


def projected(dtype=torch.float64):
    means, raws = torch.randn(2, 3, 5, 3 * HEADS * WIDTH, dtype=dtype)
    tau = torch.tensor([0.3, 0.8], dtype=dtype)
    return means.requires_grad_(), raws.requires_grad_(), tau.requires_grad_()


def attended(means, raws, tau, aggregation="squared"):
    """In the memory of a copy."""
    return attend_heads(means, raws.flatten(0, 1).clone(), tau, aggregation)


# --- projections ------------------------------------------------------------------


@pytest.mark.parametrize("aggregation", ["squared", "linear"])
def test__heads__attend_like_tokens(way, aggregation):
    inputs = projected()
    means, raws, tau = inputs
    found = attended(*inputs, aggregation)
    variances = torch.nn.functional.elu(raws) + 1
    pairs = zip(heads(means, HEADS), heads(variances, HEADS), strict=True)
    tokens = (GaussianTokens(*pair) for pair in pairs)
    expected = wasserstein_attention(*tokens, tau, cov_aggregation=aggregation)
    expected = [part.transpose(1, 2).flatten(2) for part in expected]
    upstream = [torch.randn_like(part) for part in expected]
    for got, wanted in zip(found, expected, strict=True):
        assert_close(got, wanted, rtol=0, atol=1e-12)
    got = torch.autograd.grad(found, inputs, upstream)
    wanted = torch.autograd.grad(expected, inputs, upstream)
    for one, other in zip(got, wanted, strict=True):
        assert_close(one, other, rtol=0, atol=1e-11)


def test__heads__have_the_gradient_of_differences(way):
    assert torch.autograd.gradcheck(attended, projected(), fast_mode=True)


@pytest.mark.parametrize("which", [0, 1])
def test__heads__have_a_gradient_when_one_stream_is_used(way, which):
    inputs = projected()
    found = attended(*inputs)
    zero = torch.zeros_like(found[1 - which])
    upstream = torch.randn_like(found[which])
    one = torch.autograd.grad(found[which], inputs, upstream, retain_graph=True)
    pair = [upstream, zero] if which == 0 else [zero, upstream]
    both = torch.autograd.grad(found, inputs, pair)
    for got, wanted in zip(one, both, strict=True):
        assert_close(got, wanted)


def test__heads__allow_a_second_pass_through_the_same_graph(way):
    inputs = projected()
    found = sum(part.square().sum() for part in attended(*inputs))
    first = torch.autograd.grad(found, inputs, retain_graph=True)
    for one, other in zip(first, torch.autograd.grad(found, inputs), strict=True):
        assert_close(one, other, rtol=0, atol=0)


def test__heads__are_computed_in_single_precision_under_autocast(way):
    means, raws, tau = (x.detach() for x in projected(torch.float32))
    half = means.bfloat16(), raws.bfloat16()
    with torch.autocast("cpu", torch.bfloat16):
        found = attended(*half, tau)
    expected = attended(half[0].float(), half[1].float(), tau)
    for got, wanted in zip(found, expected, strict=True):
        assert got.dtype == torch.bfloat16
        assert_close(got, wanted.bfloat16())


# --- variances --------------------------------------------------------------------


def test__positive__is_elu_and_one():
    x = torch.linspace(-20, 20, 41, dtype=torch.float64)
    expected = torch.where(x < 0, x.exp(), 1 + x)
    assert_close(positive(x), expected, rtol=1e-14, atol=0)
    assert_close(positive_root_(x.clone()), expected.sqrt(), rtol=1e-14, atol=0)


def test__positive__has_the_slope_of_elu():
    x = torch.randn(50, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(positive, x)


@pytest.mark.parametrize(
    "dtype", [torch.float64, torch.float32, torch.bfloat16, torch.float16]
)
def test__positive__is_positive_whatever_comes(dtype):
    most = torch.finfo(dtype).max
    x = torch.tensor([-most, -1e4, -40.0, -1.0, 0.0, 1.0, 1e4], dtype=dtype)
    assert (positive(x) > 0).all()
    assert positive(x).isfinite().all()
    assert (positive_root_(x.clone()) > 0).all()


def test__positive__lets_what_is_not_a_number_be_seen():
    assert positive(torch.tensor([torch.nan])).isnan().all()
