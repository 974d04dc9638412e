"""Parameters of a network of the user's, as parameters of the estimator around it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
from sklearn.base import BaseEstimator

if TYPE_CHECKING:
    from typing_extensions import Self


class NetworkParameters(BaseEstimator):
    """Takes parameters of a network as ``name__parameter``, as skorch does.

    `__init__` of an estimator hands on what it has taken as ``**name_params``.
    """

    #: which parameter holds the network
    _network: ClassVar[str]
    #: which others decide its layers
    _layers: ClassVar[tuple[str, ...]] = ()

    _built: dict[str, Any]

    def get_params(self, deep: bool = True) -> dict[str, Any]:
        """Get parameters, those of the network among them.

        Parameters
        ----------
        deep : bool, default=True
            Whether to give parameters of contained estimators too.

        Returns
        -------
        params : dict
            Parameter names and values.
        """
        params: dict[str, Any] = super().get_params(deep=deep)
        return params | self._network_attributes()

    def set_params(self, **params: Any) -> Self:
        """Set parameters, those of the network among them.

        Parameters
        ----------
        **params : dict
            Estimator parameters.

        Returns
        -------
        self : estimator instance
            Estimator instance.
        """
        more = {
            name: value
            for name, value in params.items()
            # the latter is what `__init__` calls them
            if name.startswith(self._prefix) or name == f"{self._network}_params"
        }
        super().set_params(**{k: v for k, v in params.items() if k not in more})
        self._take_network_parameters(more)
        return self

    @property
    def _prefix(self) -> str:
        return f"{self._network}__"

    def _take_network_parameters(self, params: Mapping[str, Any]) -> None:
        self.__dict__.update(params)

    def _check_parameters(self) -> None:
        """Refuse values, and names, that mean nothing."""
        known = set(self._get_param_names())
        for name in vars(self):
            learned = name.startswith("_") or name.endswith("_")
            if not (learned or name in known or name.startswith(self._prefix)):
                raise TypeError(
                    f"{type(self).__name__} got an unexpected parameter {name!r}; "
                    f"parameters of the {self._network} are called {self._prefix}…"
                )
        self._validate_params()

    def _remember_network(self) -> None:
        """Keep what the network is built by, for training that goes on with it."""
        self._built = self._blueprint()

    def _check_same_network(self) -> None:
        """Refuse to go on with a network that would be built otherwise now."""
        now = self._blueprint()
        for name in {**self._built, **now}:
            then: Any = self._built.get(name)
            today: Any = now.get(name)
            if then is not today and not np.array_equal(then, today):
                raise ValueError(
                    "Training goes on with the network of the last fit, which had "
                    f"{name}={then!r}; got {today!r}. Set warm_start=False and call "
                    "fit to begin anew."
                )

    def _blueprint(self) -> dict[str, Any]:
        own = {name: getattr(self, name) for name in (self._network, *self._layers)}
        return own | self._network_attributes()

    def _network_parameters(self) -> dict[str, Any]:
        """Without the prefix."""
        return {
            name.removeprefix(self._prefix): value
            for name, value in self._network_attributes().items()
        }

    def _network_attributes(self) -> dict[str, Any]:
        return {k: v for k, v in vars(self).items() if k.startswith(self._prefix)}
