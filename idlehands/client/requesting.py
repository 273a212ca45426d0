"""What a client asks of HQ over the bus: submit, change, ask how things stand.

Each request is repeated until HQ answers, and does once what it asks for.
"""

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import msgspec

from idlehands.client.asking import Asking
from schemas.messages import Reply
from schemas.names import GuestCommand
from schemas.pipelines import PipelineSpec
from schemas.registry import Stage
from schemas.requests import (
    AskAgent,
    Cancel,
    CancelPipeline,
    CancelSweep,
    Delete,
    DeletePipeline,
    DeleteSweep,
    Explain,
    Hold,
    Label,
    Ping,
    PromoteModel,
    ReadStatus,
    Release,
    RemoveModel,
    Request,
    Retry,
    RetryPipeline,
    ShowStacks,
    StageModel,
    Submit,
    SubmitPipeline,
    SubmitSweep,
)
from schemas.specs import JobSpec, SweepSpec

DEADLINE_SECONDS = 30.0
#: Specs are put into one request up to this size, well below the limit of a message.
_BATCH_BYTES = 160 * 1024
_BATCH_JOBS = 1000


class Changed(msgspec.Struct, frozen=True):
    """What a request did: ids of jobs, or of one sweep, and the log position it stands at."""

    position: int
    jobs: tuple[str, ...] = ()
    sweep: str = ""


class Piped(msgspec.Struct, frozen=True):
    """A pipeline that was submitted: its id, and what each step became."""

    position: int
    pipeline: str
    steps: dict[str, str]


class Requesting:
    """All requests that HQ answers. Whoever inherits it says through what they go."""

    _asking: Asking

    def request(self, request: Request, *, deadline_seconds: float = DEADLINE_SECONDS) -> Changed:
        """Ask HQ once, however often the bus loses it: repeated until answered.

        Raises:
            RequestRefused: If HQ says no.
            HqUnreachable: If there is no answer within the deadline.
            MessageTooBig: If the request does not fit one message.
        """
        reply = self._asking.ask(request, deadline_seconds)
        return Changed(reply.position, tuple(reply.result.get("jobs", ())), reply.result.get("sweep", ""))

    def ask(self, request: Request, *, deadline_seconds: float = DEADLINE_SECONDS) -> Reply:
        """Return HQ's whole answer to a request. Raises as `request`."""
        return self._asking.ask(request, deadline_seconds)

    def submit(
        self,
        specs: Iterable[JobSpec],
        *,
        key: str | None = None,
        deadline_seconds: float = DEADLINE_SECONDS,
    ) -> Changed:
        """Submit jobs; the ids come back in the order of the specs. Many are sent in several requests.

        Args:
            specs: What to run.
            key: Idempotency key: the same key with the same specs is the same submission, for seven
                days, whoever crashed in between. Without it each call submits anew.
            deadline_seconds: How long HQ may be silent.

        Raises:
            RequestRefused: If HQ refuses one; requests before it may have been accepted.
            HqUnreachable: If there is no answer within the deadline; some may have been accepted.
            MessageTooBig: If one spec alone does not fit a message.
        """
        batches = [
            Submit(jobs=batch, key=None if key is None else f"{key}/{number}")
            for number, batch in enumerate(_batches(specs))
        ]
        replies = self._asking.ask_all(batches, deadline_seconds)
        jobs = tuple(job for reply in replies for job in reply.result["jobs"])
        return Changed(max((reply.position for reply in replies), default=0), jobs)

    def submit_sweep(self, spec: SweepSpec, *, key: str | None = None) -> Changed:
        """Submit a sweep. Raises as `request`."""
        return self.request(SubmitSweep(sweep=spec, key=key))

    def submit_pipeline(self, spec: PipelineSpec, *, key: str | None = None) -> "Piped":
        """Submit all steps of a pipeline or, when one is refused, none. Raises as `request`."""
        return _piped(self._asking.ask(SubmitPipeline(pipeline=spec, key=key), DEADLINE_SECONDS))

    def retry_pipeline(self, pipeline: str) -> "Piped":
        """Submit again, as a new pipeline, what did not succeed and what follows it. Raises as `request`."""
        return _piped(self._asking.ask(RetryPipeline(pipeline=pipeline), DEADLINE_SECONDS))

    def cancel_pipeline(self, pipeline: str) -> int:
        """Cancel all steps that have not ended, and return the log position. Raises as `request`."""
        return self.request(CancelPipeline(pipeline=pipeline)).position

    def delete_pipeline(self, pipeline: str) -> int:
        """Forget a pipeline that has ended, with its own steps. Raises as `request`."""
        return self.request(DeletePipeline(pipeline=pipeline)).position

    def cancel(self, jobs: Sequence[str]) -> Changed:
        """Cancel jobs: all of them or, when one cannot be, none. Raises as `request`."""
        return self.request(Cancel(jobs=tuple(jobs)))

    def hold(self, jobs: Sequence[str]) -> Changed:
        """Keep queued jobs from starting. Raises as `request`."""
        return self.request(Hold(jobs=tuple(jobs)))

    def release(self, jobs: Sequence[str]) -> Changed:
        """Let held jobs start. Raises as `request`."""
        return self.request(Release(jobs=tuple(jobs)))

    def retry(self, jobs: Sequence[str]) -> Changed:
        """Submit new jobs with the same specs. Raises as `request`."""
        return self.request(Retry(jobs=tuple(jobs)))

    def cancel_sweep(self, sweep: str) -> Changed:
        """Cancel a sweep and its trials. Raises as `request`."""
        return self.request(CancelSweep(sweep=sweep))

    def label(
        self,
        ids: Sequence[str],
        *,
        project: str | None = None,
        note: str | None = None,
        add: Sequence[str] = (),
        remove: Sequence[str] = (),
    ) -> Changed:
        """Change project, note and tags of jobs and sweeps, ended ones too: of all or of none.

        Args:
            ids: Which.
            project: What they belong to from now on; "" for none, None to leave it.
            note: What should be known about them; likewise.
            add: Tags that they get.
            remove: Tags that they lose. Raises as `request`.
        """
        return self.request(
            Label(ids=tuple(ids), project=project, note=note, add_tags=tuple(add), remove_tags=tuple(remove))
        )

    def delete(self, jobs: Sequence[str]) -> Changed:
        """Delete jobs that have ended: all of them or, when one cannot be, none. Raises as `request`."""
        return self.request(Delete(jobs=tuple(jobs)))

    def delete_sweep(self, sweep: str) -> Changed:
        """Delete a sweep that has ended, and its jobs. Raises as `request`."""
        return self.request(DeleteSweep(sweep=sweep))

    def promote(
        self,
        model: str,
        *,
        job: str | None = None,
        sweep: str | None = None,
        artifacts: Sequence[str] = (),
        stage: Stage = "none",
        note: str = "",
        key: str | None = None,
    ) -> dict[str, Any]:
        """Register what a job, or a sweep's best trial, left behind as a model's next version.

        Returns:
            model, version, stage, sha256, job and the names of the files. Raises as `request`.
        """
        wanted = PromoteModel(
            model=model, job=job, sweep=sweep, artifacts=tuple(artifacts), stage=stage, note=note, key=key
        )
        return self._ask_of_models(wanted)

    def stage_model(self, model: str, version: int, stage: Stage) -> dict[str, Any]:
        """Give a version of a model another stage; which had it is archived. Raises as `request`."""
        return self._ask_of_models(StageModel(model=model, version=version, stage=stage))

    def remove_model(self, model: str, version: int | None = None) -> dict[str, Any]:
        """Forget a version of a model, or all; none in production. Raises as `request`."""
        return self._ask_of_models(RemoveModel(model=model, version=version))

    def _ask_of_models(self, request: Request) -> dict[str, Any]:
        reply = self._asking.ask(request, DEADLINE_SECONDS)
        return {**reply.result, "position": reply.position}

    def ping(self, deadline_seconds: float = DEADLINE_SECONDS) -> int:
        """Return HQ's log position; also proves that earlier subscriptions are in place."""
        return self._asking.ask(Ping(), deadline_seconds).position

    def status(self, deadline_seconds: float = DEADLINE_SECONDS) -> dict[str, Any]:
        """Return what HQ says of itself: epoch, position, counts, agents, refused messages by reason."""
        return self._asking.ask(ReadStatus(), deadline_seconds).result

    def explain(self, job: str) -> str:
        """Return why a job is not running, in words. Raises as `request`."""
        return str(self._asking.ask(Explain(job=job), DEADLINE_SECONDS).result.get("why", ""))

    def ask_agent(self, agent: str, command: GuestCommand, seconds: float | None = None) -> None:
        """Ask a machine to pause or drain, for some time or until it is asked to resume. Raises as `request`.

        Returns when HQ has passed it on; the machine's heartbeats say what it makes of it.
        """
        self._asking.ask(AskAgent(agent=agent, command=command, seconds=seconds), DEADLINE_SECONDS)

    def show_stacks(self, job: str) -> None:
        """Ask where a running job is; lines of its log of the stream `stacks` answer. Raises as `request`."""
        self._asking.ask(ShowStacks(job=job), DEADLINE_SECONDS)


def _piped(reply: Reply) -> Piped:
    return Piped(reply.position, str(reply.result["pipeline"]), dict(reply.result["steps"]))


def _batches(specs: Iterable[JobSpec]) -> Iterator[tuple[JobSpec, ...]]:
    encoder = msgspec.json.Encoder()
    batch: list[JobSpec] = []
    size = 0
    for spec in specs:
        own = len(encoder.encode(spec)) + 1
        if batch and (size + own > _BATCH_BYTES or len(batch) == _BATCH_JOBS):
            yield tuple(batch)
            batch, size = [], 0
        batch.append(spec)
        size += own
    if batch:
        yield tuple(batch)
