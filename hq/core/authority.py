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
from hq.core.contact import Contact
from hq.core.decide.asking import decide_silence
from hq.core.decide.attempts import decide_interruption
from hq.core.decide.deletion import decide_tidying
from hq.core.decide.labels import FoundLabels
from hq.core.decide.models import Source
from hq.core.decide.requests import Refused
from hq.core.decide.schedules import decide_due
from hq.core.decide.stopping import TimedRules, decide_stop
from hq.core.decide.waiting import find_absent, specs_in
from hq.core.dependents import Ended, FoundParents, FoundPipeline
from hq.core.dues import Dues
from hq.core.forgeries import Forgeries
from hq.core.outputs import (
    Answer,
    LookUp,
    LookUpLabels,
    LookUpModel,
    LookUpParents,
    LookUpPast,
    LookUpPipeline,
    LookUpSeries,
    LookUpSweep,
    Output,
    Publish,
    RecordProgress,
)
from hq.core.recording import Recording
from hq.core.scheduler import AHEAD_SECONDS
from hq.core.showing_services import read_services
from hq.core.state import Change, State
from hq.core.telling import tell_dependents
from hq.core.timing import CLAIM_SECONDS, LOOP_GAP_SECONDS
from hq.core.waiting import Tidying, Waiting
from hq.core.waking import Waking
from hq.core.workers import Workers
from schemas.events import Audited, Decision, JobCancelled
from schemas.messages import HqState, Offers, Presence, Reply
from schemas.requests import (
    CHANGES,
    CallService,
    CancelPipeline,
    Delete,
    DeletePipeline,
    DeleteSweep,
    DeployService,
    Label,
    Ping,
    PromoteModel,
    ReadPast,
    ReadSchedules,
    ReadSeries,
    ReadServices,
    ReadStatus,
    ReportTrial,
    Retry,
    RetryPipeline,
    RollBackService,
    StopService,
)
from schemas.specs import JobSpec

#: One append carries at most this many decisions: enough to be cheap, few enough to be quick.
MAX_BATCH = 256
#: With the log silent for longer, changes are refused instead of queued without end.
LOG_SILENT_SECONDS = 5.0
#: The leader says so this often; a standby that hears it does not take over.
BEACON_SECONDS = 3.0
MAX_TIMED = 500
#: While calls of services are on their way, their deadlines are looked at this often.
CALLS_SECONDS = 0.1
_UNAVAILABLE = "the database does not answer: nothing was changed, try again in some seconds"


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
        self._answering = Answering(self.books, version)
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
        self._forgeries = Forgeries(instance)
        self._rules = TimedRules()
        self._dues = Dues(state)
        self.tick(now)

    # --- inputs ---------------------------------------------------------------

    def receive(self, message: Inbound | Refusal, now: float) -> None:
        """Take in one message. Never raises for what a message says."""
        if isinstance(message, Refusal):
            self._forgeries.count(message, now, self.books.wall)
            self._outputs.extend(self._answering.refuse_malformed(message))
            return
        if message.retained and message.topic is not topics.PRESENCE:
            # The broker repeats it at every connection, for ever: it was heard when it was sent.
            self.books.count_refused("retained")
            return
        if message.topic is topics.HEARTBEAT:
            self._on_heartbeat(message, now)
        elif message.topic in (topics.PROGRESS, topics.LOG):
            for topic, job, agent, data in self._contact.forward(message, now):
                self._outputs.append(Publish(topic, {"job": job}, data))
                self._outputs.append(RecordProgress(topic, agent, data))
        elif message.topic is topics.REQUEST:
            self._on_request(message, now)
        elif message.topic is topics.PRESENCE:
            self._on_presence(message, now)
        elif message.topic is topics.ANSWER:
            self._on_answers(message, now)
        elif message.topic is topics.RESULT and self._waiting.has_results_of(message):
            pass  # a copy waits: while the database is away, results come again and again
        elif not self._waiting.is_full:
            # Claims, declines and results: all are repeated or made good by their senders.
            self._waiting.put(message)
        else:
            self.books.count_refused("overloaded")

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
        self._answering.read_secrets = read

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
        """Decide what time alone brings: leases that ended, jobs that waited beyond `expires`."""
        recording = Recording(self.books, self._instance, now, wall)
        for key in self.books.leases.ended(now)[:MAX_TIMED]:
            job = self.state.jobs[key[0]]
            attempt = job.attempt(key[1])
            agent = attempt.agent if attempt else ""
            # Heard from, long after the claim, but not of this attempt: it dropped the grant.
            sighting = self.books.sightings.get(agent)
            knows = sighting is not None and sighting.listed_at > self.books.claimed_at[key] + CLAIM_SECONDS
            dropped = knows and sighting is not None and key not in sighting.phases
            why = f"{agent} knows nothing of it" if dropped else f"{agent} was not heard from"
            recording.record(decide_interruption(job, key[1], why, unheard=not dropped))
        for key in self.books.asked.ended(now)[:MAX_TIMED]:
            recording.record(decide_silence(self.state, key))
        for job in self.books.expired(MAX_TIMED):
            recording.record(JobCancelled(job.id, "hq", "it waited beyond its `expires`"))
        for sweep, (rule, why) in self._rules.find(self.state, now, wall):
            for event in decide_stop(self.state, sweep, rule, why, sweep.spec.stop.live, "hq"):
                recording.record(event)
        for schedule in self._dues.find(wall):
            for event in decide_due(self.state, schedule, recording.ids, wall):
                recording.record(event)
        for note in self._forgeries.take_notes(now, recording.position):
            recording.record(Audited(note, "hq"))
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

    # --- details ----------------------------------------------------------------

    def _on_heartbeat(self, message: Inbound, now: float) -> None:
        agent = message.names["agent"]
        if agent in self.books.booting:
            return  # its boot is not in the log yet; it asks again soon
        answer = self._contact.hear(agent, message.data, now)
        self._calls.look_again()
        if answer.needs_decision and not self._waiting.is_full:
            self._waiting.put(message)
        if answer.ack is not None:
            self._outputs.append(Publish(topics.ACK, {"agent": agent}, answer.ack))

    def _on_presence(self, message: Inbound, now: float) -> None:
        presence: Presence = message.data
        sighting = self.books.sightings.get(message.names["agent"])
        if sighting is not None and not presence.online and presence.boot == sighting.boot:
            # A hint only: no offers until it is heard again, and no grants. Leases run on.
            sighting.standing = None
            sighting.cool_until = max(sighting.cool_until, now + 1.0)

    def _on_request(self, message: Inbound, now: float) -> None:
        request = message.data
        if isinstance(request, Ping | ReadStatus):
            self._outputs.append(self._answering.answer_now(message, now, log_silent=self.log_is_silent))
        elif isinstance(request, CallService):
            self._on_call(message, now)
        elif isinstance(request, ReportTrial):
            self._outputs.extend(self._answering.hear_trial(message, now))
        elif isinstance(request, ReadServices):
            result = read_services(request, self.books, self._calls, self._workers, now)
            self._outputs.append(Answer(message, Reply(message.id, True, self.books.committed, result)))
        elif isinstance(request, ReadSchedules):
            result = self._dues.read(request.schedule)
            self._outputs.append(Answer(message, Reply(message.id, True, self.books.committed, result)))
        elif self._waiting.is_full or (isinstance(request, CHANGES) and self.log_is_silent):
            self._outputs.append(self._answering.refuse(message, "unavailable", _UNAVAILABLE))
        elif isinstance(request, ReadSeries):
            sweep = self.state.sweeps.get(request.sweep)
            if sweep is None:
                self._outputs.append(self._answering.answer_found(message, None))
            else:
                self._outputs.append(LookUpSeries(message, sweep.spec.metric))
        elif isinstance(request, ReadPast):
            sweep = self.state.sweeps.get(request.sweep)
            if sweep is None:
                self._outputs.append(self._answering.answer_found(message, None))
            elif sweep.spec.past_blob is None:
                self._outputs.append(self._answering.answer_found(message, {"past": [], "more": False}))
            else:
                self._outputs.append(LookUpPast(message, sweep.spec.past_blob))
        elif isinstance(request, Retry):
            self._outputs.append(LookUp(message, request.jobs))
        elif isinstance(request, Delete):
            # What has ended is in memory for a while only.
            state = self.state
            if all(job in state.jobs or job in state.finished for job in request.jobs):
                self._waiting.put((message, {}))
            else:
                self._outputs.append(LookUp(message, request.jobs))
        elif isinstance(request, Label):
            # Also of what lives: it may end before this is decided.
            self._outputs.append(LookUpLabels(message, request.ids))
        elif isinstance(request, RetryPipeline | CancelPipeline | DeletePipeline):
            self._outputs.append(LookUpPipeline(message, request.pipeline))
        elif isinstance(request, DeleteSweep):
            self._outputs.append(LookUpSweep(message, request.sweep))
        elif isinstance(request, PromoteModel):
            self._outputs.append(LookUpModel(message, request.job, request.sweep))
        else:
            if isinstance(request, DeployService | RollBackService | StopService):
                self._workers.look_again()
            if absent := find_absent(self.state, specs_in(request)):
                self._outputs.append(LookUpParents(absent, message))
            else:
                self._waiting.put(message)

    def _on_call(self, message: Inbound, now: float) -> None:
        try:
            self._outputs.extend(self._calls.ask(message, self._answering.submitter(message), now))
        except Refused as refused:
            self._outputs.append(self._answering.refuse(message, refused.code, refused.message))

    def _on_answers(self, message: Inbound, now: float) -> None:
        outputs, logged = self._calls.answered(message, now)
        self._outputs.extend(outputs)
        for answered in logged:
            # However full it is: somebody waits for it, and their number is bounded.
            self._waiting.put(answered)

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
