"""What the agent asks of whatever runs scripts, and what it hears back.

The only contract between the agent's loop and a runner. It knows grants and
results, and nothing of processes, MQTT or the spool. A runner calls
`report` from its own threads, in order within one attempt:

    start -> RunStarted? -> (RunProgress | RunLog | RunCheckpoint)* -> RunEnded | RunStopped
"""

from collections.abc import Callable
from typing import Protocol

from msgspec import Struct

from schemas.facts import AttemptResult, Checkpoint
from schemas.messages import Grant, LogLines, Progress, ServiceAnswer, ServiceCall
from schemas.names import JobId, Token


class RunStarted(Struct, frozen=True):
    """The script's process exists. Left out when the attempt fails before that."""

    job: JobId
    token: Token


class RunProgress(Struct, frozen=True):
    """Percent and metric points since the last one; lossy by contract."""

    progress: Progress


class RunLog(Struct, frozen=True):
    """Some lines of one stream; a gap in `seq` is lines that were dropped."""

    log: LogLines


class RunCheckpoint(Struct, frozen=True):
    """What the script left in its checkpoint folder is stored as a blob."""

    job: JobId
    checkpoint: Checkpoint


class RunReady(Struct, frozen=True):
    """A service's worker takes calls."""

    job: JobId
    token: Token


class RunAnswered(Struct, frozen=True):
    """A call of a service has ended."""

    answer: ServiceAnswer


class RunEnded(Struct, frozen=True):
    """The attempt ended by itself or by a limit. Its whole tree is gone."""

    result: AttemptResult


class RunStopped(Struct, frozen=True):
    """The attempt was stopped by `stop` or `close`. Its whole tree is gone; there is no result."""

    job: JobId
    token: Token
    #: Set when nobody asked for it: why the attempt must be handed back, which is not the job's fault.
    why: str = ""


Report = RunReady | RunAnswered | RunStarted | RunProgress | RunLog | RunCheckpoint | RunEnded | RunStopped
ReportTo = Callable[[Report], None]


class Runner(Protocol):
    """Runs granted attempts, each one known by (job, token)."""

    def start(self, grant: Grant) -> None:
        """Begin an attempt and return at once; never raises.

        Every trouble becomes one `RunEnded` with a named failure, except that
        REST is away: then one `RunStopped` says so. A second start of a
        (job, token) that is still here changes nothing.
        """

    def wind_down(self, job: JobId, token: Token) -> None:
        """Ask the script to end early (`should_stop()`); soon after TERM to its tree, 10 s later KILL.

        Answered by one `RunEnded` with what it has by then. Safe to repeat.
        """

    def stop(self, job: JobId, token: Token, *, at_once: bool = False, unwanted: bool = False) -> None:
        """End an attempt: TERM to its tree, 5 s later KILL; with `at_once` KILL now.

        What it left in its checkpoint folder is stored before, unless it is `unwanted`.

        Answered by one `RunStopped`, unless the attempt had ended before.
        An unknown (job, token) changes nothing. Safe to repeat.
        """

    def vacate(self, job: JobId, token: Token, grace_seconds: float) -> None:
        """End an attempt for the machine's owner: raise its stop flag, TERM, and KILL after the grace.

        Answered as `stop` is, which may still be called to end it sooner. Safe to repeat.
        """

    def freeze(self, job: JobId, token: Token, *, still: bool) -> None:
        """Let the whole tree of an attempt stand still, or go on: that time is not its own. Repeatable."""

    def show(self, job: JobId, token: Token) -> None:
        """Begin to say where an attempt's script is, as log lines of the stream `stacks`; return at once.

        An unknown (job, token), and one that is asked already, changes nothing.
        """

    def call(self, call: ServiceCall) -> None:
        """Give a call to the worker of a service; return at once.

        Answered by one `RunAnswered`. For a worker that is not here, or goes, there is none.
        """

    def behave(self, *, half_cores: bool, lowest_priority: bool) -> None:
        """Let all attempts from now on use half of the cores, or run at the lowest priority.

        Those that run do so too, but a priority that was lowered stays low.
        """

    def cool(self) -> None:
        """Give back the memory that is held only so that the next script begins sooner."""

    def close(self) -> None:
        """Stop every attempt at once, report each, and return when all are gone."""
