"""One fit: features, exact distances, one or more runs, the best of them."""

from __future__ import annotations

import warnings
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.spatial.distance import squareform

from skwass.manifold._cohorts import (
    CloudCohort,
    Cohort,
    Features,
    Featuriser,
)
from skwass.manifold._decoder_training import refine_decoder
from skwass.manifold._distillation import distil
from skwass.manifold._model import Model
from skwass.manifold._network import Recipe, loss_curves, train, was_interrupted
from skwass.manifold._pairs import (
    PairBatches,
    PairCache,
    all_pairs_fit,
    budget,
    solve_cache,
)
from skwass.manifold._plan import Plan, n_held_out
from skwass.manifold._scale import refuse_scale
from skwass.training import Checkpoint, draw_seed

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Fitted:
    """What a fit leaves behind."""

    model: Model
    embedding: Features
    cache: PairCache
    matrix: Array | None


def fit_cohort(
    cohort: Cohort,
    plan: Plan,
    recipe: Recipe,
    checkpoint: Checkpoint,
    earlier: Model | None = None,
) -> Fitted:
    """Learn the embedding of a cohort, from an `earlier` fit on if there is one."""
    random_state = np.random.RandomState(checkpoint.seed)
    course = Course(plan, recipe, checkpoint, random_state)
    problem, known = _problem(cohort, course, earlier)
    model, interrupted = _best_run(problem, course, earlier)
    embedding, part = model.encode(problem.features), "embedding"
    if not interrupted and recipe.decoder and not cohort.cheap:
        part = "decoder"
        interrupted = not _refined(model, cohort, embedding, course)
    if not interrupted and plan.student is not None:
        part = "network"
        model, embedding, finished = _taught(model, cohort, embedding, course)
        interrupted = not finished
    if interrupted:
        warnings.warn(
            f"Training was interrupted; the {part} is that of the epochs so far.",
            UserWarning,
            stacklevel=6,
        )
    else:
        checkpoint.remove()
    return Fitted(model, embedding, problem.cache, known)


@dataclass(frozen=True)
class Course:
    """How a fit goes: what it does, how it trains, and where that is kept."""

    plan: Plan
    recipe: Recipe
    checkpoint: Checkpoint
    random_state: np.random.RandomState


@dataclass(frozen=True)
class Problem:
    """What the runs of a fit have in common."""

    featuriser: Featuriser
    features: Features
    cache: PairCache
    judged: PairCache | None
    unit: float


def _problem(
    cohort: Cohort, course: Course, earlier: Model | None
) -> tuple[Problem, Array | None]:
    """Features and distances to learn from, and the matrix if all were solved."""
    plan, checkpoint, random_state = course.plan, course.checkpoint, course.random_state
    training, held_out = _split(len(cohort), plan.validation_fraction, random_state)
    if earlier is None:
        featuriser, features = cohort.featurise(random_state)
    else:
        featuriser, features = earlier.featuriser, cohort.described(earlier.featuriser)
    known = _matrix(cohort, checkpoint) if all_pairs_fit(cohort, plan.n_pairs) else None
    allowed = budget(cohort, len(cohort), plan.n_pairs)
    share = round(allowed * (plan.validation_fraction or 0))
    solve = partial(_solve, cohort, checkpoint, "distances")
    cache = solve_cache(cohort, training, allowed - share, random_state, known, solve)
    if earlier is None:
        n_leading = min(course.recipe.n_components, featuriser.n_leading)
        unit = _unit(features[:, :n_leading], cache, featuriser.scale)
    else:
        unit = earlier.unit
    judged = None
    if held_out is not None:
        solve = partial(_solve, cohort, checkpoint, "held-out distances")
        judged = solve_cache(cohort, held_out, share, random_state, known, solve)
    return Problem(featuriser, features, cache, judged, unit), known


def _refined(model: Model, cohort: Cohort, embedding: Features, course: Course) -> bool:
    """Train the decoder on, and tell whether that came to its end."""
    assert isinstance(cohort, CloudCohort)
    return refine_decoder(
        model,
        cohort.clouds,
        embedding,
        n_epochs=course.plan.decoder_max_iter,
        n_jobs=cohort.n_jobs,
        checkpoint=course.checkpoint,
        seed=draw_seed(course.random_state),
        verbose=course.recipe.verbose,
    )


def _taught(
    model: Model, cohort: Cohort, embedding: Features, course: Course
) -> tuple[Model, Features, bool]:
    """The model with a network on points, what that says, and whether it is done."""
    assert isinstance(cohort, CloudCohort)
    plan, recipe = course.plan, course.recipe
    assert plan.student is not None
    student = distil(
        partial(model.embed, n_jobs=cohort.n_jobs),
        cohort.clouds,
        embedding,
        encoder=plan.student,
        device=recipe.device,
        seed=draw_seed(course.random_state),
        verbose=recipe.verbose,
        checkpoint=course.checkpoint,
        **plan.encoder_params,
    )
    model = replace(model, student=student)
    return model, model.embed(cohort.clouds), student.finished


def _best_run(
    problem: Problem, course: Course, earlier: Model | None
) -> tuple[Model, bool]:
    """The model of least stress, and whether the user stopped a run."""
    plan, recipe, random_state = course.plan, course.recipe, course.random_state
    rows, unit, size = torch.as_tensor(problem.features), problem.unit, plan.batch_size
    judges = None
    if problem.judged is not None:
        judges = PairBatches(rows, problem.judged, unit, size, None)
    best, least, interrupted = None, np.inf, False
    for run in range(plan.n_init):
        net = train(
            recipe,
            problem.featuriser,
            PairBatches(rows, problem.cache, unit, size, draw_seed(random_state)),
            judges,
            _start(plan.init, problem, recipe.n_components, random_state),
            draw_seed(random_state),
            start=None if earlier is None else earlier.net.module_.state_dict(),
            checkpoint=course.checkpoint,
            stage=f"run {run}",
        )
        if loss_curves(net)["loss"]:
            model = Model(problem.featuriser, net, unit)
            embedding = model.encode(problem.features)
            stress = problem.cache.stress_of(embedding, normalized=False)
            if best is None or stress < least:
                best, least = model, stress
        elif best is None:
            raise KeyboardInterrupt  # stopped before there was anything to keep
        interrupted = was_interrupted(net, recipe)
        if interrupted:
            break
    assert best is not None
    return best, interrupted


def _matrix(cohort: Cohort, checkpoint: Checkpoint) -> Array:
    """All distances, block after block if what was solved is to be kept."""
    if checkpoint.path is None or cohort.cheap:
        return cohort.matrix()
    pairs = np.stack(np.triu_indices(len(cohort), 1), axis=1)
    matrix: Array = squareform(_solve(cohort, checkpoint, "distances", pairs))
    return matrix


def _solve(
    cohort: Cohort, checkpoint: Checkpoint, stage: str, pairs: NDArray[np.intp]
) -> Array:
    """Distances of pairs, from where the checkpoint has them."""
    kept = checkpoint.recall(stage)
    blocks = [] if kept is None else [kept["distances"].numpy()]
    first = sum(map(len, blocks))

    def state() -> dict[str, Any]:
        return {"distances": torch.as_tensor(np.concatenate(blocks))}

    for block in cohort.blocks_of_distances(pairs[first:]):
        blocks.append(block)
        checkpoint.keep(stage, state)
    if first < len(pairs):
        checkpoint.keep(stage, state, done=True)
    return np.concatenate(blocks)


def _unit(leading: Features, cache: PairCache, scale: float) -> float:
    """What distances are divided by, so that they fit those of the leading features.

    Where the metric is not in the unit of X, training would otherwise spend itself on
    shrinking the linear part; elsewhere this is nearly the scale of the features.
    """
    solved = cache.distances.ravel() / scale
    start = cache.embedded(leading)
    norm = float(start @ start)
    factor = float(solved @ start) / norm if norm > 0 else 1.0
    unit = scale * factor if factor > 0 else scale
    refuse_scale(unit)
    return unit


def _split(
    n_samples: int, fraction: float | None, random_state: np.random.RandomState
) -> tuple[NDArray[np.intp], NDArray[np.intp] | None]:
    """Samples to train on, and those held out; two of each at least."""
    if fraction is None:
        return np.arange(n_samples), None
    first = n_held_out(n_samples, fraction)
    order = random_state.permutation(n_samples)
    return np.sort(order[first:]), np.sort(order[:first])


def _start(
    init: str | Array,
    problem: Problem,
    n_components: int,
    random_state: np.random.RandomState,
) -> NDArray[np.float32]:
    """Where the linear part of the encoder starts: a map of the leading features."""
    n_inputs, n_leading = problem.features.shape[1], problem.featuriser.n_leading
    weight = np.zeros((n_components, n_inputs), dtype=np.float32)
    if not isinstance(init, str):
        centred = (init - init.mean(axis=0)) / problem.unit
        # features are float32: below its precision a direction is rounding
        features = np.float64(problem.features[:, :n_leading])
        rounding = max(features.shape) * np.finfo(np.float32).eps
        weight[:, :n_leading] = np.linalg.lstsq(features, centred, rcond=rounding)[0].T
    elif init == "random":
        longer, shorter = max(n_components, n_leading), min(n_components, n_leading)
        basis = np.linalg.qr(random_state.standard_normal((longer, shorter)))[0]
        weight[:, :n_leading] = basis if n_components >= n_leading else basis.T
    else:
        weight[:, :n_leading] = np.eye(n_components, n_leading)
    return weight
