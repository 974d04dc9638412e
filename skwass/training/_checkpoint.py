"""What a long fit has reached so far, in a file that survives a kill."""

from __future__ import annotations

import hashlib
import os
import time
import warnings
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import torch

_FORMAT = "skwass checkpoint 1"

State = dict[str, Any]


class Checkpoint:
    """The stages of one fit, each with the state it has reached.

    A stage is known by its name, and its state is a dictionary of tensors, numbers,
    strings, lists and dictionaries. All stages are in one file, which is replaced as a
    whole, so a kill at any moment leaves the one before or the one after.

    Parameters
    ----------
    path : str, path-like or None
        The file, or a folder in which each identity has a file of its own. None keeps
        nothing.
    interval : float
        Least seconds between two writes.
    identity : mapping of str to str
        What the fit is told by, such as its parameters. A file of a fit with another
        identity is refused.
    seed : int
        Where the randomness of the fit starts, unless the file says otherwise.

    Attributes
    ----------
    seed : int
        That of the file if there is one, so that a fit without a `random_state` goes on
        as it began.

    Raises
    ------
    ValueError
        If the file cannot be read, or is of another fit, or its folder is not there
        or cannot be written to.
    """

    def __init__(
        self,
        path: str | os.PathLike[str] | None,
        interval: float,
        identity: Mapping[str, str],
        seed: int,
    ) -> None:
        self.path = None if path is None else Path(path)
        self.interval = interval
        self.identity = dict(identity)
        self.seed = seed
        self._stages: dict[str, State] = {}
        self._written = time.monotonic()
        if self.path is None:
            return
        if self.path.is_dir():
            told = repr(sorted(self.identity.items())).encode()
            self.path /= f"{hashlib.sha256(told).hexdigest()[:16]}.ckpt"
        name = f"checkpoint={os.fspath(self.path)!r}"
        folder = self.path.resolve().parent
        if not folder.is_dir():
            raise ValueError(f"{name} lies in a folder that does not exist.")
        if not os.access(folder, os.W_OK):
            raise ValueError(f"{name} lies in a folder that cannot be written to.")
        if self.path.exists():
            self._read(name, self.path)

    def recall(self, stage: str) -> State | None:
        """The state of a stage; None if it has not begun."""
        return self._stages.get(stage)

    def keep(
        self, stage: str, state: Callable[[], State], *, done: bool = False
    ) -> None:
        """Write the state of a stage if the last write is long ago or it is `done`."""
        if self.path is None:
            return
        if done or time.monotonic() - self._written >= self.interval:
            self._stages[stage] = state()
            self._write(self.path)
            self._written = time.monotonic()

    def remove(self) -> None:
        """The fit is over, and its result need not be reached again."""
        if self.path is not None:
            self.path.unlink(missing_ok=True)

    def _write(self, path: Path) -> None:
        fresh = path.with_name(path.name + ".part")
        content = {
            "format": _FORMAT,
            "identity": self.identity,
            "seed": self.seed,
            "stages": self._stages,
        }
        with open(fresh, "wb") as file:
            torch.save(content, file)
            file.flush()
            os.fsync(file.fileno())
        os.replace(fresh, path)

    def _read(self, name: str, path: Path) -> None:
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # torch's own words on strange files
                content = torch.load(path, map_location="cpu", weights_only=True)
            known = content["format"] == _FORMAT
        except Exception as error:  # a file that is no checkpoint may raise anything
            reason = type(error).__name__
            raise ValueError(
                f"{name} cannot be read ({reason}): it is truncated or no checkpoint. "
                "Delete the file to start anew, or choose another path."
            ) from None
        if not known:
            raise ValueError(
                f"{name} has another format than this version writes. Delete the file "
                "to start anew, or choose another path."
            )
        self._refuse_another(name, content["identity"])
        self.seed = content["seed"]
        self._stages = content["stages"]

    def _refuse_another(self, name: str, theirs: Mapping[str, str]) -> None:
        differences = [
            f"{key} is {theirs.get(key, 'unknown')} there and "
            f"{self.identity.get(key, 'unknown')} here"
            for key in sorted({*self.identity, *theirs})
            if theirs.get(key) != self.identity.get(key)
        ]
        if differences:
            raise ValueError(
                f"{name} is of another fit: {'; '.join(differences)}. Delete the file "
                "to start anew, or choose another path."
            )
