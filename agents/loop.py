"""The agent's loop: one thread that feeds the core and does what it wants done.

Messages from the bus and reports from the runner wait in one queue. Order of
a round: leases, then what arrived, then what is due, then the doing; results
reach the spool before anybody hears of them, those of short jobs in one write.
"""

import logging
from collections.abc import Callable
from queue import Empty, SimpleQueue
from typing import Any

from msgspec.structs import replace

from agents.core.agent import AgentCore
from agents.core.effects import (
    Behave,
    Cool,
    Effect,
    Freeze,
    Send,
    Spool,
    Start,
    Stop,
    Unspool,
    Vacate,
    WindDown,
)
from agents.guest.lookout import Lookout, PolicySays
from agents.runner.port import (
    RunAnswered,
    RunCheckpoint,
    RunEnded,
    RunLog,
    Runner,
    RunProgress,
    RunReady,
    RunStopped,
)
from agents.spool import Spool as SpoolFile
from agents.spool import SpoolUnusable
from bus import topics
from bus.parts import publish_in_parts
from bus.port import Bus, Connected, Disconnected, Inbound, Plain, Refusal
from schemas.facts import AttemptResult, MachineLoad
from schemas.messages import LogBatch, LogLines, Presence, Progress, ProgressBatch, ServiceAnswers

log = logging.getLogger(__name__)

#: More results are not collected for one write: the first of them must not wait for ever.
RESULTS_AT_ONCE = 64
#: How long a stopping agent waits for its scripts to end.
SHUTDOWN_SECONDS = 8.0


class ShutDown:
    """Put into the queue: hand everything back and end."""


class AgentLoop:
    """Runs one `AgentCore` on a bus, a runner and a spool.

    Args:
        trust_changed: Tells whether the owner's rules changed since it was last called.
        lookout: Looks whether the machine's owner wants it back, and puts `PolicySays` into the queue.
        hear_plain: Called with what comes on topics that are none of the house's.
        measure: Returns how busy the machine is, for a heartbeat.
    """

    def __init__(
        self,
        name: str,
        core: AgentCore,
        bus: Bus,
        runner: Runner,
        spool: SpoolFile,
        queue: "SimpleQueue[Any]",
        clock: Callable[[], float],
        trust_changed: Callable[[], bool] = lambda: False,
        lookout: Lookout | None = None,
        hear_plain: Callable[[str, bytes], None] = lambda _topic, _payload: None,
        measure: Callable[[float], MachineLoad | None] = lambda _now: None,
    ) -> None:
        self._name = name
        self._core = core
        self._bus = bus
        self._runner = runner
        self._spool = spool
        self._queue = queue
        self._clock = clock
        self._trust_changed = trust_changed
        self._lookout = lookout
        self._hear_plain = hear_plain
        self._measure = measure
        self._told: set[str] = set()
        #: Outside of the house's own topics: those of the owner's conditions.
        self._listened: tuple[str, ...] = ()
        self._ends_at: float | None = None

    def run(self) -> None:
        """Run until a `ShutDown` was taken in and everything is handed back."""
        if self._lookout is not None:
            # Before HQ hears of this agent: it would be offered work that it may not take.
            self._lookout.start()
            self._take_in_all(self._drain(0), self._clock())
        while True:
            items = self._drain(self._core.next_wake(self._clock()))
            now = self._clock()
            if self._trust_changed():
                self._core.trust_changed(now)
                self._told.clear()
            self._core.tick(now)
            self._take_in_all(items, now)
            self._core.tick(now)
            if self._lookout is not None:
                self._lookout.note_busy(self._core.runs_scripts)
            results = self._collect_results(now)
            if results:
                self._core.spooled(results, now, self._keep(results))
                self._core.tick(now)
                self._perform(self._core.take_effects())
            if self._ends_at is not None and (not self._core.is_busy or now >= self._ends_at):
                return

    def _drain(self, timeout: float) -> list[Any]:
        if self._ends_at is not None:
            timeout = min(timeout, 0.2)
        try:
            items = [self._queue.get(timeout=timeout)] if timeout > 0 else [self._queue.get_nowait()]
        except Empty:
            return []
        try:
            while True:
                items.append(self._queue.get_nowait())
        except Empty:
            return items

    def _take_in_all(self, items: list[Any], now: float) -> None:
        progress: list[Progress] = []
        lines: list[LogLines] = []
        for item in items:
            self._take_in(item, now, progress, lines)
        if lines:
            self._send(Send(topics.LOG, LogBatch(self._core.boot, tuple(lines))))
        if progress:
            self._send(Send(topics.PROGRESS, ProgressBatch(self._core.boot, tuple(progress))))

    def _take_in(self, item: Any, now: float, progress: list[Progress], lines: list[LogLines]) -> None:
        match item:
            case Inbound():
                if self._lookout is not None and item.topic in (topics.OFFER, topics.GRANT):
                    # Work comes: what was seen two seconds ago may not hold any more.
                    self._lookout.poke()
                if self._lookout is not None and item.topic is topics.GUEST:
                    self._lookout.wish(item.data)
                if item.topic is topics.STACKS:
                    self._runner.show(item.data.job, item.data.token)
                if item.topic is topics.CALL and self._core.may_call(item.data):
                    for call in item.data.calls:
                        self._runner.call(call)
                self._core.hear(item, now)
            case PolicySays():
                self._core.follow(item.decision, item.preset, now, item.house_wish)
                self._listen_to(item.topics)
            case Plain(topic=topic, payload=payload):
                self._hear_plain(topic, payload)
                if self._lookout is not None:
                    self._lookout.hear(topic, payload)
            case Refusal():
                self._core.refuse(item, now)
                self._tell(item)
            case RunEnded(result=result):
                self._core.run_ended(result, now)
            case RunProgress(progress=points):
                progress.append(points)
            case RunLog(log=written):
                lines.append(written)
            case RunCheckpoint(job=job, checkpoint=checkpoint):
                self._core.checkpoint_stored(job, checkpoint, now)
            case RunReady(job=job, token=token):
                self._core.worker_ready(job, token, now)
            case RunAnswered(answer=answer):
                self._send(Send(topics.ANSWER, ServiceAnswers(self._core.boot, (answer,))))
            case RunStopped(job=job, token=token, why=why):
                self._core.run_stopped(job, token, now, why)
            case Connected():
                self._bus.publish(topics.PRESENCE, Presence(True, self._core.boot), agent=self._name)
                self._core.connected(now)
            case Disconnected(why=why):
                log.warning("the broker is away: %s", why)
            case ShutDown():
                self._ends_at = now + SHUTDOWN_SECONDS
                self._core.shut_down(now)

    def _listen_to(self, wanted: tuple[str, ...]) -> None:
        for topic in set(self._listened) - set(wanted):
            self._bus.unsubscribe_plain(topic)
        for topic in set(wanted) - set(self._listened):
            self._bus.subscribe_plain(topic)
        self._listened = wanted

    def _tell(self, refusal: Refusal) -> None:
        # Once each: whoever can send one can send thousands. Heartbeats tell how many.
        if refusal.reason not in self._told:
            self._told.add(refusal.reason)
            log.warning("refused what came in HQ's name: %s: %s", refusal.reason, refusal.detail)

    def _collect_results(self, now: float) -> list[AttemptResult]:
        """Do what is to be done and return the results to write.

        What ends meanwhile joins them, as long as each round brings some: the
        write to the disk is the slowest step of a short job.
        """
        results: list[AttemptResult] = []
        while fresh := self._perform(self._core.take_effects()):
            results += fresh
            if len(results) >= RESULTS_AT_ONCE:
                break
            self._take_in_all(self._drain(0), now)
        return results

    def _perform(self, effects: list[Effect]) -> list[AttemptResult]:
        """Do everything but the writing of results, which are returned."""
        results: list[AttemptResult] = []
        done: list[tuple[str, int]] = []
        with self._bus.batch():
            # First: that a script begins is said before it does.
            for effect in effects:
                if isinstance(effect, Send):
                    self._send(effect)
        with self._bus.batch():
            for effect in effects:
                match effect:
                    case Send():
                        pass
                    case Start(grant=grant):
                        self._runner.start(grant)
                    case Stop(job=job, token=token, at_once=at_once, unwanted=unwanted):
                        self._runner.stop(job, token, at_once=at_once, unwanted=unwanted)
                    case Vacate(job=job, token=token, grace_seconds=grace_seconds):
                        self._runner.vacate(job, token, grace_seconds)
                    case Freeze(job=job, token=token, still=still):
                        self._runner.freeze(job, token, still=still)
                    case Behave(half_cores=half_cores, lowest_priority=lowest_priority):
                        self._runner.behave(half_cores=half_cores, lowest_priority=lowest_priority)
                    case Cool():
                        self._runner.cool()
                    case WindDown(job=job, token=token):
                        self._runner.wind_down(job, token)
                    case Spool(result=result):
                        results.append(result)
                    case Unspool(job=job, token=token):
                        done.append((job, token))
        if done:
            self._forget(done)
        return results

    def _keep(self, results: list[AttemptResult]) -> str:
        """Write results to the spool; return what is wrong with it, "" when nothing is."""
        try:
            self._spool.put(results)
        except SpoolUnusable as error:
            log.error("%s", error)
            return str(error)
        return ""

    def _forget(self, done: list[tuple[str, int]]) -> None:
        try:
            self._spool.delete(done)
        except SpoolUnusable as error:
            log.error("%s", error)

    def _send(self, effect: Send) -> None:
        data: Any = effect.data
        if effect.topic is topics.HEARTBEAT:
            data = replace(data, load=self._measure(self._clock()))
        publish_in_parts(self._bus, effect.topic, data, agent=self._name)
