"""Who waits for whom, and the ends that nobody was told of yet. Volatile: a start builds it anew.

An end is told in decisions of its own, soon after the one that it is in, so
that a thousand dependents are not one decision. What a crash in between leaves
untold is looked up: by then the parent is not in memory any more.

    parent ends --> `untold` --> ParentEnded, or the dependent's own end
    start of HQ, or a parent that had ended when its dependent came --> `lost` --> look-up --> `untold`
"""

from collections import deque
from collections.abc import Iterable
from typing import Any

from msgspec import Struct

from hq.core.history import History
from hq.core.state import Job, Pipeline, State, Sweep
from schemas.facts import Artifact, AttemptResult
from schemas.specs import JobSpec
from schemas.states import JobStatus, SweepStatus

#: A look-up that was not answered is repeated.
ASK_AGAIN_SECONDS = 3.0
#: Parents that one look-up asks for.
ASKED_AT_ONCE = 500


class Ended(Struct, frozen=True, kw_only=True):
    """How a parent ended, and what references to it may look into."""

    parent: str
    #: Of a job or sweep; `deleted` when there is nothing of it any more.
    status: str
    why: str = ""
    is_good: bool
    content: Any = None
    #: Its result is not here: it travelled as a blob.
    is_blob: bool = False
    artifacts: tuple[Artifact, ...] = ()

    @property
    def has_ended(self) -> bool:
        """Tell whether nothing follows: what is looked up may still live."""
        return self.status in _ENDED or self.status == "deleted"


class FoundPipeline(Struct, frozen=True):
    """A pipeline that was looked up, and how its steps stand; None: there is none."""

    pipeline: Pipeline | None
    ends: dict[str, Ended]
    #: Steps that were submitted with it, each sweep with the jobs of its trials.
    own: dict[str, tuple[str, ...]] = {}


class FoundParents(Struct, frozen=True):
    """Parents that were looked up for a submit, or for a retry together with the specs."""

    ends: dict[str, Ended]
    specs: dict[str, JobSpec] | None = None


def end_of_job(job: Job, result: AttemptResult | None) -> Ended:
    """Return how a job ended."""
    return Ended(
        parent=job.id,
        status=str(job.status),
        why=job.why,
        is_good=job.status is JobStatus.SUCCEEDED,
        content=None if result is None else result.result,
        is_blob=result is not None and result.result_blob is not None,
        artifacts=() if result is None else result.artifacts,
    )


def end_of_sweep(sweep: Sweep, best_job: str | None, params: dict[str, Any] | None) -> Ended:
    """Return how a sweep ended: well if it finished with at least one trial that succeeded."""
    is_good = sweep.status is SweepStatus.FINISHED and sweep.succeeded > 0
    why = sweep.why
    if sweep.status is SweepStatus.FINISHED and not sweep.succeeded:
        why = "none of its trials succeeded"
    content: dict[str, Any] = {
        "trials": sweep.proposed,
        "succeeded": sweep.succeeded,
        "machine_seconds": sweep.machine_seconds,
    }
    if sweep.best is not None and best_job is not None and params is not None:
        content |= {"value": sweep.best, "trial": sweep.best_trial, "job": best_job, "params": params}
    return Ended(parent=sweep.id, status=str(sweep.status), why=why, is_good=is_good, content=content)


def end_with_history(sweep: Sweep, history: History | None) -> Ended:
    """Return how a sweep ended, from what was in memory of its trials."""
    best = sweep.best_trial
    if history is None or best is None or best >= len(history.params):
        return end_of_sweep(sweep, None, None)
    job = next((job for job, trial in history.jobs.items() if trial == best), None)
    return end_of_sweep(sweep, job, {**sweep.spec.job.params, **history.params[best]})


class Dependents:
    """By parent, what waits for it."""

    def __init__(self, state: State) -> None:
        self._state = state
        #: parent -> jobs and sweeps that wait for it, in the order in which they came.
        self._by_parent: dict[str, dict[str, None]] = {}
        self.untold: deque[Ended] = deque()
        #: Parents that have ended, nobody here knows how; and when they were last asked for.
        self._lost: dict[str, float] = {}
        for job in state.jobs.values():
            self.note((), job)
        for sweep in state.sweeps.values():
            self.note((), sweep)

    def of(self, parent: str) -> list[str]:
        """Return what waits for a job or sweep."""
        return list(self._by_parent.get(parent, ()))

    def has(self, parent: str) -> bool:
        """Tell whether anything waits for a job or sweep."""
        return parent in self._by_parent

    def note(self, before: tuple[str, ...], waiting: Job | Sweep) -> None:
        """Note what a job or sweep waits for now, when it waited for `before`."""
        now = () if waiting.status.is_final else waiting.waits_for
        for parent in now if before != now else ():
            if parent not in before:
                self._by_parent.setdefault(parent, {})[waiting.id] = None
                if not self._lives(parent):
                    self._lost.setdefault(parent, float("-inf"))
        for parent in before if before != now else ():
            if parent not in now:
                self._leave(parent, waiting.id)

    def _leave(self, parent: str, waiting: str) -> None:
        others = self._by_parent.get(parent, {})
        others.pop(waiting, None)
        if not others:
            self._by_parent.pop(parent, None)
            self._lost.pop(parent, None)

    def _lives(self, parent: str) -> bool:
        return parent in self._state.jobs or parent in self._state.sweeps

    def tell(self, ended: Ended) -> None:
        """Note how a parent ended, for those that wait for it."""
        if ended.parent in self._by_parent:
            self._lost.pop(ended.parent, None)
            self.untold.append(ended)

    def take_lost(self, now: float) -> tuple[str, ...]:
        """Return parents to look up, none that was asked for just now."""
        if not self._lost:
            return ()
        due = [parent for parent, at in self._lost.items() if now - at >= ASK_AGAIN_SECONDS]
        asked = tuple(due[:ASKED_AT_ONCE])
        self._lost.update(dict.fromkeys(asked, now))
        return asked

    def found(self, asked: Iterable[str], ends: dict[str, Ended]) -> None:
        """Take in what a look-up found. Of what it did not find there is nothing any more."""
        for parent in asked:
            if parent not in self._lost:
                continue
            known = ends.get(parent)
            gone = Ended(parent=parent, status="deleted", is_good=False)
            if known is None or known.has_ended:
                self.tell(known or gone)


#: What a look-up may find of a parent that was in memory a moment ago is not yet its end.
_ENDED = frozenset(
    [status.value for status in JobStatus if status.is_final]
    + [status.value for status in SweepStatus if status.is_final]
)
