"""The models that the app has open: each is opened once, for all users, and the least used is closed for a new one."""

from __future__ import annotations

import threading
from collections import OrderedDict
from pathlib import Path

from regard.app.settings import AppSettings
from regard.backbones import PACKAGED, packaged_weights
from regard.devices import find_device
from regard.judge import Subject, open_subject
from regard.models import hub_name
from regard.runs import find_runs
from regard.types import RegardError

_KEPT = 3


class ModelShelf:
    """Models by name.

    Args:
        settings: of the app: which names are offered, and whether others may be opened.
        kept: models that stay open.
    """

    def __init__(self, settings: AppSettings, kept: int = _KEPT) -> None:
        self.settings, self.kept = settings, kept
        self.device = find_device(settings.device)
        self._open: OrderedDict[str, Subject] = OrderedDict()
        self._lock = threading.Lock()

    def names(self) -> list[str]:
        """What is offered: the models that were named, finished runs, networks whose weights are in packages."""
        packaged = [name for name in PACKAGED if packaged_weights(name) is not None]
        return list(dict.fromkeys([*self.settings.models, *self.run_names(finished=True), *packaged]))

    def run_names(self, *, finished: bool = False) -> list[str]:
        """Folders of the runs, those of classifiers that are finished where only these are asked for."""
        if not self.settings.runs.is_dir():
            return []
        runs = find_runs(self.settings.runs).runs
        fit = [r for r in runs if not finished or (r.state != "unfinished" and r.task == "classification")]
        return [str(run.folder) for run in fit]

    def open(self, name: str | None) -> Subject:
        """The model of a name, in evaluation mode.

        Raises:
            RegardError: no name, no such model, or, where others reach the app, one that is not offered.
        """
        name = (name or "").strip()
        if not name:
            raise RegardError("choose a model: a run's folder, a network of timm, or an id of a Hub")
        if not self.settings.local and name not in self.names():
            raise RegardError(f"model {name!r} is not offered here; the app's owner names more when starting it")
        with self._lock:  # two users who ask for one model wait for one opening
            if name not in self._open:
                subject = open_subject(name, weights=self._weights(name))
                subject.model.to(self.device)
                while len(self._open) >= self.kept:
                    self._open.popitem(last=False)
                self._open[name] = subject
            self._open.move_to_end(name)
            return self._open[name]

    def _weights(self, name: str) -> str | None:
        """The weights that were named, for the networks that were named with them."""
        has_its_own = Path(name).is_dir() or hub_name(name)
        return self.settings.weights if name in self.settings.models and not has_its_own else None
