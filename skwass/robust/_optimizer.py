"""The optimiser: descent from where an adversary within a ball has moved to."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterable
from typing import Any

import torch
from torch import Tensor, nn
from torch.optim import Optimizer

from skwass.robust._ascent import noise_generator
from skwass.robust._ball import Ball
from skwass.robust._checks import (
    check_base,
    check_gradients,
    check_group,
    check_options,
    groups_of,
)
from skwass.robust._gradients import clip_gradients_, is_finite_loss, movable
from skwass.robust._particles import send_particles
from skwass.robust._passes import Passes

_GENERATOR = "noise_generator"
Closure = Callable[[], Any]


class OTMDR(Optimizer):
    r"""Train where the loss is low in a whole ball: a wrapper of any torch optimiser.

    A step of optimal-transport model distributional robustness [1]_ for a model at
    :math:`\theta`. The models that are within a Wasserstein distance :math:`\rho` of
    it (the one of order infinity) and have the largest entropy-regularised loss are
    distributed as

    .. math:: \gamma^*(\tilde\theta) \propto e^{\lambda L(\tilde\theta)} \quad
              \text{on} \quad \|\tilde\theta - \theta\| \le \rho,

    and the robust loss has the gradient :math:`E_{\gamma^*} \nabla L(\tilde\theta)`.
    `n_particles` particles start at :math:`\theta` and climb the loss of the batch,
    with noise and without leaving the ball,

    .. math:: \tilde\theta_k \leftarrow \Pi_{B_\rho(\theta)} \left( \tilde\theta_k +
              \eta \, \frac{\nabla L(\tilde\theta_k)}{\|\nabla L(\tilde\theta_k)\|} +
              \xi \right), \qquad \|\xi\| \approx \tau \rho,

    :math:`\tau` being `noise`. The *mean* of the gradients where they arrive is what
    the `base` optimiser gets, for the parameters at :math:`\theta`. The first gradient,
    at :math:`\theta`, is shared by all particles, so a step takes ``1 + n_particles *
    n_ascent_steps`` gradients of the batch, two for SAM.

    With one particle, one step and no noise, the default, this is sharpness-aware
    minimisation (SAM) [2]_; with `adaptive`, ASAM [3]_; with ``rho=0``, `base` itself.

    Parameters
    ----------
    params : iterable of Tensor or of dict
        Parameters, or groups of them as for any torch optimiser. A group may have, next
        to the options of `base`, a `rho` of its own, and ``perturb=False`` if its
        parameters are to be trained without being moved in the ascent. All on one
        device. With several `rho`, the ball is
        :math:`\sum_g \|\delta_g\|^2 / \rho_g^2 \le 1` (for the Euclidean norm).
    base : type, callable or Optimizer, default=torch.optim.SGD
        The optimiser that descends, as a class, as a function that takes groups of
        parameters, or ready; then `params` is ``base.param_groups``. Not LBFGS.
    rho : float, default=0.05
        Radius of the ball, in units of the parameters. The default is the one of [2]_;
        0.01 to 0.5 are worth trying, on a grid of factors of two.
    n_particles : int, default=1
        Particles. Without noise they would all be the same, and count as one.
    n_ascent_steps : int, default=1
        Steps of each particle. One step is :math:`\rho` long, one of several is
        :math:`\min(\rho, 2 \rho / L)`, so that particles can reach the sphere and
        slide along it.
    noise : float, default=0.0
        Norm of a step's noise over `rho`, whatever the number of parameters. Numbers
        are uniform, which is faster than Gaussian, and hardly differs for more than a
        few parameters. With :math:`P` of them, the largest is :math:`\sqrt{3/P}\, \tau
        \rho` (`norm` 2), :math:`2 \tau \rho / P` (`norm` 1) or :math:`\tau \rho`
        (`norm` inf).
    adaptive : bool, default=False
        Measure each parameter in units of :math:`t = |\theta| + 0.01`: the ball is
        :math:`\|\delta / t\| \le \rho`, and the ascent follows :math:`t^2 \nabla L`. A
        good `rho` is then about ten times larger.
    norm : {1, 2, math.inf}, default=2
        What the ball is measured in, and the ascent is steepest for: 2 moves along the
        gradient, inf all parameters equally far, 1 the one with the largest gradient
        (several that are equal share). Who leaves the ball comes back along the ray to
        the centre, for inf parameter by parameter.
    n_members : int, default=1
        Length of the leading axis that all parameters have, if they are those of
        several models side by side. Each has its own ball and its own norms; let the
        losses be added up, and no model influences another.
    module : Module, default=None
        The model, for its running statistics (batch norm): they are updated once a
        step, by the pass at :math:`\theta`.
    replay : bool, default=True
        Let all passes of a step draw the same numbers from torch's global generators,
        of the CPU and of the parameters' device: the same dropout masks, the same
        weights of Bayesian layers. It costs a microsecond. Other generators, such as
        NumPy's, are not rewound.
    generator : torch.Generator, default=None
        Where the noise comes from. None makes one, seeded by torch's global generator.
    max_grad_norm : float, default=None
        Largest Euclidean norm of the gradient that descends (of each member's). The
        ascent needs none, since its length is given.
    **base_kwargs : object
        Options of `base`, such as `lr`.

    Attributes
    ----------
    base : Optimizer
        The optimiser inside. It has the same `param_groups`, so that schedulers work on
        either.
    generator : torch.Generator or None
        Where the noise comes from; part of `state_dict`.

    Raises
    ------
    ValueError
        If an option is out of range, or parameters lack the axis of `n_members`.

    Notes
    -----
    *Which* :math:`\lambda`? Langevin dynamics reach :math:`\gamma^*` with the noise
    :math:`\sqrt{2\eta'/\lambda}` for steps :math:`\eta' \nabla L`, after many steps
    that are small against :math:`\rho`. Here steps have a fixed length
    :math:`\eta`; where the gradient has a norm :math:`G` that hardly varies,
    :math:`\eta' = \eta / G` and

    .. math:: \lambda = \frac{2 P \eta}{G \, \tau^2 \rho^2}.

    A handful of steps stays far from that distribution: particles then are where a
    noisy ascent has come, and `noise` says how far they are apart.

    The perturbation is never longer than `rho`: it is drawn a hair shorter, by less
    than 2e-6 of it, and corrected where rounding could exceed that. In half precision
    most of it is lost in rounding; keep parameters in single precision and use
    autocast. Nothing is stored between steps. Within one, there is a copy of the
    parameters, a second one for a moment, and with several particles one of the first
    direction and one of the sum of gradients.

    A gradient that is not finite changes nothing: the parameters are as before and
    `base` does not step. If the loss was finite all the same, a RuntimeWarning tells.

    References
    ----------
    .. [1] Nguyen, Le, Bui, Do, Phung. Optimal transport model distributional
       robustness. NeurIPS 2023, arXiv:2306.04178.
    .. [2] Foret, Kleiner, Mobahi, Neyshabur. Sharpness-aware minimization for
       efficiently improving generalization. ICLR 2021, arXiv:2010.01412.
    .. [3] Kwon, Kim, Park, Choi. ASAM: adaptive sharpness-aware minimization for
       scale-invariant learning of deep neural networks. ICML 2021, arXiv:2102.11600.

    Examples
    --------
    A closure may add up the gradients of several micro-batches.

    >>> import torch
    >>> from skwass.robust import OTMDR
    >>> model = torch.nn.Linear(3, 1)
    >>> X, y = torch.ones(8, 3), torch.zeros(8, 1)
    >>> optimizer = OTMDR(
    ...     model.parameters(), torch.optim.AdamW, rho=0.05, lr=0.1, module=model
    ... )
    >>> def closure():
    ...     optimizer.zero_grad()
    ...     loss = (model(X) - y).square().mean()
    ...     loss.backward()
    ...     return loss
    >>> losses = [optimizer.step(closure).item() for _ in range(50)]
    >>> losses[-1] < losses[0]
    True

    With a gradient scaler, gather the gradients of scaled losses first:

    >>> scaler = torch.amp.GradScaler("cpu")
    >>> def closure():
    ...     optimizer.zero_grad()
    ...     with torch.autocast("cpu"):
    ...         loss = (model(X) - y).square().mean()
    ...     scaler.scale(loss).backward()
    ...     return loss
    >>> loss = optimizer.gather(closure)
    >>> _ = scaler.step(optimizer)
    >>> scaler.update()
    """

    def __init__(
        self,
        params: Iterable[Tensor] | Iterable[dict[str, Any]],
        base: Callable[..., Optimizer] | Optimizer = torch.optim.SGD,
        *,
        rho: float = 0.05,
        n_particles: int = 1,
        n_ascent_steps: int = 1,
        noise: float = 0.0,
        adaptive: bool = False,
        norm: float = 2,
        n_members: int = 1,
        module: nn.Module | None = None,
        replay: bool = True,
        generator: torch.Generator | None = None,
        max_grad_norm: float | None = None,
        **base_kwargs: Any,
    ) -> None:
        check_options(
            rho=rho,
            n_particles=n_particles,
            n_ascent_steps=n_ascent_steps,
            noise=noise,
            norm=norm,
            n_members=n_members,
            max_grad_norm=max_grad_norm,
        )
        self.n_particles = n_particles
        self.n_ascent_steps = n_ascent_steps
        self.noise = noise
        self.adaptive = adaptive
        self.norm = norm
        self.n_members = n_members
        self.module = module
        self.replay = replay
        self.max_grad_norm = max_grad_norm
        self._loss: Any = None
        self._gathered = False
        if isinstance(base, Optimizer):
            params = groups_of(base, params, base_kwargs)
        super().__init__(params, {"rho": rho, "perturb": True})
        if not isinstance(base, Optimizer):
            base = base(self.param_groups, **base_kwargs)
        self.base = base
        check_base(self.base)
        self.defaults = {**self.base.defaults, **self.defaults}
        self._share()
        for group in self.param_groups:
            check_group(group, n_members)
        self.generator = noise_generator(generator, self._parameters(), noise)

    def step(self, closure: Closure | None = None) -> Any:
        """Do one step of training.

        Parameters
        ----------
        closure : callable
            Clears the gradients, computes those of one batch and returns the loss. It
            is called ``1 + n_particles * n_ascent_steps`` times. Leave it out only
            after `gather`.

        Returns
        -------
        loss : object
            What the closure returned first, at the parameters as they were before the
            step. None without a closure.

        Raises
        ------
        TypeError
            If there is neither a closure nor a gathered gradient.
        RuntimeError
            If a gradient is sparse, or parameters are on several devices.
        """
        if closure is not None:
            self.gather(closure)
        elif not self._gathered:
            raise TypeError(
                "OTMDR computes several gradients in a step, so step() needs a closure "
                "that clears the gradients, computes them and returns the loss: "
                "optimizer.step(closure). With a gradient scaler, call "
                "optimizer.gather(closure) first, then scaler.step(optimizer)."
            )
        loss, self._loss = self._loss, None
        self._gathered = False
        if self._ready_to_descend(loss):
            self.base.step()
        return None if closure is None else loss

    def gather(self, closure: Closure) -> Any:
        """Compute the gradient that would descend, and leave it in ``.grad``.

        The parameters are as before, bit for bit. `step` without a closure, or that of
        `base`, then descends. In between, the gradient can be unscaled, clipped or
        added to.

        Parameters
        ----------
        closure : callable
            As of `step`. The losses that it differentiates may be scaled.

        Returns
        -------
        loss : object
            As of `step`.
        """
        self._share()
        self._gathered = False
        parameters = self._parameters()
        with (
            torch.no_grad(),
            Passes(closure, parameters, self.module, self.replay) as passes,
        ):
            loss = passes()
            check_gradients(parameters)
            points, radii = movable(self.param_groups)
            if points:
                ball = Ball(points, radii, self.norm, self.adaptive, self.n_members)
                try:
                    send_particles(
                        ball,
                        passes,
                        parameters,
                        n_particles=self.n_particles,
                        n_steps=self.n_ascent_steps,
                        noise=self.noise,
                        generator=self.generator,
                    )
                finally:
                    ball.leave()
        self._loss, self._gathered = loss, True
        return loss

    def add_param_group(self, param_group: dict[str, Any]) -> None:
        """Add a group of parameters; see `params`."""
        if "base" not in self.__dict__:  # torch's constructor collects the groups
            super().add_param_group(param_group)
            return
        for name in ("rho", "perturb"):
            param_group.setdefault(name, self.defaults[name])
        if isinstance(param_group["params"], Tensor):
            param_group["params"] = [param_group["params"]]
        param_group["params"] = list(param_group["params"])
        check_group(param_group, self.n_members)
        self.base.add_param_group(param_group)
        self._share()

    def state_dict(self) -> dict[str, Any]:
        """State of `base`, and of the generator of noise.

        Returns
        -------
        state : dict
            What training needs to go on as if it had not stopped.
        """
        state = self.base.state_dict()
        if self.generator is not None:
            state[_GENERATOR] = self.generator.get_state()
        return state

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Take over what `state_dict` returned; that of a plain `base` will do, too."""
        state = dict(state_dict)
        random = state.pop(_GENERATOR, None)
        self.base.load_state_dict(state)
        self._share()
        for group in self.param_groups:
            for name in ("rho", "perturb"):
                group.setdefault(name, self.defaults[name])
        if random is not None and self.generator is not None:
            self.generator.set_state(random.cpu())

    def __getstate__(self) -> dict[str, Any]:
        # hooks and what schedulers wrap around step stay behind, as in torch
        return {
            name: value
            for name, value in self.__dict__.items()
            if not name.startswith("_") and name != "step"
        }

    def __setstate__(self, state: dict[str, Any]) -> None:
        super().__setstate__({**state, "_gathered": False, "_loss": None})
        self._share()

    def _ready_to_descend(self, loss: Any) -> bool:
        """Clip the gradient; False if it is not finite."""
        if clip_gradients_(self._parameters(), self.max_grad_norm, self.n_members):
            return True
        if is_finite_loss(loss):
            warnings.warn(
                "A gradient was not finite, though the loss was: this step of OTMDR "
                "has changed nothing. If it goes on, lower rho or lr.",
                RuntimeWarning,
                stacklevel=3,
            )
        return False

    def _parameters(self) -> list[Tensor]:
        return [p for group in self.param_groups for p in group["params"]]

    def _share(self) -> None:
        """Take groups and state from `base`, where loading a state replaces them."""
        self.param_groups = self.base.param_groups
        self.state = self.base.state
