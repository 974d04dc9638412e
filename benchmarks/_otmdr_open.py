"""What the paper leaves open: norms, particles, noise, and what size costs."""

from __future__ import annotations

import math
import time
from collections.abc import Mapping
from typing import Any

from _judging import judged
from _otmdr_exact import perceptron
from _otmdr_methods import NOISE
from _otmdr_quality import SETTINGS, Setting
from _otmdr_speed import Run, loop, plain_step, turns, wrapped
from _problems import Scope
from _records import Figures, named

#: problems that all but the last are answered on
TRIED = ("digits", "digits-noisy")
#: radii that are tried for each norm; what is moved by one radius differs by far
NORMS: dict[float, tuple[float, ...]] = {
    2: (0.05, 0.1, 0.2, 0.5),
    1: (0.05, 0.2, 1.0, 5.0),
    math.inf: (0.0003, 0.001, 0.003, 0.01),
}
PARTICLES = (1, 2, 4, 8, 16)
NOISES = (0.0, 0.3, 1.0, 3.0)
RADII = (0.05, 0.1, 0.2, 0.5)
#: hidden units in each of two layers, for 10⁴ to 10⁷ weights
WIDTHS = {4: 69, 5: 281, 6: 964, 7: 3126}
_RHO = 0.05


def norms(setting: str, scope: Scope) -> Figures:
    """SAM in balls of another norm."""
    figures: Figures = {}
    for norm, radii in NORMS.items():
        for rho in radii[: scope.less(len(radii), 1)]:
            found = _trained(SETTINGS[setting], scope, {"norm": norm, "rho": rho})
            figures |= named(f"{norm:g} {rho:g}", found)
    return figures


def particles(setting: str, scope: Scope) -> Figures:
    """More particles, beside plain training and SAM with as many gradients."""
    figures: Figures = {}
    ground = SETTINGS[setting]
    for n in PARTICLES[: scope.less(len(PARTICLES), 2)]:
        ways: dict[str, dict[str, Any]] = {
            "otmdr": {"n_particles": n, "noise": NOISE},
            "sgd": {"rho": 0, "epochs": 1 + n},
            "sam": {"epochs": (1 + n) / 2},
        }
        for way, changes in ways.items():
            figures |= named(f"{way} {n}", _trained(ground, scope, changes))
    return figures


def noise(setting: str, scope: Scope) -> Figures:
    """Noise, which is the temperature, against the radius; two particles.

    Without noise the two would be one.
    """
    figures: Figures = {}
    for level in NOISES[: scope.less(len(NOISES), 2)]:
        for rho in RADII[: scope.less(len(RADII), 1)]:
            changes = {"noise": level, "rho": rho, "n_particles": 2}
            found = _trained(SETTINGS[setting], scope, changes)
            figures |= named(f"{level:g} {rho:g}", found)
    return figures


def growth(scope: Scope) -> Figures:
    """Bare steps of perceptrons with 64 columns and batches of 50."""
    ways: dict[str, dict[str, Any]] = {
        "sam": {"rho": _RHO},
        "k1": {"rho": _RHO, "noise": NOISE},
        "k2": {"rho": _RHO, "noise": NOISE, "n_particles": 2},
        "k4": {"rho": _RHO, "noise": NOISE, "n_particles": 4},
    }
    figures: Figures = {}
    for power, width in WIDTHS.items():
        n_steps = scope.less(max(2, min(200, 3 * 10 ** (7 - power))), 1)
        networks = {name: perceptron(scope.seed, (width,) * 2) for name in ways}
        plain = perceptron(scope.seed, (width,) * 2)
        runs: dict[str, Run] = {
            "sgd": loop(plain_step(plain), plain, n_steps, scope.seed)
        }
        for name, settings in ways.items():
            step = wrapped(networks[name], scope.seed, **settings).step
            runs[name] = loop(step, networks[name], n_steps, scope.seed)
        found = turns(runs, "sgd", scope.less(5, 1), threads=(1,))
        figures[f"weights {power}"] = sum(p.numel() for p in plain.parameters())
        figures |= {f"{name} {power}": x for name, x in found.items()}
    return figures


def _trained(setting: Setting, scope: Scope, changes: Mapping[str, Any]) -> Figures:
    problem = setting.problem(scope)
    classifier = setting.ground.classifier(scope, **changes)
    start = time.process_time()
    classifier.fit(problem.X_train, problem.y_train)
    seconds = time.process_time() - start
    proba = classifier.predict_proba(problem.X_test)
    return judged(problem.y_test, proba) | {"cpu_seconds": seconds}
