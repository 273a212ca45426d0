"""What HQ says to clients: replies to requests, stored answers, refusals."""

from collections.abc import Callable, Collection
from typing import Any

import msgspec
from msgspec.structs import replace

from bus import topics
from bus.port import Inbound, Refusal
from hq.core.bookkeeping import Bookkeeping
from hq.core.decide.asking import decide_ask, decide_tell, find_asked
from hq.core.decide.decided import Decided
from hq.core.decide.deletion import decide_deletion, decide_sweep_deletion
from hq.core.decide.labels import FoundLabels, LatestLabels, decide_labels
from hq.core.decide.models import Source, decide_model
from hq.core.decide.pipeline_ends import decide_pipeline_cancel, decide_pipeline_deletion
from hq.core.decide.pipelines import choose_kept
from hq.core.decide.pruning import decide_prune
from hq.core.decide.refused import Refused
from hq.core.decide.requests import MAX_RETRY_BYTES, decide_request, digest_of
from hq.core.decide.schedules import SCHEDULE_REQUESTS, decide_schedule
from hq.core.decide.secrets import check_secrets
from hq.core.decide.services import decide_service
from hq.core.decide.submissions import submit_pipeline
from hq.core.decide.sweeps import CONTROLS, FoundScript, check_script, decide_control
from hq.core.dependents import Ended, FoundParents, FoundPipeline
from hq.core.explain import explain
from hq.core.outputs import Answer, Output, Publish, RecordProgress
from hq.core.recording import Recording
from hq.core.state import Pipeline
from schemas.events import RequestAnswered
from schemas.messages import GuestOrder, JobProgress, Progress, Reply, RequestError, StacksOrder
from schemas.requests import (
    AskAgent,
    AskTrial,
    CancelPipeline,
    Delete,
    DeletePipeline,
    DeleteSweep,
    DeployService,
    Explain,
    Label,
    PromoteModel,
    Prune,
    ReadSweeps,
    RemoveModel,
    ReportTrial,
    Retry,
    RetryPipeline,
    RollBackService,
    ShowStacks,
    StageModel,
    StopService,
    Submit,
    TellTrial,
)
from schemas.specs import JobSpec
from schemas.states import JobStatus, SweepStatus

#: The only principal that may act for others: it has authenticated them.
ON_BEHALF = "web"
_AGENTS_SHOWN = 500
#: What was looked up for a request: specs by job, a sweep's jobs, what is to be a model, parents, or nothing.
Found = (
    dict[str, JobSpec]
    | tuple[str, ...]
    | Source
    | FoundParents
    | FoundPipeline
    | FoundLabels
    | FoundScript
    | None
)
#: One answer must fit one message.
_SWEEPS_BYTES = 200 * 1024
#: Some news of each sweep that is told: whoever asks gets on.
_NEWS_BYTES = 32 * 1024


class Answering:
    """Clients' requests: every one is answered, once per idempotency key it changes something."""

    def __init__(self, books: Bookkeeping, version: str) -> None:
        self._books = books
        self._state = books.state
        self._version = version
        #: What the shell measures, added to the status.
        self.read_measures: Callable[[], dict[str, Any]] = dict
        #: The names of the secrets that jobs may ask for.
        self.read_secrets: Callable[[], Collection[str]] = tuple
        self._labels = LatestLabels()

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
        status = self._status(now, log_silent)
        return Answer(message, Reply(message.id, True, self._books.committed, status))

    def hear_trial(self, message: Inbound, now: float) -> list[Output]:
        """Pass on what a loop reports of a trial that it asked for, and answer whether it is to end."""
        request: ReportTrial = message.data
        try:
            submitter = self.submitter(message)
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
                    message, Reply(message.id, True, self._state.position, self._sweeps(request))
                )
            else:
                self._decide_change(recording, message, request)
        except Refused as refused:
            self._refuse(recording, message, refused)

    def decide_looked_up(self, recording: Recording, message: Inbound, found: Found) -> None:
        """Record what follows from a request for which read models were looked up."""
        if isinstance(found, FoundParents) and found.specs is not None:
            self.decide_retry(recording, message, found.specs, found)
            return
        if isinstance(found, dict) and isinstance(message.data, Retry):
            self.decide_retry(recording, message, found)
            return
        try:
            self._decide_change(recording, message, message.data, found=found)
        except Refused as refused:
            self._refuse(recording, message, refused)

    def decide_retry(
        self, recording: Recording, message: Inbound, specs: dict[str, JobSpec], found: Found = None
    ) -> None:
        """Record new jobs with the specs of old ones."""
        request: Retry = message.data
        missing = [job for job in request.jobs if job not in specs]
        if missing:
            why = f"no job {', '.join(missing)}: nothing was retried"
            self._refuse(recording, message, Refused("unknown_job", why))
            return
        again = tuple(
            replace(
                specs[job],
                retry_of=job,
                sweep=None,
                trial=None,
                lineage=None,
                pipeline=None,
                not_before=0,
                expires=0,
            )
            for job in dict.fromkeys(request.jobs)
        )
        try:
            size = len(msgspec.json.encode(again))
            if size > MAX_RETRY_BYTES:
                why = f"their specs have {size} bytes, at most {MAX_RETRY_BYTES}: retry fewer jobs at once"
                raise Refused("too_big", why)
            self._decide_change(recording, message, Submit(jobs=again, key=request.key), request, found)
        except Refused as refused:
            self._refuse(recording, message, refused)

    def _decide_change(
        self,
        recording: Recording,
        message: Inbound,
        change: Any,
        compared: Any | None = None,
        found: Found = None,
    ) -> None:
        submitter = self.submitter(message)
        key = message.data.key or message.id
        digest = digest_of(compared or change)
        stored = self._state.answers.get((submitter, key))
        if stored is not None:
            if stored.digest != digest:
                raise Refused(
                    "key_reused", f"the idempotency key {key!r} was used for another request: use a new one"
                )
            recording.answer(message, Reply(message.id, True, stored.position, stored.answer))
            return
        if isinstance(change, PromoteModel | StageModel | RemoveModel):
            source = found if isinstance(found, Source) else None
            events, answer = decide_model(self._state, submitter, change, source)
        elif isinstance(found, Source):
            raise Refused("not_possible", f"HQ cannot carry out {type(change).__name__} here")
        elif isinstance(change, Delete):
            known = found if isinstance(found, dict) else ()
            events, answer = decide_deletion(self._state, change.jobs, known, submitter)
        elif isinstance(change, Label):
            labels = found.labels if isinstance(found, FoundLabels) else {}
            events, answer = decide_labels(self._state, submitter, change, self._labels.over(labels))
            self._labels.note(events)
        elif isinstance(change, RetryPipeline):
            events, answer = self._retry_pipeline(change, found, submitter, recording)
        elif isinstance(change, CancelPipeline):
            pipeline, _, _ = _known(found, change.pipeline)
            events, answer = decide_pipeline_cancel(self._state, pipeline, submitter)
        elif isinstance(change, DeletePipeline):
            pipeline, _, own = _known(found, change.pipeline)
            events, answer = decide_pipeline_deletion(self._state, pipeline, own, submitter)
        elif isinstance(change, DeleteSweep):
            jobs = found if isinstance(found, tuple) else None
            events, answer = decide_sweep_deletion(self._state, change.sweep, jobs, submitter)
        elif isinstance(change, AskTrial):
            events, answer = decide_ask(self._state, submitter, change, self._books.scheduler.give_token)
            if not events:
                # Nothing to remember: it is asked again until there is a trial.
                recording.answer(message, Reply(message.id, True, self._state.position, answer))
                return
        elif isinstance(change, TellTrial):
            events, answer = decide_tell(self._state, submitter, change, self._books.wall)
        elif isinstance(change, SCHEDULE_REQUESTS):
            check_secrets(change, self.read_secrets)
            wall = self._books.wall
            events, answer = decide_schedule(self._state, submitter, change, recording.ids, wall)
        elif isinstance(change, Prune):
            events, answer = decide_prune(self._state, message.names["client"], change)
        elif isinstance(change, CONTROLS):
            check_script(found)
            events, answer = decide_control(self._state, submitter, change, recording.ids)
        elif isinstance(change, DeployService | RollBackService | StopService):
            check_secrets(change, self.read_secrets)
            events, answer = decide_service(self._state, submitter, change)
        else:
            check_secrets(change, self.read_secrets)
            parents = found.ends if isinstance(found, FoundParents) else {}
            events, answer = decide_request(
                self._state, submitter, message.names["client"], change, recording.ids, parents
            )
        for event in events:
            recording.record(event)
        if isinstance(found, FoundParents | FoundPipeline):
            self._books.dependents.found(found.ends, found.ends)
        recording.record(RequestAnswered(submitter, key, digest, answer))
        recording.answer(message, Reply(message.id, True, recording.position, answer))

    def _retry_pipeline(
        self, change: RetryPipeline, found: Found, submitter: str, recording: Recording
    ) -> Decided:
        """Return what follows from going on with a pipeline that was looked up."""
        old, ends, _ = _known(found, change.pipeline)
        kept = choose_kept(old, ends)
        return submit_pipeline(
            self._state, old.spec, submitter, recording.ids, ends, kept=kept, retry_of=old.id
        )

    # --- details -----------------------------------------------------------------

    def _ask_agent(self, recording: Recording, message: Inbound, request: AskAgent, now: float) -> None:
        """Pass on what an agent is asked. What it makes of it, its heartbeats say."""
        asked_by = self.submitter(message)
        self._check_heard(request.agent, now)
        order = GuestOrder(request.command, request.seconds, asked_by)
        recording.publish(topics.GUEST, order, agent=request.agent)
        result = {"agent": request.agent, "command": request.command, "seconds": request.seconds}
        recording.answer(message, Reply(message.id, True, self._state.position, result))

    def _show_stacks(self, recording: Recording, message: Inbound, request: ShowStacks, now: float) -> None:
        """Pass on that somebody asks where a job is. The answer comes as its log."""
        asked_by = self.submitter(message)
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

    def submitter(self, message: Inbound) -> str:
        """Return for whom a client asks.

        Raises:
            Refused: If it may not ask for them.
        """
        client = message.names["client"]
        on_behalf_of: str | None = message.data.on_behalf_of
        if on_behalf_of is None:
            return client
        if client != ON_BEHALF:
            raise Refused("not_allowed", f"{client} may not act on behalf of {on_behalf_of}")
        return on_behalf_of

    def _refuse(self, recording: Recording, message: Inbound, refused: Refused) -> None:
        self._books.count_refused(refused.code)
        error = self._error(message, refused.code, refused.message, self._state.position)
        recording.outputs.append(error)

    def _error(self, to: Inbound | Refusal, code: str, message: str, position: int) -> Output:
        error = RequestError(code[:200], message[:8000])
        return Answer(to, Reply(to.id[:200], False, position, error=error))

    def _sweeps(self, request: ReadSweeps) -> dict[str, Any]:
        after = request.after or ""
        running = sorted(s for s in self._state.sweeps if s > after)
        shown: list[dict[str, Any]] = []
        room = _SWEEPS_BYTES
        for name in running:
            sweep = self._state.sweeps[name]
            view = {
                "sweep": sweep.id,
                "spec": msgspec.to_builtins(sweep.spec),
                "proposed": sweep.proposed,
                "live": sweep.live,
                "exhausted": sweep.exhausted,
                "settled": sweep.settled,
                "ended": self._ended(name),
                "why": sweep.why,
                "added": sweep.added,
                "changes": sweep.changes,
                "paused": sweep.status is SweepStatus.PAUSED or bool(sweep.waits_for),
            }
            room -= len(msgspec.json.encode(view))
            if shown and room < 0:
                break
            known = request.known.get(name)
            if known is not None and name in self._state.histories:
                news, room = self._state.histories[name].read(known, max(room, _NEWS_BYTES))
                view["news"] = news
            shown.append(view)
        return {"sweeps": shown, "more": len(running) > len(shown)}

    def _ended(self, sweep: str) -> int:
        history = self._state.histories.get(sweep)
        return 0 if history is None else history.ended

    def _status(self, now: float, log_silent: bool) -> dict[str, Any]:
        books = self._books
        state = self._state
        agents = sorted(books.sightings.values(), key=lambda s: s.name)
        return {
            "version": self._version,
            "epoch": state.epoch,
            "position": self._books.committed,
            "database": "silent" if log_silent else "ok",
            "jobs": {str(status): count for status, count in books.counts.items() if count},
            "sweeps": len(state.sweeps),
            "leases": len(books.leases),
            "offers": len(books.scheduler.offered),
            "refused": dict(books.refused),
            "agents_heard": len(agents),
            "agents_fresh": sum(s.is_fresh(now) for s in agents),
            **self.read_measures(),
            "agents": [
                {
                    "agent": s.name,
                    "boot": s.boot,
                    "seconds_silent": round(now - s.seen_at, 1),
                    "fresh": s.is_fresh(now),
                    "slots": s.slots,
                    "busy": len(s.occupied),
                    "accepting": s.accepting,
                    "reason": s.reason,
                    **({"refused": s.refused} if s.refused else {}),
                }
                for s in agents[:_AGENTS_SHOWN]
            ],
        }


def _known(found: Found, wanted: str) -> tuple[Pipeline, dict[str, Ended], dict[str, tuple[str, ...]]]:
    if not isinstance(found, FoundPipeline) or found.pipeline is None:
        raise Refused("unknown_pipeline", f"no pipeline {wanted}: it never existed or was deleted")
    return found.pipeline, found.ends, found.own
