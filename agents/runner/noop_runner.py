"""A runner that runs nothing: every attempt succeeds at once with the result {}.

For benchmarks of everything around the script. It reports from the caller's thread.
"""

import time

from agents.runner.port import ReportTo, RunEnded, RunStarted
from schemas.facts import AttemptResult
from schemas.messages import Grant, ServiceCall
from schemas.names import JobId, Token
from schemas.states import Outcome


class NoopRunner:
    """Implements `Runner` without a process."""

    def __init__(self, report: ReportTo) -> None:
        self._report = report

    def start(self, grant: Grant) -> None:
        """Report the start and the success of an attempt."""
        self._report(RunStarted(grant.job, grant.token))
        now = time.time()
        result = AttemptResult(
            *(grant.job, grant.token, Outcome.SUCCEEDED), exit_code=0, result={}, started_at=now, ended_at=now
        )
        self._report(RunEnded(result))

    def wind_down(self, job: JobId, token: Token) -> None:
        """Do nothing: every attempt has ended already."""

    def stop(self, job: JobId, token: Token, *, at_once: bool = False, unwanted: bool = False) -> None:
        """Do nothing: every attempt has ended already."""

    def vacate(self, job: JobId, token: Token, grace_seconds: float) -> None:
        """Do nothing: every attempt has ended already."""

    def freeze(self, job: JobId, token: Token, *, still: bool) -> None:
        """Do nothing: every attempt has ended already."""

    def show(self, job: JobId, token: Token) -> None:
        """Do nothing: every attempt has ended already."""

    def call(self, call: ServiceCall) -> None:
        """Do nothing: there is no worker."""

    def behave(self, *, half_cores: bool, lowest_priority: bool) -> None:
        """Do nothing: nothing takes any time."""

    def cool(self) -> None:
        """Do nothing: nothing is held."""

    def close(self) -> None:
        """Do nothing."""
