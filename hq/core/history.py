"""The history of a running sweep: what was proposed, by number, and how trials ended, in the log's order.

Both lists only grow, so a reader that has some of each asks for the rest. Ends
within one decision are in the order of the trials' numbers.
"""

import math
from bisect import insort
from collections.abc import Mapping
from typing import Any

import msgspec

from schemas.facts import AttemptResult, Checkpoint, MetricPoint
from schemas.names import JsonObject
from schemas.objectives import Worth, objectives_of, weigh
from schemas.specs import SweepSpec
from schemas.states import JobStatus
from schemas.trials import Descent, KnownTrials, TrialEnd

#: In these a trial that was ended early has a value of the metric, or it counts as having none.
LAST_POINTS = 20
_DESCENT_BYTES = 30
_WHY_WORTHLESS = {
    JobStatus.FAILED: "it failed",
    JobStatus.PRUNED: "it was ended early",
    JobStatus.CANCELLED: "it was cancelled",
    JobStatus.DEAD: "its machines went down under it",
}


class History:
    """Changed by the fold, and filled from the read models when HQ starts."""

    def __init__(self) -> None:
        self.params: list[JsonObject] = []
        #: Of a population: who comes from whom, by number. Empty for all other sweeps.
        self.descents: list[Descent] = []
        self.checkpoints: dict[int, Checkpoint] = {}
        #: Trials that have ended, by job: as long as the sweep runs these are needed.
        self.jobs: dict[str, int] = {}
        self._ends: list[tuple[int, int, TrialEnd]] = []

    @property
    def ended(self) -> int:
        """Return how many trials have ended."""
        return len(self._ends)

    @property
    def ends(self) -> list[TrialEnd]:
        """Return how trials ended, in order."""
        return [end for _, _, end in self._ends]

    def add_trial(self, params: JsonObject, descent: Descent | None = None) -> None:
        """Note the parameters of the next trial, and of a population where it comes from."""
        self.params.append(params)
        if descent is not None:
            self.descents.append(descent)

    def count_ancestors(self, trial: int) -> int:
        """Return how many trials of a population are before this one in its line.

        Not to be asked during the fold: when HQ starts, what is before the log's tail is not here yet.
        """
        count = 0
        while (parent := self.descents[trial].parent) is not None:
            trial, count = parent, count + 1
        return count

    def add_end(self, position: int, job: str, end: TrialEnd) -> None:
        """Note how a trial ended, at this position of the log."""
        self.jobs[job] = end.trial
        if end.checkpoint is not None:
            self.checkpoints[end.trial] = end.checkpoint
        # Nearly always at the end. No two ends have both numbers in common.
        insort(self._ends, (position, end.trial, end), key=lambda one: one[:2])

    def forget(self, job: str) -> None:
        """Leave nothing of a trial but that there was one: its job was deleted, which HQ once allowed."""
        trial = self.jobs.pop(job, None)
        if trial is None:
            return
        self._ends = [one for one in self._ends if one[1] != trial]
        self.checkpoints.pop(trial, None)
        # These may be shorter while HQ starts from the read models, from which it takes all of it in the end.
        if trial < len(self.params):
            self.params[trial] = {}
        if trial < len(self.descents):
            self.descents[trial] = Descent(0)
        self.add_gone(trial)

    def add_gone(self, trial: int) -> None:
        """Note that nothing is known any more of a trial that has ended."""
        gone = TrialEnd(trial, JobStatus.CANCELLED, Worth(why="its job was deleted"))
        insort(self._ends, (0, trial, gone), key=lambda one: one[:2])

    def read(self, known: KnownTrials, room: int) -> tuple[dict[str, Any], int]:
        """Return what comes after `known`, as much as `room` bytes hold, and the room that is left."""
        params: list[Any] = []
        ends: list[Any] = []
        for one in self.params[known.trials :]:
            room -= len(msgspec.json.encode(one)) + 1
            if room < 0:
                break
            params.append(one)
        for _, _, end in self._ends[known.ends :] if room > 0 else ():
            room -= len(msgspec.json.encode(end)) + 1
            if room < 0:
                break
            ends.append(msgspec.to_builtins(end))
        news = {"known": msgspec.to_builtins(known), "trials": params, "ends": ends}
        if self.descents:
            descents = self.descents[known.trials : known.trials + len(params)]
            news["descents"] = msgspec.to_builtins(descents)
            room -= _DESCENT_BYTES * len(descents)
        return news, room


def build_end(
    spec: SweepSpec, trial: int, status: JobStatus, result: AttemptResult | Mapping[str, Any] | None
) -> TrialEnd:
    """Return the end of a trial, worth what its result says by the sweep's objectives."""
    if status is not JobStatus.SUCCEEDED:
        reached = _last_value(spec, result) if status is JobStatus.PRUNED else None
        return TrialEnd(trial, status, Worth(why=_WHY_WORTHLESS.get(status, "it has not ended")), reached)
    if result is None:
        return TrialEnd(trial, status, weigh(spec, None))
    if isinstance(result, AttemptResult):
        worth = weigh(spec, result.result, is_blob=result.result_blob is not None)
        checkpoint = result.checkpoint
    else:
        worth = weigh(spec, result.get("result"), is_blob=result.get("result_blob") is not None)
        checkpoint = msgspec.convert(result.get("checkpoint"), Checkpoint | None)
    return TrialEnd(trial, status, worth, checkpoint=checkpoint if spec.sampler == "pbt" else None)


def _last_value(
    spec: SweepSpec, result: AttemptResult | Mapping[str, Any] | None
) -> tuple[float, float] | None:
    """Return the last step and value of the one objective among the last points of a result."""
    objectives = objectives_of(spec)
    if result is None or len(objectives) != 1:
        return None
    series = result.series if isinstance(result, AttemptResult) else result.get("series", ())
    for point in reversed(series[-LAST_POINTS:]):
        if not isinstance(point, MetricPoint):
            point = msgspec.convert(point, MetricPoint)
        value = point.metrics.get(objectives[0].metric)
        if value is not None and math.isfinite(value):
            step = point.step if point.step is not None else point.number
            return float(point.seq if step is None else step), value
    return None
