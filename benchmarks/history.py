"""What really happened, read from the event log: the only place that benchmarks count from.

Majority reads of journaled decisions. Times are the log's: Unix seconds at
which HQ decided, some milliseconds before the commit.
"""

import contextlib
from dataclasses import dataclass, field

from hq.log.connection import connect
from hq.log.mongo import MongoLog
from idlehands.house.furnish import database_uri_file
from idlehands.house.home import Home
from schemas.events import JobClaimed, JobSubmitted, JobSucceeded


@dataclass
class History:
    """Moments of jobs in the log after a position, by job id."""

    submitted: dict[str, float] = field(default_factory=dict)
    claimed: dict[str, float] = field(default_factory=dict)
    succeeded: dict[str, float] = field(default_factory=dict)
    #: When the runner began, on the agent's wall clock: this machine's.
    started: dict[str, float] = field(default_factory=dict)
    decisions: int = 0


class WrongHistory(Exception):
    """The log does not say what was measured: the figures would be wrong."""


def read_history(home: Home, after: int = 0) -> History:
    """Return what the log holds after `after`.

    Raises:
        LogUnavailable: If the database does not answer.
    """
    database = connect(database_uri_file(home).read_text().strip())
    history = History()
    with contextlib.closing(database.client):
        for decision in MongoLog(database).read_after(after):
            history.decisions += 1
            for event in decision.events:
                if isinstance(event, JobSubmitted):
                    history.submitted[event.job] = decision.at
                elif isinstance(event, JobClaimed):
                    history.claimed[event.job] = decision.at
                elif isinstance(event, JobSucceeded):
                    history.succeeded[event.job] = decision.at
                    history.started[event.job] = event.result.started_at
    return history


def check_all_succeeded(history: History, jobs: tuple[str, ...]) -> None:
    """Check that the log holds submission, claim and success of each of these jobs.

    Raises:
        WrongHistory: If not.
    """
    for name, found in (
        ("submitted", history.submitted),
        ("claimed", history.claimed),
        ("succeeded", history.succeeded),
    ):
        missing = [job for job in jobs if job not in found]
        if missing:
            raise WrongHistory(f"{len(missing)} of {len(jobs)} jobs were not {name}, such as {missing[0]}")
