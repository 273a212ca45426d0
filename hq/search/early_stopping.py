"""What the search process does for sweeps with a pruner: follows their trials' values, and has some ended.

    ReadSweeps told of a new sweep or new trials --> ReadSeries --> who they are, what they reported
    progress of a trial                          --> judged --> Prune
    a trial ended, or was not heard of           --> ReadSeries of it: the whole series

No I/O and no clock. Progress may get lost and so may a Prune: what was not heard
of is read, and what was not answered is asked again.
"""

import logging
from collections.abc import Iterable
from typing import TYPE_CHECKING

import msgspec

from hq.core.accounts import values_of
from hq.search.loop import PATIENCE_SECONDS, SweepsAnswer, SweepState
from schemas.messages import JobNotice, JobProgress, Reply
from schemas.requests import Prune, ReadSeries
from schemas.specs import SweepSpec
from schemas.states import JobStatus

if TYPE_CHECKING:
    from hq.search.judge import Judge

#: What happens in this time is read together.
GATHER_SECONDS = 0.05
#: A live trial of which nothing was heard for so long is read.
SILENT_SECONDS = 15.0
AT_ONCE = 100
log = logging.getLogger(__name__)

Asked = ReadSeries | Prune


class TrialSeries(msgspec.Struct, frozen=True):
    """What HQ says of one trial: who it is, and what it has reported."""

    trial: int
    job: str
    token: int
    status: JobStatus
    steps: tuple[int, ...] = ()
    values: tuple[float | None, ...] = ()
    value: object = None

    @property
    def by_step(self) -> dict[int, float]:
        """Return the values by step, NaN where they were not finite."""
        pairs = zip(self.steps, self.values, strict=True)
        return {step: float("nan") if value is None else value for step, value in pairs}


class SeriesAnswer(msgspec.Struct, frozen=True):
    """The result of `ReadSeries`."""

    trials: tuple[TrialSeries, ...]
    more: bool = False


class _Live(msgspec.Struct):
    trial: int
    token: int
    heard_at: float


class _Watched:
    """One sweep with a pruner."""

    def __init__(self, state: SweepState) -> None:
        self.sweep = state.sweep
        self.spec: SweepSpec = state.spec
        self.judge: Judge | None = None
        #: Trials from 0 up to here are known by their jobs.
        self.known = 0
        self.proposed = state.proposed
        #: Live trials by their jobs.
        self.live: dict[str, _Live] = {}
        #: To be read: they ended, or nothing is heard of them.
        self.doubtful: set[int] = set()
        self.asked_at: float | None = None
        self.read_at = 0.0
        self.is_broken = False


class EarlyStopping:
    """The pure part. All times are monotonic seconds."""

    def __init__(self) -> None:
        self._watched: dict[str, _Watched] = {}
        self._sweep_of: dict[str, str] = {}
        #: By job: what was asked, and when; None when HQ has it.
        self._prunes: dict[str, tuple[Prune, float | None]] = {}

    @property
    def wants_progress(self) -> bool:
        """Tell whether what trials report, and their ends, are to be listened to."""
        return bool(self._watched)

    def next_wake(self, now: float) -> float:
        """Return how many seconds nothing needs to be done unless something arrives."""
        due = [now + SILENT_SECONDS]
        for watched in self._watched.values():
            if watched.asked_at is not None:
                due.append(watched.asked_at + PATIENCE_SECONDS)
            elif watched.doubtful or watched.known < watched.proposed:
                due.append(watched.read_at)
        due.extend(at + PATIENCE_SECONDS for _, at in self._prunes.values() if at is not None)
        return max(min(due) - now, 0.0)

    # --- what arrives -----------------------------------------------------------

    def told_sweeps(self, reply: Reply, *, is_first: bool) -> None:
        """Take in HQ's answer to `ReadSweeps`; the first of an answer in parts begins anew."""
        try:
            found = msgspec.convert(reply.result, SweepsAnswer) if reply.ok else None
        except msgspec.ValidationError:
            return  # the loop says so
        if found is None:
            return
        told = {state.sweep: state for state in found.sweeps if state.spec.pruner is not None}
        if is_first and not found.more:
            for sweep in self._watched.keys() - told.keys():
                self._forget(sweep)
        for sweep, state in told.items():
            watched = self._watched.get(sweep)
            if watched is None:
                self._watched[sweep] = _Watched(state)
                continue
            watched.proposed = max(watched.proposed, state.proposed)

    def hear_progress(self, said: JobProgress, now: float) -> list[Asked]:
        """Judge a trial by what it reported."""
        progress = said.progress
        watched = self._watched.get(self._sweep_of.get(progress.job, ""))
        live = watched.live.get(progress.job) if watched is not None else None
        if watched is None or live is None or progress.token < live.token:
            return []
        live.heard_at, live.token = now, progress.token
        values = values_of(watched.spec.metric, progress.points)
        return self._judge(watched, progress.job, live, values, now) if values else []

    def hear_job(self, notice: JobNotice, now: float) -> None:
        """Note the end of a trial: all that it reported is with its result."""
        watched = self._watched.get(self._sweep_of.get(notice.event.job, ""))
        if watched is None or not JobStatus(notice.status).is_final:
            return
        live = watched.live.get(notice.event.job)
        if live is not None:
            self._doubt(watched, (live.trial,), now)
        self._prunes.pop(notice.event.job, None)

    def answered(self, asked: Asked, reply: Reply, now: float) -> list[Asked]:
        """Return what to ask next, given HQ's answer to what was asked."""
        if isinstance(asked, Prune):
            self._answered_prune(asked, reply)
            return []
        watched = self._watched.get(asked.sweep)
        if watched is None:
            return []
        watched.asked_at = None
        if not reply.ok:
            log.info(
                "HQ does not tell what %s reported: %s", asked.sweep, reply.error and reply.error.message
            )
            watched.read_at = now + PATIENCE_SECONDS
            return []
        try:
            found = msgspec.convert(reply.result, SeriesAnswer)
        except msgspec.ValidationError as error:
            log.error("HQ's answer about values cannot be understood: %s", error)
            watched.read_at = now + PATIENCE_SECONDS
            return []
        asks: list[Asked] = []
        watched.doubtful -= {one.trial for one in found.trials}
        for one in found.trials:
            asks += self._take_trial(watched, one, now)
        if not asked.trials:
            watched.known = max([watched.known, *(one.trial + 1 for one in found.trials)])
        if not found.trials:
            # The read models are behind, or a trial was deleted: no hurry.
            watched.doubtful.clear()
            watched.read_at = now + PATIENCE_SECONDS
        return asks

    def tick(self, now: float) -> list[Asked]:
        """Return what to ask because of the time."""
        asks: list[Asked] = []
        for watched in self._watched.values():
            silent = [one.trial for one in watched.live.values() if now - one.heard_at >= SILENT_SECONDS]
            self._doubt(watched, silent, now)
            if watched.asked_at is not None and now - watched.asked_at >= PATIENCE_SECONDS:
                watched.asked_at = None
            if watched.asked_at is not None or now < watched.read_at:
                continue
            if watched.known < watched.proposed:
                asks.append(
                    ReadSeries(sweep=watched.sweep, after=watched.known - 1 if watched.known else None)
                )
                watched.asked_at = now
            elif watched.doubtful:
                some = tuple(sorted(watched.doubtful)[:AT_ONCE])
                asks.append(ReadSeries(sweep=watched.sweep, trials=some))
                watched.asked_at = now
        for job, (prune, at) in self._prunes.items():
            if at is not None and now - at >= PATIENCE_SECONDS:
                self._prunes[job] = (prune, now)
                asks.append(prune)
        return asks

    # --- details ----------------------------------------------------------------

    def _doubt(self, watched: _Watched, trials: Iterable[int], now: float) -> None:
        fresh = set(trials) - watched.doubtful
        if fresh and not watched.doubtful and watched.read_at <= now:
            watched.read_at = now + GATHER_SECONDS
        watched.doubtful |= fresh

    def _take_trial(self, watched: _Watched, one: TrialSeries, now: float) -> list[Asked]:
        judge = self._judge_of(watched)
        if judge is None:
            return []
        if one.status.is_final:
            judge.end(one.trial, one.status, one.value, one.by_step)
            watched.live.pop(one.job, None)
            self._sweep_of.pop(one.job, None)
            self._prunes.pop(one.job, None)
            return []
        self._sweep_of[one.job] = watched.sweep
        live = watched.live.setdefault(one.job, _Live(one.trial, one.token, now))
        live.token, live.heard_at = max(live.token, one.token), now
        return self._judge(watched, one.job, live, one.by_step, now)

    def _judge(
        self, watched: _Watched, job: str, live: _Live, values: dict[int, float], now: float
    ) -> list[Asked]:
        judge = self._judge_of(watched)
        if judge is None:
            return []
        verdict = judge.report(live.trial, values)
        asked = self._prunes.get(job)
        if verdict is None or (asked is not None and asked[0].token >= live.token):
            return []
        step, why = verdict
        prune = Prune(key=f"prune-{job}-{live.token}"[:128], job=job, token=live.token, why=why, step=step)
        self._prunes[job] = (prune, now)
        return [prune]

    def _answered_prune(self, asked: Prune, reply: Reply) -> None:
        if not reply.ok and reply.error is not None and reply.error.code == "unavailable":
            return  # asked again in time
        if not reply.ok:
            log.info("%s is not pruned: %s", asked.job, reply.error and reply.error.message)
        known = self._prunes.get(asked.job)
        if known is not None and known[0].token == asked.token:
            self._prunes[asked.job] = (asked, None)

    def _judge_of(self, watched: _Watched) -> "Judge | None":
        if watched.judge is None and not watched.is_broken:
            from hq.search.judge import Judge

            try:
                watched.judge = Judge(watched.sweep, watched.spec)
            except (TypeError, ValueError) as error:
                log.error("no trial of %s can be judged: %s", watched.sweep, error)
                watched.is_broken = True
        return watched.judge

    def _forget(self, sweep: str) -> None:
        watched = self._watched.pop(sweep)
        for job in watched.live:
            self._sweep_of.pop(job, None)
            self._prunes.pop(job, None)
