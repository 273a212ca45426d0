"""Following one job on a terminal: log lines, a progress bar, Ctrl-C, and its end as an exit code."""

import contextlib
import signal
import sys
import threading
from collections.abc import Iterator, Sequence
from pathlib import Path
from types import FrameType
from typing import Any

from idlehands.cli import exits
from idlehands.cli.building import build_job, checked_params
from idlehands.cli.job_options import Template
from idlehands.cli.opening import open_client
from idlehands.cli.printing import print_json
from idlehands.cli.screen import Screen
from idlehands.client import Client, ClientError, RequestRefused, StatusUpdate
from schemas.states import JobStatus

#: A job that does not start is explained after so long.
EXPLAIN_SECONDS = 3.0


def run_job(script: Path, argv: Sequence[str], given: Template) -> int:
    """Submit, follow, print the result; return the exit code.

    Raises:
        ClientError: If it cannot be submitted or followed.
        Stop: If the script would not take what it is given.
        KeyboardInterrupt: On Ctrl-C before there is a job, or on the second one.
    """
    params = checked_params(script, argv, given)
    with open_client() as client:
        spec = build_job(client, script, params, argv, given)
        job = client.submit([spec]).jobs[0]
        with Screen(spec.script.name) as screen:
            screen.note(f"job {job}")
            final = _follow(client, job, screen)
        return _conclude(client, job, final)


def _follow(client: Client, job: str, screen: Screen) -> StatusUpdate:
    last = StatusUpdate(JobStatus.QUEUED)
    waiting = threading.Timer(EXPLAIN_SECONDS, _explain, (client, job, screen))
    waiting.daemon = True
    waiting.start()
    with _ctrl_c(client, job, screen):
        for update in client.follow(job):
            screen.show(update)
            if isinstance(update, StatusUpdate):
                last = update
                if last.status is not JobStatus.QUEUED:
                    waiting.cancel()
    return last


def _explain(client: Client, job: str, screen: Screen) -> None:
    """Say why the job does not run; called once it has waited for a while."""
    with contextlib.suppress(ClientError):
        screen.note(f"waiting: {client.explain(job)}")


@contextlib.contextmanager
def _ctrl_c(client: Client, job: str, screen: Screen) -> Iterator[None]:
    """Cancel at the first Ctrl-C (or SIGTERM), leave at the second."""
    asked = False

    def on_signal(number: int, frame: FrameType | None) -> None:
        nonlocal asked
        if asked:
            raise KeyboardInterrupt
        asked = True
        # In its own thread: the signal may have come in the middle of a request, or of a line on the screen.
        threading.Thread(target=_cancel, args=(client, job, screen), daemon=True).start()

    before = {number: signal.signal(number, on_signal) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _cancel(client: Client, job: str, screen: Screen) -> None:
    screen.note(f"cancelling {job}; once more to leave without waiting")
    try:
        client.cancel([job])
    except RequestRefused as refused:
        # It ended by itself in the same moment.
        if refused.code != "already_final":
            exits.tell(refused)
    except ClientError as error:
        exits.tell(error)


def _conclude(client: Client, job: str, final: StatusUpdate) -> int:
    """Print the result and return the exit code."""
    found = client.job(job, at_least=final.position)
    accepted = accepted_result(found)
    result = read_result(client, accepted)
    if result is not None:
        print_json(result)
    for note in (accepted or {}).get("notes", ()):
        exits.say(f"note: {note}")
    match final.status:
        case JobStatus.SUCCEEDED:
            return 0
        case JobStatus.CANCELLED:
            exits.say(f"{job} was cancelled" + (f": {final.why}" if final.why else ""))
            return exits.CANCELLED
        case JobStatus.PRUNED:
            exits.say(f"{job} was ended early: {final.why or found.get('why')}")
            return exits.CANCELLED
        case JobStatus.DEAD:
            exits.say(
                f"Error: {job} is dead: {found.get('why') or final.why}. `idlehands retry {job}` tries again."
            )
            return exits.RUN_DEAD
    _say_failure(job, accepted, found.get("why") or final.why)
    return exit_code_of(accepted)


def _say_failure(job: str, accepted: dict[str, Any] | None, why: str) -> None:
    failure = (accepted or {}).get("failure")
    if failure:
        # A traceback came with the log already, as the script wrote it.
        exits.say(f"Error: {job} failed: {failure['kind']}: {failure['message']}")
    else:
        exits.say(f"Error: {job} failed: {why or 'no reason was given'}")


def accepted_result(job: dict[str, Any]) -> dict[str, Any] | None:
    """Return the attempt's result that counts, if there is one."""
    for row in job.get("results", ()):
        if row.get("verdict") == "accepted":
            found = row.get("result")
            return dict(found) if found is not None else None
    return None


def read_result(client: Client, accepted: dict[str, Any] | None) -> Any:
    """Return the script's JSON result, from its blob when it was big."""
    if accepted is None:
        return None
    if accepted.get("result_blob"):
        import msgspec

        return msgspec.Raw(client.get_blob(accepted["result_blob"]))
    return accepted.get("result")


def exit_code_of(accepted: dict[str, Any] | None) -> int:
    """Return the script's exit code as a shell shows it; 1 when it failed without one."""
    code = (accepted or {}).get("exit_code")
    if not code:
        return 1
    return 128 - int(code) if code < 0 else int(code) & 0xFF or 1


def follow_log(client: Client, job: str) -> None:
    """Print a job's log lines on standard output until it has ended."""
    from idlehands.client import LogUpdate

    for update in client.follow(job):
        if isinstance(update, LogUpdate):
            for line in update.lines:
                sys.stdout.write(f"{clean(line)}\n")
            sys.stdout.flush()


def clean(line: str) -> str:
    """Return a log line without escape sequences and control characters."""
    from idlehands.cli.screen import strip_controls

    return strip_controls(line)
