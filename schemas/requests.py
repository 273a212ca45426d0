"""What clients ask of HQ on `client/{client}/up/request`.

A request that changes something carries an idempotency key; without one the
envelope's id serves. A repeat within seven days gets the stored answer.
"""

from typing import Annotated, Literal

from msgspec import Meta, Struct, field

from schemas.audit import AuditNote
from schemas.early_stopping import Live, StopRules
from schemas.facts import MetricPoint
from schemas.names import (
    AnyProject,
    ArtifactName,
    Count,
    GuestCommand,
    JobId,
    JsonObject,
    Key,
    LimitKind,
    ModelName,
    Name,
    ParentId,
    PipelineId,
    ShortText,
    SweepId,
    Tags,
    Text,
    Token,
)
from schemas.pipelines import PipelineSpec
from schemas.registry import ModelVersion, Stage
from schemas.schedules import ScheduleSpec
from schemas.specs import Dimension, JobSpec, ServiceSpec, SweepSpec
from schemas.trials import Descent, KnownTrials


class Request(Struct, frozen=True, tag_field="kind", forbid_unknown_fields=True, omit_defaults=True):
    """Base of all requests. Unknown fields are refused: a typo must not be silently ignored."""

    key: Key | None = None
    #: Honoured only from the web process, which has authenticated that user.
    on_behalf_of: Name | None = None


JobIds = Annotated[tuple[JobId, ...], Meta(min_length=1, max_length=5000)]


class Submit(Request, tag="submit", kw_only=True, frozen=True):
    jobs: Annotated[tuple[JobSpec, ...], Meta(min_length=1, max_length=5000)]


class Cancel(Request, tag="cancel", kw_only=True, frozen=True):
    jobs: JobIds


class Hold(Request, tag="hold", kw_only=True, frozen=True):
    jobs: JobIds


class Release(Request, tag="release", kw_only=True, frozen=True):
    jobs: JobIds


class Retry(Request, tag="retry", kw_only=True, frozen=True):
    """Make new jobs with the same specs and `retry_of`."""

    jobs: JobIds


class SubmitSweep(Request, tag="submit_sweep", kw_only=True, frozen=True):
    sweep: SweepSpec


class SubmitPipeline(Request, tag="submit_pipeline", kw_only=True, frozen=True):
    """Submit all steps of a pipeline or, when one of them is refused, none."""

    pipeline: PipelineSpec


class RetryPipeline(Request, tag="retry_pipeline", kw_only=True, frozen=True):
    """Submit again, as a new pipeline, what of one that has ended did not succeed and what follows that."""

    pipeline: PipelineId


class CancelPipeline(Request, tag="cancel_pipeline", kw_only=True, frozen=True):
    """Cancel all steps of a pipeline that have not ended."""

    pipeline: PipelineId


class DeletePipeline(Request, tag="delete_pipeline", kw_only=True, frozen=True):
    """Forget a pipeline that has ended, with its own steps and all that they left."""

    pipeline: PipelineId


class CancelSweep(Request, tag="cancel_sweep", kw_only=True, frozen=True):
    sweep: SweepId


class Delete(Request, tag="delete", kw_only=True, frozen=True):
    """Forget jobs that have ended, with results, progress and logs: all of them or, when one cannot, none."""

    jobs: JobIds


class DeleteSweep(Request, tag="delete_sweep", kw_only=True, frozen=True):
    """Forget a sweep that has ended, and its jobs."""

    sweep: SweepId


class DeployService(Request, tag="deploy_service", kw_only=True, frozen=True):
    """Let a service be there, or a new version of it."""

    service: ServiceSpec


class RollBackService(Request, tag="roll_back_service", kw_only=True, frozen=True):
    """Let an earlier version of a service take the calls again."""

    service: Name
    #: None: the one deployed before the current one.
    version: Annotated[int, Meta(ge=1, le=2**31)] | None = None


class StopService(Request, tag="stop_service", kw_only=True, frozen=True):
    service: Name


class PromoteModel(Request, tag="promote_model", kw_only=True, frozen=True):
    """Register what a job left behind, or the best trial of a sweep, as the next version of a model."""

    model: ModelName
    #: One of the two.
    job: JobId | None = None
    sweep: SweepId | None = None
    #: Names of its artifacts; none: all of them.
    artifacts: Annotated[tuple[ArtifactName, ...], Meta(max_length=200)] = ()
    stage: Stage = "none"
    note: Annotated[str, Meta(max_length=2000)] = ""


class StageModel(Request, tag="stage_model", kw_only=True, frozen=True):
    """Give a version of a model another stage."""

    model: ModelName
    version: ModelVersion
    stage: Stage


class RemoveModel(Request, tag="remove_model", kw_only=True, frozen=True):
    """Forget a version of a model, or all; none that is in production."""

    model: ModelName
    version: ModelVersion | None = None


class AddSchedule(Request, tag="add_schedule", kw_only=True, frozen=True):
    """Submit something again and again; in place of the schedule of that name, if there is one."""

    schedule: ScheduleSpec


class RemoveSchedule(Request, tag="remove_schedule", kw_only=True, frozen=True):
    """Forget a schedule. What it submitted goes on."""

    schedule: Name


class PauseSchedule(Request, tag="pause_schedule", kw_only=True, frozen=True):
    """Submit nothing until it is resumed."""

    schedule: Name


class ResumeSchedule(Request, tag="resume_schedule", kw_only=True, frozen=True):
    schedule: Name


class RunSchedule(Request, tag="run_schedule", kw_only=True, frozen=True):
    """Submit now what a schedule submits, for its owner, whatever runs and also while it is paused."""

    schedule: Name


class Propose(Request, tag="propose", kw_only=True, frozen=True):
    """From the search process: the parameters of trials `first`, `first` + 1, ..."""

    sweep: SweepId
    first: Count
    trials: tuple[JsonObject, ...]
    #: The sampler is empty: these are the last ones.
    exhausted: bool = False
    #: With no trials: why none can be chosen. Told to people until there is one.
    why: Text = ""
    #: How often the sweep had been changed when they were chosen.
    changes: Count = 0
    #: Of a population: one for each trial.
    descents: Annotated[tuple[Descent, ...], Meta(max_length=200)] = ()


class Prune(Request, tag="prune", kw_only=True, frozen=True):
    """From the search process: let a running trial end early."""

    job: JobId
    #: Of the attempt that reported the values.
    token: Token
    why: Text
    step: Count | None = None


class PauseSweep(Request, tag="pause_sweep", kw_only=True, frozen=True):
    """Propose nothing and begin nothing of it until it is resumed; what runs goes on."""

    sweep: SweepId


class ResumeSweep(Request, tag="resume_sweep", kw_only=True, frozen=True):
    sweep: SweepId


class ChangeSweep(Request, tag="change_sweep", kw_only=True, frozen=True):
    """Change a sweep that has not ended, for the trials that are proposed later."""

    sweep: SweepId
    trials: Annotated[int, Meta(ge=1, le=100_000)] | None = None
    parallel: Annotated[int, Meta(ge=1, le=10_000)] | None = None
    space: dict[ShortText, Dimension] | None = None
    #: In place of all its rules before.
    stop: StopRules | None = None


class FinishSweep(Request, tag="finish_sweep", kw_only=True, frozen=True):
    """Propose no more trials; those that wait are cancelled."""

    sweep: SweepId
    live: Live = "finish"


class AddTrials(Request, tag="add_trials", kw_only=True, frozen=True):
    """Add trials with these parameters to a sweep, beside those that its sampler chooses."""

    sweep: SweepId
    trials: Annotated[tuple[JsonObject, ...], Meta(min_length=1, max_length=200)]


class AskTrial(Request, tag="ask_trial", kw_only=True, frozen=True):
    """Take the next trial of a sweep whose trials no machine runs, for a loop of one's own.

    Answered with the trial, or with `state`: `wait` (none is chosen yet) or `none_left`.
    """

    sweep: SweepId


#: What came of a trial that a loop of its own ran.
Told = Literal["succeeded", "failed", "pruned"]


class TellTrial(Request, tag="tell_trial", kw_only=True, frozen=True):
    """Tell what came of a trial that was asked for. Once."""

    sweep: SweepId
    trial: Count
    #: As it was asked for. None: as it was asked for last.
    token: Token | None = None
    state: Told = "succeeded"
    #: One for each objective, in their order; of a trial that succeeded only.
    values: Annotated[tuple[float, ...], Meta(max_length=16)] = ()
    #: What else is to be in its result, such as the metrics of constraints.
    result: JsonObject = {}
    #: Why it failed, or was ended early.
    why: Text = ""
    #: All that was reported of it, thinned when that is too much.
    points: Annotated[tuple[MetricPoint, ...], Meta(max_length=2000)] = ()


class ReportTrial(Request, tag="report_trial", kw_only=True, frozen=True):
    """Say that a trial that was asked for goes on, with what it has reached. Answered with `prune`.

    Stored as progress is, so it may get lost; it is no event.
    """

    sweep: SweepId
    trial: Count
    token: Token
    #: None: only that it goes on.
    point: MetricPoint | None = None


class Label(Request, tag="label", kw_only=True, frozen=True):
    """Change the project, tags or note of jobs and sweeps, live or ended: of all of them or of none."""

    ids: Annotated[tuple[ParentId, ...], Meta(min_length=1, max_length=500)]
    #: None: as it is. Empty: none.
    project: AnyProject | None = None
    note: Text | None = None
    add_tags: Tags = ()
    remove_tags: Tags = ()


class SetLimit(Request, tag="set_limit", kw_only=True, frozen=True):
    """Let so many jobs of a user, or that name this limit, run at once. What runs goes on."""

    of: LimitKind
    name: Name
    #: None: no limit.
    at_most: Annotated[int, Meta(ge=0, le=100_000)] | None = None


class Audit(Request, tag="audit", kw_only=True, frozen=True):
    """From the web process: put this into the audit log. Its key is the note's id."""

    note: AuditNote


# --- questions: change nothing, need no key --------------------------------------


class Ping(Request, tag="ping", kw_only=True, frozen=True):
    """Prove that one's own topic reaches HQ: a refused publish looks like success."""


class ReadStatus(Request, tag="status", kw_only=True, frozen=True):
    """Epoch, position, counts, agents and refused messages by reason."""


class Explain(Request, tag="explain", kw_only=True, frozen=True):
    """Why is it not running?"""

    job: JobId


class AskAgent(Request, tag="ask_agent", kw_only=True, frozen=True):
    """Let a machine rest for a while, take nothing new, or go back to its owner's rules.

    Changes nothing at HQ: the agent keeps it, and its heartbeats say what holds. Repeating it is the same.
    """

    agent: Name
    command: GuestCommand
    #: None: until it is asked to resume.
    seconds: Annotated[float, Meta(gt=0, le=31_622_400)] | None = None


class ShowStacks(Request, tag="show_stacks", kw_only=True, frozen=True):
    """Let a running job say where it is; lines of its log of the stream `stacks` answer. Changes nothing."""

    job: JobId


class ReadSweeps(Request, tag="read_sweeps", kw_only=True, frozen=True):
    """The running sweeps with how many trials were proposed and are live.

    Of those that are named, also what happened in them: parameters of trials by their number, and how
    trials ended, in the order of the log.
    """

    after: SweepId | None = None
    #: How much of it is known already.
    known: Annotated[dict[SweepId, KnownTrials], Meta(max_length=1000)] = field(default_factory=dict)


class ReadSeries(Request, tag="read_series", kw_only=True, frozen=True):
    """The values that a sweep's trials have reported of its metric, step by step, in the trials' order."""

    sweep: SweepId
    #: Only of trials after this one.
    after: Count | None = None
    #: Only of these.
    trials: Annotated[tuple[Count, ...], Meta(max_length=200)] = ()


class ReadPast(Request, tag="read_past", kw_only=True, frozen=True):
    """The trials of another time that a sweep's `past_blob` holds, in parts."""

    sweep: SweepId
    #: How many of them are known.
    after: Count = 0


class CallService(Request, tag="call", kw_only=True, frozen=True):
    """Call a service; the answer comes when the call has ended. Repeated with one id it is one call."""

    service: Name
    params: JsonObject = {}
    #: None: what the service was deployed with.
    deadline_seconds: Annotated[float, Meta(gt=0, le=3600)] | None = None


class ReadServices(Request, tag="read_services", kw_only=True, frozen=True):
    """The services, with their workers and how many calls run and wait."""

    #: Only this one.
    service: Name | None = None


class ReadSchedules(Request, tag="read_schedules", kw_only=True, frozen=True):
    """The schedules, with when each is due next."""

    #: Only this one.
    schedule: Name | None = None


Change = (
    Submit
    | Cancel
    | Hold
    | Release
    | Retry
    | SubmitSweep
    | SubmitPipeline
    | RetryPipeline
    | CancelPipeline
    | DeletePipeline
    | CancelSweep
    | Delete
    | DeleteSweep
    | DeployService
    | RollBackService
    | StopService
    | AddSchedule
    | RemoveSchedule
    | PauseSchedule
    | ResumeSchedule
    | RunSchedule
    | PromoteModel
    | StageModel
    | RemoveModel
    | Propose
    | Prune
    | PauseSweep
    | ResumeSweep
    | ChangeSweep
    | FinishSweep
    | AddTrials
    | AskTrial
    | TellTrial
    | SetLimit
    | Label
    | Audit
)
Question = (
    Ping
    | ReadStatus
    | Explain
    | AskAgent
    | ShowStacks
    | ReadSweeps
    | ReadSeries
    | ReadPast
    | ReportTrial
    | CallService
    | ReadServices
    | ReadSchedules
)
AnyRequest = Change | Question

CHANGES: tuple[type[Request], ...] = Change.__args__
