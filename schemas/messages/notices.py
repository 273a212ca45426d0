"""What HQ tells everybody who may watch."""

from schemas.events import JobEvent, SweepEvent
from schemas.messages.base import Message
from schemas.messages.from_agents import LogLines, Progress
from schemas.names import Count, Name
from schemas.states import JobStatus, SweepStatus


class JobNotice(Message, frozen=True):
    """One event of a job, after its commit."""

    position: Count
    index: Count
    #: Grows by one with every event of this job: a gap means a missed notice.
    revision: Count
    status: JobStatus
    event: JobEvent


class SweepNotice(Message, frozen=True):
    position: Count
    index: Count
    revision: Count
    status: SweepStatus
    event: SweepEvent


class DeletionNotice(Message, frozen=True):
    """A job or sweep is gone, after the commit: the last that is said of it."""

    position: Count
    index: Count
    by: Name


class JobProgress(Message, frozen=True):
    """Forwarded at once when it comes from the lease holder."""

    agent: Name
    progress: Progress


class JobLog(Message, frozen=True):
    agent: Name
    log: LogLines
