"""What HQ says to clients: replies to requests, stored answers, refusals."""

from collections.abc import Callable
from typing import Any

from bus import topics
from bus.port import Inbound, Refusal
from hq.core.bookkeeping import Bookkeeping
from hq.core.changing import Changing, Found
from hq.core.decide.asking import find_asked
from hq.core.decide.refused import Refused
from hq.core.explain import explain
from hq.core.outputs import Answer, Output, Publish, RecordProgress
from hq.core.recording import Recording
from hq.core.showing_house import show_status, show_sweeps
from hq.core.submitters import submitter_of
from schemas.messages import GuestOrder, JobProgress, Progress, Reply, RequestError, StacksOrder
from schemas.requests import AskAgent, Explain, ReadSweeps, ReportTrial, ShowStacks
from schemas.states import JobStatus


class Answering:
    """Clients' requests: every one is answered, once per idempotency key it changes something."""

    def __init__(self, books: Bookkeeping, changing: Changing, version: str) -> None:
        self._changing = changing
        self._books = books
        self._state = books.state
        self._version = version
        #: What the shell measures, added to the status.
        self.read_measures: Callable[[], dict[str, Any]] = dict

    # --- at once -----------------------------------------------------------------

    def refuse_malformed(self, refusal: Refusal) -> list[Output]:
        """Count a message that could not be used, and answer where somebody waits."""
        self._books.count_refused(refusal.reason)
        if refusal.topic is not topics.REQUEST or "client" not in refusal.names:
            return []
        why = f"the request was refused: {refusal.detail}"
        return [self._error(refusal, refusal.reason, why, self._books.committed)]

    def refuse(self, message: Inbound, code: str, why: str) -> Output:
        """Answer a request with an error at once. Nothing was changed."""
        self._books.count_refused(code)
        return self._error(message, code, why, self._books.committed)

    def answer_found(self, message: Inbound, result: dict[str, Any] | None) -> Output:
        """Answer a question whose answer was looked up; None: there is no such sweep that has not ended."""
        if result is None:
            sweep = message.data.sweep
            return self.refuse(message, "unknown_sweep", f"no sweep {sweep} that has not ended")
        return Answer(message, Reply(message.id, True, self._books.committed, result))

    def answer_now(self, message: Inbound, now: float, *, log_silent: bool) -> Output:
        """Answer a question about HQ itself, also while the database is away."""
        measures = self.read_measures()
        status = show_status(
            self._books, now, version=self._version, log_silent=log_silent, measures=measures
        )
        return Answer(message, Reply(message.id, True, self._books.committed, status))

    def hear_trial(self, message: Inbound, now: float) -> list[Output]:
        """Pass on what a loop reports of a trial that it asked for, and answer whether it is to end."""
        request: ReportTrial = message.data
        try:
            submitter = submitter_of(message)
            job = find_asked(self._state, submitter, request.sweep, request.trial, request.token)
        except Refused as refused:
            return [self.refuse(message, refused.code, refused.message)]
        self._books.asked.renew((job.id, request.token), now)
        # What is decided but not in the log yet is not told to anybody.
        pruning = None if job.id in self._books.in_flight else job.pruning
        said: dict[str, Any] = {"trial": request.trial, "prune": pruning is not None}
        if pruning is not None:
            said["why"] = pruning.why
        answer = Answer(message, Reply(message.id, True, self._books.committed, said))
        if request.point is None:
            return [answer]
        if self._books.is_over_rate(job.id, now):
            # The whole series comes when its end is told.
            self._books.count_refused("over_rate")
            return [answer]
        progress = JobProgress(submitter, Progress(job.id, request.token, points=(request.point,)))
        return [
            Publish(topics.JOB_PROGRESS, {"job": job.id}, progress),
            RecordProgress(topics.PROGRESS, submitter, progress),
            answer,
        ]

    # --- decisions ---------------------------------------------------------------

    def decide(self, recording: Recording, message: Inbound, now: float) -> None:
        """Record what follows from a request, and its answer."""
        request = message.data
        try:
            if isinstance(request, Explain):
                result = {"job": request.job, "why": explain(request.job, self._books, now)}
                recording.answer(message, Reply(message.id, True, self._state.position, result))
            elif isinstance(request, AskAgent):
                self._ask_agent(recording, message, request, now)
            elif isinstance(request, ShowStacks):
                self._show_stacks(recording, message, request, now)
            elif isinstance(request, ReadSweeps):
                recording.answer(
                    message, Reply(message.id, True, self._state.position, show_sweeps(self._state, request))
                )
            else:
                self._changing.decide(recording, message)
        except Refused as refused:
            self._refuse(recording, message, refused)

    def decide_looked_up(self, recording: Recording, message: Inbound, found: Found) -> None:
        """Record what follows from a request for which read models were looked up."""
        try:
            self._changing.decide(recording, message, found)
        except Refused as refused:
            self._refuse(recording, message, refused)

    # --- details -----------------------------------------------------------------

    def _ask_agent(self, recording: Recording, message: Inbound, request: AskAgent, now: float) -> None:
        """Pass on what an agent is asked. What it makes of it, its heartbeats say."""
        asked_by = submitter_of(message)
        self._check_heard(request.agent, now)
        order = GuestOrder(request.command, request.seconds, asked_by)
        recording.publish(topics.GUEST, order, agent=request.agent)
        result = {"agent": request.agent, "command": request.command, "seconds": request.seconds}
        recording.answer(message, Reply(message.id, True, self._state.position, result))

    def _show_stacks(self, recording: Recording, message: Inbound, request: ShowStacks, now: float) -> None:
        """Pass on that somebody asks where a job is. The answer comes as its log."""
        asked_by = submitter_of(message)
        job = self._state.jobs.get(request.job)
        if job is None or job.status is not JobStatus.RUNNING or job.agent is None:
            stands = "HQ has no such job that has not ended" if job is None else f"it is {job.status}"
            raise Refused("not_running", f"{request.job} does not run: {stands}")
        self._check_heard(job.agent, now)
        recording.publish(topics.STACKS, StacksOrder(job.id, job.token, asked_by), agent=job.agent)
        result = {"job": job.id, "agent": job.agent, "token": job.token}
        recording.answer(message, Reply(message.id, True, self._state.position, result))

    def _check_heard(self, agent: str, now: float) -> None:
        sighting = self._books.sightings.get(agent)
        if sighting is None:
            raise Refused("unknown_agent", f"HQ has not heard of a machine {agent!r}")
        if not sighting.is_fresh(now):
            silent = f"{agent} was not heard for {now - sighting.seen_at:.0f} s, so it cannot be told"
            raise Refused("agent_away", f"{silent}: ask again when it is back")

    def _refuse(self, recording: Recording, message: Inbound, refused: Refused) -> None:
        self._books.count_refused(refused.code)
        error = self._error(message, refused.code, refused.message, self._state.position)
        recording.outputs.append(error)

    def _error(self, to: Inbound | Refusal, code: str, message: str, position: int) -> Output:
        error = RequestError(code[:200], message[:8000])
        return Answer(to, Reply(to.id[:200], False, position, error=error))
