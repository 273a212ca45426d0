"""What concerns no single job or sweep: HQ, machines, pipelines, limits, answers."""

from schemas.audit import AuditNote
from schemas.events.base import LOG_VERSION, Event
from schemas.facts import MachineFacts
from schemas.names import (
    AnyProject,
    Boot,
    Count,
    Epoch,
    JsonObject,
    Key,
    LimitKind,
    Name,
    Nonce,
    ParentId,
    PipelineId,
    Sha256,
    Tags,
    Text,
)
from schemas.pipelines import PipelineSpec, StepName


class EpochBegan(Event, frozen=True):
    """An HQ took over. First decision of every epoch, and the fence for the one before."""

    epoch: Epoch
    instance: Nonce
    version: int = LOG_VERSION


class AgentBooted(Event, frozen=True):
    """An agent's process started; attempts of its earlier boots ended unless listed as spooled."""

    agent: Name
    boot: Boot
    instance: Nonce
    slots: Count
    facts: MachineFacts


class PipelineSubmitted(Event, frozen=True):
    """Steps that were submitted together, in the same decision: names of steps by what they became."""

    pipeline: PipelineId
    spec: PipelineSpec
    submitter: Name
    steps: dict[StepName, ParentId]
    #: One whose steps that succeeded are among these, and not submitted again.
    retry_of: PipelineId | None = None


class PipelineDeleted(Event, frozen=True):
    """A pipeline is forgotten; its own steps are deleted in the same decision."""

    pipeline: PipelineId
    by: Name


class LimitSet(Event, frozen=True):
    """So many jobs of a user, or that name this limit, run at once from now on. None: no limit."""

    kind: LimitKind
    name: Name
    at_most: Count | None
    by: Name


class Labelled(Event, frozen=True):
    """What a job or sweep belongs to, is found by and is known for, from now on; also after its end."""

    subject: ParentId
    by: Name
    project: AnyProject = ""
    tags: Tags = ()
    note: Text = ""


class Audited(Event, frozen=True):
    """Something about who gets in: of no job, and of nothing that HQ decides by."""

    note: AuditNote
    #: Who handed it in.
    by: Name


class RequestAnswered(Event, frozen=True):
    """The answer stored under (submitter, key), in the same decision as what it did."""

    submitter: Name
    key: Key
    digest: Sha256
    answer: JsonObject
