"""Tokens stay Gaussians, both of their streams learn, and attention sees content."""

import math

import pytest
import torch
from torch import nn
from torch.testing import assert_close

from skwass.nn import GaussianTokens, StochasticViT, wasserstein_attention
from skwass.nn._gaussian_heads import heads
from skwass.nn._gaussian_layers import positive

SHAPE = (1, 8, 8)
SMALL = {"patch_size": 4, "width": 16, "depth": 2}
KINDS = ("wasserstein", "dot")


@pytest.fixture(autouse=True)
def _same_numbers():
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        yield


@pytest.fixture(params=KINDS)
def kind(request):
    return request.param


@pytest.fixture
def images():
    return torch.randn(6, *SHAPE)


def network(shape=SHAPE, **options):
    return StochasticViT(3, shape, **{**SMALL, **options})


def trained(images, labels, n_steps=60, lr=0.01, **options):
    model = network(images.shape[1:], **options)
    optimizer = torch.optim.Adam(model.parameters(), lr=lr)
    for _ in range(n_steps):
        optimizer.zero_grad()
        nn.functional.cross_entropy(model(images), labels).backward()
        optimizer.step()
    return model.eval()


def spots(n_samples=60):
    """A bright patch among four says the class; where it is, is of no matter."""
    images = 0.1 * torch.randn(n_samples, 4, 1, 4, 4)
    labels = torch.arange(n_samples) % 3
    places = torch.randint(4, (n_samples,))
    marks = nn.functional.one_hot(labels, 3).float() * 2
    images[torch.arange(n_samples), places, 0, 0, :3] += marks
    rows = images.unflatten(1, (2, 2)).permute(0, 3, 1, 4, 2, 5)
    return rows.reshape(n_samples, *SHAPE), labels


# --- shapes -----------------------------------------------------------------------


@pytest.mark.parametrize("pooling", ["cls", "mean"])
@pytest.mark.parametrize(
    ("shape", "patch_size", "grid"),
    [
        (SHAPE, 4, (2, 2)),
        ((3, 8, 12), (4, 2), (2, 6)),
        ((1, 1, 7), (1, 1), (1, 7)),
    ],
)
def test__network__gives_what_its_shapes_say(kind, pooling, shape, patch_size, grid):
    options = {"patch_size": patch_size, "pooling": pooling, "attention": kind}
    model = network(shape, **options).eval()
    images = torch.randn(5, *shape)
    n_tokens = math.prod(grid) + (pooling == "cls")
    assert (model.grid, model.n_patches) == (grid, math.prod(grid))
    assert model.n_special == (pooling == "cls")
    logits = model(images)
    assert logits.shape == (5, 3)
    tokens = model.encode(images)
    assert [t.mean.shape for t in tokens] == [(5, n_tokens, 16)] * 2
    assert [t.variance.shape for t in tokens] == [(5, n_tokens, 16)] * 2
    pooled = model.pool(tokens[-1])
    assert pooled.mean.shape == pooled.variance.shape == (5, 16)
    assert_close(model.classify(pooled), logits)
    maps = model.attention_maps(images)
    assert maps.shape == (5, 2, 4, n_tokens, n_tokens)
    assert_close(maps.sum(-1), torch.ones_like(maps[..., 0]))


def test__patches__are_read_line_by_line():
    model = network()
    with torch.no_grad():
        for part in (*model.position.values(), *(e.bias for e in model.embed.values())):
            part.zero_()
    images = torch.zeros(1, *SHAPE)
    images[0, 0, :4, 4:] = torch.arange(16.0).view(4, 4)
    tokens = model.start(images)[0][0]
    expected = model.embed["mean"](torch.arange(16.0))
    assert_close(tokens[1], expected)
    assert torch.count_nonzero(tokens[[0, 2, 3]]) == 0


def test__twin__has_no_variance(images):
    model = network(attention="dot").eval()
    assert not [name for name, _ in model.named_parameters() if "raw" in name]
    assert torch.count_nonzero(model.encode(images)[-1].variance) == 0
    logits = model.logit_distribution(images)
    assert torch.count_nonzero(logits.variance) == 0
    assert_close(logits.mean, model(images))


def test__last__is_the_last_that_encode_gives(kind, images):
    model = network(attention=kind, pooling="cls").eval()
    mask = torch.arange(4).expand(len(images), 4) < 2
    for hidden in (None, mask):
        for got, wanted in zip(
            model.last(images, hidden), model.encode(images, hidden)[-1], strict=True
        ):
            assert torch.equal(got, wanted)


def test__network__depends_on_one_image_alone(kind, images):
    model = network(attention=kind).eval()
    assert_close(model(images)[2:3], model(images[2:3]), rtol=1e-4, atol=1e-5)


def test__mean_and_scale__standardise_within(kind, images):
    options = {"mean": torch.tensor([3.0]), "scale": torch.tensor([2.0])}
    plain, within = network(attention=kind), network(attention=kind, **options)
    within.load_state_dict({**plain.state_dict(), **dict(within.named_buffers())})
    assert_close(within(3 + 2 * images), plain(images), rtol=1e-4, atol=1e-5)


def test__mean_and_scale__of_each_column_of_a_table():
    shape = (1, 1, 7)
    model = network(
        shape, patch_size=(1, 1), mean=torch.rand(shape), scale=torch.rand(shape) + 1
    )
    assert model(torch.randn(2, *shape)).isfinite().all()


# --- what it computes -------------------------------------------------------------


@pytest.mark.parametrize("aggregation", ["squared", "linear"])
def test__block__is_what_its_parts_say(images, aggregation):
    model = network(cov_aggregation=aggregation).double()
    block = model.blocks[0]
    mean, raw = model.start(images.double())
    streams = [block.mean.read(block.mean.first(mean))]
    streams.append(positive(block.variance.read(block.variance.first(raw))))
    tokens = zip(*(heads(x, block.n_heads) for x in streams), strict=True)
    found = wasserstein_attention(
        *(GaussianTokens(*pair) for pair in tokens),
        block.temperature,
        cov_aggregation=aggregation,
    )
    joined = [part.transpose(1, 2).flatten(2) for part in found]
    for state, part, stream, got in zip(
        (mean, raw),
        joined,
        (block.mean, block.variance),
        block(mean, raw),
        strict=True,
    ):
        between = state + stream.write(part)
        expected = between + stream.each(stream.second(between))
        assert_close(got, expected, rtol=0, atol=1e-10)


@pytest.mark.parametrize("head", ["mean", "probit"])
def test__logit_distribution__is_that_of_draws(images, head):
    model = network(head=head).eval()
    pooled = model.pool(model.encode(images)[-1])
    found = model.logit_distribution(images)
    # to first order: of Gaussians so narrow that the norm is as good as linear
    narrow = 1e-3
    noise = torch.randn(20_000, *pooled.mean.shape)
    scale = model.log_scale.exp() if head == "probit" else 1
    deviation = narrow * (scale * pooled.variance).sqrt()
    draws = model.head(model.norm(pooled.mean + noise * deviation))
    assert_close(draws.mean(0), found.mean, rtol=0, atol=0.05)
    assert_close(draws.var(0) / narrow**2, found.variance, rtol=0.05, atol=0)
    lower = 1 if head == "mean" else (1 + math.pi / 8 * found.variance).sqrt()
    assert_close(model(images), found.mean / lower)


def test__mask__hides_patches_and_nothing_else(kind, images):
    model = network(attention=kind).eval()
    mask = torch.zeros(6, 4, dtype=torch.bool)
    assert_close(model.encode(images, mask)[-1].mean, model.encode(images)[-1].mean)
    mask[:, 1] = True
    other = images.clone()
    other[:, :, :4, 4:] = 100.0
    one, two = (model.encode(x, mask)[-1] for x in (images, other))
    assert_close(one.mean, two.mean)
    assert_close(one.variance, two.variance)
    assert not torch.allclose(one.mean, model.encode(images)[-1].mean)


def test__drop_path_and_dropout__act_in_training_alone(kind, images):
    model = network(attention=kind, drop_path=0.5, dropout=0.2)
    assert not torch.equal(model(images), model(images))
    model.eval()
    assert torch.equal(model(images), model(images))


def test__drop_path__leaves_some_samples_as_they_are(kind):
    block = network(attention=kind, drop_path=0.9).blocks[-1]
    mean, raw = torch.randn(2, 50, 4, 16)
    found = block(mean, raw) if kind == "wasserstein" else (block(mean),)
    pairs = zip(found, (mean, raw), strict=False)
    same = [(new == old).flatten(1).all(1) for new, old in pairs]
    assert 0.7 < same[0].float().mean() < 1
    assert all(torch.equal(part, same[0]) for part in same)


def test__drop_path__grows_from_zero_and_a_single_block_has_all_of_it(kind):
    for depth, rates in ((3, [0.0, 0.25, 0.5]), (1, [0.5])):
        blocks = network(attention=kind, depth=depth, drop_path=0.5).blocks
        assert [block.drop_path for block in blocks] == rates


# --- where training starts --------------------------------------------------------


@pytest.mark.parametrize(
    ("shape", "patch_size", "width", "n_heads"),
    [((1, 8, 8), 2, 48, 4), ((3, 32, 32), 4, 64, 4), ((1, 1, 20), (1, 1), 32, 2)],
)
def test__entropy_of_attention__starts_as_that_of_dot_products(
    shape, patch_size, width, n_heads
):
    images = torch.randn(8, *shape)
    found = {}
    for kind in KINDS:
        model = network(
            shape, patch_size=patch_size, width=width, n_heads=n_heads, attention=kind
        )
        maps = model.attention_maps(images)
        found[kind] = -torch.xlogy(maps, maps).sum(-1).mean().item()
        most = math.log(maps.shape[-1])
    assert found["wasserstein"] == pytest.approx(found["dot"], rel=0.1)
    # neither even, nor one-hot
    spread = {kind: most - entropy for kind, entropy in found.items()}
    assert spread["wasserstein"] == pytest.approx(spread["dot"], rel=0.6)
    assert 0.01 < spread["wasserstein"] < 0.5 * most


# --- training ---------------------------------------------------------------------


@pytest.mark.parametrize("pooling", ["cls", "mean"])
@pytest.mark.parametrize("covariance_mlp", ["full", "light"])
@pytest.mark.parametrize("embedding", ["position", "patch"])
def test__both_streams__get_gradients(images, pooling, covariance_mlp, embedding):
    model = network(
        pooling=pooling,
        covariance_mlp=covariance_mlp,
        variance_embedding=embedding,
        head="probit",
    )
    nn.functional.cross_entropy(model(images), torch.arange(6) % 3).backward()
    silent = {n for n, p in model.named_parameters() if p.grad is None}
    blank = {"blank.mean"} if embedding == "position" else {"blank.mean", "blank.raw"}
    assert silent == blank
    for name, parameter in model.named_parameters():
        if name not in silent:
            assert parameter.grad.isfinite().all()
            assert parameter.grad.abs().max() > 0, name


@pytest.mark.parametrize("pooling", ["cls", "mean"])
def test__variances_of_positions__learn_of_contents_from_attention(images, pooling):
    model = network(pooling=pooling)
    _, first = model.start(images)
    assert_close(first, first[:1].expand_as(first))
    variances = model.last(images).variance
    assert (variances.std(0) > 0).any()
    mask = torch.rand(len(images), model.n_patches) < 0.5
    hidden = model.start(images, mask)
    assert_close(hidden[1], first)
    assert not torch.equal(hidden[0], model.start(images)[0])


def test__variances_of_patches__begin_with_contents(images):
    model = network(variance_embedding="patch")
    _, first = model.start(images)
    assert not torch.equal(first[0], first[1])
    mask = torch.rand(len(images), model.n_patches) < 0.5
    hidden = model.start(images, mask)[1]
    assert_close(hidden[~mask], first[~mask])
    assert (hidden[mask] != first[mask]).any()


def test__mean_head__teaches_variances_but_for_those_after_the_last_attention(images):
    model = network()
    nn.functional.cross_entropy(model(images), torch.arange(6) % 3).backward()
    silent = {n for n, p in model.named_parameters() if p.grad is None}
    last = f"blocks.{model.depth - 1}.variance."
    assert all(n == "blank.mean" or n.startswith(last) for n in silent), silent
    assert f"{last}read.weight" not in silent


def test__variances__stay_positive_in_training_and_for_extreme_images():
    images, labels = spots()
    model = trained(images, labels, n_steps=20, lr=0.3)
    for extreme in (images, 1e4 * images, -1e4 * images, 0 * images):
        for tokens in model.encode(extreme):
            assert (tokens.variance > 0).all()
            assert tokens.variance.isfinite().all()
        logits = model.logit_distribution(extreme)
        assert (logits.variance > 0).all()
        assert model(extreme).isfinite().all()


def test__attention__depends_on_content_after_training(kind):
    images, labels = spots()
    model = trained(images, labels, attention=kind)
    assert (model(images).argmax(1) == labels).float().mean() > 0.9
    maps = model.attention_maps(images)
    # images differ in what they are attended to by
    assert maps.std(0).amax() > 0.05
    assert (maps - 1 / maps.shape[-1]).abs().amax() > 0.1


def test__temperatures_and_variances__learn():
    images, labels = spots()
    model = trained(images, labels, n_steps=20)
    start = network()
    for before, after in zip(start.blocks, model.blocks, strict=True):
        assert (after.temperature > 0).all()
        assert not torch.allclose(before.temperature, after.temperature, rtol=1e-3)
    variances = model.encode(images)[-1].variance
    assert variances.std(0).mean() > 1e-3


def test__autocast__trains(kind, images):
    model = network(attention=kind, head="probit")
    with torch.autocast("cpu", torch.bfloat16):
        logits = model(images)
        tokens = model.encode(images)[-1]
    nn.functional.cross_entropy(logits.float(), torch.arange(6) % 3).backward()
    for name, parameter in model.named_parameters():
        if not name.startswith("blank"):
            assert parameter.grad.isfinite().all()
            assert parameter.grad.dtype == torch.float32
    assert kind == "dot" or (tokens.variance > 0).all()
    assert_close(logits.float(), model(images), rtol=0, atol=0.1)
