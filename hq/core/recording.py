"""A decision in the making: events are applied as they are recorded, and what follows is added."""

from typing import Any

from bus import topics
from bus.port import Inbound
from bus.topics import Topic
from hq.core.bookkeeping import Bookkeeping
from hq.core.decide.attempts import decide_death
from hq.core.decide.ids import Ids
from hq.core.decide.pruning import decide_pruned
from hq.core.decide.stopping import decide_stop, find_rule
from hq.core.decide.sweeps import holder_of
from hq.core.dependents import end_of_job, end_with_history
from hq.core.evolve import evolve
from hq.core.leases import AttemptKey
from hq.core.moment import Moment
from hq.core.outputs import Answer, Output, Publish
from hq.core.state import Change, Deleted, Job, Limit, Sweep
from schemas.events import (
    JOB_EVENTS,
    SWEEP_EVENTS,
    AnyEvent,
    Decision,
    JobHeld,
    PruneDecided,
    SweepCancelled,
    SweepFinished,
)
from schemas.messages import Ack, DeletionNotice, JobNotice, Order, Reply, SweepNotice
from schemas.states import AttemptState, Command, JobStatus, SweepStatus


class Recording:
    """Collects the events of one decision, what they changed, and what to publish after the commit."""

    def __init__(self, books: Bookkeeping, instance: str, now: float, wall: float) -> None:
        self.books = books
        self.position = books.state.position + 1
        self.ids = Ids(books.state.epoch, self.position)
        self.outputs: list[Output] = []
        self.changes: list[Change] = []
        self._instance = instance
        self._now = now
        self._wall = wall
        self._events: list[AnyEvent] = []
        #: Sweeps that this decision changed; which of them are over is asked at its end.
        self._sweeps: dict[str, None] = {}

    def record(self, event: AnyEvent) -> None:
        """Apply an event and whatever follows from it by itself: deaths and stop orders."""
        state = self.books.state
        before = state.jobs.get(event.job) if isinstance(event, JOB_EVENTS) else None  # type: ignore[union-attr,arg-type]
        index = len(self._events)
        self._events.append(event)
        parent = _ending_sweep(event)
        history = state.histories.get(parent) if parent else None
        swept = state.sweeps.get(event.sweep) if isinstance(event, SWEEP_EVENTS) else None  # type: ignore[union-attr,arg-type]
        changes = evolve(state, event, Moment(self.position, index, self._wall))
        self.changes.extend(changes)
        for change in changes:
            if isinstance(change, Job):
                self.books.note_job(event, before, change, self._now)  # type: ignore[arg-type]
                notice = JobNotice(self.position, index, change.revision, change.status, event)  # type: ignore[arg-type]
                self.publish(topics.JOB_EVENT, notice, job=change.id)
                self._follow_job(before, change, getattr(event, "token", None))
                if change.status.is_final and self.books.dependents.has(change.id):
                    self.books.dependents.tell(end_of_job(change, getattr(event, "result", None)))
                if isinstance(event, PruneDecided):
                    self._wind_down(change)
            elif isinstance(change, Sweep):
                if not isinstance(event, JOB_EVENTS):
                    sweep_notice = SweepNotice(self.position, index, change.revision, change.status, event)  # type: ignore[arg-type]
                    self.publish(topics.SWEEP_EVENT, sweep_notice, sweep=change.id)
                    self.books.dependents.note(swept.waits_for if swept else (), change)
                    if parent and self.books.dependents.has(parent):
                        self.books.dependents.tell(end_with_history(change, history))
                self._sweeps[change.id] = None
            elif isinstance(change, Limit):
                self.books.scheduler.look_again()
            elif isinstance(change, Deleted):
                self._tell_deletion(change, DeletionNotice(self.position, index, event.by))  # type: ignore[union-attr,arg-type]

    def _tell_deletion(self, gone: Deleted, notice: DeletionNotice) -> None:
        if gone.kind == "job":
            self.publish(topics.JOB_DELETED, notice, job=gone.id)
        elif gone.kind == "sweep":
            self.publish(topics.SWEEP_DELETED, notice, sweep=gone.id)

    def _follow_job(self, before: Job | None, job: Job, token: int | None) -> None:
        if job.status is JobStatus.QUEUED:
            sweep = self.books.state.sweeps.get(job.spec.sweep or "")
            end = decide_pruned(job) or decide_death(job)
            if end is not None:
                self.record(end)
            elif before is not None and sweep is not None and sweep.status is SweepStatus.PAUSED:
                self.record(JobHeld(job.id, holder_of(sweep)))
        elif job.status.is_final and before is not None and not job.spec.asked:
            for attempt in before.attempts:
                if attempt.token != token and attempt.state is not AttemptState.CLOSED:
                    self.order(attempt.agent, attempt.boot, (job.id, attempt.token), Command.STOP)

    def _wind_down(self, job: Job) -> None:
        attempt = job.attempt(job.token)
        if attempt is not None and not job.spec.asked:
            self.order(attempt.agent, attempt.boot, (job.id, attempt.token), Command.WIND_DOWN)

    def _stop_sweeps(self) -> None:
        """Stop the sweeps of which this decision fulfils a rule."""
        state = self.books.state
        for name in list(self._sweeps):
            sweep = state.sweeps.get(name)
            found = None if sweep is None else find_rule(state, sweep, self._wall)
            if sweep is not None and found is not None:
                for event in decide_stop(state, sweep, *found, sweep.spec.stop.live, "hq"):
                    self.record(event)

    def _finish_sweeps(self) -> None:
        # Not before all else is recorded: a cancel ends the trials first, and
        # its sweep with the last of them would then be finished, not cancelled.
        for name in list(self._sweeps):
            sweep = self.books.state.sweeps.get(name)
            if sweep is not None and sweep.exhausted and sweep.live == 0:
                self.record(SweepFinished(name, sweep.why if sweep.rule else ""))

    def publish(self, topic: Topic, data: Any, **names: str) -> None:
        """Publish after the commit."""
        self.outputs.append(Publish(topic, names, data))

    def order(self, agent: str, boot: int, key: AttemptKey, command: Command) -> None:
        """Push an order after the commit. The next heartbeat's answer repeats it."""
        order = Order(key[0], key[1], command)
        self.publish(topics.ACK, Ack(self.books.state.epoch, boot, orders=(order,)), agent=agent)

    def answer(self, to: Inbound, reply: Reply) -> None:
        """Answer a request after the commit."""
        self.outputs.append(Answer(to, reply))

    def finish(self) -> Decision | None:
        """Add the ends of sweeps and return the decision, or None when nothing happened."""
        self._stop_sweeps()
        self._finish_sweeps()
        if not self._events:
            return None
        state = self.books.state
        state.position = self.position
        op = f"{self._instance}-{self.position}"
        return Decision(self.position, state.epoch, op, self._wall, tuple(self._events))


def _ending_sweep(event: AnyEvent) -> str:
    """Return the sweep that ends with an event, or ""."""
    return event.sweep if isinstance(event, SweepFinished | SweepCancelled) else ""
