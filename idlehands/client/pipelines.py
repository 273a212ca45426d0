"""Pipelines in the hands of a program: steps that wait for each other, followed to their end.

pipeline = house.pipeline("pipeline.yaml")
for update in pipeline.follow():
    print(update)
print(pipeline.results())
"""

import copy
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from idlehands.client.errors import ClientError
from idlehands.client.jobs import Job
from idlehands.client.sweeps import Sweep
from schemas.specs import SweepSpec

if TYPE_CHECKING:
    from idlehands.client.house import House

#: A pipeline is looked at this often; nobody is told of it.
_LOOK_SECONDS = 0.5


class StepUpdate(msgspec.Struct, frozen=True):
    """How one step stands: `waiting` is for others, whose names are in `waits_for`."""

    name: str
    #: Of its job or sweep.
    id: str
    status: str
    why: str = ""
    waits_for: tuple[str, ...] = ()


class PipelineUpdate(msgspec.Struct, frozen=True):
    """How far a pipeline is: running, succeeded or failed."""

    status: str
    steps: tuple[StepUpdate, ...]

    def __str__(self) -> str:
        return f"{self.status}: {', '.join(f'{one.name} {one.status}' for one in self.steps)}"


class StillUnderWay(ClientError, TimeoutError):
    """A pipeline has not ended in the time that was given to it. It goes on."""


class Pipeline:
    """One pipeline of the house."""

    def __init__(self, house: "House", pipeline: str, steps: Mapping[str, str], position: int = 0) -> None:
        self.id = pipeline
        #: Ids of jobs and sweeps by the names of the steps.
        self.steps = dict(steps)
        #: Of its submission: what is read is not older.
        self._position = position
        self._house = house

    def __repr__(self) -> str:
        return f"<Pipeline {self.id} of {', '.join(self.steps)}>"

    def read(self) -> dict[str, Any]:
        """Return all that HQ knows of it. Raises RequestRefused and HqUnreachable, as all here do."""
        return self._house.client.pipeline(self.id, at_least=self._position)

    @property
    def status(self) -> PipelineUpdate:
        """Return how far it is now."""
        return msgspec.convert(self.read(), PipelineUpdate, strict=False)

    def done(self) -> bool:
        """Tell whether all of its steps have ended."""
        return self.status.status != "running"

    def follow(self, timeout: float | None = None) -> Iterator[PipelineUpdate]:
        """Yield how far it is, each time that this has changed, until it has ended.

        Raises:
            StillUnderWay: If it has not ended in `timeout` seconds.
        """
        deadline = None if timeout is None else time.monotonic() + timeout
        last: PipelineUpdate | None = None
        while True:
            now = self.status
            if now != last:
                yield now
            if now.status != "running":
                return
            if deadline is not None and time.monotonic() > deadline:
                raise StillUnderWay(f"{self.id} has not ended in {timeout:g} s: it goes on")
            last = now
            time.sleep(_LOOK_SECONDS)

    def wait(self, timeout: float | None = None) -> PipelineUpdate:
        """Return how it ended. Raises as `follow`."""
        *_, last = self.follow(timeout)
        return last

    def step(self, name: str) -> Job[Any] | Sweep:
        """Return the job or sweep of a step, as it is now. Raises KeyError when there is no such step."""
        one = self.steps[name]
        if one.startswith("j"):
            job: Job[Any] = Job(self._house, one, name=name)
            self._house.endings.look_at(one)
            return job
        found = self._house.client.sweep(one, at_least=self._position)
        return Sweep(self._house, one, msgspec.convert(found["spec"], SweepSpec), self._position)

    def results(self) -> dict[str, Any]:
        """Return what the steps that succeeded brought, by their names.

        Of a job that is the JSON object that it printed, of a sweep with one objective `params` and `value`
        of its best trial; sweeps with several objectives are left out.
        """
        found: dict[str, Any] = {}
        for one in self.status.steps:
            step = self.step(one.name)
            if isinstance(step, Job):
                if one.status == "succeeded":
                    found[one.name] = step.result()
            elif one.status == "finished" and not step.spec.objectives and step.status.succeeded:
                found[one.name] = {"params": step.best_params, "value": step.best_value}
        return found

    def cancel(self) -> None:
        """Cancel all steps that have not ended. Raises RequestRefused when all have."""
        self._position = self._house.client.cancel_pipeline(self.id)

    def retry(self) -> "Pipeline":
        """Go on after a failure: return the new pipeline, with what succeeded kept."""
        made = self._house.client.retry_pipeline(self.id)
        return Pipeline(self._house, made.pipeline, made.steps, made.position)

    def delete(self) -> None:
        """Forget it and its own steps, results and all. Raises RequestRefused when one has not ended."""
        self._house.client.delete_pipeline(self.id)


def start_pipeline(
    house: "House", pipeline: Path | str | Mapping[str, Any], folder: Path | str, *, force: bool
) -> Pipeline:
    """Submit a pipeline: see `House.pipeline`, which says what it raises."""
    from idlehands.cli.exits import Stop
    from idlehands.cli.pipeline_file import complete_pipeline, read_pipeline, upload_scripts

    try:
        if isinstance(pipeline, Mapping):
            where = Path(folder).expanduser() / "pipeline"
            given = complete_pipeline(copy.deepcopy(dict(pipeline)), "this")
        else:
            where = Path(pipeline).expanduser()
            given = read_pipeline(where)
        spec = upload_scripts(house.client, given, where, None, force=force)
    except Stop as error:
        raise ValueError(str(error)) from None
    made = house.client.submit_pipeline(spec)
    return Pipeline(house, made.pipeline, made.steps, made.position)
