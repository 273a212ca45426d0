"""Jobs in the hands of a program: how far each is, what it returned or raised, and its files."""

import math
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, Generic, TypeVar

import msgspec

from idlehands.calls.opening import NotPlain, ResultBroken, ResultUntrusted, open_outcome, read_said
from idlehands.client.endings import Ending, Told
from idlehands.client.errors import ClientError
from idlehands.client.following import Update
from schemas.events import AttemptReturned, JobCancelled, JobClaimed, JobDied, JobFailed, JobSucceeded
from schemas.facts import AttemptResult
from schemas.states import JobStatus

if TYPE_CHECKING:
    from idlehands.client.house import House

_LOOK_SECONDS = 1.0


_T = TypeVar("_T")


class JobFailure(ClientError):
    """A job that did not succeed.

    Attributes:
        job: Its id.
        kind: A stable word, such as `exit`, `wall_time`, `out_of_memory`, `cancelled` or `dead`.
    """

    def __init__(self, job: str, kind: str, message: str) -> None:
        super().__init__(message)
        self.job = job
        self.kind = kind


class NobodyTrusts(ClientError):
    """No machine of the house trusts the author of a call, so it runs nowhere."""


class StillRunning(ClientError, TimeoutError):
    """A job has not ended in the time that was given to it. It goes on."""


class Job(Generic[_T]):
    """One job of the house, of a function that returns a `_T`. Safe to use from several threads."""

    def __init__(self, house: "House", job: str, *, is_call: bool = False, name: str = "") -> None:
        self.id = job
        self.name = name
        self._house, self._is_call = house, is_call
        self._changed = threading.Condition()
        self._agent: str | None = None
        self._ending: Ending | None = None
        self._is_declined = False
        self._listeners: list[Callable[[], object]] = []
        house.endings.listen(job, self._take)

    def __repr__(self) -> str:
        return f"<Job {self.id} {self.name} {self.status}>"

    @property
    def status(self) -> str:
        """Return the state as far as it was heard, such as queued, running, succeeded or failed."""
        match self._ending:
            case None:
                return str(JobStatus.QUEUED if self._agent is None else JobStatus.RUNNING)
            case JobSucceeded():
                return str(JobStatus.SUCCEEDED)
            case JobFailed():
                return str(JobStatus.FAILED)
            case JobCancelled():
                return str(JobStatus.CANCELLED)
            case JobDied():
                return str(JobStatus.DEAD)

    @property
    def agent(self) -> str | None:
        """Return the machine that got it last, None before that."""
        return self._agent

    def done(self) -> bool:
        """Tell whether it has ended."""
        return self._ending is not None

    def wait(self, timeout: float | None = None) -> bool:
        """Return when it has ended, or after `timeout` seconds; tell whether it has.

        Raises:
            NobodyTrusts: If no machine may run it, as nobody trusts its author.
        """
        deadline = None if timeout is None else time.monotonic() + timeout
        while True:
            left = math.inf if deadline is None else max(deadline - time.monotonic(), 0.0)
            with self._changed:
                self._changed.wait_for(lambda: self.done() or self._is_declined, min(left, _LOOK_SECONDS))
                if self.done() or left <= 0:
                    return self.done()
                is_declined, self._is_declined = self._is_declined, False
            if is_declined:
                self._check_trust()

    def result(self, timeout: float | None = None) -> _T:
        """Return what the function returned, or the JSON object that the script printed last.

        Raises:
            StillRunning: If it has not ended in `timeout` seconds.
            NobodyTrusts: If no machine may run it, as nobody trusts its author.
            JobFailure: If it did not succeed.
            ResultUntrusted: If only a machine that nobody here trusts says what was returned.
            ResultBroken: If what came back cannot be opened.
            Exception: Whatever the function raised, with the traceback from there as its cause.
        """
        if not self.wait(timeout):
            raise StillRunning(f"{self.id} has not ended in {timeout:g} s: it goes on")
        assert self._ending is not None  # noqa: S101 - `wait` said so
        value: _T = read_ending(self._house, self.id, self._ending, is_call=self._is_call)
        return value

    def on_change(self, listener: Callable[[], object]) -> None:
        """Let a listener know when it begins, is declined, or ends; at once if it has ended already."""
        with self._changed:
            self._listeners.append(listener)
            is_done = self.done()
        if is_done:
            listener()

    def cancel(self) -> None:
        """Cancel it. Raises RequestRefused when it has ended already."""
        self._house.client.cancel([self.id])

    def label(self, **labels: Any) -> None:
        """Change its `project`, `note` and tags (`add`, `remove`), also after its end. As `Client.label`."""
        self._house.client.label([self.id], **labels)

    def why(self) -> str:
        """Return why it is not running, in words."""
        return self._house.client.explain(self.id)

    def follow(self) -> Iterator[Update]:
        """Yield its status, progress and log as they happen, until it has ended."""
        return self._house.client.follow(self.id)

    def log(self) -> list[str]:
        """Return the lines that it has printed so far."""
        from idlehands.client.following import lines_of

        return [line for row in self._house.client.logs(self.id) for line in lines_of(row)]

    def _repr_html_(self) -> str:
        """Return how it stands, for a notebook."""
        from idlehands.client.notebook import show_jobs

        return show_jobs([self])

    def read(self) -> dict[str, Any]:
        """Return all that HQ knows of it: spec, attempts, results."""
        return self._house.client.job(self.id)

    def get(self, folder: Path | str | None = None) -> list[Path]:
        """Bring its result, log and artifacts into a folder, by default one called as the job is."""
        from idlehands.client.outputs import fetch_outputs

        return fetch_outputs(self._house.client, self.read(), Path(folder or self.id))

    def _check_trust(self) -> None:
        if not self._is_call:
            return
        why = find_distrust(self._house, self.id)
        if why:
            raise NobodyTrusts(why)

    def _take(self, _job: str, event: Told) -> None:
        with self._changed:
            match event:
                case JobClaimed(agent=agent):
                    self._agent = agent
                case JobSucceeded() | JobFailed() | JobCancelled() | JobDied():
                    self._ending = event
                case _:
                    self._agent = None
                    self._is_declined = isinstance(event, AttemptReturned)
            self._changed.notify_all()
            listeners = tuple(self._listeners)
        for listener in listeners:
            listener()


def find_distrust(house: "House", job: str) -> str:
    """Return why nobody will ever run a call as things are, or "" when somebody may."""
    try:
        why = house.client.explain(job)
    except ClientError:
        return ""
    reasons = why.partition("because ")[2].split("; ")
    if not why.startswith("no agent can run this") or not all("trust" in one for one in reasons):
        return ""
    return (
        f"No machine trusts the author of this call, so {job} runs nowhere: {why}. "
        f"Your key is {house.public_key}"
    )


def read_ending(house: "House", job: str, ending: Ending, *, is_call: bool) -> Any:
    """Return what a job that ended returned, or raise what it raised. Raises as `Job.result`."""
    result = getattr(ending, "result", None)
    if isinstance(ending, JobSucceeded) and not is_call:
        return read_content(house, result)
    if is_call and result is not None and isinstance(ending, JobSucceeded | JobFailed):
        try:
            said = read_said(read_content(house, result))
        except ResultBroken:
            if isinstance(ending, JobSucceeded):
                raise
        else:
            return _open(house, job, said)
    raise _failure_of(job, ending)


def read_content(house: "House", result: AttemptResult | None) -> dict[str, Any] | None:
    """Return the JSON object of a result, from its blob when it was big."""
    if result is not None and result.result_blob:
        content: dict[str, Any] = msgspec.json.decode(house.client.get_blob(result.result_blob))
        return content
    return None if result is None else result.result


def _open(house: "House", job: str, said: dict[str, Any]) -> Any:
    try:
        outcome = open_outcome(said, house.client.get_blob, is_trusted=False)
    except NotPlain as found:
        # Who owns the broker can say anything on it. What REST says, the agent's signature was checked for.
        said, agent = _read_kept(house, job)
        if not house.trusts(agent):
            raise ResultUntrusted(
                f"What {agent} sent for {job} holds a {found}, which could run code here when opened, "
                f"and you have not said that you trust {agent} with that: say "
                f"`idlehands trust agent add {agent}`, or connect with trust=[{agent!r}]"
            ) from None
        outcome = open_outcome(said, house.client.get_blob, is_trusted=True)
    if outcome.error is not None:
        raise with_remote_traceback(outcome.error, outcome.traceback)
    return outcome.value


def _read_kept(house: "House", job: str) -> tuple[dict[str, Any], str]:
    """Return what the call said, and the agent that said it, as HQ has stored it."""
    for row in house.client.job(job, at_least=house.client.ping()).get("results", ()):
        if row.get("verdict") == "accepted" and row.get("result"):
            result = msgspec.convert(row["result"], AttemptResult, strict=False)
            return read_said(read_content(house, result)), str(row["agent"])
    raise ResultBroken(f"HQ has no result of {job}")


def with_remote_traceback(error: BaseException, text: str) -> BaseException:
    """Return an exception whose cause shows where it was raised on the other machine."""
    # As `concurrent.futures` does it, so that what knows that form knows this one.
    from concurrent.futures import process

    make: Any = process._RemoteTraceback
    error.__cause__ = make(f'\n"""\n{text}"""')
    return error


def _failure_of(job: str, ending: Ending) -> JobFailure:
    why = getattr(ending, "why", "")
    match ending:
        case JobCancelled(by=by):
            return JobFailure(job, "cancelled", f"{job} was cancelled by {by}" + (f": {why}" if why else ""))
        case JobDied():
            return JobFailure(job, "dead", f"{job} is dead: {why}")
        case JobFailed(result=AttemptResult(failure=failure)) if failure is not None:
            return JobFailure(job, failure.kind, f"{job} failed: {failure.kind}: {failure.message}")
    return JobFailure(job, "failed", f"{job} failed: {why or 'no reason was given'}")
