"""The authority: one machine without I/O that production, simulation and tests run alike.

    receive(message, now)      heartbeats and questions at once, the rest waits
    tick(now)                  the inbox is drained: after a long gap, renew all leases
    decide(now, wall)          what waits, and what time brings, becomes decisions, held back
    committed(now)             they are in the log: publish, then offer
    take_outputs()             what to publish now

Decisions are applied to `state` at once, so that each sees those before it,
but nothing of them is published before `committed`. Meanwhile a heartbeat is
told `keep` for every job that they touch: an uncommitted end must not leak.
"""

from collections.abc import Callable, Collection
from typing import Any

from bus import topics
from bus.port import Inbound, Refusal
from hq.core.answering import Answering
from hq.core.bookkeeping import LONGEST_SLEEP, Bookkeeping
from hq.core.calls import Answered, Calls
from hq.core.changing import Changing
from hq.core.contact import Contact
from hq.core.decide.deletion import decide_tidying
from hq.core.decide.labels import FoundLabels
from hq.core.decide.models import Source
from hq.core.decide.sweeps import FoundScript
from hq.core.decide.waiting import find_absent
from hq.core.dependents import Ended, FoundParents, FoundPipeline
from hq.core.dues import Dues
from hq.core.forgeries import Forgeries
from hq.core.outputs import LookUpParents, Output, Publish
from hq.core.passing_time import PassingTime
from hq.core.receiving import Receiving
from hq.core.recording import Recording
from hq.core.scheduler import AHEAD_SECONDS
from hq.core.state import Change, State
from hq.core.telling import tell_dependents
from hq.core.timing import LOOP_GAP_SECONDS
from hq.core.waiting import Tidying, Waiting
from hq.core.waking import Waking
from hq.core.workers import Workers
from schemas.events import Decision
from schemas.messages import HqState, Offers
from schemas.requests import Retry
from schemas.specs import JobSpec

#: One append carries at most this many decisions: enough to be cheap, few enough to be quick.
MAX_BATCH = 256
#: With the log silent for longer, changes are refused instead of queued without end.
LOG_SILENT_SECONDS = 5.0
#: The leader says so this often; a standby that hears it does not take over.
BEACON_SECONDS = 3.0
#: While calls of services are on their way, their deadlines are looked at this often.
CALLS_SECONDS = 0.1


class Authority:
    """HQ's mind. All times are on its suspend-aware monotonic clock unless they say wall.

    Args:
        state: The fold of the log up to and including this epoch's `EpochBegan`.
        instance: 128 random bits, new at every start: the log's `op` is made from it.
        ahead_seconds: How short a job must be by experience to be granted on a standing claim.
    """

    def __init__(
        self,
        state: State,
        *,
        instance: str,
        now: float,
        wall: float,
        version: str = "",
        rest: str = "",
        ahead_seconds: float = AHEAD_SECONDS,
    ) -> None:
        self.state = state
        self.books = Bookkeeping(state, now, wall, ahead_seconds)
        self._instance = instance
        self._contact = Contact(self.books)
        self._changing = Changing(self.books)
        self._answering = Answering(self.books, self._changing, version)
        self._calls = Calls(self.books, instance)
        self._workers = Workers(self.books, self._calls)
        self._waiting = Waiting()
        self._waking = Waking(self.books)
        self._outputs: list[Output] = []
        self._held_back: list[Output] = []
        self._changes: list[Change] = []
        self._in_flight_since: float | None = None
        self._last_loop = now
        self._version = version
        self._rest = rest
        self._beacon_at = now
        self._is_cut_off = False
        dues, forgeries = Dues(state), Forgeries(instance)
        self._time = PassingTime(self.books, dues, forgeries)
        self._receiving = Receiving(
            self.books,
            self._waiting,
            answering=self._answering,
            contact=self._contact,
            calls=self._calls,
            workers=self._workers,
            dues=dues,
            forgeries=forgeries,
        )
        self.tick(now)

    # --- inputs ---------------------------------------------------------------

    def receive(self, message: Inbound | Refusal, now: float) -> None:
        """Take in one message. Never raises for what a message says."""
        self._outputs.extend(self._receiving.receive(message, now, log_silent=self.log_is_silent))

    def retry(self, request: Inbound, specs: dict[str, JobSpec]) -> None:
        """Go on with a request whose jobs were looked up. Jobs that were not found are missing."""
        absent = find_absent(self.state, specs.values()) if isinstance(request.data, Retry) else ()
        if absent:
            self._outputs.append(LookUpParents(absent, request, specs))
        else:
            self._waiting.put((request, specs))

    def found_sweep(self, request: Inbound, jobs: tuple[str, ...] | None) -> None:
        """Go on with the deletion of a sweep that was looked up; None when there is no such one."""
        self._waiting.put((request, jobs))

    def found_model(self, request: Inbound, source: Source) -> None:
        """Go on with the promotion of a job that was looked up."""
        self._waiting.put((request, source))

    def found_parents(self, asked: LookUpParents, ends: dict[str, Ended]) -> None:
        """Go on with what waits for what was looked up. Of those left out there is nothing."""
        if asked.request is None:
            self.books.dependents.found(asked.parents, ends)
        else:
            self._waiting.put((asked.request, FoundParents(ends, asked.specs)))

    def found_labels(self, request: Inbound, found: FoundLabels) -> None:
        """Go on with what is to be labelled and was looked up."""
        self._waiting.put((request, found))

    def found_pipeline(self, request: Inbound, found: FoundPipeline) -> None:
        """Go on with a pipeline that was looked up."""
        self._waiting.put((request, found))

    def found_script(self, request: Inbound, problems: tuple[str, ...]) -> None:
        """Go on with a sweep's other space: what its script would not take of it was looked up."""
        self._waiting.put((request, FoundScript(problems)))

    def found_series(self, request: Inbound, result: dict[str, Any]) -> None:
        """Answer a question about a sweep's values, which were looked up."""
        self._outputs.append(self._answering.answer_found(request, result))

    def tidy(self, jobs: tuple[str, ...], sweeps: tuple[str, ...] = ()) -> None:
        """Delete what was kept for long enough, on HQ's own account. Nothing while the log is silent."""
        if not self.log_is_silent and not self._waiting.is_full:
            self._waiting.put(Tidying(jobs, sweeps))

    def measure_with(self, read: Callable[[], dict[str, Any]]) -> None:
        """Add what `read` returns to every status: some numbers that the shell measures."""
        self._answering.read_measures = lambda: {"waiting": len(self._waiting), "measures": read()}

    def know_secrets(self, read: Callable[[], Collection[str]]) -> None:
        """Let jobs ask for the secrets whose names `read` returns; without it there are none."""
        self._changing.read_secrets = read

    def note_log_alive(self, at: float) -> None:
        """Note that at `at` this HQ was the leader: an append or a ping sent then succeeded."""
        self.books.note_leadership(at)

    def greet(self, now: float) -> None:
        """Say again who leads: the broker was away and may have forgotten."""
        self._beacon_at = now
        self._is_cut_off = False
        self.books.leases.renew_all(now)

    def note_cut_off(self) -> None:
        """Note that the broker is away: until `greet` nobody can call in, and silence proves nothing."""
        self._is_cut_off = True

    def shed(self, reason: str, count: int, now: float) -> None:
        """Note that the shell dropped messages: agents may have called in vain."""
        self.books.refused[reason] += count
        self.books.leases.renew_all(now)

    def tick(self, now: float) -> None:
        """Note that the inbox is drained. Only after this may leases end."""
        if self._is_cut_off or now - self._last_loop > LOOP_GAP_SECONDS:
            self.books.leases.renew_all(now)
        self._last_loop = now
        self._outputs.extend(self._calls.tick(now))
        if now >= self._beacon_at:
            self._beacon_at = now + BEACON_SECONDS
            state = HqState(True, self.state.epoch, self._version, self._rest, len(self.state.agents))
            self._outputs.append(Publish(topics.HQ_STATE, {}, state))
            self._outputs.extend(self._waking.choose(now))

    # --- decisions --------------------------------------------------------------

    def decide(self, now: float, wall: float) -> tuple[Decision, ...]:
        """Return the next decisions to append, in order; none while others are in flight."""
        if self._in_flight_since is not None:
            return ()
        self.books.wall = wall
        batch: list[Decision] = []
        self._decide_time(batch, now, wall)
        while self._waiting and len(batch) < MAX_BATCH:
            message = self._waiting.take()
            recording = Recording(self.books, self._instance, now, wall)
            if isinstance(message, tuple):
                self._answering.decide_looked_up(recording, *message)
            elif isinstance(message, Answered):
                recording.record(message.event)
                if message.kept is not None:
                    recording.record(message.kept)
                recording.outputs.append(self._calls.settle(message, recording.position))
            elif isinstance(message, Tidying):
                for event in decide_tidying(self.state, message.jobs, message.sweeps, "hq"):
                    recording.record(event)
            elif message.topic is topics.REQUEST:
                self._answering.decide(recording, message, now)
            else:
                self._contact.decide(recording, message, now)
            self._keep(batch, recording)
        self._decide_workers(batch, now, wall)
        self._tell_dependents(batch, now, wall)
        self._grant_ahead(batch, now, wall)
        while not batch and self._release(now):
            # Whose turn it was to be asked has its offer now; others may have claimed ahead.
            self._grant_ahead(batch, now, wall)
        if batch:
            self._in_flight_since = now
        return tuple(batch)

    def committed(self, now: float) -> list[Change]:
        """Publish what the decisions in flight brought; return their changes for the read models."""
        self._in_flight_since = None
        self.books.note_committed()
        self._calls.look_again()
        self._release(now)
        changes, self._changes = self._changes, []
        return changes

    def take_held_back(self) -> list[Output]:
        """Return what follows from the decisions in flight, so that it can be made ready meanwhile.

        Whoever takes it publishes it when they are committed, before what `take_outputs` then returns.
        """
        held, self._held_back = self._held_back, []
        return sorted(held, key=_haste)

    def _release(self, now: float) -> bool:
        """Publish what was held back, and offer; tell whether there was anything to offer."""
        self._outputs.extend(self.take_held_back())
        return self._offer(now)

    def _grant_ahead(self, batch: list[Decision], now: float, wall: float) -> None:
        """Decide what machines have claimed ahead: after all else, so that it goes into the same append."""
        self.books.scheduler.expire(self.books.sightings, self.state.jobs, now)
        recording = Recording(self.books, self._instance, now, wall)
        self._contact.grant_ahead(recording, now)
        self._keep(batch, recording)

    def _keep(self, batch: list[Decision], recording: Recording) -> None:
        decision = recording.finish()
        self._held_back.extend(recording.outputs)
        self._changes.extend(recording.changes)
        if decision is not None:
            batch.append(decision)

    def _decide_time(self, batch: list[Decision], now: float, wall: float) -> None:
        recording = Recording(self.books, self._instance, now, wall)
        self._time.decide(recording, now, wall)
        self._keep(batch, recording)

    def _decide_workers(self, batch: list[Decision], now: float, wall: float) -> None:
        """Decide which workers of services are missing or too much."""
        recording = Recording(self.books, self._instance, now, wall)
        for event in self._workers.decide(recording.ids, now):
            recording.record(event)
        self._keep(batch, recording)

    def _tell_dependents(self, batch: list[Decision], now: float, wall: float) -> None:
        """Decide what follows from the ends of what others wait for, and of these the ends in turn."""
        dependents = self.books.dependents
        if lost := dependents.take_lost(now):
            self._outputs.append(LookUpParents(lost))
        while dependents.untold and len(batch) < MAX_BATCH:
            recording = Recording(self.books, self._instance, now, wall)
            for event in tell_dependents(self.state, dependents):
                recording.record(event)
            self._keep(batch, recording)

    def take_outputs(self) -> list[Output]:
        """Return what is to be done now, in order, and forget it."""
        outputs, self._outputs = self._outputs, []
        return outputs

    def next_wake(self, now: float) -> float:
        """Return how many seconds the shell may sleep when nothing arrives."""
        # What is due cannot be decided while an append is in flight: its end
        # wakes the shell, and until then being due must not keep it busy.
        longest = LONGEST_SLEEP if self._calls.is_idle else CALLS_SECONDS
        return longest if self.appending else min(longest, self.books.next_wake(now))

    @property
    def appending(self) -> bool:
        """Tell whether decisions are in flight."""
        return self._in_flight_since is not None

    @property
    def log_is_silent(self) -> bool:
        """Tell whether an append has been in flight for too long to accept changes."""
        since = self._in_flight_since
        return since is not None and self._last_loop - since > LOG_SILENT_SECONDS

    def _offer(self, now: float) -> bool:
        books = self.books
        books.scheduler.expire(books.sightings, self.state.jobs, now)
        offers = books.scheduler.schedule(self.state, books.sightings, now)
        for agent, offered in offers.items():
            data = Offers(self.state.epoch, tuple(offered))
            self._outputs.append(Publish(topics.OFFER, {"agent": agent}, data))
        return bool(offers)


def _haste(output: Output) -> int:
    """Return the place of what is published together: first what somebody waits for."""
    if isinstance(output, Publish):
        return 0 if output.topic in (topics.GRANT, topics.CALL) else 3 if output.topic is topics.ACK else 2
    return 1
