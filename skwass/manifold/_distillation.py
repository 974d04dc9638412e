"""A network on raw points that learns to embed clouds as a slower teacher does."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from skorch import NeuralNet
from skorch.callbacks import Callback
from torch import Tensor

from skwass.clouds import PointClouds
from skwass.manifold._lessons import Lessons, PointLessons
from skwass.manifold._network import loss_curves
from skwass.manifold._padding import Frame
from skwass.manifold._virtual_clouds import virtual_clouds
from skwass.nn import (
    ImitationLoss,
    QuantileEncoder,
    SetEncoder,
    Student,
    TransformerEncoder,
)
from skwass.training import (
    Checkpoint,
    OneCycle,
    ProgressBar,
    SaveEpochs,
    StopWhenNotFinite,
    draw_seed,
    go_on,
    local_torch_seed,
    stripped,
)
from skwass.transport import pooled, random_directions

Embedding = NDArray[np.float32]
Teacher = Callable[[PointClouds], NDArray[Any]]

_SAMPLED_POINTS = 2000
_STAGE = "network"
_CLOUDS_AT_ONCE = 2048
_NUMBERS_AT_ONCE = 10_000_000
_LINES_IN_THE_PLANE = 16
_LINES_IN_SPACE = 64


@dataclass(frozen=True)
class DistilledEncoder:
    """A trained student and the units it works in.

    Attributes
    ----------
    net : NeuralNet
        The trained net; ``net.module_.encoder`` is a `SetEncoder`.
    frame : Frame
        Centre and unit of the points.
    scale : float
        Unit of the embeddings.
    offset : ndarray of shape (n_components,), float32
        Mean of the embeddings.
    finished : bool
        Whether all epochs were trained, and the user did not stop before.
    """

    net: NeuralNet
    frame: Frame
    scale: float
    offset: Embedding
    finished: bool


def embed_points(student: DistilledEncoder, clouds: PointClouds) -> Embedding:
    """Embed clouds, each by itself, in bounded memory.

    Parameters
    ----------
    student : DistilledEncoder
        What `distil` gives.
    clouds : PointClouds
        Checked clouds.

    Returns
    -------
    embedding : ndarray of shape (n_clouds, n_components), float32
        Embeddings in the unit of the teacher's.
    """
    encoder = student.net.module_.encoder.eval()
    (found,) = student.frame.map(
        clouds, lambda points, weights: (encoder(points, weights),), student.net.device
    )
    embedding: Embedding = student.offset + found.numpy() * np.float32(student.scale)
    return embedding


def distil(
    teacher: Teacher,
    clouds: PointClouds,
    targets: NDArray[Any],
    *,
    encoder: str = "quantiles",
    encoder_params: dict[str, Any] | None = None,
    n_virtual: int = 20_000,
    max_iter: int = 20,
    batch_size: int = 256,
    lr: float = 1e-3,
    weight_decay: float = 1e-2,
    stress: float = 10.0,
    device: str = "cpu",
    seed: int = 0,
    verbose: int = 0,
    checkpoint: Checkpoint | None = None,
) -> DistilledEncoder:
    """Train a network on raw points to embed clouds as a teacher does.

    Parameters
    ----------
    teacher : callable
        Embeds a `PointClouds`. It is asked about virtual clouds only, a few thousand at
        a time.
    clouds : PointClouds
        Checked clouds.
    targets : ndarray of shape (n_clouds, n_components)
        What the teacher says of them.
    encoder : {"quantiles", "transformer"}, default="quantiles"
        `QuantileEncoder` or `TransformerEncoder`.
    encoder_params : dict, default=None
        Further parameters of the encoder.
    n_virtual : int, default=20000
        How many clouds to make up and ask the teacher about.
    max_iter : int, default=20
        Epochs, each of all clouds, the virtual ones included.
    batch_size : int, default=256
        Clouds in a step.
    lr : float, default=1e-3
        Largest learning rate of AdamW in a one-cycle schedule.
    weight_decay : float, default=1e-2
        That of AdamW.
    stress : float, default=10.0
        Weight of distances in the loss; see `ImitationLoss`.
    device : str, default="cpu"
        Where to train.
    seed : int, default=0
        Decides all that is random; the same bits for as many threads of torch.
    verbose : int, default=0
        A progress bar if positive.
    checkpoint : Checkpoint, default=None
        Where to keep the state of training.

    Returns
    -------
    student : DistilledEncoder
        What `embed_points` needs.

    Raises
    ------
    FloatingPointError
        If the loss turns NaN or infinite.
    """
    random_state = np.random.RandomState(seed)
    frame = Frame.of(clouds)
    offset: NDArray[np.float64] = np.sum(targets, axis=0) / len(targets)
    scale = float(np.sqrt(np.square(targets - offset).sum(axis=1).mean())) or 1.0
    pupil = _encoder(encoder, clouds, len(offset), encoder_params or {}, random_state)

    summaries, known, kept = [], [], []
    for part, said in _classes(teacher, clouds, targets, n_virtual, random_state):
        summaries.append(frame.map(part, lambda p, w: pupil.summarise(p, w)[:3], "cpu"))
        known.append(torch.tensor((said - offset) / scale, dtype=torch.float32))
        if pupil.reads_points:
            kept.append(part)
    summary = tuple(torch.cat(one) for one in zip(*summaries, strict=True))
    wanted = torch.cat(known)
    mean, spread, numbers = summary
    pupil.start_at(mean, spread, numbers, wanted)
    order = draw_seed(random_state)
    if pupil.reads_points:
        lessons: Lessons = PointLessons(
            pupil, frame, pooled(*kept), wanted, batch_size, order
        )
    else:
        lessons = Lessons(summary, wanted, batch_size, order)
    net = NeuralNet(
        Student,
        ImitationLoss,
        module__encoder=pupil,
        criterion__stress=stress,
        optimizer=torch.optim.AdamW,
        optimizer__weight_decay=weight_decay,
        lr=lr,
        max_epochs=max_iter,
        batch_size=None,
        # a loader without a generator draws from the global one
        iterator_train__generator=torch.Generator().manual_seed(order),
        train_split=None,
        callbacks=_callbacks(lr, max_iter, lessons.n_batches, verbose, checkpoint),
        callbacks__print_log=None,
        device=device,
        verbose=0,
    )
    net.initialize()
    go_on(net, None if checkpoint is None else checkpoint.recall(_STAGE))
    lessons.epoch = len(net.history)
    net.partial_fit(lessons, y=None)
    finished = len(loss_curves(net)["loss"]) == max_iter
    return DistilledEncoder(stripped(net), frame, scale, np.float32(offset), finished)


def _classes(
    teacher: Teacher,
    clouds: PointClouds,
    targets: NDArray[Any],
    n_virtual: int,
    random_state: np.random.RandomState,
) -> Iterator[tuple[PointClouds, NDArray[Any]]]:
    """Clouds with what the teacher says of them: first the given, then virtual ones."""
    yield clouds, targets
    affordable = _NUMBERS_AT_ONCE * len(clouds) // clouds.points.size
    at_once = min(max(1, affordable), _CLOUDS_AT_ONCE)
    for start in range(0, n_virtual, at_once):
        size = min(at_once, n_virtual - start)
        made = virtual_clouds(clouds, size, random_state)
        yield made, teacher(made)


def _encoder(
    name: str,
    clouds: PointClouds,
    n_components: int,
    params: dict[str, Any],
    random_state: np.random.RandomState,
) -> SetEncoder:
    directions = _directions(clouds, random_state)
    with local_torch_seed(draw_seed(random_state)):
        if name == "transformer":
            return TransformerEncoder(clouds.n_features, n_components, **params)
        return QuantileEncoder(directions, n_components, **params)


def _directions(clouds: PointClouds, random_state: np.random.RandomState) -> Tensor:
    """Lines to project on: evenly spread in the plane, else along the data.

    Half of the latter are the main axes of differences between points of a cloud, the
    others random with the covariance of these, so that few of many lines see nothing.
    """
    n_features = clouds.n_features
    if n_features < 3:
        lines = random_directions(_LINES_IN_THE_PLANE, n_features, random_state)
        return torch.tensor(lines, dtype=torch.float32)
    places = random_state.randint(len(clouds.points), size=_SAMPLED_POINTS)
    owner = np.searchsorted(clouds.offsets, places, side="right") - 1
    start = clouds.offsets[owner]
    other = start + random_state.randint(clouds.sizes[owner])
    between = np.asarray(clouds.points[places] - clouds.points[other], dtype=float)
    if not between.any():  # single points have no shape
        between = np.eye(n_features)
    axes = np.linalg.svd(between, full_matrices=False)[2][: _LINES_IN_SPACE // 2]
    n_more = _LINES_IN_SPACE - len(axes)
    more = random_state.standard_normal((n_more, len(between))) @ between
    lines = np.concatenate([axes, more])
    lines /= np.linalg.norm(lines, axis=1, keepdims=True)
    return torch.tensor(lines, dtype=torch.float32)


def _callbacks(
    lr: float,
    max_iter: int,
    n_batches: int,
    verbose: int,
    checkpoint: Checkpoint | None,
) -> list[tuple[str, Callback]]:
    advice = f"Lower lr (now {lr!r}) or rescale X, and fit again."
    callbacks: list[tuple[str, Callback]] = [
        ("finite", StopWhenNotFinite(advice)),
        ("schedule", OneCycle(lr, max_iter, n_batches)),
    ]
    if checkpoint is not None:
        callbacks.append(("saving", SaveEpochs(checkpoint, _STAGE)))
    if verbose:
        callbacks.append(("progress", ProgressBar("distilling")))
    return callbacks
