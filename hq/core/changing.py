"""Requests that change something: what follows from each, and its answer, once per idempotency key."""

from collections.abc import Callable, Collection
from typing import Any

import msgspec
from msgspec.structs import replace

from bus.port import Inbound
from hq.core.bookkeeping import Bookkeeping
from hq.core.decide.asking import decide_ask, decide_tell
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
from hq.core.recording import Recording
from hq.core.state import Pipeline
from hq.core.submitters import submitter_of
from schemas.events import RequestAnswered
from schemas.messages import Reply
from schemas.requests import (
    AskTrial,
    CancelPipeline,
    Delete,
    DeletePipeline,
    DeleteSweep,
    DeployService,
    Label,
    PromoteModel,
    Prune,
    RemoveModel,
    Retry,
    RetryPipeline,
    RollBackService,
    StageModel,
    StopService,
    Submit,
    TellTrial,
)
from schemas.specs import JobSpec

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


class Changing:
    """Decides what clients want changed."""

    def __init__(self, books: Bookkeeping) -> None:
        self._books, self._state = books, books.state
        #: The names of the secrets that jobs may ask for.
        self.read_secrets: Callable[[], Collection[str]] = tuple
        self._labels = LatestLabels()

    def decide(self, recording: Recording, message: Inbound, found: Found = None) -> None:
        """Record what follows from a request, for which read models may have been looked up, and its answer.

        Raises:
            Refused: If nothing is to be changed.
        """
        if isinstance(found, FoundParents) and found.specs is not None:
            self._retry(recording, message, found.specs, found)
        elif isinstance(found, dict) and isinstance(message.data, Retry):
            self._retry(recording, message, found)
        else:
            self._decide(recording, message, message.data, found=found)

    def _retry(
        self, recording: Recording, message: Inbound, specs: dict[str, JobSpec], found: Found = None
    ) -> None:
        """Record new jobs with the specs of old ones."""
        request: Retry = message.data
        missing = [job for job in request.jobs if job not in specs]
        if missing:
            why = f"no job {', '.join(missing)}: nothing was retried"
            raise Refused("unknown_job", why)
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
        size = len(msgspec.json.encode(again))
        if size > MAX_RETRY_BYTES:
            why = f"their specs have {size} bytes, at most {MAX_RETRY_BYTES}: retry fewer jobs at once"
            raise Refused("too_big", why)
        self._decide(recording, message, Submit(jobs=again, key=request.key), request, found)

    def _decide(
        self,
        recording: Recording,
        message: Inbound,
        change: Any,
        compared: Any | None = None,
        found: Found = None,
    ) -> None:
        submitter = submitter_of(message)
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


def _known(found: Found, wanted: str) -> tuple[Pipeline, dict[str, Ended], dict[str, tuple[str, ...]]]:
    if not isinstance(found, FoundPipeline) or found.pipeline is None:
        raise Refused("unknown_pipeline", f"no pipeline {wanted}: it never existed or was deleted")
    return found.pipeline, found.ends, found.own
