"""What Wasserstein attention and its blocks cost, next to those of dot products."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any, Literal

import torch
from _otmdr_memory import Memory
from _otmdr_speed import Run, turns
from _problems import Scope
from _records import Figures
from torch import Tensor, nn
from torch.nn.functional import scaled_dot_product_attention

from skwass.nn import GaussianTokens, StochasticViT, wasserstein_attention

#: tokens of 32 × 32 pixels in patches of 4, of 224 in 16, and of 512 in 16: samples
LENGTHS = {65: 16, 197: 8, 1025: 2}
#: lengths of which the form of STOSA is timed
STOSA_LENGTHS = (197, 1025)
#: lengths of which blocks are timed
BLOCK_LENGTHS = (65, 197)
#: lengths whose memory is compared
LONG = (1025, 2049, 4097)
#: the length at which differences pair by pair, n × n × width, are in 50 MiB a tensor
PAIRS_LENGTH = 65
N_HEADS, WIDTH = 3, 64
#: hidden layers of published vision transformers, and of `StochasticViT` by default
MLP_RATIOS = (4, 2)
_TEMPERATURE = 0.4 * WIDTH**-0.5
_ONE_THREAD = (1,)

Aggregation = Literal["linear", "squared"]
AGGREGATIONS: tuple[Aggregation, ...] = ("linear", "squared")
Form = Callable[..., Sequence[Tensor]]


def measure(scope: Scope) -> Figures:
    """Ratios of CPU times, forward and backward, on one thread; and bytes."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(scope.seed)
        return _measured(scope)


def _measured(scope: Scope) -> Figures:
    figures: Figures = {}
    n_samples = {length: scope.less(n, 1) for length, n in LENGTHS.items()}
    for length in LENGTHS:
        figures |= _attention(length, n_samples[length], scope.less(7, 1))
    for length in STOSA_LENGTHS:
        figures |= _stosa(length, n_samples[length], scope.less(7, 1))
    for length in BLOCK_LENGTHS:
        for mlp_ratio in MLP_RATIOS:
            rounds = scope.less(7, 1)
            figures |= _blocks(length, n_samples[length], mlp_ratio, rounds)
    figures |= _pairs(n_samples[PAIRS_LENGTH], scope.less(3, 1))
    for aggregation in AGGREGATIONS:
        for length in LONG[: scope.less(len(LONG), 1)]:
            figures |= _memory(length, aggregation)
    return figures


def _attention(length: int, n_samples: int, n_rounds: int) -> Figures:
    """Attention to torch's own."""
    inputs = _tokens(length, n_samples)
    forms: dict[str, Form] = {
        "dot": _dot,
        "linear": partial(_wasserstein, aggregation="linear"),
        "squared": partial(_wasserstein, aggregation="squared"),
    }
    runs = {name: _run(form, inputs) for name, form in forms.items()}
    figures = _turns(runs, "dot", n_rounds)
    found = {f"{name} {length}": figures[f"{name}_ratio"] for name in runs}
    return found | {f"dot milliseconds {length}": figures["dot"]}


def _stosa(length: int, n_samples: int, n_rounds: int) -> Figures:
    """The form of STOSA to both, apart: it leaves heap and caches in a poor state."""
    inputs = _tokens(length, n_samples)
    squared = partial(_wasserstein, aggregation="squared")
    forms: dict[str, Form] = {"dot": _dot, "squared": squared, "stosa": stosa}
    runs = {name: _run(form, inputs) for name, form in forms.items()}
    figures = _turns(runs, "dot", n_rounds)
    gain = figures["stosa_ratio"] / figures["squared_ratio"]
    return {
        f"stosa {length}": figures["stosa_ratio"],
        f"stosa to squared {length}": gain,
    }


def _pairs(n_samples: int, n_rounds: int) -> Figures:
    """The literal form to attention, at a length where its tensors fit."""
    inputs = _tokens(PAIRS_LENGTH, n_samples)
    runs = {
        "squared": _run(partial(_wasserstein, aggregation="squared"), inputs),
        "pairs": _run(pair_by_pair, inputs),
    }
    figures = _turns(runs, "squared", n_rounds)
    return {f"pairs to squared {PAIRS_LENGTH}": figures["pairs_ratio"]}


def _blocks(length: int, n_samples: int, mlp_ratio: float, n_rounds: int) -> Figures:
    """Whole blocks, with a variance stream as wide as that of means, and light."""
    settings: dict[str, dict[str, Any]] = {
        "dot": {"attention": "dot"},
        "full": {"covariance_mlp": "full"},
        "light": {"covariance_mlp": "light"},
    }
    width = N_HEADS * WIDTH
    states = torch.randn(2, n_samples, length, width).unbind()
    runs: dict[str, Run] = {}
    for name, options in settings.items():
        network = StochasticViT(
            2,
            (1, 1, 1),
            patch_size=1,
            width=width,
            depth=1,
            n_heads=N_HEADS,
            mlp_ratio=mlp_ratio,
            **options,
        )
        runs[name] = _block_run(network.blocks[0], states[: 1 if name == "dot" else 2])
    figures = _turns(runs, "dot", n_rounds)
    return {
        f"{name} block {length} mlp {mlp_ratio}": figures[f"{name}_ratio"]
        for name in ("full", "light")
    }


def _memory(length: int, aggregation: Aggregation) -> Figures:
    """The most that lives at any time in a pass forward and backward, in MiB."""
    inputs = _tokens(length, 1)
    upstream = [torch.ones_like(x) for x in inputs[:2]]
    with Memory([*inputs, *upstream]) as memory:
        found = _wasserstein(*inputs, aggregation=aggregation)
        torch.autograd.grad(found, inputs, upstream)
    return {f"{aggregation} MiB {length}": memory.peak / 2**20}


# --- forms of attention -----------------------------------------------------------


def _dot(*inputs: Tensor) -> Sequence[Tensor]:
    return (scaled_dot_product_attention(inputs[0], inputs[2], inputs[4]),)


def _wasserstein(*inputs: Tensor, aggregation: Aggregation) -> Sequence[Tensor]:
    query, key, value = (GaussianTokens(*inputs[i : i + 2]) for i in (0, 2, 4))
    return wasserstein_attention(
        query, key, value, _TEMPERATURE, cov_aggregation=aggregation
    )


def stosa(
    qm: Tensor, qv: Tensor, km: Tensor, kv: Tensor, vm: Tensor, vv: Tensor
) -> Sequence[Tensor]:
    """Matrices of squared distances of means and of deviations, and their sum."""

    def squared_distances(x: Tensor, y: Tensor) -> Tensor:
        norms = x.square().sum(-1)[..., :, None] + y.square().sum(-1)[..., None, :]
        return norms - 2 * x @ y.mT

    distances = squared_distances(qm, km) + squared_distances(qv.sqrt(), kv.sqrt())
    weights = torch.softmax(-_TEMPERATURE * distances, -1)
    return weights @ vm, weights.square() @ vv


def pair_by_pair(
    qm: Tensor, qv: Tensor, km: Tensor, kv: Tensor, vm: Tensor, vv: Tensor
) -> Sequence[Tensor]:
    """Differences of all components of all pairs, as the formula says."""
    means = qm[..., :, None, :] - km[..., None, :, :]
    roots = qv.sqrt()[..., :, None, :] - kv.sqrt()[..., None, :, :]
    distances = means.square().sum(-1) + roots.square().sum(-1)
    weights = torch.softmax(-_TEMPERATURE * distances, -1)
    return weights @ vm, weights.square() @ vv


# --- what is timed ----------------------------------------------------------------


def _tokens(length: int, n_samples: int) -> list[Tensor]:
    """Means and variances of queries, keys and values in turn."""
    shape = (n_samples, N_HEADS, length, WIDTH)
    parts = [torch.rand(shape) + 0.2 if i % 2 else torch.randn(shape) for i in range(6)]
    return [part.requires_grad_() for part in parts]


def _run(form: Form, inputs: Sequence[Tensor], n_steps: int = 2) -> Run:
    """Passes forward and backward, by what the form depends on."""
    upstream = torch.randn_like(inputs[0])
    used = inputs[::2] if form is _dot else inputs

    def run() -> int:
        for _ in range(n_steps):
            found = form(*inputs)
            torch.autograd.grad(found, used, [upstream] * len(found))
        return n_steps

    return run


def _block_run(block: nn.Module, states: Sequence[Tensor], n_steps: int = 2) -> Run:
    inputs = [state.clone().requires_grad_() for state in states]
    upstream = torch.randn_like(states[0])

    def run() -> int:
        for _ in range(n_steps):
            block.zero_grad()
            found = block(*inputs)
            found = found if isinstance(found, tuple) else (found,)
            torch.autograd.backward(found, [upstream] * len(found))
        return n_steps

    return run


def _turns(runs: Mapping[str, Run], reference: str, n_rounds: int) -> Figures:
    """CPU times in milliseconds, and ratios."""
    figures = turns(runs, reference, n_rounds, _ONE_THREAD)
    found = {name: figures[f"{name}_cpu_1"] for name in runs}
    return found | {f"{name}_ratio": figures[f"{name}_cpu_ratio_1"] for name in runs}
