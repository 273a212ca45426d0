"""What a person submits: job and sweep specs."""

from typing import Annotated, Literal

from msgspec import Meta, field

from schemas.early_stopping import Pruner, StopRules
from schemas.facts import Checkpoint
from schemas.isolation import Isolation
from schemas.names import (
    ArtifactName,
    EnvironmentName,
    FunctionName,
    JobId,
    JsonObject,
    Name,
    ParentId,
    PipelineId,
    ProjectName,
    PythonVersion,
    SecretName,
    Seed,
    Sha256,
    ShortText,
    SweepId,
    Tags,
    Text,
)
from schemas.objectives import Constraint, Direction, Objective
from schemas.samplers import SamplerName, SamplerOptions
from schemas.spaces import Choice as Choice
from schemas.spaces import Dimension as Dimension
from schemas.spaces import Fixed as Fixed
from schemas.spaces import FloatRange as FloatRange
from schemas.spaces import IntRange as IntRange
from schemas.strict import Spec as Spec


class ScriptSignature(Spec, frozen=True):
    """An author's word for a script: Ed25519 over DSSE's pre-authentication encoding."""

    #: SHA-256 of the author's public key.
    key: Sha256
    #: The signed JSON text, as it was signed: `name`, `bundle`, `entry`, `author`, `version`, `arguments`.
    statement: Annotated[str, Meta(max_length=2048)]
    #: Base64.
    signature: Annotated[str, Meta(max_length=128)]


class ScriptRef(Spec, frozen=True):
    """A script by content: the bundle's sha256 and the file inside it to run."""

    bundle: Sha256
    entry: Annotated[str, Meta(min_length=1, max_length=255)]
    #: What people call it; shown, never resolved.
    name: ShortText = ""
    #: Without one, HQ signs as the house's author when it grants.
    signature: ScriptSignature | None = None


#: The environment of `Needs` that is built from what the script and the files beside it say.
BUILT = "script"


class Needs(Spec, frozen=True):
    """What a machine must have to run the job. Jobs with equal needs share a queue."""

    memory_mb: Annotated[int, Meta(ge=0, le=2**31)] = 0
    gpus: Annotated[int, Meta(ge=0, le=64)] = 0
    labels: tuple[Name, ...] = ()
    #: Only this agent may run it.
    agent: Name | None = None
    #: The least isolation that will do. A machine that has less never runs the job.
    isolation: Isolation = "basic"
    #: In `strict` there is no network unless this is true; below it cannot be withheld.
    network: bool = False
    #: The agent's own interpreter must be of this version of Python, such as `3.11`; None: any.
    python: PythonVersion | None = None
    #: What the script runs in. None: the agent's own interpreter. `script`: an environment built from what
    #: the script or the files beside it say. Else an interpreter that the machine has under that name.
    environment: EnvironmentName | None = None


class Limits(Spec, frozen=True):
    """Bounds of one attempt; each is a named failure when exceeded. 0 means no bound."""

    wall_seconds: Annotated[float, Meta(ge=0, le=31_536_000)] = 0
    output_mb: Annotated[int, Meta(ge=1, le=65_536)] = 1024
    #: Of all files together that an attempt leaves behind. What is over that is left out, and noted.
    artifacts_mb: Annotated[int, Meta(ge=0, le=1_048_576)] = 1024
    #: Of the script and all that it starts, together. Measured: it may be over for a second.
    memory_mb: Annotated[int, Meta(ge=0, le=2**31)] = 0
    #: Likewise, of processor time.
    cpu_seconds: Annotated[float, Meta(ge=0, le=2**31)] = 0
    #: At one time, the script itself included.
    processes: Annotated[int, Meta(ge=0, le=65_536)] = 0
    #: Of what it writes to its own folder and its checkpoints.
    disk_mb: Annotated[int, Meta(ge=0, le=2**31)] = 0


class Source(Spec, frozen=True):
    """Which state of a git repository a script was submitted from."""

    commit: Annotated[str, Meta(pattern=r"^[0-9a-f]{40,64}(?!\n)$")]
    #: Whether files that git knows differed from that commit.
    dirty: bool = False
    #: A blob with the difference, as `git diff` prints it; None when there is none or it is too large.
    diff: Sha256 | None = None


#: positional: values in order. flags: `--learning-rate 0.1`. stdin: one JSON object.
ArgumentStyle = Literal["flags", "positional", "stdin"]
SecretStyle = Literal["environment", "files"]


class Serves(Spec, frozen=True):
    """What makes a job a warm worker: it takes the calls of a service until it is cancelled. Set by HQ."""

    service: Name
    version: Annotated[int, Meta(ge=1, le=2**31)]
    #: Of the entry's module, imported once. None: the script itself, forked for each call.
    function: FunctionName | None = None
    #: Calls at a time.
    concurrency: Annotated[int, Meta(ge=1, le=64)] = 1


#: In a sweep's job they are the sweep's: no trial is proposed before they have ended.
Parents = Annotated[tuple[ParentId, ...], Meta(max_length=1000)]


class Lineage(Spec, frozen=True):
    """Where a trial of a population comes from. Set by HQ. Its last checkpoint is kept when it succeeds."""

    #: Whose turn it is: the population's members, counted from 0.
    member: Annotated[int, Meta(ge=0)]
    #: How many trials were before it, one going on from the other.
    generation: Annotated[int, Meta(ge=0)] = 0
    #: The trial that it goes on from, and what that one left.
    parent: Annotated[int, Meta(ge=0)] | None = None
    checkpoint: Checkpoint | None = None


class JobSpec(Spec, frozen=True):
    """One run of a script with one set of parameters."""

    script: ScriptRef
    #: Passed as `arguments` says, in this order.
    params: JsonObject = field(default_factory=dict)
    arguments: ArgumentStyle = "flags"
    #: Raw words for the command line, before the parameters.
    argv: tuple[Text, ...] = ()
    name: ShortText = ""
    needs: Needs = Needs()
    limits: Limits = Limits()
    #: Higher first.
    priority: Annotated[int, Meta(ge=-100, le=100)] = 0
    #: At most one machine at a time, also in a partition; costs a kill when contact is lost.
    exclusive: bool = False
    retry_on_failure: Annotated[int, Meta(ge=0, le=100)] = 0
    max_starts: Annotated[int, Meta(ge=1, le=200)] = 3
    #: Unix seconds; a wish about wall time, not used to decide leases.
    not_before: Annotated[float, Meta(ge=0)] = 0
    expires: Annotated[float, Meta(ge=0)] = 0
    retry_of: JobId | None = None
    #: Names of secrets of the house that the script gets. Values are in no spec.
    secrets: Annotated[tuple[SecretName, ...], Meta(max_length=16)] = ()
    #: environment: variables of these names. files: `$IDLEHANDS_SECRETS/NAME`.
    secrets_as: SecretStyle = "environment"
    #: Globs below the working directory, such as `out/*.png` or `**/*.csv`: files to keep when it ended.
    artifacts: Annotated[tuple[ArtifactName, ...], Meta(max_length=32)] = ()
    #: Whether the result has all that the script prints on stdout: the log may leave lines of a flood out.
    keep_stdout: bool = False
    #: What the script gets as `IDLEHANDS_SEED`. None: every attempt draws one.
    seed: Seed | None = None
    source: Source | None = None
    serves: Serves | None = None
    sweep: SweepId | None = None
    trial: Annotated[int, Meta(ge=0)] | None = None
    lineage: Lineage | None = None
    #: No machine runs it: somebody's own loop asks for it and tells what came of it. Of sweeps only.
    #: `limits.wall_seconds` is then how long the loop may say nothing of it.
    asked: bool = False
    #: Must have succeeded first. When one did not, the job is cancelled. What parameters refer to counts too.
    after: Parents = ()
    #: Must have ended first, however they end.
    after_any: Parents = ()
    #: What it belongs to, what it is found by, and what should be known about it. In a sweep's job: the
    #: sweep's, and its trials'.
    project: ProjectName | None = None
    tags: Tags = ()
    note: Text = ""
    #: Limits of the house that it counts against while it runs, such as a licence. They must be there.
    within: Annotated[tuple[Name, ...], Meta(max_length=8)] = ()
    #: Set by HQ: of which it is a step.
    pipeline: PipelineId | None = None

    @property
    def starts_allowed(self) -> int:
        """Return how many starts may be used up before the job is dead."""
        return max(self.max_starts, self.retry_on_failure + 1)


class PastTrial(Spec, frozen=True):
    """A trial of another time, from which a sampler learns: its parameters and what came of it."""

    params: JsonObject
    #: One for each objective, in their order.
    values: Annotated[tuple[float, ...], Meta(min_length=1, max_length=16)]


class SweepSpec(Spec, frozen=True):
    """A search: one script, a space of parameters, a sampler, an objective."""

    job: JobSpec
    space: dict[ShortText, Dimension]
    #: Stays `random` where nothing is said: old sweeps in the log say nothing and mean it.
    sampler: SamplerName = "random"
    #: For grid: an upper bound. For the others: the number of trials.
    trials: Annotated[int, Meta(ge=1, le=100_000)] = 10
    #: The short form of one objective.
    metric: ShortText = ""
    direction: Direction = "maximize"
    #: With a seed, trials do not depend on the sweep's id: the same sweep gives the same trials.
    seed: Annotated[int, Meta(ge=0, le=2**53 - 1)] | None = None
    #: Trials that may be live at once.
    parallel: Annotated[int, Meta(ge=1, le=10_000)] = 16
    name: ShortText = ""
    #: What is searched for, instead of `metric` and `direction`.
    objectives: Annotated[tuple[Objective, ...], Meta(max_length=16)] = ()
    constraints: Annotated[tuple[Constraint, ...], Meta(max_length=16)] = ()
    options: SamplerOptions = SamplerOptions()
    #: Points to try first, in this order. What one leaves out is sampled.
    tries: Annotated[tuple[JsonObject, ...], Meta(max_length=1000)] = ()
    #: Trials of another time to learn from.
    past: Annotated[tuple[PastTrial, ...], Meta(max_length=1000)] = ()
    #: More of them: a blob with a JSON list of `PastTrial`.
    past_blob: Sha256 | None = None
    #: Ends trials that fall behind, by their `metric` as they report it.
    pruner: Pruner | None = None
    stop: StopRules = StopRules()


class ServiceSpec(Spec, frozen=True):
    """A script, or a function of a module, that is kept warm and called."""

    name: Name
    #: How its workers run. Parameters come with each call.
    job: JobSpec
    function: FunctionName | None = None
    #: On so many machines a worker is ready.
    min_warm: Annotated[int, Meta(ge=1, le=100)] = 1
    #: Calls at a time, for each worker.
    concurrency: Annotated[int, Meta(ge=1, le=64)] = 1
    #: Calls that may wait for a worker. What is beyond is refused.
    queue: Annotated[int, Meta(ge=0, le=10_000)] = 100
    #: Of a call that does not say so itself.
    deadline_seconds: Annotated[float, Meta(gt=0, le=3600)] = 30
    #: Whether calls are in the event log before they are answered.
    log: bool = True
