"""What HQ knows durably: the fold of the event log.

`Job`, `Sweep` and `AgentRecord` are frozen and carry the log position that
they reflect, so that read models can be compared and replayed. `State` holds
the live ones; finished jobs leave a small record behind, bounded in number.
"""

from collections import OrderedDict
from typing import Any, Literal, TypeVar

from msgspec import Struct
from msgspec.structs import replace

from hq.core.history import History
from schemas.audit import AuditNote
from schemas.facts import Artifact, Checkpoint, MachineFacts
from schemas.names import JsonObject, LimitKind
from schemas.pipelines import PipelineSpec
from schemas.registry import Provenance, Stage
from schemas.schedules import ScheduleSpec
from schemas.specs import JobSpec, ServiceSpec, SweepSpec
from schemas.states import AttemptState, JobStatus, SweepStatus

#: How many finished jobs HQ remembers, to answer a repeated result or a late cancel at once.
FINISHED_KEPT = 50_000
#: How many results HQ remembers to have stored: a repeated one is acknowledged, never stored twice.
REPORTED_KEPT = 100_000
#: Versions of a service to roll back to.
VERSIONS_KEPT = 20
IDEMPOTENCY_SECONDS = 7 * 24 * 3600.0


class Attempt(Struct, frozen=True):
    """One grant of a job to an agent. `claimed_at` is Unix seconds, for display."""

    token: int
    agent: str
    boot: int
    nonce: str
    state: AttemptState
    claimed_at: float
    #: Granted on a claim that was sent ahead, before the agent knew of the job.
    standing: bool = False


class Pruning(Struct, frozen=True):
    """That a running trial is to end early: why, and at which step of its values that was decided."""

    token: int
    why: str
    step: int | None = None


class Job(Struct, frozen=True, kw_only=True):
    """A job as it stands after the event at `position`."""

    id: str
    spec: JobSpec
    submitter: str
    status: JobStatus
    position: int
    #: Number of events so far. Readers see a gap when they missed one.
    revision: int
    #: Submission order: position * 2**20 + index.
    order: int
    submitted_at: float
    #: Token of the latest claim; 0 before the first.
    token: int = 0
    #: Holder of the latest claim, while running.
    agent: str | None = None
    attempts: tuple[Attempt, ...] = ()
    #: Starts used up: failures, losses and the success. Interruptions are not among them.
    starts: int = 0
    failures: int = 0
    interruptions: int = 0
    #: Agents that went down while running it; two different ones make the job dead.
    lost_agents: tuple[str, ...] = ()
    #: Why it stands where it stands, in words.
    why: str = ""
    #: Back-off before the next offer, counted from the event that queued it again.
    delay_seconds: float = 0
    claimed_at: float | None = None
    #: Where the next attempt goes on. Its token is of a granted attempt, and never goes backwards.
    checkpoint: Checkpoint | None = None
    #: It is to end early, or did: whatever its attempts bring, it is never started again.
    pruning: Pruning | None = None
    ended_at: float | None = None
    #: Jobs and sweeps that have not ended, or not as they should. While there are any it is not offered.
    waits_for: tuple[str, ...] = ()
    #: What its parameters refer to, by reference. In their places when nothing more is waited for.
    received: JsonObject = {}
    #: From its spec, or as they were changed since.
    project: str = ""
    tags: tuple[str, ...] = ()
    note: str = ""
    #: Position of the latest change of these, which leaves `position` alone: that of a job that has ended
    #: is where it ended, and an order is read from it.
    labelled: int = 0

    @property
    def is_ready(self) -> bool:
        """Tell whether it waits for nothing but a time and a machine."""
        return self.status is JobStatus.QUEUED and not self.waits_for

    def attempt(self, token: int) -> Attempt | None:
        """Return the attempt with this token, or None if it was never granted."""
        for attempt in reversed(self.attempts):
            if attempt.token == token:
                return attempt
        return None


class Finished(Struct, frozen=True):
    """What is remembered of a finished job."""

    status: JobStatus
    #: Token of the accepted result; 0 when there is none.
    token: int
    revision: int


class Sweep(Struct, frozen=True, kw_only=True):
    """A sweep as it stands after the event at `position`."""

    id: str
    spec: SweepSpec
    submitter: str
    status: SweepStatus
    position: int
    revision: int
    submitted_at: float
    proposed: int = 0
    live: int = 0
    succeeded: int = 0
    unsuccessful: int = 0
    #: Ended early: neither succeeded nor unsuccessful.
    pruned: int = 0
    #: Cancelled as they still waited when a rule, or somebody, stopped the sweep.
    dropped: int = 0
    #: Of `proposed`: not chosen by the sampler but added by hand, beside `spec.trials`.
    added: int = 0
    #: How often its spec was changed.
    changes: int = 0
    #: Ended trials whose values could be compared step by step, and those that never reported the metric.
    measured: int = 0
    unmeasured: int = 0
    #: Of all attempts that left a result.
    machine_seconds: float = 0
    kwh: float = 0
    best: float | None = None
    best_trial: int | None = None
    #: Trials that ended since the best one.
    since_best: int = 0
    #: Which rule stopped it; "" when none did.
    rule: str = ""
    #: The sampler has nothing more to propose.
    exhausted: bool = False
    #: While it runs: why no trial can be chosen.
    why: str = ""
    ended_at: float | None = None
    #: How many trials had ended when the sweep itself was last changed: whatever is proposed after that is
    #: chosen knowing these at least.
    settled: int = 0
    #: As in `Job`. While there are any no trial is proposed.
    waits_for: tuple[str, ...] = ()
    received: JsonObject = {}
    #: When it had nothing more to wait for; None for one that never waited.
    began_at: float | None = None
    #: As in `Job`, from the spec of its job.
    project: str = ""
    tags: tuple[str, ...] = ()
    note: str = ""
    labelled: int = 0


class ServiceVersion(Struct, frozen=True, kw_only=True):
    """One deployment of a service."""

    version: int
    spec: ServiceSpec
    by: str
    at: float


class Service(Struct, frozen=True, kw_only=True):
    """A service as it stands after the event at `position`. Its workers are jobs."""

    name: str
    #: The one that takes the calls.
    version: int
    is_running: bool
    #: The latest ones, by version.
    versions: tuple[ServiceVersion, ...]
    position: int
    changed_at: float

    def find(self, version: int) -> ServiceVersion | None:
        """Return a version that is kept, or None."""
        return next((one for one in self.versions if one.version == version), None)

    @property
    def spec(self) -> ServiceSpec:
        """The spec of the version that takes the calls."""
        return next(one.spec for one in self.versions if one.version == self.version)


class RegisteredVersion(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One version of a model: its files, its stage, and where it came from."""

    version: int
    stage: Stage
    files: tuple[Artifact, ...]
    sha256: str
    lineage: Provenance
    by: str
    at: float
    #: Who gave it its stage, where that was not from the beginning, and when.
    staged_by: str = ""
    staged_at: float = 0
    note: str = ""


class Model(Struct, frozen=True, kw_only=True):
    """A model of the registry as it stands after the event at `position`; removed, it has no versions."""

    name: str
    #: The last number that was given.
    latest: int
    #: By number; those that were removed are not among them.
    versions: tuple[RegisteredVersion, ...]
    position: int
    created_at: float
    changed_at: float

    def find(self, version: int) -> RegisteredVersion | None:
        """Return a version, or None."""
        return next((one for one in self.versions if one.version == version), None)


class Schedule(Struct, frozen=True, kw_only=True):
    """A schedule as it stands after the event at `position`."""

    name: str
    #: Without job and sweep once it is removed.
    spec: ScheduleSpec
    #: For whom it submits.
    owner: str
    #: Times up to here are settled: fired, skipped, or before it was added or resumed. Unix seconds.
    since: float
    position: int
    #: Of that event: position * 2**20 + index.
    order: int
    changed_at: float
    is_paused: bool = False
    is_removed: bool = False
    #: What it submitted last.
    job: str | None = None
    sweep: str | None = None
    pipeline: str | None = None
    fired: int = 0
    fired_at: float | None = None
    skipped: int = 0
    skipped_at: float | None = None
    #: Why the last time that was due submitted nothing; "" if it did.
    why: str = ""


class Pipeline(Struct, frozen=True, kw_only=True):
    """Steps that were submitted together. It never changes: how its steps stand, they say themselves."""

    id: str
    spec: PipelineSpec
    submitter: str
    steps: dict[str, str]
    position: int
    submitted_at: float
    retry_of: str | None = None


class Limit(Struct, frozen=True, kw_only=True):
    """How many of some jobs run at once, as it stands after the event at `position`."""

    id: str
    kind: LimitKind
    limit: str
    at_most: int | None
    by: str
    position: int
    changed_at: float


class AgentRecord(Struct, frozen=True, kw_only=True):
    """The latest accepted boot of an agent."""

    name: str
    boot: int
    instance: str
    slots: int
    facts: MachineFacts
    position: int
    booted_at: float


class Answer(Struct, frozen=True, kw_only=True):
    """The stored answer to one (submitter, key)."""

    submitter: str
    key: str
    digest: str
    answer: JsonObject
    position: int
    at: float


class StoredResult(Struct, frozen=True, kw_only=True):
    """A result with what a table of results needs beside it."""

    job: str
    token: int
    agent: str
    verdict: str
    why: str
    position: int
    at: float
    result: Any
    params: JsonObject
    script: str
    sweep: str | None = None
    trial: int | None = None


Kind = Literal["job", "sweep", "pipeline"]


class Deleted(Struct, frozen=True, kw_only=True):
    """A job, sweep or pipeline that is gone, with all that was stored of it up to `position`."""

    kind: Kind
    id: str
    position: int
    at: float


_Labelled = TypeVar("_Labelled", bound=Job | Sweep)


class Relabelled(Struct, frozen=True, kw_only=True):
    """New labels of a job or sweep, for those in its document."""

    id: str
    project: str
    tags: tuple[str, ...]
    note: str
    labelled: int


def with_labels(thing: _Labelled, change: Relabelled) -> _Labelled:
    """Return a job or sweep with other labels."""
    return replace(
        thing, project=change.project, tags=change.tags, note=change.note, labelled=change.labelled
    )


class AuditEntry(Struct, frozen=True, kw_only=True):
    """One note of the audit log; nothing but its readers looks at it."""

    id: str
    note: AuditNote
    #: Who handed it in, and when HQ took it.
    by: str
    noted_at: float
    position: int
    #: In the order of the log: position * 2**20 + index.
    order: int


#: What one decision changed, as snapshots for the read models.
#: What a document of the read models is made from, or its end.
StoredChange = (
    Job
    | Sweep
    | Pipeline
    | Limit
    | Service
    | Schedule
    | Model
    | AgentRecord
    | Answer
    | StoredResult
    | Deleted
    | AuditEntry
)
Change = StoredChange | Relabelled


class State:
    """The live part of the fold. Only `hq.core.evolve` changes it."""

    def __init__(self) -> None:
        self.position = 0
        self.epoch = 0
        self.jobs: dict[str, Job] = {}
        self.finished: OrderedDict[str, Finished] = OrderedDict()
        self.agents: dict[str, AgentRecord] = {}
        self.sweeps: dict[str, Sweep] = {}
        #: By name, stopped ones too.
        self.services: dict[str, Service] = {}
        #: By name, also those that were removed: a name is all that is left of them.
        self.schedules: dict[str, Schedule] = {}
        #: By name, also those of which all versions were removed.
        self.models: dict[str, Model] = {}
        #: By `user NAME` or `named NAME`.
        self.limits: dict[str, int] = {}
        self.answers: OrderedDict[tuple[str, str], Answer] = OrderedDict()
        #: (job, token) -> verdict of every result in the log, the latest `REPORTED_KEPT`.
        self.reported: OrderedDict[tuple[str, int], str] = OrderedDict()
        #: job ids of each running sweep's live trials.
        self.trials: dict[str, set[str]] = {}
        #: What each running sweep's sampler learns from.
        self.histories: dict[str, History] = {}

    def fill_trials(self) -> None:
        """Note the live trials of each running sweep, after jobs and sweeps were put in."""
        for job in self.jobs.values():
            if job.spec.sweep in self.sweeps:
                self.trials.setdefault(job.spec.sweep or "", set()).add(job.id)

    def remember_finished(self, job: Job, token: int) -> None:
        """Move a job that reached a terminal state out of the live jobs."""
        self.jobs.pop(job.id, None)
        self.finished[job.id] = Finished(job.status, token, job.revision)
        while len(self.finished) > FINISHED_KEPT:
            self.finished.popitem(last=False)

    def remember_reported(self, job: str, token: int, verdict: str) -> None:
        """Note that the result of an attempt is in the log."""
        self.reported[job, token] = verdict
        while len(self.reported) > REPORTED_KEPT:
            self.reported.popitem(last=False)

    def remember_answer(self, answer: Answer) -> None:
        """Store an answer and forget those older than seven days."""
        self.answers[answer.submitter, answer.key] = answer
        while self.answers:
            oldest = next(iter(self.answers.values()))
            if answer.at - oldest.at <= IDEMPOTENCY_SECONDS:
                break
            self.answers.popitem(last=False)
