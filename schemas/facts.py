"""What agents measure and report: machine facts, the guest state and results."""

from typing import Annotated

from msgspec import Meta, Struct, field

from schemas.isolation import Isolation
from schemas.names import (
    ArtifactName,
    Count,
    DatasetName,
    EnvironmentName,
    JobId,
    JsonObject,
    MacAddress,
    ModelName,
    Name,
    Seconds,
    Seed,
    Sha256,
    ShortText,
    Text,
    Token,
)
from schemas.states import Outcome


class Fact(Struct, frozen=True, omit_defaults=True):
    """Base of what agents report. Unknown fields are ignored: agents may be newer than HQ."""


class MachineFacts(Fact, frozen=True):
    """What a machine is. Reported at boot and when it changes."""

    system: ShortText = ""
    python: ShortText = ""
    processor: ShortText = ""
    cores: Annotated[int, Meta(ge=0, le=65_536)] = 0
    memory_mb: Count = 0
    gpus: Annotated[int, Meta(ge=0, le=1024)] = 0
    labels: tuple[Name, ...] = ()
    version: ShortText = ""
    #: The levels at which it runs jobs, tried out when the agent started.
    isolation: tuple[Isolation, ...] = ("basic",)
    #: What jobs may ask to run in, besides its own interpreter: see `Needs.environment`.
    environments: tuple[EnvironmentName, ...] = ()
    #: Network cards that a magic packet wakes it by; none unless its owner allows that.
    wake: Annotated[tuple[MacAddress, ...], Meta(max_length=8)] = ()


class GuestState(Fact, frozen=True):
    """Whether the owner's policy lets jobs run now, and why not."""

    accepting: bool = True
    reason: ShortText = ""
    #: The same for jobs that need a GPU. Never true where `accepting` is not.
    accepting_gpu: bool = True
    gpu_reason: ShortText = ""
    #: Jobs that stand still here until the owner goes.
    frozen: Count = 0
    #: The owner's preset: polite, when-idle, nights or dedicated; "" from agents that have none.
    preset: ShortText = ""
    #: What it was asked for through HQ and holds now: pause or drain.
    house_wish: ShortText = ""


#: Of the whole machine; None where it cannot be told.
Percent = Annotated[float, Meta(ge=0, le=100)] | None
Celsius = Annotated[float, Meta(ge=-100, le=300)] | None


class MachineLoad(Fact, frozen=True):
    """How busy and how warm the whole machine is, its owner's programs included. For display."""

    cpu: Percent = None
    memory: Percent = None
    gpu: Percent = None
    cpu_celsius: Celsius = None
    gpu_celsius: Celsius = None


class MetricPoint(Fact, frozen=True):
    """Metrics that a script reported at one moment. A value that was not finite is None."""

    seq: Count
    #: Unix seconds on the agent's clock; for display.
    at: float
    metrics: dict[ShortText, float | None] = field(default_factory=dict)
    step: float | None = None
    #: Without a step: how many points with these metrics the script has reported by now, itself included.
    number: Count | None = None


class Failure(Fact, frozen=True):
    """A named failure: what kind, what happened, and the end of the traceback."""

    kind: ShortText
    message: Text
    traceback: Annotated[str, Meta(max_length=65_536)] = ""


class Checkpoint(Fact, frozen=True):
    """What a script left in its checkpoint folder, as a tar archive that is stored as a blob."""

    #: Of the attempt that wrote it.
    token: Token
    sha256: Sha256
    bytes: Count


class Artifact(Fact, frozen=True):
    """A file that an attempt left behind, stored as a blob."""

    #: What it was saved as, or its path below the working directory.
    name: ArtifactName
    sha256: Sha256
    bytes: Count


class Energy(Fact, frozen=True):
    """What an attempt used of its machine's energy."""

    kwh: Annotated[float, Meta(ge=0, le=1e9)]
    #: plug, measured (by the processor and cards themselves) or estimated.
    source: Annotated[str, Meta(max_length=16)]
    #: By the owner's tariff; None where there is none.
    cost: Annotated[float, Meta(ge=0, le=1e12)] | None = None
    currency: Annotated[str, Meta(max_length=8)] = ""


class ModelUse(Fact, frozen=True):
    """A version of a model that a parameter named, as it was found when the attempt began."""

    model: ModelName
    version: Annotated[int, Meta(ge=1, le=2**31)]
    #: Of its one file, or of all their names and hashes.
    sha256: Sha256


class AttemptResult(Fact, frozen=True):
    """How one attempt ended. Written to the agent's spool before it is first sent."""

    job: JobId
    token: Token
    outcome: Outcome
    exit_code: int | None = None
    #: The script's JSON result; None when it printed none or it travels as a blob.
    result: JsonObject | None = None
    result_blob: Sha256 | None = None
    #: All that the script printed on stdout, where its spec asks for that and it is not too much.
    stdout: Annotated[str, Meta(max_length=262_144)] | None = None
    #: The same as a blob, when it is too large.
    stdout_blob: Sha256 | None = None
    #: Of stdout, how many bytes at its end were not kept.
    stdout_lost: Count = 0
    failure: Failure | None = None
    #: All metric points, thinned when they are too many. Progress is lossy, this is not.
    series: tuple[MetricPoint, ...] = ()
    #: Unix seconds on the agent's clock; for display.
    started_at: float = 0
    ended_at: float = 0
    #: On the agent's monotonic clock.
    duration_seconds: Seconds = 0
    cpu_seconds: Seconds = 0
    max_rss_mb: Seconds = 0
    output_bytes: Count = 0
    notes: tuple[Text, ...] = ()
    #: The last one that was stored, of an attempt that did not succeed or that others may go on from.
    checkpoint: Checkpoint | None = None
    artifacts: Annotated[tuple[Artifact, ...], Meta(max_length=1000)] = ()
    #: A blob: interpreter, packages and machine, as JSON. Equal for all attempts in the same environment.
    environment: Sha256 | None = None
    #: The versions of the datasets that its parameters named.
    datasets: Annotated[dict[DatasetName, Sha256], Meta(max_length=100)] = field(default_factory=dict)
    #: Its part of the machine's energy; None from agents that do not tell, and where nothing was run.
    energy: Energy | None = None
    #: The versions of the models that its parameters named.
    models: Annotated[tuple[ModelUse, ...], Meta(max_length=100)] = ()
    #: What the script had as `IDLEHANDS_SEED`; None where it never began.
    seed: Seed | None = None
