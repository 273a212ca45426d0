"""Sweeps in the hands of a program: machines run their trials, and the program looks on.

sweep = house.sweep("train.py", {"lr": "log:1e-5..1e-1"}, {"accuracy": "max"}, trials=30)
for update in sweep.follow():
    print(update)
print(sweep.best_params, sweep.results())
"""

import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec
from msgspec.structs import replace

from idlehands.client.errors import ClientError
from idlehands.client.loops import Search, TrialRow, build_search
from schemas.specs import Dimension, JobSpec, ScriptRef, SweepSpec
from schemas.states import SweepStatus

if TYPE_CHECKING:
    from idlehands.client.house import House

#: A sweep is looked at this often; nobody is told of it.
_LOOK_SECONDS = 0.5


class SweepUpdate(msgspec.Struct, frozen=True):
    """How far a sweep is."""

    status: str
    #: Trials that were begun, and how many are not over.
    proposed: int
    live: int
    succeeded: int
    #: Failed, dead or cancelled.
    unsuccessful: int
    pruned: int
    #: The best value, with a single objective.
    best: float | None
    why: str = ""


class StillSearching(ClientError, TimeoutError):
    """A sweep has not ended in the time that was given to it. It goes on."""


class Sweep:
    """One sweep of the house."""

    def __init__(self, house: "House", sweep: str, spec: SweepSpec, position: int = 0) -> None:
        self.id, self.spec = sweep, spec
        #: Of its submission: what is read is not older.
        self._position = position
        self._house = house
        self._search = Search(house.client, sweep, spec)

    def __repr__(self) -> str:
        return f"<Sweep {self.id} {self.spec.name}>"

    def read(self) -> dict[str, Any]:
        """Return all that HQ knows of it. Raises RequestRefused and HqUnreachable, as all here do."""
        return self._house.client.sweep(self.id, at_least=self._position)

    @property
    def status(self) -> SweepUpdate:
        """Return how far it is now."""
        found = self.read()
        shown = {name: found.get(name) for name in SweepUpdate.__struct_fields__}
        return msgspec.convert({**shown, "why": found.get("why") or ""}, SweepUpdate)

    def done(self) -> bool:
        """Tell whether it has ended."""
        return SweepStatus(self.status.status).is_final

    def follow(self, timeout: float | None = None) -> Iterator[SweepUpdate]:
        """Yield how far it is, each time that this has changed, until it has ended.

        Raises:
            StillSearching: If it has not ended in `timeout` seconds.
        """
        deadline = None if timeout is None else time.monotonic() + timeout
        last: SweepUpdate | None = None
        while True:
            now = self.status
            if now != last:
                yield now
            if SweepStatus(now.status).is_final:
                return
            if deadline is not None and time.monotonic() > deadline:
                raise StillSearching(f"{self.id} has not ended in {timeout:g} s: it goes on")
            last = now
            time.sleep(_LOOK_SECONDS)

    def wait(self, timeout: float | None = None) -> SweepUpdate:
        """Return how it ended. Raises as `follow`."""
        *_, last = self.follow(timeout)
        return last

    def cancel(self) -> None:
        """Cancel it with its trials."""
        self._house.client.cancel_sweep(self.id)

    def label(self, **labels: Any) -> None:
        """Change its `project`, `note` and tags (`add`, `remove`). Trials keep theirs. As `Client.label`."""
        self._position = self._house.client.label([self.id], **labels).position

    @property
    def trials(self) -> list[TrialRow]:
        """Return all trials in order."""
        return self._search.trials

    @property
    def best_trial(self) -> TrialRow:
        """Return the best one. Raises ValueError if there is none, or several objectives."""
        return self._search.best_trial

    @property
    def best_trials(self) -> list[TrialRow]:
        """Return those that none is better than: one and its equals, or the Pareto front."""
        return self._search.best_trials

    @property
    def best_params(self) -> dict[str, Any]:
        """Return the parameters of the best one. Raises as `best_trial`."""
        return self._search.best_params

    @property
    def best_value(self) -> float:
        """Return the value of the best one. Raises as `best_trial`."""
        return self._search.best_value

    def results(self, **query: Any) -> Any:
        """Return the results as a pandas DataFrame, the best first. Takes and raises as `House.results`."""
        return self._house.results(sweep=self.id, **query)

    def promote(self, model: str, **more: Any) -> str:
        """Register the best trial's files as a model's next version. Takes and raises as `House.promote`."""
        return self._house.promote(self.id, model, **more)

    def _repr_html_(self) -> str:
        """Return a bar with how many trials are over, and the best ones, for a notebook."""
        from idlehands.client.notebook import show_sweep

        return show_sweep(self.id, self.spec.name, self.status, self.spec.trials, self.trials)


def start_sweep(
    house: "House",
    script: Path | str,
    space: Mapping[str, Dimension | str],
    objectives: Mapping[str, str],
    params: Mapping[str, Any],
    more: Mapping[str, Any],
) -> Sweep:
    """Submit a sweep of a script: see `House.sweep`, which says what it raises."""
    from idlehands.bundle import build_bundle

    searched = build_search(space, objectives, more={"parallel": 16, **more})
    file = Path(script).expanduser()
    bundle = build_bundle(file)
    house.client.put_blob(bundle.content)
    job = JobSpec(ScriptRef(bundle.sha256, bundle.entry, file.stem[:200]), dict(params))
    spec = replace(searched, job=job)
    made = house.client.submit_sweep(spec)
    return Sweep(house, made.sweep, spec, made.position)
