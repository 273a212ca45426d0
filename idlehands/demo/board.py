"""What is known of each trial of a sweep: its row from REST, and its latest progress from the bus. Pure.

Rows are the truth about states; progress is lossy and only makes bars move.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from schemas.messages import JobProgress
from schemas.states import JobStatus


@dataclass
class Trial:
    """One trial as it is shown. Numbers are None until the script has said them."""

    number: int
    job: str
    params: dict[str, Any]
    status: JobStatus = JobStatus.QUEUED
    #: Who runs it, or ran it last.
    agent: str = ""
    epoch: int = 0
    loss: float | None = None
    accuracy: float | None = None
    seconds: float | None = None
    why: str = ""

    @property
    def epochs(self) -> int:
        """How many epochs it was asked for; at least 1, to divide by."""
        return max(int(self.params.get("epochs", 1)), 1)


@dataclass
class Board:
    """All trials of one sweep by number."""

    trials: dict[int, Trial] = field(default_factory=dict)
    _by_job: dict[str, Trial] = field(default_factory=dict)

    def take_rows(self, rows: Iterable[dict[str, Any]]) -> list[Trial]:
        """Take in rows of `/sweeps/ID/trials` and return the trials whose status they changed."""
        changed = []
        for row in rows:
            trial = self.trials.get(row["trial"])
            if trial is None:
                trial = Trial(row["trial"], row["job"], row["params"])
                self.trials[trial.number] = self._by_job[trial.job] = trial
            status = JobStatus(row["status"])
            if status is trial.status:
                continue
            trial.status = status
            if status is JobStatus.QUEUED:
                # Interrupted: it begins anew, perhaps elsewhere.
                trial.epoch = 0
            trial.agent = row["agent"] or trial.agent
            trial.why = row["why"] or ""
            if row["result"] is not None:
                _take_result(trial, row["result"])
            changed.append(trial)
        return changed

    def take_progress(self, job: str, message: JobProgress) -> Trial | None:
        """Take in what a running trial reported and return it; None when it is not of this sweep."""
        trial = self._by_job.get(job)
        if trial is None or trial.status.is_final:
            return None
        trial.agent = message.agent
        for point in message.progress.points:
            trial.epoch = int(point.step) if point.step is not None else trial.epoch
            trial.loss = point.metrics.get("loss", trial.loss)
            trial.accuracy = point.metrics.get("accuracy", trial.accuracy)
        return trial

    @property
    def running(self) -> list[Trial]:
        """The trials that run now, by number."""
        return [trial for trial in self._sorted() if trial.status is JobStatus.RUNNING]

    @property
    def ended(self) -> list[Trial]:
        """The trials that have ended, by number."""
        return [trial for trial in self._sorted() if trial.status.is_final]

    def ranked(self) -> list[Trial]:
        """Return all trials, the most accurate first; those without a result last."""
        return sorted(
            self._sorted(),
            key=lambda trial: (
                trial.status is not JobStatus.SUCCEEDED,
                -(trial.accuracy if trial.accuracy is not None else -1.0),
                trial.loss if trial.loss is not None else float("inf"),
            ),
        )

    def all_succeeded(self) -> bool:
        """Tell whether there are trials and each of them succeeded."""
        return bool(self.trials) and all(
            trial.status is JobStatus.SUCCEEDED for trial in self.trials.values()
        )

    def _sorted(self) -> list[Trial]:
        return [self.trials[number] for number in sorted(self.trials)]


def _take_result(trial: Trial, result: dict[str, Any]) -> None:
    printed = result.get("result") or {}
    trial.accuracy = _number(printed.get("accuracy"))
    trial.loss = _number(printed.get("loss"))
    trial.seconds = _number(result.get("duration_seconds"))
    if trial.status is JobStatus.SUCCEEDED:
        trial.epoch = trial.epochs
    failure = result.get("failure")
    if failure:
        trial.why = f"{failure.get('kind')}: {failure.get('message')}"


def _number(value: Any) -> float | None:
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else None
