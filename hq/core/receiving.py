"""What becomes of each message as it arrives: told at once, looked up, or left to wait for its decision.

Decides nothing that is kept: heartbeats, progress and questions about HQ
itself need no entry in the log, and all else waits for its turn.
"""

from collections.abc import Iterable
from typing import Any

from bus import topics
from bus.port import Inbound, Refusal
from hq.core.answering import Answering
from hq.core.bookkeeping import Bookkeeping
from hq.core.calls import Calls
from hq.core.contact import Contact
from hq.core.decide.refused import Refused
from hq.core.decide.sweeps import find_new
from hq.core.decide.waiting import find_absent, specs_in
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
    LookUpScript,
    LookUpSeries,
    LookUpSweep,
    Output,
    Publish,
    RecordProgress,
)
from hq.core.showing_services import read_services
from hq.core.submitters import submitter_of
from hq.core.waiting import Waiting
from hq.core.workers import Workers
from schemas.messages import Presence, Reply
from schemas.requests import (
    CHANGES,
    CallService,
    CancelPipeline,
    ChangeSweep,
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

_UNAVAILABLE = "the database does not answer: nothing was changed, try again in some seconds"


class Receiving:
    """The way in for all messages.

    Args:
        waiting: Takes what is to be decided.
    """

    def __init__(
        self,
        books: Bookkeeping,
        waiting: Waiting,
        *,
        answering: Answering,
        contact: Contact,
        calls: Calls,
        workers: Workers,
        dues: Dues,
        forgeries: Forgeries,
    ) -> None:
        self._books, self._state, self._waiting = books, books.state, waiting
        self._answering, self._contact = answering, contact
        self._calls, self._workers, self._dues, self._forgeries = calls, workers, dues, forgeries

    def receive(self, message: Inbound | Refusal, now: float, *, log_silent: bool) -> Iterable[Output]:
        """Take in one message and return what it brings at once. Never raises for what a message says."""
        if isinstance(message, Refusal):
            self._forgeries.count(message, now, self._books.wall)
            return self._answering.refuse_malformed(message)
        if message.retained and message.topic is not topics.PRESENCE:
            # The broker repeats it at every connection, for ever: it was heard when it was sent.
            self._books.count_refused("retained")
            return ()
        if message.topic is topics.HEARTBEAT:
            return self._on_heartbeat(message, now)
        if message.topic in (topics.PROGRESS, topics.LOG):
            return self._on_progress(message, now)
        if message.topic is topics.REQUEST:
            return self._on_request(message, now, log_silent)
        if message.topic is topics.ANSWER:
            return self._on_answers(message, now)
        if message.topic is topics.PRESENCE:
            self._on_presence(message, now)
        elif message.topic is topics.RESULT and self._waiting.has_results_of(message):
            pass  # a copy waits: while the database is away, results come again and again
        elif not self._waiting.is_full:
            # Claims, declines and results: all are repeated or made good by their senders.
            self._waiting.put(message)
        else:
            self._books.count_refused("overloaded")
        return ()

    # --- agents -------------------------------------------------------------------

    def _on_heartbeat(self, message: Inbound, now: float) -> Iterable[Output]:
        agent = message.names["agent"]
        if agent in self._books.booting:
            return ()  # its boot is not in the log yet; it asks again soon
        answer = self._contact.hear(agent, message.data, now)
        self._calls.look_again()
        if answer.needs_decision and not self._waiting.is_full:
            self._waiting.put(message)
        return () if answer.ack is None else (Publish(topics.ACK, {"agent": agent}, answer.ack),)

    def _on_progress(self, message: Inbound, now: float) -> Iterable[Output]:
        for topic, job, agent, data in self._contact.forward(message, now):
            yield Publish(topic, {"job": job}, data)
            yield RecordProgress(topic, agent, data)

    def _on_presence(self, message: Inbound, now: float) -> None:
        presence: Presence = message.data
        sighting = self._books.sightings.get(message.names["agent"])
        if sighting is not None and not presence.online and presence.boot == sighting.boot:
            # A hint only: no offers until it is heard again, and no grants. Leases run on.
            sighting.standing = None
            sighting.cool_until = max(sighting.cool_until, now + 1.0)

    def _on_answers(self, message: Inbound, now: float) -> Iterable[Output]:
        outputs, logged = self._calls.answered(message, now)
        for answered in logged:
            # However full it is: somebody waits for it, and their number is bounded.
            self._waiting.put(answered)
        return outputs

    # --- clients ------------------------------------------------------------------

    def _on_request(self, message: Inbound, now: float, log_silent: bool) -> Iterable[Output]:
        request = message.data
        if isinstance(request, Ping | ReadStatus):
            return (self._answering.answer_now(message, now, log_silent=log_silent),)
        if isinstance(request, CallService):
            return self._on_call(message, now)
        if isinstance(request, ReportTrial):
            return self._answering.hear_trial(message, now)
        if isinstance(request, ReadServices):
            return self._tell(message, read_services(request, self._books, self._calls, self._workers, now))
        if isinstance(request, ReadSchedules):
            return self._tell(message, self._dues.read(request.schedule))
        if self._waiting.is_full or (isinstance(request, CHANGES) and log_silent):
            return (self._answering.refuse(message, "unavailable", _UNAVAILABLE),)
        if isinstance(request, ReadSeries | ReadPast):
            return (self._look_into_sweep(message, request),)
        if (look_up := self._look_up(message)) is not None:
            return (look_up,)
        self._waiting.put((message, {}) if isinstance(request, Delete) else message)
        return ()

    def _on_call(self, message: Inbound, now: float) -> Iterable[Output]:
        try:
            return self._calls.ask(message, submitter_of(message), now)
        except Refused as refused:
            return (self._answering.refuse(message, refused.code, refused.message),)

    def _tell(self, message: Inbound, result: dict[str, Any]) -> Iterable[Output]:
        return (Answer(message, Reply(message.id, True, self._books.committed, result)),)

    def _look_into_sweep(self, message: Inbound, request: ReadSeries | ReadPast) -> Output:
        sweep = self._state.sweeps.get(request.sweep)
        if sweep is None:
            return self._answering.answer_found(message, None)
        if isinstance(request, ReadSeries):
            return LookUpSeries(message, sweep.spec.metric)
        if sweep.spec.past_blob is None:
            return self._answering.answer_found(message, {"past": [], "more": False})
        return LookUpPast(message, sweep.spec.past_blob)

    def _look_up(self, message: Inbound) -> Output | None:
        """Return what must be read before a request can be decided, None when all is in memory."""
        request = message.data
        if isinstance(request, Retry):
            return LookUp(message, request.jobs)
        if isinstance(request, Delete):
            # What has ended is in memory for a while only.
            state = self._state
            is_known = all(job in state.jobs or job in state.finished for job in request.jobs)
            return None if is_known else LookUp(message, request.jobs)
        if isinstance(request, Label):
            # Also of what lives: it may end before this is decided.
            return LookUpLabels(message, request.ids)
        if isinstance(request, RetryPipeline | CancelPipeline | DeletePipeline):
            return LookUpPipeline(message, request.pipeline)
        if isinstance(request, ChangeSweep) and (new := find_new(self._state, request)):
            return LookUpScript(message, self._state.sweeps[request.sweep].spec.job, new)
        if isinstance(request, DeleteSweep):
            return LookUpSweep(message, request.sweep)
        if isinstance(request, PromoteModel):
            return LookUpModel(message, request.job, request.sweep)
        if isinstance(request, DeployService | RollBackService | StopService):
            self._workers.look_again()
        absent = find_absent(self._state, specs_in(request))
        return LookUpParents(absent, message) if absent else None
