"""HQ's loop: receive all that waits, decide, append, apply, publish.

The one thread that owns the state. It never waits for the database: one
append is in flight in the appender's thread, and its end arrives in the inbox
like everything else. Any helper's death ends the loop, and with it the
process: the supervisor starts it again, and the log knows the rest.
"""

import logging
import time
from collections.abc import Callable, Sequence
from typing import Any

from msgspec import Struct

from bus import topics
from bus.clock import suspend_aware_seconds
from bus.port import Bus, Connected, Disconnected, Inbound, Refusal
from hq import publishing
from hq.announcing import Announcer
from hq.core.authority import Authority
from hq.core.decide.labels import FoundLabels
from hq.core.decide.models import Source
from hq.core.dependents import Ended, FoundPipeline
from hq.core.outputs import (
    Answer,
    LookUp,
    LookUpLabels,
    LookUpModel,
    LookUpParents,
    LookUpPast,
    LookUpPipeline,
    LookUpScript,
    LookUpSeries,
    LookUpSweep,
    Output,
    Publish,
    RecordProgress,
    Wake,
)
from hq.inbox import Inbox
from hq.log.appender import Appender
from hq.lookup import SpecLookUp
from hq.measures import Histogram
from hq.past import PastAsked
from hq.read_models.projector import Projector
from hq.read_models.recorder import Recorder
from hq.series import SeriesAsked
from hq.wake_up import send_wake_up
from schemas.events import Decision
from schemas.messages import Grants
from schemas.specs import JobSpec

log = logging.getLogger(__name__)


#: This long after decisions went to be appended, what follows from them is made ready: then they are on
#: their way to the disk, and the interpreter is free.
READY_SECONDS = 0.0003


class Committed(Struct, frozen=True):
    """The appender: these decisions are in the log."""

    position: int


class Died(Struct, frozen=True):
    """A helper: it cannot go on, and so HQ cannot."""

    who: str
    error: Exception


class LookedUp(Struct, frozen=True):
    """The look-up: the specs that a retry asked for."""

    request: Inbound
    specs: dict[str, JobSpec]


class FoundModel(Struct, frozen=True):
    """What is stored of a job that is to be a model."""

    request: Inbound
    source: Source


class FoundSweep(Struct, frozen=True):
    """The look-up: the jobs of a sweep, None when there is no such one."""

    request: Inbound
    jobs: tuple[str, ...] | None


class FoundSeries(Struct, frozen=True):
    """The look-up: what a sweep's trials have reported."""

    request: Inbound
    result: dict[str, Any]


class FoundParents(Struct, frozen=True):
    """The look-up: how jobs and sweeps stand that others wait for."""

    asked: LookUpParents
    ends: dict[str, Ended]


class PipelineFound(Struct, frozen=True):
    """The look-up: a pipeline, and how its steps stand."""

    request: Inbound
    found: FoundPipeline


class ScriptRead(Struct, frozen=True):
    """The look-up: what a sweep's script would not take of another space."""

    request: Inbound
    problems: tuple[str, ...]


class LabelsFound(Struct, frozen=True):
    """The look-up: the labels of jobs and sweeps."""

    request: Inbound
    found: FoundLabels


class Tidy(Struct, frozen=True):
    """The housekeeper: these were kept for long enough."""

    jobs: tuple[str, ...]
    sweeps: tuple[str, ...] = ()


class Stop(Struct, frozen=True):
    """Whoever runs this process: end."""


def report_commits(inbox: Inbox) -> Callable[[Sequence[Decision]], None]:
    """Return what the appender calls when decisions are in the log."""
    return lambda decisions: inbox.put(Committed(decisions[-1].position))


def report_death(inbox: Inbox, who: str) -> Callable[[Exception], None]:
    """Return what a helper calls when it cannot go on."""
    return lambda error: inbox.put(Died(who, error))


class Loop:
    """Runs one `Authority` on a bus, a log and the read models.

    Args:
        sign_scripts: Adds the house's word to granted scripts that no author has signed.
        seal_secrets: Adds to grants the secrets that their jobs ask for.
        announcer: Tells home automation of the machines.
        wake: Wakes a machine by its network cards.
    """

    def __init__(
        self,
        authority: Authority,
        bus: Bus,
        inbox: Inbox,
        *,
        appender: Appender,
        projector: Projector,
        recorder: Recorder,
        look_up: SpecLookUp,
        sign_scripts: Callable[[Grants], Grants] = lambda grants: grants,
        seal_secrets: Callable[[Grants], Grants] | None = None,
        announcer: Announcer | None = None,
        wake: Callable[[str, tuple[str, ...]], None] = send_wake_up,
    ) -> None:
        self._authority = authority
        self._bus = bus
        self._inbox = inbox
        self._appender = appender
        self._projector = projector
        self._recorder = recorder
        self._specs = look_up
        self._sign_scripts = sign_scripts
        self._seal_secrets = seal_secrets or (lambda grants: grants)
        self._announcer = announcer
        self._wake = wake
        self._turns = Histogram()
        #: Sends what is to be published after the commit in flight, once that is made ready.
        self._send_ready: Callable[[], None] | None = None
        authority.measure_with(self._measure)

    def run(self) -> Exception | None:
        """Run until told to stop, or until a helper died: then return why."""
        wait = 0.0
        while True:
            items, shed = self._inbox.drain(wait)
            now = suspend_aware_seconds()
            for reason, count in shed.items():
                self._authority.shed(reason, count, now)
            for item in items:
                if isinstance(item, Inbound | Refusal):
                    self._authority.receive(item, now)
                elif isinstance(item, Stop):
                    return None
                elif isinstance(item, Died):
                    log.error("%s ended: %s", item.who, item.error)
                    return item.error
                else:
                    self._take_in(item, now)
            if not items and self._authority.appending and self._send_ready is None:
                self._make_ready()
            self._step()
            self._turns.observe(suspend_aware_seconds() - now)
            wait = self._authority.next_wake(suspend_aware_seconds())
            if self._authority.appending and self._send_ready is None:
                wait = min(wait, READY_SECONDS)

    def _measure(self) -> dict[str, Any]:
        return {
            "turn": self._turns.read(),
            "append": self._appender.latency.read(),
            "dropped": dict(self._recorder.dropped),
        }

    def _take_in(self, item: Any, now: float) -> None:
        match item:
            case Committed(position=position):
                self._authority.note_log_alive(self._appender.last_contact)
                changes = self._authority.committed(now)
                if self._send_ready is not None:
                    self._send_ready()
                    self._send_ready = None
                self._perform()
                self._projector.submit(position, changes)
                if self._announcer is not None:
                    self._announcer.note(changes)
            case LookedUp(request=request, specs=specs):
                self._authority.retry(request, specs)
            case FoundSweep(request=request, jobs=jobs):
                self._authority.found_sweep(request, jobs)
            case FoundModel(request=request, source=source):
                self._authority.found_model(request, source)
            case FoundSeries(request=request, result=result):
                self._authority.found_series(request, result)
            case FoundParents(asked=asked, ends=ends):
                self._authority.found_parents(asked, ends)
            case PipelineFound(request=request, found=found):
                self._authority.found_pipeline(request, found)
            case LabelsFound(request=request, found=found):
                self._authority.found_labels(request, found)
            case ScriptRead(request=request, problems=problems):
                self._authority.found_script(request, problems)
            case Tidy(jobs=jobs, sweeps=sweeps):
                self._authority.tidy(jobs, sweeps)
            case Connected():
                self._authority.greet(now)
                if self._announcer is not None:
                    self._announcer.begin_again()
            case Disconnected(why=why):
                self._authority.note_cut_off()
                log.warning("the broker is away: %s", why)

    def _step(self) -> None:
        now = suspend_aware_seconds()
        self._authority.note_log_alive(self._appender.last_contact)
        self._authority.tick(now)
        batch = self._authority.decide(now, time.time())
        if batch:
            self._appender.submit(batch)
        self._perform()

    def _make_ready(self) -> None:
        """Encode, seal and sign what follows from the commit while the disk is busy with that."""
        with self._bus.hold() as self._send_ready:
            for output in self._authority.take_held_back():
                self._do(output)

    def _perform(self) -> None:
        # One system call for all that is published now: a fifth of the cost of one each.
        with self._bus.batch():
            for output in self._authority.take_outputs():
                self._do(output)
            if self._announcer is not None:
                self._announcer.announce(self._authority.state.agents, suspend_aware_seconds())

    def _do(self, output: Output) -> None:
        match output:
            case Publish(topic=topics.GRANT, names=names, data=data):
                publishing.publish(self._bus, topics.GRANT, names, self._complete(data))
            case Publish(topic=topic, names=names, data=data):
                publishing.publish(self._bus, topic, names, data)
            case Answer(to=to, reply=reply):
                publishing.answer(self._bus, to, reply)
            case RecordProgress(data=data):
                self._recorder.submit(data)
            case Wake(agent=agent, addresses=addresses):
                self._wake(agent, addresses)
            case LookUp(request=request, jobs=jobs):
                self._look_up(request, jobs)
            case LookUpSweep(request=request, sweep=sweep):
                self._look_up_sweep(request, sweep)
            case LookUpModel(request=request, job=job, sweep=sweep):
                self._look_up_model(request, job, sweep)
            case LookUpSeries(request=request, metric=metric):
                self._look_up_series(request, metric)
            case LookUpPast(request=request, sha256=sha256):
                asked = PastAsked(sha256, request.data.after)
                self._specs.submit_past(asked, lambda found: self._inbox.put(FoundSeries(request, found)))
            case LookUpParents():
                self._look_up_parents(output)
            case LookUpLabels(request=request, ids=ids):
                self._specs.submit_labels(
                    ids, self._is_projected(), lambda found: self._inbox.put(LabelsFound(request, found))
                )
            case LookUpScript(request=request, job=job, space=space):
                self._specs.submit_script(
                    job, space, lambda found: self._inbox.put(ScriptRead(request, found))
                )
            case LookUpPipeline(request=request, pipeline=pipeline):
                self._specs.submit_pipeline(
                    pipeline,
                    self._is_projected(),
                    lambda found: self._inbox.put(PipelineFound(request, found)),
                )

    def _complete(self, grants: Grants) -> Grants:
        return self._seal_secrets(self._sign_scripts(grants))

    def _look_up(self, request: Inbound, jobs: tuple[str, ...]) -> None:
        live = self._authority.state.jobs
        specs = {job: live[job].spec for job in jobs if job in live}
        self._specs.submit(jobs, specs, lambda found: self._inbox.put(LookedUp(request, found)))

    def _look_up_sweep(self, request: Inbound, sweep: str) -> None:
        self._specs.submit_sweep(sweep, lambda jobs: self._inbox.put(FoundSweep(request, jobs)))

    def _look_up_model(self, request: Inbound, job: str | None, sweep: str | None) -> None:
        self._specs.submit_model(job, sweep, lambda found: self._inbox.put(FoundModel(request, found)))

    def _look_up_parents(self, asked: LookUpParents) -> None:
        self._specs.submit_parents(
            asked.parents,
            self._is_projected(),
            lambda ends: self._inbox.put(FoundParents(asked, ends)),
        )

    def _is_projected(self) -> Callable[[], bool]:
        """Return what tells whether all that HQ knows now is in the read models."""
        # What has ended is not in memory from its decision on, and in the read models after its commit.
        position = self._authority.state.position
        return lambda: self._projector.position >= position

    def _look_up_series(self, request: Inbound, metric: str) -> None:
        wanted = request.data
        asked = SeriesAsked(wanted.sweep, metric, wanted.after, wanted.trials)
        self._specs.submit_series(asked, lambda found: self._inbox.put(FoundSeries(request, found)))


#: What HQ listens to.
SUBSCRIPTIONS = (*topics.TO_HQ, topics.PRESENCE)
