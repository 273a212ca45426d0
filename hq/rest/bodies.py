"""What REST takes as bodies, and their JSON Schemas for OpenAPI."""

from typing import Annotated, Any

from msgspec import Meta, Struct

from hq.outside.household import Household
from hq.outside.mapping import Hook, TopicJob
from hq.outside.targets import Notification
from hq.rest.datasets import DatasetBody
from hq.rest.problems import ProblemBody
from hq.rest.tokens import Role
from schemas.early_stopping import Live, StopRules
from schemas.facts import MetricPoint
from schemas.names import (
    AnyProject,
    ArtifactName,
    Count,
    JobId,
    JsonObject,
    LimitKind,
    Name,
    ShortText,
    SweepId,
    Tags,
    Text,
    Token,
)
from schemas.pipelines import PipelineSpec
from schemas.registry import Stage
from schemas.requests import Told
from schemas.schedules import ScheduleSpec
from schemas.specs import Dimension, JobSpec, ServiceSpec, SweepSpec


class JobsBody(Struct, frozen=True, forbid_unknown_fields=True):
    """Jobs to submit: all of them or, when one is refused, none."""

    jobs: Annotated[tuple[JobSpec, ...], Meta(min_length=1, max_length=5000)]


class ScriptRunBody(Struct, frozen=True, forbid_unknown_fields=True):
    """A script of the HQ host, to be run once and waited for."""

    #: A directory that was allowed with `idlehands scripts allow`, or one below it.
    scriptsPath: Annotated[str, Meta(min_length=1, max_length=4096)]  # noqa: N815 - as existing tools say it
    #: A Python file in it.
    scriptName: Annotated[str, Meta(min_length=1, max_length=255)]  # noqa: N815
    #: Their values are the script's words, in this order; the names are for people.
    jobParameters: dict[str, Any] = {}  # noqa: N815 - msgspec copies it


class RollbackBody(Struct, frozen=True, forbid_unknown_fields=True):
    """Where to go back to."""

    #: None: the one before the current one.
    version: Annotated[int, Meta(ge=1, le=2**31)] | None = None


#: A service is deployed as it is.
ServiceBody = ServiceSpec


class CallBody(Struct, frozen=True):
    """The parameters of a call by name; /services/NAME/openapi.json says which there are."""


#: A pipeline is submitted as it is.
PipelineBody = PipelineSpec
#: A sweep is submitted as it is.
SweepBody = SweepSpec


class SweepChangeBody(Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """What of a sweep is to change for trials that are proposed later."""

    trials: Annotated[int, Meta(ge=1, le=100_000)] | None = None
    parallel: Annotated[int, Meta(ge=1, le=10_000)] | None = None
    space: dict[ShortText, Dimension] | None = None
    #: In place of all its rules before.
    stop: StopRules | None = None
    #: Also with parameters that the script does not seem to take.
    force: bool = False


class PromoteBody(Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """Which job, or which sweep's best trial, becomes the model's next version."""

    #: One of the two.
    job: JobId | None = None
    sweep: SweepId | None = None
    #: Names of its artifacts; none: all of them.
    artifacts: Annotated[tuple[ArtifactName, ...], Meta(max_length=200)] = ()
    stage: Stage = "none"
    note: Annotated[str, Meta(max_length=2000)] = ""


class TokenBody(Struct, frozen=True, forbid_unknown_fields=True):
    """A token to make."""

    #: Whose it is; a name may have several.
    name: Name
    role: Role
    #: After so many days it opens nothing any more; left out: never.
    days: Annotated[float, Meta(gt=0, le=3650)] | None = None


class StageBody(Struct, frozen=True, forbid_unknown_fields=True):
    """Which stage a version of a model gets."""

    stage: Stage


class FinishBody(Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """What becomes of the trials that run."""

    live: Live = "finish"


class TrialsBody(Struct, frozen=True, forbid_unknown_fields=True):
    """Parameters of trials to add."""

    trials: Annotated[tuple[JsonObject, ...], Meta(min_length=1, max_length=200)]


class HookBody(Hook, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A webhook that submits, with its secret."""

    #: None leaves the one before. It is never shown again.
    secret: Annotated[str, Meta(max_length=4096)] | None = None


#: A topic that submits is kept as it is.
TopicBody = TopicJob


class HouseholdBody(Household, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """The household's own broker, with the password of its user."""

    #: None leaves the one before. It is never shown again.
    secret: Annotated[str, Meta(max_length=4096)] | None = None


#: A schedule is added as it is.
ScheduleBody = ScheduleSpec


class NotificationBody(Notification, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A notification, with its secret: the password of the mail server, the key that signs, the token."""

    #: None leaves the one before. It is never shown again.
    secret: Annotated[str, Meta(max_length=4096)] | None = None


class TellBody(Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """What came of a trial that was asked for."""

    trial: Count
    #: As it was asked for. None: as it was asked for last.
    token: Token | None = None
    state: Told = "succeeded"
    #: One for each objective, in their order; of a trial that succeeded only.
    values: Annotated[tuple[float, ...], Meta(max_length=16)] = ()
    #: What else is to be in its result, such as the metrics of constraints.
    result: JsonObject = {}
    why: Text = ""
    #: All that was reported of it, thinned when that is too much.
    points: Annotated[tuple[MetricPoint, ...], Meta(max_length=2000)] = ()


class ReportBody(Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """How far a trial is that was asked for."""

    trial: Count
    token: Token
    #: None: only that it goes on.
    point: MetricPoint | None = None


class LabelsBody(Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """What of a job's or sweep's labels is to change."""

    #: None: as it is. Empty: none.
    project: AnyProject | None = None
    note: Text | None = None
    add_tags: Tags = ()
    remove_tags: Tags = ()


class LimitBody(Struct, frozen=True, forbid_unknown_fields=True):
    """How many jobs of a user, or that name a limit, run at once."""

    kind: LimitKind
    name: Name
    #: None: no limit.
    at_most: Annotated[int, Meta(ge=0, le=100_000)] | None = None


_REF = "#/components/schemas/{name}"
#: What the OpenAPI document has JSON Schemas of, beside the answers.
BODIES: tuple[type[Struct], ...] = (
    JobsBody,
    SweepBody,
    PipelineBody,
    LimitBody,
    LabelsBody,
    ServiceBody,
    RollbackBody,
    CallBody,
    DatasetBody,
    ScriptRunBody,
    SweepChangeBody,
    FinishBody,
    PromoteBody,
    StageBody,
    TokenBody,
    TrialsBody,
    NotificationBody,
    ScheduleBody,
    HookBody,
    TopicBody,
    HouseholdBody,
    TellBody,
    ReportBody,
    ProblemBody,
)


_SCRIPT = {"bundle": "0" * 64, "entry": "train.py", "name": "train"}
_EXAMPLES: dict[type[Struct], dict[str, Any]] = {
    DatasetBody: {"kind": "file", "filename": "wine.csv"},
    ServiceBody: {"name": "encode", "job": {"script": _SCRIPT}, "function": "encode", "min_warm": 1},
    RollbackBody: {"version": 1},
    CallBody: {"text": "hello"},
    ScriptRunBody: {
        "scriptsPath": "/srv/scripts",
        "scriptName": "data_prep.py",
        "jobParameters": {"dataFileName": "wine.csv", "dataPath": "/srv/data", "writePath": "/srv/out"},
    },
    JobsBody: {"jobs": [{"script": _SCRIPT, "params": {"learning_rate": 0.1, "epochs": 3}}]},
    SweepChangeBody: {"trials": 50, "stop": {"target": 0.99}},
    PromoteBody: {"job": "jabcdefghijkl", "artifacts": ["model.pt"], "stage": "staging"},
    TokenBody: {"name": "grafana", "role": "viewer", "days": 90},
    StageBody: {"stage": "production"},
    FinishBody: {"live": "wind_down"},
    ScheduleBody: {
        "name": "nightly",
        "cron": "30 2 * * MON-FRI",
        "zone": "Europe/Berlin",
        "job": {"script": _SCRIPT},
    },
    HookBody: {
        "name": "push",
        "submits": {"job": {"script": _SCRIPT}},
        "parameters": {"commit": {"pointer": "/after", "max_length": 40}},
        "only": {"/ref": "refs/heads/main"},
        "secret": "a secret that nobody guesses",
    },
    TopicBody: {
        "name": "sun",
        "topic": "solar/forecast",
        "submits": {"job": {"script": _SCRIPT}},
        "parameters": {"watts": {"pointer": "", "type": "number", "minimum": 0, "maximum": 20000}},
    },
    HouseholdBody: {"host": "192.0.2.10", "user": "idlehands", "conditions": ["home/#", "solar/+/watts"]},
    NotificationBody: {
        "name": "phone",
        "to": {"kind": "ntfy", "topic": "a-name-that-nobody-guesses"},
        "on": ["job_failed", "sweep_finished"],
    },
    TrialsBody: {"trials": [{"learning_rate": 0.01}]},
    TellBody: {"trial": 0, "values": [0.93]},
    ReportBody: {
        "trial": 0,
        "token": 1048577,
        "point": {"seq": 0, "at": 0, "metrics": {"loss": 0.5}, "step": 1},
    },
    LabelsBody: {"add_tags": ["baseline"], "note": "the one to beat"},
    LimitBody: {"kind": "user", "name": "anna", "at_most": 3},
    PipelineBody: {
        "name": "wine",
        "steps": [
            {"name": "prepare", "job": {"script": _SCRIPT}},
            {
                "name": "train",
                "job": {"script": _SCRIPT, "params": {"rows": "result://prepare/rows"}},
            },
        ],
    },
    SweepBody: {
        "job": {"script": _SCRIPT},
        "space": {"learning_rate": {"type": "float", "low": 0.0001, "high": 1.0, "log": True}},
        "trials": 12,
        "metric": "accuracy",
    },
}


def takes(kind: type[Struct]) -> dict[str, Any]:
    """Return the OpenAPI words of a route with this body."""
    content = {"schema": {"$ref": _REF.format(name=kind.__name__)}, "example": _EXAMPLES[kind]}
    return {"requestBody": {"required": True, "content": {"application/json": content}}}
