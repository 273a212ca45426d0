"""What HQ knows durably: the fold of the event log.

`Job`, `Sweep` and `AgentRecord` are frozen and carry the log position that
they reflect, so that read models can be compared and replayed. `State` holds
the live ones; finished jobs leave a small record behind, bounded in number.
"""

from hq.core.state.changes import (
    Change,
    Deleted,
    Kind,
    Relabelled,
    StoredChange,
    StoredResult,
    with_labels,
)
from hq.core.state.jobs import Attempt, Finished, Job, Pruning
from hq.core.state.models import Model, RegisteredVersion
from hq.core.state.records import AgentRecord, Answer, AuditEntry, Limit, Pipeline, Schedule
from hq.core.state.services import VERSIONS_KEPT, Service, ServiceVersion
from hq.core.state.state import FINISHED_KEPT, IDEMPOTENCY_SECONDS, REPORTED_KEPT, State
from hq.core.state.sweeps import Sweep

__all__ = [
    "FINISHED_KEPT",
    "IDEMPOTENCY_SECONDS",
    "REPORTED_KEPT",
    "VERSIONS_KEPT",
    "AgentRecord",
    "Answer",
    "Attempt",
    "AuditEntry",
    "Change",
    "Deleted",
    "Finished",
    "Job",
    "Kind",
    "Limit",
    "Model",
    "Pipeline",
    "Pruning",
    "RegisteredVersion",
    "Relabelled",
    "Schedule",
    "Service",
    "ServiceVersion",
    "State",
    "StoredChange",
    "StoredResult",
    "Sweep",
    "with_labels",
]
